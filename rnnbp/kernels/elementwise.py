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
    """Return e^x.

    See Also
    --------
    expm1

    Examples
    --------
    >>> import numpy as np
    >>> print(exp(np.array([0.0, 1.0])).round(3))
    [1.    2.718]
    """
    return operate("exp", x)


def expm1(x: Operand) -> Operand:
    """Return e^x - 1, accurate near 0.

    See Also
    --------
    exp

    Examples
    --------
    >>> import numpy as np
    >>> print(expm1(np.array(1e-10)))
    1.00000000005e-10
    """
    return operate("expm1", x)


def log1p(x: Operand) -> Operand:
    """Return log(1 + x), accurate near 0.

    See Also
    --------
    expm1

    Examples
    --------
    >>> import numpy as np
    >>> print(log1p(np.array(1e-10)))
    9.999999999500001e-11
    """
    return operate("log1p", x)


def tanh(x: Operand) -> Operand:
    """Return the hyperbolic tangent.

    See Also
    --------
    sigmoid

    Examples
    --------
    >>> import numpy as np
    >>> print(tanh(np.array([-1000.0, 0.0, 1000.0])))
    [-1.  0.  1.]
    """
    return operate("tanh", x)


def erf(x: Operand) -> Operand:
    """Return the error function.

    See Also
    --------
    normal_cdf

    Examples
    --------
    >>> import numpy as np
    >>> print(round(float(erf(np.array(1.0))), 4))
    0.8427
    """
    return operate("erf", x)


def sqrt(x: Operand) -> Operand:
    """Return the square root.

    Examples
    --------
    >>> import numpy as np
    >>> print(sqrt(np.array([4.0, 9.0])))
    [2. 3.]
    """
    return operate("sqrt", x)


def absolute(x: Operand) -> Operand:
    """Return the absolute value of x.

    Examples
    --------
    >>> import numpy as np
    >>> print(absolute(np.array([-2.0, 3.0])))
    [2. 3.]
    """
    return operate("absolute", x)


def maximum(x: Operand, y: Operand) -> Operand:
    """Return the larger of x and y; NaN if x is.

    See Also
    --------
    minimum

    Examples
    --------
    >>> import numpy as np
    >>> print(maximum(np.array([-2.0, 3.0]), 0.0))
    [0. 3.]
    """
    return operate("maximum", x, y)


def minimum(x: Operand, y: Operand) -> Operand:
    """Return the smaller of x and y; NaN if x is.

    See Also
    --------
    maximum

    Examples
    --------
    >>> import numpy as np
    >>> print(minimum(np.array([-2.0, 3.0]), 0.0))
    [-2.  0.]
    """
    return operate("minimum", x, y)


def where(condition: Operand, x: Operand, y: Operand) -> Operand:
    """Return x where the condition holds, else y.

    See Also
    --------
    maximum

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([-2.0, 3.0])
    >>> print(where(x > 0.0, x, 0.1 * x))
    [-0.2  3. ]
    """
    return operate("where", condition, x, y)


def sigmoid(x: Operand) -> Operand:
    """Return the logistic function 1 / (1 + e^-x).

    See Also
    --------
    tanh

    Examples
    --------
    >>> import numpy as np
    >>> print(sigmoid(np.array([-1000.0, 0.0, 1000.0])))
    [0.  0.5 1. ]
    """
    return 0.5 + 0.5 * tanh(0.5 * x)


def softplus(x: Operand) -> Operand:
    """Return log(1 + e^x).

    Examples
    --------
    >>> import numpy as np
    >>> print(softplus(np.array([-1000.0, 0.0, 1000.0])).round(3))
    [0.00e+00 6.93e-01 1.00e+03]
    """
    return maximum(x, 0.0) + log1p(exp(-absolute(x)))


def normal_cdf(x: Operand) -> Operand:
    """Return the standard normal distribution function.

    See Also
    --------
    normal_pdf
    erf

    Examples
    --------
    >>> import numpy as np
    >>> print(normal_cdf(np.array([0.0, 1.96])).round(3))
    [0.5   0.975]
    """
    return 0.5 + 0.5 * erf(x * math.sqrt(0.5))


def normal_pdf(x: Operand) -> Operand:
    """Return the standard normal density.

    See Also
    --------
    normal_cdf

    Examples
    --------
    >>> import numpy as np
    >>> print(normal_pdf(np.array([0.0, 1.0])).round(3))
    [0.399 0.242]
    """
    return math.sqrt(0.5 / math.pi) * exp(-0.5 * x * x)
