"""Every operator, way of arranging axes and of picking steps that is taken over computes what ONNX Runtime does.

Each form is one operator between a recurrent layer, a dense layer or one of its steps, and an activation function,
which does not mind the order of axes, or softmax, which goes over the last one. A form is taken, or refused; what is
taken must compute the same for several numbers of steps and sequences, and a table says how many are. It is no form if
ONNX Runtime fails for some of them.
"""

import itertools

import numpy as np
import pytest
from onnx_models import B, H, I, example, helper, model, node, onnx, onnxruntime, weights

from rnnbp import layers
from rnnbp.interop import InteropError
from rnnbp.interop.onnx import load

pytestmark = pytest.mark.filterwarnings("ignore:layer ., LastStep")  # picked where one direction has only begun
onnxruntime.set_default_logger_severity(4)  # it says more of what fails than anybody asks here
SIZES = ((6, 3), (5, 7))  # of steps and sequences: none is a number of features or directions

(W1, R1, B1), (W2, R2, B2) = weights(3), weights(4, 2)
CONSTANTS = {
    "w1": W1, "r1": R1, "b1": B1, "w2": W2, "r2": R2, "b2": B2, "mw": example((H, 4)), "mb": example((4,)),
    "one": np.array([1]), "last": np.array(-1),
}  # fmt: skip
ONE = [node("GRU", "x w1 r1 b1", "y0 h", hidden_size=H)]
TWO = [node("LSTM", "x w2 r2 b2", "y0 h", hidden_size=H, direction="bidirectional")]
FRAMES = [*ONE, node("Squeeze", "y0 one", "q"), node("MatMul", "q mw", "m"), node("Add", "m mb", "z")]
SOURCES = {  # nodes, the name of what is arranged, and how many axes it has
    "steps of one direction": (ONE, "y0", 4),
    "states of one direction": (ONE, "h", 3),
    "steps of two directions": (TWO, "y0", 4),
    "states of two directions": (TWO, "h", 3),
    "frames": (FRAMES, "z", 3),
    "a step": ([*FRAMES, node("Gather", "z last", "s", axis=0)], "s", 2),
}


def forms(rank):
    """Yield operators, their attributes and their constant inputs."""
    for perm in itertools.permutations(range(rank)):
        yield "Transpose", {"perm": perm}, ()
    yield "Transpose", {}, ()
    yield "Squeeze", {}, ()
    for axis in range(-rank - 1, rank + 1):
        yield "Squeeze", {}, ([axis],)
    for axis in range(-rank - 2, rank + 2):
        yield "Unsqueeze", {}, ([axis],)
    for axis in range(rank):
        for index in (-3, -2, -1, 0, 1, 2, [-1], [0], [0, 1]):
            yield "Gather", {"axis": axis}, (index,)
        for start, end in ((-1, 2**40), (-1, 0), (0, 1), (1, 2), (0, 2), (-2, -1), (-2, 2**40)):
            yield "Slice", {}, ([start], [end], [axis])
    for axis in range(rank + 1):
        yield "Flatten", {"axis": axis}, ()
    for shape in itertools.product((0, -1, 2, 4), repeat=2):
        yield "Reshape", {}, (shape,)
    for shape in itertools.product((0, -1, 2), repeat=3):
        yield "Reshape", {}, (shape,)
    for shape in ((0, 0, 0, 0), (0, 0, -1, 0), (0, 2, -1, 2), (0, 1, -1, 2), (-1, 1, 0, 2), (0, 0, 0, 2, 1), (0,)):
        yield "Reshape", {}, (shape,)


def made(source, form, ending):
    nodes, name, _ = SOURCES[source]
    operator, attributes, given = form
    constants = {f"k{i}": np.array(each) for i, each in enumerate(given)}
    options = {"axis": -1} if ending == "Softmax" else {}
    arranged = [node(operator, " ".join([name, *constants]), "p", **attributes), node(ending, "p", "y", **options)]
    return model([*nodes, *arranged], {**CONSTANTS, **constants})


