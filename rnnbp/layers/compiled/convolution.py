"""A convolution over time: windows of frames, gathered side by side, and a dense layer over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.kernels.records import address_of
from rnnbp.kernels.static import Moved
from rnnbp.layers.compiled.dense import DensePart
from rnnbp.layers.compiled.part import Part

__all__ = ["ConvolutionPart"]

Array = NDArray[Any]


class ConvolutionPart(Part):
    """y = windows of x, W + b.

    Parameters
    ----------
    weight : ndarray of shape (width * n_inputs, n_outputs)
        The bias follows it in memory.
    taps : callable
        ``taps(packing)`` returns where the windows' frames lie; see `rnnbp.layers.convolution.Taps`.
    n_inputs : int
    """

    def __init__(self, weight: Array, taps: Callable[[Packing], Any], n_inputs: int) -> None:
        super().__init__(weight.dtype)
        self.taps, self.n_inputs, self.width = taps, n_inputs, len(weight) // n_inputs
        self.dense, move = DensePart(weight), self.engine.instruction
        self.moves, self.back = ([Moved() for _ in range(self.width)] for _ in range(2))
        self.prepare = self.dense.prepare
        self.forward = [*(move("gather", each) for each in self.moves), *self.dense.forward]
        self.scatter = [move("gather_add" if k else "gather", each) for k, each in enumerate(self.back)]
        self.backward = [*self.dense.backward, *self.scatter]

    def lay_out(self, packing: Packing, width: int, workspace: Workspace, *, keep: bool) -> Array:
        """Find memory for the windows and y; see `Part.lay_out`."""
        self.packing, of = packing, self.taps(packing)
        n_windows, itemsize = of.source.shape[1], self.dtype.itemsize
        self.windows = windows = workspace.empty("windows", (n_windows, self.width * width), self.dtype)
        for k, each in enumerate(self.moves):
            each.n, each.index, each.width = n_windows, np.ascontiguousarray(of.source[k], np.int64), width
            each.to, each.to_pitch, each.a_pitch = address_of(windows) + k * width * itemsize, windows.shape[1], width
        y = self.dense.lay_out(packing.strided(of.stride), windows.shape[1], workspace.part("dense"), keep=keep)
        self.dense.take(windows)
        return y

    def lay_back(self, workspace: Workspace, *, input_gradient: bool) -> Array | None:
        """Find memory for dL/dx; see `Part.lay_back`."""
        d_windows = self.dense.lay_back(workspace.part("dense"), input_gradient=input_gradient)
        n, width = self.packing.n_rows, self.n_inputs
        if d_windows is None:
            for each in self.back:
                each.n = 0
            return None
        dx = workspace.empty("dx", (n, width), self.dtype)
        for k, (each, index) in enumerate(zip(self.back, self.taps(self.packing).receivers(), strict=True)):
            each.n, each.index, each.width = n, np.ascontiguousarray(index, np.int64), width
            each.a, each.a_pitch = address_of(d_windows) + k * width * self.dtype.itemsize, d_windows.shape[1]
            each.to, each.to_pitch = dx, width
        return dx

    def take(self, x: Array) -> None:
        """Take x."""
        for each in self.moves:
            each.a = x

    def take_back(self, dy: Array) -> None:
        """Take dL/dy."""
        self.dense.take_back(dy)

    def take_gradient(self, address: int) -> None:
        """Take where the gradient goes."""
        self.dense.take_gradient(address)
