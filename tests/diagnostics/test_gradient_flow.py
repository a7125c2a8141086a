"""Gradient flow: dL/ds(t) is what a network that starts at s(t) gives as the gradient of its initial state."""

import numpy as np
import pytest
from conformance import RECURRENT

from rnnbp import Network, layers, losses
from rnnbp.diagnostics import gradient_flow
from rnnbp.gradients import BPTT, FixedPoint

TEXT = BPTT(compiled=False)
MSE = losses.MeanSquaredError()
LENGTHS = np.array([5, 2, 7])


def problem(n_outputs, n_inputs=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(7, 3, n_inputs)), rng.normal(size=(3, n_outputs))


def last_step_network(cell, **options):
    layer = RECURRENT[cell](3, 4, **options)
    net = Network([layer, layers.LastStep(), layers.Dense(layer.output_width(3), 2)], dtype="float64")
    net.theta[...] = 0.7 * np.random.default_rng(1).normal(size=net.theta.size)
    return net


@pytest.mark.parametrize("cell", [cell for cell in RECURRENT if "taught" not in cell])
def test_it_is_the_gradient_of_a_state_that_the_network_starts_from(cell):
    net = last_step_network(cell)
    x, y = problem(2)
    flow = gradient_flow(net, x, y, MSE, LENGTHS)
    for i, length in enumerate(LENGTHS):
        for t in range(length - 1):
            states = net.run(x[: t + 1, [i]]).final_states
            rest = net.run(x[t + 1 : length, [i]], initial_states=states)
            d_output = MSE(rest.output, y[[i]])[1] / len(LENGTHS)
            for name, d in rest.backward(d_output).initial_states.items():
                np.testing.assert_allclose(flow.norm[name][t, i], np.linalg.norm(d), rtol=1e-10)


def test_a_backward_direction_s_rows_belong_to_the_input_s():
    forwards, x = last_step_network("LSTM"), np.random.default_rng(0).normal(size=(6, 2, 3))
    backwards = Network([RECURRENT["LSTM"](3, 4, reverse=True)], dtype="float64")
    backwards.theta[...] = forwards.theta[: backwards.theta.size]
    both = Network([RECURRENT["LSTM"](3, 4)], dtype="float64")
    both.theta[...] = backwards.theta
    target = np.random.default_rng(1).normal(size=(6, 2, 4))
    expected = gradient_flow(both, x, target, MSE).norm
    for name, norm in gradient_flow(backwards, x[::-1], target[::-1], MSE).norm.items():
        np.testing.assert_allclose(norm[::-1], expected[name])


def test_each_direction_and_layer_has_its_own():
    net = Network([layers.LSTM(3, 4, bidirectional=True), layers.GRU(8, 2), layers.LastStep()])
    flow = gradient_flow(net, *problem(2), MSE, LENGTHS)
    assert list(flow.norm) == ["0.h", "0.c", "0.h_reverse", "0.c_reverse", "1.h"]


def test_there_is_nothing_after_a_sequence_s_end():
    flow = gradient_flow(last_step_network("GRU, reset after"), *problem(2), MSE, LENGTHS)
    np.testing.assert_array_equal(np.isnan(flow.norm["0.h"]), np.arange(7)[:, None] >= LENGTHS)
    np.testing.assert_array_equal(flow.lengths, LENGTHS)
    np.testing.assert_allclose(flow.mean()["0.h"][-1], flow.norm["0.h"][-1, 2])


def test_padding_and_the_batch_do_not_matter():
    net, (x, y) = last_step_network("LSTM"), problem(2)
    flow = gradient_flow(net, x, y, MSE, LENGTHS)
    longer = np.concatenate([x, np.full((3, 3, 3), np.nan)])
    np.testing.assert_array_equal(gradient_flow(net, longer, y, MSE, LENGTHS).norm["0.h"], flow.norm["0.h"])
    alone = gradient_flow(net, x[:2, [1]], y[[1]], MSE)
    np.testing.assert_allclose(flow.norm["0.c"][:2, [1]], alone.norm["0.c"] / 3)


@pytest.mark.parametrize(("weight", "vanishing", "exploding"), [(0.1, 0.7, 0.0), (1.0, 0.0, 0.0), (10.0, 0.0, 0.6)])
def test_what_vanishes_and_explodes_is_counted(weight, vanishing, exploding):
    """A linear unit multiplies its gradient by the recurrent weight at each step."""
    net = Network([layers.Elman(1, 1, activation="identity", gradient=TEXT), layers.LastStep()], dtype="float64")
    net.parameters["0.recurrent_weight"][...] = weight
    target = np.full((1, 1), 50.0)
    flow = gradient_flow(net, np.zeros((10, 1, 1)), target, MSE, threshold=10**2.5 if weight < 1 else 1e3)
    np.testing.assert_allclose(flow.norm["0.h"][:, 0], 100 * weight ** np.arange(9.0, -1, -1))
    assert flow.direct["0.h"] == 100
    assert flow.vanishing["0.h"] == pytest.approx(vanishing)
    assert flow.exploding["0.h"] == pytest.approx(exploding, abs=0.01)


