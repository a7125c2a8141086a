"""Averages of the parameters: which mean it is, what is validated with it, and what the network ends with."""

import numpy as np
import pytest
from toys import CROSS_ENTROPY, MSE, XOR, line, xor_network

from rnnbp import Network, fit, layers, optimizers

AVERAGES = {
    "polyak": optimizers.PolyakAverage(),
    "late": optimizers.PolyakAverage(start=2),
    "exponential": optimizers.ExponentialAverage(0.7),
}
every_average = pytest.mark.parametrize("average", AVERAGES.values(), ids=AVERAGES)


class Recording(optimizers.SGD):
    """SGD that remembers where it was after each update."""

    def _step(self, theta, gradient, state, rate, loss):
        super()._step(theta, gradient, state, rate, loss)
        self.seen.append(theta.astype(np.float64))


def train(average, **options):
    optimizer = Recording(0.1)
    optimizer.seen = []
    net = Network([layers.Dense(3, 1)])
    history = fit(net, *line(), loss=MSE, optimizer=optimizer, batch_size=2, averaging=average, max_epochs=4, **options)
    return net, history, optimizer.seen


def expected_mean(name, seen):
    if name == "exponential":
        return np.average(seen, axis=0, weights=0.7 ** np.arange(len(seen))[::-1])
    return np.mean(seen[8:] if name == "late" else seen, axis=0)  # 4 updates an epoch


@pytest.mark.parametrize("name", AVERAGES)
def test_the_network_ends_with_the_mean_over_the_updates(name):
    net, _, seen = train(AVERAGES[name])
    assert len(seen) == 16
    np.testing.assert_allclose(net.theta, expected_mean(name, seen), rtol=1e-6)
    assert np.abs(net.theta - seen[-1]).max() > 1e-3


@every_average
def test_the_descent_itself_does_not_know_of_it(average):
    np.testing.assert_array_equal(train(average)[2], train(None)[2])


@every_average
def test_the_mean_is_what_is_validated_and_what_callbacks_see(average):
    x, y = line(5)
    at_ends, losses = [], []

    def note(net, history):
        at_ends.append(net.theta.copy())
        losses.append(MSE(net.forward(x), y)[0])

    net, history, _ = train(average, validation_data=(x, y), callbacks=[note])
    assert history.validation_loss == pytest.approx(losses, rel=1e-6)
    np.testing.assert_array_equal(net.theta, at_ends[-1])


def test_the_best_epoch_s_mean_is_restored():
    at_ends = []
    options = {"optimizer": optimizers.SGD(2.0), "averaging": optimizers.ExponentialAverage(0.5), "max_epochs": 30}
    net = xor_network()
    callbacks = [lambda net, _: at_ends.append(net.theta.copy())]
    history = fit(
        net, *XOR, loss=CROSS_ENTROPY, patience=30, callbacks=callbacks, validation_data=(XOR[0], 1 - XOR[1]), **options
    )
    assert history.best_epoch < 29
    np.testing.assert_array_equal(net.theta, at_ends[history.best_epoch])


def test_a_mean_over_noisy_updates_is_nearer_to_the_solution():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    y = x @ [[1.0], [2.0], [-1.0]] + rng.normal(size=(400, 1))
    solution = np.linalg.lstsq(np.hstack([x, np.ones((400, 1))]), y, rcond=None)[0][:, 0]

    def distance(average):
        net = Network([layers.Dense(3, 1)], dtype="float64")
        options = {"optimizer": optimizers.SGD(0.1), "batch_size": 4, "max_epochs": 10}
        fit(net, x, y, loss=MSE, averaging=average, **options)
        return np.linalg.norm(net.theta - solution)

    assert distance(optimizers.PolyakAverage(start=2)) < 0.2 * distance(None)


def test_small_steps_are_not_lost_in_rounding():
    average, theta = optimizers.PolyakAverage(), np.zeros(1, "float32")
    state = average.init(theta)
    for _ in range(1000):
        average.update(state, theta)
    state["t"] += 10**8
    for _ in range(1000):
        average.update(state, np.ones(1, "float32"))
    assert state["mean"][0] == pytest.approx(1e-5, rel=1e-3)


@every_average
def test_settings_make_an_equal_one(average):
    assert repr(type(average)(**average.settings())) == repr(average)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimizers.PolyakAverage(start=-1), "start must be a number"),
        (lambda: optimizers.ExponentialAverage(1.0), "decay must be a number"),
        (lambda: train(0.9), "averaging must be an average such as"),
    ],
)
def test_what_is_no_average_is_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()
