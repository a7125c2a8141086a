"""Cells: what they compute, against loops written straight from the papers; and how they must be declared."""

import inspect
from itertools import chain

import numpy as np
import pytest
import scipy.stats
from conformance import RECURRENT, H, I, error, numerical_gradient

from rnnbp import cells, initializers, layers
from rnnbp.cells import Cell, Product, Stage
from rnnbp.gradients import BPTT
from rnnbp.kernels.elementwise import tanh
from rnnbp.kernels.trace import TraceError
from rnnbp.networks.network import Network

CELLS = {name: make(I, H).cell for name, make in RECURRENT.items()}
STAGES = {
    f"{name}, stage {k}" if len(cell.stages) > 1 else name: (cell, stage)
    for name, cell in CELLS.items()
    for k, stage in enumerate(cell.stages)
}

each_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
each_stage = pytest.mark.parametrize(("cell", "stage"), STAGES.values(), ids=STAGES)


def test_every_public_cell_is_in_the_table():
    public = {cls for cls in map(vars(cells).get, cells.__all__) if inspect.isclass(cls)}
    assert {cls for cls in public if issubclass(cls, cells.Cell)} - {cells.Cell} == set(map(type, CELLS.values()))


# -- declarations ------------------------------------------------------------------------------------------------------


@each_cell
def test_each_block_belongs_to_one_stage(cell):
    assert sorted(chain.from_iterable(stage.blocks for stage in cell.stages)) == sorted(cell.blocks)


@each_cell
def test_the_stages_compute_all_states_and_the_output(cell):
    assert {*cell.states, cell.output} <= set(cell.variables)
    assert cell.teacher_forced is None or cell.teacher_forced in cell.states


@each_cell
def test_a_product_looks_back_at_states_and_across_at_what_is_known_already(cell):
    known = {"x"}
    for stage in cell.stages:
        for product in stage.products:
            assert product.source in (cell.states if product.lag else known)
        assert set(stage.reads) <= set(cell.states)
        assert set(stage.uses) <= known
        known |= set(stage.outputs)


@each_cell
def test_the_columns_of_each_weight_are_used_once(cell):
    for sharing in cell.weights.values():
        used = [columns for product in sharing for columns, _ in cell.column_map[product]]
        width = sum(cell.width(block) for product in sharing for block in product.into)
        assert sorted(c for columns in used for c in range(columns.start, columns.stop)) == list(range(width))


@each_cell
def test_a_product_s_columns_go_to_the_blocks_it_names(cell):
    for product in cell.products:
        reached = [c for _, into in cell.column_map[product] for c in range(into.start, into.stop)]
        named = [c for block in product.into for c in range(cell.columns[block].start, cell.columns[block].stop)]
        assert reached == named


# -- steps and pullbacks -----------------------------------------------------------------------------------------------


def random_arguments(cell, stage, rng):
    """Return random blocks, inputs and cotangents of a stage, for two sequences."""
    blocks = tuple(rng.normal(size=(2, cell.width(block))) for block in stage.blocks)
    inputs = tuple(rng.normal(size=(2, cell.width(name))) for name in (*stage.reads, *stage.uses))
    d_outputs = tuple(rng.normal(size=(2, cell.width(name))) for name in stage.outputs)
    return blocks, inputs, d_outputs


@each_stage
def test_a_pullback_is_the_derivative_of_its_step(cell, stage):
    blocks, inputs, d_outputs = random_arguments(cell, stage, np.random.default_rng(0))
    kept, outputs = stage.step(blocks, inputs)
    d_blocks, d_inputs = stage.pullback(kept, inputs, outputs, d_outputs)

    def value():
        return sum(float((y * dy).sum()) for y, dy in zip(stage.step(blocks, inputs)[1], d_outputs, strict=True))

    for leaf, gradient in zip((*blocks, *inputs), (*d_blocks, *d_inputs), strict=True):
        assert error(gradient, numerical_gradient(value, leaf)) < 1e-8


