"""What each operator of ONNX is here: a layer.

A reader is a function ``read(node, values, reading)``: given what is known of a node's inputs, it returns what is known
of its outputs, and adds a layer to the chain if the node is one. Operators that only arrange arrays are in `arranging`,
recurrent ones in `recurrent`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.activations import named
from rnnbp.interop.onnx.arranging import ARRANGING, axes_of
from rnnbp.interop.onnx.files import Node, refusal
from rnnbp.interop.onnx.functions import FUNCTIONS
from rnnbp.interop.onnx.reading import Reading, constant, frames
from rnnbp.interop.onnx.recurrent import recurrent
from rnnbp.interop.onnx.values import Constant, Frames, Mask, Total, Value, Whole
from rnnbp.layers import Activation, Conv1D, Dense, Embedding, LayerNorm, MaxOverTime, MeanOverTime

__all__ = ["READERS"]

Array = NDArray[Any]
Given = Sequence[Value | None]


def _entered(node: Node, values: Given, reading: Reading) -> Frames:
    """Return the frames that a node takes feature by feature."""
    x = reading.enter(node, values[0])
    reading.features_last(node, x)
    if x.symbols:
        raise refusal(node, "it takes numbers, but symbols come in")
    return x


def matmul(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read x W as a dense layer without a bias, which an Add may bring."""
    return _dense(node, _entered(node, values, reading), reading.numbers(node, values[1], "the weight"), None, reading)


