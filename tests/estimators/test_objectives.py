"""What estimators minimise: the compiled kernels of losses are used where they compute the same, and nowhere else."""

import numpy as np
import pytest
from scipy.stats import poisson

from rnnbp import Network, fit, layers, optimizers
from rnnbp.estimators.objectives import BinaryLogLoss, HalfPoissonDeviance, HalfSquaredError

RNG = np.random.default_rng(0)
X, TARGET = RNG.normal(size=(8, 3)), RNG.integers(0, 2, size=(8, 2)).astype(float)


@pytest.mark.parametrize("pos_weight", [None, [3.0, 0.5]])
@pytest.mark.parametrize("weight", [None, np.arange(1.0, 9.0)])
def test_a_step_is_down_the_gradient_of_the_summed_log_losses(pos_weight, weight):
    net = Network([layers.Dense(3, 2)], dtype="float64")
    theta = net.theta.copy()
    p = 1.0 / (1.0 + np.exp(-net.forward(X)))
    w = np.ones(2) if pos_weight is None else np.asarray(pos_weight)
    shares = (np.ones(8) if weight is None else weight)[:, None]
    expected = -(shares * (w * TARGET * np.log(p) + (1 - TARGET) * np.log(1 - p))).sum() / shares.sum()
    dz = shares * (p * (1 - TARGET) - w * TARGET * (1 - p)) / shares.sum()

    loss, optimizer = BinaryLogLoss(pos_weight=pos_weight), optimizers.SGD(0.1)
    options = {"loss": loss, "optimizer": optimizer, "max_epochs": 1, "batch_size": 8, "sample_weight": weight}
    assert fit(net, X, TARGET, **options).loss[0] == pytest.approx(expected, rel=1e-10)
    step = net.unflatten((theta - net.theta) / 0.1)
    np.testing.assert_allclose(step["0.bias"], dz.sum(axis=0), rtol=1e-9)
    np.testing.assert_allclose(step["0.weight"], X.T @ dz, rtol=1e-9)


def squared(z, y):
    return ((z - y) ** 2).sum(axis=1) / 2


def entropy(z, y):
    p = 1.0 / (1.0 + np.exp(-z))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(axis=1)


def deviance(z, y):
    return poisson.logpmf(y, y).sum(axis=1) - poisson.logpmf(y, np.exp(z)).sum(axis=1)


OF_ROWS = {HalfSquaredError: squared, BinaryLogLoss: entropy, HalfPoissonDeviance: deviance}


@pytest.mark.parametrize("weight", [None, np.arange(1.0, 9.0)])
@pytest.mark.parametrize("loss", OF_ROWS)
def test_a_loss_is_summed_over_outputs_and_its_gradient_is_its_slope(loss, weight):
    z, y = np.random.default_rng(1).normal(size=(8, 2)), 3 * TARGET if loss is HalfPoissonDeviance else TARGET
    value, gradient = loss().value_and_gradient(z, y, weight)

    def mean(at):
        return np.average(OF_ROWS[loss](at, y), weights=weight)

    assert value == pytest.approx(mean(z), rel=1e-12)
    for at in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[at] = 1e-6
        assert gradient[at] == pytest.approx((mean(z + step) - mean(z - step)) / 2e-6, abs=1e-8)


@pytest.mark.parametrize("weight", [None, np.arange(1.0, 9.0)])
def test_a_step_is_down_the_gradient_of_half_the_summed_squares(weight):
    net = Network([layers.Dense(3, 2)], dtype="float64")
    theta, z = net.theta.copy(), net.forward(X)
    shares = (np.ones(8) if weight is None else weight)[:, None] / (8 if weight is None else weight.sum())
    options = {"optimizer": optimizers.SGD(0.1), "max_epochs": 1, "batch_size": 8, "sample_weight": weight}
    history = fit(net, X, TARGET, loss=HalfSquaredError(), **options)
    assert history.loss[0] == pytest.approx((shares * (z - TARGET) ** 2).sum() / 2, rel=1e-10)
    step = net.unflatten((theta - net.theta) / 0.1)
    np.testing.assert_allclose(step["0.weight"], X.T @ (shares * (z - TARGET)), rtol=1e-9)


def test_counts_may_be_0_and_are_not_negative():
    np.testing.assert_array_equal(HalfPoissonDeviance().encode([[0.0], [2.0]], 1), [[0.0], [2.0]])
    with pytest.raises(ValueError, match="is negative, which no count is"):
        HalfPoissonDeviance().encode([[0.0], [-0.5]], 1)


def test_a_kernel_knows_no_weights_of_outputs():
    assert BinaryLogLoss().kernel(TARGET) == "binary_cross_entropy"
    assert BinaryLogLoss(pos_weight=[1.0, 2.0]).kernel(TARGET) is None
