"""The search for a learning rate: what it tries, what it suggests, and that it leaves the network as it was."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from toys import CROSS_ENTROPY, MSE, TEXT, XOR, line, recall, recall_network, xor_network

from rnnbp import Network, NonFiniteError, datasets, find_learning_rate, fit, layers, losses, optimizers


def regression(n=200):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3))
    return x, np.sin(x @ [[1.0], [2.0], [-1.0]])


def network():
    return Network([layers.Dense(3, 16), layers.Activation("tanh"), layers.Dropout(0.1), layers.Dense(16, 1)])


def test_the_network_and_its_generator_are_left_as_they_were():
    net = network()
    before, draws = net.theta.copy(), net.rng.bit_generator.state
    find_learning_rate(net, *regression(), loss=MSE)
    np.testing.assert_array_equal(net.theta, before)
    assert net.rng.bit_generator.state == draws
    assert np.shares_memory(net.theta, net.parameters["0.weight"])


@pytest.mark.parametrize("n_updates", [20, 60])
def test_rates_rise_by_one_factor_from_the_lowest_towards_the_highest(n_updates):
    search = find_learning_rate(network(), *regression(), loss=MSE, lowest=1e-5, highest=1e-1, n_updates=n_updates)
    np.testing.assert_allclose(search.rates, 1e-5 * 1e4 ** (np.arange(n_updates) / n_updates), rtol=1e-12)
    assert search.losses.shape == search.smoothed.shape == (n_updates,)


def test_the_first_loss_is_that_of_the_network_as_it_is():
    x, y = line()
    net = Network([layers.Dense(3, 1)], dtype="float64")
    search = find_learning_rate(net, x, y, loss=MSE, batch_size=7)
    assert search.losses[0] == search.smoothed[0] == pytest.approx(net.loss_and_gradient(x, y, MSE)[0], rel=1e-12)


def test_the_smoothed_loss_is_a_bias_corrected_running_mean():
    search = find_learning_rate(network(), *regression(), loss=MSE, n_updates=30, highest=1.0)
    for k in (0, 1, 7, 29):
        expected = np.average(search.losses[: k + 1], weights=0.9 ** np.arange(k + 1)[::-1])
        assert search.smoothed[k] == pytest.approx(expected, rel=1e-12)


def test_it_ends_at_the_first_minibatch_whose_own_loss_explodes():
    search = find_learning_rate(network(), *regression(), loss=MSE, optimizer="sgd", highest=1e6, n_updates=200)
    assert len(search.rates) < 200
    usual = 2 * search.losses[:10].max()
    assert search.losses[-1] > usual
    assert (search.losses[:-1] <= usual).all()
    assert 1e-4 < search.suggestion < 1.0


class Scripted(losses.MeanSquaredError):
    """A loss that takes its values from a list; those after it are 1."""

    def __init__(self, values):
        self.values = list(values)

    def value_and_gradient(self, output, target, weight=None):
        return self.values.pop(0) if self.values else 1.0, np.zeros_like(output)


def scripted(values):
    return find_learning_rate(Network([layers.Dense(3, 1)]), *line(), loss=Scripted(values), n_updates=20)


def test_the_eleventh_update_is_the_first_that_is_compared_with_what_is_usual():
    assert len(scripted([3.0] * 9 + [7.0]).rates) == 20
    with pytest.raises(ValueError, match=r"the loss fell at no rate from 1e-06 to 0\.00316"):  # of 20, from 1e-6 to 10
        scripted([3.0] * 10 + [7.0])


@pytest.mark.parametrize("n", [10, 11])
def test_without_a_loss_after_those_that_are_usual_there_is_no_suggestion(n):
    with pytest.raises(NonFiniteError):
        scripted([3.0] * (n - 1) + [np.nan])


def test_a_loss_that_is_no_longer_finite_ends_it():
    assert len(scripted([3.0] * 10 + [2.0, np.nan]).rates) == 11


@pytest.mark.parametrize(
    ("values", "falls"),
    [
        ([2.0] + [21.8] * 9, True),  # of which the mean is 19.8, not yet ten times the first
        ([2.0] + [22.1] * 9, False),  # 20.1
        ([1.0] * 20, False),
        ([1.0] * 9 + [1.1], True),
    ],
)
def test_there_is_a_suggestion_if_the_loss_falls_and_had_not_exploded_at_the_lowest_rates(values, falls):
    if falls:
        assert scripted(values).suggestion > 0
        return
    with pytest.raises(ValueError, match="the loss fell at no rate"):
        scripted(values)


def test_the_suggestion_is_a_tenth_of_the_rate_of_the_lowest_smoothed_loss():
    search = find_learning_rate(network(), *regression(), loss=MSE)
    lowest = 10 + search.smoothed[10:].argmin()
    assert search.suggestion == pytest.approx(search.rates[lowest] / 10)


def pictures(seed):
    x, y = load_digits(return_X_y=True)
    net = Network([layers.Dense(64, 32), layers.Activation("tanh"), layers.Dense(32, 10)], seed=seed)
    return net, x / 16, y, CROSS_ENTROPY, 3


def shapes(seed):
    x, y = datasets.make_cylinder_bell_funnel(240, random_state=seed)
    stack = [layers.Conv1D(1, 16, 7, stride=2), layers.Activation("relu"), layers.LSTM(16, 24), layers.MeanOverTime()]
    return (
        Network([*stack, layers.Dense(24, 3)], seed=seed),
        [np.reshape(each, (-1, 1)) for each in x],
        y,
        CROSS_ENTROPY,
        15,
    )


def adding(seed):
    x, y = datasets.make_adding_problem(500, 20, random_state=seed)
    net = Network([layers.GRU(2, 24), layers.LastStep(), layers.Dense(24, 1)], seed=seed)
    return net, list(x), y, MSE, 15


@pytest.mark.parametrize(("problem", "chance"), [(pictures, np.log(10)), (shapes, np.log(3)), (adding, 1 / 6)])
def test_training_at_the_suggestion_learns_and_mostly_ends_near_the_best_of_a_grid(problem, chance):
    ratios = []
    for seed in range(3):
        net, x, y, loss, max_epochs = problem(seed)
        suggestion, ends = find_learning_rate(net, x, y, loss=loss, seed=seed).suggestion, []
        for rate in (suggestion, 1e-3, 1e-2, 1e-1):
            net = problem(seed)[0]
            ends.append(fit(net, x, y, loss=loss, optimizer=optimizers.Adam(rate), max_epochs=max_epochs).loss[-1])
        assert ends[0] < chance / 4
        ratios.append(ends[0] / min(ends[1:]))
    assert np.median(ratios) < 3


@pytest.mark.parametrize("optimizer", ["adam", "sgd", optimizers.GradientNoise(optimizers.Adam(), eta=1e-6)])
def test_the_suggestion_trains_better_than_rates_far_from_it(optimizer):
    x, y = regression()
    rate = find_learning_rate(network(), x, y, loss=MSE, optimizer=optimizer, highest=100.0).suggestion
    adam = optimizer != "sgd"

    def reached(rate):
        chosen = optimizers.Adam(rate) if adam else optimizers.SGD(rate)
        return fit(network(), x, y, loss=MSE, optimizer=chosen, max_epochs=5).loss[-1]

    assert reached(rate) < min(reached(rate / 100), reached(rate / 1000))


def test_sequences_and_symbols_are_welcome():
    assert find_learning_rate(recall_network(), *recall(), loss=CROSS_ENTROPY, batch_size=4).suggestion > 0
    net = Network([layers.Embedding(5, 3), layers.Elman(3, 4, gradient=TEXT), layers.Dense(4, 5)])
    symbols = np.random.default_rng(0).integers(5, size=(6, 20))
    assert find_learning_rate(net, symbols, symbols, loss=CROSS_ENTROPY).suggestion > 0


def test_the_same_seed_sees_the_same():
    searches = [find_learning_rate(network(), *regression(), loss=MSE, seed=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(searches[0].losses, searches[1].losses)
    assert not np.array_equal(searches[0].losses, searches[2].losses)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "lbfgs"}, "finds its own steps: there is no learning rate to search for"),
        ({"optimizer": "rprop"}, "finds its own steps"),
        ({"lowest": 0.0}, "lowest must be a number"),
        ({"lowest": 1.0, "highest": 0.1}, "highest must be a number in"),
        ({"n_updates": 5}, "n_updates must be a whole number of at least 20"),
        ({"target": XOR[1][:3]}, "expected 4 targets"),
        ({"lowest": 1e4, "highest": 1e8, "optimizer": "sgd"}, "the loss fell at no rate from 1e.04 to"),
    ],
)
def test_what_cannot_be_searched_is_refused(options, message):
    net = xor_network(dtype="float64")
    before = net.theta.copy()
    arguments = {"x": XOR[0], "target": XOR[1]} | options
    with pytest.raises(ValueError, match=message):
        find_learning_rate(net, loss=CROSS_ENTROPY, **arguments)
    np.testing.assert_array_equal(net.theta, before)
