"""Zoneout: PyTorch's numbers for given draws; how draws are made; the mean in use; gradients on every cell.

Reference numbers: tests/reference/make_layer_norm_zoneout_reference.py.
"""

import numpy as np
import pytest
from conformance import RECURRENT, H, I, Problem, slope
from references import Comparison, cases, of

import rnnbp
from rnnbp import layers
from rnnbp.cells import ZoneoutCell
from rnnbp.data.packing import Packing
from rnnbp.gradients import BPTT

REFERENCE = cases("layer_norm_zoneout_reference.npz")
CASES = {name: arrays for name, arrays in REFERENCE.items() if "no_zoneout" not in name}
LAYERS = {"lstm": lambda *sizes, **options: layers.LSTM(*sizes, zoneout_cell=0.5, **options), "gru": layers.GRU}
NUMPY = BPTT(compiled=False)
EACH = {name: make for name, make in RECURRENT.items() if name not in ("Jordan, taught", "LSTM, zoneout")}

both_runs = pytest.mark.parametrize("gradient", [NUMPY, BPTT()], ids=repr)
each_cell = pytest.mark.parametrize("make", EACH.values(), ids=EACH)


# -- PyTorch's numbers ---------------------------------------------------------------------------------------------


class Draws:
    """A source of randomness that draws what is given: below every rate where a unit is kept, above it elsewhere."""

    def __init__(self, kept):
        self.kept = iter(kept)

    def random(self, shape, dtype):
        kept = next(self.kept)
        assert kept.shape == shape
        return 1.0 - kept.astype(dtype)


@both_runs
@pytest.mark.parametrize("case", CASES)
def test_outputs_and_gradients_are_pytorch_s(case, gradient):
    arrays, (cell, norm, mode) = CASES[case], case.split("-")
    steps = Packing(arrays["lengths"])
    rng = Draws(map(steps.pack, of(arrays, "kept").values())) if mode == "training" else None
    layer = LAYERS[cell](3, 5, layer_norm=norm == "layer_norm", zoneout=0.25, gradient=gradient)
    comparison = Comparison(layer, arrays, rng=rng)
    comparison.check_outputs(1e-13)
    comparison.check_gradients(1e-12)


# -- what is drawn -----------------------------------------------------------------------------------------------------


def hidden(rate, x, lengths=None, *, seed=0, training=True, **options):
    """Return the states of a layer of 40 units."""
    net = rnnbp.Network([layers.Elman(2, 40, zoneout=rate, gradient=NUMPY, **options)], dtype="float64", seed=1)
    net.rng = np.random.default_rng(seed)
    return net.forward(x, lengths, training=training)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(50, 6, 2))


@pytest.mark.parametrize("rate", [0.1, 0.7])
def test_a_unit_keeps_its_value_at_the_rate_given(rate, x):
    h = hidden(rate, x)
    kept = h[1:] == h[:-1]
    assert abs(kept.mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / kept.size)


def test_draws_are_independent_of_sequence_step_and_unit(x):
    h = hidden(0.5, x)
    kept = (h[1:] == h[:-1]).astype(float) - 0.5
    bound = 4 * 0.25 / np.sqrt(kept.size)
    for shifted in (kept[1:] * kept[:-1], kept[:, 1:] * kept[:, :-1], kept[..., 1:] * kept[..., :-1]):
        assert abs(shifted.mean()) < bound


def test_padding_takes_no_draws(x):
    lengths = [7, 50, 3, 50, 20, 1]
    padded = np.concatenate([x, np.full((30, 6, 2), np.nan)])
    np.testing.assert_array_equal(hidden(0.5, padded, lengths)[:50], hidden(0.5, x, lengths))


def test_the_seed_decides(x):
    np.testing.assert_array_equal(hidden(0.5, x, seed=1), hidden(0.5, x, seed=1))
    assert not np.array_equal(hidden(0.5, x, seed=1), hidden(0.5, x, seed=2))


def test_both_directions_draw_for_themselves(x):
    h = hidden(0.5, x, bidirectional=True)
    forwards, backwards = h[1:, :, :40] == h[:-1, :, :40], h[:-1, :, 40:] == h[1:, :, 40:]
    assert abs(np.mean((forwards - 0.5) * (backwards - 0.5))) < 0.02