def agree(ours, theirs):
    """Whether two arrays are the same but for the order of axes; two directions may have an axis in one of them."""
    theirs = theirs.squeeze()
    if theirs.size != ours.size:
        return False
    turned = (theirs.transpose(order) for order in itertools.permutations(range(theirs.ndim)))
    return any(np.allclose(each.reshape(ours.shape), ours, atol=1e-5) for each in turned)


KINDS = ("Transpose", "Squeeze", "Unsqueeze", "Gather", "Slice", "Flatten", "Reshape")
TAKEN = {
    ("steps of one direction", "Relu"): [25, 3, 10, 8, 4, 0, 5],
    ("steps of one direction", "Softmax"): [6, 3, 8, 8, 4, 0, 5],
    ("states of one direction", "Relu"): [7, 3, 8, 4, 2, 0, 8],
    ("states of one direction", "Softmax"): [2, 3, 6, 4, 2, 0, 8],
    ("steps of two directions", "Relu"): [25, 1, 10, 4, 2, 0, 3],
    ("steps of two directions", "Softmax"): [0, 0, 0, 0, 0, 0, 0],
    ("states of two directions", "Relu"): [7, 1, 8, 0, 0, 0, 12],
    ("states of two directions", "Softmax"): [0, 0, 0, 0, 0, 0, 0],
    ("frames", "Relu"): [7, 1, 8, 4, 2, 0, 4],
    ("frames", "Softmax"): [2, 1, 6, 4, 2, 0, 4],
    ("a step", "Relu"): [3, 1, 6, 0, 0, 1, 5],
    ("a step", "Softmax"): [1, 1, 4, 0, 0, 1, 5],
}


@pytest.mark.parametrize("ending", ["Relu", "Softmax"])
@pytest.mark.parametrize("source", SOURCES)
def test_what_is_taken_of_all_forms_computes_the_same(source, ending):
    taken = dict.fromkeys(KINDS, 0)
    for form in forms(SOURCES[source][2]):
        given = made(source, form, ending)
        try:
            net = load(given)
        except InteropError:
            continue
        batches = [example((*sizes, I)) for sizes in SIZES]
        try:
            session = onnxruntime.InferenceSession(given.SerializeToString())
            expected = [session.run(None, {"x": x})[0] for x in batches]
        except Exception:  # it is no form: ONNX Runtime has errors of its own, which differ between versions
            continue
        assert all(agree(net.forward(x), y) for x, y in zip(batches, expected, strict=True)), form
        taken[form[0]] += 1
    assert all(np.array(list(taken.values())) >= TAKEN[source, ending]), taken


# -- operators that are layers -----------------------------------------------------------------------------------------


def numbers(*shape):
    return example(shape)


def gru(**changed):
    """Return a GRU, some of whose weights or attributes are others."""
    constants = {"w": numbers(1, 3 * H, I), "r": numbers(1, 3 * H, H), "b": numbers(1, 6 * H)}
    held = {name: changed.pop(name, array) for name, array in constants.items()}
    return [node("GRU", "x w r b", "y", **changed)], held


def lstm(p):
    held = {"w": numbers(1, 4 * H, I), "r": numbers(1, 4 * H, H), "p": p}
    return [helper.make_node("LSTM", ["x", "w", "r", "", "", "", "", "p"], ["y"], hidden_size=H)], held


def one(operator, **constants):
    """Return one operator of x and constants; its attributes are among them, as what is no array."""
    held = {name: value for name, value in constants.items() if isinstance(value, np.ndarray)}
    attributes = {name: value for name, value in constants.items() if name not in held}
    return [node(operator, " ".join(["x", *held]), "y", **attributes)], held


def rnn(activation, **numbers_of_it):
    held = {"w": numbers(1, H, I), "r": numbers(1, H, H)}
    return [node("RNN", "x w r", "y", hidden_size=H, activations=[activation], **numbers_of_it)], held


