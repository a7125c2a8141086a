"""The long short-term memory cell with peepholes: its gates see the cell state.

Each gate sees its own unit's cell state through one weight, the output gate the new one::

    (z_i, z_f, z_g, z_o) = x W + h' U + b
    i = sigmoid(z_i + p_i c')                 (1)
    f = sigmoid(z_f + p_f c')                 (2)
    g = tanh(z_g)                             (3)
    c = f c' + i g                            (4)
    o = sigmoid(z_o + p_o c)                  (5)
    h = o tanh(c)                             (6)

    do = dh tanh(c);  dc += dh o (1 - tanh(c)^2)                             (6')
    dz_o = do o (1 - o);  dc += dz_o p_o                                     (5')
    df = dc c';  di = dc g;  dg = dc i;  dc' = dc f                          (4')
    dz_g = dg (1 - g^2)                                                      (3')
    dz_f = df f (1 - f);  dc' += dz_f p_f                                    (2')
    dz_i = di i (1 - i);  dc' += dz_i p_i                                    (1')

As o waits for c there are two stages. The products with p are diagonal ones, which the shared machinery carries out.

References
----------
F. A. Gers, N. N. Schraudolph and J. Schmidhuber, "Learning precise timing with LSTM recurrent networks", JMLR 3, 2002.
"""

from __future__ import annotations

from rnnbp.cells.cell import Cell, Product, Stage
from rnnbp.kernels.elementwise import sigmoid, tanh

__all__ = ["PeepholeLSTMCell"]


def cell_step(blocks, inputs):
    """Compute (1) to (4)."""
    (z_i, z_f, z_g), (c_previous,) = blocks, inputs
    i = sigmoid(z_i)  # 1
    f = sigmoid(z_f)  # 2
    g = tanh(z_g)  # 3
    c = f * c_previous + i * g  # 4
    return (i, f, g), (c,)


def cell_pullback(saved, inputs, outputs, d_outputs):
    """Compute (4') to (1')."""
    (i, f, g), (c_previous,), (dc,) = saved, inputs, d_outputs
    df, di, dg, dc_previous = dc * c_previous, dc * g, dc * i, dc * f  # 4'
    dz_g = dg * (1.0 - g * g)  # 3'
    dz_f = df * f * (1.0 - f)  # 2'
    dz_i = di * i * (1.0 - i)  # 1'
    return (dz_i, dz_f, dz_g), (dc_previous,)


def output_step(blocks, inputs):
    """Compute (5) and (6)."""
    (z_o,), (c,) = blocks, inputs
    o = sigmoid(z_o)  # 5
    h = o * tanh(c)  # 6
    return (o,), (h,)


def output_pullback(saved, inputs, outputs, d_outputs):
    """Compute (6') and (5')."""
    (o,), (c,), (dh,) = saved, inputs, d_outputs
    tanh_c = tanh(c)
    do, dc = dh * tanh_c, dh * o * (1.0 - tanh_c * tanh_c)  # 6'
    dz_o = do * o * (1.0 - o)  # 5'
    return (dz_o,), (dc,)


class PeepholeLSTMCell(Cell):
    """The LSTM cell with peepholes; its gates in the order i, f, g, o, its peepholes in the order i, f, o.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.

    See Also
    --------
    LSTMCell
    rnnbp.layers.LSTM

    Examples
    --------
    >>> PeepholeLSTMCell(3, 4).blocks
    ('i', 'f', 'g', 'o')
    """

    blocks = ("i", "f", "g", "o")
    states = ("h", "c")
    input = Product("input_weight", "x", into=blocks, bias="bias")
    stages = (
        Stage(
            (
                Product("recurrent_weight", "h", into=blocks),
                Product("peephole", "c", into=("i", "f"), diagonal=True),
            ),
            blocks=("i", "f", "g"),
            reads=("c",),
            outputs=("c",),
            step=cell_step,
            pullback=cell_pullback,
        ),
        Stage(
            (Product("peephole", "c", into=("o",), lag=0, diagonal=True),),
            blocks=("o",),
            uses=("c",),
            outputs=("h",),
            step=output_step,
            pullback=output_pullback,
        ),
    )
