"""The dates of a series' steps, where a table of pandas has them in its index, and its name.

A step is a row, whatever its date, so dates must increase, and be alike far apart. With d the median distance of two
dates that follow each other::

    alike        d / 1.5 to 1.5 d: months have 28 to 31 days, and days 23 to 25 hours
    a rhythm     what is known on weekdays, on Tuesdays and Thursdays, or in the daytime: a day or a week is cut into
                 slots of d, or of the shortest distance (a day at most), of which some are never used, and each date is
                 in the next one that is
    a gap        any other distance

A gap in a rhythm may be a holiday, and dates of which half are not alike, such as those of trades, have no frequency:
these are warned of, and so are distances that are too short. Any other gap is a value that is missing, and refused.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnbp.estimators.times import DAY, UNITS, Times, length, shown, usual_distance
from rnnbp.warning import warn

__all__ = ["read_dates", "read_name"]

Array = NDArray[Any]

KINDS = ("DatetimeIndex", "PeriodIndex", "TimedeltaIndex")
ALIKE = 1.5
OFTEN = 0.9
WEEK = np.timedelta64(7, "D")
HOUR = np.timedelta64(1, "h")  # by which clocks are put forward in spring, and back in autumn
NIGHT = (23, 0, 1, 2, 3)  # the hours of clocks at which that is done


class _Remedies(NamedTuple):
    """What to do, as pandas has it."""

    step: str
    distinct: str
    joined: str
    sorted: str
    filled: str
    filled_periods: str
    localized: str
    without_dates: str


ROWS = _Remedies(
    step="row",
    distinct="s[~s.index.duplicated()]",
    joined="s.groupby(level=0).mean()",
    sorted="s.sort_index()",
    filled="s.asfreq({}).interpolate()",
    filled_periods="s.reindex(pandas.period_range(s.index[0], s.index[-1])).interpolate()",
    localized='s.tz_localize("Europe/Berlin", ambiguous="infer")',
    without_dates="if rows are steps however far apart, leave dates out: s.reset_index(drop=True)",
)
COLUMNS = _Remedies(
    step="column",
    distinct="X.loc[:, ~X.columns.duplicated()]",
    joined="X.T.groupby(level=0).mean().T",
    sorted="X.sort_index(axis=1)",
    filled="X.T.asfreq({}).interpolate().T",
    filled_periods="X.T.reindex(pandas.period_range(X.columns[0], X.columns[-1])).interpolate().T",
    localized='X.tz_localize("Europe/Berlin", axis=1, ambiguous="infer")',
    without_dates="if columns are steps however far apart, leave dates out: X.set_axis(range(X.shape[1]), axis=1)",
)


def read_dates(given: Any, what: str, *, in_columns: bool = False, beside: bool = False) -> Times | None:
    """Return the dates of steps, checked; None if there are none.

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
        If dates do not increase, or if some are missing; or if rows or columns have dates and something else, such as
        the number of a series.

    Warns
    -----
    UserWarning
        If dates have no frequency, or leave out what may be a holiday; or if an index of numbers, or of text, looks
        like that of rows that are not in order, or of several series.
    """
    for axis, name in ((getattr(given, "index", None), "rows"), (getattr(given, "columns", None), "columns")):
        _expect_no_levels_with_dates(axis, name, what)
    index: Any = getattr(given, "columns" if in_columns else "index", None)
    if type(index).__name__ not in KINDS:
        if not (in_columns or beside):
            _doubt(index, what)
        return None
    times = _times(index)
    remedies = COLUMNS if in_columns else ROWS
    _expect_increasing(times, index, what, remedies)
    is_periods = type(index).__name__ == "PeriodIndex"
    if len(index) > 1 and (is_periods or index.freq is None):
        filled = remedies.filled_periods if is_periods else remedies.filled
        _expect_alike(times, what, filled, remedies, beside=beside)
    return times


def read_name(given: Any) -> str | None:
    """Return what a series, or the only column of a table, is called; None if it has no name."""
    columns: Any = getattr(given, "columns", ())
    name = columns[0] if len(columns) == 1 else getattr(given, "name", None)
    return name if isinstance(name, str) and name else None


def _times(index: Any) -> Times:
    if type(index).__name__ == "PeriodIndex":
        index = index.to_timestamp()
    if getattr(index, "tz", None) is None:
        return Times(np.asarray(index))
    clock = index.tz_localize(None)
    return Times(np.asarray(clock), np.asarray(clock - index.tz_convert(None)))


def _expect_no_levels_with_dates(index: Any, name: str, what: str) -> None:
    """Refuse a MultiIndex with dates: what stands beside them may be the number of a series."""
    dated = [type(level).__name__ in KINDS for level in getattr(index, "levels", ())]
    if any(dated):
        other, table = dated.index(False) if False in dated else 0, "X" if name == "rows" else "X.T"
        raise ValueError(
            f"the {name} of {what} are a MultiIndex of dates and something else. If these are several series, pass a "
            f"list of them, [x.droplevel({other}) for _, x in {table}.groupby(level={other})]; if they are one, leave "
            f"out what is no date, {table}.droplevel({other})"
        )


def _doubt(index: Any, what: str) -> None:
    """Warn of an index without dates that looks like that of rows that are not in order, or of several series."""
    if (n := getattr(index, "nlevels", 1)) > 1:
        warn(
            f"the index of {what} has {n} levels, but all rows are taken as steps of one series. If these are several, "
            "pass a list of them, [x.droplevel(0) for _, x in X.groupby(level=0)]; if it is one, leave the index out: "
            "s.reset_index(drop=True)"
        )
        return
    if not getattr(index, "is_unique", False) or index.is_monotonic_increasing:
        return
    if index.is_monotonic_decreasing or getattr(index.dtype, "kind", "") in "iuf":
        warn(
            f"the index of {what} does not increase: it begins with {index[0]} and {index[1]}, but rows are taken "
            "as steps from the oldest to the newest. If they are not in this order, sort them, s.sort_index(); if they "
            "are, leave the index out: s.reset_index(drop=True)"
        )


def _expect_increasing(times: Times, index: Any, what: str, remedies: _Remedies) -> None:
    instants = times.instants
    lost = np.isnat(instants)
    if lost.any():
        raise ValueError(f"step {int(np.argmax(lost))} of {what} has no date (NaT): give it one, or leave it out")
    later = instants[1:] > instants[:-1]
    if later.all():
        return
    k = int(np.argmin(later))
    distances = np.diff(instants)
    usual = usual_distance(distances)
    back = (
        f"clocks are put back at the end of summer time: give dates their time zone, {remedies.localized}, or use UTC"
    )
    is_turned = times.has_no_zone and usual - distances[k] == HOUR and _is_at_night(instants[k])
    if instants[k] == instants[k + 1]:
        raise ValueError(
            f"steps {k} and {k + 1} of {what} are both of {index[k]}, but there must be one step a date: "
            + (f"if this is where {back}; if not, " if is_turned else "")
            + f"keep one, {remedies.distinct}, or join them, {remedies.joined}"
        )
    if is_turned:
        raise ValueError(
            f"the dates of {what} must increase, but step {k + 1}, of {index[k + 1]}, follows one of {index[k]}: times "
            f"repeat, as where {back}"
        )
    order = "the newest comes first" if not later.any() else "they are not in order"
    raise ValueError(
        f"the dates of {what} must increase, but step {k + 1}, of {index[k + 1]}, follows one of {index[k]}: {order}. "
        f"Sort it: {remedies.sorted}"
    )


def _is_at_night(moment: Any) -> bool:
    """Whether clocks may be put forward or back then."""
    return int(moment.astype("M8[h]").astype(np.int64) % 24) in NIGHT


def _expect_alike(times: Times, what: str, filled: str, remedies: _Remedies, *, beside: bool) -> None:
    distances, clock = np.diff(times.instants), times.clock
    usual, shortest = usual_distance(distances), distances.min()
    shorter, longer = distances * ALIKE < usual, distances > ALIKE * usual
    alike = ~(shorter | longer)
    if alike.all():
        return
    possible = [cycle for cycle in (DAY, WEEK) if 2 * usual <= cycle]
    long_enough = [cycle for cycle in (DAY, WEEK) if clock[-1] - clock[0] >= 2 * cycle]
    seen = [_rhythm(clock, usual, cycle) for cycle in possible if cycle in long_enough]
    finer = [_rhythm(clock, min(shortest, DAY), cycle) for cycle in long_enough]
    seen += [(breaks, is_even) for breaks, is_even in finer if not is_even and breaks.mean() <= 1 - OFTEN]
    breaks, is_even = min(seen, key=lambda each: (each[0].sum(), each[1]), default=(~alike, not possible))
    has_frequency = alike.mean() >= 0.5
    has_rhythm = bool(seen) and not is_even and breaks.mean() <= 1 - OFTEN
    if (has_frequency or has_rhythm) and not breaks.any():
        return
    is_lost = has_frequency and is_even and bool(longer.any())
    k = int(np.argmax(longer if is_lost else breaks if has_rhythm or (has_frequency and not is_even) else ~alike))
    message = f"the dates of {what} are not alike far apart: {shown(clock[k + 1])} follows {shown(clock[k])}, but " + (
        "elsewhere there are dates in between" if has_rhythm else f"the usual distance is {length(usual)}"
    )
    if is_lost:
        filled = filled.format(_frequency(distances[alike]))
        turned = ""
        if times.has_no_zone and distances[k] - usual == HOUR and _is_at_night(clock[k]):
            turned = f"if clocks were put forward for summer here, give dates their time zone, {remedies.localized}; "
        raise ValueError(f"{message}. Fill what is missing, as in {filled}; {turned}or, {remedies.without_dates}")
    if not beside:
        warn(
            f"{message}. Each {remedies.step} is taken as one step: if values are missing, fill them; "
            f"{remedies.without_dates}"
        )


def _rhythm(clock: Array, slot: Any, cycle: Any) -> tuple[Array, bool]:
    """Return after which dates a rhythm of days or weeks is broken, and whether it is none, but a frequency.

    It is none if the slots that are used are alike far apart, such as all of them.
    """
    n_slots = round(cycle / slot)
    turn, place = np.divmod(np.rint((clock - clock[0]) / cycle * n_slots).astype(np.int64), n_slots)
    used, at = np.unique(place, return_inverse=True)
    apart = np.diff(used, append=used[0] + n_slots)
    return np.diff(turn * len(used) + at) != 1, bool((apart == apart[0]).all())


def _frequency(distances: Array) -> str:
    """Return what pandas calls it if dates are always so far apart, in quotes."""
    if (distances == distances[0]).all():
        for _, name, size in UNITS:
            count, rest = divmod(distances[0], np.timedelta64(size, "s"))
            if not rest:
                return f'"{count}{name}"'
    return "..."
