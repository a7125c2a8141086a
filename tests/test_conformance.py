"""Every layer and cell: its gradients against finite differences, and what its results must not depend on."""

import inspect

import numpy as np
import pytest
from conformance import (
    NETWORKS,
    RECURRENT,
    RECURRENT_NETWORKS,
    Problem,
    as_compiled,
    error,
    is_random,
    numerical_gradient,
    slope,
)

from rnnbp import layers
from rnnbp.activations import ACTIVATIONS
from rnnbp.networks.network import Network
from rnnbp.networks.program import Program
from rnnbp.networks.segment import Segment

RAGGED = (3, 5, 1, 5)
STATIC = {name: stack for name, stack in NETWORKS.items() if not stack[0].needs_time}
SETTLED = {name: stack for name, stack in NETWORKS.items() if not is_random(stack)}
SMALL = {name: stack for name, stack in SETTLED.items() if Network(stack).theta.size < 75}


def each(table):
    return pytest.mark.parametrize("stack", list(table.values()), ids=list(table))


def check_every_derivative(problem):
    for name, gradient in problem.gradients().items():
        expected = numerical_gradient(problem.value, problem.leaves[name])
        assert np.abs(expected).max() > 1e-4, f"the derivative by {name} is zero: it would show nothing"
        assert error(gradient, expected) < 1e-7, name


def check_a_random_direction_of_each_leaf(problem):
    rng = np.random.default_rng(0)
    for name, gradient in problem.gradients().items():
        scale = np.linalg.norm(gradient)
        assert scale > 1e-4, f"the derivative by {name} is zero: it would show nothing"
        direction = rng.normal(size=gradient.shape)
        expected = slope(problem.value, problem.leaves[name], direction)
        assert abs(np.sum(gradient * direction) - expected) < 1e-7 * scale, name


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


# -- the table ---------------------------------------------------------------------------------------------------------


def test_every_public_layer_is_in_the_table():
    public = {cls for cls in map(vars(layers).get, layers.__all__) if inspect.isclass(cls)}
    public = {cls for cls in public if issubclass(cls, layers.Layer) and not inspect.isabstract(cls)}
    assert public == {type(layer) for stack in NETWORKS.values() for layer in stack}


def test_every_activation_is_in_the_table():
    named = [layer.settings() for stack in NETWORKS.values() for layer in stack]
    assert set(ACTIVATIONS) == {settings.get("name") for settings in named} - {None}
    assert set(ACTIVATIONS) == {settings.get("activation") for settings in named} - {None}
    assert set(ACTIVATIONS) == {settings.get("feedback_activation") for settings in named} - {None}


@each(SMALL)
def test_every_derivative_is_that_of_finite_differences(stack):
    check_every_derivative(Problem(stack, RAGGED))


@each(NETWORKS)
def test_gradients_of_ragged_sequences_are_those_of_finite_differences(stack):
    check_a_random_direction_of_each_leaf(Problem(stack, RAGGED))


@each(NETWORKS)
def test_gradients_of_single_steps_are_those_of_finite_differences(stack):
    check_a_random_direction_of_each_leaf(Problem(stack, (1, 1, 1, 1, 1)))


@each(NETWORKS)
def test_gradients_of_a_single_sequence_are_those_of_finite_differences(stack):
    check_a_random_direction_of_each_leaf(Problem(stack, (4,)))


@each(NETWORKS)
def test_gradients_of_sequences_of_equal_lengths_are_those_of_finite_differences(stack):
    check_a_random_direction_of_each_leaf(Problem(stack, (4, 4, 4)))


@each(STATIC)
def test_gradients_of_static_examples_are_those_of_finite_differences(stack):
    check_every_derivative(Problem(stack))


@each(NETWORKS)
def test_float32_agrees_with_float64(stack):
    exact, single = Problem(stack, RAGGED), Problem(stack, RAGGED, dtype="float32")
    assert single.run().output.dtype == np.float32
    assert error(single.run().output, exact.run().output) < 1e-5
    expected = exact.gradients()
    for name, gradient in single.gradients().items():
        assert gradient.dtype == np.float32
        assert error(gradient, expected[name]) < 1e-4, name


# -- the compiled run --------------------------------------------------------------------------------------------------


def check_that_the_compiled_run_is_numpy_s(stack, lengths=None, *, dtype="float64"):
    own = Problem(as_compiled(stack), lengths, dtype=dtype)
    expected = Problem(stack, lengths, dtype=dtype, compiled=False)
    tolerance = 1e-12 if dtype == "float64" else 2e-5

    def check(actual, wanted):
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=tolerance * (1.0 + np.abs(wanted).max()))

    for keep in (True, False):
        runs = [
            problem.net.run(problem.x, problem.lengths, keep=keep, initial_states=problem.initial)
            for problem in (own, expected)
        ]
        check(*(run.output for run in runs))
    runs = [problem.run() for problem in (own, expected)]
    check(*(run.output for run in runs))
    for name, state in runs[1].final_states.items():
        check(runs[0].final_states[name], state)
    gradients = own.gradients()
    for name, gradient in expected.gradients().items():
        assert np.abs(gradient).max() > 0, f"the derivative by {name} is zero: it would show nothing"
        check(gradients[name], gradient)


