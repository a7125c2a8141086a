"""The language of the kernels: what machine code makes of each statement, operator and function is what Python does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from both_ways import World, compiled
from numpy.testing import assert_allclose

from rnnbp.kernels import processor, tiles
from rnnbp.kernels.compiler import compile_kernel
from rnnbp.kernels.language import (
    LANES,
    VECTORS,
    Pointer,
    add_atomic,
    address,
    call,
    clear,
    copy,
    exp,
    exponent,
    floats,
    flush_denormals,
    inlined,
    ints,
    load_atomic,
    log,
    mantissa,
    number,
    numbers,
    pause,
    power_of_two,
    reassociated,
    restore_denormals,
    round_to_whole,
    sqrt,
    store_atomic,
    swap_atomic,
    vectorized,
)
from rnnbp.kernels.records import Record, together

each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
SEVEN, HALF = 7, 0.5


def both(kernel, *arguments, dtype="float64", helpers=()):
    """Run a kernel compiled and in Python; return both results, and check that both have written the same."""
    given = [Pointer(a.copy()) if isinstance(a, np.ndarray) else a for a in arguments]
    with np.errstate(all="ignore"):
        expected = kernel(*given)
    arguments = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
    result = compiled([kernel, *helpers], dtype)[kernel.__name__](*arguments)
    for own, pointer in zip(arguments, given, strict=True):
        if isinstance(own, np.ndarray):
            assert_allclose(own, pointer.array, rtol=2e-6 if own.dtype == "float32" else 4e-15)
    return result, expected


# -- whole numbers -----------------------------------------------------------------------------------------------------


def whole_arithmetic(out: ints, a: int, b: int):
    out[0], out[1], out[2] = a + b, a - b, a * b
    out[3], out[4] = a // b, a % b
    out[5] = -a
    out[6] = (a + 2) * -3 - b


@pytest.mark.parametrize(("a", "b"), [(17, 5), (4, 9), (0, 3), (2**40 + 1, 2**20)])
def test_whole_numbers_are_added_subtracted_multiplied_and_divided(a, b):
    both(whole_arithmetic, np.zeros(7, np.int64), a, b)


def compares_whole(out: ints, a: int, b: int):
    out[0], out[1], out[2] = int(a < b), int(a <= b), int(a > b)
    out[3], out[4], out[5] = int(a >= b), int(a == b), int(a != b)


@pytest.mark.parametrize(("a", "b"), [(1, 2), (2, 1), (-2, -2), (-1, 1)])
def test_whole_numbers_are_compared(a, b):
    both(compares_whole, np.zeros(6, np.int64), a, b)


# -- numbers -----------------------------------------------------------------------------------------------------------


def arithmetic(out: numbers, a: numbers):
    out[0] = a[0] + a[1]
    out[1] = a[0] - a[1]
    out[2] = a[0] * a[1]
    out[3] = a[0] / a[1]
    out[4] = -a[0]
    out[5] = 2.0 * a[0] - 1 / a[1]


@each_dtype
def test_numbers_are_added_subtracted_multiplied_and_divided(dtype):
    both(arithmetic, np.zeros(6, dtype), np.array([1.7, -0.3], dtype), dtype=dtype)


def compares(out: ints, a: number, b: number):
    out[0], out[1], out[2] = int(a < b), int(a <= b), int(a > b)
    out[3], out[4], out[5] = int(a >= b), int(a == b), int(a != b)
    out[6] = int(not a < b)


@each_dtype
@pytest.mark.parametrize(
    ("a", "b"), [(1.0, 2.0), (2.0, 1.0), (3.0, 3.0), (0.0, -0.0), (math.nan, 1.0), (1.0, math.nan)]
)
def test_numbers_are_compared(a, b, dtype):
    both(compares, np.zeros(7, np.int64), a, b, dtype=dtype)


def converts(out: floats, whole: ints, a: numbers, n: int):
    out[0] = float(a[0]) / 3.0
    out[1] = float(n) / 3.0
    out[2] = float(number(n)) + float(a[0] + number(n))
    out[3] = float(number(out[4])) * 0.5
    whole[0], whole[1] = int(a[0]), int(a[1])
    whole[2] = int(n > 2)


@each_dtype
def test_numbers_are_converted_where_the_text_says_so(dtype):
    out = np.array([0.0, 0.0, 0.0, 0.0, 0.75])
    both(converts, out, np.zeros(3, np.int64), np.array([2.75, -2.75], dtype), 5, dtype=dtype)


def sums_in_float(a: numbers, n: int) -> float:
    total = 0.0
    for k in range(n):
        total += float(a[k])
    return total


def test_a_float_is_double_precision_where_numbers_are_single():
    a = np.full(1000, 0.1, "float32")
    result, expected = both(sums_in_float, a, 1000, dtype="float32")
    assert result == expected == float(np.float32(0.1)) * 1000 or abs(result - expected) < 1e-12
    assert abs(result - float(np.sum(a.astype("float64")))) < 1e-10


def functions(out: numbers, a: numbers, wide: floats):
    out[0], out[1] = min(a[0], a[1]), max(a[0], a[1])
    out[2], out[3] = min(a[0], 0.25), max(a[0], 1)
    out[4] = abs(a[1])
    out[5], out[6], out[7] = exp(a[1]), log(a[0]), sqrt(a[0])
    wide[0], wide[1] = exp(wide[3]), log(wide[2])
    wide[1] += sqrt(2.0) + exp(-1) + abs(-0.5)


@each_dtype
def test_functions(dtype):
    both(functions, np.zeros(8, dtype), np.array([0.7, -1.9], dtype), np.array([0.0, 0.0, 3.7, -2.2]), dtype=dtype)


def parts_of_numbers(out: numbers, a: numbers, n: int):
    for k in range(n):
        m, e = mantissa(a[k]), exponent(a[k])
        out[3 * k], out[3 * k + 1], out[3 * k + 2] = m, e, m * power_of_two(e)


@each_dtype
def test_a_number_is_its_mantissa_times_a_power_of_two(dtype):
    a = np.array([1.0, 0.75, 3.0, 1e-30, 6e29, 0.1], dtype)
    both(parts_of_numbers, np.zeros(18, dtype), a, 6, dtype=dtype)
    out = np.zeros(18, dtype)
    compiled([parts_of_numbers], dtype)["parts_of_numbers"](out, a, 6)
    np.testing.assert_array_equal(out[2::3], a)
    assert ((out[::3] >= 1.0) & (out[::3] < 2.0)).all()


def rounded(out: numbers, a: numbers, n: int):
    for k in range(n):
        out[k] = round_to_whole(a[k])


@each_dtype
def test_a_number_is_rounded_to_the_nearest_whole_one(dtype):
    both(rounded, np.zeros(7, dtype), np.array([0.4, 0.5, 1.5, -0.5, -2.6, 2.5, 1e6], dtype), 7, dtype=dtype)


@inlined
def twice(a: number) -> number:
    return a + a


@vectorized
def doubles(to: numbers, a: numbers, n: int):
    for k in range(n):
        to[k] = twice(a[k])


@each_dtype
def test_a_helper_may_take_the_place_of_its_calls(dtype):
    both(doubles, np.zeros(21, dtype), np.arange(21, dtype=dtype), 21, dtype=dtype, helpers=[twice])
    assert "alwaysinline" in compile_kernel(twice, dtype, {}).text
    assert "alwaysinline" not in compile_kernel(doubles, dtype, {"twice": twice}).text


def smaller_and_larger(out: ints, a: int, b: int):
    out[0], out[1], out[2] = min(a, b), max(a, b), max(min(a, 3), 0)


def test_the_smaller_and_the_larger_of_whole_numbers():
    for a, b in [(1, 2), (2, 1), (-4, 9)]:
        both(smaller_and_larger, np.zeros(3, np.int64), a, b)


def clipped(out: numbers, a: numbers, n: int):
    for k in range(n):
        out[k] = max(min(a[k], 1.0), -1.0)


def test_min_and_max_treat_nan_as_python_does():
    both(clipped, np.zeros(4), np.array([np.nan, 3.0, -3.0, np.inf]), 4)
    both(smaller_of, np.zeros(2), np.array([np.nan, 1.0]))


def smaller_of(out: numbers, a: numbers):
    out[0], out[1] = min(a[0], a[1]), max(a[1], a[0])


# -- statements --------------------------------------------------------------------------------------------------------


def branches(a: int, b: int) -> int:
    if a > 10:
        return 1
    if a > 5 and b > 0:
        b = 2
    elif a > 5 or b > 7:
        b = 3
    else:
        b = 4
        if a == 0:
            b = 5
    return b * 10 + (1 if not (a == 1 or a == 2) else 2)


@pytest.mark.parametrize(("a", "b"), [(11, 0), (6, 1), (6, 0), (3, 8), (1, 1), (0, 0)])
def test_if(a, b):
    result, expected = both(branches, a, b)
    assert result == expected


def noted(seen: ints, k: int, value: int) -> int:
    seen[k] += 1
    return value


def shortcuts(seen: ints, a: int, b: int) -> int:
    result = 0
    if noted(seen, 0, a) > 0 and noted(seen, 1, b) > 0 and noted(seen, 2, 1) > 0:
        result += 1
    if noted(seen, 3, a) > 0 or noted(seen, 4, b) > 0 or noted(seen, 5, 0) > 0:
        result += 2
    return result + (noted(seen, 6, 4) if a > 0 else noted(seen, 7, 8))


@pytest.mark.parametrize("a", [0, 1])
@pytest.mark.parametrize("b", [0, 1])
def test_what_does_not_matter_any_more_is_not_evaluated(a, b):
    result, expected = both(shortcuts, np.zeros(8, np.int64), a, b, helpers=[noted])
    assert result == expected


def loops(out: ints, n: int) -> int:
    at = 0
    for k in range(n):
        for j in range(k, n):
            out[at] = k * n + j
            at += 1
    for k in range(0, 2 * n, 3):
        out[at] = k
        at += 1
    for k in range(n - 1, -1, -1):
        out[at] = -k
        at += 1
    for k in range(5, 5):
        out[0] = k
    for k in range(n):
        n = 2  # which is no matter: the loop knows how long it is
        out[at] = k + n
        k = 100
        at += 1
    return k + at


def test_for():
    result, expected = both(loops, np.zeros(60, np.int64), 6)
    assert result == expected


def collatz(n: int) -> int:
    steps = 0
    while n != 1 and steps < 1000:
        steps += 1
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n
            n += 1
    return steps


def test_while():
    result, expected = both(collatz, 27)
    assert result == expected == 111


def first_above(a: numbers, limit: number, n: int) -> int:
    for k in range(n):
        if a[k] > limit:
            return k
    k = 0
    while n > 0:
        if k == 3:
            return -k
        k += 1
    return 5


def test_a_return_in_a_loop_ends_it():
    a = np.arange(10.0)
    for limit in (3.5, 100.0):
        result, expected = both(first_above, a, limit, 10)
        assert result == expected


def leaves_early(out: ints, n: int):
    """Have a docstring, and return nothing."""
    out[0] = 1
    if n > 3:
        return
    out[0] = 2


def test_a_return_without_a_value():
    both(leaves_early, np.zeros(1, np.int64), 3)
    both(leaves_early, np.zeros(1, np.int64), 4)


def swaps(a: ints, i: int, j: int) -> int:
    i, j = j, i
    a[i], a[j] = a[j], a[i]
    a[0], i = i, i + 1
    a[1] -= i
    a[1] *= 3
    a[2] //= 2
    return i


def test_several_values_are_assigned_at_once():
    result, expected = both(swaps, np.array([5, 6, 7, 8]), 2, 3)
    assert result == expected


def walks(to: numbers, a: numbers, n: int, step: int):
    end = to + n
    for _k in range(n):
        to[0] += a[0]
        to = to + 1
        a += step
    end = end + -1
    end[0] = -1.0


@each_dtype
def test_pointers_move(dtype):
    both(walks, np.ones(6, dtype), np.arange(12).astype(dtype), 6, 2, dtype=dtype)


def constants(out: floats, whole: ints):
    out[0] = HALF + 1.0
    out[1] = HALF * float(SEVEN)
    whole[0] = SEVEN * SEVEN


def test_constants_of_the_module_are_known():
    both(constants, np.zeros(2), np.zeros(1, np.int64))


def widths(out: ints):
    out[0], out[1] = LANES, VECTORS


@each_dtype
def test_the_width_of_vectors_is_the_host_s(dtype):
    out = np.zeros(2, np.int64)
    compiled([widths], dtype)["widths"](out)
    assert out.tolist() == [processor.lanes(dtype), tiles.vectors()]


# -- memory ------------------------------------------------------------------------------------------------------------


def copies_and_clears(to: numbers, a: numbers, wide: floats, whole: ints, n: int):
    copy(to + 1, a, n)
    clear(to + n, 2)
    copy(wide, wide + 3, 3)
    clear(whole + 1, 2)


@each_dtype
def test_memory_is_copied_and_cleared(dtype):
    arrays = np.ones(8, dtype), np.arange(8).astype(dtype) + 2, np.arange(6.0), np.arange(5)
    both(copies_and_clears, *arrays, 4, dtype=dtype)


class Inner(Record):
    values: numbers
    n: int


class Outer(Record):
    first: Inner
    several: Inner
    factor: float
    whole: ints
    wide: floats
    total: float


def uses_records(outer: Outer, k: int) -> float:
    inner, other = outer.several[k], outer.first
    for j in range(inner.n):
        inner.values[j] += number(outer.factor)
        outer.total += float(inner.values[j])
    other.values[1], other.n = 5.0, other.n + 1
    outer.several[k - 1].n *= 10
    outer.several[0].values = outer.several[1].values + 1
    outer.several[0].values[0] -= 1.0
    outer.whole[k] += inner.n
    outer.wide[0] = outer.factor
    return outer.total


@each_dtype
def test_records_are_read_and_written(dtype):
    def made():
        several = together([Inner(values=np.arange(4).astype(dtype) + k, n=3 + k) for k in range(2)])
        first = Inner(values=np.zeros(3, dtype), n=7)
        return Outer(first=first, several=several, factor=0.25, whole=np.array([1, 2, 3]), wide=np.zeros(2), total=-1.0)

    outer = made()
    world = World(outer, dtype=dtype)
    expected = world.call(uses_records, outer, 1)
    assert compiled([uses_records], dtype)["uses_records"](outer, 1) == pytest.approx(expected)
    world.assert_same()
    assert outer.read("total") != -1.0


# -- calls -------------------------------------------------------------------------------------------------------------


def total_of(a: numbers, n: int) -> number:
    total = number(0.0)
    for k in range(n):
        total += a[k]
    return total


def scaled(a: numbers, n: int, factor: number):
    total = total_of(a, n)
    for k in range(n):
        a[k] *= factor / total


def calls(a: numbers, n: int):
    scaled(a, n, 2.0)
    scaled(a + 1, n - 1, total_of(a, 1) + 1)


@each_dtype
def test_kernels_call_kernels(dtype):
    both(calls, np.array([1.0, 2.0, 3.0], dtype), 3, dtype=dtype, helpers=[scaled, total_of])


def one_up(a: ints, k: int):
    a[k] += 1


def calls_back(function: address, a: ints, n: int):
    for k in range(n):
        call(function, a, k)


def test_a_function_is_called_by_its_address():
    made, a = compiled([one_up, calls_back], "float64"), np.zeros(4, np.int64)
    made["calls_back"](made["one_up"].address, a, 3)
    expected = Pointer(np.zeros(4, np.int64))
    calls_back(one_up, expected, 3)
    assert a.tolist() == expected.array.tolist() == [1, 1, 1, 0]


@vectorized
def in_vectors(to: numbers, a: numbers, n: int):
    for k in range(n):
        to[k] = to[k] * 2.0 + a[k]


@reassociated
def in_any_order(a: numbers, n: int) -> float:
    total = number(0.0)
    for k in range(n):
        total += a[k] * a[k]
    return float(total)


@each_dtype
@pytest.mark.parametrize("n", [0, 1, 7, 64, 101])
def test_loops_that_are_vectorised_compute_the_same(n, dtype):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, n)).astype(dtype)
    both(in_vectors, a, b, n, dtype=dtype)
    result, expected = both(in_any_order, a, n, dtype=dtype)
    assert result == pytest.approx(float(expected), rel=1e-5 if dtype == "float32" else 1e-13)


def atomics(a: ints, out: ints):
    store_atomic(a, 1, 40)
    out[0] = add_atomic(a, 1, 2)
    out[1] = load_atomic(a, 1)
    out[2] = swap_atomic(a, 0, 5, 6)
    out[3] = swap_atomic(a, 0, 5, 7)
    pause()


def test_atomic_operations():
    both(atomics, np.array([5, 0]), np.zeros(4, np.int64))


def halved(a: numbers, n: int, flush: int):
    mode = 0
    if flush > 0:
        mode = flush_denormals()
    for k in range(n):
        a[k] *= 0.5
    if flush > 0:
        restore_denormals(mode)


def test_denormal_numbers_are_flushed_between_two_calls_and_no_longer():
    made = compiled([halved], "float32")["halved"]
    smallest = np.finfo("float32").tiny
    for flush, expected in ((1, 0.0), (0, 0.5 * smallest)):
        a = np.full(9, smallest)
        made(a, 9, flush)
        assert (a == expected).all()
    assert np.full(1, smallest)[0] * np.float32(0.5) > 0.0


def test_the_same_text_makes_the_same_machine_text():
    first, second = (compile_kernel(loops, "float64", {}).text for _ in range(2))
    assert first == second
    assert first != compile_kernel(swaps, "float64", {}).text
