"""Values as plain data: what is written comes back, and what nobody has written is refused in a small space."""

import json
import math
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rnnbp.estimators.plain_values import read, written
from rnnbp.gradients import BPTT, GradientAlgorithm
from rnnbp.optimizers import Adam


def through_json(value, kinds=()):
    return read(json.loads(json.dumps(written(value, "value"), allow_nan=False)), kinds)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        -2.5,
        "text",
        [],
        [1, [2.5, None]],
        (1, ("a",), []),
        {"a": 1, 2: (3,), None: [], (1, 2): "b"},
        slice(1, None),
    ],
)
def test_plain_values_come_back(value):
    again = through_json(value)
    assert again == value
    assert repr(again) == repr(value)


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinity_comes_back(value):
    assert through_json([value]) == [value]


def test_nan_comes_back():
    assert math.isnan(through_json(math.nan))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.array(2.5, np.float32),
        np.zeros((0, 3)),
        np.zeros((2, 0, 3), np.int8),
        np.array([np.nan, -np.inf, 1.0]),
        np.array([[True], [False]]),
        np.array([2**63], np.uint64),
        np.array([1.5, 2], ">f8"),
        np.array(["one", "three"]),
        np.array(["a", "b"], "U90"),
        np.array([], "U3"),
        np.array(["x", None, 3, 2.5], object),
        np.ones((1,) * 32),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_arrays_come_back(array):
    again = through_json(array)
    assert_array_equal(again, array)
    assert (again.dtype, again.shape) == (array.dtype, array.shape)


SQUARE = np.arange(24.0).reshape(4, 6)


@pytest.mark.parametrize(
    "array",
    [
        SQUARE.T,
        SQUARE.T[:2],
        SQUARE[:, :2],
        SQUARE[::-1],
        SQUARE.T[2::-1],
        SQUARE.reshape(2, 3, 4).transpose(1, 0, 2),
    ],
)
def test_arrays_lie_in_memory_as_they_did(array):
    """As far as products of matrices look at it: order and direction of the axes, and whether rows have gaps."""
    again = through_json(array)
    assert_array_equal(again, array)
    assert np.array_equal(np.sign(again.strides), np.sign(array.strides))
    assert np.array_equal(np.argsort(np.abs(again.strides)), np.argsort(np.abs(array.strides)))
    assert (again.base.size > again.size) == (array.base.size > array.size)
    assert again.flags.f_contiguous == array.flags.f_contiguous


def test_room_for_long_texts_that_are_not_there_is_given_up_where_it_is_much():
    assert through_json(np.array(["a", "bc"] * 1000, "U10000")).dtype == "<U2"
    with pytest.raises(ValueError, match="very different lengths"):
        written(np.array(["x" * 10_000] + [""] * 10_000), "names")


def test_room_for_long_texts_is_kept_up_to_a_megabyte():
    for length, kept in ((2**18, 2**18), (2**18 + 1, 1)):
        assert through_json(np.array(["a"], f"U{length}")).dtype == f"<U{kept}"


def test_many_short_texts_have_room():
    assert through_json(np.array(["a"] * (2**18 + 1))).shape == (2**18 + 1,)


@pytest.mark.parametrize("dtype", ["float32", ">i8", "bool", "object", "U1024"])
def test_dtypes_come_back(dtype):
    assert through_json(np.dtype(dtype)) == np.dtype(dtype)


def test_a_dtype_whose_arrays_would_be_huge_is_refused():
    with pytest.raises(ValueError, match="cannot be written to a model file"):
        written(np.dtype("U1025"), "dtype")
    with pytest.raises(ValueError, match="stands for nothing"):
        read({"dtype": "<U1025"})


@pytest.mark.parametrize(
    "value", [1j, b"x", {1}, object(), np.zeros(1, "M8[s]"), np.zeros(1, complex), np.zeros(1, "S3")]
)
def test_what_is_no_plain_data_is_refused(value):
    with pytest.raises(ValueError, match=r"cannot be written to a model file"):
        written([value], "name")


def test_objects_come_back_where_their_kind_is_allowed():
    assert repr(through_json(BPTT(compiled=False), (GradientAlgorithm,))) == "BPTT(compiled=False)"
    for kinds in ((), (Adam,)):
        with pytest.raises(ValueError, match=r"there is a 'BPTT' where .* is expected"):
            through_json(BPTT(), kinds)