@each_stage
def test_step_and_pullback_change_no_argument(cell, stage):
    blocks, inputs, d_outputs = random_arguments(cell, stage, np.random.default_rng(0))
    for array in chain(blocks, inputs, d_outputs):
        array.flags.writeable = False
    kept, outputs = stage.step(blocks, inputs)
    for array in chain(kept, outputs):
        array.flags.writeable = False
    stage.pullback(kept, inputs, outputs, d_outputs)


@each_stage
def test_one_text_serves_arrays_and_single_elements(cell, stage):
    blocks, inputs, d_outputs = random_arguments(cell, stage, np.random.default_rng(0))
    kept, outputs = stage.step(blocks, inputs)
    d_blocks, d_inputs = stage.pullback(kept, inputs, outputs, d_outputs)

    def element(arrays):
        return tuple(array[1, 1] for array in arrays)

    one_kept, one_outputs = stage.step(element(blocks), element(inputs))
    np.testing.assert_allclose((*one_kept, *one_outputs), (*element(kept), *element(outputs)), rtol=1e-14)
    one_d = stage.pullback(element(kept), element(inputs), element(outputs), element(d_outputs))
    np.testing.assert_allclose((*one_d[0], *one_d[1]), (*element(d_blocks), *element(d_inputs)), rtol=1e-13)


# -- textbook loops ----------------------------------------------------------------------------------------------------


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def example(layer):
    """Return a network of one layer with random parameters, an input of one sequence, and the parameters' blocks."""
    rng = np.random.default_rng(3)
    net = Network([layer], dtype="float64")
    net.theta[:] = rng.normal(size=net.theta.size)
    return net, rng.normal(size=(7, 2)), {name.removeprefix("0."): view for name, view in net.parameters.items()}


def assert_runs_as(net, x, initial, expected, final):
    forward = net.run([x], initial_states={name: state[None] for name, state in initial.items()})
    np.testing.assert_allclose(forward.output[:, 0], expected, rtol=0, atol=1e-14)
    for name, state in final.items():
        np.testing.assert_allclose(forward.final_states[name][0], state, rtol=0, atol=1e-14)


def test_the_peephole_lstm_is_that_of_gers_schraudolph_and_schmidhuber():
    net, x, p = example(layers.LSTM(2, 3, peepholes=True, gradient=BPTT(compiled=False)))
    w_i, w_f, w_g, w_o = np.split(p["input_weight"], 4, axis=1)
    u_i, u_f, u_g, u_o = np.split(p["recurrent_weight"], 4, axis=1)
    b_i, b_f, b_g, b_o = np.split(p["bias"], 4)
    p_i, p_f, p_o = np.split(p["peephole"], 3)
    h, c = initial = np.array([[0.3, -0.5, 0.1], [1.0, -2.0, 0.5]])
    expected = []
    for frame in x:
        i = sigmoid(frame @ w_i + h @ u_i + p_i * c + b_i)
        f = sigmoid(frame @ w_f + h @ u_f + p_f * c + b_f)
        c = f * c + i * np.tanh(frame @ w_g + h @ u_g + b_g)
        o = sigmoid(frame @ w_o + h @ u_o + p_o * c + b_o)  # sees the new cell state
        h = o * np.tanh(c)
        expected.append(h)
    assert_runs_as(net, x, {"0.h": initial[0], "0.c": initial[1]}, expected, {"0.h": h, "0.c": c})


def test_the_reset_before_gru_is_that_of_cho_et_al():
    net, x, p = example(layers.GRU(2, 3, reset="before", gradient=BPTT(compiled=False)))
    w_r, w_z, w = np.split(p["input_weight"], 3, axis=1)
    u_r, u_z, u = np.split(p["recurrent_weight"], 3, axis=1)
    b_r, b_z, b = np.split(p["bias"], 3)
    h = initial = np.array([0.3, -0.5, 0.1])
    expected = []
    for frame in x:
        r = sigmoid(frame @ w_r + h @ u_r + b_r)
        z = sigmoid(frame @ w_z + h @ u_z + b_z)
        candidate = np.tanh(frame @ w + (r * h) @ u + b)
        h = z * h + (1 - z) * candidate  # eq. 7 of the paper: z keeps the old state
        expected.append(h)
    assert_runs_as(net, x, {"0.h": initial}, expected, {"0.h": h})


