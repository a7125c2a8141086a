"""How many threads to use.

By default as many as the process may run on, or as OMP_NUM_THREADS says, which joblib sets in its worker processes so
that they share the machine; RNNBP_NUM_THREADS goes before both, and `limit` before all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from queue import SimpleQueue
from threading import Thread
from typing import Any

from rnnbp.checks import whole_number

__all__ = ["count", "cuts", "limit", "run", "worth_waking"]

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


MIN_OPERATIONS = 4_000_000  # multiply-adds that a thread must have to do, for it to pay to wake it
HEAD_START = 3_500_000  # multiply-adds that the calling thread has done when another has woken


def worth_waking(n_things: int, operations: float) -> int:
    """Return how many threads to divide so many things among, which take so many multiply-adds together."""
    return int(max(1, min(count(), n_things, operations // MIN_OPERATIONS)))


def cuts(total: int, n_threads: int, operations: float) -> list[float]:
    """Divide work so that all threads are done at about the same time; the first has a head start.

    Parameters
    ----------
    total : int
        How many things there are to do, all alike.
    n_threads : int
    operations : float
        The multiply-adds of one.

    Returns
    -------
    list of float, of length n_threads - 1
        Where the shares of all threads but the first begin.
    """
    head = min(HEAD_START / operations, total)
    share = (total + head * (n_threads - 1)) / n_threads
    return [share * k - head * (k - 1) for k in range(1, n_threads)]


class _Worker:
    """A thread that waits for calls; waking it takes a fraction of what `concurrent.futures` needs."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]] = SimpleQueue()
        self._results: SimpleQueue[BaseException | None] = SimpleQueue()
        Thread(target=self._serve, name="rnnbp", daemon=True).start()

    def start(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._calls.put((function, arguments))

    def wait(self) -> BaseException | None:
        return self._results.get()

    def _serve(self) -> None:
        while True:
            function, arguments = self._calls.get()
            try:
                function(*arguments)
            except BaseException as error:  # raised again where the call came from
                self._results.put(error)
            else:
                self._results.put(None)
            del function, arguments  # a waiting thread keeps no arrays alive


_idle: dict[int, list[_Worker]] = {}  # by process: a forked one has none of its parent's threads


def run(function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> None:
    """Call a function, which lets go of the interpreter lock, with each tuple of arguments, at the same time."""
    if len(arguments) == 1:
        function(*arguments[0])
        return
    first, *others = arguments
    idle = _idle.setdefault(os.getpid(), [])
    workers = []
    for given in others:
        # pop and append are atomic: threads of the caller's that run networks of their own get other workers
        workers.append(idle.pop() if idle else _Worker())
        workers[-1].start(function, given)
    errors = []
    try:
        function(*first)
    finally:
        for worker in workers:
            errors.append(worker.wait())
            idle.append(worker)
    for error in errors:
        if error is not None:
            raise error
