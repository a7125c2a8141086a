"""Model files: arrays and a description, in one safetensors file.

The file is plain data (no pickle): the arrays, and as metadata two texts. ``"rnnbp"`` is JSON that holds the format's
version and the description; ``"sha256"`` is a hash of that text and of all arrays, with their names, dtypes and shapes,
so that a changed bit is noticed. Files of format 1, which have no hash, are read too.

What a file says of itself is never believed: sizes are compared with the file's own length before memory is taken for
them, and whatever is wrong with it is said in a `ModelFileError` that names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp import configuration
from rnnbp.configuration import shown
from rnnbp.files import strict_json
from rnnbp.files.tensor_file import DamagedError, TensorFile, digest
from rnnbp.files.writing import write_atomically

__all__ = [
    "FORMAT_VERSION",
    "ModelFile",
    "ModelFileError",
    "check_shapes",
    "opened",
    "read",
    "write",
    "write_atomically",
]

Array = NDArray[Any]

FORMAT_VERSION = 2
KEY, HASH = "rnnbp", "sha256"


class ModelFileError(ValueError):
    """A file that cannot be read as a model, and why.

    See Also
    --------
    rnnbp.load

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import rnnbp
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "notes.txt").write_text("no model")
    ...     try:
    ...         rnnbp.load(f"{folder}/notes.txt")
    ...     except ModelFileError:
    ...         print("refused")
    refused
    """


def write(path: str | PathLike[str], arrays: Mapping[str, Array], description: Mapping[str, Any]) -> None:
    """Write arrays and a description to a file, in one atomic step.

    Parameters
    ----------
    path : path-like
    arrays : mapping of str to ndarray
    description : mapping
        Anything that JSON can hold.

    Raises
    ------
    ValueError
        If the description is nothing that JSON can hold.
    OSError
        If the file cannot be written; names it.
    """
    from safetensors.numpy import save

    try:
        text = strict_json.dumps({"format_version": FORMAT_VERSION, **description})
    except ValueError as error:
        raise ValueError(f"the metadata cannot be written as JSON: {error}") from error
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_atomically(path, save(contiguous, metadata={KEY: text, HASH: digest(text, contiguous)}))


class ModelFile:
    """A model file that is open, and whose hash (if it has one) is right; see `opened`.

    Attributes
    ----------
    path : path-like
    version : int
        Of the format.
    description : dict
    shapes : dict of str to tuple (dtype, tuple of int)
        Of the arrays.
    """

    def __init__(self, path: str | PathLike[str], file: TensorFile) -> None:
        self.path, self._file = path, file
        if KEY not in file.metadata:  # it may hold types that NumPy has not
            raise ModelFileError(f"{path} is a safetensors file, but was not written by rnnbp")
        file.read_entries()
        text = file.metadata[KEY]
        hashed = file.metadata.get(HASH)
        if hashed is not None and hashed != file.digest(text):
            raise ModelFileError(f"{path} is damaged: what it holds does not match its own hash")
        try:
            description = strict_json.loads(text)
        except ValueError as error:
            raise ModelFileError(f"{path}: its description is damaged: {error}") from error
        if not isinstance(description, dict) or type(version := description.pop("format_version", None)) is not int:
            raise ModelFileError(f"{path}: its description is damaged: it does not say its format's version")
        if version > FORMAT_VERSION:
            raise ModelFileError(
                f"{path} has format {shown(version)}, newer than this version of rnnbp reads ({FORMAT_VERSION}): "
                "upgrade rnnbp"
            )
        if version < 1:
            raise ModelFileError(f"{path}: its description is damaged: there is no format {shown(version)}")
        if hashed is None and version >= 2:
            raise ModelFileError(f"{path} is damaged: it has lost its hash")
        self.version: int = version
        self.description: dict[str, Any] = description
        self.shapes = {name: (entry.dtype, entry.shape) for name, entry in file.entries.items()}

    def read(self, names: Iterable[str] | None = None) -> dict[str, Array]:
        """Return the arrays of these names, or all."""
        return {name: self._file.read(name) for name in (self.shapes if names is None else names)}

    def read_into(self, views: Mapping[str, Array]) -> None:
        """Read arrays into others, of the same names, shapes and dtypes (see `check_shapes`)."""
        for name, view in views.items():
            view[...] = self._file.read(name)


@contextmanager
def opened(path: str | PathLike[str]) -> Iterator[ModelFile]:
    """Open a model file for as long as the context lasts.

    Parameters
    ----------
    path : path-like

    Yields
    ------
    ModelFile

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If the file is truncated, damaged, is no model file, or was written by a newer version.
    """
    place = configuration.path("path", path)
    if not place.is_file():
        found = ": it is a directory" if place.is_dir() else ""
        raise FileNotFoundError(f"there is no model file {place}{found}")
    try:
        with TensorFile(path) as file:
            yield ModelFile(path, file)
    except DamagedError as error:
        raise ModelFileError(f"{path} is no model file, or is damaged or truncated: {error}") from error
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error}") from error


def read(path: str | PathLike[str]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `write` has written.

    Returns
    -------
    arrays : dict of str to ndarray
    description : dict

    Raises
    ------
    FileNotFoundError, ModelFileError
        See `opened`.
    """
    with opened(path) as file:
        return file.read(), file.description


def check_shapes(file: ModelFile, shapes: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]]) -> None:
    """Check that a file's arrays are those that its architecture needs, before any of them is read.

    Raises
    ------
    ModelFileError
        If one is missing, is too many, or has another shape or dtype.
    """
    path = file.path
    if missing := sorted(shapes.keys() - file.shapes.keys()):
        raise ModelFileError(f"{path} lacks the parameter {missing[0]!r}")
    if foreign := sorted(file.shapes.keys() - shapes.keys()):
        raise ModelFileError(f"{path} holds {shown(foreign[0])}, which its architecture does not know")
    for name, (dtype, shape) in shapes.items():
        found_dtype, found = file.shapes[name]
        if found != shape or found_dtype != dtype:
            raise ModelFileError(
                f"{path}: {name!r} should be {dtype} of shape {shape}, but is {found_dtype} of shape {found}"
            )
