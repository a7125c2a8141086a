"""Derivatives by finite differences, and how far others are from them.

For a leaf p of a function L, a direction v and a step e::

    numerical     n = (L(p + e v) - L(p - e v)) / 2e         central difference, error O(e^2) + rounding(L) / e
    analytical    a = dL/dp . v
    error         |a - n| / (scale + noise)

A small leaf is tried along each of its elements, a large one along random directions, which miss a wrong gradient with
probability 0 but do not say which element it is. `scale` is the largest |a| or |n| of the leaf; `noise` keeps what
rounding makes of gradients that are almost 0 from counting. Where a difference at the first step e disagrees, smaller
and larger ones are tried, and the nearest counts: a kink (relu) or a sharp bend within e is no wrong gradient, while a
wrong gradient agrees at no e.

Cost: L twice for each element of a small leaf, and for each direction of a large one.

References
----------
HIPS autograd, ``test_util.py`` (pullbacks against random projections).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Leaf", "relative_error"]

Array = NDArray[Any]

SMALL = 300  # a leaf of no more elements is tried along each of them
STEPS = (1e-5, 1e-6, 1e-4, 1e-7)


class Leaf(NamedTuple):
    """An array that a value depends on.

    Attributes
    ----------
    values : ndarray of float64
        Changed in place, and put back.
    gradient : ndarray, shaped like `values`
        What is said to be dL/d(values).
    value : callable
        Computes L.
    """

    values: Array
    gradient: Array
    value: Callable[[], float]


def relative_error(
    leaf: Leaf, *, tolerance: float, n_directions: int, rng: np.random.Generator
) -> tuple[float, tuple[int, ...] | None]:
    """Return the largest relative error of a leaf's gradient.

    Parameters
    ----------
    leaf : Leaf
    tolerance : float
        The error beyond which another step is tried.
    n_directions : int
        How many random directions a large leaf is tried along.
    rng : numpy.random.Generator
        For those.

    Returns
    -------
    error : float
        Infinite where a value or gradient is not finite.
    place : tuple of int or None
        The element that has it; None for a large leaf.
    """
    small = leaf.values.size <= SMALL
    directions = np.eye(leaf.values.size) if small else rng.normal(size=(n_directions, leaf.values.size))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    analytical = directions @ leaf.gradient.ravel()
    numerical = np.array([_slope(leaf, v, STEPS[0]) for v in directions])
    value, scale = leaf.value(), float(np.abs([analytical, numerical]).max())
    error = np.abs(analytical - numerical) / (scale + _noise(value, STEPS[0], tolerance))
    for k in np.flatnonzero(~(error <= tolerance)):
        for step in STEPS[1:]:
            difference = abs(analytical[k] - _slope(leaf, directions[k], step))
            error[k] = np.fmin(error[k], difference / (scale + _noise(value, step, tolerance)))
    error[~np.isfinite(error)] = np.inf
    worst = int(error.argmax())
    place = tuple(int(i) for i in np.unravel_index(worst, leaf.values.shape)) if small else None
    return float(error[worst]), place


def _slope(leaf: Leaf, direction: Array, step: float) -> float:
    """Return dL/d(leaf) along a direction, by a central difference."""
    kept, move = leaf.values.copy(), step * direction.reshape(leaf.values.shape)
    leaf.values[...] = kept + move
    above = leaf.value()
    leaf.values[...] = kept - move
    below = leaf.value()
    leaf.values[...] = kept
    return (above - below) / (2 * step)


def _noise(value: float, step: float, tolerance: float) -> float:
    """Return the gradient of which the tolerated part is as small as what rounding does to a difference."""
    return float(10 * np.finfo(float).eps * max(abs(value), 1.0) / (step * tolerance))
