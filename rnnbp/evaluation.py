"""Running a trained network over many examples, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp import losses
from rnnbp.losses import Loss
from rnnbp.network import Network
from rnnbp.training_set import TrainingSet

__all__ = ["evaluate", "evaluate_set", "predict"]

Array = NDArray[Any]


def predict(
    net: Network,
    x: ArrayLike | Sequence[ArrayLike],
    lengths: ArrayLike | None = None,
    *,
    batch_size: int = 256,
) -> Array | list[Array]:
    """Return the network's output for any number of examples, in bounded memory.

    Parameters
    ----------
    net : Network
    x, lengths
        See `Network.batch`.
    batch_size : int, default 256

    Returns
    -------
    ndarray of shape (N, n_outputs), or, for an output at each step, list of N ndarrays of shape (T_i, n_outputs)

    Raises
    ------
    ValueError
        If the input does not fit the network.

    Notes
    -----
    Threads may share a network in this function: each runs in memory of its own.
    """
    data = TrainingSet(net, x, lengths)
    if data.steps is None or net.pools_time:
        outputs = np.empty((data.n_examples, net.n_outputs), net.dtype)
        for chosen in data.batches(batch_size):
            batch, _, _ = data.take(chosen)
            outputs[chosen] = net.run(batch, keep=False).output
        return outputs
    sequences: list[Array] = [np.empty(0)] * data.n_examples
    for chosen in data.batches(batch_size):
        batch, _, _ = data.take(chosen)
        assert batch.steps is not None
        padded = net.run(batch, keep=False).output
        true_lengths = batch.steps.unsort(batch.steps.lengths)
        for column, i in enumerate(chosen):
            sequences[i] = padded[: true_lengths[column], column].copy()
    return sequences


def evaluate(
    net: Network,
    x: ArrayLike | Sequence[ArrayLike],
    target: ArrayLike | Sequence[ArrayLike],
    loss: Loss | str,
    lengths: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    score: Callable[..., float] | None = None,
    batch_size: int = 256,
) -> tuple[float, float | None]:
    """Return the loss over any number of examples, and a score if one is asked for, in bounded memory.

    Parameters
    ----------
    net : Network
    x, target, loss, lengths, sample_weight
        See `fit`.
    score : callable or None
        ``score(target, output)`` on the rows of all examples or steps, such as `rnnbp.metrics.accuracy`; with `CTC`, on
        a list of label sequences and one of logits ``(T_i, C)``. Called with ``sample_weight=...`` too if there are
        weights.
    batch_size : int, default 256

    Returns
    -------
    loss : float
    score : float or None

    Raises
    ------
    ValueError
        If input or targets do not fit the network or the loss.
    """
    loss = losses.get(loss)
    data = TrainingSet(net, x, lengths, target=target, loss=loss, sample_weight=sample_weight)
    return evaluate_set(net, data, loss, score=score, batch_size=batch_size)


def evaluate_set(
    net: Network,
    data: TrainingSet,
    loss: Loss,
    *,
    score: Callable[..., float] | None = None,
    batch_size: int = 256,
) -> tuple[float, float | None]:
    """Return the loss over a data set that has been checked, and a score if one is asked for.

    Parameters
    ----------
    net : Network
    data : TrainingSet
        With targets.
    loss : Loss
    score : callable or None
        ``score(target, output)`` on the rows of all examples or steps, such as `rnnbp.metrics.accuracy`; with `CTC`, on
        a list of label sequences and one of logits ``(T_i, C)``. Called with ``sample_weight=...`` too if there are
        weights.
    batch_size : int, default 256

    Returns
    -------
    loss : float
    score : float or None
    """
    total = normalizer = 0.0
    targets: list[Any] = []
    outputs: list[Array] = []
    weights = []
    for chosen in data.batches(batch_size):
        batch, target, weight = data.take(chosen)
        assert target is not None, "evaluation needs targets"
        rows = net.run(batch, keep=False).rows
        value, _ = loss.value_and_gradient(rows, target, weight)
        share = loss.normalizer(target, weight)
        total, normalizer = total + value * share, normalizer + share
        if score is not None:
            if loss.per_sequence and batch.steps is not None:
                targets += list(target)
                outputs += batch.steps.split(np.array(rows))
            else:
                targets.append(target)
                outputs.append(np.array(rows))
            if weight is not None:
                weights.append(weight)
    scored = None
    if score is not None:
        options = {"sample_weight": np.concatenate(weights)} if weights else {}
        joined = (targets, outputs) if loss.per_sequence else (np.concatenate(targets), np.concatenate(outputs))
        scored = float(score(*joined, **options))
    return total / normalizer if normalizer and not loss.is_sum else total, scored
