"""A chain of dense layers and activations computes what its layers, which are NumPy, compute one after the other."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rnnbp
from rnnbp import layers, threads
from rnnbp.activations import ACTIVATIONS
from rnnbp.layers import Context
from rnnbp.layers.chain import Chain
from rnnbp.workspace import Workspace

ELEMENTWISE = [name for name, function in ACTIVATIONS.items() if function.elementwise]


def in_numpy(net, x, dy):
    """Return output, gradient of theta and gradient of x, layer by layer."""
    gradient = np.empty_like(net.theta)
    views = net.by_layer(net.unflatten(gradient))
    workspaces, contexts, a, da = [Workspace() for _ in net.layers], [], x, dy
    for layer, own, workspace in zip(net.layers, net.views, workspaces, strict=True):
        contexts.append(Context(None, False, net.rng))
        a = layer.forward(own, a, workspace, contexts[-1])
    for k in reversed(range(len(net.layers))):
        da = net.layers[k].backward(net.views[k], views[k], da, workspaces[k], contexts[k])
    return a, gradient, da


def by_chain(net, x, dy):
    for garbage in (np.full((len(x) + 3, x.shape[1]), 7.0), x):  # what the last batch has left may not matter
        run = net.run(garbage)
        gradients = run.backward(dy if garbage is x else np.full_like(run.output, 9.0))
    return net.run(x).output, gradients.theta, gradients.x


def assert_alike(net, n_rows, *, tolerance, seed=0):
    assert [type(part.layer) for part in net.parts] == [Chain]
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, net.n_inputs)).astype(net.dtype)
    dy = rng.normal(size=(n_rows, net.n_outputs)).astype(net.dtype)
    for own, reference in zip(by_chain(net, x, dy), in_numpy(net, x, dy), strict=True):
        assert np.abs(reference).max() > 0
        np.testing.assert_allclose(own, reference, rtol=0, atol=tolerance * (1 + np.abs(reference).max()))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_activation_function(name):
    stack = [layers.Activation(name), layers.Dense(5, 19), layers.Activation(name), layers.Dense(19, 3)]
    assert_alike(rnnbp.Network(stack, dtype="float64"), 11, tolerance=1e-13)


def test_in_float32():
    stack = [layers.Dense(40, 33), layers.Activation("relu"), layers.Dense(33, 7)]
    assert_alike(rnnbp.Network(stack), 50, tolerance=1e-5)


WIDTHS = st.integers(1, 70)


@settings(max_examples=30, deadline=None)
@given(st.lists(WIDTHS, min_size=2, max_size=5), st.integers(1, 40))
def test_any_widths_and_any_number_of_rows(widths, n_rows):
    stack = []
    for n_inputs, n_outputs in pairwise(widths):
        stack += [layers.Dense(n_inputs, n_outputs), layers.Activation("tanh")]
    assert_alike(rnnbp.Network(stack, dtype="float64"), n_rows, tolerance=1e-12)


def test_threads_share_the_rows_and_change_nothing_but_rounding(monkeypatch):
    monkeypatch.setattr("rnnbp.threads.MIN_OPERATIONS", 1)
    monkeypatch.setattr(threads, "HEAD_START", 0)
    stack = [layers.Dense(5, 19), layers.Activation("tanh"), layers.Dense(19, 3)]
    for n_threads in (1, 2, 3, 8):
        with threads.limit(n_threads):
            assert_alike(rnnbp.Network(stack, dtype="float64"), 5, tolerance=1e-13)


def test_without_an_input_gradient_the_parameters_are_the_same():
    net = rnnbp.Network([layers.Activation("tanh"), layers.Dense(4, 3), layers.Dense(3, 2)], dtype="float64")
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    whole = net.run(x).pull(dy)
    part = net.run(x).pull(dy, input_gradient=False)
    assert part.x is None
    np.testing.assert_array_equal(part.theta, whole.theta)


def test_what_may_not_be_written_to_or_lies_otherwise_in_memory_is_taken_too():
    net = rnnbp.Network([layers.Dense(4, 3), layers.Activation("relu")], dtype="float64")
    x = np.random.default_rng(0).normal(size=(6, 4))
    frozen = x.copy()
    frozen.flags.writeable = False
    for other in (frozen, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(net.forward(other), net.forward(x))


def test_layers_that_only_look_like_links_stay_themselves():
    class Twice(layers.Dense):
        def forward(self, parameters, x, workspace, context):
            return 2.0 * super().forward(parameters, x, workspace, context)

    net = rnnbp.Network([layers.Dense(3, 4), Twice(4, 2), layers.Activation("softmax")], dtype="float64")
    assert [part.layer for part in net.parts][1:] == list(net.layers[1:])
    plain = rnnbp.Network([layers.Dense(3, 4), layers.Dense(4, 2)], dtype="float64")
    x = np.ones((2, 3))
    twice = 2.0 * plain.forward(x)
    expected = np.exp(twice) / np.exp(twice).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(net.forward(x), expected, rtol=1e-12)


def test_the_dense_layers_of_a_recurrent_network_are_chained_too():
    stack = [layers.Dense(3, 4), layers.GRU(4, 5), layers.Dense(5, 6), layers.Activation("relu"), layers.Dense(6, 2)]
    net = rnnbp.Network(stack)
    assert [(part.k, type(part.layer)) for part in net.parts] == [(0, Chain), (1, layers.GRU), (2, Chain)]
    assert set(net.run(np.zeros((2, 1, 3))).final_states) == {"1.h"}
