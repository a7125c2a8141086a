"""Data of networks that shorten sequences: what belongs where must not depend on who is in a batch."""

import numpy as np
import pytest

import rnnbp
from rnnbp import layers, losses
from rnnbp.data.sequences import Sequences
from rnnbp.diagnostics import gradient_flow, lyapunov_exponents
from rnnbp.optimizers import SGD

MSE = losses.MeanSquaredError()
RNG = np.random.default_rng(0)


def every_other():
    """Return a network that gives every other frame, as it is."""
    net = rnnbp.Network([layers.Conv1D(1, 1, 1, stride=2)], dtype="float64")
    net.theta[:] = [1.0, 0.0]
    return net


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7])
@pytest.mark.parametrize("lengths", [[3, 1, 5], [1, 1, 1], [4, 1, 1], [2, 2, 1, 1, 2]])
def test_sequences_of_one_step_are_like_any_other(lengths, batch_size):
    """A batch of those alone has as many outputs as inputs, and yet they belong elsewhere in the data set."""
    net, x = every_other(), [RNG.normal(size=(n, 1)) for n in lengths]
    y = [each[::2] for each in x]
    for given, expected in zip(rnnbp.predict(net, x, batch_size=batch_size), y, strict=True):
        np.testing.assert_array_equal(given, expected)
    assert rnnbp.evaluate(net, x, y, MSE, batch_size=batch_size) == (0.0, None)
    for options in ({}, {"augment": lambda example, rng: example}):
        history = rnnbp.fit(net, x, y, loss=MSE, optimizer=SGD(0.1), batch_size=batch_size, max_epochs=2, **options)
        assert history.loss == [0.0, 0.0]


def test_a_target_for_each_frame_is_refused_in_every_form():
    net, x = every_other(), np.arange(8.0).reshape(8, 1, 1)
    for given, target in ((x, x), ([x[:, 0]], [x[:, 0]]), ([x[:, 0]], x), (Sequences.of([x[:, 0]]), x)):
        with pytest.raises(ValueError, match=r"target .*(must be of shape \(4, 1|for sequence 0 there are 4 steps)"):
            rnnbp.evaluate(net, given, target, MSE)
    assert rnnbp.evaluate(net, x, x[::2], MSE)[0] == 0.0


@pytest.mark.parametrize("lengths", [[5, 3], [5, 5]])
def test_padding_may_be_longer_than_the_longest_sequence(lengths):
    net, x = every_other(), RNG.normal(size=(8, 2, 1))
    for n in (2, 3, 4):  # outputs: 5 steps leave 3, 8 leave 4
        if n < 3:
            with pytest.raises(ValueError, match=r"must be of shape \(3, 2"):
                rnnbp.evaluate(net, x, x[::2][:n], MSE, lengths)
        else:
            assert rnnbp.evaluate(net, x, x[::2][:n], MSE, lengths)[0] == 0.0


def test_least_squares_teach_a_layer_after_a_stride():
    x, y = RNG.normal(size=(8, 3, 3)), RNG.normal(size=(4, 3, 2))
    net = rnnbp.Network([layers.Conv1D(3, 3, 1, stride=2), layers.Jordan(3, 2)], dtype="float64")
    history = rnnbp.fit(net, x, y, loss=MSE, optimizer="levenberg_marquardt", max_epochs=5)
    assert history.loss[-1] < history.loss[0]


def test_the_flow_of_gradients_behind_a_stride_is_that_of_the_shortened_sequences():
    x, y = [RNG.normal(size=(n, 2)) for n in (9, 4)], [RNG.normal(size=(n, 2)) for n in (5, 2)]
    net = rnnbp.Network([layers.Conv1D(2, 3, 1, stride=2), layers.GRU(3, 2)], dtype="float64")
    gru = rnnbp.Network([net.layers[1]], dtype="float64")
    gru.theta[...] = net.theta[-gru.theta.size :]
    first = rnnbp.Network([net.layers[0]], dtype="float64")
    first.theta[...] = net.theta[: first.theta.size]
    flow, expected = gradient_flow(net, x, y, MSE), gradient_flow(gru, rnnbp.predict(first, x), y, MSE)
    np.testing.assert_allclose(flow.norm["1.h"], expected.norm["0.h"], rtol=1e-10)
    between = rnnbp.Network([layers.GRU(2, 3), layers.Conv1D(3, 3, 1, stride=2), layers.GRU(3, 2)])
    with pytest.raises(ValueError, match="a layer between them has a stride"):
        gradient_flow(between, x, y, MSE)


def test_what_looks_at_other_frames_is_no_dynamical_system():
    net = rnnbp.Network([layers.Conv1D(2, 3, 3, causal=True), layers.GRU(3, 2)])
    with pytest.raises(ValueError, match=r"layer 0, Conv1D.*looks at other frames without a state"):
        lyapunov_exponents(net, RNG.normal(size=(50, 1, 2)))


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "a", None])
def test_a_batch_size_that_is_none_is_refused(batch_size):
    net, x = every_other(), np.ones((4, 3, 1))
    with pytest.raises(ValueError, match="batch_size must be a whole number of at least 1"):
        rnnbp.predict(net, x, batch_size=batch_size)
    with pytest.raises(ValueError, match="batch_size must be a whole number of at least 1"):
        rnnbp.evaluate(net, x, x[::2], MSE, batch_size=batch_size)


# -- forms that a list may have ----------------------------------------------------------------------------------------


def ragged():
    net = rnnbp.Network([layers.Dense(1, 1), layers.Conv1D(1, 1, 1)], dtype="float64", seed=1)
    return net, [RNG.normal(size=(n, 1)) for n in (5, 3)]


def test_ragged_lists_of_weights_and_targets_are_taken_as_sequences():
    net, x = ragged()
    weights = [np.linspace(0.1, 1, len(each)) for each in x]
    expected = rnnbp.evaluate(net, x, x, MSE, sample_weight=Sequences.of(weights))
    assert rnnbp.evaluate(net, x, x, MSE, sample_weight=weights) == expected
    padded, lengths = rnnbp.sequences.pad(x)
    assert rnnbp.evaluate(net, padded, x, MSE, lengths) == rnnbp.evaluate(net, x, x, MSE)


@pytest.mark.parametrize("weight", ["balanced", [np.ones((5, 1)), np.ones((3, 1))], {"a": 1}, [[1, 2], "x"]])
def test_weights_that_are_none_are_refused_in_the_library_s_words(weight):
    net, x = ragged()
    with pytest.raises((TypeError, ValueError), match=r"sample_weight must be|expected 2 sample weights"):
        rnnbp.evaluate(net, x, x, MSE, sample_weight=weight)


def test_frames_in_lists_become_an_array():
    assert rnnbp.predict(rnnbp.Network([layers.GRU(2, 3)]), Sequences([[1.0, 2.0], [3.0, 4.0]], [2]))[0].shape == (2, 3)
