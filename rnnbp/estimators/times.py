"""When the steps of a series are: what clocks show, and how far they are ahead of UTC.

Series and what is known beside them are compared by instants, where both have a time zone; else by what clocks show.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["DAY", "UNITS", "Times", "dates_after", "expect_dates_of", "length", "shown", "usual_distance"]

Array = NDArray[Any]

DAY = np.timedelta64(1, "D")
UNITS = (("day", "D", 86400), ("hour", "h", 3600), ("minute", "min", 60), ("second", "s", 1))  # pandas'; in seconds
OFTEN = 0.9
ISO_8601 = re.compile(r"(-?\d+(?:-\d\d){0,2}(?:T[\d:.]+)?)(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?", re.ASCII)


@dataclass(frozen=True, eq=False)
class Times:
    """When the steps of a series are.

    Attributes
    ----------
    clock : ndarray of datetime64 or timedelta64, of shape (T,)
        What clocks show, or how much time has passed.
    offset : ndarray of timedelta64, of shape (T,), or None
        How far clocks are ahead of UTC; None without a time zone.
    """

    clock: Array
    offset: Array | None = None

    def __len__(self) -> int:
        return len(self.clock)

    @property
    def is_dates(self) -> bool:
        """Whether they are dates, and no durations."""
        return bool(self.clock.dtype.kind == "M")

    @property
    def has_no_zone(self) -> bool:
        """Whether they are dates of clocks that may be put forward and back."""
        return self.is_dates and self.offset is None

    @property
    def instants(self) -> Array:
        """When they are in UTC; of dates without a time zone, what clocks show."""
        return self.clock if self.offset is None else np.asarray(self.clock - self.offset)

    def part(self, first: int, n: int) -> Times:
        """Return n of them, from the first-th on."""
        steps = slice(first, first + n)
        return Times(self.clock[steps], None if self.offset is None else self.offset[steps])

    def shown(self, k: int, *, in_zones: bool) -> str:
        """Return the k-th for people to read, maybe with its distance from UTC."""
        return shown(self.clock[k]) + ("" if self.offset is None or not in_zones else _sign(self.offset[k]))

    @property
    def text(self) -> Array:
        """Dates as files have them: as in ISO 8601, such as 2020-01-31T00:00:00+01:00."""
        clock = self.clock.astype("U")
        if self.offset is None:
            return clock
        return np.array([each + _sign(offset) for each, offset in zip(clock, self.offset, strict=True)])

    @classmethod
    def of_text(cls, text: Array) -> Self:
        """Return the dates of their text.

        Raises
        ------
        ValueError
            If it is that of no dates.
        """
        found = [ISO_8601.fullmatch(each) for each in text]
        known = [each for each in found if each]
        with_zones = [each for each in known if each[2]]
        if len(known) < len(found) or len(with_zones) not in (0, len(known)):
            raise ValueError("these are no dates, or only some have a time zone")
        clock = np.array([each[1] for each in known], "U").astype("M8")
        if not with_zones:
            return cls(clock)
        seconds = [[int(f"{each[2]}{each[k] or 0}") for k in (3, 4, 5)] for each in with_zones]
        return cls(clock, np.array(seconds) @ [3600, 60, 1] * np.timedelta64(1, "s"))


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
    steps = np.diff(months)
    if distances.min() >= 28 * DAY and (steps == steps[0]).all():
        month = months[-1] + ahead * steps[0]
        longest = (month + 1).astype("M8[D]") - month.astype("M8[D]") - DAY
        return np.asarray(month + np.minimum((dates - months).max(), longest))
    for n in range(1, len(dates) // 2 + 1):  # steps after which dates come again
        apart = dates[n:] - dates[:-n]
        again = usual_distance(apart)
        if (apart == again).mean() >= OFTEN:
            return np.asarray(dates[(ahead - 1) % n - n] + ((ahead - 1) // n + 1) * again)
    return np.asarray(dates[-1] + ahead * usual_distance(distances))


def usual_distance(distances: Array) -> Any:
    """Return the median; of two in the middle, the longer."""
    return np.sort(distances)[len(distances) // 2]


def expect_dates_of(series: Times, dates: Times, what: str, first: int) -> None:
    """Check that what is known beside a series has the same dates.

    Parameters
    ----------
    series : Times
        Of its steps, from the first-th on.
    dates : Times
        Of all rows of what is known beside it.
    what : str
        What that is called in messages.
    first : int

    Raises
    ------
    ValueError
        If a row and its step differ.
    """
    beside = dates.part(first, len(series))
    if series.is_dates != dates.is_dates or len(beside) < len(series):  # too few rows are named elsewhere
        return
    in_zones = series.offset is not None and beside.offset is not None
    differ = beside.instants != series.instants if in_zones else beside.clock != series.clock
    if differ.any():
        k = int(np.argmax(differ))
        row, step = (each.shown(k, in_zones=in_zones) for each in (beside, series))
        raise ValueError(
            f"row {first + k} of {what} is of {row}, but step {first + k} of the series is of {step}: rows are matched "
            "by their place, so they must have the dates of the series and go on from there. Cut what comes before, "
            "c.loc[s.index[0]:], or leave dates out, c.to_numpy()"
        )


def _sign(offset: Any) -> str:
    """Return an offset from UTC as ISO 8601 has it: +01:00."""
    seconds = int(offset / np.timedelta64(1, "s"))
    minutes, rest = divmod(abs(seconds), 60)
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}" + (f":{rest:02d}" if rest else "")


def shown(moment: Any) -> str:
    """Return a date or a duration, without a time of day that is midnight."""
    if moment.dtype.kind == "m":
        return length(moment)
    return str(moment.astype("M8[s]")).removesuffix("T00:00:00").replace("T", " ")


def length(duration: Any) -> str:
    """Return a duration in its largest unit."""
    seconds = duration / np.timedelta64(1, "s")
    name, _, size = next((each for each in UNITS if seconds >= each[-1]), UNITS[-1])
    return f"{seconds / size:.4g} {name}{'' if seconds == size else 's'}"
