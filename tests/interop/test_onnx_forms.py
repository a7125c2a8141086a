"""Every way of arranging axes and picking steps that is taken over computes what ONNX Runtime does.

Each form is one operator between a recurrent layer, a dense layer or one of its steps, and an activation function,
which does not mind the order of axes, or softmax, which goes over the last one. A form is taken, or refused; what is
taken must compute the same for several numbers of steps and sequences, and a table says how many are. It is no form if
ONNX Runtime fails for some of them.
"""

import itertools

import numpy as np
import pytest
from onnx_models import H, I, example, model, node, onnxruntime, weights

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
        session = onnxruntime.InferenceSession(given.SerializeToString())
        batches = [example((*sizes, I)) for sizes in SIZES]
        try:
            expected = [session.run(None, {"x": x})[0] for x in batches]
        except onnxruntime.capi.onnxruntime_pybind11_state.Fail:
            continue
        assert all(agree(net.forward(x), y) for x, y in zip(batches, expected, strict=True)), form
        taken[form[0]] += 1
    assert list(taken.values()) == TAKEN[source, ending]
