"""A linear model of lagged values: a vector autoregression, fitted by ridge in closed form.

Of a scaled series z of V variables, past covariates among them, and future covariates c::

    z(t+1) = z(t) + A_1 z(t) + ... + A_K z(t-K+1) + B c(t+1) + b + e(t)
    A, B, b minimise  sum_t |e(t)|^2 + alpha |A, B|^2

for each variable with the penalty alpha, of `ALPHAS`, that predicts steps best which were left out one at a time. What
is penalised is a change: without data, the next value is the last one. The model sees levels also where the network
beside it sees changes: levels can say what changes say, and where series grow by a share, or have noise about a trend,
they forecast better. A past of fewer than K steps begins with its first value as often as is needed.

Where levels drift, nothing draws a variable back to where it has been, as least squares say of any random walk. If its
own coefficients sum to less than 0, a variable is forecast from how far lags were from the last values instead::

    z_i(t+1) = z_i(t) + sum over variables j and lags k > 0 of a_jk (z_j(t-k) - z_j(t)) + B_i c(t+1) + b_i + e_i(t)

In closed loop the model goes on as the roots of its polynomial say: the eigenvalues of the companion matrix of
I + A_1, A_2, ..., A_K. A root that is a little greater than 1 by chance runs away in a hundred steps; growth by a share
is such a root, too, but where levels do not drift there is none. There all are drawn in by the greatest, r > 1::

    I + A_1, A_2, ..., A_K   become   (I + A_1) / r, A_2 / r^2, ..., A_K / r^K

References
----------
H. Luetkepohl, "New Introduction to Multiple Time Series Analysis", Springer 2005, chapter 2. A. E. Hoerl and R. W.
Kennard, "Ridge regression: biased estimation for nonorthogonal problems", Technometrics 12, 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV

from rnnbp.estimators.series import Course

__all__ = ["USUAL", "Autoregression"]

Array = NDArray[Any]

ALPHAS = np.logspace(-6, 4, 21)
USUAL = 24  # lags: two years of months, a day of hours, three weeks of days
MOST = 400  # lags of all variables together
ROWS = 5000  # to fit to, about, however long the series are


@dataclass(frozen=True, eq=False)
class Autoregression:
    """A fitted one: a model that `closed_loop` runs.

    Attributes
    ----------
    coef : ndarray of shape (V, K V + C)
        A_1, ..., A_K and B side by side.
    intercept : ndarray of shape (V,)
        b.
    """

    coef: Array
    intercept: Array

    @classmethod
    def fitted(cls, courses: Sequence[Course], n_lags: int, *, n_drifting: int) -> Self:
        """Fit to series.

        Parameters
        ----------
        courses : sequence of Course
        n_lags : int
            K; no more than half of the longest series, or `MOST` / V.
        n_drifting : int
            How many of the first variables drift: none of them, or all but past covariates.
        """
        v = courses[0].x.shape[1]
        k = max(min(n_lags, max(map(len, courses)) // 2, MOST // v), 1)
        stride = -(-sum(len(each) for each in courses) // ROWS)
        rows = [_rows(each, k, stride) for each in courses if len(each) > k]
        x, y = (np.concatenate(parts) for parts in zip(*rows, strict=True))
        coef, intercept = _ridge(x, y)
        lagged = coef[:, : k * v]
        drawn_back = [i for i in range(n_drifting) if lagged[i, i::v].sum() < 0]
        if drawn_back:
            apart = np.eye(x.shape[1])[:, v:]  # x @ apart is how far lags were from the last values, and c
            apart[:v, : (k - 1) * v] = -np.tile(np.eye(v), k - 1)
            held, intercept[drawn_back] = _ridge(x @ apart, y[:, drawn_back])
            coef[drawn_back] = held @ apart.T
        if not n_drifting:
            _draw_in(lagged)
        return cls(coef, intercept)

    def begin(self, recent: Sequence[Course]) -> tuple[Array, Array]:
        """Return what follows pasts: the changes, of shape (N, V), and the last K values, the newest first."""
        k = (self.coef.shape[1] - recent[0].known.shape[1]) // len(self.coef)
        ends = [each.last(k) for each in recent]
        lags = np.stack([np.pad(each.scaled, ((k - len(each), 0), (0, 0)), "edge")[::-1] for each in ends])
        return self._change(lags, np.stack([each.known[len(each)] for each in ends])), lags

    def step(self, value: Array, change: Array, ahead: Array, lags: Array) -> tuple[Array, Array]:
        """Return the next changes, once a value has become known."""
        lags = np.concatenate([value[:, None], lags[:, :-1]], axis=1)
        return self._change(lags, ahead), lags

    def _change(self, lags: Array, ahead: Array) -> Array:
        seen = np.hstack([lags.reshape(len(lags), -1), ahead])
        return np.asarray(seen @ self.coef.T + self.intercept)


def _rows(course: Course, k: int, stride: int) -> tuple[Array, Array]:
    """Return what a model of k lags sees at every so many steps, the last ones among them, and the changes after it."""
    z = course.scaled.astype(np.float64)
    at = np.arange(len(z) - 1, k - 1, -stride)[::-1]  # of what is predicted
    lags = sliding_window_view(z, k, axis=0)[at - k, :, ::-1].swapaxes(1, 2)
    return np.hstack([lags.reshape(len(at), -1), course.known[at]]), z[at] - z[at - 1]


def _ridge(x: Array, y: Array) -> tuple[Array, Array]:
    """Return the coefficients and constants of each column of y."""
    if not x.shape[1]:
        return np.zeros((y.shape[1], 0)), y.mean(axis=0)
    model = RidgeCV(ALPHAS, alpha_per_target=True).fit(x, y)
    return model.coef_.reshape(y.shape[1], -1), model.intercept_.reshape(-1)


def _draw_in(a: Array) -> None:
    """Divide the roots of a model by the greatest, if that is beyond 1; a is changed."""
    v, n = a.shape
    companion = np.eye(n, k=-v)
    companion[:v] = a
    companion[:v, :v] += np.eye(v)
    greatest = np.abs(np.linalg.eigvals(companion)).max()
    if greatest > 1:
        drawn = companion[:v] / np.repeat(greatest ** np.arange(1, n // v + 1), v)
        drawn[:, :v] -= np.eye(v)
        a[...] = drawn
