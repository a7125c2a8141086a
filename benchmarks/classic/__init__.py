"""Classic tasks for recurrent networks, which ``python -m benchmarks.classic_tasks`` runs; `task` says what one is."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from benchmarks.classic.task import Result, Task

__all__ = ["TASKS", "Result", "Task"]

_MODULES = (
    "adding",
    "copy_memory",
    "temporal_order",
    "embedded_reber",
    "anbn",
    "mackey_glass",
    "narma",
    "sunspots",
    "laser",
    "mnist_rows",
    "characters",
)

_PRESENT = [name for name in _MODULES if find_spec(f"{__name__}.{name}") is not None]

TASKS: tuple[Task, ...] = tuple(task for name in _PRESENT for task in import_module(f"{__name__}.{name}").TASKS)
