"""Checks of settings, said in the words of who gave them."""

from __future__ import annotations

from numbers import Real

__all__ = ["flag", "number", "probability", "speaks_for", "whole_number"]


def whole_number(value: object, name: str, *, least: int = 1) -> int:
    """Return `value` as an int if it is a whole number of at least `least`, or say what was given.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or (number := value.__index__()) < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, but {value!r} was given")
    return int(number)


def probability(value: float, name: str) -> float:
    """Return `value` if it lies in [0, 1), or say what was given.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 <= value < 1.0:
        raise ValueError(f"{name} must be a number from 0 to below 1, but {value!r} was given")
    return float(value)


def number(name: str, value: object, interval: str = "(0, inf)") -> float:
    """Return a setting as a float if it is in the interval, such as ``"[0, 1)"``; ValueError if not."""
    low, high = (float(end) for end in interval[1:-1].split(","))
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if is_number and (
        low < float(value) < high  # type: ignore[arg-type]
        or (value == low and interval[0] == "[")
        or (value == high and interval[-1] == "]")
    ):
        return float(value)  # type: ignore[arg-type]
    raise ValueError(f"{name} must be a number in {interval}; got {value!r}")


def flag(name: str, value: object) -> bool:
    """Return a setting if it is True or False; ValueError if not."""
    if isinstance(value, bool):
        return value
    raise ValueError(f"{name} must be True or False; got {value!r}")


def speaks_for(kind: type, name: str, others: tuple[str, ...]) -> bool:
    """Whether a class's attribute still goes with others: none of these is overridden below the class that has it.

    What says how a part runs compiled must not be inherited by one that computes something else.
    """

    def owner(of: str) -> type:
        return next(each for each in kind.__mro__ if of in vars(each))

    return all(issubclass(owner(name), owner(other)) for other in others)
