"""Classic tasks for recurrent networks, which ``python -m benchmarks.classic_tasks`` runs; `task` says what one is."""

from __future__ import annotations

from benchmarks.classic import (
    adding,
    anbn,
    characters,
    copy_memory,
    embedded_reber,
    laser,
    mackey_glass,
    mnist_rows,
    narma,
    sunspots,
    temporal_order,
)
from benchmarks.classic.task import Result, Task

__all__ = ["TASKS", "Result", "Task"]

TASKS: tuple[Task, ...] = (
    *adding.TASKS,
    *copy_memory.TASKS,
    *temporal_order.TASKS,
    *embedded_reber.TASKS,
    *anbn.TASKS,
    *mackey_glass.TASKS,
    *narma.TASKS,
    *sunspots.TASKS,
    *laser.TASKS,
    *mnist_rows.TASKS,
    *characters.TASKS,
)