def test_the_jordan_network_sees_its_previous_output():
    net, x, p = example(layers.Jordan(2, 3, n_outputs=4, feedback_activation="softmax", gradient=BPTT(compiled=False)))
    v = initial = np.array([0.1, 0.2, 0.3, 0.4])
    expected = []
    for frame in x:
        h = np.tanh(frame @ p["input_weight"] + v @ p["recurrent_weight"] + p["bias"])
        y = h @ p["output_weight"] + p["output_bias"]
        v = np.exp(y) / np.exp(y).sum()
        expected.append(y)
    assert_runs_as(net, x, {"0.v": initial}, expected, {"0.v": v})


# -- first values that remember ----------------------------------------------------------------------------------------


def test_an_irnn_begins_by_keeping_its_state_and_its_gradient():
    """Le, Jaitly and Hinton (2015): relu units, recurrent weights of identity, and no input."""
    rng = np.random.default_rng(0)
    layer = layers.Elman(2, 8, activation="relu", recurrent_initializer="identity", gradient=BPTT(compiled=False))
    h, d_h = rng.random((1, 8)) + 0.1, rng.normal(size=(1, 8))
    run = Network([layer], dtype="float64").run(np.zeros((300, 1, 2)), initial_states={"0.h": h})
    np.testing.assert_array_equal(run.final_states["0.h"], h)
    gradients = run.backward(np.zeros((300, 1, 8)), d_final_states={"0.h": d_h})
    np.testing.assert_array_equal(gradients.initial_states["0.h"], d_h)


@pytest.mark.parametrize(("make", "state"), [(layers.LSTM, "0.c"), (layers.GRU, "0.h")], ids=["LSTM", "GRU"])
def test_chrono_initialisation_spreads_the_memory_s_time_constants_up_to_the_longest(make, state):
    """Tallec and Ollivier (2018): with nothing coming in, a unit's state falls to 1 - 1/T a step, T uniform."""
    net = idle(make)
    final = net.run(np.zeros((1, 1, 1)), initial_states={state: np.ones((1, 500))}).final_states[state]
    time_constants = 1.0 / (1.0 - final[0])
    assert scipy.stats.kstest(time_constants, scipy.stats.uniform(2, 48).cdf).pvalue > 0.01


def test_chrono_initialisation_lets_an_lstm_take_in_what_it_forgets():
    net = idle(layers.LSTM)
    candidate = np.split(net.parameters["0.bias"], 4)[2]
    candidate[:] = 50.0  # g = tanh(50) = 1
    final = net.run(np.zeros((1, 1, 1)), initial_states={"0.c": np.ones((1, 500))}).final_states["0.c"]
    np.testing.assert_allclose(final, 1.0, rtol=1e-14)  # f + i


def idle(make):
    """Return a network whose weights are zero, with chrono biases for 50 steps."""
    return Network(
        [
            make(
                1,
                500,
                bias_initializer=initializers.Chrono(50),
                input_initializer="zeros",
                recurrent_initializer="zeros",
                gradient=BPTT(compiled=False),
            )
        ],
        dtype="float64",
    )


# -- a cell of one's own, and what is refused -------------------------------------------------------------------------


def plain(blocks, inputs):
    (z,), (h,) = blocks, inputs
    return (tanh(z + 0.0 * h),)


RECURRENT_PRODUCT = Product("recurrent_weight", "h", into=("z",))


def layer_of(*stages, blocks=("z",), states=("h",), input_product=None):
    """Return a layer of a cell with these stages."""

    class Own(Cell):
        pass

    Own.blocks, Own.states, Own.stages = blocks, states, stages
    Own.input = input_product or Product("input_weight", "x", into=blocks, bias="bias")

    class Layer(layers.Recurrent):
        def make_cell(self):
            return Own(self.n_inputs, self.n_hidden)

    return Layer(2, 3)


