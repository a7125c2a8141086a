"""How training ends: patience, callbacks, Ctrl-C, what is not finite, and errors before it begins."""

import numpy as np
import pytest
from toys import CROSS_ENTROPY, MSE, STANDING, TEXT, XOR, line, recall, recall_network, xor_network

from rnnbp import History, Network, NonFiniteError, fit, layers, losses, metrics, optimizers, predict
from rnnbp.callbacks import EarlyStopping
from rnnbp.training.run import TrainingRun

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


@pytest.mark.parametrize("options", [{}, {"callbacks": [EarlyStopping(500, restore_best=False)]}])
def test_without_patience_the_last_parameters_stay(options):
    history, reached = overfit(max_epochs=60, **options)
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


@pytest.mark.filterwarnings("ignore:the loss has grown")
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


def test_a_gradient_of_numbers_is_taken_though_its_norm_is_none():
    net = Network([layers.Dense(3, 1)], dtype="float64")
    loss = Troubled(1, lambda value, gradient: (value, np.full_like(gradient, 1e308)))
    history = fit(net, np.ones((1, 3)), np.ones((1, 1)), loss=loss, optimizer=STANDING, max_epochs=1)
    assert history.gradient_norm == [np.inf]
    assert np.isfinite(net.theta).all()


def test_the_parameters_are_those_before_the_bad_minibatch():
    x, y = line()
    once, twice = Network([layers.Dense(3, 1)]), Network([layers.Dense(3, 1)])
    options = {"batch_size": 7, "optimizer": "sgd"}
    fit(once, x, y, loss=MSE, max_epochs=1, **options)
    with pytest.raises(NonFiniteError, match="in epoch 2"):
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
        ({"lengths": [3]}, ValueError, "lengths are for sequences"),
        ({"validation_data": np.zeros((7, 3))}, ValueError, r"must be a tuple \(x, target\) or \(x, target, lengths\)"),
        ({"validation_data": (np.zeros((7, 3)),)}, ValueError, "must be a tuple"),
        ({"validation_data": [np.zeros((7, 3)), np.zeros((7, 1))]}, ValueError, "must be a tuple"),
        ({"validation_data": (np.zeros((7, 3)), np.zeros((7, 1)), *3 * [None])}, ValueError, "must be a tuple"),
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


def test_an_epoch_whose_validation_loss_is_nan_does_not_stay_the_best():
    losses_seen = iter([float("nan"), 2.0, float("nan"), 1.0, 1.5])
    net = Network([layers.Dense(1, 1)])
    run = TrainingRun(net, data=None, loss=None, batch_size=1)
    best = []
    for loss in losses_seen:
        run.end_epoch(loss, 0.0, 0.1)
        best.append(run.history.best_epoch)
    assert best == [0, 1, 1, 3, 3]


@pytest.mark.parametrize("given", [print, "print"])
def test_callbacks_that_are_no_list_are_refused(given):
    with pytest.raises(TypeError, match=r"callbacks must be a list of functions, but .* was given: write callbacks="):
        fit(xor_network(), *XOR, loss=CROSS_ENTROPY, callbacks=given)


def test_a_callback_that_is_no_function_is_refused_before_training():
    net = Network([layers.Dense(1, 1)])
    before = net.theta.copy()
    with pytest.raises(TypeError, match="a callback must be a function"):
        fit(net, np.ones((4, 1)), np.ones((4, 1)), loss="mean_squared_error", callbacks=["print"])
    assert np.array_equal(net.theta, before)
