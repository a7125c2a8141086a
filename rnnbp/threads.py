"""How many threads to use.

By default as many as the process may run on, or as OMP_NUM_THREADS says, which joblib sets in its worker processes so
that they share the machine; RNNBP_NUM_THREADS goes before both, and `limit` before all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from rnnbp.checks import whole_number

__all__ = ["count", "limit", "run"]

_limit: ContextVar[int | None] = ContextVar("rnnbp_thread_limit", default=None)


def count() -> int:
    """Return the number of threads to use now."""
    limited = _limit.get()
    if limited is not None:
        return limited
    return _default()


@cache
def _default() -> int:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for name in ("RNNBP_NUM_THREADS", "OMP_NUM_THREADS"):
        given = os.environ.get(name, "")
        if given.isdigit() and int(given) > 0:
            return min(int(given), available) if name == "OMP_NUM_THREADS" else int(given)
    return available


@contextmanager
def limit(n_threads: int) -> Iterator[None]:
    """Use at most so many threads in the body of a ``with`` statement.

    Parameters
    ----------
    n_threads : int

    Raises
    ------
    ValueError
        If it is not a whole number of at least 1.
    """
    token = _limit.set(whole_number(n_threads, "n_threads"))
    try:
        yield
    finally:
        _limit.reset(token)


@cache
def _pool(process: int, n_threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n_threads, thread_name_prefix="rnnbp")


def run(function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> None:
    """Call a function, which lets go of the interpreter lock, with each tuple of arguments, at the same time."""
    first, *others = arguments
    if not others:
        function(*first)
        return
    pool = _pool(os.getpid(), len(others))  # a forked process starts its own
    futures = [pool.submit(function, *given) for given in others]
    function(*first)
    for future in futures:
        future.result()
