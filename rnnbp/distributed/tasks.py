"""What a worker does with a part of the data.

A task is a function of a network whose parameters are set, a part, a loss, a `Piece` and options. It returns a vector
that is summed over all parts, or None, and what else it has found. Random numbers are drawn from generators that
belong to the part and the request, not to who carries it out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.training_set import TrainingSet
from rnnbp.distributed.messages import Piece
from rnnbp.losses import Loss
from rnnbp.networks.network import Network
from rnnbp.optimizers import Optimizer, State, clip_by_norm
from rnnbp.training.evaluation import evaluate_part
from rnnbp.training.history import History
from rnnbp.training.run import TrainingRun

__all__ = ["TASKS", "split_state"]

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
    net.rng, augmenting = _generators(seeds, part)
    run = TrainingRun(net, data, loss, len(piece.chosen), history=History(loss=[math.nan] * epoch))
    if piece.initial_states is not None:
        options["initial_states"] = piece.initial_states
    found = run.minibatch(piece.chosen, *steps, rng=augmenting, **options)
    weighted = found.gradient * np.asarray(found.share, net.dtype)
    return weighted, (found.value, found.share, found.n_rows, found.final_states)


def local_updates(
    net: Network,
    data: TrainingSet,
    loss: Loss,
    piece: Piece,
    *,
    part: int,
    epoch: int,
    seeds: tuple[int, int | None],
    l2: float,
    optimizer: Optimizer,
    state: State,
    times: Sequence[float],
    teacher_forcing: Sequence[float],
    **options: Any,
) -> Outcome:
    """Return parameters and optimizer's vectors after some updates on a part's own examples, times their share.

    And the sum of losses, the share and the norm of each minibatch, the rows, and what else the optimizer remembers.
    """
    net.rng, augmenting = _generators(seeds, part)
    run = TrainingRun(net, data, loss, 1, l2=l2, history=History(loss=[math.nan] * epoch))
    state = {name: array.copy() for name, array in state.items()}
    total, n_rows, shares, norms = 0.0, 0, np.zeros(len(times)), np.zeros(len(times))
    for j, (chosen, now, probability) in enumerate(zip(piece.chosen, times, teacher_forcing, strict=True)):
        if not len(chosen):
            continue
        found = run.minibatch(chosen, rng=augmenting, teacher_forcing=probability, **options)
        value = run.penalize(found.value, found.gradient, found.share) if l2 else found.value
        shares[j], norms[j] = found.share, clip_by_norm(found.gradient, np.inf) if l2 else found.norm
        optimizer.update(net.theta, found.gradient, state, epoch=now, loss=value)
        total, n_rows = total + value * found.share, n_rows + found.n_rows
    vectors, rest = split_state(net.theta, state)
    joined = np.concatenate([net.theta, *vectors.values()]) * np.asarray(shares.sum(), net.dtype)
    return joined, (total, shares, norms, n_rows, rest)


def split_state(theta: NDArray[Any], state: State) -> tuple[State, State]:
    """Return what an optimizer remembers of each parameter as a real number, and the rest."""
    vectors = {name: each for name, each in state.items() if each.shape == theta.shape and each.dtype == theta.dtype}
    return vectors, {name: each for name, each in state.items() if name not in vectors}


def _generators(seeds: tuple[int, int | None], part: int) -> tuple[np.random.Generator, np.random.Generator | None]:
    """Return what the network and `augment` draw from."""
    own, augmenting = seeds
    return np.random.default_rng([own, part]), None if augmenting is None else np.random.default_rng([augmenting, part])


def evaluation(net: Network, data: TrainingSet, loss: Loss, piece: Piece, *, part: int, scored: bool) -> Outcome:
    """Return what a network gives for a part."""
    return None, evaluate_part(net, data, loss, scored=scored)


def fingerprint(net: Network, data: TrainingSet, loss: Loss, piece: Piece, *, part: int) -> Outcome:
    """Return what tells a part from others."""
    return None, data.fingerprint()


TASKS: dict[str, Callable[..., Outcome]] = {
    "gradient": gradient,
    "local_updates": local_updates,
    "evaluation": evaluation,
    "fingerprint": fingerprint,
}
