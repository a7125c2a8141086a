"""What a ragged data set costs to build, beside one concatenation of its frames.

Run as ``python -m benchmarks.data_sets``: time as a ratio (medians, interleaved), and memory beside that of the data.
"""

import statistics
import time
import tracemalloc
from functools import partial

import numpy as np

from rnnbp import Network, layers, losses
from rnnbp.data.sequences import Sequences
from rnnbp.data.training_set import TrainingSet

N, FEATURES, REPEATS = 2000, 40, 15


def data_set():
    """Return 2,000 sequences of 50 to 150 frames of 40 features, 32 MB in float32, and a target for each."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(50, 151, size=N)
    return [rng.normal(size=(n, FEATURES)).astype(np.float32) for n in lengths], rng.integers(10, size=N)


def main():
    """Print a row for each way to hand in the data."""
    x, y = data_set()
    joined = Sequences.of(x)
    net = Network([layers.GRU(FEATURES, 8), layers.LastStep(), layers.Dense(8, 10)])
    build = partial(TrainingSet, net.interface, target=y, loss=losses.CrossEntropy())
    ways = {
        "one concatenation": lambda: np.concatenate(x),
        "a list of arrays": lambda: build(x),
        "Sequences": lambda: build(joined),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, run in ways.items():
            began = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - began)
    base = statistics.median(times["one concatenation"])
    for name, run in ways.items():
        tracemalloc.start()
        kept = run()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        del kept
        ratio = statistics.median(times[name]) / base
        print(f"{name:<20} {ratio:5.2f} times the concatenation, {peak / joined.frames.nbytes:5.2f} times the data")


if __name__ == "__main__":
    main()
