"""Plain Python functions, shown to numba.

A cell's steps and the activation functions are ordinary Python. Here they, and the functions they call, are made known
to numba, so that loops can be compiled around them. Compiled code is cached on disk under a key that holds the text of
all of these functions and of the kernels, so what is edited is compiled anew.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import llvmlite
import numba
from numba.core import event
from numba.extending import register_jitable

from rnnbp.kernels import elementwise
from rnnbp.kernels import lanes as lanes  # gives the elementwise primitives their meaning in compiled code

__all__ = ["LOOP_FACTORY", "named", "shown"]

LOOP_FACTORY = "make_loops"  # the name of the functions whose inner functions take long to compile


class _Notice(event.Listener):
    """Tells the user at a terminal, once, what takes seconds."""

    def on_start(self, started: event.Event) -> None:
        function = started.data["dispatcher"].py_func
        if function.__qualname__.startswith(LOOP_FACTORY) and sys.stderr.isatty():
            event.unregister("numba:compile", self)
            print("rnnbp: compiling for this machine (once: the result is kept on disk) ...", file=sys.stderr)

    def on_end(self, ended: event.Event) -> None:
        """Do nothing; it is the start that matters."""


event.register("numba:compile", _Notice())


def shown(functions: Iterable[Callable[..., Any]]) -> str:
    """Make functions, and all that they call, known to numba; return a fingerprint of them and of the kernels."""
    found: dict[FunctionType, None] = {}
    for function in functions:
        _collect(function, found)
    for function in found:
        register_jitable(function)
    return _fingerprint(found)


def _collect(function: Any, found: dict[FunctionType, None]) -> None:
    """Add a function and all plain functions that it calls, but for the elementwise vocabulary."""
    if not isinstance(function, FunctionType) or function in found or function.__module__ == elementwise.__name__:
        return
    closed = inspect.getclosurevars(function)
    for called in (*closed.nonlocals.values(), *closed.globals.values()):
        _collect(called, found)
    found[function] = None


def _fingerprint(functions: dict[FunctionType, None]) -> str:
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for function in functions:
        closed = inspect.getclosurevars(function)
        constants = {
            name: value
            for name, value in {**closed.nonlocals, **closed.globals}.items()
            if isinstance(value, (int, float, str, tuple))
        }
        code = function.__code__  # not the source, which a function typed at a prompt has not
        constant = [value for value in code.co_consts if not isinstance(value, CodeType)]
        digest.update(repr((code.co_code, constant, code.co_names)).encode())
        digest.update(repr(sorted(constants.items())).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def named(function: Any, fingerprint: str) -> Any:
    """Make a function one of its module's, so that numba's cache on disk finds it under a name, the same each time.

    Else numba would take the pickled function for a part of the cache's key, and that differs from process to process.
    """
    function.__qualname__ = f"{function.__name__}_{fingerprint}"
    setattr(sys.modules[function.__module__], function.__qualname__, function)
    return register_jitable(function)
