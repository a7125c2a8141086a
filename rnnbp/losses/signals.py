"""Targets that are signals: one for each sequence, with an entry for each of its steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.packing import Packing
from rnnbp.data.sequences import Sequences

__all__ = ["Signals"]

Array = NDArray[Any]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Signals:
    """Some of the signals of a data set.

    Attributes
    ----------
    all : Sequences
        Of frames of shape (F,).
    chosen : ndarray of int
        Which of them these are.
    packing : Packing or None
        How the outputs of these signals lie in rows; then they are in its order.
    start : int
        The step of the signals at which these outputs begin.
    """

    all: Sequences
    chosen: Index
    packing: Packing | None = None
    start: int = 0

    def __len__(self) -> int:
        return len(self.chosen)

    def __iter__(self) -> Iterator[Array]:
        for i in self.chosen:
            yield self.all[int(i)]

    def __getitem__(self, chosen: Index | slice) -> Signals:
        """Return some of them, in the order of their indices."""
        return Signals(self.all, self.chosen[chosen])

    def over(self, packing: Packing, start: int = 0) -> Signals:
        """Return the same, of outputs that lie in rows like this and begin at a step."""
        return replace(self, packing=packing, start=start)

    def rows(self) -> Array:
        """Return the target of each row of the outputs, of shape (n_rows, F)."""
        assert self.packing is not None, "signals must be laid out over the output's steps"
        first = self.all.first[self.chosen] + self.start
        return np.asarray(self.all.frames[first[self.packing.sequence_of_row] + self.packing.step_of_row])

    def content(self) -> Array:
        """Return one array that tells these targets from others."""
        return np.concatenate([self.all.lengths, self.chosen, self.all.frames.ravel()])
