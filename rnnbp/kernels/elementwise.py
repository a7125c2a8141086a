"""Elementwise functions, the vocabulary in which cells and activations are written.

Each is stable over the whole real line, keeps the dtype that it is given, and is correct to rounding in
float32 and float64::

    sigmoid(x)   = 1 / (1 + e^-x)       = 1/2 + 1/2 tanh(x / 2)
    softplus(x)  = log(1 + e^x)         = max(x, 0) + log1p(e^-|x|)
    phi(x)       = e^(-x^2/2) / sqrt(2 pi)
    Phi(x)       = 1/2 (1 + erf(x / sqrt(2)))

The bodies here are NumPy. A cell that is written in these names, in arithmetic and in `where`, can be run on
whole arrays and, unchanged, one element at a time.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import erf

__all__ = [
    "exp",
    "expm1",
    "maximum",
    "minimum",
    "normal_cdf",
    "normal_pdf",
    "sigmoid",
    "softplus",
    "tanh",
    "where",
]

# An operand is an array here and a scalar or a vector of lanes in compiled code: one text serves all of them.
Operand = Any

exp = np.exp
expm1 = np.expm1
tanh = np.tanh
maximum = np.maximum
minimum = np.minimum
where = np.where


def sigmoid(x: Operand) -> Operand:
    """Return the logistic function 1 / (1 + e^-x)."""
    return 0.5 + 0.5 * tanh(0.5 * x)


def softplus(x: Operand) -> Operand:
    """Return log(1 + e^x)."""
    return maximum(x, 0.0) + np.log1p(exp(-np.abs(x)))


def normal_cdf(x: Operand) -> Operand:
    """Return the standard normal distribution function."""
    return 0.5 + 0.5 * erf(x * math.sqrt(0.5))


def normal_pdf(x: Operand) -> Operand:
    """Return the standard normal density."""
    return math.sqrt(0.5 / math.pi) * exp(-0.5 * x * x)
