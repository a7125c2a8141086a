"""Scheduled sampling: a taught layer is fed the target with a probability, else its own output."""

import numpy as np
import pytest
from conformance import slope
from toys import MSE, TEXT

from rnnbp import Network, fit, gradients, layers
from rnnbp.networks.passes import loss_and_gradient
from rnnbp.optimizers import Schedule, schedules

RNG = np.random.default_rng(0)
LENGTHS = (7, 5, 5, 2)
X = [RNG.normal(size=(length, 2)) for length in LENGTHS]
Y = [RNG.normal(size=(length, 2)) for length in LENGTHS]


def jordan(gradient=TEXT, dtype="float64", **options):
    net = Network([layers.Jordan(2, 3, n_outputs=2, gradient=gradient, **options)], dtype=dtype, seed=1)
    net.theta[...] = 0.6 * np.random.default_rng(1).normal(size=net.theta.size)
    return net


def learn(net, p, seed=0):
    """Return loss and gradient, with the same draws every time."""
    net.rng = np.random.default_rng(seed)
    batch = net.batch(X)
    return loss_and_gradient(net, batch, batch.lay_out_target(Y, MSE, net.interface), MSE, teacher_forcing=p)[:2]


def taught_rows(net, p, seed=0):
    """Return which rows are taught, as the documentation says: each with probability p, by the network's generator."""
    return np.random.default_rng(seed).random(net.batch(X).packing.n_rows) < p


@pytest.mark.parametrize("p", [0.0, 0.3, 0.7, 1.0])
def test_the_output_is_that_of_a_loop_that_is_fed_the_target_or_its_own_output(p):
    net = jordan(feedback_activation="tanh")
    w, u, v = (net.parameters[f"0.{name}_weight"] for name in ("input", "recurrent", "output"))
    b, c = net.parameters["0.bias"], net.parameters["0.output_bias"]
    taught = Network.batch(net, X).packing.unpack(taught_rows(net, p)[:, None])[..., 0]
    total = 0.0
    for i, (x, y) in enumerate(zip(X, Y, strict=True)):
        fed = np.zeros(2)
        for t in range(len(x)):
            output = np.tanh(x[t] @ w + fed @ u + b) @ v + c
            fed = y[t] if taught[t, i] else np.tanh(output)
            total += np.mean((output - y[t]) ** 2)
    value, _ = learn(net, p)
    assert value == pytest.approx(total / sum(LENGTHS), rel=1e-12)


@pytest.mark.parametrize("feedback", ["identity", "softmax"])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_gradient_flows_through_own_outputs_and_not_through_targets(feedback, reverse):
    net = jordan(feedback_activation=feedback, reverse=reverse)
    _, gradient = learn(net, 0.5)
    for direction in np.random.default_rng(2).normal(size=(4, net.theta.size)):
        numeric = slope(lambda: learn(net, 0.5)[0], net.theta, direction)
        assert gradient @ direction == pytest.approx(numeric, rel=1e-7)
    assert not np.allclose(gradient, learn(net, 1.0)[1])
    assert not np.allclose(gradient, learn(net, 0.0)[1])


def test_never_to_teach_is_a_closed_loop():
    for taught, closed in zip(learn(jordan(), 0.0), learn(jordan(teacher_forcing=False), 1.0), strict=True):
        np.testing.assert_array_equal(taught, closed)


def test_a_layer_of_compiled_loops_computes_the_same():
    for compiled, text in zip(learn(jordan(gradients.BPTT()), 0.5), learn(jordan(), 0.5), strict=True):
        np.testing.assert_allclose(compiled, text, rtol=1e-12)


def test_use_is_in_closed_loop_whatever_training_was():
    net = jordan()
    before = net.rng.bit_generator.state
    net.forward(X)
    assert net.rng.bit_generator.state == before


def test_a_schedule_is_asked_at_each_update():
    asked = []

    class Recording(Schedule):
        def __call__(self, epoch, state=None):
            asked.append(epoch)
            return 0.5

    fit(jordan(), X, Y, loss=MSE, teacher_forcing=Recording(), batch_size=2, max_epochs=2)
    assert asked[-4:] == [0, 0.5, 1, 1.5]


@pytest.mark.parametrize(
    ("teacher_forcing", "same"), [(1.0, True), (0.999999, True), (schedules.linear(1.0, 3), False)]
)
def test_training_goes_by_the_probability(teacher_forcing, same):
    always, sometimes = jordan(), jordan()
    fit(always, X, Y, loss=MSE, max_epochs=3)
    fit(sometimes, X, Y, loss=MSE, max_epochs=3, teacher_forcing=teacher_forcing)
    assert np.array_equal(always.theta, sometimes.theta) == same


def test_the_same_seed_gives_the_same_bits():
    nets = [jordan(), jordan()]
    for net in nets:
        fit(net, X, Y, loss=MSE, teacher_forcing=0.5, batch_size=2, max_epochs=3)
    np.testing.assert_array_equal(nets[0].theta, nets[1].theta)


def test_a_schedule_is_to_give_probabilities_to_the_end_of_training_and_no_further():
    class Falling(Schedule):
        def __call__(self, epoch, state=None):
            return 1.0 - epoch / 4

    fit(jordan(), X, Y, loss=MSE, teacher_forcing=Falling(), max_epochs=4)
    with pytest.raises(ValueError, match=r"schedule of probabilities, but .* gives -0\.25"):
        fit(jordan(), X, Y, loss=MSE, teacher_forcing=Falling(), max_epochs=5)


@pytest.mark.parametrize(
    ("net", "options", "message"),
    [
        (jordan(), {"teacher_forcing": 1.5}, r"teacher_forcing must be a number in \[0, 1\]"),
        (jordan(), {"teacher_forcing": "often"}, r"teacher_forcing must be a number in \[0, 1\]"),
        (jordan(), {"teacher_forcing": schedules.linear(2.0, 5)}, r"schedule of probabilities, but linear.*gives 2"),
        (jordan(teacher_forcing=False), {"teacher_forcing": 0.5}, "is for a network that is taught: one whose last"),
        (Network([layers.GRU(2, 2)]), {"teacher_forcing": 0.0}, "is for a network that is taught"),
        (jordan(), {"teacher_forcing": 0.5, "optimizer": "lbfgs"}, "leave out teacher_forcing"),
    ],
)
def test_what_cannot_be_taught_so_is_refused(net, options, message):
    before = net.theta.copy()
    with pytest.raises(ValueError, match=message):
        fit(net, X, Y, loss=MSE, **options)
    np.testing.assert_array_equal(net.theta, before)


def test_an_algorithm_that_knows_all_or_nothing_is_refused():
    class Another(gradients.BPTT):
        """An algorithm that may not look at the mask."""

        def forward(self, recurrence, workspace, *, keep):
            return super().forward(recurrence, workspace, keep=keep)

    net = jordan(Another(compiled=False))
    for all_or_nothing in (1.0, 0.0):
        fit(net, X, Y, loss=MSE, max_epochs=1, teacher_forcing=all_or_nothing)
    with pytest.raises(ValueError, match=r"scheduled sampling needs gradient=gradients.BPTT\(\)"):
        fit(net, X, Y, loss=MSE, teacher_forcing=0.5)
