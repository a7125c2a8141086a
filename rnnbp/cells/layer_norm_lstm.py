"""The long short-term memory cell with layer normalisation.

With LN(a; g) = g u, where u is a standardised to mean 0 and variance 1 over the units (`rnnbp.activations`)::

    (z_i, z_f, z_g, z_o) = LN(x W; g_x) + LN(h' U; g_h) + b
    i = sigmoid(z_i)                          (1)
    f = sigmoid(z_f)                          (2)
    g = tanh(z_g)                             (3)
    c = f c' + i g                            (4)
    s = LN(c; g_c) + b_c
    o = sigmoid(z_o)                          (5)
    h = o tanh(s)                             (6)

    do = dh tanh(s);  ds = dh o (1 - tanh(s)^2)                              (6')
    dz_o = do o (1 - o)                                                      (5')
    df = dc c';  di = dc g;  dg = dc i;  dc' = dc f                          (4')
    dz_g = dg (1 - g^2)                                                      (3')
    dz_f = df f (1 - f)                                                      (2')
    dz_i = di i (1 - i)                                                      (1')

Each of the two products is standardised over all 4 H columns, as in the paper. The cell state is carried on as it is;
only h sees it normalised. As s waits for c there are two stages; the normalised products, and dc through s, are the
shared machinery's.

Cost: memory for 12 H instead of 4 H columns of z a step, as the products are saved as they were before normalisation.

References
----------
J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", 2016 (the LSTM of its supplement; what the biases of the
two products add to b is left out).
"""

from __future__ import annotations

from rnnbp.cells.cell import Cell, Product, Stage
from rnnbp.cells.peephole_lstm import cell_pullback, cell_step
from rnnbp.kernels.elementwise import sigmoid, tanh

__all__ = ["LayerNormLSTMCell"]


def output_step(blocks, inputs):
    """Compute (5) and (6)."""
    z_o, s = blocks
    o = sigmoid(z_o)  # 5
    tanh_s = tanh(s)
    h = o * tanh_s  # 6
    return (o, tanh_s), (h,)


def output_pullback(saved, inputs, outputs, d_outputs):
    """Compute (6') and (5')."""
    (o, tanh_s), (dh,) = saved, d_outputs
    do, ds = dh * tanh_s, dh * o * (1.0 - tanh_s * tanh_s)  # 6'
    dz_o = do * o * (1.0 - o)  # 5'
    return (dz_o, ds), ()


class LayerNormLSTMCell(Cell):
    """The LSTM cell with layer normalisation; its gates in the order i, f, g, o.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.

    See Also
    --------
    rnnbp.layers.LSTM

    Examples
    --------
    >>> LayerNormLSTMCell(3, 4).states
    ('h', 'c')
    """

    blocks = ("i", "f", "g", "o", "s")
    states = ("h", "c")
    input = Product("input_weight", "x", into=("i", "f", "g", "o"), gain="input_gain", bias="bias")
    stages = (
        Stage(
            (Product("recurrent_weight", "h", into=("i", "f", "g", "o"), gain="recurrent_gain"),),
            blocks=("i", "f", "g"),
            reads=("c",),
            outputs=("c",),
            step=cell_step,
            pullback=cell_pullback,
        ),
        Stage(
            (Product("cell_gain", "c", into=("s",), gain="cell_gain", bias="cell_bias", lag=0, diagonal=True),),
            blocks=("o", "s"),
            outputs=("h",),
            step=output_step,
            pullback=output_pullback,
        ),
    )
