"""Losses in the scale of scikit-learn's networks, which the strength of ``alpha`` and ``tol`` are measured in.

With outputs ``z`` and targets ``y`` of F columns, a row's loss is a sum over columns and no mean::

    squared_error    l = 1/2 sum_f (z_f - y_f)^2
    log_loss         l = -log p_y  of softmax z,  or  sum_f of the binary cross-entropies of sigmoid z_f
    poisson          l = sum_f exp z_f - y_f z_f + (y_f log y_f - y_f)       half the deviance; the output is exp z_f

The bracket does not depend on z: with it the loss of a perfect prediction is 0.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy.special import xlogy

from rnnbp.losses import BinaryCrossEntropy, Loss, MeanSquaredError
from rnnbp.losses.base import weighted_mean
from rnnbp.losses.targets import Array, refuse, values

__all__ = ["BinaryLogLoss", "HalfPoissonDeviance", "HalfSquaredError"]


class HalfSquaredError(MeanSquaredError):
    """Half the squared differences, summed over outputs."""

    name: ClassVar[str] = "half_squared_error"

    def value_and_gradient(self, output: Array, target: Array, weight: Array | None = None) -> tuple[float, Array]:
        """Return the loss of real rows, and its gradient; see :meth:`Loss.value_and_gradient`."""
        value, gradient = super().value_and_gradient(output, target, weight)
        gradient *= 0.5 * output.shape[1]
        return 0.5 * output.shape[1] * value, gradient

    def kernel(self, target: Array) -> str | None:
        """Return the kernel's name; see :meth:`Loss.kernel`."""
        return "squared_error"

    def row_weights(self, target: Array, weight: Array | None = None) -> Array | None:
        """Return what makes a sum of the kernel's mean over columns; see :meth:`Loss.row_weights`."""
        return np.asarray(0.5 * target.shape[1] * (np.ones(len(target)) if weight is None else weight))


class BinaryLogLoss(BinaryCrossEntropy):
    """The cross-entropies of yes-or-no outputs, summed over outputs."""

    name: ClassVar[str] = "binary_log_loss"

    def value_and_gradient(self, output: Array, target: Array, weight: Array | None = None) -> tuple[float, Array]:
        """Return the loss of real rows, and its gradient; see :meth:`Loss.value_and_gradient`."""
        value, gradient = super().value_and_gradient(output, target, weight)
        gradient *= output.shape[1]
        return output.shape[1] * value, gradient

    def kernel(self, target: Array) -> str | None:
        """Return the kernel's name, unless outputs have weights; see :meth:`Loss.kernel`."""
        return "binary_cross_entropy" if self.pos_weight is None else None

    def row_weights(self, target: Array, weight: Array | None = None) -> Array | None:
        """Return what makes a sum of the kernel's mean over columns; see :meth:`Loss.row_weights`."""
        return np.asarray(target.shape[1] * (np.ones(len(target)) if weight is None else weight))


class HalfPoissonDeviance(Loss):
    """Half the deviance of counts whose mean is exp(output), summed over outputs."""

    name: ClassVar[str] = "half_poisson_deviance"

    def encode(
        self,
        target: ArrayLike,
        n_outputs: int,
        *,
        leading: tuple[int, ...] | None = None,
        lengths: ArrayLike | None = None,
    ) -> Array:
        """Check that targets are not negative and as wide as the output; see :meth:`Loss.encode`."""
        array = values(target, n_outputs, leading=leading, lengths=lengths)
        refuse(array < 0, array, "is negative, which no count is", name="y")
        return array

    def value_and_gradient(self, output: Array, target: Array, weight: Array | None = None) -> tuple[float, Array]:
        """Return the loss of real rows, and its gradient; see :meth:`Loss.value_and_gradient`."""
        mean = np.exp(output)
        row_loss = (mean - target * output + xlogy(target, target) - target).sum(axis=1)
        gradient = np.subtract(mean, target, dtype=output.dtype)
        return weighted_mean(row_loss, gradient, weight, self.normalizer(target, weight))

    def feedback(self, target: Array, n_outputs: int, dtype: DTypeLike) -> Array:
        """Return the counts themselves; see :meth:`Loss.feedback`."""
        return target.astype(dtype, copy=False)
