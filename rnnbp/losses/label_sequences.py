"""Targets that are label sequences: one for each sequence, and not aligned with its steps.

The labels lie one sequence after another in one array, ``values``; those of sequence i are ``values[offsets[i] :
offsets[i + 1]]``. Like rows of targets they can be counted and chosen from, so a data set handles both alike. What a
loss needs besides is where the outputs of each sequence lie: `over` says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.configuration import shown
from rnnbp.data.packing import Packing

__all__ = ["LabelSequences"]

Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class LabelSequences:
    """Ragged sequences of class indices.

    Attributes
    ----------
    values : ndarray of int64, of shape (sum of all L_i,)
    offsets : ndarray of int64, of shape (N + 1,)
    packing : Packing or None
        How the outputs of these sequences lie in rows; then the sequences are in its order.
    """

    values: NDArray[np.int64]
    offsets: NDArray[np.int64]
    packing: Packing | None = None

    @classmethod
    def of(cls, sequences: Sequence[ArrayLike], n_classes: int, *, blank: int) -> LabelSequences:
        """Check a list of label sequences, each of which may be empty.

        Parameters
        ----------
        sequences : list of (list or array of int, of shape (L_i,))
        n_classes : int
            C: labels are 0 to C - 1.
        blank : int
            A class that is no label.

        Raises
        ------
        ValueError
            If there are none, if labels are no whole numbers or no classes, or if the blank is among them.
        """
        if isinstance(sequences, str) or not hasattr(sequences, "__len__"):
            raise ValueError(f"target must be a list of label sequences, but {shown(sequences)} was given")
        if len(sequences) == 0:
            raise ValueError("target must be a list of label sequences, one for each input sequence, but it is empty")
        arrays = [_labels(each, i, n_classes, blank) for i, each in enumerate(sequences)]
        offsets = np.concatenate([[0], np.cumsum([len(each) for each in arrays])]).astype(np.int64)
        return cls(np.concatenate(arrays), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield self.values[start:stop]

    def __getitem__(self, chosen: Index | slice) -> LabelSequences:
        """Return some of the sequences, in the order of their indices."""
        chosen = np.arange(len(self))[chosen]
        lengths = self.lengths[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return LabelSequences(self.values[np.repeat(self.offsets[chosen], lengths) + within], offsets)

    def over(self, packing: Packing, start: int = 0) -> LabelSequences:
        """Return the same labels, of outputs that lie in rows like this; sequences must be in its order already."""
        assert start == 0, "`chunks.check` lets no labels come that would have to be cut"
        return replace(self, packing=packing)

    def content(self) -> NDArray[np.int64]:
        """Return one array that tells these targets from others."""
        return np.concatenate([self.offsets, self.values])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of labels of each sequence, of shape (N,)."""
        return np.diff(self.offsets)

    @property
    def steps_needed(self) -> NDArray[np.int64]:
        """The fewest steps that each sequence fits into: one a label, and one for a blank between two alike."""
        repeats = np.zeros(len(self.values) + 1, np.int64)
        repeats[1:-1] = self.values[1:] == self.values[:-1]
        repeats[self.offsets[1:-1]] = 0  # the first label of a sequence repeats nothing
        before = np.concatenate([[0], np.cumsum(repeats)])
        return np.asarray(self.lengths + before[self.offsets[1:]] - before[self.offsets[:-1]])

    def check_fit(
        self,
        lengths: NDArray[Any],
        remedy: str = "leave it out, use a smaller stride, or set zero_infinity=True",
    ) -> None:
        """Raise ValueError for the first sequence that has fewer steps, of `lengths`, than its labels need."""
        needed = self.steps_needed
        short = np.flatnonzero(needed > lengths)
        if len(short):
            i = int(short[0])
            repeats = needed[i] - self.lengths[i]
            between = f" and {repeats} for blanks between repeated labels" if repeats else ""
            others = f" ({len(short)} utterances are too short)" if len(short) > 1 else ""
            raise ValueError(
                f"utterance {i} must have at least {needed[i]} steps, {self.lengths[i]} for its labels{between}, but "
                f"it has {lengths[i]}{others}: {remedy}"
            )


def _labels(given: ArrayLike, i: int, n_classes: int, blank: int) -> NDArray[np.int64]:
    """Return the labels of one sequence, checked."""
    try:
        labels = np.asarray(given)
    except ValueError:  # it is ragged
        labels = np.array(None)
    if labels.ndim == 1 and labels.size == 0:
        return np.empty(0, np.int64)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"the target of sequence {i} must be a list of whole numbers, one a label, but {shown(given)} was given"
        )
    outside = (labels < 0) | (labels >= n_classes)
    if outside.any():
        raise ValueError(
            f"the labels of sequence {i} must be classes from 0 to {n_classes - 1}, but {labels[outside][0]} was given"
        )
    if (labels == blank).any():
        raise ValueError(
            f"the labels of sequence {i} must not hold the blank, but {blank} was given: it is what stands between "
            "labels, and is left out of targets"
        )
    return labels.astype(np.int64)
