"""Cells that ONNX has no operator for, written as loops: what ONNX Runtime computes of them."""

import numpy as np
import pytest
from conformance import RECURRENT
from networks_in_c import Leaky

from examples.custom_cell import MinimalGatedUnit
from rnnbp import Network, layers
from rnnbp.activations import ACTIVATIONS
from rnnbp.cells import Cell, Product, Stage
from rnnbp.interop import InteropError
from rnnbp.interop.onnx import load
from rnnbp.interop.onnx.builder import Builder
from rnnbp.interop.onnx.elementwise import elementwise
from rnnbp.interop.onnx.exporting import to_model
from rnnbp.kernels.elementwise import absolute, expm1, log1p, where
from rnnbp.kernels.trace import operate, trace

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
onnxruntime.set_default_logger_severity(3)


def one_more(blocks, states):
    h, k = blocks
    return h + states[0], k + 1.0


class CountingCell(Cell):
    """Its output depends on no input, and on no state."""

    blocks, states, output = ("h", "k"), ("h",), "k"
    input = Product("input_weight", "x", into=("h",))
    stages = (Stage((), ("h", "k"), ("h", "k"), one_more, reads=("h",)),)


class Counting(layers.Recurrent):
    def make_cell(self):
        return CountingCell(self.n_inputs, self.n_hidden)


def looking(*n, **options):
    return layers.LSTM(*n, peepholes=True, activations=("sigmoid", "gelu", "tanh"), **options)


CELLS = {
    **RECURRENT,
    "custom, an output without an input": Counting,
    "LSTM, with peepholes and another activation": looking,
    "custom": MinimalGatedUnit,
    "custom, every function": Leaky,
    **{f"Elman, {name}": lambda *n, f=name, **o: layers.Elman(*n, activation=f, **o) for name in ACTIVATIONS},
    **{
        f"Jordan, {name}": lambda *n, f=name, **o: layers.Jordan(*n, n_outputs=2, feedback_activation=f, **o)
        for name in ACTIVATIONS
    },
}
OPERATORS = {"RNN", "LSTM", "GRU", "Scan"}


def ways(factory):
    """Return the layer forwards, backwards, both ways, and both ways below another."""
    both = factory(2, 5, bidirectional=True)
    return [factory(2, 5)], [factory(2, 5, reverse=True)], [both], [both, factory(both.output_width(2), 4)]


def computed(model, inputs):
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return dict(zip([each.name for each in session.get_outputs()], session.run(None, inputs), strict=True))


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_leaves_with_its_states_and_lengths(name):
    rng, lengths = np.random.default_rng(1), np.array([4, 7, 1], np.int32)
    for stack in ways(CELLS[name]):
        net = Network(stack)
        net.theta[:] = 0.5 * rng.normal(size=net.theta.size)
        x = rng.normal(size=(7, 3, 2)).astype(np.float32)
        widths = {f"{k}.{state}": width for k, layer in enumerate(stack) for state, width in layer.states().items()}
        initial = {state: rng.normal(size=(3, width)).astype(np.float32) for state, width in widths.items()}
        run = net.run(x, lengths, initial_states=initial)
        found = computed(
            to_model(net), {"x": x, "lengths": lengths} | {f"initial_{each}": value for each, value in initial.items()}
        )
        expected = {"y": run.output} | {f"final_{each}": value for each, value in run.final_states.items()}
        assert found.keys() == expected.keys()
        for each, value in expected.items():
            np.testing.assert_allclose(found[each], value, rtol=1e-5, atol=1e-5)


def test_what_the_standard_has_an_operator_for_is_no_loop():
    operators = {
        name: {node.op_type for node in to_model(Network([factory(2, 5)])).graph.node} & OPERATORS
        for name, factory in CELLS.items()
    }
    assert operators["Elman"] == {"RNN"}
    assert operators["LSTM, coupled, with peepholes"] == {"LSTM"}
    assert operators["GRU, variant, reset before"] == {"GRU"}
    coupled = to_model(Network([layers.LSTM(2, 5, coupled=True)])).graph.node
    assert [each.i for lstm in coupled for each in lstm.attribute if each.name == "input_forget"] == [1]
    assert operators["LSTM, layer norm"] == operators["LSTM, zoneout"] == operators["Elman, gelu"] == {"Scan"}


