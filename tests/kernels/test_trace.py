"""What a traced function leaves, and what is said of one that cannot be traced."""

import inspect
import math
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rnnbp.cells import lstm
from rnnbp.kernels import elementwise, nodes
from rnnbp.kernels.elementwise import absolute, exp, maximum, softplus, sqrt, tanh, where
from rnnbp.kernels.trace import Graph, TraceError, trace


def traced(function, n=1):
    """Trace a function of n operands that returns one."""
    return trace(function, (None,) * n, (None,))


def ops(graph):
    return [node.op for node in graph.order if node.op not in ("input", "constant")]


def in_new_process(code, seed):
    environment = {"PYTHONHASHSEED": str(seed), "PATH": ""}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return run.stdout.strip()


# --------------------------------------------------------------------------------------------------------- the graph


def test_a_graph_holds_what_was_done_operands_before_users():
    graph = traced(lambda x, y: x + tanh(2.0 * x * y), 2)
    assert [node.op for node in graph.order] == ["input", "input", "constant", "mul", "mul", "tanh", "add"]
    positions = {node: k for k, node in enumerate(graph.order)}
    assert all(positions[operand] < positions[node] for node in graph.order for operand in node.operands)


def test_equal_expressions_are_one_node():
    assert ops(traced(lambda x, y: tanh(x * y) * tanh(y * x), 2)) == ["mul", "tanh", "mul"]
    assert ops(traced(lambda x, y: (x - y) * (y - x), 2)) == ["sub", "sub", "mul"]


def test_what_no_output_needs_is_left_out():
    graph = traced(lambda x, y: (exp(x), y)[1], 2)
    assert graph.order == (graph.inputs[1],)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_run_on_arrays_is_the_function_itself_in_their_dtype(dtype):
    blocks = [np.random.default_rng(k).normal(size=(3, 4)).astype(dtype) for k in range(5)]
    results = trace(lstm.step, (4, 1), (4, 2)).run(*blocks)
    kept, outputs = lstm.step(blocks[:4], blocks[4:])
    for result, expected in zip(results, (*kept, *outputs), strict=True):
        assert_array_equal(result, expected, strict=True)


def test_constants_do_not_widen_single_precision():
    x = np.array([-1.0, 2.0], dtype="float32")
    assert traced(lambda x: where(x > 0.0, 1.0, 0.1) * x).run(x)[0].dtype == np.float32


def test_a_graph_can_be_traced_again():
    graph = trace(lstm.step, (4, 1), (4, 2))
    again = trace(graph.run, (None,) * 5, (None,) * 6)
    assert again.fingerprint == graph.fingerprint


def test_a_graph_may_begin_in_the_middle():
    graph = traced(lambda x: tanh(exp(x)) * x)
    (middle,) = (node for node in graph.order if node.op == "exp")
    part = Graph((middle, *graph.inputs), graph.outputs)
    assert part.run(0.0, 5.0) == (0.0,)


def test_the_fingerprint_is_the_same_in_each_process_and_another_for_another_graph():
    code = (
        "from rnnbp.kernels.trace import trace; from rnnbp.cells import lstm;"
        "print(trace(lstm.step, (4, 1), (4, 2)).fingerprint)"
    )
    here = trace(lstm.step, (4, 1), (4, 2)).fingerprint
    assert in_new_process(code, 1) == in_new_process(code, 2) == here
    variants = [lambda x, y: x - y, lambda x, y: y - x, lambda x, y: x - 2.0, lambda x, y: x - math.nextafter(2, 3)]
    assert len({traced(variant, 2).fingerprint for variant in variants}) == 4


def test_inputs_and_results_keep_their_order():
    graph = trace(lambda pair, single: (single, (pair[1], pair[0])), (2, None), (None, 2))
    assert graph.run(1.0, 2.0, 3.0) == (3.0, 2.0, 1.0)


def test_a_number_as_a_result_becomes_a_constant():
    assert traced(lambda x: 3).run(np.ones(2)) == (3.0,)


