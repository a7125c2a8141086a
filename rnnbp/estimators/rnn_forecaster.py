"""A recurrent network that predicts a series from its own past.

A one-step model is trained, on windows of W steps that are cut from the series, each series x scaled for itself. The
network, whose state is s, predicts the next change from the value, or where levels drift from the last change::

    u(t) = x(t)   or   x(t) - x(t-1)                                       (differenced)
    x(t+1) = x(t) + f(u(t), s(t)) + e(t)

Forecasts run it in closed loop (`closed_loop`): the state is warmed up on the last W steps, and then each forecast is
the next input. A linear model does so beside it (`autoregression`); `mixture` says how much of each there is in what is
returned. How far forecasts were off, at each horizon, is learnt from parts of the series that other networks have not
seen: see `backtest`. Intervals and paths are forecasts with such errors added. What else is known is in `covariates`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import r2_score
from sklearn.utils import check_array, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from rnnbp.callbacks import EarlyStopping
from rnnbp.configuration import number, whole_number
from rnnbp.estimators.backtest import further, interval
from rnnbp.estimators.base import Arrays, Data
from rnnbp.estimators.covariates import FUTURE, PAST, Dates
from rnnbp.estimators.declaring import FLAG, check, documented, either, real, setting
from rnnbp.estimators.forecast_input import dates_of, expect_enough, expect_no_dates, is_single
from rnnbp.estimators.mixture import Mixture
from rnnbp.estimators.objectives import HalfSquaredError
from rnnbp.estimators.recurrent import RecurrentEstimator
from rnnbp.estimators.series import Course, Forecasting, drifts
from rnnbp.estimators.settings import SEED
from rnnbp.estimators.solvers import make_optimizer, solver_is_stochastic
from rnnbp.estimators.time_index import read_name
from rnnbp.losses import Loss
from rnnbp.names import explained
from rnnbp.networks.network import Network
from rnnbp.training import fit

__all__ = ["RNNForecaster"]

Array = NDArray[Any]
ENOUGH = 20  # steps to set aside for early stopping, and of each series
ALIKE = 1e-6  # scaled targets that differ by less


@documented
@dataclass(eq=False, repr=False, kw_only=True)
class RNNForecaster(Mixture, RecurrentEstimator, Forecasting):
    """A recurrent network, with a linear model beside it, that predicts one or many series any number of steps ahead.

    $parameters

    $attributes

    See Also
    --------
    RNNRegressor : predicts from sequences what is not in them.

    Notes
    -----
    Two models forecast, each in its own closed loop: the network, and an autoregression, which is a linear model of the
    last values (see ``lags``) and of covariates, fitted by ridge regression. What is returned is ``1 - lag_weight_`` of
    the one and ``lag_weight_`` of the other. `fit` chooses that weight, and the number of lags, by errors on parts of
    the series that were left out of training; of the weights that three such parts ask for it takes the least. Where
    there is a trend, a season or growth the weight is large, where a series is chaotic it is small. `partial_fit`
    trains the network alone: autoregression and weight stay those of the last `fit`, and without one there are none.

    Compare it with simple forecasts before it is used, the last value and the value of a season ago: of what no past
    tells, such as a random walk, a forecast may be worse than the last value. Where levels do not drift, see
    ``difference``, the autoregression cannot run away; where they do, growth by so many per cent goes on as growth.

    Intervals come of the errors that three more networks make, each on a third of the data that it was not trained on:
    `fit` takes two to three times as long for it. Errors of the future are taken to be like those, so intervals are too
    narrow after a change that the data have not seen. Errors are known as far ahead as ``max(horizon, window)`` steps,
    or a fifth of the longest series; beyond, intervals keep their width, or grow with the square root of the steps if
    levels drift. Those of `partial_fit` are of data that were trained on, and too small.

    What else is known at each step are covariates: future ones are known in advance, such as prices and holidays, and
    past ones are measured together with the series, such as the weather. They are two arguments, and not one with gaps
    where the future is unknown, as a gap may as well be an error in the data. The network goes on by itself and needs
    past covariates at each step, so it forecasts them with the series, but does not return them: they tell most about
    the first step. Covariates are scaled by what `fit` has seen of them, and each series by itself, so what they do to
    it is learnt in units of its spread: forecast from pasts that are long enough to know that.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(200)
    >>> series = 10 + np.sin(2 * np.pi * t / 20)
    >>> forecaster = RNNForecaster(16, max_iter=400, tol=1e-5, random_state=0).fit(series[:180])
    >>> bool(np.abs(forecaster.predict(20) - series[180:]).max() < 0.2)
    True
    >>> lower, upper = forecaster.predict_interval(20, coverage=0.8)
    >>> lower.shape, bool((lower <= upper).all())
    ((20,), True)

    Sales of the next 20 days, for which prices are known:

    >>> price = np.random.default_rng(0).uniform(1, 2, size=200)
    >>> sales = 50 - 20 * price
    >>> forecaster = RNNForecaster(16, max_iter=400, tol=1e-4, random_state=0)
    >>> forecaster = forecaster.fit(sales[:180], future_covariates=price)
    >>> bool(np.abs(forecaster.predict(20) - sales[180:]).max() < 2)
    True
    """

    hidden_layer_sizes: int | Sequence[int] = field(default=(32,), kw_only=False)
    learning_rate_init: float = 0.01
    tol: float = 1e-6
    early_stopping: bool | str = setting(
        "auto",
        either(FLAG, "auto"),
        """
        Whether to set the end of each series aside, to end training when its score no longer improves, and to keep the
        parameters of the best epoch. "auto" does so if at least 20 steps are set aside, but not in `partial_fit`.
        """,
    )
    validation_fraction: float = setting(0.2, real("[0, 1)"), "The share of each series that is set aside.")
    random_state: int | np.random.RandomState | None = setting(
        None,
        SEED,
        "Of initial parameters, dropout, the order of windows, and the paths of predict_interval.",
    )

    _per_step = True
    _begins_late: ClassVar[bool] = False  # its score is its loss
    differenced_: bool = field(init=False)
    residuals_: Array = field(init=False)
    _remembered: ClassVar[tuple[str, ...]] = (*RecurrentEstimator._remembered, "_single", "_pasts", "_scales")
    _remembered_since: ClassVar[tuple[str, ...]] = (
        *("lag_coef_", "lag_intercept_", "lag_weight_"),
        *("_covariates", "_known", "_steps", "_dates", "_name"),
    )
    _attributes: ClassVar[str] = """\
