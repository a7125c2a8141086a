"""Networks as C with weights of 8 bits and activations of 16."""

import copy
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from conformance import RECURRENT
from networks_in_c import (
    SANITIZERS,
    STACKS,
    STRICT,
    Program,
    compilers,
    needs_compiler,
    network,
    ragged,
)

from rnnbp import Network, layers
from rnnbp.interop.c.exporting import render
from rnnbp.interop.c.quantization import measured
from rnnbp.interop.c.verification import build, outputs_of

WHOLE = (
    *RECURRENT, "Elman, 37 units", "a cell of a user's", "Conv1D, strided and dilated", "Conv1D twice",
    "Embedding and LSTM", "MeanOverTime", "all that streams",
)  # fmt: skip


def with_rounded_weights(net):
    """Return the network with each matrix as 8 bits have it."""
    twin = copy.deepcopy(net)
    for name, values in twin.parameters.items():
        layer = net.layers[int(name.partition(".")[0])]
        if values.ndim == 2 and not isinstance(layer, layers.Embedding):
            n_parts = layer.width if isinstance(layer, layers.Conv1D) else 1
            for part in np.split(values, n_parts):
                scale = np.abs(part).max(axis=0) / 127
                part[...] = np.round(part / scale) * scale
    return twin


@needs_compiler
def test_weights_of_8_bits_compute_what_the_network_does_with_rounded_weights(tmp_path):
    nets = [network(STACKS[name]) for name in WHOLE]
    program = Program(nets, tmp_path, [*compilers()[0], *SANITIZERS], quantize="int8")
    for k, name in enumerate(WHOLE):
        rounded = program.verify(k, own=with_rounded_weights(nets[k])).relative
        assert rounded < 2e-3, name  # what 16 bits of activations take
        assert rounded < program.verify(k).relative < 0.15, name


@needs_compiler
@pytest.mark.parametrize(("seen", "most"), [(1.0, 2.0), (0.0, 2.0), (3.0, 6.0)])
def test_long_sums_of_whole_numbers_do_not_overflow_and_what_is_too_large_is_cut_off(seen, most):
    net = Network([layers.Dense(1200, 2)])
    net.parameters["0.weight"][...] = 0.5
    frames = most * np.array([[0.5], [-1.0], [1.0], [3.5]]) * np.ones(1200)
    program, *flags = compilers()[0]
    text = render(net, "model", quantize="int8", calibration=[np.full((1, 1200), -seen)])
    with tempfile.TemporaryDirectory() as folder:
        runnable = build(text, Path(folder), program, [*flags, *STRICT, *SANITIZERS])
        [(y, _)] = outputs_of([str(runnable)], [frames], net, np.dtype("float32"))
    half, *whole = y[:, 0] / (600 * most)
    assert half == pytest.approx(0.5, rel=1e-4)
    np.testing.assert_allclose(whole, [-1, 1, 1], rtol=1e-6)


def test_weights_of_8_bits_take_a_quarter_of_the_memory():
    net = network(STACKS["LSTM, 37 units"])
    [exact, whole] = [
        int(re.search(r"(\d+) bytes\s+(\* )?of weights", render(net, "m", **options))[1])
        for options in ({}, {"quantize": "int8", "calibration": ragged(net)})
    ]
    matrices = sum(values.size for values in net.parameters.values() if values.ndim == 2)
    assert exact - whole == 3 * matrices - 2 * 4 * 4 * 37  # but for the scales of two matrices' rows


def test_a_range_is_that_of_what_a_product_multiplies():
    net = Network([layers.GRU(2, 3, reset="before"), layers.Dense(3, 1)])
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(n, 2)).astype(np.float32) for n in (4, 9)]
    ranges = measured(net, x)
    outputs = [Network([net.layers[0]]).forward(each[:, None]) for each in x]
    assert ranges[0, "x1"] == max(np.abs(each).max() for each in x)
    np.testing.assert_allclose(ranges[0, "h1"], max(np.abs(each).max() for each in outputs), rtol=1e-5)
    assert ranges[0, "h1"] == ranges[1, "x"]
    assert 0 < ranges[0, "q0"] < ranges[0, "h1"]  # q = r h', and r is below 1


def test_a_range_covers_every_frame_that_a_layer_has_handed_on():
    net = network([layers.Dense(3, 6), layers.Activation("relu"), layers.Dense(6, 4), layers.GRU(4, 3)])
    x = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    x[0] *= 10  # the largest come first
    ranges = measured(net, [x])
    for k, name in enumerate(["x", "x", "x", "x1"]):
        given = x
        if k:
            before = Network(net.layers[:k])
            before.theta[:] = net.theta[: before.theta.size]
            given = before.forward(x[:, None])
        np.testing.assert_allclose(ranges[k, name], np.abs(given).max(), rtol=1e-5)


def test_a_range_is_that_of_all_frames_that_a_recurrent_layer_has_handed_on_and_of_no_others():
    net = Network([layers.Elman(1, 1), layers.Activation("sigmoid"), layers.Dense(1, 1)])
    net.theta[:] = 0
    net.parameters["0.input_weight"][...] = 1
    ranges = measured(net, [np.array([[-1], [-2], [-3]], np.float32)])  # sigmoid(tanh(x)) falls below sigmoid(0)
    assert ranges[2, "x"] == pytest.approx(1 / (1 + np.exp(np.tanh(1))), rel=1e-6)
