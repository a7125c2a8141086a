"""What is measured: the races, by group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.contestants import PEAK
from benchmarks.race import PEAK_TASK, Race
from benchmarks.tasks import Recurrent, SpeechEpoch, SquareProduct, StaticEpoch, Streaming, Task
from benchmarks.worker import Entry

GRID = (
    (20, 1, 8, 32),
    (50, 16, 20, 32),
    (100, 32, 40, 128),
    (100, 64, 128, 256),
    (784, 64, 1, 128),
    (300, 16, 40, 512),
)
CELLS = ("elman", "gru", "lstm")
BASE = (50, 16, 32, 64)  # what scaling starts from
EVERYONE = ("rnnbp", "torch", "jax", "numpy")


def races(*, threads: int, seed: int, quick: bool) -> list[Race]:
    """Return all races.

    Parameters
    ----------
    threads : int
        Of every contestant, where threads are not what is compared.
    seed : int
    quick : bool
        Small sizes only, to see that all works.
    """
    return [
        *grid(threads, seed, GRID[:2] if quick else GRID),
        *streaming(threads, seed),
        *static(threads, seed, quick),
        *speech(threads, seed, quick),
        *scaling(threads, seed, 1 if quick else 3),
        *thread_counts(seed, GRID[:1] if quick else GRID[:1] + GRID[2:4]),
        *ragged(threads, seed, GRID[1:2] if quick else GRID[1:4]),
        *products(threads, (256, 512) if quick else (512, 1024, 2048, 4096)),
    ]


def entries(names: tuple[str, ...], task: Task, threads: int, note: str = "") -> tuple[Entry, ...]:
    """Return an entry for each name, all with the same task."""
    return tuple(Entry(name, task, threads, note) for name in names)


def peak(threads: int, note: str = "") -> Entry:
    """Return the machine's own sgemm."""
    return Entry(PEAK, PEAK_TASK, threads, note)


def grid(threads: int, seed: int, shapes: tuple[tuple[int, int, int, int], ...]) -> Iterator[Race]:
    """Training steps and inference, of each cell and shape."""
    for training in (True, False):
        for cell in CELLS:
            for shape in shapes:
                task = Recurrent(seed, cell, shape, training)
                who = (*entries(EVERYONE, task, threads), peak(threads))
                yield Race("training" if training else "inference", f"{cell} {named(shape)}", who)


def named(shape: tuple[int, int, int, int]) -> str:
    """Return ``T50 B16 I20 H32``."""
    return " ".join(f"{letter}{n}" for letter, n in zip("TBIH", shape, strict=True))


def streaming(threads: int, seed: int) -> Iterator[Race]:
    """One frame at a time."""
    yield Race("streaming", "lstm I40 H64, one frame", entries(("rnnbp", "torch", "jax"), Streaming(seed), threads))


def static(threads: int, seed: int, quick: bool) -> Iterator[Race]:
    """Epochs of multilayer perceptrons."""
    digits = StaticEpoch(seed)
    mnist = StaticEpoch(seed, "mnist", (784, 128, 10), 128, epochs=1, score_epochs=1, limit=6000 if quick else None)
    for task, name in ((digits, "digits 64-64-10, batch 32"), (mnist, "mnist 784-128-10, batch 128")):
        yield Race("static", f"{name}, epoch", entries(("rnnbp", "torch", "sklearn"), task, threads))


def speech(threads: int, seed: int, quick: bool) -> Iterator[Race]:
    """Epochs over spoken digits."""
    task = SpeechEpoch(seed, limit=320 if quick else None)
    yield Race("speech", "fsdd, bidirectional lstm 64, epoch", entries(("rnnbp", "torch"), task, threads))


def scaling(threads: int, seed: int, n_doublings: int) -> Iterator[Race]:
    """T, B and H doubled in turn, in a training step of an LSTM."""
    yield Race("scaling", f"base {named(BASE)}", entries(EVERYONE[:3], Recurrent(seed, "lstm", BASE), threads))
    for axis, letter in ((0, "T"), (1, "B"), (3, "H")):
        for k in range(1, n_doublings + 1):
            size = BASE[axis] << k
            shape = (*BASE[:axis], size, *BASE[axis + 1 :])
            task = Recurrent(seed, "lstm", shape)
            yield Race("scaling", f"{letter}{size}", entries(EVERYONE[:3], task, threads))


def thread_counts(seed: int, shapes: tuple[tuple[int, int, int, int], ...]) -> Iterator[Race]:
    """One thread and two, side by side."""
    for shape in shapes:
        task = Recurrent(seed, "lstm", shape)
        who = [(*entries(EVERYONE[:3], task, n, f"x{n}"), peak(n, f"x{n}")) for n in (1, 2)]
        yield Race("threads", f"lstm {named(shape)}", who[0] + who[1])


def ragged(threads: int, seed: int, shapes: tuple[tuple[int, int, int, int], ...]) -> Iterator[Race]:
    """Lengths from T / 4 to T, and all T, side by side: what padding costs."""
    for shape in shapes:
        task = Recurrent(seed, "lstm", shape, ragged=True)
        padded = replace(task, ragged=False)
        who = entries(("rnnbp", "torch"), task, threads, "ragged")
        yield Race("ragged", f"lstm {named(shape)}", who + entries(EVERYONE[:3], padded, threads, "padded"))


def products(threads: int, sizes: tuple[int, ...]) -> Iterator[Race]:
    """OpenBLAS's sgemm over some sizes, which shows that 2048 is a fair peak."""
    yield Race("peak", "sgemm", tuple(Entry(PEAK, SquareProduct(n=n), threads, f"{n} x {n}") for n in sizes))
