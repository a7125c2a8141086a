"""What a network takes and gives, as far as its data must know, and how what users have is read for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.data.packing import Packing
from rnnbp.data.sequences import Sequences, check_lengths
from rnnbp.reading import read_array

if TYPE_CHECKING:
    from rnnbp.losses import Loss

__all__ = ["Interface", "Padded", "check_weight", "encode"]

LISTED = "of an (N, T, F) array, as estimators take it, pass list(x)"
SCALARS = "of an (N, T) array of one scalar a step, as estimators take it, list(x[:, :, None])"

Array = NDArray[Any]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class Padded:
    """A padded time-major array ``(T, B, ...)``; lengths of None stand for full length."""

    frames: Array
    lengths: Index | None


@dataclass(frozen=True)
class Interface:
    """What a network takes and gives.

    Attributes
    ----------
    frame_rank : int
        The number of axes of one frame: 1 for features, 0 for symbols.
    takes_static : bool
        Whether examples without time are welcome.
    dtype : dtype
        What frames are turned into.
    check : callable
        ``check(frames)`` returns frames ``(n, ...)`` of that dtype, or raises ValueError.
    n_outputs : int
    per_step : bool
        Whether there is an output for each step, and not one for each sequence.
    teacher_forced_layer : int or None
        The layer whose previous output targets may take the place of, in training.
    output_packing : callable
        How the rows of the output lie in time, given those of the input; None for one row a sequence.
    output_lengths : callable
        How many steps go out of sequences of so many.
    output_function : str or None
        The name of the activation that the network ends with, if it does.
    """

    frame_rank: int
    takes_static: bool
    dtype: np.dtype[Any]
    check: Callable[[Array], Array]
    n_outputs: int
    per_step: bool
    teacher_forced_layer: int | None
    output_packing: Callable[[Packing], Packing | None]
    output_lengths: Callable[[Index], Index]
    output_function: str | None = None

    def read(
        self, x: ArrayLike | Sequence[ArrayLike] | Sequences, lengths: ArrayLike | None
    ) -> Array | Sequences | Padded:
        """Read an input.

        Parameters
        ----------
        x : ndarray of shape (B, ...) or (T, B, ...), list of ndarrays of shape (T_i, ...), or Sequences
        lengths : array of int, of shape (B,), or None
            The true lengths of padded sequences.

        Returns
        -------
        ndarray, Sequences or Padded
            Static examples, or sequences as they came. Nothing is copied but lists, and frames are not checked.

        Raises
        ------
        ValueError
                If the rank is wrong, if there is nothing in it, or if the lengths do not fit.
        TypeError
            If it is no array; see `rnnbp.reading.read_array`.
        """
        features = ", F" * self.frame_rank
        if isinstance(x, Sequences) or (isinstance(x, (list, tuple)) and self._lists_sequences(x)):
            if lengths is not None:
                raise ValueError("a list of sequences has its own lengths: leave out `lengths`")
            joined = x if isinstance(x, Sequences) else Sequences.of(x, self.dtype if self.frame_rank else None)
            if not len(joined):
                raise ValueError("the list of sequences is empty: at least one is needed")
            if joined.frames.ndim != 1 + self.frame_rank:
                raise ValueError(
                    f"each sequence must be of shape (T_i{features}), but the first one has shape {joined[0].shape}"
                )
            return joined
        given = read_array(x, "the input")
        is_static = given.ndim == 1 + self.frame_rank and self.takes_static
        if is_static and lengths is not None:
            raise ValueError(f"lengths are for sequences, but the input's shape, {given.shape}, is that of static ones")
        if not is_static and given.ndim != 2 + self.frame_rank:
            shapes = f"(T, B{features}), time first" + (f", or (B{features})" if self.takes_static else "")
            one = given.ndim == 1 + self.frame_rank
            raise ValueError(
                f"expected an input of shape {shapes}, but its shape is {given.shape}"
                + ("; if this is one sequence, pass [x]" if one else "")
                + (f"; {SCALARS}" if one and self.frame_rank else "")
            )
        if 0 in given.shape[: 1 if is_static else 2]:
            raise ValueError(f"the input is empty: its shape is {given.shape}")
        if is_static:
            return given
        return Padded(given, None if lengths is None else check_lengths(lengths, *given.shape[:2]))

    def _lists_sequences(self, x: Sequence[Any]) -> bool:
        """Whether a list holds sequences, and does not spell an array of static examples."""
        return not x or read_array(x[0], "sequence 0").ndim > (self.frame_rank if self.takes_static else 0)


def encode(
    target: Any,
    loss: Loss,
    interface: Interface,
    *,
    n_examples: int,
    lengths: Index | None,
    padded: bool,
    n_padded: int | None,
) -> Any:
    """Check targets for a loss, and return them encoded, arranged as they came.

    Parameters
    ----------
    target : array of shape (B, ...), or, for an output at each step, of shape (T, B, ...), a list of arrays of shape
        (T_i, ...), or Sequences
    loss : Loss
    interface : Interface
    n_examples : int
    lengths : ndarray of int, of shape (B,), or None
        How many outputs there are for each sequence, in the user's order; None for static examples.
    padded : bool
        Whether the input came as a padded array, so that a list of targets is an array that is spelt out, if it can be.
    n_padded : int or None
        The number of the output's steps with padding.

    Returns
    -------
    ndarray, Sequences or Padded, or, of a loss that is `per_sequence`, `SequenceTargets`
        One for each example, or for each step.

    Raises
    ------
    ValueError
        If there are not as many targets as rows of the output, or if they are none for that loss.
    """
    n_outputs = interface.n_outputs
    if loss.takes_logits is not None and interface.output_function in ("softmax", "sigmoid"):
        raise ValueError(
            f"{loss!r} applies a {loss.takes_logits} itself, so it takes logits, but the network ends with "
            f"Activation({interface.output_function!r}): leave that layer out, and apply its function to what "
            "`predict` returns"
        )
    if loss.per_sequence:
        if lengths is None:
            raise ValueError(
                f"{loss!r} needs an output at each step of sequences, so the network must have neither LastStep() nor "
                "MeanOverTime() nor MaxOverTime(), and its input must be sequences"
            )
        return loss.encode(target, n_outputs, leading=(int(lengths.max()), n_examples), lengths=lengths)
    if lengths is None or not interface.per_step:
        if not interface.takes_static and isinstance(target, (list, tuple)) and _is_ragged(target):
            raise ValueError(
                f"expected {n_examples} targets, one for each sequence, but they differ in length as if there were one "
                "for each step: for these leave LastStep(), MeanOverTime() and MaxOverTime() out of the network"
            )
        given = read_array(target, "the target")
        if given.ndim < 1 or len(given) != n_examples:
            of_array = padded and not interface.takes_static
            raise ValueError(
                f"expected {n_examples} targets, one for each example, but the target's shape is {given.shape}"
                + (
                    f"; sequences are the second axis of an array, (T, B, ...), time first: {LISTED}"
                    if of_array
                    else ""
                )
            )
        return loss.encode(given, n_outputs, leading=(n_examples,))
    if isinstance(target, (list, tuple)) and (not padded or _is_ragged(target)):
        target = Sequences.of(target)
    if isinstance(target, Sequences):
        return _encode_each(target, loss, n_outputs, lengths)
    given, n_steps = read_array(target, "the target"), int(lengths.max())
    if given.ndim < 2 or not n_steps <= given.shape[0] <= (n_padded or n_steps) or given.shape[1] != n_examples:
        raise ValueError(
            f"the network gives an output at each step, so the target must be of shape ({n_steps}, {n_examples}, ...), "
            f"time first, but its shape is {given.shape}; {LISTED}, and its targets likewise; for one target a "
            "sequence, end the recurrent part with LastStep(), MeanOverTime() or MaxOverTime()"
        )
    encoded = loss.encode(given[:n_steps], n_outputs, leading=(n_steps, n_examples), lengths=lengths)
    return Padded(encoded, lengths)


def _encode_each(target: Sequences, loss: Loss, n_outputs: int, lengths: Index) -> Sequences:
    """Encode targets that came sequence by sequence, all at once if each fits, or else say which does not."""
    if len(target) != len(lengths):
        raise ValueError(f"each sequence needs a target: there are {len(target)} for {len(lengths)} sequences")
    if (differ := target.lengths != lengths).any():
        i = int(np.argmax(differ))
        raise ValueError(
            f"each sequence needs one target for each step of the network's output: target {i} has length "
            f"{target.lengths[i]}, but for sequence {i} there are {lengths[i]} steps"
        )
    try:
        return Sequences(loss.encode(target.frames, n_outputs, leading=(len(target.frames),)), lengths)
    except ValueError:
        for i, each in enumerate(target):
            try:
                loss.encode(each, n_outputs, leading=(len(each),))
            except ValueError as error:
                raise ValueError(f"the target of sequence {i}: {error}") from None
        raise


def _is_ragged(given: Sequence[Any]) -> bool:
    """Whether a list holds sequences of more than one length."""
    return len({len(each) for each in given if np.ndim(np.asarray(each, object)) > 0}) > 1


def check_weight(
    sample_weight: ArrayLike | Sequences, *, n_examples: int, lengths: Index | None, n_padded: int | None
) -> Array | Sequences | Padded:
    """Return sample weights, one an example or one a step, checked and arranged as they came.

    Raises
    ------
    ValueError
        If their shape is another, if one is negative or not finite, or if all are 0.
    """
    arranged: Array | Sequences | Padded
    if isinstance(sample_weight, (list, tuple)) and lengths is not None and _is_ragged(sample_weight):
        sample_weight = Sequences.of(sample_weight)
    if isinstance(sample_weight, Sequences):
        arranged = sample_weight
        real = read_array(sample_weight.frames, "sample_weight", float)
        fits = lengths is not None and np.array_equal(sample_weight.lengths, lengths) and real.ndim == 1
    else:
        arranged = real = read_array(sample_weight, "sample_weight", float)
        fits = real.shape == (n_examples,)
        if not fits and lengths is not None and real.shape == (n_padded, n_examples):
            arranged, fits = Padded(real, lengths), True
            real = real[np.arange(len(real))[:, None] < lengths]
    if not fits:
        raise ValueError(
            f"expected {n_examples} sample weights, one for each example, but their shape is {np.shape(real)}"
        )
    if not np.isfinite(real).all() or (real < 0).any() or not real.any():
        raise ValueError("sample weights must be finite, not negative, and not all 0")
    return arranged
