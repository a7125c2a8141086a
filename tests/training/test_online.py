"""Learning while streaming: what a frame teaches is what it would have taught within its sequence."""

import re
from itertools import pairwise

import numpy as np
import pytest

import rnnbp
from rnnbp import Network, OnlineLearner, layers, losses, optimizers
from rnnbp.gradients import BPTT, RTRL, SnAp1
from rnnbp.layers import GRU, LSTM, Dense, Elman, Jordan

TEXT = BPTT(compiled=False)
MSE = losses.MeanSquaredError()
STANDING = optimizers.SGD(1e-300)  # a step too small to change any float64

NETWORKS = {
    "Elman": lambda g: [Elman(2, 4, gradient=g), Dense(4, 3)],
    "softmax": lambda g: [Elman(2, 4, activation="softmax", gradient=g), Dense(4, 3)],
    "LSTM": lambda g: [LSTM(2, 4, gradient=g), Dense(4, 3)],
    "peepholes": lambda g: [LSTM(2, 4, peepholes=True, gradient=g), Dense(4, 3)],
    "GRU": lambda g: [GRU(2, 4, gradient=g), layers.LayerNorm(4), Dense(4, 3)],
    "reset before": lambda g: [GRU(2, 4, reset="before", gradient=g), Dense(4, 3)],
    "layer norm": lambda g: [LSTM(2, 4, layer_norm=True, gradient=g), Dense(4, 3)],
    "no layer above": lambda g: [GRU(2, 3, gradient=g)],
    "taught": lambda g: [Jordan(2, 4, n_outputs=3, gradient=g)],
    "taught through an activation": lambda g: [Jordan(2, 4, n_outputs=3, gradient=g), layers.Activation("sigmoid")],
    "closed loop": lambda g: [Jordan(2, 4, n_outputs=3, feedback_activation="tanh", teacher_forcing=False, gradient=g)],
    "stacked": lambda g: [GRU(2, 4, gradient=g), LSTM(4, 3, gradient=g), Elman(3, 3, gradient=g), Dense(3, 3)],
    "taught, stacked": lambda g: [GRU(2, 4, gradient=g), Jordan(4, 3, n_outputs=3, gradient=g)],
    "stacked, with layers between": lambda g: [
        Dense(2, 3),
        layers.LayerNorm(3),
        GRU(3, 4, gradient=g),
        layers.Activation("tanh"),
        Dense(4, 3),
        LSTM(3, 3, gradient=g),
        Dense(3, 3),
    ],
    "symbols": lambda g: [layers.Embedding(5, 3), GRU(3, 4, gradient=g), Dense(4, 3)],
    "static": lambda g: [Dense(2, 4), layers.Activation("tanh"), Dense(4, 3)],
}
EITHER = {name: NETWORKS[name] for name in ("LSTM", "GRU", "stacked", "stacked, with layers between", "symbols")}
UNTAUGHT = [name for name in NETWORKS if "taught" not in name]
each_network = pytest.mark.parametrize("name", NETWORKS)


def network(stack, algorithm, dtype="float64", seed=1):
    net = Network(stack(algorithm), dtype=dtype, seed=seed)
    net.theta[:] = 0.6 * np.random.default_rng(seed).normal(size=net.theta.size)
    return net


