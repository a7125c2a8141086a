"""Windows in time of a recurrence: recurrences of their own, which begin in the states that the whole had there.

`window` is a stretch of time of the whole batch, `block` one of some of its sequences; `run_windows` runs the windows
from cut to cut and keeps the states at the cuts. Masks, noise and teacher are the whole's: to run a window again
repeats what was computed before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.gradients.algorithm import Run
from rnnbp.gradients.bptt import BPTT
from rnnbp.gradients.recurrence import Recurrence

__all__ = ["WindowedRun", "block", "run_windows", "window"]

Array = NDArray[Any]
Rows = NDArray[np.intp]
States = Mapping[str, Array]


@dataclass(eq=False)
class WindowedRun(Run):
    """A run of which only the states at some cuts are saved.

    Attributes
    ----------
    states : dict of int to (mapping of str to ndarray of shape (n, width))
        For the step at each cut, the states before it, of the n sequences that reach it.
    """

    states: dict[int, States]


def window(recurrence: Recurrence, first: int, stop: int, initial: States) -> tuple[Recurrence, slice]:
    """Return the steps ``first <= t < stop``, and which rows of the whole they are; nothing is copied.

    Parameters
    ----------
    recurrence : Recurrence
    first, stop : int
    initial : mapping of str to ndarray of shape (n, width)
        The states before step `first`, of the n sequences that reach it.
    """
    whole = recurrence.packing
    packing = whole.window(first, stop)
    rows = slice(int(whole.starts[first]), int(whole.starts[stop]))
    return replace(
        _part(recurrence, rows, slice(packing.n_sequences)), packing=packing, initial=initial, whole=recurrence
    ), rows


def block(recurrence: Recurrence, first: int, stop: int, sequences: slice, initial: States) -> tuple[Recurrence, Rows]:
    """Return the steps ``first <= t < stop`` of some sequences that last so long, and which rows of the whole they are.

    Parameters
    ----------
    recurrence : Recurrence
    first, stop : int
    sequences : slice
    initial : mapping of str to ndarray of shape (n, width)
        The states before step `first`, of these sequences.
    """
    stored = np.arange(sequences.start, sequences.stop)
    rows = (recurrence.packing.starts[first:stop, None] + stored).ravel()
    packing = Packing.full(stop - first, len(stored))
    return replace(_part(recurrence, rows, sequences), packing=packing, initial=initial), rows


def _part(recurrence: Recurrence, rows: slice | Rows, sequences: slice) -> Recurrence:
    mask, teacher, noise = recurrence.mask, recurrence.teacher, recurrence.noise
    return replace(
        recurrence,
        x=recurrence.x[rows],
        mask=None if mask is None else mask[sequences],
        teacher=None if teacher is None else teacher[rows],
        noise=None if noise is None else {name: drawn[rows] for name, drawn in noise.items()},
    )


def run_windows(algorithm: BPTT, recurrence: Recurrence, workspace: Workspace, cuts: Sequence[int]) -> WindowedRun:
    """Run the windows between cuts one after the other, each from the states in which the one before has ended.

    Parameters
    ----------
    algorithm : BPTT
    recurrence : Recurrence
    workspace : Workspace
        The windows share its part ``"window"``.
    cuts : sequence of int
        The step at which each window begins, in ascending order from 0.

    """
    cell, packing, dtype = recurrence.cell, recurrence.packing, recurrence.x.dtype
    output = workspace.empty("y", (packing.n_rows, cell.width(cell.output)), dtype)
    final = {name: np.empty((packing.n_sequences, cell.width(name)), dtype) for name in cell.states}
    own = workspace.part("window")
    states: dict[int, States] = {}
    state: States = recurrence.initial
    for first, stop in pairwise([*cuts, packing.n_steps]):
        states[first] = state
        part, rows = window(recurrence, first, stop, state)
        run = algorithm.forward(part, own, keep=False)
        output[rows], after = run.output, run.final
        for name, value in after.items():
            final[name][: len(value)] = value  # that of a sequence which goes on is overwritten in the next window
        going_on = np.count_nonzero(packing.lengths > stop)
        state = {name: value[:going_on].copy() for name, value in after.items()}
    return WindowedRun(recurrence, workspace, output, final, states)
