"""What is measured: the races, by group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.contestants import PEAK
from benchmarks.race import PEAK_TASK, Race
from benchmarks.tasks import (
    BeamDecoding,
    LabelSequenceLoss,
    Recurrent,
    SpeechEpoch,
    SquareProduct,
    StaticEpoch,
    Streaming,
    Task,
)
from benchmarks.worker import Entry

Shape = tuple[int, int, int, int]  # T, B, I, H

GRID: tuple[Shape, ...] = (
    (20, 1, 8, 32),
    (50, 16, 20, 32),
    (100, 32, 40, 128),
    (100, 64, 128, 256),
    (784, 64, 1, 128),
    (300, 16, 40, 512),
)
CELLS = ("elman", "gru", "lstm")
BASE = (50, 16, 32, 64)  # what scaling starts from
AROUND = ((10, 1000), (2, 100), (1, 200), (16, 600))  # the grid: where random shapes are drawn from
TRAINING = ("rnnbp", "torch", "jax")
INFERENCE = (*TRAINING, "onnxruntime")


def races(*, threads: int, seed: int, quick: bool, n_shapes: int = 0) -> list[Race]:
    """Return all races.

    Parameters
    ----------
    threads : int
        Of every contestant, where threads are not what is compared.
    seed : int
    quick : bool
        Small sizes only, to see that all works.
    n_shapes : int
        How many random shapes are raced on, beside the grid.
    """
    chosen = GRID[:2] if quick else GRID
    return [
        *grid(threads, seed, chosen),
        *shapes(threads, seed, drawn(n_shapes, seed, max(map(work, chosen)))),
        *streaming(threads, seed),
        *static(threads, seed, quick),
        *speech(threads, seed, quick),
        *ctc(threads, seed),
        *decoding(threads, seed, quick),
        *scaling(threads, seed, 1 if quick else 3),
        *thread_counts(seed, GRID[:1] if quick else GRID[:1] + GRID[2:4]),
        *ragged(threads, seed, GRID[1:2] if quick else GRID[1:4]),
        *denormals(threads, seed),
        *products(threads, (256, 512) if quick else (512, 1024, 2048, 4096)),
    ]


def entries(names: tuple[str, ...], task: Task, threads: int, note: str = "") -> tuple[Entry, ...]:
    """Return an entry for each name, all with the same task."""
    return tuple(Entry(name, task, threads, note) for name in names)


def peak(threads: int, note: str = "") -> Entry:
    """Return the machine's own sgemm."""
    return Entry(PEAK, PEAK_TASK, threads, note)


def grid(threads: int, seed: int, chosen: tuple[Shape, ...]) -> Iterator[Race]:
    """Training steps and inference, of each cell and shape."""
    for training, group, names in ((True, "training", TRAINING), (False, "inference", INFERENCE)):
        for cell in CELLS:
            for shape in chosen:
                task = Recurrent(seed, cell, shape, training)
                who = (*entries((*names, "numpy"), task, threads), peak(threads))
                yield Race(group, f"{cell} {named(shape)}", who)


def named(shape: Shape) -> str:
    """Return ``T50 B16 I20 H32``."""
    return " ".join(f"{letter}{n}" for letter, n in zip("TBIH", shape, strict=True))


def shapes(threads: int, seed: int, chosen: tuple[Shape, ...]) -> Iterator[Race]:
    """Training steps of each cell on shapes that nothing was tuned for."""
    for shape in chosen:
        for cell in CELLS:
            yield Race("shapes", f"{cell} {named(shape)}", entries(TRAINING, Recurrent(seed, cell, shape), threads))


def drawn(n: int, seed: int, most_work: int) -> tuple[Shape, ...]:
    """Return n different random shapes, log-uniform around the grid; every other one is of one sequence.

    Those of more work than `most_work` are drawn again.
    """
    rng, found = np.random.default_rng(seed), list[Shape]()
    while len(found) < n:
        n_steps, n_sequences, n_inputs, hidden = np.exp(rng.uniform(*np.log(AROUND).T)).round().astype(int).tolist()
        shape = (n_steps, 1 if len(found) % 2 == 0 else n_sequences, n_inputs, hidden)
        if work(shape) <= most_work and shape not in found:
            found.append(shape)
    return tuple(found)


