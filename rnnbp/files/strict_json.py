"""JSON that somebody else may have written: what comes of it is small, finite and not deep, or an error says why not.

Python's own reader takes more than JSON is (NaN and Infinity), ends in `RecursionError` where brackets are nested
deeply, and makes whole numbers of thousands of digits and infinite floats, which code after it stumbles over.
"""

from __future__ import annotations

import json
import sys
from typing import Any

__all__ = ["dumps", "loads"]

MAX_DEPTH = 100
LARGEST = sys.float_info.max


def loads(text: str, *, finite: bool = True) -> Any:
    """Return what JSON says.

    Parameters
    ----------
    text : str
    finite : bool, default True
        Whether NaN and infinity, which Python writes, are refused.

    Raises
    ------
    ValueError
        If it is no JSON, is nested more than 100 levels deep, or holds a number that no float can hold.
    """
    try:
        value = json.loads(text, parse_constant=_refuse if finite else float)
    except RecursionError:
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep") from None
    _check(value, finite=finite)
    return value


def dumps(value: Any) -> str:
    """Return JSON that `loads` reads.

    Raises
    ------
    ValueError
        If the value is nothing that such JSON can hold.
    """
    try:
        text = json.dumps(value)
    except TypeError as error:
        raise ValueError(str(error)) from error
    except RecursionError:
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep") from None
    loads(text)
    return text


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def _check(value: Any, *, finite: bool) -> None:
    """Look at everything, level by level."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                below += each.values()
            elif isinstance(each, list):
                below += each
            elif isinstance(each, int | float) and not -LARGEST <= each <= LARGEST and (finite or type(each) is int):
                raise ValueError("it holds a number that is too large")
        if not below:
            return
        level = below
    raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
