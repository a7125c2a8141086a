"""From a cell to its compiled loops.

A cell's functions are ordinary Python. Here they, and the functions they call, are shown to numba, and the loops over
time are compiled around them, once for each kind of cell. Compiled code is cached on disk under a key that holds the
text of all of these functions and of the kernels, so a cell that is edited is compiled anew.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import llvmlite
import numba
from numba.core import event
from numba.extending import register_jitable

from rnnbp.kernels import elementwise
from rnnbp.kernels import lanes as lanes  # gives the elementwise primitives their meaning in compiled code
from rnnbp.kernels.sequence import make_loops

__all__ = ["loops"]

Functions = tuple[tuple[Callable[..., Any], Callable[..., Any]], ...]


class _Notice(event.Listener):
    """Tells the user at a terminal, once, what takes seconds."""

    def on_start(self, started: event.Event) -> None:
        function = started.data["dispatcher"].py_func
        if function.__qualname__.startswith("make_loops") and sys.stderr.isatty():
            event.unregister("numba:compile", self)
            print("rnnbp: compiling for this machine (once: the result is kept on disk) ...", file=sys.stderr)

    def on_end(self, ended: event.Event) -> None:
        """Do nothing; it is the start that matters."""


event.register("numba:compile", _Notice())


@cache
def loops(stages: Functions) -> tuple[Any, Any, Any]:
    """Return the compiled loops (prepare, forward and backward) around the (step, pullback) of each stage."""
    functions: dict[FunctionType, None] = {}
    for pair in stages:
        for function in pair:
            _collect(function, functions)
    for function in functions:
        register_jitable(function)
    return make_loops(stages, _fingerprint(functions))


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
