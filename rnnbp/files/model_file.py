"""Model files: arrays and a description, in one safetensors file.

The file is plain data (no pickle): the arrays, and under the metadata key ``"rnnbp"`` a JSON text that holds the
format's version and the description. It is written beside its place and then moved there in one step, so that a reader
meets the old file or the new one and never half of one.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FORMAT_VERSION", "ModelFileError", "check_arrays", "read", "write", "write_atomically"]

Array = NDArray[Any]

FORMAT_VERSION = 1
KEY = "rnnbp"


class ModelFileError(ValueError):
    """A file that cannot be read as a model, and why."""


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
    """
    from safetensors.numpy import save

    try:
        text = json.dumps({"format_version": FORMAT_VERSION, **description}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the metadata cannot be written as JSON: {error}") from error
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_atomically(path, save(contiguous, metadata={KEY: text}))


def write_atomically(path: str | PathLike[str], content: bytes) -> None:
    """Write a file so that `path` holds its old content or the new one, whatever happens meanwhile."""
    target = Path(path)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp's files are private, the user's need not be
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read(path: str | PathLike[str]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `write` has written.

    Returns
    -------
    arrays : dict of str to ndarray
    description : dict

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If the file is truncated, is no model file, or was written by a newer version.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no model file {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if KEY not in metadata:  # it may hold types that NumPy has not
                raise ModelFileError(f"{path} is a safetensors file, but was not written by rnnbp")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    except (SafetensorError, OSError) as error:
        raise ModelFileError(f"{path} is no model file, or is damaged or truncated: {error}") from error
    try:
        description = json.loads(metadata[KEY])
        version = int(description.pop("format_version"))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: its description is damaged: {error}") from error
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"{path} has format {version}, newer than this version of rnnbp reads ({FORMAT_VERSION}): upgrade rnnbp"
        )
    return arrays, description


def check_arrays(
    path: str | PathLike[str],
    arrays: Mapping[str, Array],
    shapes: Mapping[str, tuple[int, ...]],
    dtype: np.dtype[Any],
) -> None:
    """Check that a file's arrays are those that its architecture needs.

    Raises
    ------
    ModelFileError
        If one is missing, is too many, or has another shape or dtype.
    """
    if missing := sorted(shapes.keys() - arrays.keys()):
        raise ModelFileError(f"{path} lacks the parameter {missing[0]!r}")
    if foreign := sorted(arrays.keys() - shapes.keys()):
        raise ModelFileError(f"{path} holds {foreign[0]!r}, which its architecture does not know")
    for name, shape in shapes.items():
        if arrays[name].shape != shape or arrays[name].dtype != dtype:
            raise ModelFileError(
                f"{path}: {name!r} should be {dtype} of shape {shape}, but is {arrays[name].dtype} of shape "
                f"{arrays[name].shape}"
            )
