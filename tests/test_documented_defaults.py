"""Defaults are those that docstrings name: ``width : int, default 7`` or ``default=7``, as scikit-learn writes it."""

import ast
import importlib
import inspect
import pkgutil
import re

import numpy as np

import rnnbp

OTHERS = ("rnnbp.interop.keras.modules", "rnnbp.interop.torch.modules", "rnnbp.__main__")  # need what is not installed


def documented():
    """Yield each function and class of the package that has a docstring, under its name."""
    for found in pkgutil.walk_packages(rnnbp.__path__, "rnnbp."):
        if found.name in OTHERS:
            continue
        module = importlib.import_module(found.name)
        own = [each for each in vars(module).values() if getattr(each, "__module__", None) == module.__name__]
        methods = [getattr(m, "__func__", m) for each in own if inspect.isclass(each) for m in vars(each).values()]
        for each in [*own, *methods]:
            if (inspect.isclass(each) or inspect.isfunction(each)) and each.__doc__:
                yield f"{module.__name__}.{each.__qualname__}", each


def stated(docstring):
    """Yield each parameter whose default a docstring names, and that; ``a, b : float, default 1 and 2`` are two."""
    for names, text in re.findall(r"^ *([\w, ]+?) : .*?\bdefault[ =:] *(.+)$", docstring, re.MULTILINE):
        names = names.split(", ")
        texts = text.split(" and ") if len(names) > 1 else [text]
        yield from zip(names, texts if len(texts) == len(names) else texts * len(names), strict=True)


def is_said(text, value):
    """Return whether a text names a value; None if the text is none that can be read."""
    if inspect.isclass(value) and issubclass(value, np.generic):
        value = np.dtype(value).name
    try:
        said = ast.literal_eval(
            re.sub(r"2\*\*(\d+)$", lambda power: str(2 ** int(power[1])), text.replace("inf", "1e999"))
        )
    except (ValueError, SyntaxError):
        return True if text == repr(value) else None
    return said == value and isinstance(said, bool) == isinstance(value, bool)


def test_defaults_are_those_that_docstrings_name():
    right, wrong = 0, []
    for name, each in documented():
        try:
            parameters = inspect.signature(each).parameters
        except ValueError:  # of a class that Python has made
            continue
        for parameter, text in stated(each.__doc__):
            if parameter in parameters and (answer := is_said(text, parameters[parameter].default)) is not None:
                right += answer
                wrong += [] if answer else [f"{name}: {parameter} is said to be {text}"]
    assert wrong == []
    assert right > 400


def test_a_default_of_another_size_is_found():
    assert dict(stated("    a : int, default 3\n    b, c : float, default=1.5 and inf\n    d : int\n")) == {
        "a": "3", "b": "1.5", "c": "inf"
    }  # fmt: skip
    assert is_said("3", 3)
    assert not is_said("3", 4)
    assert not is_said("True", 1)
    assert is_said("inf", float("inf"))
    assert is_said("the golden ratio", 1.6) is None


def public():
    """Yield the classes and functions that users see, under their names."""
    for place in (*(f"rnnbp.{name}" for name in rnnbp._MODULES), "rnnbp"):
        module = importlib.import_module(place)
        for name in module.__all__:
            each = getattr(module, name)
            if inspect.isfunction(each) or (inspect.isclass(each) and not issubclass(each, Exception)):
                yield f"{place}.{name}", each


def test_every_number_and_flag_that_users_may_leave_out_is_documented():
    """In the docstring itself, or in that of a class that it derives from."""
    missing = []
    for name, each in public():
        said = {}
        for base in reversed(inspect.getmro(each) if inspect.isclass(each) else [each]):
            said |= dict(stated(base.__doc__ or ""))
        for parameter, has in inspect.signature(each).parameters.items():
            if isinstance(has.default, (bool, int, float)) and not is_said(said.get(parameter, "nothing"), has.default):
                missing.append(f"{name}: {parameter}={has.default}, but {said.get(parameter, 'nothing')} is said")
    assert missing == []
