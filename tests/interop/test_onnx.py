"""Networks as ONNX files: what ONNX Runtime computes, and what comes back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_networks import ELEMENTWISE, networks

import rnnbp
from rnnbp import Network, gradients, layers
from rnnbp.interop import InteropError
from rnnbp.interop.onnx import export, load
from rnnbp.interop.onnx.exporting import to_model

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
onnxruntime.set_default_logger_severity(3)

GATES = ["sigmoid", "hard_sigmoid(0.3, 0.4)"]
SQUASHING = ["tanh", "softsign", "scaled_tanh(1.5, 0.7)", "leaky_relu(0.2)", "elu(0.5)", "affine(0.5, 0.1)", "identity"]


def recurrent(draw, n_inputs, n_hidden, **options):
    options["clip"] = draw(st.sampled_from([None, 0.5]))
    kind = draw(st.sampled_from([layers.Elman, layers.LSTM, layers.GRU]))
    if kind is layers.Elman:
        function = draw(st.sampled_from([*SQUASHING, "relu", "thresholded_relu(0.2)"]))
        return layers.Elman(n_inputs, n_hidden, activation=function, **options)
    functions = [draw(st.sampled_from(GATES)), draw(st.sampled_from(SQUASHING[:3]))]
    if kind is layers.GRU:
        reset = draw(st.sampled_from(["after", "before"]))
        return layers.GRU(n_inputs, n_hidden, reset=reset, activations=functions, **options)
    functions.append(draw(st.sampled_from(SQUASHING[:3])))
    flags = {name: draw(st.booleans()) for name in ("peepholes", "coupled")}
    return layers.LSTM(n_inputs, n_hidden, activations=functions, **flags, **options)


def of_any_cell(draw, n_inputs, n_hidden, **options):
    if draw(st.booleans()):
        return recurrent(draw, n_inputs, n_hidden, **options)
    kind = draw(st.sampled_from([layers.Elman, layers.Jordan, layers.LSTM, layers.GRU]))
    if kind in (layers.Elman, layers.Jordan):
        return kind(n_inputs, n_hidden, activation=draw(st.sampled_from([*ELEMENTWISE, "softmax"])), **options)
    return kind(n_inputs, n_hidden, layer_norm=draw(st.booleans()), zoneout=0.2, **options)


class Doubled(layers.Dense):
    def forward(self, parameters, x, context):
        return super().forward(parameters, 2 * x, context)


cases = networks(recurrent=recurrent, activations=[*ELEMENTWISE, *SQUASHING])
cases_of_any_cell = networks(recurrent=of_any_cell, activations=[*ELEMENTWISE, *SQUASHING])


def computed(model, inputs):
    """Return the outputs of ONNX Runtime, by name."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return dict(zip([each.name for each in session.get_outputs()], session.run(None, inputs), strict=True))


def close(actual, expected, tolerance=1e-5):
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@given(cases_of_any_cell)
def test_onnx_runtime_computes_the_same_of_ragged_batches_with_states(case):
    model = to_model(case.net)
    onnx.checker.check_model(model, full_check=True)
    states = {f"initial_{name}": state for name, state in case.initial.items()}
    found = computed(model, {"x": case.x, "lengths": case.lengths.astype(np.int32), **states})
    assert found.keys() == {"y", *(f"final_{name}" for name in case.run.final_states)}
    case.close(found["y"], case.run.output, 1e-5)
    for name, state in case.run.final_states.items():
        case.close(found[f"final_{name}"], state, 1e-5)


@given(cases_of_any_cell)
def test_states_that_are_not_given_are_zero(case):
    found = computed(to_model(case.net), {"x": case.x, "lengths": case.lengths.astype(np.int32)})
    case.close(found["y"], case.net.forward(case.x, case.lengths), 1e-5)


@given(cases)
def test_a_network_comes_back_as_it_was(case):
    back = load(to_model(case.net))
    lengths = case.lengths
    given_names = {name: source for name, (source, _) in back.metadata["onnx"]["initial_states"].items()}
    assert given_names == {name: f"initial_{name}" for name in case.initial}
    assert len(back.theta) == len(case.net.theta)
    np.testing.assert_array_equal(back.theta, case.net.theta)
    close(back.run(case.x, lengths, initial_states=case.initial).output, case.run.output, 1e-6)


FUNCTIONS = dict.fromkeys([*ELEMENTWISE, *SQUASHING, *GATES, "thresholded_relu(0.2)", "softmax"])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_activation_leaves_and_comes_back(name):
    net = Network([layers.Dense(3, 4), layers.Activation(name)])
    x = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    close(computed(to_model(net), {"x": x})["y"], net.forward(x))
    close(load(to_model(net)).forward(x), net.forward(x), 1e-6)


