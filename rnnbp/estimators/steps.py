"""Targets and weights, one for each step: a list of arrays of shape (T_i, ...), or an array of shape (N, T, ...)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.reading import read_array

__all__ = ["are_steps", "are_whole", "joined", "per_step_weight"]

Array = NDArray[Any]


def are_whole(y: Any) -> bool:
    """Return whether targets are one number or name each (maybe as a column), without an axis for steps."""
    if isinstance(y, (list, tuple)):
        return not y or np.ndim(y[0]) == 0
    array = np.asarray(y)
    return (array.ndim < 2 and not _holds_arrays(array)) or (array.ndim == 2 and array.shape[1] == 1)


def are_steps(y: Any, lengths: NDArray[np.intp]) -> bool:
    """Return whether targets are one a step of sequences of these lengths, rather than rows of numbers a sequence.

    Arrays with three axes are; so is a list of arrays, if each is as long as its sequence or if they are ragged. Nested
    lists are the array that they spell, unless they are ragged.
    """
    if _holds_arrays(y):
        y = list(y)
    if not isinstance(y, (list, tuple)):
        return np.asarray(y).ndim > 2
    if are_whole(y):
        return False
    found = [len(item) if np.ndim(item) else 0 for item in y]
    if len(set(found)) > 1 or all(np.ndim(item) > 1 for item in y):
        return True
    return not all(isinstance(item, (list, tuple)) for item in y) and found == lengths.tolist()


def joined(y: Any, lengths: NDArray[np.intp], what: str = "target") -> Array:
    """Return the targets of all steps, or what else each step has, sequence after sequence.

    Raises
    ------
    ValueError
        If there is not one for each step; names the first sequence where that is so.
    """
    rows = np.asarray(y) if hasattr(y, "columns") else y  # a table is iterated column by column
    items = [read_array(item, f"the {what} of sequence {i}") for i, item in enumerate(rows)]
    if len(items) != len(lengths):
        raise ValueError(f"Found {len(lengths)} sequences, but {what}s for {len(items)}: the numbers are inconsistent")
    for i, (item, length) in enumerate(zip(items, lengths, strict=True)):
        if item.ndim == 0 or len(item) != length:
            raise ValueError(
                f"each step needs a {what}: sequence {i} has {length} steps, but its {what}s have shape {item.shape}"
            )
        if item.shape[1:] != items[0].shape[1:]:
            raise ValueError(
                f"the {what}s of sequence {i} have shape {item.shape}, but those of sequence 0 {items[0].shape}"
            )
    return np.concatenate(items)


def per_step_weight(sample_weight: Any, lengths: NDArray[np.intp]) -> Array:
    """Return a weight for each step, of weights for each (maybe as a column), or for each sequence.

    Raises
    ------
    ValueError
        If there is one for neither.
    """
    if not are_whole(sample_weight):
        weight = joined(sample_weight, lengths, "weight")
        if weight.ndim > 1 and weight.shape[1:] != (1,):
            raise ValueError(f"each step needs one weight, but those of sequence 0 have {weight.shape[1]} columns")
        return weight.reshape(len(weight))
    weight = np.asarray(sample_weight)
    if weight.ndim and len(weight) != len(lengths):
        raise ValueError(
            f"sample_weight has {len(weight)} weights, but there are {len(lengths)} sequences of {lengths.sum()} steps "
            "in all: give one for each sequence, or, for steps, a list of one array for each sequence, as in "
            "numpy.split(numpy.asarray(weight), numpy.cumsum([len(x) for x in X])[:-1])"
        )
    return np.repeat(np.broadcast_to(weight.ravel(), lengths.shape), lengths)


def _holds_arrays(y: Any) -> bool:
    return isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1 and len(y) > 0 and np.ndim(y[0]) > 0
