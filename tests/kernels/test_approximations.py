"""The arithmetic that stands for transcendental functions, run in NumPy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special

from rnnbp.activations import ACTIVATIONS
from rnnbp.cells import gru
from rnnbp.kernels import elementwise
from rnnbp.kernels.approximations import expand
from rnnbp.kernels.trace import trace

MACHINE = {
    *("input", "constant", "add", "sub", "mul", "div", "neg", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"),
    *("where", "absolute", "maximum", "minimum", "sqrt", "round", "power_of_two", "mantissa", "exponent"),
}
DTYPES = ("float32", "float64")
# the exact function, an interval, and whether the error is relative to it
FUNCTIONS = {
    "exp": (np.exp, -80.0, 80.0, True),
    "expm1": (np.expm1, -80.0, 80.0, True),
    "log1p": (np.log1p, -0.9, 80.0, True),
    "tanh": (np.tanh, -20.0, 20.0, False),
    "erf": (special.erf, -7.0, 7.0, False),
}
BOUNDS = {("float32", "erf"): 2e-7, ("float64", "erf"): 2e-16, "float32": 4e-7, "float64": 4e-16}


def approximated(function, dtype, x):
    graph = expand(trace(function, (None,), (None,)), dtype)
    with np.errstate(all="ignore"):
        return graph.run(np.asarray(x, dtype))[0]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_only_machine_operations_are_left(name, dtype):
    graph = expand(trace(getattr(elementwise, name), (None,), (None,)), dtype)
    assert {node.op for node in graph.order} <= MACHINE


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_error_is_what_the_text_says(name, dtype):
    exact, low, high, relative = FUNCTIONS[name]
    x = np.concatenate([np.linspace(low, high, 200_001), np.linspace(max(low, -1.2), min(high, 1.2), 50_001)])
    x = x.astype(dtype)
    value = approximated(getattr(elementwise, name), dtype, x)
    expected = exact(x if name == "erf" and dtype == "float64" else x.astype(np.longdouble if name != "erf" else float))
    error = np.abs(value - expected)
    if relative:
        error = error / np.where(expected == 0.0, 1.0, np.abs(expected))
    assert value.dtype == dtype
    assert error.max() < BOUNDS.get((dtype, name), BOUNDS[dtype])


@pytest.mark.parametrize("name", ["expm1", "log1p", "tanh", "erf"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_small_arguments_keep_their_digits(name, dtype):
    x = np.logspace(-30, -1, 1000).astype(dtype)
    value = approximated(getattr(elementwise, name), dtype, x)
    assert_allclose(value, FUNCTIONS[name][0](x.astype("float64")), rtol=BOUNDS[dtype] * 1.1, atol=0.0)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_goes_in_and_comes_out(name, dtype):
    assert np.isnan(approximated(getattr(elementwise, name), dtype, [np.nan])).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "limits"), [("exp", (0, np.inf)), ("expm1", (-1, np.inf)), ("tanh", (-1, 1)), ("erf", (-1, 1))]
)
def test_large_arguments_reach_the_limit(name, limits, dtype):
    for size in (800.0, 1e30, np.inf):
        assert_array_equal(approximated(getattr(elementwise, name), dtype, [-size, size]), limits)


@pytest.mark.parametrize("dtype", DTYPES)
def test_zero_is_exact(dtype):
    for name, expected in {"exp": 1, "expm1": 0, "log1p": 0, "tanh": 0, "erf": 0}.items():
        assert approximated(getattr(elementwise, name), dtype, [0.0]) == expected


@pytest.mark.parametrize("name", ["tanh", "erf"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_odd_functions_are_odd_to_the_bit_and_saturate(name, dtype):
    x = np.linspace(0.0, 30.0, 30_001)
    value = approximated(getattr(elementwise, name), dtype, x)
    assert_array_equal(-value, approximated(getattr(elementwise, name), dtype, -x))
    assert (value[x > 20.0] == 1.0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_maximum_and_minimum_pass_nan_on(dtype):
    for function in (elementwise.maximum, elementwise.minimum):
        assert np.isnan(approximated(lambda x, f=function: f(x, 0.0), dtype, [np.nan])).all()


@pytest.mark.parametrize("name", [name for name, function in ACTIVATIONS.items() if function.elementwise])
@pytest.mark.parametrize("dtype", DTYPES)
def test_activations_agree_with_numpy(name, dtype):
    x = np.linspace(-12.0, 12.0, 4001)
    value = ACTIVATIONS[name].value
    tolerance = 2e-6 if dtype == "float32" else 4e-15
    assert_allclose(approximated(value, dtype, x), value(x), atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_cell_agrees_with_numpy(dtype):
    graph = trace(gru.step, (4, 1), (4, 1))
    operands = [np.random.default_rng(k).normal(size=50, scale=2.0).astype(dtype) for k in range(5)]
    for value, expected in zip(expand(graph, dtype).run(*operands), graph.run(*operands), strict=True):
        assert value.dtype == dtype
        assert_allclose(value, expected, atol=1e-6 if dtype == "float32" else 1e-15)
