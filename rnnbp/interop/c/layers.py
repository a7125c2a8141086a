"""How each kind of layer is written in C.

A writer is a function ``write(layer, parameters, n_inputs, share)``. It fills in a share of the header with what the
layer's `stream` computes for a frame ``x``, and returns whether it has written anything: False for a layer that hands a
frame on as it is. `WRITERS` has them by the layer's class; a layer of a class that is derived from one of these is
written in the same way, unless it computes something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from rnnbp.activations import EPSILON
from rnnbp.interop.c.header import Share
from rnnbp.interop.c.recurrent import recurrent
from rnnbp.kernels.trace import trace
from rnnbp.layers import (
    Activation,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    LastStep,
    Layer,
    LayerNorm,
    MaxOverTime,
    MeanOverTime,
    Recurrent,
)

__all__ = ["WRITERS", "Writer", "writer_of"]

Array = NDArray[Any]
Parameters = Mapping[str, Array]


def dense(layer: Dense, parameters: Parameters, n_inputs: int, share: Share) -> bool:
    """Write y = x W + b."""
    share.copy("y", share.constant("bias", parameters["bias"]), layer.n_outputs)
    share.add_product("weight", "x", parameters["weight"], "y", among="x")
    return True


def activation(layer: Activation, parameters: Parameters, n_inputs: int, share: Share) -> bool:
    """Write y = f(x)."""
    if layer.name == "identity":
        return False
    if layer.name == "softmax":
        share.body.append(f"{share.header.functions.name('softmax')}(x, {n_inputs}, y);")
        return True
    graph = trace(layer._function.value, (None,), (None,))
    statements, (result,) = share.header.functions.statements(graph, ["x[j]"])
    share.loop(n_inputs, [*statements, f"y[j] = {result};"])
    return True


def nothing(layer: Layer, parameters: Parameters, n_inputs: int, share: Share) -> bool:
    """Write nothing: at inference a frame is handed on as it is."""
    return False


def layer_norm(layer: LayerNorm, parameters: Parameters, n_inputs: int, share: Share) -> bool:
    """Write y = gain standardize(x) + bias."""
    if layer.epsilon != EPSILON:
        raise ValueError(f"has epsilon={layer.epsilon}: C export knows {EPSILON}")
    gain, bias = (share.constant(name, parameters[name]) for name in ("gain", "bias"))
    share.body.append(f"{share.header.functions.name('standardize')}(x, {n_inputs}, y);")
    share.loop(n_inputs, [f"y[j] = {gain}[j] * y[j] + {bias}[j];"])
    return True


def embedding(layer: Embedding, parameters: Parameters, n_inputs: int, share: Share) -> bool:
    """Write y = W[x], and refuse a symbol that there is not."""
    table = share.constant("weight", parameters["weight"])
    share.body += [f"if (*x < 0 || *x >= {layer.n_symbols})", "    return -1;"]
    share.copy("y", f"{table} + (size_t)*x * {layer.n_features}", layer.n_features)
    share.returns = True
    return True


def convolution(layer: Conv1D, parameters: Parameters, n_inputs: int, share: Share) -> bool:
    """Write y = window W + b, where every S-th frame has a window; the last frames are kept in a ring."""
    n_frames = (layer.width - 1) * layer.dilation + 1
    bias = share.constant("bias", parameters["bias"])
    frame = "x"
    if n_frames > 1:
        frames, at = share.member("frames", n_frames * n_inputs), share.member("at", kind="uint32_t")
        share.body.append(f"/* {at} is the oldest frame's place, which the new one takes */")
        share.copy(f"{frames} + {at} * {n_inputs}", "x", n_inputs)
        share.body.append(f"{at} = ({at} + 1) % {n_frames};")
    if layer.stride > 1:
        wait = share.member("wait", kind="uint32_t")
        share.body += [f"if ({wait} > 0) {{", f"    --{wait};", "    return 0;", "}", f"{wait} = {layer.stride - 1};"]
        share.returns = True
    share.copy("y", bias, layer.n_outputs)
    weight = parameters["weight"].reshape(layer.width, n_inputs, layer.n_outputs)
    for k in range(layer.width):
        if n_frames > 1:
            frame = f"{frames} + ({at} + {k * layer.dilation}) % {n_frames} * {n_inputs}"
        share.add_product(f"weight{k}", frame, weight[k], "y", among="x")
    return True


def mean_over_time(layer: MeanOverTime, parameters: Parameters, n_inputs: int, share: Share) -> bool:
    """Write the mean so far."""
    total, n = share.member("total", n_inputs), share.member("n", kind="uint64_t")
    share.body.append(f"++{n};")
    share.loop(n_inputs, [f"{total}[j] += x[j];", f"y[j] = {total}[j] / ({share.header.number}){n};"])
    return True


def max_over_time(layer: MaxOverTime, parameters: Parameters, n_inputs: int, share: Share) -> bool:
    """Write the largest values so far."""
    largest, begun = share.member("largest", n_inputs), share.member("begun", kind="uint32_t")
    share.loop(n_inputs, [f"if (!{begun} || x[j] > {largest}[j])", f"    {largest}[j] = x[j];"])
    share.body.append(f"{begun} = 1;")
    share.copy("y", largest, n_inputs)
    return True


Writer = Callable[[Any, Parameters, int, Share], bool]
WRITERS: dict[Any, Writer] = {
    Activation: activation,
    Conv1D: convolution,
    Dense: dense,
    Dropout: nothing,
    Embedding: embedding,
    LastStep: nothing,
    LayerNorm: layer_norm,
    MaxOverTime: max_over_time,
    MeanOverTime: mean_over_time,
    Recurrent: recurrent,
}


def writer_of(layer: Layer) -> Writer:
    """Return what writes a layer.

    Raises
    ------
    ValueError
        If nothing does, or if the layer does not stream; says why.
    """
    if layer.runs_backwards:
        what = "looks ahead: give it causal=True" if isinstance(layer, Conv1D) else "runs backwards"
        raise ValueError(f"{what}, and C code goes frame by frame, as a stream does")
    kind = next((known for known in type(layer).__mro__ if known in WRITERS), None)
    if kind is None:
        raise ValueError(f"is of a class that C export does not know: the known ones are {', '.join(_names())}")
    for method in ("forward", "stream"):
        if getattr(type(layer), method) is not getattr(kind, method):
            raise ValueError(f"has a `{method}` of its own, of which C export knows nothing")
    return WRITERS[kind]


def _names() -> list[str]:
    return sorted(kind.__name__ for kind in WRITERS)
