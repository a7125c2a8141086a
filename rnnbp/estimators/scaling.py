"""Features on a scale that networks learn badly from, and the warning of them.

Weights begin as if features were of mean 0 and a standard deviation of about 1. With m and s of a feature over all
samples, or all frames of all sequences, it is badly scaled if::

    all |x| < 0.05       its share of the first layer's input is next to nothing
    s > 100              it drowns all others
    |m| > 10 s           it is a bias, nearly

Accuracies in per cent with s, or m, made larger by a factor c (spoken digits with `RNNClassifier`, wines with
`MLPClassifier`)::

    c                  0.001  0.01   0.1     1    10    30   100
    digits, s = c         16    61    86    91    94    89    80
    digits, m = c         91    91    92    92    70     9    10
    wines, s = c          40    64    98   100    99    97    97
    wines, m = c         100   100   100   100    79    58    33

Features of one or two values are left alone: constants, symbols and flags.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["badly_scaled"]

Array = NDArray[Any]

LEAST, MOST, MEAN = 0.05, 100.0, 10.0


def badly_scaled(rows: Array) -> tuple[int, float, float] | None:
    """Return the feature that is scaled worst, its mean and its standard deviation; None if all are scaled well.

    Parameters
    ----------
    rows : ndarray of shape (R, F)

    Returns
    -------
    tuple of int, float and float, or None
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mean, spread = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
        greatest = np.maximum(rows.max(axis=0), -rows.min(axis=0))
        badness = np.maximum.reduce([LEAST / greatest, spread / MOST, np.abs(mean) / spread / MEAN])
    for k in np.argsort(-badness, kind="stable"):
        if not badness[k] > 1:  # nor if it is NaN, where all is 0
            return None
        if not _has_two_values(rows[:, k]):
            return int(k), float(mean[k]), float(spread[k])
    return None


def _has_two_values(values: Array) -> bool:
    """Return whether there are no others than the least and the greatest, which may be one."""
    low, high = values.min(), values.max()
    return bool(((values == low) | (values == high)).all())
