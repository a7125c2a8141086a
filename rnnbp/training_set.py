"""A data set that minibatches are cut from.

Frames lie sequence after sequence in one array, so that any choice of sequences becomes a packed batch by one gather.
For sequences of unequal lengths, batches are cut from pools that are sorted by length: nearly all of a batch's
sequences then end together, while which sequences meet in a batch still changes from epoch to epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.batch import Batch
from rnnbp.losses import Loss
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
        self.steps = whole.steps
        self.n_examples = whole.n_examples
        self._per_step = not net.pools_time
        self._frames = self._by_sequence(whole.rows, per_step=True)
        self._target = self._weight = None
        if loss is not None:
            if target is None:
                raise ValueError("there is no target: the loss needs one for each row of the network's output")
            rows = whole.lay_out_target(target, loss, net.n_outputs, per_step=self._per_step)
            self._target = self._by_sequence(rows, per_step=self._per_step)
        if sample_weight is not None:
            rows = whole.lay_out_weight(sample_weight, per_step=self._per_step)
            self._weight = self._by_sequence(rows, per_step=self._per_step)

    def _by_sequence(self, rows: Array, *, per_step: bool) -> Array:
        """Return packed rows in the user's order, sequence after sequence."""
        if self.steps is None:
            return rows
        if not per_step:
            return self.steps.unsort(rows)
        steps = self.steps
        lengths = steps.unsort(steps.lengths)
        self._lengths: Index = lengths
        self._first: Index = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.intp)
        frames = np.empty_like(rows)
        frames[self._first[steps.order[steps.sequence_of_row]] + steps.step_of_row] = rows
        return frames

    def take(self, chosen: Index) -> tuple[Batch, Array | None, Array | None]:
        """Return a batch of the chosen examples, its target rows and its weight rows."""
        if self.steps is None:
            rows: Index = chosen
            batch = Batch(self._frames[chosen], None)
        else:
            steps = Steps(self._lengths[chosen])
            sorted_choice = chosen[steps.order]
            # the batch's own order is the packed one: its outputs are not for users, but for the loss
            rows = self._first[sorted_choice][steps.sequence_of_row] + steps.step_of_row
            batch = Batch(self._frames[rows], steps)
            if not self._per_step:
                chosen = sorted_choice
        labels = chosen if self.steps is None or not self._per_step else rows
        return (
            batch,
            None if self._target is None else self._target[labels],
            None if self._weight is None else self._weight[labels],
        )

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
            order = np.concatenate([p[np.argsort(-self._lengths[p], kind="stable")] for p in pools])
        cuts = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        if ragged and rng is not None:
            cuts = [cuts[i] for i in rng.permutation(len(cuts))]
        yield from cuts
