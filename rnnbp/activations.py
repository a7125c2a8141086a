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
    softsign     y = z / (1 + |z|)                  dz = dy (1 - |y|)^2
    softmax      y_k = e^(z_k) / sum_j e^(z_j)      dz = y (dy - sum_j dy_j y_j)

Some have numbers of their own, and are named with them, as in ``"leaky_relu(0.3)"``::

    affine(a, b)         y = a z + b                           dz = dy a
    leaky_relu(a)        y = z if z > 0 else a z               dz = dy (1 if z > 0 else a)
    thresholded_relu(a)  y = z if z > a else 0                 dz = dy [z > a]
    elu(a)               y = z if z > 0 else a (e^z - 1)       dz = dy (1 if z > 0 else y + a)
    scaled_tanh(a, b)    y = a tanh(b z)                       dz = dy b (a - y^2 / a)
    hard_sigmoid(a, b)   y = min(max(a z + b, 0), 1)           dz = dy a [0 < y < 1]

All but softmax act on each element alone; softmax acts on the last axis. Standardisation, the heart of layer
normalisation, acts on the last axis too; for each row x, with eps = 1e-5 unless a layer says otherwise::

    m = mean(x);  v = mean((x - m)^2);  s = 1 / sqrt(v + eps)                (1)
    u = (x - m) s                                                            (2)

    dx = s (du - mean(du) - u mean(du u))                                    (2', 1')

