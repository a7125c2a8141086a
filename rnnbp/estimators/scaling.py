"""Features and targets on a scale that networks learn badly from.

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

Features of one or two values are left alone: constants, symbols and flags. So are those that hardly vary beside
another, by rounding only, such as the last principal components of columns that depend on each other.

Outputs begin between -1 and 1 or so, and go where targets are in steps of the learning rate's size. Numbers to predict
are badly scaled if::

    s < 0.05             the first outputs are larger than all that there is to learn
    s > 20               there are too many steps to go
    |m| > 10 s           it is a bias, nearly, that is learnt

R^2 of held out data, with s, or m, made larger by a factor c (scikit-learn's diabetes with `MLPRegressor`, sums of
sequences with `RNNRegressor`), for targets that had m = 0 and s = 1::

    c                  0.001   0.01   0.05    0.3     1     3    10    20    30   100  1000
    diabetes, s = c    -9406    -93   -3.2   0.24  0.26  0.32  0.37  0.39  0.40  0.34  0.08
    diabetes, m = c                                0.28  0.21  -5.1   -47  -149 -4705
    sums, s = c         -6.4   0.89   0.98   0.99  1.00  1.00  1.00  0.98  0.95  0.56  0.07
    sums, m = c                                    1.00  0.99  0.98  0.99  0.96  -377

Solvers that look for the length of a step themselves (L-BFGS) learn at any scale: diabetes with s = 0.001 as with 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["badly_scaled", "badly_scaled_target"]

Array = NDArray[Any]

LEAST, MOST, MEAN = 0.05, 100.0, 10.0
ROUNDING = 100  # units of the last place, of the largest spread
LEAST_TARGET, MOST_TARGET = 0.05, 20.0


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
        precision = np.finfo(rows.dtype if rows.dtype.kind == "f" else np.float64).eps
        badness[spread < ROUNDING * precision * spread.max()] = 0
    for k in np.argsort(-badness, kind="stable"):
        if not badness[k] > 1:  # nor if it is NaN, where all is 0
            return None
        if not _has_two_values(rows[:, k]):
            return int(k), float(mean[k]), float(spread[k])
    return None


def badly_scaled_target(rows: Array) -> tuple[int, float, float] | None:
    """Return the target that is scaled worst, its mean and its standard deviation; None if all are scaled well.

    Parameters
    ----------
    rows : ndarray of shape (R, F)

    Returns
    -------
    tuple of int, float and float, or None
    """
    varied = np.flatnonzero(rows.max(axis=0) > rows.min(axis=0))  # of a constant there is nothing to learn
    if not len(varied):
        return None
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mean, spread = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
        badness = np.maximum.reduce([LEAST_TARGET / spread, spread / MOST_TARGET, np.abs(mean) / spread / MEAN])
    k = varied[np.argmax(badness[varied])]
    return (int(k), float(mean[k]), float(spread[k])) if badness[k] > 1 else None


def _has_two_values(values: Array) -> bool:
    """Return whether there are no others than the least and the greatest, which may be one."""
    low, high = values.min(), values.max()
    return bool(((values == low) | (values == high)).all())
