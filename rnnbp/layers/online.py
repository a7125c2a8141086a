"""Layers at work on a stream that they learn from: what each carries from frame to frame, and makes of a gradient.

The equations are those of `rnnbp.training.online`: (1) and (2) in `forward`, (3) in `backward`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.layers.layer import BackwardContext, Context, Layer

__all__ = ["FRAME", "OnlineLayer"]

Array = NDArray[Any]

FRAME = Packing.full(1, 1)


class OnlineLayer:
    """A layer without time, at work on a stream.

    Parameters
    ----------
    layer : Layer
    parameters : mapping of str to ndarray
    n_below : int
        The number of parameters of the layers below.
    dtype : dtype

    Attributes
    ----------
    algorithm : str or None
        The name of what carries its influence on; None if there is nothing to carry.
    influences_above : bool
        Whether layers above know what it did in the past.
    stop : int
        The number of parameters up to this layer's.
    """

    algorithm: str | None = None
    influences_above = False

    def __init__(self, layer: Layer, parameters: Mapping[str, Array], n_below: int, dtype: np.dtype[Any]) -> None:
        self.layer, self.parameters, self.n_below, self.dtype = layer, parameters, n_below, dtype
        self.stop = n_below + sum(parameter.size for parameter in parameters.values())
        self.workspace, self.saved = Workspace(), None
        self.back = BackwardContext(FRAME, self.workspace)

    def forward(self, a: Array, A: Array | None, rng: np.random.Generator) -> tuple[Array, Array | None]:
        """Return the output (1), and the influence on it of all parameters up to this layer's."""
        y, self.saved = self.layer.forward(self.parameters, a, self._context(rng, {}))
        return y, None if A is None else self._influence(A, y.shape[1])

    def _context(self, rng: np.random.Generator, initial: Mapping[str, Array]) -> Context:
        return Context(FRAME, training=True, rng=rng, workspace=self.workspace, initial=initial)

    def _influence(self, A: Array, width: int) -> Array:
        """Return dy/dtheta, by the pullback of each unit vector of y."""
        on_y = np.zeros((width, self.stop), self.dtype)
        for row, unit in enumerate(np.eye(width, dtype=self.dtype)):
            dx = self.backward(unit[None], on_y[row])
            if dx is not None:
                on_y[row, : self.n_below] = dx[0] @ A
        return on_y

    def backward(self, dy: Array, gradient: Array) -> Array | None:
        """Write the gradient of the layer's parameters to their place, and return that of its input."""
        own, at = {}, self.n_below
        for name, parameter in self.parameters.items():
            own[name] = gradient[at : at + parameter.size].reshape(parameter.shape)
            at += parameter.size
        return self.layer.backward(self.parameters, own, dy, self.saved, self.back)

    def teach(self, values: Array) -> None:
        """Let a teacher's values take the place of the output that is fed back, if one is."""
