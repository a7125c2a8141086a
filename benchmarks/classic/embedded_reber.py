"""The embedded Reber grammar: tell which symbols may come next.

Cleeremans, Servan-Schreiber and McClelland (1989); experiment 1 of Hochreiter and Schmidhuber (1997): see
`rnnbp.datasets.make_embedded_reber`. The last symbol but one is the second again, 6 steps or more after it.

The network is trained to predict the symbol that does come next; it is never told which others would have been legal.
A string is understood if at every step the symbols that may come next, as many as they are, have the highest outputs:
among them the T or P of long ago. After each 50 new strings the network is tried on 500 others, and is done when
it has understood them all. (Both sets may hold a string twice, or share one: short strings are frequent.) As that test
says when to stop, 2,000 more strings are tried once in the end.

Baselines: chance gives every step the right number of symbols, blindly; the constant are those most frequent in the
training strings; the linear delay line sees the last 10 symbols, and has seen as many strings as there are at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from math import comb
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

BLOCK, N_TEST, N_FURTHER, N_TAPS = 50, 500, 2000, 10
END = datasets.REBER_SYMBOLS.index("E")


class EmbeddedReber(Task):
    """The embedded Reber grammar, until all of the test strings are understood."""

    name = "embedded-reber"
    what = "tell which symbols may come next in embedded Reber strings; LSTM of 16 units"
    metric, lower_is_better = "share of strings understood", False
    n_seeds = 10
    limit = 4800
    aim = f"all of them, with fewer than {limit:,} training strings, with every seed"

    def met(self, results: Sequence[Result]) -> bool:
        """Tell whether every seed understood all in time."""
        return all(result.needed is not None and result.needed < self.limit for result in results)

    def run(self, seed: int, *, quick: bool) -> Result:
        """Train on new data, and test on other; see `Task`."""
        rng, test_rng, other_rng = np.random.default_rng(seed).spawn(3)
        n_train, n_test, n_further = (200, 100, 100) if quick else (self.limit, N_TEST, N_FURTHER)
        n_blocks = n_train // BLOCK
        test = datasets.make_embedded_reber(n_test, random_state=test_rng)
        lag = initializers.Chrono(12)
        net = rnnbp.Network([layers.LSTM(7, 16, bias_initializer=lag), layers.Dense(16, 7)], seed=seed)
        training = stream.train(
            net,
            (shown_and_next(BLOCK, rng) for _ in range(n_blocks)),
            loss=losses.CrossEntropy(),
            optimizer=partial(optimizers.Adam, clip_norm=1.0),
            rate=schedules.constant(1e-2),
            batch_size=2,
        )
        needed = None
        for n_done in training:
            score = understood(rnnbp.predict(net, test[0]), test[1])
            if score == 1.0:
                needed = n_done * BLOCK
                break
        seen = datasets.make_embedded_reber(n_train, random_state=other_rng)
        further, legal = datasets.make_embedded_reber(n_further, random_state=other_rng)
        note = f"{understood(rnnbp.predict(net, further), legal):.2%} of {n_further:,} more strings"
        return Result(score, baselines(seen, test), note, needed)


def shown_and_next(n: int, rng: np.random.Generator) -> tuple[list[Array], list[Array]]:
    """Return strings, and for each of their symbols the one after it."""
    x, _ = datasets.make_embedded_reber(n, random_state=rng)
    return x, [np.append(one[1:].argmax(axis=1), END) for one in x]


def understood(outputs: Iterable[Array], targets: Iterable[Array]) -> float:
    """Return the share of strings at whose every step the symbols that may come next have the highest outputs."""
    return float(np.mean([is_understood(output, target) for output, target in zip(outputs, targets, strict=True)]))


def is_understood(output: Array, target: Array) -> bool:
    least_legal = np.where(target == 1, output, np.inf).min(axis=1)
    return bool((np.where(target == 1, -np.inf, output).max(axis=1) < least_legal).all())


def baselines(seen: tuple[Any, Any], test: tuple[Any, Any]) -> dict[str, float]:
    """Return what is understood by blind guesses, by one answer to all, and by a linear delay line."""
    x, target = test
    frequency = np.concatenate(seen[1]).mean(axis=0)
    line = DelayLine(*seen, N_TAPS)
    return {
        "chance": float(np.mean([np.prod([1 / comb(7, int(n)) for n in t.sum(axis=1)]) for t in target])),
        "constant": understood((np.tile(frequency, (len(t), 1)) for t in target), target),
        f"linear delay line of {N_TAPS}": understood(map(line.predict, x), target),
    }


TASKS = (EmbeddedReber(),)
