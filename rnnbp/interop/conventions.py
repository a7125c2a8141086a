"""How others lay out the weights of recurrent layers: one table, and the way there and back.

All mean the same equations, and differ in the order of the gates, in whether a matrix has a unit's weights in a row or
in a column, and in how many biases there are. Ours: columns, the order of `GATES`, and one bias, but two for a GRU that
resets after the product. In letters of ours:

===========  ==============  ==============  =============  ========
             LSTM            GRU             units lie in   peepholes
===========  ==============  ==============  =============  ========
rnnbp        i f g o         r z n           columns        i f o
PyTorch      i f g o         r z n           rows
Keras        i f g o         z r n           columns
ONNX         i o f g         z r n           rows           i o f
RTNeural     i f g o         z r n           columns
===========  ==============  ==============  =============  ========

Where another has a bias beside each of the two products, ours is their sum, unless the layer has two as well. What is
written for RTNeural is laid out as Keras has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnbp.layers import GRU, LSTM, Elman, Layer

__all__ = ["CONVENTIONS", "GATES", "Convention", "Weights", "kind_of"]

Array = NDArray[Any]

GATES = {"elman": "h", "lstm": "ifgo", "gru": "rzn"}
PEEPHOLES = "ifo"
KINDS: dict[type[Layer], str] = {Elman: "elman", LSTM: "lstm", GRU: "gru"}


class Weights(NamedTuple):
    """One direction's weights, as another lays them out.

    Attributes
    ----------
    input, recurrent : ndarray of shape (gates H, I) and (gates H, H), or with the axes exchanged
    bias, recurrent_bias : ndarray of shape (gates H,)
        Added to the product with x, and to that with h.
    peephole : ndarray of shape (3 H,) or None
    """

    input: Array
    recurrent: Array
    bias: Array
    recurrent_bias: Array
    peephole: Array | None = None


@dataclass(frozen=True)
class Convention:
    """How one program lays out weights.

    Attributes
    ----------
    gates : dict of str to str
        The order of the gates of each kind of cell.
    rows : bool
        Whether a unit's weights lie in a row of a matrix.
    peepholes : str
        The order of the peepholes.
    """

    lstm: str
    gru: str
    rows: bool
    peepholes: str = PEEPHOLES

    def theirs(self, layer: Layer, parameters: Mapping[str, Array], suffix: str = "") -> Weights:
        """Return a layer's weights as they lay them out; zeros for a gate that the layer has not."""
        order = self._order(layer)
        own = _own_gates(layer)

        def arranged(name: str) -> Array:
            array = _reordered(parameters[name + suffix], own, order)
            return np.ascontiguousarray(array.T) if self.rows else array

        bias = arranged("bias")
        second = "recurrent_bias" + suffix
        peephole = "peephole" + suffix
        return Weights(
            arranged("input_weight"),
            arranged("recurrent_weight"),
            bias,
            arranged("recurrent_bias") if second in parameters else np.zeros_like(bias),
            _reordered(parameters[peephole], _own_peepholes(own), self.peepholes) if peephole in parameters else None,
        )

    def ours(self, layer: Layer, weights: Weights, suffix: str = "") -> dict[str, Array]:
        """Return weights that they lay out as a layer's parameters."""
        order, own = self._order(layer), _own_gates(layer)

        def arranged(array: Array) -> Array:
            return _reordered(array.T if self.rows else array, order, own)

        names = {parameter.name for parameter in layer.parameters()}
        found = {
            "input_weight": arranged(weights.input),
            "recurrent_weight": arranged(weights.recurrent),
            "bias": arranged(weights.bias),
        }
        if "recurrent_bias" + suffix in names:
            found["recurrent_bias"] = arranged(weights.recurrent_bias)
        else:
            found["bias"] = found["bias"] + arranged(weights.recurrent_bias)
        if weights.peephole is not None:
            found["peephole"] = _reordered(weights.peephole, self.peepholes, _own_peepholes(own))
        return {name + suffix: array for name, array in found.items()}

    def _order(self, layer: Layer) -> str:
        return {"elman": "h", "lstm": self.lstm, "gru": self.gru}[kind_of(layer)]


CONVENTIONS = {
    "pytorch": Convention(lstm="ifgo", gru="rzn", rows=True),
    "keras": Convention(lstm="ifgo", gru="zrn", rows=False),
    "onnx": Convention(lstm="iofg", gru="zrn", rows=True, peepholes="iof"),
}


def kind_of(layer: Layer) -> str:
    """Return "elman", "lstm" or "gru".

    Raises
    ------
    ValueError
        If the layer is another, or computes something else at inference, too; says what.
    """
    kind = KINDS.get(type(layer))
    if kind is None:
        raise ValueError(f"is a {type(layer).__name__}, and not one of {', '.join(each.__name__ for each in KINDS)}")
    if not getattr(layer, "gradient").needs_time:  # noqa: B009
        raise ValueError(f"looks for a state of rest, as its gradient is {layer.gradient!r}, and goes by no steps")  # type: ignore[attr-defined]
    for name in ("layer_norm", "zoneout", "zoneout_cell"):
        if getattr(layer, name, False):
            raise ValueError(f"has {name}={getattr(layer, name)}, which others have not")
    return kind


def _own_gates(layer: Layer) -> str:
    gates = GATES[kind_of(layer)]
    return gates.replace("f", "") if getattr(layer, "coupled", False) else gates


def _own_peepholes(gates: str) -> str:
    return PEEPHOLES if "f" in gates else PEEPHOLES.replace("f", "")


def _reordered(array: Array, have: str, want: str) -> Array:
    """Return an array whose last axis has blocks in another order; blocks that it has not are zero."""
    blocks = dict(zip(have, np.split(array, len(have), axis=-1), strict=True))
    empty = np.zeros_like(blocks[have[0]])
    return np.concatenate([blocks.get(gate, empty) for gate in want], axis=-1)
