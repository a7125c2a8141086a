"""Training by minibatches.

::

    for each epoch
        for each minibatch (x, target) of the shuffled examples, or each chunk of it
            L, dL/dtheta = loss of the network's output, by backpropagation, and l2 |W|^2 / 2 N of its matrices W
            theta <- optimizer(theta, dL/dtheta);  mean <- average(mean, theta)
            write a checkpoint?  has a signal come?
        validate; remember the best; call back; stop early?

What changes in it is held by `Descent`, and nowhere else, so that it can be written down after any update
(`rnnbp.training.resuming`). The order of an epoch's examples is not: it is drawn again from the generator as it was
when the epoch began, and the updates that were done are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.files.checkpoints import Checkpoint
from rnnbp.optimizers import Average, Optimizer, Schedule, State, clip_by_norm
from rnnbp.training import chunks, resuming
from rnnbp.training.interrupts import Interrupts
from rnnbp.training.next_step import NextStep
from rnnbp.training.progress import ProgressBar
from rnnbp.training.run import Augment, TrainingRun
from rnnbp.training.step import CompiledStep, can_compile

__all__ = ["Descent"]

Array = NDArray[Any]


class Descent:
    """A training run by minibatches.

    Parameters
    ----------
    run : TrainingRun
    optimizer : Optimizer
    averaging : Average or None
    chunk_length : int or None
        Steps between the cuts of sequences; see `chunks`.
    teacher_forcing : float, Schedule or NextStep
        See `fit`.
    augment : callable or None
        See `fit`.
    rng : numpy.random.Generator
        For the shuffling; `augment` is given an offspring of it.
    shuffle : bool or "later"
        See `fit`.
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
        run: TrainingRun,
        optimizer: Optimizer,
        *,
        averaging: Average | None,
        chunk_length: int | None,
        teacher_forcing: float | Schedule | NextStep,
        augment: Augment | None,
        rng: np.random.Generator,
        shuffle: bool | str,
        optimizer_state: State | None,
    ) -> None:
        self.run, self.optimizer, self.averaging = run, optimizer, averaging
        self.chunk_length, self.teacher_forcing = chunk_length, teacher_forcing
        self.shuffling, self.shuffle = rng, shuffle
        self.augment, self.augmenting = augment, None if augment is None else rng.spawn(1)[0]
        self._next_step = teacher_forcing if isinstance(teacher_forcing, NextStep) else None
        self._taught = teacher_forcing.probability if isinstance(teacher_forcing, NextStep) else teacher_forcing
        if optimizer_state is None:
            optimizer_state = optimizer.init(run.net.theta, decayed=run.net.parameters.decayed)
        else:
            optimizer.check_state(optimizer_state, run.net.theta)
        self.optimizer_state = optimizer_state
        self.average: State = {} if averaging is None else averaging.init(run.net.theta)
        self.carried: State = {}
        changes = augment is not None or self._next_step is not None or chunk_length is not None or run.consistency
        self._one_call = run.computes_here and not changes and can_compile(run.net, run)
        self._step: CompiledStep | None = None
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self.done, self.sums = 0, (0.0, 0.0, 0.0)
        self.epoch_began: Mapping[str, Any] = self.shuffling.bit_generator.state

    def train(self, max_epochs: int, checkpoint: Checkpoint | None, progress: ProgressBar) -> None:
        """Train until so many epochs are done, or a callback has ended it.

        Raises
        ------
        CheckpointError
            If the checkpoint cannot be written when training begins; later that is a warning.
        """
        history = self.run.history
        if self._one_call:  # now, when a checkpoint has been read
            self._step = CompiledStep(self.run, self.optimizer, self.optimizer_state)
        with Interrupts(held=checkpoint is not None) as interrupts:
            if checkpoint is not None and len(history) < max_epochs and not history.stopped:
                checkpoint.write_first(*resuming.snapshot(self))
            while len(history) < max_epochs and not history.stopped:
                with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported with its place
                    self._descend(checkpoint, progress, interrupts)
                interrupted = self._end_epoch()
                progress.end_epoch(history)
                if len(history) == max_epochs:
                    history.stopped = history.stopped or "max_epochs"
                pending = interrupted is not None or interrupts.pending is not None
                if checkpoint is not None and (history.stopped or pending or checkpoint.is_due(epochs=len(history))):
                    checkpoint.attempt(*resuming.snapshot(self))
                if interrupted is not None:
                    raise interrupted
                interrupts.deliver(checkpoint)
        history.stopped = history.stopped or "max_epochs"
        self._exchange()

    def _descend(self, checkpoint: Checkpoint | None, progress: ProgressBar, interrupts: Interrupts) -> None:
        """Carry out what is left of an epoch's updates."""
        run, data, theta, chunk_length = self.run, self.run.data, self.run.net.theta, self.chunk_length
        state, average, averaging = self.optimizer_state, self.average, self.averaging
        update, advance = self.optimizer.update, progress.advance
        pieces = self._pieces(self.shuffling, len(run.history))
        options: dict[str, Any] = {"augment": self.augment, "rng": self.augmenting, "next_step": self._next_step}
        self.n_updates, epoch, (total, shares, norms) = len(pieces), len(run.history), self.sums
        for k in range(self.done, len(pieces), run.every):
            now = epoch + k / len(pieces)
            if self._step is not None:
                value, share, norm = self._step.run(pieces[k][0], now)
                n_rows = self._step.n_rows
            elif run.every > 1:
                times = [epoch + j / len(pieces) for j in range(k, min(k + run.every, len(pieces)))]
                options["teacher_forcing"] = [self._probability(t) for t in times]
                value, share, norm, n_rows = run.descend_apart(
                    pieces[k : k + run.every], self.optimizer, state, times, **options
                )
            else:
                if chunk_length is not None:
                    _, start, _ = pieces[k]
                    options["initial_states"] = chunks.surviving(self.carried, pieces[k - 1][0], data, start)
                    options["final_states"] = True
                found = run.minibatch(*pieces[k], teacher_forcing=self._probability(now), **options)
                value, gradient, self.carried, share, norm, n_rows = found
                if run.l2:
                    value = run.penalize(value, gradient, share)
                    norm = clip_by_norm(gradient, np.inf)
                update(theta, gradient, state, epoch=now, loss=value)
            if run.first_loss is None and not k and not epoch:
                run.first_loss = value
            if averaging is not None:
                averaging.update(average, theta, epoch=now)
            total, shares, norms = total + value * share, shares + share, norms + norm
            advance(n_rows)
            if checkpoint is not None and (checkpoint.is_due() or interrupts.pending is not None):
                self.done, self.sums = min(k + run.every, len(pieces)), (total, shares, norms)
                checkpoint.attempt(*resuming.snapshot(self))
                interrupts.deliver(checkpoint)
        self.sums = total, shares, norms

    def _probability(self, now: float) -> float:
        """Return the probability of teacher forcing at a time in epochs."""
        return self._taught(now) if isinstance(self._taught, Schedule) else self._taught

    def check_place(self, epoch: int, done: int, carried: State, shuffling: Any) -> None:
        """Check that so many updates can be done in an epoch (counted from 0), and have ended in such states.

        Raises
        ------
        ValueError
            If they cannot.
        """
        again = deepcopy(self.shuffling)
        again.bit_generator.state = shuffling
        pieces = self._pieces(again, epoch)
        if done > len(pieces):
            raise ValueError(f"{done} updates cannot be done of an epoch's {len(pieces)}")
        if not done or self.chunk_length is None or not any(layer.states() for layer in self.run.net.layers):
            return
        if {len(state) for state in carried.values()} != {len(pieces[done - 1][0])}:
            raise ValueError("the states that it carries on are of another minibatch")

    def _pieces(self, shuffling: np.random.Generator, epoch: int) -> list[Any]:
        """Return what each update of an epoch takes of the data: a minibatch, or a chunk of one."""
        data = self.run.data
        in_order = not self.shuffle or (self.shuffle == "later" and epoch == 0)
        batches = [*data.batches(self.run.batch_size, None if in_order else shuffling)]
        if in_order and self.shuffle:
            batches.reverse()  # short ones first
        if self.chunk_length is None:
            return [(chosen,) for chosen in batches]
        return list(chunks.cut(batches, data, self.chunk_length))

    def _end_epoch(self) -> KeyboardInterrupt | None:
        """Validate and call back, with the averaged parameters if there are any.

        A callback's own KeyboardInterrupt is returned, as the epoch is over.
        """
        run, optimizer = self.run, self.optimizer
        total, shares, norms = self.sums
        rate = optimizer.rate(len(run.history) + 1.0, self.optimizer_state)
        descending, epoch, interrupted = self._exchange(), len(run.history), None
        try:
            run.end_epoch(total / shares if shares else 0.0, norms / self.n_updates, rate)
        except KeyboardInterrupt as error:
            if len(run.history.seconds) == epoch:  # it came before the callbacks
                raise
            interrupted = error
        if descending is not None:
            run.net.theta[...] = descending
        optimizer.observe(run.history.monitored[-1], self.optimizer_state)
        self._begin_epoch()
        return interrupted

    def _exchange(self) -> Array | None:
        """Put the averaged parameters, if there are any, in the place of the present ones, and return those."""
        if self.averaging is None:
            return None
        theta = self.run.net.theta
        present = theta.copy()
        theta[...] = self.average["mean"]
        return present
