"""A batch: what users hand in, laid out in rows.

Input, targets and sample weights come in the shapes that are natural to users (static examples, padded time-major
arrays, lists of sequences) and go on as rows that belong together; see `rnnbp.sequences`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.losses import Loss
from rnnbp.sequences import Steps, check_lengths, check_sequences

__all__ = ["Batch"]

Array = NDArray[Any]


@dataclass(slots=True)
class Batch:
    """Rows, and how they are arranged in time.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, ...)
    steps : Steps or None
        None for static examples.
    listed : bool
        Whether the input came as a list of sequences, as the targets then may too.
    """

    rows: Array
    steps: Steps | None
    listed: bool = False

    @property
    def n_examples(self) -> int:
        """The number of static examples or of sequences."""
        return len(self.rows) if self.steps is None else self.steps.n_sequences

    def in_users_order(self, rows: Array, *, per_step: bool) -> Array:
        """Return a copy of output rows: ``(B, ...)``, or, of one a step, ``(T, B, ...)`` with zeros for padding."""
        steps = self.steps
        if steps is None:
            return rows.copy()
        restored = steps.unpack(rows) if per_step else steps.unsort(rows)
        return restored if restored.flags.owndata and restored is not rows else restored.copy()

    @classmethod
    def of(
        cls, x: ArrayLike | Sequence[ArrayLike], lengths: ArrayLike | None, *, frame_rank: int, static: bool
    ) -> Batch:
        """Lay out an input.

        Parameters
        ----------
        x : ndarray of shape (B, ...) or (T, B, ...), or list of ndarrays of shape (T_i, ...)
        lengths : array of int, of shape (B,), or None
            The true lengths of padded sequences.
        frame_rank : int
            The number of axes of one frame: 1 for features, 0 for symbols.
        static : bool
            Whether examples without time are welcome.

        Raises
        ------
        ValueError
            If the rank is wrong, if there is nothing in it, or if the lengths do not fit.
        """
        if isinstance(x, (list, tuple)) and (not x or np.ndim(x[0]) > (frame_rank if static else 0)):
            if lengths is not None:
                raise ValueError("a list of sequences has its own lengths: leave out `lengths`")
            arrays = check_sequences(x)
            features = ", F" * frame_rank
            if arrays[0].ndim != 1 + frame_rank:
                raise ValueError(
                    f"each sequence must be of shape (T_i{features}), but the first one has shape {arrays[0].shape}"
                )
            steps = Steps([len(a) for a in arrays])
            return cls(steps.join(arrays), steps, listed=True)
        given = np.asarray(x)
        is_static = given.ndim == 1 + frame_rank and static and lengths is None
        if not is_static and given.ndim != 2 + frame_rank:
            features = ", F" * frame_rank
            shapes = f"(T, B{features}), time first," + (f" or (B{features})" if static else "")
            raise ValueError(f"expected an input of shape {shapes} but got {given.shape}")
        if 0 in given.shape[: 1 if is_static else 2]:
            raise ValueError(f"the input is empty: its shape is {given.shape}")
        if is_static:
            return cls(given, None)
        n_steps, n_sequences = given.shape[:2]
        if lengths is None:
            steps = Steps.full(n_steps, n_sequences)
        else:
            steps = Steps(check_lengths(lengths, n_steps, n_sequences), n_steps)
        return cls(steps.pack(given), steps)

    def lay_out_target(
        self, target: ArrayLike | Sequence[ArrayLike], loss: Loss, n_outputs: int, *, per_step: bool
    ) -> Any:
        """Check targets for a loss, and return them encoded, in the order of the output's rows.

        Parameters
        ----------
        target : array of shape (B, ...), or, for an output at each step, of shape (T, B, ...) or a list of arrays of
            shape (T_i, ...)
        loss : Loss
        n_outputs : int
            The width of the output.
        per_step : bool
            Whether the output has a row for each step.

        Returns
        -------
        ndarray of shape (n_rows, ...), or, of a loss that is `per_sequence`, LabelSequences

        Raises
        ------
        ValueError
            If there are not as many targets as rows, or if they are none for that loss.
        """
        if loss.per_sequence:
            return self._lay_out_labels(target, loss, n_outputs, per_step=per_step)
        steps = self.steps
        if steps is None or not per_step:
            given = np.asarray(target)
            if given.ndim < 1 or len(given) != self.n_examples:
                raise ValueError(
                    f"expected {self.n_examples} targets, one for each example, but the target's shape is {given.shape}"
                )
            encoded = loss.encode(given, n_outputs, leading=(self.n_examples,))
            return encoded if steps is None else steps.sort(encoded)
        lengths = steps.unsort(steps.lengths)
        if self.listed and isinstance(target, (list, tuple)):
            return steps.join(self._encode_each(target, loss, n_outputs, lengths.tolist()))
        given = np.asarray(target)
        if given.ndim < 2 or given.shape[0] < steps.n_steps or given.shape[1] != steps.n_sequences:
            raise ValueError(
                f"the network gives an output at each step, so the target must be of shape ({steps.n_steps}, "
                f"{steps.n_sequences}, ...), but its shape is {given.shape}; for one target a sequence, end the "
                "recurrent part with LastStep(), MeanOverTime() or MaxOverTime()"
            )
        leading = (steps.n_steps, steps.n_sequences)
        return steps.pack(loss.encode(given[: steps.n_steps], n_outputs, leading=leading, lengths=lengths))

    def _lay_out_labels(self, target: Any, loss: Any, n_outputs: int, *, per_step: bool) -> Any:
        """Return the targets of a loss that has one for all of a sequence's outputs, which are needed at each step."""
        steps = self.steps
        if steps is None or not per_step:
            raise ValueError(
                f"{loss!r} needs an output at each step of sequences, so the network must have neither LastStep() nor "
                "MeanOverTime() nor MaxOverTime(), and its input must be sequences"
            )
        lengths = steps.unsort(steps.lengths)
        encoded = loss.encode(target, n_outputs, leading=(steps.n_steps, steps.n_sequences), lengths=lengths)
        return encoded[steps.order].over(steps)

    @staticmethod
    def _encode_each(target: Sequence[ArrayLike], loss: Loss, n_outputs: int, lengths: Sequence[int]) -> list[Array]:
        if len(target) != len(lengths):
            raise ValueError(f"each sequence needs a target: there are {len(target)} for {len(lengths)} sequences")
        encoded = []
        for i, (given, length) in enumerate(zip(check_sequences(target), lengths, strict=True)):
            if len(given) != length:
                raise ValueError(
                    f"each sequence needs one target a step: target {i} has length {len(given)}, but sequence {i} has "
                    f"length {length}"
                )
            try:
                encoded.append(loss.encode(given, n_outputs, leading=(length,)))
            except ValueError as error:
                raise ValueError(f"the target of sequence {i}: {error}") from None
        return encoded

    def lay_out_weight(self, sample_weight: ArrayLike, *, per_step: bool) -> Array:
        """Return sample weights, one an example or one a step, in the order of the output's rows.

        Raises
        ------
        ValueError
            If their shape is another, if one is negative or not finite, or if all are 0.
        """
        weight, steps = np.asarray(sample_weight, dtype=float), self.steps
        if weight.shape == (self.n_examples,):
            rows = weight if steps is None else steps.sort(weight)
            rows = rows[steps.sequence_of_row] if steps is not None and per_step else rows
        elif steps is not None and per_step and weight.shape == (steps.n_padded, steps.n_sequences):
            rows = steps.pack(weight)
        else:
            raise ValueError(
                f"expected {self.n_examples} sample weights, one for each example, but their shape is {weight.shape}"
            )
        if not np.isfinite(rows).all() or (rows < 0).any() or not rows.any():
            raise ValueError("sample weights must be finite, not negative, and not all 0")
        return rows
