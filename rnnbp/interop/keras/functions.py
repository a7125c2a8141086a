"""Activation functions as Keras names them."""

from __future__ import annotations

from typing import Any

from rnnbp.activations import family_of, named

__all__ = ["layer_of", "name_in_keras", "name_of", "name_of_layer"]

NAMES = {
    "linear": "identity",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "elu": "elu",
    "gelu": "gelu",
    "softplus": "softplus",
    "softsign": "softsign",
    "softmax": "softmax",
    "hard_sigmoid": named("hard_sigmoid", 1 / 6, 0.5),
    "leaky_relu": named("leaky_relu", 0.2),
}
OURS = {ours: theirs for theirs, ours in NAMES.items()}


def name_in_keras(name: str) -> str:
    """Return Keras' name of an activation function.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in OURS:
        raise ValueError(f"has the activation {name!r}, which Keras has not")
    return OURS[name]


def layer_of(name: str, keras: Any) -> Any:
    """Return the layer of an activation function.

    Raises
    ------
    ValueError
        If there is none.
    """
    family, numbers = family_of(name)
    if name in OURS:
        return keras.layers.Activation(OURS[name])
    if family == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=numbers[0])
    if family == "elu":
        return keras.layers.ELU(alpha=numbers[0])
    raise ValueError(f"has the activation {name!r}, which Keras has not")


def name_of(function: Any) -> str:
    """Return our name of a function of Keras.

    Raises
    ------
    ValueError
        If there is none.
    """
    theirs = getattr(function, "__name__", str(function))
    if theirs not in NAMES or "keras" not in str(getattr(function, "__module__", "")):
        raise ValueError(f"has the activation {theirs!r}, which has no counterpart here")
    return NAMES[theirs]


def name_of_layer(layer: Any) -> str | None:
    """Return our name of the function that a layer of Keras is; None if it is another layer.

    Raises
    ------
    ValueError
        If we have the function, but not with its settings.
    """
    kind = type(layer).__name__
    if kind == "Activation":
        return name_of(layer.activation)
    if kind == "ELU":
        return named("elu", float(layer.alpha))
    if kind == "LeakyReLU":
        return named("leaky_relu", float(layer.negative_slope))
    if kind == "Softmax":
        if layer.axis != -1:
            raise ValueError(f"has axis={layer.axis}: it must go over the features, axis=-1")
        return "softmax"
    if kind == "ReLU":
        settings = (layer.max_value, float(layer.threshold))
        if settings == (None, 0.0):
            return named("leaky_relu", float(layer.negative_slope)) if layer.negative_slope else "relu"
        raise ValueError(f"has max_value={layer.max_value} and threshold={layer.threshold}: None and 0 are supported")
    return None
