r"""The learning rates of scikit-learn's ``solver="sgd"``.

::

    invscaling    rate = init / (t + 1)^power_t        t the examples seen, counted at the end of each epoch
    adaptive      rate = init / 5^n                    n the times that the loss stopped falling
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rnnbp.optimizers import Schedule, State

__all__ = ["adaptive", "invscaling"]


@dataclass(frozen=True)
class invscaling(Schedule):
    """A rate that falls with the number of examples seen.

    Parameters
    ----------
    rate : float
        Before the first example.
    power_t : float
    n_examples : int
        In an epoch.
    seen : int, default 0
        Examples seen before.
    """

    rate: float
    power_t: float
    n_examples: int
    seen: int = 0

    def __call__(self, epoch: float, state: State | None = None) -> float:
        """Return the rate at that time; see `Schedule`."""
        return float(self.rate / (self.seen + math.floor(epoch) * self.n_examples + 1) ** self.power_t)


@dataclass(frozen=True)
class adaptive(Schedule):
    """A rate that stays until it is reduced: the rule for when is `Convergence`'s.

    Parameters
    ----------
    rate : float
        At the start.
    """

    rate: float

    def init(self) -> State:
        """Return the rate."""
        return {"schedule.rate": np.array(self.rate)}

    def __call__(self, epoch: float, state: State | None = None) -> float:
        """Return the present rate; see `Schedule`."""
        return self.rate if state is None else float(state["schedule.rate"])

    @staticmethod
    def reduce(state: State) -> bool:
        """Divide the rate by 5, and return whether it was worth it: not once it is at most 1e-6."""
        if state["schedule.rate"] <= 1e-6:
            return False
        state["schedule.rate"] /= 5.0
        return True
