"""Networks: layers in sequence, over one vector that never moves."""

import copy
import pickle
import re
from functools import partial

import numpy as np
import pytest

from rnnbp import layers, losses, predict
from rnnbp.gradients import BPTT
from rnnbp.networks.network import Network

TEXT = BPTT(compiled=False)
Jordan = partial(layers.Jordan, gradient=TEXT)
MSE = losses.MeanSquaredError()
RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 3, 2))
TARGET = RNG.normal(size=(3, 2))


def recurrent(**options):
    stack = [layers.LSTM(2, 4, bidirectional=True, gradient=TEXT), layers.MeanOverTime(), layers.Dense(8, 2)]
    return Network(stack, **{"dtype": "float64"} | options)


# -- parameters --------------------------------------------------------------------------------------------------------


def test_parameters_are_named_by_layer():
    directions = ("", "_reverse")
    lstm = [f"0.{name}{d}" for d in directions for name in ("input_weight", "bias", "recurrent_weight")]
    assert list(recurrent().parameters) == [*lstm, "2.weight", "2.bias"]


def test_theta_never_moves():
    net = recurrent()
    theta, address = net.theta, net.theta.ctypes.data
    net.forward(X)
    net.loss_and_gradient(X, TARGET, MSE)
    net.theta -= 0.1
    net.parameters["2.bias"][:] = 3.0
    assert net.theta is theta
    assert net.theta.ctypes.data == address
    assert all(np.shares_memory(view, theta) for view in net.parameters.values())


def test_an_attribute_that_would_do_nothing_is_refused_unless_the_class_has_it():
    with pytest.raises(AttributeError, match="a Network has no attribute 'trainable': every layer learns"):
        recurrent().trainable = False
    own = type("Own", (Network,), {"trainable": True})([layers.Dense(2, 1)])
    own.trainable = False
    assert not own.trainable


def test_what_is_written_into_theta_is_what_the_layers_see():
    net = Network([layers.Dense(2, 1)])
    net.theta[:] = [1.0, 10.0, 100.0]
    np.testing.assert_array_equal(net.forward(np.array([[2.0, 3.0]])), [[132.0]])


def test_the_seed_decides_the_parameters():
    assert (recurrent(seed=1).theta == recurrent(seed=1).theta).all()
    assert (recurrent(seed=1).theta != recurrent(seed=2).theta).any()


def test_weights_of_both_dtypes_are_the_same_draw():
    np.testing.assert_array_equal(recurrent(dtype="float32").theta, recurrent().theta.astype("float32"))


def test_the_gradient_is_named_like_the_parameters():
    net = recurrent()
    _, gradient = net.loss_and_gradient(X, TARGET, MSE)
    named = net.unflatten(gradient)
    assert {name: view.shape for name, view in named.items()} == {n: v.shape for n, v in net.parameters.items()}
    assert np.shares_memory(named["2.bias"], gradient)


def test_biases_and_gains_do_not_decay():
    net = Network([layers.GRU(2, 4), layers.LayerNorm(4), layers.Dense(4, 2)])
    decayed = net.unflatten(net.parameters.decayed)
    assert {name for name, where in decayed.items() if where.all()} == {
        "0.input_weight",
        "0.recurrent_weight",
        "2.weight",
    }
    assert not any(where.any() for name, where in decayed.items() if not name.endswith("weight"))


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "deep", "pickle"]
)
def test_a_copy_is_a_network_of_its_own(again):
    net = recurrent()
    net.theta[:] = RNG.normal(size=net.theta.size)
    net.metadata = {"classes": ["a"]}
    twin = again(net)
    assert repr(twin) == repr(net)
    assert twin.metadata == net.metadata
    np.testing.assert_array_equal(twin.forward(X), net.forward(X))
    before = net.forward(X)
    twin.theta[:] = 0.0
    assert not twin.parameters["2.weight"].any()
    np.testing.assert_array_equal(twin.forward(X), 0.0)
    np.testing.assert_array_equal(net.forward(X), before)


