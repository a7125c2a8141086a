"""A race: contestants that do the same work take turns, and are compared turn by turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Protocol

import numpy as np

from benchmarks.contestants import PEERS
from benchmarks.tasks import SquareProduct
from benchmarks.worker import Entry, Readiness, Worker, WorkerError

TOLERANCE = 1e-5  # of results, relative to the Euclidean norm
PEAK_TASK = SquareProduct()
LEAST_STORED = 8 << 20  # bytes
SCORE_TOLERANCE = 0.03  # of accuracies: what other random numbers make of a few hundred test images


@dataclass(frozen=True)
class Race:
    """Who races on what.

    Attributes
    ----------
    group, name : str
    entries : tuple of Entry
    """

    group: str
    name: str
    entries: tuple[Entry, ...]

    @property
    def title(self) -> str:
        """Group and name: what ``--select`` looks at."""
        return f"{self.group}/{self.name}"


@dataclass(frozen=True)
class Pace:
    """How long to measure.

    Attributes
    ----------
    min_rounds, max_rounds : int
    seconds : float
        Of a race: after min_rounds, no new round is begun later than that.
    turn : float
        Seconds of calls in a turn.
    """

    min_rounds: int = 7
    max_rounds: int = 40
    seconds: float = 12.0
    turn: float = 0.1


@dataclass
class Row:
    """What a race says of one contestant.

    Attributes
    ----------
    seconds : float
        Of one step, frame or epoch: the median over the rounds. `times` are all of them.
    ratio : float
        The time of the best peer (one of `contestants.PEERS`) with the same task and threads, over this one's.
    ratios_to : dict of str to float
        The same for each peer.
    over_baseline : float
        This one's time over its own for the task's baseline, in the same process: 1 where denormal inputs cost nothing.
    gflops, share_of_peak : float
        See the package's text.
    peak_memory, stored_bytes : int
        Bytes.
    score : float
        Accuracy.
    error : float
        The largest relative difference from the results of the first peer.
    problem : str
        Why there are no times; `failed` if that is an error.
    """

    label: str
    contestant: str
    threads: int
    task: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    times: list[float] = field(default_factory=list)
    ratio: float | None = None
    ratios_to: dict[str, float] = field(default_factory=dict)
    over_baseline: float | None = None
    baseline_times: list[float] = field(default_factory=list)
    gflops: float | None = None
    share_of_peak: float | None = None
    peak_memory: int | None = None
    stored_bytes: int | None = None
    compile_seconds: float | None = None
    score: float | None = None
    error: float | None = None
    problem: str = ""
    failed: bool = False

    @property
    def memory_over_stored(self) -> float | None:
        """Peak memory over what has to be stored; None where that is little beside the allocator's pages."""
        stored = self.stored_bytes or 0
        return self.peak_memory / stored if self.peak_memory and stored > LEAST_STORED else None


class Handle(Protocol):
    """What `run` needs of a worker."""

    entry: Entry

    def readiness(self) -> Readiness:
        """Wait until it has prepared."""

    def ask(self, name: str, *arguments: Any) -> Any:
        """Have it do something."""

    def close(self) -> None:
        """End it."""


def run(race: Race, pace: Pace, *, start: Callable[[Entry], Handle] = Worker) -> list[Row]:
    """Prepare, compare results, and time by turns.

    Parameters
    ----------
    race : Race
    pace : Pace
    start : callable
        Makes a worker of an entry.

    Returns
    -------
    list of Row
        One for each entry, in their order.
    """
    rows = [_row(entry) for entry in race.entries]
    workers = [start(entry) for entry in race.entries]
    try:
        able = _prepare(rows, workers)
        _compare(rows, workers, able)
        _take_turns(rows, workers, [i for i in able if not rows[i].problem], pace)
    finally:
        for worker in workers:
            worker.close()
    _relate(rows, race.entries)
    return rows


def _row(entry: Entry) -> Row:
    task = {"kind": type(entry.task).__name__, **asdict(entry.task)}
    return Row(entry.label, entry.contestant, entry.threads, task, stored_bytes=entry.task.stored_bytes)


