"""Prefix beam search, against the scores of all label sequences there are."""

import copy
import itertools
import pickle
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp import losses
from rnnbp.data.sequences import pad
from rnnbp.decoding import BeamSearch, NGram, greedy
from rnnbp.kernels import threads
from rnnbp.losses.forward_backward import log_softmax

SYMBOLS = ["", " ", "a", "b"]
TEXTS = ["ab a", "b ab", "a b ab", "ab", "ab ab b"]
WHOLE = 5000  # a beam that holds every prefix


def logits_of(seed, n_steps=5, n_classes=4, size=1.5):
    return np.random.default_rng(seed).normal(0, size, (n_steps, n_classes))


def all_labels(n_steps, n_classes, blank):
    labels = [k for k in range(n_classes) if k != blank]
    return [each for n in range(n_steps + 1) for each in itertools.product(labels, repeat=n)]


def exhaustive(logits, gain=lambda labels: 0.0, blank=0):
    """Scores of all label sequences that are possible, the best first."""
    listed = all_labels(*logits.shape, blank)
    values, _ = losses.ctc([logits] * len(listed), listed, blank, zero_infinity=True)
    scored = [(gain(each) - value, list(each)) for each, value in zip(listed, values, strict=True) if value > 0.0]
    return sorted(((s, each) for s, each in scored if s > -np.inf), key=lambda pair: -pair[0])


def assert_same(search, logits, expected, n=6):
    (found,) = search.n_best([logits], n)
    assert len(found) == min(n, len(expected))
    np.testing.assert_allclose([each.score for each in found], [s for s, _ in expected[:n]], rtol=1e-9)
    assert [each.labels for each in found] == [each for _, each in expected[:n]]
    assert search([logits]) == [expected[0][1]]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("blank", [0, 1, 3])
def test_a_beam_that_holds_all_prefixes_finds_the_best_labels(seed, blank):
    logits = logits_of(seed)
    assert_same(BeamSearch(WHOLE, blank=blank), logits, exhaustive(logits, blank=blank))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("unit", ["character", "word"])
@pytest.mark.parametrize(("weight", "bonus"), [(1.0, 0.0), (0.4, 1.1), (2.0, -0.7), (0.0, 0.5)])
def test_a_language_model_of_labels_and_a_bonus_are_part_of_the_score(seed, unit, weight, bonus):
    """Over characters; and over words that are one symbol each."""
    symbols = SYMBOLS if unit == "character" else ["", "one", "two", "three"]
    texts = TEXTS if unit == "character" else ["one two", "two two three", "three one two"]
    model, logits = NGram(3, unit=unit).fit(texts), logits_of(seed)

    def gain(labels):
        return weight * model.score([symbols[k] for k in labels]) + bonus * len(labels)

    options = {"language_model_weight": weight, "insertion_bonus": bonus, "symbols": symbols}
    assert_same(BeamSearch(WHOLE, model, **options), logits, exhaustive(logits, gain))


def words_in(labels):
    """The words, or None where separators follow each other or come first."""
    text = "".join(SYMBOLS[k] for k in labels)
    return None if text.startswith(" ") or "  " in text else text.split()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lexicon", [None, ["ab", "b"], ["a", "aba"]])
@pytest.mark.parametrize("order", [1, 3])
def test_a_language_model_of_words_scores_each_word_where_it_ends(seed, lexicon, order):
    """What the model does not know ("bb", or "aba" of the lexicon) is <unk>."""
    model, logits = NGram(order).fit(TEXTS), logits_of(seed)

    def gain(labels):
        words = words_in(labels)
        if words is None or (lexicon is not None and not set(words) <= set(lexicon)):
            return -np.inf
        return 0.7 * model.score(words) + 0.3 * len(words)

    options = {"language_model_weight": 0.7, "insertion_bonus": 0.3, "symbols": SYMBOLS}
    assert_same(BeamSearch(WHOLE, model, lexicon, **options), logits, exhaustive(logits, gain))


