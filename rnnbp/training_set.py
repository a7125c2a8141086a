"""A data set that minibatches are cut from.

Frames lie sequence after sequence in one array, so that any choice of sequences becomes a packed batch by one gather.
For sequences of unequal lengths, batches are cut from pools that are sorted by length: nearly all of a batch's
sequences then end together, while which sequences meet in a batch still changes from epoch to epoch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.batch import Batch
from rnnbp.losses import Loss
from rnnbp.losses.label_sequences import LabelSequences
from rnnbp.network import Network
from rnnbp.sequences import Steps

__all__ = ["TrainingSet"]

Array = NDArray[Any]
Index = NDArray[np.intp]

POOL = 32  # batches a pool


class TrainingSet:
    """Input, and, if given, targets and weights, checked once for a network and a loss.

    Parameters
    ----------
    net : Network
    x, lengths
        See `Network.batch`.
    target : array-like or None
        See `Network.loss_and_gradient`.
    loss : Loss or None
        What the targets are for.
    sample_weight : array of shape (N,) or (T, N), or None

    Attributes
    ----------
    n_examples, n_rows : int
        Static examples or sequences, and the same or frames.
    lengths : ndarray of int, of shape (N,)
        Of the sequences, in the user's order; absent if the examples are static.
    per_step : bool
        Whether there is a target for each step.
    frames : ndarray of shape (n_rows, ...)
        Sequence after sequence, in the user's order.
    target, weight : ndarray or None
        One for each frame, or for each example, in the same order.

    Raises
    ------
    ValueError
        If something does not fit the network or the loss.
    """

    def __init__(
        self,
        net: Network,
        x: ArrayLike | Sequence[ArrayLike],
        lengths: ArrayLike | None = None,
        *,
        target: ArrayLike | Sequence[ArrayLike] | None = None,
        loss: Loss | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        whole = net.batch(x, lengths)
        self._net = net
        self.steps = whole.steps
        self.n_examples = whole.n_examples
        self.n_rows = len(whole.rows)
        self.per_step = not net.pools_time and not (loss is not None and loss.per_sequence)
        self.frames = self._by_sequence(whole.rows, per_step=True)
        self.target = self.weight = None
        if loss is not None:
            if target is None:
                raise ValueError("there is no target: the loss needs one for each row of the network's output")
            rows = whole.lay_out_target(target, loss, net.n_outputs, per_step=not net.pools_time)
            if loss.per_sequence and whole.steps is not None:
                self.target = rows[np.argsort(whole.steps.order)]
            else:
                self.target = self._by_sequence(rows, per_step=self.per_step)
        if sample_weight is not None:
            rows = whole.lay_out_weight(sample_weight, per_step=self.per_step)
            self.weight = self._by_sequence(rows, per_step=self.per_step)

    def _by_sequence(self, rows: Array, *, per_step: bool) -> Array:
        """Return packed rows in the user's order, sequence after sequence."""
        if self.steps is None:
            return rows
        if not per_step:
            return self.steps.unsort(rows)
        steps = self.steps
        lengths = steps.unsort(steps.lengths)
        self.lengths: Index = lengths
        self._first: Index = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.intp)
        frames = np.empty_like(rows)
        frames[self._first[steps.order[steps.sequence_of_row]] + steps.step_of_row] = rows
        return frames

    def take(self, chosen: Index, start: int = 0, stop: int | None = None) -> tuple[Batch, Array | None, Array | None]:
        """Return a batch of the chosen examples, its target rows and its weight rows.

        Parameters
        ----------
        chosen : ndarray of int
        start, stop : int
            Which steps of the sequences, each of which must be longer than `start`; default: all.
        """
        if self.steps is None:
            return Batch(self.frames[chosen], None), *self.labels(chosen)
        steps = self.steps_of(chosen, start, stop)
        rows = self.rows_of(chosen, steps, start)
        # the batch's own order is the packed one: its outputs are not for users, but for the loss
        return Batch(self.frames[rows], steps), *self.labels(rows if self.per_step else chosen[steps.order], steps)

    def take_changed(self, chosen: Index, change: Callable[[Array], Array]) -> tuple[Batch, Array | None, Array | None]:
        """Return what `take` does, with what `change` makes of each of the examples in its place.

        Raises
        ------
        ValueError
            If that does not fit the network or the targets.
        """
        examples = [change(example) for example in self.examples(chosen)]
        try:
            batch = self._net.batch(np.stack(examples) if self.steps is None else examples)
        except ValueError as error:
            raise ValueError(f"what augment returned does not fit: {error}") from None
        if batch.steps is None:
            return batch, *self.labels(chosen)
        if not self.per_step:
            return batch, *self.labels(chosen[batch.steps.order], batch.steps)
        if (batch.steps.unsort(batch.steps.lengths) != self.lengths[chosen]).any():
            raise ValueError("augment must not change a sequence's length where each step has a target")
        return batch, *self.labels(self.rows_of(chosen, batch.steps))

    def examples(self, chosen: Index) -> list[Array]:
        """Return copies of some examples, of shape (F,) or (T_i, F); symbols lack the last axis."""
        if self.steps is None:
            return [self.frames[i].copy() for i in chosen]
        stops = self._first + self.lengths
        return [self.frames[self._first[i] : stops[i]].copy() for i in chosen]

    def steps_of(self, chosen: Index, start: int = 0, stop: int | None = None) -> Steps:
        """Return how a batch of some sequences lies in time."""
        assert self.steps is not None
        if self.steps.is_rectangular:
            n = self.steps.n_steps
            return Steps.full((n if stop is None else min(n, stop)) - start, len(chosen))
        lengths = self.lengths[chosen]
        return Steps(lengths if stop is None else np.minimum(lengths, stop) - start)

    def rows_of(self, chosen: Index, steps: Steps, start: int = 0) -> Index:
        """Return where the frames of a batch lie."""
        return np.asarray((self._first[chosen[steps.order]] + start)[steps.sequence_of_row] + steps.step_of_row)

    def labels(self, rows: Index, steps: Steps | None = None) -> tuple[Any, Array | None]:
        """Return the targets and weights of some frames, or examples, whose outputs lie in rows like this."""
        target = None if self.target is None else self.target[rows]
        if isinstance(target, LabelSequences) and steps is not None:
            target = target.over(steps)
        return target, None if self.weight is None else self.weight[rows]

    def fingerprint(self) -> dict[str, Any]:
        """Return what tells this data set from another: its size, and a hash of all that is in it."""
        described: dict[str, Any] = {"examples": self.n_examples, "shape": list(self.frames.shape)}
        parts = {"lengths": getattr(self, "lengths", None), "input": self.frames}
        for name, array in (parts | {"target": self.target, "sample weight": self.weight}).items():
            if isinstance(array, LabelSequences):
                array = np.concatenate([array.offsets, array.values])
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
        ragged = self.steps is not None and not self.steps.is_rectangular
        order = np.arange(self.n_examples) if rng is None else rng.permutation(self.n_examples)
        if ragged:
            pool = self.n_examples if rng is None else POOL * batch_size
            pools = [order[i : i + pool] for i in range(0, len(order), pool)]
            order = np.concatenate([p[np.argsort(-self.lengths[p], kind="stable")] for p in pools])
        cuts = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        if ragged and rng is not None:
            cuts = [cuts[i] for i in rng.permutation(len(cuts))]
        yield from cuts