References
----------
elu: Clevert, Unterthiner and Hochreiter 2016. gelu: Hendrycks and Gimpel 2016 (the exact form, with erf).
Those with numbers are the activation functions of ONNX's recurrent operators.
Standardisation: Ba, Kiros and Hinton, "Layer normalization", 2016.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import lookup, shown
from rnnbp.kernels.elementwise import (
    Operand,
    absolute,
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

__all__ = [
    "ACTIVATIONS",
    "FAMILIES",
    "ActivationFunction",
    "elementwise",
    "family_of",
    "get",
    "named",
    "standardize",
    "standardize_pullback",
]

Array = NDArray[Any]
Value = Callable[[Operand], Operand]
Pullback = Callable[[Operand, Operand, Operand], Operand]

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
    elementwise : bool, default True
        Whether each element is mapped alone (all but softmax).

    See Also
    --------
    get
    rnnbp.layers.Activation

    Examples
    --------
    >>> tanh = get("tanh")
    >>> y = tanh.value(np.array([0.0, 1.0]))
    >>> print(tanh.pullback(1.0, None, y).round(3))  # 1 - y^2
    [1.   0.42]
    """

    name: str
    value: Value
    pullback: Pullback
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


def _softsign(z: Operand) -> Operand:
    return z / (1.0 + absolute(z))


def _softsign_pullback(dy: Operand, z: Operand, y: Operand) -> Operand:
    slope = 1.0 - absolute(y)
    return dy * slope * slope


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
        ActivationFunction("softsign", _softsign, _softsign_pullback),
        ActivationFunction("softmax", _softmax, _softmax_pullback, elementwise=False),
    )
}


def _affine(a: float, b: float) -> tuple[Value, Pullback]:
    return lambda z: a * z + b, lambda dy, z, y: a * dy


def _leaky_relu_of(a: float) -> tuple[Value, Pullback]:
    return (
        lambda z: where(z > 0.0, z, a * z),
        lambda dy, z, y: where(z > 0.0, dy, a * dy),
    )


def _thresholded_relu(a: float) -> tuple[Value, Pullback]:
    return lambda z: where(z > a, z, 0.0 * z), lambda dy, z, y: where(z > a, dy, 0.0 * dy)


def _elu_of(a: float) -> tuple[Value, Pullback]:
    return (
        lambda z: where(z > 0.0, z, a * expm1(minimum(z, 0.0))),
        lambda dy, z, y: where(z > 0.0, dy, dy * (y + a)),
    )


def _scaled_tanh(a: float, b: float) -> tuple[Value, Pullback]:
    if a == 0.0:
        raise ValueError("the first number of scaled_tanh must not be 0")
    return lambda z: a * tanh(b * z), lambda dy, z, y: dy * (b * (a - y * y / a))


def _hard_sigmoid(a: float, b: float) -> tuple[Value, Pullback]:
    return (
        lambda z: maximum(minimum(a * z + b, 1.0), 0.0),
        lambda dy, z, y: where(y > 0.0, where(y < 1.0, a * dy, 0.0 * dy), 0.0 * dy),
    )


FAMILIES: dict[str, Callable[..., tuple[Value, Pullback]]] = {
    "affine": _affine,
    "leaky_relu": _leaky_relu_of,
    "thresholded_relu": _thresholded_relu,
    "elu": _elu_of,
    "scaled_tanh": _scaled_tanh,
    "hard_sigmoid": _hard_sigmoid,
}


def family_of(name: str) -> tuple[str, tuple[float, ...]]:
    """Return the family and the numbers of a function that has some, and the name alone of one that has none.

    See Also
    --------
    named

    Examples
    --------
    >>> family_of("elu(0.5)"), family_of("tanh")
    (('elu', (0.5,)), ('tanh', ()))
    """
    called = CALLED.fullmatch({plain: full for full, plain in PLAIN.items() if plain not in ALONE}.get(name, name))
    return (name, ()) if called is None else (called[1], tuple(map(float, called[2].split(","))))


PLAIN = {
    "affine(1.0, 0.0)": "identity", "elu(1.0)": "elu", "leaky_relu(0.01)": "leaky_relu",
    "scaled_tanh(1.0, 1.0)": "tanh", "thresholded_relu(0.0)": "relu",
}  # fmt: skip
ALONE = ("identity", "relu", "tanh")  # functions in their own right, more than members of a family
CALLED = re.compile(r"(\w+)\(([^()]*)\)")


def get(name: str) -> ActivationFunction:
    """Return the activation function of that name, such as ``"tanh"`` or ``"leaky_relu(0.3)"``.

    Raises
    ------
    ValueError
        If the name is unknown (the message lists the known ones), or if its numbers are not such as it has.

    See Also
    --------
    rnnbp.layers.Activation

    Examples
    --------
    >>> leaky = get("leaky_relu(0.3)")
    >>> print(leaky.value(np.array([-1.0, 2.0])))
    [-0.3  2. ]
    """
    if isinstance(name, str) and (called := CALLED.fullmatch(name)):
        return _with_numbers(name, *called.groups())
    return lookup(ACTIVATIONS, name, "activation")


def elementwise(setting: str, names: Sequence[str], n: int) -> tuple[str, ...]:
    """Return n names of activation functions that map each element alone, or say what was given.

    Raises
    ------
    ValueError
        If they are anything else.

    See Also
    --------
    get

    Examples
    --------
    >>> elementwise("activation", ["tanh"], 1)
    ('tanh',)
    """
    if isinstance(names, str) or not isinstance(names, Sequence) or len(names) != n:
        raise ValueError(f"{setting} must be {n} names of activations, but {shown(names)} was given")
    if other := [name for name in names if not get(name).elementwise]:
        raise ValueError(f"{setting} must be activations that map each element alone, but {shown(other[0])} was given")
    return tuple(names)


def named(family: str, *numbers: float) -> str:
    """Return the name of a function with numbers, such as ``"elu(0.5)"``; its plain name if it has one.

    See Also
    --------
    family_of

    Examples
    --------
    >>> named("elu", 0.5), named("elu", 1.0)
    ('elu(0.5)', 'elu')
    """
    name = f"{family}({', '.join(repr(float(number)) for number in numbers)})"
    return PLAIN.get(name, name)


@lru_cache(maxsize=256)  # what is traced is kept by the function
def _with_numbers(name: str, family: str, numbers: str) -> ActivationFunction:
    make = lookup(FAMILIES, family, "activation with numbers")
    wanted = tuple(inspect.signature(make).parameters)
    try:
        given = [float(number) for number in numbers.split(",")]
    except ValueError:
        given = []
    if len(given) != len(wanted) or not np.isfinite(given).all():
        form = f"{family}({', '.join(wanted)})"
        raise ValueError(
            f"the activation {family} must be named as {form} with finite numbers, but {shown(name)} was given"
        )
    return ActivationFunction(name, *make(*given))


def standardize(x: Array, epsilon: float = EPSILON) -> tuple[Array, Array]:
    """Return the rows of x with mean 0 and variance 1, and what each was multiplied by (1, 2).

    Parameters
    ----------
    x : ndarray of shape (n_rows, F)
    epsilon : float, default 1e-5
        What is added to the variance.

    Returns
    -------
    u : ndarray of shape (n_rows, F)
    scale : ndarray of shape (n_rows, 1)

    See Also
    --------
    standardize_pullback
    rnnbp.layers.LayerNorm

    Examples
    --------
    >>> u, scale = standardize(np.array([[1.0, 2.0, 3.0]]))
    >>> print(u.round(2))
    [[-1.22  0.    1.22]]
    """
    centred = x - x.mean(axis=-1, keepdims=True)  # 1
    scale = 1.0 / np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + epsilon)  # 1
    return centred * scale, scale  # 2


def standardize_pullback(du: Array, u: Array, scale: Array) -> Array:
    """Return dL/dx, given dL/du and what `standardize` has returned (2', 1').

    See Also
    --------
    standardize

    Examples
    --------
    >>> u, scale = standardize(np.array([[1.0, 2.0, 4.0]]))
    >>> dx = standardize_pullback(np.array([[1.0, 0.0, 0.0]]), u, scale)
    >>> bool(abs(dx.sum()) < 1e-12)  # adding a constant to x changes nothing
    True
    """
    mean, projection = du.mean(axis=-1, keepdims=True), (du * u).mean(axis=-1, keepdims=True)
    return np.asarray(scale * (du - mean - u * projection))  # 2', 1'
