"""The one training loop, for static and recurrent networks alike.

::

    for each epoch
        for each minibatch (x, target) of the shuffled examples
            L, dL/dtheta = loss of the network's output, by backpropagation, and l2 |W|^2 / 2 N of its matrices W
            theta <- optimizer(theta, dL/dtheta)
        validate; remember the best; call back; stop early?

A full-batch optimizer (L-BFGS) takes the place of the inner loop: one of its iterations is an epoch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp import losses, optimizers
from rnnbp.batch import Batch
from rnnbp.checks import number, whole_number
from rnnbp.evaluation import evaluate_set
from rnnbp.losses import Loss
from rnnbp.network import Network
from rnnbp.optimizers import FullBatchOptimizer, Optimizer, State
from rnnbp.training_set import TrainingSet

__all__ = ["History", "NonFiniteError", "fit"]

Array = NDArray[Any]
Callback = Callable[[Network, "History"], bool | None]


class NonFiniteError(ArithmeticError):
    """Training met a loss or gradient that is NaN or infinite; the parameters are those before it."""


@dataclass
class History:
    """What happened in training, an entry for each epoch.

    Attributes
    ----------
    loss : list of float
        The mean training loss over the epoch, while the parameters were changing.
    gradient_norm : list of float
        The mean Euclidean norm of the minibatches' gradients, before clipping.
    learning_rate : list of float
        At the epoch's end; NaN for a full-batch optimizer.
    seconds : list of float
        The wall time of the epoch, validation included.
    validation_loss, validation_score : list of float
        Empty if there were no validation data or no score.
    best_epoch : int
        The epoch (from 0) of the lowest validation loss, or training loss if there were no validation data; -1 before
        the first has ended.
    stopped : str
        Why training ended: "max_epochs", "patience", "callback", "converged", "interrupted", or what a full-batch
        optimizer says of a line search that failed.
    """

    loss: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_score: list[float] = field(default_factory=list)
    best_epoch: int = -1
    stopped: str = ""

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def monitored(self) -> list[float]:
        """The losses by which epochs are compared: of validation, if there is any, else of training."""
        return self.validation_loss or self.loss


class _StopTraining(Exception):
    """An epoch was the last; the reason is its argument."""


def fit(
    net: Network,
    x: ArrayLike | Sequence[ArrayLike],
    target: ArrayLike | Sequence[ArrayLike],
    *,
    loss: Loss | str,
    optimizer: Optimizer | FullBatchOptimizer | str = "adam",
    max_epochs: int = 10,
    batch_size: int = 32,
    lengths: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    validation_data: tuple[Any, ...] | None = None,
    score: Callable[[Array, Array], float] | None = None,
    patience: int | None = None,
    callbacks: Iterable[Callback] = (),
    l2: float = 0.0,
    shuffle: bool = True,
    seed: int | np.random.Generator | None = 0,
    optimizer_state: State | None = None,
    progress: bool | None = None,
) -> History:
    """Train a network, in place.

    Parameters
    ----------
    net : Network
    x : array of shape (N, F) or (T, N, F), or list of arrays of shape (T_i, F)
        Static examples, padded time-major sequences, or sequences of any lengths; see `Network.batch`.
    target : array of shape (N, ...) or (T, N, ...), or list of arrays of shape (T_i, ...)
        One for each row of the network's output; see the loss.
    loss : Loss or str
        Such as ``losses.CrossEntropy()`` or its name.
    optimizer : Optimizer, FullBatchOptimizer or str, default "adam"
    max_epochs : int, default 10
        For a full-batch optimizer, iterations.
    batch_size : int, default 32
        Examples or sequences a minibatch; a full-batch optimizer's evaluations are cut into such pieces, which bounds
        memory.
    lengths : array of int, of shape (N,), or None
        The true lengths of padded sequences.
    sample_weight : array of shape (N,) or (T, N), or None
    validation_data : tuple (x, target) or (x, target, lengths), or None
        Evaluated after each epoch.
    score : callable or None
        ``score(target, output)``, such as `rnnbp.metrics.accuracy`, evaluated on the validation data.
    patience : int or None
        If given, training ends when the monitored loss (of validation if there is any, else of training) has not fallen
        for so many epochs, and the parameters of the best epoch are restored.
    callbacks : iterable of callables
        Each is called as ``callback(net, history)`` after each epoch; a true result ends training.
    l2 : float, default 0
        Adds ``l2 * |W|^2 / (2 N)`` to a minibatch's loss, W the weight matrices (no biases) and N what the loss is
        divided by (the number of examples, or the sum of their weights), as in scikit-learn.
    shuffle : bool, default True
        Whether each epoch takes the examples in another order; without, ragged sequences go by length.
    seed : int, numpy.random.Generator or None, default 0
        Of the shuffling; None takes fresh entropy. (Dropout draws from the network's own generator.)
    optimizer_state : dict of arrays, or None
        What an optimizer's ``init`` has made: changed in place, so that another call goes on where this one ends. None
        begins anew. A full-batch optimizer has none.
    progress : bool or None
        Whether to show a progress bar; None shows it on a terminal only.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        If anything does not fit, before training begins.
    NonFiniteError
        If the loss or its gradient is no longer finite; says in which layer, at which step, and what to try.

    Notes
    -----
    Ctrl-C ends training after restoring the parameters of the best epoch (if one has ended).
    """
    loss = losses.get(loss)
    optimizer = optimizers.get(optimizer)
    l2 = number("l2", l2, "[0, inf)")
    if optimizer_state is not None and isinstance(optimizer, FullBatchOptimizer):
        raise ValueError(f"{optimizer!r} remembers nothing from one call to the next: leave out optimizer_state")
    whole_number(max_epochs, "max_epochs")
    whole_number(batch_size, "batch_size")
    if patience is not None:
        whole_number(patience, "patience")
    callbacks = tuple(callbacks)
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(f"a callback is a function of network and history, but {callback!r} was given")
    if score is not None and validation_data is None:
        raise ValueError("a score is computed on validation data: give validation_data=(x, target)")
    data = TrainingSet(net, x, lengths, target=target, loss=loss, sample_weight=sample_weight)
    validation = None if validation_data is None else _validation_set(net, validation_data, loss)
    run = _Run(net, data, loss, validation, score, patience, callbacks, batch_size, l2)
    try:
        if isinstance(optimizer, FullBatchOptimizer):
            _minimize(run, optimizer, max_epochs, progress)
        else:
            rng = np.random.default_rng(seed) if shuffle else None
            state = optimizer_state
            if state is None:
                state = optimizer.init(net.theta, decayed=net.parameters.decayed)
            _descend(run, optimizer, state, max_epochs, rng, progress)
        run.history.stopped = run.history.stopped or "max_epochs"
    except _StopTraining as stop:
        run.history.stopped = str(stop)
    except KeyboardInterrupt:
        run.history.stopped = "interrupted"
    if patience is not None or run.history.stopped == "interrupted":
        run.restore_best()
    return run.history


def _validation_set(net: Network, data: tuple[Any, ...], loss: Loss) -> TrainingSet:
    if not isinstance(data, tuple) or len(data) not in (2, 3):
        raise ValueError("validation_data must be a tuple (x, target) or (x, target, lengths)")
    try:
        return TrainingSet(net, data[0], data[2] if len(data) == 3 else None, target=data[1], loss=loss)
    except ValueError as error:
        raise ValueError(f"validation_data: {error}") from None


@dataclass
class _Run:
    """One training run: what stays the same in it, its history, and its best parameters."""

    net: Network
    data: TrainingSet
    loss: Loss
    validation: TrainingSet | None
    score: Callable[[Array, Array], float] | None
    patience: int | None
    callbacks: tuple[Callback, ...]
    batch_size: int
    l2: float = 0.0
    history: History = field(default_factory=History)
    best: Array | None = None
    _began: float = field(default_factory=time.perf_counter)

    def gradient(self, chosen: NDArray[np.intp]) -> tuple[float, Array, float]:
        """Return loss, gradient and normalizer of a minibatch, all finite."""
        batch, target, weight = self.data.take(chosen)
        assert target is not None
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported below, with its place
            value, gradient = self.net.rows_gradient(batch, target, self.loss, weight=weight)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            raise NonFiniteError(self._diagnose(batch, value, gradient))
        return value, gradient, self.loss.normalizer(target, weight)

    def penalize(self, value: float, gradient: Array, normalizer: float) -> float:
        """Return the loss with the penalty of its matrices, whose gradient is added in place."""
        if self.l2 == 0.0 or normalizer == 0.0:
            return value
        matrices = self.net.theta * self.net.parameters.decayed
        gradient += np.asarray(self.l2 / normalizer, matrices.dtype) * matrices
        return value + 0.5 * self.l2 * float(matrices @ matrices) / normalizer

    def _diagnose(self, batch: Batch, value: float, gradient: Array) -> str:
        with np.errstate(all="ignore"):
            place = self.net.first_non_finite(batch)
        if place is None and not np.isfinite(gradient).all():
            name = self.net.parameters.name_at(int(np.argmin(np.isfinite(gradient))))
            place = f"the gradient of {name!r} (layer {self.net.layers[int(name.split('.')[0])]!r})"
        return (
            f"in epoch {len(self.history)} the loss is {value}, and not all is finite: first "
            f"{place or 'the loss itself'}. The parameters are those before this minibatch. Try a lower learning rate, "
            "clip_norm=1.0 in the optimizer, or inputs scaled to about unit variance."
        )

    def end_epoch(self, loss: float, gradient_norm: float, learning_rate: float) -> None:
        """Validate, remember the best, call back; raise `_StopTraining` if that was the last epoch."""
        history = self.history
        history.loss.append(loss)
        history.gradient_norm.append(gradient_norm)
        history.learning_rate.append(learning_rate)
        if self.validation is not None:
            value, scored = evaluate_set(self.net, self.validation, self.loss, score=self.score)
            history.validation_loss.append(value)
            if scored is not None:
                history.validation_score.append(scored)
        monitored = history.monitored
        best = monitored[history.best_epoch] if history.best_epoch >= 0 else np.nan
        if np.isnan(best) or monitored[-1] < best:
            history.best_epoch = len(history) - 1
            self.best = self.net.theta.copy()
        now = time.perf_counter()
        history.seconds.append(now - self._began)
        self._began = now
        wishes = [callback(self.net, history) for callback in self.callbacks]
        if any(wishes):
            raise _StopTraining("callback")
        if self.patience is not None and len(history) - 1 - history.best_epoch >= self.patience:
            raise _StopTraining("patience")

    def restore_best(self) -> None:
        """Return to the parameters of the best epoch."""
        if self.best is not None:
            self.net.theta[...] = self.best

    def status(self) -> dict[str, str]:
        """Return what the progress bar shows of the last epoch."""
        history, shown = self.history, {}
        if history.loss:
            shown["loss"] = f"{history.loss[-1]:.4g}"
        if history.validation_loss:
            shown["validation"] = f"{history.validation_loss[-1]:.4g}"
        if history.validation_score:
            shown["score"] = f"{history.validation_score[-1]:.4g}"
        return shown


def _descend(
    run: _Run,
    optimizer: Optimizer,
    state: State,
    max_epochs: int,
    rng: np.random.Generator | None,
    progress: bool | None,
) -> None:
    """Train by minibatches."""
    net = run.net
    n_batches = -(-run.data.n_examples // run.batch_size)
    with _bar(max_epochs * n_batches, "update", progress) as bar:
        for epoch in range(max_epochs):
            total = normalizer = norms = 0.0
            for k, chosen in enumerate(run.data.batches(run.batch_size, rng)):
                value, gradient, share = run.gradient(chosen)
                value = run.penalize(value, gradient, share)
                norms += optimizers.clip_by_norm(gradient, np.inf)  # clips nothing, and squares without overflow
                optimizer.update(net.theta, gradient, state, epoch=epoch + k / n_batches, loss=value)
                total, normalizer = total + value * share, normalizer + share
                bar.update()
            rate = optimizer.rate(epoch + 1.0, state)
            run.end_epoch(total / normalizer if normalizer else 0.0, norms / n_batches, rate)
            optimizer.observe(run.history.monitored[-1], state)
            bar.set_postfix(run.status())


def _minimize(run: _Run, optimizer: FullBatchOptimizer, max_epochs: int, progress: bool | None) -> None:
    """Train by a full-batch optimizer."""
    net, pieces = run.net, list(run.data.batches(run.batch_size))
    dropout = net.rng.bit_generator.state
    seen: list[float] = []  # the finite losses

    def whole(theta: Array) -> tuple[float, Array]:
        net.rng.bit_generator.state = dropout  # a line search needs the same masks at every point
        total, normalizer, gradient = 0.0, 0.0, np.zeros_like(net.theta)
        for chosen in pieces:
            try:
                value, piece, share = run.gradient(chosen)
            except NonFiniteError:
                if not seen:
                    raise
                return float("nan"), gradient  # a line search that went too far turns back
            total, normalizer = total + value * share, normalizer + share
            gradient += np.asarray(share, net.dtype) * piece
        gradient /= np.asarray(normalizer, net.dtype)
        seen.append(run.penalize(total / normalizer, gradient, normalizer))
        return seen[-1], gradient

    with _bar(max_epochs, "iteration", progress) as bar:

        def after_iteration(reached: Any) -> None:
            run.end_epoch(reached.loss, reached.gradient_norm, float("nan"))
            bar.update()
            bar.set_postfix(run.status())

        result = optimizer.minimize(whole, net.theta, max_iter=max_epochs, callback=after_iteration)
    if result.converged:
        run.history.stopped = "converged"
    elif result.iteration < max_epochs:
        run.history.stopped = result.message


def _bar(total: int, unit: str, progress: bool | None) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, unit=unit, disable=None if progress is None else not progress)
