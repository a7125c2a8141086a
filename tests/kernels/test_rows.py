"""Loops over rows: vector code of a graph computes what the graph does in NumPy, and touches nothing else."""

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_array_equal
from scipy import special
from test_derivative import steps

from rnnbp.activations import ACTIVATIONS
from rnnbp.kernels import elementwise, threads
from rnnbp.kernels.derivative import pullback_graph
from rnnbp.kernels.emitter import Operand, Rows, Step
from rnnbp.kernels.engine import engine
from rnnbp.kernels.products import Layout
from rnnbp.kernels.programs import Instruction
from rnnbp.kernels.records import address_of, together
from rnnbp.kernels.static import Elementwise
from rnnbp.kernels.trace import trace

DTYPES = ("float32", "float64")
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def loop(rows, dtype):
    """Return the machine code of a loop over rows."""
    (address,) = engine(dtype).rows([rows])
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)


def operands_of(matrices):
    return together([Operand(start=address_of(m), pitch=m.strides[0] // m.itemsize if m.ndim else 0) for m in matrices])


def run(rows, matrices, n, width, **places):
    function, operands = loop(rows, matrices[0].dtype.name), operands_of(matrices)
    function(operands[0].address, Step(**places).address, n, width)


def elementwise_loop(function, x):
    """Return f(x), by one loop over a row."""
    rows, y = Rows(trace(function, (None,), (None,)), (0,), ((1, 0),), ("place",) * 2), np.full_like(x, 7.0)
    run(rows, [x[None], y[None]], 1, x.size)
    return y


# -- graphs ------------------------------------------------------------------------------------------------------------


def assert_computes(graph, dtype, widths, *, n=3, seed=0):
    """Compare with NumPy, allowing what a small change of the operands would change too."""
    rng = np.random.default_rng(seed)
    n_inputs, n_outputs = len(graph.inputs), len(graph.outputs)
    k = n_inputs + n_outputs
    rows = Rows(graph, tuple(range(n_inputs)), tuple((n_inputs + i, i) for i in range(n_outputs)), ("slot",) * k)
    small = 1e-5 if dtype == "float32" else 1e-12
    for width in widths:
        matrices = [rng.normal(size=(n + 3, width + 4)).astype(dtype) for _ in range(k)]
        expected = [m.copy() for m in matrices]
        inside = np.s_[2 : 2 + n, 3 : 3 + width]
        given = [m[inside].astype("float64") for m in matrices[:n_inputs]]
        results = [graph.run(*(x * (1.0 + change) for x in given)) for change in (0.0, small, -small)]
        run(rows, [m[:, 3:] for m in matrices], n, width, slot=2)
        for i, (middle, *others) in enumerate(zip(*results, strict=True)):
            tolerance = 10 * small * (1.0 + np.abs(middle)) + 2 * sum(np.abs(other - middle) for other in others)
            difference = np.abs(matrices[n_inputs + i][inside] - middle)
            assert (difference <= tolerance).all(), (width, i)
            expected[n_inputs + i][inside] = matrices[n_inputs + i][inside]
        for matrix, before in zip(matrices, expected, strict=True):
            assert_array_equal(matrix, before)


@each_dtype
@settings(max_examples=15, deadline=None)
@given(steps())
def test_random_graphs_of_any_width(dtype, drawn):
    step, n_blocks, n_inputs, n_outputs = drawn
    graph = trace(lambda *given: (step(*given),), (n_blocks, n_inputs), (n_outputs,))
    assert_computes(graph, dtype, [1, 3, 7, 8, 9, 16, 37])


@each_dtype
def test_every_width_up_to_70(dtype):
    def function(x, y):
        return elementwise.tanh(x) * y - 0.5, elementwise.where(x > y, x, -y)

    assert_computes(trace(function, (None, None), (None, None)), dtype, range(1, 71))


@each_dtype
@pytest.mark.parametrize("n", [0, 1, 2, 13])
def test_any_number_of_rows(n, dtype):
    assert_computes(trace(lambda x: elementwise.exp(x) + x, (None,), (None,)), dtype, [5, 32], n=n)


@each_dtype
@pytest.mark.parametrize("name", [name for name, function in ACTIVATIONS.items() if function.elementwise])
def test_activations_and_their_pullbacks(name, dtype):
    value = trace(ACTIVATIONS[name].value, (None,), (None,))
    assert_computes(value, dtype, [19])
    assert_computes(trace(ACTIVATIONS[name].pullback, (None,) * 3, (None,)), dtype, [19])
    assert_computes(pullback_graph(value), dtype, [19])


# -- operands ----------------------------------------------------------------------------------------------------------


@each_dtype
def test_each_operand_begins_where_its_own_field_says(dtype):
    fields = ("place", "slot", "current", "previous", "sequence")
    graph = trace(lambda *xs: xs[0] + 10.0 * xs[1] + 100.0 * xs[2] + 1000.0 * xs[3], (None,) * 4, (None,))
    matrices = [np.arange(60.0).reshape(20, 3).astype(dtype) // 3 for _ in fields]
    run(
        Rows(graph, (0, 1, 2, 3), ((4, 0),), fields), matrices, 2, 3, place=1, slot=2, current=3, previous=4, sequence=5
    )
    assert_array_equal(matrices[4][5:7], np.array([[4321.0] * 3, [5432.0] * 3]))


@each_dtype
def test_an_operand_may_be_overwritten_in_place_or_with_zeros(dtype):
    rows = Rows(
        trace(lambda x, y: (y, x), (None, None), (None, None)), (0, 1), ((0, 0), (1, 1), (2, None)), ("slot",) * 3
    )
    x, y, z = (np.full((2, 11), k, dtype) for k in (1.0, 2.0, 3.0))
    run(rows, [x, y, z], 2, 11)
    assert (x == 2.0).all()
    assert (y == 1.0).all()
    assert (z == 0.0).all()


@each_dtype
def test_a_single_number_is_the_same_for_all_elements(dtype):
    rows = Rows(trace(lambda x, rate: x * rate, (None, None), (None,)), (0, 1), ((0, 0),), ("slot", None))
    x = np.ones((3, 13), dtype)
    run(rows, [x, np.array(0.25, dtype)], 3, 13)
    assert (x == 0.25).all()


@each_dtype
def test_operands_that_are_not_needed_are_not_read(dtype):
    rows = Rows(trace(lambda x, y: x, (None, None), (None,)), (0, 1), ((2, 0),), ("slot",) * 3)
    x, y = np.ones((1, 5), dtype), np.zeros((1, 5), dtype)
    operands = together([Operand(start=x, pitch=5), Operand(start=8, pitch=5), Operand(start=y, pitch=5)])
    loop(rows, dtype)(operands[0].address, Step().address, 1, 5)
    assert (y == 1.0).all()


# -- functions ---------------------------------------------------------------------------------------------------------

FUNCTIONS = {
    "tanh": (elementwise.tanh, np.tanh, 30.0),
    "sigmoid": (elementwise.sigmoid, special.expit, 30.0),
    "exp": (elementwise.exp, np.exp, 80.0),
    "expm1": (elementwise.expm1, np.expm1, 80.0),
    "softplus": (elementwise.softplus, lambda x: np.logaddexp(0.0, x), 30.0),
    "erf": (elementwise.erf, special.erf, 30.0),
    "normal_cdf": (elementwise.normal_cdf, special.ndtr, 30.0),
    "normal_pdf": (elementwise.normal_pdf, lambda x: np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi), 5.0),
    "sqrt": (lambda x: elementwise.sqrt(elementwise.absolute(x)), lambda x: np.sqrt(np.abs(x)), 1e6),
}


@each_dtype
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_accurate(name, dtype):
    function, exact, limit = FUNCTIONS[name]
    x = np.concatenate([np.linspace(-limit, limit, 4001), np.linspace(-1e-3, 1e-3, 96)]).astype(dtype)
    expected = exact(x.astype("float64"))
    error = np.abs(elementwise_loop(function, x) - expected) / np.maximum(1.0, np.abs(expected))
    assert error.max() < (5e-7 if dtype == "float32" else 2e-15)


@each_dtype
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_lets_nan_through_and_saturates(name, dtype):
    function, exact, _ = FUNCTIONS[name]
    extremes = [-np.inf, -1e30, -1e4, 1e4, 1e30, np.inf]
    x = np.array([np.nan, *extremes], dtype)
    y = elementwise_loop(function, x)
    assert np.isnan(y[0])
    with np.errstate(over="ignore"):
        accuracy = 5e-7 if dtype == "float32" else 5e-16
        np.testing.assert_allclose(y[1:], exact(x[1:]).astype(dtype), rtol=accuracy, atol=accuracy)


@each_dtype
def test_selections_treat_nan_and_signed_zero_as_the_vocabulary_does(dtype):
    nan = np.array([np.nan, 1.0, -1.0], dtype)
    assert_array_equal(elementwise_loop(lambda x: elementwise.maximum(x, 0.0), nan), np.array([np.nan, 1.0, 0.0]))
    assert_array_equal(elementwise_loop(lambda x: elementwise.minimum(x, 0.0), nan), np.array([np.nan, 0.0, -1.0]))
    assert_array_equal(elementwise_loop(lambda x: elementwise.where(x > 0.0, 1.0, 2.0), nan), np.array([2.0, 1.0, 2.0]))
    assert_array_equal(np.signbit(elementwise_loop(lambda x: -x, np.zeros(3, dtype))), True)


# -- denormal numbers --------------------------------------------------------------------------------------------------


def halves(x, n_shares):
    """Return x / 2, by a program."""
    rows = Rows(trace(lambda x: 0.5 * x, (None,), (None,)), (0,), ((1, 0),), ("place",) * 2)
    (function,) = engine(x.dtype.name).rows([rows])
    y = np.full_like(x, 7.0)
    record = Elementwise(
        layout=Layout(n_rows=len(x), n_shares=n_shares), function=function, width=x.shape[1],
        steps=together([Step() for _ in range(n_shares)]), operands=operands_of([x, y]),
    )  # fmt: skip
    made = engine(x.dtype.name)
    threads.Runner(made, [Instruction(kernel=made["apply_rows"], record=record, n_shares=n_shares)]).run(0, 1)
    return y


@each_dtype
@pytest.mark.parametrize("n_shares", [1, 8])
def test_denormal_numbers_are_zero_in_a_program_and_stay_in_numpy(n_shares, dtype):
    tiny = np.finfo(dtype).tiny
    x = np.full((64, 9), tiny)
    x[::2] *= dtype_of(dtype, 0.25)
    assert (x[::2] > 0.0).all()
    for _ in range(20):  # some of which are done by workers
        assert (halves(x, n_shares) == 0.0).all()
    assert (x * dtype_of(dtype, 0.5) > 0.0)[1::2].all()
    assert (halves(2 * x, n_shares)[1::2] == tiny).all()


def dtype_of(dtype, value):
    return np.dtype(dtype).type(value)
