"""From a cell to its compiled loops: once for each kind of cell."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import chain
from typing import Any

from rnnbp.kernels.functions import shown
from rnnbp.kernels.sequence import make_loops

__all__ = ["loops"]


@cache
def loops(stages: tuple[tuple[Callable[..., Any], Callable[..., Any]], ...]) -> tuple[Any, Any]:
    """Return the compiled loops (forward and backward) around the (step, pullback) of each stage."""
    return make_loops(stages, shown(chain.from_iterable(stages)))
