"""A network laid out as compiled segments computes what its layers, each in NumPy, compute one after the other."""

from itertools import pairwise

import numpy as np
import pytest
from forking import status_of_child
from hypothesis import given, settings
from hypothesis import strategies as st

import rnnbp
from rnnbp import layers
from rnnbp.activations import ACTIVATIONS
from rnnbp.data.workspace import Workspace
from rnnbp.gradients import BPTT, CheckpointedBPTT
from rnnbp.layers import Layer
from rnnbp.losses import MeanSquaredError
from rnnbp.networks.network import Network
from rnnbp.networks.passes import loss_and_gradient
from rnnbp.networks.program import Program
from rnnbp.networks.segment import Segment

ELEMENTWISE = [name for name, function in ACTIVATIONS.items() if function.elementwise]
RAGGED = [3, 5, 1, 5]


def inputs(net, lengths=RAGGED, *, seed=0, n_rows=None):
    """Return an input and a gradient of the output."""
    rng = np.random.default_rng(seed)
    leading = (n_rows,) if n_rows is not None else (max(lengths), len(lengths))
    x = rng.normal(size=(*leading, net.n_inputs or 3)).astype(net.dtype)
    shape = (leading[-1],) if net.pools_time else leading
    return x, rng.normal(size=(*shape, net.n_outputs)).astype(net.dtype)


def results(net, x, dy, lengths=None):
    """Return all that a network gives: outputs, gradients and states, of states that are not zero."""
    rng, n = np.random.default_rng(1), x.shape[-2]
    widths = {f"{k}.{name}": width for k, layer in enumerate(net.layers) for name, width in layer.states().items()}
    states = {name: rng.normal(size=(n, width)).astype(net.dtype) for name, width in widths.items()}
    inference = net.forward(x, lengths, initial_states=states)
    net.rng = np.random.default_rng(2)
    run = net.run(x, lengths, training=True, initial_states=states)
    output, final = run.output, run.final_states
    gradients = run.backward(dy, d_final_states=states)
    assert set(states) == set(final) == set(gradients.initial_states)
    return [inference, output, *final.values(), *gradients[:2], *gradients.initial_states.values()]


def in_numpy(net):
    twin = Network(net.layers, dtype=net.dtype, seed=net.seed, compiled=False)
    twin.theta = net.theta
    return twin


def assert_alike(stack, lengths=RAGGED, *, n_rows=None, dtype="float64"):
    """Compare the compiled run with NumPy's, after another batch has left its memory."""
    net = Network(stack, dtype=dtype, seed=1)
    net.theta += np.random.default_rng(3).normal(scale=0.1, size=net.theta.size)
    lengths = None if n_rows is not None else lengths
    other = None if lengths is None else [7, 2, 6, 7, 1]
    garbage = inputs(net, other, seed=9, n_rows=None if n_rows is None else n_rows + 3)
    results(net, *garbage, other)
    x, dy = inputs(net, lengths, n_rows=n_rows)
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    for own, expected in zip(results(net, x, dy, lengths), results(in_numpy(net), x, dy, lengths), strict=True):
        assert own.dtype == expected.dtype == dtype
        assert np.abs(expected).max(initial=1.0 if not own.size else 0.0) > 0
        np.testing.assert_allclose(own, expected, rtol=0, atol=tolerance * (1 + np.abs(expected).max(initial=0.0)))
    return net


def segments(net):
    """Return the numbers of the layers in each segment; a layer on its own that runs in NumPy is a number."""
    made = Program(net.layers, net.parameters, compiled=True).segments
    return [[unit.k for unit in each.units] if isinstance(each, Segment) else each.k for each in made]


# -- dense layers and activations --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_activation_in_any_place(name):
    stack = [layers.Activation(name), layers.Dense(5, 19), layers.Activation(name), layers.Activation("tanh")]
    assert_alike([*stack, layers.Dense(19, 3)], n_rows=11)
    assert_alike([layers.Dense(5, 19), layers.Dense(19, 2), layers.Activation(name)], n_rows=1)


WIDTHS = st.integers(1, 70)


@settings(max_examples=30, deadline=None)
@given(st.lists(WIDTHS, min_size=2, max_size=5), st.integers(1, 40), st.lists(st.sampled_from(ELEMENTWISE), max_size=4))
def test_any_widths_and_any_number_of_rows(widths, n_rows, names):
    stack = []
    for k, (n_inputs, n_outputs) in enumerate(pairwise(widths)):
        stack += [layers.Dense(n_inputs, n_outputs), *map(layers.Activation, names[k : k + 1])]
    assert_alike(stack, n_rows=n_rows)


