"""Ragged sequences: one contiguous array of frames, sequence after sequence.

::

    frames:  x_1(0) x_1(1) ... x_1(L_1 - 1) | x_2(0) ... x_2(L_2 - 1) | ...

This is how a data set lies in memory, from its features to its minibatches: nothing is padded, and a sequence is a
view. Users hand in lists of ``(T_i, F)`` arrays, or padded time-major ``(T, B, F)`` arrays with ``lengths``. A batch
that the engine runs lies step after step instead, and is gathered from here once; see `rnnbp.data.packing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rnnbp.configuration import shown
from rnnbp.lazy import cached_property
from rnnbp.names import explained
from rnnbp.reading import read_array, refuse_unreadable

__all__ = ["Sequences", "check_lengths", "check_sequences", "pad", "unpad"]

Array = NDArray[Any]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences whose frames lie one after the other in one array.

    `rnnbp.fit`, `predict` and `evaluate` take them as they take a list of arrays, and copy nothing.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, ...)
        Sequence after sequence.
    lengths : ndarray of int, of shape (N,)
        Their numbers of frames, each at least 1, which add up to n_frames.

    Raises
    ------
    ValueError
        If the lengths are no such numbers.

    Examples
    --------
    >>> both = Sequences.of([[1.0, 2.0, 3.0], [4.0]])
    >>> both.frames, both.lengths, both[0]
    (array([1., 2., 3., 4.]), array([3, 1]), array([1., 2., 3.]))
    """

    frames: Array
    lengths: Index

    def __post_init__(self) -> None:
        object.__setattr__(self, "frames", np.asarray(self.frames))
        lengths, n_frames = np.asarray(self.lengths), self.frames.shape[:1]
        if lengths.ndim != 1 or (lengths.size and lengths.dtype.kind not in "iu"):
            raise ValueError(
                f"lengths must be whole numbers of frames, of shape (N,), but {shown(self.lengths)} was given"
            )
        if (lengths < 1).any():
            i = int(np.argmax(lengths < 1))
            raise ValueError(
                f"sequence {i} has length {lengths[i]}: every sequence needs at least one step; leave it out"
            )
        if n_frames != (lengths.sum(),):
            raise ValueError(
                f"lengths must add up to the number of frames, but they are {lengths.sum()} together, and the shape of "
                f"the frames is {np.shape(self.frames)}"
            )
        object.__setattr__(self, "lengths", lengths.astype(np.intp, copy=False))

    @classmethod
    def of(cls, sequences: Sequence[ArrayLike], dtype: DTypeLike | None = None) -> Sequences:
        """Join a list of sequences in one copy.

        Parameters
        ----------
        sequences : list of arrays of shape (T_i, ...)
            Alike in all but their lengths.
        dtype : dtype or None, default None
            Of the frames, to which numbers are cast while they are copied; None keeps their own.

        Raises
        ------
        ValueError
            If the list or a sequence is empty, or if the frames differ in shape.
        """
        arrays = check_sequences(sequences)
        lengths = np.array([len(a) for a in arrays], np.intp)
        if dtype is None or not all(a.dtype.kind in "fiub" for a in arrays):
            return cls(np.concatenate(arrays), lengths)
        with np.errstate(over="ignore"):
            return cls(np.concatenate(arrays, dtype=dtype, casting="unsafe"), lengths)

    @classmethod
    def of_padded(cls, padded: Array, lengths: ArrayLike | None) -> Sequences:
        """Take the frames of a padded time-major array ``(T, N, ...)`` in one copy."""
        n_steps, n_sequences = padded.shape[:2]
        checked = check_lengths(lengths, n_steps, n_sequences)
        by_sequence = padded.swapaxes(0, 1)
        if lengths is None:
            frames = np.ascontiguousarray(by_sequence).reshape(-1, *padded.shape[2:])
        else:
            frames = by_sequence[np.arange(n_steps) < checked[:, None]]
        return cls(frames, checked)

    @cached_property
    def first(self) -> Index:
        """Where each sequence begins, of shape (N,)."""
        return np.asarray(np.cumsum(self.lengths) - self.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, i: int) -> Array: ...
    @overload
    def __getitem__(self, i: slice) -> Sequences: ...
    def __getitem__(self, i: int | slice) -> Array | Sequences:
        if isinstance(i, slice):
            return self.take(np.arange(len(self))[i])
        if not -len(self) <= i < len(self):
            raise IndexError(f"there is no sequence {i}: there are {len(self)}")
        return self.frames[self.first[i] : self.first[i] + self.lengths[i]]

    def __iter__(self) -> Iterator[Array]:
        return iter(self.split(self.frames))

    def split(self, frames: Array) -> list[Array]:
        """Return values, one for each frame, as one view a sequence."""
        return np.split(frames, self.first[1:])[: len(self)]

    def take(self, chosen: Index) -> Sequences:
        """Return some of the sequences, in that order."""
        lengths = self.lengths[chosen]
        starts = np.cumsum(lengths) - lengths
        rows = np.repeat(self.first[chosen] - starts, lengths) + np.arange(int(lengths.sum()))
        return Sequences(self.frames[rows], lengths)


