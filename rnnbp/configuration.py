"""Objects that are made of their settings, and checks of settings.

Every argument of a constructor is kept, unchanged, in an attribute of the same name (scikit-learn's convention).
From that alone an object can be printed, compared, copied, pickled, written as JSON and made again:
``build(plain(thing)) == thing``.
"""

from __future__ import annotations

import inspect
import math
import operator
import sys
from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from os import PathLike
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar, get_args, get_type_hints

import numpy as np

from rnnbp.names import explained_class, meant

__all__ = [
    "Configurable",
    "admitted",
    "brief",
    "build",
    "check_admitted",
    "expect_call",
    "flag",
    "lookup",
    "number",
    "path",
    "plain",
    "seed",
    "shown",
    "speaks_for",
    "whole_number",
]

T = TypeVar("T")

LONGEST_SHOWN = 300  # characters of a value in an error


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
        explained_class(cls)
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

    def check_settings(self) -> None:
        """Check that each argument is kept, as copies and files need it.

        Raises
        ------
        TypeError
            If one is not; names it.
        """
        for name in inspect.signature(type(self)).parameters:
            if not hasattr(self, name):
                raise TypeError(
                    f"{type(self).__name__} must keep the argument {name!r} of its constructor, unchanged, in an "
                    f"attribute of that name: write self.{name} = {name}"
                )

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
        return hash(type(self))  # settings that are equal may look different, and may be changed

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

    The value may come from anywhere: only classes that are a `base`, and within their settings only what the
    constructor's annotations name, are looked up; nothing else is called.

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
    return _build(value, (base,))


def _build(value: Any, bases: Sequence[type[Any]]) -> Any:
    kind = " or ".join(base.__name__.lower() for base in bases)
    if not isinstance(value, Mapping):
        raise ValueError(f"a {kind} must be described by its class and settings, but {shown(value)} was given")
    known = {cls.__name__: cls for base in bases for cls in _subclasses(base) if not inspect.isabstract(cls)}
    try:
        cls = lookup(known, value.get("class"), kind)
    except ValueError as error:
        raise ValueError(f"{error} If it is a class of your own, import the module that defines it first") from None
    given = {name: item for name, item in value.items() if name != "class"}
    try:
        inspect.signature(cls).bind(**given)
    except TypeError as error:
        raise ValueError(f"these settings do not make a {cls.__name__}: {brief(error)}") from error
    settings = {name: _remade(item, cls, name) for name, item in given.items()}
    try:
        return cls(**settings)
    except Exception as error:  # a class of a user's may answer wrong settings in any way
        raise ValueError(f"these settings do not make a {cls.__name__}: {brief(error)}") from error


def _remade(value: Any, cls: type[Any], name: str) -> Any:
    """Return a setting with the objects that it holds, if they are such as the constructor's annotation names."""
    if isinstance(value, list):
        return [_remade(item, cls, name) for item in value]
    if not (isinstance(value, Mapping) and "class" in value):
        return value
    bases = admitted(cls, name)
    if not bases:
        raise ValueError(
            f"the setting {name} of {cls.__name__} holds a {shown(value['class'])}, which it does not take"
        )
    return _build(value, bases)


def admitted(cls: type[Any], name: str) -> tuple[type[Configurable], ...]:
    """Return the kinds of `Configurable` that a constructor's argument may hold, by its annotation.

    ``schedule: float | Schedule`` admits schedules. An argument without an annotation, or with one that names no such
    class, admits none.
    """
    for owner in cls.__mro__:
        constructor = vars(owner).get("__init__")
        annotation = getattr(constructor, "__annotations__", {}).get(name)
        if annotation is None:
            continue
        alone = SimpleNamespace(__annotations__={name: annotation})  # another argument's may be known to a checker only
        # the constructor of a dataclass has the annotations of fields that other modules may have declared
        field = next((each for each in cls.__mro__ if name in vars(each).get("__annotations__", {})), None)
        globals_ = {} if constructor is None else getattr(inspect.unwrap(constructor), "__globals__", {})
        known = globals_ if field is None else vars(sys.modules[field.__module__])
        try:
            hint = get_type_hints(alone, known)[name]
        except (NameError, AttributeError, TypeError, SyntaxError):
            return ()
        return tuple(dict.fromkeys(_kinds(hint)))
    return ()


def _kinds(hint: Any) -> Iterator[type[Configurable]]:
    if isinstance(hint, type) and issubclass(hint, Configurable):
        yield hint
    for part in get_args(hint):
        yield from _kinds(part)


