"""Saliency: the derivatives of the output that is asked about, by each feature of each frame."""

import numpy as np
import pytest

from rnnbp import Network, layers
from rnnbp.diagnostics import saliency
from rnnbp.gradients import BPTT

TEXT = BPTT(compiled=False)
LENGTHS = np.array([4, 2, 5])
X = np.random.default_rng(0).normal(size=(5, 3, 2))


def network(*last, gradient=TEXT, bidirectional=True):
    layer = layers.GRU(2, 4, bidirectional=bidirectional, gradient=gradient)
    return Network([layer, *last, layers.Dense(layer.output_width(2), 3)], dtype="float64")


def slopes(value, x, step=1e-6):
    """Return the derivatives of a value by each element of x, by central differences."""
    found = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[index] += step
        below[index] -= step
        found[index] = (value(above) - value(below)) / (2 * step)
    return found


def test_it_is_the_derivative_of_the_output_that_was_asked_for():
    net = network(layers.MeanOverTime())
    result = saliency(net, X, [2, 0, 1], LENGTHS)
    expected = slopes(lambda x: sum(net.forward(x, LENGTHS)[range(3), [2, 0, 1]]), X)
    np.testing.assert_allclose(result.gradient, expected, atol=1e-8)
    np.testing.assert_array_equal(result.output, [2, 0, 1])


def test_one_output_may_be_asked_of_all():
    net = network(layers.LastStep(bidirectional=True))
    np.testing.assert_array_equal(saliency(net, X, 1).gradient, saliency(net, X, [1, 1, 1]).gradient)


def test_by_default_it_is_the_largest_output():
    net = network(layers.LastStep(bidirectional=True))
    np.testing.assert_array_equal(saliency(net, X, lengths=LENGTHS).output, net.forward(X, LENGTHS).argmax(axis=1))


def test_of_outputs_at_each_step_it_is_their_sum():
    net = network()
    totals = net.forward(X, LENGTHS).sum(axis=0)
    np.testing.assert_array_equal(saliency(net, X, lengths=LENGTHS).output, totals.argmax(axis=1))
    at_the_end = net.forward(X, LENGTHS)[LENGTHS - 1, range(3)]
    np.testing.assert_array_equal(saliency(net, X, lengths=LENGTHS, step=-1).output, at_the_end.argmax(axis=1))
    expected = slopes(lambda x: net.forward(x, LENGTHS)[..., 1].sum(), X)
    np.testing.assert_allclose(saliency(net, X, 1, LENGTHS).gradient, expected, atol=1e-8)


@pytest.mark.parametrize(("step", "rows"), [(0, [0, 0, 0]), (1, [1, 1, 1]), (-1, [3, 1, 4]), (-2, [2, 0, 3])])
def test_one_step_s_output_may_be_asked_for(step, rows):
    net = network()
    expected = slopes(lambda x: net.forward(x, LENGTHS)[rows, range(3), 2].sum(), X)
    np.testing.assert_allclose(saliency(net, X, 2, LENGTHS, step=step).gradient, expected, atol=1e-8)


def test_a_later_frame_says_nothing_of_an_earlier_output():
    result = saliency(network(bidirectional=False), X, 0, step=2)
    assert (result.frame_norm[:3] > 0).all()
    assert not result.frame_norm[3:].any()


def test_contributions_are_gradient_times_input_and_norms_one_number_a_frame():
    result = saliency(network(layers.LastStep(bidirectional=True)), X, 0, LENGTHS)
    alive = np.arange(5)[:, None] < LENGTHS
    np.testing.assert_allclose(result.contribution[alive], (X * result.gradient)[alive])
    np.testing.assert_allclose(result.frame_norm, np.sqrt((result.gradient**2).sum(axis=2)))
    assert not result.x[~alive].any()
    assert not result.gradient[~alive].any()


def test_contributions_to_a_linear_output_without_biases_add_up_to_it():
    net = Network([layers.Elman(2, 4, activation="identity", gradient=TEXT), layers.LastStep(), layers.Dense(4, 3)])
    result = saliency(net, X, 1, LENGTHS)
    np.testing.assert_allclose(result.contribution.sum(axis=(0, 2)), net.forward(X, LENGTHS)[:, 1], rtol=1e-5)


