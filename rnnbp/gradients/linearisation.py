"""One step of a recurrence, linearised: the two matrices that a recursion forwards in time is made of.

With the states s, and the parameters theta::

    ds(t) = J(t) ds(t-1) + M(t) dtheta

The rows of J and M that belong to some gradients of s(t) are what the step's pullback makes of these, and unit vectors
give the matrices themselves. So no cell needs a derivative but its pullback. Each sequence has a J and an M of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.packing import Packing
from rnnbp.gradients.recurrence import Recurrence, Variables

__all__ = ["immediate", "n_parameters", "one_step", "side_by_side", "split", "step_backward"]

Array = NDArray[Any]


def one_step(recurrence: Recurrence, t: int) -> Recurrence:
    """Return step t of a recurrence as a recurrence of its own, of n sequences of length 1."""
    start, stop = map(int, recurrence.packing.starts[t : t + 2])
    mask = None if recurrence.mask is None else recurrence.mask[: stop - start]
    return replace(recurrence, x=recurrence.x[start:stop], packing=Packing.full(1, stop - start), mask=mask)


def step_backward(
    step: Recurrence, z: Array, previous: Variables, current: Variables, d: Mapping[str, Array]
) -> tuple[Array, Array]:
    """Pull K gradients, the same ones for each sequence, back through one step.

    Parameters
    ----------
    step : Recurrence
        See `one_step`.
    z, previous, current
        As `Recurrence.step` left them; they are not changed.
    d : mapping of str to ndarray of shape (K, width)
        The gradients of the variables; those missing are zero.

    Returns
    -------
    dz : ndarray of shape (n, K, n_columns)
    J : ndarray of shape (n, K, S)
        The gradients of the states before the step, which lie side by side in the order of ``cell.states``.
    """
    cell, n, k = step.cell, len(z), len(next(iter(d.values())))
    copies, before, after = _repeated(step, previous, current, k)
    dz = np.repeat(z, k, axis=0)
    ds = {name: np.zeros((n * k, cell.width(name)), z.dtype) for name in cell.variables}
    for name, rows in d.items():
        ds[name][...] = np.tile(rows, (n, 1))
    d_before = {name: np.empty((n * k, cell.width(name)), z.dtype) for name in cell.states}
    copies.step_backward(dz, before, after, ds, d_before)
    return dz.reshape(n, k, -1), np.concatenate(list(d_before.values()), axis=1).reshape(n, k, -1)


def immediate(step: Recurrence, dz: Array, previous: Variables, current: Variables) -> Array:
    """Return what the parameters of one step have to do with K gradients of z.

    Parameters
    ----------
    step, previous, current
        Those of `step_backward`.
    dz : ndarray of shape (n, K, n_columns)
        What it returned.

    Returns
    -------
    M : ndarray of shape (n, K, P)
        The gradients of the parameters, which lie side by side in the order of ``step.parameters``.
    """
    n, k, _ = dz.shape
    copies, before, after = _repeated(step, previous, current, k)
    M = np.empty((n * k, n_parameters(step)), dz.dtype)
    pieces = split(M, {name: parameter.shape for name, parameter in step.parameters.items()})
    copies.separate(dz.reshape(n * k, -1), before, after, pieces)
    return M.reshape(n, k, -1)


def side_by_side(sizes: Mapping[str, int]) -> dict[str, slice]:
    """Return where things of these sizes lie, one after the other."""
    stops = accumulate(sizes.values())
    return {name: slice(stop - size, stop) for (name, size), stop in zip(sizes.items(), stops, strict=True)}


def split(rows: Array, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Return the views of rows (n, C) in which arrays of these shapes lie flat, one after the other."""
    columns = side_by_side({name: prod(shape) for name, shape in shapes.items()})
    return {name: rows[:, columns[name]].reshape(len(rows), *shape) for name, shape in shapes.items()}


def n_parameters(recurrence: Recurrence) -> int:
    """Return P, the number of a recurrence's parameters."""
    return sum(parameter.size for parameter in recurrence.parameters.values())


def _repeated(
    step: Recurrence, previous: Variables, current: Variables, k: int
) -> tuple[Recurrence, Variables, Variables]:
    """Return one step with each of its sequences k times."""

    def repeat(rows: Array) -> Array:
        return np.repeat(rows, k, axis=0)

    mask = None if step.mask is None else repeat(step.mask)
    copies = replace(step, x=repeat(step.x), packing=Packing.full(1, k * len(step.x)), mask=mask)
    before, after = ({name: repeat(rows) for name, rows in variables.items()} for variables in (previous, current))
    return copies, before, after
