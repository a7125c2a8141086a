"""What training on a cluster costs, and when it pays: ``python -m benchmarks.distributed [--save]``.

Measured on clusters of processes on this machine, of one thread each:

- the bytes that a request and an answer are, as Dask's connections send them;
- the time of an update whose gradient takes no time, for several numbers of parameters and of workers: what a cluster
  adds to each update;
- examples a second of a recurrent network, in one process and on a cluster, for minibatches that take little and much
  work: from which work on a cluster pays;
- the time of a message between two workers, there and back, by its size.

Of the last, and of the speed at which gradients are added, follows a simulation of an update of 64 workers in a tree,
beside the client asking all of them itself, and beside a ring. In it a process handles one message at a time, and an
optional network has a latency and a rate for each process.

Times are medians over epochs or rounds. Results go to ``results/distributed.md`` with ``--save``.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import itertools
import os
import pickle
import platform
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import rnnbp
from rnnbp import layers, optimizers
from rnnbp.kernels import threads

RESULTS = Path(__file__).parent / "results" / "distributed.md"
SIZES = (1_000, 10_000, 100_000, 1_000_000)  # parameters
NETWORKS = {"this machine": (0.0, np.inf), "10 Gbit/s, 0.05 ms": (5e-5, 1.25e9), "1 Gbit/s, 0.2 ms": (2e-4, 1.25e8)}


@contextmanager
def cluster(n_workers: int) -> Iterator[Any]:
    """Have a cluster of processes of one thread each."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=":0") as local,
        Client(local) as client,
    ):
        yield client


# -- bytes -----------------------------------------------------------------------------------------------------------


def bytes_of_messages(n_parameters: int, n_workers: int, n_parts: int) -> tuple[int, int]:
    """Return how long the request to the first worker is, and its answer."""
    from distributed.comm.utils import to_frames
    from distributed.protocol import to_serialize

    from rnnbp.distributed.messages import Answer, Piece, Request

    theta = np.zeros(n_parameters, np.float32)
    pieces = {part: Piece(part, np.arange(4)) for part in range(n_parts)}
    members = [
        (f"tcp://192.168.100.{k}:40000", {part: piece for part, piece in pieces.items() if part % n_workers == k})
        for k in range(n_workers)
    ]
    options = {"epoch": 1, "steps": (0, None), "seeds": (2**62, None), "augment": None, "next_step": None}
    request = Request("rnnbp-" + 32 * "0", "gradient", theta, members, n_parts, pickle.dumps(options))
    answer = Answer({(3, 0): theta}, dict.fromkeys(range(n_parts), (0.5, 4.0, 100, {})))
    sent: list[dict[str, Any]] = [
        {"op": "rnnbp_ask", "request": to_serialize(request)}, {"answer": to_serialize(answer)},
    ]  # fmt: skip
    lengths = [sum(memoryview(frame).nbytes for frame in asyncio.run(to_frames(message))) for message in sent]
    return lengths[0], lengths[1]


# -- time ------------------------------------------------------------------------------------------------------------


