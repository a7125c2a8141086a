"""An ONNX model from wherever it comes, checked, as plain objects.

A file may be damaged or forged: whatever the onnx package says of it becomes an `InteropError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import brief, shown
from rnnbp.interop.errors import InteropError
from rnnbp.interop.extras import imported

__all__ = ["Graph", "Input", "Node", "opened", "refusal"]

Array = NDArray[Any]

MOVES = (
    "Cast", "Concat", "Expand", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"
)  # fmt: skip


@dataclass
class Node:
    """An operator at work.

    Attributes
    ----------
    operator, name : str
    inputs, outputs : list of str
        Names of values; empty for one that is left out.
    attributes : dict of str to object
        `take` takes them out.
    """

    operator: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]

    def take(self, name: str, default: Any) -> Any:
        """Return an attribute, of the default's type if there is one; what nobody takes is not supported."""
        value = self.attributes.pop(name, default)
        value = value.decode(errors="replace") if isinstance(value, bytes) else value
        if default is not None and not isinstance(value, type(default)):
            raise refusal(self, f"the attribute {name} must be a {type(default).__name__}, but is {shown(value)}")
        return value


@dataclass(frozen=True)
class Input:
    """An input of a graph: its element type and its shape, with None for sizes that are not fixed."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...] | None


@dataclass
class Graph:
    """A model's graph.

    Attributes
    ----------
    nodes : list of Node
        Those that the outputs need, in an order in which they can be computed.
    constants : dict of str to ndarray
    inputs : list of Input
        Without those that have a value in the file, except zeros that a recurrent operator begins with.
    outputs : list of str
    opset : int
    """

    nodes: list[Node]
    constants: dict[str, Array]
    inputs: list[Input]
    outputs: list[str]
    opset: int


def refusal(node: Node, what: str) -> InteropError:
    """Return the error that a node cannot be taken over, which names it."""
    return InteropError(f"node {node.name!r}, {node.operator}, cannot be taken over: {what}")


def opened(source: Any, constants: dict[str, Array]) -> Graph:
    """Return a model's graph.

    Parameters
    ----------
    source : path-like, bytes or onnx.ModelProto
    constants : dict of str to ndarray
        Values of inputs.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InteropError
        If it is no ONNX model, or is damaged.
    """
    onnx = imported("onnx")
    model, called = _model(onnx, source)
    try:
        return _graph(onnx, model, constants)
    except InteropError as error:
        raise InteropError(f"{called}: {error}") from error
    except Exception as error:  # of a damaged file the package may say anything
        raise InteropError(f"{called} is no valid ONNX model: {brief(error)}") from error


def _model(onnx: Any, source: Any) -> tuple[Any, str]:
    if isinstance(source, onnx.ModelProto):
        return source, "the model"
    if isinstance(source, (bytes, bytearray)):
        load, called = onnx.load_model_from_string, "the model"
        content: Any = bytes(source)
    elif isinstance(source, (str, PathLike)):
        load, called, content = onnx.load_model, str(source), str(source)
        if not Path(source).is_file():
            raise FileNotFoundError(f"there is no model file {source}")
    else:
        raise TypeError(f"the model must be a path, bytes or an onnx.ModelProto, but {shown(source)} was given")
    try:
        model = load(content)
    except Exception as error:  # the package's parser has errors of its own
        raise InteropError(f"{called} is no ONNX model, or is damaged: {brief(error)}") from error
    return model, called


def _graph(onnx: Any, model: Any, given: dict[str, Array]) -> Graph:
    _check(onnx, model)
    # files of the first format name no version, which is 1 then
    opset = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 1)
    if opset < 7:
        raise InteropError(f"its operators are of version {opset}, and those from 7 on are supported")
    proto = model.graph
    held = {tensor.name: np.array(onnx.numpy_helper.to_array(tensor)) for tensor in proto.initializer}
    if len(proto.sparse_initializer):
        raise InteropError("it holds sparse tensors, which are not supported")
    inputs = [_input(onnx, each) for each in proto.input]
    known = {each.name for each in inputs}
    if unknown := sorted(given.keys() - known):
        raise InteropError(f"it has no input {unknown[0]!r}: its inputs are {', '.join(sorted(known)) or 'none'}")
    nodes = _needed([_node(onnx, node) for node in proto.node], [each.name for each in proto.output])
    begun_with = known & held.keys() & _begun_with(nodes)
    replaceable = {name for name in begun_with if held[name].dtype.kind == "f" and not held[name].any()}
    constants = {name: array for name, array in held.items() if name not in replaceable}
    constants |= {name: np.asarray(array) for name, array in given.items()}
    rest = [each for each in inputs if each.name not in constants]
    return Graph(nodes, constants, rest, [each.name for each in proto.output], opset)


def _check(onnx: Any, model: Any) -> None:
    """Check a model, whose outputs need no shape."""
    if any(not each.type.tensor_type.HasField("shape") for each in model.graph.output):
        whole, model = model, type(model)()
        model.CopyFrom(whole)
        for each in model.graph.output:
            each.type.tensor_type.shape.SetInParent()
    onnx.checker.check_model(model)


def _begun_with(nodes: list[Node]) -> set[str]:
    """Return the names of what recurrent operators begin with, and of what it is arranged of and by.

    Old files list all that they hold among the inputs: weights, which are to be kept, and zeros to begin with, which a
    run may replace.
    """
    found: set[str] = set()
    for node in reversed(nodes):
        if node.operator in ("RNN", "GRU", "LSTM"):
            found.update(node.inputs[5:7])
        elif node.operator in MOVES and found.intersection(node.outputs):
            found.update(node.inputs)
    return found


def _input(onnx: Any, described: Any) -> Input:
    kind = described.type.tensor_type  # empty of what is no tensor
    if not kind.elem_type:
        raise InteropError(f"its input {described.name!r} is no tensor of known type")
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    shape = None
    if kind.HasField("shape"):
        shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)
    return Input(described.name, dtype, shape)


def _node(onnx: Any, proto: Any) -> Node:
    name = proto.name or next((out for out in proto.output if out), proto.op_type)
    node = Node(proto.op_type, name, list(proto.input), list(proto.output), {})
    if proto.domain not in ("", "ai.onnx"):
        raise refusal(node, f"its operator is one of {proto.domain!r}, and not of the standard")
    node.attributes = {each.name: _attribute(onnx, each) for each in proto.attribute}
    return node


def _attribute(onnx: Any, attribute: Any) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if attribute.type == onnx.AttributeProto.FLOAT:
        return _decimal(value)
    if attribute.type == onnx.AttributeProto.FLOATS:
        return [_decimal(each) for each in value]
    if isinstance(value, onnx.TensorProto):
        return np.array(onnx.numpy_helper.to_array(value))
    return list(value) if isinstance(value, Sequence) and not isinstance(value, (bytes, str)) else value


def _decimal(value: float) -> float:
    """Return the shortest decimal that has this float32, as attributes have no more digits."""
    return float(str(np.float32(value)))


def _needed(nodes: list[Node], outputs: list[str]) -> list[Node]:
    """Return the nodes that outputs are made of, in the order in which they come."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted & {out for out in node.outputs if out}:
            wanted.update(node.inputs)
            kept.append(node)
    return kept[::-1]
