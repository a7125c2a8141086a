"""ONNX files of others: the standard's own cases, the forms that exporters write, and what is refused."""

import importlib

import numpy as np
import pytest
from onnx_models import B, H, I, T, example, helper, model, node, onnx, runtime, weights

from rnnbp import layers
from rnnbp.interop import InteropError
from rnnbp.interop.onnx import backend, load, reading

random = np.random.default_rng(5)


def standard_cases():
    """Return the recurrent cases alone: making all of them takes a minute."""
    node = importlib.import_module("onnx.backend.test.case.node")
    for operator in ("rnn", "lstm", "gru"):
        importlib.import_module(f"onnx.backend.test.case.node.{operator}")
    return {
        case.name: case for case in node._NodeTestCases if case.model.graph.node[0].op_type in ("RNN", "LSTM", "GRU")
    }


CASES = standard_cases()


def test_the_standard_has_eighteen_recurrent_cases():
    assert len(CASES) == 18


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_case_of_the_standard_s_own_suite(case):
    for inputs, outputs in case.data_sets:
        found = backend.prepare(case.model).run(inputs)
        assert len(found) == len(outputs)
        for actual, expected in zip(found, outputs, strict=True):
            np.testing.assert_allclose(actual, expected, rtol=case.rtol, atol=case.atol)


# -- forms that others write -------------------------------------------------------------------------------------------


def check(made, kinds, *, x=None, to_ours=lambda x: x, from_ours=lambda y: y):
    """Check a model's layers, and that the network computes the same as ONNX Runtime."""
    net, x = load(made), example() if x is None else x
    assert [type(layer).__name__ for layer in net.layers] == kinds.split()
    expected, *_ = runtime(made, x=x)
    np.testing.assert_allclose(from_ours(net.forward(to_ours(x))), expected, rtol=1e-5, atol=1e-5)
    return net


def test_a_batch_first_classifier_as_pytorch_exports_it():
    """Transposed input, states of zeros made at run time, the last hidden state of both directions, Gemm."""
    w, r, b = weights(4, 2)
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape zero", "n"),
        node("Concat", "two n hidden", "dims", axis=0),
        node("ConstantOfShape", "dims", "h0"),
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        helper.make_node(
            "LSTM", ["t", "w", "r", "b", "", "h0", "h0"], ["y0", "h", "c"], direction="bidirectional", hidden_size=H
        ),
        node("Gather", "h minus2", "h1"),
        node("Gather", "h minus1", "h2"),
        node("Concat", "h1 h2", "both", axis=1),
        node("Gemm", "both gw gb", "z", transB=1),
        node("Softmax", "z", "y", axis=1),
    ]
    constants = {
        "w": w, "r": r, "b": b, "zero": np.array([0]), "two": np.array([2]), "hidden": np.array([H]),
        "minus2": np.array(-2), "minus1": np.array(-1), "gw": example((5, 2 * H)), "gb": example((5,)),
    }  # fmt: skip
    made = model(nodes, constants, x=("B", "T", I))
    net = check(made, "LSTM LastStep Dense Activation", x=example((B, T, I)), to_ours=lambda x: x.swapaxes(0, 1))
    assert net.layers[1] == layers.LastStep(bidirectional=True)


def test_a_number_is_added_to_the_last_step():
    w, r, b = weights(3)
    nodes = [
        node("GRU", "x w r b", "y0 h", linear_before_reset=1, hidden_size=H),
        node("Squeeze", "h zero", "last"),
        node("Add", "last shift", "y"),
    ]
    constants = {"w": w, "r": r, "b": b, "zero": np.array([0]), "shift": np.float32([0.5])}
    check(model(nodes, constants), "GRU LastStep Activation")


def test_both_directions_side_by_side_then_matmul_and_add():
    w, r, b = weights(3, 2)
    nodes = [
        node("GRU", "x w r b", "y0", direction="bidirectional", linear_before_reset=1, hidden_size=H),
        node("Transpose", "y0", "y1", perm=[0, 2, 1, 3]),
        node("Reshape", "y1 shape", "y2"),
        node("MatMul", "y2 mw", "y3"),
        node("Add", "mb y3", "y4"),
        node("Relu", "y4", "y"),
    ]
    constants = {"w": w, "r": r, "b": b, "shape": np.array([0, 0, -1]), "mw": example((2 * H, 3)), "mb": example((3,))}
    check(model(nodes, constants), "GRU Dense Activation")


@pytest.mark.parametrize(
    ("x", "shape"),
    [
        (("T", "B", I), [0, -1, H]),
        ((T, B, I), [T, B, H]),  # all sizes are fixed
        ((T, "B", I), [T, -1, H]),
    ],
)
def test_a_reshape_that_can_only_leave_out_the_axis_of_directions(x, shape):
    w, r, b = weights(4)
    nodes = [node("LSTM", "x w r b", "y0", hidden_size=H), node("Reshape", "y0 shape", "y1"), node("Relu", "y1", "y")]
    check(model(nodes, {"w": w, "r": r, "b": b, "shape": np.array(shape)}, x=x), "LSTM Activation")


@pytest.mark.parametrize(
    "shape",
    [
        [0, 0, -1],  # the steps, one direction, and the features of all sequences in a row
        [B, T, H],
        [T, B, H],  # what it means depends on the number of steps
        [-1, B, H],
        [T, -1, H],
        [0, -1, H + 1],
        [-1, H],
        [-1],
        [],
    ],
)
def test_a_reshape_that_mixes_steps_and_sequences_is_refused(shape):
    w, r, b = weights(4)
    nodes = [node("LSTM", "x w r b", "y0", hidden_size=H), node("Reshape", "y0 shape", "y1"), node("Relu", "y1", "y")]
    made = model(nodes, {"w": w, "r": r, "b": b, "shape": np.array(shape, np.int64)})
    with pytest.raises(
        InteropError, match=r"node 'the Reshape of y1', Reshape.*it makes the shape .* of axes t, d, b, f"
    ):
        load(made)


def test_a_shape_whose_zeros_mean_no_element_is_refused():
    nodes = [node("Relu", "x", "a"), node("Reshape", "a shape", "b", allowzero=1), node("Tanh", "b", "y")]
    with pytest.raises(InteropError, match=r"'the Reshape of b', Reshape.*it makes the shape \[0, 0, 4\]"):
        load(model(nodes, {"shape": np.array([0, 0, I])}))


ROWS = 3  # as many as there are features, so that a column is broadcast to rows
COLUMNS = {
    "Add": ([node("MatMul", "x w", "a"), node("Add", "a b", "y")], ("B", 2), (ROWS, 1)),
    "Add to axes": ([node("MatMul", "x w", "a"), node("Add", "a b", "y")], ("T", "B", 2), (ROWS, 1, 1)),
    "Add of axes": ([node("MatMul", "x w", "a"), node("Add", "a b", "y")], ("B", 2), (1, 1, 3)),
    "Add of a number's axes": ([node("Relu", "x", "a"), node("Add", "a b", "y")], ("B", 2), (1, 1, 1)),
    "Mul of a number's axes": ([node("Relu", "x", "a"), node("Mul", "a b", "y")], ("B", 2), (1, 1, 1)),
    "Div of a number's axes": ([node("Relu", "x", "a"), node("Div", "a b", "y")], ("B", 2), (1, 1, 1)),
    "PRelu of a number's axes": ([node("PRelu", "x b", "y")], ("B", 2), (1, 1, 1)),
    "Gemm": ([node("Gemm", "x w b", "y")], ("B", 2), (ROWS, 1)),
    "LayerNormalization's bias": (
        [node("MatMul", "x w", "a"), node("LayerNormalization", "a v b", "y")], ("B", 2), (ROWS, 1)
    ),
    "LayerNormalization's scale": (
        [node("MatMul", "x w", "a"), node("LayerNormalization", "a b v", "y")], ("B", 2), (ROWS, 1)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_what_is_broadcast_to_rows_or_axes_is_refused(name):
    nodes, x, shape = COLUMNS[name]
    made = model(nodes, {"w": example((2, 3)), "v": example((3,)), "b": example(shape)}, x=x)
    ran, *_ = runtime(made, x=example((ROWS,) * (len(x) - 1) + (2,)))
    assert ran.shape[-2] == ROWS
    with pytest.raises(InteropError, match=rf"node 'the {name.split()[0].split(chr(39))[0]} of y'.*of shape"):
        load(made)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 1), (1, 3)])