@pytest.mark.parametrize("seed", range(3))
def test_a_lexicon_alone_allows_its_words_only(seed):
    lexicon, logits = ["ab", "ba", "a"], logits_of(seed)

    def gain(labels):
        words = words_in(labels)
        return 0.0 if words is not None and set(words) <= set(lexicon) else -np.inf

    assert_same(BeamSearch(WHOLE, lexicon=lexicon, symbols=SYMBOLS), logits, exhaustive(logits, gain))


def test_a_lexicon_without_a_separator_allows_one_word():
    symbols, logits = ["", "c", "a", "b"], logits_of(0)

    def gain(labels):
        return 0.0 if "".join(symbols[k] for k in labels) in ("", "ab", "b") else -np.inf

    assert_same(BeamSearch(WHOLE, lexicon=["ab", "b"], symbols=symbols), logits, exhaustive(logits, gain)[:3])


def test_a_loaded_model_whose_shorter_n_grams_were_pruned_is_searched_alike(tmp_path):
    """An ARPA file may lack "b", "a b" and more of what its longer n-grams end with."""
    model = NGram(3, unit="character").fit(TEXTS)
    for gram in (("a", "b"), ("b", " ")):
        del model.log_p[gram]
        model.backoff.pop(gram)
    logits = logits_of(1)

    def gain(labels):
        return model.score([SYMBOLS[k] for k in labels])

    assert_same(BeamSearch(WHOLE, model, symbols=SYMBOLS), logits, exhaustive(logits, gain))


def test_a_weight_of_backing_off_from_the_longest_n_grams_is_not_paid():
    """A file may give one, though there is no longer n-gram that could be missing."""
    model = NGram(1, unit="character").fit(TEXTS)
    model.backoff["<s>",] = -2.0
    logits = logits_of(1)

    def gain(labels):
        return model.score([SYMBOLS[k] for k in labels])

    assert_same(BeamSearch(WHOLE, model, symbols=SYMBOLS), logits, exhaustive(logits, gain))


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 12))
def test_any_beam_finds_labels_that_fit_and_scores_them_no_higher_than_they_are(seed, width, n_steps):
    logits = logits_of(seed, n_steps, 3)
    (found,) = BeamSearch(width).n_best([logits], width)
    assert len({tuple(each.labels) for each in found}) == len(found) >= 1
    values, _ = losses.ctc([logits] * len(found), [each.labels for each in found])
    scores = [each.score for each in found]
    assert (scores <= -values + 1e-9).all()
    assert scores == sorted(scores, reverse=True)


def by_dictionaries(logits, width, blank=0, gain=lambda prefix: 0.0):
    """The search as it is usually written: a dictionary of prefixes for each step."""
    beam = {(): (0.0, -np.inf)}
    for y in log_softmax(logits):
        following = defaultdict(lambda: [-np.inf, -np.inf])
        for prefix, (b, nb) in beam.items():
            both, last = np.logaddexp(b, nb), prefix[-1] if prefix else None
            stays = following[prefix]
            stays[0] = np.logaddexp(stays[0], both + y[blank])
            if prefix:
                stays[1] = np.logaddexp(stays[1], nb + y[last])
            for c in range(len(y)):
                if c != blank:
                    longer = following[*prefix, c]
                    longer[1] = np.logaddexp(longer[1], (b if c == last else both) + y[c])
        best = sorted(following.items(), key=lambda item: -np.logaddexp(*item[1]) - gain(item[0]))
        beam = dict(best[:width])
    return [(float(np.logaddexp(*parts)), list(prefix)) for prefix, parts in beam.items()]


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 25), st.integers(0, 2))
def test_a_narrow_beam_keeps_what_the_textbook_s_keeps(seed, width, n_steps, blank):
    """Also where a prefix has left the beam, comes back, and gives to one that has stayed."""
    logits = logits_of(seed, n_steps, 3, size=2.0)
    expected = by_dictionaries(logits, width, blank)
    (found,) = BeamSearch(width, blank=blank).n_best([logits], width)
    expected = [pair for pair in expected if pair[0] > -np.inf]
    np.testing.assert_allclose([each.score for each in found], [s for s, _ in expected], rtol=1e-9)
    assert [each.labels for each in found] == [each for _, each in expected]


