"""Targets and weights of steps: which forms are told apart, how they are joined, and what is said of others."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rnnbp.estimators.steps import are_steps, are_whole, joined, per_step_weight


def objects(*items):
    """An array of such items."""
    array = np.empty(len(items), object)
    array[:] = items
    return array


WHOLE = {
    "nothing": [],
    "a number": [3],
    "numbers": (1.0, 2.0),
    "names": np.array(["a", "b"]),
    "a column": np.ones((2, 1)),
    "objects": objects("a", 2),
    "no objects": objects(),
    "one for all": np.array(2.0),
}
NOT_WHOLE = {
    "a list": [[1, 2]],
    "ragged": [np.ones(1), np.ones(2)],
    "rows": np.ones((2, 2)),
    "steps": np.ones((2, 1, 1)),
    "an array": objects(np.ones(2)),
    "a table of objects": np.array([["a", "b"]], object),
}


@pytest.mark.parametrize("y", WHOLE.values(), ids=WHOLE)
def test_one_number_or_name_each_is_whole(y):
    assert are_whole(y)


@pytest.mark.parametrize("y", NOT_WHOLE.values(), ids=NOT_WHOLE)
def test_what_has_an_axis_for_steps_or_columns_is_not(y):
    assert not are_whole(y)


@pytest.mark.parametrize(
    ("y", "lengths", "expected"),
    [
        (np.ones((2, 3)), [3, 3], False),
        (np.ones((2, 3, 1)), [3, 3], True),
        ([1, 2], [1, 1], False),
        ([[1], [1, 2]], [1, 2], True),
        ([np.ones(1), np.ones(2)], [5, 5], True),
        ([np.ones(1), 2.0], [5, 5], True),
        ([np.ones(3), np.ones(3)], [3, 3], True),
        ([np.ones(3), [1, 2, 3]], [3, 3], True),
        ([np.ones(3), np.ones(3)], [5, 5], False),
        ([[1, 2, 3], (4, 5, 6)], [3, 3], False),
        ([[[1], [2]], [[3], [4]]], [5, 5], True),
        (objects(np.ones(3), np.ones(3)), [3, 3], True),
        (objects(np.ones(3)), [5], False),
    ],
)
def test_targets_are_one_a_step_if_they_are_ragged_deep_or_as_long_as_their_sequences(y, lengths, expected):
    assert are_steps(y, np.array(lengths)) == expected


@pytest.mark.parametrize(
    ("y", "lengths", "expected"),
    [
        ([[1, 2], [3]], [2, 1], [1, 2, 3]),
        ([[[1], [2]]], [2], [[1], [2]]),
        (np.arange(4).reshape(2, 2), [2, 2], [0, 1, 2, 3]),
    ],
)
def test_targets_of_steps_are_joined_sequence_after_sequence(y, lengths, expected):
    assert_array_equal(joined(y, np.array(lengths)), expected)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[1, 2]], "Found 2 sequences, but targets for 1: the numbers are inconsistent"),
        ([[1, 2], 3], "each step needs a target: sequence 1 has 1 steps, but its targets have shape ()"),
        ([[1, 2], [3, 4]], "sequence 1 has 1 steps, but its targets have shape (2,)"),
        ([[[1], [2]], [[3, 4]]], "the targets of sequence 1 have shape (1, 2), but those of sequence 0 (2, 1)"),
    ],
)
def test_targets_that_do_not_fit_their_steps_are_named(y, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        joined(y, np.array([2, 1]))


@pytest.mark.parametrize(
    "weight",
    [[[1, 2], [3]], [[[1], [2]], [[3]]], objects([1, 2], [3])],
    ids=["rows", "columns", "objects"],
)
def test_weights_of_steps_are_joined(weight):
    assert_array_equal(per_step_weight(weight, np.array([2, 1])), [1, 2, 3])


@pytest.mark.parametrize(
    ("weight", "expected"), [([5, 6], [5, 5, 6]), (np.array([[5], [6]]), [5, 5, 6]), (np.array(7.0), [7, 7, 7])]
)
def test_a_weight_of_a_sequence_or_of_all_is_that_of_each_step(weight, expected):
    assert_array_equal(per_step_weight(weight, np.array([2, 1])), expected)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([[[1, 2], [3, 4]], [[5, 6]]], "each step needs one weight, but those of sequence 0 have 2 columns"),
        ([5, 6, 7], "sample_weight has 3 weights, but there are 2 sequences of 3 steps in all: give one for each"),
    ],
)
def test_weights_that_are_of_neither_are_named(weight, message):
    with pytest.raises(ValueError, match=message):
        per_step_weight(weight, np.array([2, 1]))
