r"""Gradient clipping, in place.

    by value:  g_i <- min(max(g_i, -c), c)
    by norm:   g <- g min(1, c / ‖g‖)          which keeps its direction

A non-finite gradient is left as it is by ``clip_by_norm``, for the training loop to see and to report.

Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.names import explained

__all__ = ["clip_by_norm", "clip_by_value"]

Array = NDArray[Any]


@explained
def clip_by_norm(gradient: Array, max_norm: float) -> float:
    """Scale a gradient in place so that its Euclidean norm is at most ``max_norm``.

    Parameters
    ----------
    gradient : array
    max_norm : float

    Returns
    -------
    norm : float
        Before clipping; infinite or NaN if the gradient is, which then is left unchanged.

    See Also
    --------
    clip_by_value

    Examples
    --------
    >>> gradient = np.array([3.0, 4.0])
    >>> clip_by_norm(gradient, 1.0), gradient.round(2).tolist()  # the norm before, and what is left
    (5.0, [0.6, 0.8])
    """
    norm = _norm(gradient)
    if max_norm < norm < np.inf:
        gradient *= max_norm / norm
    return norm


@explained
def clip_by_value(gradient: Array, max_value: float) -> None:
    """Limit every entry of a gradient to ``[-max_value, max_value]``, in place.

    Parameters
    ----------
    gradient : array
    max_value : float

    See Also
    --------
    clip_by_norm

    Examples
    --------
    >>> gradient = np.array([3.0, -0.5])
    >>> clip_by_value(gradient, 1.0)
    >>> print(gradient)
    [ 1.  -0.5]
    """
    np.clip(gradient, -max_value, max_value, out=gradient)


def _norm(gradient: Array) -> float:
    square = float(np.vdot(gradient, gradient))
    if math.isfinite(square):
        return math.sqrt(square)
    # The squares overflowed (float32: entries above 1e19), or the gradient itself is not finite.
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sqrt(np.sum(np.square(gradient, dtype=np.float64))))
