"""A dense layer: one product, forwards and back; see `rnnbp.kernels.products`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.kernels import threads
from rnnbp.kernels.matrices import packed_size
from rnnbp.kernels.products import ParametersRecord, ProductRecord, Projection, X
from rnnbp.layers.compiled.part import Part

__all__ = ["DensePart"]

Array = NDArray[Any]


class DensePart(Part):
    """y = x W + b.

    Parameters
    ----------
    weight : ndarray of shape (n_inputs, n_outputs)
        The bias follows it in memory.
    """

    def __init__(self, weight: Array) -> None:
        super().__init__(weight.dtype)
        self.n_inputs, self.n_outputs = n_inputs, n_outputs = weight.shape
        self.size, lanes = weight.size + n_outputs, self.engine.lanes
        self.parameters = ParametersRecord(theta=weight)
        packed = max(packed_size(lanes, n_inputs, n_outputs), packed_size(lanes, n_outputs, n_inputs))
        product = ProductRecord(
            kind=X, depth=n_inputs, columns=n_outputs, weight=0, pitch=n_outputs, bias=weight.size,
            targets=np.arange(n_outputs), packed=np.zeros(packed, self.dtype),
        )  # fmt: skip
        # the rows of z are y on the way forwards, and dy on the way back
        self.projection, self.back = (
            Projection(
                parameters=self.parameters,
                products=[product],
                n_inputs=1,
                n_products=1,
                width=n_outputs,
                start=np.zeros(n_outputs, self.dtype),
                bias=np.zeros(n_outputs, self.dtype),
                d_bias=np.zeros(n_outputs, self.dtype),
                rectangular=1,
            )
            for _ in range(2)
        )
        p, back, instruction = self.projection, self.back, self.engine.instruction
        project, project_back = instruction("project_forward", p), instruction("project_backward", back)
        gradients = instruction("weight_gradients", back)
        self.prepare, self.forward = [instruction("prepare", p)], [project]
        self.backward = [
            instruction("prepare_backward", back), project_back, gradients, instruction("bias_gradients", back)
        ]  # fmt: skip
        self.shared = [project, project_back, gradients]

    def lay_out(self, packing: Packing, width: int, workspace: Workspace, *, keep: bool) -> Array:
        """Find memory for y; see `Part.lay_out`."""
        layout = packing.layout(threads.worth_waking(packing.n_rows, packing.n_rows * self.size))
        self.n_rows = n_rows = packing.n_rows
        y = workspace.empty("y", (n_rows, self.n_outputs), self.dtype)
        self.projection.z = y
        for p in (self.projection, self.back):
            p.layout, p.sum_steps, p.moments = layout, packing.n_steps, np.empty(2 * layout.n_shares)
        if keep:
            lanes, dtype = self.engine.lanes, self.dtype
            self.back.make_room(workspace.empty, lanes, dtype, n_rows, self.n_outputs, self.n_inputs)
        for instruction in self.shared:
            instruction.n_shares = layout.n_shares
        return y

    def lay_back(self, workspace: Workspace, *, input_gradient: bool) -> Array | None:
        """Find memory for dL/dx; see `Part.lay_back`."""
        dx = workspace.empty("dx", (self.n_rows, self.n_inputs), self.dtype) if input_gradient else None
        self.back.wants_dx = int(input_gradient)
        if dx is not None:
            self.back.dx = dx
        return dx

    def take(self, x: Array) -> None:
        """Take x."""
        self.projection.x = self.back.x = x

    def take_back(self, dy: Array) -> None:
        """Take dL/dy."""
        self.back.z = dy

    def take_gradient(self, address: int) -> None:
        """Take where the gradient goes."""
        self.parameters.gradient = address
