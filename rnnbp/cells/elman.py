"""The Elman cell: a hidden layer that sees its own previous values.

::

    z = x W + h' U + b
    h = f(z)                                  (1)

    dz = dh f'(z)                             (1')

f is any activation function; with relu and an identity for U it is the IRNN of Le, Jaitly and Hinton (2015). With a
limit C, z is clipped to [-C, C] before f is applied.

References
----------
J. L. Elman, "Finding structure in time", Cognitive Science 14, 1990.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from rnnbp.activations import ActivationFunction
from rnnbp.activations import get as get_activation
from rnnbp.cells.cell import Cell, Product, Pullback, Stage, Step
from rnnbp.kernels.elementwise import absolute, maximum, minimum, where

__all__ = ["ElmanCell", "activation_step"]


@cache
def activation_step(activation: ActivationFunction) -> tuple[Step, Pullback]:
    """Return the step h = f(z) of an activation function f, and its pullback."""
    f, f_pullback = activation.value, activation.pullback

    def step(blocks, inputs):
        (z,) = blocks
        h = f(z)  # 1
        return (z,), (h,)

    def pullback(saved, inputs, outputs, d_outputs):
        (z,), (h,), (dh,) = saved, outputs, d_outputs
        dz = f_pullback(dh, z, h)  # 1'
        return (dz,), ()

    return step, pullback


@cache
def _clipped(activation: ActivationFunction, limit: float) -> ActivationFunction:
    """Return f(clip(z)), and its pullback."""

    def value(z):
        return activation.value(maximum(minimum(z, limit), -limit))

    def pullback(dy, z, y):
        inside = maximum(minimum(z, limit), -limit)
        dz = activation.pullback(dy, inside, y)
        return where(absolute(z) < limit, dz, 0.0 * dz)

    return replace(activation, name=f"{activation.name}, clipped at {limit}", value=value, pullback=pullback)


class ElmanCell(Cell):
    """h = f(x W + h' U + b).

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.
    activation : str, default "tanh"
        The name of f.
    clip : float or None, default None
        C.

    See Also
    --------
    rnnbp.layers.Elman

    Examples
    --------
    >>> cell = ElmanCell(3, 4, activation="relu")
    >>> cell.states, cell.n_columns
    (('h',), 4)
    """

    blocks = ("h",)
    states = ("h",)
    input = Product("input_weight", "x", into=("h",), bias="bias")

    def __init__(self, n_inputs: int, n_hidden: int, *, activation: str = "tanh", clip: float | None = None) -> None:
        super().__init__(n_inputs, n_hidden)
        function = get_activation(activation)
        step, pullback = activation_step(function if clip is None else _clipped(function, clip))
        recurrent = Product("recurrent_weight", "h", into=("h",))
        self.stages = (
            Stage(
                (recurrent,),
                blocks=("h",),
                outputs=("h",),
                step=step,
                pullback=pullback,
                elementwise=function.elementwise,
            ),
        )
