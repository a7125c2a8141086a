"""A callback that measures gradient flow as a network learns, and says it once when gradients vanish or explode."""

import logging
import pickle

import numpy as np
import pytest
from matplotlib.figure import Figure
from toys import TEXT

from rnnbp import Network, RNNClassifier, fit, layers, plotting
from rnnbp.diagnostics import GradientFlowWatch, gradient_flow
from rnnbp.training.history import History

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 20, 2)), np.arange(20) % 2
LENGTHS = RNG.integers(2, 11, size=20)
RAGGED = [X[:n, i] for i, n in enumerate(LENGTHS)]
LOSS = "cross_entropy"


def network(**options):
    return Network([layers.GRU(2, 4, gradient=TEXT, **options), layers.LastStep(), layers.Dense(4, 2)], dtype="float64")


def train(net, *callbacks, x=RAGGED, y=Y, loss=LOSS, max_epochs=4, **options):
    fit(net, x, y, loss=loss, optimizer="adam", max_epochs=max_epochs, callbacks=callbacks, progress=False, **options)


def linear(weight):
    """Return a network whose gradient is multiplied by a weight at each step."""
    net = Network([layers.Elman(1, 1, activation="identity", gradient=TEXT), layers.LastStep()], dtype="float64")
    net.parameters["0.recurrent_weight"][...] = weight
    return net


def watch_linear(*weights, n_steps=10, **options):
    """Return the watch of a training in whose epochs a linear unit has these weights."""
    watch = GradientFlowWatch(np.ones((n_steps, 3, 1)), np.ones((3, 1)), "mean_squared_error", **options)
    for epoch, weight in enumerate(weights, start=1):
        watch(linear(weight), History(loss=[1.0] * epoch))
    return watch


# -- what it measures --------------------------------------------------------------------------------------------------


def test_it_measures_the_first_examples_after_each_epoch():
    net, watch = network(), GradientFlowWatch(RAGGED, Y, LOSS, n_probe=5)
    train(net, watch)
    assert list(watch.flows) == [1, 2, 3, 4]
    now = gradient_flow(net, RAGGED[:5], Y[:5], LOSS)
    np.testing.assert_array_equal(watch.flows[4].norm["0.h"], now.norm["0.h"])
    assert (watch.flows[1].norm["0.h"] != watch.flows[4].norm["0.h"]).any()


@pytest.mark.parametrize(("every", "epochs"), [(1, [1, 2, 3, 4]), (2, [2, 4]), (3, [3]), (5, [])])
def test_it_measures_every_so_many_epochs(every, epochs):
    watch = GradientFlowWatch(RAGGED, Y, LOSS, every=every)
    train(network(), watch)
    assert list(watch.flows) == epochs


@pytest.mark.parametrize(
    ("x", "lengths"), [(RAGGED, None), (X, LENGTHS), (X, None)], ids=["list", "padded", "all of one length"]
)
@pytest.mark.parametrize("per_step", [False, True])
def test_data_come_in_any_form_that_fit_takes(x, lengths, per_step):
    stack = [layers.GRU(2, 4, gradient=TEXT), *([] if per_step else [layers.LastStep()]), layers.Dense(4, 2)]
    y = Y
    if per_step:
        y = [np.full(n, label) for n, label in zip(LENGTHS, Y, strict=True)] if x is RAGGED else np.tile(Y, (10, 1))
    watch = GradientFlowWatch(x, y, LOSS, lengths, n_probe=3)
    train(Network(stack), watch, x=x, y=y, lengths=lengths, max_epochs=1)
    longest = 10 if x is X and lengths is None else LENGTHS[:3].max()
    assert watch.flows[1].norm["0.h"].shape == (longest, 3)


def test_fewer_examples_than_it_may_measure_are_all_measured():
    watch = GradientFlowWatch(RAGGED, Y, LOSS, n_probe=100)
    train(network(), watch, max_epochs=1)
    assert watch.flows[1].norm["0.h"].shape[1] == 20


def test_watching_changes_nothing():
    watched, alone = network(recurrent_dropout=0.3), network(recurrent_dropout=0.3)
    train(watched, GradientFlowWatch(RAGGED, Y, LOSS))
    train(alone)
    np.testing.assert_array_equal(watched.theta, alone.theta)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_estimator_takes_it_as_a_callback():
    watch = GradientFlowWatch(RAGGED, Y[:, None].astype(float), "binary_cross_entropy")
    RNNClassifier(4, gradient=TEXT, max_iter=2, callbacks=[watch]).fit(RAGGED, Y)
    assert list(watch.flows) == [1, 2]


