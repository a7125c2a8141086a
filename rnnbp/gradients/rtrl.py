"""Real-time recurrent learning: the linearised steps contracted from left to right.

With s(t) = F(s(t-1), x(t); theta) and y(t) a part of s(t), the influence matrix P(t) = ds(t)/dtheta is carried along::

    P(0) = 0
    P(t) = J(t) P(t-1) + M(t),  J(t) = dF/ds(t-1),  M(t) = dF/dtheta at t    (1)    t = 1, ..., T
    dtheta = sum over t of dL/ds(t) P(t)                                     (2)

The initial state counts as parameters too: ds(t)/ds(0) is I at t = 0, and then follows (1), without an M.

Nothing is pulled back through time: a gradient is there as soon as its loss is, so that a network can learn from a
stream that has no end (`rnnbp.OnlineLearner`). In a pass over whole sequences, as here, L is known after the last step
only; so z and s of every step wait for it, as they do in BPTT, and then (1) and (2) run from left to right. dL/dx has
no such form, as each x(t) has an influence of its own on all that follows: where it is asked for, by a layer below,
`BPTT` computes it.

Cost, with S states and P parameters: memory for B S P numbers, and B S^2 P multiply-adds a step. Of an LSTM with 100
units and inputs (S = 200, P = 80,400, float32) these are 64 MB a sequence, and 3.2 billion a step.

References
----------
R. J. Williams and D. Zipser, "A learning algorithm for continually running fully recurrent neural networks", Neural
Computation 1, 1989.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnbp.cells import Cell
from rnnbp.configuration import whole_number
from rnnbp.data.workspace import Workspace
from rnnbp.gradients.algorithm import GradientAlgorithm
from rnnbp.gradients.bptt import BPTT, Unrolled
from rnnbp.gradients.linearisation import immediate, n_parameters, one_step, side_by_side, split, step_backward
from rnnbp.gradients.memory import expect_to_fit
from rnnbp.gradients.recurrence import Recurrence, Variables

__all__ = ["RTRL"]

Array = NDArray[Any]

TEXT = BPTT(compiled=False)  # large products are as fast in NumPy, and here all else is small


class RTRL(GradientAlgorithm):
    """Real-time recurrent learning: the exact gradient, forwards in time.

    Parameters
    ----------
    max_bytes : int, default 2**30
        How much memory (1) may take: P(t) and its two terms. A batch that needs more is an error before the pass.

    Raises
    ------
    ValueError
        In a pass, if it needs more.

    See Also
    --------
    SnAp1
    BPTT
    rnnbp.OnlineLearner

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> x, gradients = np.ones((20, 2, 3)), []
    >>> for algorithm in (BPTT(), RTRL()):
    ...     net = Network([layers.GRU(3, 4, gradient=algorithm)], dtype="float64")
    ...     gradients.append(net.run(x).backward(np.ones((20, 2, 4))).theta)
    >>> bool(np.allclose(*gradients))
    True
    """

    exact: ClassVar[bool] = True
    cheaper: ClassVar[str] = "SnAp1() or BPTT()"

    def __init__(self, *, max_bytes: int = 2**30) -> None:
        self.max_bytes = whole_number("max_bytes", max_bytes)

    def forward(self, recurrence: Recurrence, workspace: Workspace, *, keep: bool) -> Unrolled:
        """Run the recurrence; see `GradientAlgorithm.forward`."""
        if keep:
            self.check(recurrence)
        run = TEXT.forward(recurrence, workspace, keep=keep)
        assert isinstance(run, Unrolled)
        return run

    def backward(
        self,
        run: Unrolled,
        dy: Array,
        d_final: Mapping[str, Array],
        gradients: Mapping[str, Array],
        *,
        input_gradient: bool,
    ) -> tuple[Array | None, Variables]:
        """Carry the influence matrix from left to right, against dy; see `GradientAlgorithm.backward`."""
        recurrence, previous, current = run.recurrence, run.previous, run.current
        cell, packing = recurrence.cell, recurrence.packing
        P = self.start(recurrence)
        gradient = np.zeros((packing.n_sequences, P.shape[2]), P.dtype)
        for t in range(packing.n_steps):
            n, row = int(packing.counts[t]), slice(*packing.starts[t : t + 2])
            before, now = ({name: rows[row] for name, rows in s.items()} for s in (previous, current))
            self.carry(one_step(recurrence, t), run.z[row], before, now, P[:n])  # 1
            if recurrence.teacher is not None and cell.teacher_forced is not None:
                forced = ~np.ma.getmaskarray(recurrence.teacher[row])
                P[:n, self.rows(cell)[cell.teacher_forced]][forced] = 0  # a teacher's value has no past
            gradient[:n] += self.contract(cell, {cell.output: dy[row]}, P[:n])  # 2
        gradient += self.contract(cell, d_final, P)  # 2
        d_initial, d_theta = np.split(gradient, [-n_parameters(recurrence)], axis=1)
        for name, each in split(d_theta, {name: p.shape for name, p in recurrence.parameters.items()}).items():
            gradients[name][...] = each.sum(axis=0)
        dx = self.backward_input(run, dy, d_final) if input_gradient else None
        return dx, split(d_initial, {name: (cell.width(name),) for name in cell.states})

    def rows(self, cell: Cell) -> dict[str, slice]:
        """Return which rows of P belong to each state, and to the output if it is none."""
        return side_by_side({name: cell.width(name) for name in dict.fromkeys((*cell.states, cell.output))})

    def seeds(self, cell: Cell) -> dict[str, Array]:
        """Return, for each row of P, the gradient of s(t) whose pullback it is: a unit vector."""
        rows = self.rows(cell)
        unit = np.eye(max(row.stop for row in rows.values()))
        return {name: unit[:, row] for name, row in rows.items()}

    def start(self, recurrence: Recurrence, n_below: int = 0) -> Array:
        """Return P(0), whose columns belong to s(0), to `n_below` parameters of layers below, and to theta."""
        seeds = self.seeds(recurrence.cell)
        of_initial = np.concatenate([seeds[name] for name in recurrence.cell.states], axis=1)
        P = np.zeros(self.check(recurrence, n_below), recurrence.x.dtype)
        P[:, :, : of_initial.shape[1]] = of_initial
        return P

    def carry(self, step: Recurrence, z: Array, previous: Variables, current: Variables, P: Array) -> Array:
        """Make P(t) of P(t-1), in place (1); return the rows of ds(t)/dz(t)."""
        dz, J = step_backward(step, z, previous, current, self.seeds(step.cell))
        P[...] = J @ P[:, : J.shape[2]]  # 1: J(t) P(t-1)
        P[:, :, -n_parameters(step) :] += immediate(step, dz, previous, current)  # 1: + M(t)
        return dz

    def contract(self, cell: Cell, d: Mapping[str, Array], P: Array) -> Array:
        """Return each sequence's dL/ds(t) P(t) (2)."""
        total = np.zeros((len(P), P.shape[2]), P.dtype)
        for name, row in self.rows(cell).items():
            if name in d:
                total += (d[name][:, None] @ P[:, row])[:, 0]  # 2
        return total

    def backward_input(self, run: Unrolled, dy: Array, d_final: Mapping[str, Array]) -> Array:
        """Return dL/dx."""
        unused = {name: np.empty_like(parameter) for name, parameter in run.recurrence.parameters.items()}
        dx, _ = TEXT.backward(run, dy, d_final, unused, input_gradient=True)
        assert dx is not None, "it was asked for"
        return dx

    def check(self, recurrence: Recurrence, n_below: int = 0) -> tuple[int, int, int]:
        """Return the shape of P, if there is memory enough for it."""
        cell, dtype = recurrence.cell, recurrence.x.dtype
        n_rows = max(rows.stop for rows in self.rows(cell).values())
        n_columns = sum(map(cell.width, cell.states)) + n_below + n_parameters(recurrence)
        shape = recurrence.packing.n_sequences, n_rows, n_columns
        expect_to_fit(type(self).__name__, shape, dtype.itemsize, self.max_bytes, self.cheaper)
        return shape