def test_h_and_c_of_an_lstm_have_rates_of_their_own(x):
    only_h = layers.LSTM(2, 40, zoneout=0.5, gradient=NUMPY)
    only_c = layers.LSTM(2, 40, zoneout_cell=0.5, gradient=NUMPY)
    for layer, expected in ((only_h, {"0.h": True, "0.c": False}), (only_c, {"0.h": False, "0.c": True})):
        net = rnnbp.Network([layer], dtype="float64")
        initial = {name: np.full((6, 40), 0.25) for name in expected}
        final = net.run(x[:1], training=True, initial_states=initial).final_states
        assert {name: bool((state == 0.25).any()) for name, state in final.items()} == expected


@pytest.mark.parametrize(
    "kind", [{}, {"peepholes": True}, {"layer_norm": True}], ids=["plain", "peepholes", "layer norm"]
)
def test_the_output_of_an_lstm_sees_the_new_cell_state_even_where_the_old_is_kept(kind, x):
    stacks = ([layers.LSTM(2, 40, zoneout_cell=rate, gradient=NUMPY, **kind)] for rate in (0.0, 0.5))
    plain, zoned = (rnnbp.Network(stack, dtype="float64", seed=1) for stack in stacks)
    zoned.theta += 0.1
    plain.theta += 0.1  # so that peepholes are not 0
    np.testing.assert_array_equal(zoned.forward(x[:1], training=True), plain.forward(x[:1]))
    assert not np.array_equal(zoned.forward(x[:2], training=True)[1], plain.forward(x[:2])[1])


# -- in use ------------------------------------------------------------------------------------------------------------


def test_in_use_each_unit_takes_the_mean(x):
    net = rnnbp.Network([layers.Elman(2, 3, zoneout=0.3, gradient=NUMPY)], dtype="float64", seed=1)
    p = {name.removeprefix("0."): view for name, view in net.parameters.items()}
    h, expected = np.zeros(3), []
    for frame in x[:, 0]:
        h = 0.3 * h + 0.7 * np.tanh(frame @ p["input_weight"] + h @ p["recurrent_weight"] + p["bias"])
        expected.append(h)
    np.testing.assert_allclose(net.forward(x[:, :1])[:, 0], expected, rtol=0, atol=1e-14)


def test_in_use_nothing_is_drawn(x):
    np.testing.assert_array_equal(hidden(0.5, x, seed=1, training=False), hidden(0.5, x, seed=2, training=False))


@each_cell
def test_a_stream_gives_the_outputs_of_the_whole(make, x):
    net = rnnbp.Network([make(2, 5, zoneout=0.3)], dtype="float64", seed=1)
    np.testing.assert_allclose(net.stream().push(x[:, 0]), net.forward(x[:, :1])[:, 0], rtol=0, atol=1e-13)


# -- on every cell -----------------------------------------------------------------------------------------------------


@each_cell
@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "recurrent_dropout": 0.4}], ids=["", "both ways"])
def test_gradients_are_those_of_finite_differences(make, options):
    problem, rng = Problem([make(I, H, zoneout=0.4, **options)], (3, 5, 1, 5)), np.random.default_rng(0)
    for name, gradient in problem.gradients().items():
        direction, scale = rng.normal(size=gradient.shape), np.linalg.norm(gradient)
        assert scale > 1e-4, f"the derivative by {name} is zero: it would show nothing"
        expected = slope(problem.value, problem.leaves[name], direction)
        assert abs(np.sum(gradient * direction) - expected) < 1e-7 * scale, name


def test_without_zoneout_the_cell_is_the_plain_one():
    assert not isinstance(layers.LSTM(2, 3).cell, ZoneoutCell)
    assert isinstance(layers.LSTM(2, 3, zoneout_cell=0.1).cell, ZoneoutCell)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.GRU(2, 3, zoneout=1.0), r"zoneout must be a number in \[0, 1\), but 1.0 was given"),
        (lambda: layers.LSTM(2, 3, zoneout_cell=-0.1), r"zoneout_cell must be a number in \[0, 1\)"),
        (lambda: layers.Jordan(2, 3, zoneout=0.1), "give teacher_forcing=False with it"),
    ],
)
def test_a_wrong_setting_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_noise_blocks_that_do_not_lie_side_by_side_are_refused():
    layer = layers.LSTM(2, 3, zoneout=0.3, zoneout_cell=0.2)
    first, *rest, last = layer.cell.blocks
    layer.cell.blocks = (last, first, *rest)
    with pytest.raises(ValueError, match="must lie side by side among its blocks"):
        rnnbp.Network([layer]).forward(np.zeros((2, 1, 2)))
