"""What regressors share: numbers as targets, and outputs as numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from rnnbp.configuration import lookup
from rnnbp.estimators.objectives import HalfPoissonDeviance, HalfSquaredError
from rnnbp.losses import Loss

__all__ = ["Regression"]

Array = NDArray[Any]

OBJECTIVES: dict[str, tuple[type[Loss], str]] = {
    "squared_error": (HalfSquaredError, "identity"),
    "poisson": (HalfPoissonDeviance, "exp"),
}


class Regression(RegressorMixin):  # type: ignore[misc]
    """A regressor's half of an estimator; the other half is a `NetworkEstimator`."""

    loss: str
    n_outputs_: int
    out_activation_: str
    _apply: Callable[[Any, Callable[[Array], Array]], Any]  # a function of the outputs for X, in X's form
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}  # asked for, as splitters ask for them

    def _read_objective(self) -> None:
        _, self.out_activation_ = lookup(OBJECTIVES, self.loss, "loss")

    def _objective(self) -> Loss:
        kind, _ = OBJECTIVES[self.loss]
        return kind()

    def _validation_score(self, target: Array, output: Array, sample_weight: Array | None = None) -> float:
        """Return the coefficient of determination, averaged over outputs."""
        with np.errstate(over="ignore"):
            values = self._values(output).reshape(target.shape)
        if not np.isfinite(values).all():
            return float("nan")
        return float(r2_score(target, values, sample_weight=sample_weight))

    def predict(self, X: Any) -> Any:
        """Return the predicted values.

        Parameters
        ----------
        X : array-like
            As in `fit`.

        Returns
        -------
        ndarray of shape (N,) for one output, else (N, n_outputs)
            `RNNRegressor` returns such a number or row for each step, in X's form, if it was fitted to values a step.
        """
        return self._apply(X, self._values)

    def _values(self, z: Array) -> Array:
        values = np.exp(z) if self.out_activation_ == "exp" else z
        return values[:, 0] if self.n_outputs_ == 1 else values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
