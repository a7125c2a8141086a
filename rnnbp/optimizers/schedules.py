r"""Learning-rate schedules: the rate η as a function of the time e in epochs, fractions included.

    constant             η = rate
    step                 η = rate · factor^⌊e / every⌋
    cosine               η = final + (rate - final) (1 + cos(π e / epochs)) / 2
    one_cycle            half a cosine up to the peak, then half a cosine down to almost nothing
    reduce_on_plateau    η = rate · factorⁿ, n the times that the observed loss stopped falling
    linear, exponential, inverse_sigmoid                      see :mod:`rnnbp.optimizers.decays`
    warm_up              any of them, times a factor that rises linearly to 1 at the beginning

They are classes with the names of functions, as ``functools.partial`` is, because that is how they are
used:

    optimizers.Adam(schedules.cosine(1e-3, epochs=20))

Beyond its last epoch a schedule stays at its last rate.

Cosine: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017. One
cycle: Smith and Topin, "Super-convergence", 2018.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

import numpy as np

from rnnbp.configuration import number, shown, whole_number
from rnnbp.names import explained_class
from rnnbp.optimizers.base import Schedule, State
from rnnbp.optimizers.decays import exponential, inverse_sigmoid, linear

__all__ = [
    "constant",
    "cosine",
    "exponential",
    "inverse_sigmoid",
    "linear",
    "one_cycle",
    "reduce_on_plateau",
    "step",
    "warm_up",
]


@explained_class
@dataclass(frozen=True)
class constant(Schedule):
    """The same rate throughout, as a plain number for ``learning_rate`` means too.

    Parameters
    ----------
    rate : float

    Raises
    ------
    ValueError
        If the rate is not positive.

    Examples
    --------
    >>> constant(0.1)(7)
    0.1
    """

    rate: float

    def __post_init__(self) -> None:
        number("rate", self.rate)

    def __call__(self, epoch: float, state: State | None = None) -> float:
        """Return the rate; see :class:`Schedule`."""
        return self.rate


@explained_class
@dataclass(frozen=True)
class step(Schedule):
    """A rate that is multiplied by ``factor`` every so many epochs.

    Parameters
    ----------
    rate : float
        In the first epochs.
    every : float
        Epochs between changes.
    factor : float, default 0.1

    Raises
    ------
    ValueError
        If one of them is not positive.

    See Also
    --------
    exponential

    Examples
    --------
    >>> schedule = step(1.0, every=10, factor=0.5)
    >>> [schedule(epoch) for epoch in (0, 9, 10, 20)]
    [1.0, 1.0, 0.5, 0.25]
    """

    rate: float
    every: float
    factor: float = 0.1

    def __post_init__(self) -> None:
        number("rate", self.rate)
        number("every", self.every)
        number("factor", self.factor)

    def __call__(self, epoch: float, state: State | None = None) -> float:
        """Return the rate at that time; see :class:`Schedule`."""
        return self.rate * self.factor ** math.floor(epoch / self.every)


@explained_class
@dataclass(frozen=True)
class cosine(Schedule):
    """A rate that falls to ``final`` along half a cosine.

    Parameters
    ----------
    rate : float
        At the start.
    epochs : float
        Until the end, usually ``max_epochs``.
    final : float, default 0

    Raises
    ------
    ValueError
        If ``rate`` or ``epochs`` is not positive, or ``final`` is not between 0 and ``rate``.

    See Also
    --------
    linear
    one_cycle

    Examples
    --------
    >>> schedule = cosine(1.0, epochs=2)
    >>> [round(schedule(epoch), 2) for epoch in (0, 1, 2)]
    [1.0, 0.5, 0.0]
    """

    rate: float
    epochs: float
    final: float = 0.0

    def __post_init__(self) -> None:
        number("rate", self.rate)
        number("epochs", self.epochs)
        number("final", self.final, f"[0, {self.rate}]")

    def __call__(self, epoch: float, state: State | None = None) -> float:
        """Return the rate at that time; see :class:`Schedule`."""
        return _half_cosine(self.rate, self.final, epoch / self.epochs)


@explained_class
@dataclass(frozen=True)
class one_cycle(Schedule):
    """A rate that rises to a peak and falls to almost nothing; equal to torch's ``OneCycleLR``.

    Parameters
    ----------
    peak : float
        The highest rate.
    epochs : float
        Until the end, usually ``max_epochs``.
    pct_start : float, default 0.3
        Share of the epochs in which the rate rises, in (0, 1).
    div_factor : float, default 25
        The first rate is ``peak / div_factor``.
    final_div_factor : float, default 1e4
        The last rate is the first one divided by this.

    Raises
    ------
    ValueError
        If ``peak`` or ``epochs`` is not positive, ``pct_start`` not in (0, 1), or a divisor below 1.

    See Also
    --------
    cosine
    warm_up

    Examples
    --------
    >>> schedule = one_cycle(1.0, epochs=10)
    >>> [round(schedule(epoch), 3) for epoch in (0, 3, 10)]
    [0.04, 1.0, 0.0]
    """

    peak: float
    epochs: float
    _: KW_ONLY
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4

    def __post_init__(self) -> None:
        number("peak", self.peak)
        number("epochs", self.epochs)
        number("pct_start", self.pct_start, "(0, 1)")
        number("div_factor", self.div_factor, "[1, inf)")
        number("final_div_factor", self.final_div_factor, "[1, inf)")

    def __call__(self, epoch: float, state: State | None = None) -> float:
        """Return the rate at that time; see :class:`Schedule`."""
        first, top = self.peak / self.div_factor, self.pct_start * self.epochs
        if epoch < top:
            return _half_cosine(first, self.peak, epoch / top)
        return _half_cosine(self.peak, first / self.final_div_factor, (epoch - top) / (self.epochs - top))


@explained_class
@dataclass(frozen=True)
class reduce_on_plateau(Schedule):
    """A rate that is multiplied by ``factor`` when the observed loss has not fallen for some epochs.

    The training loop reports each epoch's loss (the validation loss, if there is one) through ``observe``.

    Parameters
    ----------
    rate : float
        At the start.
    factor : float, default 0.1
        In (0, 1).
    patience : int, default 10
        Epochs in a row without a fall that are let pass; the next one reduces the rate.
    threshold : float, default 1e-4
        What counts as a fall, relative to the best loss so far.
    min_rate : float, default 0
        The rate goes no lower.

    Raises
    ------
    ValueError
        If a setting is outside its range.

    See Also
    --------
    step

    Examples
    --------
    >>> from rnnbp.optimizers import Adam
    >>> Adam(reduce_on_plateau(1e-2, factor=0.5, patience=5)).learning_rate.factor
    0.5
    """

    rate: float
    factor: float = 0.1
    patience: int = 10
    _: KW_ONLY
    threshold: float = 1e-4
    min_rate: float = 0.0

    def __post_init__(self) -> None:
        number("rate", self.rate)
        number("factor", self.factor, "(0, 1)")
        whole_number("patience", self.patience, least=0)
        number("threshold", self.threshold, "[0, 1)")
        number("min_rate", self.min_rate, f"[0, {self.rate}]")

    def init(self) -> State:
        """Return the best loss so far, the epochs since then, and the reductions made."""
        return {
            "schedule.best": np.array(np.inf),
            "schedule.waited": np.zeros((), np.int64),
            "schedule.reductions": np.zeros((), np.int64),
        }

    def __call__(self, epoch: float, state: State | None = None) -> float:
        """Return the rate after the reductions made so far; see :class:`Schedule`."""
        reductions = 0 if state is None else int(state["schedule.reductions"])
        return max(self.rate * self.factor**reductions, self.min_rate)

    def observe(self, metric: float, state: State) -> None:
        """Count an epoch without a fall (a NaN is none); see :class:`Schedule`."""
        best, waited = state["schedule.best"], state["schedule.waited"]
        if metric < (best - self.threshold * abs(best) if np.isfinite(best) else best):
            best[...] = metric
            waited[...] = 0
            return
        waited += 1
        if waited > self.patience:
            waited[...] = 0
            state["schedule.reductions"] += 1


@explained_class
@dataclass(frozen=True)
class warm_up(Schedule):
    """Any schedule, its rate multiplied by a factor that first rises linearly from ``start`` to 1.

    Parameters
    ----------
    schedule : Schedule
    epochs : float
        Until the factor is 1.
    start : float, default 0.01
        In (0, 1].

    Raises
    ------
    ValueError
        If a setting is outside its range.

    See Also
    --------
    cosine
    one_cycle

    Examples
    --------
    >>> schedule = warm_up(cosine(1.0, epochs=100), epochs=10)
    >>> schedule(0) < schedule(5) < schedule(10)
    True
    """

    schedule: Schedule
    epochs: float
    _: KW_ONLY
    start: float = 0.01

    def __post_init__(self) -> None:
        if not isinstance(self.schedule, Schedule):
            raise ValueError(f"warm_up needs a schedule, such as constant(0.001), but {shown(self.schedule)} was given")
        number("epochs", self.epochs)
        number("start", self.start, "(0, 1]")

    def init(self) -> State:
        """Return what the schedule within remembers."""
        return self.schedule.init()

    def __call__(self, epoch: float, state: State | None = None) -> float:
        """Return the rate at that time; see :class:`Schedule`."""
        factor = self.start + (1 - self.start) * min(epoch / self.epochs, 1.0)
        return factor * self.schedule(epoch, state)

    def observe(self, metric: float, state: State) -> None:
        """Pass an epoch's result on to the schedule within."""
        self.schedule.observe(metric, state)


def _half_cosine(start: float, end: float, progress: float) -> float:
    """Return the way from start to end at a progress of 0 .. 1, flat at both ends."""
    return end + (start - end) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2
