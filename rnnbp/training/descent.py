"""Training by minibatches.

::

    for each epoch
        for each minibatch (x, target) of the shuffled examples, or each chunk of it
            L, dL/dtheta = loss of the network's output, by backpropagation, and l2 |W|^2 / 2 N of its matrices W
            theta <- optimizer(theta, dL/dtheta);  mean <- average(mean, theta)
            write a checkpoint?
        validate; remember the best; call back; stop early?

What changes in it is held by `Descent`, and nowhere else, so that it can be written down after any update
(`rnnbp.training.resuming`). The order of an epoch's examples is not: it is drawn again from the generator as it was
when the epoch began, and the updates that were done are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.checkpoints import Checkpoint
from rnnbp.optimizers import Average, Optimizer, Schedule, State, clip_by_norm
from rnnbp.training import chunks, resuming
from rnnbp.training.progress import Progress
from rnnbp.training.run import Run

__all__ = ["Augment", "Descent"]

Array = NDArray[Any]
Augment = Callable[[Array, np.random.Generator], Array]


class Descent:
    """A training run by minibatches.

    Parameters
    ----------
    run : Run
    optimizer : Optimizer
    averaging : Average or None
    chunk : int or None
        Steps between the cuts of sequences; see `chunks`.
    teacher_forcing : float or Schedule
        The probability that a taught layer is fed its target.
    augment : callable or None
        See `fit`.
    rng : numpy.random.Generator
        For the shuffling; `augment` is given an offspring of it.
    shuffle : bool
    optimizer_state : dict of arrays, or None
        What `optimizer.init` has made, to go on with.

    Attributes
    ----------
    optimizer_state, average : dict of str to ndarray
        What the optimizer and the average remember.
    carried : dict of str to ndarray
        The states in which the last chunk has ended.
    done : int
        Updates done in the present epoch.
    sums : tuple of float
        Over them, of losses, of what these are weighted by, and of gradient norms.
    epoch_began : dict
        The state of the shuffling's generator when the epoch began.
    """

    def __init__(
        self,
        run: Run,
        optimizer: Optimizer,
        *,
        averaging: Average | None,
        chunk: int | None,
        teacher_forcing: float | Schedule,
        augment: Augment | None,
        rng: np.random.Generator,
        shuffle: bool,
        optimizer_state: State | None,
    ) -> None:
        self.run, self.optimizer, self.averaging = run, optimizer, averaging
        self.chunk, self.teacher_forcing = chunk, teacher_forcing
        self.shuffling, self.shuffle = rng, shuffle
        self.augment, self.augmenting = augment, None if augment is None else rng.spawn(1)[0]
        if optimizer_state is None:
            optimizer_state = optimizer.init(run.net.theta, decayed=run.net.parameters.decayed)
        self.optimizer_state = optimizer_state
        self.average: State = {} if averaging is None else averaging.init(run.net.theta)
        self.carried: State = {}
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self.done, self.sums = 0, (0.0, 0.0, 0.0)
        self.epoch_began: Mapping[str, Any] = self.shuffling.bit_generator.state

    def train(self, max_epochs: int, checkpoint: Checkpoint | None, progress: Progress) -> None:
        """Train until so many epochs are done, or a callback has ended it."""
        history = self.run.history
        while len(history) < max_epochs and not history.stopped:
            with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported with its place
                self._descend(checkpoint, progress)
            self._end_epoch()
            progress.end_epoch(history)
            if len(history) == max_epochs:
                history.stopped = history.stopped or "max_epochs"
            if checkpoint is not None and (history.stopped or checkpoint.is_due(epochs=len(history))):
                checkpoint.write(*resuming.snapshot(self))
        history.stopped = history.stopped or "max_epochs"
        self._exchange()

    def _descend(self, checkpoint: Checkpoint | None, progress: Progress) -> None:
        """Carry out what is left of an epoch's updates."""
        run, data, net, chunk = self.run, self.run.data, self.run.net, self.chunk
        theta, state, average, averaging = net.theta, self.optimizer_state, self.average, self.averaging
        update, normalizer, advance = self.optimizer.update, run.loss.normalizer, progress.advance
        scheduled = self.teacher_forcing if isinstance(self.teacher_forcing, Schedule) else None
        options: dict[str, Any] = {} if scheduled else {"teacher_forcing": self.teacher_forcing}
        augment, rng, take = self.augment, self.augmenting, data.take
        if augment is not None and rng is not None:
            take = partial(data.take_changed, change=lambda example: augment(example, rng))
        batches = data.batches(run.batch_size, self.shuffling if self.shuffle else None)
        pieces: list[Any] = [(b,) for b in batches] if chunk is None else list(chunks.cut(batches, data.lengths, chunk))
        self.n_updates, epoch, (total, shares, norms) = len(pieces), len(run.history), self.sums
        for k in range(self.done, len(pieces)):
            now = epoch + k / len(pieces)
            batch, target, weight = take(*pieces[k])
            if scheduled is not None:
                options["teacher_forcing"] = scheduled(now)
            if chunk is not None:
                _, start, _ = pieces[k]
                options["initial_states"] = chunks.surviving(self.carried, pieces[k - 1][0], data.lengths, start)
                options["final_states"] = self.carried = {}
            assert target is not None
            value, gradient, norm = run.gradient(batch, target, weight, **options)
            share = normalizer(target, weight)
            if run.l2:
                value = run.penalize(value, gradient, share)
                norm = clip_by_norm(gradient, np.inf)
            update(theta, gradient, state, epoch=now, loss=value)
            if averaging is not None:
                averaging.update(average, theta, epoch=now)
            total, shares, norms = total + value * share, shares + share, norms + norm
            advance(len(batch.rows))
            if checkpoint is not None and checkpoint.is_due():
                self.done, self.sums = k + 1, (total, shares, norms)
                checkpoint.write(*resuming.snapshot(self))
        self.sums = total, shares, norms

    def _end_epoch(self) -> None:
        """Validate and call back, with the averaged parameters if there are any."""
        run, optimizer = self.run, self.optimizer
        total, shares, norms = self.sums
        rate = optimizer.rate(len(run.history) + 1.0, self.optimizer_state)
        descending = self._exchange()
        run.end_epoch(total / shares if shares else 0.0, norms / self.n_updates, rate)
        if descending is not None:
            run.net.theta[...] = descending
        optimizer.observe(run.history.monitored[-1], self.optimizer_state)
        self._begin_epoch()

    def _exchange(self) -> Array | None:
        """Put the averaged parameters, if there are any, in the place of the present ones, and return those."""
        if self.averaging is None:
            return None
        theta = self.run.net.theta
        present = theta.copy()
        theta[...] = self.average["mean"]
        return present
