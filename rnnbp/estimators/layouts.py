"""How an array lies in memory: which axis is the innermost, which run backwards, and whether its rows have gaps.

Numbers alone do not make the same array: a product of matrices is summed in an order that depends on how they lie, and
so its last bit does. The components of scikit-learn's `PCA` are parts of a larger matrix that lies column by column, or
backwards, so this is kept beside their numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import shown

__all__ = ["laid_out", "layout"]

Array = NDArray[Any]


def layout(array: Array) -> dict[str, Any] | None:
    """Return how an array lies, as JSON can hold it; None of one that lies row by row, or has fewer than two axes."""
    if array.flags.c_contiguous or array.ndim < 2:
        return None
    axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))  # the innermost is the last
    row = array.shape[axes[-1]] * array.itemsize
    return {
        "axes": axes,
        "reversed": [axis for axis in range(array.ndim) if array.strides[axis] < 0],
        "gap": abs(array.strides[axes[-2]]) > row,
    }


def laid_out(array: Array, description: Any) -> Array:
    """Return an array that lies as `layout` has said, whatever says it now.

    Raises
    ------
    ValueError
        If it is said of no array of that many axes.
    """
    every = list(range(array.ndim))
    if not isinstance(description, dict) or description.keys() != {"axes", "reversed", "gap"}:
        raise ValueError(f"an array cannot lie as {shown(description)}")
    axes, backwards, gap = description["axes"], description["reversed"], description["gap"]
    fits = _are_some_of(every, axes) and len(axes) == len(every) >= 2 and _are_some_of(every, backwards)
    if not fits or not isinstance(gap, bool):
        raise ValueError(f"an array of {array.ndim} axes cannot lie as {shown(description)}")
    shape = [array.shape[axis] for axis in axes]
    rows = np.empty((*shape[:-1], shape[-1] + gap), array.dtype)[..., : shape[-1]]
    there = rows.transpose(np.argsort(axes))[tuple(slice(None, None, -1 if axis in backwards else 1) for axis in every)]
    there[...] = array
    return there


def _are_some_of(axes: list[int], given: Any) -> bool:
    if not isinstance(given, list) or not all(type(axis) is int for axis in given):
        return False
    return set(given) <= set(axes) and len(set(given)) == len(given)
