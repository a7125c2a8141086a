"""Error rates and edit distances, against jiwer (tests/reference/make_error_rates_reference.py) and themselves."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp.metrics import (
    align_edits,
    character_error_rate,
    edit_distance,
    error_rates,
    label_error_rate,
    word_error_rate,
)

CASES = json.loads((Path(__file__).parent / "reference" / "error_rates_reference.json").read_text(encoding="utf-8"))
sequences = st.lists(st.sampled_from("abc"), max_size=8)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_error_rates_are_jiwer_s(case):
    texts = case["references"], case["hypotheses"]
    assert word_error_rate(*texts) == pytest.approx(case["wer"], rel=1e-12)
    assert character_error_rate(*texts) == pytest.approx(case["cer"], rel=1e-12)
    found = error_rates(*texts)
    assert found.rate == pytest.approx(case["wer"], rel=1e-12)
    assert found.errors == case["errors"]
    assert error_rates(*texts, unit="character").rate == pytest.approx(case["cer"], rel=1e-12)
    split = [[text.split() for text in each] for each in texts]
    assert label_error_rate(*split) == word_error_rate(*texts)


@given(sequences, sequences)
def test_the_distance_is_that_of_its_definition(reference, hypothesis):
    @cache
    def d(i, j):
        if not (i and j):
            return i + j
        other = reference[i - 1] != hypothesis[j - 1]
        return min(d(i - 1, j - 1) + other, d(i - 1, j) + 1, d(i, j - 1) + 1)

    assert edit_distance(reference, hypothesis) == d(len(reference), len(hypothesis))


def most_matches(reference, hypothesis):
    """How many matches an alignment with the fewest edits can have."""

    @cache
    def best(i, j):  # (edits, -matches)
        if not (i and j):
            return i + j, 0
        same = reference[i - 1] == hypothesis[j - 1]
        ways = [(best(i - 1, j - 1), 1 - same, same), (best(i - 1, j), 1, 0), (best(i, j - 1), 1, 0)]
        return min((edits + more, matches - match) for (edits, matches), more, match in ways)

    return -best(len(reference), len(hypothesis))[1]


@given(sequences, sequences)
def test_an_alignment_has_both_and_the_fewest_edits(reference, hypothesis):
    found = align_edits(reference, hypothesis)
    assert [e.reference for e in found.edits if e.kind != "insertion"] == reference
    assert [e.hypothesis for e in found.edits if e.kind != "deletion"] == hypothesis
    assert all((e.reference == e.hypothesis) == (e.kind == "match") for e in found.edits)
    assert all(e.reference is None for e in found.edits if e.kind == "insertion")
    assert found.errors == edit_distance(reference, hypothesis)
    assert found.count("match") == most_matches(reference, hypothesis)
    assert found.n_reference == len(reference)


def test_an_alignment_shows_where_the_errors_are():
    (shown,) = error_rates("the big cat sat", "a the cat sits").alignments
    assert str(shown).split("\n") == ["REF: * the big cat sat", "HYP: a the *** cat sits", "     I     D       S"]


def test_what_kinds_of_errors_there_are():
    found = error_rates(["one two three", "four five"], ["one too three six", "five"])
    assert (found.substitutions, found.insertions, found.deletions, found.n_reference) == (1, 1, 1, 5)
    assert found.confusions()[0][2] == 1
    assert {pair[:2] for pair in found.confusions()} == {("two", "too"), (None, "six"), ("four", None)}


def test_errors_of_each_group_the_worst_first():
    said, understood = ["a b", "a b", "c d", "c"], ["a b", "a x", "x y", "c"]
    found = error_rates(said, understood, groups=["ann", "ann", "bob", "bob"]).by_group()
    assert [(name, each.errors, each.n_reference) for name, each in found.items()] == [("bob", 2, 3), ("ann", 1, 4)]
    with pytest.raises(ValueError, match="groups must be given"):
        error_rates(said, understood).by_group()


def test_an_interval_holds_the_rate_and_is_narrower_where_more_was_said():
    rng = np.random.default_rng(0)

    def of(n):
        said = [["a"] * 10] * n
        understood = [["b" if wrong else "a" for wrong in rng.random(10) < 0.2] for _ in range(n)]
        return error_rates(said, understood, unit="label")

    few, many = of(20), of(500)
    widths = []
    for found in (few, many):
        low, high = found.confidence_interval()
        assert low < found.rate < high
        widths.append(high - low)
    # for words that are wrong independently of each other, the binomial's: 2 * 1.96 sqrt(p (1 - p) / n)
    assert widths[1] == pytest.approx(2 * 1.96 * np.sqrt(0.2 * 0.8 / 5000), rel=0.2)
    assert widths[0] > 3 * widths[1]
    narrow = many.confidence_interval(0.5)
    assert narrow[1] - narrow[0] < widths[1] / 2
    assert many.confidence_interval() == many.confidence_interval()
    assert "95 % interval" in str(many)


def test_an_interval_is_that_of_rates_of_utterances_drawn_again():
    """Of unequal lengths, so that a draw's errors are over its own number of words."""
    said = ["a"] * 12 + ["a b c d e f g h"] * 8
    understood = ["x"] * 6 + ["a"] * 6 + ["a b c d e f g h"] * 7 + ["a b c d e f x x"]
    rng, rates = np.random.default_rng(1), []
    errors, tokens = np.array([1] * 6 + [0] * 13 + [2]), np.array([1] * 12 + [8] * 8)
    for _ in range(4000):
        drawn = rng.integers(0, 20, 20)
        rates.append(errors[drawn].sum() / tokens[drawn].sum())
    found = error_rates(said, understood).confidence_interval(0.9, n_resamples=4000)
    np.testing.assert_allclose(found, np.quantile(rates, [0.05, 0.95]), rtol=0.06)


