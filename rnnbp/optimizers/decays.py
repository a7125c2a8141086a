r"""Schedules that fall from a value at the start: for learning rates, and for the probability of teacher forcing.

    linear             η = rate + (final - rate) min(e / epochs, 1)
    exponential        η = rate (final / rate)^min(e / epochs, 1)
    inverse_sigmoid    η = rate k / (k + exp(e / k))

The first two may rise, too. All are functions of the time e in epochs, fractions included; see
:mod:`rnnbp.optimizers.schedules`, under which they are known.

Bengio, Vinyals, Jaitly and Shazeer, "Scheduled sampling for sequence prediction with recurrent neural networks", NIPS
2015, uses the three for the probability that the next step is fed the target and not the network's own output.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rnnbp.configuration import number
from rnnbp.names import explained_class
from rnnbp.optimizers.base import Schedule, State

__all__ = ["exponential", "inverse_sigmoid", "linear"]


@explained_class
@dataclass(frozen=True)
class linear(Schedule):
    """A value that moves to ``final`` along a line.

    Parameters
    ----------
    rate : float
        At the start.
    epochs : float
        Until the end.
    final : float, default 0

    Raises
    ------
    ValueError
        If ``rate`` or ``epochs`` is not positive, or ``final`` is negative.

    See Also
    --------
    exponential
    cosine

    Examples
    --------
    >>> schedule = linear(1.0, epochs=4)
    >>> [schedule(epoch) for epoch in (0, 1, 4, 10)]
    [1.0, 0.75, 0.0, 0.0]
    """

    rate: float
    epochs: float
    final: float = 0.0

    def __post_init__(self) -> None:
        number("rate", self.rate)
        number("epochs", self.epochs)
        number("final", self.final, "[0, inf)")

    def __call__(self, epoch: float, state: State | None = None) -> float:
        """Return the value at that time; see :class:`Schedule`."""
        return self.rate + (self.final - self.rate) * min(epoch / self.epochs, 1.0)


@explained_class
@dataclass(frozen=True)
class exponential(Schedule):
    """A value that moves to ``final`` by the same factor in every epoch.

    Parameters
    ----------
    rate : float
        At the start.
    epochs : float
        Until the end.
    final : float

    Raises
    ------
    ValueError
        If one of them is not positive.

    See Also
    --------
    linear
    cosine

    Examples
    --------
    >>> schedule = exponential(1.0, epochs=2, final=0.01)
    >>> [round(schedule(epoch), 3) for epoch in (0, 1, 2)]
    [1.0, 0.1, 0.01]
    """

    rate: float
    epochs: float
    final: float

    def __post_init__(self) -> None:
        number("rate", self.rate)
        number("epochs", self.epochs)
        number("final", self.final)

    def __call__(self, epoch: float, state: State | None = None) -> float:
        """Return the value at that time; see :class:`Schedule`."""
        return float(self.rate * (self.final / self.rate) ** min(epoch / self.epochs, 1.0))


@explained_class
@dataclass(frozen=True)
class inverse_sigmoid(Schedule):
    """A value that stays for a while and then falls to nothing.

    Parameters
    ----------
    rate : float
        At the start nearly: ``rate * k / (k + 1)``.
    k : float
        At least 1, in epochs: half of the fall is done at ``k * log(k)``.

    Raises
    ------
    ValueError
        If ``rate`` is not positive, or ``k`` below 1.

    See Also
    --------
    linear
    rnnbp.fit

    Examples
    --------
    >>> schedule = inverse_sigmoid(1.0, k=5)
    >>> [round(schedule(epoch), 2) for epoch in (0, 10, 30)]
    [0.83, 0.4, 0.01]
    """

    rate: float
    k: float

    def __post_init__(self) -> None:
        number("rate", self.rate)
        number("k", self.k, "[1, inf)")

    def __call__(self, epoch: float, state: State | None = None) -> float:
        """Return the value at that time; see :class:`Schedule`."""
        return self.rate / (1.0 + math.exp(min(epoch / self.k, 700.0)) / self.k)  # beyond 709 exp overflows
