"""Weights without code: numbers that PyTorch and Keras have computed, of tensors as they name them."""

import numpy as np
import pytest
from references import cases
from safetensors.numpy import load_file, save_file

from rnnbp import Network, interop, layers
from rnnbp.interop import InteropError
from rnnbp.interop.naming import Keras, PyTorch

I, H = 4, 3  # noqa: E741
CASES = cases("interop_reference.npz")
NETWORKS = {
    "pytorch:rnn": [layers.Elman(I, H), layers.Dense(H, 2)],
    "pytorch:lstm": [
        layers.LSTM(I, H, bidirectional=True), layers.LSTM(2 * H, H, bidirectional=True), layers.Dense(2 * H, 2)
    ],
    "pytorch:gru": [layers.GRU(I, H), layers.Dense(H, 2)],
    "keras:rnn": [layers.Elman(I, H), layers.Dense(H, 2)],
    "keras:lstm": [layers.LSTM(I, H, bidirectional=True), layers.Dense(2 * H, 2)],
    "keras:gru": [layers.GRU(I, H), layers.Dense(H, 2)],
    "keras:gru_before": [layers.GRU(I, H, reset="before"), layers.Dense(H, 2)],
}  # fmt: skip


def tensors(case):
    return {key.removeprefix("weight/"): array for key, array in CASES[case].items() if key.startswith("weight/")}


def test_every_stored_case_is_compared():
    assert CASES.keys() == NETWORKS.keys()


@pytest.mark.parametrize("case", NETWORKS)
def test_their_weights_give_their_numbers(case):
    net = Network(NETWORKS[case])
    interop.names(case.partition(":")[0]).load(net, tensors(case))
    np.testing.assert_allclose(net.forward(CASES[case]["x"]), CASES[case]["y"], atol=1e-6)


@pytest.mark.parametrize("case", NETWORKS)
def test_a_file_that_was_saved_is_loaded(case, tmp_path):
    names, net = interop.names(case.partition(":")[0]), Network(NETWORKS[case], seed=3)
    names.save(net, tmp_path / "weights.safetensors")
    other = Network(NETWORKS[case], seed=4)
    names.load(other, tmp_path / "weights.safetensors")
    np.testing.assert_array_equal(other.theta, net.theta)


@pytest.mark.parametrize("naming", [Keras(), PyTorch()], ids=["keras", "pytorch"])
@pytest.mark.parametrize("layer", [layers.LSTM(I, H, bidirectional=True), layers.GRU(I, H), layers.Conv1D(I, H, 2)])
def test_a_layer_s_tensors_are_its_parameters_laid_out_otherwise(naming, layer):
    parameters = Network([layer], seed=1).parameters.within("0.")
    back = naming.parameters(layer, naming.tensors(layer, parameters))
    assert back.keys() == parameters.keys()
    for name, values in parameters.items():
        np.testing.assert_array_equal(back[name], values)


def test_a_bias_that_pytorch_adds_twice_is_the_sum_of_both():
    given = tensors("pytorch:rnn")
    net = Network(NETWORKS["pytorch:rnn"])
    interop.names("pytorch").load(net, given, modules=["rnn", "head"])
    np.testing.assert_array_equal(net.parameters["0.bias"], given["rnn.bias_ih_l0"] + given["rnn.bias_hh_l0"])


def test_modules_say_which_is_which_where_shapes_leave_a_choice(tmp_path):
    net, names = Network([layers.Dense(3, 3), layers.Dense(3, 3)]), interop.names("pytorch")
    given = {
        f"{module}.{name}": np.full(shape, value, np.float32)
        for module, value in (("encoder", 1), ("decoder", 2))
        for name, shape in (("weight", (3, 3)), ("bias", (3,)))
    }
    save_file(given, tmp_path / "theirs.safetensors")
    with pytest.raises(InteropError, match=r"layer 0, .* may be any of 'decoder', 'encoder': say which by modules"):
        names.load(net, tmp_path / "theirs.safetensors")
    names.load(net, tmp_path / "theirs.safetensors", modules=["encoder", "decoder"])
    assert (net.parameters["0.weight"][0, 0], net.parameters["1.weight"][0, 0]) == (1.0, 2.0)
    numbered = {name.replace("encoder", "10").replace("decoder", "9"): array for name, array in given.items()}
    names.load(net, numbered)
    assert (net.parameters["0.weight"][0, 0], net.parameters["1.weight"][0, 0]) == (2.0, 1.0)


def test_what_does_not_fit_is_refused_and_leaves_the_network_as_it_was(tmp_path):
    net, names, given = Network(NETWORKS["pytorch:gru"]), interop.names("pytorch"), tensors("pytorch:gru")
    before = net.theta.copy()
    with pytest.raises(InteropError, match="no module fits layer 1, Dense"):
        names.load(net, {name: array for name, array in given.items() if name.startswith("rnn")})
    with pytest.raises(InteropError, match="the module 'extra' is left over"):
        names.load(net, {**given, "extra.weight": np.zeros((7, 7), np.float32)})
    with pytest.raises(InteropError, match="the module 'head' does not fit layer 0, GRU"):
        names.load(net, given, modules=["head", "rnn"])
    with pytest.raises(InteropError, match="modules must name 2"):
        names.load(net, given, modules=["rnn"])
    with pytest.raises(InteropError, match=r"layer 0, GRU\(4, 3, reset='before'\), has no counterpart there: it has"):
        names.tensors(Network([layers.GRU(I, H, reset="before")]))
    with pytest.raises(FileNotFoundError, match="there is no file"):
        names.load(net, tmp_path / "nothing.safetensors")
    (tmp_path / "damaged.safetensors").write_bytes(b"123456789")
    with pytest.raises(InteropError, match="is no safetensors file, or is damaged"):
        names.load(net, tmp_path / "damaged.safetensors")
    with pytest.raises(ValueError, match=r"unknown program 'pytroch'.*Did you mean 'pytorch'"):
        interop.names("pytroch")
    np.testing.assert_array_equal(net.theta, before)


def test_a_saved_file_holds_plain_tensors(tmp_path):
    interop.names("pytorch").save(Network([layers.LSTM(I, H)]), tmp_path / "weights.safetensors")
    shapes = {name: array.shape for name, array in load_file(tmp_path / "weights.safetensors").items()}
    assert shapes["layers.0.weight_hh_l0"] == (4 * H, H)
