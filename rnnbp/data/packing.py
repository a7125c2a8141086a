"""Batches of ragged sequences, packed without padding.

A batch of B sequences of lengths L_1 >= L_2 >= ... >= L_B is stored as the rows of one matrix, step after step::

    step 0: x_1(0) x_2(0) ... x_B(0) | step 1: x_1(1) ... | ... | step T-1: x_1(T-1) ...

Step t holds the n_t sequences that are longer than t, always the first n_t: `Packing` knows n_t and where step t
starts. So a layer that treats every frame alike (Dense, a loss, ...) sees an ordinary matrix and cannot tell a sequence
from a static example; nothing is ever computed for padding, and padding cannot change a result, as there is none.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.lazy import cached_property

if TYPE_CHECKING:
    from rnnbp.kernels.products import Layout

__all__ = ["Packing"]

Array = NDArray[Any]
Index = NDArray[np.intp]


class Packing:
    """How the frames of a batch of sequences lie in the rows of a matrix.

    Parameters
    ----------
    lengths : array of int, of shape (B,)
        Each at least 1, in the user's order.
    n_padded : int or None, default None
        The number of steps of the user's padded array, padding included; None stands for the longest length.

    Attributes
    ----------
    lengths : ndarray of int, of shape (B,)
        In descending order.
    order : ndarray of int, of shape (B,)
        The user's index of each stored sequence: ``lengths == given_lengths[order]``.
    n_steps, n_sequences, n_rows : int
        T, B, and the number of real frames.
    n_padded : int
        What was given, or T.
    counts : ndarray of int, of shape (T,)
        n_t.
    starts : ndarray of int, of shape (T + 1,)
        The row at which each step begins; the last is n_rows.
    """

    def __init__(self, lengths: ArrayLike, n_padded: int | None = None) -> None:
        given = np.asarray(lengths, dtype=np.intp)
        self.order: Index = np.argsort(-given, kind="stable")
        self.lengths: Index = given[self.order]
        self.n_sequences = len(given)
        self.n_steps = int(self.lengths[0])
        self.n_padded = self.n_steps if n_padded is None else n_padded
        self.counts: Index = np.searchsorted(-self.lengths, -np.arange(self.n_steps), side="left").astype(np.intp)
        self.starts: Index = np.concatenate([[0], np.cumsum(self.counts)]).astype(np.intp)
        self.n_rows = int(self.starts[-1])
        self.layouts: dict[int, Layout] = {}  # by the number of shares
        self.derived: dict[Any, Any] = {}  # what layers make of it, once

    @staticmethod
    @lru_cache(maxsize=64)
    def full(n_steps: int, n_sequences: int) -> Packing:
        """Return the steps of sequences of one length."""
        return Packing(np.full(n_sequences, n_steps))

    @cached_property
    def is_sorted(self) -> bool:
        """Whether the user's order is the stored one."""
        return bool((self.order == np.arange(self.n_sequences)).all())

    @cached_property
    def is_rectangular(self) -> bool:
        """Whether all sequences have one length."""
        return bool(self.lengths[-1] == self.n_steps)

    @cached_property
    def step_of_row(self) -> Index:
        """The step t of each row, of shape (n_rows,)."""
        return np.repeat(np.arange(self.n_steps), self.counts)

    @cached_property
    def sequence_of_row(self) -> Index:
        """The (stored) sequence of each row, of shape (n_rows,)."""
        return np.arange(self.n_rows) - np.repeat(self.starts[:-1], self.counts)

    @cached_property
    def last(self) -> Index:
        """The row of each sequence's last frame, of shape (B,)."""
        return self.starts[self.lengths - 1] + np.arange(self.n_sequences)

    @cached_property
    def previous(self) -> Index | slice:
        """For each row, where its previous state lies in a buffer of B initial states followed by the rows."""
        if self.is_rectangular:
            return slice(0, self.n_rows)
        before = np.concatenate([[0], self.n_sequences + self.starts[:-2]])
        return before[self.step_of_row] + self.sequence_of_row

    @cached_property
    def reversal(self) -> Index:
        """For each row, the row of the frame that takes its place when every sequence is reversed in time."""
        mirrored = self.lengths[self.sequence_of_row] - 1 - self.step_of_row
        return np.asarray(self.starts[mirrored] + self.sequence_of_row)

    def reverse(self, rows: Array) -> Array:
        """Return the rows with each sequence reversed in time, from its own true end; its own inverse."""
        return rows[self.reversal]

    def window(self, first: int, stop: int) -> Packing:
        """Return the steps ``first <= t < stop`` of those sequences that reach them, the first ``counts[first]``.

        Their frames are the rows from ``starts[first]`` up to ``starts[stop]``.
        """
        n = int(self.counts[first])
        if self.counts[stop - 1] == n:
            return Packing.full(stop - first, n)
        return Packing(np.minimum(self.lengths[:n], stop) - first)

    def strided(self, stride: int) -> Packing:
        """Return how every `stride`-th step of each sequence lies, from its first: ceil(L / stride) of them."""
        if stride == 1:
            return self
        made: Packing | None = self.derived.get(stride)
        if made is None:
            made = self.derived[stride] = Packing(-(-self.lengths // stride), -(-self.n_padded // stride))
            made.order = self.order  # longer sequences have no fewer steps left, so they lie as before
        return made

    def layout(self, n_shares: int) -> Layout:
        """Return this as kernels take it, divided into shares of about the same number of frames.

        Share s has the sequences from ``bounds[s]`` up to ``bounds[s + 1]``; there may be fewer shares than wished.
        """
        made = self.layouts.get(n_shares)
        if made is None:
            from rnnbp.kernels.products import Layout

            bounds = [0, self.n_sequences]
            if n_shares > 1:
                frames = np.cumsum(self.lengths)
                goals = self.n_rows * np.arange(1, n_shares) / n_shares
                cuts = np.searchsorted(frames, goals - self.lengths[0] / 2) + 1
                bounds = sorted({*bounds, *cuts.tolist()})
            made = self.layouts[n_shares] = Layout(
                n_rows=self.n_rows,
                n_sequences=self.n_sequences,
                n_steps=self.n_steps,
                lengths=self.lengths.astype(np.int64, copy=False),
                counts=self.counts.astype(np.int64, copy=False),
                starts=self.starts.astype(np.int64, copy=False),
                n_shares=len(bounds) - 1,
                bounds=np.array(bounds, np.int64),
            )
        return made

    def pack(self, padded: Array) -> Array:
        """Return the rows ``(n_rows, ...)`` of a padded time-major array ``(T or more, B, ...)``; maybe a view."""
        if self.is_rectangular and self.is_sorted:
            whole = padded[: self.n_steps]
            return whole.reshape(self.n_rows, *whole.shape[2:])
        return np.asarray(padded[self.step_of_row, self.order[self.sequence_of_row]])

    def unpack(self, rows: Array) -> Array:
        """Return the padded time-major array ``(n_padded, B, ...)`` of some rows, with zeros for padding."""
        if self.is_rectangular and self.is_sorted and self.n_padded == self.n_steps:
            return rows.reshape(self.n_steps, self.n_sequences, *rows.shape[1:])
        padded = np.zeros((self.n_padded, self.n_sequences, *rows.shape[1:]), rows.dtype)
        padded[self.step_of_row, self.order[self.sequence_of_row]] = rows
        return padded

    def rows_of(self, first: Index) -> Index:
        """Return where each row's frame lies among frames that lie sequence after sequence.

        Parameters
        ----------
        first : ndarray of int, of shape (B,)
            Where each sequence, in the user's order, begins there.
        """
        return np.asarray(first[self.order][self.sequence_of_row] + self.step_of_row)

    def gather(self, frames: Array) -> Array:
        """Return the rows of frames that lie sequence after sequence, in the user's order; maybe a view."""
        if self.n_sequences == 1:
            return frames
        lengths = self.unsort(self.lengths)
        return np.asarray(frames[self.rows_of(np.cumsum(lengths) - lengths)])

    def split(self, rows: Array) -> list[Array]:
        """Return the rows ``(L_i, ...)`` of each sequence, in the stored order."""
        return [rows[self.starts[:n] + i] for i, n in enumerate(self.lengths)]

    def sort(self, per_sequence: Array) -> Array:
        """Return values ``(B, ...)`` of the user's order in the stored one."""
        return per_sequence if self.is_sorted else per_sequence[self.order]

    def unsort(self, per_sequence: Array) -> Array:
        """Return values ``(B, ...)`` of the stored order in the user's."""
        if self.is_sorted:
            return per_sequence
        restored = np.empty_like(per_sequence)
        restored[self.order] = per_sequence
        return restored