def test_more_rows_than_a_block_of_weight_gradients():
    assert_alike([layers.Dense(5, 37), layers.Activation("relu"), layers.Dense(37, 3)], n_rows=500)


def test_sequences_are_rows_too():
    assert_alike([layers.Dense(3, 19), layers.Activation("gelu"), layers.Dense(19, 4)])


# -- recurrent layers and pooling --------------------------------------------------------------------------------------

STACKS = {
    "recurrent, dense": [layers.GRU(3, 19), layers.Dense(19, 4), layers.Activation("tanh")],
    "dense, recurrent": [layers.Dense(3, 4), layers.LSTM(4, 5), layers.Dense(5, 6), layers.Activation("elu")],
    "recurrent layers": [layers.LSTM(3, 5), layers.GRU(5, 6, reset="before"), layers.Elman(6, 4)],
    "both ways": [layers.LSTM(3, 5, bidirectional=True), layers.GRU(10, 4, bidirectional=True), layers.Dense(8, 2)],
    "backwards": [layers.GRU(3, 5, reverse=True), layers.Dense(5, 2)],
    "dropout and zoneout within": [layers.LSTM(3, 5, recurrent_dropout=0.4, zoneout=0.3, bidirectional=True)],
    "dropout between": [layers.GRU(3, 5), layers.Dropout(0.4), layers.LSTM(5, 4), layers.Dropout(0.4, over_time=True)],
    "normalised": [layers.LSTM(3, 5, layer_norm=True), layers.LayerNorm(5), layers.GRU(5, 4, layer_norm=True)],
    "last step": [layers.GRU(3, 5), layers.LastStep(), layers.Dense(5, 2)],
    "last step both ways": [
        layers.GRU(3, 5, bidirectional=True),
        layers.LastStep(bidirectional=True),
        layers.Dense(10, 2),
    ],
    "mean": [layers.Dense(3, 5), layers.MeanOverTime(), layers.Activation("tanh"), layers.Dense(5, 2)],
    "maximum": [layers.Elman(3, 5), layers.MaxOverTime(), layers.Dense(5, 2)],
    "another algorithm between": [layers.GRU(3, 5), layers.LSTM(5, 4, gradient=CheckpointedBPTT()), layers.Dense(4, 2)],
    "closed loop": [layers.Jordan(3, 5, n_outputs=4, teacher_forcing=False), layers.Dense(4, 2)],
}


@pytest.mark.parametrize("lengths", [RAGGED, [4, 4, 4], [1], [6], [1, 1]], ids=repr)
@pytest.mark.parametrize("name", STACKS)
def test_networks_of_sequences(name, lengths):
    assert_alike(STACKS[name], lengths)


CELLS = {
    "Elman": layers.Elman,
    "Jordan": lambda *sizes: layers.Jordan(*sizes, n_outputs=18, feedback_activation="tanh", teacher_forcing=False),
    "LSTM": layers.LSTM,
    "LSTM with peepholes": lambda *sizes: layers.LSTM(*sizes, peepholes=True),
    "GRU": layers.GRU,
    "GRU, reset before": lambda *sizes: layers.GRU(*sizes, reset="before"),
}


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(list(CELLS)),
    st.integers(1, 40),
    st.integers(1, 70),
    st.lists(st.integers(1, 6), min_size=1, max_size=9),
)
def test_cells_of_any_widths_on_batches_of_any_lengths(name, n_inputs, n_hidden, lengths):
    assert_alike([CELLS[name](n_inputs, n_hidden)], lengths)


@pytest.mark.parametrize("name", ["dense, recurrent", "both ways", "mean", "maximum", "normalised"])
def test_networks_in_single_precision(name):
    assert_alike(STACKS[name], dtype="float32")


def test_a_long_sequence_of_several_chunks():
    assert_alike([layers.LSTM(3, 5), layers.Dense(5, 2)], [150, 90, 149])


def test_the_first_of_several_largest_values_is_the_maximum():
    net = Network([layers.MaxOverTime()], dtype="float64")
    x = np.array([[[1.0], [2.0]], [[1.0], [3.0]], [[0.0], [3.0]]])
    gradient = net.run(x).backward(np.ones((2, 1))).x
    np.testing.assert_array_equal(gradient[:, :, 0], [[1, 0], [0, 1], [0, 0]])


