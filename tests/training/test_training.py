"""The training loop: it learns, repeats itself to the bit, and keeps a true history."""

import numpy as np
import pytest
from toys import CROSS_ENTROPY, MSE, STANDING, TEXT, XOR, line, recall, recall_network, xor_network

from rnnbp import Network, fit, layers, metrics, optimizers, predict
from rnnbp.optimizers import OPTIMIZERS, schedules

# -- learning ----------------------------------------------------------------------------------------------------------

# The very same objects train a static and a recurrent network.
TRAINED = {
    "sgd": optimizers.SGD(0.3, momentum=0.9),
    "rmsprop": optimizers.RMSprop(0.01),
    "adam": optimizers.Adam(0.02),
    "adamw": optimizers.AdamW(0.02),
    "rprop": optimizers.Rprop(),
    "lbfgs": optimizers.LBFGS(),
}
STEPWISE = {name: optimizer for name, optimizer in TRAINED.items() if name != "lbfgs"}


def test_every_optimizer_is_tried():
    assert TRAINED.keys() == OPTIMIZERS.keys() - {"levenberg_marquardt"}  # it takes other losses: it has its own tests


@pytest.mark.parametrize("optimizer", TRAINED.values(), ids=TRAINED)
def test_a_static_network_learns_xor(optimizer):
    net = xor_network()
    history = fit(net, *XOR, loss=CROSS_ENTROPY, optimizer=optimizer, max_epochs=200)
    assert history.loss[-1] < 0.1 * history.loss[0]
    assert metrics.accuracy(XOR[1], net.forward(XOR[0])) == 1.0


@pytest.mark.parametrize("optimizer", TRAINED.values(), ids=TRAINED)
def test_a_recurrent_network_learns_to_recall(optimizer):
    net, (x, y) = recall_network(), recall()
    history = fit(net, x, y, loss=CROSS_ENTROPY, optimizer=optimizer, max_epochs=80)
    assert history.loss[-1] < 0.2 * history.loss[0]
    assert metrics.accuracy(y, predict(net, x)) == 1.0


def test_a_network_of_compiled_loops_learns_to_recall():
    net, (x, y) = Network([layers.GRU(1, 8), layers.LastStep(), layers.Dense(8, 2)]), recall()
    history = fit(net, x, y, loss="cross_entropy", optimizer=optimizers.Adam(0.02), max_epochs=60)
    assert history.loss[-1] < 0.1 * history.loss[0]


def test_a_taught_jordan_network_learns_to_count():
    x = np.ones((6, 1, 1))
    target = np.arange(1.0, 7.0)[:, None, None]
    net = Network([layers.Jordan(1, 1, activation="identity", gradient=TEXT)], dtype="float64")
    fit(net, x, target, loss=MSE, optimizer="lbfgs", max_epochs=500)
    np.testing.assert_allclose(net.forward(np.ones((9, 1, 1)))[:, 0, 0], np.arange(1.0, 10.0), atol=0.05)


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.LBFGS(gradient_tolerance=1e-8, loss_tolerance=0.0),
        optimizers.LevenbergMarquardt(loss_tolerance=0.0),
    ],
    ids=["lbfgs", "levenberg_marquardt"],
)
def test_full_batches_find_the_least_squares_solution(optimizer):
    x, y = line()
    net = Network([layers.Dense(3, 1)], dtype="float64")
    history = fit(net, x, y, loss=MSE, optimizer=optimizer, batch_size=2, max_epochs=200)
    expected = np.linalg.lstsq(np.hstack([x, np.ones((7, 1))]), y, rcond=None)[0]
    np.testing.assert_allclose(net.theta, expected[:, 0], atol=1e-6)
    assert history.stopped == "converged"
    assert np.isnan(history.learning_rate).all()


def test_a_full_batch_optimizer_sees_one_function_in_spite_of_dropout():
    net = Network([layers.Dense(3, 30), layers.Dropout(0.5), layers.Dense(30, 1)])
    history = fit(net, *line(), loss=MSE, optimizer="lbfgs", batch_size=2, max_epochs=30)
    assert all(after <= before for before, after in zip(history.loss, history.loss[1:], strict=False))
    assert history.loss[-1] < 0.01 * history.loss[0]


# -- reproducibility ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", TRAINED.values(), ids=TRAINED)
def test_the_same_seed_gives_the_same_bits(optimizer):
    def train():
        stack = [layers.Elman(1, 8, recurrent_dropout=0.2, gradient=TEXT), layers.LastStep(), layers.Dense(8, 2)]
        net = Network([*stack[:2], layers.Dropout(0.2), stack[2]], seed=3)
        history = fit(net, *recall(), loss=CROSS_ENTROPY, optimizer=optimizer, max_epochs=3, batch_size=5, seed=4)
        return net.theta.tobytes(), history.loss

    assert train() == train()


@pytest.mark.parametrize("changed", ["network", "order"])
def test_another_seed_gives_another_result(changed):
    def train(network, order):
        net = xor_network(seed=network)
        fit(net, *XOR, loss=CROSS_ENTROPY, max_epochs=3, batch_size=2, seed=order)
        return net.theta.tobytes()

    assert train(0, 0) != train(int(changed == "network"), int(changed == "order"))


# -- history -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [2, 3, 7])
def test_an_epoch_s_loss_is_the_exact_mean_over_unequal_batches(batch_size):
    x, y = line()
    net = Network([layers.Dense(3, 1)], dtype="float64")
    expected, _ = net.loss_and_gradient(x, y, MSE)
    history = fit(net, x, y, loss=MSE, optimizer=STANDING, batch_size=batch_size, max_epochs=1)
    assert history.loss == pytest.approx([expected], rel=1e-13)


