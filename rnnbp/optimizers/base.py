r"""What an optimizer and a learning-rate schedule are.

An optimizer holds settings only, so that one object may train several networks. What it remembers from
update to update (momenta, counts) is a *state*: a dictionary of arrays made by ``init``, owned by the
caller, and changed in place, so that a training run can be saved and resumed from ``theta`` and the state
alone::

    state = optimizer.init(theta)
    for each minibatch:
        loss, gradient = ...
        optimizer.update(theta, gradient, state, epoch=epoch, loss=loss)

``update`` is the same for all: clip the gradient, ask the schedule for the rate, take the step. A new
optimizer defines ``rule`` and ``numbers`` (or, if its step is not elementwise, ``_step``) and ``_memory``, if
it remembers anything; listing it in ``optimizers/__init__.py`` makes it known by name and puts it in the
conformance tests.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import Configurable, number, shown
from rnnbp.optimizers.clipping import clip_by_norm, clip_by_value
from rnnbp.optimizers.rule import Rule, Update

__all__ = ["Optimizer", "Schedule", "State"]

Array = NDArray[Any]
State = dict[str, Array]


class Schedule(Configurable, ABC):
    """A learning rate that changes over training; its unit of time is the epoch.

    See Also
    --------
    rnnbp.optimizers.schedules.cosine

    Examples
    --------
    One of one's own, for ``Adam(Halving(1e-3))``:

    >>> class Halving(Schedule):
    ...     def __init__(self, rate):
    ...         self.rate = rate
    ...     def __call__(self, epoch, state=None):
    ...         return self.rate / 2 ** int(epoch)
    >>> Halving(8.0)(2.5)
    2.0
    """

    def init(self) -> State:
        """Return what the schedule remembers: nothing, unless it looks at results."""
        return {}

    @abstractmethod
    def __call__(self, epoch: float, state: State | None = None) -> float:
        """Return the learning rate after so many epochs, fractions included.

        A schedule that remembers something looks it up in ``state``; without one, it is as at the start.
        """

    def observe(self, metric: float, state: State) -> None:
        """Take note of an epoch's result, of which lower is better; changes the state in place."""


