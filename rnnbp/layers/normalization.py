"""Layer normalisation.

For each row x of F features, with its standardisation u (`rnnbp.activations`)::

    u = standardize(x)                                                       (1)
    y = gain u + bias                                                        (2)

    dgain = sum dy u;  dbias = sum dy;  du = dy gain                         (2')
    dx = pullback of (1), of du                                              (1')

References
----------
J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", 2016.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.activations import EPSILON, standardize, standardize_pullback
from rnnbp.configuration import number, whole_number
from rnnbp.initializers import Ones, Zeros
from rnnbp.layers.layer import BackwardContext, Context, Layer, expect_width
from rnnbp.parameters import Parameter

__all__ = ["LayerNorm"]

Array = NDArray[Any]


class LayerNorm(Layer):
    """Normalise each example's or frame's features to mean 0 and variance 1, then scale and shift them.

    Parameters
    ----------
    n_features : int
        F.
    epsilon : float, default 1e-5
        What is added to the variance, so that nothing is divided by 0.

    Raises
    ------
    ValueError
        If `n_features` is not a whole number of at least 1, or `epsilon` is not above 0.

    Notes
    -----
    Its parameters are ``gain`` (first 1) and ``bias`` (first 0), both of shape (F,).

    See Also
    --------
    Dropout

    Examples
    --------
    >>> from rnnbp import Network
    >>> print(Network([LayerNorm(3)]).forward([[1.0, 2.0, 3.0]]).round(2))
    [[-1.22  0.    1.22]]
    """

    def __init__(self, n_features: int, *, epsilon: float = EPSILON) -> None:
        self.n_features = whole_number("n_features", n_features)
        self.epsilon = number("epsilon", epsilon)

    def parameters(self) -> Sequence[Parameter]:
        """Declare gain and bias."""
        shape = (self.n_features,)
        return Parameter("gain", shape, Ones()), Parameter("bias", shape, Zeros())

    def output_width(self, input_width: int) -> int:
        """Return n_features."""
        expect_width(self, self.n_features, input_width)
        return input_width

    def forward(self, parameters: Mapping[str, Array], x: Array, context: Context) -> tuple[Array, Any]:
        """Compute (1) and (2)."""
        u, scale = standardize(x, self.epsilon)  # 1
        return np.asarray(parameters["gain"] * u + parameters["bias"]), (u, scale)  # 2

    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        saved: Any,
        context: BackwardContext,
    ) -> Array | None:
        """Compute (2') and (1')."""
        u, scale = saved
        np.sum(dy * u, axis=0, out=gradients["gain"])  # 2'
        np.sum(dy, axis=0, out=gradients["bias"])  # 2'
        return standardize_pullback(dy * parameters["gain"], u, scale)  # 2', 1'
