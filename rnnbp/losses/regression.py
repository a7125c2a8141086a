r"""Mean squared error, for regression and forecasting.

    l_r = 1/F Σ_f (output_rf - target_rf)²          ∂l_r/∂output_rf = 2/F (output_rf - target_rf)

It is torch's and scikit-learn's mean: over all real elements, and without a factor of one half.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike

from rnnbp.losses.base import SquaredLoss, weighted_mean
from rnnbp.losses.targets import Array

__all__ = ["MeanSquaredError"]


class MeanSquaredError(SquaredLoss):
    """Mean of the squared differences over rows and features.

    Targets are numbers of shape (..., F), or (...) if there is one output.

    Examples
    --------
    >>> value, gradient = MeanSquaredError()([[1.0], [2.0]], [0.0, 2.0])
    >>> value
    0.5
    """

    name: ClassVar[str] = "mean_squared_error"

    def value_and_gradient(self, output: Array, target: Array, weight: Array | None = None) -> tuple[float, Array]:
        """Return the loss of real rows, and its gradient; see :meth:`Loss.value_and_gradient`."""
        difference = np.subtract(output, target, dtype=output.dtype)
        row_loss = np.einsum("rf,rf->r", difference, difference) / output.shape[1]
        difference *= 2.0 / output.shape[1]
        return weighted_mean(row_loss, difference, weight, self.normalizer(target, weight))

    def kernel(self, target: Array) -> str | None:
        """Return the kernel's name; see :meth:`Loss.kernel`."""
        return "squared_error"

    def curvature(self, target: Array, n_outputs: int, weight: Array | None = None) -> Array:
        """Return 2 w_r / (N F); see :meth:`SquaredLoss.curvature`."""
        weights = np.ones(len(target)) if weight is None else weight
        return np.asarray(2.0 * weights / (n_outputs * (self.normalizer(target, weight) or 1.0)))

    def feedback(self, target: Array, n_outputs: int, dtype: DTypeLike) -> Array:
        """Return the values themselves; see :meth:`Loss.feedback`."""
        return target.astype(dtype, copy=False)
