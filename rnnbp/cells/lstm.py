"""The long short-term memory cell.

::

    (z_i, z_f, z_g, z_o) = x W + h' U + b
    i = sigmoid(z_i)                          (1)   input gate
    f = sigmoid(z_f)                          (2)   forget gate
    g = tanh(z_g)                             (3)   candidate
    c = f c' + i g                            (4)   cell state
    o = sigmoid(z_o)                          (5)   output gate
    h = o tanh(c)                             (6)

    do = dh tanh(c);  dc += dh o (1 - tanh(c)^2)                             (6')
    dz_o = do o (1 - o)                                                      (5')
    df = dc c';  di = dc g;  dg = dc i;  dc' = dc f                          (4')
    dz_g = dg (1 - g^2)                                                      (3')
    dz_f = df f (1 - f)                                                      (2')
    dz_i = di i (1 - i)                                                      (1')

References
----------
S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997.
F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to forget", Neural Computation 12, 2000 (the forget gate).
"""

from __future__ import annotations

from rnnbp.cells.cell import Cell, Product, Stage
from rnnbp.kernels.elementwise import sigmoid, tanh

__all__ = ["LSTMCell"]


def step(blocks, inputs):
    """Compute (1) to (6)."""
    (z_i, z_f, z_g, z_o), (c_previous,) = blocks, inputs
    i = sigmoid(z_i)  # 1
    f = sigmoid(z_f)  # 2
    g = tanh(z_g)  # 3
    c = f * c_previous + i * g  # 4
    o = sigmoid(z_o)  # 5
    h = o * tanh(c)  # 6
    return (i, f, g, o), (h, c)


def pullback(saved, inputs, outputs, d_outputs):
    """Compute (6') to (1')."""
    (i, f, g, o), (c_previous,), (_, c), (dh, dc) = saved, inputs, outputs, d_outputs
    tanh_c = tanh(c)
    do = dh * tanh_c  # 6'
    dc = dc + dh * o * (1.0 - tanh_c * tanh_c)  # 6'
    dz_o = do * o * (1.0 - o)  # 5'
    df, di, dg, dc_previous = dc * c_previous, dc * g, dc * i, dc * f  # 4'
    dz_g = dg * (1.0 - g * g)  # 3'
    dz_f = df * f * (1.0 - f)  # 2'
    dz_i = di * i * (1.0 - i)  # 1'
    return (dz_i, dz_f, dz_g, dz_o), (dc_previous,)


class LSTMCell(Cell):
    """The LSTM cell with a forget gate and without peepholes; its gates in the order i, f, g, o.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.

    See Also
    --------
    PeepholeLSTMCell
    rnnbp.layers.LSTM

    Examples
    --------
    >>> cell = LSTMCell(3, 4)
    >>> cell.states, cell.n_columns
    (('h', 'c'), 16)
    """

    blocks = ("i", "f", "g", "o")
    states = ("h", "c")
    input = Product("input_weight", "x", into=blocks, bias="bias")
    stages = (
        Stage(
            (Product("recurrent_weight", "h", into=blocks),),
            blocks=blocks,
            reads=("c",),
            outputs=("h", "c"),
            step=step,
            pullback=pullback,
        ),
    )
