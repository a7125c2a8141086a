"""How a one-step model sees a series: scaled, in windows, as values or as changes.

With mean m and standard deviation d of a series (differenced: d of its changes), a window of W inputs u, and their
targets y, are::

    z = (x - m) / d;   y(t) = z(t+1) - z(t)
    u(t) = z(t)                                or, differenced,   u(t) = z(t) - z(t-1)

Covariates are seen beside u; see `rnnbp.estimators.covariates`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from rnnbp.data.sequences import Sequences
from rnnbp.estimators.base import Data
from rnnbp.estimators.declaring import FLAG, WHOLE, either, real, setting

__all__ = ["WINDOWS", "Course", "Forecasting", "Scale", "View", "drifts"]

Array = NDArray[Any]
Scale = tuple[Array, Array]  # m and d of each variable

BOUND = either(real("(-inf, inf)"), None)
WINDOWS = 512  # to train on, about, however long the series are


@dataclass(eq=False, repr=False, kw_only=True)
class Forecasting:
    """The settings of a forecaster."""

    horizon: int = setting(1, WHOLE, "The steps that `predict` goes ahead unless it is told.")
    window: int = setting(
        50,
        WHOLE,
        "W, the steps of the past that a forecast is made of, and the length of the windows that are trained on.",
    )
    difference: bool | str = setting(
        "auto",
        either(FLAG, "auto"),
        """
        Whether the network sees changes in the place of values. Trends then go on to levels that were never seen, but
        the network does not know the level. "auto" does so if windows, or values about a straight line, vary less than
        half as much as the series.
        """,
    )
    lags: int | str | None = setting(
        "auto",
        either(WHOLE, "auto", None),
        """
        The last values that the autoregression beside the network sees, at most ``window``: a season at least. "auto"
        takes 24 or the whole window, whichever has forecast better what was left out; None leaves it out.
        """,
    )
    lower: float | None = setting(
        None,
        BOUND,
        "The least value that a series can take, such as 0 for counts: forecasts, intervals and paths stay above.",
    )
    upper: float | None = setting(None, BOUND, "The greatest one.")


@dataclass(frozen=True, eq=False)
class Course:
    """A series, and what is known beside it.

    Attributes
    ----------
    x : ndarray of shape (T, F + P)
        Its variables, and scaled past covariates.
    known : ndarray of shape (T or more, C)
        Scaled future covariates, of its steps and of those to come.
    scale : tuple of two ndarrays of shape (F + P,)
        m and d; 0 and 1 of what is scaled.
    """

    x: Array
    known: Array
    scale: Scale

    def __len__(self) -> int:
        return len(self.x)

    @property
    def scaled(self) -> Array:
        """The series as z."""
        mean, spread = self.scale
        return np.asarray((self.x - mean) / spread)

    def part(self, begin: int, end: int | None = None) -> Course:
        """Return some of its steps, and all that is known from there on."""
        return Course(self.x[begin:end], self.known[begin:], self.scale)

    def last(self, n: int) -> Course:
        """Return its last n steps, or all if there are fewer."""
        return self.part(max(len(self) - n, 0))


@dataclass(frozen=True)
class View:
    """How series are seen.

    Attributes
    ----------
    window : int
        W.
    differenced : bool
    n_variables : int
        F.
    """

    window: int
    differenced: bool
    n_variables: int

    def least(self, n_inputs: int) -> int:
        """Return how many values are needed for so many inputs."""
        return n_inputs + int(self.differenced)

    def first(self, length: int) -> int:
        """Return the first origin of a series that a forecaster is tried from: with W steps behind it, or a fifth."""
        return max(self.least(1), min(self.window, length // 5))

    def check(self, series: Sequence[Array], n_inputs: int) -> None:
        """Check that all series are long enough for so many inputs.

        Raises
        ------
        ValueError
            If one is not; names the first.
        """
        for i, x in enumerate(series):
            if len(x) < self.least(n_inputs):
                raise ValueError(
                    f"series {i} has {len(x)} steps (in a table, n_features={len(x)}), but at least "
                    f"{self.least(n_inputs)} are needed; rows of a table are series: [X] is one series of columns"
                )

    def scale_of(self, x: Array) -> Scale:
        """Return m and d; d is the size of changes that are all alike, and 1 where only rounding varies."""
        wide = x.astype(np.float64)
        seen, rounding = np.diff(wide, axis=0) if self.differenced else wide, 10 * np.finfo(x.dtype).eps
        spread, size = seen.std(axis=0), np.sqrt(np.square(seen).mean(axis=0))
        least = rounding * np.abs(wide).max(axis=0)
        alike = np.where(self.differenced & (size > least), size, 1)
        return wide.mean(axis=0).astype(x.dtype), np.where(spread > least, spread, alike).astype(x.dtype)

    def course(self, x: Array, past: Array, known: Array) -> Course:
        """Return a series with its covariates."""
        mean, spread = self.scale_of(x)
        zeros, ones = (make(past.shape[1], x.dtype) for make in (np.zeros, np.ones))
        joined = np.hstack([x, past.astype(x.dtype)])
        return Course(joined, known.astype(x.dtype), (np.append(mean, zeros), np.append(spread, ones)))

    def seen(self, value: Array, change: Array, ahead: Array) -> Array:
        """Return what the network sees at steps: z, its change, and what is known of the next step, side by side."""
        f = self.n_variables
        return np.hstack([(change if self.differenced else value)[:, :f], value[:, f:], ahead])

    def inputs(self, scaled: Array, ahead: Array) -> Array:
        """Return what the network sees of z, with what is known of the step after each."""
        first = self.least(0)
        return self.seen(scaled[first:], np.diff(scaled, axis=0), ahead[first:])

    def windows(self, courses: Sequence[Course]) -> Data:
        """Cut series into windows of W inputs, or fewer where there are not so many, and their targets."""
        length = self.least(self.window) + 1
        numbers = [max(len(each) - length, 0) + 1 for each in courses]
        stride = -(-sum(numbers) // WINDOWS)
        cut = [
            each.part(k, k + length)
            for each, n in zip(courses, numbers, strict=True)
            for k in range(n - 1, -1, -stride)
        ]
        inputs = Sequences.of([self.inputs(each.scaled[:-1], each.known[1 : len(each)]) for each in cut])
        return Data(inputs, Sequences.of([np.diff(each.scaled, axis=0)[self.least(0) :] for each in cut]), None)


def drifts(series: Sequence[Array], window: int) -> bool:
    """Return whether levels drift: whether windows, or values about a straight line, vary less than half as much.

    A season that is as long as a window hides a trend from windows, but not from the line.
    """
    windows = [sliding_window_view(x, min(window, len(x)), axis=0) for x in series]
    within = np.mean([each.var(axis=-1, dtype=np.float64).mean(axis=0) for each in windows], axis=0)
    about_line = np.mean([_about_line(x.astype(np.float64)) for x in series], axis=0)
    total = np.mean([x.var(axis=0, dtype=np.float64) for x in series], axis=0)
    return bool((np.minimum(within, about_line) < total / 2).mean() > 0.5)


def _about_line(x: Array) -> Array:
    """Return the variance of each variable about the straight line that fits it best, which two steps do not tell."""
    n = len(x)
    if n < 3:
        return np.full(x.shape[1], np.inf)
    t = np.arange(n) - (n - 1) / 2
    slope = t @ x / np.square(t).sum()
    return np.asarray(np.square(x - x.mean(axis=0) - t[:, None] * slope).sum(axis=0) / (n - 2))
