"""Scores of a network's output, ``score(target, output)``: the higher, the better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.configuration import shown
from rnnbp.metrics.ragged import joined, outputs_and_targets
from rnnbp.names import explained
from rnnbp.reading import read_array

__all__ = ["accuracy", "confusion_matrix", "mean_absolute_error", "r2", "rejection_threshold"]

Array = NDArray[Any]


@explained
def accuracy(
    target: ArrayLike | Sequence[ArrayLike],
    output: ArrayLike | Sequence[ArrayLike],
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the share of examples (or steps) whose largest output is the target's class.

    Parameters
    ----------
    target : array of int, of shape (...), or of probabilities, of shape (..., K)
        For outputs of sequences, list of N such arrays, whose first axis is T_i.
    output : array of shape (..., K), or list of N arrays of shape (T_i, K)
        Logits or probabilities, as `rnnbp.predict` returns. K = 1 is one logit for two classes; what is NaN is wrong.
        Or labels, as an estimator's ``predict`` returns: whole numbers or texts, in the targets' shape.
    sample_weight : array of shape (...,), or None
        How much each counts: for a list, each step, the sequences one after another.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    See Also
    --------
    confusion_matrix

    Examples
    --------
    >>> accuracy([0, 2, 1], [[5.0, 1.0, 0.0], [0.0, 1.0, 2.0], [3.0, 1.0, 0.0]]) == 2 / 3
    True

    Of each step, in sequences of two steps and of one:

    >>> accuracy([[0, 1], [1]], [[[5.0, 1.0], [3.0, 0.0]], [[0.0, 1.0]]]) == 2 / 3
    True
    """
    target, output = outputs_and_targets(target, output)
    if target.shape not in (output.shape[:-1], output.shape) or output.size == 0:
        raise ValueError(f"targets of shape {target.shape} do not fit outputs of shape {output.shape}")
    if target.shape == output.shape and output.dtype.kind != "f":  # predicted labels
        right = np.asarray(output == target)
    elif output.ndim == 1:
        raise ValueError(
            f"outputs of shape {output.shape} have no axis of classes: give scores, (N, K), a logit each, (N, 1), or "
            "predicted labels, as whole numbers or texts"
        )
    else:
        if output.shape[-1] == 1:
            target = target.reshape(output.shape[:-1]) > 0.5
        elif target.ndim == output.ndim:
            target = target.argmax(axis=-1)
        right = (_largest(output) == target) & ~np.isnan(output).any(axis=-1)
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=float).reshape(right.shape)
    return float(np.average(right, weights=weight))


def _largest(output: Array) -> Array:
    """Return the class of the largest output; of one logit, whether it is positive."""
    return (output[..., 0] > 0).astype(np.intp) if output.shape[-1] == 1 else output.argmax(axis=-1)


