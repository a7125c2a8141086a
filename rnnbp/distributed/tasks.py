"""What a worker does with a part of the data.

A task is a function of a network whose parameters are set, a part, a loss, a `Piece` and options. It returns a vector
that is summed over all parts, or None, and what else it has found. Random numbers are drawn from generators that
belong to the part and the request, not to who carries it out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.training_set import TrainingSet
from rnnbp.distributed.messages import Piece
from rnnbp.losses import Loss
from rnnbp.networks.network import Network
from rnnbp.training.evaluation import evaluate_part
from rnnbp.training.history import History
from rnnbp.training.run import TrainingRun

__all__ = ["TASKS"]

Outcome = tuple[NDArray[Any] | None, Any]


def gradient(
    net: Network,
    data: TrainingSet,
    loss: Loss,
    piece: Piece,
    *,
    part: int,
    epoch: int,
    steps: tuple[int, int | None],
    seeds: tuple[int, int | None],
    **options: Any,
) -> Outcome:
    """Return the gradient of some examples, times their share in the loss of all, and loss, share, rows and states."""
    net.rng, augmenting = (None if seed is None else np.random.default_rng([seed, part]) for seed in seeds)
    run = TrainingRun(net, data, loss, len(piece.chosen), history=History(loss=[math.nan] * epoch))
    if piece.initial_states is not None:
        options["initial_states"] = piece.initial_states
    found = run.minibatch(piece.chosen, *steps, rng=augmenting, **options)
    weighted = found.gradient * np.asarray(found.share, net.dtype)
    return weighted, (found.value, found.share, found.n_rows, found.final_states)


def evaluation(
    net: Network, data: TrainingSet, loss: Loss, piece: Piece, *, part: int, scored: bool
) -> Outcome:
    """Return what a network gives for a part."""
    return None, evaluate_part(net, data, loss, scored=scored)


def fingerprint(net: Network, data: TrainingSet, loss: Loss, piece: Piece, *, part: int) -> Outcome:
    """Return what tells a part from others."""
    return None, data.fingerprint()


TASKS = {"gradient": gradient, "evaluation": evaluation, "fingerprint": fingerprint}