CONVOLUTIONS = [
    {"width": 4, "dilation": 2},
    {"width": 3, "stride": 2},
    {"width": 4, "stride": 3, "causal": True},
    {"width": 3, "dilation": 3, "causal": True},
]


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("after", [[], [layers.MeanOverTime()], [layers.LSTM(2, 2)]], ids=str)
def test_a_convolution_leaves_with_the_lengths_that_it_makes(options, after):
    net = Network([layers.Dense(3, 3), layers.Conv1D(3, 2, **options), *after])
    x, lengths = np.random.default_rng(0).normal(size=(9, 3, 3)).astype(np.float32), np.array([9, 4, 1])
    found = computed(to_model(net), {"x": x, "lengths": lengths.astype(np.int32)})
    close(found["y"], net.forward(x, lengths))
    close(load(to_model(net)).forward(x, lengths), net.forward(x, lengths), 1e-6)


@pytest.mark.parametrize("direction", [{}, {"reverse": True}, {"bidirectional": True}], ids=str)
@pytest.mark.parametrize("pooling", [layers.LastStep, layers.MeanOverTime, layers.MaxOverTime])
def test_sequences_end_in_what_is_pooled_of_their_own_steps(direction, pooling):
    pool = pooling(**direction) if pooling is layers.LastStep else pooling()
    net = Network([layers.GRU(2, 3, **direction), pool, layers.Dense(6 if "bidirectional" in direction else 3, 2)])
    x, lengths = np.random.default_rng(0).normal(size=(5, 3, 2)).astype(np.float32), np.array([2, 5, 1])
    found = computed(to_model(net), {"x": x, "lengths": lengths.astype(np.int32)})
    close(found["y"], net.forward(x, lengths))
    assert load(to_model(net)).layers == net.layers


@pytest.mark.parametrize(
    ("stack", "x", "y"),
    [
        ([layers.Dense(3, 2)], ["batch", 3], ["batch", 2]),
        ([layers.Activation("relu")], ["batch", "features"], ["batch", "features"]),
        ([layers.Embedding(5, 4), layers.GRU(4, 2)], ["time", "batch"], ["steps", "batch", 2]),
        ([layers.GRU(3, 2), layers.LastStep()], ["time", "batch", 3], ["batch", 2]),
    ],
    ids=str,
)
def test_a_file_says_which_axes_go_in_and_come_out(stack, x, y):
    graph = to_model(Network(stack)).graph
    for described, axes in ((graph.input[0], x), (graph.output[0], y)):
        shape = described.type.tensor_type.shape.dim
        assert [each.dim_param or each.dim_value for each in shape] == axes


def test_a_static_network_takes_examples():
    net = Network([layers.Dense(3, 5), layers.Activation("gelu"), layers.LayerNorm(5), layers.Dense(5, 2)])
    x = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    found = computed(to_model(net), {"x": x})
    close(found["y"], net.forward(x))
    assert load(to_model(net)).layers == net.layers


def test_float64_is_kept_if_asked_and_computed_by_the_reference_evaluator():
    from onnx.reference import ReferenceEvaluator

    net = Network([layers.GRU(3, 4), layers.MeanOverTime(), layers.Dense(4, 2)], dtype="float64")
    x = np.random.default_rng(0).normal(size=(5, 2, 3))
    model = to_model(net, dtype="float64")
    lengths = np.array([5, 5], np.int32)
    del model.graph.input[2:]  # the evaluator gives inputs no default
    y, *_ = ReferenceEvaluator(model).run(None, {"x": x, "lengths": lengths})
    np.testing.assert_allclose(y, net.forward(x), atol=1e-12)
    assert load(model).dtype == np.float64
    assert load(to_model(net)).dtype == np.float32


def test_a_file_is_written_and_read(tmp_path):
    net = Network([layers.LSTM(3, 4), layers.Dense(4, 2)])
    export(net, tmp_path / "model.onnx")
    written = onnx.load_model(tmp_path / "model.onnx")
    assert ([each.version for each in written.opset_import], written.ir_version) == ([20], 9)
    back = load(tmp_path / "model.onnx")
    assert back.layers == net.layers
    assert back.metadata["onnx"]["final_states"] == {"final_0.h": ["0.h"], "final_0.c": ["0.c"]}
    assert load((tmp_path / "model.onnx").read_bytes()).layers == net.layers
    back.save(tmp_path / "model.rnnbp")
    assert rnnbp.Network.load(tmp_path / "model.rnnbp").layers == net.layers


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (Doubled(3, 3), "there is no operator for it"),
        (layers.Elman(3, 4, gradient=gradients.FixedPoint()), "looks for a state of rest"),
    ],
)
def test_a_layer_that_onnx_has_not_is_refused_by_name(layer, why, tmp_path):
    with pytest.raises(InteropError, match=rf"layer 1, {type(layer).__name__}\(.*cannot be written in ONNX.*{why}"):
        export(Network([layers.Dense(3, 3), layer]), tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_what_is_no_network_or_dtype_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"net must be a Network, or a fitted .* has one, but list was given"):
        export([], tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="dtype must be float32 or float64, but 'float16' was given"):
        export(Network([layers.Dense(3, 3)]), tmp_path / "model.onnx", dtype="float16")
