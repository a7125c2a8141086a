"""A recurrent network and an autoregression, each in its own closed loop, and how much of each there is in a forecast.

::

    forecast = (1 - w) network + w autoregression

The weight w, in [0, 1], is chosen by errors on what was left out of training: see `backtest`. In each fold both models
are fitted to what is left in, and forecast from each origin in what is left out; of all origins, horizons and variables
of a fold, e and e' are their scaled errors. The fold's own weight has the least squares, and w is the least of them::

    (1 - w) e + w e'  is least for  w = e.(e - e') / |e - e'|^2
    w = the least of the folds' w

as networks that have learnt from less are worse than the one that forecasts, and a linear model is that less so: what
only some of the folds say in its favour is not believed. Of two numbers of lags that is taken which leaves less error.
The errors of what is mixed so, (1 - w) e + w e', are those that intervals are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from rnnbp.estimators.autoregression import USUAL, Autoregression
from rnnbp.estimators.backtest import Fold, folds, steps_ahead
from rnnbp.estimators.closed_loop import OneStep, Recurrent, run_on
from rnnbp.estimators.covariates import Covaried
from rnnbp.estimators.series import WINDOWS, Course
from rnnbp.estimators.settings import drawn_seed
from rnnbp.networks.network import Network

__all__ = ["Mixture", "weight"]

Array = NDArray[Any]


def weight(errors: Sequence[Array], others: Sequence[Array]) -> float:
    """Return the share w of a model beside another one, given the errors of both in each fold.

    A model has none if its errors are not finite, or the same.
    """
    found = []
    for e, other in zip(errors, others, strict=True):
        with np.errstate(over="ignore", invalid="ignore"):
            apart = e - other
            squares = np.square(apart).sum(dtype=np.float64)
        usable = np.isfinite(squares) and squares > 0
        found.append(float(np.clip((e * apart).sum(dtype=np.float64) / squares, 0, 1)) if usable else 0.0)
    return min(found)


class Mixture(Covaried):
    """What a forecaster does with its two models."""

    horizon: int
    lags: int | str | None
    lower: float | None
    upper: float | None
    random_state: int | np.random.RandomState | None
    network_: Network
    residuals_: Array
    lag_coef_: Array | None = None  # files of before have none, and neither has what only `partial_fit` has trained
    lag_intercept_: Array | None = None
    lag_weight_: float = 0.0

    _trained: Callable[[list[Course], int], Network]  # another network, on parts of the series, with a seed

    @property
    def _bounds(self) -> tuple[float, float]:
        return -np.inf if self.lower is None else self.lower, np.inf if self.upper is None else self.upper

    def _forecast(self, pasts: Sequence[Course], h: int) -> Array:
        """Return forecasts of h steps, of shape (N, h, F)."""
        forecast = self._run_on(Recurrent(self.network_, self._view), pasts, h)
        if self.lag_coef_ is None or self.lag_intercept_ is None or not self.lag_weight_:
            return forecast
        w, beside = self.lag_weight_, Autoregression(self.lag_coef_, self.lag_intercept_)
        mixed = (1 - w) * forecast + w * self._run_on(beside, pasts, h)
        return np.asarray(np.clip(mixed, *self._bounds))  # rounded

    def _run_on(self, model: OneStep, pasts: Sequence[Course], h: int) -> Array:
        return run_on(model, pasts, h, self._view, self._bounds)

    def _spreads(self, courses: Sequence[Course]) -> Array:
        """Return the spreads of series, of shape (N, 1, F)."""
        return np.array([[each.scale[1][: self._width]] for each in courses])

    # -- what was left out ---------------------------------------------------------------------------------------------

    def _backtest(self, courses: list[Course]) -> None:
        """Learn what errors forecasts make, and with it the autoregression and its weight."""
        lengths = list(map(len, courses))
        h = steps_ahead(lengths, max(self.horizon, self.window))
        random_state = check_random_state(self.random_state)
        lags = self._numbers_of_lags()
        errors = []  # of the network, and of an autoregression for each number of lags
        for fold in folds(lengths):
            pieces, seed = self._left_in(courses, fold), drawn_seed(random_state)
            pasts, values = self._tried(courses, self._origins(lengths, fold, h), h)
            if pieces and pasts:  # of short series a fold may have neither; there is one with both
                net = self._trained(pieces, seed)
                models: list[OneStep] = [Recurrent(net, self._view), *(self._autoregression(pieces, k) for k in lags)]
                with np.errstate(over="ignore", invalid="ignore"):  # one that runs away gets no weight
                    errors.append([(values - self._run_on(each, pasts, h)) / self._spreads(pasts) for each in models])
        alone = [each[0] for each in errors]
        self.lag_coef_, self.lag_intercept_, self.lag_weight_ = None, None, 0.0
        self.residuals_ = np.concatenate(alone)
        for i, k in enumerate(lags, start=1):
            w = weight(alone, [each[i] for each in errors])
            mixed = np.concatenate([(1 - w) * each[0] + w * each[i] if w else each[0] for each in errors])
            if self.lag_coef_ is None or np.square(mixed).sum() < np.square(self.residuals_).sum():
                model = self._autoregression(courses, k)
                self.lag_coef_, self.lag_intercept_, self.lag_weight_ = model.coef, model.intercept, w
                self.residuals_ = mixed

    def _numbers_of_lags(self) -> list[int]:
        """Return those that are tried."""
        if self.lags == "auto":
            return sorted({min(USUAL, self.window), self.window})
        return [] if self.lags is None else [int(self.lags)]

    def _refresh_residuals(self, courses: list[Course]) -> None:
        """Learn what errors forecasts of the models as they are make, on data that they have seen."""
        lengths = list(map(len, courses))
        h = steps_ahead(lengths, max(self.horizon, self.window))
        pasts, values = self._tried(courses, self._origins(lengths, [(0, n) for n in lengths], h), h)
        self.residuals_ = (values - self._forecast(pasts, h)) / self._spreads(pasts)

    def _left_in(self, courses: list[Course], fold: Fold) -> list[Course]:
        """Return what a fold leaves in."""
        return [
            piece
            for each, (begin, end) in zip(courses, fold, strict=True)
            for piece in (each.part(0, begin), each.part(end))
            if len(piece) >= self._view.least(2)
        ]

    def _origins(self, lengths: Sequence[int], fold: Fold, h: int) -> list[range]:
        """Return from where h steps are forecast in what a fold leaves out."""
        first = [max(begin, self._view.first(n)) for (begin, _), n in zip(fold, lengths, strict=True)]
        return [range(a, min(b, n - h + 1)) for a, (_, b), n in zip(first, fold, lengths, strict=True)]

    def _tried(self, courses: Sequence[Course], origins: Sequence[Sequence[int]], h: int) -> tuple[list[Course], Array]:
        """Return what was known at origins, or at some of many, and the h values after each, of shape (N, h, F)."""
        times = [(each, t) for each, those in zip(courses, origins, strict=True) for t in those]
        times = times[:: max(-(-len(times) // WINDOWS), 1)]
        return [each.part(0, t) for each, t in times], np.array([each.x[t : t + h, : self._width] for each, t in times])

    def _autoregression(self, courses: list[Course], n_lags: int) -> Autoregression:
        return Autoregression.fitted(courses, n_lags, n_drifting=self._width if self.differenced_ else 0)
