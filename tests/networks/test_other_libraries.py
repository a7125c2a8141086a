"""Cells give the numbers that Keras and ONNX have computed, in both runs; PyTorch's are in test_gradients.

Reference numbers: tests/reference/make_keras_reference.py and make_onnx_reference.py.
"""

import pytest
from references import Comparison, cases

from rnnbp import layers
from rnnbp.gradients import BPTT

KERAS, ONNX = cases("keras_reference.npz"), cases("onnx_reference.npz")
LAYERS = {
    "elman": layers.Elman,
    "lstm": layers.LSTM,
    "lstm_peepholes": lambda *sizes, **options: layers.LSTM(*sizes, peepholes=True, **options),
    "gru_after": layers.GRU,
    "gru_before": lambda *sizes, **options: layers.GRU(*sizes, reset="before", **options),
}

both_runs = pytest.mark.parametrize("gradient", [BPTT(compiled=False), BPTT()], ids=repr)


def layer_of(cell, arrays, gradient, direction="forward"):
    n_inputs, n_hidden = arrays["x"].shape[-1], arrays["initial/h"].shape[-1]
    directions = {"forward": {}, "reverse": {"reverse": True}, "bidirectional": {"bidirectional": True}}
    return LAYERS[cell](n_inputs, n_hidden, gradient=gradient, **directions[direction])


@both_runs
@pytest.mark.parametrize("cell", KERAS)
def test_outputs_and_gradients_are_keras_s(cell, gradient):
    comparison = Comparison(layer_of(cell, KERAS[cell], gradient), KERAS[cell])
    comparison.check_outputs(1e-13)
    comparison.check_gradients(1e-12)


@both_runs
@pytest.mark.parametrize("case", ONNX)
def test_outputs_are_onnx_s(case, gradient):
    cell, direction, dtype = case.split("-")
    comparison = Comparison(layer_of(cell, ONNX[case], gradient, direction), ONNX[case])
    comparison.check_outputs({"float64": 1e-13, "float32": 2e-6}[dtype])  # ours in float64, the runtime's in theirs
