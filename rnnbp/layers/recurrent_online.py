"""A recurrent layer at work on a stream that it learns from: its state, and the influence on it.

The equations are those of `rnnbp.training.online`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.gradients import RTRL, Recurrence
from rnnbp.gradients.bptt import Unrolled
from rnnbp.layers.online import FRAME, OnlineLayer
from rnnbp.layers.recurrent import Recurrent

__all__ = ["RecurrentOnline"]

Array = NDArray[Any]


class RecurrentOnline(OnlineLayer):
    """A recurrent layer at work on a stream: its state, and the influence on it."""

    def __init__(self, layer: Recurrent, parameters: Mapping[str, Array], n_below: int, dtype: np.dtype[Any]) -> None:
        super().__init__(layer, parameters, n_below, dtype)
        assert isinstance(layer.gradient, RTRL)
        self.rtrl, self.cell, cell = layer.gradient, layer.cell, layer.cell
        self.algorithm, self.influences_above = type(self.rtrl).__name__, self.rtrl.exact
        self.states = {name: np.zeros((1, cell.width(name)), dtype) for name in cell.states}
        still = Recurrence(cell, parameters, np.zeros((1, cell.n_inputs), dtype), FRAME, initial={})
        self.P = self.rtrl.start(still, n_below if self.rtrl.exact else 0)
        self.n_states = sum(map(cell.width, cell.states))
        self.run: Unrolled

    def forward(self, a: Array, A: Array | None, rng: np.random.Generator) -> tuple[Array, Array | None]:
        """Carry state (1) and influence (2) on, and return the output and the influence on it."""
        y, saved = self.layer.forward(self.parameters, a, self._context(rng, self.states))
        self.states = {name: state.copy() for name, state in saved.final.items()}
        (self.run,), P = saved.runs, self.P
        recurrence = self.run.recurrence
        dz = self.rtrl.carry(recurrence, self.run.z, self.run.previous, self.run.current, P)  # 2
        if A is None:
            return y, None
        P[0, :, self.n_states : self.n_states + self.n_below] += recurrence.backward_input(dz[0]) @ A  # 2
        return y, P[0, self.rtrl.rows(self.cell)[self.cell.output], self.n_states :]

    def backward(self, dy: Array, gradient: Array) -> Array | None:
        """Write the gradient of the parameters that P knows (3); if not of all below, return that of the input."""
        cell = self.cell
        d_theta = self.rtrl.contract(cell, {cell.output: dy}, self.P)[0, self.n_states :]
        gradient[self.stop - len(d_theta) : self.stop] = d_theta  # 3
        return None if self.rtrl.exact or not self.n_below else self.rtrl.backward_input(self.run, dy, {})

    def teach(self, values: Array) -> None:
        """Let a teacher's values take the place of the output that is fed back."""
        cell = self.cell
        assert cell.teacher_forced is not None
        self.states[cell.teacher_forced] = values.astype(self.dtype)
        self.P[:, self.rtrl.rows(cell)[cell.teacher_forced]] = 0  # a teacher's value has no past