def flat_network(n_parameters: int) -> rnnbp.Network:
    """Return a network of about so many parameters, whose gradient takes nearly no time."""
    return rnnbp.Network([layers.Dense(max(1, n_parameters // 8), 8)])


def milliseconds_added(client: Any, n_parameters: int, n_parts: int) -> float:
    """Return the milliseconds of an update of a network whose gradient takes nearly no time."""
    net = flat_network(n_parameters)
    n = 8
    x, target = np.zeros((n, net.n_inputs or 1), np.float32), np.zeros((n, 8), np.float32)
    rnnbp.distributed.fit(
        client, net, x, target, n_parts=n_parts, loss="mean_squared_error", optimizer=optimizers.SGD(0.1),
        batch_size=n, max_epochs=1, progress=False,
    )  # fmt: skip
    history = rnnbp.distributed.fit(
        client, net, x, target, n_parts=n_parts, loss="mean_squared_error", optimizer=optimizers.SGD(0.1),
        batch_size=n, max_epochs=150, progress=False,
    )  # fmt: skip
    return 1e3 * statistics.median(history.seconds[10:])


WORKS = {  # name: T, I, H, examples a minibatch
    "20 steps, 32 units, 32 sequences": (20, 8, 32, 32),
    "50 steps, 64 units, 64 sequences": (50, 20, 64, 64),
    "100 steps, 128 units, 64 sequences": (100, 40, 128, 64),
    "200 steps, 256 units, 128 sequences": (200, 40, 256, 128),
}


def seconds_an_update(
    work: tuple[int, int, int, int], client: Any = None, n_parts: int | None = None
) -> tuple[float, float]:
    """Return the time of an update of an LSTM network, in this process on one thread or on a cluster.

    And the processor time of an update, in the process that uses the most of it.
    """
    n_steps, n_inputs, n_hidden, batch_size = work
    rng = np.random.default_rng(0)
    n_batches = 4 if n_hidden < 200 else 2
    x = rng.standard_normal((n_steps, n_batches * batch_size, n_inputs), np.float32)
    target = rng.integers(0, 10, size=n_batches * batch_size)
    net = rnnbp.Network([layers.LSTM(n_inputs, n_hidden), layers.LastStep(), layers.Dense(n_hidden, 10)])
    settings: dict[str, Any] = {
        "loss": "cross_entropy", "batch_size": batch_size, "max_epochs": 8, "progress": False,
    }  # fmt: skip
    used: list[list[float]] = []

    def note(net: rnnbp.Network, history: rnnbp.History) -> None:
        if len(history) in (2, 8):
            used.append([time.process_time()] if client is None else [*client.run(time.process_time).values()])

    with threads.limit(1):
        if client is None:
            history = rnnbp.fit(net, x, target, callbacks=[note], **settings)
        else:
            history = rnnbp.distributed.fit(client, net, x, target, n_parts=n_parts, callbacks=[note], **settings)
    busiest = max(after - before for before, after in zip(*used, strict=True))
    return statistics.median(history.seconds[2:]) / n_batches, busiest / 6 / n_batches


def round_trips(client: Any) -> dict[int, float]:
    """Return the seconds that a vector of so many float32 takes from one worker to another and back."""
    first, second = sorted(client.nthreads())

    def listen(dask_worker: Any) -> None:
        from distributed.protocol import to_serialize

        async def echo(vector: Any) -> Any:
            return {"vector": to_serialize(vector)}

        dask_worker.handlers["echo"] = echo

    async def talk(dask_worker: Any) -> dict[int, float]:
        from distributed.protocol import to_serialize

        found = {}
        for n in SIZES:
            vector, times = np.zeros(n, np.float32), []
            for _ in range(100):
                began = time.perf_counter()
                await dask_worker.rpc(second).echo(vector=to_serialize(vector))
                times.append(time.perf_counter() - began)
            found[n] = statistics.median(times)
        return found

    client.run(listen)
    measured: dict[int, float] = client.run(talk, workers=[first])[first]
    return measured


# -- simulation ------------------------------------------------------------------------------------------------------


class Processes:
    """Processes that handle one message at a time, in the order of time."""

    def __init__(self, handling: float, latency: float, wire: float) -> None:
        self.handling, self.latency, self.wire = handling, latency, wire
        self.free: dict[object, float] = {}
        self.events: list[tuple[float, int, Any]] = []
        self._count = itertools.count()
        self.now = 0.0

    def send(self, sender: object, receiver: object, then: Any) -> None:
        """Have a message handled by its sender now, or as soon as that is free, and later by its receiver."""
        sent = self._handle(sender, self.now)
        self._at(sent + self.latency, lambda: self._at(self._handle(receiver, self.now), then))

    def _handle(self, process: object, now: float) -> float:
        done = max(now, self.free.get(process, 0.0)) + self.handling + self.wire
        self.free[process] = done
        return done

    def _at(self, when: float, then: Any) -> None:
        heapq.heappush(self.events, (when, next(self._count), then))

    def run(self) -> float:
        """Return when all is done."""
        while self.events:
            self.now, _, then = heapq.heappop(self.events)
            then()
        return self.now


def tree(processes: Processes, n_workers: int) -> float:
    """Return the time of an update in the tree of `rnnbp.distributed.messages`, without the workers' own work."""

    def ask(asker: object, members: list[int], answered: Any) -> None:
        me, others = members[0], members[1:]
        middle = (len(others) + 1) // 2
        halves = [half for half in (others[:middle], others[middle:]) if half]
        missing = [len(halves)]

        def joined() -> None:
            missing[0] -= 1
            if missing[0] <= 0:
                processes.send(me, asker, answered)

        def asked() -> None:
            for half in halves:
                ask(me, half, joined)
            if not halves:
                joined()

        processes.send(asker, me, asked)

    ask("client", list(range(n_workers)), lambda: None)
    return processes.run()


def star(processes: Processes, n_workers: int) -> float:
    """Return the time of an update if the client asks each worker itself."""
    for worker in range(n_workers):
        processes.send(
            "client",
            worker,
            lambda worker=worker: processes.send(worker, "client", lambda: None),  # type: ignore[misc]
        )
    return processes.run()


def ring(handling_of: Any, latency: float, rate: float, n_parameters: int, n_workers: int) -> float:
    """Return the time of a ring all-reduce: 2 (n - 1) steps, in each of which all send a piece of 1 / n."""
    piece = n_parameters / n_workers
    return 2 * (n_workers - 1) * (2 * handling_of(piece) + latency + 4 * piece / rate)


# -- the report ------------------------------------------------------------------------------------------------------


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def report(numbers_of_workers: tuple[int, ...]) -> Iterator[str]:
    """Measure, and return the text piece by piece."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    yield (
        "# Training on a cluster: what it costs\n\n"
        "Written by `python -m benchmarks.distributed --save`, which says how this is measured. "
        f"{len(os.sched_getaffinity(0))} cores ({platform.machine()}), Python {platform.python_version()}; "
        f"load averages as it began: {load}. Where these are above the number of cores, other programs have slowed all "
        "that is timed by the clock; the processor times depend on them less, and the bytes not at all."
    )
    yield "## Bytes of an update\n\nBetween any two processes, for float32 and 8 parts: one request and one answer."
    yield table(
        ["parameters", "request, 2 workers", "answer", "request, 64 workers and parts", "answer"],
        [[f"{n:,}", *(f"{b:,}" for args in ((2, 8), (64, 64)) for b in bytes_of_messages(n, *args))] for n in SIZES],
    )

    added: dict[int, list[float]] = {n: [] for n in SIZES}
    speeds: dict[str, list[tuple[float, float]]] = {name: [seconds_an_update(work)] for name, work in WORKS.items()}
    echoes: dict[int, float] = {}
    for n_workers in numbers_of_workers:
        with cluster(n_workers) as client:
            for n in SIZES:
                added[n].append(milliseconds_added(client, n, n_workers))
            for name, work in WORKS.items():
                speeds[name].append(seconds_an_update(work, client, n_workers))
            if n_workers == 2:
                speeds_of_8 = {name: seconds_an_update(work, client, 8) for name, work in WORKS.items()}
                echoes = round_trips(client)
    workers = [f"{n} worker{'s' * (n > 1)}" for n in numbers_of_workers]
    yield "## What a cluster adds to an update, in ms\n\nAs many parts as workers; the gradient itself takes no time."
    yield table(["parameters", *workers], [[f"{n:,}", *(f"{ms:.1f}" for ms in times)] for n, times in added.items()])
    yield (
        "## Milliseconds of an update of an LSTM network\n\nEach process has one thread. As many parts as workers, but "
        "in the last column: 8, which is what `fit` takes by default. More processes than free cores share these."
    )
    head = ["work", "in one process", *workers, "2 workers, 8 parts"]
    for k, text in enumerate(
        (
            "",
            "Processor time of an update, in the worker that uses the most: what each would take on a core of its own.",
        )
    ):
        if text:
            yield text
        rows = []
        for name, measured in speeds.items():
            alone, *there = (each[k] for each in (*measured, speeds_of_8[name]))
            cells = [f"{1e3 * each:.1f} ({alone / each:.2f}x)" for each in there]
            rows.append([name, f"{1e3 * alone:.1f}", *cells])
        yield table(head, rows)

    yield "## A message from worker to worker and back, in ms"
    yield table(["float32 numbers", "ms"], [[f"{n:,}", f"{1e3 * echoes[n]:.2f}"] for n in SIZES])
    sizes, times = np.array(list(echoes)), np.array(list(echoes.values())) / 4  # a trip is handled four times

    def handling(n: float) -> float:
        return float(np.interp(n, sizes, times))

    yield (
        "## 64 workers, simulated\n\nMilliseconds that an update takes beside the workers' own work, from the times "
        "above (on this machine that of a message includes its copies) and a network's latency and rate."
    )
    rows = []
    for network, (latency, rate) in NETWORKS.items():
        for n in SIZES:
            wire = 4 * n / rate
            found = [
                tree(Processes(handling(n), latency, wire), 64),
                star(Processes(handling(n), latency, wire), 64),
                ring(handling, latency, rate, n, 64),
            ]
            rows.append([network, f"{n:,}", *(f"{1e3 * each:.1f}" for each in found)])
    yield table(["network", "parameters", "tree", "client asks all", "ring"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[1, 2, 4], help="default: 1 2 4; 2 must be among them"
    )
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    if 2 not in options.workers or min(options.workers) < 1:
        parser.error("--workers must be numbers of at least 1, with 2 among them")
    pieces = []
    for piece in report(tuple(options.workers)):
        print(piece, end="\n\n", flush=True)
        pieces.append(piece)
    if options.save:
        RESULTS.write_text("\n\n".join(pieces) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
