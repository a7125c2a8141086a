"""The backend that the ONNX standard's own tests ask for: inputs and outputs as the graph has them."""

import numpy as np
import pytest
from onnx_models import B, H, I, T, example, helper, model, node, onnx, runtime, weights

from rnnbp import Network, layers
from rnnbp.interop import InteropError
from rnnbp.interop.onnx import backend
from rnnbp.interop.onnx.exporting import to_model

LENGTHS = np.array([6, 2, 4], np.int32)


def with_inputs(operator, x, *shapes, **attributes):
    """Return a model of one operator whose parameters are inputs, and arrays for all of them."""
    names = [f"p{k}" for k in range(len(shapes))]
    made = model(
        [node(operator, " ".join(["x", *names]), "y", **attributes)],
        {},
        x=x,
        inputs=[(name, onnx.TensorProto.FLOAT, shape) for name, shape in zip(names, shapes, strict=True)],
    )
    return made, [example(x), *map(example, shapes)]


@pytest.mark.parametrize(
    ("made", "inputs"),
    [
        with_inputs("MatMul", (T, B, I), (I, 2)),
        with_inputs("Gemm", (B, I), (I, 2), (2,)),
        with_inputs("Conv", (B, I, T), (2, I, 3), (2,), pads=[1, 1]),
        with_inputs("RNN", (T, B, I), (1, H, I), (1, H, H), (1, 2 * H), hidden_size=H),
        with_inputs("GRU", (T, B, I), (1, 3 * H, I), (1, 3 * H, H), (1, 6 * H), hidden_size=H),
    ],
    ids=lambda given: given.graph.node[0].op_type if isinstance(given, onnx.ModelProto) else "",
)
def test_parameters_may_be_inputs_in_a_row_or_by_name(made, inputs):
    named = dict(zip([each.name for each in made.graph.input], inputs, strict=True))
    expected = runtime(made, **named)
    for given in (inputs, named):
        [y] = backend.run_model(made, given)
        np.testing.assert_allclose(y, expected[0], atol=1e-5)


@pytest.mark.parametrize("following", [[], [node("RNN", "e w r", "y", hidden_size=H)]], ids=["alone", "before an RNN"])
def test_symbols_come_in_as_they_are(following):
    nodes = [node("Gather", "table x", "e" if following else "y", axis=0), *following]
    w, r, _ = weights(1)
    made = model(nodes, {"table": example((9, I)), "w": w, "r": r}, x=("T", "B"), kind=onnx.TensorProto.INT64)
    x = np.arange(6).reshape(3, 2)
    [y] = backend.run_model(made, [x])
    np.testing.assert_allclose(y, runtime(made, x=x)[0], atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"bidirectional": True}], ids=str)
def test_states_may_be_given_and_are_zero_if_they_are_not(options):
    net = Network([layers.LSTM(I, H, **options)])
    made, x = to_model(net), example()
    states = {f"initial_{name}": example((B, H)) for name in net.run(x).final_states}
    for given in ({}, states):
        expected = runtime(made, x=x, lengths=LENGTHS, **given)
        for inputs in ([x, LENGTHS, *given.values()], {"x": x, "lengths": LENGTHS, **given}):
            for actual, wanted in zip(backend.run_model(made, inputs), expected, strict=True):
                assert actual.shape == wanted.shape
                np.testing.assert_allclose(actual, wanted, atol=1e-5)


@pytest.mark.parametrize("n_directions", [1, 2])
def test_states_of_all_directions_may_be_one_input(n_directions):
    w, r, b = weights(3, n_directions)
    direction = ("forward", "bidirectional")[n_directions - 1]
    nodes = [
        helper.make_node("GRU", ["x", "w", "r", "b", "", "h0"], ["y", "h"], hidden_size=H, direction=direction),
        node("Squeeze", "h zero", "squeezed") if n_directions == 1 else node("Identity", "h", "squeezed"),
    ]
    made = model(
        nodes,
        {"w": w, "r": r, "b": b, "zero": np.array([0])},
        inputs=[("h0", onnx.TensorProto.FLOAT, (n_directions, "B", H))],
        outputs=("y", "squeezed"),
    )
    x, h0 = example(), example((n_directions, B, H))
    for actual, wanted in zip(backend.run_model(made, [x, h0]), runtime(made, x=x, h0=h0), strict=True):
        assert actual.shape == wanted.shape
        np.testing.assert_allclose(actual, wanted, atol=1e-5)


def test_directions_that_lie_side_by_side_in_a_state_are_refused():
    w, r, b = weights(3, 2)
    nodes = [
        node("GRU", "x w r b", "y h", hidden_size=H, direction="bidirectional"),
        node("Transpose", "h", "t", perm=[1, 0, 2]),
        node("Reshape", "t shape", "s"),
    ]
    made = model(nodes, {"w": w, "r": r, "b": b, "shape": np.array([0, -1])}, outputs=("y", "s"))
    with pytest.raises(InteropError, match="the output has lost its axis d"):
        backend.run_model(made, [example()])


@pytest.mark.parametrize(("device", "is_there"), [("CPU", True), ("CPU:0", True), ("CUDA", False), ("CUDA:0", False)])
def test_it_runs_on_the_processor(device, is_there):
    assert backend.supports_device(device) == is_there
    assert backend.is_compatible(None, device) == is_there
