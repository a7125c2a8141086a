"""Backpropagation through time with checkpoints: states are computed again rather than saved.

The steps are divided into segments of n. The forward pass keeps only the states s(0), s(n), s(2n), ... in which
segments begin. The backward pass goes through the segments from the last to the first::

    run the segment again from its checkpoint, keeping all of it this time
    ds(end of segment) = what the segment after it has handed down
    pull back through the segment;  dtheta += its share;  hand ds(start of segment) down

Cost: one more forward pass. Memory for the states of T / n checkpoints and for all that n steps keep: least, and of the
order of sqrt(T), for n of about sqrt(T).

The gradients are those of `BPTT`. Compiled, they are the same to the last bit, as segments hold a whole number of the
chunks of steps over which the compiled loop adds up weight gradients: these are added up in the same order.

References
----------
T. Chen, B. Xu, C. Zhang and C. Guestrin, "Training deep nets with sublinear memory cost", 2016, arXiv:1604.06174.
A. Gruslys, R. Munos, I. Danihelka, M. Lanctot and A. Graves, "Memory-efficient backpropagation through time", NIPS,
2016.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import flag, whole_number
from rnnbp.data.workspace import Workspace
from rnnbp.gradients.algorithm import GradientAlgorithm, Run
from rnnbp.gradients.bptt import BPTT
from rnnbp.gradients.recurrence import Recurrence, Variables
from rnnbp.gradients.windows import WindowedRun, run_windows, window

__all__ = ["CheckpointedBPTT"]

Array = NDArray[Any]


class CheckpointedBPTT(GradientAlgorithm):
    """Full backpropagation through time in memory of order sqrt(T), for one more forward pass.

    Parameters
    ----------
    every : int or None, default None
        The number of steps from one checkpoint to the next, n; None stands for sqrt(T). The compiled loops round it up
        to a whole number of their chunks (of 192 frames at most).
    compiled : bool, default True
        As in `BPTT`.

    Raises
    ------
    ValueError
        If `every` is not a whole number of at least 1.

    See Also
    --------
    BPTT

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> x, gradients = np.ones((100, 2, 3)), []
    >>> for algorithm in (BPTT(), CheckpointedBPTT()):
    ...     net = Network([layers.GRU(3, 4, gradient=algorithm)], dtype="float64")
    ...     gradients.append(net.run(x).backward(np.ones((100, 2, 4))).theta)
    >>> bool(np.allclose(*gradients))
    True
    """

    def __init__(self, every: int | None = None, *, compiled: bool = True) -> None:
        self.every = None if every is None else whole_number("every", every)
        self.compiled = flag("compiled", compiled)
        self._bptt = BPTT(compiled=compiled)

    def _cuts(self, recurrence: Recurrence) -> range:
        """Return the steps before which states are saved."""
        n_steps, steps_per_sum = recurrence.packing.n_steps, self._bptt.steps_per_sum(recurrence)
        every = math.ceil(math.sqrt(n_steps)) if self.every is None else self.every
        return range(0, n_steps, math.ceil(every / steps_per_sum) * steps_per_sum)

    def forward(self, recurrence: Recurrence, workspace: Workspace, *, keep: bool) -> Run:
        """Run the recurrence, saving checkpoints; see `GradientAlgorithm.forward`."""
        if not keep:
            return self._bptt.forward(recurrence, workspace, keep=False)
        return run_windows(self._bptt, recurrence, workspace, self._cuts(recurrence))

    def backward(
        self,
        run: Run,
        dy: Array,
        d_final: Mapping[str, Array],
        gradients: Mapping[str, Array],
        *,
        input_gradient: bool,
    ) -> tuple[Array | None, Variables]:
        """Propagate dy back, segment by segment; see `GradientAlgorithm.backward`."""
        assert isinstance(run, WindowedRun), "it was run with keep=True"
        recurrence, workspace = run.recurrence, run.workspace
        cell, packing, dtype = recurrence.cell, recurrence.packing, recurrence.x.dtype
        own = workspace.part("window")
        dx = np.empty(recurrence.x.shape, dtype) if input_gradient else None
        d = {}
        for name in cell.states:  # a sequence's gradient waits here until its last segment comes
            d[name] = workspace.empty(f"d_{name}", (packing.n_sequences, cell.width(name)), dtype)
            d[name][...] = d_final.get(name, 0)
        for first, stop in reversed([*pairwise([*self._cuts(recurrence), packing.n_steps])]):
            segment, rows = window(recurrence, first, stop, run.states.pop(first))
            handed = {name: d[name][: segment.packing.n_sequences] for name in cell.states}
            again = self._bptt.forward(segment, own, keep=True)
            dx_segment, d_first = self._bptt.backward(
                again, dy[rows], handed, gradients, input_gradient=input_gradient, add=stop < packing.n_steps
            )
            for name, value in d_first.items():
                handed[name][...] = value
            if dx is not None:
                dx[rows] = dx_segment
        return dx, d
