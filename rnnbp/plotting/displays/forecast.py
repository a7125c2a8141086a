"""`ForecastDisplay`: a forecast as a fan of prediction intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from rnnbp.configuration import shown
from rnnbp.estimators.time_index import read_dates, read_name
from rnnbp.estimators.times import dates_after
from rnnbp.plotting.axes import COLOURS, axes, plain_frame, whole_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ForecastDisplay"]

Array = NDArray[Any]


class ForecastDisplay:
    """What a series did, what is forecast, and how sure that is.

    A forecast that runs along an edge of its intervals is no mistake: errors have been to the other side of it.

    Make it with `from_estimator`, or with `from_predictions` from forecasts of any origin.

    Parameters
    ----------
    past : ndarray of shape (T,)
        The last values that are known; the forecast begins one step after.
    forecast : ndarray of shape (h,)
    intervals : dict of float to tuple of two ndarrays of shape (h,)
        Lower and upper ends of the intervals, by their coverage: 0.8 for 80 %.
    actual : ndarray of shape (h,) or None
        What came.
    dates : ndarray of datetime64 of shape (T + h,), or None
        Of all steps.
    name : str or None
        What the series is called.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    line_ : matplotlib.lines.Line2D
        The forecast.
    fan_ : dict of float to matplotlib.collections.PolyCollection
        The intervals, by their coverage.

    See Also
    --------
    rnnbp.RNNForecaster

    Examples
    --------
    >>> from rnnbp import RNNForecaster
    >>> series = np.sin(0.5 * np.arange(120))
    >>> forecaster = RNNForecaster(8, max_iter=5, tol=9.0, n_iter_no_change=1, random_state=0).fit(series[:100])
    >>> display = ForecastDisplay.from_estimator(forecaster, h=20, actual=series[100:])
    """

    ax_: Axes
    figure_: Figure

    def __init__(
        self,
        past: Array,
        forecast: Array,
        intervals: dict[float, tuple[Array, Array]],
        actual: Array | None,
        *,
        dates: Array | None = None,
        name: str | None = None,
    ) -> None:
        self.past = past
        self.forecast = forecast
        self.intervals = intervals
        self.actual = actual
        self.dates = dates
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        series: ArrayLike | None = None,
        h: int | None = None,
        *,
        coverages: Sequence[float] = (0.5, 0.8, 0.95),
        n_known: int | None = 100,
        actual: ArrayLike | None = None,
        ax: Axes | None = None,
        **covariates: ArrayLike,
    ) -> Self:
        """Forecast a series, and draw it.

        Parameters
        ----------
        estimator : fitted RNNForecaster
        series : array of shape (T,), int, or None
            The past that is gone on from, whose dates and name are written at the axes if it is a Series or a column of
            pandas. None is the one that the estimator was fitted to, of which it knows the last ``window + 1`` values;
            a number is read as h.
        h : int or None, default=None
            The steps to forecast; None is the estimator's ``horizon``.
        coverages : sequence of float, default=(0.5, 0.8, 0.95)
            Of the prediction intervals, between 0 and 1.
        n_known : int or None, default=100
            How many of the last known values are drawn; None draws all.
        actual : array of up to h values or None, default=None
            What came.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; by default, in a new figure.
        **covariates
            ``past_covariates`` and ``future_covariates``, if the estimator was fitted with such; row t belongs to step
            t of the series.

        Returns
        -------
        ForecastDisplay

        Raises
        ------
        TypeError
            If the estimator is no `RNNForecaster`, or if coverages are no list.
        ValueError
            If the series is not one of numbers, or as `from_predictions`.
        """
        if not hasattr(estimator, "predict_interval"):
            raise TypeError(f"estimator must be an RNNForecaster, but {shown(estimator)} was given")
        if "coverage" in covariates:
            raise TypeError("from_estimator takes no argument 'coverage'. Did you mean coverages=[0.95]?")
        if isinstance(coverages, (Real, str)):
            raise TypeError(
                f"coverages must be a list of numbers between 0 and 1, such as [0.95], but {shown(coverages)} was given"
            )
        if isinstance(series, Integral):
            series, h = None, int(series)
        if series is not None:
            past = _course(series, "series", "draw one series at a time, from_estimator(estimator, series[i])")
            times, name = read_dates(series, "series", beside=True), read_name(series)
            dates = None if times is None else times.clock
        else:
            check_is_fitted(estimator)
            past, dates, name = estimator._end()
        ends = {c: estimator.predict_interval(series, h, coverage=c, **covariates) for c in map(_coverage, coverages)}
        forecast = estimator.predict(series, h, **covariates)
        return cls._checked(past, dates, name, forecast, ends, actual, n_known=n_known).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        past: ArrayLike,
        forecast: ArrayLike,
        *,
        intervals: Mapping[float, tuple[ArrayLike, ArrayLike]] | None = None,
        actual: ArrayLike | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw a forecast that has been made.

        Parameters
        ----------
        past : array of shape (T,)
            The last values that are known; a Series or a column of pandas brings dates and a name.
        forecast : array of shape (h,)
            The h values after them.
        intervals : mapping of float to (lower, upper), arrays of shape (h,), or None, default=None
            Prediction intervals by their coverage, between 0 and 1.
        actual : array of up to h values or None, default=None
            What came.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; by default, in a new figure.

        Returns
        -------
        ForecastDisplay

        Raises
        ------
        ValueError
            If an array has another shape, if a coverage is not between 0 and 1, or if an interval is upside down.
        """
        known, times = _course(past, "past"), read_dates(past, "past")
        dates = None if times is None else times.clock
        return cls._checked(known, dates, read_name(past), forecast, intervals or {}, actual).plot(ax=ax)

    @classmethod
    def _checked(
        cls,
        past: Array,
        dates: Array | None,
        name: str | None,
        forecast: ArrayLike,
        intervals: Mapping[float, tuple[ArrayLike, ArrayLike]],
        actual: ArrayLike | None,
        *,
        n_known: int | None = None,
    ) -> Self:
        course = _course(forecast, "forecast")
        h = len(course)
        checked: dict[float, tuple[Array, Array]] = {}
        for coverage, (lower, upper) in intervals.items():
            _coverage(coverage)
            low, high = (_course(end, f"the {coverage:g} interval") for end in (lower, upper))
            if len(low) != h or len(high) != h:
                raise ValueError(f"the {coverage:g} interval has {len(low)} and {len(high)} ends for {h} steps")
            if (low > high).any():
                step = int(np.argmax(low > high))
                raise ValueError(f"the {coverage:g} interval is upside down at step {step + 1}: give (lower, upper)")
            checked[float(coverage)] = (low, high)
        came = None if actual is None else _course(actual, "actual")
        if came is not None and len(came) > h:
            raise ValueError(f"actual has {len(came)} values, but the forecast only {h}")
        known = past if n_known is None else past[-n_known:]
        if dates is not None:
            has_days = dates.dtype.kind == "M"  # and no durations
            dates = np.concatenate([dates, dates_after(dates, h)])[-len(known) - h :] if has_days else None
        return cls(known, course, checked, came, dates=dates, name=name)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw: over dates, if there are any; else step 0 is the last that is known.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; by default, in a new figure.

        Returns
        -------
        self
        """
        self.ax_ = ax = axes(ax)
        self.figure_ = whole_figure(ax)
        shade, colour = "0.25", COLOURS[0]
        n = len(self.past)
        steps = np.arange(1 - n, len(self.forecast) + 1) if self.dates is None else self.dates
        ahead = steps[n - 1 :]
        now = self.past[-1:]  # lines and fan begin here, so that nothing hangs in the air
        ax.plot(steps[:n], self.past, color=shade, label="known")
        self.fan_ = {}
        widest_first = sorted(self.intervals, reverse=True)
        for alpha, coverage in zip(np.linspace(0.15, 0.45, len(widest_first) + 1)[:-1], widest_first, strict=True):
            low, high = (np.concatenate([now, end]) for end in self.intervals[coverage])
            self.fan_[coverage] = ax.fill_between(
                ahead, low, high, color=colour, alpha=alpha, linewidth=0, label=f"{coverage:.0%} interval"
            )
        (self.line_,) = ax.plot(ahead, np.concatenate([now, self.forecast]), color=colour, label="forecast")
        if self.actual is not None:
            came = np.concatenate([now, self.actual])
            ax.plot(ahead[: len(came)], came, "--", color=shade, linewidth=1, label="what came")
        ax.axvline(ahead[0], color="0.6", linewidth=0.8)
        ax.set(ylabel=self.name or "value", xlim=(steps[0], steps[-1]))
        if self.dates is None:
            ax.set_xlabel("steps ahead")
        else:
            from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

            locator = AutoDateLocator(maxticks=8)  # type: ignore[no-untyped-call]
            ax.xaxis.set_major_locator(locator)
            ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        # above the axes: a series leaves no corner free
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
        plain_frame(ax)
        return self


def _coverage(value: float) -> float:
    if not 0 < value < 1:
        raise ValueError(f"an interval's coverage is between 0 and 1 (0.8 for 80 %), but {shown(value)} was given")
    return value


def _course(values: ArrayLike, name: str, advice: str = "draw one at a time") -> Array:
    if isinstance(values, (list, tuple)) and values and np.size(values[0]) > 1:
        raise ValueError(f"{name} must be one number a step, but a list of {len(values)} sequences was given: {advice}")
    course = np.asarray(values, dtype=float)
    if course.ndim == 2 and course.shape[1] == 1:
        course = course[:, 0]
    if course.ndim != 1 or not course.size:
        raise ValueError(
            f"{name} must be one number a step, of shape (steps,), but its shape is {course.shape}: {advice}"
        )
    return course
