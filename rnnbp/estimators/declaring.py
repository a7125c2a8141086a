"""Settings that are declared once: their type, default, constraint and documentation.

A setting is a field of a dataclass::

    @dataclass(eq=False, repr=False, kw_only=True)
    class Training:
        alpha: float = setting(0.0001, real("[0, inf)"), "The strength of the penalty ...")

That is an argument of the constructor, which scikit-learn, ``help`` and editors see; an attribute; a check, made when
training begins; and an entry of the docstring. A class with another default says only so: ``alpha: float = 0.01``.

In docstrings, ``$parameters`` and ``$attributes`` stand for sections: of settings, and of the ``_attributes`` of a
class and its bases. ``$samples`` or the like stands for a word of the class: one of its ``_words``, or of its bases'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, field, fields
from functools import update_wrapper
from inspect import cleandoc
from string import Template
from textwrap import indent
from types import FunctionType
from typing import Any, TypeVar

from rnnbp.configuration import flag, lookup, number, shown, whole_number
from rnnbp.names import explained, explained_class

__all__ = ["FLAG", "WHOLE", "Constraint", "check", "documented", "either", "must_be", "one_of", "real", "setting"]

T = TypeVar("T")


Constraint = tuple[
    str, Callable[[str, Any], object]
]  # as the documentation says it; raises errors, given name and value

FLAG: Constraint = "bool", flag
WHOLE: Constraint = "int", whole_number


def real(interval: str) -> Constraint:
    """Return the constraint of a number in an interval, such as ``"[0, 1)"``."""
    return "float", lambda name, value: number(name, value, interval)


def one_of(table: Mapping[str, object], kind: str, *types: type) -> Constraint:
    """Return the constraint of a name in a table of what is called `kind`, or of an object of such a type."""
    names = f"{{{', '.join(map(_quoted, table))}}}"

    def check_name(name: str, value: Any) -> None:
        if not isinstance(value, types):
            lookup(table, value, kind)

    return f"{names} or {kind}" if types else names, check_name


def must_be(kind: str, holds: Callable[[Any], bool], *, said: str | None = None, hint: str = "") -> Constraint:
    """Return the constraint of what a function is true of; errors may say it in another way, and end with a hint."""

    def check_that(name: str, value: object) -> None:
        if not holds(value):
            raise ValueError(f"{name} must be {said or kind}, but {shown(value)} was given{hint}")

    return kind, check_that


def either(constraint: Constraint, *values: Any) -> Constraint:
    """Return a constraint that some values satisfy, too."""
    kind, check_others = constraint
    listed = " or ".join(map(_quoted, values))

    def check_either(name: str, value: Any) -> None:
        if any(isinstance(value, type(each)) and value == each for each in values):
            return
        try:
            check_others(name, value)
        except ValueError as error:
            raise ValueError(f"{error}; {listed} is possible too") from None

    return f"{kind} or {listed}", check_either


def setting(default: T, constraint: Constraint, doc: str = "", *, of_solver: bool = False) -> T:
    """Declare a setting.

    Parameters
    ----------
    default : object
    constraint : Constraint
    doc : str
        What the documentation says of it, under its type and default.
    of_solver : bool, default False
        Whether it is a setting of the solver that another setting names.
    """
    kind, checked = constraint
    metadata = {"kind": kind, "check": checked, "doc": cleandoc(doc), "of_solver": of_solver}
    made: T = field(default=default, metadata=metadata)
    return made


def _declared(cls: type) -> dict[str, tuple[Field[Any], Mapping[str, Any]]]:
    """Return the fields of a class's settings, and what was declared with them, in the constructor's order."""
    found = {}
    for own in sorted(fields(cls), key=lambda each: each.kw_only is True):
        of_bases = (vars(base).get("__dataclass_fields__", {}).get(own.name) for base in cls.__mro__)
        metadata = next((each.metadata for each in of_bases if each is not None and each.metadata), None)
        if own.init and metadata is not None:
            found[own.name] = own, metadata
    return found


def check(estimator: Any) -> None:
    """Check all settings of an estimator.

    Raises
    ------
    ValueError
        If one does not satisfy its constraint, or is one of a solver that is an object and has its settings itself.
    """
    for name, (own, metadata) in _declared(type(estimator)).items():
        value = getattr(estimator, name)
        metadata["check"](name, value)
        if metadata["of_solver"] and not isinstance(estimator.solver, str) and value != own.default:
            raise ValueError(
                f"{name} must be left out beside an optimizer, which has its settings itself, but "
                f"{name}={shown(value)} and solver={estimator.solver!r} were given"
            )


def documented(cls: type[T]) -> type[T]:
    """Fill in the docstrings of a class, of `fit` and of `score`, and have its constructor say what it takes."""
    parameters = [
        f"{name} : {declared['kind']}, default={_quoted(own.default)}" + indent(f"\n{declared['doc']}".rstrip(), "    ")
        for name, (own, declared) in _declared(cls).items()
    ]
    words: dict[str, str] = {}
    attributes: list[str] = []
    for base in reversed(cls.__mro__):
        words |= vars(base).get("_words", {})
        attributes += vars(base).get("_attributes", "").splitlines()
    words |= {name.capitalize(): word[:1].upper() + word[1:] for name, word in words.items() if name.islower()}
    words["parameters"] = "\n".join(["Parameters", "----------", *parameters])
    words["attributes"] = "\n".join(["Attributes", "----------", *attributes])

    def filled(text: str | None) -> str:
        once = Template(cleandoc(text or "")).safe_substitute(words)
        return Template(once).safe_substitute(words)  # entries have words, too

    cls.__doc__ = filled(cls.__doc__)
    for name in ("fit", "score"):
        copy = _copy(getattr(cls, name), filled)
        copy.__qualname__ = f"{cls.__name__}.{name}"
        setattr(cls, name, explained(copy))
    return explained_class(cls)


def _copy(function: FunctionType, filled: Callable[[str | None], str]) -> FunctionType:
    """Return a function with a docstring of its own."""
    code, defaults, cells = function.__code__, function.__defaults__, function.__closure__
    copy = FunctionType(code, function.__globals__, argdefs=defaults, closure=cells)
    update_wrapper(copy, function).__doc__ = filled(function.__doc__)
    copy.__kwdefaults__ = function.__kwdefaults__
    del copy.__wrapped__  # type: ignore[attr-defined]
    return copy


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)