FORGED = {
    "wide bytes": {"array": ["a"], "dtype": "S200000000"},
    "wide texts": {"array": ["a"], "dtype": "U200000000"},
    "one long text among many": {"array": ["x" * 10_000, *[""] * 10_000], "dtype": "<U10000"},
    "a large shape": {"array": [], "dtype": "<f8", "shape": [2**30, 2**30]},
    "a shape without end": {"array": [], "dtype": "<f8", "shape": [0] * 33},
    "a long side": {"array": [], "dtype": "<f8", "shape": [2**31, 0]},
    "a negative side": {"array": [], "dtype": "<f8", "shape": [-1, 0]},
    "a shape that is true": {"array": [1], "dtype": "<f8", "shape": [True]},
    "a shape of halves": {"array": [], "dtype": "<f8", "shape": [0.5]},
    "another shape": {"array": [1, 2], "dtype": "<f8", "shape": [3]},
    "a row as a table": {"array": [1, 2, 3, 4], "dtype": "<f8", "shape": [2, 2]},
    "ragged rows": {"array": [[1], [2, 3]], "dtype": "<f8"},
    "rows and numbers": {"array": [[1], 2], "dtype": "<f8"},
    "deep rows": {"array": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]], "dtype": "<f8"},
    "texts as numbers": {"array": ["1"], "dtype": "<f8"},
    "fractions as whole numbers": {"array": [1.5], "dtype": "<i8"},
    "flags as numbers": {"array": [True], "dtype": "<f8"},
    "numbers as flags": {"array": [1], "dtype": "|b1"},
    "numbers that are too large": {"array": [300], "dtype": "|i1"},
    "very large numbers": {"array": [10**300], "dtype": "<i8"},
    "texts that are too long": {"array": ["abc"], "dtype": "<U2"},
    "an object's memory": {"array": [1], "dtype": "V8"},
    "fields": {"array": [1], "dtype": "f8,f8"},
    "a layout of nothing": {"array": [[1]], "dtype": "<f8", "layout": 3},
    "a layout of other axes": {
        "array": [[1]],
        "dtype": "<f8",
        "layout": {"axes": [0, 2], "reversed": [], "gap": True},
    },
    "a layout that turns twice": {
        "array": [[1]],
        "dtype": "<f8",
        "layout": {"axes": [0, 1], "reversed": [1, 1], "gap": True},
    },
    "a wide gap": {"array": [[1]], "dtype": "<f8", "layout": {"axes": [0, 1], "reversed": [], "gap": 10**9}},
    "a layout of a row": {"array": [1], "dtype": "<f8", "layout": {"axes": [0], "reversed": [], "gap": False}},
    "a wide dtype alone": {"dtype": "<U100000000"},
    "half a slice": {"slice": [1]},
    "a slice and a half": {"slice": [1, 2, 3, 4]},
    "no slice": {"slice": 3},
    "a part where none is": {"part": {"transformer": "PCA"}},
    "no dtype": {"array": [1], "dtype": 8},
    "no name of a number": {"float": "one"},
    "a number by itself": {"float": 1.5},
    "no tuple": {"tuple": 3},
    "no pairs": {"mapping": [[1]]},
    "three of a pair": {"mapping": [[1, 2, 3]]},
    "pairs that are texts": {"mapping": ["ab"]},
    "no mapping": {"mapping": 3},
    "names of numbers": {"float": ["nan"]},
    "no text of a dtype": {"dtype": ["<f8"]},
    "no object": {"configurable": "BPTT"},
    "an array and more": {"array": [1], "dtype": "<f8", "code": "print()"},
    "a list as a key": {"mapping": [[[1], 2]]},
    "two things": {"tuple": [], "float": "nan"},
    "nothing": {},
    "something else": {"code": "print()"},
}


@pytest.mark.parametrize("name", FORGED)
def test_what_nobody_has_written_is_refused(name):
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"array|stands for nothing|no pair|cannot be a key|is expected"):
        read([FORGED[name]])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5e6


@pytest.mark.parametrize("rows", [[[1], [2, 3]], [[1], 2]])
def test_rows_that_are_not_equally_long_are_called_so(rows):
    with pytest.raises(ValueError, match="an array's rows must be equally long"):
        read({"array": rows, "dtype": "<f8"})
