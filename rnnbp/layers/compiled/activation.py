"""An activation function over rows: its own rows functions, made of its text."""

from __future__ import annotations

from functools import cache
from typing import Any

from numpy.typing import NDArray

from rnnbp.activations import ActivationFunction
from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.kernels import threads
from rnnbp.kernels.emitter import Operand, Rows, Step
from rnnbp.kernels.records import address_of, together
from rnnbp.kernels.static import Elementwise
from rnnbp.kernels.trace import trace
from rnnbp.layers.compiled.part import Part

__all__ = ["ActivationPart"]

Array = NDArray[Any]
COST = 16  # multiply-adds that take about as long as a function of one number


@cache
def rows_of(function: ActivationFunction) -> list[Rows]:
    """Return the rows functions of y = f(x), of the operands x and y, and of dx, of dy, x, y and dx."""
    value = trace(function.value, (None,), (None,))
    pullback = trace(function.pullback, (None, None, None), (None,))
    return [
        Rows(value, (0,), ((1, 0),), ("place",) * 2),
        Rows(pullback, (0, 1, 2), ((3, 0),), ("place",) * 4),
    ]


class ActivationPart(Part):
    """y = f(x), element by element.

    Parameters
    ----------
    function : ActivationFunction
    dtype : dtype
    """

    def __init__(self, function: ActivationFunction, dtype: Any) -> None:
        super().__init__(dtype)
        value, pullback = self.engine.rows(rows_of(function))
        self.x, self.y = together([Operand() for _ in range(2)])
        self.d_operands = together([Operand() for _ in range(4)])
        self.apply = Elementwise(function=value, operands=[self.x])
        self.apply_backward = Elementwise(function=pullback, operands=self.d_operands)
        self.forward = [self.engine.instruction("apply_rows", self.apply)]
        self.backward = [self.engine.instruction("apply_rows", self.apply_backward)]

    def lay_out(self, packing: Packing, width: int, workspace: Workspace, *, keep: bool) -> Array:
        """Find memory for y; see `Part.lay_out`."""
        self.shape = (packing.n_rows, width)
        layout = packing.layout(threads.worth_waking(packing.n_rows, packing.n_rows * width * COST))
        for operand in (self.x, self.y, *self.d_operands):
            operand.pitch = width
        y = workspace.empty("y", self.shape, self.dtype)
        self.y.start = self.d_operands[2].start = address_of(y)
        for each, instruction in zip((self.apply, self.apply_backward), (*self.forward, *self.backward), strict=True):
            each.width = width
            each.layout, each.steps = layout, together([Step() for _ in range(layout.n_shares)])
            instruction.n_shares = layout.n_shares
        return y

    def lay_back(self, workspace: Workspace, *, input_gradient: bool) -> Array | None:
        """Find memory for dL/dx; see `Part.lay_back`."""
        dx = workspace.empty("dx", self.shape, self.dtype)
        self.d_operands[3].start = address_of(dx)
        return dx

    def take(self, x: Array) -> None:
        """Take x."""
        self.x.start = self.d_operands[1].start = address_of(x)

    def take_back(self, dy: Array) -> None:
        """Take dL/dy."""
        self.d_operands[0].start = address_of(dy)