class Coarse(BPTT):
    """An algorithm that approximates."""

    def backward(self, *arguments, **options):
        dx, d_initial = super().backward(*arguments, **options)
        return dx.round(1), d_initial


def test_it_is_exact_whatever_the_layers_train_with():
    net, coarse = (
        network(layers.LastStep(bidirectional=True)),
        network(layers.LastStep(bidirectional=True), gradient=Coarse(compiled=False)),
    )
    np.testing.assert_array_equal(saliency(coarse, X, 0).gradient, saliency(net, X, 0).gradient)


def test_a_list_of_sequences_will_do():
    net, listed = network(layers.LastStep(bidirectional=True)), [X[:n, i] for i, n in enumerate(LENGTHS)]
    np.testing.assert_array_equal(saliency(net, listed, 1).gradient, saliency(net, X, 1, LENGTHS).gradient)


def test_of_static_examples_it_is_that_of_each_feature():
    net = Network([layers.Dense(2, 4), layers.Activation("tanh"), layers.Dense(4, 3)], dtype="float64")
    result = saliency(net, X[0], 1)
    np.testing.assert_allclose(result.gradient, slopes(lambda x: net.forward(x)[:, 1].sum(), X[0]), atol=1e-8)
    assert "3 static examples" in repr(result)


@pytest.mark.parametrize(
    ("n", "more"), [(8, ""), (9, "\n  ... and 1 more sequences"), (11, "\n  ... and 3 more sequences")]
)
def test_it_shows_eight_sequences(n, more):
    x = np.random.default_rng(0).normal(size=(4, n, 2))
    lines = repr(saliency(network(layers.LastStep(bidirectional=True)), x, 0)).split("\n")
    assert lines[0] == "Saliency, by ‖dy/dx(t)‖"
    assert [line.partition(":")[0] for line in lines[1:9]] == [f"  sequence {i}" for i in range(8)]
    assert "".join(f"\n{line}" for line in lines[9:]) == more


def test_it_says_which_step_counts_most():
    result = saliency(network(layers.LastStep(bidirectional=True)), X, [2, 0, 1], LENGTHS)
    step = result.frame_norm[:, 2].argmax()
    assert result != saliency(network(layers.LastStep(bidirectional=True)), X, [2, 0, 1], LENGTHS)  # another one
    assert f"sequence 2: output 1 hangs most on step {step} of 5" in repr(result)


@pytest.mark.parametrize(
    ("last", "arguments", "message"),
    [
        ([layers.LastStep(bidirectional=True)], {"output": 3}, "outputs 0 to 2, but 3 was asked for"),
        ([layers.LastStep(bidirectional=True)], {"output": [0, -1, 2]}, "outputs 0 to 2, but .* was asked for"),
        (
            [layers.LastStep(bidirectional=True)],
            {"output": [0, 1]},
            "one for each of the 3 sequences or examples, but .* was given",
        ),
        ([layers.LastStep(bidirectional=True)], {"output": 0.5}, "output must be a whole number"),
        ([layers.LastStep(bidirectional=True)], {"output": 0, "step": 1}, "no output at each step: leave `step` out"),
        ([], {"output": 0, "step": 2}, "no step 2 in every sequence: the shortest has 2 steps"),
        ([], {"output": 0, "step": -3}, "no step -3 in every sequence"),
    ],
)
def test_what_there_is_not_cannot_be_asked_for(last, arguments, message):
    with pytest.raises(ValueError, match=message):
        saliency(network(*last), X, lengths=LENGTHS, **arguments)


def test_symbols_have_no_small_changes():
    net = Network([layers.Embedding(5, 2), layers.Elman(2, 3, gradient=TEXT), layers.LastStep()])
    with pytest.raises(ValueError, match="symbols have no small changes"):
        saliency(net, np.array([[0, 1], [4, 4]]))
