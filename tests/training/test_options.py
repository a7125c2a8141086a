"""The penalty of the weights, the order of the examples, and an optimizer's state that outlives a call."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from toys import MSE, STANDING, line

from rnnbp import Network, fit, layers, losses, optimizers

L2 = 3.0


def network():
    return Network([layers.Dense(3, 4), layers.Activation("tanh"), layers.Dense(4, 1)], dtype="float64")


def penalty(net, n_examples):
    matrices = [net.parameters[name] for name in ("0.weight", "2.weight")]
    return L2 * sum(np.square(matrix).sum() for matrix in matrices) / (2 * n_examples)


def test_the_penalty_is_half_the_squared_weights_over_the_number_of_examples():
    (x, y), net = line(8), network()
    expected = MSE(net.forward(x), y)[0] + penalty(net, 8)
    history = fit(net, x, y, loss=MSE, optimizer=STANDING, max_epochs=1, batch_size=8, l2=L2)
    assert_allclose(history.loss[0], expected, rtol=1e-12)


def test_the_penalty_of_a_minibatch_is_over_the_sum_of_its_weights():
    (x, y), net, weight = line(8), network(), np.arange(1.0, 9.0)
    expected = MSE(net.forward(x), y, sample_weight=weight)[0] + penalty(net, weight.sum())
    history = fit(net, x, y, loss=MSE, optimizer=STANDING, max_epochs=1, batch_size=8, l2=L2, sample_weight=weight)
    assert_allclose(history.loss[0], expected, rtol=1e-12)


def test_of_classes_without_a_weight_there_is_no_loss():
    (x, _), net = line(8), Network([layers.Dense(3, 2)])
    loss = losses.CrossEntropy(class_weight=[0.0, 1.0])
    history = fit(net, x, np.zeros(8, int), loss=loss, optimizer=STANDING, max_epochs=2, batch_size=4)
    assert history.loss == [0.0, 0.0]


def test_a_step_goes_down_the_gradient_of_the_penalty_and_leaves_biases_alone():
    (x, y), plain, net = line(8), network(), network()
    matrices = net.theta * net.parameters.decayed
    for trained, l2 in ((plain, 0.0), (net, L2)):
        fit(trained, x, y, loss=MSE, optimizer=optimizers.SGD(0.1), max_epochs=1, batch_size=8, l2=l2)
    assert_allclose(net.theta, plain.theta - 0.1 * L2 / 8 * matrices, rtol=1e-12)


def test_a_full_batch_counts_the_penalty_once_however_many_pieces_it_is_cut_into():
    (x, y), net = line(8), network()
    history = fit(net, x, y, loss=MSE, optimizer="lbfgs", max_epochs=3, batch_size=3, l2=L2)
    assert_allclose(history.loss[-1], MSE(net.forward(x), y)[0] + penalty(net, 8), rtol=1e-12)


def test_l_bfgs_ends_where_the_gradient_of_the_penalized_loss_is_zero():
    (x, y), net = line(8), network()
    fit(net, x, y, loss=MSE, optimizer=optimizers.LBFGS(gradient_tolerance=1e-9), max_epochs=500, l2=L2)
    gradient = net.loss_and_gradient(x, y, MSE)[1] + L2 / 8 * net.theta * net.parameters.decayed
    assert_allclose(gradient, 0.0, atol=1e-4)


def test_without_shuffling_every_epoch_takes_the_examples_in_their_order():
    (x, y), net, by_hand = line(7), network(), network()
    fit(net, x, y, loss=MSE, optimizer=optimizers.SGD(0.1), max_epochs=2, batch_size=1, shuffle=False)
    for i in [*range(7), *range(7)]:
        by_hand.theta -= 0.1 * by_hand.loss_and_gradient(x[i : i + 1], y[i : i + 1], MSE)[1]
    assert_allclose(net.theta, by_hand.theta, rtol=1e-12)


def test_the_first_epoch_may_go_from_short_to_long():
    rng, taken = np.random.default_rng(0), []
    x = [rng.normal(size=(n, 2)) for n in rng.permutation(np.arange(1, 41))]

    def noted(sequence, rng):
        taken.append(len(sequence))
        return sequence

    def lengths_of(shuffle, max_epochs):
        taken.clear()
        net, options = Network([layers.Elman(2, 2)]), {"batch_size": 4, "augment": noted, "shuffle": shuffle}
        fit(net, x, x, loss=MSE, optimizer=STANDING, max_epochs=max_epochs, **options)
        return np.array(taken[1:]).reshape(max_epochs, 10, 4)  # the first was tried

    later = lengths_of("later", 3)
    assert_array_equal(np.sort(later[0], axis=1).ravel(), np.arange(1, 41))
    assert (np.diff(later[1:].mean(axis=2)) < 0).any(axis=1).all()
    assert (np.diff(lengths_of(True, 1).mean(axis=2)) < 0).any()
    assert (np.diff(lengths_of(False, 1).mean(axis=2)) < 0).all()


def test_an_order_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="shuffle must be True, False or \"later\", but 'first' was given"):
        fit(network(), *line(), loss=MSE, shuffle="first")
    with pytest.raises(ValueError, match="short sequences before long ones, but all have one length"):
        fit(network(), *line(), loss=MSE, shuffle="later")


def test_a_generator_for_a_seed_goes_on_where_it_is():
    (x, y), once, twice = line(7), network(), network()
    fit(once, x, y, loss=MSE, optimizer=optimizers.SGD(0.1), max_epochs=2, batch_size=2, seed=5)
    rng = np.random.default_rng(5)
    for _ in range(2):
        fit(twice, x, y, loss=MSE, optimizer=optimizers.SGD(0.1), max_epochs=1, batch_size=2, seed=rng)
    assert_array_equal(once.theta, twice.theta)


def test_an_optimizer_s_state_lets_two_calls_be_as_one():
    (x, y), once, twice, adam = line(7), network(), network(), optimizers.Adam(0.1)
    fit(once, x, y, loss=MSE, optimizer=adam, max_epochs=2, shuffle=False)
    state = adam.init(twice.theta)
    for _ in range(2):
        fit(twice, x, y, loss=MSE, optimizer=adam, max_epochs=1, shuffle=False, optimizer_state=state)
    assert_array_equal(once.theta, twice.theta)
    assert state["t"] == 2


def test_a_full_batch_optimizer_has_no_state_to_go_on_with():
    with pytest.raises(ValueError, match="leave out optimizer_state"):
        fit(network(), *line(), loss=MSE, optimizer="lbfgs", optimizer_state={})


def test_a_negative_penalty_is_refused():
    with pytest.raises(ValueError, match="l2 must be a number"):
        fit(network(), *line(), loss=MSE, l2=-1.0)


def test_l_bfgs_can_be_told_how_often_it_may_evaluate():
    x, y = line(8)
    history = fit(network(), x, y, loss=MSE, optimizer=optimizers.LBFGS(max_evaluations=5), max_epochs=100)
    assert len(history) <= 5
    assert "EVALUATIONS EXCEEDS LIMIT" in history.stopped
