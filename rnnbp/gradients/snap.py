"""SnAp-1, the sparse one-step approximation of real-time recurrent learning.

A parameter feeds one unit: the element (i, j) of a weight, unit j. Of its influence on all states SnAp-1 carries the
part that is on this unit's own. With F_d the step whose recurrent weights are reduced to their diagonals, linearised
at the gates and states of the step as it is::

    P(t) = D(t) P(t-1) + M_d(t),  D(t) = dF_d/ds(t-1),  M_d(t) = dF_d/dtheta at t    (1)    t = 1, ..., T
    dtheta = sum over t of dL/ds(t) P(t)                                             (2)

So P has one number for each parameter (of an LSTM two, for h and c), as D and M_d are 0 from one unit to another. In a
cell with one product with h', they are J = dF/ds(t-1) and M = dF/dtheta within each unit, and (1) is what Menick et al.
define: J P + M, and 0 outside of each parameter's unit. A reset-before GRU has two products, one after the other. With
n* = (1 - z) (1 - n^2), r* = r (1 - r), z* = z (1 - z), and u_r, u_z, u_n the diagonals of U_r, U_z, U_n::

    D_jj = z_j + (h'_j - n_j) z*_j u_z[j] + n*_j u_n[j] (r_j + h'_j r*_j u_r[j])
    J_jj = D_jj + n*_j sum over k != j of U_r[j, k] r*_k h'_k U_n[k, j]

What is left out of the gradient is that a unit acts on others, which act back on it: at later steps, and here within
one step, too, by way of the others' reset gates. So the gradient of the parameters is exact where units do not see each
other, which is to say with diagonal recurrent weights, and of single steps in cells that have one product with h'. Of
dL/dx, what each step owes to its own input is computed.

Cost, with P parameters: memory for B P numbers and B P multiply-adds a step, times the states of a unit; about as much
as the forward pass.

References
----------
J. Menick, E. Elsen, U. Evci, S. Osindero, K. Simonyan and A. Graves, "Practical real time recurrent learning with a
sparse approximation", ICLR 2021.
J. M. Murray, "Local online learning in recurrent networks with random feedback", eLife 8, 2019 (RFLO, which leaves out
the weights' diagonals too).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnbp.cells import Cell
from rnnbp.gradients.bptt import Unrolled
from rnnbp.gradients.linearisation import immediate, n_parameters, side_by_side, step_backward
from rnnbp.gradients.recurrence import Recurrence, Variables
from rnnbp.gradients.rtrl import RTRL

__all__ = ["SnAp1"]

Array = NDArray[Any]


class SnAp1(RTRL):
    """Sparse real-time recurrent learning (Menick et al. 2021): an approximate gradient, forwards in time and cheap.

    Parameters
    ----------
    max_bytes : int, default 2**30
        As in `RTRL`.

    Raises
    ------
    ValueError
        In a pass, if it needs more memory, or if the layer's units have no states of their own: a Jordan network's
        states are its outputs, and softmax and layer normalisation make each unit's value depend on all.

    See Also
    --------
    RTRL
    rnnbp.OnlineLearner

    Examples
    --------
    It is exact where units do not see each other:

    >>> from rnnbp import Network, layers
    >>> x, gradients = np.ones((20, 2, 3)), []
    >>> for algorithm in (RTRL(), SnAp1()):
    ...     net = Network([layers.Elman(3, 4, gradient=algorithm, recurrent_initializer="identity")], dtype="float64")
    ...     gradient = net.run(x).backward(np.ones((20, 2, 4))).theta
    ...     gradients.append(np.diag(net.unflatten(gradient)["0.recurrent_weight"]))
    >>> bool(np.allclose(*gradients))
    True
    """

    exact: ClassVar[bool] = False
    cheaper: ClassVar[str] = "BPTT()"

    def check(self, recurrence: Recurrence, n_below: int = 0) -> tuple[int, int, int]:
        """Return the shape of P, if the cell has one and there is memory enough for it."""
        cell = recurrence.cell
        widths = {cell.width(name) for name in (*cell.blocks, *cell.variables)}
        apart = all(stage.elementwise for stage in cell.stages) and not any(p.gain for p in cell.products)
        if not apart or widths != {cell.n_hidden} or cell.output not in cell.states or cell.teacher_forced:
            raise ValueError(
                f"SnAp1 carries each parameter's influence on the states of its own unit, but the units of a "
                f"{type(cell).__name__} have none of their own: take RTRL() or BPTT()"
            )
        return super().check(recurrence, n_below)

    def rows(self, cell: Cell) -> dict[str, slice]:
        """Return which row of P belongs to each state of a unit."""
        return side_by_side(dict.fromkeys(cell.states, 1))

    def seeds(self, cell: Cell) -> dict[str, Array]:
        """Return, for each row of P, the gradient of s(t) whose pullback it is: of one state, of all units at once."""
        rows, unit = self.rows(cell), np.eye(len(cell.states))
        return {name: np.repeat(unit[:, row], cell.n_hidden, axis=1) for name, row in rows.items()}

    def carry(self, step: Recurrence, z: Array, previous: Variables, current: Variables, P: Array) -> Array:
        """Make P(t) of P(t-1), in place (1); return the rows of ds(t)/dz(t)."""
        (n, k, _), n_hidden = P.shape, step.cell.n_hidden
        dz, J = step_backward(_apart(step), z, previous, current, self.seeds(step.cell))
        own = P.reshape(n, k, -1, n_hidden)  # column by column, each parameter's unit
        own[...] = np.einsum("bklh,blph->bkph", J.reshape(n, k, k, n_hidden), own)  # 1
        P[:, :, -n_parameters(step) :] += immediate(step, dz, previous, current)  # 1: + M_d(t)
        return dz

    def contract(self, cell: Cell, d: Mapping[str, Array], P: Array) -> Array:
        """Return each sequence's dL/ds(t) P(t) (2)."""
        own, total = P.reshape(*P.shape[:2], -1, cell.n_hidden), np.zeros((len(P), P.shape[2]), P.dtype)
        for name, row in self.rows(cell).items():
            if name in d:
                total += (d[name][:, None] * own[:, row.start]).reshape(total.shape)  # 2
        return total

    def backward_input(self, run: Unrolled, dy: Array, d_final: Mapping[str, Array]) -> Array:
        """Return dL/dx, as far as each step's own input goes."""
        recurrence, previous, current = run.recurrence, run.previous, run.current
        cell, packing = recurrence.cell, recurrence.packing
        mask = None if recurrence.mask is None else recurrence.mask[packing.sequence_of_row]
        d = {name: np.zeros_like(rows) for name, rows in current.items()}
        d[cell.output] += dy
        for name, ds in d_final.items():
            d[name][packing.last] += ds
        replace(recurrence, mask=mask).step_backward(
            run.z, previous, current, d, {name: np.empty_like(rows) for name, rows in previous.items()}
        )
        return recurrence.backward_input(run.z)


class _Apart(Cell):
    """A cell whose units do not see each other: every product is diagonal."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell.n_inputs, cell.n_hidden)
        self.blocks, self.states, self.output, self.input = cell.blocks, cell.states, cell.output, cell.input
        self.stages = tuple(
            replace(stage, products=tuple(replace(product, diagonal=True) for product in stage.products))
            for stage in cell.stages
        )


_apart_cell = lru_cache(maxsize=64)(_Apart)


def _apart(step: Recurrence) -> Recurrence:
    """Return a step whose recurrent weights are reduced to the diagonals of their blocks."""
    n_hidden, diagonals = step.cell.n_hidden, {}
    for stage in step.cell.stages:
        for product in stage.products:
            weight = step.parameters[product.weight]
            blocks = weight if product.diagonal else np.einsum("hbh->bh", weight.reshape(n_hidden, -1, n_hidden))
            diagonals[product.weight] = blocks.ravel()
    return replace(step, cell=_apart_cell(step.cell), parameters=diagonals)
