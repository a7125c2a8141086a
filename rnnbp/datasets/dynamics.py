"""Series to be forecast or imitated: the Mackey-Glass equation and the NARMA-10 system."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rnnbp.configuration import shown, whole_number
from rnnbp.datasets.checks import RandomState, floating, generator
from rnnbp.names import explained

__all__ = ["integrate_mackey_glass", "make_mackey_glass", "make_narma10", "respond_narma10"]

Array = NDArray[np.float64]

INTEGRATION_STEP = 0.1  # of Mackey-Glass; halving it moves x(300) by 2e-9


@explained
def make_mackey_glass(
    n_samples: int,
    n_steps: int,
    *,
    tau: float = 17.0,
    horizon: int = 1,
    dtype: DTypeLike = np.float32,
    random_state: RandomState = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Make forecasting tasks of the Mackey-Glass equation [1]_, one value a unit of time.

    The equation, of the number of white blood cells, looks back by a delay::

        dx/dt = 0.2 x(t - tau) / (1 + x(t - tau)^10) - 0.1 x(t)

    It is mildly chaotic at tau = 17 and more so at 30. Each series begins with its own constant history, between 0.5
    and 1.3; the first 500 units of time are left out, so that it has come to its attractor. Integrated by
    the classical Runge-Kutta method with steps of 0.1, between which x(t - tau) is taken from cubic Hermite
    interpolation.

    Parameters
    ----------
    n_samples : int
        Series N.
    n_steps : int
        Steps T of each.
    tau : float, default=17.0
        The delay, a multiple of 0.1.
    horizon : int, default=1
        How many steps ahead is to be forecast. 1 and 84 are much used.
    dtype : {"float32", "float64"}, default="float32"
        Type of X and y; the integration is in float64.
    random_state : int, numpy.random.Generator or None, default=None
        Seed, for the same data again.

    Returns
    -------
    X : ndarray of shape (N, T, 1)
        The series; at tau = 17 between about 0.4 and 1.3.
    y : ndarray of shape (N, T, 1)
        The same, `horizon` steps later.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    .. [1] M. C. Mackey and L. Glass, "Oscillation and chaos in physiological control systems", Science 197, 1977.

    See Also
    --------
    make_narma10
    rnnbp.RNNForecaster

    Examples
    --------
    >>> x, y = make_mackey_glass(2, 100, horizon=6, random_state=0)
    >>> x.shape, y.shape, bool((x[:, 6:] == y[:, :-6]).all())
    ((2, 100, 1), (2, 100, 1), True)
    """
    n, length = whole_number("n_samples", n_samples), whole_number("n_steps", n_steps)
    ahead = whole_number("horizon", horizon)
    if not (0 < tau < np.inf and np.isclose(round(tau / INTEGRATION_STEP) * INTEGRATION_STEP, tau, atol=0)):
        raise ValueError(f"tau must be a positive multiple of {INTEGRATION_STEP}, but {shown(tau)} was given")
    kind = floating(dtype)
    history = generator(random_state).uniform(0.5, 1.3, n)
    a_unit, left_out = round(1 / INTEGRATION_STEP), 500
    x = integrate_mackey_glass(history, (left_out + length + ahead - 1) * a_unit, round(tau / INTEGRATION_STEP))
    series = x[left_out * a_unit :: a_unit].T[..., np.newaxis].astype(kind)
    return series[:, :length].copy(), series[:, ahead:].copy()


def integrate_mackey_glass(history: Array, n_steps: int, delay: int) -> Array:
    """Integrate N series, from x(t) = history for all t <= 0, by steps of h = `INTEGRATION_STEP`.

    Returns x at 0, h, 2 h, ... of shape (n_steps + 1, N). The delay is in steps. What lies a delay before the
    middle of a step lies between x[j] and x[j + 1], and their slopes are known.
    """
    h = INTEGRATION_STEP

    def slope(x: Array, delayed: Array) -> Array:
        return 0.2 * delayed / (1 + delayed**10) - 0.1 * x

    x = np.empty((n_steps + 1, history.size))
    dx = np.empty_like(x)
    x[0] = history
    for i in range(n_steps):
        j = i - delay
        before, after = (x[j], x[j + 1]) if j >= 0 else (history, history)
        k1 = dx[i] = slope(x[i], before)
        between = (before + after) / 2 + h / 8 * (dx[j] - dx[j + 1]) if j >= 0 else history
        k2 = slope(x[i] + h / 2 * k1, between)
        k3 = slope(x[i] + h / 2 * k2, between)
        k4 = slope(x[i] + h * k3, after)
        x[i + 1] = x[i] + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return x


@explained
def make_narma10(
    n_samples: int, n_steps: int, *, dtype: DTypeLike = np.float32, random_state: RandomState = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Make the NARMA-10 task: imitate a nonlinear system that remembers ten steps [1]_.

    The system is driven by random numbers u, uniform in [0, 0.5), and begins at rest::

        y(t+1) = 0.3 y(t) + 0.05 y(t) (y(t) + y(t-1) + ... + y(t-9)) + 1.5 u(t-9) u(t) + 0.1

    By a rare chance of u the system runs away to infinity. A series in which y exceeds 1 is drawn again.

    Parameters
    ----------
    n_samples : int
        Series N.
    n_steps : int
        Steps T of each.
    dtype : {"float32", "float64"}, default="float32"
        Type of X and y; the recurrence is in float64.
    random_state : int, numpy.random.Generator or None, default=None
        Seed, for the same data again.

    Returns
    -------
    X : ndarray of shape (N, T, 1)
        The input: u(t).
    y : ndarray of shape (N, T, 1)
        The system's answer to it: y(t+1).

    Raises
    ------
    ValueError
        A parameter is out of its range, or the series are so long that hardly any stays bounded.

    References
    ----------
    .. [1] A. F. Atiya and A. G. Parlos, "New results on recurrent network training: unifying the algorithms and
       accelerating convergence", IEEE Transactions on Neural Networks 11(3), 2000.

    See Also
    --------
    make_mackey_glass

    Examples
    --------
    >>> x, y = make_narma10(2, 100, random_state=0)
    >>> x.shape, y.shape
    ((2, 100, 1), (2, 100, 1))
    """
    n, length = whole_number("n_samples", n_samples), whole_number("n_steps", n_steps)
    kind, rng = floating(dtype), generator(random_state)
    u, y = np.empty((n, length)), np.empty((n, length))
    again = np.arange(n)
    for _ in range(100):
        u[again] = rng.uniform(0, 0.5, (again.size, length))
        y[again] = respond_narma10(u[again])
        again = again[~(y[again].max(axis=1) <= 1)]
        if not again.size:
            return u[..., np.newaxis].astype(kind), y[..., np.newaxis].astype(kind)
    raise ValueError(f"of series as long as {length} steps hardly any stays bounded: make more, shorter ones")


def respond_narma10(u: Array) -> Array:
    """Return y(1) to y(T) of shape (N, T), the answers to inputs u(0) to u(T-1) from rest."""
    n, length = u.shape
    memory = 9
    past = np.concatenate([np.zeros((n, memory)), u], axis=1)  # past[:, t + 9] is u(t)
    y = np.zeros((n, memory + 1 + length))  # y[:, t + 9] is y(t)
    with np.errstate(over="ignore", invalid="ignore"):  # of series that run away
        for t in range(length):
            now = y[:, t + memory]
            recent = y[:, t : t + memory + 1].sum(axis=1)
            y[:, t + memory + 1] = 0.3 * now + 0.05 * now * recent + 1.5 * past[:, t] * u[:, t] + 0.1
    return y[:, memory + 1 :]
