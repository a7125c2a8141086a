"""Gradient algorithms: each against numbers that PyTorch computed, against finite differences, and against each other.

Reference numbers: tests/reference/make_recurrent_reference.py.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conformance import RECURRENT, Problem, error, slope

from rnnbp import gradients, layers
from rnnbp.cells import ElmanCell
from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.gradients import (
    BPTT,
    RTRL,
    CheckpointedBPTT,
    FixedPoint,
    GradientAlgorithm,
    Recurrence,
    SnAp1,
    TruncatedBPTT,
)
from rnnbp.networks.network import Network

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "recurrent_reference.npz")
CASES = sorted({key.split(":")[0] for key in REFERENCE.files})
LAYERS = {
    "elman_tanh": layers.Elman,
    "elman_relu": lambda *sizes, **options: layers.Elman(*sizes, activation="relu", **options),
    "lstm": layers.LSTM,
    "gru": layers.GRU,
}

# Every algorithm that gives the exact gradient, with the settings in which it does.
EXACT = (
    BPTT(compiled=False),
    BPTT(),
    RTRL(),
    CheckpointedBPTT(2, compiled=False),
    CheckpointedBPTT(),
    TruncatedBPTT(100, 1000),  # no sequence here is longer
)

each_algorithm = pytest.mark.parametrize("algorithm", EXACT, ids=repr)
each_cell = pytest.mark.parametrize("cell", RECURRENT)


def test_every_algorithm_is_in_the_table():
    public = {algorithm for algorithm in map(vars(gradients).get, gradients.__all__) if isinstance(algorithm, type)}
    algorithms = {cls for cls in public if issubclass(cls, GradientAlgorithm)} - {GradientAlgorithm}
    elsewhere = {FixedPoint, SnAp1}  # these have test files of their own
    assert algorithms - elsewhere == {type(algorithm) for algorithm in EXACT}


# -- one recurrence ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [BPTT, partial(CheckpointedBPTT, 2), partial(TruncatedBPTT, 2, 3)])
def test_parameters_and_gradients_may_lie_anywhere_in_memory_and_be_others_in_the_next_run(kind):
    rng, packing = np.random.default_rng(0), Packing([5, 4, 4, 2])
    x, dy = rng.normal(size=(packing.n_rows, 3)), rng.normal(size=(packing.n_rows, 4))

    def apart():
        sizes = {"input_weight": (3, 4), "recurrent_weight": (4, 4), "bias": (4,)}
        return {name: rng.normal(size=size) for name, size in sizes.items()}

    vector = rng.normal(size=32)  # in which they follow each other, but for a transposed one
    turned = {
        "input_weight": vector[:12].reshape(4, 3).T,
        "recurrent_weight": vector[12:28].reshape(4, 4),
        "bias": vector[28:],
    }
    tanh, relu, first = ElmanCell(3, 4), ElmanCell(3, 4, activation="relu"), apart()
    workspace = Workspace()
    for cell, parameters in ((tanh, first), (tanh, apart()), (tanh, turned), (relu, turned), (tanh, first)):
        results = []
        for compiled, memory in ((True, workspace), (False, Workspace())):
            algorithm = kind(compiled=compiled)
            run = algorithm.forward(Recurrence(cell, parameters, x, packing, {}), memory, keep=True)
            found = {name: np.full(parameter.shape, np.nan) for name, parameter in parameters.items()}
            dx, _ = algorithm.backward(run, dy, {}, found, input_gradient=True)
            results.append([run.output.copy(), dx, *found.values()])
        for one, other in zip(*results, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


# -- PyTorch -----------------------------------------------------------------------------------------------------------


class Reference:
    """A network set up as one of PyTorch's was, and what PyTorch computed."""

    def __init__(self, case, algorithm, dtype="float64"):
        self.arrays = {key.split(":")[1]: REFERENCE[key] for key in REFERENCE.files if key.startswith(f"{case}:")}
        name, layout, direction, _ = case.split("-")
        options = {"bidirectional": direction == "both_ways", "gradient": algorithm}
        hidden = len(self.of("initial")["0.h"][0])
        stack = [LAYERS[name](self.arrays["x"].shape[-1], hidden, **options)]
        if layout == "stacked":
            stack.append(LAYERS[name](stack[0].output_width(stack[0].n_inputs), hidden, **options))
        self.net = Network(stack, dtype=dtype)
        for parameter, values in self.of("parameter").items():
            self.net.parameters[parameter][...] = values
        self.forward = self.net.run(self.arrays["x"], self.arrays["lengths"], initial_states=self.of("initial"))

    def of(self, group):
        return {key.removeprefix(f"{group}/"): a for key, a in self.arrays.items() if key.startswith(f"{group}/")}

    def backward(self):
        return self.forward.backward(self.arrays["d_output"], d_final_states=self.of("d_final"))


def assert_all_close(actual, expected, tolerance):
    assert actual.keys() == expected.keys()
    for name, values in expected.items():
        assert error(actual[name], values) < tolerance, name


@each_algorithm
@pytest.mark.parametrize("case", CASES)
def test_outputs_and_final_states_are_pytorch_s(case, algorithm):
    reference = Reference(case, algorithm)
    assert error(reference.forward.output, reference.arrays["output"]) < 1e-12
    assert_all_close(reference.forward.final_states, reference.of("final"), 1e-12)


