"""The adding problem: of a row of random numbers, add the two that are marked.

Hochreiter and Schmidhuber's experiment 4 (1997), as Le, Jaitly and Hinton (2015) have it: see
`rnnbp.datasets.make_adding_problem`. Every minibatch is new, and so is the test set of 2,000 rows.

Baselines: the best constant, 1, has a mean squared error of 1/6; the best linear function of all the numbers and marks,
a linear delay line as long as the row, 1/6 - 1/(3 T). The marks tell such a line nothing, for it could only add them to
the numbers, and a number at one step is marked in one row out of T / 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rnnbp
from benchmarks.classic import stream
from benchmarks.classic.task import Result, Task
from rnnbp import datasets, initializers, layers, losses, optimizers
from rnnbp.optimizers import schedules

Array = NDArray[Any]

N_TEST, BLOCK = 2000, 1000


class Adding(Task):
    """The adding problem of one length.

    Parameters
    ----------
    layer : Recurrent
        With two inputs.
    n_steps : int
        T.
    limit : float
        The mean squared error to be reached.
    n_blocks : int
        Of 1,000 rows, to train on.
    rate : float
        The learning rate at first; it falls to 0 along half a cosine.
    batch_size : int
    """

    metric, lower_is_better = "mean squared error", True

    def __init__(
        self, layer: layers.Recurrent, *, n_steps: int, limit: float, n_blocks: int, rate: float, batch_size: int
    ) -> None:
        self.layer, self.n_steps, self.limit = layer, n_steps, limit
        self.n_blocks, self.rate, self.batch_size = n_blocks, rate, batch_size
        kind = type(layer).__name__
        self.name = f"adding-{n_steps}"
        self.what = f"add the two marked of {n_steps} numbers; {kind} of {layer.n_hidden} units"
        self.aim = f"mean squared error of at most {limit:g} with every seed"

    def met(self, results: Sequence[Result]) -> bool:
        """Tell whether every seed's error is below the limit."""
        return all(result.score <= self.limit for result in results)

    def run(self, seed: int, *, quick: bool) -> Result:
        """Train on new data, and test on other; see `Task`."""
        rng, test_rng = np.random.default_rng(seed).spawn(2)
        n_blocks, n_test = (1, 100) if quick else (self.n_blocks, N_TEST)
        net = rnnbp.Network([self.layer, layers.LastStep(), layers.Dense(self.layer.n_hidden, 1)], seed=seed)
        training = stream.train(
            net,
            (self.rows(100 if quick else BLOCK, rng) for _ in range(n_blocks)),
            loss=losses.MeanSquaredError(),
            optimizer=partial(optimizers.Adam, clip_norm=1.0),
            rate=schedules.cosine(self.rate, epochs=n_blocks),
            batch_size=self.batch_size,
        )
        for _ in training:
            pass
        x, y = self.rows(n_test, test_rng)
        score = np.mean((rnnbp.predict(net, x) - y) ** 2)
        return Result(float(score), baselines(x, y), f"{n_blocks * BLOCK:,} rows")

    def rows(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return rows, time first, and their sums."""
        x, y = datasets.make_adding_problem(n, self.n_steps, random_state=rng)
        return x.swapaxes(0, 1), y


def baselines(x: Array, y: Array) -> dict[str, float]:
    """Return the errors of the best constant, and of the best linear function of the whole row."""
    n_steps = len(x)
    line = 1 + (2 / n_steps) * (x[..., 0] - 0.5).sum(axis=0)
    return {
        "constant": float(np.mean((1 - y) ** 2)),
        "linear delay line": float(np.mean((line[:, None] - y) ** 2)),
    }


TASKS = (
    Adding(
        layers.LSTM(2, 8, bias_initializer=initializers.Chrono(100)),
        n_steps=100,
        limit=7e-4,
        n_blocks=100,
        rate=1e-2,
        batch_size=20,
    ),
    Adding(
        layers.GRU(2, 32, bias_initializer=initializers.Chrono(600)),
        n_steps=600,
        limit=5e-5,
        n_blocks=100,
        rate=1e-2,
        batch_size=20,
    ),
)