@pytest.mark.parametrize("weighted", [False, True])
def test_an_epoch_s_loss_over_steps_counts_each_step_alike(weighted):
    x, _ = recall(n=11)
    y = [np.sign(sequence) for sequence in x]
    weight = np.arange(11.0) if weighted else None
    net = Network([layers.Elman(1, 3, gradient=TEXT), layers.Dense(3, 1)], dtype="float64")
    expected, _ = net.loss_and_gradient(x, y, MSE, sample_weight=weight)
    history = fit(net, x, y, loss=MSE, optimizer=STANDING, batch_size=4, max_epochs=1, sample_weight=weight)
    assert history.loss == pytest.approx([expected], rel=1e-13)


def test_the_history_has_an_entry_for_each_epoch():
    x, y = line()
    net = Network([layers.Dense(3, 1)])
    options = {"validation_data": (x, y), "score": metrics.r2, "max_epochs": 4}
    history = fit(net, x, y, loss=MSE, optimizer="sgd", **options)
    assert (history.stopped, history.best_epoch, len(history.figures)) == ("max_epochs", 3, 6)
    for name, values in history.figures.items():
        assert len(values) == len(history) == 4, name
        assert all(type(value) is float and np.isfinite(value) for value in values), name
    assert 0.0 < sum(history.seconds) < 60.0


def test_the_gradient_s_norm_is_that_before_clipping():
    x, y = line()
    net = Network([layers.Dense(3, 1)], dtype="float64")
    _, gradient = net.loss_and_gradient(x, y, MSE)
    history = fit(net, x, y, loss=MSE, optimizer=optimizers.SGD(0.1, clip_norm=1e-3), max_epochs=1)
    assert history.gradient_norm == pytest.approx([np.linalg.norm(gradient)], rel=1e-13)


def test_the_gradient_s_norm_is_that_with_the_penalty():
    x, y = line()
    net = Network([layers.Dense(3, 1)], dtype="float64")
    _, gradient = net.loss_and_gradient(x, y, MSE)
    gradient += 2.0 / 7 * net.theta * net.parameters.decayed
    history = fit(net, x, y, loss=MSE, optimizer=STANDING, max_epochs=1, l2=2.0)
    assert history.gradient_norm == pytest.approx([np.linalg.norm(gradient)], rel=1e-13)


def test_a_schedule_is_followed():
    schedule = schedules.step(0.1, every=2, factor=0.5)
    history = fit(xor_network(), *XOR, loss=CROSS_ENTROPY, optimizer=optimizers.SGD(schedule), max_epochs=4)
    assert history.learning_rate == pytest.approx([0.1, 0.05, 0.05, 0.025])


def test_a_schedule_is_asked_at_each_update_for_its_time_in_epochs():
    asked = []

    class Recording(optimizers.Schedule):
        def __call__(self, epoch, state=None):
            asked.append(epoch)
            return 0.1

    net = Network([layers.Dense(3, 1)])
    fit(net, *line(), loss=MSE, optimizer=optimizers.SGD(Recording()), batch_size=2, max_epochs=2)
    updates, ends = [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75], [1, 2]
    assert sorted(asked) == sorted(updates + ends)


def test_a_schedule_that_looks_at_results_sees_them():
    schedule = schedules.reduce_on_plateau(1e-300, factor=0.1, patience=2)
    x, y = line()
    net = Network([layers.Dense(3, 1)], dtype="float64")
    history = fit(net, x, y, loss=MSE, optimizer=optimizers.SGD(schedule), max_epochs=6)
    assert history.learning_rate[-1] < 1e-300


def test_validation_is_of_the_parameters_at_the_epoch_s_end():
    x, y = recall()
    unseen, labels = recall(seed=1)
    by_hand = []

    def record(net, _):
        output = predict(net, unseen)
        by_hand.append((CROSS_ENTROPY(output, labels)[0], metrics.accuracy(labels, output)))

    options = {"validation_data": (unseen, labels), "score": metrics.accuracy, "max_epochs": 3}
    history = fit(recall_network(dtype="float64"), x, y, loss=CROSS_ENTROPY, callbacks=[record], **options)
    assert history.validation_loss == pytest.approx([loss for loss, _ in by_hand], rel=1e-12)
    assert history.validation_score == [score for _, score in by_hand]


def test_validation_data_may_be_padded():
    x, y = np.random.default_rng(0).normal(size=(5, 6, 1)), np.array([0, 1, 0, 1, 0, 1])
    lengths = np.array([3, 1, 5, 2, 2, 4])
    options = {"loss": CROSS_ENTROPY, "lengths": lengths, "max_epochs": 2}
    history = fit(recall_network(), x, y, validation_data=(x, y, lengths), **options)
    as_lists = [x[:length, i] for i, length in enumerate(lengths)]
    again = fit(recall_network(), as_lists, y, validation_data=(as_lists, y), loss=CROSS_ENTROPY, max_epochs=2)
    assert history.validation_loss == again.validation_loss


# -- weights -----------------------------------------------------------------------------------------------------------


def test_an_example_without_weight_is_not_learnt_from():
    x, y = line()
    weight, spoilt = np.ones(7), y.copy()
    weight[3], spoilt[3] = 0.0, 1e6
    first, second = Network([layers.Dense(3, 1)]), Network([layers.Dense(3, 1)])
    fit(first, x, y, loss=MSE, sample_weight=weight, batch_size=2)
    fit(second, x, spoilt, loss=MSE, sample_weight=weight, batch_size=2)
    np.testing.assert_array_equal(first.theta, second.theta)
