"""Static networks: what `MLPClassifier` and `MLPRegressor` share.

::

    a(0) = x;  a(k) = dropout(f_k(a(k-1) W_k + b_k));  z = a(K) W + b

Initial weights and biases are drawn as scikit-learn draws them, from the same `RandomState`: U(-s, s) with
s = sqrt(6 / (F_in + F_out)), or sqrt(2 / (F_in + F_out)) for layers of logistic units (Glorot and Bengio 2010).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from rnnbp.estimators.base import EVALUATED_AT_ONCE, NetworkEstimator, dense
from rnnbp.estimators.settings import FUNCTIONS, Perceptron, drawn_seed, layer_sizes
from rnnbp.layers import Activation, Dense, Dropout, Layer
from rnnbp.reading import refuse_unreadable
from rnnbp.training.evaluation import predict

__all__ = ["MultilayerPerceptron"]

Array = NDArray[Any]


class MultilayerPerceptron(NetworkEstimator, Perceptron):
    """A static network's half of an estimator; the other half says what y and outputs are."""

    largest_batch: ClassVar[int] = 200
    _attributes: ClassVar[str] = """\
coefs_, intercepts_ : list of ndarray
    Weights (F_in, F_out) and biases (F_out,) of each layer.
n_layers_ : int"""
    _words: ClassVar[dict[str, str]] = {
        "sample": "sample",
        "samples": "samples",
        "counted": "samples",
        "largest_batch": str(largest_batch),
        "X": "array-like or sparse matrix of shape (N, F)\n"
        "    Sparse matrices are made dense. float32 stays float32; all else is computed in float64.",
        "n_features": "",
        "goes_on": "",
    }

    _scaler: ClassVar[str] = "sklearn.preprocessing.StandardScaler"
    _remedies: ClassVar[str] = (
        "features scaled by StandardScaler, another learning_rate_init or random_state, or a larger n_iter_no_change"
    )

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each layer, of shape (F_in, F_out): views of the network's parameters."""
        return [self.network_.parameters[f"{k}.weight"] for k in self._dense]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of each layer, of shape (F_out,): views of the network's parameters."""
        return [self.network_.parameters[f"{k}.bias"] for k in self._dense]

    @property
    def n_layers_(self) -> int:
        """The number of layers, counting the input's."""
        return len(self._dense) + 1

    @property
    def _dense(self) -> list[int]:
        return [k for k, layer in enumerate(self.network_.layers) if isinstance(layer, Dense)]

    def _sizes(self) -> list[int]:
        return layer_sizes("hidden_layer_sizes", self.hidden_layer_sizes)

    def _functions(self) -> list[str]:
        n, given = len(self._sizes()), self.activation
        names = [given] * n if isinstance(given, str) else list(given)
        if len(names) != n:
            raise ValueError(f"activation names {len(names)} functions for {n} hidden layers: give each its own")
        return [FUNCTIONS[name] for name in names]

    def _layers(self, n_outputs: int) -> list[Layer]:
        layers: list[Layer] = []
        width = self.n_features_in_
        for size, function in zip(self._sizes(), self._functions(), strict=True):
            layers += [Dense(width, size), Activation(function)]
            if self.dropout:
                layers.append(Dropout(self.dropout))
            width = size
        return [*layers, Dense(width, n_outputs)]

    def _initialize(self, random_state: np.random.RandomState) -> None:
        functions = self._functions()
        functions += functions[-1:] or ["identity"]
        for weight, bias, function in zip(self.coefs_, self.intercepts_, functions, strict=True):
            bound = np.sqrt((2.0 if function == "sigmoid" else 6.0) / sum(weight.shape))
            weight[...] = random_state.uniform(-bound, bound, weight.shape)
            bias[...] = random_state.uniform(-bound, bound, bias.shape)
        if self.dropout:
            self.network_.rng = np.random.default_rng(drawn_seed(random_state))

    def _read_x(self, X: Any, *, reset: bool) -> Array:
        """Return X, checked; a sparse one as an ordinary array."""
        refuse_unreadable(dense(X), "X")
        rows = [row for row in X if isinstance(row, (list, tuple, np.ndarray))] if isinstance(X, list) else []
        if len({len(row) for row in rows if getattr(row, "ndim", 1)}) > 1:
            raise ValueError(
                "X is a list of rows of several lengths, but a static network takes the same features of each sample: "
                "for sequences there are RNNClassifier and RNNRegressor"
            )
        kinds = (np.float64, np.float32)
        return np.asarray(dense(validate_data(self, X, accept_sparse=["csr", "csc"], dtype=kinds, reset=reset)))

    def _apply(self, X: Any, function: Callable[[Array], Array]) -> Any:
        check_is_fitted(self)
        outputs = predict(self.network_, self._read_x(X, reset=False), batch_size=EVALUATED_AT_ONCE)
        return function(np.asarray(outputs))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
