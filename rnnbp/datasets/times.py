"""Times in a table, as numbers that rows can be sorted by: text sorts 10 before 9, and Monday after Friday.

They are numbers, or dates as ISO 8601 writes them (2024-12-31, 2024-12-31 12:00, 2024-12-31T12:00:00+01:00), which may
be written in several of its ways; those with a time zone are brought to one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_times"]

Array = NDArray[Any]


def read_times(column: Array, name: str, where: Callable[[int], str]) -> Array:
    """Return a column of times as numbers or dates; what is no text stays as it is.

    Parameters
    ----------
    column : ndarray of shape (n_rows,)
        At least one.
    name : str
        What the column is called.
    where : callable
        Says where a row is, for errors.

    Returns
    -------
    ndarray of int64, float64 or datetime64, of shape (n_rows,)

    Raises
    ------
    ValueError
        If one is neither a number nor a date, or not what the first one is, or if only some have a time zone. Names the
        row.

    Examples
    --------
    >>> read_times(np.array(["2024-12-31 09:00", "2024-12-31"]), "when", "row {}".format).argsort()
    array([1, 0])
    """
    if column.dtype.kind not in "US":
        return column
    texts = column.tolist()
    if _is_number(texts[0]):
        if not all(map(_is_number, texts)):
            raise _refusal(next(row for row, text in enumerate(texts) if not _is_number(text)), column, name, where)
        return _numbers(column)
    dates = [_date(row, column, name, where) for row in range(len(texts))]
    zoned = [date.tzinfo is not None for date in dates]
    if any(zoned) and not all(zoned):
        row = zoned.index(False)
        raise ValueError(f"{where(row)}: {name!r} has no time zone, but others have: write one to all, or to none")
    ahead = [date.utcoffset() or timedelta() for date in dates]  # subtracted as NumPy does, which knows years before 1
    plain = np.array([date.replace(tzinfo=None) for date in dates], "M8[us]")
    return np.asarray(plain - np.array(ahead, "m8[us]"))


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _numbers(column: Array) -> Array:
    try:
        return column.astype(np.int64)
    except (ValueError, OverflowError):
        return column.astype(np.float64)


def _date(row: int, column: Array, name: str, where: Callable[[int], str]) -> datetime:
    try:
        return datetime.fromisoformat(str(column[row]).strip())
    except ValueError:
        raise _refusal(row, column, name, where) from None


def _refusal(row: int, column: Array, name: str, where: Callable[[int], str]) -> ValueError:
    return ValueError(
        f"{where(row)}: {name!r} is {str(column[row])!r}, but times must all be numbers, or all dates such as "
        "2024-12-31 or 2024-12-31 12:00"
    )
