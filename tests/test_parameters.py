"""Parameters: one vector that never moves, and named views of it."""

import numpy as np
import pytest

from rnnbp.initializers import Glorot, Ones, Zeros
from rnnbp.parameters import Parameter, Parameters

DECLARED = (
    Parameter("0.weight", (2, 3), Glorot()),
    Parameter("0.bias", (3,), Zeros()),
    Parameter("1.gain", (4,), Ones()),
)


def make(dtype="float64"):
    parameters = Parameters(DECLARED, dtype)
    parameters.initialize(np.random.default_rng(0))
    return parameters


def test_views_lie_in_the_vector_in_the_order_of_declaration():
    parameters = make()
    parameters.theta[:] = np.arange(13)
    assert list(parameters) == ["0.weight", "0.bias", "1.gain"]
    np.testing.assert_array_equal(parameters["0.weight"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(parameters["0.bias"], [6, 7, 8])
    np.testing.assert_array_equal(parameters["1.gain"], [9, 10, 11, 12])


def test_writing_a_view_writes_the_vector():
    parameters = make()
    parameters["0.bias"][1] = 7.0
    assert parameters.theta[7] == 7.0


def test_initializing_again_writes_into_the_same_vector():
    parameters = make()
    theta, first = parameters.theta, parameters.theta.copy()
    parameters.initialize(np.random.default_rng(1))
    assert parameters.theta is theta
    assert (theta != first).any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_vector_has_the_dtype_asked_for(dtype):
    assert make(dtype).theta.dtype == dtype


def test_initial_values_are_the_initializers():
    parameters = make()
    np.testing.assert_array_equal(parameters["0.weight"], Glorot()((2, 3), np.random.default_rng(0), ("",)))
    np.testing.assert_array_equal(parameters["1.gain"], 1.0)


def test_another_vector_can_be_named_alike():
    gradient = np.arange(13.0)
    views = make().views_of(gradient)
    views["0.bias"][:] = -1
    np.testing.assert_array_equal(gradient[6:9], -1)


def test_a_vector_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"shape \(13,\), like theta, but its shape is \(12,\)"):
        make().views_of(np.zeros(12))


def test_matrices_decay_and_vectors_do_not():
    assert make().decayed.tolist() == [True] * 6 + [False] * 7


def test_an_element_belongs_to_a_name():
    parameters = make()
    assert [parameters.name_at(i) for i in (0, 5, 6, 8, 9, 12)] == [
        "0.weight",
        "0.weight",
        "0.bias",
        "0.bias",
        "1.gain",
        "1.gain",
    ]


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(KeyError, match=r"no parameter '0.weights': there are 0.weight, 0.bias, 1.gain"):
        make()["0.weights"]


def test_a_network_without_parameters_has_an_empty_vector():
    parameters = Parameters((), "float32")
    assert len(parameters) == parameters.theta.size == parameters.decayed.size == 0