# -------------------------------------------------------------------------------------------------------- the operands


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 2 - x * 3 + x / 4 - 1 / x,
        lambda x: np.float64(2) * x + np.float32(0.5) / x - np.array(3.0) * x,
        lambda x: -x + +x * abs(x) * x**3 - x**2.0,
        lambda x: where((x > 0) & (x <= 1) | ~(x != 2.0), x, -x),
        lambda x: (x >= np.float64(0.5)) * x + (np.float64(0.5) < x) + 1.0,
        lambda x: where(x == 1.0, 1, maximum(x, 0.0)),
        lambda x: where(x, 1.0, 2.0) + sqrt(absolute(x)) * np.sqrt(2.0),
    ],
)
def test_arithmetic_and_comparisons_do_what_they_do_on_arrays(function):
    x = np.array([-2.5, 0.25, 0.5, 1.0, 2.0, 3.0])
    assert_array_equal(traced(function).run(x)[0], function(x))


@pytest.mark.parametrize(
    "function", [lambda x: x * 1.0, lambda x: 1 * x, lambda x: x / 1, lambda x: x - 0.0, lambda x: (-x).__neg__()]
)
def test_what_changes_nothing_is_no_operation(function):
    assert ops(traced(function)) == []


@pytest.mark.parametrize(
    "function", [lambda x: x + 0.0, lambda x: 0.0 - x, lambda x: x * 0.0, lambda x: x - x, lambda x: x - (-0.0)]
)
def test_what_changes_minus_zero_nan_or_infinity_stays(function):
    x = np.array([0.0, -0.0, np.nan, np.inf, 1.0])
    with np.errstate(invalid="ignore"):
        result, expected = traced(function).run(x)[0], function(x)
    assert_array_equal(result, expected)
    assert_array_equal(np.signbit(result), np.signbit(expected))


def test_arithmetic_of_constants_is_done_at_once():
    def function(x):
        half = where(x == x, 0.5, 0.5)
        return x * (half * 4.0 + 1.0 - 2.0)

    assert ops(traced(function)) == []


def test_whole_powers_are_products():
    assert ops(traced(lambda x: x**2)) == ["mul"]
    assert ops(traced(lambda x: x**8)) == ["mul"] * 3


# ------------------------------------------------------------------------------------------------------ the vocabulary


def test_each_primitive_leaves_an_operation_of_its_name():
    composed = {"sigmoid", "softplus", "normal_cdf", "normal_pdf"}
    arguments = {"maximum": 2, "minimum": 2, "where": 3}
    for name in set(elementwise.__all__) - composed:
        graph = traced(getattr(elementwise, name), arguments.get(name, 1))
        assert ops(graph)[-1] == name


def test_a_traced_operand_may_stand_in_any_place():
    assert ops(traced(lambda x: maximum(0.0, x))) == ["maximum"]
    assert ops(traced(lambda x: where(np.True_, 1.0, x))) == []


def test_softplus_is_traced_through_its_text():
    assert ops(traced(softplus)) == ["maximum", "absolute", "neg", "exp", "log1p", "add"]


def test_the_vocabulary_is_quick_to_import():
    code = "import sys, rnnbp.kernels.elementwise; print([m for m in ('scipy', 'llvmlite') if m in sys.modules])"
    assert in_new_process(code, 0) == "[]"


# ------------------------------------------------------------------------------------------------------------- refusals


def branch(x):
    if x > 0:  # here
        return x
    return 0.0


def larger(x):
    return max(x, 0.0)  # here


def between(x):
    return where(0 < x < 1, x, 0.0)  # here


def numpy_tanh(x):
    return np.tanh(x)  # here


def numpy_where(x):
    return np.where(x > 0, x, 0.0)  # here


def numpy_sine(x):
    return np.sin(x)  # here


def numpy_clip(x):
    return np.clip(x, 0, 1)  # here


def standard_exp(x):
    return math.exp(x)  # here


def as_array(x):
    return np.asarray(x)  # here


def as_index(x):
    return [1.0, 2.0][x]  # here


def reduced(x):
    return x - x.max(axis=-1, keepdims=True)  # here


def summed(x):
    return x / np.sum(x)  # here


def indexed(x):
    return x[0]  # here


def length(x):
    return x / len(x)  # here


def unpacked(x):
    a, b = x  # here
    return a + b


def transposed(x):
    return x.T  # here


def with_array(x):
    return np.ones(3) * x  # here


