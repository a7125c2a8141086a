"""`load`: a network of an ONNX file.

The nodes are gone through once. Each is read by a function of `readers`, which is told what is known of its inputs, and
says what is known of its outputs (`values`); a node that is a layer adds a link to the chain, which the network is made
of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.interop.chain import network
from rnnbp.interop.errors import InteropError
from rnnbp.interop.onnx.files import Graph, opened, refusal
from rnnbp.interop.onnx.readers import READERS
from rnnbp.interop.onnx.reading import FOLDED, Reading, folded, refuse_repeated
from rnnbp.interop.onnx.values import Constant, Frames, Stack, Value, Whole
from rnnbp.names import explained
from rnnbp.networks.network import Network

__all__ = ["Loaded", "load", "read"]


@explained
def load(source: str | PathLike[str] | bytes | Any, *, constants: Mapping[str, ArrayLike] | None = None) -> Network:
    """Read an ONNX model whose graph is a chain of layers.

    Parameters
    ----------
    source : path-like, bytes or onnx.ModelProto
    constants : mapping of str to array, or None, default None
        Values of inputs of the graph that are parameters, where the file has none.

    Returns
    -------
    Network
        It takes and gives arrays as every network does: time-major, whatever the graph has. The inputs that the graph
        has for initial states are `Network.run`'s ``initial_states``, that for lengths its ``lengths``; ``metadata``
        has under "onnx" what each of the graph's inputs and outputs is called here.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InteropError
        If it is no ONNX model, or one with something that has no counterpart here: an operator, an attribute, a dtype,
        or nodes that are no chain. The message names the node.
    ImportError
        If onnx is not installed.

    Notes
    -----
    Read are RNN, LSTM and GRU with all their attributes, Gemm, MatMul and Add, the activations, Softmax,
    LayerNormalization, Gather of a table, Conv in one dimension (padded such that no step is lost), the mean, the
    maximum and the last step over time, and what only arranges arrays.

    References
    ----------
    https://onnx.ai/onnx/operators

    See Also
    --------
    export

    Examples
    --------
    >>> from rnnbp import interop, layers
    >>> net = Network([layers.GRU(3, 4), layers.LastStep(), layers.Dense(4, 2)])
    >>> interop.onnx.export(net, "model.onnx")
    >>> load("model.onnx").layers
    (GRU(3, 4), LastStep(), Dense(4, 2))
    """
    return read(source, constants=constants).network


@dataclass(frozen=True)
class Loaded:
    """A network, and what the graph's inputs and outputs are in it.

    Attributes
    ----------
    network : Network
    graph : Graph
    values : dict of str to Value
        The graph's outputs.
    reading : Reading
    output : str
        The name of that output which is the network's; empty if all are states.
    """

    network: Network
    graph: Graph
    values: dict[str, Value]
    reading: Reading
    output: str


def read(source: Any, *, constants: Mapping[str, ArrayLike] | None = None) -> Loaded:
    """Return what `load` is made of."""
    graph = opened(source, {name: np.asarray(array) for name, array in (constants or {}).items()})
    for node in graph.nodes:
        if node.operator not in READERS and node.operator not in FOLDED:
            raise InteropError(f"node {node.name!r}: the operator {node.operator} is not supported")
    reading = Reading(graph.opset)
    for each in graph.inputs:
        reading.sizes |= {f"{each.name}.{k}": n for k, n in enumerate(each.shape or ()) if n is not None}
    values: dict[str, Value] = {name: Constant(array) for name, array in graph.constants.items()}
    values |= {each.name: _entering(each) for each in graph.inputs}
    for node in graph.nodes:
        given = [values[name] if name else None for name in node.inputs]
        results = folded(node, given, reading.opset)
        if results is None:
            if node.operator not in READERS:
                raise refusal(node, "it must compute with numbers that are in the file")
            results = READERS[node.operator](node, given, reading)
            if node.attributes:
                raise refusal(node, f"the attribute {next(iter(node.attributes))!r} is not supported")
        values |= {name: value for name, value in zip(node.outputs, results, strict=False) if name}
        if lost := [name for name in node.outputs[len(results) :] if name]:
            raise refusal(node, f"its output {lost[0]!r} is not supported")
    reading.check_ends()
    found = {name: values[name] for name in graph.outputs}
    output = _network_output(found, reading)
    net = network(reading.links, reading.dtype)
    net.metadata = {"onnx": _called(found, output, reading)}
    return Loaded(net, graph, found, reading, output)


def _entering(given: Any) -> Value:
    """Return what is known of an input."""
    if given.dtype.kind in "iu" and given.shape is not None and len(given.shape) == 1 and given.dtype.itemsize == 4:
        return Whole(("input", given.name))
    if given.dtype.kind not in "iuf":
        raise InteropError(f"the input {given.name!r} must be numbers, but its dtype is {given.dtype}")
    if given.dtype.kind == "f" and given.dtype not in (np.float32, np.float64):
        raise InteropError(f"the input {given.name!r} must be float32 or float64, but its dtype is {given.dtype}")
    if given.shape is None:
        raise InteropError(f"the input {given.name!r} must have a shape, at least how many axes it has")
    axes = tuple(f"{given.name}.{k}" for k in range(len(given.shape)))
    symbols = given.dtype.kind != "f"
    width = given.shape[-1] if given.shape else None
    return Frames(0, axes, width, source=given.name, symbols=symbols)


def _network_output(values: dict[str, Value], reading: Reading) -> str:
    """Return the name of the output that the last layer gives; add the layer that picks a step where it is one's."""
    for name, value in values.items():
        if not isinstance(value, (Frames, Stack)) or (isinstance(value, Frames) and not value.n_links):
            raise InteropError(f"the output {name!r} does not come out of a layer")
        for part in value.parts if isinstance(value, Stack) else (value,):
            refuse_repeated(part, f"the output {name!r}")
    found = [name for name, value in values.items() if isinstance(value, Frames) and not value.state]
    if not found:
        found = [name for name, v in values.items() if isinstance(v, Frames) and v.state == "h" and v.half is None][:1]
        found = [name for name in found if reading.is_last(values[name])]  # type: ignore[arg-type]
    if len(found) > 1:
        raise InteropError(f"the model has several outputs, {', '.join(found)}: a network has one, beside its states")
    for name in found:
        value = values[name]
        assert isinstance(value, Frames)
        if not reading.is_last(value):
            raise InteropError(f"the output {name!r} is not that of the last layer: the model is no chain of layers")
        if value.step is not None:
            values[name] = reading.picked(value, f"the output {name!r}")
    return "".join(found)


def _called(values: dict[str, Value], output: str, reading: Reading) -> dict[str, Any]:
    """Return what inputs and outputs are called in the network."""
    states: dict[str, Any] = {}
    for name, value in values.items():
        parts = value.parts if isinstance(value, Stack) else (value,)
        if name != output:
            states[name] = [each for part in parts if isinstance(part, Frames) for each in reading.state_names(part)]
    return {
        "x": reading.x,
        "lengths": reading.lengths,
        "initial_states": dict(reading.initial),
        "y": output,
        "final_states": states,
    }
