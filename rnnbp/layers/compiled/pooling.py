"""Pooling over time: one row of each sequence; see `rnnbp.kernels.static`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.kernels.static import Pooling
from rnnbp.layers.compiled.part import Part

__all__ = ["PoolingPart"]

Array = NDArray[Any]


class PoolingPart(Part):
    """The last step, the mean or the maximum of each sequence.

    Parameters
    ----------
    kind : {"last", "mean", "max"}
    dtype : dtype
    n_forward : callable or None, default None
        Says how many features, of so many, come from a forward direction (for "last"); None stands for all.
    """

    def __init__(
        self, kind: Literal["last", "mean", "max"], dtype: Any, *, n_forward: Callable[[int], int] | None = None
    ) -> None:
        super().__init__(dtype)
        self.searches, self.n_forward, self.record = kind == "max", n_forward, Pooling()
        self.forward = [self.engine.instruction(f"{kind}_forward", self.record)]
        self.backward = [self.engine.instruction(f"{kind}_backward", self.record)]

    def lay_out(self, packing: Packing, width: int, workspace: Workspace, *, keep: bool) -> Array:
        """Find memory for y; see `Part.lay_out`."""
        self.shape, self.record.layout = (packing.n_rows, width), packing.layout(1)
        self.record.width, self.record.split = width, width if self.n_forward is None else self.n_forward(width)
        y = workspace.empty("y", (packing.n_sequences, width), self.dtype)
        self.record.y = y
        if self.searches:
            self.record.best = np.empty(y.shape, np.int64)
        return y

    def lay_back(self, workspace: Workspace, *, input_gradient: bool) -> Array | None:
        """Find memory for dL/dx; see `Part.lay_back`."""
        dx = workspace.empty("dx", self.shape, self.dtype)
        self.record.dx = dx
        return dx

    def take(self, x: Array) -> None:
        """Take x."""
        self.record.x = x

    def take_back(self, dy: Array) -> None:
        """Take dL/dy."""
        self.record.dy = dy