def test_a_teacher_s_values_are_the_same_in_both_runs():
    stack = [layers.Jordan(3, 5, n_outputs=4), layers.Activation("sigmoid")]
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(5, 4, 3)), rng.random((5, 4, 4))
    net = Network(stack, dtype="float64")
    for teacher_forcing in (1.0, 0.5):
        made = []
        for each in (net, in_numpy(net)):
            batch = each.batch(x, RAGGED)
            rows = batch.lay_out_target(target, MeanSquaredError(), each.interface)
            made.append(loss_and_gradient(each, batch, rows, MeanSquaredError(), teacher_forcing=teacher_forcing))
        assert made[0][0] == pytest.approx(made[1][0], rel=1e-13)
        np.testing.assert_allclose(made[0][1], made[1][1], rtol=0, atol=1e-13)


# -- what the engine does not know -------------------------------------------------------------------------------------


class Cubed(Layer):
    """y = x^3, in NumPy."""

    def output_width(self, input_width):
        return input_width

    def forward(self, parameters, x, context):
        return x**3, x

    def backward(self, parameters, gradients, dy, saved, context):
        return 3.0 * saved**2 * dy


class Twice(layers.Dense):
    """A dense layer that computes something else."""

    def forward(self, parameters, x, context):
        y, saved = super().forward(parameters, x, context)
        return 2.0 * y, saved

    def backward(self, parameters, gradients, dy, saved, context):
        return super().backward(parameters, gradients, 2.0 * dy, saved, context)


def test_a_layer_in_numpy_ends_a_segment_and_another_begins():
    stack = [layers.Dense(3, 4), layers.GRU(4, 5), Cubed(), layers.Dense(5, 6), layers.Activation("relu"), Cubed()]
    net = assert_alike(stack)
    assert segments(net) == [[0, 1], 2, [3, 4], 5]


def test_a_layer_in_numpy_may_stand_between_pooling_and_dense_layers():
    assert_alike([layers.GRU(3, 5), layers.LastStep(), Cubed(), layers.Dense(5, 2)])
    assert_alike([Cubed(), layers.MeanOverTime(), layers.Dense(3, 2)])


def test_a_subclass_that_computes_something_else_runs_its_own_text():
    net = assert_alike([layers.Dense(3, 4), Twice(4, 2), layers.Dense(2, 2)], n_rows=5)
    assert segments(net) == [[0], 1, [2]]


def test_a_subclass_that_changes_nothing_is_compiled_as_its_parent():
    class Named(layers.Dense):
        """A dense layer with a name."""

    assert segments(assert_alike([Named(3, 4), layers.Dense(4, 2)], n_rows=5)) == [[0, 1]]


def test_functions_along_the_features_run_in_numpy():
    assert segments(assert_alike([layers.Dense(3, 4), layers.Activation("softmax")], n_rows=5)) == [[0], 1]
    assert segments(assert_alike([layers.Elman(3, 4, activation="softmax"), layers.Dense(4, 2)])) == [0, [1]]


def test_an_algorithm_that_is_to_run_in_numpy_does():
    net = Network([layers.GRU(3, 4, gradient=BPTT(compiled=False)), layers.Dense(4, 2)])
    assert segments(net) == [0, [1]]


def test_nothing_is_compiled_where_that_is_not_wanted(monkeypatch):
    def refused(*arguments):
        raise AssertionError("the engine was asked for")

    monkeypatch.setattr("rnnbp.kernels.engine.engine", refused)
    monkeypatch.setattr("rnnbp.layers.compiled.part.engine", refused)
    monkeypatch.setattr("rnnbp.gradients.compiled.layout.engine", refused)
    net = Network([layers.GRU(3, 4, bidirectional=True), layers.MeanOverTime(), layers.Dense(8, 2)], compiled=False)
    run = net.run(np.zeros((4, 2, 3)))
    run.backward(np.ones((2, 2)))


# -- what is handed in and out -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stack", [STACKS["recurrent, dense"], STACKS["both ways"], STACKS["mean"]], ids=repr)
def test_without_an_input_gradient_the_parameters_have_the_same(stack):
    net = Network(stack, dtype="float64")
    x, dy = inputs(net)
    batch = net.batch(x, RAGGED)
    rows = dy if net.pools_time else batch.packing.pack(dy)
    for _ in range(2):  # one and the other in turn
        whole, part = (net.run(batch).backward_rows(rows, input_gradient=wanted) for wanted in (True, False))
        assert part.x is None
        assert whole.x.shape == x.shape
        np.testing.assert_array_equal(part.theta, whole.theta)


