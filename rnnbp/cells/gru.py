"""The gated recurrent unit.

::

    r = sigmoid(x W_r + h' U_r + b_r)         (1)   reset gate
    z = sigmoid(x W_z + h' U_z + b_z)         (2)   update gate
    n = tanh(n_x + r n_h)                     (3)   candidate, with n_x = x W_n + b_n,  n_h = h' U_n + c_n
    h = (1 - z) n + z h'                      (4)

    dz = dh (h' - n);  dn = dh (1 - z);  dh' = dh z                          (4')
    dn_x = dn (1 - n^2);  dn_h = dn_x r;  dr = dn_x n_h                      (3')
    dz_z = dz z (1 - z)                                                      (2')
    dz_r = dr r (1 - r)                                                      (1')

In this form the reset gate acts after the recurrent product. In the older one (`ResetBeforeGRUCell`) it acts before::

    q = r h'                                  (3a)
    n = tanh(x W_n + q U_n + b_n)             (3b)

    dz_n = dn (1 - n^2);  dq = dz_n U_n^T                                    (3b')
    dr = dq h';  dh' += dq r                                                 (3a')

so there the product with U_n is a stage of its own.

References
----------
K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014 (reset before; there the roles
of z and 1 - z are exchanged).
cuDNN, PyTorch and Keras' ``reset_after=True`` compute the reset-after form.
"""

from __future__ import annotations

from rnnbp.cells.cell import Cell, Product, Stage
from rnnbp.kernels.elementwise import sigmoid, tanh

__all__ = ["GRUCell", "ResetBeforeGRUCell"]


def step(blocks, inputs):
    """Compute (1) to (4)."""
    (z_r, z_z, n_x, n_h), (h_previous,) = blocks, inputs
    r = sigmoid(z_r)  # 1
    z = sigmoid(z_z)  # 2
    n = tanh(n_x + r * n_h)  # 3
    h = n + z * (h_previous - n)  # 4
    return (r, z, n, n_h), (h,)


def pullback(saved, inputs, outputs, d_outputs):
    """Compute (4') to (1')."""
    (r, z, n, n_h), (h_previous,), (dh,) = saved, inputs, d_outputs
    dz, dn, dh_previous = dh * (h_previous - n), dh * (1.0 - z), dh * z  # 4'
    dn_x = dn * (1.0 - n * n)  # 3'
    dn_h, dr = dn_x * r, dn_x * n_h  # 3'
    dz_z = dz * z * (1.0 - z)  # 2'
    dz_r = dr * r * (1.0 - r)  # 1'
    return (dz_r, dz_z, dn_x, dn_h), (dh_previous,)


class GRUCell(Cell):
    """The GRU with the reset gate after the recurrent product; its gates in the order r, z, n.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.

    See Also
    --------
    ResetBeforeGRUCell
    rnnbp.layers.GRU

    Examples
    --------
    >>> cell = GRUCell(3, 4)
    >>> cell.blocks, cell.states
    (('r', 'z', 'n', 'n_h'), ('h',))
    """

    blocks = ("r", "z", "n", "n_h")
    states = ("h",)
    input = Product("input_weight", "x", into=("r", "z", "n"), bias="bias")
    stages = (
        Stage(
            (Product("recurrent_weight", "h", into=("r", "z", "n_h"), bias="recurrent_bias"),),
            blocks=blocks,
            reads=("h",),
            outputs=("h",),
            step=step,
            pullback=pullback,
        ),
    )


def reset_step(blocks, inputs):
    """Compute (1) and (3a)."""
    (z_r,), (h_previous,) = blocks, inputs
    r = sigmoid(z_r)  # 1
    q = r * h_previous  # 3a
    return (r,), (q,)


def reset_pullback(saved, inputs, outputs, d_outputs):
    """Compute (3a') and (1')."""
    (r,), (h_previous,), (dq,) = saved, inputs, d_outputs
    dr, dh_previous = dq * h_previous, dq * r  # 3a'
    dz_r = dr * r * (1.0 - r)  # 1'
    return (dz_r,), (dh_previous,)


def update_step(blocks, inputs):
    """Compute (2), (3b) and (4)."""
    (z_z, z_n), (h_previous,) = blocks, inputs
    z = sigmoid(z_z)  # 2
    n = tanh(z_n)  # 3b
    h = n + z * (h_previous - n)  # 4
    return (z, n), (h,)


def update_pullback(saved, inputs, outputs, d_outputs):
    """Compute (4'), (3b') and (2')."""
    (z, n), (h_previous,), (dh,) = saved, inputs, d_outputs
    dz, dn, dh_previous = dh * (h_previous - n), dh * (1.0 - z), dh * z  # 4'
    dz_n = dn * (1.0 - n * n)  # 3b'
    dz_z = dz * z * (1.0 - z)  # 2'
    return (dz_z, dz_n), (dh_previous,)


class ResetBeforeGRUCell(Cell):
    """The GRU with the reset gate before the recurrent product; its gates in the order r, z, n.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.

    See Also
    --------
    GRUCell
    rnnbp.layers.GRU

    Examples
    --------
    >>> [len(stage.products) for stage in ResetBeforeGRUCell(3, 4).stages]
    [1, 1]
    """

    blocks = ("r", "z", "n")
    states = ("h",)
    input = Product("input_weight", "x", into=blocks, bias="bias")
    stages = (
        Stage(
            (Product("recurrent_weight", "h", into=("r", "z")),),
            blocks=("r",),
            reads=("h",),
            outputs=("q",),
            step=reset_step,
            pullback=reset_pullback,
        ),
        Stage(
            (Product("recurrent_weight", "q", into=("n",), lag=0),),
            blocks=("z", "n"),
            reads=("h",),
            outputs=("h",),
            step=update_step,
            pullback=update_pullback,
        ),
    )