@pytest.mark.parametrize("reverse", [False, True])
def test_what_lies_after_a_sequence_changes_nothing(reverse):
    net = Network([MinimalGatedUnit(2, 5, reverse=reverse), layers.Jordan(5, 3, reverse=reverse)])
    x, lengths = np.random.default_rng(0).normal(size=(6, 2, 2)).astype(np.float32), np.array([6, 2], np.int32)
    model, wild = to_model(net), x.copy()
    wild[2:, 1] = 1e30
    found, expected = (computed(model, {"x": each, "lengths": lengths}) for each in (wild, x))
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def test_a_loop_in_float64_runs_where_the_operators_do_not():
    net = Network([layers.LSTM(3, 4, layer_norm=True), layers.LastStep(), layers.Dense(4, 2)], dtype="float64")
    x = np.random.default_rng(0).normal(size=(5, 2, 3))
    found = computed(to_model(net, dtype="float64"), {"x": x, "lengths": np.array([5, 5], np.int32)})
    np.testing.assert_allclose(found["y"], net.forward(x), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("function", "reference", "x"),
    [
        (expm1, np.expm1, [-np.inf, -50.0, -1e-3, -1e-9, 0.0, 1e-30, 1e-9, 0.5, 80.0, np.inf, np.nan]),
        (log1p, np.log1p, [-1.0, -0.999, -1e-9, 0.0, 1e-30, 1e-9, 1e-3, 0.5, 3e38, np.inf, np.nan, -2.0]),
    ],
)
def test_functions_without_an_operator_are_accurate_near_zero_and_far_from_it(function, reference, x):
    g, x = Builder(np.dtype(np.float32)), np.array(x, np.float32)
    (y,) = elementwise(g, trace(function, (None,), (None,)), [g.input("x", np.float32, ["n"])])
    g.output("y", y, ["n"])
    with np.errstate(all="ignore"):
        expected = reference(x.astype(np.float64)).astype(np.float32)
    np.testing.assert_allclose(computed(g.model("function", ""), {"x": x})["y"], expected, rtol=5e-7)


BINARY = ["add", "sub", "mul", "div", "maximum", "minimum", "lt", "le", "gt", "ge", "eq", "ne"]
LOGICAL = {
    "and": lambda x, y: (x > 0.0) & (y > 0.0),
    "or": lambda x, y: (x > 0.0) | (y > 0.0),
    "not": lambda x, y: ~(x > y),
    "where": lambda x, y: where((x > 0.0) & True, x, y),
}
UNARY = ["neg", "exp", "tanh", "erf", "absolute", "sqrt", "expm1", "log1p"]


@pytest.mark.parametrize("op", [*BINARY, *UNARY, *LOGICAL])
def test_every_operation_is_that_of_numpy_with_ties_too(op):
    function = LOGICAL.get(op) or (
        (lambda x, y: operate(op, x, y)) if op in BINARY else (lambda x, y: operate(op, absolute(x)) + 0.0 * y)
    )
    x, y = np.array([0.0, 1.0, 1.0, -2.0, 0.5, 3.0], np.float32), np.array([1.0, 1.0, -1.0, 2.0, 0.5, 3.0], np.float32)
    graph, g = trace(function, (None, None), (None,)), Builder(np.dtype(np.float32))
    (value,) = elementwise(g, graph, [g.input(name, np.float32, ["n"]) for name in "xy"])
    g.output("value", value, ["n"])
    (expected,) = graph.run(x, y)
    np.testing.assert_allclose(computed(g.model(op, ""), {"x": x, "y": y})["value"], expected, rtol=1e-6)


def test_a_constant_is_written_once_for_each_dtype():
    g = Builder(np.dtype(np.float32))
    first, again, other, larger = (
        g.constant("one", value, dtype)
        for value, dtype in ((1, np.float32), (1, np.float32), (1, np.int32), (2, np.float32))
    )
    assert first == again
    assert len({first, other, larger}) == 3
    written = {each.name: onnx.numpy_helper.to_array(each) for each in g.graph("constants").initializer}
    assert [(written[name].item(), written[name].dtype) for name in (first, other, larger)] == [
        (1, np.float32), (1, np.int32), (2, np.float32)
    ]  # fmt: skip


def test_a_constant_output_has_the_shape_of_the_operands():
    g = Builder(np.dtype(np.float32))
    g.output("y", elementwise(g, trace(lambda x: 2.0, (None,), (None,)), [g.input("x", np.float32, ["n"])])[0], ["n"])
    np.testing.assert_array_equal(computed(g.model("constant", ""), {"x": np.zeros(3, np.float32)})["y"], [2, 2, 2])


def doubled(blocks, inputs):
    return blocks, (2.0 * blocks[0],)


class UntracedCell(Cell):
    blocks, states = ("h",), ("h",)
    input = Product("input_weight", "x", into=("h",))
    stages = (Stage((), ("h",), ("h",), doubled, lambda s, i, o, d: ((2.0 * d[0],), ()), elementwise=False),)


class Untraced(layers.Recurrent):
    def make_cell(self):
        return UntracedCell(self.n_inputs, self.n_hidden)


class OfItsOwn(layers.GRU):
    def forward(self, parameters, x, context):
        return super().forward(parameters, 2 * x, context)


@pytest.mark.parametrize(
    ("layer", "why"),
    [(Untraced(3, 4), "elementwise=False, doubled"), (OfItsOwn(3, 4), "has a `forward` of its own")],
)
def test_a_layer_without_a_trace_is_refused_by_name(layer, why):
    with pytest.raises(InteropError, match=rf"layer 1, {type(layer).__name__}\(.*cannot be written in ONNX.*{why}"):
        to_model(Network([layers.Dense(3, 3), layer]))


def test_a_loop_cannot_be_read_back_and_is_named():
    with pytest.raises(InteropError, match=r"node '0\.Scan': the operator Scan is not supported"):
        load(to_model(Network([layers.Jordan(3, 4)])))
