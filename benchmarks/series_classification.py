"""Classify series of many kinds: the default, the setting to try first, and two that are no networks.

python -m benchmarks.series_classification                          # all; half an hour on one core
python -m benchmarks.series_classification --tasks outlines --seeds 2 --classifiers recommended warping
python -m benchmarks.series_classification --json FILE              # puts the results into it, too

default        RNNClassifier()
recommended    RNNClassifier((64, 64), convolution=(12, 3), bidirectional=True, pooling="max"), after SequenceScaler
warping        the nearest neighbour by dynamic time warping, within a tenth of the length
logistic       logistic regression on scaled steps; not of sequences that differ in length

Each seed has another draw of training and test data. Settings were chosen on other draws of these tasks.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.report import machine
from rnnbp import RNNClassifier, audio, datasets
from rnnbp.preprocessing import SequenceScaler

Array = NDArray[Any]

N_TEST = 200
FIRST_SEED = 2000
BAND = 0.1  # of the length: how far time may be warped


class Split(NamedTuple):
    """Sequences (N, T, F), or a list of them, and their labels."""

    X: Any
    y: Array
    X_test: Any
    y_test: Array


# -- tasks ---------------------------------------------------------------------------------------------------------


def drawn(make: Callable[..., tuple[Array, Array]], n: int, n_steps: int) -> Callable[[int], Split]:
    """Return the task of a generator of series."""

    def split(seed: int) -> Split:
        rng = np.random.default_rng(seed)
        return Split(*make(n, n_steps, random_state=rng), *make(N_TEST, n_steps, random_state=rng))

    return split


def make_tones(n: int, n_steps: int, *, random_state: np.random.Generator) -> tuple[Array, Array]:
    """Make sines of three frequencies, of any phase, in noise twice as strong."""
    y = random_state.permutation(np.arange(n) % 3)
    turns = np.array([0.04, 0.055, 0.075])[y, None] * np.arange(n_steps) + random_state.random((n, 1))
    return (np.sin(2 * np.pi * turns) + random_state.normal(size=(n, n_steps)))[..., None], y


def make_resonances(n: int, n_steps: int, *, random_state: np.random.Generator) -> tuple[Array, Array]:
    """Make noise through one of two filters with two poles."""
    y, settled = random_state.permutation(np.arange(n) % 2), 50
    cosine = np.cos(np.pi * np.array([0.125, 0.225])[y])
    x = random_state.normal(size=(n, settled + n_steps))
    for t in range(2, settled + n_steps):
        x[:, t] += 2 * 0.85 * cosine * x[:, t - 1] - 0.85**2 * x[:, t - 2]
    return x[:, settled:, None], y


def make_delays(n: int, n_steps: int, *, random_state: np.random.Generator) -> tuple[Array, Array]:
    """Make Mackey-Glass series of two delays."""
    halves = [
        datasets.make_mackey_glass(m, n_steps, tau=tau, random_state=random_state)[0]
        for m, tau in ((n - n // 2, 17), (n // 2, 22))
    ]
    order = random_state.permutation(n)
    return np.concatenate(halves)[order], np.repeat([0, 1], [n - n // 2, n // 2])[order]


def chosen(X: Array, y: Array, n: int, seed: int) -> Split:
    """Return a stratified draw of training data, and of as many test data as there are, up to N_TEST."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    classes = np.unique(y)
    train = np.concatenate([order[y[order] == label][: n // len(classes)] for label in classes])
    test = np.setdiff1d(order, train)
    test = rng.permutation(test)[:N_TEST]
    return Split(X[train], y[train], X[test], y[test])


@cache
def outlines(n_steps: int) -> tuple[Array, Array]:
    """Return how far the written digits reach from their centre, in each direction."""
    digits = load_digits()
    angle = np.linspace(0, 2 * np.pi, n_steps, endpoint=False)
    radius = np.linspace(0, 6, 60)
    grid = np.arange(8)
    found = []
    for ink in digits.images / 16:
        row, column = (ink.sum(axis=1) @ grid, ink.sum(axis=0) @ grid) / ink.sum()
        places = [row + np.outer(np.sin(angle), radius), column + np.outer(np.cos(angle), radius)]
        inked = map_coordinates(ink, places, order=1) > 0.4
        reach = np.where(inked.any(axis=1), radius[::-1][np.argmax(inked[:, ::-1], axis=1)], 0)
        smooth = np.convolve(np.concatenate([reach[-3:], reach, reach[:3]]), np.full(7, 1 / 7), "valid")
        found.append((smooth - smooth.mean()) / smooth.std())
    return np.array(found)[..., None], digits.target


def outlines_of(labels: Sequence[int], n: int, n_steps: int) -> Callable[[int], Split]:
    """Return the task of telling some digits by their outlines."""

    def split(seed: int) -> Split:
        X, y = outlines(n_steps)
        wanted = np.isin(y, labels)
        return chosen(X[wanted], y[wanted], n, seed)

    return split


def pixels(seed: int) -> Split:
    """Return written digits of 8 x 8 pixels, one after the other."""
    digits = load_digits()
    return chosen(digits.data[..., None] / 16, digits.target, 100, seed)


def spoken(
    features: Callable[[list[Array]], list[Array]], n: int | None, labels: Sequence[int]
) -> Callable[[int], Split]:
    """Return the task of telling spoken digits, of voices that were not heard before."""

    def split(seed: int) -> Split:
        parts: list[Any] = []
        for subset in ("train", "test"):
            heard = datasets.load_spoken_digits(subset)
            wanted = np.flatnonzero(np.isin(heard.target, labels))
            wanted = np.random.default_rng(seed).permutation(wanted)[: n if subset == "train" else None]
            parts += [features([heard.waves[i] for i in wanted]), heard.target[wanted]]
        return Split(*parts)

    return split


def cepstra(waves: list[Array]) -> list[Array]:
    return audio.AudioFeatures(8000, kind="mfcc", normalize="mean", trim=30.0).fit_transform(waves)


def loudness(waves: list[Array]) -> list[Array]:
    """Return the logarithm of the energy of each hundredth of a second."""
    return [np.log(1e-6 + np.square(w[: len(w) // 80 * 80].reshape(-1, 80)).mean(axis=1))[:, None] for w in waves]


TASKS: dict[str, tuple[str, Callable[[int], Split]]] = {
    "bumps": ("cylinder, bell, funnel; 30 of 128 steps", drawn(datasets.make_cylinder_bell_funnel, 30, 128)),
    "long bumps": ("the same; 60 of 300 steps", drawn(datasets.make_cylinder_bell_funnel, 60, 300)),
    "charts": ("control charts; 60 of 60 steps", drawn(datasets.make_control_charts, 60, 60)),
    "two patterns": ("two patterns; 100 of 128 steps", drawn(datasets.make_two_patterns, 100, 128)),
    "tones": ("three frequencies in noise; 60 of 200 steps", drawn(make_tones, 60, 200)),
    "resonances": ("two coloured noises; 60 of 200 steps", drawn(make_resonances, 60, 200)),
    "delays": ("two delays of Mackey-Glass; 60 of 200 steps", drawn(make_delays, 60, 200)),
    "outlines": ("outlines of 0, 6, 9; 36 of 150 steps", outlines_of((0, 6, 9), 36, 150)),
    "long outlines": ("outlines of 3, 5; 50 of 250 steps", outlines_of((3, 5), 50, 250)),
    "pixels": ("written digits, pixel by pixel; 100 of 64 steps", pixels),
    "loudness": ("of spoken 6, 7, 8; 60, ragged", spoken(loudness, 60, (6, 7, 8))),
    "speech": ("spoken digits; 560 of 13 features, ragged", spoken(cepstra, None, range(10))),
}


# -- classifiers ---------------------------------------------------------------------------------------------------


def default(data: Split, seed: int) -> float:
    return float(RNNClassifier(random_state=seed).fit(data.X, data.y).score(data.X_test, data.y_test))


def recommended(data: Split, seed: int) -> float:
    network = RNNClassifier((64, 64), convolution=(12, 3), bidirectional=True, pooling="max", random_state=seed)
    return float(make_pipeline(SequenceScaler(), network).fit(data.X, data.y).score(data.X_test, data.y_test))


def logistic(data: Split, seed: int) -> float | None:
    if isinstance(data.X, list):
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    flat, flat_test = (x.reshape(len(x), -1) for x in (data.X, data.X_test))
    return float(model.fit(flat, data.y).score(flat_test, data.y_test))


def warping(data: Split, seed: int) -> float:
    distance = np.empty((len(data.X_test), len(data.X)))
    for row, tested in by_length(data.X_test):
        for column, known in by_length(data.X):
            distance[np.ix_(row, column)] = warped_distances(tested, known)
    return float((data.y[distance.argmin(axis=1)] == data.y_test).mean())


def by_length(X: Any) -> list[tuple[Array, Array]]:
    """Return the places of sequences of each length, and these sequences (n, T, F)."""
    lengths = np.array([len(x) for x in X])
    places = [np.flatnonzero(lengths == n) for n in np.unique(lengths)]
    return [(group, np.stack([X[i] for i in group])) for group in places]


def warped_distances(some: Array, others: Array, band: float = BAND) -> Array:
    """Return the squared distances of series (M, T, F) from others (N, U, F) by dynamic time warping.

    D(i, j) = |x(i) - y(j)|^2 + min(D(i-1, j-1), D(i-1, j), D(i, j-1)), as far as j is within a share of the length from
    the diagonal [Sakoe and Chiba, 1978].
    """
    t, u = some.shape[1], others.shape[1]
    width = max(int(np.ceil(band * max(t, u))), -(-u // t))  # so that rows meet
    above = np.full((u + 1, len(some), len(others)), np.inf)
    above[0] = 0
    for i in range(t):
        middle = i * (u - 1) / max(t - 1, 1)
        row = np.full_like(above, np.inf)
        for j in range(max(int(np.ceil(middle - width)), 0), min(int(middle + width), u - 1) + 1):
            cost = np.square(some[:, None, i] - others[None, :, j]).sum(axis=2)
            row[j + 1] = cost + np.minimum(np.minimum(above[j], above[j + 1]), row[j])
        above = row
    return above[-1]


CLASSIFIERS: dict[str, Callable[[Split, int], float | None]] = {
    "default": default,
    "recommended": recommended,
    "warping": warping,
    "logistic": logistic,
}


# -- the table -----------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """A task's accuracies, and seconds a seed, of each classifier."""

    task: str
    scores: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def mean(self, name: str) -> float | None:
        """Return a classifier's mean accuracy in per cent."""
        return 100 * float(np.mean(self.scores[name])) if self.scores[name] else None


def measure(task: str, n_seeds: int, classifiers: Sequence[str]) -> Row:
    """Train and test classifiers on the first draws of a task."""
    row = Row(task)
    draws = [(seed, TASKS[task][1](seed)) for seed in range(FIRST_SEED, FIRST_SEED + n_seeds)]
    for name in classifiers:
        score = CLASSIFIERS[name]
        began = time.perf_counter()
        row.scores[name] = [found for seed, data in draws if (found := score(data, seed)) is not None]
        row.seconds[name] = (time.perf_counter() - began) / n_seeds
    return row


def table(rows: Sequence[Row]) -> str:
    """Return a line for each task, with means and standard deviations in per cent, and one with the means over tasks.

    Of the means, those of tasks that all have done.
    """
    names = list(rows[0].scores)
    lines = ["task".ljust(16) + "".join(name.rjust(15) for name in names)]
    for row in rows:
        cells = [f"{100 * np.mean(s):.1f} +- {100 * np.std(s):4.1f}" if s else "" for s in row.scores.values()]
        lines.append(row.task.ljust(16) + "".join(cell.rjust(15) for cell in cells))
    whole = [row for row in rows if all(row.scores.values())]
    means = [np.mean([row.mean(name) for row in whole]) for name in names] if whole else []
    return "\n".join([*lines, f"mean of {len(whole)}".ljust(16) + "".join(f"{m:.1f}        ".rjust(15) for m in means)])


def write_json(path: Path, rows: Sequence[Row]) -> None:
    """Write all accuracies; what a file has of other classifiers stays in it."""
    found: dict[str, Any] = {"machine": {}, "first seed": FIRST_SEED, "tasks": {}}
    if path.exists():
        found = json.loads(path.read_text())
    found["machine"] |= dict.fromkeys(rows[0].scores, machine())
    for row in rows:
        task = found["tasks"].setdefault(row.task, {"what": TASKS[row.task][0], "accuracy": {}, "seconds": {}})
        task["accuracy"] |= {name: np.round(scores, 4).tolist() for name, scores in row.scores.items()}
        task["seconds"] |= {name: round(seconds, 2) for name, seconds in row.seconds.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.series_classification",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tasks", nargs="+", metavar="NAME", choices=TASKS, default=TASKS, help=", ".join(TASKS))
    parser.add_argument(
        "--classifiers",
        nargs="+",
        metavar="NAME",
        choices=CLASSIFIERS,
        default=CLASSIFIERS,
        help=", ".join(CLASSIFIERS),
    )
    parser.add_argument("--seeds", type=int, default=4, metavar="N", help="draws of each task (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to it as well")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")  # of convergence and scales: the default is run as it stands
    rows = []
    for task in options.tasks:
        rows.append(measure(task, options.seeds, list(options.classifiers)))
        print(table(rows[-1:]).splitlines()[1], flush=True)
        if options.json is not None:
            write_json(options.json, rows)
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
