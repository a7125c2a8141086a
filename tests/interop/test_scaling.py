"""Scalers that the first layer absorbs."""

import numpy as np
import pytest

import rnnbp
from examples.custom_cell import MinimalGatedUnit
from rnnbp import layers
from rnnbp.interop import InteropError
from rnnbp.interop.scaling import absorbed, unscaled

MEAN, SCALE = np.array([3.0, -20.0, 0.0]), np.array([0.1, 4.0, 1.0])


class Squared(layers.Dense):
    def forward(self, parameters, x, context):
        return super().forward(parameters, x * x, context)


class SquaredFrames(layers.Conv1D):
    def forward(self, parameters, x, context):
        return super().forward(parameters, x * x, context)


class SquaredSteps(layers.Elman):
    def forward(self, parameters, x, context):
        return super().forward(parameters, x * x, context)


@pytest.mark.parametrize(
    "first",
    [
        layers.Dense(3, 4), layers.LSTM(3, 4), layers.GRU(3, 4), layers.GRU(3, 4, reset="before"),
        layers.Elman(3, 4), layers.LSTM(3, 4, bidirectional=True), layers.GRU(3, 4, reverse=True),
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_frames_are_taken_as_they_are(first, dtype):
    net = rnnbp.Network(
        [first, layers.Dense(8 if getattr(first, "bidirectional", False) else 4, 2)], dtype=dtype, seed=1
    )
    net.theta[...] = np.random.default_rng(0).normal(0, 0.5, net.theta.size)
    before = net.theta.copy()
    shape = (9, 5, 3) if net.is_recurrent else (9, 3)
    raw = np.random.default_rng(1).normal(size=shape) * SCALE + MEAN
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(
        absorbed(net, MEAN, SCALE).forward(raw), net.forward((raw - MEAN) / SCALE), rtol=tolerance, atol=10 * tolerance
    )
    np.testing.assert_array_equal(net.theta, before)


@pytest.mark.parametrize(
    ("first", "why"),
    [
        (layers.LSTM(3, 4, layer_norm=True), "it normalises its input product"),
        (layers.LayerNorm(3), "it does not begin with a product"),
        (layers.Conv1D(3, 4, 3), "it adds frames of zeros at the ends"),
        (layers.Conv1D(3, 4, 2, causal=True), "it adds frames of zeros at the ends"),
        (layers.Embedding(3, 4), "it takes symbols"),
        (Squared(3, 4), "it does not begin with a product"),
        (SquaredFrames(3, 4, 1), "it does not begin with a product"),
        (SquaredSteps(3, 4), "it does not begin with a product"),
    ],
    ids=lambda value: repr(value) if isinstance(value, layers.Layer) else "",
)
def test_what_does_more_with_its_input_is_refused(first, why):
    with pytest.raises(InteropError, match=r"cannot be absorbed by layer 0, \w+\(.*" + why):
        absorbed(rnnbp.Network([first]), MEAN, SCALE)


@pytest.mark.parametrize("first", [layers.Dense(3, 4), layers.LSTM(3, 4), layers.Conv1D(3, 4, 1)], ids=repr)
@pytest.mark.parametrize(
    ("mean", "scale", "feature"),
    [
        ([0.0, 1e6, 0.0], [1.0, 1.0, 1.0], 1),  # a column that hardly moves, far from zero
        ([3.0, 0.1, 0.0], [1.0, 1e-6, 1.0], 1),
        ([1.7e9, 0.0, 0.0], [1e5, 1.0, 1.0], 0),  # seconds since 1970
        ([1e-30, 0.0, 0.0], [1e-40, 1.0, 1.0], 0),  # its weights are no float32
    ],
)
def test_float32_is_refused_where_rounding_would_change_the_numbers_and_float64_taken(first, mean, scale, feature):
    net = rnnbp.Network([first], seed=1)
    why = rf"in float32 rounding would change its sums.*mean of feature {feature} is .*; float64 may do"
    with pytest.raises(InteropError, match=why):
        absorbed(net, mean, scale)
    exact, shape = absorbed(net, mean, scale, dtype="float64"), (5, 2, 3) if net.is_recurrent else (5, 3)
    standard = np.random.default_rng(0).normal(size=shape)
    standard = standard if net.is_recurrent or not net.layers[0].needs_time else standard[:, None]
    np.testing.assert_allclose(exact.forward(standard * scale + mean), net.forward(standard), rtol=1e-4, atol=1e-4)


def test_year_and_pressure_are_taken_in_float32():
    net, scale, mean = rnnbp.Network([layers.Dense(2, 4)], seed=1), np.array([8.0, 900.0]), np.array([2000.0, 101325.0])
    standard = np.random.default_rng(0).normal(size=(50, 2))
    found = absorbed(net, mean, scale).forward((standard * scale + mean).astype(np.float32))
    np.testing.assert_allclose(found, net.forward(standard), atol=1e-3)


def test_sums_of_nothing_are_kept():
    net = rnnbp.Network([layers.Dense(3, 4), layers.Dense(4, 3)])
    net.theta[...] = 0
    np.testing.assert_array_equal(absorbed(net, [3.0, -20.0, 0.0], [0.5, 4.0, 1.0]).theta, net.theta)
    found = unscaled(net, [3.0, -20.0, 0.0], [0.5, 4.0, 1.0])
    np.testing.assert_array_equal(found.forward(np.ones((1, 3))), [[3, -20, 0]])


def test_a_window_of_one_frame_is_a_product():
    net = rnnbp.Network([layers.Conv1D(3, 4, 1, stride=2)], seed=1)
    standard = np.random.default_rng(0).normal(size=(7, 2, 3))
    found = absorbed(net, MEAN, SCALE).forward(standard * SCALE + MEAN)
    np.testing.assert_allclose(found, net.forward(standard), rtol=1e-4, atol=1e-4)


def test_a_cell_of_ones_own_is_taken_by_what_it_declares():
    net = rnnbp.Network([MinimalGatedUnit(3, 4, bidirectional=True)], seed=1, dtype="float64")
    standard = np.random.default_rng(0).normal(size=(7, 2, 3))
    found = absorbed(net, MEAN, SCALE).forward(standard * SCALE + MEAN)
    np.testing.assert_allclose(found, net.forward(standard), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("mean", "scale"),
    [([0.0, 0.0], [1.0, 1.0]), ([0.0] * 3, [1.0, 0.0, 1.0]), ([0.0, np.nan, 0.0], [1.0] * 3), (0.0, 1.0)],
)
def test_what_is_no_scaling_is_refused(mean, scale):
    with pytest.raises(ValueError, match="mean and scale must be 3 finite numbers"):
        absorbed(rnnbp.Network([layers.Dense(3, 4)]), mean, scale)


# -- of targets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predictions_are_scaled_back_by_the_last_layer(dtype):
    net = rnnbp.Network([layers.GRU(2, 4), layers.Dense(4, 3)], dtype=dtype, seed=1)
    net.theta[...] = np.random.default_rng(0).normal(0, 0.5, net.theta.size)
    net.metadata = {"of": "a run"}
    before, x = net.theta.copy(), np.random.default_rng(1).normal(size=(9, 5, 2))
    found = unscaled(net, MEAN, SCALE)
    np.testing.assert_allclose(
        found.forward(x), net.forward(x) * SCALE + MEAN, rtol=1e-5 if dtype == "float32" else 1e-12
    )
    np.testing.assert_array_equal(net.theta, before)
    assert (found.dtype, found.metadata) == (net.dtype, net.metadata)
    assert unscaled(net, MEAN, SCALE, dtype="float64").dtype == np.float64


@pytest.mark.parametrize(
    ("mean", "scale"), [([0.0, 1e6], [1.0, 1.0]), ([3.0, 1.0], [1.0, 1e-6]), ([0.0, 1.0], [1.0, 1e-45])]
)
def test_targets_that_float32_cannot_hold_are_refused_and_float64_taken(mean, scale):
    net = rnnbp.Network([layers.Dense(3, 2)], seed=1)
    with pytest.raises(
        InteropError, match=r"in float32 rounding would change its outputs.*mean of target 1 .*float64 may"
    ):
        unscaled(net, mean, scale)
    if min(scale) > 1e-30:
        x = np.random.default_rng(0).normal(size=(5, 3))
        found = (unscaled(net, mean, scale, dtype="float64").forward(x) - mean) / scale
        np.testing.assert_allclose(found, net.forward(x), rtol=1e-3, atol=1e-3)