def check_lengths(lengths: ArrayLike | None, n_steps: int, n_sequences: int) -> Index:
    """Return the lengths of the sequences in a padded array, checked.

    Parameters
    ----------
    lengths : array of int, of shape (B,), or None
        None stands for full length.
    n_steps, n_sequences : int
        T and B of the padded array.

    Raises
    ------
    ValueError
        If a length is below 1 or longer than the data, if they are not whole numbers, or not one a sequence.
    """
    if lengths is None:
        return np.full(n_sequences, n_steps, np.intp)
    given = read_array(lengths, "lengths")
    if given.shape != (n_sequences,):
        raise ValueError(
            f"lengths must be one number a sequence, of shape ({n_sequences},), but their shape is {given.shape}"
        )
    if given.dtype.kind not in "iu":
        raise ValueError(f"lengths must be whole numbers of steps, but their dtype is {given.dtype}")
    if (given < 1).any():
        i = int(np.argmax(given < 1))
        raise ValueError(f"sequence {i} has length {given[i]}: every sequence needs at least one step; leave it out")
    if (given > n_steps).any():
        i = int(np.argmax(given > n_steps))
        raise ValueError(f"sequence {i} has length {given[i]}, longer than the data: there are {n_steps} steps")
    return given.astype(np.intp)


@explained
def pad(sequences: Sequence[ArrayLike]) -> tuple[Array, Index]:
    """Put sequences of unequal lengths into one time-major array.

    Parameters
    ----------
    sequences : list of arrays of shape (T_i, ...)
        Alike in all but their lengths.

    Returns
    -------
    padded : ndarray of shape (T, B, ...)
        T is the longest length; zeros stand after a sequence's end.
    lengths : ndarray of int, of shape (B,)

    Raises
    ------
    ValueError
        If the list or a sequence is empty, or if the frames differ in shape.

    Examples
    --------
    >>> padded, lengths = pad([[1.0, 2.0, 3.0], [4.0]])
    >>> padded.tolist(), lengths.tolist()
    ([[1.0, 4.0], [2.0, 0.0], [3.0, 0.0]], [3, 1])
    """
    joined = Sequences.of(sequences)
    n_steps, shape = int(joined.lengths.max()), joined.frames.shape[1:]
    padded = np.zeros((n_steps, len(joined), *shape), joined.frames.dtype)
    padded.swapaxes(0, 1)[np.arange(n_steps) < joined.lengths[:, None]] = joined.frames
    return padded, joined.lengths


@explained
def unpad(padded: Array, lengths: ArrayLike) -> list[Array]:
    """Return the list of ``(T_i, ...)`` arrays in a padded time-major array ``(T, B, ...)``; `pad`'s inverse.

    Raises
    ------
    ValueError
        If the lengths do not fit the array.

    See Also
    --------
    pad

    Examples
    --------
    >>> [array.shape for array in unpad(np.zeros((5, 2, 3)), [5, 2])]
    [(5, 3), (2, 3)]
    """
    padded = read_array(padded, "the padded array")
    if padded.ndim < 2:
        raise ValueError(f"a padded array must be of shape (T, B, ...), time first, but its shape is {padded.shape}")
    checked = check_lengths(lengths, *padded.shape[:2])
    return [padded[:n, i].copy() for i, n in enumerate(checked)]


def check_sequences(sequences: Sequence[ArrayLike]) -> list[Array]:
    """Return a list of sequences as arrays whose frames are alike.

    Raises
    ------
    ValueError
        If the list or a sequence is empty, or if the frames differ in shape; the message names the first offender.
    TypeError, ValueError
        If one is no array; see `rnnbp.reading.read_array`.
    """
    refuse_unreadable(sequences, "the list of sequences")
    arrays: list[Any] = list(sequences)
    if not all(type(s) is np.ndarray and not s.dtype.hasobject for s in arrays):
        _expect_the_same_columns(arrays)
        arrays = [read_array(s, f"sequence {i}") for i, s in enumerate(arrays)]
    if not arrays:
        raise ValueError("the list of sequences is empty: at least one is needed")
    for i, a in enumerate(arrays):
        if a.ndim == 0:
            raise ValueError(f"sequence {i} is a single number: expected an array with time as its first axis")
        if len(a) == 0:
            raise ValueError(f"sequence {i} has length 0: every sequence needs at least one step; leave it out")
        if a.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"sequence {i} has frames of shape {a.shape[1:]}, but sequence 0 has {arrays[0].shape[1:]}: "
                "all sequences need the same features"
            )
    return arrays


def _expect_the_same_columns(sequences: Sequence[Any]) -> None:
    """Check that those of the sequences that are data frames have the same columns in the same order."""
    named = [(i, list(each.columns)) for i, each in enumerate(sequences) if hasattr(each, "columns")]
    for i, names in named[1:]:
        if names != named[0][1]:
            raise ValueError(
                f"sequence {i} has the columns {names}, but sequence {named[0][0]} {named[0][1]}: choose them by name, "
                "as in frame[names]"
            )
