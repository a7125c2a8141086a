"""Gradient checks: silent where gradients are right, and where one is wrong, they say which and where to look."""

from dataclasses import replace

import numpy as np
import pytest
from conformance import RECURRENT

from rnnbp import Network, layers, losses
from rnnbp.cells import LSTMCell
from rnnbp.cells.lstm import pullback as lstm_pullback
from rnnbp.diagnostics import GradientCheck, GradientError, check_gradients
from rnnbp.diagnostics.finite_differences import Leaf, relative_error
from rnnbp.gradients import BPTT, TruncatedBPTT

TEXT = BPTT(compiled=False)
MSE = losses.MeanSquaredError()
LENGTHS = [6, 2, 4]


def sequences(n_inputs, n_outputs, lengths=LENGTHS):
    rng = np.random.default_rng(0)
    shape = (max(lengths), len(lengths))
    return rng.normal(size=(*shape, n_inputs)), rng.normal(size=(*shape, n_outputs))


# -- parts of a user's own, each with a mistake in it ------------------------------------------------------------------


def without(term):
    """Return an LSTM's pullback that forgets one term."""

    def pullback(kept, inputs, outputs, d_outputs):
        (dz_i, dz_f, dz_g, dz_o), (dc,) = lstm_pullback(kept, inputs, outputs, d_outputs)
        blocks = {"i": dz_i, "f": dz_f, "g": dz_g, "o": dz_o}
        if term in blocks:
            blocks[term] = 0 * blocks[term]
        return tuple(blocks.values()), (0 * dc if term == "c" else dc,)

    return pullback


class WrongLSTM(layers.Recurrent):
    def __init__(self, n_inputs, n_hidden, *, term, **options):
        self.term = term
        super().__init__(n_inputs, n_hidden, gradient=TEXT, **options)

    def make_cell(self):
        cell = LSTMCell(self.n_inputs, self.n_hidden)
        cell.stages = (replace(LSTMCell.stages[0], pullback=without(self.term)),)
        return cell


class WrongFrom(layers.Layer):
    """y = x; its backward pass forgets a factor from some step on."""

    needs_time = True

    def __init__(self, step):
        self.step = step

    def output_width(self, input_width):
        return input_width

    def forward(self, parameters, x, context):
        return x, None

    def backward(self, parameters, gradients, dy, saved, context):
        return np.where(context.packing.step_of_row[:, None] >= self.step, 2 * dy, dy)