STEPS, ROWS, WINDOWS, SYMBOLS = ("T", "B", I), ("B", I), ("B", I, "T"), ("T", "B")
FIT = "W and R do not fit 2 units of 3 gates"
REFUSED = [
    (gru(w=numbers(3 * H, I)), STEPS, "W and R must have three axes"),
    (gru(r=numbers(3 * H, H)), STEPS, "W and R must have three axes"),
    (gru(w=numbers(1, 3 * H, 0)), STEPS, "W and R must have three axes"),
    (gru(r=numbers(0, 3 * H, H)), STEPS, "W and R must have three axes"),
    (gru(w=numbers(1, 3 * H + 1, I)), STEPS, FIT),
    (gru(r=numbers(1, 3 * H + 1, H)), STEPS, FIT),
    (gru(r=numbers(2, 3 * H, H)), STEPS, FIT),
    (gru(**{name: np.repeat(array, 3, axis=0) for name, array in gru()[1].items()}), STEPS, FIT),
    (gru(hidden_size=H + 1), STEPS, "W and R do not fit 3 units of 3 gates"),
    (gru(b=numbers(1, 3 * H)), STEPS, r"B must be of shape \(1, 12\), but is of shape \(1, 6\)"),
    (gru(direction="sideways"), STEPS, "direction='sideways' does not fit weights of 1 direction"),
    (gru(layout=2, direction="bidirectional"), STEPS, "does not fit weights of 1 direction"),
    (lstm(numbers(1, 4 * H)), STEPS, r"P must be of shape \(1, 6\), but is of shape \(1, 8\)"),
    (gru(), ROWS, r"its input must have the axes t, b, f, but has x\.0, x\.1"),
    (one("MatMul", w=numbers(I)), STEPS, "its weight must be a matrix"),
    (one("MatMul", w=numbers(B, I, 2)), STEPS, "its weight must be a matrix"),
    (one("MatMul", w=numbers(I, 0)), STEPS, "its weight must be a matrix"),
    (one("MatMul", w=numbers(I + 1, 2)), STEPS, "its weight is for 5 features, but 4 come in"),
    (one("MatMul", w=np.ones((I, 2), int)), STEPS, "the weight must be float32 or float64, but its dtype is int64"),
    (one("Gemm", w=numbers(I, 2), b=numbers(3)), ROWS, "its bias must be 2 numbers along the last axis"),
    (one("Gemm", w=numbers(I, 2), b=numbers(2, 1)), ROWS, "its bias must be 2 numbers along the last axis"),
    (one("Gemm", w=numbers(I, 2), b=numbers(2).astype(float)), ROWS, "some parameters are float32 and others float64"),
    (one("Add", b=numbers(I)), STEPS, "a vector is added that is no bias of a layer before it"),
    (one("Mul", b=numbers(I)), STEPS, "a factor for each feature is supported within LayerNormalization only"),
    (one("Div", b=numbers(I)), STEPS, "it must divide by one number"),
    (one("Div", b=np.zeros(1, np.float32)), STEPS, "it must divide by one number"),
    (one("Div", b=np.ones(1, int)), STEPS, "it must divide by one number"),
    (one("PRelu", b=numbers(I)), STEPS, "a slope for each feature is not supported"),
    (one("LayerNormalization", g=numbers(I), axis=1), STEPS, "the last axis, but axis=1"),
    (one("LayerNormalization", g=numbers(I), axis=-2), STEPS, "the last axis, but axis=-2"),
    (one("Softmax", axis=1), STEPS, "the last axis, but axis=1"),
    (one("Softmax", axis=-2), STEPS, "the last axis, but axis=-2"),
    (one("Relu"), SYMBOLS, "it takes numbers, but symbols come in"),
    (one("MatMul", w=numbers(I, 2)), SYMBOLS, "it takes numbers, but symbols come in"),
    (one("PRelu", b=numbers(1)), SYMBOLS, "it takes numbers, but symbols come in"),
    (one("Gelu"), SYMBOLS, "it takes numbers, but symbols come in"),
    (gru(), SYMBOLS, "it takes numbers, but symbols come in"),
    (([node("Gather", "t x", "y")], {"t": numbers(9, 2, 2)}), SYMBOLS, "symbols and a matrix, but .* shape .9, 2, 2."),
    (([node("Gather", "t x", "y")], {"t": numbers(9, 2)}), STEPS, "symbols and a matrix, but .* shape .9, 2."),
    (([node("Gather", "t x", "y", axis=1)], {"t": numbers(9, 2)}), SYMBOLS, "a table's rows are supported, axis=0"),
    (one("ReduceMean"), STEPS, "it must go over time alone"),
    (one("ReduceMean", axes=[0, 1]), STEPS, "it must go over time alone"),
    (one("ReduceMean", axes=[0]), ROWS, "it must go over time alone"),
    (one("ReduceMean", axes=[3]), STEPS, "it must go over time, but .* it goes over 3"),
    (one("ReduceMean", axes=[-4]), STEPS, "it must go over time, but .* it goes over -4"),
    (one("ReduceSum", k=np.array([0])), STEPS, "frames that are 0 after a sequence's end"),
    (([node("Where", "c x k", "y")], {"c": np.array(True), "k": numbers(1)}), STEPS, "it must choose by whether"),
    (one("Conv", w=numbers(2, I, 3), auto_pad="SAME_LOWER"), WINDOWS, "auto_pad='SAME_LOWER' is not supported"),
    (one("Conv", w=numbers(2, I, 3), auto_pad="SAME_UPPER", strides=[2]), WINDOWS, "auto_pad='SAME_UPPER' is not"),
    (one("Conv", w=numbers(2, I, 4), auto_pad="SAME_UPPER", dilations=[2]), WINDOWS, "auto_pad='SAME_UPPER' is not"),
    (one("Conv", w=numbers(2, I, 3), auto_pad="VALID"), WINDOWS, "it must lose no step"),
    (one("Conv", w=numbers(2, I, 3), pads=[0, 2]), WINDOWS, "it must lose no step"),
    (one("Conv", w=numbers(2, I, 3), pads=[2, 2]), WINDOWS, "it must lose no step"),
    (one("Conv", w=numbers(2, 0, 3)), WINDOWS, "it must go over one axis"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "x", "why"), REFUSED, ids=[f"{form[0][0].op_type}: {why}" for form, _, why in REFUSED]
)
def test_an_operator_that_is_no_layer_is_refused(form, x, why):
    nodes, constants = form
    kind = onnx.TensorProto.INT64 if x is SYMBOLS else onnx.TensorProto.FLOAT
    with pytest.raises(InteropError, match=why):
        load(model(nodes, constants, x=x, kind=kind, opset=20 if nodes[0].op_type == "Gelu" else 17))


