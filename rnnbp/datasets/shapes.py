"""Series that are told apart by their shape: three much used tasks of one number a step.

Each class is a shape that varies in its place, length or height, and is seen through noise. All classes are equally
frequent (to within one), in random order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rnnbp.configuration import whole_number
from rnnbp.datasets.checks import RandomState, floating, generator
from rnnbp.names import explained

__all__ = ["make_control_charts", "make_cylinder_bell_funnel", "make_two_patterns"]


@explained
def make_cylinder_bell_funnel(
    n_samples: int, n_steps: int = 128, *, dtype: DTypeLike = np.float32, random_state: RandomState = None
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Make Saito's task [1]_: tell flat bumps from rising and from falling ones.

    With a from T/8 to T/4 and b - a from T/4 to 3 T/4, whole numbers that are drawn for each series, its height
    6 + eta, and noise e(t) at each step t = 1, ..., T; eta and e are of the standard normal distribution::

        cylinder    x(t) = (6 + eta)                     for a <= t <= b, else 0;  + e(t)
        bell        x(t) = (6 + eta) (t - a) / (b - a)   for a <= t <= b, else 0;  + e(t)
        funnel      x(t) = (6 + eta) (b - t) / (b - a)   for a <= t <= b, else 0;  + e(t)

    Parameters
    ----------
    n_samples : int
        Series N.
    n_steps : int, default=128
        Length T of each, at least 8. Saito's is 128.
    dtype : {"float32", "float64"}, default="float32"
        Type of X.
    random_state : int, numpy.random.Generator or None, default=None
        Seed, for the same data again.

    Returns
    -------
    X : ndarray of shape (N, T, 1)
    y : ndarray of shape (N,)
        0 for a cylinder, 1 for a bell, 2 for a funnel.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    .. [1] N. Saito, "Local feature extraction and its applications using a library of bases", PhD thesis, Yale
       University, 1994.

    Examples
    --------
    >>> X, y = make_cylinder_bell_funnel(90, random_state=0)
    >>> X.shape, np.bincount(y).tolist()
    ((90, 128, 1), [30, 30, 30])
    """
    n, length = whole_number("n_samples", n_samples), whole_number("n_steps", n_steps, least=8)
    kind, rng = floating(dtype), generator(random_state)
    y, t = _classes(rng, n, 3), np.arange(1, length + 1)
    begin = _whole(rng, length / 8, length / 4, n)
    width = _whole(rng, length / 4, 3 * length / 4, n)
    place = (t - begin) / width  # 0 at a, 1 at b
    shape = np.choose(y[:, None], [np.ones_like(place), place, 1 - place])
    bump = np.where((place >= 0) & (place <= 1), shape, 0)
    height = 6 + rng.normal(size=(n, 1))
    return (height * bump + rng.normal(size=(n, length)))[..., None].astype(kind), y


