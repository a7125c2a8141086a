"""Running a trained network over many examples, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp import losses
from rnnbp.configuration import brief, expect_call, shown, whole_number
from rnnbp.data.sequences import Sequences
from rnnbp.data.training_set import TrainingSet
from rnnbp.losses import Loss
from rnnbp.names import explained
from rnnbp.networks.network import Network, check_network

__all__ = [
    "Evaluated",
    "check_score",
    "evaluate",
    "evaluate_part",
    "evaluate_set",
    "judge",
    "predict",
    "predict_rows",
]

Array = NDArray[Any]


@explained
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
        See `Network.batch`; `rnnbp.data.sequences.Sequences` are taken without a copy.
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

    See Also
    --------
    evaluate
    fit

    Examples
    --------
    >>> from rnnbp import layers
    >>> net = Network([layers.GRU(3, 4), layers.LastStep(), layers.Dense(4, 2)])
    >>> predict(net, [np.zeros((5, 3)), np.zeros((2, 3))]).shape
    (2, 2)
    """
    check_network(net)
    data = TrainingSet(net.interface, x, lengths)
    outputs = predict_rows(net, data, batch_size=batch_size)
    return outputs if data.output_lengths is None else Sequences(outputs, data.output_lengths).split(outputs)


def predict_rows(net: Network, data: TrainingSet, *, batch_size: int = 256) -> Array:
    """Return the network's output for a data set: a row for each example, or for each frame, sequence after sequence.

    Parameters
    ----------
    net : Network
    data : TrainingSet
    batch_size : int, default 256

    Returns
    -------
    ndarray of shape (N, n_outputs) or (n_rows, n_outputs)
    """
    whole_number("batch_size", batch_size)
    lengths = data.output_lengths
    n_rows = data.n_examples if lengths is None else int(lengths.sum())
    outputs = np.empty(0, net.dtype)
    for chosen in data.batches(batch_size):
        part = data.take(chosen)
        rows = net.run(part.batch, keep=False).rows
        if not outputs.size:  # layers that take any width tell their own only now
            outputs = np.empty((n_rows, rows.shape[1]), net.dtype)
        outputs[part.index] = rows
    return outputs


@explained
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

    See Also
    --------
    predict
    fit

    Examples
    --------
    >>> from rnnbp import layers, metrics
    >>> net = Network([layers.Dense(2, 2)])
    >>> net.parameters["0.weight"][:] = [[9.0, 0.0], [0.0, 9.0]]
    >>> loss, score = evaluate(net, np.eye(2), [0, 1], "cross_entropy", score=metrics.accuracy)
    >>> loss < 0.01, score
    (True, 1.0)
    """
    check_network(net)
    loss = losses.get(loss)
    check_score(score)
    data = TrainingSet(net.interface, x, lengths, target=target, loss=loss, sample_weight=sample_weight)
    return evaluate_set(net, data, loss, score=score, batch_size=batch_size)


def check_score(score: object) -> None:
    """Check that a score, if there is one, is a function of targets and outputs; TypeError if not."""
    if isinstance(score, str):
        raise TypeError(
            f"score must be a function of target and output, but {shown(score)} was given: write "
            "score=rnnbp.metrics.accuracy, or another function"
        )
    if score is not None:
        expect_call("score", score, "target", "output")


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
    whole_number("batch_size", batch_size)
    return judge([evaluate_part(net, data, loss, scored=score is not None, batch_size=batch_size)], loss, score)


@dataclass
class Evaluated:
    """What a network gives for some examples.

    Attributes
    ----------
    total, normalizer : float
        The loss, times what it is divided by, and that.
    targets, outputs, weights : list
        What a score is computed of, if one is asked for: an array for each batch, or one for each sequence.
    """

    total: float = 0.0
    normalizer: float = 0.0
    targets: list[Any] = field(default_factory=list)
    outputs: list[Array] = field(default_factory=list)
    weights: list[Array] = field(default_factory=list)


def evaluate_part(net: Network, data: TrainingSet, loss: Loss, *, scored: bool, batch_size: int = 256) -> Evaluated:
    """Return what `judge` needs of a data set; see `evaluate_set`."""
    found = Evaluated()
    for chosen in data.batches(batch_size):
        part = data.take(chosen)
        target, weight = part.target, part.weight
        assert target is not None, "evaluation needs targets"
        rows = net.run(part.batch, keep=False).rows
        value, _ = loss.value_and_gradient(rows, target, weight)
        share = loss.normalizer(target, weight)
        found.total, found.normalizer = found.total + value * share, found.normalizer + share
        if scored:
            if loss.per_sequence:
                found.targets += list(target)
                found.outputs += target.packing.split(rows)
            else:
                found.targets.append(target)
                found.outputs.append(np.array(rows))
            if weight is not None:
                found.weights.append(weight)
    return found


def judge(
    parts: Sequence[Evaluated], loss: Loss, score: Callable[..., float] | None = None
) -> tuple[float, float | None]:
    """Return the loss over parts of a data set, and their score if one is asked for; see `evaluate_set`."""
    total, normalizer = sum(part.total for part in parts), sum(part.normalizer for part in parts)
    scored = None
    if score is not None:
        targets = [target for part in parts for target in part.targets]
        outputs = [output for part in parts for output in part.outputs]
        weights = [weight for part in parts for weight in part.weights]
        options = {"sample_weight": np.concatenate(weights)} if weights else {}
        joined = (targets, outputs) if loss.per_sequence else (np.concatenate(targets), np.concatenate(outputs))
        try:
            scored = score(*joined, **options)
        except Exception as error:  # whatever it is made of
            raise ValueError(
                f"{shown(score)} cannot score targets {_form(joined[0])} and outputs {_form(joined[1])}, as the last "
                f"layer gives them: {brief(error)}"
            ) from error
        if isinstance(scored, (bool, str)) or np.ndim(scored) != 0 or not hasattr(scored, "__float__"):
            raise TypeError(f"the score must be one number, but {shown(scored)} was returned by {shown(score)}")
        scored = float(scored)
    return total / normalizer if normalizer and not loss.is_sum else total, scored


def _form(rows: Any) -> str:
    return f"of shape {np.shape(rows)}" if isinstance(rows, np.ndarray) else f"in a list of {len(rows)}"
