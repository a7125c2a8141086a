"""Pooling over time: one row of each sequence; see `rnnbp.kernels.static`."""

from __future__ import annotations

from typing import Any

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
    halves : bool, default False
        Whether the second half of the features comes from a backward direction (for "last").
    """

    def __init__(self, kind: str, dtype: Any, *, halves: bool = False) -> None:
        super().__init__(dtype)
        self.searches, self.halves, self.record = kind == "max", halves, Pooling()
        self.forward = [self.engine.instruction(f"{kind}_forward", self.record)]
        self.backward = [self.engine.instruction(f"{kind}_backward", self.record)]

    def lay_out(self, packing: Packing, width: int, workspace: Workspace, *, keep: bool) -> Array:
        """Find memory for y; see `Part.lay_out`."""
        self.shape, self.record.layout = (packing.n_rows, width), packing.layout(1)
        self.record.width, self.record.split = width, width // 2 if self.halves else width
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
