"""A batch: what users hand in, laid out in packed rows; see `rnnbp.data.packing`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.data.interface import Interface, Padded, check_weight, encode
from rnnbp.data.packing import Packing
from rnnbp.data.sequences import Sequences
from rnnbp.losses import Loss

__all__ = ["Batch"]

Array = NDArray[Any]


@dataclass(slots=True)
class Batch:
    """Rows, and how they are arranged in time.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, ...)
    packing : Packing or None
        None for static examples.
    padded : bool
        Whether the input came as an array, as the targets then must too.
    """

    rows: Array
    packing: Packing | None
    padded: bool = True

    @property
    def n_examples(self) -> int:
        """The number of static examples or of sequences."""
        return len(self.rows) if self.packing is None else self.packing.n_sequences

    @classmethod
    def of(
        cls, x: ArrayLike | Sequence[ArrayLike] | Sequences, lengths: ArrayLike | None, interface: Interface
    ) -> Batch:
        """Lay out an input, checked; see `Interface.read`.

        Raises
        ------
        ValueError
            If it does not fit the network.
        """
        given = interface.read(x, lengths)
        if isinstance(given, Sequences):
            packing = Packing(given.lengths)
            return cls(interface.check(packing.gather(given.frames)), packing, padded=False)
        if not isinstance(given, Padded):
            return cls(interface.check(given), None)
        n_steps, n_sequences = given.frames.shape[:2]
        packing = Packing.full(n_steps, n_sequences) if given.lengths is None else Packing(given.lengths, n_steps)
        return cls(interface.check(packing.pack(given.frames)), packing)

    def in_users_order(self, rows: Array, *, per_step: bool) -> Array:
        """Return a copy of output rows: ``(B, ...)``, or, of one a step, ``(T, B, ...)`` with zeros for padding."""
        packing = self.packing
        if packing is None:
            return rows.copy()
        restored = packing.unpack(rows) if per_step else packing.unsort(rows)
        return restored if restored.flags.owndata and restored is not rows else restored.copy()

    def lay_out_target(
        self, target: ArrayLike | Sequence[ArrayLike] | Sequences, loss: Loss, interface: Interface
    ) -> Array:
        """Check targets for a loss, and return them encoded, in the order of the output's rows; see `encode`."""
        lengths = None if self.packing is None else self.packing.unsort(self.packing.lengths)
        encoded = encode(
            target, loss, interface, n_examples=self.n_examples, lengths=lengths, padded=self.padded
        )  # fmt: skip
        return self._arrange(encoded)

    def lay_out_weight(self, sample_weight: ArrayLike | Sequences, interface: Interface) -> Array:
        """Return sample weights, checked, in the order of the output's rows; see `check_weight`."""
        packing, per_step = self.packing, interface.per_step
        lengths = packing.unsort(packing.lengths) if packing is not None and per_step else None
        n_padded = None if packing is None else packing.n_padded
        weight = check_weight(sample_weight, n_examples=self.n_examples, lengths=lengths, n_padded=n_padded)
        rows = self._arrange(weight)
        repeats = packing is not None and per_step and isinstance(weight, np.ndarray)
        return rows[packing.sequence_of_row] if repeats and packing is not None else rows

    def _arrange(self, given: Array | Sequences | Padded) -> Array:
        """Return values in the order of the rows, or of the sequences."""
        packing = self.packing
        if packing is None:
            assert isinstance(given, np.ndarray)
            return given
        if isinstance(given, Sequences):
            return packing.gather(given.frames)
        return packing.pack(given.frames) if isinstance(given, Padded) else packing.sort(given)
