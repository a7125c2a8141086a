"""Embedding: a row of a table for each symbol.

::

    y = W[x]                                  (1)

    dW[k] = sum of dy where x = k             (1')

It is a Dense layer on one-hot vectors, without the multiplications by zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnbp import initializers
from rnnbp.configuration import whole_number
from rnnbp.initializers import Initializer
from rnnbp.layers.layer import BackwardContext, Context, Layer
from rnnbp.parameters import Parameter

__all__ = ["Embedding"]

Array = NDArray[Any]


class Embedding(Layer):
    """Turn symbols, numbered from 0, into vectors that are learnt; a network's first layer only.

    Parameters
    ----------
    n_symbols : int
        How many symbols there are; the input is integers from 0 to n_symbols - 1.
    n_features : int
        The width of the vectors.
    weight_initializer : str or Initializer, default "glorot"

    Raises
    ------
    ValueError
        If a number is not a whole one of at least 1, or the initializer's name is unknown.

    Notes
    -----
    Its parameter is ``weight`` of shape (n_symbols, n_features). A batch of sequences is integers of shape (T, B), a
    static one of shape (B,).

    See Also
    --------
    Dense

    Examples
    --------
    >>> from rnnbp import Network
    >>> net = Network([Embedding(26, 8)])
    >>> net.forward([[0, 25], [3, 3]]).shape  # T = 2 steps, B = 2 sequences
    (2, 2, 8)
    """

    frame_rank: ClassVar[int] = 0

    def __init__(self, n_symbols: int, n_features: int, *, weight_initializer: str | Initializer = "glorot") -> None:
        self.n_symbols = whole_number("n_symbols", n_symbols)
        self.n_features = whole_number("n_features", n_features)
        self.weight_initializer = weight_initializer
        self._weight = Parameter("weight", (n_symbols, n_features), initializers.get(weight_initializer))

    def parameters(self) -> Sequence[Parameter]:
        """Declare weight."""
        return (self._weight,)

    @property
    def multiply_adds(self) -> int:
        """None: a row is looked up."""
        return 0

    def output_width(self, input_width: int) -> int:
        """Return n_features."""
        return self.n_features

    def check_input(self, frames: Array, n_features: int | None, dtype: np.dtype[Any]) -> Array:
        """Return symbols as indices.

        Raises
        ------
        ValueError
            If they are not whole numbers from 0 to n_symbols - 1.
        """
        if frames.dtype.kind not in "iu":
            raise ValueError(f"{self!r} takes whole numbers (symbols), but the input's dtype is {frames.dtype}")
        if frames.size and (frames.min() < 0 or frames.max() >= self.n_symbols):
            wrong = frames[(frames < 0) | (frames >= self.n_symbols)].flat[0]
            raise ValueError(f"{self!r} takes symbols from 0 to {self.n_symbols - 1}, but {wrong} came in")
        return frames.astype(np.intp, copy=False)

    def forward(self, parameters: Mapping[str, Array], x: Array, context: Context) -> tuple[Array, Any]:
        """Compute (1)."""
        return np.asarray(parameters["weight"][x]), x  # 1

    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        saved: Any,
        context: BackwardContext,
    ) -> Array | None:
        """Compute (1'); symbols have no gradient."""
        gradients["weight"].fill(0)
        np.add.at(gradients["weight"], saved, dy)  # 1'
        return None
