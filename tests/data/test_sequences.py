"""Ragged sequences: packing, unpacking, reversing, joining and sorting undo each other, whatever the lengths."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp.data.packing import Packing
from rnnbp.data.sequences import check_lengths, check_sequences, pad, unpad

lengths = st.lists(st.integers(1, 9), min_size=1, max_size=7)


def frames(n_steps, n_sequences):
    """Return a time-major array that says of each frame which it is: 100 * sequence + step."""
    return 100 * np.arange(n_sequences) + np.arange(n_steps)[:, None]


@given(lengths)
def test_rows_are_step_after_step_of_the_sequences_that_last_longest_first(given_lengths):
    steps = Packing(given_lengths)
    rows = steps.pack(frames(max(given_lengths), len(given_lengths)))
    longest_first = sorted(range(len(given_lengths)), key=lambda i: -given_lengths[i])
    by_hand = [100 * i + t for t in range(max(given_lengths)) for i in longest_first if t < given_lengths[i]]
    assert rows.tolist() == by_hand


@given(lengths)
def test_counts_starts_and_last_describe_the_rows(given_lengths):
    steps = Packing(given_lengths)
    assert steps.counts.tolist() == [sum(n > t for n in given_lengths) for t in range(max(given_lengths))]
    assert steps.starts.tolist() == [0, *np.cumsum(steps.counts)]
    assert (steps.n_steps, steps.n_sequences, steps.n_rows) == (
        max(given_lengths),
        len(given_lengths),
        sum(given_lengths),
    )
    rows = steps.pack(frames(steps.n_steps, steps.n_sequences))
    assert steps.unsort(rows[steps.last]).tolist() == [100 * i + n - 1 for i, n in enumerate(given_lengths)]


@given(lengths)
def test_step_and_sequence_of_row_name_each_frame(given_lengths):
    steps = Packing(given_lengths)
    rows = steps.pack(frames(steps.n_steps, steps.n_sequences))
    np.testing.assert_array_equal(100 * steps.order[steps.sequence_of_row] + steps.step_of_row, rows)


@given(lengths)
def test_previous_points_at_the_same_sequence_one_step_before(given_lengths):
    steps = Packing(given_lengths)
    first = steps.sort(100 * np.arange(steps.n_sequences) - 1)  # the initial states: step -1
    rows = steps.pack(frames(steps.n_steps, steps.n_sequences))
    np.testing.assert_array_equal(np.concatenate([first, rows])[steps.previous], rows - 1)


@given(lengths, st.integers(0, 3))
def test_unpacking_undoes_packing_and_pads_with_zeros(given_lengths, extra):
    n_padded = max(given_lengths) + extra
    steps = Packing(given_lengths, n_padded)
    padded = frames(n_padded, len(given_lengths)) + 1
    real = np.arange(n_padded)[:, None] < given_lengths
    np.testing.assert_array_equal(steps.unpack(steps.pack(padded)), np.where(real, padded, 0))


@given(lengths)
def test_packing_undoes_unpacking(given_lengths):
    steps = Packing(given_lengths)
    rows = np.random.default_rng(0).normal(size=(steps.n_rows, 2))
    np.testing.assert_array_equal(steps.pack(steps.unpack(rows)), rows)


@given(lengths)
def test_what_lies_in_the_padding_is_never_looked_at(given_lengths):
    steps = Packing(given_lengths)
    padded = frames(steps.n_steps + 2, steps.n_sequences).astype(float)
    clean = steps.pack(padded).copy()
    padded[np.arange(len(padded))[:, None] >= given_lengths] = np.nan
    np.testing.assert_array_equal(steps.pack(padded), clean)


@given(lengths)
def test_joining_a_list_is_packing_it_padded(given_lengths):
    steps = Packing(given_lengths)
    padded = frames(steps.n_steps, steps.n_sequences)
    joined = steps.gather(np.concatenate([padded[:n, i] for i, n in enumerate(given_lengths)]))
    np.testing.assert_array_equal(joined, steps.pack(padded))


@given(lengths)
def test_reversing_turns_each_sequence_at_its_own_end(given_lengths):
    steps = Packing(given_lengths)
    sequences = [np.arange(n) + 100 * i for i, n in enumerate(given_lengths)]
    np.testing.assert_array_equal(
        steps.reverse(steps.gather(np.concatenate(sequences))),
        steps.gather(np.concatenate([s[::-1] for s in sequences])),
    )


@given(lengths)
def test_reversing_is_its_own_inverse(given_lengths):
    steps = Packing(given_lengths)
    rows = np.arange(steps.n_rows)
    np.testing.assert_array_equal(steps.reverse(steps.reverse(rows)), rows)


@given(lengths)
def test_unsorting_undoes_sorting(given_lengths):
    steps = Packing(given_lengths)
    values = np.arange(steps.n_sequences)
    np.testing.assert_array_equal(steps.unsort(steps.sort(values)), values)
    np.testing.assert_array_equal(steps.sort(np.array(given_lengths)), steps.lengths)


@given(lengths, st.integers(0, 8), st.integers(1, 9))
def test_a_window_of_time_is_the_batch_of_what_the_sequences_have_there(given_lengths, first, n_steps):
    steps = Packing(given_lengths)
    first = min(first, steps.n_steps - 1)
    stop = min(first + n_steps, steps.n_steps)
    sequences = [np.arange(n) + 100 * i for i, n in enumerate(steps.lengths)]
    rows = steps.gather(np.concatenate([sequences[i] for i in np.argsort(steps.order)]))
    rows = rows[steps.starts[first] : steps.starts[stop]]
    reaching = [s[first:stop] for s in sequences if len(s) > first]
    window = steps.window(first, stop)
    assert window.lengths.tolist() == [len(s) for s in reaching]
    np.testing.assert_array_equal(rows, window.gather(np.concatenate(reaching)))


@pytest.mark.parametrize("given_lengths", [[5], [12] * 5, [9, 1, 4, 4, 2, 7], [1, 60, 1, 1], [12, 12, 10]])
@pytest.mark.parametrize("n_shares", range(1, 9))
def test_shares_begin_as_near_as_they_can_to_where_they_should(given_lengths, n_shares):
    steps = Packing(given_lengths)
    layout = steps.layout(n_shares)
    bounds = layout.bounds
    assert layout.n_shares == len(bounds) - 1 <= n_shares
    assert bounds[0] == 0 < bounds[-1] == len(given_lengths)
    assert (np.diff(bounds) > 0).all()
    found = np.concatenate([[0], np.cumsum(steps.lengths)])[bounds]
    wished = np.arange(n_shares + 1) * sum(given_lengths) / n_shares
    assert (np.abs(found - wished[:, None]).min(axis=1) <= max(given_lengths) / 2).all()


def test_sequences_of_equal_lengths_keep_their_order():
    assert Packing([2, 3, 2, 3]).order.tolist() == [1, 3, 0, 2]


def test_packing_full_sequences_copies_nothing():
    padded = np.zeros((3, 2, 4))
    assert np.shares_memory(Packing([3, 3]).pack(padded), padded)


@given(lengths)
def test_unpad_undoes_pad(given_lengths):
    sequences = [np.full((n, 2), i, float) for i, n in enumerate(given_lengths)]
    padded, found = pad(sequences)
    assert padded.shape == (max(given_lengths), len(given_lengths), 2)
    assert found.tolist() == given_lengths
    for restored, sequence in zip(unpad(padded, found), sequences, strict=True):
        np.testing.assert_array_equal(restored, sequence)


@pytest.mark.parametrize(
    ("given_lengths", "message"),
    [
        ([3, 4], r"one number a sequence, of shape \(3,\), but their shape is \(2,\)"),
        ([[3, 4, 5]], r"of shape \(3,\), but their shape is \(1, 3\)"),
        ([3.0, 4.0, 5.0], "whole numbers of steps, but their dtype is float64"),
        (["3", "4", "5"], "whole numbers of steps"),
        ([True, True, True], "whole numbers of steps"),
        ([1, 0, 5], "sequence 1 has length 0: every sequence needs at least one step"),
        ([3, 4, -1], "sequence 2 has length -1"),
        ([5, 6, 7], "sequence 1 has length 6, longer than the data: there are 5 steps"),
    ],
)
def test_lengths_that_do_not_fit_are_named(given_lengths, message):
    with pytest.raises(ValueError, match=message):
        check_lengths(given_lengths, n_steps=5, n_sequences=3)


def test_no_lengths_stand_for_full_length():
    assert check_lengths(None, n_steps=5, n_sequences=3).tolist() == [5, 5, 5]


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([], "the list of sequences is empty"),
        ([np.zeros((2, 3)), np.zeros((0, 3))], "sequence 1 has length 0: .* leave it out"),
        ([np.zeros((2, 3)), np.zeros((2, 4))], r"sequence 1 has frames of shape \(4,\), but sequence 0 has \(3,\)"),
        ([np.zeros(2), 5.0], "sequence 1 is a single number"),
        (
            [np.zeros((2, 2)), pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [2], "a": [1]})],
            r"sequence 2 has the columns \['b', 'a'\], but sequence 1 \['a', 'b'\]",
        ),
    ],
)
def test_sequences_that_do_not_go_together_are_named(sequences, message):
    with pytest.raises(ValueError, match=message):
        check_sequences(sequences)


def test_unpad_checks_the_lengths():
    with pytest.raises(ValueError, match="longer than the data"):
        unpad(np.zeros((3, 2)), [4, 1])