@pytest.mark.parametrize("directions", [{"bidirectional": True}, {"reverse": True}, {}], ids=repr)
def test_an_input_gradient_that_is_not_wanted_is_not_written(directions):
    net = Network([layers.GRU(3, 4, **directions)], dtype="float64")
    packing = net.batch(inputs(net)[0], RAGGED).packing
    x, program = np.ones((packing.n_rows, 3)), Program(net.layers, net.parameters, compiled=True)

    def back(wanted):
        dy = np.ones_like(program.forward(x, packing, training=False, keep=True, rng=net.rng))
        return program.backward(dy, np.empty_like(net.theta), input_gradient=wanted)

    dx = back(True)
    assert np.all(dx != 7.0)
    dx.fill(7.0)
    assert back(False) is None
    np.testing.assert_array_equal(dx, 7.0)


def test_what_may_not_be_written_to_or_lies_otherwise_in_memory_is_taken_too():
    net = Network([layers.Dense(4, 3), layers.Activation("relu")], dtype="float64")
    x = np.random.default_rng(0).normal(size=(6, 4))
    frozen = x.copy()
    frozen.flags.writeable = False
    for other in (frozen, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x[::-1][::-1]):
        np.testing.assert_array_equal(net.forward(other), net.forward(x))
        run, dy = net.run(other), np.asfortranarray(np.ones((6, 3)))
        np.testing.assert_array_equal(run.backward(dy).theta, net.run(x).backward(np.ones((6, 3))).theta)


def test_parameters_that_have_changed_count_at_once():
    net = Network(STACKS["dense, recurrent"], dtype="float64")
    x, dy = inputs(net)
    for _ in range(3):
        net.theta *= 0.8
        for own, expected in zip(results(net, x, dy, RAGGED), results(in_numpy(net), x, dy, RAGGED), strict=True):
            np.testing.assert_allclose(own, expected, rtol=0, atol=1e-12)


def test_parameters_that_change_between_the_two_ways_count_on_the_way_back_as_in_numpy():
    made = []
    net = Network([layers.Dense(3, 4), layers.Activation("tanh"), layers.Dense(4, 2)], dtype="float64")
    x, dy = inputs(net, n_rows=5)
    for each in (net, in_numpy(net)):
        run = each.run(x)
        each.theta *= 2.0
        made.append(run.backward(dy))
    np.testing.assert_allclose(made[0].theta, made[1].theta, rtol=1e-12)
    np.testing.assert_allclose(made[0].x, made[1].x, rtol=1e-12)


# -- memory ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["recurrent, dense", "both ways", "mean", "maximum", "normalised"])
def test_batches_of_other_shapes_come_and_go(name):
    net = Network(STACKS[name], dtype="float64", seed=1)
    batches = [[3, 5, 1, 5], [1], [9, 9, 2], [3, 5, 1, 5], [4] * 20, [1, 1], [3, 5, 1, 5]]
    for lengths in batches:
        x, dy = inputs(net, lengths)
        expected = results(Network(STACKS[name], dtype="float64", seed=1), x, dy, lengths)
        for own, alone in zip(results(net, x, dy, lengths), expected, strict=True):
            np.testing.assert_array_equal(own, alone)


@pytest.mark.parametrize("name", ["recurrent, dense", "both ways", "dropout between", "normalised", "teacher"])
@pytest.mark.parametrize("block_rows", [None, 3], ids=["one chunk", "many chunks"])
def test_as_many_sequences_of_other_lengths_come_and_go(name, block_rows, monkeypatch):
    if block_rows:
        monkeypatch.setattr("rnnbp.gradients.compiled.layout.BLOCK_ROWS", block_rows)
    stack = [layers.Jordan(3, 5, n_outputs=4)] if name == "teacher" else STACKS[name]
    net = Network(stack, dtype="float64", seed=1)
    for lengths in ([3, 5, 1, 5], [2, 4, 1, 3], [9, 7, 8, 1], [4, 4, 4, 4], [1, 1, 1, 1], [9, 9, 9, 9], [3, 5, 1, 5]):
        x, dy = inputs(net, lengths)
        expected = results(Network(stack, dtype="float64", seed=1), x, dy, lengths)
        for own, alone in zip(results(net, x, dy, lengths), expected, strict=True):
            np.testing.assert_array_equal(own, alone)
        from_zero = Network(stack, dtype="float64", seed=1)  # results() ends with states that were given
        np.testing.assert_array_equal(net.forward(x, lengths), from_zero.forward(x, lengths))
        for own, alone in zip(
            output_and_gradients(net, x, dy, lengths), output_and_gradients(from_zero, x, dy, lengths), strict=True
        ):
            np.testing.assert_array_equal(own, alone)