differenced_ : bool
    Whether the network sees changes in the place of values.
residuals_ : ndarray of shape (n_origins, n_steps, F)
    Errors of forecasts of 1, 2, ... steps, in units of the series' spread, on data that were left out of training.
lag_weight_ : float
    The share of the autoregression in forecasts, from 0 to 1.
lag_coef_ : ndarray of shape (V, K V + C), or None
    Its coefficients: of the next changes of the V = F + P variables, past covariates among them, on the last K values
    of all variables, the newest first, and on C future covariates; all scaled. None without an autoregression.
lag_intercept_ : ndarray of shape (V,), or None
    Its constants."""
    _words: ClassVar[dict[str, str]] = {
        "samples": "windows",
        "counted": "windows",
        "score": "the coefficient of determination of the changes",
        "n_features": "\n    The number of variables F; for an (N, T) array it is T, as scikit-learn counts columns.",
    }

    # -- training ----------------------------------------------------------------------------------------------------

    def fit(
        self,
        X: Arrays,
        y: Any = None,
        *,
        past_covariates: Arrays | None = None,
        future_covariates: Arrays | None = None,
    ) -> Self:
        """Train on one or many series.

        Parameters
        ----------
        X : array of shape (T,), (T, 1), (N, T) or (N, T, F), or list of arrays of shape (T_i,) or (T_i, F)
            One series of numbers, such as a table's column; or N series, of one or of F variables. For one series of F
            variables write ``[X]``. Rows are steps, the oldest first: dates in an index of pandas must increase and be
            alike far apart, and those of covariates be the same.
        y : None
            Not used.
        past_covariates : array of shape (T or more, C) or (T or more,), or None
            What else is known up to the end of the series, such as the weather: row t belongs to step t. Rows beyond
            the end are not looked at. If X is more than one series, or a list, a list of one array for each of them.
        future_covariates : array of shape (T or more, C) or (T or more,), or None
            What else is known of each step in advance, such as prices or the day of the week; with h rows beyond the
            end of the series, ``predict(h)`` needs no others. If X is more than one series, or a list, a list.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If data or settings cannot be used, before training begins; or if training diverges.

        Warns
        -----
        UserWarning
            If dates have no frequency, as those of trades, or leave out what may be holidays; or if rows look as if
            they were not in order.
        """
        return self._fit(X, y, {PAST: past_covariates, FUTURE: future_covariates}, incremental=False)

    @available_if(solver_is_stochastic)  # type: ignore[untyped-decorator]
    @explained
    def partial_fit(
        self,
        X: Arrays,
        y: Any = None,
        *,
        past_covariates: Arrays | None = None,
        future_covariates: Arrays | None = None,
    ) -> Self:
        """Train for one epoch, from where the call before has ended; X are then the series to forecast.

        Parameters
        ----------
        X, y, past_covariates, future_covariates
            See `fit`. Covariates keep the scale of the first call.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            See `fit`.
        """
        return self._fit(X, y, {PAST: past_covariates, FUTURE: future_covariates}, incremental=True)

    def _fit(self, X: Any, y: Any, covariates: dict[str, Any], *, incremental: bool) -> Self:
        check(self)
        if isinstance(self.lags, Integral) and self.lags > self.window:
            raise ValueError(
                f"lags must be at most window, the steps of the past that a forecast is made of, but lags={self.lags} "
                f"and window={self.window} were given"
            )
        expect_no_dates(X)
        with self._as_it_was_if_refused():
            anew = self._starts_anew(incremental=incremental)
            single, series, dates = self._read_series(X, reset=anew)
            if single and y is not None:
                raise ValueError(
                    "X is one series (n_features=1), and y was given too: a forecaster is fitted to the series itself, "
                    "not to times and values. Reshape your data, or leave out y"
                )
            early: Any = self.early_stopping
            if early == "auto":
                set_aside = sum(int(self.validation_fraction * len(x)) for x in series)
                early = set_aside >= ENOUGH and min(map(len, series)) >= ENOUGH and not incremental
                early = early if anew or incremental else self.validation_scores_ is not None  # as before
            if anew:
                self.differenced_ = drifts(series, self.window) if self.difference == "auto" else bool(self.difference)
            self._view.check(series, 2)
            expect_enough(X, series)
            self._expect_bounded(series)
            if anew:
                self._learn_covariates(covariates, series, single=single)
            courses = self._courses(series, dates, covariates, None, single=single)
            self._single, self.n_outputs_ = single, self._width + self._n_past
            data, held_out = self._cut(courses, early=early)
            if held_out is not None and np.ptp(held_out.target.frames, axis=0).max() < ALIKE:
                early, (data, held_out) = False, self._cut(courses, early=False)  # no score tells them apart
            self._train(data, held_out, incremental=incremental, stops_early=early)
            if incremental:
                self._refresh_residuals(courses)
            else:
                self._backtest(courses)
            self._remember(courses, dates)
            self._name = read_name(X) if single else None
        return self

    def _read_series(self, X: Any, *, reset: bool) -> tuple[bool, list[Array], Dates]:
        """Return whether X is one series; all series as arrays of shape (T_i, F); and the dates of their steps."""
        single = is_single(X) and (reset or not self._saw_columns)
        dates = dates_of(X, single=single, warns=reset)
        if single and not hasattr(X, "columns"):
            dtype = "numeric" if str(getattr(X, "dtype", "")) == "object" else None
            X = check_array(X, dtype=dtype, ensure_2d=False, ensure_all_finite=False)
        series = list(self._read_x([X] if single else X, reset=reset))
        return single, series, dates or [None] * len(series)

    def _cut(self, courses: list[Course], *, early: bool) -> tuple[Data, Data | None]:
        """Return windows of series, and those of their ends if these are set aside."""
        if not early:
            return self._view.windows(courses), None
        cuts = [len(each) - max(int(self.validation_fraction * len(each)), 1) for each in courses]
        if min(cuts) < self._view.least(2) or sum(map(len, courses)) - sum(cuts) < 2:
            raise ValueError("The validation set is too small. Increase 'validation_fraction', or give longer series.")
        overlap = self._view.least(1)
        ends = [each.part(n - overlap) for each, n in zip(courses, cuts, strict=True)]
        data = self._view.windows([each.part(0, n) for each, n in zip(courses, cuts, strict=True)])
        return data, self._view.windows(ends)

    def _trained(self, pieces: list[Course], seed: int) -> Network:
        """Return another network, trained as the one that is kept, on what a fold leaves in."""
        early = self.validation_scores_ is not None and min(map(len, pieces)) >= ENOUGH
        data, held_out = self._cut(pieces, early=early)
        net = Network(self._layers(self.n_outputs_), dtype=self.network_.dtype, seed=seed)
        patience = self.n_iter_no_change + 1
        history = fit(
            net,
            data.x,
            data.target,
            loss=self._objective(),
            optimizer=make_optimizer(self, len(data.x), 0),
            max_epochs=self.max_iter,
            batch_size=self.largest_batch if self.batch_size == "auto" else int(self.batch_size),
            validation_data=None if held_out is None else (held_out.x, held_out.target),
            score=self._validation_score if early else None,
            monitor="score" if early else "loss",
            callbacks=[EarlyStopping(patience, min_delta=self.tol, restore_best=early, compared_with="best")],
            l2=self.alpha,
            shuffle=self.shuffle,
            seed=seed,
            progress=False,
        )
        if history.stopped == "interrupted":  # errors of half a network say nothing
            raise KeyboardInterrupt
        return net

    def _expect_bounded(self, series: list[Array]) -> None:
        """Check that the bounds are bounds, also of the series."""
        lower, upper = self._bounds
        if lower >= upper:
            raise ValueError(f"lower must be less than upper, but lower={self.lower} and upper={self.upper} were given")
        for i, x in enumerate(series):
            for name, bound, beyond in (("lower", lower, x < lower), ("upper", upper, x > upper)):
                if beyond.any():
                    step = int(np.argmax(beyond.any(axis=1)))
                    raise ValueError(
                        f"series {i} goes beyond {name}={bound:g}: it is {x[step][beyond[step]][0]:g} at step {step}"
                    )

    def _objective(self) -> Loss:
        return HalfSquaredError()

    def _validation_score(self, target: Array, output: Array, sample_weight: Array | None = None) -> float:
        f = self._width  # past covariates come after
        return float(r2_score(target[:, :f], output[:, :f])) if np.isfinite(output).all() else float("nan")

    @classmethod
    def _made(cls, description: Mapping[str, Any], network: Network) -> Self:
        found = super()._made(description, network)
        check(found)  # bounds go into the closed loop
        return found

    # -- forecasts ---------------------------------------------------------------------------------------------------

    @explained
    def predict(
        self,
        X: Any = None,
        h: int | None = None,
        *,
        past_covariates: Arrays | None = None,
        future_covariates: Arrays | None = None,
    ) -> Array:
        """Return the next steps of series.

        Parameters
        ----------
        X : int, series as in `fit`, or None
            The pasts that are gone on from; None are those of `fit`. A number is read as h, so that ``predict(12)`` are
            the 12 steps that follow the training data.
        h : int or None
            The number of steps; None is ``horizon``.
        past_covariates, future_covariates
            As in `fit`, if it was given such: row t belongs to step t of X, or, if X is None, of the series of `fit`,
            whose past covariates are known. Future covariates have T + h rows at least; those that `fit` was given need
            not be repeated.

        Returns
        -------
        ndarray of shape (h,) for one series, (N, h) for N of numbers, (N, h, F) for N of F variables

        Raises
        ------
        ValueError
            If the series or covariates are not of the kind that was fitted, if covariates are missing, or if h is no
            whole number of at least 1.
        """
        pasts, h, shape = self._asked(X, h, {PAST: past_covariates, FUTURE: future_covariates})
        return self._forecast(pasts, h).reshape(shape)

    @explained
    def predict_interval(
        self,
        X: Any = None,
        h: int | None = None,
        *,
        coverage: float = 0.9,
        past_covariates: Arrays | None = None,
        future_covariates: Arrays | None = None,
    ) -> tuple[Array, Array]:
        """Return between which values the next steps of series lie, each with the given probability.

        They hold what `predict` returns, but not in their middle: if the networks that errors come of have mostly been
        too high at a step, most of the interval is below the forecast.

        Parameters
        ----------
        X, h
            See `predict`.
        coverage : float, default=0.9
            The probability, in (0, 1). Of n errors (``len(residuals_)``), intervals reach at most ``1 - 2 / (n + 1)``.
        past_covariates, future_covariates
            See `predict`.

        Returns
        -------
        lower, upper : ndarray
            Shaped like what `predict` returns.

        Raises
        ------
        ValueError
            See `predict`; or if the coverage is no probability.
        """
        number("coverage", coverage, "(0, 1)")
        pasts, h, shape = self._asked(X, h, {PAST: past_covariates, FUTURE: future_covariates})
        forecast, spread = self._forecast(pasts, h), self._spreads(pasts)
        ends = interval(self._errors, coverage, drifts=self.differenced_)
        lower, upper = (
            np.clip(forecast + further(end, h, drifts=self.differenced_) * spread, *self._bounds).reshape(shape)
            for end in ends
        )
        return lower, upper

    def sample_paths(
        self,
        X: Any = None,
        h: int | None = None,
        *,
        n_paths: int = 500,
        past_covariates: Arrays | None = None,
        future_covariates: Arrays | None = None,
    ) -> Array:
        """Return ways in which series may go on: the forecast, with the errors of one that was made before.

        Parameters
        ----------
        X, h
            See `predict`.
        n_paths : int, default=500
        past_covariates, future_covariates
            See `predict`.

        Returns
        -------
        ndarray of shape (n_paths, ...)
            Each shaped like what `predict` returns.

        Raises
        ------
        ValueError
            See `predict`.
        """
        pasts, h, shape = self._asked(X, h, {PAST: past_covariates, FUTURE: future_covariates})
        whole_number("n_paths", n_paths)
        errors = further(self._errors, h, drifts=self.differenced_)
        drawn = check_random_state(self.random_state).randint(len(errors), size=(n_paths, len(pasts)))
        paths = self._forecast(pasts, h) + errors[drawn] * self._spreads(pasts)
        return np.asarray(np.clip(paths, *self._bounds)).reshape(n_paths, *shape)

    @property
    def _errors(self) -> Array:
        """Scaled errors, of shape (n, H, F); files of before have those of one step, of shape (n, F)."""
        return np.asarray(self.residuals_.reshape(len(self.residuals_), -1, self._width))

    def _asked(self, X: Any, h: int | None, covariates: dict[str, Any]) -> tuple[list[Course], int, tuple[int, ...]]:
        """Return the pasts to go on from, the number of steps, and the shape of forecasts."""
        check_is_fitted(self)
        if isinstance(X, Real):
            if h is not None:
                raise ValueError(
                    f"X is the number {X}, and h is given too: the series comes first, as in predict(X, h)"
                )
            X, h = None, whole_number("h", X)
        expect_no_dates(X)
        steps = whole_number("h", self.horizon if h is None else h)
        if X is None:
            single, pasts = self._single, self._remembered_courses(covariates, steps)
        else:
            single, series, dates = self._read_series(X, reset=False)
            self._view.check(series, 1)
            pasts = self._courses(series, dates, covariates, steps, single=single)
        shape = () if single else (len(pasts),)
        return pasts, steps, (*shape, steps, *((self._width,) if self._width > 1 else ()))

    def score(
        self,
        X: Arrays,
        y: Any = None,
        *,
        past_covariates: Arrays | None = None,
        future_covariates: Arrays | None = None,
    ) -> float:
        """Return the coefficient of determination of forecasts one step ahead.

        Each series is scaled by the mean and spread of its whole length, so a forecast within it knows that much of
        what comes; that of `predict`, which is made of a past alone, does not.

        Parameters
        ----------
        X : series
            As in `fit`; of at least 2 steps each.
        y : None
            Not used.
        past_covariates, future_covariates
            As in `fit`, if it was given such.

        Returns
        -------
        float
            At most 1; 0 is a constant's score.
        """
        check_is_fitted(self)
        single, series, dates = self._read_series(X, reset=False)
        self._view.check(series, 2)
        courses = self._courses(series, dates, {PAST: past_covariates, FUTURE: future_covariates}, 0, single=single)
        origins = [range(self._view.least(1), len(x)) for x in series]
        pasts, values = self._tried(courses, origins, 1)
        return float(r2_score(values[:, 0], self._forecast(pasts, 1)[:, 0]))
