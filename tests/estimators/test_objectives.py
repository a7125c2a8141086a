"""What estimators minimise: the compiled kernels of losses are used where they compute the same, and nowhere else."""

import numpy as np
import pytest

from rnnbp import Network, fit, layers, optimizers
from rnnbp.estimators.objectives import BinaryLogLoss

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


def test_a_kernel_knows_no_weights_of_outputs():
    assert BinaryLogLoss().kernel(TARGET) == "binary_cross_entropy"
    assert BinaryLogLoss(pos_weight=[1.0, 2.0]).kernel(TARGET) is None
