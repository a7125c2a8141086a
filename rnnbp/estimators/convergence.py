"""When training has converged, by scikit-learn's rule.

An epoch is an improvement if it is better than the best one so far by ``tol``: in its training loss, or with early
stopping in the score on the validation data. After more than ``n_iter_no_change`` epochs without, training ends; or a
learning rate that is "adaptive" is divided by 5 instead, until it is at most 1e-6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnbp.callbacks import EarlyStopping
from rnnbp.estimators.solvers import adaptive
from rnnbp.networks.network import Network
from rnnbp.optimizers import State

if TYPE_CHECKING:
    from rnnbp import History
    from rnnbp.estimators.base import NetworkEstimator

__all__ = ["Convergence"]


class Convergence(EarlyStopping):
    """Early stopping that goes on where the call of `fit` before has ended, and writes an estimator's learning curves.

    Parameters
    ----------
    estimator : NetworkEstimator
        Its ``loss_curve_`` and the like are continued.
    n_examples : int
        In an epoch.
    state : State or None
        The optimizer's, which holds an adaptive learning rate; None for one that knows itself when it has converged.

    Attributes
    ----------
    best_theta : ndarray or None
        The parameters of the best epoch, with early stopping; those that training began with if no epoch was better
        than the best of the calls before; None if there was none at all.
    """

    def __init__(self, estimator: NetworkEstimator, n_examples: int, state: State | None) -> None:
        super().__init__(
            estimator.n_iter_no_change + 1, min_delta=estimator.tol, restore_best=False, compared_with="best"
        )
        self.estimator, self.n_examples, self.state = estimator, n_examples, state
        self.best_theta = estimator.network_.theta.copy() if estimator.validation_scores_ else None

    def __call__(self, net: Network, history: History) -> bool:
        """Note an epoch; return whether it was the last."""
        estimator = self.estimator
        estimator.n_iter_ += 1
        estimator.t_ += self.n_examples
        estimator.loss_ = history.loss[-1]
        estimator.loss_curve_.append(estimator.loss_)
        self._say(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        if estimator.validation_loss_curve_ is not None:
            estimator.validation_loss_curve_ += history.validation_loss[-1:]
        waited = estimator.n_iter_without_improvement_
        if estimator.validation_scores_ is None:
            assert estimator.best_loss_ is not None
            estimator.best_loss_, waited = self.count(estimator.loss_, estimator.best_loss_, waited)
        else:
            score, best = history.validation_score[-1], estimator.best_validation_score_
            assert best is not None
            estimator.validation_scores_.append(score)
            self._say(f"Validation score: {score:f}")
            if score > best:
                self.best_theta = net.theta.copy()
            lowest, waited = self.count(-score, -best, waited)
            estimator.best_validation_score_ = -lowest
        if self.state is None:
            return False
        estimator.n_iter_without_improvement_ = waited
        return waited >= self.patience and self._ends(self.state, history)

    def _ends(self, state: State, history: History) -> bool:
        estimator = self.estimator
        what = "Training loss" if estimator.validation_scores_ is None else "Validation score"
        message = f"{what} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} epochs."
        if "schedule.rate" in state and adaptive.reduce(state):
            estimator.n_iter_without_improvement_ = 0
            self._say(f"{message} Setting learning rate to {float(state['schedule.rate']):f}")
            return False
        self._say(f"{message} Stopping.")
        history.stopped = "patience"
        return True

    def _say(self, text: str) -> None:
        if self.estimator.verbose:
            print(text)
