"""Activation functions and their pullbacks, by name.

With y = f(z) and dy = dL/dy, a pullback gives dz = dL/dz::

    identity     y = z                              dz = dy
    sigmoid      y = 1 / (1 + e^-z)                 dz = dy y (1 - y)
    tanh         y = tanh z                         dz = dy (1 - y^2)
    relu         y = max(z, 0)                      dz = dy [z > 0]
    leaky_relu   y = z if z > 0 else z / 100        dz = dy (1 if z > 0 else 1/100)
    elu          y = z if z > 0 else e^z - 1        dz = dy (1 if z > 0 else y + 1)
    gelu         y = z Phi(z)                       dz = dy (Phi(z) + z phi(z))
    softplus     y = log(1 + e^z)                   dz = dy / (1 + e^-z)
    softmax      y_k = e^(z_k) / sum_j e^(z_j)      dz = y (dy - sum_j dy_j y_j)

All but softmax act on each element alone; softmax acts on the last axis. Standardisation, the heart of layer
normalisation, acts on the last axis too; for each row x, with eps = 1e-5::

    m = mean(x);  v = mean((x - m)^2);  s = 1 / sqrt(v + eps)                (1)
    u = (x - m) s                                                            (2)

    dx = s (du - mean(du) - u mean(du u))                                    (2', 1')

References
----------
elu: Clevert, Unterthiner and Hochreiter 2016. gelu: Hendrycks and Gimpel 2016 (the exact form, with erf).
Standardisation: Ba, Kiros and Hinton, "Layer normalization", 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import lookup
from rnnbp.kernels.elementwise import (
    Operand,
    exp,
    expm1,
    maximum,
    minimum,
    normal_cdf,
    normal_pdf,
    sigmoid,
    softplus,
    tanh,
    where,
)

__all__ = ["ACTIVATIONS", "ActivationFunction", "get", "standardize", "standardize_pullback"]

Array = NDArray[Any]

LEAK = 0.01
EPSILON = 1e-5


@dataclass(frozen=True)
class ActivationFunction:
    """A function y = f(z) with its pullback.

    Attributes
    ----------
    name : str
        What users call it.
    value : callable
        ``value(z) -> y``.
    pullback : callable
        ``pullback(dy, z, y) -> dz``.
    elementwise : bool
        Whether each element is mapped alone (all but softmax).
    """

    name: str
    value: Callable[[Operand], Operand]
    pullback: Callable[[Operand, Operand, Operand], Operand]
    elementwise: bool = True


def _identity(z: Operand) -> Operand:
    return z


def _identity_pullback(dy: Operand, z: Operand, y: Operand) -> Operand:
    return dy


def _sigmoid_pullback(dy: Operand, z: Operand, y: Operand) -> Operand:
    return dy * y * (1.0 - y)


def _tanh_pullback(dy: Operand, z: Operand, y: Operand) -> Operand:
    return dy * (1.0 - y * y)


def _relu(z: Operand) -> Operand:
    return maximum(z, 0.0)


def _relu_pullback(dy: Operand, z: Operand, y: Operand) -> Operand:
    return where(z > 0.0, dy, 0.0 * dy)


def _leaky_relu(z: Operand) -> Operand:
    return where(z > 0.0, z, LEAK * z)


def _leaky_relu_pullback(dy: Operand, z: Operand, y: Operand) -> Operand:
    return where(z > 0.0, dy, LEAK * dy)


def _elu(z: Operand) -> Operand:
    return where(z > 0.0, z, expm1(minimum(z, 0.0)))


def _elu_pullback(dy: Operand, z: Operand, y: Operand) -> Operand:
    return where(z > 0.0, dy, dy * (y + 1.0))


def _gelu(z: Operand) -> Operand:
    return z * normal_cdf(z)


def _gelu_pullback(dy: Operand, z: Operand, y: Operand) -> Operand:
    return dy * (normal_cdf(z) + z * normal_pdf(z))


def _softplus_pullback(dy: Operand, z: Operand, y: Operand) -> Operand:
    return dy * sigmoid(z)


def _softmax(z: Operand) -> Operand:
    e = exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _softmax_pullback(dy: Operand, z: Operand, y: Operand) -> Operand:
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        ActivationFunction("identity", _identity, _identity_pullback),
        ActivationFunction("sigmoid", sigmoid, _sigmoid_pullback),
        ActivationFunction("tanh", tanh, _tanh_pullback),
        ActivationFunction("relu", _relu, _relu_pullback),
        ActivationFunction("leaky_relu", _leaky_relu, _leaky_relu_pullback),
        ActivationFunction("elu", _elu, _elu_pullback),
        ActivationFunction("gelu", _gelu, _gelu_pullback),
        ActivationFunction("softplus", softplus, _softplus_pullback),
        ActivationFunction("softmax", _softmax, _softmax_pullback, elementwise=False),
    )
}


def get(name: str) -> ActivationFunction:
    """Return the activation function of that name.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    """
    return lookup(ACTIVATIONS, name, "activation")


def standardize(x: Array) -> tuple[Array, Array]:
    """Return the rows of x with mean 0 and variance 1, and what each was multiplied by (1, 2).

    Parameters
    ----------
    x : ndarray of shape (n_rows, F)

    Returns
    -------
    u : ndarray of shape (n_rows, F)
    scale : ndarray of shape (n_rows, 1)
    """
    centred = x - x.mean(axis=-1, keepdims=True)  # 1
    scale = 1.0 / np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + EPSILON)  # 1
    return centred * scale, scale  # 2


def standardize_pullback(du: Array, u: Array, scale: Array) -> Array:
    """Return dL/dx, given dL/du and what `standardize` has returned (2', 1')."""
    mean, projection = du.mean(axis=-1, keepdims=True), (du * u).mean(axis=-1, keepdims=True)
    return np.asarray(scale * (du - mean - u * projection))  # 2', 1'
