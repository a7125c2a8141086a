"""The long short-term memory cell with functions of one's own choice, clipped pre-activations, and coupled gates.

With activation functions s, f and t (sigmoid, tanh and tanh in `rnnbp.cells.lstm`), and clip(z) = min(max(z, -C), C) if
there is a C, else z::

    (z_i, z_f, z_g, z_o) = x W + h' U + b
    i = s(clip(z_i + p_i c'))                 (1)
    f = s(clip(z_f + p_f c')),  or  1 - i     (2)   the second with coupled gates, which leave z_f out
    g = f(clip(z_g))                          (3)
    c = f c' + i g                            (4)
    o = s(clip(z_o + p_o c))                  (5)   a stage of its own where there are peepholes
    h = o t(c)                                (6)

The pullbacks are derived.

References
----------
The LSTM operator of the ONNX standard.
K. Greff, R. K. Srivastava, J. Koutnik, B. R. Steunebrink and J. Schmidhuber, "LSTM: a search space odyssey", IEEE
Transactions on Neural Networks and Learning Systems 28, 2017 (coupled gates).
"""

from __future__ import annotations

from functools import cache

from rnnbp.activations import get as get_activation
from rnnbp.cells.cell import Cell, Product, Stage
from rnnbp.kernels.elementwise import Operand, maximum, minimum

__all__ = ["VariantLSTMCell", "clipped"]


def clipped(z: Operand, limit: float | None) -> Operand:
    """Return z, no smaller than -limit and no larger than limit; z itself if there is no limit."""
    return z if limit is None else maximum(minimum(z, limit), -limit)


class VariantLSTMCell(Cell):
    """An LSTM cell; its gates in the order i, f, g, o and its peepholes in the order i, f, o, coupled ones without f.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.
    activations : tuple of str
        Of the gates, the candidate, and the cell state on its way to h.
    clip : float or None
        C.
    coupled : bool
        Whether f = 1 - i.
    peepholes : bool
        Whether the gates see the cell state.

    See Also
    --------
    LSTMCell
    rnnbp.layers.LSTM

    Examples
    --------
    >>> cell = VariantLSTMCell(
    ...     3, 4, activations=("sigmoid", "tanh", "tanh"), clip=None, coupled=True, peepholes=False
    ... )
    >>> cell.blocks  # no forget gate of its own
    ('i', 'g', 'o')
    """

    states = ("h", "c")

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        activations: tuple[str, ...],
        clip: float | None,
        coupled: bool,
        peepholes: bool,
    ) -> None:
        super().__init__(n_inputs, n_hidden)
        self.blocks = ("i", "g", "o") if coupled else ("i", "f", "g", "o")
        self.input = Product("input_weight", "x", into=self.blocks, bias="bias")
        self.stages = _stages(self.blocks, activations, clip, peepholes)


@cache  # what is derived and traced is kept by the stages
def _stages(
    blocks: tuple[str, ...], activations: tuple[str, ...], clip: float | None, peepholes: bool
) -> tuple[Stage, ...]:
    s, f, t = (get_activation(name).value for name in activations)
    coupled = "f" not in blocks

    def new_c(z_i, z_f, z_g, c_previous):
        """Compute (1) to (4)."""
        i = s(clipped(z_i, clip))  # 1
        forget = 1.0 - i if coupled else s(clipped(z_f, clip))  # 2
        return forget * c_previous + i * f(clipped(z_g, clip))  # 3, 4

    def cell_step(blocks, inputs):
        z_i, z_g, z_f = blocks[0], blocks[-1], blocks[1]
        return (new_c(z_i, z_f, z_g, *inputs),)

    def output_step(blocks, inputs):
        (z_o,), (c,) = blocks, inputs
        return (s(clipped(z_o, clip)) * t(c),)  # 5, 6

    def step(blocks, inputs):
        (c,) = cell_step(blocks[:-1], inputs)
        (h,) = output_step(blocks[-1:], (c,))
        return h, c

    recurrent = Product("recurrent_weight", "h", into=blocks)
    if not peepholes:
        return (Stage((recurrent,), blocks=blocks, reads=("c",), outputs=("h", "c"), step=step),)
    looking = Product("peephole", "c", into=tuple(b for b in blocks if b in ("i", "f")), diagonal=True)
    last = Product("peephole", "c", into=("o",), lag=0, diagonal=True)
    return (
        Stage((recurrent, looking), blocks=blocks[:-1], reads=("c",), outputs=("c",), step=cell_step),
        Stage((last,), blocks=("o",), uses=("c",), outputs=("h",), step=output_step),
    )
