"""What regressors share: numbers as targets, and outputs as numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from rnnbp.estimators.declaring import one_of, setting
from rnnbp.estimators.objectives import HalfPoissonDeviance, HalfSquaredError
from rnnbp.estimators.scaling import badly_scaled_target
from rnnbp.estimators.supervised import Supervised
from rnnbp.losses import Loss
from rnnbp.names import explained
from rnnbp.warning import warn

__all__ = ["Regression"]

Array = NDArray[Any]


OBJECTIVES: dict[str, tuple[type[Loss], str]] = {
    "squared_error": (HalfSquaredError, "identity"),
    "poisson": (HalfPoissonDeviance, "exp"),
}


@dataclass(eq=False, repr=False, kw_only=True)
class Regression(RegressorMixin, Supervised):  # type: ignore[misc]
    """A regressor's half of an estimator: y is numbers; the other half reads X and makes the network."""

    _attributes: ClassVar[str] = 'out_activation_ : str\n    "identity", or "exp" for counts.'
    _words: ClassVar[dict[str, str]] = {
        "y": "array-like of shape (N,) or (N, n_outputs)",
        "score": "the coefficient of determination",
        "range": "At most 1; 0 is a constant's score.",
        "stratified": "",
        "bad_targets": " Or if a target is, unless the solver looks for\n"
        '    the length of its steps itself, as "lbfgs" does: if its standard deviation is below 0.05 or above 20, or\n'
        "    its mean more than ten standard deviations from 0. What scales y, and predictions back, is\n"
        "    ``sklearn.compose.TransformedTargetRegressor(regressor, transformer=StandardScaler())``.",
        "no_better": " Or if it ends with `max_iter`, at a loss above that of a constant.",
    }
    _chance: ClassVar[str] = "no better than a constant"
    _scaled: ClassVar[str] = "y scaled by TransformedTargetRegressor(..., transformer=StandardScaler())"  # a remedy
    _near: ClassVar[dict[str, float]] = Supervised._near | {"max_epochs": 1.0}

    loss: Literal["squared_error", "poisson"] = setting(
        "squared_error",
        one_of(OBJECTIVES, "loss"),
        """
        Half the squared error, or half the deviance of counts, whose mean is then the exponential of the output; both
        are summed over outputs.
        """,
    )

    out_activation_: str = field(init=False)
    _numeric: ClassVar[bool] = True

    score = Supervised.score  # scikit-learn's knows no steps
    _metric = staticmethod(r2_score)

    def _encode(self, rows: Array, *, anew: bool, incremental: bool) -> Array:
        """Return numbers as rows of targets."""
        rows = rows.reshape(len(rows), -1)
        if not anew and rows.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {rows.shape[1]} outputs, but there were {self.n_outputs_} before")
        self.n_outputs_ = rows.shape[1]
        _, self.out_activation_ = OBJECTIVES[self.loss]
        return rows

    def _warn_of_scales(self, frames: Array, rows: Array) -> None:
        """Say it if a feature or a target is on a scale that networks learn badly from."""
        super()._warn_of_scales(frames, rows)
        steps_as_told = hasattr(self, "partial_fit")  # and not as long as the solver finds best
        if self.out_activation_ != "identity" or not steps_as_told:
            return
        if (found := badly_scaled_target(rows.reshape(len(rows), -1))) is not None:
            k, mean, spread = found
            warn(
                f"y{f', output {k},' if self.n_outputs_ > 1 else ''} has a mean of {mean:.3g} and a standard deviation "
                f"of {spread:.3g}, but networks learn best to predict 0 and 1: {self._what_scales()}"
            )

    def _what_scales(self) -> str:
        """Return what brings targets to a scale that networks learn well from."""
        return (
            f"sklearn.compose.TransformedTargetRegressor({type(self).__name__}(...), transformer=StandardScaler()) "
            "scales it, and predictions back"
        )

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

    @explained
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
