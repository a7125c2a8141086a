"""`SequenceFrame`: ragged sequences that `sklearn.inspection.permutation_importance` can take apart by feature.

Nearly all of scikit-learn leaves a list of arrays as it is: splitters, searches, stacking and calibration ask for its
length and its items. A permutation importance needs columns as well: it makes an array of X, which ragged sequences
cannot be, unless X has the few methods of a data frame that it uses. Those are here, and nothing else.

What makes an array of X in any case takes no ragged sequences (scikit-learn 1.9): BaggingClassifier,
AdaBoostClassifier, SelfTrainingClassifier, and a StackingClassifier with ``passthrough=True``. Bring them to one length
before, with ``rnnbp.preprocessing.PadOrTruncate``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.data.sequences import check_sequences

__all__ = ["SequenceFrame"]

Array = NDArray[Any]


class SequenceFrame(list[Array]):
    """A list of (T_i, F) arrays that can also be read and written by feature, as a data frame of N rows and F columns.

    One cell is the course of one feature over one sequence. Written into a sequence of another length, a course is
    stretched or shrunk to it: step t takes the course's step ``t * T' // T``. So when `permutation_importance` deals a
    feature's courses out anew, each stays a course in time, and only loses what it had to do with the label and with
    the other features.

    Parameters
    ----------
    sequences : list of (T_i, F) arrays, or (N, T, F) array
    columns : sequence of F str or None, default=None
        Names of the features; x0, x1, ... if None.

    Attributes
    ----------
    shape : tuple of int
        (N, F).
    columns : list of str
    index : range
        Over N.
    iloc
        ``frame.iloc[rows, column]`` are courses of a feature, ``frame.iloc[rows]`` is a SequenceFrame.

    Raises
    ------
    ValueError
        If a sequence is empty, not of shape (T_i, F), or of other features than the first; or if there are not F names.

    Notes
    -----
    It is a list, and works wherever a list of sequences does. Sequences are replaced, never written to.

    Examples
    --------
    >>> frame = SequenceFrame([[[0.0, 5.0], [1.0, 6.0]], [[2.0, 7.0]]])
    >>> frame["x0"] = frame.iloc[[1, 0], 0]
    >>> frame[0].tolist(), frame[1].tolist()
    ([[2.0, 5.0], [2.0, 6.0]], [[0.0, 7.0]])
    """

    def __init__(self, sequences: Iterable[ArrayLike], columns: Sequence[str] | None = None) -> None:
        arrays = check_sequences(list(sequences))
        if arrays[0].ndim != 2:
            raise ValueError(f"each sequence must be of shape (T_i, F), but the first has {arrays[0].shape}")
        super().__init__(arrays)
        n_features = arrays[0].shape[1]
        self.columns = [f"x{k}" for k in range(n_features)] if columns is None else list(columns)
        if len(self.columns) != n_features:
            raise ValueError(f"{len(self.columns)} names were given for {n_features} features")

    @property
    def shape(self) -> tuple[int, int]:
        """(N, F)."""
        return len(self), len(self.columns)

    @property
    def index(self) -> range:  # type: ignore[override]
        """The rows, as a data frame names them (and not a list's method of that name)."""
        return range(len(self))

    @property
    def iloc(self) -> _ByPosition:
        """Access by position."""
        return _ByPosition(self)

    def take(self, indices: ArrayLike, axis: int = 0) -> Self:
        """Return the chosen sequences; `axis` is 0, as scikit-learn says when it chooses samples.

        Raises
        ------
        ValueError
            If `axis` is another.
        """
        if axis != 0:
            raise ValueError(f"sequences are chosen along axis 0, but axis {axis} was given")
        chosen = np.arange(len(self))[np.asarray(indices)]
        return type(self)([self[i] for i in chosen], self.columns)

    def copy(self) -> Self:
        """Return another list of the same sequences, to write columns into."""
        return type(self)(self, self.columns)

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, str):
            super().__setitem__(key, value)
            return
        if len(value.courses) != len(self):
            raise ValueError(f"{len(value.courses)} courses were given for {len(self)} sequences")
        feature = self.columns.index(key)
        for i, course in enumerate(value.courses):
            changed = self[i].copy()
            changed[:, feature] = course[np.arange(len(changed)) * len(course) // len(changed)]
            super().__setitem__(i, changed)


@dataclass
class _Courses:
    """One feature's courses over some sequences; scikit-learn writes an index into it, as into a column of a frame."""

    courses: list[Array]
    index: range


@dataclass(frozen=True)
class _ByPosition:
    frame: SequenceFrame

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, tuple):
            return self.frame.take(np.atleast_1d(np.arange(len(self.frame))[key]))
        rows, feature = key
        courses = [sequence[:, feature] for sequence in self.frame.take(rows)]
        return _Courses(courses, range(len(courses)))