def _prepare(rows: Sequence[Row], workers: Sequence[Handle]) -> list[int]:
    for row, worker in zip(rows, workers, strict=True):
        ready = worker.readiness()
        row.problem, row.failed = ready.problem, ready.failed
        row.compile_seconds, row.peak_memory = ready.compile_seconds, ready.peak_memory
    return [i for i, row in enumerate(rows) if not row.problem]


def _compare(rows: Sequence[Row], workers: Sequence[Handle], able: Iterable[int]) -> None:
    """Compare each one's results with those of the first peer that has the same task; strike out who differs."""
    references: dict[Any, tuple[Mapping[str, Any], float | None]] = {}
    peers_first = sorted(able, key=lambda i: rows[i].contestant not in PEERS)
    for i in peers_first:
        row, worker = rows[i], workers[i]
        try:
            results, row.score = worker.ask("check"), worker.ask("score")
        except WorkerError as error:
            row.problem, row.failed = str(error), True
            continue
        expected, score = references.setdefault(worker.entry.task, (results, row.score))
        named = [name for name in results if name not in worker.entry.task.not_compared]
        row.error = max((difference(results[name], expected.get(name)) for name in named), default=None)
        if missing := expected.keys() - results.keys():
            row.problem = f"does not compute {', '.join(sorted(missing))}"
        elif row.error is not None and row.error > TOLERANCE:
            row.problem = f"results differ by {row.error:.1e}, more than {TOLERANCE:.0e}"
        elif score is not None and row.score is not None and row.score < score - SCORE_TOLERANCE:
            row.problem = f"the accuracy, {row.score:.3f}, is less than the first one's, {score:.3f}"
        row.failed = bool(row.problem)


def difference(result: Any, expected: Any) -> float:
    """Return the Euclidean norm of the difference, relative to that of what is expected.

    Infinite for other shapes, for anything not finite, and where zeros are expected: they prove nothing.
    """
    result, expected = np.asarray(result, float), np.asarray(expected, float)
    size = np.linalg.norm(expected)
    if result.shape != expected.shape or size == 0:
        return float("inf")
    relative = float(np.linalg.norm(result - expected) / size)
    return relative if np.isfinite(relative) else float("inf")


def _take_turns(rows: Sequence[Row], workers: Sequence[Handle], able: list[int], pace: Pace) -> None:
    began = time.perf_counter()
    for k in range(pace.max_rounds):
        if k >= pace.min_rounds and time.perf_counter() - began > pace.seconds:
            break
        shift = k % max(len(able), 1)  # so that nobody always follows the same one
        for i in able[shift:] + able[:shift]:
            try:
                rows[i].times.append(workers[i].ask("turn", pace.turn))
                if workers[i].entry.task.baseline:
                    rows[i].baseline_times.append(workers[i].ask("baseline", pace.turn))
            except WorkerError as error:
                rows[i].problem, rows[i].failed, rows[i].times = str(error), True, []
        able = [i for i in able if not rows[i].problem]


def _relate(rows: Sequence[Row], entries: Sequence[Entry]) -> None:
    """Fill in what follows from the times."""
    timed = [(row, entry) for row, entry in zip(rows, entries, strict=True) if row.times]
    peaks = {e.threads: (e.task.flops or 0.0, row.times) for row, e in timed if e.task == PEAK_TASK}
    for row, entry in timed:
        row.seconds = median(row.times)
        peers = [r for r, e in timed if e.contestant in PEERS and (e.task, e.threads) == (entry.task, entry.threads)]
        row.ratios_to = {peer.contestant: ratio_of_pairs(peer.times, row.times) for peer in peers}
        row.ratio = min(row.ratios_to.values(), default=None)
        if row.baseline_times:
            row.over_baseline = ratio_of_pairs(row.times, row.baseline_times)
        if entry.task.flops is not None:
            row.gflops = entry.task.flops / row.seconds / 1e9
            if entry.threads in peaks:
                work, times = peaks[entry.threads]
                row.share_of_peak = entry.task.flops / work * ratio_of_pairs(times, row.times)


def ratio_of_pairs(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """Return the median, over rounds, of their time over ours."""
    return median(a / b for a, b in zip(theirs, ours, strict=True))


def of_times(label: str, contestant: str, times: Sequence[float], threads: int = 1) -> Row:
    """Return a row of times that were measured some other way."""
    return Row(label, contestant, threads, seconds=median(times), times=list(times))