def stage_of(step=plain, **settings):
    given = {"products": (RECURRENT_PRODUCT,), "blocks": ("z",), "reads": ("h",), "outputs": ("h",), **settings}
    return Stage(step=step, **given)


def test_a_cell_is_its_forward_equations():
    layer = layer_of(stage_of())
    x, runs = np.random.default_rng(0).normal(size=(5, 4, 2)), []
    for compiled in (True, False):
        run = Network([layer], dtype="float64", compiled=compiled, seed=1).run(x)
        runs.append(run.backward(np.cos(run.output)).theta)
    assert np.abs(runs[0]).max() > 0
    np.testing.assert_allclose(*runs, rtol=0, atol=1e-14)


def branches(blocks, inputs):
    (z,), _ = blocks, inputs
    return (z if z > 0 else 0.1 * z,)


def calls_numpy(blocks, inputs):
    (z,), _ = blocks, inputs
    return (np.sin(z),)


def sums(blocks, inputs):
    (z,), _ = blocks, inputs
    return (z / z.sum(axis=-1, keepdims=True),)


def returns_two(blocks, inputs):
    (z,), _ = blocks, inputs
    return z, z


def unpacks_two(blocks, inputs):
    (z, other), _ = blocks, inputs
    return (z + other,)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (branches, "where"),
        (calls_numpy, "sin"),
        (sums, "elementwise=False"),
        (returns_two, "2"),
        (unpacks_two, "unpack"),
    ],
)
def test_a_step_that_cannot_be_traced_is_refused_by_file_and_line(step, message):
    with pytest.raises(TraceError, match=message) as refused:
        layer_of(stage_of(step))
    assert step.__name__ in str(refused.value)
    assert "test_cells.py" in str(refused.value)


def product(**settings):
    return Product(**{"weight": "recurrent_weight", "source": "h", "into": ("z",), **settings})


def with_products(*products, **settings):
    return layer_of(stage_of(products=products), **settings)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layer_of(stage_of(), blocks=("z", "y")), r"must have its blocks \('z', 'y'\) once each"),
        (lambda: layer_of(stage_of(reads=("c",))), r"reads 'c' of the step before, but the states are \('h',\)"),
        (lambda: layer_of(stage_of(reads=(), uses=("q",))), "uses 'q', but stages before it have put out nothing"),
        (lambda: with_products(product(source="c")), "multiplies 'c' of the step before"),
        (
            lambda: with_products(product(source="q", lag=0)),
            "'q' of this step, but stages before it have put out nothing",
        ),
        (lambda: with_products(product(source="x")), "multiplies 'x', which enters by `input` only"),
        (lambda: with_products(product(into=("y",))), "must go into some of its blocks"),
        (lambda: with_products(product(into=())), "must go into some of its blocks"),
        (lambda: with_products(product(lag=2)), "must be 0 or 1, but 2 was given"),
        (lambda: with_products(product(bias="bias")), "'bias' of Own must be declared once, but is by two products"),
        (lambda: with_products(product(weight="input_weight")), "share 'input_weight' of Own must have sources of one"),
        (lambda: with_products(input_product=product(source="h")), "must multiply 'x' by a matrix"),
        (lambda: with_products(input_product=product(source="x", diagonal=True)), "and it is diagonal"),
        (lambda: layer_of(stage_of(), states=("h", "c")), "no stage of Own puts out 'c'"),
        (lambda: stage_of(elementwise=False), "cannot be derived, as the stage is not elementwise"),
        (lambda: layers.Recurrent.__init__(with_products(product(weight="U")), 2, 3, recurrent_dropout=0.1), "'U'|has"),
    ],
)
def test_a_cell_whose_declarations_do_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layer_of(stage_of(products=product())), "products of stage 0 of Own must be a tuple of products"),
        (lambda: layer_of(stage_of(reads="h")), "reads of stage 0 of Own must be a tuple of names"),
        (lambda: layer_of(stage_of(), states="h"), "states of Own must be a tuple of names"),
        (lambda: layer_of(stage_of(), input_product="x"), "input of Own must be a Product"),
    ],
)
def test_something_else_than_a_tuple_is_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_a_diagonal_recurrent_weight_with_dropout_is_the_same_in_both_runs():
    def independent(blocks, inputs):
        (z,), _ = blocks, inputs
        return (tanh(z),)

    class Independent(Cell):
        blocks, states = ("z",), ("h",)
        input = Product("input_weight", "x", into=("z",), bias="bias")
        stages = (Stage((product(diagonal=True),), ("z",), ("h",), independent),)

    class Layer(layers.Recurrent):
        def make_cell(self):
            return Independent(self.n_inputs, self.n_hidden)

    x, found = np.random.default_rng(0).normal(size=(6, 5, 3)), []
    for compiled in (True, False):
        net = Network([Layer(3, 7, recurrent_dropout=0.4)], dtype="float64", compiled=compiled)
        net.theta[:] = np.random.default_rng(1).normal(size=net.theta.size)
        run = net.run(x, training=True)
        gradients = run.backward(np.cos(run.output))
        found.append((run.output, gradients.theta, gradients.x))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-13)