def check_admitted(thing: Configurable) -> None:
    """Check that an object can be made again from what `plain` returns of it, as far as annotations say.

    Raises
    ------
    ValueError
        If it holds another one in an argument whose annotation does not name its kind.
    """
    for name, value in thing.settings().items():
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(item, Configurable):
                if not isinstance(item, admitted(type(thing), name)):
                    raise ValueError(
                        f"{type(thing).__name__} holds {item!r} in {name}, but the annotation of that argument does "
                        f"not say so: write {name}: {_root(type(item)).__name__} in its constructor"
                    )
                check_admitted(item)


def _root(cls: type[Any]) -> type[Any]:
    """Return the most general class that is not `Configurable` itself."""
    return next(base for base in reversed(cls.__mro__) if issubclass(base, Configurable) and base is not Configurable)


def _subclasses(base: type[T]) -> list[type[T]]:
    """Return a class and all that derive from it."""
    return [base, *(found for cls in base.__subclasses__() for found in _subclasses(cls))]


def lookup(table: Mapping[str, T], name: object, kind: str) -> T:
    """Return ``table[name]``, or say which names there are.

    Raises
    ------
    ValueError
        If the name is not in the table; the message lists what is, and the nearest one.
    """
    if isinstance(name, str) and name in table:
        return table[name]
    if isinstance(name, type) and issubclass(name, Configurable):
        raise ValueError(f"the class {name.__name__} is no {kind}: make one, as {name.__name__}(...) does")
    listed = ", ".join(repr(known) for known in table if not known.startswith("_"))
    raise ValueError(f"unknown {kind} {shown(name)}: the known ones are {listed}.{meant(name, table)}")


def brief(error: Exception) -> str:
    """Return what an error says, cut if it would fill the screen, as it may repeat what it was given."""
    text = str(error)
    return text if len(text) <= 2 * LONGEST_SHOWN else f"{text[: 2 * LONGEST_SHOWN]}..."


def shown(value: object) -> str:
    """Return a value as an error shows it: what would fill the screen is cut."""
    try:
        text = repr(value)
    except Exception:  # of thousands of digits, or nested too deeply
        text = f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def whole_number(name: str, value: object, *, least: int = 1) -> int:
    """Return `value` as an int if it is a whole number of at least `least`, or say what was given.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    try:
        number = least - 1 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:  # an array, even of one number, is none
        number = least - 1
    if number < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, but {shown(value)} was given")
    return number


def number(name: str, value: object, interval: str = "(0, inf)") -> float:
    """Return a setting as a float if it is in the interval, such as ``"[0, 1)"``; ValueError if not."""
    low, high = (float(end) for end in interval[1:-1].split(","))
    try:
        given = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    except OverflowError:  # a whole number of hundreds of digits
        given = math.nan
    if low < given < high or (given == low and interval[0] == "[") or (given == high and interval[-1] == "]"):
        return given
    raise ValueError(f"{name} must be a number in {interval}, but {shown(value)} was given")


def seed(name: str, value: object) -> int | None:
    """Return the seed of a generator of random numbers if it is a whole number of at least 0 or None, or say so."""
    try:
        return None if value is None else whole_number(name, value, least=0)
    except ValueError as error:
        raise ValueError(f"{error}; None, for fresh entropy, is possible too") from None


def path(name: str, value: object) -> Path:
    """Return a setting as a path; TypeError if it is none."""
    if isinstance(value, (str, PathLike)):
        return Path(value)
    raise TypeError(f"{name} must be a path, but {shown(value)} was given")


def expect_call(name: str, value: object, *arguments: str) -> None:
    """Check that a setting is a function that can be called with so many arguments, by position.

    Parameters
    ----------
    name : str
        Of the setting.
    value : object
    *arguments : str
        What it will be called with.

    Raises
    ------
    TypeError
        If it cannot be.
    """
    what = f"{name} must be a function of {' and '.join(arguments)}"
    if isinstance(value, type):
        raise TypeError(f"{what}, but the class {value.__name__} was given: make one, as {value.__name__}(...) does")
    if not callable(value):
        raise TypeError(f"{what}, but {shown(value)} was given")
    try:
        # one that is made of settings has the signature of its constructor
        inspect.signature(value.__call__ if isinstance(value, Configurable) else value).bind(*arguments)
    except TypeError as error:
        raise TypeError(f"{what}, but {shown(value)} cannot be called with these: {error}") from None
    except ValueError:  # one that is not written in Python may say nothing of its arguments
        return


def flag(name: str, value: object) -> bool:
    """Return a setting if it is True or False; ValueError if not."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise ValueError(f"{name} must be True or False, but {shown(value)} was given")


def speaks_for(kind: type, name: str, others: tuple[str, ...]) -> bool:
    """Whether a class's attribute still goes with others: none of these is overridden below the class that has it.

    What says how a part runs compiled must not be inherited by one that computes something else.
    """

    def owner(of: str) -> type:
        return next(each for each in kind.__mro__ if of in vars(each))

    return all(issubclass(owner(name), owner(other)) for other in others)
