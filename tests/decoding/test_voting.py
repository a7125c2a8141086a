"""Voting, against the sum over all label sequences there are."""

import numpy as np
import pytest

from rnnbp import losses
from rnnbp.decoding import BeamSearch, NGram, vote

SYMBOLS = ["", " ", "a", "b"]
TEXTS = ["ab a", "b ab", "a b ab", "ab", "ab ab b"]
WHOLE = 5000  # a beam that holds every prefix
MODEL = NGram(2).fit(TEXTS)
SEARCHES = {
    "alone": {},
    "a bonus": {"insertion_bonus": 0.7},
    "words": {"language_model": MODEL, "symbols": SYMBOLS, "language_model_weight": 0.6, "insertion_bonus": 0.4},
    "a lexicon": {"lexicon": ["ab", "b"], "symbols": SYMBOLS, "insertion_bonus": -0.3},
    "words of a lexicon": {"language_model": MODEL, "lexicon": ["ab", "a"], "symbols": SYMBOLS},
    "characters": {"language_model": NGram(3, unit="character").fit(TEXTS), "symbols": SYMBOLS},
    "another blank": {"blank": 3},
}


def logits_of(seed, n_steps=4, n_classes=4):
    return np.random.default_rng(seed).normal(0, 1.5, (n_steps, n_classes))


def log_likelihood(logits, labels, blank=0):
    return -losses.ctc([logits], [labels], blank)[0][0]


@pytest.mark.parametrize("name", SEARCHES)
def test_the_prior_is_what_a_score_has_beside_the_likelihood(name):
    search = BeamSearch(WHOLE, **SEARCHES[name])
    logits = logits_of(0)
    for each in search.n_best([logits], 20)[0]:
        expected = each.score - log_likelihood(logits, each.labels, search.blank)
        assert search.prior(each.labels) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("n_networks", [1, 3])
def test_the_best_labels_of_all_there_are_come_first(name, n_networks):
    search = BeamSearch(WHOLE, **SEARCHES[name])
    networks = [[logits_of(10 * k + i) for i in range(2)] for k in range(n_networks)]
    found = vote(search, networks, WHOLE)
    for i, ranked in enumerate(found):
        possible = {tuple(h.labels) for each in networks for h in search.n_best([each[i]], WHOLE)[0]}
        scores = {
            labels: np.mean([log_likelihood(each[i], labels, search.blank) for each in networks]) + search.prior(labels)
            for labels in possible
        }
        assert {tuple(each.labels) for each in ranked} == possible
        assert [each.score for each in ranked] == pytest.approx(sorted(scores.values(), reverse=True), rel=1e-9)
        assert all(each.score == pytest.approx(scores[tuple(each.labels)], rel=1e-9) for each in ranked)


def test_what_only_one_network_has_found_is_voted_on():
    """The favourite of neither, and the second of both, wins."""
    first, second = np.log([[0.02, 0.5, 0.02, 0.46]]), np.log([[0.02, 0.02, 0.5, 0.46]])
    for labels, logits in (([1], first), ([2], second)):
        assert BeamSearch(WHOLE)([logits]) == [labels]
    assert vote(BeamSearch(WHOLE), [[first], [second]])[0][0].labels == [3]
    assert vote(BeamSearch(WHOLE), [[first], [second]], 1)[0][0].labels in ([1], [2])


def test_networks_that_write_at_different_steps_agree_on_a_text():
    def writing(*steps):
        logits = np.log(np.full((6, 3), 0.01))
        logits[:, 0] = np.log(0.98)
        for t, label in zip(steps, (1, 2), strict=True):
            logits[t, [0, label]] = logits[t, [label, 0]]
        return logits

    early, late = writing(0, 2), writing(3, 5)
    assert vote(BeamSearch(WHOLE), [[early], [late]])[0][0].labels == [1, 2]


def test_of_one_network_it_is_what_the_search_finds():
    search, said = BeamSearch(WHOLE, **SEARCHES["words"]), [logits_of(seed) for seed in range(5)]
    assert [each[0].labels for each in vote(search, [said])] == search(said)


def test_where_the_lexicon_has_none_of_it_whole_words_are_left():
    search, said = BeamSearch(1, lexicon=["b", "ab"], symbols=SYMBOLS), 40.0 * np.eye(4)[[3, 1, 2]]
    (ranked,) = vote(search, [[said], [said]])
    assert ranked == search.n_best([said], 15)[0]
    assert ranked[0].score == -np.inf
    assert vote(search, [[said]]) == [ranked]


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        ([], "those of one network or more, but there are none"),
        ([[logits_of(0)], [logits_of(0), logits_of(1)]], "the same sequences and know the same classes"),
        ([[logits_of(0)], [logits_of(0, 5)]], "the same sequences and know the same classes"),
        ([[logits_of(0)], [logits_of(0, 4, 5)]], "the same sequences and know the same classes"),
        ([[logits_of(0) * np.nan]], "NaN"),
    ],
)
def test_outputs_of_different_things_are_refused(logits, message):
    with pytest.raises(ValueError, match=message):
        vote(BeamSearch(5), logits)


def test_there_is_something_to_vote_on():
    with pytest.raises(TypeError, match="search must be a BeamSearch, but None was given"):
        vote(None, [[logits_of(0)]])
    with pytest.raises(ValueError, match="n must be"):
        vote(BeamSearch(5), [[logits_of(0)]], 0)
