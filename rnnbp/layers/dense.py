"""The fully connected layer.

::

    y = x W + b                               (1)

    dW = x^T dy;  db = sum dy;  dx = dy W^T   (1')
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnbp import initializers
from rnnbp.configuration import whole_number
from rnnbp.initializers import Initializer
from rnnbp.layers.layer import BackwardContext, Context, Layer, expect_width
from rnnbp.parameters import Parameter

if TYPE_CHECKING:
    from rnnbp.layers.compiled import Part

__all__ = ["Dense"]

Array = NDArray[Any]


class Dense(Layer):
    """y = x W + b, for every example or frame.

    Parameters
    ----------
    n_inputs, n_outputs : int
        The widths of x and y.
    weight_initializer : str or Initializer, default "glorot"
        "he" suits layers that a rectifier follows.
    bias_initializer : str or Initializer, default "zeros"

    Raises
    ------
    ValueError
        If a width is not a whole number of at least 1, or an initializer's name is unknown.

    Notes
    -----
    Its parameters are ``weight`` of shape (n_inputs, n_outputs) and ``bias`` of shape (n_outputs,).

    See Also
    --------
    Activation
    Embedding

    Examples
    --------
    >>> from rnnbp import Network
    >>> net = Network([Dense(2, 1)])
    >>> net.theta = [3.0, 4.0, 1.0]  # two weights and a bias
    >>> print(net.forward([[1.0, 1.0], [0.0, 2.0]]))
    [[8.]
     [9.]]
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        *,
        weight_initializer: str | Initializer = "glorot",
        bias_initializer: str | Initializer = "zeros",
    ) -> None:
        self.n_inputs = whole_number("n_inputs", n_inputs)
        self.n_outputs = whole_number("n_outputs", n_outputs)
        self.weight_initializer = weight_initializer
        self.bias_initializer = bias_initializer
        self._weight = Parameter("weight", (n_inputs, n_outputs), initializers.get(weight_initializer))
        self._bias = Parameter("bias", (n_outputs,), initializers.get(bias_initializer))

    def parameters(self) -> Sequence[Parameter]:
        """Declare weight and bias."""
        return self._weight, self._bias

    def output_width(self, input_width: int) -> int:
        """Return n_outputs."""
        expect_width(self, self.n_inputs, input_width)
        return self.n_outputs

    def compiled(self, parameters: Mapping[str, Array], dtype: np.dtype[Any]) -> Part | None:
        """Return a `DensePart`."""
        from rnnbp.layers.compiled.dense import DensePart

        return DensePart(parameters["weight"])

    def forward(self, parameters: Mapping[str, Array], x: Array, context: Context) -> tuple[Array, Any]:
        """Compute (1)."""
        y = context.workspace.empty("y", (len(x), self.n_outputs), x.dtype)
        np.matmul(x, parameters["weight"], out=y)  # 1
        y += parameters["bias"]  # 1
        return y, x

    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        saved: Any,
        context: BackwardContext,
    ) -> Array | None:
        """Compute (1')."""
        x = saved
        np.matmul(x.T, dy, out=gradients["weight"])  # 1'
        np.sum(dy, axis=0, out=gradients["bias"])  # 1'
        if not context.input_gradient:
            return None
        dx = context.workspace.empty("dx", x.shape, x.dtype)
        return np.matmul(dy, parameters["weight"].T, out=dx)  # 1'