@explained
def r2(target: ArrayLike, output: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """Return the share of the target's variance that the output explains; 1 is perfect, 0 a constant's score.

    Parameters
    ----------
    target, output : array of shape (...,), the same for both
    sample_weight : array of shape (N,), or None
        How much each entry of the first axis counts.

    Returns
    -------
    float
        At most 1; NaN if the target is constant.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    See Also
    --------
    mean_absolute_error

    Examples
    --------
    >>> r2([[1.0], [2.0], [3.0]], [[1.0], [2.0], [3.0]]), r2([[1.0], [2.0], [3.0]], [[2.0], [2.0], [2.0]])
    (1.0, 0.0)
    """
    target, output = read_array(target, "the target", float), read_array(output, "the output", float)
    output = _in_shape_of(target, output)
    weight = np.ones(len(target)) if sample_weight is None else _weights(sample_weight, len(target))
    total = float(
        weight @ np.square(target - np.average(target, axis=0, weights=weight)).reshape(len(target), -1).sum(1)
    )
    missed = float(weight @ np.square(target - output).reshape(len(target), -1).sum(1))
    return 1.0 - missed / total if total > 0.0 else float("nan")


def _weights(given: ArrayLike, n: int) -> Array:
    """Return weights as an array of shape (n,); ValueError if they have another."""
    weights = np.asarray(given, dtype=float)
    if weights.shape != (n,):
        raise ValueError(
            f"sample_weight must be one number for each of the {n} targets, of shape ({n},), but its shape is "
            f"{weights.shape}"
        )
    return weights


def _in_shape_of(target: Array, output: Array) -> Array:
    """Return outputs in the shape of their targets: (N,) and (N, 1) are alike."""
    if target.size != output.size or len(target) != len(output):
        raise ValueError(f"targets of shape {target.shape} do not fit outputs of shape {output.shape}")
    return output.reshape(target.shape)


@explained
def confusion_matrix(
    target: ArrayLike | Sequence[ArrayLike],
    predicted: ArrayLike | Sequence[ArrayLike],
    n_classes: int | None = None,
) -> NDArray[np.intp]:
    """Return how often each class was taken for each.

    Parameters
    ----------
    target : array of int, of shape (...), or list of N arrays of int, of shape (T_i,)
        Classes from 0 to n_classes - 1, of examples or of all steps of sequences.
    predicted : array or list like `target`, or with one more axis, (..., K) or (T_i, K)
        Classes; or logits or probabilities, as `rnnbp.predict` returns, which are read as by `accuracy`.
    n_classes : int or None, default None
        None is K, or for classes the largest that occurs, and one more.

    Returns
    -------
    ndarray of int, of shape (n_classes, n_classes)
        The row is the true class, the column the predicted one.

    Raises
    ------
    ValueError
        If there are not as many predictions as targets, or if one is no class.

    See Also
    --------
    accuracy
    rnnbp.plotting.confusion_matrix

    Examples
    --------
    >>> print(confusion_matrix([0, 0, 1], [0, 1, 1]))  # a row for each true class
    [[1 1]
     [0 1]]
    >>> print(confusion_matrix([0, 0, 1], [[2.0, 1.0], [0.0, 1.0], [-3.0, 1.0]]))  # logits
    [[1 1]
     [0 1]]
    """
    target, predicted = outputs_and_targets(target, predicted)
    if predicted.ndim == target.ndim + 1 and predicted.shape[:-1] == target.shape:
        n_classes = n_classes or max(predicted.shape[-1], 2)
        predicted = _largest(predicted)
    if target.shape != predicted.shape:
        raise ValueError(f"there are predictions of shape {predicted.shape} for targets of shape {target.shape}")
    for name, given in (("target", target), ("predicted", predicted)):
        if given.dtype.kind not in "iuf":
            raise ValueError(
                f"{name} must hold whole numbers from 0, one for each class, but holds "
                f"{shown(given.ravel().tolist()[0])}: number the classes"
            )
    if n_classes is None:
        n_classes = int(max(target.max(initial=0), predicted.max(initial=0))) + 1
    for name, given in (("target", target), ("predicted", predicted)):
        if given.dtype.kind not in "iu" or ((given < 0) | (given >= n_classes)).any():
            raise ValueError(f"{name} must hold whole numbers from 0 to {n_classes - 1}, but holds {np.unique(given)}")
    pairs = target.astype(np.intp).ravel() * n_classes + predicted.astype(np.intp).ravel()
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


@explained
def mean_absolute_error(
    target: ArrayLike | Sequence[ArrayLike],
    output: ArrayLike | Sequence[ArrayLike],
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean of the distance from output to target over all steps and features; the lower, the better.

    Parameters
    ----------
    target, output : array of shape (...,), or list of arrays of shape (T_i, ...), the same for both
    sample_weight : array of shape (N,), or None
        How much each entry of the first axis counts: for a list, each step, the sequences one after another.

    Returns
    -------
    float
        In the target's unit.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> mean_absolute_error([[1.0, 2.0], [3.0]], [[1.0, 4.0], [2.0]])
    1.0
    """
    true, given = joined(target, output)
    difference = np.abs(_in_shape_of(true, given.astype(float)) - true)
    weight = None if sample_weight is None else _weights(sample_weight, len(true))
    return float(np.average(difference.reshape(len(true), -1).mean(axis=1), weights=weight))


@explained
def rejection_threshold(target: ArrayLike, probabilities: ArrayLike, *, false_rejections: float = 0.05) -> float:
    """Return the probability that a predicted class needs, if what is none of the classes is to be told.

    A classifier gives every input one of its classes. What is none of them (another word, a cough, noise) often gets a
    lower largest probability than what it was trained on. Taken for none of the classes is what stays below a
    threshold, which is chosen here on examples that were held out: as high as can be while it rejects no more of those
    that are classified right than wanted.

    Parameters
    ----------
    target : array of int, of shape (N,)
        Classes of examples that were not trained on, as new to the network as those that it will meet (other speakers,
        if it will meet other speakers; noise, if there will be noise).
    probabilities : array of shape (N, K)
        Of the K classes, as `predict_proba` or a softmax gives them.
    false_rejections : float, default=0.05
        The share of the rightly classified examples that may be rejected, from 0 up to but without 1. With fewer than
        ``1 / false_rejections`` examples, none is.

    Returns
    -------
    float
        ``probabilities.max(axis=1) >= threshold`` tells what is to be accepted.

    Raises
    ------
    ValueError
        If the shapes do not fit, if the rows are no probabilities, or if no example is classified right.

    Notes
    -----
    The share of false rejections is what was asked for, on inputs like the held-out ones. How many of those that are
    none of the classes are accepted is not: a network may be sure of what it has never met. Measure it on some, and
    where it is too many, train a class for the rest.

    References
    ----------
    C. K. Chow, "On optimum recognition error and reject tradeoff", IEEE Trans. Information Theory 16(1), 1970.

    D. Hendrycks and K. Gimpel, "A baseline for detecting misclassified and out-of-distribution examples in neural
    networks", ICLR 2017, arXiv:1610.02136.

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.8, 0.2]])
    >>> rejection_threshold([0, 1, 1, 1], probabilities, false_rejections=0.4)
    0.7
    """
    target, probabilities = np.asarray(target), np.asarray(probabilities, dtype=float)
    if probabilities.ndim != 2 or probabilities.shape[1] < 2:
        raise ValueError(f"probabilities must have shape (N, K), but {probabilities.shape} was given")
    if target.shape != probabilities.shape[:1]:
        raise ValueError(f"targets of shape {target.shape} do not fit probabilities of shape {probabilities.shape}")
    if not 0 <= false_rejections < 1:
        raise ValueError(f"false_rejections must be at least 0 and below 1, but {shown(false_rejections)} was given")
    if not (probabilities >= 0).all() or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        raise ValueError("probabilities must be at least 0 and sum to 1 in each row: pass a softmax of logits")
    right = probabilities.argmax(axis=1) == target
    if not right.any():
        raise ValueError("target must agree with some of the predictions, but none of them is right")
    confidence = np.sort(probabilities.max(axis=1)[right])
    return float(confidence[int(false_rejections * confidence.size)])
