"""Scalers that the first layer absorbs."""

import numpy as np
import pytest

import rnnbp
from rnnbp import layers
from rnnbp.interop.scaling import absorbed

MEAN, SCALE = np.array([3.0, -20.0, 0.0]), np.array([0.1, 4.0, 1.0])


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
    "first", [layers.LSTM(3, 4, layer_norm=True), layers.LayerNorm(3), layers.Conv1D(3, 4, 3)], ids=repr
)
def test_what_does_more_with_its_input_is_refused(first):
    net = rnnbp.Network([first, layers.LastStep()] if isinstance(first, layers.Conv1D) else [first])
    with pytest.raises(ValueError, match="cannot be absorbed by layer 0"):
        absorbed(net, MEAN, SCALE)
