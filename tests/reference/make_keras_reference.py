"""Make keras_reference.npz: the GRU with the reset gate before the product, and Keras' other cells, computed by Keras.

Needs ``pip install keras torch``; run as ``python tests/reference/make_keras_reference.py``. The tests read the file
and need neither. Made with Keras 3.15 on PyTorch 2.13; the gradients are autograd's.

The names are rnnbp's, so the correspondence is spelt out here, and only here: Keras' gates lie in the order z, r, h
(GRU) and i, f, c, o (LSTM), rnnbp's in the order r, z, n and i, f, g, o; a GRU with reset_after has its two biases in
one array. Given numbers are multiples of 1/64, which compress well.
"""

import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from keras.src.backend.common import dtypes

T, B, I, H = 6, 4, 3, 4  # noqa: E741
LENGTHS = [3, 6, 1, 6]
ZRH = [1, 0, 2]  # where Keras' gates are among ours, and ours among Keras'
CELLS = {
    "elman": (keras.layers.SimpleRNN, {}, [0]),
    "lstm": (keras.layers.LSTM, {}, [0, 1, 2, 3]),
    "gru_after": (keras.layers.GRU, {"reset_after": True}, ZRH),
    "gru_before": (keras.layers.GRU, {"reset_after": False}, ZRH),
}
random = np.random.default_rng(22)


def numbers(*shape):
    """Return random multiples of 1/64 between -1 and 1."""
    return random.integers(-64, 65, shape) / 64.0


def reordered(array, order):
    """Return the array with its gates, along the last axis, in the other order."""
    return np.concatenate([np.split(np.asarray(array), len(order), axis=-1)[k] for k in order], axis=-1)


def given(name, n_gates):
    """Return random parameters, input, initial states and cotangents."""
    states = "hc" if name == "lstm" else "h"
    arrays = {"x": numbers(T, B, I), "d_output": numbers(T, B, H)}
    arrays |= {f"initial/{state}": numbers(B, H) for state in states}
    arrays |= {f"d_final/{state}": numbers(B, H) for state in states}
    arrays["parameter/input_weight"] = numbers(I, n_gates * H)
    arrays["parameter/recurrent_weight"] = numbers(H, n_gates * H)
    arrays["parameter/bias"] = numbers(n_gates * H)
    if name == "gru_after":
        arrays["parameter/recurrent_bias"] = numbers(n_gates * H)
    return arrays


def compute(name, arrays):
    """Return what Keras and autograd make of them, each sequence run for itself."""
    kind, options, order = CELLS[name]
    layer = kind(H, return_sequences=True, return_state=True, **options)
    layer.build((1, T, I))
    ours = [key for key in arrays if key.startswith("parameter/")]
    kernel, recurrent_kernel, *biases = (reordered(arrays[key], order) for key in ours)
    layer.set_weights([kernel, recurrent_kernel, np.stack(biases) if len(biases) == 2 else biases[0]])
    x = torch.tensor(arrays["x"], requires_grad=True)
    states = [key.removeprefix("initial/") for key in arrays if key.startswith("initial/")]
    initial = {state: torch.tensor(arrays[f"initial/{state}"], requires_grad=True) for state in states}
    output, final, value = np.zeros((T, B, H)), {state: np.zeros((B, H)) for state in states}, 0.0
    for b, length in enumerate(LENGTHS):
        rows, *ends = layer(x[:length, b][None], initial_state=[initial[state][b][None] for state in states])
        assert rows.dtype == torch.float64
        output[:length, b] = rows[0].detach().numpy()
        value = value + (rows[0] * torch.tensor(arrays["d_output"][:length, b])).sum()
        for state, end in zip(states, ends, strict=True):
            final[state][b] = end[0].detach().numpy()
            value = value + (end[0] * torch.tensor(arrays[f"d_final/{state}"][b])).sum()
    value.backward()
    d_kernel, d_recurrent, d_bias = (variable.value.grad.numpy() for variable in layer.trainable_variables)
    d_biases = [d_bias] if len(biases) == 1 else d_bias
    gradients = [reordered(d, order) for d in (d_kernel, d_recurrent, *d_biases)]
    results = {"output": output, "d_x": x.grad.numpy()}
    results |= {f"final/{state}": end for state, end in final.items()}
    results |= {f"d_initial/{state}": start.grad.numpy() for state, start in initial.items()}
    return results | {f"d_{key}": d for key, d in zip(ours, gradients, strict=True)}


if __name__ == "__main__":
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"  # as with TensorFlow; else results are rounded to float32
    reference = {"lengths": np.array(LENGTHS)}
    for name, (_, _, order) in CELLS.items():
        arrays = given(name, len(order))
        reference |= {f"{name}:{key}": array for key, array in (arrays | compute(name, arrays)).items()}
    np.savez_compressed(Path(__file__).with_name("keras_reference.npz"), **reference)
