"""Activations: what is shown is what the network computes, at the step and unit where it does."""

from functools import partial

import numpy as np
import pytest

from rnnbp import Network, layers
from rnnbp.diagnostics import activations
from rnnbp.diagnostics.problem import network_copy
from rnnbp.diagnostics.recording import Recorder, recordings
from rnnbp.gradients import BPTT, FixedPoint

TEXT = BPTT(compiled=False)
Elman, Jordan, LSTM, GRU = (
    partial(layer, gradient=TEXT) for layer in (layers.Elman, layers.Jordan, layers.LSTM, layers.GRU)
)
LENGTHS = np.array([4, 2, 5])
X = np.random.default_rng(0).normal(size=(5, 3, 2)).astype(np.float32)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_the_last_layer_s_are_the_output():
    net = Network([GRU(2, 4, bidirectional=True), layers.MeanOverTime(), layers.Dense(8, 3)])
    seen = activations(net, X, LENGTHS)
    np.testing.assert_allclose(seen["2"], net.forward(X, LENGTHS), rtol=1e-5, atol=1e-7)
    assert seen["2"].dtype == np.float32


def test_states_are_those_that_the_network_ends_in_if_it_is_cut():
    net = Network([LSTM(2, 4), layers.LayerNorm(4), GRU(4, 3)], dtype="float64")
    seen = activations(net, X, LENGTHS)
    for t in range(5):
        reached = t < LENGTHS
        final = net.run(X[: t + 1, reached]).final_states
        for name, state in final.items():
            np.testing.assert_allclose(seen[name][t, reached], state, atol=1e-14)
            assert not seen[name][t, ~reached].any()


def test_gates_are_those_of_the_equations():
    net = Network([LSTM(2, 4)], dtype="float64")
    seen, p = activations(net, X), net.parameters
    before = {name: np.concatenate([np.zeros((1, 3, 4)), seen[f"0.{name}"][:-1]]) for name in "hc"}
    z = X @ p["0.input_weight"] + before["h"] @ p["0.recurrent_weight"] + p["0.bias"]
    i, f, g, o = sigmoid(z[..., :4]), sigmoid(z[..., 4:8]), np.tanh(z[..., 8:12]), sigmoid(z[..., 12:])
    for name, gate in {"i": i, "f": f, "g": g, "o": o, "c": f * before["c"] + i * g}.items():
        np.testing.assert_allclose(seen[f"0.{name}"], gate, atol=1e-14)


def test_both_directions_lie_at_the_input_s_step():
    net = Network([GRU(2, 4, bidirectional=True)])
    seen = activations(net, X, LENGTHS)
    np.testing.assert_array_equal(seen["0"], np.concatenate([seen["0.h"], seen["0.h_reverse"]], axis=2))


def test_what_lies_in_a_cell_between_its_stages_is_shown():
    net = Network([Jordan(2, 4, n_outputs=3, feedback_activation="sigmoid"), layers.Activation("sigmoid")])
    seen = activations(net, X)
    assert {name: array.shape[-1] for name, array in seen.items()} == {"0": 3, "0.h": 4, "0.y": 3, "0.v": 3, "1": 3}
    np.testing.assert_allclose(seen["0.v"], seen["1"], rtol=1e-6)


def test_one_sequence_is_shown_without_its_padding():
    net = Network([GRU(2, 4), layers.LastStep(), layers.Dense(4, 3)])
    seen = activations(net, X, LENGTHS)
    one = seen.of(1)
    assert one["0.z"].shape == (2, 4)
    np.testing.assert_array_equal(one["0.z"], seen["0.z"][:2, 1])
    np.testing.assert_array_equal(one["2"], seen["2"][1])


def test_one_sequence_is_as_long_as_a_stride_has_left_it():
    net = Network([GRU(2, 4), layers.Conv1D(4, 3, 2, stride=2), GRU(3, 2), layers.LastStep()])
    seen = activations(net, X, LENGTHS)
    for i, length in enumerate(LENGTHS):
        shapes = {name: array.shape for name, array in seen.of(i).items()}
        left = -(-length // 2)
        assert shapes["0"] == shapes["0.z"] == (length, 4)
        assert shapes["1"] == (left, 3)
        assert shapes["2"] == shapes["2.z"] == (left, 2)
        alone = activations(net, X[:length, [i]])
        np.testing.assert_allclose(seen.of(i)["2.h"], alone["2.h"][:, 0], rtol=1e-5, atol=1e-6)


def test_dropout_is_off():
    seen = activations(Network([GRU(2, 4), layers.Dropout(0.5)]), X)
    np.testing.assert_array_equal(seen["1"], seen["0"])


def test_static_networks_have_activations_too():
    net = Network([layers.Dense(2, 4), layers.Activation("tanh"), layers.Dense(4, 1)])
    seen = activations(net, X[0])
    assert list(seen) == ["0", "1", "2"]
    np.testing.assert_array_equal(seen["1"], np.tanh(seen["0"]))
    assert seen.lengths is None
    assert seen.of(2)["0"].shape == (4,)


def test_a_layer_at_its_fixed_point_shows_its_output():
    net = Network([layers.Elman(2, 4, gradient=FixedPoint(), recurrent_initializer="zeros")])
    assert list(activations(net, X[0])) == ["0"]


def test_what_was_seen_on_the_way_there_stays_so_on_the_way_back():
    net = network_copy(Network([LSTM(2, 4)]), gradient=Recorder)
    forward = net.run(X, LENGTHS)
    (seen,) = recordings(net)
    gates, variables = seen.gates(), seen.variables()
    forward.backward(forward.output)
    for name, rows in (seen.gates() | seen.variables()).items():
        np.testing.assert_array_equal(rows, (gates | variables)[name])


def test_symbols_go_in_as_they_do_in_the_network():
    net = Network([layers.Embedding(5, 2), Elman(2, 3)])
    assert activations(net, np.array([[0, 1], [4, 4]]))["0"].shape == (2, 2, 2)


def test_it_says_what_it_has():
    seen = activations(Network([Elman(2, 4)]), X)
    assert "0.h           (5, 3, 4)" in repr(seen)
    with pytest.raises(KeyError, match=r"no activations '0\.c': there are 0, 0\.h"):
        seen["0.c"]


def test_the_network_is_left_as_it_is():
    net = Network([GRU(2, 4), layers.Dropout(0.5)])
    draws, forward = net.rng.bit_generator.state, net.run(X)
    activations(net, X)
    assert net.rng.bit_generator.state == draws
    forward.backward(forward.output)


def test_an_input_that_does_not_fit_is_an_error():
    with pytest.raises(ValueError, match="expected 2 features, but the input has 3"):
        activations(Network([GRU(2, 4)]), np.zeros((5, 1, 3)))
