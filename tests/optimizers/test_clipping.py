"""Gradient clipping."""

import numpy as np
import pytest

from rnnbp.optimizers import clip_by_norm, clip_by_value


def test_a_long_gradient_is_scaled_to_the_norm_and_keeps_its_direction():
    gradient = np.array([3.0, -4.0])
    assert clip_by_norm(gradient, 1.0) == 5.0
    np.testing.assert_allclose(gradient, [0.6, -0.8])


def test_a_short_gradient_is_left_as_it_is():
    gradient = np.array([3.0, -4.0])
    assert clip_by_norm(gradient, 5.0) == 5.0
    np.testing.assert_array_equal(gradient, [3.0, -4.0])


def test_an_exploded_float32_gradient_is_clipped_although_its_squares_overflow():
    gradient = np.array([3e30, -4e30], dtype=np.float32)
    assert clip_by_norm(gradient, 1.0) == pytest.approx(5e30)
    np.testing.assert_allclose(gradient, [0.6, -0.8], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_reported_and_left_as_it_is(bad):
    gradient = np.array([1.0, bad])
    assert not np.isfinite(clip_by_norm(gradient, 0.1))
    np.testing.assert_array_equal(gradient, [1.0, bad])


def test_clipping_by_value_limits_every_entry():
    gradient = np.array([-3.0, -0.5, 0.0, 2.0])
    clip_by_value(gradient, 1.0)
    np.testing.assert_array_equal(gradient, [-1.0, -0.5, 0.0, 1.0])
