"""How many threads to use, and those that are there.

By default as many as the process may run on, or as OMP_NUM_THREADS says, which joblib sets in its worker processes so
that they share the machine; RNNBP_NUM_THREADS goes before both, and `limit` before all.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from threading import Lock, RLock, Thread
from typing import TYPE_CHECKING

import numpy as np

from rnnbp.configuration import whole_number

if TYPE_CHECKING:
    from rnnbp.kernels.engine import Engine
    from rnnbp.kernels.programs import Instruction

__all__ = ["Runner", "count", "limit", "worth_waking"]

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
    token = _limit.set(whole_number("n_threads", n_threads))
    try:
        yield
    finally:
        _limit.reset(token)


MIN_OPERATIONS = 400_000  # multiply-adds that a thread must have to do, for its share to pay


def worth_waking(n_things: int, operations: float) -> int:
    """Return how many threads to divide so many things among, which take so many multiply-adds together."""
    return int(max(1, min(count(), n_things, operations // MIN_OPERATIONS)))


class Crew:
    """Threads that take shares of an engine's jobs, and sleep when there are none.

    While jobs follow each other a worker watches for the next one in compiled code (`rnnbp.kernels.workers`), as waking
    it takes longer than many a job. Nobody waits for one that sleeps: the calling thread takes the shares itself.

    Parameters
    ----------
    engine : Engine
    """

    def __init__(self, engine: Engine) -> None:
        from rnnbp.kernels.records import address_of
        from rnnbp.kernels.workers import POOL_SIZE

        self.pool = np.zeros(POOL_SIZE, np.int64)
        self._serve = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(engine["serve"])
        self._address = address_of(self.pool)
        self._alarms: list[Lock] = []
        # held by the thread whose job is worked on; it goes on if an interrupt has kept it from letting go
        self.busy = RLock()

    def wake(self, n_workers: int) -> None:
        """Have so many workers awake, or about to be."""
        from rnnbp.kernels.workers import AWAKE

        if self.pool[AWAKE] >= n_workers:
            return
        with suppress(RuntimeError):  # there may be no more threads to be had: then others do the work
            while len(self._alarms) < n_workers:
                alarm = Lock()
                alarm.acquire()
                Thread(target=self._work, args=(alarm,), name="rnnbp", daemon=True).start()
                self._alarms.append(alarm)
        for alarm in self._alarms[:n_workers]:
            with suppress(RuntimeError):  # it rings already
                alarm.release()

    def _work(self, alarm: Lock) -> None:
        while True:
            alarm.acquire()
            self._serve(self._address, PATIENCE)

    def dismiss(self) -> None:
        """Send all workers to sleep, and wait until they are out of compiled code."""
        from rnnbp.kernels.workers import AWAKE, STOP

        self.pool[STOP] = 1
        for _ in range(1000):
            if self.pool[AWAKE] <= 0:
                break
            time.sleep(0.001)


PATIENCE = 20_000  # turns of a worker's watch, of some 10 to 40 nanoseconds each, before it goes to sleep
_crews: dict[str, Crew] = {}
_making = Lock()


def crew_of(engine: Engine) -> Crew:
    """Return the crew of an engine in this process."""
    crew = _crews.get(engine.dtype)
    if crew is None:
        with _making:
            crew = _crews.setdefault(engine.dtype, Crew(engine))
    return crew


def _forget() -> None:
    """Begin anew in a forked process, which has none of its parent's threads."""
    global _making
    _crews.clear()
    _making = Lock()


def _dismiss_all() -> None:
    for crew in _crews.values():
        crew.dismiss()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
atexit.register(_dismiss_all)


class Runner:
    """Instructions, ready to be carried out in one call.

    Parameters
    ----------
    engine : Engine
    instructions : sequence of Instruction
    """

    def __init__(self, engine: Engine, instructions: Sequence[Instruction]) -> None:
        from rnnbp.kernels.programs import Instruction, ProgramRecord

        self.engine, self._given = engine, list(instructions)
        self._memory = np.zeros((len(self._given), len(Instruction.fields)), np.int64)
        self.program = ProgramRecord(instructions=self._memory, n=len(self._given))
        self._call, self._address = engine.run, self.program.address
        self.lay_out()

    def lay_out(self) -> None:
        """Take note of the instructions as they are now."""
        for row, instruction in zip(self._memory, self._given, strict=True):
            row[:] = instruction.memory
        self.n_shares = max((instruction.n_shares for instruction in self._given), default=1)

    def run(self, first: int, stop: int) -> None:
        """Carry out some of the instructions."""
        if self.n_shares == 1:
            self._call(self._address, first, stop)
            return
        crew, program = crew_of(self.engine), self.program
        if not crew.busy.acquire(blocking=False):  # another of the caller's threads has it: all shares are done here
            program.shared = 0
            self._call(self._address, first, stop)
            return
        try:
            crew.wake(self.n_shares - 1)
            program.pool, program.shared = crew.pool, 1
            self._call(self._address, first, stop)
        finally:
            crew.busy.release()
