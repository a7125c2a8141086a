r"""The forward-backward recursion of connectionist temporal classification, in NumPy, to be read.

A labelling of L labels, with a blank before, between and after them, is the sequence of states ``l'`` of length
``S = 2L + 1``. With the log-probabilities ``y_t(k)`` of class k at step t, a path may stay in its state, go on to the
next, or, from a label to another label that is not the same, leave out the blank between them. With ``⊕`` for
``log(exp a + exp b)``:

    α_t(s) = y_t(l'_s) + α_{t-1}(s) ⊕ α_{t-1}(s-1) ⊕ α_{t-1}(s-2) if l'_s ≠ blank and l'_s ≠ l'_{s-2}        (1)
    log p  = α_T(S) ⊕ α_T(S-1)                                                                             (2)
    β_T(S) = β_T(S-1) = 0                                                                                 (2')
    β_t(s) = [y + β]_{t+1}(s) ⊕ [y + β]_{t+1}(s+1) ⊕ [y + β]_{t+1}(s+2) if the same holds of s+2          (1')
    γ_t(s) = exp(α_t(s) + β_t(s) - log p)          the probability of being in state s at step t, of all paths

and ``∂ log p / ∂ y_t(k)`` is the sum of γ_t(s) over the states with ``l'_s = k``.

A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist temporal classification: labelling unsegmented
sequence data with recurrent neural networks", ICML 2006; equations (6) to (11), in logarithms. The engine runs the same
in `rnnbp.kernels.ctc`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["forward_backward", "log_softmax", "states_of"]

Array = NDArray[Any]
Index = NDArray[np.intp]


def log_softmax(logits: Array) -> Array:
    """Return the log-probabilities of logits of shape (..., C)."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def states_of(labels: ArrayLike, blank: int) -> tuple[Index, NDArray[np.bool_]]:
    """Return the class of each state ``l'``, of shape (2L + 1,), and whether it can be reached from two before it."""
    labels = np.asarray(labels, np.intp)
    states = np.full(2 * len(labels) + 1, blank)
    states[1::2] = labels
    skips = np.zeros(len(states), bool)
    skips[3::2] = labels[1:] != labels[:-1]
    return states, skips


def forward_backward(log_p: Array, labels: ArrayLike, blank: int = 0) -> tuple[float, Array]:
    """Return the negative log-likelihood of labels, and the probabilities of the states at each step.

    Parameters
    ----------
    log_p : ndarray of shape (T, C)
        Log-probabilities y.
    labels : array of int, of shape (L,)
        Without blanks.
    blank : int, default 0

    Returns
    -------
    float
        Infinite if the labels do not fit into T steps.
    gamma : ndarray of shape (T, 2L + 1)
        Rows sum to 1, or are 0 if the labels do not fit.

    Examples
    --------
    >>> value, gamma = forward_backward(np.log(np.full((2, 2), 0.5)), [1])  # paths: 1 1, blank 1, 1 blank
    >>> round(float(np.exp(-value)), 6), gamma.sum(axis=1).round(6).tolist()
    (0.75, [1.0, 1.0])
    """
    states, skips = states_of(labels, blank)
    y = log_p[:, states]
    alpha, beta = np.full(y.shape, -np.inf), np.full(y.shape, -np.inf)
    alpha[0, :2] = y[0, :2]
    for t in range(1, len(y)):
        before = alpha[t - 1]
        one, two = _shifted(before, 1), np.where(skips, _shifted(before, 2), -np.inf)
        alpha[t] = y[t] + _log_sum(before, one, two)  # 1
    log_likelihood = np.logaddexp.reduce(alpha[-1, -2:])  # 2
    if log_likelihood == -np.inf:
        return float("inf"), np.zeros_like(y)
    beta[-1, -2:] = 0.0  # 2'
    for t in range(len(y) - 2, -1, -1):
        after = y[t + 1] + beta[t + 1]
        one, two = _shifted(after, -1), _shifted(np.where(skips, after, -np.inf), -2)
        beta[t] = _log_sum(after, one, two)  # 1'
    return float(-log_likelihood), np.exp(alpha + beta - log_likelihood)


def _log_sum(a: Array, b: Array, c: Array) -> Array:
    return np.asarray(np.logaddexp(np.logaddexp(a, b), c))


def _shifted(row: Array, by: int) -> Array:
    """Return a row moved to the right, or, if `by` is negative, to the left."""
    moved = np.full_like(row, -np.inf)
    if by > 0:
        moved[by:] = row[:-by]
    else:
        moved[:by] = row[-by:]
    return moved
