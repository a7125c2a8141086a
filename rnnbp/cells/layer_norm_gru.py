"""The gated recurrent unit with layer normalisation.

With LN(a; g) = g u, where u is a standardised to mean 0 and variance 1 over the units (`rnnbp.activations`)::

    (r_x, z_x, n_x) = LN(x W; g_x) + b
    (r_h, z_h, n_h) = LN(h' U; g_h) + c
    r = sigmoid(r_x + r_h)                    (1)
    z = sigmoid(z_x + z_h)                    (2)
    n = tanh(n_x + r n_h)                     (3)
    h = (1 - z) n + z h'                      (4)

(1) to (4), and so the step and its pullback, are the GRU's with the reset gate after the product. Each of the two
products is standardised over all 3 H columns, like the LSTM's over 4 H. (Ba et al. standardise gates and candidate
each for itself.)

Cost: memory for 10 H instead of 4 H columns of z a step, as the products are saved as they were before normalisation.

References
----------
J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", 2016.
"""

from __future__ import annotations

from rnnbp.cells.cell import Cell, Product, Stage
from rnnbp.cells.gru import pullback, step

__all__ = ["LayerNormGRUCell"]


class LayerNormGRUCell(Cell):
    """The GRU with layer normalisation, the reset gate after the product; its gates in the order r, z, n.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.

    See Also
    --------
    rnnbp.layers.GRU

    Examples
    --------
    >>> LayerNormGRUCell(3, 4).states
    ('h',)
    """

    blocks = ("r", "z", "n", "n_h")
    states = ("h",)
    input = Product("input_weight", "x", into=("r", "z", "n"), gain="input_gain", bias="bias")
    stages = (
        Stage(
            (Product("recurrent_weight", "h", into=("r", "z", "n_h"), gain="recurrent_gain", bias="recurrent_bias"),),
            blocks=blocks,
            reads=("h",),
            outputs=("h",),
            step=step,
            pullback=pullback,
        ),
    )
