"""Models of ONNX as others write them, node by node; where ONNX and its runtime are installed."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
onnxruntime.set_default_logger_severity(3)
helper, numpy_helper = onnx.helper, onnx.numpy_helper
random = np.random.default_rng(5)

T, B, I, H = 6, 3, 4, 2  # noqa: E741


def weights(n_gates, n_directions=1, peepholes=False):
    """Return random W, R, B and maybe P."""
    shapes = [(n_gates * H, I), (n_gates * H, H), (2 * n_gates * H,)] + [(3 * H,)] * peepholes
    return [random.normal(size=(n_directions, *shape)).astype(np.float32) for shape in shapes]


def model(nodes, constants, *, x=("T", "B", I), inputs=(), outputs=("y",), kind=onnx.TensorProto.FLOAT, opset=17):
    """Return a model; constants have the names of inputs of its nodes."""
    described = [helper.make_tensor_value_info("x", kind, list(x))]
    described += [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs]
    held = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    results = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "model", described, results, held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(operator, inputs, outputs, **attributes):
    name = f"the {operator} of {outputs}"
    return helper.make_node(operator, inputs.split(), outputs.split(), name=name, **attributes)


def runtime(made, **inputs):
    return onnxruntime.InferenceSession(made.SerializeToString()).run(None, inputs)


def example(shape=(T, B, I)):
    return random.normal(size=shape).astype(np.float32)
