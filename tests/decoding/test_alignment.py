"""Forced alignment, against all paths."""

import itertools

import numpy as np
import pytest

from rnnbp.decoding import align
from rnnbp.losses.forward_backward import log_softmax


def spelled(path, blank):
    return tuple(k for k, _ in itertools.groupby(path) if k != blank)


@pytest.mark.parametrize("labels", [[], [0], [1, 1], [0, 1], [1, 0, 1], [0, 0]])
@pytest.mark.parametrize("blank", [0, 2])
def test_the_path_is_the_likeliest_of_all_that_spell_the_labels(labels, blank):
    labels = [k + (k >= blank) for k in labels]
    for seed in range(5):
        logits = np.random.default_rng(seed).normal(size=(6, 3))
        log_p = log_softmax(logits)
        paths = [p for p in itertools.product(range(3), repeat=6) if spelled(p, blank) == tuple(labels)]
        scores = [log_p[np.arange(6), p].sum() for p in paths]
        found = align(logits, labels, blank)
        assert found.path.tolist() == list(paths[int(np.argmax(scores))])
        assert found.log_probability == pytest.approx(max(scores), rel=1e-12)
        assert [each.label for each in found.segments] == labels
        for each in found.segments:
            assert (found.path[each.start : each.end] == each.label).all()
            assert each.confidence == pytest.approx(np.exp(log_p[each.start : each.end, each.label]).mean())


def test_labels_that_are_the_same_are_told_apart_by_the_blank_between():
    found = align(9.0 * np.eye(2)[[1, 1, 0, 1, 0]], [1, 1])
    assert [(each.start, each.end) for each in found.segments] == [(0, 2), (3, 4)]


def test_a_network_that_disagrees_has_little_confidence():
    logits = 4.0 * np.eye(3)[[0, 1, 0, 1, 0]]
    sure, unsure = align(logits, [1, 1]).segments[0], align(logits, [1, 2]).segments[1]
    assert sure.confidence > 0.9
    assert unsure.confidence < 0.1


def test_words_go_from_their_first_label_to_their_last():
    path, sure = [0, 2, 0, 3, 3, 1, 1, 0, 3, 2, 0], np.linspace(3, 6, 11)
    found = align(sure[:, None] * np.eye(4)[path], [2, 3, 1, 3, 2]).words(["", " ", "a", "b"])
    assert [(each.label, each.start, each.end) for each in found] == [("ab", 1, 5), ("ba", 8, 10)]
    p = np.exp(sure) / (np.exp(sure) + 3)  # a word's confidence is the mean over the steps of its labels
    assert [each.confidence for each in found] == pytest.approx([p[[1, 3, 4]].mean(), p[[8, 9]].mean()], rel=1e-12)


def test_alignments_may_be_compared():
    one, other = (align(9.0 * np.eye(2)[[1, 1, 0]], [1]) for _ in range(2))
    assert one == one
    assert one != other


def test_separators_without_words_between_are_none():
    found = align(9.0 * np.eye(3)[[1, 0, 1, 2, 1]], [1, 1, 2, 1]).words(["", " ", "a"])
    assert [each.label for each in found] == ["a"]


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (np.zeros((2, 3)), [1, 1], "must have at least 3 steps, 2 for its labels and 1 for blanks"),
        (np.zeros((2, 3)), [3], "must be classes from 0 to 2, but 3 was given"),
        (np.zeros((2, 3)), [0], "must not hold the blank"),
        (np.zeros(3), [1], r"must be numbers of shape \(T_i, C\)"),
        (np.full((2, 3), np.nan), [1], "one is NaN or infinite"),
    ],
)
def test_what_cannot_be_aligned_is_refused(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        align(logits, labels)