@pytest.mark.parametrize("name", ["dropout and zoneout within", "normalised", "both ways", "teacher"])
def test_what_one_run_is_given_is_not_left_for_the_next(name):
    stack = [layers.Jordan(3, 5, n_outputs=4)] if name == "teacher" else STACKS[name]
    net, fresh = Network(stack, dtype="float64", seed=1), Network(stack, dtype="float64", seed=1)
    x, dy = inputs(net, [4, 4, 4])
    expected = output_and_gradients(fresh, x, dy, None)
    states = {f"0.{state}": np.ones((3, width)) for state, width in stack[0].states().items()}
    teacher = None if net.interface.teacher_forced_layer is None else np.ones((12, 4))
    for _ in range(2):
        run = net.run(x, training=True, initial_states=states, teacher=teacher)
        run.backward(dy, d_final_states=states)
        run = net.run(x)
        for own, alone in zip(output_and_gradients(net, x, dy, None), expected, strict=True):
            np.testing.assert_array_equal(own, alone)
        gradients = net.run(x).backward(dy).initial_states
        for state, gradient in fresh.run(x).backward(dy).initial_states.items():
            np.testing.assert_array_equal(gradients[state], gradient)


@pytest.mark.parametrize("name", ["recurrent, dense", "dropout between", "both ways"])
def test_what_lies_in_memory_before_does_not_matter(name, monkeypatch):
    clean = Network(STACKS[name], seed=1)
    x, dy = inputs(clean)
    expected, empty = results(clean, x, dy, RAGGED), Workspace.empty

    def filled_with_garbage(self, name, shape, dtype):
        array = empty(self, name, shape, dtype)
        array.fill(np.nan)
        return array

    monkeypatch.setattr(Workspace, "empty", filled_with_garbage)
    for own, without in zip(results(Network(STACKS[name], seed=1), x, dy, RAGGED), expected, strict=True):
        np.testing.assert_array_equal(own, without)


def output_and_gradients(net, x, dy, lengths):
    run = net.run(x, lengths)
    output, gradients = run.output, run.backward(dy)
    return output, gradients.theta, gradients.x


@pytest.mark.parametrize("name", ["recurrent, dense", "both ways", "mean"])
def test_a_batch_that_memory_is_lacking_for_does_not_spoil_the_next_one(name, monkeypatch):
    net, empty = Network(STACKS[name], dtype="float64"), Workspace.empty
    x, dy = inputs(net, [4, 4, 4])
    expected = output_and_gradients(net, x, dy, None)
    larger, left, n_failed = [9, 2, 9, 9, 3, 1, 1], [0], 0

    def lacking(self, name, shape, dtype):
        left[0] -= 1
        if left[0] == 0:
            raise MemoryError
        return empty(self, name, shape, dtype)

    monkeypatch.setattr(Workspace, "empty", lacking)
    for k in range(1, 40):
        left[0] = k
        try:
            output_and_gradients(net, *inputs(net, larger), larger)
        except MemoryError:
            n_failed += 1
        left[0] = 0
        for own, before in zip(output_and_gradients(net, x, dy, None), expected, strict=True):
            np.testing.assert_array_equal(own, before)
    assert n_failed > 5


def test_passes_of_one_network_may_be_alive_at_the_same_time():
    net = Network(STACKS["dropout between"], dtype="float64")
    batches = [inputs(net, seed=seed) for seed in range(3)]
    expected = [net.run(x, RAGGED).backward(dy).theta for x, dy in batches]
    runs = [net.run(x, RAGGED) for x, _ in batches]
    for k in (1, 0, 2):
        np.testing.assert_array_equal(runs[k].backward(batches[k][1]).theta, expected[k])


def test_a_pass_that_is_dropped_gives_its_memory_back():
    net = Network([layers.Dense(3, 4)])
    for _ in range(5):
        net.run(np.zeros((2, 3)))
    assert len(net.programs._idle) == 1


def test_a_network_is_trained_once_at_a_time_in_each_process():
    programs = Network([layers.Dense(1, 1)]).programs

    def train():
        with programs.training():
            pass

    with programs.training(), pytest.raises(RuntimeError, match="this network is being trained already"):
        train()
    train()
    assert status_of_child(programs.training(), train) == 0


def test_a_subclass_that_declares_other_parameters_runs_its_own_text():
    class BiasFirst(layers.Dense):
        def parameters(self):
            return tuple(reversed(super().parameters()))

    x, outputs = np.random.default_rng(0).normal(size=(4, 3)), []
    for compiled in (True, False):
        net = rnnbp.Network([BiasFirst(3, 2)], dtype="float64", compiled=compiled)
        net.parameters["0.bias"][...] = [10.0, 20.0]
        run = net.run(x)
        outputs.append((run.output, run.backward(np.cos(run.output)).theta))
    for one, other in zip(*outputs, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)
