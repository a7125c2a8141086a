"""A layer in its place in a network: its parameters, its memory, and how it is run.

A layer that the engine knows has a part, which a segment runs; any other runs in NumPy, as its own file has it. What it
returns is checked, as compiled code that follows reads as many numbers as the layer has declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import speaks_for
from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.layers import BackwardContext, Context, Layer
from rnnbp.parameters import Parameters

if TYPE_CHECKING:
    from rnnbp.layers.compiled import Part

__all__ = ["NO_STATES", "States", "Unit"]

Array = NDArray[Any]
States = Mapping[str, Array]
NO_STATES: dict[str, Array] = {}


class _Places(dict[str, Array]):
    """Where gradients are to be written."""

    def __setitem__(self, name: str, value: Array) -> None:
        if value is not self.get(name):  # `gradients[name] /= 2` puts the same array back
            raise TypeError(
                f"a gradient must be written where it is, as in gradients[{name!r}][...] = dw, but another array "
                "was put in its place"
            )


class Unit:
    """A layer in its place: its parameters, its memory, and, if the engine knows it, its part."""

    def __init__(self, k: int, layer: Layer, parameters: Parameters, *, compiled: bool) -> None:
        self.k, self.layer, self.workspace = k, layer, Workspace()
        self.slices = {p.name: parameters.slices[f"{k}.{p.name}"] for p in layer.parameters()}
        self.parameters = self.views(parameters.theta)
        starts = [place.start for place, _ in self.slices.values()]
        self.offset = min(starts, default=0) * parameters.theta.itemsize
        self.part: Part | None = None
        if compiled and speaks_for(type(layer), "compiled", ("forward", "backward", "parameters")):
            self.part = layer.compiled(self.parameters, parameters.theta.dtype)
        self.saved: Any = None

    def views(self, vector: Array) -> dict[str, Array]:
        """Return the layer's own views of a vector that is laid out like theta."""
        return {name: vector[place].reshape(shape) for name, (place, shape) in self.slices.items()}

    def forward(self, x: Array, context: Context) -> tuple[Array, Packing | None]:
        """Run the layer in NumPy, and return its output and how that lies in time.

        Raises
        ------
        TypeError, ValueError
            If the layer does not return what layers must: what follows reads memory of that shape.
        """
        returned, packing = self.layer.forward(self.parameters, x, context), context.packing
        if not (isinstance(returned, tuple) and len(returned) == 2):
            raise TypeError(
                f"layer {self.k}, {self.layer!r}: forward must return its output and what backward needs (maybe None), "
                f"but {type(returned).__name__} was returned"
            )
        y, self.saved = returned
        self.shape, self.context = x.shape, context
        output = None if packing is None else self.layer.output_packing(packing)
        n_rows = len(x) if packing is None else packing.n_sequences if output is None else output.n_rows
        width = self.layer.output_width(x.shape[1] if x.ndim > 1 else 1)
        if np.shape(y) != (n_rows, width):
            raise ValueError(
                f"layer {self.k}, {self.layer!r}: the output must be of shape {(n_rows, width)}, as output_width and "
                f"the input say, but its shape is {np.shape(y)}"
            )
        return y, output

    def backward(self, dy: Array, gradient: Array, d_final: States, *, input_gradient: bool) -> Array | None:
        """Run the layer back in NumPy: write its part of the gradient, and return dL/dx.

        Raises
        ------
        TypeError, ValueError
            If the layer does not return what layers must, or puts another array in a gradient's place.
        """
        gradients = self.views(gradient)
        for view in gradients.values():
            view.fill(np.nan)  # what is not written, or added to, is not mistaken for a gradient
        context = BackwardContext(self.context.packing, self.context.workspace, input_gradient, d_final)
        dx = self.layer.backward(self.parameters, _Places(gradients), dy, self.saved, context)
        if dx is None:
            if input_gradient and self.k > 0:
                raise TypeError(f"layer {self.k}, {self.layer!r}: backward must return dL/dx, but None was returned")
        elif input_gradient and np.shape(dx) != self.shape:
            raise ValueError(
                f"layer {self.k}, {self.layer!r}: dL/dx must be of the input's shape, {self.shape}, but its shape is "
                f"{np.shape(dx)}"
            )
        return dx

    def final_states(self) -> States:
        """Return the states in which the last run has ended, under the layer's names, in packed order."""
        return self.layer.final_states(self.saved) if self.part is None else self.part.final

    def initial_gradients(self) -> States:
        """Return the gradients of the initial states, after the last run back."""
        return self.layer.initial_gradients(self.saved) if self.part is None else self.part.d_initial