def test_draws_without_a_word_have_no_rate():
    assert error_rates(["a", ""], ["b", ""]).confidence_interval() == (1.0, 1.0)


def test_an_interval_over_speakers_is_wider_where_these_differ():
    said = ["a b c d"] * 40
    understood = ["a b c d"] * 20 + ["x b c x"] * 20
    found = error_rates(said, understood, groups=["ann"] * 20 + ["bob"] * 20)
    by_utterance, by_speaker = found.confidence_interval(), found.confidence_interval(resample="group")
    assert by_speaker == (0.0, 0.5)
    assert by_utterance[0] > 0.1


def test_a_rate_may_be_above_one_and_empty_texts_count():
    assert word_error_rate("a", "b c d") == 3.0
    assert word_error_rate(["a", ""], ["", "b"]) == 2.0
    assert word_error_rate(["a b"], [""]) == 1.0
    assert np.isnan(error_rates(["", "a"], ["", "a"], groups=[0, 1]).by_group()[0].rate)


def test_labels_may_be_arrays():
    assert label_error_rate([np.array([1, 2, 2])], [[1, 2]]) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("rate", "references", "hypotheses", "message"),
    [
        (word_error_rate, ["a"], ["a", "b"], "there must be a hypothesis for each reference, but there are 2 for 1"),
        (word_error_rate, ["", " "], ["a", "b"], "references must hold at least one word, but they hold none"),
        (word_error_rate, [], [], "references must hold at least one word"),
        (word_error_rate, [3], ["a"], r"references\[0\] must be a text, but 3 was given"),
        (character_error_rate, ["a"], [None], r"hypotheses\[0\] must be a text, but None was given"),
        (label_error_rate, ["ab"], [[1]], r"references\[0\] must be a list of labels, but 'ab' was given"),
        (label_error_rate, [[1]], [1], r"hypotheses\[0\] must be a list of labels, but 1 was given"),
    ],
)
def test_what_cannot_be_compared_is_refused(rate, references, hypotheses, message):
    with pytest.raises(ValueError, match=message):
        rate(references, hypotheses)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": "phone"}, "unit must be one of .*, but 'phone' was given"),
        ({"groups": ["ann"]}, "groups must be one for each of the 2 references, but there are 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        error_rates(["a", "b"], ["a", "b"], **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 1.0}, "level must be a number"),
        ({"n_resamples": 0}, "n_resamples must be a whole number"),
        ({"resample": "word"}, "resample must be 'utterance' or 'group', but 'word' was given"),
        ({"resample": "group"}, "groups must be given"),
    ],
)
def test_intervals_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        error_rates(["a", "b"], ["a", "b"]).confidence_interval(**options)
