"""Where downloaded data lives, and how it gets there.

The folder is what the environment variable ``RNNBP_DATA`` names, else the user's cache. A set that is in it
already is read; one that is not is downloaded into it. Either way `read` looks at every byte (by SHA-256) before
anything is returned, and a download takes its place only once it has passed, so what is there is whole: after an
interruption the same call again starts where nothing is missing yet.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from rnnbp.names import explained

__all__ = ["Source", "check_sha256", "data_home", "fetch"]

Data = TypeVar("Data")


@dataclass(frozen=True)
class Source:
    """A set of data: its public home and its place in the data folder."""

    name: str
    url: str
    location: str  # of the file or folder, relative to the data folder
    unpack: Callable[[Path, Path], object] = os.replace  # makes that file or folder of what the url gave


@explained
def data_home() -> Path:
    """Return the folder that data is kept in.

    Raises
    ------
    FileNotFoundError
        ``RNNBP_DATA`` names no folder.

    Examples
    --------
    >>> data_home().name  # doctest: +SKIP
    'rnnbp'
    """
    given = os.environ.get("RNNBP_DATA")
    if not given:
        import pooch

        return Path(pooch.os_cache("rnnbp"))
    home = Path(given).expanduser()
    if not home.is_dir():
        raise FileNotFoundError(
            f"the environment variable RNNBP_DATA is {given!r}, which is not a folder: "
            "make the folder, correct the variable, or unset it to use your cache folder"
        )
    return home


def fetch(source: Source, read: Callable[[Path], Data]) -> Data:
    """Read a set from the data folder, after downloading it if it is not there.

    Parameters
    ----------
    source : Source
        What and where.
    read : callable
        From the path of the file or folder to the data; raises ValueError, saying what is wrong, unless the
        content is exactly the expected one.

    Raises
    ------
    ValueError
        What lies in the data folder is not this set.
    ConnectionError
        The download failed, or did not give this set.
    OSError
        The data folder cannot be written to.
    """
    path = data_home() / source.location
    if not path.exists():
        return _download(source, path, read)
    try:
        return read(path)
    except ValueError as error:
        raise ValueError(
            f"{path} is not {source.name}: {error}. Remove it and call again to download it from {source.url}"
        ) from error


def _download(source: Source, path: Path, read: Callable[[Path], Data]) -> Data:
    from pooch import HTTPDownloader

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = TemporaryDirectory(dir=path.parent, prefix=".download-")
    except OSError as error:
        raise OSError(
            f"{source.name} is not in {path}, and cannot be downloaded to there: {error}. "
            "Set the environment variable RNNBP_DATA to a folder that you may write to"
        ) from error
    with temporary as folder:
        received, ready = Path(folder, "received"), Path(folder, "ready")
        try:
            HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=1 << 16)(source.url, str(received), None)
            source.unpack(received, ready)
            data = read(ready)
        except (OSError, ValueError) as error:  # every exception of requests is an OSError
            raise ConnectionError(_advice(source, path, error)) from None  # the message says what its causes were
        os.replace(ready, path)
    return data


def _advice(source: Source, path: Path, error: Exception) -> str:
    what = "what came is not the expected data" if isinstance(error, ValueError) else "the download failed"
    return (
        f"{source.name} is not in {path}, and could not be fetched from {source.url}: {what} ({_cause(error)}). "
        f"Call again to try again; whatever is complete already is kept. Or get the data by hand, from the address "
        f"above, and put it at {path}. Or set the environment variable RNNBP_DATA to a folder that holds "
        f"{source.location}."
    )


def _cause(error: Exception) -> str:
    """Return why a download failed; of an error of requests around one of urllib3, what the inner one says."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return str(error) if reason is None else str(reason).partition(": ")[2] or str(reason)


def check_sha256(content: bytes | memoryview, expected: str) -> None:
    """Raise ValueError unless the content has this SHA-256."""
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ValueError(f"its SHA-256 is {found[:12]}... where {expected[:12]}... is expected")
