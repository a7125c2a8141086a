"""A batch: what users hand in, laid out in packed rows; see `rnnbp.data.packing`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.data.interface import Interface, Padded, check_weight, encode
from rnnbp.data.packing import Packing
from rnnbp.data.sequences import Sequences

if TYPE_CHECKING:
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

    def check(self, interface: Interface, n_inputs: int | None) -> None:
        """Check that these are rows of a network's input; that features are finite is known.

        Raises
        ------
        ValueError
            If they are another network's.
        """
        rows, has_time = self.rows, self.packing is not None
        fits = rows.ndim == 1 + interface.frame_rank and (has_time or interface.takes_static)
        fits = fits and (self.packing is None or self.packing.n_rows == len(rows))
        if fits and not interface.frame_rank:
            interface.check(rows)
        elif not fits or rows.dtype != interface.dtype or n_inputs not in (None, rows.shape[1]):
            raise ValueError(
                f"the batch is another network's: it holds {'steps' if has_time else 'static examples'} as "
                f"{rows.dtype} of shape {rows.shape}; make one of the input by this network's batch(x)"
            )

    def lay_out_target(
        self, target: ArrayLike | Sequence[ArrayLike] | Sequences, loss: Loss, interface: Interface
    ) -> Any:
        """Check targets for a loss, and return them encoded, in the order of the output's rows; see `encode`.

        Those of a loss that is `per_sequence` are `SequenceTargets` over these rows.
        """
        packing = self._output(interface)
        lengths = None if packing is None else packing.unsort(packing.lengths)
        n_padded = None if packing is None else packing.n_padded
        encoded = encode(
            target, loss, interface, n_examples=self.n_examples, lengths=lengths, padded=self.padded, n_padded=n_padded
        )
        if loss.per_sequence:
            assert self.packing is not None
            return self.packing.sort(encoded).over(packing)  # type: ignore[attr-defined]
        return self._arrange(encoded, packing)

    def lay_out_weight(
        self, sample_weight: ArrayLike | Sequences, interface: Interface, *, per_sequence: bool = False
    ) -> Array:
        """Return sample weights, checked, in the order of the output's rows, or of sequences; see `check_weight`."""
        packing = None if per_sequence else self._output(interface)
        lengths, n_padded = (None, None) if packing is None else (packing.unsort(packing.lengths), packing.n_padded)
        weight = check_weight(sample_weight, n_examples=self.n_examples, lengths=lengths, n_padded=n_padded)
        rows = self._arrange(weight, packing)
        return rows[packing.sequence_of_row] if packing is not None and isinstance(weight, np.ndarray) else rows

    def _output(self, interface: Interface) -> Packing | None:
        """Return how the output's rows lie in time; None for one row an example."""
        return None if self.packing is None else interface.output_packing(self.packing)

    def _arrange(self, given: Array | Sequences | Padded, output: Packing | None) -> Array:
        """Return values in the order of the output's rows, or of the examples."""
        if isinstance(given, (Sequences, Padded)):
            assert output is not None, "they came one for each step"
            return output.gather(given.frames) if isinstance(given, Sequences) else output.pack(given.frames)
        return given if self.packing is None else self.packing.sort(given)
