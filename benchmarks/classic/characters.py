"""Characters: of a text by Shakespeare, say after each character how probable each next one is.

Karpathy's char-rnn (2015) on a million characters; see `rnnbp.datasets.fetch_tinyshakespeare`. The first 90 % of the
text train a network of two LSTMs, the last 10 % measure it: in nats a character, in one pass over them in which the
state goes on from the first to the last. As is usual with this text, they are validation data: the few settings that
were tried (of one or two epochs) were compared on them too.

Training is stateful too: the text is cut into 32 parts that are read side by side, in chunks of 32 characters that the
gradient goes back through, and the states go on from each chunk to the next. What counts is what is reached within 15
minutes on two cores. The number of epochs is one that fits, so that the rate has fallen to 0 by then; on a slower
machine a callback ends training before an epoch that would not fit any more.

Baselines: the same probability for each of the 65 characters; their frequencies; and the frequencies after the last
one, two and three characters, each mixed with those of one character fewer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rnnbp
from benchmarks.classic.task import Result, Task
from rnnbp import datasets, layers, losses, optimizers
from rnnbp.optimizers import schedules
from rnnbp.training.history import History

Array = NDArray[Any]

LIMIT, MINUTES = 1.55, 15.0
N_HIDDEN, N_PARTS, CHUNK = 256, 32, 32
DROPOUT, RATE, EPOCHS = 0.2, 4e-3, 8


class Characters(Task):
    """Tiny Shakespeare with two LSTMs."""

    name, metric, lower_is_better, n_seeds = "characters", "nats a character", True, 1
    what = f"foretell Shakespeare's next character; two LSTMs of {N_HIDDEN} units, {EPOCHS} epochs"
    aim = f"below {LIMIT:g} nats a character within {MINUTES:g} minutes on two cores"

    def met(self, results: Sequence[Result]) -> bool:
        """Tell whether every seed is below the limit."""
        return all(result.score < LIMIT for result in results)

    def run(self, seed: int, *, quick: bool) -> Result:
        """Train and measure; see `Task.run`."""
        symbols = encode(datasets.fetch_tinyshakespeare())
        n_symbols, n_train = int(symbols.max()) + 1, len(symbols) * 9 // 10
        train_part, test_part = symbols[:n_train], symbols[n_train:]
        if quick:
            train_part, test_part = train_part[:5000], test_part[:500]
        n_hidden, epochs = (16, 1) if quick else (N_HIDDEN, EPOCHS)
        net = rnnbp.Network(
            [
                layers.Embedding(n_symbols, 64),
                layers.LSTM(64, n_hidden),
                layers.Dropout(DROPOUT),
                layers.LSTM(n_hidden, n_hidden),
                layers.Dropout(DROPOUT),
                layers.Dense(n_hidden, n_symbols),
            ],
            seed=seed,
        )
        began = time.perf_counter()
        history = train(net, train_part, epochs=epochs, seed=seed)
        minutes = (time.perf_counter() - began) / 60
        x, target = side_by_side(test_part, 1)
        nats, _ = rnnbp.evaluate(net, x, target, losses.CrossEntropy())
        note = f"{len(history)} epochs in {minutes:.1f} minutes"
        return Result(nats, baselines(train_part, test_part, n_symbols), note)


def encode(text: str) -> Array:
    """Return each character's place among the text's sorted ones."""
    _, symbols = np.unique(np.array(list(text)), return_inverse=True)
    return symbols


def side_by_side(symbols: Array, n_parts: int) -> tuple[Array, Array]:
    """Return equally long parts of a text as columns (T, n_parts), and as targets the characters that follow."""
    length = (len(symbols) - 1) // n_parts
    x, target = (symbols[k : k + n_parts * length].reshape(n_parts, length) for k in (0, 1))
    return np.ascontiguousarray(x.T), np.ascontiguousarray(target.T)


def train(net: rnnbp.Network, symbols: Array, *, epochs: int, seed: int) -> History:
    """Train on a text for some epochs, or as many as fit into the time."""
    x, target = side_by_side(symbols, N_PARTS)
    return rnnbp.fit(
        net,
        x,
        target,
        loss=losses.CrossEntropy(),
        optimizer=optimizers.Adam(schedules.cosine(RATE, epochs=epochs), clip_norm=1.0),
        max_epochs=epochs,
        batch_size=N_PARTS,
        chunk_length=CHUNK,
        callbacks=[lambda net, history: no_time_left(history.seconds)],
        seed=seed,
        progress=False,
    )


def no_time_left(seconds: Sequence[float]) -> bool:
    """Tell from the seconds of the epochs so far whether another one would not fit."""
    return sum(seconds) + max(seconds) > 60 * MINUTES


def baselines(train_part: Array, test_part: Array, n_symbols: int) -> dict[str, float]:
    """Return the nats of equal probabilities, and of frequencies after the last 0, 1, 2 and 3 characters."""
    names = ("frequencies", "after one character", "after two", "after three")
    return {"equal": float(np.log(n_symbols))} | {
        name: context_nats(train_part, test_part, n_symbols, order) for order, name in enumerate(names)
    }


def context_nats(train_part: Array, test_part: Array, n_symbols: int, order: int) -> float:
    """Return the nats of a character's frequency after the `order` last ones.

    Counts c in training make p_k = (c(context, next) + m p_{k-1}) / (c(context) + m), p_{-1} = 1 / n_symbols.
    """
    m = 2.0
    probability: Array = np.full(len(test_part), 1 / n_symbols)
    for k in range(order + 1):
        before, after = (contexts(part, k, n_symbols) for part in (train_part, test_part))
        context = np.bincount(before, minlength=n_symbols**k)
        pair = np.bincount(before * n_symbols + train_part[k:], minlength=n_symbols ** (k + 1))
        seen = pair[after * n_symbols + test_part[k:]], context[after]
        probability[k:] = (seen[0] + m * probability[k:]) / (seen[1] + m)
    return float(-np.log(probability[1:]).mean())


def contexts(symbols: Array, k: int, n_symbols: int) -> Array:
    """Return a number for the k characters before each character from the k-th on."""
    numbers = np.zeros(len(symbols) - k, np.int64)
    for back in range(k):
        numbers = numbers * n_symbols + symbols[back : len(symbols) - k + back]
    return numbers


TASKS = (Characters(),)
