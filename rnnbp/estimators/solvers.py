"""The optimizer that an estimator's settings describe: the one place where it is made."""

from __future__ import annotations

from typing import Any

from rnnbp import optimizers
from rnnbp.estimators import rates
from rnnbp.estimators.settings import Training
from rnnbp.optimizers import FullBatchOptimizer, Optimizer, Schedule

__all__ = ["make_optimizer", "solver_is_stochastic", "solver_name"]


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
        rate = rates.invscaling(first, settings.power_t, n_examples, seen)
    elif settings.learning_rate == "adaptive":
        rate = rates.adaptive(first)
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