def assert_gradients_are_those_of_finite_differences(*stages, blocks, states, output):
    layer = layer_of(*stages, blocks=blocks, states=states)
    layer.cell.output = output
    x, rng = np.random.default_rng(0).normal(size=(5, 4, 2)), np.random.default_rng(1)
    for compiled in (True, False):
        net = Network([layer], dtype="float64", compiled=compiled)
        net.theta[:] = 0.5 * rng.normal(size=net.theta.size)
        d_output = rng.normal(size=(5, 4, 3))
        gradient = net.run(x, [5, 2, 1, 4]).backward(d_output).theta
        expected = numerical_gradient(
            lambda net=net, d=d_output: float((net.forward(x, [5, 2, 1, 4]) * d).sum()), net.theta
        )
        assert np.abs(expected).max() > 1e-3
        assert error(gradient, expected) < 1e-8, compiled


def test_a_stage_may_read_a_state_before_the_step_after_another_has_made_the_new_one():
    assert_gradients_are_those_of_finite_differences(
        Stage((product(source="c", into=("a",)),), ("a",), ("h",), lambda z, _: (tanh(z[0]),)),
        Stage((), ("b",), ("c",), lambda z, u: (tanh(z[0] + u[0] * u[1]),), reads=("h",), uses=("h",)),
        blocks=("a", "b"), states=("h", "c"), output="c",
    )  # fmt: skip


def test_a_stage_may_multiply_a_state_before_the_step_after_another_has_made_the_new_one():
    assert_gradients_are_those_of_finite_differences(
        Stage((product(source="c", into=("a",)),), ("a",), ("h",), lambda z, u: (tanh(z[0] + u[0]),), reads=("h",)),
        Stage((product(weight="w", into=("b",)),), ("b",), ("c",), lambda z, _: (tanh(z[0]),)),
        blocks=("a", "b"), states=("h", "c"), output="c",
    )  # fmt: skip


def test_a_stage_may_put_out_a_block_itself():
    assert_gradients_are_those_of_finite_differences(
        Stage((product(),), ("z",), ("h", "c"), lambda z, u: (tanh(z[0]) * u[0] + 0.1 * z[0], z[0]), reads=("c",)),
        blocks=("z",), states=("h", "c"), output="h",
    )  # fmt: skip


def test_a_product_into_a_block_that_an_earlier_stage_has_used_is_refused():
    with pytest.raises(ValueError, match="goes into 'a', but a stage before it has used that block already"):
        layer_of(
            Stage((product(into=("a",)),), ("a",), ("h",), lambda z, _: (tanh(z[0]),)),
            Stage((product(weight="w", source="h", lag=0, into=("a",)),), ("b",), ("c",), lambda z, _: (z[0],)),
            blocks=("a", "b"),
        )