@explained
def make_control_charts(
    n_samples: int, n_steps: int = 60, *, dtype: DTypeLike = np.float32, random_state: RandomState = None
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Make control charts [1]_: tell a process in order from five ways of going wrong.

    The measurements of Alcock and Manolopoulos [2]_, after Pham and Chan. At each step t = 1, ..., T, r(t) is drawn
    from [-3, 3], and for each series the amplitude a and the period P from [10, 15], the slope g from [0.2, 0.5], the
    shift s from [7.5, 20], and its time from [T/3, 2 T/3], all uniformly::

        normal                   x(t) = 30 + 2 r(t)
        cyclic                   x(t) = 30 + 2 r(t) + a sin(2 pi t / P)
        increasing, decreasing   x(t) = 30 + 2 r(t) +- g t
        upward, downward shift   x(t) = 30 + 2 r(t) +- s, from its time on

    Parameters
    ----------
    n_samples : int
        Series N.
    n_steps : int, default=60
        Length T of each, at least 3. The original's is 60.
    dtype : {"float32", "float64"}, default="float32"
        Type of X.
    random_state : int, numpy.random.Generator or None, default=None
        Seed, for the same data again.

    Returns
    -------
    X : ndarray of shape (N, T, 1)
    y : ndarray of shape (N,)
        0 for normal, 1 cyclic, 2 increasing, 3 decreasing, 4 upward shift, 5 downward shift.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    .. [1] D. T. Pham and A. B. Chan, "Control chart pattern recognition using a new type of self-organizing neural
       network", Proceedings of the Institution of Mechanical Engineers 212, 1998.
    .. [2] R. J. Alcock and Y. Manolopoulos, "Time-series similarity queries employing a feature-based approach", 7th
       Hellenic Conference on Informatics, 1999.

    Examples
    --------
    >>> X, y = make_control_charts(60, random_state=0)
    >>> X.shape, np.bincount(y).tolist()
    ((60, 60, 1), [10, 10, 10, 10, 10, 10])
    """
    n, length = whole_number("n_samples", n_samples), whole_number("n_steps", n_steps, least=3)
    kind, rng = floating(dtype), generator(random_state)
    y, t = _classes(rng, n, 6), np.arange(1, length + 1)
    amplitude, period = rng.uniform(10, 15, (2, n, 1))
    trend = rng.uniform(0.2, 0.5, (n, 1)) * t
    shift = rng.uniform(7.5, 20, (n, 1)) * (t >= rng.uniform(length / 3, 2 * length / 3, (n, 1)))
    cycle = amplitude * np.sin(2 * np.pi * t / period)
    deviation = np.choose(y[:, None], [np.zeros((n, length)), cycle, trend, -trend, shift, -shift])
    return (30 + 2 * rng.uniform(-3, 3, (n, length)) + deviation)[..., None].astype(kind), y


@explained
def make_two_patterns(
    n_samples: int, n_steps: int = 128, *, dtype: DTypeLike = np.float32, random_state: RandomState = None
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Make Geurts' task [1]_: of two steps in a series, tell which goes up and which down.

    A step up is a run of -5 and then one of 5 as long, a step down the reverse. Elsewhere there is noise of the
    standard normal distribution. Two steps, whose lengths are drawn from T/8 to T/4 each, lie anywhere without an
    overlap; their order is what is to be told. T/8 to T/4 is what the published series agree with: scaled to a
    standard deviation of 1, their values reach from -1.94 to 1.94, and their quartiles are -0.41 and 0.41.

    Parameters
    ----------
    n_samples : int
        Series N.
    n_steps : int, default=128
        Length T of each, at least 16. The original's is 128.
    dtype : {"float32", "float64"}, default="float32"
        Type of X.
    random_state : int, numpy.random.Generator or None, default=None
        Seed, for the same data again.

    Returns
    -------
    X : ndarray of shape (N, T, 1)
    y : ndarray of shape (N,)
        0 for up and up, 1 for up and down, 2 for down and up, 3 for down and down.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    .. [1] P. Geurts, "Contributions to decision tree induction: bias/variance tradeoff and time series
       classification", PhD thesis, University of Liege, 2002.

    Examples
    --------
    >>> X, y = make_two_patterns(40, random_state=0)
    >>> X.shape, np.bincount(y).tolist()
    ((40, 128, 1), [10, 10, 10, 10])
    """
    n, length = whole_number("n_samples", n_samples), whole_number("n_steps", n_steps, least=16)
    kind, rng = floating(dtype), generator(random_state)
    y, t = _classes(rng, n, 4), np.arange(length)
    x = rng.normal(size=(n, length))
    first, second = (_whole(rng, length / 8, length / 4, n) for _ in range(2))
    free = length - first - second  # what lies before, between and after
    before, until = np.sort(rng.integers(0, free + 1, (2, n, 1)), axis=0)
    for begin, long, down in ((before, first, y // 2), (until + first, second, y % 2)):
        place = t - begin
        step = np.where((place < long / 2) != down[:, None], -5, 5)
        x = np.where((place >= 0) & (place < long), step, x)
    return x[..., None].astype(kind), y


def _classes(rng: np.random.Generator, n: int, n_classes: int) -> NDArray[np.int64]:
    return rng.permutation(np.arange(n, dtype=np.int64) % n_classes)


def _whole(rng: np.random.Generator, low: float, high: float, n: int) -> NDArray[np.int64]:
    """Draw whole numbers of shape (n, 1) from an interval, both ends included."""
    return rng.integers(int(np.ceil(low)), int(high), (n, 1), endpoint=True)
