"""A recurrent network that predicts numbers: for each sequence, or for each step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from numpy.typing import NDArray

from rnnbp.estimators.declaring import documented
from rnnbp.estimators.recurrent import RecurrentEstimator
from rnnbp.estimators.regression import Regression
from rnnbp.estimators.settings import Pooling
from rnnbp.estimators.steps import are_steps, joined

__all__ = ["RNNRegressor"]

Array = NDArray[Any]


@documented
@dataclass(eq=False, repr=False, kw_only=True)
class RNNRegressor(Regression, RecurrentEstimator, Pooling):
    """A recurrent network that predicts numbers: for each sequence, or for each step.

    Which of them is decided by y's form: one number or row of numbers a sequence, or one a step. Only for the first are
    steps pooled.

    $parameters

    $attributes

    See Also
    --------
    RNNForecaster : predicts a series from its own past.

    Examples
    --------
    The running mean of a sequence, at each step:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(length, 1)) for length in rng.integers(5, 12, size=60)]
    >>> y = [np.cumsum(sequence) / np.arange(1, len(sequence) + 1) for sequence in X]
    >>> regressor = RNNRegressor(16, tol=0.001, learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> regressor.score(X, y) > 0.9
    True
    >>> [values.shape for values in regressor.predict(X[:2])] == [values.shape for values in y[:2]]
    True
    """

    learning_rate_init: float = 0.003

    _remedies: ClassVar[str] = (
        f"{Regression._scaled}; hidden_layer_sizes=(64, 64), convolution=(12, 3), bidirectional=True, "
        f'pooling="max"; {RecurrentEstimator._remedies}'
    )
    _remedies_of_steps: ClassVar[str] = f"y scaled by preprocessing.SequenceScaler; {RecurrentEstimator._remedies}"

    steps_: bool = field(init=False)
    _attributes: ClassVar[str] = "steps_ : bool\n    Whether there is a value for each step."
    _words: ClassVar[dict[str, str]] = {
        "counted": "sequences (or steps)",
        "score": "the coefficient of determination (over sequences, or over all steps)",
        "y": "array-like of shape (N,) or (N, n_outputs)\n"
        "    Numbers for each sequence. Or for each step: a list of arrays of shape (T_i,) or (T_i, n_outputs), or an\n"
        "    array of shape (N, T, n_outputs). An (N, T) array is T numbers for each sequence.",
        "weights": "array-like of shape (N,), or None\n"
        "    How much each sequence counts. Where steps have targets, also a list of arrays of shape (T_i,), or an\n"
        "    array of shape (N, T): how much each step counts, and 0 leaves it out.",
    }

    @property
    def _per_step(self) -> bool:  # type: ignore[override]
        return self.steps_

    def _what_to_try(self) -> str:
        return self._remedies_of_steps if self.steps_ else self._remedies

    def _what_scales(self) -> str:
        """Return what brings targets to a good scale: scikit-learn's wrapper takes none that differ in length."""
        if not self.steps_:
            return super()._what_scales()
        return (
            "take preprocessing.SequenceScaler().fit(y), fit to its transform(y), and give predictions to its "
            "inverse_transform"
        )

    def _read_y(self, y: Any, x: Any, *, anew: bool) -> Array:
        """Return one row of numbers for each sequence, or for each step."""
        lengths = x.lengths
        steps = are_steps(y, lengths)
        if not anew and steps != self.steps_:
            raise ValueError("y has one target a sequence, and had one a step before, or the other way round")
        self.steps_ = steps
        if steps and self.convolution is not None and self.convolution[1] > 1:
            raise ValueError(
                f"y has a target for each step, but with convolution={self.convolution} there is an output only every "
                f"{self.convolution[1]} steps: give it a stride of 1"
            )
        if steps:
            return self._check_rows(joined(y, lengths), lengths.sum(), warn=False)
        return super()._read_y(y, x, anew=anew)
