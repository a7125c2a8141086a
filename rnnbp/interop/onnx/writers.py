"""How each kind of layer is written in ONNX.

A writer is a function ``write(layer, parameters, x, way)``: it adds nodes to a graph, and returns the name of the
layer's output, given that of its input, ``(T, B, F)`` or, after pooling and in a static network, ``(B, F)``. What lies
after a sequence's end may be anything but NaN: whoever looks along time leaves it out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.activations import family_of
from rnnbp.interop.conventions import CONVENTIONS, kind_of
from rnnbp.interop.onnx.builder import Builder
from rnnbp.interop.onnx.functions import OURS, to_onnx
from rnnbp.interop.onnx.scan import scan
from rnnbp.layers import (
    GRU,
    LSTM,
    Activation,
    Conv1D,
    Dense,
    Dropout,
    Elman,
    Embedding,
    LastStep,
    Layer,
    LayerNorm,
    MaxOverTime,
    MeanOverTime,
    Recurrent,
)

__all__ = ["Way", "writer_of"]

Array = NDArray[Any]
Parameters = Mapping[str, Array]
States = dict[str, str]

OPERATORS = {"elman": "RNN", "lstm": "LSTM", "gru": "GRU"}
USUAL = {"elman": ("Tanh",), "lstm": ("Sigmoid", "Tanh", "Tanh"), "gru": ("Sigmoid", "Tanh")}


@dataclass
class Way:
    """What a writer adds to, and what holds at the place of its layer.

    Attributes
    ----------
    graph : Builder
    lengths : str
        The name of the sequences' lengths, which strides change; empty in a static network.
    k : int
        The layer's number.
    finals : dict of str to str
        The values of the final states, under their names in the network.
    """

    graph: Builder
    lengths: str
    k: int = field(init=False)
    finals: dict[str, str] = field(default_factory=dict)
    _masks: dict[str, str] = field(default_factory=dict)

    def mask(self, x: str) -> str:
        """Return whether each step lies in its sequence, of shape (T, B, 1)."""
        if self.lengths not in self._masks:
            g = self.graph
            n_steps = g.add("Squeeze", g.add("Cast", g.add("Shape", x, start=0, end=1), to=g.onnx.TensorProto.INT32))
            zero, one = (g.constant(f"step {k}", k, np.int32) for k in (0, 1))
            steps = g.add("Unsqueeze", g.add("Range", zero, n_steps, one), g.integers(1))
            inside = g.add("Less", steps, g.add("Unsqueeze", self.lengths, g.integers(0)))
            self._masks[self.lengths] = g.add("Unsqueeze", inside, g.integers(2))
        return self._masks[self.lengths]

    def masked(self, x: str, outside: float = 0.0) -> str:
        """Return x with another value after each sequence's end."""
        return str(self.graph.add("Where", self.mask(x), x, self.graph.number(outside)))


def dense(layer: Dense, parameters: Parameters, x: str, way: Way) -> str:
    """Write y = x W + b."""
    weight, bias = (way.graph.constant(name, parameters[name]) for name in ("weight", "bias"))
    return str(way.graph.add("Add", way.graph.add("MatMul", x, weight), bias))


def activation(layer: Activation, parameters: Parameters, x: str, way: Way) -> str:
    """Write y = f(x)."""
    g, (family, numbers) = way.graph, family_of(layer.name)
    if layer.name == "identity":
        return x
    if family == "affine":
        return str(g.add("Add", g.add("Mul", x, g.number(numbers[0])), g.number(numbers[1])))
    if family == "scaled_tanh":
        return str(g.add("Mul", g.add("Tanh", g.add("Mul", x, g.number(numbers[1]))), g.number(numbers[0])))
    if family == "softmax":
        return str(g.add("Softmax", x, axis=-1))
    operator = "Gelu" if family == "gelu" else OURS[family]
    attributes: dict[str, Any] = dict(zip(("alpha", "beta"), numbers, strict=False))
    return str(g.add(operator, x, **attributes))


def nothing(layer: Layer, parameters: Parameters, x: str, way: Way) -> str:
    """Write nothing: at inference frames are handed on as they are."""
    return x


def layer_norm(layer: LayerNorm, parameters: Parameters, x: str, way: Way) -> str:
    """Write y = gain standardize(x) + bias."""
    gain, bias = (way.graph.constant(name, parameters[name]) for name in ("gain", "bias"))
    return str(way.graph.add("LayerNormalization", x, gain, bias, axis=-1, epsilon=layer.epsilon))


def embedding(layer: Embedding, parameters: Parameters, x: str, way: Way) -> str:
    """Write y = W[x]."""
    return str(way.graph.add("Gather", way.graph.constant("weight", parameters["weight"]), x, axis=0))


