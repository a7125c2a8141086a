"""librosa, also where its compiled code cannot be kept.

librosa's functions are compiled by numba, which keeps the result in librosa's own folder or in the user's cache folder.
Where there is neither, where the disk is full, or where what was kept is damaged, the import ends in an error of
numba's ("no locator available"). Then it is imported with nothing kept: numba compiles in each process anew.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

__all__ = ["import_librosa"]

logger = logging.getLogger("rnnbp")

DECORATORS = ("jit", "njit", "vectorize", "guvectorize")


def import_librosa(module: str) -> ModuleType:
    """Import a module of librosa, such as ``"librosa.filters"``."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise
    except Exception as error:  # no folder: RuntimeError; no space: OSError; damaged: whatever pickle says
        logger.info("numba cannot keep the compiled functions of librosa, which are compiled anew: %s", error)
        with _nothing_kept():
            return importlib.import_module(module)


@contextmanager
def _nothing_kept() -> Iterator[None]:
    """Let numba's decorators keep nothing, as long as the context lasts."""
    import numba

    originals = {name: getattr(numba, name) for name in DECORATORS}
    try:
        for name, original in originals.items():
            setattr(numba, name, _without_cache(original))
        yield
    finally:
        for name, original in originals.items():
            setattr(numba, name, original)


def _without_cache(decorator: Callable[..., Any]) -> Callable[..., Any]:
    def decorate(*args: Any, **options: Any) -> Any:
        return decorator(*args, **{**options, "cache": False})

    return decorate