def test_what_is_the_same_for_all_rows_is_a_bias_or_a_gain(shape):
    b, constants = example(shape), {"w": example((2, 3)), "v": example((3,))}
    x, first = example((4, 2)), node("MatMul", "x w", "a")
    check(model([first, node("Add", "b a", "y")], {**constants, "b": b}, x=("B", 2)), "Dense", x=x)
    check(model([node("Gemm", "x w b", "y")], {**constants, "b": b}, x=("B", 2)), "Dense", x=x)
    if shape:
        for inputs in ("a v b", "a b v"):
            nodes = [first, node("LayerNormalization", inputs, "y")]
            check(model(nodes, {**constants, "b": b}, x=("B", 2)), "Dense LayerNorm", x=x)


def test_a_bias_with_axes_of_one_element_is_one():
    nodes = [node("MatMul", "x w", "a"), node("Add", "a b", "y")]
    check(model(nodes, {"w": example((I, 3)), "b": example((1, 1, 3))}), "Dense")


def test_one_number_to_scale_features_whose_number_is_not_known_is_refused():
    made = model([node("LayerNormalization", "x v", "y")], {"v": example((1,))}, x=("B", "I"))
    with pytest.raises(InteropError, match=r"'the LayerNormalization of y', .*one number, and how many features"):
        load(made)
    made = model([node("LayerNormalization", "x v", "y")], {"v": example((3,))}, x=("B", "I"))
    assert load(made).layers == (layers.LayerNorm(3, epsilon=1e-5),)


WITHOUT_A_BIAS = {
    "a layer": ([node("Reshape", "m s", "m2"), node("Tanh", "m2", "y")], "node 'the Tanh of y'"),
    "a layer after a step": (
        [node("Reshape", "m s", "m2"), node("Gather", "m2 last", "p", axis=0), node("Tanh", "p", "y")],
        "node 'the Tanh of y'",
    ),
    "a step": ([node("Reshape", "m s", "m2"), node("Gather", "m2 last", "y", axis=0)], "the output 'y'"),
    "the output": ([node("Reshape", "m s", "y")], "the output 'y'"),
    "one half of two steps": (
        [
            node("Gather", "q last", "p", axis=0),
            node("Split", "p", "p1 p2", axis=1),
            node("Gather", "m first", "f", axis=0),
            node("Split", "f", "f1 f2", axis=1),
            node("Concat", "p1 f2", "y", axis=1),
        ],
        "node 'the Concat of y'",
    ),
}


@pytest.mark.parametrize("place", WITHOUT_A_BIAS)
def test_a_product_that_is_used_without_its_bias_too_is_refused(place):
    last, where = WITHOUT_A_BIAS[place]
    w, r, b = weights(3)
    nodes = [
        node("GRU", "x w r b", "g", hidden_size=H),
        node("Squeeze", "g one", "h"),
        node("MatMul", "h mw", "m"),
        node("Add", "m mb", "q"),
        node("Shape", "q", "s"),
        *last,
    ]
    constants = {"w": w, "r": r, "b": b, "mw": example((H, 2)), "mb": example((2,))}
    made = model(nodes, {**constants, "one": np.array([1]), "last": np.array(-1), "first": np.array(0)})
    runtime(made, x=example())
    with pytest.raises(InteropError, match=rf"{where}.*is no chain of layers"):
        load(made)


def test_the_shape_of_a_product_without_its_bias_may_be_used():
    nodes = [
        node("MatMul", "x w", "m"),
        node("Add", "m b", "q"),
        node("Shape", "m", "s"),
        node("Reshape", "q s", "r"),
        node("Tanh", "r", "y"),
    ]
    check(model(nodes, {"w": example((I, 2)), "b": example((2,))}), "Dense Activation")


def with_a_mean_over_time(nodes, nothing=0.0):
    """Return a model with lengths; its nodes may use which steps lie in their sequence, and the lengths as numbers."""
    before = [
        node("Shape", "x", "sizes"),
        node("Gather", "sizes zero", "n_steps"),
        node("Cast", "n_steps", "n", to=6),
        node("Range", "zero32 n one32", "steps"),
        node("Unsqueeze", "steps one", "column"),
        node("Less", "column lengths", "inside"),
        node("Unsqueeze", "inside two", "mask"),
        node("Cast", "lengths", "numbers", to=1),
        node("Unsqueeze", "numbers one", "divisor"),
        node("MatMul", "x w", "m"),
    ]
    constants = {
        "zero": np.array(0), "zero32": np.int32(0), "one32": np.int32(1), "one": np.array([1]), "two": np.array([2]),
        "three": np.array([3]), "first": np.array([0]), "nothing": np.float32(nothing), "w": example((I, 2)),
        "b": example((2,)), "half": np.float32(0.5),
    }  # fmt: skip
    return model([*before, *nodes], constants, inputs=[("lengths", onnx.TensorProto.INT32, ("B",))])


LENGTHS = np.array([6, 2, 4], np.int32)
SUM, MEAN = node("ReduceSum", "z first", "total", keepdims=0), node("Div", "total divisor", "y")


def test_a_sum_over_time_that_lengths_divide_is_the_mean():
    made = with_a_mean_over_time([node("Add", "m b", "q"), node("Where", "mask q nothing", "z"), SUM, MEAN])
    net, x = load(made), example()
    expected, *_ = runtime(made, x=x, lengths=LENGTHS)
    np.testing.assert_allclose(net.forward(x, LENGTHS), expected, atol=1e-5)


@pytest.mark.parametrize("kept", [0, 1, None])
@pytest.mark.parametrize("operator", ["ReduceMean", "ReduceMax", "ReduceSum"])
def test_the_axis_of_time_goes_or_stays_with_one_element(operator, kept):
    """Softmax must go over the last axis, which says how many there are."""
    options = {} if kept is None else {"keepdims": kept}
    if operator == "ReduceSum":
        pool = [node("Where", "mask m nothing", "z"), node("ReduceSum", "z first", "total", **options)]
        pool.append(node("Div", "total divisor", "p"))
    else:
        pool = [node(operator, "m", "p", axes=[0], **options)]
    lengths = LENGTHS if operator == "ReduceSum" else None
    for axis in (1, 2):
        made = with_a_mean_over_time([*pool, node("Softmax", "p", "y", axis=axis)])
        if axis == 1 + (kept != 0):
            x = example()
            expected, *_ = runtime(made, x=x, lengths=LENGTHS)
            np.testing.assert_allclose(load(made).forward(x, lengths), expected.reshape(B, 2), atol=1e-5)
        else:
            with pytest.raises(InteropError, match=f"it must go over the features, the last axis, but axis={axis}"):
                load(made)


