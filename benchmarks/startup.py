"""What there is to wait for before the first step: imports, and compilation with a cold and a warm cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.race import Row, of_times

IMPORT = """
import time
began = time.perf_counter()
import {module}
print(time.perf_counter() - began)
"""

# The first fit beyond what the same fit takes the second time: all that happens but once.
FIRST_FIT = """
import time
import numpy as np
import rnnbp
from rnnbp import layers, losses

x, y = np.random.default_rng(0).standard_normal((20, 8, 13)), np.arange(8) % 3
net = rnnbp.Network([layers.{layer}(13, 64), layers.LastStep(), layers.Dense(64, 3)])
times = []
for _ in range(2):
    began = time.perf_counter()
    rnnbp.fit(net, x, y, loss=losses.CrossEntropy(), max_epochs=1, progress=False)
    times.append(time.perf_counter() - began)
print(times[0] - times[1])
"""


def items(*, quick: bool) -> Iterator[tuple[str, Callable[[], list[Row]]]]:
    """Yield what can be measured: a title, and a function that measures it."""
    yield "startup/import", partial(imports, 2 if quick else 9)
    for layer in ("LSTM",) if quick else ("Elman", "GRU", "LSTM"):
        yield f"startup/first fit, {layer}", partial(first_fit, layer, 1 if quick else 3)


def imports(n_rounds: int) -> list[Row]:
    """Return the time of an import in a fresh interpreter, by turns."""
    modules = {"rnnbp": "rnnbp", "torch": "torch", "jax": "jax", "sklearn": "sklearn.neural_network"}
    times: dict[str, list[float]] = {name: [] for name in modules}
    problems: dict[str, str] = {}
    for _ in range(n_rounds + 1):
        for name, module in modules.items():
            try:
                times[name].append(run(IMPORT.format(module=module), {}))
            except subprocess.CalledProcessError as error:
                problems[name] = error.stderr.strip().splitlines()[-1]
    # the first round has read the files from the disk
    return [
        Row(name, name, 1, problem=problems[name]) if name in problems else of_times(name, name, own[1:])
        for name, own in times.items()
    ]


def first_fit(layer: str, n_warm: int) -> list[Row]:
    """Return the first fit's extra time, with an empty cache of compiled kernels and with a full one."""
    with tempfile.TemporaryDirectory() as folder:
        times = [run(FIRST_FIT.format(layer=layer), {"NUMBA_CACHE_DIR": folder}) for _ in range(1 + n_warm)]
    return [of_times("rnnbp cold cache", "rnnbp", times[:1]), of_times("rnnbp warm cache", "rnnbp", times[1:])]


def run(script: str, environment: dict[str, str]) -> float:
    """Return the number that a script prints last."""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])
