"""What the kernels' language does not have is refused, by the file and the line."""

from __future__ import annotations

import inspect
import math

import pytest

from rnnbp.kernels.compiler import compile_kernel
from rnnbp.kernels.language import ints, number, numbers, sqrt
from rnnbp.kernels.records import Record


class Scaled(Record):
    factor: float


def one_up(a: ints, k: int):
    a[k] += 1


def unknown_name(a: int) -> int:
    return a + nowhere  # noqa: F821 here


def unknown_function(a: numbers):
    a[0] = math_sine(a[0])  # noqa: F821 here


def foreign_function(a: numbers):
    a[0] = math.sin(a[0])  # here


def changes_type(a: number):
    b = 1
    b = a  # noqa: F841 here


def float_for_number(a: numbers, n: int):
    total = 0.0
    for k in range(n):
        total += a[k]  # here


def number_for_whole(a: numbers, n: int):
    a[0] = n  # here


def whole_for_number(a: ints, b: number):
    a[0] = b  # here


def mixed_operands(a: number, b: float) -> float:
    return a + b  # here


def wrong_result(a: number) -> int:
    return a  # here


def no_result(a: int) -> int:  # noqa: RET503
    if a > 0:  # here
        return 1


def nothing_returned(a: int) -> int:
    return  # here


def both_values(a: number, n: int) -> number:
    return a if n > 0 else n  # here


def with_statement(a: ints):
    with a:  # here
        a[0] = 1


def breaks(a: ints, n: int):
    for k in range(n):
        a[k] = 1
        break  # here


def loop_else(a: ints, n: int):
    for k in range(n):  # here
        a[k] = 1
    else:
        a[0] = 2


def while_else(a: ints, n: int):
    while n > 0:  # here
        n -= 1
    else:
        a[0] = 2


def over_elements(a: ints):
    for k in a:  # here
        a[0] = k


def annotated(a: ints):
    b: int = 1  # here
    a[0] = b


def several_targets(a: ints):
    a[0] = a[1] = 1  # here


def unpacks(a: ints):
    b, c = a  # here
    a[0] = b + c


def list_of(a: ints):
    a[0] = [1, 2][0]  # here


def text(a: ints):
    a[0] = "one"  # here


def power(a: number) -> number:
    return a**2  # here


def divides_whole(a: int) -> int:
    return a / 2  # here


def modulo_of_numbers(a: number) -> number:
    return a % 2.0  # here


def between(a: int) -> int:
    return 1 if 0 < a < 3 else 2  # here


def contained(a: int) -> int:
    return 1 if a in (1, 2) else 2  # here


def pointer_back(a: ints):
    a = a - 1  # here
    a[0] = 1


def absolute_of_whole(a: int) -> int:
    return abs(a)  # here


def root_of_whole(a: int) -> float:
    return sqrt(a)  # here


def item_of_number(a: number) -> number:
    return a[0]  # here


def unknown_field(scaled: Scaled) -> float:
    return scaled.facto  # here


def field_of_number(a: number) -> number:
    return a.real  # here


def too_few(a: ints):
    one_up(a)  # here


def wrong_argument(a: ints, b: number):
    one_up(a, b)  # here


def keyword(a: ints):
    one_up(a, k=1)  # here


def three(a: int) -> int:
    return min(a, 1, 2)  # here


REFUSED = {
    unknown_name: "nowhere is not known",
    unknown_function: "math_sine is no function",
    foreign_function: "the language has no such Call",
    changes_type: "b is of type int and cannot become number",
    float_for_number: "operands must be of one type, but are float and number",
    number_for_whole: "int is stored where number belongs",
    whole_for_number: "number is stored where int belongs",
    mixed_operands: "number and float",
    wrong_result: "number is returned where int belongs",
    no_result: "its end may be reached without a result",
    nothing_returned: "None is returned where int belongs",
    both_values: "both values must be of one type",
    with_statement: "the language has no With",
    breaks: "the language has no Break",
    loop_else: "no such For",
    while_else: "no such While",
    over_elements: "loops go over range",
    annotated: "the language has no AnnAssign",
    several_targets: "no such Assign",
    unpacks: "no such Assign",
    list_of: "the language has no List",
    text: "'one' is no number",
    power: "number has no Pow",
    divides_whole: "int has no Div",
    modulo_of_numbers: "number has no Mod",
    between: "no such Compare",
    contained: "no Tuple",
    pointer_back: "ints has no Sub",
    absolute_of_whole: "int is not known",
    root_of_whole: "int is not known",
    item_of_number: "no such Subscript",
    unknown_field: "there is no field 'facto'",
    field_of_number: "there is no field 'real'",
    too_few: "one_up takes 2 arguments",
    wrong_argument: "k of one_up must be int, but is number",
    keyword: "takes 2 arguments",
    three: "no such Call",
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", REFUSED, ids=lambda kernel: kernel.__name__)
def test_what_the_language_does_not_have_is_refused_with_its_file_and_line(kernel, dtype):
    lines, start = inspect.getsourcelines(kernel)
    line = start + next(k for k, each in enumerate(lines) if "here" in each)
    with pytest.raises(SyntaxError) as refusal:
        compile_kernel(kernel, dtype, {"one_up": one_up})
    assert str(refusal.value).startswith(f"{__file__}, line {line}, in the kernel {kernel.__name__}: ")
    assert REFUSED[kernel] in str(refusal.value)
