"""Dropout.

In training, with m drawn anew for each element of each batch::

    y = m x,  m = 1 / (1 - rate) with probability 1 - rate, else 0           (1)

    dx = m dy                                                                (1')

At inference y = x: the scaling by 1 / (1 - rate) keeps the mean the same ("inverted" dropout).

References
----------
N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.
Y. Gal and Z. Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks", NIPS 2016
(one mask over time).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rnnbp.configuration import flag, number
from rnnbp.layers.layer import BackwardContext, Context, Layer

__all__ = ["Dropout", "dropout_mask"]

Array = NDArray[Any]


def dropout_mask(rate: float, shape: tuple[int, ...], dtype: DTypeLike, rng: np.random.Generator) -> Array:
    """Return 1 / (1 - rate) with probability 1 - rate and 0 with probability `rate`, for each element."""
    kept = rng.random(shape, dtype=np.float32) >= rate
    return np.where(kept, 1.0 / (1.0 - rate), 0.0).astype(dtype)


class Dropout(Layer):
    """Set elements to zero at random, in training only.

    Parameters
    ----------
    rate : float
        The probability that an element is dropped, from 0 to below 1.
    over_time : bool, default False
        Whether a sequence is given one mask for all its steps (Gal and Ghahramani) instead of one a step.

    Raises
    ------
    ValueError
        If the rate is not in [0, 1).

    See Also
    --------
    LayerNorm

    Examples
    --------
    >>> from rnnbp import Network
    >>> net = Network([Dropout(0.5)])
    >>> print(net.forward([[1.0, 1.0, 1.0, 1.0]]))  # nothing is dropped outside of training
    [[1. 1. 1. 1.]]
    >>> sorted(set(net.forward(np.ones((1, 100)), training=True).ravel().tolist()))
    [0.0, 2.0]
    """

    def __init__(self, rate: float, *, over_time: bool = False) -> None:
        self.rate = number("the dropout rate", rate, "[0, 1)")
        self.over_time = flag("over_time", over_time)

    def output_width(self, input_width: int) -> int:
        """Return input_width."""
        return input_width

    def forward(self, parameters: Mapping[str, Array], x: Array, context: Context) -> tuple[Array, Any]:
        """Compute (1)."""
        if not context.training or self.rate == 0.0:
            return x, None
        if self.over_time and context.packing is not None:
            shape = (context.packing.n_sequences, x.shape[1])
            mask = dropout_mask(self.rate, shape, x.dtype, context.rng)[context.packing.sequence_of_row]
        else:
            mask = dropout_mask(self.rate, x.shape, x.dtype, context.rng)
        return np.asarray(mask * x), mask  # 1

    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        saved: Any,
        context: BackwardContext,
    ) -> Array | None:
        """Compute (1')."""
        return dy if saved is None else np.asarray(saved * dy)  # 1'