# -- layers that fit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Network([]), ValueError, "at least one layer"),
        (lambda: Network(layers.Dense(2, 3)), TypeError, r"layers must be a list of layers, but Dense\(2, 3\) was"),
        (lambda: Network("relu"), TypeError, "layers must be a list of layers, but 'relu' was given"),
        (lambda: Network([layers.Dense(2, 3)], dtype=None), ValueError, "float32 or float64, but None was given"),
        (lambda: Network([layers.Dense(2, 3), "relu"]), TypeError, "layer 1 is 'relu', not a layer such as"),
        (lambda: Network([layers.Dense]), TypeError, "layer 0 is <class .*Dense'>, not a layer"),
        (
            lambda: Network([layers.Dense(2, 3), layers.Activation("tanh"), layers.Dense(4, 1)]),
            ValueError,
            r"layer 2 does not fit: Dense\(4, 1\) takes 4 features, but 3 come in",
        ),
        (
            lambda: Network([layers.LSTM(2, 4, bidirectional=True), layers.Dense(4, 1)]),
            ValueError,
            r"layer 1 does not fit: Dense\(4, 1\) takes 4 features, but 8 come in",
        ),
        (
            lambda: Network([layers.GRU(2, 4), layers.LastStep(), layers.GRU(4, 4)]),
            ValueError,
            r"layer 2, GRU\(4, 4\), looks along time, but layer 1 has left one row a sequence",
        ),
        (
            lambda: Network([layers.Dense(2, 3), layers.Embedding(3, 2)]),
            ValueError,
            r"layer 1, Embedding\(3, 2\), takes symbols, so it must be the first layer",
        ),
        (lambda: Network([layers.LayerNorm(3), layers.Dense(2, 1)]), ValueError, "layer 1 does not fit"),
        (lambda: Network([layers.Dense(2, 1)], dtype="float16"), ValueError, "float32 or float64, but 'float16'"),
    ],
)
def test_what_makes_no_network_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([layers.Dense(2, 1)], r"a list was given: make one of the layers, as Network\(\[...\]\) does"),
        ([1.0], "a list was given: it comes first, before the data"),
        (Network, r"a type was given: make one, as Network\(\[...\]\) does"),
        (layers.Dense(2, 1), "a Dense was given: it comes first, before the data"),
    ],
)
def test_what_is_no_network_is_refused_with_advice(given, message):
    with pytest.raises(TypeError, match=f"net must be a Network, but {message}"):
        predict(given, X)


def test_the_input_s_width_is_known_past_layers_that_take_any():
    assert Network([layers.Dropout(0.1), layers.Activation("tanh"), layers.Dense(3, 2)]).n_inputs == 3


def test_a_network_shows_what_it_is_made_of():
    assert repr(Network([layers.Dense(2, 3), layers.Activation("relu")], seed=4)) == (
        "Network([\n    Dense(2, 3),\n    Activation('relu'),\n], dtype='float32', seed=4)  # 9 parameters"
    )


# -- loss and gradient -------------------------------------------------------------------------------------------------


def test_loss_and_gradient_are_those_of_the_loss_on_the_output():
    net = recurrent()
    forward = net.run(X)
    value, d_output = MSE(forward.output, TARGET)
    expected = forward.backward(d_output).theta
    found, gradient = net.loss_and_gradient(X, TARGET, MSE)
    assert found == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-15)


def test_loss_and_gradient_of_ragged_steps_count_real_steps_only():
    net = Network([layers.GRU(2, 4, gradient=TEXT), layers.Dense(4, 3)], dtype="float64")
    lengths, target = [2, 5, 1], RNG.integers(3, size=(5, 3))
    forward = net.run(X, lengths)
    value, d_output = losses.CrossEntropy()(forward.output, target, lengths=lengths)
    expected = forward.backward(d_output).theta
    found, gradient = net.loss_and_gradient(X, target, losses.CrossEntropy(), lengths)
    assert found == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("weight", [[1.0, 0.0, 3.0], np.arange(15.0).reshape(5, 3)], ids=["sequences", "steps"])
