"""`rnnbp.jacobian`: the derivatives of every output by every parameter, against finite differences."""

import numpy as np
import pytest
from conformance import RECURRENT

from rnnbp import Network, jacobian, layers
from rnnbp.gradients import BPTT, FixedPoint

TEXT = BPTT(compiled=False)
RAGGED = (2, 3, 1)

STATIC = {
    "Dense": [layers.Dense(3, 2)],
    "MLP": [layers.Dense(3, 4), layers.Activation("tanh"), layers.LayerNorm(4), layers.Dense(4, 2)],
    "fixed point": [layers.Elman(3, 2, gradient=FixedPoint(1e-13))],
}
SEQUENCES = {
    "every step": [layers.GRU(3, 2, gradient=TEXT), layers.Dense(2, 2)],
    "both ways": [layers.Elman(3, 2, bidirectional=True, gradient=TEXT)],
    "last step": [layers.LSTM(3, 2, gradient=TEXT), layers.LastStep(), layers.Dense(2, 2)],
    "maximum": [layers.Dense(3, 2), layers.MaxOverTime()],
    "Jordan": [RECURRENT["Jordan, taught"](3, 2)],
    "compiled": [layers.GRU(3, 2), layers.Dense(2, 1)],
}


def network(stack, scale=0.3):
    net = Network(stack, dtype="float64")
    net.theta[:] = scale * np.random.default_rng(0).normal(size=net.theta.size)
    return net


def numerical(net, x, lengths=None):
    """Return the derivatives of the outputs by each parameter, by central differences of fourth order."""
    columns = []
    for unit in np.eye(net.theta.size):
        theta, column = net.theta.copy(), 0.0
        for steps, weight in ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12)):
            net.theta = theta + steps * 1e-4 * unit
            column = column + weight * net.forward(x, lengths).ravel()
        net.theta = theta
        columns.append(column / 1e-4)
    return np.array(columns).T


@pytest.mark.parametrize("stack", STATIC.values(), ids=STATIC)
def test_of_static_examples_it_is_that_of_finite_differences(stack):
    net, x = network(stack), np.random.default_rng(1).normal(size=(3, 3))
    computed = jacobian(net, x)
    assert computed.shape == (net.forward(x).size, net.theta.size)
    np.testing.assert_allclose(computed, numerical(net, x), rtol=0, atol=1e-9)


@pytest.mark.parametrize("stack", SEQUENCES.values(), ids=SEQUENCES)
def test_of_ragged_sequences_it_is_that_of_finite_differences(stack):
    net, x = network(stack), np.random.default_rng(1).normal(size=(4, 3, 3))
    computed = jacobian(net, x, RAGGED)
    assert computed.shape == (net.forward(x, RAGGED).size, net.theta.size)
    np.testing.assert_allclose(computed, numerical(net, x, RAGGED), rtol=0, atol=1e-9)


def test_of_symbols_it_is_that_of_finite_differences():
    net, x = network([layers.Embedding(4, 2), layers.Elman(2, 2, gradient=TEXT)]), np.array([[0, 3], [1, 1]])
    np.testing.assert_allclose(jacobian(net, x), numerical(net, x), rtol=0, atol=1e-9)


def test_rows_of_padding_are_zero():
    net, x = network(SEQUENCES["every step"]), np.ones((4, 3, 3))
    by_step = jacobian(net, x, RAGGED).reshape(4, 3, 2, -1)
    for i, length in enumerate(RAGGED):
        assert by_step[:length, i].any(axis=(1, 2)).all()
        assert not by_step[length:, i].any()


def test_a_list_of_sequences_is_read_like_padded_ones():
    net = network(SEQUENCES["last step"])
    sequences = [np.random.default_rng(i).normal(size=(n, 3)) for i, n in enumerate(RAGGED)]
    alone = [jacobian(net, [sequence]) for sequence in sequences]
    np.testing.assert_allclose(jacobian(net, sequences), np.concatenate(alone), rtol=0, atol=1e-15)


def test_times_a_gradient_of_the_output_it_is_what_the_backward_pass_gives():
    net, x = network(SEQUENCES["every step"]), np.random.default_rng(1).normal(size=(4, 3, 3))
    forward = net.run(x, RAGGED)
    d_output = np.random.default_rng(2).normal(size=forward.output.shape)
    expected = forward.backward(d_output).theta
    np.testing.assert_allclose(d_output.ravel() @ jacobian(net, x, RAGGED), expected, rtol=0, atol=1e-14)


def test_dropout_is_off():
    net = network([layers.Dense(3, 2), layers.Dropout(0.5)])
    plain = network(STATIC["Dense"])
    np.testing.assert_array_equal(jacobian(net, np.ones((1, 3))), jacobian(plain, np.ones((1, 3))))


def test_it_has_the_network_s_dtype():
    assert jacobian(Network(STATIC["MLP"], dtype="float32"), np.ones((1, 3))).dtype == np.float32


def test_an_input_that_does_not_fit_is_an_error():
    with pytest.raises(ValueError, match="expected 3 features, but the input has 2"):
        jacobian(network(STATIC["Dense"]), np.ones((1, 2)))
