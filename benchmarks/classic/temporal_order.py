"""Temporal order: tell in which order the Xs and Ys came, many distractors ago.

Experiments 6a and 6b of Hochreiter and Schmidhuber (1997): see `rnnbp.datasets.make_temporal_order`. Of 100 to 110
letters 2 or 3 (and here 4, too) are relevant, tens of steps apart, and the last of them is 20 steps or more before the
end.

The paper's criterion: a sequence is classified correctly if no output (here: no probability) is wrong by 0.3 or more;
learning ends when the 2,000 latest training sequences were classified correctly, with an error below 0.1 on average.
As each is new, it is judged before it is learnt from. The 2,000 count too: who needs 3,500 sequences has made the
last mistake within the first 1,500. The score is of 2,560 further sequences, as in the paper.

The settings were found with four symbols, and are the same for two and three.

Baselines: chance, which is also the best constant; and a linear delay line over the last 100 steps, trained on as many
sequences as there are at most, whose largest output says the class. Such a line sees all that matters at once, and
has a weight for each place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

import rnnbp
from benchmarks.classic import stream
from benchmarks.classic.delay_line import DelayLine
from benchmarks.classic.task import Result, Task
from rnnbp import datasets, initializers, layers, losses, optimizers
from rnnbp.optimizers import schedules

Array = NDArray[Any]

BLOCK, N_RECENT, N_TEST, N_TAPS = 50, 2000, 2560, 100


class TemporalOrder(Task):
    """Temporal order of some relevant symbols, until the paper's criterion is met.

    Parameters
    ----------
    n_relevant : int
        Xs and Ys in a sequence.
    """

    metric, lower_is_better = "share of sequences classified correctly", False
    limit = 6400
    aim = f"the paper's criterion with fewer than {limit:,} sequences, with every seed"

    def __init__(self, n_relevant: int) -> None:
        self.n_relevant = n_relevant
        self.name = f"temporal-order-{n_relevant}"
        self.what = f"tell in which order {n_relevant} Xs and Ys came in 100 to 110 letters; GRU of 32 units"

    def met(self, results: Sequence[Result]) -> bool:
        """Tell whether every seed met the criterion in time."""
        return all(result.needed is not None and result.needed < self.limit for result in results)

    def run(self, seed: int, *, quick: bool) -> Result:
        """Train until the criterion is met; see `Task`."""
        rng, test_rng, line_rng = np.random.default_rng(seed).spawn(3)
        n_train, n_test = (100, 100) if quick else (self.limit, N_TEST)
        lag = initializers.Chrono(100)
        net = rnnbp.Network(
            [layers.GRU(8, 32, bias_initializer=lag), layers.LastStep(), layers.Dense(32, 2**self.n_relevant)],
            seed=seed,
        )
        recent: deque[float] = deque(maxlen=N_RECENT)
        training = stream.train(
            net,
            self.judged(net, n_train // BLOCK, rng, recent),
            loss=losses.CrossEntropy(),
            optimizer=partial(optimizers.Adam, clip_norm=1.0),
            rate=schedules.linear(2e-2, epochs=100, final=1e-3),
            batch_size=5,
        )
        needed = None
        for n_done in training:
            if len(recent) == N_RECENT and max(recent) < 0.3 and np.mean(recent) < 0.1:
                needed = n_done * BLOCK
                break
        x, y = self.sequences(n_test, test_rng)
        score = float(np.mean(errors(rnnbp.predict(net, x), y) < 0.3))
        return Result(score, baselines(self.sequences(n_train, line_rng), (x, y), 2**self.n_relevant), needed=needed)

    def judged(
        self, net: rnnbp.Network, n_blocks: int, rng: np.random.Generator, recent: deque[float]
    ) -> Iterator[tuple[list[Array], Array]]:
        """Yield blocks of sequences, and write down how wrong the network is about them before it learns from them."""
        for _ in range(n_blocks):
            x, y = self.sequences(BLOCK, rng)
            recent.extend(errors(rnnbp.predict(net, x), y))
            yield x, y

    def sequences(self, n: int, rng: np.random.Generator) -> tuple[list[Array], Array]:
        """Return sequences of 100 to 110 letters, and their classes."""
        make = partial(datasets.make_temporal_order, 1, n_relevant=self.n_relevant, random_state=rng)
        x, y = zip(*(make(int(length)) for length in rng.integers(100, 110, n, endpoint=True)), strict=True)
        return [one[0] for one in x], np.concatenate(y)


def errors(output: ArrayLike, y: Array) -> Array:
    """Return for each sequence by how much the worst of the probabilities is wrong; `output` are their logits."""
    p = softmax(np.asarray(output), axis=1)
    return np.asarray(np.abs(p - np.eye(p.shape[1])[y]).max(axis=1))


def baselines(seen: tuple[list[Array], Array], test: tuple[list[Array], Array], n_classes: int) -> dict[str, float]:
    """Return what is classified correctly by chance, and by a linear delay line."""
    (x, y), (x_test, y_test) = seen, test
    line = DelayLine(x, list(np.eye(n_classes)[y]), N_TAPS, last=True)
    answers = np.array([line.predict(one).argmax() for one in x_test])
    return {"chance": 1 / n_classes, f"linear delay line of {N_TAPS}": float(np.mean(answers == y_test))}


TASKS = tuple(TemporalOrder(n_relevant) for n_relevant in (2, 3, 4))
