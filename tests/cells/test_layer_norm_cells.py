"""Layer-normalised LSTM and GRU: PyTorch's numbers, and what normalisation must do.

Reference numbers: tests/reference/make_layer_norm_zoneout_reference.py. Finite differences, and what must not matter,
are for the conformance table.
"""

from itertools import chain

import numpy as np
import pytest
from references import Comparison, cases

import rnnbp
from rnnbp import layers
from rnnbp.activations import standardize
from rnnbp.gradients import BPTT

CASES = {name: arrays for name, arrays in cases("layer_norm_zoneout_reference.npz").items() if "no_zoneout" in name}
CELLS = {"lstm": layers.LSTM, "gru": layers.GRU}
NUMPY = BPTT(compiled=False)

each_cell = pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)


def network(make, **options):
    net = rnnbp.Network([make(4, 16, layer_norm=True, **options)], dtype="float64", seed=3)
    net.theta += 0.1 * np.random.default_rng(0).normal(size=net.theta.size)
    return net


@pytest.fixture
def frames():
    return np.random.default_rng(0).normal(size=(12, 3, 4))


@pytest.mark.parametrize("gradient", [NUMPY, BPTT()], ids=repr)
@pytest.mark.parametrize("case", CASES)
def test_outputs_and_gradients_are_pytorch_s(case, gradient):
    make = CELLS[case.split("-")[0]]
    comparison = Comparison(make(3, 5, layer_norm=True, gradient=gradient), CASES[case])
    comparison.check_outputs(1e-13)
    comparison.check_gradients(1e-12)


@each_cell
@pytest.mark.parametrize("weight", ["input_weight", "recurrent_weight"])
def test_the_scale_of_a_weight_matrix_does_not_matter(make, weight, frames):
    net = network(make)
    states = {name: np.ones((3, 16)) for name in net.run(frames).final_states}
    net.parameters[f"0.{weight}"][...] *= 1e3  # where the eps of the variance is nothing
    expected = net.forward(frames, initial_states=states)
    net.parameters[f"0.{weight}"][...] *= 50.0
    np.testing.assert_allclose(net.forward(frames, initial_states=states), expected, rtol=0, atol=1e-6)


def test_h_sees_the_cell_state_normalised_and_c_is_carried_as_it_is():
    net = network(layers.LSTM)
    net.theta[:] = 0.0
    net.parameters["0.cell_gain"][...] = 2.0
    c = np.random.default_rng(0).normal(size=(1, 16))
    run = net.run(np.zeros((1, 1, 4)), initial_states={"0.c": c})
    np.testing.assert_allclose(run.final_states["0.c"], 0.5 * c)  # f = 1/2, g = 0
    np.testing.assert_allclose(run.output[0], 0.5 * np.tanh(2.0 * standardize(0.5 * c)[0]))


@each_cell
def test_gains_begin_at_one_and_biases_as_the_cell_s_do(make):
    plain, normalised = rnnbp.Network([make(4, 16)]), rnnbp.Network([make(4, 16, layer_norm=True)])
    gains = [name for name in normalised.parameters if name.endswith("gain")]
    assert {"0.input_gain", "0.recurrent_gain"} <= set(gains)
    assert all((normalised.parameters[name] == 1).all() for name in gains)
    np.testing.assert_array_equal(normalised.parameters["0.bias"], plain.parameters["0.bias"])


@each_cell
def test_weight_decay_spares_gains(make):
    net = rnnbp.Network([make(4, 16, layer_norm=True)])
    decayed = net.unflatten(net.parameters.decayed.astype("float32"))
    assert {name for name, flags in decayed.items() if flags.any()} == {"0.input_weight", "0.recurrent_weight"}


@each_cell
def test_a_normalised_product_has_its_weight_for_itself(make):
    cell = make(4, 16, layer_norm=True).cell
    for product in chain(cell.before_norm, (p for p in cell.products if p.gain == p.weight)):
        assert cell.weights[product.weight] == (product,)


@each_cell
def test_a_stream_gives_the_outputs_of_the_whole(make, frames):
    net = network(make)
    stream = net.stream()
    pieces = [stream.push(frames[0, 0])[None], stream.push(frames[1:, 0])]
    np.testing.assert_allclose(np.concatenate(pieces), net.forward(frames[:, :1])[:, 0], rtol=0, atol=1e-13)


@each_cell
def test_a_model_file_restores_it(make, frames, tmp_path):
    net = network(make, zoneout=0.2)
    net.save(tmp_path / "model")
    restored = rnnbp.Network.load(tmp_path / "model")
    assert repr(restored.layers) == repr(net.layers)
    np.testing.assert_array_equal(restored.forward(frames), net.forward(frames))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.LSTM(2, 3, layer_norm=True, peepholes=True), "peepholes and layer_norm cannot be combined"),
        (lambda: layers.GRU(2, 3, layer_norm=True, reset="before"), 'leave out reset="before"'),
    ],
)
def test_what_has_no_normalised_form_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
