"""The training loop: it learns, stops, remembers the best, repeats itself to the bit, and says what went wrong."""

import dataclasses

import numpy as np
import pytest

from rnnbp import History, Network, NonFiniteError, fit, layers, losses, metrics, optimizers, predict
from rnnbp.gradients import BPTT
from rnnbp.optimizers import OPTIMIZERS, schedules

TEXT = BPTT(compiled=False)
MSE, CROSS_ENTROPY = losses.MeanSquaredError(), losses.CrossEntropy()
XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 1, 0])


def xor_network(**options):
    return Network([layers.Dense(2, 8), layers.Activation("tanh"), layers.Dense(8, 2)], **options)


def recall(n=24, seed=0):
    """Return ragged sequences, and whether each one's first frame is positive."""
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(length, 1)) for length in rng.integers(1, 6, size=n)]
    return x, np.array([int(sequence[0, 0] > 0) for sequence in x])


def recall_network(**options):
    stack = [layers.Elman(1, 8, gradient=TEXT), layers.LastStep(), layers.Dense(8, 2)]
    return Network(stack, **options)


def line(n=7):
    """Return points near a line."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3))
    return x, x @ [[1.0], [2.0], [-1.0]] + 0.1 * rng.normal(size=(n, 1)) + 3.0


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
    assert TRAINED.keys() == OPTIMIZERS.keys()


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


def test_full_batches_find_the_least_squares_solution():
    x, y = line()
    net = Network([layers.Dense(3, 1)], dtype="float64")
    optimizer = optimizers.LBFGS(gradient_tolerance=1e-10, loss_tolerance=0.0)
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

STANDING = optimizers.SGD(1e-300)  # a step too small to change any float64


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
    figures = dataclasses.asdict(history)
    assert (figures.pop("stopped"), figures.pop("best_epoch")) == ("max_epochs", 3)
    for name, values in figures.items():
        assert len(values) == len(history) == 4, name
        assert all(type(value) is float and np.isfinite(value) for value in values), name


def test_the_gradient_s_norm_is_that_before_clipping():
    x, y = line()
    net = Network([layers.Dense(3, 1)], dtype="float64")
    _, gradient = net.loss_and_gradient(x, y, MSE)
    history = fit(net, x, y, loss=MSE, optimizer=optimizers.SGD(0.1, clip_norm=1e-3), max_epochs=1)
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


# -- stopping ----------------------------------------------------------------------------------------------------------


def overfit(**options):
    """Train on labels that the validation data contradict: the validation loss rises after a while."""
    x, y = recall()
    unseen, labels = recall(n=12, seed=5)
    labels[:3] = 1 - labels[:3]
    net = recall_network(dtype="float64")
    history = fit(
        net, x, y, loss=CROSS_ENTROPY, optimizer=optimizers.Adam(0.02), validation_data=(unseen, labels), **options
    )
    return history, CROSS_ENTROPY(predict(net, unseen), labels)[0]


def test_patience_ends_training_and_restores_the_best_epoch():
    history, reached = overfit(patience=4, max_epochs=200)
    assert history.stopped == "patience"
    assert history.best_epoch == int(np.argmin(history.validation_loss)) > 0
    assert len(history) == history.best_epoch + 1 + 4
    assert reached == pytest.approx(min(history.validation_loss), rel=1e-12)
    assert reached < history.validation_loss[-1]


def test_patience_restores_the_best_epoch_at_the_end_too():
    history, reached = overfit(patience=500, max_epochs=60)
    assert history.stopped == "max_epochs"
    assert reached == pytest.approx(min(history.validation_loss), rel=1e-12)


def test_without_patience_the_last_parameters_stay():
    history, reached = overfit(max_epochs=60)
    assert reached == pytest.approx(history.validation_loss[-1], rel=1e-12)
    assert reached > min(history.validation_loss)


def test_without_validation_data_patience_watches_the_training_loss():
    net, x, y = xor_network(dtype="float64"), XOR[0][:1], XOR[1][:1]
    history = fit(net, x, y, loss=CROSS_ENTROPY, optimizer=STANDING, patience=3, max_epochs=50)
    assert (history.stopped, len(history), history.best_epoch) == ("patience", 4, 0)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_callback_is_called_after_each_epoch_and_may_end_training(optimizer):
    seen = []

    def third(net, history):
        seen.append((type(net), type(history), len(history)))
        return len(history) == 3

    history = fit(xor_network(), *XOR, loss=CROSS_ENTROPY, optimizer=optimizer, callbacks=[third], max_epochs=50)
    assert seen == [(Network, History, 1), (Network, History, 2), (Network, History, 3)]
    assert history.stopped == "callback"


def test_every_callback_is_called_even_if_one_ends_training():
    called = []
    callbacks = [lambda *_: called.append(1) or True, lambda *_: called.append(2)]
    fit(xor_network(), *XOR, loss=CROSS_ENTROPY, callbacks=callbacks)
    assert called == [1, 2]


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_ctrl_c_returns_the_best_so_far(optimizer):
    kept = []

    def interrupt(net, history):
        kept.append(net.theta.copy())
        if len(history) == 4:
            net.theta += 1.0  # as if half of an update had been made
            raise KeyboardInterrupt

    net = xor_network()
    history = fit(net, *XOR, loss=CROSS_ENTROPY, optimizer=optimizer, callbacks=[interrupt], max_epochs=50)
    assert history.stopped == "interrupted"
    np.testing.assert_array_equal(net.theta, kept[history.best_epoch])


class Troubled(losses.MeanSquaredError):
    """A loss that goes wrong at its n-th evaluation."""

    def __init__(self, n, trouble):
        self.n, self.trouble = n, trouble

    def value_and_gradient(self, output, target, weight=None):
        self.n -= 1
        value, gradient = super().value_and_gradient(output, target, weight)
        return (value, gradient) if self.n else self.trouble(value, gradient)


def interrupted(value, gradient):
    raise KeyboardInterrupt


def test_ctrl_c_within_the_first_epoch_returns_too():
    history = fit(Network([layers.Dense(3, 1)]), *line(), loss=Troubled(2, interrupted), batch_size=2)
    assert (history.stopped, len(history), history.best_epoch) == ("interrupted", 0, -1)


def test_other_errors_of_a_callback_reach_the_user():
    def wrong(net, history):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        fit(xor_network(), *XOR, loss=CROSS_ENTROPY, callbacks=[wrong])


# -- what is not finite ------------------------------------------------------------------------------------------------


def test_a_learning_rate_that_is_too_high_ends_in_an_error_that_says_where_and_what_to_try():
    net = Network([layers.Dense(3, 5), layers.Activation("relu"), layers.Dense(5, 1)])
    with pytest.raises(
        NonFiniteError, match=r"in epoch \d+ the loss is (inf|nan).*Try a lower learning rate, clip_norm"
    ):
        fit(net, *line(), loss=MSE, optimizer=optimizers.SGD(1e6), max_epochs=100)
    assert np.isfinite(net.theta).all()


def test_the_layer_and_the_step_that_overflow_are_named():
    net = Network([layers.Elman(1, 2, activation="identity", gradient=TEXT), layers.LastStep(), layers.Dense(2, 1)])
    net.parameters["0.recurrent_weight"][...] = 1e20 * np.eye(2)
    with pytest.raises(NonFiniteError, match=r"first the output of layer 0, Elman\(1, 2.*, at step 2\."):
        fit(net, np.ones((9, 4, 1)), np.ones((4, 1)), loss=MSE)


def test_a_gradient_that_is_not_finite_is_named_by_its_parameter():
    net = Network([layers.Dense(1, 2), layers.Dense(2, 1)])
    net.theta[:] = 0
    net.parameters["1.weight"][:] = 1e20
    with pytest.raises(NonFiniteError, match=r"first the gradient of '0.weight' \(layer Dense\(1, 2\)\)"):
        fit(net, np.ones((4, 1)), np.full((4, 1), 1e20, "float32"), loss=Troubled(1, lambda v, g: (1.0, g * 1e18)))


def test_a_loss_that_is_not_finite_by_itself_is_named():
    with pytest.raises(NonFiniteError, match="the loss is nan, and not all is finite: first the loss itself"):
        fit(Network([layers.Dense(3, 1)]), *line(), loss=Troubled(1, lambda value, gradient: (np.nan, gradient)))


def test_the_parameters_are_those_before_the_bad_minibatch():
    x, y = line()
    once, twice = Network([layers.Dense(3, 1)]), Network([layers.Dense(3, 1)])
    options = {"batch_size": 7, "optimizer": "sgd"}
    fit(once, x, y, loss=MSE, max_epochs=1, **options)
    with pytest.raises(NonFiniteError, match="in epoch 1"):
        fit(twice, x, y, loss=Troubled(2, lambda value, gradient: (value, gradient * np.nan)), **options)
    np.testing.assert_array_equal(twice.theta, once.theta)


def test_a_line_search_that_went_too_far_turns_back():
    bad = Troubled(8, lambda value, gradient: (np.inf, gradient))
    net = Network([layers.Dense(3, 4), layers.Activation("tanh"), layers.Dense(4, 1)], dtype="float64")
    history = fit(net, *line(), loss=bad, optimizer="lbfgs", max_epochs=40)
    assert bad.n < 0, "else the test would show nothing"
    assert history.loss[-1] < 0.1 * history.loss[0]


# -- errors before work starts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"loss": "mse"}, ValueError, "unknown loss 'mse'.*mean_squared_error"),
        ({"loss": None}, TypeError, "a loss is a name or an instance"),
        ({"optimizer": "adamm"}, ValueError, "unknown optimizer 'adamm'.*'adam'"),
        ({"optimizer": 0.1}, TypeError, "an optimizer is a name or an instance"),
        ({"max_epochs": 0}, ValueError, "max_epochs must be a whole number of at least 1, but 0 was given"),
        ({"batch_size": 2.5}, ValueError, "batch_size must be a whole number of at least 1, but 2.5 was given"),
        ({"patience": 0}, ValueError, "patience must be a whole number"),
        ({"score": metrics.r2}, ValueError, "a score is computed on validation data"),
        ({"target": None}, ValueError, "there is no target"),
        ({"target": np.zeros((6, 1))}, ValueError, "expected 7 targets"),
        ({"target": np.zeros((7, 2))}, ValueError, "the output has width 1"),
        ({"target": np.full((7, 1), np.nan)}, ValueError, "is not finite"),
        ({"x": np.zeros((7, 4))}, ValueError, "expected 3 features, but the input has 4"),
        ({"x": np.full((7, 3), np.inf)}, ValueError, "holds inf"),
        ({"sample_weight": [1.0]}, ValueError, "expected 7 sample weights"),
        ({"lengths": [3]}, ValueError, "expected an input of shape"),
        ({"validation_data": np.zeros((7, 3))}, ValueError, r"must be a tuple \(x, target\) or \(x, target, lengths\)"),
        ({"validation_data": (np.zeros((7, 3)),)}, ValueError, "must be a tuple"),
        ({"validation_data": (np.zeros((7, 4)), np.zeros((7, 1)))}, ValueError, "validation_data: expected 3 features"),
        ({"validation_data": (np.zeros((7, 3)), np.zeros((5, 1)))}, ValueError, "validation_data: expected 7 targets"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(options, error, message):
    net = Network([layers.Dense(3, 1)])
    before = net.theta.copy()
    x, y = line()
    arguments = {"x": x, "target": y, "loss": MSE} | options
    with pytest.raises(error, match=message):
        fit(net, **arguments)
    np.testing.assert_array_equal(net.theta, before)


# -- progress ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_progress_bar_shows_the_losses(optimizer, capsys):
    options = {"validation_data": XOR, "score": metrics.accuracy, "max_epochs": 3, "optimizer": optimizer}
    history = fit(xor_network(), *XOR, loss=CROSS_ENTROPY, progress=True, **options)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert f"loss={history.loss[-1]:.4g}, validation={history.validation_loss[-1]:.4g}, score=" in shown


@pytest.mark.parametrize("progress", [None, False])
def test_no_progress_bar_is_shown_where_nobody_looks(progress, capsys):
    fit(xor_network(), *XOR, loss=CROSS_ENTROPY, progress=progress)
    assert capsys.readouterr().err == ""