def gemm(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read alpha x W + beta b."""
    x = _entered(node, values, reading)
    if node.take("transA", 0):
        raise refusal(node, "transA=1 exchanges examples and features")
    weight = reading.numbers(node, values[1], "the weight")
    weight = weight.T if node.take("transB", 0) else weight
    alpha, beta = node.take("alpha", 1.0), node.take("beta", 1.0)
    bias = reading.numbers(node, values[2], "the bias") if len(values) > 2 and values[2] is not None else None
    scaled = None if bias is None else bias * bias.dtype.type(beta)
    return _dense(node, x, weight * weight.dtype.type(alpha), scaled, reading)


def _dense(node: Node, x: Frames, weight: Array, bias: Array | None, reading: Reading) -> list[Value]:
    if weight.ndim != 2 or not weight.size:
        raise refusal(node, f"its weight must be a matrix, but is of shape {weight.shape}")
    if x.width not in (None, len(weight)):
        raise refusal(node, f"its weight is for {len(weight)} features, but {x.width} come in")
    n_outputs = weight.shape[1]
    full = np.zeros(n_outputs, weight.dtype) if bias is None else _vector(node, x, bias, n_outputs, "bias")
    layer = reading.made(node, Dense, len(weight), n_outputs)
    reading.add(node, layer, {"weight": weight, "bias": full}, open_bias=bias is None)
    return [reading.next(x, n_outputs)]


def _vector(node: Node, x: Frames, array: Array, n: int, what: str) -> Array:
    """Return one number a feature, of an array that is the same for all rows of them."""
    _keeps_axes(node, x, array)
    if array.size not in (1, n) or array.shape[-1:] not in ((), (array.size,)):
        raise refusal(node, f"its {what} must be {n} numbers along the last axis, but is of shape {array.shape}")
    return np.broadcast_to(array.reshape(-1), (n,))


def _keeps_axes(node: Node, x: Frames, array: Array) -> None:
    """Check that an array is broadcast to frames, and not frames to it."""
    if array.ndim > len(x.axes):
        raise refusal(node, f"its input has {len(x.axes)} axes, and an array of shape {array.shape} gives it more")


def add(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read a bias, a shift by a number, or arithmetic of lengths."""
    if any(isinstance(value, Whole) for value in values):
        return whole(node, values, reading)
    x, other = _with_constant(node, values, "is the sum of two branches: the model is no chain of layers")
    array = reading.numbers(node, other, "what is added")
    x = _entered(node, [x], reading)
    if reading.open_bias:
        last = reading.links[-1]
        last.parameters = {**last.parameters, "bias": _vector(node, x, array, last.layer.n_outputs, "bias")}  # type: ignore[attr-defined]
        reading.open_bias = False
        return [reading.unmoved(x)]
    if array.size != 1:
        raise refusal(node, "a vector is added that is no bias of a layer before it")
    return _affine(node, x, array, 1.0, array.item(), reading)


def multiply(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read a multiplication by a number."""
    if any(isinstance(value, Whole) for value in values):
        return whole(node, values, reading)
    x, other = _with_constant(node, values, "is the product of two branches: the model is no chain of layers")
    array = reading.numbers(node, other, "what is multiplied with")
    if array.size != 1:
        raise refusal(node, "a factor for each feature is supported within LayerNormalization only")
    return _affine(node, _entered(node, [x], reading), array, array.item(), 0.0, reading)


def _with_constant(node: Node, values: Given, otherwise: str) -> tuple[Value, Value]:
    a, b = values
    a, b = (b, a) if isinstance(a, Constant) else (a, b)
    if not isinstance(b, Constant) or a is None:
        raise refusal(node, f"it {otherwise}")
    return a, b


def _affine(node: Node, x: Frames, given: Array, factor: float, shift: float, reading: Reading) -> list[Value]:
    _keeps_axes(node, x, given)
    reading.add(node, reading.made(node, Activation, named("affine", factor, shift)), {})
    return [reading.next(x, x.width)]


def divide(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read a sum over time, divided by lengths, as the mean."""
    total, lengths = values
    if isinstance(total, Total) and reading.is_length(lengths):
        reading.enter(node, total.frames)
        reading.add(node, MeanOverTime(), {})
        return [_pooled(reading, total.frames, kept=total.kept)]
    if any(isinstance(value, Whole) for value in values):
        return whole(node, values, reading)
    x, other = frames(node, total), constant(node, lengths, "what is divided by")
    if other.size != 1 or not other.all() or other.dtype.kind != "f":
        raise refusal(node, "it must divide by one number, or by the sequences' lengths")
    return _affine(node, _entered(node, [x], reading), other, float(1.0 / other.item()), 0.0, reading)


def _pooled(reading: Reading, x: Frames, *, kept: bool) -> Frames:
    """Return frames without the axis of time, or with one element there."""
    axes = tuple("1" if reading.axis(name) == "t" else name for name in x.axes)
    axes = axes if kept else tuple(name for name in axes if name != "1")
    return Frames(len(reading.links), axes, x.width)


def _over_time(node: Node, values: Given, reading: Reading) -> tuple[Frames, bool]:
    """Return what is pooled, and whether the axis of time is kept."""
    x = reading.enter(node, values[0])
    axes, kept = axes_of(node, values, reading), node.take("keepdims", None) != 0
    node.take("noop_with_empty_axes", None)
    if len(x.axes) != 3 or axes is None or len(axes) != 1:
        raise refusal(node, "it must go over time alone")
    if not -3 <= axes[0] < 3 or reading.bound(x.axes[axes[0]], "t") != "t":
        raise refusal(node, f"it must go over time, but the axes are {reading.shown(x)}, and it goes over {axes[0]}")
    return x, kept


def reduce_sum(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read a sum over time, which is to be divided by lengths."""
    x, kept = _over_time(node, values, reading)
    if x.outside != 0.0:
        raise refusal(node, "a sum over time is supported of frames that are 0 after a sequence's end, over lengths")
    return [Total(x, kept)]


def reduce_mean(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read a mean over time."""
    x, kept = _over_time(node, values, reading)
    reading.looks_past_the_end(node)
    reading.add(node, MeanOverTime(), {})
    return [_pooled(reading, x, kept=kept)]


def reduce_max(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read a maximum over time."""
    x, kept = _over_time(node, values, reading)
    if x.outside != -np.inf:
        reading.looks_past_the_end(node)
    reading.add(node, MaxOverTime(), {})
    return [_pooled(reading, x, kept=kept)]


def global_pool(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read a pool over all of the last axis, as convolutions have it."""
    x = reading.enter(node, values[0])
    reading.arranged(node, x, "bft")
    reading.looks_past_the_end(node)
    reading.add(node, MeanOverTime() if node.operator == "GlobalAveragePool" else MaxOverTime(), {})
    return [_pooled(reading, x, kept=True)]


def where(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read frames that are replaced after each sequence's end."""
    if not isinstance(values[0], Mask):
        raise refusal(node, "it must choose by whether a step lies in its sequence")
    outside = constant(node, values[2], "what lies after a sequence's end")
    if outside.size != 1:
        raise refusal(node, "one number must lie after a sequence's end")
    x = frames(node, values[1])
    _keeps_axes(node, x, outside)
    return [replace(x, outside=float(outside.item()))]


def function(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read an activation function."""
    x = _activated(node, values, reading)
    ours, defaults = FUNCTIONS[node.operator]
    numbers = [node.take(name, default) for name, default in zip(("alpha", "beta"), defaults, strict=False)]
    reading.add(node, reading.made(node, Activation, named(ours, *numbers) if numbers else ours), {})
    return [reading.unmoved(x)]


def _activated(node: Node, values: Given, reading: Reading) -> Frames:
    """Return frames, whose axes may lie in any order."""
    x = reading.enter(node, values[0])
    if x.symbols:
        raise refusal(node, "it takes numbers, but symbols come in")
    return x


def prelu(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read a rectifier with one slope below zero."""
    x, slope = _activated(node, values, reading), reading.numbers(node, values[1], "the slope")
    _keeps_axes(node, x, slope)
    if slope.size != 1:
        raise refusal(node, "a slope for each feature is not supported")
    reading.add(node, reading.made(node, Activation, named("leaky_relu", slope.item())), {})
    return [reading.unmoved(x)]


def gelu(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read the exact form of GELU."""
    x = _activated(node, values, reading)
    if (form := node.take("approximate", "none")) != "none":
        raise refusal(node, f"approximate={form!r} is not supported, but 'none' is")
    reading.add(node, Activation("gelu"), {})
    return [reading.unmoved(x)]


def softmax(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read softmax over the features."""
    x = _entered(node, values, reading)
    axis = node.take("axis", -1 if reading.opset >= 13 else 1)
    if axis not in (-1, len(x.axes) - 1):
        raise refusal(node, f"it must go over the features, the last axis, but axis={axis}")
    reading.add(node, Activation("softmax"), {})
    return [reading.next(x, x.width)]


def layer_normalization(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read layer normalisation over the features."""
    x = _entered(node, values, reading)
    axis = node.take("axis", -1)
    if axis not in (-1, len(x.axes) - 1):
        raise refusal(node, f"it must go over the features, the last axis, but axis={axis}")
    node.take("stash_type", None)
    gain = reading.numbers(node, values[1], "the gain")
    given = len(values) > 2 and values[2] is not None
    bias = reading.numbers(node, values[2], "the bias") if given else np.zeros((), gain.dtype)
    n = max(gain.size, bias.size) if x.width is None else x.width
    if x.width is None and n == 1:
        raise refusal(node, "its gain is one number, and how many features come in is not known")
    layer = reading.made(node, LayerNorm, n, epsilon=node.take("epsilon", 1e-5))
    vectors = {"gain": _vector(node, x, gain, n, "gain"), "bias": _vector(node, x, bias, n, "bias")}
    reading.add(node, layer, vectors)
    return [reading.next(x, n)]


def gather(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read a table's rows as an embedding; else a step, a direction, or a size."""
    table, indices = values
    if isinstance(table, Constant):
        if node.take("axis", 0):
            raise refusal(node, "a table's rows are supported, axis=0")
        weight = reading.numbers(node, table, "the table")
        x = reading.enter(node, indices)
        if weight.ndim != 2 or not x.symbols:
            raise refusal(node, f"it must take symbols and a matrix, but its table is of shape {weight.shape}")
        reading.add(node, reading.made(node, Embedding, *weight.shape), {"weight": weight})
        return [Frames(len(reading.links), (*x.axes, "f"), weight.shape[1])]
    return ARRANGING["Gather"](node, values, reading)


def convolution(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read a convolution over time that loses no step."""
    x = reading.enter(node, values[0])
    weight = reading.numbers(node, values[1], "the weight")
    if weight.ndim != 3 or not weight.size:
        raise refusal(node, f"it must go over one axis, but its weight is of shape {weight.shape}")
    reading.arranged(node, x, "bft")
    n_outputs, n_inputs, width = weight.shape
    (stride,), (dilation,) = node.take("strides", [1]), node.take("dilations", [1])
    node.take("kernel_shape", None)
    if (groups := node.take("group", 1)) != 1:
        raise refusal(node, f"group={groups} is not supported, but 1 is")
    causal = _is_causal(node, width, stride, dilation)
    if not causal and width > 1 and x.n_links and x.outside != 0.0:
        reading.looks_past_the_end(node)
    given = len(values) > 2 and values[2] is not None
    bias = reading.numbers(node, values[2], "the bias") if given else np.zeros(n_outputs, weight.dtype)
    settings = {"stride": stride, "dilation": dilation, "causal": causal}
    layer = reading.made(node, Conv1D, n_inputs, n_outputs, width, **settings)
    reading.add(node, layer, {"weight": weight.transpose(2, 1, 0).reshape(-1, n_outputs), "bias": bias})
    reading.strides.append(stride)
    return [Frames(len(reading.links), x.axes, n_outputs)]


def _is_causal(node: Node, width: int, stride: int, dilation: int) -> bool:
    """Whether frames are added before a sequence only; else they are such as our centred layer adds."""
    reach, form, pads = (width - 1) * dilation, node.take("auto_pad", "NOTSET"), node.take("pads", [0, 0])
    before = (width - 1) // 2 * dilation
    if form == "SAME_UPPER" and stride == 1 and (reach // 2 == before):
        pads = [before, reach - before]
    elif form not in ("NOTSET", "VALID"):
        raise refusal(node, f"auto_pad={form!r} is not supported here: give pads={[before, reach - before]}")
    if pads not in ([before, reach - before], [reach, 0]):
        raise refusal(
            node,
            f"it must lose no step: pads={[before, reach - before]} (centred) or {[reach, 0]} (causal) are supported, "
            f"but {pads} was given",
        )
    return width > 1 and pads == [reach, 0]


def whole(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read arithmetic of lengths and sizes."""
    operands = []
    for value in values:
        if isinstance(value, Whole):
            operands.append(value.expression)
        elif isinstance(value, Constant) and value.array.size == 1:
            operands.append(value.array.item())
        elif isinstance(value, Constant):
            operands.append(tuple(value.array.ravel().tolist()))
        else:
            raise refusal(node, "it computes with whole numbers and with something else")
    node.attributes.clear()
    return [Whole((node.operator, *operands), _product(node, values))]


def _product(node: Node, values: Given) -> tuple[int] | None:
    """Return the product of two sizes that are known; None of anything else."""
    sizes = [value.sizes for value in values if isinstance(value, Whole)]
    if node.operator == "Mul":
        match sizes:
            case [(int() as a,), (int() as b,)]:
                return (a * b,)
    return None


def less(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read whether a step's number is below its sequence's length."""
    steps, lengths = values
    counted = isinstance(steps, Whole) and steps.expression[0] == "Range" and steps.expression[1::2] == (0, 1)
    if not counted or not reading.is_length(lengths):
        raise refusal(node, "it must compare the numbers of steps with the sequences' lengths")
    return [Mask()]


Reader = Callable[[Node, Given, Reading], list[Value]]

READERS: dict[str, Reader] = {
    **ARRANGING,
    **{name: function for name in FUNCTIONS if name not in ("Affine", "ScaledTanh")},
    **dict.fromkeys(("RNN", "LSTM", "GRU"), recurrent),
    **dict.fromkeys(("Sub", "Range", "Min"), whole),
    "Add": add,
    "Conv": convolution,
    "Div": divide,
    "Gather": gather,
    "Gelu": gelu,
    "Gemm": gemm,
    "GlobalAveragePool": global_pool,
    "GlobalMaxPool": global_pool,
    "LayerNormalization": layer_normalization,
    "Less": less,
    "MatMul": matmul,
    "Mul": multiply,
    "PRelu": prelu,
    "ReduceMax": reduce_max,
    "ReduceMean": reduce_mean,
    "ReduceSum": reduce_sum,
    "Softmax": softmax,
    "Where": where,
}