class Optimizer(Configurable, ABC):
    """A first-order optimizer of one flat parameter vector.

    Parameters
    ----------
    learning_rate : float or Schedule
        Positive; a number is a rate that stays.
    clip_norm : float, optional
        Scale a gradient of larger Euclidean norm down to this one. Default: no limit.
    clip_value : float, optional
        Limit every entry of the gradient to ``[-clip_value, clip_value]``, before ``clip_norm`` is applied.
        Default: no limit.

    Raises
    ------
    ValueError
        If a setting is outside its range.
    TypeError
        If the learning rate is a function, but no schedule.

    See Also
    --------
    SGD
    Adam

    Examples
    --------
    >>> from rnnbp.optimizers import SGD
    >>> theta, sgd = np.array([1.0, 2.0]), SGD(0.1)
    >>> sgd.update(theta, np.array([1.0, 1.0]), sgd.init(theta))
    >>> print(theta)
    [0.9 1.9]
    """

    name: ClassVar[str]

    def __init__(
        self,
        learning_rate: float | Schedule,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        if callable(learning_rate) and not isinstance(learning_rate, Schedule):
            raise TypeError(
                f"learning_rate must be a number or a schedule, but {shown(learning_rate)} was given: take one of "
                f"optimizers.schedules, as in {type(self).__name__}(schedules.cosine(0.001, epochs=100)), or derive "
                "one from optimizers.Schedule"
            )
        self.learning_rate = (
            learning_rate if isinstance(learning_rate, Schedule) else number("learning_rate", learning_rate)
        )
        self.clip_norm = None if clip_norm is None else number("clip_norm", clip_norm)
        self.clip_value = None if clip_value is None else number("clip_value", clip_value)

    def check_state(self, state: State, theta: Array) -> None:
        """Check that a state is what `init` makes for these parameters, as it may have been changed by updates.

        Parameters
        ----------
        state : dict of arrays
        theta : array, shape (P,)

        Raises
        ------
        ValueError
            If it is another optimizer's, or of other parameters; says what differs.
        """
        fresh = self.init(theta)
        if not isinstance(state, dict) or state.keys() != fresh.keys():
            names = sorted(state) if isinstance(state, dict) else type(state).__name__
            raise ValueError(
                f"the state must be what {self!r} has made by its init, with {sorted(fresh)}, but {names} was given"
            )
        for name, expected in fresh.items():
            given = state[name]
            if not isinstance(given, np.ndarray) or (given.shape, given.dtype) != (expected.shape, expected.dtype):
                raise ValueError(
                    f"{name!r} of the optimizer's state must be {expected.dtype} of shape {expected.shape}, as these "
                    f"parameters need, but {getattr(given, 'dtype', type(given).__name__)} of shape {np.shape(given)} "
                    "was given"
                )

    def init(self, theta: Array, *, decayed: NDArray[np.bool_] | None = None) -> State:
        """Return the state before the first update.

        Parameters
        ----------
        theta : array, shape (P,)
            The parameters: a vector of float32 or float64.
        decayed : array of bool, shape (P,), optional
            The parameters that weight decay applies to: matrices, not biases. Default: all.

        Returns
        -------
        state : dict of arrays
            To be passed to every ``update``, which changes it in place.
        """
        if not isinstance(theta, np.ndarray) or theta.ndim != 1 or theta.dtype.kind != "f":
            raise ValueError("theta must be a vector of float32 or float64, such as Network.theta")
        if not theta.flags.c_contiguous:
            raise ValueError("theta's numbers must follow each other in memory, as those of Network.theta do")
        if decayed is None:
            decayed = np.ones(theta.shape, dtype=bool)
        elif decayed.shape != theta.shape or decayed.dtype != np.bool_:
            raise ValueError(f"decayed must be a boolean mask of theta's shape {theta.shape}")
        state = self._memory(theta, decayed)
        if isinstance(self.learning_rate, Schedule):
            state |= self.learning_rate.init()
        return state

    def update(
        self, theta: Array, gradient: Array, state: State, *, epoch: float = 0.0, loss: float | None = None
    ) -> None:
        """Take one step: change ``theta`` and ``state`` in place.

        Parameters
        ----------
        theta : array, shape (P,)
            Parameters.
        gradient : array, shape (P,)
            Of the loss at ``theta``; clipping changes it in place.
        state : dict of arrays
            From ``init``.
        epoch : float, default 0
            Epochs done, and the fraction of the present one: the time that schedules go by.
        loss : float, optional
            At ``theta``; Rprop steps back when it has risen, the others do not use it.
        """
        if gradient.shape != theta.shape:
            raise ValueError(f"gradient has shape {gradient.shape}, theta {theta.shape}")
        if self.clip_value is not None:
            clip_by_value(gradient, self.clip_value)
        if self.clip_norm is not None:
            clip_by_norm(gradient, self.clip_norm)
        self._step(theta, gradient, state, self.rate(epoch, state), loss)

    def rate(self, epoch: float, state: State) -> float:
        """Return the learning rate of an update at that time."""
        if isinstance(self.learning_rate, Schedule):
            return float(self.learning_rate(epoch, state))
        return self.learning_rate

    def observe(self, metric: float, state: State) -> None:
        """Tell the schedule an epoch's result, of which lower is better; once an epoch."""
        if isinstance(self.learning_rate, Schedule):
            self.learning_rate.observe(metric, state)

    def _memory(self, theta: Array, decayed: NDArray[np.bool_]) -> State:
        """Return what this optimizer remembers, before the first update: arrays only, 0-d for scalars."""
        return {}

    def rule(self) -> Rule | None:
        """Return the step as the text of an elementwise update, which is compiled; None if there is none."""
        return None

    def numbers(self, state: State, rate: float) -> tuple[float, ...]:
        """Return what the rule is given for an update beside vectors; counts in the state go on by one."""
        return ()

    def _step(self, theta: Array, gradient: Array, state: State, rate: float, loss: float | None) -> None:
        """Change ``theta`` and ``state`` in place; the gradient is clipped and must not be changed."""
        rule = self.rule()
        assert rule is not None, "an optimizer defines a rule, or a step of its own"
        update = Update(rule, theta, gradient, state)
        update.set(self.numbers(state, rate))
        update.run()
