"""The language a^n b^n: count, and further than was ever trained on.

Gers and Schmidhuber (2001): see `rnnbp.datasets.make_anbn`. The network is trained on strings with n from 1 to 10,
and then shown those with n = 1, 2, 3, ... up to 200. A string is right if its every deterministic symbol, which is
all but those after an a, is predicted: the bs, and the end of the string in its place.

To count beyond 10, a symbol has to move the cell by the same amount whatever the count is. So forget gates begin wide
open (the LSTM of 1997 had none) and recurrent weights at 0, and recurrent dropout makes it unwise to lean on these.
Targets are 0.02 and 0.98, as with 0 and 1 the loss is soon content with ups and downs that do not quite cancel.

Baselines: a guess at each step among the 4 symbols (how far it comes in the mean), and a constant answer; a linear
delay line of 21 symbols, which sees the whole of each training string (and gets those with n from 6 to 10 right, but
none of the shorter ones, so that it comes nowhere).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rnnbp
from benchmarks.classic import stream
from benchmarks.classic.delay_line import DelayLine
from benchmarks.classic.task import Result, Task
from rnnbp import datasets, initializers, layers, losses, optimizers
from rnnbp.optimizers import schedules

Array = NDArray[Any]

N_MAX, LONGEST, N_TAPS, BLOCK = 10, 200, 21, 100


class AnBn(Task):
    """Counting up to 10, and how much further."""

    name = "anbn"
    what = "predict the next symbol of a^n b^n, trained on n <= 10; LSTM of 8 units"
    metric, lower_is_better = f"greatest n up to which all are right, of {LONGEST}", False
    limit = 65
    aim = f"right up to n = {limit} with every seed"
    n_blocks = 300
    smoothing = 0.02

    def met(self, results: Sequence[Result]) -> bool:
        """Tell whether every seed comes as far as that."""
        return all(result.score >= self.limit for result in results)

    def run(self, seed: int, *, quick: bool) -> Result:
        """Train on new data, and test on other; see `Task`."""
        rng = np.random.default_rng(seed)
        n_blocks = 2 if quick else self.n_blocks
        counter = layers.LSTM(
            4,
            8,
            bias_initializer=initializers.ForgetGate(20.0),
            recurrent_initializer="zeros",
            recurrent_dropout=0.5,
        )
        net = rnnbp.Network([counter, layers.Dense(8, 4)], seed=seed)
        training = stream.train(
            net,
            (self.strings(rng) for _ in range(n_blocks)),
            loss=losses.BinaryCrossEntropy(),
            optimizer=partial(optimizers.Adam, clip_norm=1.0),
            rate=schedules.cosine(3e-2, epochs=n_blocks),
            batch_size=10,
        )
        for _ in training:
            pass
        score = reach(lambda x: net.forward(x[:, None])[:, 0])
        return Result(score, baselines(), f"{n_blocks * BLOCK:,} strings")

    def strings(self, rng: np.random.Generator) -> tuple[list[Array], list[Array]]:
        """Return strings, and smoothed targets."""
        x, target = datasets.make_anbn(BLOCK, n_max=N_MAX, random_state=rng)
        return x, [self.smoothing + (1 - 2 * self.smoothing) * one for one in target]


def reach(predict: Callable[[Array], Array]) -> int:
    """Return the greatest n up to which all strings are right."""
    return sum(1 for _ in takewhile(partial(is_right, predict), range(1, LONGEST + 1)))


def is_right(predict: Callable[[Array], Array], n: int) -> bool:
    """Tell whether every deterministic symbol of a string is predicted."""
    (x,), (target,) = datasets.make_anbn(1, n_min=n, n_max=n)
    certain = target.sum(axis=1) == 1
    return bool((predict(x)[certain].argmax(axis=1) == target[certain].argmax(axis=1)).all())


def baselines() -> dict[str, float]:
    """Return how far blind guesses, one answer to all, and a linear delay line come."""
    strings = [datasets.make_anbn(1, n_min=n, n_max=n) for n in range(1, N_MAX + 1)]
    x, target = ([pair[k][0] for pair in strings] for k in (0, 1))
    frequency = np.concatenate(target).mean(axis=0)
    line = DelayLine(x, target, N_TAPS)
    by_chance = 4.0 ** -np.cumsum(np.arange(2, LONGEST + 2))  # up to n there are 2 + 3 + ... + (n + 1) such symbols
    return {
        "chance": float(by_chance.sum()),
        "constant": reach(lambda x: np.tile(frequency, (len(x), 1))),
        f"linear delay line of {N_TAPS}": reach(line.predict),
    }


TASKS = (AnBn(),)
