"""Sequences of sktime, aeon and tslearn come in as they are: make_sequence_formats_reference.py wrote them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rnnbp import RNNClassifier
from rnnbp.preprocessing import from_multiindex, from_nan_padded, from_nested, from_numpy3d

FOUND = json.loads((Path(__file__).parents[1] / "reference" / "sequence_formats_reference.json").read_text())
RAGGED = FOUND["df-list"]


def multiindex(index=FOUND["pd-multiindex"]["index"], data=FOUND["pd-multiindex"]["data"]):
    kept = FOUND["pd-multiindex"]
    levels = pd.MultiIndex.from_tuples(list(map(tuple, index)), names=kept["names"])
    return pd.DataFrame(data, index=levels, columns=kept["columns"])


def nested():
    kept = FOUND["nested_univ"]
    assert kept["cell"] == "Series"
    return pd.DataFrame([[pd.Series(cell) for cell in row] for row in kept["cells"]], columns=kept["columns"])


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: from_nested(nested()), RAGGED),
        (lambda: from_multiindex(multiindex()), RAGGED),
        (lambda: from_nan_padded(FOUND["nan padded"]), RAGGED),
        (lambda: from_numpy3d(list(map(np.array, FOUND["np-list"]))), RAGGED),
        (lambda: from_numpy3d(np.array(FOUND["numpy3D"])), FOUND["df-list of one length"]),
    ],
    ids=["nested", "multiindex", "padded with NaN", "list, channels first", "array, channels first"],
)
def test_sequences_are_those_that_the_others_mean(made, expected):
    sequences = made()
    assert len({len(sequence) for sequence in RAGGED}) > 1
    for sequence, same in zip(sequences, expected, strict=True):
        np.testing.assert_array_equal(sequence, same)
        assert sequence.dtype == np.float64


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_estimators_take_them():
    for sequences in (from_nested(nested()), from_multiindex(multiindex()), from_numpy3d(np.array(FOUND["numpy3D"]))):
        assert RNNClassifier(2, max_iter=1).fit(sequences, list("aba")).n_features_in_ == 3


def test_rows_of_a_sequence_need_not_lie_together_and_names_may_be_anything():
    index = [("bob", 0.5), ("ann", 0.0), ("bob", 0.75), ("ann", 9.0), ("bob", 2.0)]
    bob, ann = from_multiindex(multiindex(index, np.arange(15.0).reshape(5, 3)))
    np.testing.assert_array_equal(bob[:, 0], [0, 6, 12])
    np.testing.assert_array_equal(ann[:, 0], [3, 9])


def test_sequences_of_numbers_may_be_padded_too():
    first, second = from_nan_padded([[1.0, np.nan, np.nan], [1.0, 2.0, 3.0]])
    assert (first.tolist(), second.tolist()) == ([1.0], [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: from_numpy3d(np.zeros((3, 4))), ValueError, r"of shape \(N, C, T\), .* but its shape is \(3, 4\)"),
        (
            lambda: from_numpy3d([np.zeros((3, 4)), np.zeros((2, 4))]),
            ValueError,
            r"sequence 1 has shape \(2, 4\), and sequence 0 \(3, 4\)",
        ),
        (
            lambda: from_nan_padded(np.zeros(3)),
            ValueError,
            r"of shape \(N, T, F\) or \(N, T\), but its shape is \(3,\)",
        ),
        (lambda: from_nan_padded([[1.0], [np.nan]]), ValueError, "sequence 1 is NaN throughout: leave it out"),
        (lambda: from_nan_padded([[1.0, np.nan, 2.0]]), ValueError, "sequence 0 is NaN at step 1, before its end"),
        (lambda: from_nan_padded([[[1.0, np.nan], [1.0, 2.0]]]), ValueError, "sequence 0 is NaN at step 0"),
        (lambda: from_nan_padded(np.zeros((3, 0, 2))), ValueError, r"some steps .* but its shape is \(3, 0, 2\)"),
        (lambda: from_nested(pd.DataFrame(index=range(3))), ValueError, "rows and columns, but it has 3 and 0"),
        (
            lambda: from_multiindex(multiindex([("ann", 0), (np.nan, 0)], np.zeros((2, 3)))),
            ValueError,
            "the instance of row 1 is missing",
        ),
        (lambda: from_nested([[1.0]]), TypeError, "X must be a data frame of pandas, but a list was given"),
        (lambda: from_nested(np.zeros((2, 2))), TypeError, "X must be a data frame of pandas, but a ndarray was given"),
        (lambda: from_nested(pd.DataFrame({"a": [1.0]})), TypeError, "that of row 0, column 'a', is a number"),
        (
            lambda: from_nested(pd.DataFrame({"a": [pd.Series([1.0])], "b": [pd.Series([1.0, 2.0])]})),
            ValueError,
            "the series of row 0 differ in length: 'a' 1, 'b' 2",
        ),
        (lambda: from_multiindex(pd.DataFrame({"a": [1.0]})), ValueError, "two levels, .* but it has 1"),
        (
            lambda: from_multiindex(multiindex([("ann", 1), ("ann", 0)], np.zeros((2, 3)))),
            ValueError,
            r"the times of 'ann' must rise from row to row: sort them with X\.sort_index\(\)",
        ),
    ],
)
def test_what_is_of_no_such_form_is_an_error(call, error, message):
    with pytest.raises(error, match=message):
        call()
