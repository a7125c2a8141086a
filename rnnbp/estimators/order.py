"""The order of examples that scikit-learn's networks draw.

There, each epoch shuffles the order of the one before::

    order_k = order_{k-1}[p_k],  p_k a permutation drawn from the `RandomState`

Drawing the same permutations, an MLP here sees the same minibatches as scikit-learn's of the same ``random_state``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Shuffler"]


class Shuffler(np.random.Generator):
    """A generator for ``rnnbp.fit(seed=...)`` whose permutations continue each other, drawn from a `RandomState`.

    Parameters
    ----------
    random_state : numpy.random.RandomState
    n_examples : int
    """

    def __init__(self, random_state: np.random.RandomState, n_examples: int) -> None:
        super().__init__(np.random.PCG64(0))  # never drawn from
        self._random_state = random_state
        self._order = np.arange(n_examples)

    def permutation(self, x: Any, axis: int = 0) -> NDArray[Any]:
        """Return the next order of the examples; of anything else a permutation of its own."""
        drawn: NDArray[Any] = self._random_state.permutation(x)
        if x != len(self._order):
            return drawn
        self._order = self._order[drawn]
        return self._order
