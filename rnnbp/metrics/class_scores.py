"""Precision, recall and F1 of each class.

With the true positives, false positives and false negatives of a class,

    precision = tp / (tp + fp)      recall = tp / (tp + fn)      F1 = 2 tp / (2 tp + fp + fn)

Where there is nothing to divide by (no such class was predicted, or occurs), a number is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.configuration import whole_number
from rnnbp.metrics.ragged import joined
from rnnbp.metrics.scores import confusion_matrix
from rnnbp.names import explained

__all__ = ["ClassScores", "precision_recall_f1"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class ClassScores:
    """What is right of each class.

    Attributes
    ----------
    precision, recall, f1 : ndarray of shape (K,)
        From 0 to 1, or NaN.
    support : ndarray of int, of shape (K,)
        How often each class occurs.

    See Also
    --------
    precision_recall_f1

    Examples
    --------
    >>> scores = precision_recall_f1([0, 0, 1], [0, 1, 1], 2)
    >>> print(scores.recall, round(scores.macro_f1, 3))
    [0.5 1. ] 0.667
    """

    precision: Array
    recall: Array
    f1: Array
    support: NDArray[np.intp]

    @property
    def macro_f1(self) -> float:
        """The mean F1 of all classes that occur or were predicted."""
        return float(np.nanmean(self.f1))


@explained
def precision_recall_f1(
    target: ArrayLike | Sequence[ArrayLike], predicted: ArrayLike | Sequence[ArrayLike], n_classes: int
) -> ClassScores:
    """Return precision, recall and F1 of each class.

    Parameters
    ----------
    target, predicted : array of int, or list of N arrays of int, of shape (T_i,)
        Classes from 0 to n_classes - 1, of examples or of all steps of sequences.
    n_classes : int
        K.

    Returns
    -------
    ClassScores

    Raises
    ------
    ValueError
        If there are not as many predictions as targets, or if one is no class.

    Examples
    --------
    >>> scores = precision_recall_f1([[0, 1, 1], [0]], [[0, 1, 0], [0]], n_classes=2)
    >>> scores.precision.round(3).tolist(), scores.recall.tolist(), scores.support.tolist()
    ([0.667, 1.0], [1.0, 0.5], [2, 2])
    """
    whole_number("n_classes", n_classes)
    true, given = joined(target, predicted)
    table = confusion_matrix(true.ravel(), given.ravel(), n_classes)
    right, occurs, found = np.diag(table).astype(float), table.sum(axis=1), table.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return ClassScores(right / found, right / occurs, 2.0 * right / (found + occurs), occurs)
