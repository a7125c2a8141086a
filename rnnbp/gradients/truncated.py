"""Truncated backpropagation through time, BPTT(k2; k1) of Williams and Peng.

Each sequence is divided into stretches of k1 steps (the last may be shorter). The errors of a stretch's outputs go back
through the last k2 steps up to the stretch's end, and what came before these is taken for a constant::

    for each stretch, of the steps s, ..., e - 1
        s(f-1) = what the forward pass had there,  f = max(0, e - k2)        a constant
        run the steps f, ..., e - 1 again
        pull back dy(s), ..., dy(e-1) through them, down to step f
        dtheta += its share;  dx(f), ..., dx(e-1) += its share

So every error goes back at least k2 - k1 steps, if there are as many, and none more than k2 - 1. With k2 >= T nothing
is cut off, and the gradient is that of `BPTT`. dL/d(final state) goes back with the errors of a sequence's last
stretch; dL/d(initial state) is what comes back through the windows that begin at step 0.

Cost: a forward pass, then about k2 / k1 times a forward and a backward pass. Memory for all that k2 steps keep, and for
the states before T / k1 windows.

References
----------
R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line training of recurrent network
trajectories", Neural Computation 2, 1990.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import flag, whole_number
from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.gradients.algorithm import GradientAlgorithm, Run
from rnnbp.gradients.bptt import BPTT
from rnnbp.gradients.recurrence import Recurrence, Variables
from rnnbp.gradients.windows import WindowedRun, block, run_windows

__all__ = ["TruncatedBPTT"]

Array = NDArray[Any]


class _Window(NamedTuple):
    """The steps ``first <= t < stop`` of some sequences; the errors are those of the steps from `start` on."""

    first: int
    start: int
    stop: int
    sequences: slice


class TruncatedBPTT(GradientAlgorithm):
    """Backpropagation through time that goes back at most k2 steps, every k1 steps.

    In a stack of layers each cuts off its own way through time: an error goes back through a window in one layer, and
    then, in the layer below, through those of all stretches that it has come to. Where windows do not overlap (k2 = k1,
    and lengths that are multiples of it), it stays in one.

    Parameters
    ----------
    k1 : int
        The number of steps from one backward pass to the next.
    k2 : int
        The number of steps that each goes back; at least k1.
    compiled : bool, default True
        As in `BPTT`.

    Raises
    ------
    ValueError
        If k1 or k2 is not a whole number of at least 1, or if k2 is less than k1.

    See Also
    --------
    BPTT
    rnnbp.fit

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> net = Network([layers.GRU(1, 4, gradient=TruncatedBPTT(k1=5, k2=5)), layers.LastStep()])
    >>> dx = net.run(np.ones((20, 1, 1))).backward(np.ones((1, 4))).x
    >>> np.flatnonzero(dx)  # the steps whose input the gradient reaches
    array([15, 16, 17, 18, 19])
    """

    def __init__(self, k1: int, k2: int, *, compiled: bool = True) -> None:
        self.k1 = whole_number("k1", k1)
        self.k2 = whole_number("k2", k2)
        self.compiled = flag("compiled", compiled)
        if self.k2 < self.k1:
            raise ValueError(
                f"k2 must be at least k1, but k1={k1} and k2={k2} were given: every {k1} steps the errors of the last "
                f"{k1} outputs are sent back through the last {k2} steps, so the first {self.k1 - self.k2} of these "
                "outputs would never be learnt from"
            )
        self._bptt = BPTT(compiled=compiled)

    def _windows(self, packing: Packing) -> Iterator[_Window]:
        """Return the windows: one for all sequences that go on to a stretch's end, others for those that end within."""
        for start in range(0, packing.n_steps, self.k1):
            ends = np.minimum(packing.lengths[: packing.counts[start]], start + self.k1)
            stops, firsts, counts = np.unique(-ends, return_index=True, return_counts=True)
            for stop, i, n in zip((-stops).tolist(), firsts.tolist(), counts.tolist(), strict=True):
                yield _Window(max(0, stop - self.k2), start, stop, slice(i, i + n))

    def forward(self, recurrence: Recurrence, workspace: Workspace, *, keep: bool) -> Run:
        """Run the recurrence, saving the states before each window; see `GradientAlgorithm.forward`."""
        if not keep:
            return self._bptt.forward(recurrence, workspace, keep=False)
        cuts = sorted({window.first for window in self._windows(recurrence.packing)})
        return run_windows(self._bptt, recurrence, workspace, cuts)

    def backward(
        self,
        run: Run,
        dy: Array,
        d_final: Mapping[str, Array],
        gradients: Mapping[str, Array],
        *,
        input_gradient: bool,
    ) -> tuple[Array | None, Variables]:
        """Propagate dy back, window by window; see `GradientAlgorithm.backward`."""
        assert isinstance(run, WindowedRun), "it was run with keep=True"
        recurrence, workspace = run.recurrence, run.workspace
        cell, packing, dtype = recurrence.cell, recurrence.packing, recurrence.x.dtype
        own = workspace.part("window")
        dx = np.zeros(recurrence.x.shape, dtype) if input_gradient else None
        d_initial = {
            name: workspace.zeros(f"d_{name}", (packing.n_sequences, cell.width(name)), dtype) for name in cell.states
        }
        for k, (first, start, stop, sequences) in enumerate(self._windows(packing)):
            initial = {name: state[sequences] for name, state in run.states[first].items()}
            part, rows = block(recurrence, first, stop, sequences, initial)
            n_before = (start - first) * part.packing.n_sequences
            errors = workspace.zeros("errors", (len(rows), dy.shape[1]), dtype)
            errors[n_before:] = dy[rows[n_before:]]
            ends = (packing.lengths[sequences] == stop)[:, None]
            d_last = {name: np.where(ends, d[sequences], 0) for name, d in d_final.items()}
            again = self._bptt.forward(part, own, keep=True)
            dx_part, d_first = self._bptt.backward(
                again, errors, d_last, gradients, input_gradient=input_gradient, add=k > 0
            )
            if dx is not None:
                dx[rows] += dx_part
            if first == 0:
                for name, d in d_first.items():
                    d_initial[name][sequences] += d
        return dx, d_initial
