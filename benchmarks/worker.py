"""A contestant's own process: it prepares a task, says what it needs, and waits for its turns."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from benchmarks import contestants, timing
from benchmarks.tasks import Task

PATIENCE = 900.0  # seconds without an answer after which a worker is given up


@dataclass(frozen=True)
class Entry:
    """One who takes part in a race.

    Attributes
    ----------
    contestant : str
        A key of `contestants.MODULES`.
    task : Task
    threads : int
    note : str
        Told apart by it, where a contestant takes part more than once.
    """

    contestant: str
    task: Task
    threads: int
    note: str = ""

    @property
    def label(self) -> str:
        """A name that is unique in a race."""
        return f"{self.contestant} {self.note}".strip()


@dataclass(frozen=True)
class Readiness:
    """What a worker says when it has prepared.

    Attributes
    ----------
    problem : str
        Why it cannot take part; empty if it can.
    failed : bool
        Whether that is an error, and not something that is just not there.
    """

    problem: str = ""
    failed: bool = False
    compile_seconds: float | None = None
    peak_memory: int | None = None


class WorkerError(RuntimeError):
    """A worker has died, is stuck, or its task has raised."""


class Worker:
    """A handle on that process.

    Parameters
    ----------
    entry : Entry
    """

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, entry), daemon=True)
        with environment(threads_environment(entry.threads)):
            self._process.start()
        theirs.close()

    def readiness(self) -> Readiness:
        """Wait until it has prepared."""
        try:
            answer: Readiness = self._receive()
        except WorkerError as error:
            return Readiness(str(error), failed=True)
        return answer

    def ask(self, name: str, *arguments: Any) -> Any:
        """Return what its ``check``, ``score``, ``turn`` or ``baseline`` returns.

        Raises
        ------
        WorkerError
            If it does not.
        """
        self._connection.send((name, arguments))
        return self._receive()

    def _receive(self) -> Any:
        try:
            if not self._connection.poll(PATIENCE):
                raise WorkerError(f"no answer for {PATIENCE:.0f} s")
            answer = self._connection.recv()
        except (EOFError, OSError):
            self._process.join(5)
            raise WorkerError(f"its process has ended with exit code {self._process.exitcode}") from None
        if isinstance(answer, WorkerError):
            raise answer
        return answer

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.terminate()


def threads_environment(threads: int) -> dict[str, str]:
    """Return what tells each of the libraries how many threads to use."""
    names = ("RNNBP_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    eigen = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"} if threads == 1 else {}
    return {name: str(threads) for name in names} | {"NPROC": str(threads)} | eigen  # NPROC: XLA's pool


@contextmanager
def environment(changes: dict[str, str]) -> Iterator[None]:
    """Set environment variables in the body of a ``with`` statement."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def serve(connection: Connection, entry: Entry) -> None:
    """Prepare an entry's task and answer until the other end is closed."""
    try:
        contestants.prepare(entry.contestant, entry.task.tiny()).run()
        prepared = contestants.prepare(entry.contestant, entry.task)
        baseline = entry.task.baseline and contestants.prepare(entry.contestant, entry.task.baseline)
        memory = timing.peak_memory(prepared.run)
    except contestants.Unavailable as reason:
        connection.send(Readiness(str(reason)))
        return
    except Exception:  # the other contestants go on
        connection.send(Readiness(traceback.format_exc(limit=-3, chain=False), failed=True))
        return
    answers = {
        "check": prepared.check,
        "score": prepared.score or (lambda: None),
        "turn": lambda seconds: timing.turn(prepared.run, seconds) / entry.task.repeats,
        "baseline": lambda seconds: timing.turn(baseline.run, seconds) / entry.task.repeats if baseline else None,
    }
    timing.settle()
    connection.send(Readiness("", False, prepared.compile_seconds, memory))
    while True:
        try:
            name, arguments = connection.recv()
        except EOFError:
            return
        try:
            answer = answers[name](*arguments)
        except Exception:
            answer = WorkerError(traceback.format_exc(limit=-3, chain=False))
        timing.settle()
        connection.send(answer)