def convolution(layer: Conv1D, parameters: Parameters, x: str, way: Way) -> str:
    """Write y = window W + b, of frames that are zero outside their sequence; and the new lengths."""
    g = way.graph
    weight = parameters["weight"].reshape(layer.width, layer.n_inputs, layer.n_outputs)
    reach = (layer.width - 1) * layer.dilation
    before = reach if layer.causal else (layer.width - 1) // 2 * layer.dilation
    frames = g.add("Transpose", way.masked(x), perm=[1, 2, 0])
    y = g.add(
        "Conv",
        frames,
        g.constant("weight", np.ascontiguousarray(weight.transpose(2, 1, 0))),
        g.constant("bias", parameters["bias"]),
        kernel_shape=[layer.width],
        strides=[layer.stride],
        dilations=[layer.dilation],
        pads=[before, reach - before],
    )
    if layer.stride > 1:
        more, stride = (
            g.constant(name, k, np.int32) for name, k in (("more", layer.stride - 1), ("stride", layer.stride))
        )
        way.lengths = g.add("Div", g.add("Add", way.lengths, more), stride)
    return str(g.add("Transpose", y, perm=[2, 0, 1]))


def mean_over_time(layer: MeanOverTime, parameters: Parameters, x: str, way: Way) -> str:
    """Write the mean of each sequence's own frames."""
    g = way.graph
    total = g.add("ReduceSum", way.masked(x), g.integers(0), keepdims=0)
    kind = g.onnx.helper.np_dtype_to_tensor_dtype(g.dtype)
    n = g.add("Unsqueeze", g.add("Cast", way.lengths, to=kind), g.integers(1))
    return str(g.add("Div", total, n))


def max_over_time(layer: MaxOverTime, parameters: Parameters, x: str, way: Way) -> str:
    """Write the largest values of each sequence's own frames."""
    g = way.graph
    return str(g.add("ReduceMax", way.masked(x, -np.inf), g.integers(0), keepdims=0))


def last_step(layer: LastStep, parameters: Parameters, x: str, way: Way) -> str:
    """Write each sequence's own last frame; of what comes from a backward direction, its first."""
    g = way.graph
    first = g.add("Gather", x, g.constant("first", 0, np.int64), axis=0)
    if layer.reverse:
        return str(first)
    one = g.constant("one", 1, np.int32)
    place = g.add("Unsqueeze", g.add("Sub", way.lengths, one), g.integers(1))
    place = g.add("Cast", place, to=g.onnx.TensorProto.INT64)
    last = g.add("GatherND", g.add("Transpose", x, perm=[1, 0, 2]), place, batch_dims=1)
    if not layer.bidirectional:
        return str(last)
    forward, _ = g.add("Split", last, axis=1, num_outputs=2, outputs=2)
    _, backward = g.add("Split", first, axis=1, num_outputs=2, outputs=2)
    return str(g.add("Concat", forward, backward, axis=1))


def recurrent(layer: Recurrent, parameters: Parameters, x: str, way: Way) -> str:
    """Write a recurrent layer, its initial states as inputs, and note its final ones.

    What the standard has an operator for becomes that, as runtimes have tuned code for it, and else a `Scan`.

    Raises
    ------
    ValueError
        If the layer does not go by steps, or if nothing is known of what it computes.
    """
    if not layer.gradient.needs_time:
        raise ValueError(f"looks for a state of rest, as its gradient is {layer.gradient!r}, and goes by no steps")
    if type(layer).forward is not Recurrent.forward:
        raise ValueError("has a `forward` of its own, of which ONNX export knows nothing")
    suffixes = ("", "_reverse") if layer.bidirectional else ("",)
    initial = [{name: _initial(layer, name, suffix, x, way) for name in layer.cell.states} for suffix in suffixes]
    try:
        attributes = _attributes(layer, kind_of(layer))  # type: ignore[arg-type]
    except ValueError:
        outputs, finals = _scanned(layer, parameters, suffixes, x, way, initial)
    else:
        outputs, finals = _operator(layer, parameters, suffixes, x, way, initial, attributes)  # type: ignore[arg-type]
    for suffix, states in zip(suffixes, finals, strict=True):
        way.finals |= {f"{way.k}.{name}{suffix}": value for name, value in states.items()}
    return outputs


