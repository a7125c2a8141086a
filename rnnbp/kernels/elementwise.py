"""Elementwise functions, the vocabulary in which cells and activations are written.

Each is stable over the whole real line and keeps the dtype that it is given::

    sigmoid(x)     = 1 / (1 + e^-x)     = 1/2 + 1/2 tanh(x / 2)
    softplus(x)    = log(1 + e^x)       = max(x, 0) + log1p(e^-|x|)
    normal_pdf(x)  = e^(-x^2/2) / sqrt(2 pi)
    normal_cdf(x)  = 1/2 (1 + erf(x / sqrt(2)))

The primitives (all but these four) are operations of `rnnbp.kernels.nodes`: NumPy if called with arrays, and a node in
a graph if called with a traced operand. So a function that is written in these names and in arithmetic can be run on
whole arrays, where it can be read and debugged, and, unchanged, be compiled and differentiated.
"""

from __future__ import annotations

import math
from typing import Any

from rnnbp.kernels.nodes import operate

__all__ = [
    "absolute",
    "erf",
    "exp",
    "expm1",
    "log1p",
    "maximum",
    "minimum",
    "normal_cdf",
    "normal_pdf",
    "sigmoid",
    "softplus",
    "sqrt",
    "tanh",
    "where",
]

# An operand is an array or a number, and a node while a function is traced.
Operand = Any


def exp(x: Operand) -> Operand:
    """Return e^x."""
    return operate("exp", x)


def expm1(x: Operand) -> Operand:
    """Return e^x - 1, accurate near 0."""
    return operate("expm1", x)


def log1p(x: Operand) -> Operand:
    """Return log(1 + x), accurate near 0."""
    return operate("log1p", x)


def tanh(x: Operand) -> Operand:
    """Return the hyperbolic tangent."""
    return operate("tanh", x)


def erf(x: Operand) -> Operand:
    """Return the error function."""
    return operate("erf", x)


def sqrt(x: Operand) -> Operand:
    """Return the square root."""
    return operate("sqrt", x)


def absolute(x: Operand) -> Operand:
    """Return the absolute value of x."""
    return operate("absolute", x)


def maximum(x: Operand, y: Operand) -> Operand:
    """Return the larger of x and y; NaN if x is."""
    return operate("maximum", x, y)


def minimum(x: Operand, y: Operand) -> Operand:
    """Return the smaller of x and y; NaN if x is."""
    return operate("minimum", x, y)


def where(condition: Operand, x: Operand, y: Operand) -> Operand:
    """Return x where the condition holds, else y."""
    return operate("where", condition, x, y)


def sigmoid(x: Operand) -> Operand:
    """Return the logistic function 1 / (1 + e^-x)."""
    return 0.5 + 0.5 * tanh(0.5 * x)


def softplus(x: Operand) -> Operand:
    """Return log(1 + e^x)."""
    return maximum(x, 0.0) + log1p(exp(-absolute(x)))


def normal_cdf(x: Operand) -> Operand:
    """Return the standard normal distribution function."""
    return 0.5 + 0.5 * erf(x * math.sqrt(0.5))


def normal_pdf(x: Operand) -> Operand:
    """Return the standard normal density."""
    return math.sqrt(0.5 / math.pi) * exp(-0.5 * x * x)
