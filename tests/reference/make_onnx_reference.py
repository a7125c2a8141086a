"""Make onnx_reference.npz: RNN, LSTM with peepholes and GRU with linear_before_reset, computed by ONNX.

Needs ``pip install onnx onnxruntime``; run as ``python tests/reference/make_onnx_reference.py``. The tests read the
file and need neither. Made with onnx 1.23 and onnxruntime 1.31: ``float64`` cases are the reference evaluator's, which
knows sequences of equal lengths; ``float32`` ones the runtime's, which knows ragged ones.

The names are rnnbp's, so the correspondence is spelt out here, and only here: ONNX's weights are (directions, gates H,
inputs), so transposed; its two biases lie side by side; its gates lie in the order i, o, f, c (LSTM; peepholes i, o, f)
and z, r, h (GRU); its outputs in (T, directions, B, H). Given numbers are multiples of 1/64, which compress well.
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

T, B, I, H = 6, 4, 3, 4  # noqa: E741
RAGGED = [3, 6, 1, 6]
IOFC, ZRH = [0, 3, 1, 2], [1, 0, 2]  # where ONNX's gates are among ours i, f, g, o and r, z, n
CELLS = {
    "elman": ("RNN", {}, [0]),
    "lstm": ("LSTM", {}, IOFC),
    "lstm_peepholes": ("LSTM", {}, IOFC),
    "gru_after": ("GRU", {"linear_before_reset": 1}, ZRH),
    "gru_before": ("GRU", {"linear_before_reset": 0}, ZRH),
}
DIRECTIONS = {"forward": [""], "reverse": [""], "bidirectional": ["", "_reverse"]}
random = np.random.default_rng(23)


def numbers(*shape):
    """Return random multiples of 1/64 between -1 and 1."""
    return random.integers(-64, 65, shape) / 64.0


def reordered(array, order):
    """Return the array with its gates, along the last axis, in the other order."""
    return np.concatenate([np.split(array, len(order), axis=-1)[k] for k in order], axis=-1)


def given(name, n_gates, suffixes):
    """Return random parameters, input and initial states."""
    arrays = {"x": numbers(T, B, I)}
    for s in suffixes:
        arrays |= {f"initial/{state}{s}": numbers(B, H) for state in ("hc" if name.startswith("lstm") else "h")}
        arrays[f"parameter/input_weight{s}"] = numbers(I, n_gates * H)
        arrays[f"parameter/recurrent_weight{s}"] = numbers(H, n_gates * H)
        arrays[f"parameter/bias{s}"] = numbers(n_gates * H)
        if name == "gru_after":
            arrays[f"parameter/recurrent_bias{s}"] = numbers(n_gates * H)
        if name == "lstm_peepholes":
            arrays[f"parameter/peephole{s}"] = numbers(3 * H)
    return arrays


def compute(name, arrays, lengths, direction, dtype):
    """Return what ONNX makes of them."""
    operator, attributes, order = CELLS[name]
    suffixes = DIRECTIONS[direction]
    states = sorted({key[len("initial/")] for key in arrays if key.startswith("initial/")}, reverse=True)

    def stacked(parameter, order):
        return np.stack([reordered(arrays[f"parameter/{parameter}{s}"], order) for s in suffixes])

    bias = stacked("bias", order)
    second = stacked("recurrent_bias", order) if name == "gru_after" else np.zeros_like(bias)
    inputs = {
        "X": arrays["x"],
        "W": stacked("input_weight", order).swapaxes(1, 2),
        "R": stacked("recurrent_weight", order).swapaxes(1, 2),
        "B": np.concatenate([bias, second], axis=1),
        "sequence_lens": np.array(lengths),
    }
    for state in states:  # h, then c
        inputs[f"initial_{state}"] = np.stack([arrays[f"initial/{state}{s}"] for s in suffixes])
    if name == "lstm_peepholes":
        inputs["P"] = stacked("peephole", [0, 2, 1])
    inputs = {key: a.astype(np.int32 if key == "sequence_lens" else dtype) for key, a in inputs.items()}
    outputs = ["Y", *(f"Y_{state}" for state in states)]
    node = onnx.helper.make_node(operator, list(inputs), outputs, hidden_size=H, direction=direction, **attributes)
    graph = onnx.helper.make_graph(
        [node],
        name,
        [
            onnx.helper.make_tensor_value_info(key, onnx.helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for key, a in inputs.items()
        ],
        [
            onnx.helper.make_tensor_value_info(key, onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), None)
            for key in outputs
        ],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8)
    if dtype == "float64":
        y, *final = ReferenceEvaluator(model).run(None, inputs)
    else:
        y, *final = onnxruntime.InferenceSession(model.SerializeToString()).run(None, inputs)
    results = {"output": np.concatenate([y[:, k] for k in range(len(suffixes))], axis=-1)}
    return results | {
        f"final/{state}{s}": final[j][k] for j, state in enumerate(states) for k, s in enumerate(suffixes)
    }


if __name__ == "__main__":
    reference = {}
    for name, (_, _, order) in CELLS.items():
        for dtype, lengths in (("float64", [T] * B), ("float32", RAGGED)):
            for direction, suffixes in DIRECTIONS.items():
                if dtype == "float64" and direction != "forward":
                    continue
                arrays = given(name, len(order), suffixes)
                results = compute(name, arrays, lengths, direction, dtype)
                case = f"{name}-{direction}-{dtype}"
                reference |= {f"{case}:{key}": array for key, array in (arrays | results).items()}
                reference[f"{case}:lengths"] = np.array(lengths)
    np.savez_compressed(Path(__file__).with_name("onnx_reference.npz"), **reference)
