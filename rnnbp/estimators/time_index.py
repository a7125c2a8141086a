"""The dates of a series' steps, where a table of pandas has them in its index, and its name.

A step is a row, whatever its date, so dates must increase, and be alike far apart. With d the median distance of two
dates that follow each other::

    alike        d / 1.5 to 1.5 d: months have 28 to 31 days, and days 23 to 25 hours
    a rhythm     what is known on weekdays, or in the daytime: a day or a week is cut into slots of d, of which some
                 are never used, and each date is in the next one that is
    a gap        any other distance

A gap in a rhythm may be a holiday, and dates of which half are not alike, such as those of trades, have no frequency:
these are warned of, and so are distances that are too short. Any other gap is a value that is missing, and refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.warning import warn

__all__ = ["dates_after", "expect_dates_of", "read_dates", "read_name"]

Array = NDArray[Any]

KINDS = ("DatetimeIndex", "PeriodIndex", "TimedeltaIndex")
ALIKE = 1.5
OFTEN = 0.9
DAY, WEEK = np.timedelta64(1, "D"), np.timedelta64(7, "D")
UNITS = (("day", "D", 86400), ("hour", "h", 3600), ("minute", "min", 60), ("second", "s", 1))  # pandas'; in seconds
BY_ROWS = "if rows are steps however far apart, leave dates out: s.reset_index(drop=True)"


def read_dates(given: Any, what: str, *, in_columns: bool = False, beside: bool = False) -> Array | None:
    """Return the dates of steps, checked, on the clock of their time zone; None if there are none.

    Parameters
    ----------
    given
        What a user has handed in, of any library.
    what : str
        What it is called in messages.
    in_columns : bool
        Whether steps are columns.
    beside : bool
        Whether these are dates of what is known beside a series: what is warned of is said of the series itself.

    Raises
    ------
    ValueError
        If dates do not increase, or if some are missing.

    Warns
    -----
    UserWarning
        If dates have no frequency, or leave out what may be a holiday; or if an index of numbers, or of text, looks
        like that of rows that are not in order.
    """
    index: Any = getattr(given, "columns" if in_columns else "index", None)
    if type(index).__name__ not in KINDS:
        if not (in_columns or beside):
            _doubt(index, what)
        return None
    instants, clock = _times(index)
    _expect_increasing(instants, index, what)
    is_periods = type(index).__name__ == "PeriodIndex"
    if len(index) > 2 and (is_periods or index.freq is None):
        filled = "s.reindex(pandas.period_range(s.index[0], s.index[-1]))" if is_periods else "s.asfreq({})"
        _expect_alike(instants, clock, what, filled, beside=beside)
    return clock


def read_name(given: Any) -> str | None:
    """Return what a series, or the only column of a table, is called; None if it has no name."""
    columns: Any = getattr(given, "columns", ())
    name = columns[0] if len(columns) == 1 else getattr(given, "name", None)
    return name if isinstance(name, str) and name else None


def dates_after(dates: Array, h: int) -> Array:
    """Return the dates of the next steps: with the distances of before, be they months, or weekdays and weekends.

    Parameters
    ----------
    dates : ndarray of datetime64
        Of at least one step.
    h : int

    Returns
    -------
    ndarray of datetime64, of shape (h,)
    """
    dates = dates.astype("M8[s]")  # nanoseconds end in the year 2262
    distances, ahead = np.diff(dates), np.arange(1, h + 1)
    if not distances.size:
        return np.asarray(dates[-1] + ahead * DAY)
    months = dates.astype("M8[M]")
    if distances.min() >= 28 * DAY and (np.diff(months) == months[-1] - months[-2]).all():
        month = months[-1] + ahead * (months[-1] - months[-2])
        longest = (month + 1).astype("M8[D]") - month.astype("M8[D]") - DAY
        return np.asarray(month + np.minimum((dates - months).max(), longest))
    for n in range(1, len(dates) // 2 + 1):  # steps after which dates come again
        apart = dates[n:] - dates[:-n]
        again = np.sort(apart)[len(apart) // 2]
        if (apart == again).mean() >= OFTEN:
            return np.asarray(dates[(ahead - 1) % n - n] + ((ahead - 1) // n + 1) * again)
    return np.asarray(dates[-1] + ahead * np.sort(distances)[len(distances) // 2])


def expect_dates_of(series: Array, dates: Array, what: str, first: int = 0) -> None:
    """Check that what is known beside a series has the same dates.

    Parameters
    ----------
    series : ndarray of datetime64 or timedelta64
        The dates of its steps, from the first-th on.
    dates : ndarray of datetime64 or timedelta64
        Those of all rows of what is known beside it.
    what : str
        What that is called in messages.
    first : int

    Raises
    ------
    ValueError
        If a row and its step differ.
    """
    beside = dates[first : first + len(series)]
    if series.dtype.kind != dates.dtype.kind or len(beside) < len(series):  # too few rows are named elsewhere
        return
    if (differ := beside != series).any():
        k = int(np.argmax(differ))
        raise ValueError(
            f"row {first + k} of {what} is of {_shown(beside[k])}, but step {first + k} of the series is of "
            f"{_shown(series[k])}: rows are matched by their place, so they must have the dates of the series and go "
            "on from there. Cut what comes before, c.loc[s.index[0]:], or leave dates out, c.to_numpy()"
        )


def _times(index: Any) -> tuple[Array, Array]:
    """Return when steps are, and what clocks show then."""
    if type(index).__name__ == "PeriodIndex":
        index = index.to_timestamp()
    if getattr(index, "tz", None) is not None:
        return np.asarray(index.tz_convert(None)), np.asarray(index.tz_localize(None))
    return np.asarray(index), np.asarray(index)


def _doubt(index: Any, what: str) -> None:
    """Warn of an index without dates that looks like that of rows that are not in order."""
    if not getattr(index, "is_unique", False) or index.is_monotonic_increasing:
        return
    if index.is_monotonic_decreasing or getattr(index.dtype, "kind", "") in "iuf":
        warn(
            f"the index of {what} does not increase: it begins with {index[0]} and {index[1]}, but rows are taken "
            "as steps from the oldest to the newest. If they are not in this order, sort them, s.sort_index(); if they "
            "are, leave the index out: s.reset_index(drop=True)"
        )


def _expect_increasing(instants: Array, index: Any, what: str) -> None:
    lost = np.isnat(instants)
    if lost.any():
        raise ValueError(f"step {int(np.argmax(lost))} of {what} has no date (NaT): give it one, or leave it out")
    later = instants[1:] > instants[:-1]
    if later.all():
        return
    k = int(np.argmin(later))
    if instants[k] == instants[k + 1]:
        raise ValueError(
            f"steps {k} and {k + 1} of {what} are both of {index[k]}, but there must be one step a date: keep one, "
            "s[~s.index.duplicated()], or join them, s.groupby(level=0).mean()"
        )
    order = "the newest comes first" if not later.any() else "they are not in order"
    raise ValueError(
        f"the dates of {what} must increase, but step {k + 1}, of {index[k + 1]}, follows one of {index[k]}: {order}. "
        "Sort it: s.sort_index()"
    )


def _expect_alike(instants: Array, clock: Array, what: str, filled: str, *, beside: bool) -> None:
    distances = np.diff(instants)
    usual = np.sort(distances)[len(distances) // 2]
    alike = (distances * ALIKE >= usual) & (distances <= ALIKE * usual)
    if alike.all():
        return
    possible = [cycle for cycle in (DAY, WEEK) if 2 * usual <= cycle]
    seen = [_rhythm(clock, usual, cycle) for cycle in possible if clock[-1] - clock[0] >= 2 * cycle]
    breaks, is_full = min(seen, key=lambda each: each[0].sum(), default=(~alike, not possible))
    is_known = alike.mean() >= 0.5  # there is a frequency
    if is_known and not breaks.any():
        return
    longer = distances > ALIKE * usual
    is_lost = is_known and is_full and bool(longer.any())
    k = int(np.argmax(longer if is_lost else breaks if is_known and not is_full else ~alike))
    message = (
        f"the dates of {what} are not alike far apart: {_shown(clock[k + 1])} follows {_shown(clock[k])}, but "
        f"the usual distance is {_length(usual)}"
    )
    if is_lost:
        filled = filled.format(_frequency(distances[alike]))
        raise ValueError(f"{message}. Fill what is missing, as in {filled}.interpolate(); or, {BY_ROWS}")
    if not beside:
        warn(f"{message}. Each row is taken as one step: if values are missing, fill them; {BY_ROWS}")


def _rhythm(clock: Array, usual: Any, cycle: Any) -> tuple[Array, bool]:
    """Return after which dates a rhythm of days or weeks is broken, and whether it is none, as all slots are used."""
    n_slots = round(cycle / usual)
    turn, place = np.divmod(np.rint((clock - clock[0]) / cycle * n_slots).astype(np.int64), n_slots)
    slots, slot = np.unique(place, return_inverse=True)
    return np.diff(turn * len(slots) + slot) != 1, len(slots) == n_slots


def _frequency(distances: Array) -> str:
    """Return what pandas calls it if dates are always so far apart, in quotes."""
    if (distances == distances[0]).all():
        for _, name, size in UNITS:
            count, rest = divmod(distances[0], np.timedelta64(size, "s"))
            if not rest:
                return f'"{count}{name}"'
    return "..."


def _shown(moment: Any) -> str:
    """Return a date or a duration, without a time of day that is midnight."""
    if moment.dtype.kind == "m":
        return _length(moment)
    return str(moment.astype("M8[s]")).removesuffix("T00:00:00").replace("T", " ")


def _length(duration: Any) -> str:
    seconds = duration / np.timedelta64(1, "s")
    name, _, size = next((each for each in UNITS if seconds >= each[-1]), UNITS[-1])
    return f"{seconds / size:.4g} {name}{'' if seconds == size else 's'}"