class WrongDense(layers.Dense):
    """Its bias's gradient is the mean, where the sum belongs."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__(n_inputs, n_outputs)

    def backward(self, parameters, gradients, dy, saved, context):
        dx = super().backward(parameters, gradients, dy, saved, context)
        gradients["bias"] /= len(dy)
        return dx


class WrongLoss(losses.MeanSquaredError):
    def value_and_gradient(self, output, target, weight=None):
        value, gradient = super().value_and_gradient(output, target, weight)
        return value, gradient / 2


def found_in(net, *problem, **options):
    """Return what the check says of a wrong network."""
    with pytest.raises(GradientError) as raised:
        check_gradients(net, *problem, **options)
    return raised.value.result


# -- right gradients ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", RECURRENT)
def test_right_gradients_pass(cell):
    net = Network([RECURRENT[cell](3, 2, recurrent_dropout=0.3)])
    result = check_gradients(net, *sequences(3, 2), MSE, LENGTHS)
    assert result.ok
    assert result.max_error < 1e-7
    assert set(net.parameters) < set(result.errors)


def test_all_that_the_loss_depends_on_is_checked():
    net = Network([layers.LSTM(3, 2, bidirectional=True, gradient=TEXT), layers.Dense(4, 1)])
    result = check_gradients(net, *sequences(3, 1), MSE, LENGTHS)
    states = {f"initial 0.{state}{suffix}" for state in "hc" for suffix in ("", "_reverse")}
    assert set(result.errors) == {"output", "x", *net.parameters, *states}


def test_a_static_network_is_checked_too():
    net = Network([layers.Dense(2, 3), layers.Activation("relu"), layers.Dropout(0.5), layers.Dense(3, 2)])
    rng = np.random.default_rng(1)
    result = check_gradients(net, rng.normal(size=(9, 2)), rng.integers(2, size=9), "cross_entropy")
    assert result.ok
    assert result.step is None


def test_symbols_are_checked_without_a_gradient_of_their_own():
    net = Network([layers.Embedding(5, 3), layers.GRU(3, 2, gradient=TEXT), layers.LastStep()])
    result = check_gradients(net, np.array([[0, 1], [2, 3], [4, 4]]), np.ones((2, 2)), MSE)
    assert "x" not in result.errors
    assert "0.weight" in result.errors


def test_a_teacher_s_values_take_part_as_they_do_in_training():
    net = Network([layers.Jordan(2, 3, n_outputs=2, gradient=TEXT)])
    assert check_gradients(net, *sequences(2, 2), MSE, LENGTHS).errors["initial 0.v"] < 1e-6
    assert check_gradients(net, *sequences(2, 2), MSE, LENGTHS, training=False).ok


def test_large_parameters_are_checked_along_random_directions():
    net = Network([layers.Elman(30, 20, gradient=TEXT)])
    result = check_gradients(net, *sequences(30, 20), MSE, LENGTHS)
    assert result.places["0.input_weight"] is None
    assert len(result.places["0.bias"]) == 1


def test_a_kink_nearby_is_no_wrong_gradient():
    net = Network([layers.Dense(1, 1), layers.Activation("relu")], dtype="float64")
    net.parameters["0.weight"][...] = 1.0
    net.parameters["0.bias"][...] = 3e-6  # the first finite difference steps over the kink
    assert check_gradients(net, [[0.0], [1.0]], [[1.0], [0.5]], MSE).ok


def test_gradients_that_have_vanished_are_no_wrong_ones():
    net = Network([layers.Elman(1, 2, gradient=TEXT), layers.LastStep()], dtype="float64")
    net.parameters["0.recurrent_weight"][...] = 1e-3
    x = np.random.default_rng(0).normal(size=(8, 2, 1))
    assert check_gradients(net, x, np.ones((2, 2)), MSE).ok


def test_network_and_input_are_left_as_they_are():
    net = Network([layers.GRU(3, 2, gradient=TEXT, recurrent_dropout=0.5)])
    theta, draws = net.theta.copy(), net.rng.bit_generator.state
    x, y = sequences(3, 2)
    x.setflags(write=False)
    forward = net.run(x)
    check_gradients(net, x, y, MSE)
    np.testing.assert_array_equal(net.theta, theta)
    assert net.rng.bit_generator.state == draws
    forward.backward(forward.output)  # its activations have not been touched


def slope_of(value, gradient, **options):
    """Return the error of a gradient of a function of one number, which is 0.5."""
    values = np.array([0.5])
    leaf = Leaf(values, np.array([gradient]), lambda: value(float(values[0])))
    settings = {"tolerance": 1e-6, "n_directions": 1, "rng": np.random.default_rng(0)} | options
    error, place = relative_error(leaf, **settings)
    assert (values[0], place) == (0.5, (0,))
    return error


@pytest.mark.parametrize(("said", "error"), [(3.0, 0.0), (3.3, 0.3 / 3.3), (2.0, 1.0 / 3.0), (-3.0, 2.0), (0.0, 1.0)])
def test_the_error_is_relative_to_the_larger_of_the_two(said, error):
    assert slope_of(lambda p: 3.0 * p, said) == pytest.approx(error, rel=0.02, abs=1e-9)


def test_a_small_gradient_may_be_wrong_too():
    assert slope_of(lambda p: 1e-3 * p, 1e-3) < 1e-6
    assert slope_of(lambda p: 1e-3 * p, 5e-4) > 1e-2
    assert slope_of(lambda p: 2e-4 * p, 1e-4) > 1e-3


@pytest.mark.parametrize("large", [1.0, 1e4, 1e8])
def test_what_rounding_makes_of_a_large_loss_is_no_wrong_gradient(large):
    assert slope_of(lambda p: large + 1e-9 * p, 1e-9) < 1e-6


# -- wrong ones --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("term", "step", "wrong_there"),
    [
        ("i", 0, ("0.input_weight", "0.bias", "x", "initial 0.h")),
        ("f", 1, ("0.input_weight", "0.bias", "x")),  # the first step forgets a state of zero
        ("c", 0, ("initial 0.c",)),
    ],
)
def test_a_term_that_a_cell_s_pullback_forgets_is_found(term, step, wrong_there):
    net = Network([WrongLSTM(3, 4, term=term), layers.Dense(4, 2)])
    result = found_in(net, *sequences(3, 2), MSE, LENGTHS)
    assert "0.input_weight" in result.wrong
    assert not {"output", "1.weight", "1.bias"} & set(result.wrong)
    assert "layer 0, WrongLSTM" in result.hint
    assert result.step == step
    assert set(wrong_there) <= set(result.wrong_there)


def test_the_element_that_is_most_wrong_is_named():
    net = Network([WrongLSTM(3, 4, term="f")])
    result = found_in(net, *sequences(3, 4), MSE, LENGTHS)
    assert result.places["0.bias"][0] in range(4, 8)  # the forget gate's
    assert f"wrong at [{result.places['0.bias'][0]}]" in str(result)


@pytest.mark.parametrize("step", [0, 1, 2, 3, 4, 5])
def test_the_first_wrong_step_is_named(step):
    net = Network([layers.Elman(3, 2, gradient=TEXT), WrongFrom(step)])
    result = found_in(net, *sequences(3, 2), MSE, LENGTHS)
    assert result.step == step
    assert result.hint == "look at the backward pass of layer 0, Elman, or at what is handed back by layer 1, WrongFrom"


def test_a_first_layer_that_hands_back_a_wrong_gradient_is_named():
    net = Network([WrongFrom(0), layers.Elman(3, 2, gradient=TEXT)])
    result = found_in(net, *sequences(3, 2), MSE, LENGTHS)
    assert result.wrong == ("x",)
    assert result.hint == "look at the backward pass of layer 0, WrongFrom, or at what is handed back by layer 1, Elman"


def test_an_algorithm_that_looks_back_less_far_is_named():
    net = Network([layers.Elman(3, 2, gradient=TruncatedBPTT(1, 2))])
    result = found_in(net, *sequences(3, 2), MSE, LENGTHS)
    assert result.step == 2
    assert result.hint == "look at the backward pass of layer 0, Elman with TruncatedBPTT(1, 2)"


def test_a_layer_s_own_wrong_gradient_is_found_and_no_other():
    net = Network([layers.Elman(3, 4, gradient=TEXT), WrongDense(4, 2)])
    result = found_in(net, *sequences(3, 2), MSE, LENGTHS)
    assert result.wrong == ("1.bias",)
    assert result.hint == "look at the backward pass of layer 1, WrongDense"


def test_a_wrong_loss_is_told_from_wrong_layers():
    net = Network([layers.Dense(3, 2)])
    rng = np.random.default_rng(0)
    result = found_in(net, rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), WrongLoss())
    assert set(result.wrong) == set(result.errors)
    assert result.hint == "look at the loss, WrongLoss: its gradient is not that of its value"


def test_a_wrong_large_parameter_is_found_by_random_directions():
    net = Network([WrongLSTM(30, 10, term="o")])
    result = found_in(net, *sequences(30, 10), MSE, LENGTHS)
    assert "0.input_weight" in result.wrong
    assert result.places["0.input_weight"] is None


def test_an_error_of_just_the_tolerance_is_within_it():
    check = GradientCheck({"x": 1e-6, "output": 0.0}, {"x": (0, 0), "output": (0, 0)}, tolerance=1e-6)
    assert (check.ok, check.wrong, check.max_error) == (True, (), 1e-6)


def test_the_error_is_an_assertion_that_tells_all():
    net = Network([WrongLSTM(3, 4, term="c"), layers.Dense(4, 2)])
    with pytest.raises(AssertionError) as raised:
        check_gradients(net, *sequences(3, 2), MSE, LENGTHS)
    text = str(raised.value)
    assert text == repr(raised.value.result)
    assert "DISAGREES with finite differences" in text
    assert "from step 0 on; in sequences that end there, wrong: initial 0.c" in text


def test_a_gradient_that_is_not_finite_is_wrong():
    net = Network([layers.Dense(2, 1)])

    class NoNumber(losses.MeanSquaredError):
        def value_and_gradient(self, output, target, weight=None):
            value, gradient = super().value_and_gradient(output, target, weight)
            return value, gradient * np.nan

    assert found_in(net, np.ones((2, 2)), np.zeros((2, 1)), NoNumber()).errors["0.weight"] == np.inf


# -- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [({"tolerance": 0}, "tolerance must be above 0, but 0"), ({"n_directions": 0}, "n_directions must be")],
)
def test_settings_without_a_meaning_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        check_gradients(Network([layers.Dense(1, 1)]), [[1.0]], [[1.0]], MSE, **options)


def test_what_does_not_fit_the_network_is_an_error_before_work_starts():
    net = Network([layers.GRU(3, 2, gradient=TEXT)])
    with pytest.raises(ValueError, match="expected 3 features, but the input has 4"):
        check_gradients(net, np.zeros((2, 1, 4)), np.zeros((2, 1, 2)), MSE)
