"""Copy memory: say ten symbols again, a hundred steps later.

Hochreiter and Schmidhuber (1997) as Arjovsky, Shah and Bengio (2016) have it: see `rnnbp.datasets.make_copy_memory`.
With the update gates' biases as Tallec and Ollivier (2018) set them. Every minibatch is new, and so is the test set.

Baselines, of T + 20 steps: the best constant, the frequencies of the 9 classes; and who knows when to answer but not
what, at 10 log(8) / (T + 20), which is all that can be reached without memory, and all that a linear delay line shorter
than the lag of T + 10 steps can. (One that is longer has solved the task: it is a delay.)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rnnbp
from benchmarks.classic import stream
from benchmarks.classic.task import Result, Task
from rnnbp import datasets, initializers, layers, losses, optimizers
from rnnbp.optimizers import schedules

Array = NDArray[Any]

N_SYMBOLS, N_MEMORIZE, N_TEST, BLOCK = 8, 10, 500, 500


class CopyMemory(Task):
    """Copy memory with one delay.

    Parameters
    ----------
    delay : int
        Steps T from the last symbol shown to the "now".
    n_hidden : int
    n_blocks : int
        Of 500 sequences, to train on.
    rate : float
        The learning rate at first; it falls to 0 along half a cosine.
    """

    metric, lower_is_better = "cross-entropy a step, in nats", True
    aim = ""

    def __init__(self, *, delay: int, n_hidden: int, n_blocks: int, rate: float) -> None:
        self.delay, self.n_hidden, self.n_blocks, self.rate = delay, n_hidden, n_blocks, rate
        self.name = f"copy-memory-{delay}"
        self.what = f"say {N_MEMORIZE} symbols again, {delay} steps later; GRU of {n_hidden} units"

    def met(self, results: Sequence[Result]) -> None:
        """Return None: there is no aim."""
        return

    def run(self, seed: int, *, quick: bool) -> Result:
        """Train on new data, and test on other; see `Task`."""
        rng, test_rng = np.random.default_rng(seed).spawn(2)
        n_blocks, size, n_test = (1, 50, 50) if quick else (self.n_blocks, BLOCK, N_TEST)
        lag = initializers.Chrono(self.delay + 2 * N_MEMORIZE)
        net = rnnbp.Network(
            [
                layers.GRU(N_SYMBOLS + 2, self.n_hidden, bias_initializer=lag),
                layers.Dense(self.n_hidden, N_SYMBOLS + 1),
            ],
            seed=seed,
        )
        training = stream.train(
            net,
            (self.sequences(size, rng) for _ in range(n_blocks)),
            loss=losses.CrossEntropy(),
            optimizer=partial(optimizers.Adam, clip_norm=1.0),
            rate=schedules.cosine(self.rate, epochs=n_blocks),
            batch_size=20,
        )
        for _ in training:
            pass
        x, target = self.sequences(n_test, test_rng)
        score, _ = rnnbp.evaluate(net, x, target, losses.CrossEntropy())
        answers = net.forward(x)[-N_MEMORIZE:].argmax(axis=-1)
        right = np.mean(answers == target[-N_MEMORIZE:])
        note = f"{right:.1%} of the symbols right, chance {1 / N_SYMBOLS:.1%}; {n_blocks * size:,} sequences"
        return Result(score, baselines(target), note)

    def sequences(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return sequences and answers, time first."""
        x, target = datasets.make_copy_memory(
            n, self.delay, n_symbols=N_SYMBOLS, n_memorize=N_MEMORIZE, random_state=rng
        )
        return x.swapaxes(0, 1), target.T


def baselines(target: Array) -> dict[str, float]:
    """Return the cross-entropies of the best constant, and of all that can be known without memory."""
    shares = np.bincount(target.ravel(), minlength=N_SYMBOLS + 1) / target.size
    return {
        "constant": float(-sum(p * log(p) for p in shares if p > 0)),
        "without memory": N_MEMORIZE * log(N_SYMBOLS) / len(target),
    }


TASKS = (CopyMemory(delay=100, n_hidden=64, n_blocks=400, rate=1e-2),)