def with_none(x):
    return where(x > 0, x, None)  # here


def any_power(x):
    return x**0.3  # here


def and_numbers(x):
    return x & 1  # here


def modulo(x):
    return x % 2  # here


def inner(x):
    scale = {"a": 1.0}
    return x * scale["b"]  # here


def returns_none(x):  # here
    pass


def returns_list(x):  # here
    return [x]


REFUSALS = {
    branch: "use where(condition, x, y)",
    larger: "maximum and minimum",
    between: "& | ~ between conditions",
    numpy_tanh: "use tanh of rnnbp.kernels.elementwise",
    numpy_where: "use where of rnnbp.kernels.elementwise",
    numpy_sine: "sin cannot be traced: use arithmetic, comparisons",
    numpy_clip: "normal_cdf, normal_pdf, sigmoid, softplus, sqrt, tanh, where",
    standard_exp: "exp, expm1",
    as_array: "cannot be traced",
    as_index: "cannot be traced",
    reduced: "no .max: if the step looks along an axis (softmax), say elementwise=False in the Stage",
    summed: "elementwise=False",
    indexed: "no items",
    length: "no length",
    unpacked: "no items",
    transposed: "no .T",
    with_array: "must be a number or a traced value, but an array of shape (3,) was given",
    with_none: "but None was given",
    any_power: "whole number from 1 to 8",
    and_numbers: "must stand between conditions",
    modulo: "unsupported operand",
    inner: "'b' (KeyError)",
    returns_none: "but None was given",
    returns_list: "but list [",
}


def line_of(function):
    lines, start = inspect.getsourcelines(function)
    return start + next(k for k, line in enumerate(lines) if "# here" in line)


@pytest.mark.parametrize("function", REFUSALS, ids=lambda function: function.__name__)
def test_what_cannot_be_traced_is_refused_with_its_line_and_what_to_write(function):
    with pytest.raises(TraceError) as refusal:
        traced(function)
    assert str(refusal.value).startswith(f"{function.__name__} ({__file__}, line {line_of(function)}")
    assert REFUSALS[function] in str(refusal.value)


def test_a_foreign_error_stays_the_cause():
    with pytest.raises(TraceError) as refusal:
        traced(inner)
    assert isinstance(refusal.value.__cause__, KeyError)


def unpacking(blocks, inputs):
    a, b, c = blocks  # here
    return (a, b), (c,)


def test_another_number_of_blocks_than_the_step_unpacks_is_named():
    with pytest.raises(
        TraceError, match="unpacks another number of values than it was given, 4 blocks and 1 inputs"
    ) as e:
        trace(unpacking, (4, 1), (2, 1))
    assert f"line {line_of(unpacking)}: a, b, c = blocks" in str(e.value)


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ((3, 1), "item 0 of what it returns must be a tuple of 3, as the stage declares, but one of 2 was given"),
        ((2, 1, 1), "what it returns must be a tuple of 3, as the stage declares, but one of 2 was given"),
        ((2, None), "item 1 of what it returns must be made of traced values and numbers, but tuple"),
        ((None,), "what it returns must be made of traced values and numbers, but tuple"),
    ],
)
def test_another_number_of_results_than_declared_is_refused(results, message):
    with pytest.raises(TraceError) as refusal:
        trace(unpacking, (3, 1), results)
    assert message in str(refusal.value)
    assert f"line {line_of(unpacking) - 1})" in str(refusal.value)


def test_a_forgotten_comma_is_named():
    with pytest.raises(TraceError, match="must be a tuple of 1, but one traced value, no tuple, was given"):
        trace(lambda blocks, inputs: (blocks, inputs[0]), (2, 1), (2, 1))


def test_a_function_with_other_parameters_is_refused():
    with pytest.raises(TraceError, match="missing 1 required positional argument: 'y'"):
        traced(lambda x, y: x)


def test_a_value_of_another_call_is_refused():
    seen = []
    traced(lambda x: seen.append(x) or x)
    with pytest.raises(TraceError, match="a traced value of another call"):
        traced(lambda x: x + seen[0])


def test_messages_list_the_whole_vocabulary():
    assert set(nodes.VOCABULARY) == set(elementwise.__all__)
