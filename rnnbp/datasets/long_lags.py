"""Tasks with one difficulty: what matters was seen long ago.

Their length sets how long. Each is a row of symbols or numbers, most of them distractors, and the lag between what
is to be remembered and its use grows with `n_steps`, where gradients of plain recurrent networks vanish.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rnnbp.configuration import shown, whole_number
from rnnbp.datasets.checks import RandomState, floating, generator
from rnnbp.names import explained

__all__ = ["TEMPORAL_ORDER_SYMBOLS", "make_adding_problem", "make_copy_memory", "make_temporal_order"]


@explained
def make_adding_problem(
    n_samples: int, n_steps: int, *, dtype: DTypeLike = np.float32, random_state: RandomState = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Make the adding problem: of a row of numbers, add the two that are marked.

    The task of Hochreiter and Schmidhuber [1]_ in the form of Le, Jaitly and Hinton [2]_: numbers uniform in [0, 1),
    one mark in each half of the row. To answer 1 always, the best constant, has a mean squared error of
    1/6 = 0.167.

    Parameters
    ----------
    n_samples : int
        Rows N.
    n_steps : int
        Length T of each, at least 2.
    dtype : {"float32", "float64"}, default="float32"
        Type of X and y.
    random_state : int, numpy.random.Generator or None, default=None
        Seed, for the same data again.

    Returns
    -------
    X : ndarray of shape (N, T, 2)
        The numbers, and the marks: 1 at two steps and 0 elsewhere.
    y : ndarray of shape (N, 1)
        Sum of the two marked numbers.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    .. [1] S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997, experiment 4.
    .. [2] Q. V. Le, N. Jaitly and G. E. Hinton, "A simple way to initialize recurrent networks of rectified linear
       units", arXiv:1504.00941, 2015.

    See Also
    --------
    make_copy_memory
    make_temporal_order

    Examples
    --------
    >>> X, y = make_adding_problem(2, 10, random_state=0)
    >>> X.shape, y.shape
    ((2, 10, 2), (2, 1))
    >>> numbers, marks = X[0].T
    >>> bool(abs(numbers @ marks - y[0, 0]) < 1e-6)  # the sum of the marked ones
    True
    """
    n, length = whole_number("n_samples", n_samples), whole_number("n_steps", n_steps, least=2)
    rng, row = generator(random_state), np.arange(n)
    X = np.zeros((n, length, 2), dtype=floating(dtype))
    X[..., 0] = rng.random((n, length))
    first, second = rng.integers(0, length // 2, n), rng.integers(length // 2, length, n)
    X[row, first, 1] = X[row, second, 1] = 1
    return X, X[row, first, :1] + X[row, second, :1]


@explained
def make_copy_memory(
    n_samples: int,
    n_steps: int,
    *,
    n_symbols: int = 8,
    n_memorize: int = 10,
    dtype: DTypeLike = np.float32,
    random_state: RandomState = None,
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Make the copy memory task: say again, after a long pause, what was shown.

    As Arjovsky, Shah and Bengio [1]_ have it: first K = `n_memorize` random symbols, then n_steps - 1 blanks,
    then a "now", then K blanks. To be answered are n_steps + K blanks and then the K symbols. Answering blanks, and
    guessing the symbols, has a mean cross-entropy of ``K log(n_symbols) / (n_steps + 2 K)`` a step.

    Parameters
    ----------
    n_samples : int
        Rows N.
    n_steps : int
        Steps from the last symbol shown to the "now", so how long they have to be kept.
    n_symbols : int, default=8
        Different symbols. The classes are 0 to n_symbols - 1 for them and n_symbols for the blank.
    n_memorize : int, default=10
        Symbols shown, K.
    dtype : {"float32", "float64"}, default="float32"
        Type of X.
    random_state : int, numpy.random.Generator or None, default=None
        Seed, for the same data again.

    Returns
    -------
    X : ndarray of shape (N, n_steps + 2 K, n_symbols + 2)
        One-hot: the symbols, the blank, and the "now".
    y : ndarray of shape (N, n_steps + 2 K)
        Class to be answered at each step, 0 to n_symbols.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    .. [1] M. Arjovsky, A. Shah and Y. Bengio, "Unitary evolution recurrent neural networks", ICML 2016.

    See Also
    --------
    make_adding_problem

    Examples
    --------
    >>> X, y = make_copy_memory(2, 5, random_state=0)
    >>> X.shape, y.shape
    ((2, 25, 10), (2, 25))
    """
    n, pause = whole_number("n_samples", n_samples), whole_number("n_steps", n_steps)
    n_symbols, k = whole_number("n_symbols", n_symbols, least=2), whole_number("n_memorize", n_memorize)
    blank, now = n_symbols, n_symbols + 1
    shown = generator(random_state).integers(0, n_symbols, (n, k))
    seen = np.full((n, pause + 2 * k), blank)
    seen[:, :k] = shown
    seen[:, k + pause - 1] = now
    y = np.full(seen.shape, blank, dtype=np.int64)
    y[:, -k:] = shown
    return np.eye(n_symbols + 2, dtype=floating(dtype))[seen], y


TEMPORAL_ORDER_SYMBOLS = "EBabcdXY"

# Where the relevant symbols may be, in shares of the length: steps 10-19 and 50-59 of 100, and so on.
_PLACES = {
    2: ((0.10, 0.20), (0.50, 0.60)),
    3: ((0.10, 0.20), (0.33, 0.43), (0.66, 0.76)),
    4: ((0.10, 0.20), (0.30, 0.40), (0.50, 0.60), (0.70, 0.80)),
}


@explained
def make_temporal_order(
    n_samples: int,
    n_steps: int = 100,
    *,
    n_relevant: int = 2,
    dtype: DTypeLike = np.float32,
    random_state: RandomState = None,
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Make the temporal order problem: tell in which order the Xs and Ys came.

    Experiments 6a and 6b of Hochreiter and Schmidhuber [1]_: an E, then random letters from a to d among which two
    (6a) or three (6b) are an X or a Y, then a B. The relevant ones lie, by chance, at 10 to 20 and 50 to 60 % of the
    length (6a), or at 10 to 20, 33 to 43 and 66 to 76 % (6b). The original draws lengths from 100 to 110 as well. With
    four, which it has not, they lie at 10 to 20, 30 to 40, 50 to 60 and 70 to 80 %.

    Parameters
    ----------
    n_samples : int
        Rows N.
    n_steps : int, default=100
        Length T of each, at least 10.
    n_relevant : {2, 3, 4}, default=2
        Relevant symbols: experiment 6a with 4 classes, 6b with 8, or one more with 16.
    dtype : {"float32", "float64"}, default="float32"
        Type of X.
    random_state : int, numpy.random.Generator or None, default=None
        Seed, for the same data again.

    Returns
    -------
    X : ndarray of shape (N, T, 8)
        One-hot, in the order of ``"EBabcdXY"``.
    y : ndarray of shape (N,)
        The class: the relevant symbols read as a binary number, with X as 0 and Y as 1. XX is 0, XY 1, YX 2, YY 3.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    .. [1] S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.

    See Also
    --------
    make_adding_problem

    Examples
    --------
    >>> X, y = make_temporal_order(2, 40, random_state=0)
    >>> X.shape, y.shape
    ((2, 40, 8), (2,))
    """
    n, length = whole_number("n_samples", n_samples), whole_number("n_steps", n_steps, least=10)
    if n_relevant not in _PLACES:
        raise ValueError(f"n_relevant must be 2, 3 or 4, but {shown(n_relevant)} was given")
    rng = generator(random_state)
    symbols = rng.integers(2, 6, (n, length))
    symbols[:, 0], symbols[:, -1] = 0, 1
    y = np.zeros(n, dtype=np.int64)
    for first, last in _PLACES[n_relevant]:
        is_y = rng.integers(0, 2, n)
        symbols[np.arange(n), rng.integers(round(first * length), round(last * length), n)] = 6 + is_y
        y = 2 * y + is_y
    return np.eye(8, dtype=floating(dtype))[symbols], y