@each_algorithm
@pytest.mark.parametrize("case", CASES)
def test_gradients_are_pytorch_s(case, algorithm):
    reference = Reference(case, algorithm)
    computed = reference.backward()
    assert error(computed.x, reference.arrays["d_x"]) < 1e-11
    assert_all_close(computed.initial_states, reference.of("d_initial"), 1e-11)
    assert_all_close(reference.net.unflatten(computed.theta), reference.of("d_parameter"), 1e-11)


@each_algorithm
@pytest.mark.parametrize("case", ["lstm-stacked-both_ways-ragged", "gru-one_layer-forwards-ragged"])
def test_float32_agrees_with_pytorch_s_float64(case, algorithm):
    reference = Reference(case, algorithm, dtype="float32")
    assert error(reference.forward.output, reference.arrays["output"]) < 2e-6
    computed = reference.backward()
    assert error(computed.x, reference.arrays["d_x"]) < 1e-5
    assert_all_close(computed.initial_states, reference.of("d_initial"), 1e-5)
    assert_all_close(reference.net.unflatten(computed.theta), reference.of("d_parameter"), 1e-5)


# -- every algorithm on every cell -------------------------------------------------------------------------------------


def problem_of(cell, algorithm, lengths=(3, 5, 1, 5), **options):
    options |= {"bidirectional": "taught" not in cell, "gradient": algorithm}
    return Problem([RECURRENT[cell](7, 3, **options)], lengths)  # more inputs than hidden units, unlike the table's


@each_algorithm
@each_cell
@pytest.mark.parametrize("recurrent_dropout", [0.0, 0.4])
def test_the_algorithm_agrees_with_finite_differences(cell, algorithm, recurrent_dropout):
    problem = problem_of(cell, algorithm, recurrent_dropout=recurrent_dropout)
    rng = np.random.default_rng(0)
    for name, gradient in problem.gradients().items():
        direction, scale = rng.normal(size=gradient.shape), np.linalg.norm(gradient)
        assert scale > 1e-4, f"the derivative by {name} is zero: it would show nothing"
        expected = slope(problem.value, problem.leaves[name], direction)
        assert abs(np.sum(gradient * direction) - expected) < 1e-7 * scale, name


@each_cell
def test_algorithms_agree_with_each_other(cell):
    first, *others = (problem_of(cell, algorithm) for algorithm in EXACT)
    output, final, expected = first.run().output, first.run().final_states, first.gradients()
    for other in others:
        assert error(other.run().output, output) < 1e-13
        assert_all_close(other.run().final_states, final, 1e-13)
        assert_all_close(other.gradients(), expected, 1e-12)


@each_algorithm
@each_cell
def test_the_input_s_gradient_is_computed_only_if_it_is_wanted(cell, algorithm):
    problem = problem_of(cell, algorithm)
    forward = problem.run()
    rows = problem.net.batch(problem.x, problem.lengths).packing.pack(problem.d_output)
    gradient = forward.backward_rows(rows, problem.d_final, input_gradient=False)
    assert gradient.x is None
    np.testing.assert_array_equal(gradient.theta, np.concatenate([g.ravel() for g in of_theta(problem)]))


def of_theta(problem):
    return [gradient for name, gradient in problem.gradients().items() if name in problem.net.parameters]


@each_algorithm
@each_cell
def test_a_pass_that_keeps_nothing_has_the_same_output_and_final_states(cell, algorithm):
    problem = problem_of(cell, algorithm, lengths=(70, 300, 1, 250))
    kept = problem.run()
    output, final = kept.output, kept.final_states
    problem.net.rng.bit_generator.state = problem.draws
    light = problem.net.run(
        problem.x,
        problem.lengths,
        keep=False,
        training=True,
        initial_states=problem.initial,
        teacher=problem.teacher,
    )
    np.testing.assert_array_equal(light.output, output)
    assert_all_close(light.final_states, final, 1e-15)


@each_algorithm
@each_cell
def test_memory_that_is_used_again_does_not_matter(cell, algorithm):
    used = problem_of(cell, algorithm)
    expected = problem_of(cell, algorithm).gradients()
    larger, smaller = problem_of(cell, algorithm, (9, 2, 7, 7, 9, 1)), problem_of(cell, algorithm, (5, 5))
    for other in (larger, smaller, used):
        other.net = used.net
    assert_all_close(used.gradients(), expected, 1e-15)
    for other in (larger, smaller):
        other.gradients()
        assert_all_close(used.gradients(), expected, 1e-15)


@each_algorithm
@each_cell
def test_what_lies_in_a_workspace_before_a_pass_does_not_matter(cell, algorithm, monkeypatch):
    expected, empty = problem_of(cell, algorithm).gradients(), Workspace.empty

    def filled_with_garbage(self, name, shape, dtype):
        array = empty(self, name, shape, dtype)
        array.fill(np.nan)
        return array

    monkeypatch.setattr(Workspace, "empty", filled_with_garbage)
    assert_all_close(problem_of(cell, algorithm).gradients(), expected, 1e-15)


@each_algorithm
def test_a_long_gradient_neither_fades_nor_grows_when_the_recurrence_is_orthogonal(algorithm):
    layer = layers.Elman(1, 8, activation="identity", recurrent_initializer="orthogonal", gradient=algorithm)
    forward = Network([layer], dtype="float64").run(np.zeros((1000, 1, 1)))
    d_final = np.random.default_rng(0).normal(size=(1, 8))
    gradient = forward.backward(np.zeros((1000, 1, 8)), d_final_states={"0.h": d_final})
    np.testing.assert_allclose(np.linalg.norm(gradient.initial_states["0.h"]), np.linalg.norm(d_final), rtol=1e-12)
