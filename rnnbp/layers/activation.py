"""An activation function as a layer; the functions themselves are in `rnnbp.activations`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnbp import activations
from rnnbp.layers.layer import BackwardContext, Context, Layer

if TYPE_CHECKING:
    from rnnbp.layers.compiled import Part

__all__ = ["Activation"]

Array = NDArray[Any]


class Activation(Layer):
    """y = f(x).

    Parameters
    ----------
    name : str
        "identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "softplus" or "softmax" (over the features).
        Losses take logits, so a network for classes needs no softmax in its end.

    Raises
    ------
    ValueError
        If the name is unknown.

    See Also
    --------
    rnnbp.activations.get

    Examples
    --------
    >>> from rnnbp import Network
    >>> print(Network([Activation("relu")]).forward([[-1.0, 2.0]]))
    [[0. 2.]]
    """

    is_output_function: ClassVar[bool] = True

    def __init__(self, name: str) -> None:
        self.name = name
        self._function = activations.get(name)

    def output_width(self, input_width: int) -> int:
        """Return input_width."""
        return input_width

    def compiled(self, parameters: Mapping[str, Array], dtype: np.dtype[Any]) -> Part | None:
        """Return an `ActivationPart`, unless the function looks along the features."""
        from rnnbp.layers.compiled.activation import ActivationPart

        return ActivationPart(self._function, dtype) if self._function.elementwise else None

    def forward(self, parameters: Mapping[str, Array], x: Array, context: Context) -> tuple[Array, Any]:
        """Compute y = f(x)."""
        y = np.asarray(self._function.value(x))
        return y, (x, y)

    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        saved: Any,
        context: BackwardContext,
    ) -> Array | None:
        """Compute dx = dy f'(x)."""
        return np.asarray(self._function.pullback(dy, *saved))
