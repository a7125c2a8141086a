"""ONNX Runtime on the CPU: one recurrent node, its graph written from the task's parameters.

Inputs and outputs are bound once (`IOBinding`), so that a call allocates and copies nothing: at (20, 1, 8, 32) an LSTM
takes 16 us bound and 23 us through ``session.run``. A stream's frame is another at each call and bound then; its state
goes to and fro between two pairs of buffers: 11 us against 20. An `OrtValue` shares the memory of its NumPy array and
keeps it alive, a binding does not: so whoever runs holds all that is bound, and results are copied.

The operators' layout::

    W (1, G H, I), R (1, G H, H), B (1, 2 G H) of which the second half is the recurrent bias
    gates of LSTM: i o f c; of GRU: z r h, with linear_before_reset=1 (the reset gate after the product)
    x (T, B, I) -> y (T, 1, B, H)
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper
from onnxruntime import OrtValue

from benchmarks.contestants import Prepared, Unavailable
from benchmarks.tasks import GATES, Array, Recurrent, Streaming

OPERATORS = {"elman": "RNN", "gru": "GRU", "lstm": "LSTM"}
ORDER = {"elman": (0,), "gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}  # of gates that the tasks order r z n and i f g o
OPSET, IR_VERSION = 17, 8  # an old pair, which every release of ONNX Runtime reads


def reordered(cell: str, columns: Array) -> Array:
    """Return (..., gates * H) as (1, gates * H, ...): transposed, in the operator's order, for its one direction."""
    gates = np.split(columns.T, GATES[cell])
    return np.concatenate([gates[k] for k in ORDER[cell]])[None]


def weights(task: Recurrent) -> dict[str, Array]:
    """Return the operator's W, R and B."""
    given = task.parameters()
    second = given.get("recurrent_bias", np.zeros_like(given["bias"]))
    return {
        "W": reordered(task.cell, given["input_weight"]),
        "R": reordered(task.cell, given["recurrent_weight"]),
        "B": np.concatenate([reordered(task.cell, b) for b in (given["bias"], second)], axis=1),
    }


def tensor(name: str, shape: Sequence[int], kind: int = TensorProto.FLOAT) -> ValueInfoProto:
    """Declare an input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


def node(task: Recurrent, inputs: Sequence[str], outputs: Sequence[str]) -> NodeProto:
    """Return the layer as one node."""
    reset = {"linear_before_reset": 1} if task.cell == "gru" else {}
    return helper.make_node(OPERATORS[task.cell], inputs, outputs, hidden_size=task.shape[3], **reset)


def session(
    task: Recurrent, layer: NodeProto, inputs: Sequence[ValueInfoProto], outputs: Sequence[ValueInfoProto]
) -> tuple[onnxruntime.InferenceSession, float]:
    """Return a session of a graph that is this layer, and the seconds that took."""
    constants = [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in weights(task).items()]
    graph = helper.make_graph([layer], task.cell, inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))  # 0: as it thinks best
    options.inter_op_num_threads = 1
    began = time.perf_counter()
    made = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return made, time.perf_counter() - began


def held(array: NDArray) -> OrtValue:
    """Return a value over an array's memory."""
    return OrtValue.ortvalue_from_numpy(array)


def recurrent(task: Recurrent) -> Prepared:
    """Return inference of one layer."""
    if task.training:
        raise Unavailable("not for this task: ONNX Runtime does not train")
    n_steps, n_sequences, _, hidden = task.shape
    x, y_shape = task.data()[0], (n_steps, 1, n_sequences, hidden)
    values, declared = {"x": held(x)}, [tensor("x", x.shape)]
    if task.ragged:
        values["lengths"] = held(task.lengths.astype(np.int32))
        declared.append(tensor("lengths", (n_sequences,), TensorProto.INT32))
    layer = node(task, ["x", "W", "R", "B", *(["lengths"] if task.ragged else [])], ["y"])
    made, seconds = session(task, layer, declared, [tensor("y", y_shape)])
    bound = made.io_binding()
    for name, value in values.items():
        bound.bind_ortvalue_input(name, value)
    values["y"] = held(np.zeros(y_shape, np.float32))
    bound.bind_ortvalue_output("y", values["y"])

    def run() -> OrtValue:
        made.run_with_iobinding(bound)
        return values["y"]

    return Prepared(run, lambda: {"output": run().numpy()[:, 0].copy()}, compile_seconds=seconds)


def streaming(task: Streaming) -> Prepared:
    """Return the call on one frame, which reads the state in one pair of buffers and writes it into the other."""
    layer, state_shape = task.layer, (1, 1, task.hidden)
    frames = [held(frame[None]) for frame in layer.data()[0]]
    made, seconds = session(
        layer,
        node(layer, ["x", "W", "R", "B", "", "h", "c"], ["", "h_next", "c_next"]),
        [tensor("x", (1, 1, task.n_inputs)), tensor("h", state_shape), tensor("c", state_shape)],
        [tensor("h_next", state_shape), tensor("c_next", state_shape)],
    )
    zeros = np.zeros(state_shape, np.float32)
    states = [{name: held(zeros.copy()) for name in ("h", "c")} for _ in range(2)]
    bindings = []
    for now, after in (states, states[::-1]):
        bindings.append(made.io_binding())
        for name in ("h", "c"):
            bindings[-1].bind_ortvalue_input(name, now[name])
            bindings[-1].bind_ortvalue_output(f"{name}_next", after[name])
    turn = 0

    def push(frame: OrtValue = frames[0]) -> OrtValue:
        nonlocal turn
        bindings[turn].bind_ortvalue_input("x", frame)
        made.run_with_iobinding(bindings[turn])
        turn = 1 - turn
        return states[turn]["h"]

    def check() -> dict[str, Array]:
        for value in states[turn].values():
            value.update_inplace(zeros)
        return {"output": np.array([push(frame).numpy()[0].copy() for frame in frames])}

    return Prepared(push, check, compile_seconds=seconds)


TASKS = {Recurrent: recurrent, Streaming: streaming}
