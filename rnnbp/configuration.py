"""Objects that are made of their settings, and checks of settings.

Every argument of a constructor is kept, unchanged, in an attribute of the same name (scikit-learn's convention).
From that alone an object can be printed, compared, copied, pickled, written as JSON and made again:
``build(plain(thing)) == thing``.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar, TypeVar

import numpy as np

__all__ = [
    "Configurable",
    "build",
    "flag",
    "lookup",
    "number",
    "plain",
    "speaks_for",
    "whole_number",
]

T = TypeVar("T")


class Configurable:
    """A base for classes whose constructor arguments are attributes of the same names.

    A subclass is known by its name to `build`, so a user's own layer can be saved and loaded like any other, once the
    module that defines it has been imported. A constructor that passes ``**options`` on to its base class has the
    base's arguments in its signature too.
    """

    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" not in vars(cls):
            return
        own = inspect.signature(cls.__init__)
        parameters = [p for p in own.parameters.values() if p.name != "self"]
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            base = next(c for c in cls.__mro__[1:] if "__init__" in vars(c))
            inherited = inspect.signature(base).parameters.values()
            parameters = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
            parameters += [p for p in inherited if p.name not in own.parameters]
        cls.__signature__ = inspect.Signature(parameters)

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments, by name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def __getstate__(self) -> dict[str, Any]:
        return self.settings()  # what else it holds follows from them, and may not be copied

    def __setstate__(self, settings: dict[str, Any]) -> None:
        type(self).__init__(self, **settings)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        theirs = other.settings()
        return all(_are_equal(value, theirs[name]) for name, value in self.settings().items())

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        shown = []
        for name, parameter in inspect.signature(type(self)).parameters.items():
            value = repr(getattr(self, name))
            if parameter.default is inspect.Parameter.empty:
                shown.append(value)
            elif value != repr(parameter.default):
                shown.append(f"{name}={value}")
        return f"{type(self).__name__}({', '.join(shown)})"


def _are_equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return type(one) is type(other) and np.array_equal(one, other)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_are_equal, one, other))
    return bool(one is other or one == other)


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it; an object made of settings becomes its class's name and its settings."""
    if isinstance(value, Configurable):
        return {"class": type(value).__name__} | {name: plain(item) for name, item in value.settings().items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def build(value: Any, base: type[Any]) -> Any:
    """Make an object again from what `plain` returned.

    Parameters
    ----------
    value : dict
        A class's name under ``"class"``, and its settings.
    base : type
        What the object must be, such as ``Layer``.

    Raises
    ------
    ValueError
        If the class is not known or is not a `base`, or if the settings are not its own.
    """
    known = {cls.__name__: cls for cls in _subclasses(base)}
    cls = lookup(known, value.get("class"), base.__name__.lower())
    settings = {
        name: build(item, Configurable) if isinstance(item, dict) and "class" in item else item
        for name, item in value.items()
        if name != "class"
    }
    try:
        inspect.signature(cls).bind(**settings)
    except TypeError as error:
        raise ValueError(f"these settings do not make a {cls.__name__}: {error}") from error
    return cls(**settings)


def _subclasses(base: type[T]) -> list[type[T]]:
    return [found for cls in base.__subclasses__() for found in (cls, *_subclasses(cls))]


def lookup(table: Mapping[str, T], name: object, kind: str) -> T:
    """Return ``table[name]``, or say which names there are.

    Raises
    ------
    ValueError
        If the name is not in the table; the message lists what is, and the nearest one.
    """
    if isinstance(name, str) and name in table:
        return table[name]
    folded = {known.lower(): known for known in table}
    near = difflib.get_close_matches(str(name).lower(), folded, n=1)
    hint = f" Did you mean {folded[near[0]]!r}?" if near else ""
    raise ValueError(f"unknown {kind} {name!r}: the known ones are {', '.join(map(repr, table))}.{hint}")


def whole_number(name: str, value: object, *, least: int = 1) -> int:
    """Return `value` as an int if it is a whole number of at least `least`, or say what was given.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or (number := value.__index__()) < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, but {value!r} was given")
    return int(number)


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
    raise ValueError(f"{name} must be a number in {interval}, but {value!r} was given")


def flag(name: str, value: object) -> bool:
    """Return a setting if it is True or False; ValueError if not."""
    if isinstance(value, bool):
        return value
    raise ValueError(f"{name} must be True or False, but {value!r} was given")


def speaks_for(kind: type, name: str, others: tuple[str, ...]) -> bool:
    """Whether a class's attribute still goes with others: none of these is overridden below the class that has it.

    What says how a part runs compiled must not be inherited by one that computes something else.
    """

    def owner(of: str) -> type:
        return next(each for each in kind.__mro__ if of in vars(each))

    return all(issubclass(owner(name), owner(other)) for other in others)
