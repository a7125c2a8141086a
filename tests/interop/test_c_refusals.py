"""What cannot be exported to C is named, before anything is written."""

import re

import numpy as np
import pytest
from networks_in_c import (
    Leaky,
    needs_compiler,
)

from rnnbp import Network, gradients, layers
from rnnbp.cells import Cell, Product, Stage
from rnnbp.interop import c

# -- what is refused ---------------------------------------------------------------------------------------------------


class Twice(layers.Dense):
    def forward(self, parameters, x, context):
        y, saved = super().forward(parameters, x, context)
        return 2 * y, saved


class Unknown(layers.Layer):
    def output_width(self, input_width):
        return input_width

    def forward(self, parameters, x, context):
        return x + 1, None

    def backward(self, parameters, gradients, dy, saved, context):
        return dy


def ranked(blocks, inputs):
    (z,) = blocks
    return (z,), (np.sort(z),)


class RankedCell(Cell):
    blocks, states = ("h",), ("h",)
    input = Product("input_weight", "x", into=("h",))
    stages = (Stage((), blocks=("h",), outputs=("h",), step=ranked, pullback=ranked, elementwise=False),)


class Ranked(Leaky):
    def make_cell(self):
        return RankedCell(self.n_inputs, self.n_hidden)


REFUSED = {
    "layer 1, LSTM(2, 3, bidirectional=True), cannot be exported to C: it runs backwards": [
        layers.Dense(2, 2),
        layers.LSTM(2, 3, bidirectional=True),
    ],
    "layer 0, GRU(2, 3, reverse=True), cannot be exported to C: it runs backwards": [layers.GRU(2, 3, reverse=True)],
    "layer 0, Conv1D(2, 3, 3), cannot be exported to C: it looks ahead: give it causal=True": [layers.Conv1D(2, 3, 3)],
    "layer 1, LastStep(bidirectional=True), cannot be exported to C: it runs backwards": [
        layers.Dense(2, 2),
        layers.LastStep(bidirectional=True),
    ],
    "layer 0, Elman(2, 3, gradient=FixedPoint()), cannot be exported to C: it looks for a state of rest": [
        layers.Elman(2, 3, gradient=gradients.FixedPoint())
    ],
    "layer 0, Twice(2, 3), cannot be exported to C: it has a `forward` of its own": [Twice(2, 3)],
    "layer 1, Unknown(), cannot be exported to C: it is of a class that C export does not know": [
        layers.Dense(2, 2),
        Unknown(),
    ],
    "layer 0, Ranked(2, 3), cannot be exported to C: it has a stage with elementwise=False, ranked": [Ranked(2, 3)],
    "the network must have a layer that says how many features it takes": [layers.Activation("tanh")],
}


@pytest.mark.parametrize(("message", "stack"), REFUSED.items(), ids=REFUSED)
def test_what_has_no_c_is_named_before_anything_is_written(message, stack, tmp_path):
    with pytest.raises(ValueError, match=re.escape(message)):
        c.export(Network(stack), tmp_path / "model.h")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["my-model.h", "2nd.h", "_m.h", "größe.h", "a b.h", "model.tar.h", ".h"])
def test_a_name_that_is_no_identifier_is_refused(name, tmp_path):
    message = f"the header's name must be an identifier of C, such as 'model.h', .*, but '{re.escape(name)}' was given"
    with pytest.raises(ValueError, match=message):
        c.export(Network([layers.Dense(2, 1)]), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_what_is_no_network_or_dtype_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"net must be a Network, or a fitted .* has one, but Dense was given"):
        c.export(layers.Dense(2, 1), tmp_path / "model.h")
    with pytest.raises(ValueError, match="dtype must be float32 or float64, but 'int8' was given"):
        c.export(Network([layers.Dense(2, 1)]), tmp_path / "model.h", dtype="int8")


def test_parameters_that_are_not_finite_are_refused(tmp_path):
    net = Network([layers.Dense(2, 1)], dtype="float64")
    net.theta[0] = 1e40
    with pytest.raises(ValueError, match=r"the parameters must be finite float32 numbers, but '0.weight' holds inf"):
        c.export(net, tmp_path / "model.h", dtype="float32")
    c.export(net, tmp_path / "model.h")


@needs_compiler
def test_sequences_that_do_not_fit_are_refused():
    net = Network([layers.Conv1D(2, 3, 1, stride=2, causal=True)])
    with pytest.raises(ValueError, match=r"must be arrays of shape \(T, F\), but one of shape \(2,\) was given"):
        c.verify(net, [np.zeros(2)])
    with pytest.raises(ValueError, match="the sequences must have at least one output, but they have none"):
        c.verify(net, [])
    with pytest.raises(RuntimeError, match="no-such-compiler does not run"):
        c.verify(net, [np.zeros((1, 2))], compiler="no-such-compiler")
    with pytest.raises(RuntimeError, match="fails"):
        c.verify(net, [np.zeros((1, 2))], flags=["-DMODEL_H"])
    with pytest.raises(RuntimeError, match="compile it without -ffast-math"):
        c.verify(net, [np.zeros((1, 2))], flags=["-ffast-math"])


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("quantize must be 'int8' or None, but 'int4' was given", {"quantize": "int4"}),
        ("calibration must be sequences where quantize is given", {"quantize": "int8"}),
        ("and None where it is not, but quantize=None and some were given", {"calibration": [np.zeros((3, 2))]}),
        ("dtype must be float32 with quantize='int8', but 'float64' was", {"quantize": "int8", "dtype": "float64"}),
        ("calibration must be sequences of at least one frame", {"quantize": "int8", "calibration": []}),
        (
            r"must be arrays of shape \(T, F\), but one of \(2,\) was",
            {"quantize": "int8", "calibration": [np.zeros(2)]},
        ),
        ("expected 2 features, but the input has 3", {"quantize": "int8", "calibration": [np.zeros((2, 3))]}),
    ],
)
def test_a_quantisation_that_cannot_be_is_refused(message, options, tmp_path):
    with pytest.raises(ValueError, match=message):
        c.export(Network([layers.Dense(2, 1)]), tmp_path / "model.h", **options)
    assert not list(tmp_path.iterdir())
