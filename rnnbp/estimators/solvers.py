r"""The optimizer that an estimator's settings describe: the one place where it is made.

The learning rates of scikit-learn's ``solver="sgd"`` are::

    invscaling    rate = init / (t + 1)^power_t        t the examples seen, counted at the end of each epoch
    adaptive      rate = init / 5^n                    n the times that the loss stopped falling
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp import optimizers
from rnnbp.estimators.settings import Training
from rnnbp.optimizers import FullBatchOptimizer, Optimizer, Schedule, State

__all__ = ["adaptive", "invscaling", "make_optimizer", "solver_is_stochastic", "solver_name"]


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


def make_optimizer(settings: Training, n_examples: int, seen: int) -> Optimizer | FullBatchOptimizer:
    """Return the optimizer for epochs of `n_examples`, before which so many examples were seen."""
    solver, clip_norm = settings.solver, getattr(settings, "clip_norm", None)
    if not isinstance(solver, str):
        return solver
    if solver == "lbfgs":
        return optimizers.LBFGS(gradient_tolerance=settings.tol, max_evaluations=settings.max_fun)
    if solver == "adam":
        return optimizers.Adam(
            settings.learning_rate_init,
            beta_1=settings.beta_1,
            beta_2=settings.beta_2,
            epsilon=settings.epsilon,
            clip_norm=clip_norm,
        )
    first = float(settings.learning_rate_init)
    rate: float | Schedule = first
    if settings.learning_rate == "invscaling":
        rate = invscaling(first, settings.power_t, n_examples, seen)
    elif settings.learning_rate == "adaptive":
        rate = adaptive(first)
    nesterov = settings.nesterovs_momentum and settings.momentum > 0
    return optimizers.SGD(rate, momentum=settings.momentum, nesterov=nesterov, clip_norm=clip_norm)


def solver_name(settings: Training) -> str:
    """Return what messages call the solver."""
    return settings.solver if isinstance(settings.solver, str) else type(settings.solver).__name__


def solver_is_stochastic(settings: Any) -> bool:
    """Return whether an estimator can have `partial_fit`, or say in an AttributeError why not."""
    if settings.solver == "lbfgs" or isinstance(settings.solver, FullBatchOptimizer):
        raise AttributeError(f"partial_fit needs a solver that takes minibatches, but solver={settings.solver!r}")
    return True
