"""Networks as RTNeural and AIDA-X read them."""

import json

import numpy as np
import pytest
from scipy.special import expit as sigmoid

from rnnbp import Network, layers
from rnnbp.interop import InteropError
from rnnbp.interop.rtneural import export, export_aidax


def reference(model, x):
    """Return what RTNeural computes of a file, one frame after the other, as its own loader and layers have it."""
    functions = {"": lambda z: z, "tanh": np.tanh, "relu": lambda z: np.maximum(z, 0), "sigmoid": sigmoid}
    for layer in model["layers"]:
        w, *rest = map(np.array, layer["weights"])
        if layer["type"] == "dense":
            x = functions[layer["activation"]](x @ w + rest[0])
        elif layer["type"] == "conv1d":
            reach, dilation = (layer["kernel_size"][-1] - 1) * layer["dilation"][-1], layer["dilation"][-1]
            padded = np.concatenate([np.zeros((reach, x.shape[1])), x])
            taps = [padded[k * dilation : k * dilation + len(x)] @ w[k] for k in range(len(w))]
            x = functions[layer["activation"]](sum(taps) + rest[0])
        else:
            x = np.array(list(RECURRENT[layer["type"]](x, w, *rest)))
        assert x.shape[1] == layer["shape"][-1]
    return x


def lstm(x, w, u, b):
    h = c = np.zeros(len(u))
    for frame in x:
        i, f, g, o = np.split(frame @ w + h @ u + b, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        yield h


def gru(x, w, u, b):
    h = np.zeros(len(u))
    for frame in x:
        (x_z, x_r, x_n), (h_z, h_r, h_n) = np.split(frame @ w + b[0], 3), np.split(h @ u + b[1], 3)
        z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
        h = z * h + (1 - z) * np.tanh(x_n + r * h_n)
        yield h


RECURRENT = {"lstm": lstm, "gru": gru}


def test_a_file_holds_what_rtneural_computes_with(tmp_path):
    stack = [
        layers.Conv1D(2, 3, 3, causal=True, dilation=2), layers.Activation("tanh"), layers.GRU(3, 4), layers.LSTM(4, 5),
        layers.Dropout(0.1), layers.Dense(5, 2), layers.Activation("relu"),
    ]  # fmt: skip
    net, rng = Network(stack, dtype="float64"), np.random.default_rng(0)
    net.theta[:] = rng.normal(size=net.theta.size)
    x = rng.normal(size=(12, 2))
    export(net, tmp_path / "model.json")
    model = json.loads((tmp_path / "model.json").read_text())
    assert model["in_shape"] == [None, None, 2]
    np.testing.assert_allclose(reference(model, x), net.forward([x])[:, 0], atol=1e-12)


def test_what_does_nothing_is_left_out_and_a_window_of_one_frame_looks_nowhere(tmp_path):
    stack = [layers.Conv1D(2, 3, 1), layers.Activation("identity"), layers.Activation("relu"), layers.Dense(3, 1)]
    export(Network(stack), tmp_path / "model.json")
    described = json.loads((tmp_path / "model.json").read_text())["layers"]
    assert [(layer["type"], layer["activation"]) for layer in described] == [("conv1d", "relu"), ("dense", "")]
    assert (described[0]["kernel_size"], described[0]["dilation"], described[0]["groups"]) == ([1], [1], 1)


def test_aidax_changes_nothing_unless_asked(tmp_path):
    export_aidax(Network([layers.Dense(1, 1)]), tmp_path / "amp.json", sample_rate=44100)
    model = json.loads((tmp_path / "amp.json").read_text())
    assert (model["in_skip"], model["in_gain"], model["out_gain"]) == (0, 0.0, 0.0)
    for settings in ({"sample_rate": 0}, {"sample_rate": 1, "skip": 1}, {"sample_rate": 1, "in_gain": np.inf}):
        with pytest.raises(ValueError, match="must be"):
            export_aidax(Network([layers.Dense(1, 1)]), tmp_path / "amp.json", **settings)


def test_aidax_has_its_settings_beside_the_layers(tmp_path):
    net = Network([layers.LSTM(1, 8), layers.Dense(8, 1)])
    export_aidax(net, tmp_path / "amp.json", sample_rate=48000, skip=True, out_gain=-3.0, metadata={"name": "Tube"})
    model = json.loads((tmp_path / "amp.json").read_text())
    assert [layer["type"] for layer in model.pop("layers")] == ["lstm", "dense"]
    assert model == {
        "in_shape": [None, None, 1], "in_skip": 1, "in_gain": 0.0, "out_gain": -3.0, "samplerate": 48000.0,
        "metadata": {"name": "Tube", "samplerate": 48000.0},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stack", "why"),
    [
        ([layers.GRU(2, 3, reset="before")], "it has reset='before'"),
        ([layers.LSTM(2, 3, bidirectional=True)], "it has bidirectional=True"),
        ([layers.Elman(2, 3)], "it is a Elman"),
        ([layers.Conv1D(2, 3, 2)], "it looks ahead: give it causal=True"),
        ([layers.Dense(2, 3), layers.Activation("gelu")], "it is none of tanh, relu"),
        ([layers.LSTM(2, 3), layers.Activation("relu")], "it follows no Dense"),
        ([layers.LSTM(2, 3), layers.LastStep()], "it is a LastStep"),
        ([layers.Dropout(0.1), layers.GRU(2, 3), layers.Activation("tanh")], "it follows no Dense"),
        ([layers.Dense(2, 3), layers.Activation("tanh"), layers.Activation("relu")], "it follows no Dense"),
        ([layers.Conv1D(2, 3, 2, causal=True, stride=2)], "it has stride=2"),
        ([layers.LSTM(2, 3, peepholes=True)], "it has peepholes=True"),
        ([layers.LSTM(2, 3, coupled=True)], "it has coupled=True"),
        ([layers.LSTM(2, 3, clip=1.0)], "it has clip=1.0"),
        ([layers.GRU(2, 3, reverse=True)], "it has reverse=True"),
        ([layers.GRU(2, 3, activations=("sigmoid", "relu"))], "it has activations="),
    ],
)
def test_a_layer_that_rtneural_has_not_is_refused_by_name(stack, why, tmp_path):
    with pytest.raises(InteropError, match=rf"layer {len(stack) - 1}, .* cannot be written for RTNeural: {why}"):
        export(Network(stack), tmp_path / "model.json")


def test_a_network_of_symbols_or_of_more_than_one_signal_is_refused(tmp_path):
    with pytest.raises(InteropError, match="but the network takes symbols"):
        export(Network([layers.Embedding(5, 3)]), tmp_path / "model.json")
    with pytest.raises(InteropError, match="AIDA-X takes and gives one number, but the network 2 and 1"):
        export_aidax(Network([layers.Dense(2, 1)]), tmp_path / "model.json", sample_rate=48000)
    with pytest.raises(InteropError, match="AIDA-X takes and gives one number, but the network 1 and 2"):
        export_aidax(Network([layers.Dense(1, 2)]), tmp_path / "model.json", sample_rate=48000)
