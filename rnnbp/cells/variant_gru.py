"""The gated recurrent unit with functions of one's own choice, and clipped pre-activations.

With activation functions s and f (sigmoid and tanh in `rnnbp.cells.gru`), and clip(z) = min(max(z, -C), C) if there is
a C, else z::

    r = s(clip(x W_r + h' U_r + b_r))         (1)
    z = s(clip(x W_z + h' U_z + b_z))         (2)
    n = f(clip(n_x + r n_h))                  (3)   reset after, with n_x = x W_n + b_n,  n_h = h' U_n + c_n
    n = f(clip(x W_n + (r h') U_n + b_n))     (3)   reset before
    h = (1 - z) n + z h'                      (4)

The pullbacks are derived.

References
----------
The GRU operator of the ONNX standard.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from rnnbp.activations import get as get_activation
from rnnbp.cells.cell import Cell, Stage
from rnnbp.cells.gru import GRUCell, ResetBeforeGRUCell
from rnnbp.cells.variant_lstm import clipped

__all__ = ["VariantGRUCell"]


class VariantGRUCell(Cell):
    """A GRU cell; its gates in the order r, z, n.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.
    reset : {"after", "before"}
        Whether the reset gate acts after the recurrent product or before it.
    activations : tuple of str
        Of the gates, and of the candidate.
    clip : float or None
        C.

    See Also
    --------
    GRUCell
    rnnbp.layers.GRU

    Examples
    --------
    >>> cell = VariantGRUCell(3, 4, reset="after", activations=("sigmoid", "relu"), clip=None)
    >>> cell.states
    ('h',)
    """

    states = ("h",)

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        reset: Literal["after", "before"],
        activations: tuple[str, ...],
        clip: float | None,
    ) -> None:
        super().__init__(n_inputs, n_hidden)
        plain = GRUCell if reset == "after" else ResetBeforeGRUCell
        self.blocks, self.input = plain.blocks, plain.input
        self.stages = _stages(plain, activations, clip)


@cache  # what is derived and traced is kept by the stages
def _stages(plain: type[Cell], activations: tuple[str, ...], clip: float | None) -> tuple[Stage, ...]:
    s, f = (get_activation(name).value for name in activations)

    def gate(z):
        return s(clipped(z, clip))  # 1, 2

    def updated(z_z, z_n, h_previous):
        n = f(clipped(z_n, clip))  # 3
        return n + gate(z_z) * (h_previous - n)  # 4

    def after(blocks, inputs):
        (z_r, z_z, n_x, n_h), (h_previous,) = blocks, inputs
        return (updated(z_z, n_x + gate(z_r) * n_h, h_previous),)

    def before(blocks, inputs):
        (z_r,), (h_previous,) = blocks, inputs
        return (gate(z_r) * h_previous,)

    def update(blocks, inputs):
        (z_z, z_n), (h_previous,) = blocks, inputs
        return (updated(z_z, z_n, h_previous),)

    steps = (after,) if plain is GRUCell else (before, update)
    return tuple(
        Stage(stage.products, blocks=stage.blocks, reads=stage.reads, outputs=stage.outputs, step=step)
        for stage, step in zip(plain.stages, steps, strict=True)
    )