def _scanned(
    layer: Recurrent, parameters: Parameters, suffixes: Sequence[str], x: str, way: Way, initial: Sequence[States]
) -> tuple[str, list[States]]:
    """Write loops over time; return the output, and each direction's final states."""
    outputs, finals = [], []
    for suffix, states in zip(suffixes, initial, strict=True):
        own = {name: parameters[name + suffix] for name in parameters if name + suffix in parameters}
        backwards = layer.reverse or bool(suffix)
        output, final = scan(way.graph, layer.cell, own, x, way.mask(x), states, reverse=backwards)
        outputs.append(output)
        finals.append(final)
    return outputs[0] if len(outputs) == 1 else str(way.graph.add("Concat", *outputs, axis=-1)), finals


def _operator(
    layer: Elman | LSTM | GRU,
    parameters: Parameters,
    suffixes: Sequence[str],
    x: str,
    way: Way,
    initial: Sequence[States],
    attributes: Mapping[str, Any],
) -> tuple[str, list[States]]:
    """Write an operator of ONNX; return the output, and each direction's final states."""
    g, convention = way.graph, CONVENTIONS["onnx"]
    weights = [convention.theirs(layer, parameters, suffix) for suffix in suffixes]
    inputs = [
        x,
        g.constant("W", np.stack([each.input for each in weights])),
        g.constant("R", np.stack([each.recurrent for each in weights])),
        g.constant("B", np.stack([np.concatenate([each.bias, each.recurrent_bias]) for each in weights])),
        way.lengths,
    ]
    for name in layer.cell.states:
        states = [g.add("Unsqueeze", each[name], g.integers(0)) for each in initial]
        inputs.append(states[0] if len(states) == 1 else g.add("Concat", *states, axis=0))
    if weights[0].peephole is not None:
        inputs.append(g.constant("P", np.stack([each.peephole for each in weights if each.peephole is not None])))
    y, *finals = g.add(
        OPERATORS[kind_of(layer)],
        *inputs,
        outputs=1 + len(layer.cell.states),
        hidden_size=layer.n_hidden,
        **attributes,
    )
    directions = [g.constant(f"direction {d}", d, np.int64) for d in range(len(suffixes))]
    by_direction = [
        {name: g.add("Gather", value, d, axis=0) for name, value in zip(layer.cell.states, finals, strict=True)}
        for d in directions
    ]
    if len(suffixes) == 1:
        return str(g.add("Squeeze", y, g.integers(1))), by_direction
    together = g.integers(0, 0, 2 * layer.n_hidden)
    return str(g.add("Reshape", g.add("Transpose", y, perm=[0, 2, 1, 3]), together)), by_direction


def _initial(layer: Recurrent, name: str, suffix: str, x: str, way: Way) -> str:
    """Add an input for a state of one direction, zero unless given, and return it for each sequence."""
    g, width = way.graph, layer.cell.width(name)
    shape = g.add("Concat", g.add("Shape", x, start=1, end=2), g.integers(width), axis=0)
    zero = np.zeros((1, width), g.dtype)
    state = g.input(f"initial_{way.k}.{name}{suffix}", g.dtype, ["batch_or_1", width], zero)
    return str(g.add("Expand", state, shape))


def _attributes(layer: Elman | LSTM | GRU, kind: str) -> dict[str, Any]:
    """Return the operator's attributes, without those that are as usual."""
    names = (layer.activation,) if isinstance(layer, Elman) else layer.activations
    functions = [to_onnx(name) for name in names]
    attributes: dict[str, Any] = {}
    n = 2 if layer.bidirectional else 1
    if tuple(name for name, _ in functions) != USUAL[kind]:
        attributes["activations"] = [name for name, _ in functions] * n
        for place, name in enumerate(("activation_alpha", "activation_beta")):
            if values := [numbers[place] for _, numbers in functions if len(numbers) > place] * n:
                attributes[name] = values
    if layer.bidirectional or layer.reverse:
        attributes["direction"] = "bidirectional" if layer.bidirectional else "reverse"
    if layer.clip is not None:
        attributes["clip"] = layer.clip
    if isinstance(layer, LSTM) and layer.coupled:
        attributes["input_forget"] = 1
    if isinstance(layer, GRU):
        attributes["linear_before_reset"] = int(layer.reset == "after")
    return attributes


Writer = Callable[[Any, Parameters, str, Way], str]

WRITERS: dict[type[Layer], Writer] = {
    Activation: activation,
    Conv1D: convolution,
    Dense: dense,
    Dropout: nothing,
    Embedding: embedding,
    LastStep: last_step,
    LayerNorm: layer_norm,
    MaxOverTime: max_over_time,
    MeanOverTime: mean_over_time,
}


def writer_of(layer: Layer) -> Writer | None:
    """Return what writes a layer; None if nothing does."""
    return WRITERS.get(type(layer), recurrent if isinstance(layer, Recurrent) else None)
