"""A static network that predicts numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rnnbp.estimators.declaring import documented
from rnnbp.estimators.perceptron import MultilayerPerceptron
from rnnbp.estimators.regression import Regression

__all__ = ["MLPRegressor"]


@documented
@dataclass(eq=False, repr=False, kw_only=True)
class MLPRegressor(Regression, MultilayerPerceptron):
    """A multilayer perceptron that predicts numbers: scikit-learn's, with the same settings, only faster.

    The same `random_state` gives the network of `sklearn.neural_network.MLPRegressor`: to rounding with "lbfgs" and
    with "sgd" at a constant rate, and nearly so with "adam", which adds ``epsilon`` at another place there.

    $parameters

    $attributes

    See Also
    --------
    MLPClassifier : for labels.
    RNNRegressor : for sequences.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = MLPRegressor(solver="lbfgs", hidden_layer_sizes=8, alpha=10.0, max_iter=1000, random_state=0)
    >>> regressor.fit(scale(X), scale(y)).score(scale(X), scale(y)) > 0.5
    True
    """

    _remedies: ClassVar[str] = f"{Regression._scaled}; {MultilayerPerceptron._remedies}"
