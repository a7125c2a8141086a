"""When training has converged, by scikit-learn's rule, and by one for recurrent networks.

An epoch is an improvement if it is better than the best one so far by ``tol``: in its training loss, or with early
stopping in the score on the validation data. After more than ``n_iter_no_change`` epochs without, training ends; or a
learning rate that is "adaptive" is divided by 5 instead, until it is at most 1e-6.

Recurrent networks begin to learn late, and on a few sequences a score moves in large steps. So theirs is an improvement
too if the validation loss is lower by half a per cent of a constant answer's; or, as long as it is near that, if the
training loss is lower by ``tol``. Of epochs with the best score, that of the lowest loss is kept.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rnnbp.callbacks import EarlyStopping
from rnnbp.estimators.chance import NEAR
from rnnbp.estimators.solvers import adaptive
from rnnbp.networks.network import Network
from rnnbp.optimizers import State

if TYPE_CHECKING:
    from rnnbp import History
    from rnnbp.estimators.base import NetworkEstimator

__all__ = ["Convergence"]

MUCH = 0.005  # of a constant's loss: a validation loss that is lower by less is no improvement


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
    constant : float or None
        The loss of the best constant answer on the validation data, for the rule of recurrent networks; None for
        scikit-learn's.

    Attributes
    ----------
    best_theta : ndarray or None
        The parameters of the best epoch, with early stopping; those that training began with if no epoch was better
        than the best of the calls before; None if there was none at all.
    """

    def __init__(
        self, estimator: NetworkEstimator, n_examples: int, state: State | None, constant: float | None = None
    ) -> None:
        super().__init__(
            estimator.n_iter_no_change + 1, min_delta=estimator.tol, restore_best=False, compared_with="best"
        )
        self.estimator, self.n_examples, self.state, self.constant = estimator, n_examples, state, constant
        self.loss_of_best = -math.inf  # no loss is lower
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
            loss = math.inf if self.constant is None else history.validation_loss[-1]
            if score > best or (score == best and loss < self.loss_of_best):
                self.best_theta, self.loss_of_best = net.theta.copy(), loss
            lowest, waited = self.count(-score, -best, waited)
            estimator.best_validation_score_ = -lowest
            if self.constant is not None and self._learns(self.constant):
                waited = 0
        if self.state is None:
            return False
        estimator.n_iter_without_improvement_ = waited
        return waited >= self.patience and self._ends(self.state, history)

    def _learns(self, constant: float) -> bool:
        """Return whether the last epoch's loss is an improvement: the validation data's, or the training data's."""
        validation, training = self.estimator.validation_loss_curve_, self.estimator.loss_curve_
        assert validation is not None
        if _falls(validation, max(self.min_delta, MUCH * constant)):
            return True
        return min(validation) > NEAR * constant and _falls(training, self.min_delta)

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


def _falls(losses: list[float], much: float) -> bool:
    *before, last = losses
    return last < min(before, default=math.inf) - much
