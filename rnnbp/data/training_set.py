"""A data set that minibatches are cut from.

Frames lie sequence after sequence in one array, so that any choice of sequences becomes a packed batch by one gather.
For sequences of unequal lengths, batches are cut from pools that are sorted by length: nearly all of a batch's
sequences then end together, while which sequences meet in a batch still changes from epoch to epoch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.data.batch import Batch
from rnnbp.data.interface import Interface, Padded, check_weight, encode
from rnnbp.data.packing import Packing
from rnnbp.data.sequences import Sequences
from rnnbp.reading import read_array

if TYPE_CHECKING:
    from rnnbp.losses import Loss

__all__ = ["Minibatch", "TrainingSet"]

Array = NDArray[Any]
Index = NDArray[np.intp]

POOL = 32  # batches a pool


@dataclass(frozen=True, slots=True)
class Minibatch:
    """Some examples of a training set, as the engine runs them.

    Attributes
    ----------
    batch : Batch
    index : ndarray of int
        Where, among all the data set's targets, each row of the output belongs.
    target, weight : ndarray or None
        One for each row of the output.
    """

    batch: Batch
    index: Index
    target: Any
    weight: Array | None


class TrainingSet:
    """Input, and, if given, targets and weights, checked once for a network and a loss.

    Parameters
    ----------
    interface : Interface
        The network's.
    x, lengths
        See `Interface.read`.
    target : array-like or None
        See `encode`.
    loss : Loss or None
        What the targets are for.
    sample_weight : array of shape (N,) or (T, N), Sequences, or None

    Attributes
    ----------
    n_examples, n_rows : int
        Static examples or sequences, and the same or frames.
    lengths : ndarray of int, of shape (N,), or None
        Of the sequences, in the user's order; None if the examples are static.
    per_sequence : bool
        Whether a target belongs to all outputs of a sequence; they are `SequenceTargets` then.
    per_step : bool
        Whether there is a target for each step of sequences.
    can_cut : bool
        Whether targets can be cut where their sequences are.
    frames : ndarray of shape (n_rows, ...)
        Sequence after sequence, in the user's order.
    output_lengths : ndarray of int, of shape (N,), or None
        How many outputs each sequence has, if there is one for each step.
    target, weight : ndarray or None
        One for each output, or for each example, in the same order.

    Raises
    ------
    ValueError
        If something does not fit the network or the loss.
    """

    def __init__(
        self,
        interface: Interface,
        x: ArrayLike | Sequence[ArrayLike] | Sequences,
        lengths: ArrayLike | None = None,
        *,
        target: ArrayLike | Sequence[ArrayLike] | Sequences | None = None,
        loss: Loss | None = None,
        sample_weight: ArrayLike | Sequences | None = None,
    ) -> None:
        given = interface.read(x, lengths)
        padded, n_padded = isinstance(given, Padded), None
        if isinstance(given, Padded):
            n_padded = len(given.frames)
            given = Sequences.of_padded(given.frames, given.lengths)
        self.interface = interface
        self.lengths: Index | None = None
        frames = given
        if isinstance(given, Sequences):
            self.lengths, self._first, frames = given.lengths, given.first, given.frames
            n_padded = n_padded or int(self.lengths.max())
            n_padded = int(interface.output_lengths(np.array([n_padded]))[0])
        self.frames: Array = interface.check(np.asarray(frames))
        self.n_rows = len(self.frames)
        self.n_examples = self.n_rows if self.lengths is None else len(self.lengths)
        self.per_sequence = loss is not None and loss.per_sequence
        self.per_step = interface.per_step and self.lengths is not None and not self.per_sequence
        self.can_cut = self.per_step or (loss is not None and loss.along_time)
        self.is_ragged = self.lengths is not None and bool((self.lengths != self.lengths[0]).any())
        self.target: Any = None
        self.weight: Array | None = None
        n, of_steps = self.n_examples, None
        if self.per_step and self.lengths is not None:
            of_steps = interface.output_lengths(self.lengths)
            self._first_output = np.asarray(np.cumsum(of_steps) - of_steps)
            self._keeps_steps = np.array_equal(of_steps, self.lengths)
        self.output_lengths: Index | None = of_steps
        if loss is not None:
            if target is None:
                raise ValueError("there is no target: the loss needs one for each row of the network's output")
            of_outputs = of_steps
            if self.per_sequence and interface.per_step and self.lengths is not None:
                of_outputs = interface.output_lengths(self.lengths)
            encoded = encode(
                target, loss, interface, n_examples=n, lengths=of_outputs, padded=padded, n_padded=n_padded
            )
            self.target = self._arrange(encoded)
        if sample_weight is not None:
            weight = check_weight(sample_weight, n_examples=n, lengths=of_steps, n_padded=n_padded)
            self.weight = self._arrange(weight)
            if of_steps is not None and isinstance(weight, np.ndarray):
                self.weight = np.repeat(weight, of_steps)

    def subset(self, chosen: Index) -> TrainingSet:
        """Return a set of some of the examples, in the order of `chosen`, in memory of its own."""
        part = copy(self)
        part.n_examples, labelled = len(chosen), chosen
        if self.lengths is None:
            part.frames = self.frames[chosen]
        else:
            taken = Sequences(self.frames, self.lengths).take(chosen)
            part.frames, part.lengths, part._first = taken.frames, taken.lengths, taken.first
            part.is_ragged = bool((part.lengths != part.lengths[0]).any())
        if self.output_lengths is not None:
            of_steps = part.output_lengths = self.output_lengths[chosen]
            part._first_output = np.asarray(np.cumsum(of_steps) - of_steps)
            labelled = np.repeat(self._first_output[chosen] - part._first_output, of_steps) + np.arange(of_steps.sum())
        part.n_rows = len(part.frames)
        part.target, part.weight = self.labels(labelled)
        return part

    def _arrange(self, given: Any) -> Any:
        """Return values one for each frame, sequence after sequence, or one for each example."""
        if isinstance(given, Padded):
            given = Sequences.of_padded(given.frames, given.lengths)
        return given.frames if isinstance(given, Sequences) else given

    def take(self, chosen: Index, start: int = 0, stop: int | None = None) -> Minibatch:
        """Return the chosen examples, gathered once.

        Parameters
        ----------
        chosen : ndarray of int
        start, stop : int
            Which steps of the sequences, each of which must be longer than `start`; default: all.
        """
        if self.lengths is None:
            return self._minibatch(Batch(self.frames[chosen], None), chosen)
        packing = self.packing_of(chosen, start, stop)
        rows = self.rows_of(chosen, packing, start)
        return self._minibatch(Batch(self.frames[rows], packing), self.outputs_of(chosen, packing, rows, start), start)

    def take_changed(self, chosen: Index, change: Callable[[Array], Array]) -> Minibatch:
        """Return what `take` does, with what `change` makes of each of the examples in its place.

        Raises
        ------
        ValueError
            If that does not fit the network or the targets.
        """
        changed = [change(example) for example in self.examples(chosen)]
        n_axes = self.frames.ndim - (self.lengths is None)
        try:
            examples = [read_array(each, "an example") for each in changed]
            if wrong := [each.shape for each in examples if each.ndim != n_axes]:
                raise ValueError(f"expected an example of {n_axes} axes, as it was given, but its shape is {wrong[0]}")
            batch = Batch.of(np.stack(examples) if self.lengths is None else examples, None, self.interface)
        except (TypeError, ValueError) as error:
            raise ValueError(f"what augment returned does not fit: {error}") from None
        if self.lengths is None:
            return self._minibatch(batch, chosen)
        packing = batch.packing
        assert packing is not None
        before, after = self.lengths[chosen], packing.unsort(packing.lengths)
        if self.can_cut and (differ := np.flatnonzero(before != after)).size:
            i = int(differ[0])
            raise ValueError(
                "augment must not change a sequence's length where each step has a target, but it made "
                f"{after[i]} steps of the {before[i]} of sequence {chosen[i]}"
            )
        if not self.per_step:
            return self._minibatch(batch, chosen[packing.order])
        return self._minibatch(batch, self.outputs_of(chosen, packing, self.rows_of(chosen, packing)))

    def _minibatch(self, batch: Batch, index: Index, start: int = 0) -> Minibatch:
        target, weight = self.labels(index)
        if self.per_sequence and target is not None and batch.packing is not None:
            target = target.over(self.interface.output_packing(batch.packing), start)
        return Minibatch(batch, index, target, weight)

    def examples(self, chosen: Index) -> list[Array]:
        """Return copies of some examples, of shape (F,) or (T_i, F); symbols lack the last axis."""
        if self.lengths is None:
            return [self.frames[i].copy() for i in chosen]
        stops = self._first + self.lengths
        return [self.frames[self._first[i] : stops[i]].copy() for i in chosen]

    def packing_of(self, chosen: Index, start: int = 0, stop: int | None = None) -> Packing:
        """Return how a batch of some sequences lies in time."""
        assert self.lengths is not None
        lengths = (self.lengths[chosen] if stop is None else np.minimum(self.lengths[chosen], stop)) - start
        return Packing.full(int(lengths[0]), len(chosen)) if (lengths == lengths[0]).all() else Packing(lengths)

    def rows_of(self, chosen: Index, packing: Packing, start: int = 0) -> Index:
        """Return where the frames of a batch lie."""
        return packing.rows_of(self._first[chosen] + start)

    def outputs_of(self, chosen: Index, packing: Packing, rows: Index, start: int = 0) -> Index:
        """Return where, among all outputs, those of a batch belong, whose frames are `rows`."""
        if not self.per_step:
            return np.asarray(chosen[packing.order])
        if self._keeps_steps:
            return rows
        output = self.interface.output_packing(packing)
        assert output is not None
        assert start == 0, "`chunks.check` lets only networks come that keep all steps"
        return output.rows_of(self._first_output[chosen])

    def labels(self, rows: Index) -> tuple[Any, Array | None]:
        """Return the targets and weights of some frames, or examples."""
        return (
            None if self.target is None else self.target[rows],
            None if self.weight is None else self.weight[rows],
        )

    def fingerprint(self) -> dict[str, Any]:
        """Return what tells this data set from another: its size, and a hash of all that is in it."""
        described: dict[str, Any] = {"examples": self.n_examples, "shape": list(self.frames.shape)}
        parts = {"lengths": self.lengths, "input": self.frames}
        for name, array in (parts | {"target": self.target, "sample weight": self.weight}).items():
            if self.per_sequence and name == "target":
                array = array.content()
            if array is not None:
                content = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
                content.update(np.ascontiguousarray(array).data)
                described[name] = content.hexdigest()
        return described

    def batches(self, batch_size: int, rng: np.random.Generator | None = None) -> Iterator[Index]:
        """Return the examples of each batch of one epoch.

        Parameters
        ----------
        batch_size : int
        rng : numpy.random.Generator or None
            For shuffling; None keeps like lengths together and does not shuffle, which is best for evaluation.
        """
        order = np.arange(self.n_examples) if rng is None else rng.permutation(self.n_examples)
        if self.lengths is not None:
            pool = self.n_examples if rng is None else POOL * batch_size
            pools = [order[i : i + pool] for i in range(0, len(order), pool)]
            order = np.concatenate([p[np.argsort(-self.lengths[p], kind="stable")] for p in pools])
        cuts = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        if self.is_ragged and rng is not None:
            cuts = [cuts[i] for i in rng.permutation(len(cuts))]
        yield from cuts