@pytest.mark.parametrize(("weight", "vanishing", "exploding"), [(0.5, 0.7, 0.0), (2.0, 0.0, 0.7)])
def test_a_gradient_just_at_the_threshold_neither_vanishes_nor_explodes(weight, vanishing, exploding):
    """Of 10 steps, at the last three the gradient is within a factor of 4 of what arrives."""
    net = Network([layers.Elman(1, 1, activation="identity", gradient=TEXT), layers.LastStep()], dtype="float64")
    net.parameters["0.recurrent_weight"][...] = weight
    flow = gradient_flow(net, np.zeros((10, 1, 1)), np.ones((1, 1)), MSE, threshold=4.0)
    assert (flow.vanishing["0.h"], flow.exploding["0.h"]) == (vanishing, exploding)


def test_of_one_step_alone_a_state_within_the_cell_has_no_flow():
    net = last_step_network("LSTM")
    net.parameters["2.weight"][...] = 0
    assert gradient_flow(net, problem(2)[0][:1], problem(2)[1], MSE).vanishing == {"0.h": 1.0, "0.c": 0.0}
    assert gradient_flow(net, problem(2)[0][:1, :1], problem(2)[1][:1], MSE).vanishing == {"0.h": 1.0, "0.c": 0.0}


def test_a_gradient_that_never_arrives_has_vanished():
    net = last_step_network("LSTM")
    net.parameters["2.weight"][...] = 0
    assert gradient_flow(net, *problem(2), MSE, LENGTHS).vanishing == {"0.h": 1.0, "0.c": 1.0}


def test_what_a_teacher_gives_has_no_past_in_training_only():
    net = Network([layers.Jordan(3, 4, n_outputs=2, gradient=TEXT)])
    x, y = problem(2)[0], np.ones((7, 3, 2))
    assert not gradient_flow(net, x, y, MSE, training=True).norm["0.v"].any()
    assert (gradient_flow(net, x, y, MSE).norm["0.v"][:-1] > 0).all()


def test_the_step_that_the_way_back_begins_at_does_not_count_for_an_inner_state():
    net = Network([layers.LSTM(3, 4, bidirectional=True), layers.Dense(8, 1)])
    flow = gradient_flow(net, problem(1)[0], np.ones((7, 3, 1)), MSE, LENGTHS)
    assert flow.norm["0.c"][6, 2] == 0
    assert flow.norm["0.c_reverse"][0, 2] == 0
    assert flow.vanishing == dict.fromkeys(flow.norm, 0.0)


def test_the_printed_table_has_a_line_for_each_state():
    flow = gradient_flow(last_step_network("LSTM"), *problem(2), MSE, LENGTHS)
    assert flow != gradient_flow(last_step_network("LSTM"), *problem(2), MSE, LENGTHS)  # another one
    text = repr(flow)
    assert text.splitlines()[0] == "GradientFlow of 3 sequences of up to 7 steps: ‖dL/ds(t)‖"
    assert [line.split()[0] for line in text.splitlines()[2:]] == ["0.h", "0.c"]


def test_the_network_is_left_as_it_is():
    net = Network([layers.Elman(3, 4, gradient=TEXT, recurrent_dropout=0.5), layers.LastStep(), layers.Dense(4, 2)])
    draws, forward = net.rng.bit_generator.state, net.run(problem(2)[0])
    gradient_flow(net, *problem(2), MSE, training=True)
    assert net.rng.bit_generator.state == draws
    forward.backward(forward.output)
    assert net.layers[0].gradient is TEXT


@pytest.mark.parametrize(
    "stack",
    [[layers.Dense(3, 2)], [layers.MeanOverTime(), layers.Dense(3, 2)], [layers.Elman(3, 2, gradient=FixedPoint())]],
)
def test_a_network_without_time_has_no_flow(stack):
    with pytest.raises(ValueError, match="gradient flow looks along time, but this network has no recurrent layer"):
        gradient_flow(Network(stack), np.zeros((4, 3)), np.zeros((4, 2)), MSE)


def test_bad_input_is_an_error_in_the_user_s_words():
    net = last_step_network("LSTM")
    for threshold in (0.5, 1.0):
        with pytest.raises(ValueError, match=f"threshold must be above 1, but {threshold}"):
            gradient_flow(net, *problem(2), MSE, threshold=threshold)
    gradient_flow(net, *problem(2), MSE, threshold=1.5)
    with pytest.raises(ValueError, match="the input is empty"):
        gradient_flow(net, np.zeros((0, 1, 3)), np.zeros((1, 2)), MSE)
    with pytest.raises(ValueError, match="expected 3 targets"):
        gradient_flow(net, problem(2)[0], np.zeros((2, 2)), MSE)
