r"""Averages of the parameters over training, which are often better than the last ones.

After update t, with parameters θ:

    mean = mean + w(t) (θ - mean)

    Polyak          w(t) = 1 / t                        the mean of all θ since ``start``
    exponential     w(t) = (1 - β) / (1 - βᵗ)           the mean of about the last 1 / (1 - β), weighted by βᵗ⁻ⁱ

The second is Adam's bias-corrected mean in one line: at t = 1 both are θ itself, so that what the network was before
training has no share. The mean is held in float64, as small steps towards it would be lost in rounding. It takes no
part in the descent: the optimizer goes on from θ, and the mean is what is validated and what the network ends with.

Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control Optim. 30, 1992; Izmailov
et al., "Averaging weights leads to wider optima and better generalization", UAI 2018.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from rnnbp.configuration import Configurable, number
from rnnbp.optimizers.base import Array, State

__all__ = ["Average", "ExponentialAverage", "PolyakAverage"]


class Average(Configurable, ABC):
    """A running mean of the parameters, for ``rnnbp.fit(averaging=...)``.

    See Also
    --------
    PolyakAverage
    ExponentialAverage

    Examples
    --------
    >>> isinstance(PolyakAverage(), Average)
    True
    """

    def init(self, theta: Array) -> State:
        """Return the state before the first update: the mean, and the number of updates it is made of."""
        return {"mean": theta.astype(np.float64), "t": np.zeros((), np.int64)}

    def update(self, state: State, theta: Array, *, epoch: float = 0.0) -> None:
        """Take note of the parameters after an update; changes the state in place.

        Parameters
        ----------
        state : dict of arrays
            From ``init``.
        theta : array, shape (P,)
        epoch : float, default 0
            Epochs done, fractions included.
        """
        state["t"] += 1
        step = theta - state["mean"]
        step *= self._weight(state, epoch)
        state["mean"] += step

    @abstractmethod
    def _weight(self, state: State, epoch: float) -> float:
        """Return w(t); may set t back to 0."""


class PolyakAverage(Average):
    """The mean of the parameters after every update.

    Parameters
    ----------
    start : float, default 0
        Epochs that are left out; until then the mean is the present parameters.

    Raises
    ------
    ValueError
        If it is negative.

    See Also
    --------
    ExponentialAverage
    rnnbp.fit

    Examples
    --------
    >>> average = PolyakAverage()
    >>> state = average.init(np.zeros(1))
    >>> for value in (2.0, 4.0):
    ...     average.update(state, np.array([value]))
    >>> print(state["mean"])
    [3.]
    """

    def __init__(self, *, start: float = 0.0) -> None:
        self.start = number("start", start, "[0, inf)")

    def _weight(self, state: State, epoch: float) -> float:
        if epoch < self.start:
            state["t"][...] = 0
        return 1.0 / max(int(state["t"]), 1)


class ExponentialAverage(Average):
    """The mean of the parameters after the latest updates.

    Parameters
    ----------
    decay : float, default 0.999
        β in [0, 1): the mean is of about ``1 / (1 - decay)`` updates.

    Raises
    ------
    ValueError
        If it is out of its range.

    See Also
    --------
    PolyakAverage
    rnnbp.fit

    Examples
    --------
    >>> average = ExponentialAverage(0.5)
    >>> state = average.init(np.zeros(1))
    >>> for value in (2.0, 4.0):
    ...     average.update(state, np.array([value]))
    >>> bool(2.0 < state["mean"][0] < 4.0)
    True
    """

    def __init__(self, decay: float = 0.999) -> None:
        self.decay = number("decay", decay, "[0, 1)")

    def _weight(self, state: State, epoch: float) -> float:
        return (1.0 - self.decay) / (1.0 - self.decay ** int(state["t"]))