def work(shape: Shape) -> int:
    """Return T B H (I + H), which the multiplications and additions of any cell are proportional to."""
    n_steps, n_sequences, n_inputs, hidden = shape
    return n_steps * n_sequences * hidden * (n_inputs + hidden)


def streaming(threads: int, seed: int) -> Iterator[Race]:
    """One frame at a time."""
    yield Race("streaming", "lstm I40 H64, one frame", entries(INFERENCE, Streaming(seed), threads))


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


def ctc(threads: int, seed: int) -> Iterator[Race]:
    """Connectionist temporal classification: losses and gradient of a batch."""
    for shape in ((300, 16, 28, 40), (150, 64, 28, 40)):
        name = " ".join(f"{letter}{n}" for letter, n in zip("TBCL", shape, strict=True))
        for ragged in (False, True):
            task = LabelSequenceLoss(seed, shape, ragged)
            yield Race("ctc", f"{name}{', ragged' if ragged else ''}", entries(("rnnbp", "torch"), task, threads))


def decoding(threads: int, seed: int, quick: bool) -> Iterator[Race]:
    """Prefix beam searches, beside the same in plain Python."""
    task = BeamDecoding(seed, (20, 2, 28), 10) if quick else BeamDecoding(seed)
    yield Race("decoding", f"beam of {task.width}", entries(("rnnbp", "numpy"), task, threads))


def scaling(threads: int, seed: int, n_doublings: int) -> Iterator[Race]:
    """T, B and H doubled in turn, in a training step of an LSTM."""
    yield Race("scaling", f"base {named(BASE)}", entries(TRAINING, Recurrent(seed, "lstm", BASE), threads))
    for axis, letter in ((0, "T"), (1, "B"), (3, "H")):
        for k in range(1, n_doublings + 1):
            size = BASE[axis] << k
            shape = (*BASE[:axis], size, *BASE[axis + 1 :])
            task = Recurrent(seed, "lstm", shape)
            yield Race("scaling", f"{letter}{size}", entries(TRAINING, task, threads))


def thread_counts(seed: int, chosen: tuple[Shape, ...]) -> Iterator[Race]:
    """One thread and two, side by side."""
    for shape in chosen:
        task = Recurrent(seed, "lstm", shape)
        who = [(*entries(TRAINING, task, n, f"x{n}"), peak(n, f"x{n}")) for n in (1, 2)]
        yield Race("threads", f"lstm {named(shape)}", who[0] + who[1])


def ragged(threads: int, seed: int, chosen: tuple[Shape, ...]) -> Iterator[Race]:
    """Lengths from T / 4 to T, and all T, side by side: what padding costs."""
    for training, names in ((True, TRAINING), (False, INFERENCE)):
        for shape in chosen:
            task = Recurrent(seed, "lstm", shape, training, ragged=True)
            who = entries(tuple(n for n in names if n != "jax"), task, threads, "ragged")
            padded = entries(names, replace(task, ragged=False), threads, "padded")
            yield Race("ragged", f"lstm {named(shape)}{'' if training else ', inference'}", who + padded)


def denormals(threads: int, seed: int) -> Iterator[Race]:
    """Training steps on inputs that are denormal numbers; each contestant's also over its own on normal ones.

    A plain product, which flushes nothing, shows whether the processor is slower with them at all: some are not.
    """
    shape, scale = GRID[1], 1e-40
    product = Entry(PEAK, SquareProduct(seed, 256, scale), threads, "256 x 256")
    who = (*entries(TRAINING, Recurrent(seed, "lstm", shape, scale=scale), threads), product)
    yield Race("denormals", f"lstm {named(shape)}, inputs of {scale:g}", who)


def products(threads: int, sizes: tuple[int, ...]) -> Iterator[Race]:
    """OpenBLAS's sgemm over some sizes, which shows that 2048 is a fair peak."""
    yield Race("peak", "sgemm", tuple(Entry(PEAK, SquareProduct(n=n), threads, f"{n} x {n}") for n in sizes))
