"""What is to be forecast: one series or several, of which kind, and with which dates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.estimators.covariates import Dates
from rnnbp.estimators.time_index import read_dates
from rnnbp.warning import warn

__all__ = ["dates_of", "expect_enough", "expect_no_dates", "is_single"]

Array = NDArray[Any]

LEAST = 10  # values, of all series together
FEW = 10  # steps: a table of shorter series than that, and of more of them, may have its steps in rows


def is_single(X: Any) -> bool:
    """Return whether X is one series of numbers, without a list around it: a row of numbers, or a table's column."""
    if isinstance(X, (list, tuple)):
        return len(X) > 0 and np.ndim(X[0]) == 0
    shape: tuple[int, ...] = getattr(X, "shape", ())
    if len(shape) == 1 and X.dtype == object:
        return shape[0] > 0 and np.ndim(np.asarray(X)[0]) == 0
    return len(shape) == 1 or _is_column(X)


def _is_column(X: Any) -> bool:
    return getattr(X, "shape", ())[1:] == (1,)


def dates_of(X: Any, *, single: bool, warns: bool) -> Dates:
    """Return the dates of each series' steps, checked, maybe with a warning of the first; nothing if there are none."""
    if single:
        return [read_dates(X, "X", beside=not warns)]
    if isinstance(X, (list, tuple)):
        return [read_dates(x, f"series {i}", beside=i > 0 or not warns) for i, x in enumerate(X)]
    dates = read_dates(X, "X", in_columns=True, beside=not warns)
    return [] if dates is None else [dates] * len(X)


def expect_no_dates(X: Any) -> None:
    """Check that the rows of a table are no dates: its rows are series, not steps."""
    index = getattr(X, "index", None) if getattr(X, "ndim", None) == 2 and not _is_column(X) else None
    if type(index).__name__ in ("DatetimeIndex", "TimedeltaIndex", "PeriodIndex"):
        n, k = X.shape
        raise ValueError(
            f"the rows of X are times, a {type(index).__name__}, but a table is read as one series a row: pass [X] "
            f"for one series of {k} variables, or X.T for {k} series of {n} steps"
        )


def expect_enough(X: Any, series: list[Array]) -> None:
    """Check that there are values to learn from, and warn of a table whose rows look like steps.

    Warns
    -----
    UserWarning
        If there are many series of few steps in an array.
    """
    n_values, n, t = sum(map(len, series)), len(series), len(series[0])
    if n_values < LEAST:
        raise ValueError(f"at least {LEAST} values are needed to learn how a series goes on, but there are {n_values}")
    if getattr(X, "ndim", None) == 2 and t < FEW and n > t:
        warn(
            f"X of shape ({n}, {t}) is read as {n} series of {t} steps each. If its rows are steps, pass [X] for one "
            f"series of {t} variables, or X.T for {t} series; if they are series, list(X) is taken as it is"
        )
