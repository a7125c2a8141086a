"""Scores of a network's output, ``score(target, output)``: the higher, the better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.metrics.ragged import joined

__all__ = ["accuracy", "confusion_matrix", "mean_absolute_error", "r2"]

Array = NDArray[Any]


def accuracy(target: ArrayLike, output: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """Return the share of examples (or steps) whose largest output is the target's class.

    Parameters
    ----------
    target : array of int, of shape (...), or of probabilities, of shape (..., K)
    output : array of shape (..., K)
        Logits or probabilities. K = 1 is one logit for two classes.
    sample_weight : array of shape (...,), or None
        How much each counts.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    output, target = np.asarray(output), np.asarray(target)
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
    if target.shape not in (output.shape[:-1], output.shape):
        raise ValueError(f"targets of shape {target.shape} do not fit outputs of shape {output.shape}")
    if output.shape[-1] == 1:
        right = (output[..., 0] > 0) == (target.reshape(output.shape[:-1]) > 0.5)
        return float(np.average(right, weights=weight))
    if target.ndim == output.ndim:
        target = target.argmax(axis=-1)
    return float(np.average(output.argmax(axis=-1) == target, weights=weight))


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
    """
    target = np.asarray(target, dtype=float)
    output = np.asarray(output, dtype=float).reshape(target.shape)
    weight = np.ones(len(target)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    total = float(
        weight @ np.square(target - np.average(target, axis=0, weights=weight)).reshape(len(target), -1).sum(1)
    )
    missed = float(weight @ np.square(target - output).reshape(len(target), -1).sum(1))
    return 1.0 - missed / total if total > 0.0 else float("nan")


def confusion_matrix(target: ArrayLike, predicted: ArrayLike, n_classes: int) -> NDArray[np.intp]:
    """Return how often each class was taken for each.

    Parameters
    ----------
    target, predicted : array of int, of shape (N,)
        Classes from 0 to n_classes - 1.
    n_classes : int

    Returns
    -------
    ndarray of int, of shape (n_classes, n_classes)
        The row is the true class, the column the predicted one.

    Raises
    ------
    ValueError
        If there are not as many predictions as targets, or if one is no class.
    """
    target, predicted = np.asarray(target), np.asarray(predicted)
    if target.shape != predicted.shape:
        raise ValueError(f"there are predictions of shape {predicted.shape} for targets of shape {target.shape}")
    for name, given in (("target", target), ("predicted", predicted)):
        if given.dtype.kind not in "iu" or ((given < 0) | (given >= n_classes)).any():
            raise ValueError(f"{name} must hold whole numbers from 0 to {n_classes - 1}, but holds {np.unique(given)}")
    pairs = target.astype(np.intp) * n_classes + predicted.astype(np.intp)
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


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
    if true.shape != given.shape and true.size != given.size:
        raise ValueError(f"targets of shape {true.shape} do not fit outputs of shape {given.shape}")
    difference = np.abs(given.astype(float).reshape(true.shape) - true)
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
    return float(np.average(difference.reshape(len(true), -1).mean(axis=1), weights=weight))