def test_it_is_drawn_with_its_epochs():
    watch = watch_linear(0.5, 0.6, 0.7, 0.8, every=2)
    ax = plotting.plot_gradient_flow_over_training(watch, "0.h", ax=Figure().subplots())
    (picture,) = ax.collections
    expected = [watch.flows[epoch].mean()["0.h"] for epoch in (2, 4)]
    np.testing.assert_allclose(picture.get_array(), np.transpose(expected))
    assert picture.get_coordinates()[0, :, 0].tolist() == [1, 2, 4]


def test_what_it_has_seen_survives_pickling():
    watch = pickle.loads(pickle.dumps(watch_linear(0.5)))
    assert list(watch.flows) == [1]


# -- what it says ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("weight", "kind"), [(0.1, "vanishing"), (10.0, "exploding")])
def test_it_warns_of_gradients_that_vanish_or_explode(weight, kind, caplog):
    watch = watch_linear(1.0, weight)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("rnnbp", logging.WARNING)
    share = getattr(watch.flows[2], kind)["0.h"]
    assert (
        f"epoch 2: the gradient of state 0.h is {kind} at {share:.0%} of the".replace("%", " %") in record.getMessage()
    )


@pytest.mark.parametrize("cell", [layers.Elman, layers.GRU, layers.LSTM])
def test_gates_are_advised_only_where_there_are_none(cell, caplog):
    net = Network([cell(2, 4, gradient=TEXT), layers.LastStep(), layers.Dense(4, 2)])
    net.theta[...] = 0.0  # nothing arrives at any step but the last
    GradientFlowWatch(X, Y, LOSS, threshold=1.001)(net, History(loss=[1.0]))
    (record,) = caplog.records
    assert "try " in record.getMessage()
    assert ("an LSTM or GRU" in record.getMessage()) == (cell is layers.Elman)


def test_it_says_so_once_of_each_kind(caplog):
    watch_linear(0.1, 0.1, 1.0, 10.0, 0.1, 10.0)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["epoch 1", "epoch 4"]


def test_it_is_silent_while_gradients_flow(caplog):
    watch_linear(1.0, 0.9, 1.1)
    assert caplog.records == []


@pytest.mark.parametrize(("options", "warned"), [({"threshold": 1e10}, 0), ({"tolerated": 0.7}, 0), ({}, 1)])
def test_what_is_worth_a_warning_is_a_setting(options, warned, caplog):
    """Of 10 steps, the gradient of the first 7 (or 6, by rounding) is a thousand times smaller than the last one's."""
    watch_linear(0.1, **options)
    assert len(caplog.records) == warned


@pytest.mark.parametrize(("tolerated", "warned"), [(0.7, 0), (0.6999, 1)])
def test_as_many_steps_as_are_tolerated_are_not_worth_a_warning(tolerated, warned, caplog):
    """Of 10 steps, the gradient of the first 7 is more than 4 times smaller than the last one's."""
    watch_linear(0.5, threshold=4.0, tolerated=tolerated)
    assert len(caplog.records) == warned


# -- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"every": 0}, "every must be a whole number of at least 1"),
        ({"n_probe": 0}, "n_probe must be a whole number of at least 1"),
        ({"threshold": 1.0}, r"threshold must be a number in \(1, inf\), but 1\.0 was given"),
        ({"tolerated": 1.0}, r"tolerated must be a number in \[0, 1\), but 1\.0 was given"),
    ],
)
def test_settings_without_a_meaning_are_errors(settings, message):
    with pytest.raises(ValueError, match=message):
        GradientFlowWatch(RAGGED, Y, LOSS, **settings)


def test_an_unknown_loss_is_an_error():
    with pytest.raises(ValueError, match="unknown loss 'cross_entrpy'"):
        GradientFlowWatch(RAGGED, Y, "cross_entrpy")


def test_data_that_do_not_fit_the_network_are_an_error():
    with pytest.raises(ValueError, match="expected 2 features, but the input has 1"):
        train(network(), GradientFlowWatch([x[:, :1] for x in RAGGED], Y, LOSS))


def test_a_network_without_time_cannot_be_watched():
    with pytest.raises(ValueError, match="this network has no recurrent layer"):
        train(Network([layers.Dense(2, 2)]), GradientFlowWatch(X[0], Y, LOSS), x=X[0])
