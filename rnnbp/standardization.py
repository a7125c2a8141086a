"""Standardisation of rows, the heart of layer normalisation.

For each row x, with eps = 1e-5::

    m = mean(x);  v = mean((x - m)^2);  s = 1 / sqrt(v + eps)                (1)
    u = (x - m) s                                                            (2)

    dx = s (du - mean(du) - u mean(du u))                                    (2', 1')

References
----------
J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", 2016.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["standardize", "standardize_pullback"]

Array = NDArray[Any]

EPSILON = 1e-5


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