def test_sample_weights_are_the_loss_s(weight):
    net = Network([layers.GRU(2, 4, gradient=TEXT), layers.Dense(4, 2)], dtype="float64")
    lengths, target = [2, 5, 1], RNG.normal(size=(5, 3, 2))
    value, _ = MSE(net.forward(X, lengths), target, lengths=lengths, sample_weight=weight)
    found, _ = net.loss_and_gradient(X, target, MSE, lengths, sample_weight=weight)
    assert found == pytest.approx(value, rel=1e-13)


def test_a_sequence_of_no_weight_has_no_part_in_the_gradient():
    net = recurrent()
    _, gradient = net.loss_and_gradient(X, TARGET, MSE, sample_weight=[1.0, 0.0, 1.0])
    _, without = net.loss_and_gradient(X[:, [0, 2]], TARGET[[0, 2]], MSE)
    np.testing.assert_allclose(gradient, without, rtol=1e-12, atol=1e-15)


def test_loss_and_gradient_take_initial_states():
    net = recurrent()
    states = {"0.c": RNG.normal(size=(3, 4))}
    value, _ = MSE(net.forward(X, initial_states=states), TARGET)
    assert net.loss_and_gradient(X, TARGET, MSE, initial_states=states)[0] == pytest.approx(value, rel=1e-14)


def test_the_input_s_gradient_is_not_computed_where_nobody_wants_it():
    wanted = []

    class Listening(layers.Activation):
        def backward(self, parameters, gradients, dy, saved, context):
            wanted.append(context.input_gradient)
            return super().backward(parameters, gradients, dy, saved, context)

    net = Network([Listening("tanh"), layers.Dense(2, 2), Listening("tanh")])
    net.loss_and_gradient(X[0], TARGET, MSE)
    assert wanted == [True, False]


def test_the_gradient_is_a_new_array():
    net = recurrent()
    _, first = net.loss_and_gradient(X, TARGET, MSE)
    kept = first.copy()
    net.loss_and_gradient(-X, TARGET, MSE)
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(
    ("stack", "taught"),
    [
        ([Jordan(2, 3, n_outputs=2)], True),
        ([Jordan(2, 3, n_outputs=2), layers.Activation("sigmoid")], True),
        ([Jordan(2, 3, n_outputs=2, reverse=True)], True),
        ([Jordan(2, 3, n_outputs=2, teacher_forcing=False)], False),
        ([Jordan(2, 3, n_outputs=1, bidirectional=True)], False),
        ([Jordan(2, 3, n_outputs=3), layers.Dense(3, 2)], False),
    ],
    ids=repr,
)
def test_a_teacher_is_heard_where_targets_are_the_layer_s_own_output(stack, taught):
    net = Network(stack)
    target = RNG.normal(size=(5, 3, 2))
    in_use, _ = MSE(net.forward(X), target)
    in_training, _ = net.loss_and_gradient(X, target, MSE)
    assert (in_training != pytest.approx(in_use, rel=1e-4)) == taught


def test_a_teacher_that_nobody_hears_is_refused():
    net = Network([Jordan(2, 3, n_outputs=2, teacher_forcing=False)])
    with pytest.raises(ValueError, match="teacher was given, but this network has no layer that feeds back targets"):
        net.run(np.ones((3, 1, 2)), teacher=np.ones((3, 2)))


def test_a_teacher_s_class_is_fed_back_as_one_hot():
    net = Network([Jordan(2, 3, n_outputs=4, feedback_activation="softmax")], dtype="float64")
    classes = RNG.integers(4, size=(5, 3))
    one_hot = net.run(X, training=True, teacher=np.eye(4)[classes].reshape(15, 4))
    expected, _ = losses.CrossEntropy()(one_hot.output, classes)
    assert net.loss_and_gradient(X, classes, losses.CrossEntropy())[0] == pytest.approx(expected, rel=1e-14)


