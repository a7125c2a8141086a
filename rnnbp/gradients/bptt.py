"""Backpropagation through time: the linearised steps contracted from right to left.

With s(t) = F(s(t-1), x(t); theta) and y(t) a part of s(t)::

    ds(T) = dL/ds(T)                                                         what the final state is asked for
    ds(t) += dy(t)                                                           t = T, ..., 1
    (dz(t), ds(t-1)) = pullback of F at t, of ds(t)
    dtheta = sum over t of what dz(t) gives

Cost: memory for z and s of every step; about twice the arithmetic of the forward pass.

References
----------
D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning internal representations by error propagation", 1986.
P. J. Werbos, "Backpropagation through time: what it does and how to do it", Proc. IEEE 78, 1990.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import flag, speaks_for
from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.gradients.algorithm import GradientAlgorithm, Run
from rnnbp.gradients.compiled import run as compiled_run
from rnnbp.gradients.compiled.run import CompiledRun, can_run
from rnnbp.gradients.recurrence import Recurrence, Variables

__all__ = ["BPTT", "Unrolled"]

Array = NDArray[Any]


@dataclass(eq=False)
class Unrolled(Run):
    """A run in NumPy, with all of its steps.

    Attributes
    ----------
    z : ndarray of shape (n_rows, n_columns)
        What each step's pullback needs; after the way back, dL/dz.
    buffers : dict of str to ndarray of shape (B + n_rows, width)
        Each variable: for states, the initial ones first, then those after each step.
    """

    z: Array
    buffers: Variables

    @property
    def previous(self) -> Variables:
        """The states before the step of each row."""
        before = self.recurrence.packing.previous
        return {name: self.buffers[name][before] for name in self.recurrence.cell.states}

    @property
    def current(self) -> Variables:
        """The variables after the step of each row."""
        first = self.recurrence.packing.n_sequences
        return {name: buffer[first:] for name, buffer in self.buffers.items()}


class BPTT(GradientAlgorithm):
    """Full backpropagation through time.

    Parameters
    ----------
    compiled : bool, default True
        Whether cells whose functions are elementwise are run by compiled loops (`rnnbp.gradients.compiled.run`), which
        compute the same, many times as fast. False runs the text below, in NumPy: for reading and debugging.

    See Also
    --------
    TruncatedBPTT
    CheckpointedBPTT
    RTRL

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> x = np.ones((5, 2, 3))
    >>> fast, readable = (Network([layers.GRU(3, 4, gradient=BPTT(compiled=c))]) for c in (True, False))
    >>> bool(np.allclose(fast.forward(x), readable.forward(x), atol=1e-6))
    True
    """

    def __init__(self, *, compiled: bool = True) -> None:
        self.compiled = flag("compiled", compiled)

    def forward(self, recurrence: Recurrence, workspace: Workspace, *, keep: bool) -> Unrolled | CompiledRun:
        """Run the recurrence; see `GradientAlgorithm.forward`."""
        if self.compiled and can_run(recurrence):
            return compiled_run.forward(recurrence, workspace, keep=keep)
        cell, packing, dtype = recurrence.cell, recurrence.packing, recurrence.x.dtype
        buffers = {
            name: workspace.empty(name, (packing.n_sequences + packing.n_rows, cell.width(name)), dtype)
            for name in cell.variables
        }
        for name in cell.states:
            buffers[name][: packing.n_sequences] = recurrence.initial.get(name, 0)
        z = workspace.empty("z", (packing.n_rows, cell.n_columns), dtype)
        recurrence.project(z)
        for t in range(packing.n_steps):
            row, current = _slots(packing, buffers, t)
            recurrence.step(z[row], _slots(packing, buffers, t - 1, int(packing.counts[t]))[1], current)
            if recurrence.teacher is not None and cell.teacher_forced is not None:
                forced = ~np.ma.getmaskarray(recurrence.teacher[row])
                np.copyto(current[cell.teacher_forced], np.ma.getdata(recurrence.teacher[row]), where=forced)
        last = packing.n_sequences + packing.last
        final = {name: buffers[name][last] for name in cell.states}
        return Unrolled(recurrence, workspace, buffers[cell.output][packing.n_sequences :], final, z, buffers)

    def backward(
        self,
        run: Unrolled | CompiledRun,
        dy: Array,
        d_final: Mapping[str, Array],
        gradients: Mapping[str, Array],
        *,
        input_gradient: bool,
        add: bool = False,
    ) -> tuple[Array | None, Variables]:
        """Propagate dy back through time; see `GradientAlgorithm.backward`.

        With `add`, the run is another window of the recurrence that was propagated back last: its parameters' gradients
        are added to those that `gradients` has from there.
        """
        if isinstance(run, CompiledRun):
            return compiled_run.backward(run, dy, d_final, gradients, input_gradient=input_gradient, add=add)
        recurrence, buffers, z = run.recurrence, run.buffers, run.z
        cell, packing, dtype = recurrence.cell, recurrence.packing, recurrence.x.dtype
        shape = {name: (packing.n_sequences, cell.width(name)) for name in cell.variables}
        d = {name: run.workspace.zeros(f"d_{name}", shape[name], dtype) for name in cell.variables}
        d_previous = {name: run.workspace.empty(f"d_previous_{name}", shape[name], dtype) for name in cell.states}
        for name in cell.states:  # a sequence's gradient waits here until the loop comes to its last step
            d[name][...] = d_final.get(name, 0)
        for t in reversed(range(packing.n_steps)):
            n = int(packing.counts[t])
            row, current = _slots(packing, buffers, t)
            d_now = {name: d[name][:n] for name in cell.variables}
            if recurrence.teacher is not None and cell.teacher_forced is not None:
                forced = ~np.ma.getmaskarray(recurrence.teacher[row])
                d_now[cell.teacher_forced][forced] = 0  # a teacher's value has no past
            d_now[cell.output] += dy[row]
            before = _slots(packing, buffers, t - 1, n)[1]
            d_before = {name: d_previous[name][:n] for name in cell.states}
            recurrence.step_backward(z[row], before, current, d_now, d_before)
            for name in cell.variables:
                d_now[name][...] = d_before[name] if name in cell.states else 0
        own = {name: np.empty_like(total) for name, total in gradients.items()} if add else gradients
        recurrence.accumulate(z, run.previous, run.current, own)
        if add:
            for name, total in gradients.items():
                total += own[name]
        dx = recurrence.backward_input(z) if input_gradient else None
        return dx, {name: d[name] for name in cell.states}

    def check_scheduled_sampling(self) -> None:
        """Check that this is BPTT, in which any rows may be a teacher's, and no subclass that may not look at them."""
        if not speaks_for(type(self), "check_scheduled_sampling", ("forward", "backward")):
            super().check_scheduled_sampling()

    def steps_per_sum(self, recurrence: Recurrence) -> int:
        """Return how many steps the weight gradients of windows must be added up by, to be the whole's to the bit.

        It is 1 for the NumPy run, which adds all of them up at once: no windows give the same bits as that.
        """
        return compiled_run.steps_per_sum(recurrence) if self.compiled and can_run(recurrence) else 1


def _slots(packing: Packing, buffers: Variables, t: int, n: int | None = None) -> tuple[slice, Variables]:
    """Return the rows of step t (its first n), and views of the buffers there; t = -1 is the initial state."""
    start = int(packing.starts[t]) if t >= 0 else -packing.n_sequences
    row = slice(start, start + (int(packing.counts[t]) if n is None else n))
    slot = slice(row.start + packing.n_sequences, row.stop + packing.n_sequences)
    return row, {name: buffer[slot] for name, buffer in buffers.items()}