TAKEN_AS = [
    (gru(hidden_size=H), STEPS, layers.GRU(I, H, reset="before")),
    (gru(hidden_size=H, direction="reverse"), STEPS, layers.GRU(I, H, reset="before", reverse=True)),
    (gru(hidden_size=H, clip=0.5), STEPS, layers.GRU(I, H, reset="before", clip=0.5)),
    (lstm(numbers(1, 3 * H)), STEPS, layers.LSTM(I, H, peepholes=True)),
    (one("MatMul", w=numbers(I, 2)), STEPS, layers.Dense(I, 2)),
    (one("Gemm", w=numbers(I, 2), b=numbers(2), alpha=0.5, beta=3.0), ROWS, layers.Dense(I, 2)),
    (one("Gemm", w=numbers(2, I), b=numbers(2), transB=1), ROWS, layers.Dense(I, 2)),
    (one("Add", b=np.float32([0.5])), STEPS, layers.Activation("affine(1.0, 0.5)")),
    (one("Mul", b=np.float32([0.5])), STEPS, layers.Activation("affine(0.5, 0.0)")),
    (one("Div", b=np.float32([4.0])), STEPS, layers.Activation("affine(0.25, 0.0)")),
    (one("PRelu", b=np.float32([0.25])), STEPS, layers.Activation("leaky_relu(0.25)")),
    (one("LayerNormalization", g=numbers(I)), STEPS, layers.LayerNorm(I, epsilon=1e-5)),
    (one("LayerNormalization", g=numbers(I), axis=2, epsilon=0.125), STEPS, layers.LayerNorm(I, epsilon=0.125)),
    (rnn("Affine", activation_alpha=[0.5]), STEPS, layers.Elman(I, H, activation="affine(0.5, 0.0)")),
    (rnn("LeakyRelu"), STEPS, layers.Elman(I, H, activation="leaky_relu")),
    (rnn("HardSigmoid"), STEPS, layers.Elman(I, H, activation="hard_sigmoid(0.2, 0.5)")),
    (rnn("Elu"), STEPS, layers.Elman(I, H, activation="elu")),
    (one("LeakyRelu"), STEPS, layers.Activation("leaky_relu")),
    (one("ThresholdedRelu"), STEPS, layers.Activation("thresholded_relu(1.0)")),
    (one("HardSigmoid"), STEPS, layers.Activation("hard_sigmoid(0.2, 0.5)")),
    (one("Elu"), STEPS, layers.Activation("elu")),
    (one("Softmax"), STEPS, layers.Activation("softmax")),
    (one("Softmax", axis=2), STEPS, layers.Activation("softmax")),
    (one("ReduceMean", axes=[0], keepdims=0), STEPS, layers.MeanOverTime()),
    (one("ReduceMax", axes=[-3]), STEPS, layers.MaxOverTime()),
    (one("Conv", w=numbers(2, I, 1)), WINDOWS, layers.Conv1D(I, 2, 1)),
    (one("Conv", w=numbers(2, I, 1), b=numbers(2), auto_pad="VALID"), WINDOWS, layers.Conv1D(I, 2, 1)),
    (one("Conv", w=numbers(2, I, 3), auto_pad="SAME_UPPER"), WINDOWS, layers.Conv1D(I, 2, 3)),
    (one("Conv", w=numbers(2, I, 2), auto_pad="SAME_UPPER", dilations=[1]), WINDOWS, layers.Conv1D(I, 2, 2)),
    (one("Conv", w=numbers(2, I, 3), pads=[2, 2], dilations=[2]), WINDOWS, layers.Conv1D(I, 2, 3, dilation=2)),
    (one("Conv", w=numbers(2, I, 3), pads=[2, 0]), WINDOWS, layers.Conv1D(I, 2, 3, causal=True)),
    (one("Conv", w=numbers(2, I, 2), pads=[1, 0]), WINDOWS, layers.Conv1D(I, 2, 2, causal=True)),
    (one("Conv", w=numbers(2, I, 3), pads=[4, 0], strides=[2], dilations=[2]), WINDOWS,
     layers.Conv1D(I, 2, 3, stride=2, dilation=2, causal=True)),
]  # fmt: skip


