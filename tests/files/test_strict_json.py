"""What JSON may be: as deep, and with numbers as large, as is said."""

import sys

import pytest

from rnnbp.files import strict_json

LARGEST = int(sys.float_info.max)


@pytest.mark.parametrize("number", [LARGEST, -LARGEST, 0, 1.5, sys.float_info.max, -sys.float_info.max])
def test_numbers_that_a_float_can_hold_come_back(number):
    assert strict_json.loads(strict_json.dumps({"n": [number]})) == {"n": [number]}


@pytest.mark.parametrize("text", [str(LARGEST + 1), str(-LARGEST - 1), "1e309", "-1e309"])
def test_larger_numbers_are_refused(text):
    with pytest.raises(ValueError, match="it holds a number that is too large"):
        strict_json.loads(f'{{"n": [{text}]}}')


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_read_where_it_is_allowed_only(constant):
    with pytest.raises(ValueError, match=f"{constant} is no number"):
        strict_json.loads(f"[{constant}]")
    assert repr(strict_json.loads(f"[{constant}]", finite=False)) == f"[{float(constant)}]"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a": ', "}")])
def test_a_hundred_levels_and_no_more(opening, closing):
    assert strict_json.loads(opening * 100 + "1" + closing * 100)
    for depth in (101, 100_000):
        with pytest.raises(ValueError, match="nested more than 100 levels deep"):
            strict_json.loads(opening * depth + "1" + closing * depth)
