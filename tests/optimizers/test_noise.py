"""Noise in the gradient: how much, when, and that it is the same whenever the run is resumed."""

import numpy as np
import pytest

from rnnbp import optimizers
from rnnbp.configuration import build, plain
from rnnbp.optimizers import GradientNoise, schedules

N = 40_000


def noise_of(optimizer, updates, dtype="float64", gradient=0.0):
    """Return the noise in each of some updates of SGD at rate 1."""
    theta, seen = np.zeros(N, dtype), []
    state = optimizer.init(theta)
    for _ in range(updates):
        before = theta.copy()
        optimizer.update(theta, np.full(N, gradient, dtype), state)
        seen.append(before - theta - gradient)
    return seen


def test_its_variance_fades_as_the_paper_says():
    seen = noise_of(GradientNoise(optimizers.SGD(1.0), eta=0.3, gamma=0.55), 4)
    for t, noise in enumerate(seen):
        assert noise.var() == pytest.approx(0.3 / (1 + t) ** 0.55, rel=0.03)
        assert abs(noise.mean()) < 4 * noise.std() / N**0.5


def test_updates_and_seeds_do_not_share_their_noise():
    first, second = noise_of(GradientNoise(optimizers.SGD(1.0)), 2)
    (other,) = noise_of(GradientNoise(optimizers.SGD(1.0), seed=1), 1)
    for a, b in ((first, second), (first, other)):
        assert abs(np.corrcoef(a, b)[0, 1]) < 0.03


def test_the_noise_of_an_update_depends_on_its_number_only():
    optimizer = GradientNoise(optimizers.SGD(1.0), seed=3)
    _, _, expected = noise_of(optimizer, 3)
    theta = np.zeros(N)
    state = optimizer.init(theta)
    state["noise.t"][...] = 2
    optimizer.update(theta, np.zeros(N), state)
    np.testing.assert_allclose(-theta, expected, atol=1e-12)


def test_the_gradient_is_clipped_before_and_not_after():
    (noise,) = noise_of(GradientNoise(optimizers.SGD(1.0, clip_norm=1e-3), eta=1.0), 1, gradient=0.0)
    assert noise.std() == pytest.approx(1.0, rel=0.03)
    (noise,) = noise_of(GradientNoise(optimizers.SGD(1.0, clip_value=0.5), eta=1e-12), 1, gradient=7.0)
    np.testing.assert_allclose(noise, 0.5 - 7.0, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("inner", [optimizers.SGD(0.1, momentum=0.9), optimizers.Adam(), optimizers.Rprop()])
def test_almost_no_noise_is_the_optimizer_itself(inner, dtype):
    plain_theta, noisy_theta = np.ones(5, dtype), np.ones(5, dtype)
    noisy = GradientNoise(inner, eta=1e-30)
    states = inner.init(plain_theta), noisy.init(noisy_theta)
    for k in range(5):
        for optimizer, theta, state in ((inner, plain_theta, states[0]), (noisy, noisy_theta, states[1])):
            optimizer.update(theta, (theta - 0.3).astype(dtype), state, epoch=float(k), loss=float(theta @ theta))
    assert noisy_theta.dtype == dtype
    np.testing.assert_allclose(noisy_theta, plain_theta, rtol=1e-6)


def test_the_schedule_within_is_followed():
    noisy = GradientNoise(optimizers.SGD(schedules.reduce_on_plateau(0.1, patience=0)))
    state = noisy.init(np.zeros(2))
    for metric in (1.0, 1.0, 1.0):
        noisy.observe(metric, state)
    assert noisy.rate(3.0, state) == pytest.approx(0.001)


def test_settings_make_an_equal_one():
    noisy = GradientNoise(optimizers.Adam(schedules.cosine(1e-3, 5)), eta=0.3, seed=4)
    assert repr(build(plain(noisy), optimizers.Optimizer)) == repr(noisy)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"optimizer": optimizers.LBFGS()}, TypeError, "for an optimizer by minibatches, such as Adam"),
        ({"optimizer": "adam"}, TypeError, "for an optimizer by minibatches"),
        ({"optimizer": optimizers.SGD(), "eta": 0.0}, ValueError, "eta must be a number"),
        ({"optimizer": optimizers.SGD(), "gamma": -1}, ValueError, "gamma must be a number"),
        ({"optimizer": optimizers.SGD(), "seed": -1}, ValueError, "seed must be a whole number"),
    ],
)
def test_what_cannot_be_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        GradientNoise(**arguments)
