"""A recurrent network that predicts a series from its own past.

A one-step model is trained, on windows of W steps that are cut from the series, each series x scaled for itself. The
network, whose state is s, predicts the next change from the value, or where levels drift from the last change::

    u(t) = x(t)   or   x(t) - x(t-1)                                       (differenced)
    x(t+1) = x(t) + f(u(t), s(t)) + e(t)

Forecasts run it in closed loop: the state is warmed up on the last W steps, and then each forecast is the next input.
Intervals come of many such paths, to whose every step one of the residuals e is added, drawn with replacement: a
bootstrap, which assumes nothing of their distribution, only that they are independent of each other in time.

References
----------
B. Efron and R. J. Tibshirani, "An introduction to the bootstrap", 1993, chapter 8 (residuals of a time series' model).
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import r2_score
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from rnnbp.configuration import flag, number, whole_number
from rnnbp.estimators.objectives import HalfSquaredError
from rnnbp.estimators.recurrent import RecurrentEstimator
from rnnbp.estimators.series import WINDOWS, Scale, View, drifts
from rnnbp.estimators.settings import solver_is_stochastic
from rnnbp.gradients import GradientAlgorithm
from rnnbp.losses import Loss
from rnnbp.optimizers import FullBatchOptimizer, Optimizer
from rnnbp.training.history import Callback

__all__ = ["RNNForecaster"]

Array = NDArray[Any]
ENOUGH = 20  # steps to set aside for early stopping, and of each series


class RNNForecaster(RecurrentEstimator):
    """A recurrent network that predicts one or many series from their own past, any number of steps ahead.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(32,)
        Units of each recurrent layer.
    cell : {"gru", "lstm", "elman"}, default="gru"
    horizon : int, default=1
        The steps that `predict` goes ahead unless it is told.
    window : int, default=50
        W, the steps of the past that a forecast is made of, and the length of the windows that are trained on.
    difference : bool or "auto", default="auto"
        Whether the network sees changes in the place of values. Trends then go on to levels that were never seen, but
        the network does not know the level. "auto" does so if windows vary less than half as much as the series.
    gradient : {"bptt", "checkpointed", "rtrl"} or algorithm, default="bptt"
        How gradients go through time; an algorithm of rnnbp.gradients, such as ``TruncatedBPTT(20, 20)``, has its
        settings itself.
    dropout : float, default=0.0
        The probability that an output of a recurrent layer is dropped on its way up, in training.
    recurrent_dropout : float, default=0.0
        The same for a layer's state on its way to the next step, with one mask for all steps.
    solver : {"adam", "sgd", "lbfgs"} or optimizer, default="adam"
        An optimizer of rnnbp.optimizers, such as ``RMSprop(1e-3, clip_norm=1.0)``, has its settings itself.
    alpha : float, default=0.0001
        The strength of the penalty ``alpha / 2 * |W|^2`` of all weights (not biases), divided by the number of
        windows in a batch.
    batch_size : int or "auto", default="auto"
        Windows a minibatch; "auto" is 32, or all if there are fewer. "lbfgs" takes no minibatches.
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        For "sgd": constant; ``learning_rate_init / (t + 1) ** power_t`` after t windows; or divided by 5 whenever
        training would end for lack of improvement, down to 1e-6.
    learning_rate_init : float, default=0.01
        For "sgd" and "adam".
    power_t : float, default=0.5
        For "invscaling".
    clip_norm : float or None, default=1.0
        Scale a gradient of larger norm down to this one; for "sgd" and "adam".
    max_iter : int, default=200
        Epochs at most, or iterations of "lbfgs".
    shuffle : bool, default=True
        Whether each epoch takes the windows in another order.
    random_state : int, RandomState or None, default=None
        Of initial parameters, dropout, the order of windows, and the paths of predict_interval.
    tol : float, default=1e-6
        The least improvement of the loss (with early stopping, of the validation score) that counts.
    verbose : bool, default=False
        Whether to print the loss after each epoch.
    warm_start : bool, default=False
        Whether `fit` goes on from the parameters of the call before.
    momentum : float, default=0.9
        For "sgd", in [0, 1).
    nesterovs_momentum : bool, default=True
        For "sgd".
    early_stopping : bool or "auto", default="auto"
        Whether to set the end of each series aside, to end training when its score no longer improves, and to keep the
        parameters of the best epoch. "auto" does so if at least 20 steps are set aside, but not in `partial_fit`.
    validation_fraction : float, default=0.2
        The share of each series that is set aside.
    beta_1 : float, default=0.9
    beta_2 : float, default=0.999
    epsilon : float, default=1e-8
        For "adam".
    n_iter_no_change : int or inf, default=10
        Training ends after more epochs than that without improvement.
    max_fun : int, default=15000
        Evaluations of the loss at most, for "lbfgs".
    callbacks : sequence of callables, default=()
        Each is called as ``callback(network, history)`` after each epoch; a true result ends training. See
        `rnnbp.callbacks`.

    Attributes
    ----------
    network_ : rnnbp.Network
    n_features_in_ : int
        The number of variables F; for an (N, T) array it is T, as scikit-learn counts columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        If X was a table with column names, or a list of such tables.
    n_outputs_ : int
        F.
    differenced_ : bool
        Whether the network sees changes in the place of values.
    residuals_ : ndarray of shape (n_residuals, F)
        Errors of one step ahead, scaled: of the data that early stopping has set aside, else of those trained on.
    n_iter_ : int
        Epochs of the last call of `fit`.
    t_ : int
        Windows that training has seen.
    loss_ : float
        Of the last epoch.
    loss_curve_ : list of float
        Of each epoch, while the parameters were changing, penalty included.
    best_loss_ : float or None
        None with early stopping.
    validation_scores_, best_validation_score_ : list of float and float, or None
        The coefficient of determination of the changes of validation data after each epoch, with early stopping.
    validation_loss_curve_ : list of float or None
        The loss on the validation data after each epoch, if there were any.
    n_iter_without_improvement_ : int
        Epochs since the last improvement.

    See Also
    --------
    RNNRegressor : predicts from sequences what is not in them.

    Notes
    -----
    Residuals of data that were trained on are too small, and intervals made of them too narrow: without early stopping,
    do not trust them.

    Examples
    --------
    >>> t = np.arange(200)
    >>> series = 10 + np.sin(2 * np.pi * t / 20)
    >>> forecaster = RNNForecaster(16, max_iter=400, tol=1e-5, random_state=0).fit(series[:180])
    >>> bool(np.abs(forecaster.predict(20) - series[180:]).max() < 0.2)
    True
    >>> lower, upper = forecaster.predict_interval(20, coverage=0.8)
    >>> lower.shape, bool((lower <= upper).all())
    ((20,), True)
    """

    bidirectional = False
    largest_batch: ClassVar[int] = 32
    differenced_: bool
    residuals_: Array
    _remembered: ClassVar[tuple[str, ...]] = (*RecurrentEstimator._remembered, "_single", "_pasts", "_scales")
    _single: bool  # whether one series was given, without a list around it
    _pasts: list[Array]  # the last steps of the series that were fitted
    _early: Any = False  # whether training stops early
    _scales: list[Scale]  # and how those series were scaled

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (32,),
        cell: str = "gru",
        *,
        horizon: int = 1,
        window: int = 50,
        difference: bool | str = "auto",
        gradient: str | GradientAlgorithm = "bptt",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        solver: str | Optimizer | FullBatchOptimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.01,
        power_t: float = 0.5,
        clip_norm: float | None = 1.0,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-6,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.2,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self._keep(locals())

    # -- training ----------------------------------------------------------------------------------------------------

    def fit(self, X: ArrayLike | Sequence[ArrayLike], y: Any = None) -> Self:
        """Train on one or many series.

        Parameters
        ----------
        X : array of shape (T,), (N, T) or (N, T, F), or list of arrays of shape (T_i,) or (T_i, F)
            One series of numbers; or N series, of one or of F variables. For one series of F variables write ``[X]``.
        y : None
            Not used.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If data or settings cannot be used, before training begins; or if training diverges.
        """
        if y is not None and _is_single(X):
            raise ValueError(
                "X is one series, and y was given too: a forecaster is fitted to the series itself, not to times and "
                "values. Reshape your data, or leave out y"
            )
        return self._fit(X, incremental=False)

    @available_if(solver_is_stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: ArrayLike | Sequence[ArrayLike], y: Any = None) -> Self:
        """Train for one epoch, from where the call before has ended; X are then the series to forecast.

        Parameters
        ----------
        X, y
            See `fit`.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            See `fit`.
        """
        return self._fit(X, incremental=True)

    def _fit(self, X: Any, *, incremental: bool) -> Self:
        for name in ("horizon", "window"):
            whole_number(name, getattr(self, name))
        if self.difference != "auto":
            flag("difference", self.difference)
        self._check_settings()
        anew = self._starts_anew(incremental=incremental)
        single, series = self._read_series(X, reset=anew)
        if anew:
            set_aside = sum(int(self.validation_fraction * len(x)) for x in series)
            automatic = set_aside >= ENOUGH and min(map(len, series)) >= ENOUGH and not incremental
            self._early = automatic if self.early_stopping == "auto" else self.early_stopping
            self.differenced_ = drifts(series, self.window) if self.difference == "auto" else bool(self.difference)
        self._view.check(series, 2)
        self._single, self.n_outputs_ = single, self._width
        self._scales = scales = [self._view.scale_of(x) for x in series]
        cuts = self._cuts(series)
        data = self._view.windows([x[:cut] for x, cut in zip(series, cuts, strict=True)], scales)
        held_out = None
        if self._early:
            overlap = self._view.least(1)
            held_out = self._view.windows([x[n - overlap :] for x, n in zip(series, cuts, strict=True)], scales)
        self._train(data, series[0].dtype, incremental=incremental, validation=held_out)
        first = cuts if self._early else [max(len(x) // 2, self._view.least(1)) for x in series]
        value, forecast, scale = self._one_step_ahead(series, scales, first)
        self.residuals_ = (value - forecast) / scale
        self._pasts = [x[-self.window - 1 :].copy() for x in series]
        return self

    def _read_series(self, X: Any, *, reset: bool) -> tuple[bool, list[Array]]:
        """Return whether X is one series, and all series as arrays of shape (T_i, F)."""
        single = _is_single(X) and (reset or not self._saw_columns)
        frames = self._read([X if hasattr(X, "columns") else np.asarray(X)] if single else X, reset=reset)
        return single, frames.split(frames.stacked)

    @property
    def _stops_early(self) -> Any:
        return self._early

    @property
    def _view(self) -> View:
        return View(self.window, self.differenced_)

    def _cuts(self, series: list[Array]) -> list[int]:
        """Return the number of steps of each series that are trained on."""
        if not self._early:
            return [len(x) for x in series]
        cuts = [len(x) - max(int(self.validation_fraction * len(x)), 1) for x in series]
        if min(cuts) < self._view.least(2) or sum(map(len, series)) - sum(cuts) < 2:
            raise ValueError("The validation set is too small. Increase 'validation_fraction', or give longer series.")
        return cuts

    def _one_step_ahead(
        self, series: list[Array], scales: list[Scale], first: Sequence[int]
    ) -> tuple[Array, Array, Array]:
        """Return values from the first steps on, forecasts of them from the steps before, and the series' spreads."""
        times = [(x, scale, t) for x, scale, n in zip(series, scales, first, strict=True) for t in range(n, len(x))]
        times = times[:: -(-len(times) // WINDOWS)]
        pasts = [x[max(t - self.window - 1, 0) : t] for x, _, t in times]
        forecast = self._run_on(pasts, [scale for _, scale, _ in times], 1)[:, 0]
        return np.array([x[t] for x, _, t in times]), forecast, np.array([d for _, (_, d), _ in times])

    def _objective(self) -> Loss:
        return HalfSquaredError()

    def _validation_score(self, target: Array, output: Array, sample_weight: Array | None = None) -> float:
        return float(r2_score(target, output)) if np.isfinite(output).all() else float("nan")

    @property
    def _per_step(self) -> bool:
        return True

    # -- forecasts ---------------------------------------------------------------------------------------------------

    def predict(self, X: Any = None, h: int | None = None) -> Array:
        """Return the next steps of series.

        Parameters
        ----------
        X : int, series as in `fit`, or None
            The pasts that are gone on from; None are those of `fit`. A number is read as h, so that ``predict(12)`` are
            the 12 steps that follow the training data.
        h : int or None
            The number of steps; None is ``horizon``.

        Returns
        -------
        ndarray of shape (h,) for one series, (N, h) for N of numbers, (N, h, F) for N of F variables

        Raises
        ------
        ValueError
            If the series are not of the kind that was fitted, or h is no whole number of at least 1.
        """
        series, h, shape = self._asked(X, h)
        return self._run_on(*series, h).reshape(shape)

    def predict_interval(
        self, X: Any = None, h: int | None = None, *, coverage: float = 0.9, n_paths: int = 500
    ) -> tuple[Array, Array]:
        """Return between which values the next steps of series lie, each with the given probability.

        Parameters
        ----------
        X, h
            See `predict`.
        coverage : float, default=0.9
            The probability, in (0, 1).
        n_paths : int, default=500
            How many paths are drawn.

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
        tails = (1 - coverage) / 2
        lower, upper = np.quantile(self.sample_paths(X, h, n_paths=n_paths), [tails, 1 - tails], axis=0)
        return lower, upper

    def sample_paths(self, X: Any = None, h: int | None = None, *, n_paths: int = 500) -> Array:
        """Return ways in which series may go on.

        Parameters
        ----------
        X, h
            See `predict`.
        n_paths : int, default=500

        Returns
        -------
        ndarray of shape (n_paths, ...)
            Each shaped like what `predict` returns.

        Raises
        ------
        ValueError
            See `predict`.
        """
        series, h, shape = self._asked(X, h)
        whole_number("n_paths", n_paths)
        rng = check_random_state(self.random_state)
        drawn = rng.randint(len(self.residuals_), size=(h, n_paths * len(series[0])))
        return self._run_on(*series, h, n_paths, self.residuals_[drawn]).reshape(n_paths, *shape)

    def _asked(self, X: Any, h: int | None) -> tuple[tuple[list[Array], list[Scale]], int, tuple[int, ...]]:
        """Return the pasts to go on from and their scales, the number of steps, and the shape of forecasts."""
        check_is_fitted(self)
        if isinstance(X, Integral):
            X, h = None, int(X)
        steps = whole_number("h", self.horizon if h is None else h)
        if X is None:
            single, pasts, scales = self._single, self._pasts, self._scales
        else:
            single, pasts = self._read_series(X, reset=False)
            self._view.check(pasts, 1)
            scales = [self._view.scale_of(x) for x in pasts]
        shape = () if single else (len(pasts),)
        return (pasts, scales), steps, (*shape, steps, *((self._width,) if self._width > 1 else ()))

    def _run_on(
        self, pasts: list[Array], scales: list[Scale], h: int, n_paths: int = 1, noise: Array | None = None
    ) -> Array:
        """Return paths in closed loop (n_paths * N, h, F), with noise (h, n_paths * N, F) added to their steps."""
        scaled = [(x[-self._view.least(self.window) :] - m) / d for x, (m, d) in zip(pasts, scales, strict=True)]
        inputs = [self._view.inputs(x) for x in scaled]
        warm = self.network_.run(inputs, keep=False)
        ends = np.array([len(x) - 1 for x in inputs])
        change = np.tile(warm.output[ends, np.arange(len(inputs))], (n_paths, 1))
        states = {name: np.tile(state, (n_paths, 1)) for name, state in warm.final_states.items()}
        value = np.tile(np.array([x[-1] for x in scaled]), (n_paths, 1))
        path = []
        for k in range(h):
            if k:
                u = change if self.differenced_ else value
                step = self.network_.run(u[None], keep=False, initial_states=states)
                change, states = step.output[0], step.final_states
            change = change if noise is None else change + noise[k]
            value = value + change
            path.append(value)
        mean, spread = (np.tile(np.array(part), (n_paths, 1))[:, None] for part in zip(*scales, strict=True))
        return np.asarray(np.stack(path, axis=1) * spread + mean)

    def score(self, X: ArrayLike | Sequence[ArrayLike], y: Any = None) -> float:
        """Return the coefficient of determination of forecasts one step ahead.

        Parameters
        ----------
        X : series
            As in `fit`; of at least 2 steps each.
        y : None
            Not used.

        Returns
        -------
        float
            At most 1; 0 is a constant's score.
        """
        check_is_fitted(self)
        _, series = self._read_series(X, reset=False)
        self._view.check(series, 2)
        first = [self._view.least(1)] * len(series)
        value, forecast, _ = self._one_step_ahead(series, [self._view.scale_of(x) for x in series], first)
        return float(r2_score(value, forecast))


def _is_single(X: Any) -> bool:
    """Return whether X is one series of numbers, without a list around it."""
    if isinstance(X, (list, tuple)):
        return len(X) > 0 and np.ndim(X[0]) == 0
    return getattr(X, "ndim", 0) == 1 and X.dtype != object
