"""What users hand in becomes an array of numbers as they are, or an error that says why it is none."""

from array import array
from collections import UserList, deque

import numpy as np
import pandas as pd
import pytest

from rnnbp.reading import read_array


class Counted:
    """An array of someone else's, which knows how many of its values are not zero."""

    nnz = 2

    def __array__(self, dtype=None, copy=None):
        return np.array([0.0, 1.0, 2.0], dtype)


class Own(UserList):
    """A sequence of someone else's that NumPy reads as an array."""

    def __array__(self, dtype=None, copy=None):
        return np.array(self.data, dtype)


def objects(*items):
    """Return a vector of these, whatever they are."""
    made = np.empty(len(items), object)
    made[:] = items
    return made


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([np.float32(1.5), np.float32(2.5)], np.array([1.5, 2.5], np.float32)),
        ([True, False], np.array([True, False])),
        (objects(1, 2), np.array([1, 2])),
        (objects(True, False), np.array([True, False])),
        (objects(True, 2), np.array([1.0, 2.0])),
        (objects(1, 2.5), np.array([1.0, 2.5])),
        (pd.Series([1, pd.NA], dtype="Int64"), np.array([1.0, np.nan])),
        (pd.Series([1.0, 2.0]), np.array([1.0, 2.0])),
        (np.float32(3.0), np.array(3.0, np.float32)),
        (3, np.array(3)),
        (range(3), np.arange(3)),
        (array("f", [1.0, 2.0]), np.array([1.0, 2.0], np.float32)),
        (memoryview(b"ab"), np.array([97, 98], np.uint8)),
        (Own([1.0, 2.0]), np.array([1.0, 2.0])),
        (Counted(), np.array([0.0, 1.0, 2.0])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_numbers_keep_their_kind(given, expected):
    found = read_array(given, "the input")
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_an_array_is_taken_as_it_is_or_turned_into_what_is_wanted():
    given = np.arange(3)
    assert read_array(given, "the input") is given
    assert read_array(given, "the input", np.float32).dtype == np.float32


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (objects([1.0]), r"the input is an object array of sequences: pass list\(x\)"),
        (objects((1.0,), (2.0,)), r"the input is an object array of sequences: pass list\(x\)"),
        (objects(pd.Series([1.0])), r"the input is an object array of sequences: pass list\(x\)"),
        (pd.Series([[1.0], [2.0, 3.0]]), r"the input is an object array of sequences: pass list\(x\)"),
        (deque([1.0]), r"but a deque was given: pass a list of what is in it, list\(x\)"),
        ({1.0}, "but a set was given, which has no order"),
        (iter([1.0]), "but a list_iterator was given, which can be read once only"),
        (object(), "the input must be an array, or a list of arrays, but a object was given"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_array_is_refused(given, message):
    with pytest.raises(TypeError, match=message):
        read_array(given, "the input")
