"""A folder of one's own recordings, with a subfolder for each class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnbp.names import explained

__all__ = ["find_recordings"]


@explained
def find_recordings(
    folder: str | os.PathLike[str], *, suffixes: Sequence[str] = (".wav", ".flac", ".ogg")
) -> tuple[list[Path], NDArray[np.str_]]:
    """List the recordings below a folder, and the class of each: the name of the subfolder that it is in.

    Nothing is read. The files are what `rnnbp.audio.AudioFeatures` takes, so a pipeline that begins with it is fitted
    to them and to the classes as they are.

    Parameters
    ----------
    folder : str or path-like
        ``folder/yes/ann_1.wav``, or deeper in ``folder/yes/ann/1.wav``, is a recording of class "yes".
    suffixes : sequence of str, default=(".wav", ".flac", ".ogg")
        What the names of recordings end in, in small or capital letters. Other files are passed over, and so is all
        whose name begins with a dot.

    Returns
    -------
    files : list of N Path
        In alphabetical order.
    classes : ndarray of str, of shape (N,)

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If there is no such folder.
    ValueError
        If it has no subfolders, if one of them holds no recording, or if a recording is in none of them.

    Examples
    --------
    >>> files, words = find_recordings("my_words")                    # doctest: +SKIP
    >>> speakers = [file.stem.split("_")[0] for file in files]        # doctest: +SKIP
    """
    top = Path(folder)
    if not top.exists():
        raise FileNotFoundError(f"there is no folder {top}")
    if not top.is_dir():
        raise NotADirectoryError(f"{top} is a file: expected a folder with a subfolder for each class")
    endings = tuple(suffix.lower() for suffix in suffixes)
    listed = f"({', '.join(endings)})"

    def is_recording(path: Path) -> bool:
        below = path.relative_to(top).parts
        return path.name.lower().endswith(endings) and not any(part.startswith(".") for part in below)

    if lost := sorted(filter(is_recording, top.glob("*.*"))):
        raise ValueError(f"{lost[0]} is in no subfolder, so it has no class: expected {top}/<class>/{lost[0].name}")
    subfolders = sorted(path for path in top.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not subfolders:
        raise ValueError(f"{top} has no subfolders: expected one for each class, named after it")
    files: list[Path] = []
    classes: list[str] = []
    for subfolder in subfolders:
        found = sorted(filter(is_recording, subfolder.rglob("*.*")))
        if not found:
            raise ValueError(f"{subfolder} holds no recordings {listed}: a class needs some")
        files += found
        classes += [subfolder.name] * len(found)
    return files, np.array(classes)
