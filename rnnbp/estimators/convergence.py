"""When training has converged, by scikit-learn's rule.

An epoch is an improvement if it is better than the best one so far by ``tol``: in its training loss, or with early
stopping in the score on the validation data. After more than ``n_iter_no_change`` epochs without, training ends; or a
learning rate that is "adaptive" is divided by 5 instead, until it is at most 1e-6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rnnbp.estimators.rates import adaptive
from rnnbp.networks.network import Network
from rnnbp.optimizers import State

if TYPE_CHECKING:
    from rnnbp import History
    from rnnbp.estimators.base import NetworkEstimator

__all__ = ["Convergence"]


class Convergence:
    """A callback of `rnnbp.fit` that writes an estimator's learning curves, and ends its training.

    Parameters
    ----------
    estimator : NetworkEstimator
        Its ``loss_curve_`` and the like are continued.
    n_examples : int
        In an epoch.
    state : State or None
        The optimizer's, which holds an adaptive learning rate; None for one that knows itself when it has converged.
    """

    def __init__(self, estimator: NetworkEstimator, n_examples: int, state: State | None) -> None:
        self._estimator, self._n_examples, self._state = estimator, n_examples, state

    def __call__(self, net: Network, history: History) -> bool:
        """Note an epoch; return whether it was the last."""
        estimator = self._estimator
        estimator.n_iter_ += 1
        estimator.t_ += self._n_examples
        estimator.loss_ = history.loss[-1]
        estimator.loss_curve_.append(estimator.loss_)
        self._say(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        if estimator.validation_loss_curve_ is not None:
            estimator.validation_loss_curve_.append(history.validation_loss[-1])
        improved = self._score(net, history.validation_score[-1]) if estimator._stops_early else self._loss()
        if self._state is None:
            return False
        estimator.n_iter_without_improvement_ = 0 if improved else estimator.n_iter_without_improvement_ + 1
        return estimator.n_iter_without_improvement_ > estimator.n_iter_no_change and self._ends(self._state)

    def _loss(self) -> bool:
        estimator, loss = self._estimator, self._estimator.loss_
        assert estimator.best_loss_ is not None
        improved = loss <= estimator.best_loss_ - estimator.tol
        estimator.best_loss_ = min(loss, estimator.best_loss_)
        return improved

    def _score(self, net: Network, score: float) -> bool:
        estimator = self._estimator
        assert estimator.validation_scores_ is not None
        assert estimator.best_validation_score_ is not None
        estimator.validation_scores_.append(score)
        self._say(f"Validation score: {score:f}")
        best = estimator.best_validation_score_
        if score > best:
            estimator.best_validation_score_ = score
            estimator._best_theta = net.theta.copy()
        return np.isnan(score) or score >= best + estimator.tol

    def _ends(self, state: State) -> bool:
        estimator = self._estimator
        what = "Validation score" if estimator._stops_early else "Training loss"
        message = f"{what} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} epochs."
        if "schedule.rate" in state and adaptive.reduce(state):
            estimator.n_iter_without_improvement_ = 0
            self._say(f"{message} Setting learning rate to {float(state['schedule.rate']):f}")
            return False
        self._say(f"{message} Stopping.")
        return True

    def _say(self, text: str) -> None:
        if self._estimator.verbose:
            print(text)