MEAN_WHERE_M2 = (node("Where", "m2 m nothing", "z"), SUM, MEAN)
NO_MEANS = {
    "node 'the Less of i2', .*compare the numbers of steps with the sequences' lengths": (
        [
            node("Less", "lengths lengths", "i2"),
            node("Unsqueeze", "i2 one", "m2"),
            *MEAN_WHERE_M2,
        ],
        0.0,
    ),
    "node 'the Less of i2', .*numbers of steps with": (
        [
            node("Add", "n one32", "n1"),
            node("Range", "one32 n1 one32", "later"),
            node("Unsqueeze", "later one", "column2"),
            node("Less", "column2 lengths", "i2"),
            node("Unsqueeze", "i2 two", "m2"),
            *MEAN_WHERE_M2,
        ],
        0.0,
    ),
    "node 'the Less of i2', .*sequences' lengths": (
        [
            node("Add", "lengths one32", "longer"),
            node("Less", "column longer", "i2"),
            node("Unsqueeze", "i2 two", "m2"),
            *MEAN_WHERE_M2,
        ],
        0.0,
    ),
    "node 'the Div of y', .*whole numbers and with something else": (
        [node("Relu", "m", "a"), node("Div", "a divisor", "y")], 0.0
    ),
    "node 'the Div of y', .*what a layer gives, or the model's input, but it is a total": (
        [node("Where", "mask m nothing", "z"), SUM, node("Div", "total half", "y")], 0.0
    ),
    "node 'the ReduceSum of total', .*frames that are 0 after a sequence's end": (
        [node("Where", "mask m nothing", "p"), node("Add", "p b", "z"), SUM, MEAN], 0.0
    ),
    "node 'the Div of d', .*no chain of layers": (
        [
            node("Where", "mask m nothing", "z"),
            SUM,
            node("Add", "m b", "q"),
            node("Div", "total divisor", "d"),
            node("Shape", "q", "all"),
            node("Slice", "all one three", "s"),
            node("Reshape", "d s", "y"),
        ],
        0.0,
    ),
    "node 'the Where of z', .*gives it more": (
        [node("Where", "mask m nothing", "z"), SUM, MEAN], np.zeros((1, 1, 1, 1))
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", NO_MEANS)
def test_a_sum_over_time_of_something_else_is_refused(why):
    made = with_a_mean_over_time(*NO_MEANS[why])
    runtime(made, x=example(), lengths=LENGTHS)
    with pytest.raises(InteropError, match=why):
        load(made)


@pytest.mark.parametrize("begins", ["h0", "expanded", "unsqueezed"])
def test_zeros_that_an_old_file_lists_among_its_inputs_are_weights_unless_a_layer_begins_with_them(begins):
    w, r, _ = weights(3)
    zeros = {"b": np.zeros((1, 6 * H), np.float32), "gb": np.zeros(2, np.float32), "mb": np.zeros(3, np.float32)}
    shapes = {"h0": (1, B, H), "expanded": (1, 1, H), "unsqueezed": (B, H)}
    zeros["h0"] = np.zeros(shapes[begins], np.float32)
    nodes = [
        node("Expand", "h0 states", "expanded"),
        node("Unsqueeze", "h0 axis", "unsqueezed"),
        helper.make_node("GRU", ["x", "w", "r", "b", "", begins], ["y0"], hidden_size=H),
        node("Squeeze", "y0 one", "y1"),
        node("MatMul", "y1 mw", "y2"),
        node("Add", "y2 mb", "y3"),
        node("Gather", "y3 last", "y4", axis=0),
        node("Gemm", "y4 gw gb", "y"),
    ]
    others = {"w": w, "r": r, "mw": example((H, 3)), "gw": example((3, 2)), "last": np.array(-1)}
    others |= {"one": np.array([1]), "states": np.array([1, B, H]), "axis": np.array([0])}
    made = model(nodes, {**others, **zeros})
    for tensor in made.graph.initializer:
        made.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    made.ir_version = 3
    net = check(made, "GRU Dense LastStep Dense")
    x, h0 = example(), example(zeros["h0"].shape)
    made.ir_version = 8  # from 4 on ONNX Runtime lets a run replace them
    expected, *_ = runtime(made, x=x, h0=h0)
    direction = None if begins == "unsqueezed" else 0
    assert net.metadata["onnx"]["initial_states"] == {"0.h": ("h0", direction)}
    run = net.run(x, initial_states={"0.h": np.broadcast_to(h0.reshape(-1, H), (B, H))})
    np.testing.assert_allclose(run.output, expected, atol=1e-5)


def test_what_an_old_file_gives_a_layer_to_begin_with_must_be_zero():
    made = model(
        [helper.make_node("GRU", ["x", "w", "r", "b", "", "h0"], ["y"], hidden_size=H, name="the GRU")],
        dict(zip("wrb", weights(3), strict=True)) | {"h0": example((1, B, H))},
        inputs=[("h0", onnx.TensorProto.FLOAT, (1, B, H))],
    )
    with pytest.raises(InteropError, match=r"node 'the GRU', .*initial_h must be 0"):
        load(made)


BEGINNINGS = {
    "the first step of x": (1, [node("Gather", "x first", "h0", axis=0)]),
    "the first step of x, twice": (2, [node("Gather", "x first", "f", axis=0), node("Concat", "f f", "h0", axis=0)]),
    "an input with exchanged axes": (2, [node("Transpose", "turned", "h0", perm=[1, 0, 2])]),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_layer_begins_with_an_input_as_it_is(name):
    (n_directions, beginning), (w, r, b) = BEGINNINGS[name], weights(3)
    direction = ("forward", "bidirectional")[n_directions - 1]
    nodes = [
        node("Relu", "x", "a"),
        node("GRU", "a w r b", "g", hidden_size=H),
        node("Squeeze", "g one", "s"),
        *beginning,
        helper.make_node(
            "GRU", ["s", "w2", "r2", "", "", "h0"], ["y"], hidden_size=I, direction=direction, name="the second"
        ),
    ]
    constants = {
        "w": w,
        "r": r,
        "b": b,
        "w2": example((n_directions, 3 * I, H)),
        "r2": example((n_directions, 3 * I, I)),
    }
    constants |= {"one": np.array([1]), "first": np.array([0])}
    made = model(nodes, constants, inputs=[("turned", onnx.TensorProto.FLOAT, ("B", 2, I))])
    runtime(made, x=example(), turned=example((B, 2, I)))
    with pytest.raises(InteropError, match=r"node 'the second', .*initial_h must be 0, or an input of the model"):
        load(made)


@pytest.mark.parametrize("outputs", [("first",), ("second",), ("first", "second")])
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_a_half_of_a_state_s_features_is_refused(outputs, direction):
    w, r, b = weights(4, 2 if direction == "bidirectional" else 1)
    nodes = [
        node("LSTM", "x w r b", "y h", hidden_size=H, direction=direction),
        node("Split", "h", "first second", axis=2),
    ]
    made = model(nodes, {"w": w, "r": r, "b": b}, outputs=("y", *outputs))
    with pytest.raises(
        InteropError, match=r"'the Split of first second', Split, .*a final state can be split in its directions"
    ):
        load(made)


@pytest.mark.parametrize("outputs", [("c", "h"), ("h", "c")])
def test_of_final_states_alone_the_hidden_one_is_the_output(outputs):
    w, r, b = weights(4)
    lstm = helper.make_node("LSTM", ["x", "w", "r", "b"], ["", "h", "c"], name="the layer", hidden_size=H)
    made = model([lstm], {"w": w, "r": r, "b": b}, outputs=outputs)
    net, x = load(made), example()
    found = dict(zip(outputs, runtime(made, x=x), strict=True))
    np.testing.assert_allclose(net.forward(x), found["h"][0], atol=1e-5)


def test_a_state_that_is_an_output_twice_is_the_network_s_once():
    w, r, b = weights(3)
    nodes = [node("GRU", "x w r b", "g h", hidden_size=H), node("Identity", "h", "again")]
    net = load(model(nodes, {"w": w, "r": r, "b": b}, outputs=("h", "again")))
    assert net.layers[1:] == (layers.LastStep(),)
    assert net.metadata["onnx"]["y"] == "h"
    assert net.metadata["onnx"]["final_states"] == {"again": ["0.h"]}


def test_two_outputs_are_refused():
    nodes = [node("Relu", "x", "y"), node("Identity", "y", "z")]
    with pytest.raises(InteropError, match="the model has several outputs, y, z: a network has one"):
        load(model(nodes, {}, outputs=("y", "z")))


def test_a_half_of_a_half_is_refused():
    w, r, b = weights(4)
    nodes = [
        node("LSTM", "x w r b", "y0", hidden_size=H),
        node("Squeeze", "y0 one", "s"),
        node("MatMul", "s mw", "m"),
        node("Gather", "m last", "p", axis=0),
        node("Split", "p", "a1 a2", axis=1),
        node("Split", "a1", "c1 c2", axis=1),
        node("Concat", "c1 a2", "y", axis=1),
    ]
    constants = {"w": w, "r": r, "b": b, "mw": example((H, 4)), "one": np.array([1]), "last": np.array(-1)}
    made = model(nodes, constants)
    runtime(made, x=example())
    with pytest.raises(InteropError, match=r"'the Split of c1 c2', Split, .*can be split in two halves"):
        load(made)


def test_examples_cannot_be_split():
    w, r, b = weights(3)
    nodes = [
        node("GRU", "x w r b", "g", hidden_size=H),
        node("Squeeze", "g one", "s"),
        node("Gather", "s last", "p", axis=0),
        node("Split", "p", "first second"),  # along axis 0
        node("Concat", "first second", "y", axis=1),
    ]
    constants = {"w": w, "r": r, "b": b, "one": np.array([1]), "last": np.array(-1)}
    with pytest.raises(InteropError, match=r"'the Split of first second', Split, .*the features of one step can be"):
        load(model(nodes, constants))


def test_the_directions_of_a_state_that_lie_side_by_side_are_its_halves():
    w, r, b = weights(4, 2)
    nodes = [
        node("LSTM", "x w r b", "y h", hidden_size=H, direction="bidirectional"),
        node("Transpose", "h", "t", perm=[1, 0, 2]),
        node("Reshape", "t shape", "s"),
        node("Split", "s", "first second", axis=1),
    ]
    made = model(nodes, {"w": w, "r": r, "b": b, "shape": np.array([0, -1])}, outputs=("y", "first", "second"))
    net, x = load(made), example()
    run, (_, *halves) = net.run(x), runtime(made, x=x)
    for name, half in zip(("first", "second"), halves, strict=True):
        (own,) = net.metadata["onnx"]["final_states"][name]
        np.testing.assert_allclose(run.final_states[own], half, atol=1e-5)


@pytest.mark.parametrize("sizes", ["", " sizes"])
def test_directions_of_a_state_that_are_taken_apart_can_be_put_together(sizes):
    w, r, b = weights(4, 2)
    nodes = [
        node("LSTM", "x w r b", "y0 h", hidden_size=H, direction="bidirectional"),
        node("Transpose", "h", "t", perm=[1, 0, 2]),
        node("Reshape", "t shape", "s"),
        node("Split", f"s{sizes}", "first second", axis=1),
        node("Concat", "first second", "both", axis=1),
        node("MatMul", "both mw", "y"),
    ]
    constants = {"w": w, "r": r, "b": b, "shape": np.array([0, -1]), "mw": example((2 * H, 3))}
    check(model(nodes, {**constants, "sizes": np.array([H, H])}), "LSTM LastStep Dense")
    if sizes:
        with pytest.raises(InteropError, match=r"two halves of 4 features can be taken, but the sizes are \[1, 3\]"):
            load(model(nodes, {**constants, "sizes": np.array([1, 3])}))


def test_a_function_of_a_state_is_no_state():
    w, r, b = weights(3)
    nodes = [node("GRU", "x w r b", "y0 h", hidden_size=H), node("Squeeze", "h one", "s"), node("Relu", "s", "y")]
    made = model(nodes, {"w": w, "r": r, "b": b, "one": np.array([0])}, outputs=("h", "y"))
    net, x = load(made), example()
    h, y = runtime(made, x=x)
    run = net.run(x)
    assert net.metadata["onnx"]["final_states"] == {"h": ["0.h"]}
    np.testing.assert_allclose(run.output, y, atol=1e-5)
    np.testing.assert_allclose(run.final_states["0.h"], h[0], atol=1e-5)


def with_a_computed_shape(order, direction="forward", joined="Mul"):
    """Return an LSTM whose axes of directions and features are joined as torch's newer exporter does it."""
    n_directions = 2 if direction == "bidirectional" else 1
    w, r, b = weights(4, n_directions)
    numbers = {f"n{k}": np.array([k]) for k in range(5)}
    nodes = [
        node("LSTM", "x w r b", "y0", hidden_size=H, direction=direction),
        node("Transpose", "y0", "y1", perm=[0, 2, 1, 3]),
        node("Shape", "y1", "sizes"),
        *(node("Slice", f"sizes n{k} n{k + 1}", letter) for k, letter in enumerate("TBDF")),
        node(joined, "D F", "DF"),
        node("Concat", order, "shape", axis=0),
        node("Reshape", "y1 shape", "y2", allowzero=1),
        node("Relu", "y2", "y"),
    ]
    return model(nodes, {"w": w, "r": r, "b": b, **numbers})


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_a_reshape_to_a_shape_that_is_computed_of_the_axes_is_followed(direction):
    check(with_a_computed_shape("T B DF", direction), "LSTM Activation")


@pytest.mark.parametrize("order", ["B T DF", "T DF B", "T B F", "T F B", "D T F"])
def test_a_reshape_to_a_shape_that_is_computed_otherwise_is_refused(order):
    with pytest.raises(InteropError, match=r"'the Reshape of y2', Reshape.*it makes the shape"):
        load(with_a_computed_shape(order, "bidirectional"))


def test_a_size_that_is_the_sum_of_two_is_not_their_product():
    with pytest.raises(InteropError, match=r"'the Reshape of y2', Reshape.*its shape must be in the file"):
        load(with_a_computed_shape("T B DF", joined="Add"))


@pytest.mark.parametrize(("step", "why"), [("two", ""), ("one", "it makes the shape"), ("zero", "step cannot be zero")])
def test_the_step_in_which_sizes_of_a_shape_are_picked_is_followed(step, why):
    w, r, b = weights(3)
    nodes = [
        node("GRU", "x w r b", "y0", hidden_size=H),
        node("Transpose", "y0", "y1", perm=[0, 2, 1, 3]),
        node("Shape", "y0", "sizes"),  # of which the first and the third are T and B
        node("Slice", f"sizes zero three zero {step}", "leading"),
        node("Concat", "leading rest", "shape", axis=0),
        node("Reshape", "y1 shape", "y2"),
        node("Relu", "y2", "y"),
    ]
    numbers = {"zero": np.array([0]), "one": np.array([1]), "two": np.array([2]), "three": np.array([3])}
    made = model(nodes, {"w": w, "r": r, "b": b, "rest": np.array([-1]), **numbers})
    if why:
        with pytest.raises(InteropError, match=why):
            load(made)
    else:
        check(made, "GRU Activation")


@pytest.mark.parametrize(("more", "is_taken"), [({}, True), ({"value_float": 1.0}, False)])
def test_a_node_may_hold_one_constant(more, is_taken):
    value = onnx.numpy_helper.from_array(example((I, 2)))
    made = model([node("Constant", "", "w", value=value, **more), node("MatMul", "x w", "y")], {})
    if is_taken:
        check(made, "Dense")
    else:
        with pytest.raises(InteropError, match=r"'the Constant of w', Constant, .*it must have one value"):
            load(made)


def test_weights_that_a_file_puts_together_of_parts_are_computed():
    w, r, b = weights(3)
    nodes = [
        node("Concat", "one_gate two_gates", "w", axis=1),
        node("GRU", "x w r b", "y0", hidden_size=H),
        node("Squeeze", "y0 one", "y1"),
        node("Relu", "y1", "y"),
    ]
    parts = {"one_gate": w[:, :H], "two_gates": w[:, H:]}
    check(model(nodes, {**parts, "r": r, "b": b, "one": np.array([1])}), "GRU Activation")


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div"])
def test_weights_that_a_file_computes_of_two_are_taken(operator):
    nodes = [node(operator, "v u", "w"), node("MatMul", "x w", "y")]
    check(model(nodes, {"v": example((I, 3)), "u": example((3,))}), "Dense")


@pytest.mark.parametrize(("n", "is_taken"), [(3, True), (4, False), (6000, False)])
def test_constants_that_a_small_file_blows_up_are_refused(n, is_taken, monkeypatch):
    """Bytes of a file may spell many more: here n to the power of two numbers."""
    if n < 5:
        monkeypatch.setattr(reading, "LARGEST", 9)
    column = {"across": np.ones((1, n), np.float32), "down": np.ones((n, 1), np.float32)}
    made = model([node("Add", "across down", "w"), node("MatMul", "x w", "y")], column, x=("T", "B", n))
    if is_taken:
        check(made, "Dense", x=example((T, B, n)))
    else:
        with pytest.raises(InteropError, match=r"'the Add of w', Add.*its result is too large"):
            load(made)


@pytest.mark.parametrize("shape", ["m", "with_rest"])
def test_a_reshape_to_a_shape_of_which_nothing_is_known_is_refused(shape):
    nodes = [
        node("Relu", "x", "a"),
        node("Add", "n n", "m"),
        node("Concat", "m rest", "with_rest", axis=0),
        node("Reshape", f"a {shape}", "y"),
    ]
    made = model(nodes, {"rest": np.array([I], np.int32)}, inputs=[("n", onnx.TensorProto.INT32, (3,))])
    with pytest.raises(InteropError, match=r"'the Reshape of y', Reshape.*its shape must be in the file"):
        load(made)


@pytest.mark.parametrize("index", [-1, 1])
def test_the_last_state_of_stacked_layers_as_pytorch_exports_it(index):
    (w, r, b), (w2, r2, b2) = weights(3), weights(3)
    nodes = [
        node("GRU", "x w r b", "g h", hidden_size=H),
        node("Squeeze", "g one", "s"),
        node("GRU", "s w2 r2 b2", "g2 h2", hidden_size=H),
        node("Concat", "h h2", "states", axis=0),
        node("Gather", "states index", "last", axis=0),
        node("Relu", "last", "y"),
    ]
    w2 = w2[:, :, :H]
    constants = {"w": w, "r": r, "b": b, "w2": w2, "r2": r2, "b2": b2, "one": np.array([1]), "index": np.array(index)}
    check(model(nodes, constants), "GRU GRU LastStep Activation")
    with pytest.raises(InteropError, match="no chain of layers"):
        load(model(nodes, {**constants, "index": np.array(0)}))


SLICES = [  # starts, ends, axes and steps
    ([[-1], [2**31 - 1], [0]], True),
    ([[-1], [2**31 - 1], [0], [1]], True),
    ([[-1], [1000], [0]], False),  # of more steps there is none
    ([[-1], [2**31 - 1], [0], [2]], False),
    ([[0, 0], [1, 1], [0, 1]], False),
    ([[0], [1]], False),
]


@pytest.mark.parametrize(("places", "is_taken"), SLICES)
def test_a_slice_that_is_one_step_is_picked(places, is_taken):
    names = [f"k{i}" for i in range(len(places))]
    w, r, b = weights(3)
    nodes = [
        node("GRU", "x w r b", "g", hidden_size=H),
        node("Slice", " ".join(["g", *names]), "s"),
        node("Squeeze", "s both", "y"),
    ]
    constants = {"w": w, "r": r, "b": b, "both": np.array([0, 1])}
    constants |= dict(zip(names, map(np.array, places), strict=True))
    if is_taken:
        check(model(nodes, constants), "GRU LastStep")
    else:
        with pytest.raises(InteropError, match=r"one step or direction can be picked|along which axis it goes"):
            load(model(nodes, constants))


def test_a_shape_of_sizes_up_to_one_that_is_computed_is_refused():
    nodes = [
        node("Shape", "x", "sizes"),
        node("Slice", "sizes zero one", "n"),
        node("Slice", "sizes zero n", "some"),
        node("Relu", "x", "a"),
        node("Reshape", "a some", "y"),
    ]
    with pytest.raises(InteropError, match=r"'the Reshape of y', .*its shape must be in the file"):
        load(model(nodes, {"zero": np.array([0]), "one": np.array([1])}))


def with_stacked_states(gather, *nodes):
    """Return two bidirectional layers, whose states lie one after the other, and what is picked of them."""
    (w, r, b), (w2, r2, _) = weights(3, 2), weights(3, 2)
    layer = {"hidden_size": H, "direction": "bidirectional"}
    states = [
        node("GRU", "x w r b", "g h", **layer),
        node("Transpose", "g", "t", perm=[0, 2, 1, 3]),
        node("Reshape", "t side", "s"),
        node("GRU", "s w2 r2", "g2 h2", **layer),
        node("Concat", "h h2", "states", axis=0),
        gather,
    ]
    constants = {"w": w, "r": r, "b": b, "w2": w2, "r2": r2, "side": np.array([0, 0, -1]), "third": np.array(2)}
    constants |= {"last": np.array(-1), "two": np.array([2, 3]), "far": np.array(4), "before": np.array(-5)}
    constants |= {"of_third": np.array([2]), "fourth": np.array([3]), "none": np.array(0)}
    return model([*states, *nodes], constants)


def test_the_last_states_of_both_directions_of_stacked_layers_as_pytorch_exports_them():
    others = [node("Gather", "states last", "l"), node("Concat", "f l", "both", axis=1), node("Relu", "both", "y")]
    check(with_stacked_states(node("Gather", "states third", "f"), *others), "GRU GRU LastStep Activation")


def test_states_that_are_picked_and_put_together_can_be_picked_again():
    others = [
        node("Gather", "states fourth", "l"),
        node("Concat", "f l", "again", axis=0),
        node("Gather", "again none", "a"),
        node("Gather", "again last", "c"),
        node("Concat", "a c", "both", axis=1),
        node("Relu", "both", "y"),
    ]
    check(with_stacked_states(node("Gather", "states of_third", "f"), *others), "GRU GRU LastStep Activation")


@pytest.mark.parametrize(("order", "axis"), [("f l", 0), ("l f", 1), ("f f", 1)])
def test_directions_that_are_put_together_otherwise_are_refused(order, axis):
    others = [node("Gather", "states last", "l"), node("Concat", order, "both", axis=axis), node("Relu", "both", "y")]
    with pytest.raises(InteropError, match=r"'the Concat of both', Concat, .*it puts branches together"):
        load(with_stacked_states(node("Gather", "states third", "f"), *others))


def test_the_states_of_one_layer_may_be_put_together_alone():
    w, r, b = weights(3)
    nodes = [
        node("GRU", "x w r b", "g h", hidden_size=H),
        node("Concat", "h", "states", axis=0),
        node("Gather", "states last", "l"),
        node("Relu", "l", "y"),
    ]
    check(model(nodes, {"w": w, "r": r, "b": b, "last": np.array(-1)}), "GRU LastStep Activation")


@pytest.mark.parametrize(("order", "is_taken"), [("zeros zeros", True), ("zeros ones", False), ("ones zeros", False)])
def test_states_to_begin_with_that_are_put_together_must_all_be_zero(order, is_taken):
    w, r, b = weights(3, 2)
    nodes = [
        node("ConstantOfShape", "dims", "zeros"),
        node("Concat", order, "h0", axis=0),
        helper.make_node("GRU", ["x", "w", "r", "b", "", "h0"], ["g"], direction="bidirectional", hidden_size=H),
        node("Transpose", "g", "t", perm=[0, 2, 1, 3]),
        node("Reshape", "t side", "y"),
    ]
    constants = {"w": w, "r": r, "b": b, "dims": np.array([1, B, H]), "ones": np.ones((1, B, H), np.float32)}
    made = model(nodes, {**constants, "side": np.array([0, 0, -1])})
    if is_taken:
        check(made, "GRU")
    else:
        with pytest.raises(InteropError, match="initial_h must be 0, or an input of the model"):
            load(made)


@pytest.mark.parametrize(
    ("index", "axis", "number"), [("two", 0, r"\[2, 3\]"), ("far", 0, "4"), ("before", 0, "-5"), ("last", 1, "-1")]
)
def test_what_is_no_state_of_those_that_lie_one_after_the_other_is_refused(index, axis, number):
    gather = node("Gather", f"states {index}", "f", axis=axis)
    with pytest.raises(InteropError, match=f"it picks number {number} along axis {axis} of 4 states side by side"):
        load(with_stacked_states(gather, node("Relu", "f", "y")))


def test_a_flatten_that_joins_examples_is_refused():
    nodes = [node("Relu", "x", "a"), node("Unsqueeze", "a axes", "u"), node("Flatten", "u", "y")]
    with pytest.raises(InteropError, match=r"'the Flatten of y', Flatten.*it makes a matrix"):
        load(model(nodes, {"axes": np.array([0])}, x=("B", I)))


@pytest.mark.parametrize("shape", [[5, 1, 1], [2, 1, 1, 1], [1, 1, 3]])
@pytest.mark.parametrize("place", ["layer", "output", "state"])
def test_frames_that_are_repeated_are_refused_where_they_arrive(shape, place):
    w, r, b = weights(3)
    last = {"layer": node("Relu", "e", "y"), "output": node("Identity", "e", "y"), "state": node("Identity", "e", "y")}
    source = "h0" if place == "state" else "y0"
    nodes = [
        node("GRU", "x w r b", "g h0", hidden_size=H),
        node("Squeeze", "g one", "y0"),
        node("Expand", f"{source} shape", "e"),
        last[place],
    ]
    made = model(nodes, {"w": w, "r": r, "b": b, "one": np.array([1]), "shape": np.array(shape)})
    with pytest.raises(InteropError, match=r"node 'the Expand of e', Expand, repeats what (node|the output)"):
        load(made)


def test_an_expand_that_repeats_nothing_changes_nothing():
    nodes = [node("MatMul", "x w", "a"), node("Expand", "a shape", "e"), node("Relu", "e", "y")]
    check(model(nodes, {"w": example((I, 2)), "shape": np.array([1, 1, 1])}), "Dense Activation")


@pytest.mark.parametrize(
    ("inputs", "options", "opset"), [("m", {}, 17), ("m r", {}, 17), ("m r no", {}, 17), ("m", {"ratio": 0.5}, 10)]
)
def test_dropout_that_is_not_in_training_changes_nothing(inputs, options, opset):
    nodes = [node("MatMul", "x w", "m"), node("Dropout", inputs, "y", **options)]
    constants = {"w": example((I, 2)), "r": np.float32(0.5), "no": np.array(False)}
    check(model(nodes, constants, opset=opset), "Dense")


NUMBERS, SYMBOLS = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


@pytest.mark.parametrize(
    ("kind", "to", "is_taken"),
    [
        (NUMBERS, onnx.TensorProto.FLOAT, True),
        (NUMBERS, onnx.TensorProto.DOUBLE, True),
        (NUMBERS, onnx.TensorProto.FLOAT16, False),
        (NUMBERS, onnx.TensorProto.INT64, False),
        (SYMBOLS, onnx.TensorProto.INT32, True),
        (SYMBOLS, onnx.TensorProto.INT64, True),
        (SYMBOLS, onnx.TensorProto.FLOAT, False),
    ],
)
def test_a_cast_that_keeps_numbers_numbers_and_symbols_symbols_changes_nothing(kind, to, is_taken):
    last = node("Gather", "table c", "y", axis=0) if kind == SYMBOLS else node("Relu", "c", "y")
    made = model([node("Cast", "x", "c", to=to), last], {"table": example((9, I))}, x=("T", "B"), kind=kind)
    if is_taken:
        assert len(load(made).layers) == 1
    else:
        with pytest.raises(InteropError, match=f"a cast of frames to the dtype number {to} is not supported"):
            load(made)


def test_the_length_of_one_sequence_is_not_that_of_all():
    w, r, b = weights(3)
    nodes = [
        node("Gather", "lengths first", "n"),
        helper.make_node("GRU", ["x", "w", "r", "b", "n"], ["y"], hidden_size=H, name="the GRU"),
    ]
    made = model(
        nodes, {"w": w, "r": r, "b": b, "first": np.array([0])}, inputs=[("lengths", onnx.TensorProto.INT32, ("B",))]
    )
    with pytest.raises(InteropError, match=r"node 'the GRU', GRU, .*its lengths must be an input of the model"):
        load(made)


def test_lengths_that_a_stride_has_not_divided_are_refused():
    w, r, b = weights(3)
    nodes = [
        node("Transpose", "x", "t", perm=[1, 2, 0]),
        node("Conv", "t cw", "c", strides=[2]),
        node("Transpose", "c", "s", perm=[2, 0, 1]),
        helper.make_node("GRU", ["s", "w", "r", "b", "lengths"], ["y"], hidden_size=H, name="the GRU"),
    ]
    constants = {"w": w, "r": r, "b": b, "cw": example((I, I, 1))}
    made = model(nodes, constants, inputs=[("lengths", onnx.TensorProto.INT32, ("B",))])
    with pytest.raises(InteropError, match=r"'the GRU', .*must be an input of the model, which strides divide"):
        load(made)


PAST_THE_END = {
    "Gather": ([node("Gather", "s minus1", "y", axis=0)], {"minus1": np.array(-1)}),
    "ReduceMean": ([node("ReduceMean", "s", "y", axes=[0], keepdims=0)], {}),
    "ReduceMax": ([node("ReduceMax", "s", "y", axes=[0], keepdims=0)], {}),
    "GlobalMaxPool": ([node("Transpose", "s", "t", perm=[1, 2, 0]), node("GlobalMaxPool", "t", "y")], {}),
    "Conv": (
        [
            node("Add", "s one", "a"),
            node("Transpose", "a", "t", perm=[1, 2, 0]),
            node("Conv", "t cw", "y", pads=[1, 1]),
        ],
        {"one": np.float32(1), "cw": example((3, H, 3))},
    ),
    "RNN": (
        [node("RNN", "s w2 r2", "y2", hidden_size=H, direction="reverse"), node("Squeeze", "y2 one", "y")],
        {"w2": example((1, H, H)), "r2": example((1, H, H)), "one": np.array([1])},
    ),
}


@pytest.mark.parametrize("name", PAST_THE_END)
@pytest.mark.parametrize("has_lengths", [True, False])
def test_what_looks_past_a_sequence_s_end_is_refused_where_sequences_have_lengths(name, has_lengths):
    (nodes, constants), (w, r, b) = PAST_THE_END[name], weights(3)
    inputs = ["x", "w", "r", "b"] + ["lengths"] * has_lengths
    before = [helper.make_node("GRU", inputs, ["g"], hidden_size=H, name="the GRU"), node("Squeeze", "g axis", "s")]
    made = model(
        [*before, *nodes],
        {"w": w, "r": r, "b": b, "axis": np.array([1]), **constants},
        inputs=[("lengths", onnx.TensorProto.INT32, ("B",))] * has_lengths,
    )
    if has_lengths:
        with pytest.raises(
            InteropError, match=rf"'the {name} of \w+', {name}, .*it looks at what lies after a sequence"
        ):
            load(made)
    else:
        assert load(made).layers[0] == layers.GRU(I, H, reset="before")


@pytest.mark.parametrize(("width", "added", "is_taken"), [(1, 0.5, True), (2, 0.5, False), (2, None, True)])
def test_a_convolution_looks_at_frames_after_a_sequence_only_if_they_are_zero(width, added, is_taken):
    w, r, b = weights(3)
    nodes = [
        helper.make_node("GRU", ["x", "w", "r", "b", "lengths"], ["g"], hidden_size=H),
        node("Squeeze", "g one", "s"),
        node("Add", "s added", "a"),
        node("Transpose", "s" if added is None else "a", "t", perm=[1, 2, 0]),
        node("Conv", "t cw", "y", pads=[0, width - 1]),
    ]
    made = model(
        nodes,
        {"w": w, "r": r, "b": b, "one": np.array([1]), "added": np.float32(added or 0), "cw": example((3, H, width))},
        inputs=[("lengths", onnx.TensorProto.INT32, ("B",))],
    )
    if is_taken:
        assert load(made).layers[-1] == layers.Conv1D(H, 3, width)
    else:
        with pytest.raises(InteropError, match="it looks at what lies after a sequence"):
            load(made)


@pytest.mark.parametrize(
    ("direction", "outputs", "is_taken"),
    [("forward", "y", True), ("forward", "y h", False), ("reverse", "y", False), ("bidirectional", "y", False)],
)
def test_a_layer_without_lengths_above_one_that_has_them_goes_forwards_and_has_no_final_state(
    direction, outputs, is_taken
):
    w, r, b = weights(3)
    n = 2 if direction == "bidirectional" else 1
    nodes = [
        helper.make_node("GRU", ["x", "w", "r", "b", "lengths"], ["g"], hidden_size=H),
        node("Squeeze", "g one", "s"),
        node("RNN", "s w2 r2", outputs, hidden_size=H, direction=direction),
    ]
    constants = {"w": w, "r": r, "b": b, "w2": example((n, H, H)), "r2": example((n, H, H)), "one": np.array([1])}
    made = model(nodes, constants, inputs=[("lengths", onnx.TensorProto.INT32, ("B",))], outputs=tuple(outputs.split()))
    if is_taken:
        assert len(load(made).layers) == 2
    else:
        with pytest.raises(InteropError, match=rf"'the RNN of {outputs}', .*it looks at what lies after a sequence"):
            load(made)


def test_a_layer_over_time_that_lies_elsewhere_is_refused():
    w, r, b = weights(3)
    nodes = [node("Conv", "x cw", "c"), node("GRU", "c w r b", "y", hidden_size=H)]
    made = model(nodes, {"w": w, "r": r, "b": b, "cw": example((I, I, 1))}, x=("B", I, "T"))
    with pytest.raises(InteropError, match=r"'the GRU of y', GRU, .*must have the axes t, b, f, but has b, f, t"):
        load(made)


@pytest.mark.parametrize(("stride", "is_taken"), [(1, True), (2, False)])
def test_the_number_of_steps_is_another_after_a_stride(stride, is_taken):
    nodes = [
        node("Relu", "x", "a"),
        node("Shape", "a", "sizes"),
        node("Conv", "a w", "c", strides=[stride]),
        node("Gather", "sizes zero", "nb"),
        node("Gather", "sizes two", "nt"),
        node("Concat", "nb any nt", "shape", axis=0),
        node("Reshape", "c shape", "y"),
    ]
    constants = {"w": example((3, I, 1)), "zero": np.array([0]), "two": np.array([2]), "any": np.array([-1])}
    made = model(nodes, constants, x=("B", I, "T"))
    if is_taken:
        turned = {"to_ours": lambda x: x.transpose(2, 0, 1), "from_ours": lambda y: y.transpose(1, 2, 0)}
        check(made, "Activation Conv1D", x=example((B, I, T)), **turned)
    else:
        with pytest.raises(InteropError, match=r"it makes the shape \['b', -1, 't'\] of axes b, f, t"):
            load(made)


def test_a_reshape_that_keeps_an_axis_of_one_element_changes_nothing():
    w, r, b = weights(3)
    nodes = [
        node("GRU", "x w r b", "g", hidden_size=H),
        node("Squeeze", "g one", "s"),
        node("Unsqueeze", "s one", "u"),
        node("Reshape", "u shape", "v"),
        node("Relu", "v", "y"),
    ]
    constants = {"w": w, "r": r, "b": b, "one": np.array([1]), "shape": np.array([0, 1, -1, H])}
    check(model(nodes, constants), "GRU Activation", from_ours=lambda y: y[:, None])


def test_a_convolution_then_a_global_pool():
    nodes = [
        node("Conv", "x w b", "a", pads=[1, 1], kernel_shape=[3]),
        node("LeakyRelu", "a", "a2", alpha=0.2),
        node("GlobalAveragePool", "a2", "p"),
        node("Flatten", "p", "f"),
        node("Gemm", "f gw", "y", alpha=0.5),
    ]
    made = model(nodes, {"w": example((5, I, 3)), "b": example((5,)), "gw": example((5, 2))}, x=("B", I, "T"))
    check(made, "Conv1D Activation MeanOverTime Dense", x=example((B, I, T)), to_ours=lambda x: x.transpose(2, 0, 1))


def test_the_axis_of_a_global_pool_stays():
    nodes = [node("Conv", "x w", "a"), node("GlobalMaxPool", "a", "p"), node("Squeeze", "p two", "y")]
    made = model(nodes, {"w": example((5, I, 1)), "two": np.array([2])}, x=("B", I, "T"))
    check(made, "Conv1D MaxOverTime", x=example((B, I, T)), to_ours=lambda x: x.transpose(2, 0, 1))


def test_symbols_the_mean_over_time_and_old_operators():
    """Of opset 11: axes are attributes."""
    affine = {"activations": ["Affine"], "activation_alpha": [0.5], "activation_beta": [0.1]}
    w, r, b = weights(1)
    nodes = [
        node("Gather", "table x", "e"),
        node("RNN", "e w r b", "y0", hidden_size=H, **affine),
        node("Squeeze", "y0", "y1", axes=[1]),
        node("ReduceMean", "y1", "y", axes=[0], keepdims=0),
    ]
    made = model(nodes, {"table": example((9, I)), "w": w, "r": r, "b": b}, x=("T", "B"), kind=7, opset=11)
    net = check(made, "Embedding Elman MeanOverTime", x=random.integers(9, size=(T, B)))
    assert net.layers[1].activation == "affine(0.5, 0.1)"


def test_every_attribute_of_an_lstm():
    w, r, b, p = weights(4, 2, peepholes=True)
    functions = ["HardSigmoid", "LeakyRelu", "ScaledTanh"]
    attributes = {
        "activations": functions * 2, "activation_alpha": [0.3, 0.2, 1.5] * 2, "activation_beta": [0.4, 0.7] * 2,
        "clip": 0.7, "input_forget": 1, "direction": "bidirectional", "hidden_size": H,
    }  # fmt: skip
    states = [(name, onnx.TensorProto.FLOAT, (2, "B", H)) for name in ("h0", "c0")]
    made = model(
        [helper.make_node("LSTM", ["x", "w", "r", "b", "n", "h0", "c0", "p"], ["y", "h", "c"], **attributes)],
        {"w": w, "r": r, "b": b, "p": p},
        inputs=[("n", onnx.TensorProto.INT32, ("B",)), *states],
        outputs=("y", "h", "c"),
    )
    x, n, h0, c0 = example(), np.array([6, 2, 4], np.int32), example((2, B, H)), example((2, B, H))
    y, h, c = runtime(made, x=x, n=n, h0=h0, c0=c0)
    net = load(made)
    assert net.layers[0].settings() | {"gradient": None} == layers.LSTM(
        I, H, bidirectional=True, peepholes=True, coupled=True, clip=0.7,
        activations=("hard_sigmoid(0.3, 0.4)", "leaky_relu(0.2)", "scaled_tanh(1.5, 0.7)"),
    ).settings() | {"gradient": None}  # fmt: skip
    initial = {"0.h": h0[0], "0.h_reverse": h0[1], "0.c": c0[0], "0.c_reverse": c0[1]}
    run = net.run(x, n, initial_states=initial)
    np.testing.assert_allclose(run.output, y.transpose(0, 2, 1, 3).reshape(T, B, -1), atol=1e-5)
    np.testing.assert_allclose(run.final_states["0.c_reverse"], c[1], atol=1e-5)
    np.testing.assert_allclose(run.final_states["0.h"], h[0], atol=1e-5)
    called = net.metadata["onnx"]
    assert called["lengths"] == "n"
    assert called["initial_states"]["0.c_reverse"] == ("c0", 1)
    assert called["final_states"] == {"h": ["0.h", "0.h_reverse"], "c": ["0.c", "0.c_reverse"]}


# -- what is refused ---------------------------------------------------------------------------------------------------

W, R, BIAS = weights(3)
GRU = {"w": W, "r": R, "b": BIAS}
MATRIX = {"w": example((I, I))}
REFUSED = {
    "the operator Erf is not supported": ([node("Erf", "x", "y")], {}),
    "transA=1": ([node("Gemm", "x w", "y", transA=1)], MATRIX),
    "sum of two branches": ([node("MatMul", "x w", "a"), node("Add", "a x", "y")], MATRIX),
    "no chain of layers": ([node("MatMul", "x w", "a"), node("MatMul", "x w", "b"), node("Add", "a b", "y")], MATRIX),
    "float16": ([node("MatMul", "x w", "y")], {"w": example((I, I)).astype(np.float16)}),
    "direction='reverse'": ([node("GRU", "x w r b", "y", hidden_size=H, direction="bidirectional")], GRU),
    "it must have 2 activations, but has 1": ([node("GRU", "x w r b", "y", hidden_size=H, activations=["Tanh"])], GRU),
    "'Cosine'": ([node("GRU", "x w r b", "y", hidden_size=H, activations=["Sigmoid", "Cosine"])], GRU),
    "group=2": ([node("Conv", "x w", "y", group=2)], {"w": example((I, I // 2, 1))}),
    r"lose no step: pads=\[1, 1\]": ([node("Conv", "x w", "y")], {"w": example((I, I, 3))}),
    "one axis": ([node("Conv", "x w", "y")], {"w": example((I, I, 3, 3))}),
    "approximate='tanh'": ([node("Gelu", "x", "y", approximate="tanh")], {}),
    "over the features": ([node("Softmax", "x", "y", axis=0)], {}),
    "it is in training mode": ([node("Dropout", "x r t", "y")], {"r": np.float32(0.5), "t": np.array(True)}),
    "initial_h must be 0": (
        [helper.make_node("GRU", ["x", "w", "r", "b", "", "h"], ["y"], name="the GRU", hidden_size=H)],
        {**GRU, "h": example((1, B, H))},
    ),
    "the output 'y' does not come out of a layer": ([node("Identity", "x", "y")], {}),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_has_no_counterpart_is_refused_and_named(why):
    nodes, constants = REFUSED[why]
    made = model(nodes, constants, opset=20)
    if why == "direction='reverse'":
        why = "direction='bidirectional' does not fit weights of 1 direction"
    with pytest.raises(InteropError, match=why):
        load(made)


def test_a_wrong_width_an_input_of_another_dtype_or_shape_and_weights_that_are_not_there_are_refused():
    with pytest.raises(InteropError, match="W is for 4 features, but 5 come in"):
        load(model([node("GRU", "x w r b", "y", hidden_size=H)], GRU, x=("T", "B", 5)))
    with pytest.raises(InteropError, match="'x' must be float32 or float64, but its dtype is float16"):
        load(model([node("Relu", "x", "y")], {}, kind=onnx.TensorProto.FLOAT16))
    computed = model([node("MatMul", "x v", "y")], {}, inputs=[("v", onnx.TensorProto.FLOAT, (I, 2))])
    with pytest.raises(InteropError, match=r"node 'the MatMul of y', MatMul.*the weight must be in the file"):
        load(computed)
    assert load(computed, constants={"v": example((I, 2))}).layers == (layers.Dense(I, 2),)
    with pytest.raises(InteropError, match="it has no input 'u'"):
        load(computed, constants={"u": example((I, 2))})
    foreign = model([helper.make_node("Mine", ["x"], ["y"], domain="mine")], {})
    foreign.opset_import.append(helper.make_opsetid("mine", 1))
    with pytest.raises(InteropError, match="its operator is one of 'mine'"):
        load(foreign)


def test_directions_with_different_functions_are_refused():
    w, r, b = weights(1, 2)
    nodes = [node("RNN", "x w r b", "y", direction="bidirectional", activations=["Tanh", "Relu"])]
    made = model(nodes, {"w": w, "r": r, "b": b})
    with pytest.raises(InteropError, match="its directions have different activations"):
        load(made)


def test_a_file_that_is_not_there_or_is_none_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no model file"):
        load(tmp_path / "nothing.onnx")
    (tmp_path / "empty.onnx").write_bytes(b"")
    (tmp_path / "text.onnx").write_text("hello")
    for name in ("empty.onnx", "text.onnx"):
        with pytest.raises(InteropError, match=name):
            load(tmp_path / name)
    with pytest.raises(TypeError, match="the model must be a path, bytes or an onnx"):
        load(42)


def test_a_damaged_file_gives_a_network_or_our_own_error():
    from rnnbp import Network
    from rnnbp.interop.onnx.exporting import to_model

    net = Network(
        [layers.Embedding(5, 3), layers.LSTM(3, 2, bidirectional=True), layers.Conv1D(4, 2, 3), layers.MeanOverTime()]
    )
    whole = to_model(net).SerializeToString()
    rng, outcomes = np.random.default_rng(0), {"read": 0, "refused": 0}
    for _ in range(400):
        damaged = bytearray(whole)
        for place in rng.integers(len(damaged), size=rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        if rng.random() < 0.2:
            damaged = damaged[: rng.integers(len(damaged))]
        try:
            load(bytes(damaged))
            outcomes["read"] += 1
        except InteropError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 20


def with_the_last_step_of_each(*, arranged=True, batch_dims=1, place=("Sub", "whole one")):
    """Return a GRU whose own last steps GatherND picks, as exporters write what takes lengths."""
    operator, operands = place
    w, r, b = weights(3)
    nodes = [
        helper.make_node("GRU", ["x", "w", "r", "b", "lengths"], ["g"], hidden_size=H),
        node("Squeeze", "g axis", "s"),
        node("Transpose", "s", "turned", perm=[1, 0, 2]),
        node("Cast", "lengths", "whole", to=7),
        node(operator, operands, "last"),
        node("Unsqueeze", "last axis", "place"),
        node("GatherND", f"{'turned' if arranged else 's'} place", "p", batch_dims=batch_dims),
        node("Relu", "p", "y"),
    ]
    constants = {"w": w, "r": r, "b": b, "axis": np.array([1]), "one": np.array(1), "two": np.array(2)}
    return model(nodes, constants, inputs=[("lengths", onnx.TensorProto.INT32, ("B",))])


def test_each_sequence_s_own_last_step_is_picked():
    made, x = with_the_last_step_of_each(), example()
    net = load(made)
    assert net.layers[1] == layers.LastStep()
    expected, *_ = runtime(made, x=x, lengths=LENGTHS)
    np.testing.assert_allclose(net.forward(x, LENGTHS), expected, atol=1e-5)


@pytest.mark.parametrize(
    "changed",
    [
        {"arranged": False},
        {"batch_dims": 0},
        {"place": ("Sub", "whole two")},
        {"place": ("Sub", "one whole")},
        {"place": ("Add", "whole one")},
        {"place": ("Identity", "whole")},
    ],
    ids=str,
)
def test_a_step_that_is_not_each_sequence_s_own_last_is_refused(changed):
    with pytest.raises(InteropError, match=r"it must pick the last step of sequences of axes b, t, f, at lengths - 1"):
        load(with_the_last_step_of_each(**changed))
