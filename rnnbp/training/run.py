"""What is the same for every way to train: gradients that are finite, and what happens at the end of an epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import shown
from rnnbp.data.batch import Batch
from rnnbp.data.training_set import Minibatch, TrainingSet
from rnnbp.losses import Loss
from rnnbp.losses.consistency import Consistent
from rnnbp.networks.network import Network
from rnnbp.networks.passes import BatchGradient, loss_and_gradient
from rnnbp.optimizers import Optimizer, State, clip_by_norm
from rnnbp.training.evaluation import evaluate_set
from rnnbp.training.history import Callback, History
from rnnbp.training.next_step import NextStep
from rnnbp.warning import warn

__all__ = ["Augment", "Found", "NonFiniteError", "TrainingRun"]

Array = NDArray[Any]
Index = NDArray[np.intp]
Augment = Callable[[Array, np.random.Generator], Array]

GROWTH = 1000.0  # of the loss, beyond which training diverges


class NonFiniteError(ArithmeticError):
    """Training met a loss or gradient that is NaN or infinite; the parameters are those before it.

    See Also
    --------
    rnnbp.fit

    Examples
    --------
    >>> import numpy as np
    >>> import rnnbp
    >>> from rnnbp import layers
    >>> net = rnnbp.Network([layers.Dense(1, 1)])
    >>> net.theta[:] = 1e30
    >>> try:
    ...     rnnbp.fit(net, np.ones((4, 1)), np.zeros(4), loss="mean_squared_error")
    ... except NonFiniteError:
    ...     print("not finite")
    not finite
    """


class Found(NamedTuple):
    """What a minibatch, or a chunk of one, has given.

    Attributes
    ----------
    value : float
        The loss.
    gradient : ndarray of shape (n_parameters,)
    final_states : dict of str to ndarray
        If they were asked for; one row for each sequence.
    share : float
        What the loss is divided by: its share in the loss of all.
    norm : float
        Of the gradient.
    n_rows : int
        Examples or frames.
    """

    value: float
    gradient: Array
    final_states: dict[str, Array]
    share: float
    norm: float
    n_rows: int


@dataclass
class TrainingRun:
    """One training run: what stays the same in it, its history, and its best parameters.

    ``consistency`` is the weight of `rnnbp.losses.consistency`, for which each example is taken twice.
    ``every`` is the number of minibatches from one change of the parameters to the next; see `descend_apart`.
    It is a context, as one whose data are elsewhere lets go of these at its end.
    """

    computes_here: ClassVar[bool] = True

    net: Network
    data: TrainingSet
    loss: Loss
    batch_size: int
    validation: TrainingSet | None = None
    score: Callable[..., float] | None = None
    callbacks: tuple[Callback, ...] = ()
    l2: float = 0.0
    consistency: float = 0.0
    history: History = field(default_factory=History)
    best: Array | None = None
    first_loss: float | None = None
    every: int = 1
    _began: float = field(default_factory=time.perf_counter)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def minibatch(
        self,
        chosen: Index,
        start: int = 0,
        stop: int | None = None,
        *,
        augment: Augment | None = None,
        rng: np.random.Generator | None = None,
        next_step: NextStep | None = None,
        teacher_forcing: float = 1.0,
        **states: Any,
    ) -> Found:
        """Return loss and gradient of some examples, which are finite.

        Parameters
        ----------
        chosen : ndarray of int
        start, stop : int
            Which steps of the sequences; see `TrainingSet.take`.
        augment, rng : callable and numpy.random.Generator, or None
            What makes others of the examples, and what it draws from.
        next_step : NextStep or None
            What makes the network's own outputs of some frames.
        teacher_forcing : float
        states
            ``initial_states`` and ``final_states``; see `loss_and_gradient`.
        """
        if self.consistency:
            chosen = np.repeat(chosen, 2)  # side by side they stay, as they are of one length
        if augment is not None and rng is not None:
            part = self.data.take_changed(chosen, partial(_augmented, augment, rng))
            packing = part.batch.packing
            lengths = chosen if packing is None else packing.unsort(packing.lengths)
            if self.consistency and (lengths[::2] != lengths[1::2]).any():
                raise ValueError("augment must leave an example's length alone where consistency compares two of it")
        elif next_step is not None:
            part = self.data.take_changed(chosen, partial(next_step.replay, self.net, p=teacher_forcing))
        else:
            part = self.data.take(chosen, start, stop)
        (value, gradient, final), norm = self.gradient(part, teacher_forcing=teacher_forcing, **states)
        return Found(value, gradient, final, self.share(part), norm, len(part.batch.rows))

    def descend_apart(
        self, pieces: Sequence[Any], optimizer: Optimizer, state: State, times: Sequence[float], **options: Any
    ) -> tuple[float, float, float, int]:
        """Change the parameters by `every` minibatches at once, where that is a way to train.

        Returns
        -------
        value, share, norm, n_rows
            As in `Found`, of all the minibatches; the norm is the sum of theirs.
        """
        raise NotImplementedError("minibatches are taken one by one here")

    def gradient(self, part: Minibatch, **options: Any) -> tuple[BatchGradient, float]:
        """Return loss and gradient of a minibatch, and the gradient's norm; all are finite."""
        assert part.target is not None
        loss = Consistent(self.loss, self.consistency) if self.consistency else self.loss
        found = loss_and_gradient(self.net, part.batch, part.target, loss, weight=part.weight, **options)
        norm = clip_by_norm(found.theta, np.inf)  # clips nothing, and is finite only if every entry is
        if not (math.isfinite(found.value) and (math.isfinite(norm) or np.isfinite(found.theta).all())):
            raise NonFiniteError(self._diagnose(part.batch, found.value, found.theta))
        return found, norm

    def share(self, part: Minibatch) -> float:
        """Return what a minibatch's loss is divided by: its share in the loss of all. Two looks count once."""
        assert part.target is not None
        normalizer = self.loss.normalizer(part.target, part.weight)
        return normalizer / 2 if self.consistency and not self.loss.is_sum else normalizer

    def penalize(self, value: float, gradient: Array, normalizer: float) -> float:
        """Return the loss with the penalty of its matrices, whose gradient is added in place."""
        if not normalizer:
            return value
        matrices = self.net.theta * self.net.parameters.decayed
        gradient += np.asarray(self.l2 / normalizer, matrices.dtype) * matrices
        return value + 0.5 * self.l2 * float(matrices @ matrices) / normalizer

    def _diagnose(self, batch: Batch, value: float, gradient: Array) -> str:
        with np.errstate(all="ignore"):
            place = self.net.programs.first_non_finite(batch.rows, batch.packing)
        if place is None and not np.isfinite(gradient).all():
            name = self.net.parameters.name_at(int(np.argmin(np.isfinite(gradient))))
            place = f"the gradient of {name!r} (layer {self.net.layers[int(name.split('.')[0])]!r})"
        return (
            f"in epoch {len(self.history) + 1} the loss is {value}, and not all is finite: first "
            f"{place or 'the loss itself'}. The parameters are those before this minibatch. Try a lower learning rate, "
            "clip_norm=1.0 in the optimizer, or inputs scaled to about unit variance."
        )

    def end_epoch(self, loss: float, gradient_norm: float, learning_rate: float) -> bool:
        """Validate, remember the best, call back; return whether that was the last epoch."""
        history = self.history
        if self.validation is not None:
            value, scored = self.validate(self.validation)
            history.validation_loss.append(value)
            if scored is not None:
                history.validation_score.append(scored)
        self._warn_if_diverging(loss)
        history.loss.append(loss)
        history.gradient_norm.append(gradient_norm)
        history.learning_rate.append(learning_rate)
        monitored = history.monitored
        best = monitored[history.best_epoch] if history.best_epoch >= 0 else np.nan
        if np.isnan(best) or monitored[-1] < best:
            history.best_epoch = len(history) - 1
            self.best = self.net.theta.copy()
        now = time.perf_counter()
        history.seconds.append(now - self._began)
        self._began = now
        wishes = [_wish(callback, callback(self.net, history)) for callback in self.callbacks]
        if any(wishes):
            history.stopped = history.stopped or "callback"
        return any(wishes)

    def validate(self, validation: TrainingSet) -> tuple[float, float | None]:
        """Return the loss of validation data, and their score if one is asked for."""
        return evaluate_set(self.net, validation, self.loss, score=self.score)

    def _warn_if_diverging(self, loss: float) -> None:
        """Warn, once, of a loss that is finite and yet far beyond what it was at the first update."""
        first = self.first_loss
        if first is not None and loss > GROWTH * first > 0.0:
            self.first_loss = None
            warn(
                f"the loss has grown from {first:.3g} at the first update to {loss:.3g} in epoch "
                f"{len(self.history) + 1}: training diverges, though all is still finite. Try a lower learning rate, "
                "clip_norm=1.0 in the optimizer, or inputs and targets scaled to about unit variance",
                RuntimeWarning,
            )

    def restore_best(self) -> None:
        """Return to the parameters of the best epoch."""
        if self.best is not None:
            self.net.theta[...] = self.best


def _augmented(augment: Augment, rng: np.random.Generator, example: Array) -> Array:
    return augment(example, rng)


def _wish(callback: Callback, answer: object) -> bool:
    """Return whether a callback wants training to end."""
    if answer is None or isinstance(answer, (bool, np.bool_)):
        return bool(answer)
    raise TypeError(
        f"a callback must return True, False or None, but {shown(callback)} has returned {shown(answer)}: True "
        "ends training"
    )
