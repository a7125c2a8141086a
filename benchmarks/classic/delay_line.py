"""The linear delay line: an output that is linear in the input and in the last few of them, with no state besides.

::

    y(t) = a + W_0 x(t) + W_1 x(t-1) + ... + W_{k-1} x(t-k+1)          x(t) = 0 for t < 0

What it reaches is what a task asks of memory alone: a network that is no better has learnt nothing that least squares
could not. Its weights are found in one step, with a little ridge regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DelayLine", "taps"]

Array = NDArray[Any]


def taps(sequence: Array, n_taps: int) -> Array:
    """Return for each step of a sequence (T, F) its last inputs, newest first, of shape (T, n_taps * F).

    Zeros stand for what was before its beginning.
    """
    padded = np.concatenate([np.zeros((n_taps - 1, sequence.shape[1]), sequence.dtype), sequence])
    windows = np.lib.stride_tricks.sliding_window_view(padded, n_taps, axis=0)  # (T, F, n_taps), oldest first
    return windows[..., ::-1].swapaxes(1, 2).reshape(len(sequence), -1)


class DelayLine:
    """A linear delay line, fitted to sequences.

    Parameters
    ----------
    sequences : list of arrays of shape (T_i, F)
    targets : list of arrays of shape (T_i, n_outputs), or (n_outputs,) if `last`
    n_taps : int
        Inputs that it sees, the present one included.
    last : bool, default False
        Whether there is one output a sequence, at its end.
    ridge : float, default 1e-3
        Weight of the squared length of W.
    """

    def __init__(
        self,
        sequences: Sequence[Array],
        targets: Sequence[Array],
        n_taps: int,
        *,
        last: bool = False,
        ridge: float = 1e-3,
    ) -> None:
        self.n_taps, self.last = n_taps, last
        inputs = np.concatenate([self._inputs(s) for s in sequences])
        outputs = np.stack(targets) if last else np.concatenate(targets)
        penalty = ridge * np.eye(inputs.shape[1])
        penalty[-1, -1] = 0.0  # none for a
        self.weights = np.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ outputs)

    def predict(self, sequence: Array) -> Array:
        """Return the output at each step, (T, n_outputs), or at the last one, (n_outputs,)."""
        output = self._inputs(sequence) @ self.weights
        return output[0] if self.last else output

    def _inputs(self, sequence: Array) -> Array:
        seen = taps(sequence.astype(np.float64), self.n_taps) if not self.last else self._end(sequence)
        return np.hstack([seen, np.ones((len(seen), 1))])

    def _end(self, sequence: Array) -> Array:
        return taps(sequence[-self.n_taps :].astype(np.float64), self.n_taps)[-1:]