@pytest.mark.parametrize("bonus", [-1.0, 0.0, 3.0])
@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("seed", range(5))
def test_a_narrow_beam_keeps_what_the_language_model_makes_likely(seed, width, bonus):
    """What cannot get into the beam is not scored; it must not be what a bonus would have brought in."""
    model, logits = NGram(2, unit="character").fit(TEXTS), logits_of(seed, 9)

    def gain(prefix):
        said = ["<s>", *(SYMBOLS[k] for k in prefix)]
        return sum(model.log_probability(c, said[: i + 1]) + bonus for i, c in enumerate(said[1:]))

    def end(prefix):
        return model.log_probability("</s>", [SYMBOLS[k] for k in prefix] or ["<s>"])

    expected = by_dictionaries(logits, width, gain=gain)
    expected = sorted(((s + gain(each) + end(each), each) for s, each in expected), key=lambda pair: -pair[0])
    search = BeamSearch(width, model, symbols=SYMBOLS, insertion_bonus=bonus)
    (found,) = search.n_best([logits], width)
    np.testing.assert_allclose([each.score for each in found], [s for s, _ in expected], rtol=1e-9)
    assert [each.labels for each in found] == [each for _, each in expected]


def test_a_beam_of_one_without_competition_is_greedy():
    path = [0, 1, 1, 0, 2, 2, 3, 0, 3]
    logits = 12.0 * np.eye(4)[path]
    assert BeamSearch(1)([logits]) == greedy([logits]) == [[1, 2, 3, 3]]


def test_pruning_changes_little_and_can_be_seen():
    logits = [logits_of(seed, 30, 8, size=4.0) for seed in range(5)]
    whole, pruned = BeamSearch(50), BeamSearch(50, least_log_probability=-9.0, margin=12.0)
    assert pruned(logits) == whole(logits)
    assert BeamSearch(50, least_log_probability=-1e-9)(logits) == [[]] * 5  # no label is that sure
    tight = BeamSearch(50, margin=1e-9).n_best(logits[:1], 50)[0]
    assert len(tight) == 1


def test_sequences_of_a_batch_do_not_change_each_other(monkeypatch):
    monkeypatch.setattr(threads, "MIN_OPERATIONS", 1)
    logits = [logits_of(seed, n, 5) for seed, n in enumerate([7, 1, 19, 4, 12])]
    search = BeamSearch(20)
    alone = [search.n_best([each], 3)[0] for each in logits]
    for n in (1, 2, 3):
        with threads.limit(n):
            assert search.n_best(logits, 3) == alone
    padded, lengths = pad(logits)
    assert search.n_best(padded, 3, lengths=lengths) == alone


def test_an_impossible_class_is_never_found():
    logits = logits_of(0)
    logits[:, 2] = -np.inf
    assert all(2 not in each.labels for each in BeamSearch(50).n_best([logits], 50)[0])


def test_what_the_lexicon_does_not_have_is_cut_to_whole_words():
    """Where every path spells "b a", and the beam is too narrow for anything else."""
    logits = 40.0 * np.eye(4)[[3, 1, 2]]
    (found,) = BeamSearch(1, lexicon=["b", "ab"], symbols=SYMBOLS).n_best([logits], 2)
    assert [(each.labels, each.score) for each in found] == [([3], -np.inf)]


def test_a_copy_searches_alike():
    logits = [logits_of(seed, 12) for seed in range(4)]
    search = BeamSearch(9, NGram(2).fit(TEXTS), ["ab", "b", "a"], symbols=SYMBOLS, insertion_bonus=1.0)
    expected = search.n_best(logits, 3)
    pickled, copied = pickle.loads(pickle.dumps(search)), copy.deepcopy(search)
    del search
    assert pickled.n_best(logits, 3) == copied.n_best(logits, 3) == expected


def test_a_text_is_the_symbols_of_its_labels():
    path = [2, 0, 3, 1, 1, 3, 1]
    search = BeamSearch(5, symbols=SYMBOLS)
    assert search.transcribe([12.0 * np.eye(4)[path]]) == ["ab b"]
    with pytest.raises(ValueError, match="symbols must say what each class stands for, but none were given"):
        BeamSearch(5).transcribe([np.zeros((2, 4))])


