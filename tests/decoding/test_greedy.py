"""Greedy decoding."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp.data.sequences import pad
from rnnbp.decoding import greedy


def spelled(path, blank):
    return [k for k, _ in itertools.groupby(path) if k != blank]


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=20), min_size=1, max_size=5), st.integers(0, 3))
def test_runs_are_merged_and_then_blanks_are_left_out(paths, blank):
    expected = [spelled(path, blank) for path in paths]
    rng = np.random.default_rng(0)
    logits = [3.0 * np.eye(4)[path] + rng.random((len(path), 4)) for path in paths]
    assert greedy(logits, blank) == expected
    padded, lengths = pad(logits)
    assert greedy(padded, blank, lengths=lengths) == expected


def test_a_padded_array_without_lengths_is_full():
    logits = np.zeros((3, 2, 3))
    logits[:, 0, 1] = logits[1, 1, 2] = 1.0
    assert greedy(logits) == [[1], [2]]


def test_labels_are_plain_whole_numbers():
    assert type(greedy([np.eye(3, dtype=np.float32)])[0][0]) is int


@pytest.mark.parametrize(
    ("logits", "options", "message"),
    [
        (np.zeros((3, 4)), {}, r"must be a list of arrays of shape \(T_i, C\), or an array of shape \(T, B, C\), but"),
        (np.zeros((0, 2, 3)), {}, r"array of shape \(0, 2, 3\) was given"),
        ([], {}, "list of sequences is empty"),
        ([np.zeros((0, 3))], {}, "sequence 0 has length 0"),
        ([np.zeros((2, 0))], {}, r"of shape \(T_i, C\), but float64 of shape \(2, 0\)"),
        ([np.zeros(3)], {}, r"logits of sequence 0 must be numbers of shape \(T_i, C\)"),
        ([np.zeros((2, 3)), np.full((2, 3), np.nan)], {}, "logits of sequence 1 must be numbers below infinity"),
        ([np.zeros((2, 3))], {"blank": 3}, "blank must be one of the 3 classes 0 .. 2, but 3 was given"),
        ([np.zeros((2, 3))], {"blank": -1}, "blank must be a whole number"),
        ([np.zeros((2, 3))], {"lengths": [2]}, "has its own lengths"),
        (np.zeros((3, 2, 4)), {"lengths": [3, 4]}, "sequence 1 has length 4, longer than the data"),
    ],
)
def test_what_are_no_logits_is_refused(logits, options, message):
    with pytest.raises(ValueError, match=message):
        greedy(logits, **options)
