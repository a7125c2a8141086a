"""The Jacobian of a network's outputs: how each of them changes with each parameter.

::

    J_(i,p) = dy_i / dtheta_p: row i is the pullback of unit vector i

A backward pass adds up what the examples of a batch say of theta, so each row of J is a pass of its example alone, back
from one output; all layers and gradient algorithms work as they are.

Cost: a run of one example forwards and back for each output, and memory for n_outputs_total x P numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rnnbp.data.batch import Batch
from rnnbp.data.packing import Packing
from rnnbp.names import explained
from rnnbp.networks.network import Network, check_network

__all__ = ["jacobian", "rows_jacobian"]

Array = NDArray[Any]
Index = NDArray[np.intp]


@explained
def jacobian(net: Network, x: ArrayLike | Sequence[ArrayLike], lengths: ArrayLike | None = None) -> Array:
    """Return the derivatives of a network's outputs with respect to its parameters.

    Parameters
    ----------
    net : Network
        Its dropout is off.
    x : array of shape (B, I) or (T, B, I), or list of arrays of shape (T_i, I)
        See `Network.batch`.
    lengths : array of int, of shape (B,), or None, default None
        The true lengths of padded sequences.

    Returns
    -------
    ndarray of shape (n_outputs_total, n_parameters)
        Row i belongs to ``net.forward(x, lengths).ravel()[i]``, and is zero where that is padding; column p belongs to
        ``net.theta[p]``.

    Raises
    ------
    ValueError
        If the input does not fit the network.

    Examples
    --------
    >>> from rnnbp import layers
    >>> net = Network([layers.Dense(2, 1)])
    >>> jacobian(net, [[3.0, 4.0]])
    array([[3., 4., 1.]], dtype=float32)
    """
    check_network(net)
    batch = net.batch(x, lengths)
    rows = rows_jacobian(net, batch)
    if batch.packing is not None:
        output = net.interface.output_packing(batch.packing)
        rows = batch.packing.unsort(rows) if output is None else output.unpack(rows)
    return rows.reshape(-1, net.theta.size)


def rows_jacobian(
    net: Network,
    batch: Batch,
    *,
    training: bool = False,
    teacher: Array | None = None,
    dtype: DTypeLike | None = None,
) -> Array:
    """Return the derivatives of the rows of a batch's output with respect to theta.

    Parameters
    ----------
    net : Network
    batch : Batch
    training, teacher
        See `Network.run`.
    dtype : dtype or None
        Of the result; default: the network's.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs, n_parameters)
        Where `Pass.rows` is of shape (n_rows, n_outputs).
    """
    output = None if batch.packing is None else net.interface.output_packing(batch.packing)
    n_rows = batch.n_examples if output is None else output.n_rows
    rows = np.empty((n_rows, net.n_outputs, net.theta.size), dtype or net.dtype)
    for i, own in enumerate(_rows_of_examples(batch)):
        packing = None if batch.packing is None else Packing.full(len(own), 1)
        example = replace(batch, rows=batch.rows[own], packing=packing)
        outputs = np.array([i]) if output is None else output.starts[: output.lengths[i]] + i
        own_teacher = None if teacher is None else teacher[outputs]
        unit = np.zeros((len(outputs), net.n_outputs), net.dtype)
        for place, row in enumerate(outputs):
            for column in range(net.n_outputs):
                unit[place, column] = 1.0
                forward = net.run(example, training=training, teacher=own_teacher)
                rows[row, column] = forward.backward_rows(unit, input_gradient=False).theta
                unit[place, column] = 0.0
    return rows


def _rows_of_examples(batch: Batch) -> Iterator[Index]:
    """Return the rows of each example or sequence, in packed order."""
    if batch.packing is None:
        yield from np.arange(batch.n_examples)[:, None]
    else:
        for i, length in enumerate(batch.packing.lengths):
            yield batch.packing.starts[:length] + i