@pytest.mark.parametrize(("form", "x", "layer"), TAKEN_AS, ids=[repr(layer) for _, _, layer in TAKEN_AS])
def test_an_operator_is_taken_as_a_layer(form, x, layer):
    given = model(*form, x=x)
    net = load(given)
    assert net.layers == (layer,)
    frames = example(tuple({"T": 6, "B": 3}.get(n, n) for n in x))
    session = onnxruntime.InferenceSession(given.SerializeToString())
    [expected] = session.run(None, {"x": frames})
    assert agree(net.forward(frames.transpose(2, 0, 1) if x is WINDOWS else frames), expected)


@pytest.mark.parametrize(("opset", "x", "is_taken"), [(13, STEPS, True), (12, ROWS, True), (12, STEPS, False)])
def test_the_axis_of_a_softmax_that_names_none_is_that_of_its_version(opset, x, is_taken):
    made = model([node("Softmax", "x", "y")], {}, x=x, opset=opset)
    if is_taken:
        assert load(made).layers == (layers.Activation("softmax"),)
    else:
        with pytest.raises(InteropError, match="it must go over the features, the last axis, but axis=1"):
            load(made)


@pytest.mark.parametrize(
    ("given", "activation"),
    [
        (rnn("Affine", activation_beta=[0.5]), "affine(1.0, 0.5)"),
        (rnn("ScaledTanh", activation_alpha=[1.5]), "scaled_tanh(1.5, 1.0)"),
        (rnn("ScaledTanh", activation_beta=[1.5]), "scaled_tanh(1.0, 1.5)"),
    ],
    ids=["alpha of Affine", "beta of ScaledTanh", "alpha of ScaledTanh"],
)
def test_numbers_of_a_function_that_are_left_out_change_nothing(given, activation):
    """ONNX Runtime takes 0 for them, and so gives nothing but 0."""
    assert load(model(*given)).layers == (layers.Elman(I, H, activation=activation),)
