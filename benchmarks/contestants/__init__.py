"""The contestants. Each module's ``prepare(task)`` makes a task ready to be called, in that contestant's best way.

All are called as their own users would: PyTorch on tensors with ``backward``, JAX on arrays that it holds already with
a compiled function, the project on NumPy arrays with all its checks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.tasks import Task

MODULES = {
    "rnnbp": "own",
    "numpy": "own_numpy",
    "torch": "pytorch",
    "jax": "jax_scan",
    "onnxruntime": "onnx_runtime",
    "sklearn": "scikit_learn",
    "openblas": "openblas",
}
OURS, PEAK = "rnnbp", "openblas"
PEERS = ("torch", "jax", "onnxruntime", "sklearn")
LEARNING_RATE = 1e-3  # of Adam, in all epochs


class Unavailable(Exception):
    """A contestant cannot take part in a race, for the reason given; the others can."""


@dataclass
class Prepared:
    """A task, ready to be called.

    Attributes
    ----------
    run : callable
        What is timed.
    check : callable
        Returns results by name, to be compared with the other contestants'; empty if there is nothing to compare.
    score : callable or None
        Returns the accuracy of a model trained by this contestant.
    compile_seconds : float or None
        What compiling for this very task has cost.
    """

    run: Callable[[], Any]
    check: Callable[[], dict[str, NDArray[np.floating]]]
    score: Callable[[], float] | None = None
    compile_seconds: float | None = None


def prepare(contestant: str, task: Task) -> Prepared:
    """Make a contestant ready for a task.

    Raises
    ------
    Unavailable
        If it is not installed, or does not do such tasks.
    """
    try:
        module = import_module(f"{__name__}.{MODULES[contestant]}")
    except ImportError as error:
        raise Unavailable(f"{error.name} is not installed: python -m pip install '.[benchmark]'") from None
    make = module.TASKS.get(type(task))
    if make is None:
        raise Unavailable(f"{contestant} has no {type(task).__name__}")
    prepared: Prepared = make(task)
    return prepared
