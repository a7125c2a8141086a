"""A network's loss over a data set as a sum of squares, for least-squares optimizers.

With outputs y, their Jacobian J by theta, and a loss of curvature c in each output::

    L = sum c (y - t)^2 / 2;    dL = J^T c (y - t)                           by backpropagation
    d2L ~ J^T diag(c) J                                                      the Gauss-Newton matrix

which leaves out what the second derivatives of y add: nothing where y = t, or where the network is linear in theta.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.training_set import TrainingSet
from rnnbp.losses import Loss, SquaredLoss
from rnnbp.networks.jacobians import rows_jacobian
from rnnbp.networks.network import Network

__all__ = ["LeastSquares"]

Array = NDArray[Any]
Index = NDArray[np.intp]


class LeastSquares:
    """The loss of a network over a data set; an `rnnbp.optimizers.SumOfSquares`.

    Parameters
    ----------
    net : Network
    data : TrainingSet
        With targets.
    loss : Loss
    pieces : sequence of ndarray of int
        The examples, cut into pieces of which the Jacobian fits into memory.
    function : callable
        ``function(theta)`` returns the loss of all the data, and its gradient.
    penalty : float
        The second derivative, per unit of the data's normalizer, of what is added to the loss for each weight that
        decays.

    Raises
    ------
    ValueError
        If the loss is not a sum of squares, or if the network draws random numbers in training.
    """

    def __init__(
        self,
        net: Network,
        data: TrainingSet,
        loss: Loss,
        pieces: Sequence[Index],
        function: Callable[[Array], tuple[float, Array]],
        *,
        penalty: float = 0.0,
    ) -> None:
        if not isinstance(loss, SquaredLoss):
            raise ValueError(
                f"least squares need a loss that is a sum of squares, and {loss!r} is none: take "
                "losses.MeanSquaredError(), or an optimizer such as LBFGS()"
            )
        before = net.rng.bit_generator.state
        net.run(data.take(pieces[0][:1]).batch, training=True, keep=False)
        if net.rng.bit_generator.state != before:
            raise ValueError(
                "least squares need residuals that are functions of the parameters alone, and in training this network "
                "draws random numbers: leave out its dropout or zoneout, or take an optimizer such as Adam()"
            )
        self._net, self._data, self._loss, self._pieces = net, data, loss, pieces
        self._function, self._penalty = function, penalty
        self.n_residuals = max(self._n_rows(piece) for piece in pieces) * net.n_outputs

    def _n_rows(self, piece: Index) -> int:
        batch = self._data.take(piece).batch
        return batch.n_examples if self._net.pools_time else len(batch.rows)

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """Return the loss and its gradient."""
        return self._function(theta)

    def gauss_newton(self, theta: Array) -> Array:
        """Return the Gauss-Newton matrix in float64, of shape (P, P)."""
        net, loss = self._net, self._loss
        total, normalizer = np.zeros((theta.size, theta.size)), 0.0
        for piece in self._pieces:
            part = self._data.take(piece)
            batch, target, weight = part.batch, part.target, part.weight
            assert target is not None
            teacher = (
                None if net.interface.teacher_forced_layer is None else loss.feedback(target, net.n_outputs, net.dtype)
            )
            rows = rows_jacobian(net, batch, training=True, teacher=teacher, dtype=np.float64)
            share = loss.normalizer(target, weight)
            rows *= np.sqrt(share * loss.curvature(target, net.n_outputs, weight))[:, None, None]
            flat = rows.reshape(-1, theta.size)
            total += flat.T @ flat
            normalizer += share
        total[np.diag_indices_from(total)] += self._penalty * net.parameters.decayed
        return total / normalizer
