"""Settings that all estimators share, under scikit-learn's names, and the optimizer that they describe."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from rnnbp import optimizers
from rnnbp.configuration import flag, number, whole_number
from rnnbp.estimators import rates
from rnnbp.optimizers import FullBatchOptimizer, Optimizer, Schedule
from rnnbp.training.history import Callback

__all__ = ["Settings", "solver_is_stochastic"]


def solver_is_stochastic(estimator: Any) -> bool:
    """Return whether an estimator can have `partial_fit`, or say in an AttributeError why not."""
    if estimator.solver == "lbfgs" or isinstance(estimator.solver, FullBatchOptimizer):
        raise AttributeError(f"partial_fit needs a solver that takes minibatches, but solver={estimator.solver!r}")
    return True


class Settings:
    """Arguments of constructors, kept unchanged under their names and checked when they are used."""

    solver: str | Optimizer | FullBatchOptimizer
    alpha: float
    batch_size: int | str
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: int | np.random.RandomState | None
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool | str
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    dropout: float
    callbacks: Sequence[Callback]
    clip_norm: float | None = None

    largest_batch: ClassVar[int] = 200  # of batch_size="auto"
    t_: int

    def _keep(self, arguments: dict[str, Any]) -> None:
        """Keep a constructor's arguments, which its ``locals()`` are, unchanged, under their names."""
        for name in type(self)._get_param_names():  # type: ignore[attr-defined]
            setattr(self, name, arguments[name])

    @property
    def _stops_early(self) -> Any:
        """Return whether there is early stopping: as the setting says, unless overridden."""
        return self.early_stopping

    def _check_settings(self) -> None:
        """Check the settings that all estimators share, before any work is done."""
        for name, interval in {
            "alpha": "[0, inf)",
            "learning_rate_init": "(0, inf)",
            "power_t": "[0, inf)",
            "tol": "[0, inf)",
            "momentum": "[0, 1)",
            "beta_1": "[0, 1)",
            "beta_2": "[0, 1)",
            "epsilon": "(0, inf)",
        }.items():
            number(name, getattr(self, name), interval)
        for name in ("shuffle", "warm_start", "nesterovs_momentum"):
            flag(name, getattr(self, name))
        flag("early_stopping", self._stops_early)
        whole_number("max_iter", self.max_iter)
        whole_number("max_fun", self.max_fun)
        if self.n_iter_no_change != np.inf:
            whole_number("n_iter_no_change", self.n_iter_no_change)
        if self.batch_size != "auto":
            whole_number("batch_size", self.batch_size)
        number("validation_fraction", self.validation_fraction, "[0, 1)")
        number("dropout", self.dropout, "[0, 1)")
        if self.learning_rate not in ("constant", "invscaling", "adaptive"):
            raise ValueError(
                f"learning_rate must be 'constant', 'invscaling' or 'adaptive', but {self.learning_rate!r} was given; "
                "the rate itself is learning_rate_init"
            )

    def _batch_size(self, n_examples: int) -> int:
        if self.batch_size == "auto":
            return min(self.largest_batch, n_examples)
        batch_size = whole_number("batch_size", self.batch_size)
        if batch_size > n_examples:
            warnings.warn(
                f"Got `batch_size` less than 1 or larger than sample size. It is going to be clipped to {n_examples}.",
                stacklevel=6,
            )
        return min(batch_size, n_examples)

    def _make_optimizer(self, n_examples: int) -> Optimizer | FullBatchOptimizer:
        if isinstance(self.solver, (Optimizer, FullBatchOptimizer)):
            return self.solver
        if self.solver == "adam":
            return optimizers.Adam(
                self.learning_rate_init,
                beta_1=self.beta_1,
                beta_2=self.beta_2,
                epsilon=self.epsilon,
                clip_norm=self.clip_norm,
            )
        if self.solver == "sgd":
            rate: float | Schedule = float(self.learning_rate_init)
            if self.learning_rate == "invscaling":
                rate = rates.invscaling(self.learning_rate_init, self.power_t, n_examples, self.t_)
            elif self.learning_rate == "adaptive":
                rate = rates.adaptive(self.learning_rate_init)
            return optimizers.SGD(
                rate,
                momentum=self.momentum,
                nesterov=self.nesterovs_momentum and self.momentum > 0,
                clip_norm=self.clip_norm,
            )
        if self.solver == "lbfgs":
            return optimizers.LBFGS(gradient_tolerance=self.tol, max_evaluations=self.max_fun)
        raise ValueError(
            f"solver must be 'adam', 'sgd', 'lbfgs' or an optimizer such as rnnbp.optimizers.RMSprop(), but "
            f"{self.solver!r} was given"
        )