# -- diagnosis ---------------------------------------------------------------------------------------------------------


def first_non_finite(net, x):
    batch = net.batch(x)
    return net.programs.first_non_finite(batch.rows, batch.packing)


def test_the_first_layer_that_is_not_finite_is_named_with_its_step():
    net = Network([layers.Elman(2, 2, activation="identity", gradient=TEXT), layers.Dense(2, 2)])
    net.theta[:] = 0
    net.parameters["0.input_weight"][:] = 1e30
    x = np.zeros((4, 3, 2))
    x[2, 1] = 1e30
    with np.errstate(all="ignore"):
        place = first_non_finite(net, x)
    assert place == f"the output of layer 0, {net.layers[0]!r}, at step 2"


def test_the_first_layer_that_is_not_finite_is_found_by_a_single_number_without_dropout():
    net = Network([layers.Dropout(0.999), layers.Dense(2, 2)])
    net.theta[:] = [1e30, 0.0, 0.0, 0.0, 0.0, 0.0]
    with np.errstate(over="ignore"):
        assert first_non_finite(net, [[1e30, 0.0]]) == "the output of layer 1, Dense(2, 2)"


@pytest.mark.parametrize("found", [np.nan, np.inf, -np.inf, 1e300])
def test_the_first_number_of_an_input_that_is_none_is_named(found):
    net, x = Network([layers.Dense(3, 2)]), np.zeros((4, 3))
    x[2, 1] = found
    with pytest.raises(ValueError, match=re.escape(f"the input holds {found} (feature 1), which is no finite")):
        net.forward(x)
    x[3, 0] = np.nan
    with pytest.raises(ValueError, match=r"\(feature 1\)"):
        net.forward(x)


def test_a_finite_network_has_no_such_layer():
    net = recurrent()
    assert first_non_finite(net, X) is None


def test_a_loss_may_be_given_by_its_name():
    net = Network([layers.Dense(2, 1)])
    x, target = np.ones((3, 2)), np.zeros((3, 1))
    value, gradient = net.loss_and_gradient(x, target, "mean_squared_error")
    expected = net.loss_and_gradient(x, target, MSE)
    assert value == expected[0]
    np.testing.assert_array_equal(gradient, expected[1])
    with pytest.raises(TypeError, match="a loss is a name or an instance such as CrossEntropy"):
        net.loss_and_gradient(x, target, 3)


# -- last steps --------------------------------------------------------------------------------------------------------

FORWARD, BACKWARD, BOTH = {}, {"reverse": True}, {"bidirectional": True}


@pytest.mark.parametrize("end", [FORWARD, BACKWARD, BOTH], ids=str)
@pytest.mark.parametrize("way", [FORWARD, BACKWARD, BOTH], ids=str)
def test_a_last_step_of_another_end_than_the_layer_s_is_warned_of(way, end):
    width = 4 if way is BOTH else 2
    for between in ([], [layers.Dense(width, width), layers.Activation("tanh")]):  # which do not look along time
        stack = [layers.GRU(1, 2, **way), *between, layers.LastStep(**end)]
        if way is end:
            Network(stack)  # pytest makes an error of a warning
            continue
        (name,) = way or [""]
        advice = f"{name}=True" if name else ""
        with pytest.warns(UserWarning, match=rf"follows GRU\(.*: write LastStep\({advice}\)$"):
            Network(stack)


def test_a_last_step_of_frames_alone_or_after_a_pool_over_windows_may_be_of_any_end():
    for end in (FORWARD, BACKWARD, BOTH):
        Network([layers.Dense(2, 2), layers.LastStep(**end)])
        Network([layers.GRU(1, 2), layers.Conv1D(2, 2, 3), layers.LastStep(**end)])
