"""Layers at work on a stream: what each carries from frame to frame, and what it makes of a gradient.

The equations are those of `rnnbp.training.online`: (1) and (2) in `forward`, (3) in `backward`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.gradients import RTRL, Recurrence
from rnnbp.gradients.linearisation import split
from rnnbp.layers import Context, Layer, Recurrent

__all__ = ["Part", "RecurrentPart"]

Array = NDArray[Any]


class Part:
    """A layer without time, at work on a stream."""

    def __init__(self, layer: Layer, views: Mapping[str, Array], n_below: int, dtype: np.dtype[Any]) -> None:
        self.layer, self.views, self.n_below, self.dtype = layer, views, n_below, dtype
        self.shapes = {name: view.shape for name, view in views.items()}
        self.stop = n_below + sum(view.size for view in views.values())
        self.workspace = Workspace()

    def forward(self, a: Array, A: Array | None, rng: np.random.Generator) -> tuple[Array, Array | None]:
        """Return the output (1), and the influence on it of all parameters up to this layer's."""
        self.context = Context(Packing.full(1, 1), training=True, rng=rng)
        y = self.layer.forward(self.views, a, self.workspace, self.context)
        return y, None if A is None else self._influence(A, y.shape[1])

    def _influence(self, A: Array, width: int) -> Array:
        """Return dy/dtheta, by the pullback of each unit vector of y."""
        on_y = np.zeros((width, self.stop), self.dtype)
        own = split(on_y[:, self.n_below :], self.shapes)
        for row, unit in enumerate(np.eye(width, dtype=self.dtype)):
            gradients = {name: each[row] for name, each in own.items()}
            dx = self.layer.backward(self.views, gradients, unit[None], self.workspace, self.context)
            if dx is not None:
                on_y[row, : self.n_below] = dx[0] @ A
        return on_y

    def backward(self, dy: Array, gradient: Array) -> Array | None:
        """Write the gradient of the layer's parameters, and return that of its input."""
        own = split(gradient[None, self.n_below : self.stop], self.shapes)
        gradients = {name: each[0] for name, each in own.items()}
        return self.layer.backward(self.views, gradients, dy, self.workspace, self.context)


class RecurrentPart(Part):
    """A recurrent layer at work on a stream: its state, and the influence on it."""

    def __init__(self, layer: Layer, views: Mapping[str, Array], n_below: int, dtype: np.dtype[Any]) -> None:
        super().__init__(layer, views, n_below, dtype)
        assert isinstance(layer, Recurrent)
        assert isinstance(layer.gradient, RTRL)
        self.algorithm, self.cell = layer.gradient, layer.cell
        cell = layer.cell
        self.states = {name: np.zeros((1, cell.width(name)), dtype) for name in cell.states}
        still = Recurrence(cell, views, np.zeros((1, cell.n_inputs), dtype), Packing.full(1, 1), initial={})
        self.P = self.algorithm.start(still, n_below if self.algorithm.exact else 0)
        self.n_states = sum(map(cell.width, cell.states))

    def forward(self, a: Array, A: Array | None, rng: np.random.Generator) -> tuple[Array, Array | None]:
        """Carry state (1) and influence (2) on, and return the output and the influence on it."""
        self.context = Context(Packing.full(1, 1), training=True, rng=rng, initial=self.states)
        y = self.layer.forward(self.views, a, self.workspace, self.context)
        self.states = {name: state.copy() for name, state in self.context.final.items()}
        own, P = self.workspace["direction"], self.P
        previous, current = (
            {name: buffer[slot] for name, buffer in own["buffers"].items()} for slot in (slice(0, 1), slice(1, 2))
        )
        recurrence = own["recurrence"]
        dz = self.algorithm.carry(recurrence, own["z"], previous, current, P)  # 2
        if A is None:
            return y, None
        P[0, :, self.n_states : self.n_states + self.n_below] += recurrence.backward_input(dz[0]) @ A  # 2
        return y, P[0, self.algorithm.rows(self.cell)[self.cell.output], self.n_states :]

    def backward(self, dy: Array, gradient: Array) -> Array | None:
        """Write the gradient of the parameters that P knows (3); if not of all below, return that of the input."""
        cell, own = self.cell, self.workspace["direction"]
        d_theta = self.algorithm.contract(cell, {cell.output: dy}, self.P)[0, self.n_states :]
        gradient[self.stop - len(d_theta) : self.stop] = d_theta  # 3
        if self.algorithm.exact or not self.n_below:
            return None
        return self.algorithm.backward_input(own["recurrence"], own, dy, {})

    def teach(self, values: Array) -> None:
        """Let a teacher's values take the place of the output that is fed back."""
        cell = self.cell
        assert cell.teacher_forced is not None
        self.states[cell.teacher_forced] = values.astype(self.dtype)
        self.P[:, self.algorithm.rows(cell)[cell.teacher_forced]] = 0  # a teacher's value has no past
