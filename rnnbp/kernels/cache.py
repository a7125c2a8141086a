"""Machine code, kept on disk from one process to the next.

A file is named by a hash of all that the code depends on: the text, this package's sources, the processor and what it
can do, and the versions of LLVM and llvmlite. It holds a hash of its name and content, so one that is damaged is
noticed, and is moved into place in one step. Whatever is wrong with the folder or a file (missing, unwritable,
truncated, foreign, on a full disk), the code is made anew, and nothing else changes.

The folder is named by the environment variable RNNBP_CACHE_DIR, else it is the user's cache folder; an empty name does
without.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import llvmlite
from llvmlite import binding

from rnnbp.kernels import processor

__all__ = ["code_of", "folder", "keeps"]

DIGEST = 32  # bytes of a hash
PREFIX = ".being-written-"


def folder() -> Path | None:
    """Return where machine code is kept, or None."""
    given = os.environ.get("RNNBP_CACHE_DIR")
    if given is not None:
        return Path(given) if given else None
    with suppress(RuntimeError):  # there may be no home
        if sys.platform == "win32":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "rnnbp" / "kernels"
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / "rnnbp" / "kernels"
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rnnbp" / "kernels"
    return None


def keeps() -> bool:
    """Whether machine code can be kept."""
    place = folder()
    if place is None:
        return False
    with suppress(OSError):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.access(place, os.W_OK | os.X_OK)


def code_of(key: str, make: Callable[[], bytes]) -> bytes:
    """Return machine code, from the disk if it is there.

    Parameters
    ----------
    key : str
        What is compiled, and for which dtype.
    make : callable
        Compiles it.
    """
    place = folder()
    if place is None:
        return make()
    path = place / f"{hashlib.sha256(f'{_surroundings()} {key}'.encode()).hexdigest()}.o"
    with suppress(OSError):
        content = path.read_bytes()
        if _signature(path, content[DIGEST:]) == content[:DIGEST]:
            return content[DIGEST:]
    code = make()
    with suppress(OSError):
        _write(path, _signature(path, code) + code)
    return code


def _signature(path: Path, code: bytes) -> bytes:
    """Return a hash of a file's name and content: one file in the place of another is noticed too."""
    return hashlib.sha256(path.name.encode() + code).digest()


def _write(path: Path, content: bytes) -> None:
    """Write a file in one step, so that no process sees half of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_old(path.parent)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=PREFIX)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _remove_old(place: Path) -> None:
    """Remove what processes that were killed as they wrote have left; writing takes no day."""
    for leftover in place.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - leftover.stat().st_mtime > 86400.0:
                leftover.unlink()


@cache
def _surroundings() -> str:
    """Return all that code depends on beside its key."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    host = (processor.name(), processor.features(), processor.register_bytes(), sys.platform)
    return f"{digest.hexdigest()} {llvmlite.__version__} {binding.llvm_version_info} {host}"