MODEL, CHARACTERS = NGram(2).fit(TEXTS), NGram(2, unit="character").fit(TEXTS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 0}, "width must be a whole number of at least 1, but 0 was given"),
        ({"width": 2.5}, "width must be a whole number"),
        ({"width": 100_001}, "width must be at most 100000, but 100001 was given: 10 to 500 are usual"),
        ({"width": 5, "blank": -1}, "blank must be a whole number"),
        (
            {"width": 5, "language_model": NGram(2), "symbols": SYMBOLS},
            "must have been fitted or loaded, but the empty",
        ),
        ({"width": 5, "language_model": MODEL}, "symbols must say what each class stands for"),
        ({"width": 5, "lexicon": ["a"]}, "symbols must say what each class stands for"),
        ({"width": 5, "lexicon": [], "symbols": SYMBOLS}, r"lexicon must be a list of words, at least one, but \[\]"),
        ({"width": 5, "lexicon": "ab", "symbols": SYMBOLS}, "lexicon must be a list of words"),
        ({"width": 5, "lexicon": [""], "symbols": SYMBOLS}, "lexicon must be a list of words"),
        ({"width": 5, "lexicon": ["abc", "d"], "symbols": SYMBOLS}, "but 'c', 'd' are missing"),
        ({"width": 5, "lexicon": ["a b"], "symbols": SYMBOLS}, "must not have the separator in them, but 'a b'"),
        (
            {"width": 5, "language_model": NGram(1).fit(["a|b"]), "symbols": ["", "|", "a", "b"], "separator": "|"},
            r"must not have the separator in them, but 'a\|b' was given",
        ),
        ({"width": 5, "symbols": ["", "a", "a"]}, "symbols must be different strings"),
        ({"width": 5, "symbols": ["", 1]}, "symbols must be different strings"),
        ({"width": 5, "language_model": CHARACTERS, "lexicon": ["ab"], "symbols": SYMBOLS}, "must be over words"),
        ({"width": 5, "language_model": CHARACTERS, "symbols": ["", "x", "y"]}, "among what the language model knows"),
        ({"width": 5, "language_model": MODEL, "symbols": [s.upper() for s in SYMBOLS]}, "are they of one case"),
        ({"width": 5, "language_model": MODEL, "lexicon": ["aa"], "symbols": SYMBOLS}, "must know at least one word"),
        ({"width": 5, "language_model_weight": -1.0}, "language_model_weight must be a number"),
        ({"width": 5, "insertion_bonus": np.nan}, "insertion_bonus must be a number"),
        ({"width": 5, "insertion_bonus": -1e308}, r"insertion_bonus must be a number in \[-1000000, 1000000\]"),
        ({"width": 5, "language_model_weight": 1e308}, r"language_model_weight must be a number in \[0, 1000000\]"),
        ({"width": 5, "margin": 0.0}, "margin must be a number"),
        ({"width": 5, "least_log_probability": 0.5}, "least_log_probability must be a number"),
    ],
)
def test_settings_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        BeamSearch(**arguments)


def test_the_widest_beam_is_the_one_that_the_refusal_of_a_wider_one_names():
    assert BeamSearch(100_000).width == 100_000


def test_what_is_no_language_model_is_refused():
    with pytest.raises(TypeError, match=r"language_model must be a decoding\.NGram, but 'model\.arpa' was given"):
        BeamSearch(5, "model.arpa", symbols=SYMBOLS)


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        ([np.zeros((3, 5))], "symbols must be one for each of the 5 classes, but there are 4"),
        ([np.full((3, 4), np.nan)], "one is NaN or infinite"),
        (np.zeros((3, 4)), "must be a list of arrays"),
    ],
)
def test_logits_that_make_no_sense_are_refused(logits, message):
    with pytest.raises(ValueError, match=message):
        BeamSearch(5, symbols=SYMBOLS)(logits)