def sequence(name="", n_steps=9, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.integers(5, size=n_steps) if name == "symbols" else rng.normal(size=(n_steps, 2))
    return x, rng.normal(size=(n_steps, 3))


def learn(learner, x, y):
    """Return the sums of losses and of gradients."""
    value, gradient = 0.0, np.zeros_like(learner.gradient)
    for frame, target in zip(x, y, strict=True):
        learner.push(frame)
        value += learner.learn(target)
        gradient += learner.gradient
    return value, gradient


# -- what is learnt ----------------------------------------------------------------------------------------------------


@each_network
def test_while_parameters_stand_still_the_gradients_add_up_to_that_of_backpropagation_through_time(name):
    x, y = sequence(name)
    value, gradient = learn(OnlineLearner(network(NETWORKS[name], RTRL()), MSE, STANDING), x, y)
    mean, expected = network(NETWORKS[name], TEXT).loss_and_gradient(x[:, None], y[:, None], MSE)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(value / len(x), mean, rtol=1e-13)
    np.testing.assert_allclose(gradient / len(x), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", EITHER)
def test_by_snap_they_add_up_to_its_gradient_of_the_whole_sequence(name):
    x, y = sequence(name)
    _, gradient = learn(OnlineLearner(network(EITHER[name], SnAp1()), MSE, STANDING), x, y)
    _, expected = network(EITHER[name], SnAp1()).loss_and_gradient(x[:, None], y[:, None], MSE)
    np.testing.assert_allclose(gradient / len(x), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ["LSTM", "stacked"])
def test_frames_without_a_target_are_remembered(name):
    x, y = sequence(name)
    learner = OnlineLearner(network(NETWORKS[name], RTRL()), MSE, STANDING)
    known = np.array([0, 0, 1, 0, 0, 1, 0, 0, 1], bool)
    gradient = 0.0
    for frame, target, learnt in zip(x, y, known, strict=True):
        learner.push(frame)
        if learnt:
            learner.learn(target)
            gradient = gradient + learner.gradient
    _, expected = network(NETWORKS[name], TEXT).loss_and_gradient(
        x[:, None], y[:, None], MSE, sample_weight=known[:, None].astype(float)
    )
    np.testing.assert_allclose(gradient / 3, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ["GRU", "stacked"])
def test_what_changing_the_parameters_on_the_way_costs_is_of_the_order_of_the_learning_rate(name):
    x, y = sequence(name)
    _, expected = network(NETWORKS[name], TEXT).loss_and_gradient(x[:, None], y[:, None], MSE)
    errors = []
    for rate in (1e-3, 1e-4, 1e-5):
        _, gradient = learn(OnlineLearner(network(NETWORKS[name], RTRL()), MSE, optimizers.SGD(rate)), x, y)
        errors.append(np.abs(gradient / len(x) - expected).max())
    assert errors[0] > 1e-5
    np.testing.assert_allclose(np.array(errors[:2]) / errors[1:], 10, rtol=0.1)


@pytest.mark.parametrize("name", UNTAUGHT)  # in use nobody teaches
def test_while_parameters_stand_still_outputs_are_those_of_the_network(name):
    x, y = sequence(name)
    net = network(NETWORKS[name], RTRL())
    learner, outputs = OnlineLearner(net, MSE, STANDING), []
    for frame, target in zip(x, y, strict=True):
        outputs.append(learner.push(frame))
        learner.learn(target)
    np.testing.assert_allclose(outputs, net.forward(x[:, None]).reshape(9, 3), rtol=0, atol=1e-14)


@pytest.mark.parametrize("algorithm", [RTRL(), SnAp1()], ids=repr)
def test_a_network_learns_a_wave_and_then_another(algorithm):
    net = Network([GRU(1, 12, gradient=algorithm), Dense(12, 1)], seed=0)
    learner = OnlineLearner(net, MSE, optimizers.Adam(2e-3))
    t = np.arange(1500)
    wave = np.where(t < 750, np.sin(0.3 * t), 0.7 * np.sin(0.8 * t))
    errors = []
    for now, following in pairwise(wave):
        learner.push([now])
        errors.append(learner.learn([following]))
    begun, learnt, changed, learnt_again = (np.mean(errors[i : i + 40]) for i in (0, 700, 750, 1459))
    assert learnt < 0.02 * begun
    assert changed > 10 * learnt
    assert learnt_again < 0.02 * changed


def test_classes_are_learnt_as_they_come():
    """After each symbol, which of three comes next in an endless abcabc...: the loss goes from log 3 to 0."""
    net = Network([layers.Embedding(3, 4), LSTM(4, 8, gradient=RTRL()), Dense(8, 3)], seed=0)
    learner = OnlineLearner(net, "cross_entropy", optimizers.Adam(0.02))
    values = []
    for t in range(300):
        learner.push(t % 3)
        values.append(learner.learn((t + 1) % 3))
    assert values[0] > 0.8
    assert np.mean(values[-20:]) < 0.02


def test_zoneout_is_drawn_anew_for_each_frame():
    net = Network([GRU(2, 50, zoneout=0.5, gradient=RTRL())], seed=0)
    learner, x = OnlineLearner(net, MSE, STANDING), np.ones(2)
    before, kept = np.zeros(50), []
    for _ in range(3):
        after = learner.push(x)
        kept.append(after == before)
        before = after
    assert 10 < np.sum(kept[1]) < 40
    assert (kept[1] != kept[2]).any()


def test_a_last_step_makes_no_difference():
    """Of a stream every step is the last so far."""
    x, y = sequence()
    with_it, without = (
        Network([GRU(2, 4, gradient=RTRL()), *extra, Dense(4, 3)]) for extra in ([layers.LastStep()], [])
    )
    expected, actual = (learn(OnlineLearner(net, MSE, STANDING), x, y) for net in (without, with_it))
    assert actual[0] == expected[0]
    np.testing.assert_array_equal(actual[1], expected[1])


# -- the stream --------------------------------------------------------------------------------------------------------


def test_a_reset_begins_a_new_sequence():
    x, y = sequence()
    learner = OnlineLearner(network(NETWORKS["stacked"], RTRL()), MSE, STANDING)
    first = learn(learner, x, y)
    learner.push(x[0])
    learner.reset()
    value, gradient = learn(learner, x, y)
    assert value == first[0]
    np.testing.assert_array_equal(gradient, first[1])
    assert learner.n_learnt == 18


def test_the_network_may_be_used_meanwhile():
    x, y = sequence()
    alone, disturbed = (OnlineLearner(network(NETWORKS["LSTM"], RTRL()), MSE, optimizers.SGD(0.1)) for _ in range(2))
    for frame, target in zip(x, y, strict=True):
        alone.push(frame)
        disturbed.push(frame)
        disturbed.net.forward(x[:, None])
        assert alone.learn(target) == disturbed.learn(target)
    np.testing.assert_array_equal(alone.net.theta, disturbed.net.theta)


def test_the_optimizer_clips_and_is_told_how_many_frames_there_were():
    seen = []

    class Schedule(optimizers.Schedule):
        def __call__(self, epoch, state=None):
            seen.append(epoch)
            return 0.1

    learner = OnlineLearner(network(NETWORKS["GRU"], RTRL()), MSE, optimizers.SGD(Schedule(), clip_norm=1e-3))
    learn(learner, *sequence(n_steps=3))
    assert seen == [0.0, 1.0, 2.0]
    assert np.linalg.norm(learner.gradient) == pytest.approx(1e-3)


def test_float32_agrees_with_float64():
    x, y = sequence("stacked")
    single, double = (
        OnlineLearner(network(NETWORKS["stacked"], RTRL(), dtype), MSE, STANDING) for dtype in ("f4", "f8")
    )
    (value, gradient), (_, expected) = learn(single, x, y), learn(double, x, y)
    assert single.push(x[0]).dtype == gradient.dtype == np.float32
    assert isinstance(value, float)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        ([GRU(2, 3, bidirectional=True, gradient=RTRL())], "layer 0: GRU(2, 3, bidirectional=True"),
        ([GRU(2, 3, reverse=True, gradient=RTRL())], "runs backwards: it needs the whole sequence"),
        ([layers.LastStep(bidirectional=True), Dense(2, 3)], "runs backwards: it needs the whole sequence"),
        ([GRU(2, 3)], "learns from whole sequences: give it gradient=RTRL(), or SnAp1()"),
        ([GRU(2, 3, gradient=RTRL(), recurrent_dropout=0.2)], "a stream has no end: set it to 0"),
        ([GRU(2, 3, gradient=RTRL()), layers.MeanOverTime()], "layer 1: MeanOverTime() looks along time"),
        ([GRU(2, 3, gradient=RTRL()), GRU(3, 3, gradient=SnAp1())], "the same algorithm, but there are RTRL and SnAp1"),
        ([LSTM(2, 100, gradient=RTRL(max_bytes=10**6))], "would take 94.8 MiB"),
        (
            [GRU(2, 20, gradient=RTRL(max_bytes=900_000)), GRU(20, 20, gradient=RTRL(max_bytes=900_000))],
            "20 states x 3,980",
        ),
        ([Jordan(2, 3, gradient=SnAp1())], "have none of their own: take RTRL() or BPTT()"),
    ],
)
def test_a_network_that_cannot_learn_so_is_an_error(stack, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        OnlineLearner(Network(stack), MSE)


def test_arguments_that_are_none_are_an_error():
    net = Network(NETWORKS["GRU"](RTRL()))
    with pytest.raises(TypeError, match="net must be a Network"):
        OnlineLearner(net.layers, MSE)
    with pytest.raises(TypeError, match=r"needs all data at once: to learn from a stream, take one such as Adam\(\)"):
        OnlineLearner(net, MSE, "lbfgs")
    with pytest.raises(ValueError, match="unknown loss"):
        OnlineLearner(net, "mean_error")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (np.zeros((4, 2)), r"expected one frame of shape \(n_inputs,\), but the shape is \(4, 2\)"),
        (1.0, r"expected one frame of shape \(n_inputs,\), but the shape is \(\)"),
        (np.zeros(3), "expected 2 features, but the input has 3"),
        ([0.0, np.nan], "the input holds nan"),
    ],
)
def test_a_frame_that_does_not_fit_is_an_error_and_changes_nothing(frame, message):
    x, y = sequence()
    learners = [OnlineLearner(network(NETWORKS["GRU"], RTRL()), MSE, STANDING) for _ in range(2)]
    with pytest.raises(ValueError, match=message):
        learners[0].push(frame)
    values = [learn(learner, x, y)[0] for learner in learners]
    assert values[0] == values[1]


