"""What errors forecasts have made at each horizon, and intervals of them: conformal prediction over blocks.

Of three or more series every third, of fewer a third of each, is left out in turn. A network that has been trained on
all else forecasts from each origin t in what was left out, as far ahead as H steps; d is the series' spread::

    e_h(t) = (x(t+h) - forecast_h(t)) / d                  h = 1, ..., H
    k = floor((n + 1) (1 - coverage) / 2), at least 1      of the n errors at a horizon
    interval of x(t+h) = forecast_h(t) + d [min(0, k-th least e_h), max(0, k-th greatest e_h)]

It reaches to the forecast, 0, if errors are to one side of it: that is a bias of networks that have learnt from less,
which the one that forecasts need not have. If errors to come are exchangeable with these, it covers what it says:
nothing is assumed of their distribution, and each horizon has its own, so that intervals do not run away. Further ahead
than H, errors are those at H, or, of series whose level drifts, grow from there as a random walk's do, with the square
root of h / H. There an error is a sum of h shocks, and of n overlapping ones only m = n / h are independent: as the
least and greatest of so few tell too little of the tails, intervals are wider there, by as much as those of a normal
sample of m are for its unknown mean and spread::

    t(m - 1) sqrt((m + 1) / (m - 1)) / z        Student's quantile over the normal one

References
----------
R. F. Barber, E. J. Candes, A. Ramdas and R. J. Tibshirani, "Predictive inference with the jackknife+", Annals of
Statistics 49, 2021 (CV+). C. Bergmeir and J. M. Benitez, "On the use of cross-validation for time series predictor
evaluation", Information Sciences 191, 2012 (blocks).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

__all__ = ["folds", "further", "interval", "steps_ahead"]

Array = NDArray[Any]
Fold = list[tuple[int, int]]  # of each series: where what is left out begins and ends

FOLDS = 3
SHARE = 5  # errors are known as far ahead as a fifth of the longest series


def folds(lengths: Sequence[int]) -> Iterator[Fold]:
    """Yield what is left out in turn."""
    for k in range(FOLDS):
        if len(lengths) >= FOLDS:
            yield [(0, n if i % FOLDS == k else 0) for i, n in enumerate(lengths)]
        else:
            yield [(n * k // FOLDS, n * (k + 1) // FOLDS) for n in lengths]


def steps_ahead(lengths: Sequence[int], wanted: int) -> int:
    """Return H: the steps that are wanted, as far as the longest series has enough origins for them."""
    return min(wanted, max(max(lengths) // SHARE, 1))


def further(errors: Array, h: int, *, drifts: bool) -> Array:
    """Return errors, or ends of intervals, of h steps ahead.

    Parameters
    ----------
    errors : ndarray of shape (..., H, F)
    h : int
    drifts : bool
        Whether they grow further ahead than H.

    Returns
    -------
    ndarray of shape (..., h, F)
    """
    known = errors.shape[-2]
    beyond = np.arange(known + 1, h + 1)
    growth = np.sqrt(beyond / known) if drifts else np.ones(len(beyond))
    return np.concatenate([errors[..., :h, :], errors[..., -1:, :] * growth[:, None]], axis=-2)


def interval(errors: Array, coverage: float, *, drifts: bool) -> tuple[Array, Array]:
    """Return between which two errors the next one lies, with that probability.

    Parameters
    ----------
    errors : ndarray of shape (n, H, F)
    coverage : float
    drifts : bool
        Whether an error h steps ahead is a sum of h shocks.

    Returns
    -------
    lower, upper : ndarray of shape (H, F)
        At most, and at least, 0: they hold the forecast.
    """
    n = len(errors)
    k = max(int(round((n + 1) * (1 - coverage) / 2, 9)), 1)  # rounded, as 1 - 0.8 is a little less than 0.2
    ordered = np.sort(errors, axis=0)
    lower, upper = ordered[k - 1], ordered[n - k]
    if drifts:
        lower, upper = _wider(lower, upper, n, coverage)
    return np.minimum(lower, 0), np.maximum(upper, 0)


def _wider(lower: Array, upper: Array, n: int, coverage: float) -> tuple[Array, Array]:
    """Widen intervals about their middle, as of n errors h steps ahead only n / h are independent."""
    tail = (1 + coverage) / 2
    m = np.maximum(n / np.arange(1, len(lower) + 1), 2)[:, None]
    wider = student.ppf(tail, m - 1) * np.sqrt((m + 1) / (m - 1)) / norm.ppf(tail)
    middle, half = (lower + upper) / 2, (upper - lower) / 2
    return middle - half * wider, middle + half * wider
