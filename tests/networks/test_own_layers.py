"""A layer, a loss or a cell of one's own that breaks the rules is refused by name, before anything is made of it.

Compiled layers that follow read as many numbers as a layer has declared, so what it returns must be that.
"""

import numpy as np
import pytest

from rnnbp import fit, layers, losses, optimizers
from rnnbp.cells import ElmanCell
from rnnbp.losses import Loss
from rnnbp.networks.network import Network
from rnnbp.parameters import Parameter

X = np.random.default_rng(0).normal(size=(6, 3))
TARGET = np.arange(6) % 2


class Own(layers.Layer):
    """y = x w, or what it is told to return."""

    def __init__(self, output=None, dx=None, write="in place"):
        self.output, self.dx, self.write = output, dx, write

    def parameters(self):
        return (Parameter("w", (3,), lambda shape, rng, blocks: np.ones(shape)),)

    def output_width(self, input_width):
        return input_width

    def forward(self, parameters, x, context):
        return x * parameters["w"] if self.output is None else self.output(x), x

    def backward(self, parameters, gradients, dy, saved, context):
        if self.write == "in place":
            gradients["w"][...] = (dy * saved).sum(axis=0)
        elif self.write == "another":
            gradients["w"] = (dy * saved).sum(axis=0)
        elif self.write == "added":
            gradients["w"] += (dy * saved).sum(axis=0)
        return dy * parameters["w"] if self.dx is None else self.dx(dy)


def between(**options):
    """Return a network in which compiled layers stand around it."""
    return Network([layers.Dense(3, 3), Own(**options), layers.Dense(3, 2)])


def learn(net, loss=None, **options):
    return net.loss_and_gradient(X, TARGET, loss or losses.CrossEntropy(), **options)


def test_one_that_keeps_the_rules_is_trained():
    net, expected = between(), Network([layers.Dense(3, 3), layers.Dense(3, 2)])
    for name in ("weight", "bias"):
        net.parameters[f"2.{name}"][...] = expected.parameters[f"1.{name}"]
    value, gradient = learn(net)
    assert value == pytest.approx(learn(expected)[0], rel=1e-6)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("output", "shape"),
    [
        (lambda x: x[:, :1], r"\(6, 1\)"),
        (lambda x: x[:5], r"\(5, 3\)"),
        (lambda x: x[0], r"\(3,\)"),
        (lambda x: 3.0, r"\(\)"),
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_an_output_of_another_shape_is_refused(output, shape, last):
    net = Network([layers.Dense(3, 3), Own(output=output)]) if last else between(output=output)
    with pytest.raises(ValueError, match=rf"layer 1, .*the output must be of shape \(6, 3\).*its shape is {shape}"):
        net.forward(X)


@pytest.mark.parametrize("returned", [X, (X, None, None), (X,)], ids=["array", "three", "one"])
def test_what_is_no_output_with_what_backward_needs_is_refused(returned, monkeypatch):
    monkeypatch.setattr(Own, "forward", lambda *given: returned)
    kind = type(returned).__name__
    with pytest.raises(TypeError, match=rf"forward must return its output and what backward needs .*but {kind} was"):
        between().forward(X)


def test_of_sequences_it_has_a_row_for_each_frame():
    net = Network([layers.GRU(3, 3), Own(output=lambda x: x[:-1]), layers.MeanOverTime(), layers.Dense(3, 2)])
    with pytest.raises(ValueError, match=r"layer 1, .*must be of shape \(7, 3\)"):
        net.forward([X[:4], X[:3]])


@pytest.mark.parametrize("dx", [lambda dy: dy[:, :1], lambda dy: dy[:-1], lambda dy: dy[0]])
def test_a_gradient_of_the_input_of_another_shape_is_refused(dx):
    with pytest.raises(ValueError, match=r"layer 1, .*dL/dx must be of the input's shape, \(6, 3\)"):
        learn(between(dx=dx))


def test_a_gradient_of_the_input_that_is_missing_is_refused():
    with pytest.raises(TypeError, match=r"layer 1, .*backward must return dL/dx, but None was returned"):
        learn(between(dx=lambda dy: None))
    first = Network([Own(dx=lambda dy: None), layers.Dense(3, 2)])
    assert np.isfinite(learn(first)[1]).all(), "nobody asks the first layer for it"


def test_another_array_cannot_take_the_place_of_a_gradient():
    with pytest.raises(TypeError, match=r"as in gradients\['w'\]\[\.\.\.\] = dw, but another array"):
        learn(between(write="another"))


@pytest.mark.parametrize("write", ["added", "nothing"])
def test_a_gradient_that_is_not_written_is_never_a_number(write):
    """Its memory has held other numbers before; training says which parameter it is."""
    net = between(write=write)
    _, gradient = learn(net)
    named = net.unflatten(gradient)
    assert np.isnan(named["1.w"]).all()
    assert np.isfinite(named["0.weight"]).all()
    with pytest.raises(ArithmeticError, match=r"the gradient of '1.w'"):
        fit(net, X, TARGET, loss="cross_entropy", optimizer=optimizers.SGD(0.1), max_epochs=1, progress=False)


class Wrong(Loss):
    """A loss whose gradient has lost its columns."""

    def value_and_gradient(self, output, target, weight=None):
        return 0.0, np.zeros(len(output), output.dtype)


def test_a_loss_whose_gradient_has_another_shape_is_refused():
    net = Network([layers.Dense(3, 2)])
    with pytest.raises(ValueError, match=r"Wrong\(\): the gradient must be of the output's shape, \(6, 2\)"):
        net.loss_and_gradient(X, np.zeros((6, 2)), Wrong())
    with pytest.raises(ValueError, match=r"dL/d\(output\) must be of shape \(6, 2\)"):
        net.run(X).backward_rows(np.zeros((6, 1), "float32"))


class Forgetful(Own):
    """One that keeps an argument under another name."""

    def __init__(self, factor):
        super().__init__()
        self.by = factor


def test_an_argument_that_is_not_kept_is_refused_before_a_network_is_made_of_it():
    with pytest.raises(TypeError, match=r"Forgetful must keep the argument 'factor'.*self\.factor = factor"):
        Network([layers.Dense(3, 3), Forgetful(2.0)])


def test_a_cell_in_the_place_of_a_layer_is_told_how_to_become_one():
    with pytest.raises(TypeError, match=r"derive a layer from rnnbp\.layers\.Recurrent"):
        Network([ElmanCell(3, 4)])
