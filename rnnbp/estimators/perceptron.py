"""Static networks: what `MLPClassifier` and `MLPRegressor` share.

::

    a(0) = x;  a(k) = dropout(f_k(a(k-1) W_k + b_k));  z = a(K) W + b

Initial weights and biases are drawn as scikit-learn draws them, from the same `RandomState`: U(-s, s) with
s = sqrt(6 / (F_in + F_out)), or sqrt(2 / (F_in + F_out)) for layers of logistic units (Glorot and Bengio 2010).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from rnnbp.activations import ACTIVATIONS
from rnnbp.configuration import lookup, whole_number
from rnnbp.estimators.base import EVALUATED_AT_ONCE, NetworkEstimator, dense
from rnnbp.layers import Activation, Dense, Dropout, Layer
from rnnbp.training.evaluation import predict

__all__ = ["MultilayerPerceptron"]

Array = NDArray[Any]

FUNCTIONS = {"logistic": "sigmoid"} | {name: name for name in ACTIVATIONS}  # scikit-learn's name is known too


class MultilayerPerceptron(NetworkEstimator):
    """A static network; see `MLPClassifier`."""

    hidden_layer_sizes: int | Sequence[int]
    activation: str | Sequence[str]

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
        given = self.hidden_layer_sizes
        sizes = list(given) if hasattr(given, "__iter__") else [given]
        try:
            return [whole_number("hidden_layer_sizes", size) for size in sizes]
        except ValueError:
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.") from None

    def _functions(self) -> list[str]:
        sizes, given = self._sizes(), self.activation
        names = [given] * len(sizes) if isinstance(given, str) else list(given)
        if len(names) != len(sizes):
            raise ValueError(
                f"activation names {len(names)} functions for {len(sizes)} hidden layers: give each its own"
            )
        return [lookup(FUNCTIONS, name, "activation") for name in names]

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
            self.network_.rng = np.random.default_rng(random_state.randint(2**31 - 1))

    def _read(self, X: Any, y: Any, *, anew: bool, numeric: bool) -> tuple[Array, Array]:
        """Return X and y, checked; sparse ones as ordinary arrays."""
        X, y = validate_data(
            self,
            X,
            dense(y),
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=numeric,
            dtype=(np.float64, np.float32),
            reset=anew,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return dense(X), y

    def _apply(self, X: Any, function: Callable[[Array], Array]) -> Any:
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=(np.float64, np.float32), reset=False)
        z = predict(self.network_, dense(X), batch_size=EVALUATED_AT_ONCE)
        return function(np.asarray(z))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
