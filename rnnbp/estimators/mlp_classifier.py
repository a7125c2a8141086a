"""A static network that classifies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from rnnbp.estimators.base import Data
from rnnbp.estimators.classification import Classification
from rnnbp.estimators.declaring import documented
from rnnbp.estimators.perceptron import MultilayerPerceptron

__all__ = ["MLPClassifier"]


@documented
@dataclass(eq=False, repr=False, kw_only=True)
class MLPClassifier(Classification, MultilayerPerceptron):
    """A multilayer perceptron that classifies: scikit-learn's, with the same settings and results, only faster.

    The same `random_state` gives the network of `sklearn.neural_network.MLPClassifier`: to rounding with "lbfgs" and
    with "sgd" at a constant rate, and nearly so with "adam", which adds ``epsilon`` at another place there.

    $parameters

    $attributes

    See Also
    --------
    MLPRegressor : for numbers.
    RNNClassifier : for sequences.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier(dropout=0.1, max_iter=500, random_state=0).fit(X, y)
    >>> classifier.predict(X[:3])
    array([0, 0, 0])
    >>> classifier.score(X, y) > 0.95
    True
    """

    _words: ClassVar[dict[str, str]] = {
        "stratified": "; stratified, as in\n    scikit-learn, for two classes only, and not with groups"
    }

    def _stratify(self, data: Data) -> NDArray[Any] | None:
        """Return the labels of two classes; scikit-learn keeps no shares of more."""
        return super()._stratify(data) if self.n_outputs_ == 1 else None
