"""Scheduled sampling of next-step models: frames of the network's own making in the place of true ones."""

import numpy as np
import pytest
from toys import CROSS_ENTROPY, MSE, TEXT

from rnnbp import Network, fit, layers, optimizers
from rnnbp.optimizers import schedules
from rnnbp.training import NextStep

RNG = np.random.default_rng(0)
SERIES = [RNG.normal(size=(length, 2)) for length in (7, 5, 5, 2)]
X, Y = [s[:-1] for s in SERIES], [s[1:] for s in SERIES]
TEXTS = [RNG.integers(4, size=length) for length in (9, 6)]


def model(**options):
    return Network([layers.GRU(2, 5, gradient=TEXT), layers.Dense(5, 2)], dtype="float64", **options)


def speller():
    return Network([layers.Embedding(4, 3), layers.Elman(3, 5, gradient=TEXT), layers.Dense(5, 4)])


def test_frames_that_are_not_shown_are_what_the_network_puts_out_after_those_that_were():
    net, x = model(), X[0]
    net.rng = np.random.default_rng(3)
    own = np.random.default_rng(3).random(len(x) - 1) >= 0.5
    assert 0 < own.sum() < len(own)
    shown = NextStep(0.5).replay(net, x, 0.5)
    np.testing.assert_array_equal(shown[0], x[0])
    outputs = net.forward(shown[:, None])[:, 0]
    np.testing.assert_allclose(shown[1:][own], outputs[:-1][own], rtol=1e-12)
    np.testing.assert_array_equal(shown[1:][~own], x[1:][~own])


def test_a_probability_of_one_changes_nothing_but_the_draws():
    taught, plain = model(), model()
    fit(taught, X, Y, loss=MSE, teacher_forcing=NextStep(1.0))
    fit(plain, X, Y, loss=MSE)
    np.testing.assert_array_equal(taught.theta, plain.theta)


def test_training_is_on_the_frames_that_were_shown():
    net, by_hand = model(), model()
    net.rng, by_hand.rng = np.random.default_rng(3), np.random.default_rng(3)
    options = {"loss": MSE, "optimizer": optimizers.SGD(0.1), "max_epochs": 1, "shuffle": False}
    fit(net, X[:1], Y[:1], teacher_forcing=NextStep(0.3), **options)
    fit(by_hand, [NextStep(0.3).replay(by_hand, X[0], 0.3)], Y[:1], **options)
    np.testing.assert_array_equal(net.theta, by_hand.theta)


def test_most_likely_symbols_are_fed_back():
    net = speller()
    shown = NextStep(0.0, feedback="argmax").replay(net, TEXTS[0], 0.0)
    outputs = net.forward(shown[:, None])[:, 0]
    np.testing.assert_array_equal(shown[1:], outputs.argmax(axis=1)[:-1])


def test_symbols_are_drawn_from_what_the_network_believes():
    net = speller()
    net.parameters["2.weight"][...] = 0.0
    net.parameters["2.bias"][...] = np.log([0.1, 0.2, 0.3, 0.4])
    shown = NextStep(0.0, feedback="sample").replay(net, np.zeros(3000, int), 0.0)
    np.testing.assert_allclose(np.bincount(shown[1:]) / 2999, [0.1, 0.2, 0.3, 0.4], atol=0.04)


def test_a_function_of_one_s_own_makes_the_frame():
    shown = NextStep(0.0, feedback=lambda output, rng: np.sign(output)).replay(model(), X[0], 0.0)
    assert set(np.unique(shown[1:])) <= {-1.0, 1.0}


def test_a_schedule_is_followed_and_the_seed_repeats_it():
    def train(teacher_forcing):
        net = speller()
        fit(net, TEXTS, TEXTS, loss=CROSS_ENTROPY, teacher_forcing=teacher_forcing, max_epochs=4)
        return net.theta.tobytes()

    falling = NextStep(schedules.linear(1.0, epochs=3), feedback="sample")
    assert train(falling) == train(falling) != train(1.0)


@pytest.mark.parametrize(
    ("stack", "options", "message"),
    [
        ([layers.GRU(2, 3, gradient=TEXT)], {}, "the network's output cannot be its next input: expected 2 features"),
        ([layers.GRU(2, 1, bidirectional=True)], {}, "cannot be its next input: layer 0.* runs backwards"),
        ([layers.GRU(2, 2), layers.LastStep()], {"target": np.zeros((4, 2))}, "an output at each step of sequences"),
        ([layers.GRU(2, 2)], {"chunk_length": 2}, "NextStep goes with neither chunk_length, nor augment"),
        ([layers.GRU(2, 2)], {"augment": lambda x, rng: x}, "NextStep goes with neither chunk_length, nor augment"),
        ([layers.Jordan(2, 2)], {}, "nor a teacher-forced Jordan layer"),
        (
            [layers.GRU(2, 2)],
            {"teacher_forcing": NextStep(schedules.linear(1.5, epochs=3))},
            "teacher_forcing must be a schedule of probabilities",
        ),
        ([layers.GRU(2, 2)], {"optimizer": "lbfgs"}, "leave out teacher_forcing"),
    ],
)
def test_what_cannot_go_on_from_itself_is_refused(stack, options, message):
    net = Network(stack)
    before, draws = net.theta.copy(), net.rng.bit_generator.state
    arguments = {"target": [np.zeros((len(x), net.n_outputs)) for x in X], "teacher_forcing": NextStep(0.5)} | options
    with pytest.raises(ValueError, match=message):
        fit(net, X, loss=MSE, **arguments)
    np.testing.assert_array_equal(net.theta, before)
    assert net.rng.bit_generator.state == draws


def test_a_first_sequence_of_one_frame_is_welcome():
    fit(model(), X[::-1], Y[::-1], loss=MSE, teacher_forcing=NextStep(0.5), max_epochs=1)


def test_an_unknown_feedback_is_refused():
    with pytest.raises(ValueError, match=r"unknown feedback 'softmax'.*'identity', 'sample', 'argmax'"):
        NextStep(0.5, feedback="softmax")