def test_every_cell_in_the_table_is_compiled():
    for name, factory in RECURRENT.items():
        net = Network(as_compiled([factory(2, 3)]))
        assert isinstance(Program(net.layers, net.parameters, compiled=True).segments[0], Segment), name


@each(NETWORKS)
@pytest.mark.parametrize("lengths", [RAGGED, (4, 4, 4), (1, 1, 1, 1, 1), (4,)], ids=str)
def test_the_compiled_run_of_sequences_is_numpy_s(stack, lengths):
    check_that_the_compiled_run_is_numpy_s(stack, lengths)


@each(STATIC)
def test_the_compiled_run_of_static_examples_is_numpy_s(stack):
    check_that_the_compiled_run_is_numpy_s(stack)


@each(RECURRENT_NETWORKS)
def test_the_compiled_run_in_single_precision_is_numpy_s(stack):
    check_that_the_compiled_run_is_numpy_s(stack, RAGGED, dtype="float32")


# -- what must not matter ----------------------------------------------------------------------------------------------


@each(NETWORKS)
def test_what_lies_in_a_workspace_before_a_pass_does_not_matter(stack, monkeypatch):
    from rnnbp.data.workspace import Workspace

    clean = Problem(stack, RAGGED)
    output, gradients = clean.run().output, clean.gradients()
    empty = Workspace.empty

    def filled_with_garbage(self, name, shape, dtype):
        array = empty(self, name, shape, dtype)
        array.fill(np.nan)
        return array

    monkeypatch.setattr(Workspace, "empty", filled_with_garbage)
    dirty = Problem(stack, RAGGED)
    np.testing.assert_array_equal(dirty.run().output, output)
    for name, gradient in dirty.gradients().items():
        np.testing.assert_array_equal(gradient, gradients[name], name)


@each(NETWORKS)
def test_a_workspace_that_held_a_larger_batch_serves_a_smaller_one(stack):
    small, large = Problem(stack, RAGGED), Problem(stack, (9, 2, 7, 7, 9, 1))
    expected = small.gradients()
    large.net.theta[:], large.x, large.lengths = small.net.theta, small.x, small.lengths
    large.initial, large.d_final, large.teacher = small.initial, small.d_final, small.teacher
    large.d_output, large.draws = small.d_output, small.draws
    for name, gradient in large.gradients().items():
        np.testing.assert_array_equal(gradient, expected[name], name)


@each(SETTLED)
def test_a_sequence_has_the_same_output_and_final_states_in_any_batch(stack):
    batch = Problem(stack, RAGGED)
    forward = batch.run()
    output, states = forward.output, forward.final_states
    for chosen in ([0], [1], [2], [3], [2, 0, 3, 1]):
        forward = batch.of_sequences(chosen).run()
        assert_close(forward.output, batch.of_rows(output, chosen))
        for name, state in forward.final_states.items():
            assert_close(state, states[name][chosen])


@each(SETTLED)
def test_a_sequence_has_the_same_gradients_in_any_batch(stack):
    batch = Problem(stack, RAGGED)
    gradients = batch.gradients()
    for chosen in ([0], [1], [2], [3], [2, 0, 3, 1]):
        for name, gradient in batch.of_sequences(chosen).gradients().items():
            if name == "x":
                assert_close(gradient, batch.of_rows(gradients[name], chosen))
            elif name.startswith("initial"):
                assert_close(gradient, gradients[name][chosen])


@each(SETTLED)
def test_a_batch_has_the_sum_of_its_sequences_parameter_gradients(stack):
    batch = Problem(stack, RAGGED)
    alone = [batch.of_sequences([i]).gradients() for i in range(len(RAGGED))]
    shuffled, gradients = batch.of_sequences([2, 0, 3, 1]).gradients(), batch.gradients()
    for name in batch.net.parameters:
        assert_close(sum(share[name] for share in alone), gradients[name])
        assert_close(shuffled[name], gradients[name])


@each(RECURRENT_NETWORKS)
def test_the_input_is_left_as_it_was(stack):
    problem = Problem(stack, RAGGED)
    before = {name: leaf.copy() for name, leaf in problem.leaves.items()}
    d_output = problem.d_output.copy()
    problem.gradients()
    for name, leaf in problem.leaves.items():
        np.testing.assert_array_equal(leaf, before[name], name)
    np.testing.assert_array_equal(problem.d_output, d_output)