def test_a_target_that_does_not_fit_is_an_error_and_can_be_put_right():
    learner = OnlineLearner(network(NETWORKS["GRU"], RTRL()), MSE)
    learner.push(np.zeros(2))
    with pytest.raises(ValueError, match="target"):
        learner.learn(np.zeros(4))
    learner.learn(np.zeros(3))


def test_a_frame_is_learnt_once():
    learner = OnlineLearner(network(NETWORKS["GRU"], RTRL()), MSE)
    with pytest.raises(RuntimeError, match="there is no frame to learn: push one first"):
        learner.learn(np.zeros(3))
    learner.push(np.zeros(2))
    learner.learn(np.zeros(3))
    with pytest.raises(RuntimeError, match="there is no frame to learn"):
        learner.learn(np.zeros(3))


def test_a_loss_that_is_no_longer_finite_is_an_error_that_leaves_the_parameters_alone():
    net = network(lambda g: [Elman(2, 3, activation="identity", gradient=g)], RTRL())
    net.parameters["0.recurrent_weight"][...] = 1e200 * np.eye(3)
    learner, theta = OnlineLearner(net, MSE, STANDING), net.theta.copy()
    learn(learner, np.ones((1, 2)), np.zeros((1, 3)))
    learner.push(np.ones(2))
    with pytest.raises(rnnbp.NonFiniteError, match="after 1 frames the loss is inf"):
        learner.learn(np.zeros(3))
    np.testing.assert_array_equal(net.theta, theta)


class Spoilt(losses.MeanSquaredError):
    """A loss whose value or gradient is multiplied, by NaN for example."""

    def __init__(self, value=1.0, slope=1.0):
        self.value, self.slope = value, slope

    def value_and_gradient(self, output, target, weight=None):
        value, gradient = super().value_and_gradient(output, target, weight)
        return value * self.value, gradient * self.slope


@pytest.mark.parametrize("spoilt", [{"value": np.nan}, {"slope": np.nan}], ids=["loss", "gradient"])
def test_a_loss_alone_or_a_gradient_alone_that_is_not_finite_is_an_error(spoilt):
    learner = OnlineLearner(network(NETWORKS["GRU"], RTRL()), Spoilt(**spoilt))
    learner.push(np.ones(2))
    with pytest.raises(rnnbp.NonFiniteError, match="not all of it and its gradient is finite"):
        learner.learn(np.zeros(3))
