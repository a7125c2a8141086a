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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import flag
from rnnbp.data.workspace import Workspace
from rnnbp.gradients.algorithm import GradientAlgorithm
from rnnbp.gradients.compiled import run as compiled_run
from rnnbp.gradients.recurrence import Recurrence, Variables

__all__ = ["BPTT"]

Array = NDArray[Any]


class BPTT(GradientAlgorithm):
    """Full backpropagation through time.

    The states of all steps are saved in buffers of B + n_rows rows: the initial states first (slot 0), then each
    step's.

    Parameters
    ----------
    compiled : bool, default True
        Whether cells whose functions are elementwise are run by compiled loops (`rnnbp.gradients.compiled.run`), which
        compute the same, many times as fast. False runs the text below, in NumPy: for reading and debugging.
    """

    def __init__(self, *, compiled: bool = True) -> None:
        self.compiled = flag("compiled", compiled)

    def forward(self, recurrence: Recurrence, workspace: Workspace, *, keep: bool) -> tuple[Array, Variables]:
        """Run the recurrence; see `GradientAlgorithm.forward`."""
        if self.compiled and compiled_run.can_run(recurrence):
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
            row, current = self._slots(recurrence, buffers, t)
            recurrence.step(z[row], self._slots(recurrence, buffers, t - 1, int(packing.counts[t]))[1], current)
            if recurrence.teacher is not None and cell.teacher_forced is not None:
                forced = ~np.ma.getmaskarray(recurrence.teacher[row])
                np.copyto(current[cell.teacher_forced], np.ma.getdata(recurrence.teacher[row]), where=forced)
        workspace["buffers"] = buffers
        final = packing.n_sequences + packing.last
        output = buffers[cell.output][packing.n_sequences :]
        return output, {name: buffers[name][final] for name in cell.states}

    def backward(
        self,
        recurrence: Recurrence,
        workspace: Workspace,
        dy: Array,
        d_final: Mapping[str, Array],
        gradients: Mapping[str, Array],
        *,
        input_gradient: bool,
        add: bool = False,
    ) -> tuple[Array | None, Variables]:
        """Pull dy back through time; see `GradientAlgorithm.backward`.

        With `add`, the recurrence is another window of the one that has been pulled back last with this workspace: its
        parameters' gradients are added to those that `gradients` has from there.
        """
        if self.compiled and compiled_run.can_run(recurrence):
            return compiled_run.backward(
                recurrence, workspace, dy, d_final, gradients, input_gradient=input_gradient, add=add
            )
        cell, packing, dtype = recurrence.cell, recurrence.packing, recurrence.x.dtype
        buffers, z = workspace["buffers"], workspace["z"]
        shape = {name: (packing.n_sequences, cell.width(name)) for name in cell.variables}
        d = {name: workspace.zeros(f"d_{name}", shape[name], dtype) for name in cell.variables}
        d_previous = {name: workspace.empty(f"d_previous_{name}", shape[name], dtype) for name in cell.states}
        for name in cell.states:  # a sequence's gradient waits here until the loop comes to its last step
            d[name][...] = d_final.get(name, 0)
        for t in reversed(range(packing.n_steps)):
            n = int(packing.counts[t])
            row, current = self._slots(recurrence, buffers, t)
            d_now = {name: d[name][:n] for name in cell.variables}
            if recurrence.teacher is not None and cell.teacher_forced is not None:
                d_now[cell.teacher_forced][~np.ma.getmaskarray(recurrence.teacher[row])] = (
                    0  # a teacher's value has no past
                )
            d_now[cell.output] += dy[row]
            before = self._slots(recurrence, buffers, t - 1, n)[1]
            recurrence.step_backward(
                z[row], before, current, d_now, {name: d_previous[name][:n] for name in cell.states}
            )
            for name in cell.variables:
                d_now[name][...] = d_previous[name][:n] if name in cell.states else 0
        previous = {name: buffers[name][packing.previous] for name in cell.states}
        current = {name: buffers[name][packing.n_sequences :] for name in cell.variables}
        own = {name: np.empty_like(total) for name, total in gradients.items()} if add else gradients
        recurrence.accumulate(z, previous, current, own)
        if add:
            for name, total in gradients.items():
                total += own[name]
        dx = recurrence.backward_input(z) if input_gradient else None
        return dx, {name: d[name] for name in cell.states}

    def steps_per_sum(self, recurrence: Recurrence) -> int:
        """Return how many steps the weight gradients of windows must be added up by, to be the whole's to the bit.

        It is 1 for the NumPy run, which adds all of them up at once: no windows give the same bits as that.
        """
        return compiled_run.steps_per_sum(recurrence) if self.compiled and compiled_run.can_run(recurrence) else 1

    @staticmethod
    def _slots(recurrence: Recurrence, buffers: Variables, t: int, n: int | None = None) -> tuple[slice, Variables]:
        """Return the rows of step t (its first n), and views of the buffers there; t = -1 is the initial state."""
        packing = recurrence.packing
        start = int(packing.starts[t]) if t >= 0 else -packing.n_sequences
        row = slice(start, start + (int(packing.counts[t]) if n is None else n))
        slot = slice(row.start + packing.n_sequences, row.stop + packing.n_sequences)
        return row, {name: buffer[slot] for name, buffer in buffers.items()}
