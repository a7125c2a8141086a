"""What there is to wait for before the first step: imports, and compilation with an empty and with a full cache.

A first fit is a whole fresh process, from its start to its end, beside one that does nothing but ``import torch``; the
two take turns, and the ratio is that of the medians. "Cold" finds an empty cache of compiled code each time, "warm" the
one that a process before it has filled. The second kind of cell is timed inside its process: the first fit of a GRU,
nothing compiled but what an LSTM has needed. Its ratio, too, is to a whole process of ``import torch``, as a measure of
the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.contestants import OURS
from benchmarks.race import Row, of_times

IMPORT = """
import time
began = time.perf_counter()
import {module}
print(time.perf_counter() - began)
"""

FIT = """
import time
import numpy as np
import rnnbp
from rnnbp import layers, losses

def first_fit(*net):
    x, y = np.random.default_rng(0).standard_normal((20, 8, 13)), np.arange(8) % 3
    x = x[0] if isinstance(net[0], layers.Dense) else x
    rnnbp.fit(rnnbp.Network(net), x, y, loss=losses.CrossEntropy(), max_epochs=1, progress=False)

"""
RECURRENT_FIT = "first_fit(layers.{}(13, 64), layers.LastStep(), layers.Dense(64, 3))\n"
FITS = {
    "MLP": FIT + "first_fit(layers.Dense(13, 64), layers.Activation('relu'), layers.Dense(64, 3))\n",
    **{cell: FIT + RECURRENT_FIT.format(cell) for cell in ("Elman", "GRU", "LSTM")},
}
SECOND_CELL = (
    FITS["LSTM"]
    + "began = time.perf_counter()\n"
    + RECURRENT_FIT.format("GRU")
    + "print(time.perf_counter() - began)\n"
)

Measures = Mapping[str, Callable[[], float]]  # what takes part, by label: each call returns seconds


def items(*, quick: bool) -> Iterator[tuple[str, Callable[[], list[Row]]]]:
    """Yield what can be measured: a title, and a function that measures it."""
    n_rounds = 1 if quick else 9
    yield "startup/import", partial(imports, n_rounds)
    for network in ("MLP", "LSTM") if quick else FITS:
        yield f"startup/first fit, {network}", partial(first_fits, FITS[network], n_rounds)
    yield "startup/second cell", partial(second_cell, n_rounds)


def imports(n_rounds: int) -> list[Row]:
    """Return the time of an import in a fresh interpreter."""
    modules = {OURS: "rnnbp", "torch": "torch", "jax": "jax", "sklearn": "sklearn.neural_network"}
    return in_turns({name: partial(printed, IMPORT.format(module=m), {}) for name, m in modules.items()}, n_rounds)


def first_fits(script: str, n_rounds: int) -> list[Row]:
    """Return the time of a whole process that fits for the first time, cold and warm, over ``import torch``."""
    with ExitStack() as stack:
        full = Path(stack.enter_context(TemporaryDirectory()))
        measures = {
            f"{OURS} cold cache": partial(with_empty_cache, whole_process, script),
            f"{OURS} warm cache": partial(whole_process, script, cache(full)),
            "torch import": partial(whole_process, "import torch", {}),
        }
        return over_torch(in_turns(measures, n_rounds))


def second_cell(n_rounds: int) -> list[Row]:
    """Return the time of a GRU's first fit where an LSTM has been fitted and nothing was in the cache."""
    measures = {
        f"{OURS} GRU after LSTM": partial(with_empty_cache, printed, SECOND_CELL),
        "torch import": partial(whole_process, "import torch", {}),
    }
    return over_torch(in_turns(measures, n_rounds))


def in_turns(measures: Measures, n_rounds: int) -> list[Row]:
    """Return a row for each measure; the first round has read the files from the disk, and does not count."""
    times: dict[str, list[float]] = {label: [] for label in measures}
    problems: dict[str, str] = {}
    for _ in range(n_rounds + 1):
        for label in [label for label in measures if label not in problems]:
            try:
                times[label].append(measures[label]())
            except subprocess.CalledProcessError as error:
                problems[label] = (error.stderr.strip().splitlines() or ["it has ended without a word"])[-1]
    return [
        Row(label, contestant, 1, problem=problems[label], failed=contestant == OURS)  # others may not be installed
        if label in problems
        else of_times(label, contestant, times[label][1:])
        for label, contestant in ((label, label.split()[0]) for label in measures)
    ]


def over_torch(rows: list[Row]) -> list[Row]:
    """Fill in our rows' ratio: the median of PyTorch's times over the median of ours."""
    for theirs in [row for row in rows if row.contestant == "torch" and row.times]:
        for row in [row for row in rows if row.contestant == OURS and row.times]:
            row.ratio = median(theirs.times) / median(row.times)
            row.ratios_to = {"torch": row.ratio}
    return rows


def cache(folder: Path) -> dict[str, str]:
    """Return what keeps compiled code in a folder."""
    return {"RNNBP_CACHE_DIR": str(folder)}


def with_empty_cache(measure: Callable[[str, dict[str, str]], float], script: str) -> float:
    """Measure a script that finds nothing compiled."""
    with TemporaryDirectory() as folder:
        return measure(script, cache(Path(folder)))


def whole_process(script: str, environment: dict[str, str]) -> float:
    """Return the seconds from a process's start to its end."""
    began = time.perf_counter()
    run(script, environment)
    return time.perf_counter() - began


def printed(script: str, environment: dict[str, str]) -> float:
    """Return the number that a script prints last."""
    return float(run(script, environment).split()[-1])


def run(script: str, environment: dict[str, str]) -> str:
    """Run a script in a fresh interpreter and return what it prints."""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return done.stdout
