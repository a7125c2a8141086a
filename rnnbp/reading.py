"""How what users hand in becomes an array: the one place that says why something is none.

NumPy makes an array of anything: a set becomes one object, a masked array loses its mask, a generator is not read at
all. What would be misread so is refused here, by name. Numbers that lie in an array of objects, as those of pandas'
Float64 come, are numbers.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, MappingView, Sequence, Set
from decimal import Decimal
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rnnbp.configuration import LONGEST_SHOWN, brief, shown

__all__ = ["read_array", "read_choice", "refuse_unreadable"]

Array = NDArray[Any]


def refuse_unreadable(given: Any, name: str) -> None:
    """Refuse what NumPy would make an array of that holds something else.

    Parameters
    ----------
    given : object
        What was handed in.
    name : str
        What it is called in messages, such as "the input".

    Raises
    ------
    TypeError
        If it is a sparse matrix, a table with a column of times, a path or text, a mapping or its values, a set, an
        iterator, a deque or the like, or nothing at all.
    ValueError
        If it is a masked array in which something is masked, or an object array of sequences.
    """
    if isinstance(given, np.ndarray):
        if isinstance(given, np.ma.MaskedArray) and (n := int(np.sum(np.ma.getmaskarray(given)))):
            raise ValueError(
                f"{name} is a masked array with {n} of {given.size} values masked, but masks are not looked at: leave "
                "the masked steps out (sequences may have any lengths), or write a value in their place, "
                "masked.filled(value)"
            )
        if given.dtype.hasobject and given.ndim == 1 and len(given) and _is_sequence(given[0]):
            raise TypeError(f"{name} is an object array of sequences: pass list({_short(name)})")
        return
    if isinstance(given, (list, tuple)):
        return
    if isinstance(given, PathLike) or (isinstance(given, str) and Path(given[:LONGEST_SHOWN]).suffix):
        raise TypeError(f"{name} is {shown(given)}, not an array: read files first, as rnnbp.audio.AudioFeatures does")
    if isinstance(given, (str, bytes)):
        raise TypeError(f"{name} must be an array of numbers, but {shown(given)} was given: turn text into numbers")
    what = f"{name} must be an array, or a list of arrays, but a {type(given).__name__} was given"
    if hasattr(given, "nnz") and hasattr(given, "toarray"):
        raise TypeError(f"{name} is a sparse matrix, but an ordinary array is needed: pass its toarray()")
    if isinstance(given, Mapping):
        raise TypeError(f"{what}: pass a list of what is in it, list({_short(name)}.values())")
    if isinstance(given, MappingView) or (isinstance(given, Sequence) and not _is_readable(given)):
        raise TypeError(f"{what}: pass a list of what is in it, list({_short(name)})")
    if isinstance(given, Set):
        raise TypeError(f"{what}, which has no order: pass a list")
    if isinstance(given, Iterator):
        raise TypeError(f"{what}, which can be read once only: pass a list of arrays, list({_short(name)})")
    if given is None:
        raise TypeError(f"{name} must be an array, or a list of arrays, but None was given")
    if str(getattr(given, "dtype", "")) == "object":
        refuse_unreadable(np.asarray(given), name)  # a Series of sequences
    elif hasattr(given, "columns") and hasattr(given, "dtypes"):
        for column, dtype in zip(given.columns, given.dtypes, strict=True):
            if getattr(dtype, "kind", "") in ("m", "M"):
                raise TypeError(f"{name} has a column of times, {column!r}: leave it out, or turn it into numbers")
    elif not any(hasattr(given, each) for each in _ARRAYS):
        raise TypeError(what)


_ARRAYS = ("shape", "__len__", "__array__", "__float__", "__index__", "__buffer__")


def read_array(given: Any, name: str, dtype: DTypeLike | None = None) -> Array:
    """Return what a user has handed in as an array; an array itself as it is.

    Parameters
    ----------
    given : array-like
    name : str
        What it is called in messages, such as "the input".
    dtype : dtype or None, default None
        What numbers are turned into; None keeps theirs.

    Raises
    ------
    TypeError, ValueError
        If it is none; see `refuse_unreadable`.
    """
    if type(given) is np.ndarray and dtype is None and not given.dtype.hasobject:
        return given
    refuse_unreadable(given, name)
    try:
        found = np.asarray(given, dtype)
    except Exception as error:  # what is not NumPy's own may answer in any way
        raise ValueError(f"{name} must be an array of numbers, but {shown(given)} was given: {brief(error)}") from None
    return _numbers(found) if found.dtype.kind == "O" and dtype is None else found


def _numbers(objects: Array) -> Array:
    """Return objects as numbers, if all are; pandas' NA is NaN."""
    items = objects.ravel().tolist()
    missing = [type(item).__name__ == "NAType" for item in items]
    if not all(isinstance(item, (Real, Decimal, np.bool_)) or lost for item, lost in zip(items, missing, strict=True)):
        return objects
    if any(missing):
        items = [np.nan if lost else float(item) for item, lost in zip(items, missing, strict=True)]
    whole = all(isinstance(item, Integral) and not isinstance(item, bool) for item in items)
    flags = all(isinstance(item, (bool, np.bool_)) for item in items)
    try:
        return np.array(items, bool if flags else np.int64 if whole else np.float64).reshape(objects.shape)
    except OverflowError:  # whole numbers of many digits
        return objects


def _is_readable(sequence: Sequence[Any]) -> bool:
    return isinstance(sequence, (range, memoryview, array)) or hasattr(sequence, "__array__")


def _is_sequence(item: Any) -> bool:
    return isinstance(item, (list, tuple, np.ndarray)) or bool(getattr(item, "ndim", None))


def _short(name: str) -> str:
    """Return how a user may have called it."""
    return {"the input": "x", "the target": "target"}.get(name, name if name.isidentifier() else "x")


def read_choice(which: Any, n: int, name: str) -> NDArray[np.intp]:
    """Return which of n things are chosen, as indices.

    Parameters
    ----------
    which : array of int or of n booleans, or slice
    n : int
    name : str
        What it is called in messages.

    Raises
    ------
    ValueError
        If it is something else, or if there is no such thing.
    """
    if isinstance(which, slice):
        return np.arange(n)[which]
    chosen = np.asarray(which)
    if chosen.ndim == 1 and chosen.dtype.kind == "b" and len(chosen) == n:
        return np.flatnonzero(chosen)
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
        raise ValueError(f"{name} must be a list of indices, or of {n} booleans, but {shown(which)} was given")
    if (outside := (chosen < -n) | (chosen >= n)).any():
        raise ValueError(f"{name} must be indices from 0 to {n - 1}, but {chosen[outside][0]} was given")
    return np.arange(n)[chosen.astype(np.intp)]
