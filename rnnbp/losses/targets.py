"""Checks that losses share: what a target must look like, said in the words of who gave it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.configuration import shown
from rnnbp.reading import read_array

__all__ = ["as_numbers", "blank", "check_leading", "check_lengths", "check_weights", "real_steps", "refuse", "values"]

Array = NDArray[Any]


def as_numbers(target: ArrayLike) -> Array:
    """Return a target as an array of bool, int or float, or say why it is none."""
    array = read_array(target, "the target")
    if array.ndim == 0 or array.size == 0:
        raise ValueError(f"target must hold one entry for each output row, but its shape is {array.shape}")
    if array.dtype.kind in "USO":
        raise ValueError(
            f"target holds {array.item(0)!r} where numbers are needed. Turn labels into class indices with "
            "sklearn.preprocessing.LabelEncoder"
        )
    if array.dtype.kind not in "biuf":
        raise ValueError(f"target must hold integers or floats, but {array.dtype} was given")
    return array


def values(target: ArrayLike, n_outputs: int, *, leading: tuple[int, ...] | None, lengths: ArrayLike | None) -> Array:
    """Return real-valued targets as finite floats of shape (..., n_outputs).

    With one output its axis may be left out. If neither ``leading`` nor ``lengths`` tells whether it was,
    a last axis of 1 is taken to be it.
    """
    array = as_numbers(target)
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    if n_outputs == 1:
        if leading is None and lengths is None:
            n_leading = array.ndim - 1 if array.shape[-1] == 1 else array.ndim
        else:
            n_leading = len(leading) if leading is not None else 2
        array = array.reshape(*array.shape[:n_leading], -1)
    if array.shape[-1] != n_outputs or array.ndim == 1:
        raise ValueError(
            f"target has shape {np.shape(target)}, but the output has width {n_outputs}: "
            f"a target of shape (..., {n_outputs}) is needed"
        )
    check_leading(array.shape[:-1], leading)
    array = blank(array, real_steps(array.shape[:-1], lengths)[..., None])
    refuse(~np.isfinite(array), array, "is not finite: clean or drop such rows first")
    return array


def check_leading(shape: tuple[int, ...], leading: tuple[int, ...] | None) -> None:
    """Compare a target's leading shape with the output's."""
    if leading is None or shape == leading:
        return
    hint = ""
    if leading[1:] == shape:
        hint = (
            ". For one target per sequence, end the network with LastStep, MeanOverTime or MaxOverTime; "
            "for one per step, repeat it over time"
        )
    elif shape[::-1] == leading:
        hint = ". Sequences are time-major: transpose the target"
    elif shape[:-1] == leading:
        hint = ". Integers are read as class indices: give one-hot rows or probabilities as floats"
    raise ValueError(f"target has leading shape {shape}, but the output has {leading}{hint}")


def check_lengths(lengths: ArrayLike, leading: tuple[int, ...]) -> NDArray[np.intp]:
    """Return the lengths of the sequences of a (T, B) batch as integers in 1 .. T."""
    array = np.asarray(lengths)
    if len(leading) != 2:
        raise ValueError(f"lengths are for (T, B, ...) sequences; the leading shape is {leading}")
    if array.dtype.kind not in "iu" or array.shape != leading[1:]:
        raise ValueError(
            f"lengths must be integers of shape {leading[1:]}, but {array.dtype} of shape {array.shape} were given"
        )
    bad = (array < 1) | (array > leading[0])
    refuse(bad, array, f"is not a length in 1 .. {leading[0]}, the number of steps", name="lengths")
    return array.astype(np.intp)


def real_steps(leading: tuple[int, ...], lengths: ArrayLike | None) -> NDArray[np.bool_]:
    """Return which of the leading entries are not padding: all of them where there are no lengths."""
    if lengths is None:
        return np.ones((), dtype=bool)
    return np.arange(leading[0])[:, None] < check_lengths(lengths, leading)


def blank(array: Array, real: NDArray[np.bool_]) -> Array:
    """Return the array with zeros where it is not real; the array itself if all of it is."""
    return array if real.all() else np.where(real, array, np.zeros((), dtype=array.dtype))


def refuse(bad: NDArray[np.bool_], array: Array, why: str, *, name: str = "target") -> None:
    """Raise ValueError for the first bad entry, if there is any: its place, its value, and what is wrong."""
    if np.any(bad):
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        index = ", ".join(str(i) for i in place)
        raise ValueError(f"{name}[{index}] = {array[place]} {why}")


def check_weights(name: str, given: ArrayLike) -> NDArray[np.float64]:
    """Return finite weights that are not negative as a vector."""
    weights = np.atleast_1d(np.asarray(given))
    if weights.ndim != 1 or weights.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be a vector of numbers, but {shown(given)} was given")
    if not np.all(np.isfinite(weights)) or np.any(weights < 0) or not np.any(weights > 0):
        raise ValueError(
            f"{name} must be finite and not negative, and not zero everywhere, but {shown(given)} was given"
        )
    return weights.astype(np.float64)
