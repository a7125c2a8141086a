"""`VotingTranscriber`: several transcribers that decide together, in one file."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score

import rnnbp
from rnnbp import CTCTranscriber, ModelFileError, VotingTranscriber, metrics
from rnnbp.decoding import BeamSearch, vote
from rnnbp.files import model_file

SMALL = {
    "hidden_layer_sizes": (12,), "stride": 1, "width": 3, "learning_rate_init": 0.02, "warm_up": 5, "batch_size": 8,
    "max_iter": 8, "language_model": 2, "lexicon": True,
}  # fmt: skip
RNG = np.random.default_rng(0)


def frames(text):
    """Three noisy frames a character."""
    rows = np.repeat(np.eye(4)[["abc ".index(c) for c in text]], 3, axis=0)
    return (rows + 0.5 * RNG.standard_normal(rows.shape)).astype(np.float32)


def texts(n):
    return [" ".join(RNG.choice(["ab", "ca", "bac"], RNG.integers(1, 4))) for _ in range(n)]


TEXTS, SAID = texts(60), texts(20)
X, NEW = ([frames(text) for text in each] for each in (TEXTS, SAID))


class Mine(CTCTranscriber):
    """One of a user's own."""


def unfitted(**settings):
    return VotingTranscriber(CTCTranscriber(**SMALL | settings), 3, random_state=0)


@pytest.fixture(scope="module")
def fitted():
    return unfitted().fit(X, TEXTS)


# -- what it does ------------------------------------------------------------------------------------------------------


def test_it_writes_down_what_it_has_not_heard_before(fitted):
    assert fitted.score(NEW, SAID) > 0.9
    assert fitted.score(NEW, SAID) == 1.0 - metrics.word_error_rate(SAID, fitted.predict(NEW))


def test_networks_have_learnt_the_same_from_other_starts(fitted):
    thetas = [each.network_.theta for each in fitted.estimators_]
    assert len(thetas) == 3
    assert all((a != b).any() for a, b in zip(thetas, [*thetas[1:], thetas[0]], strict=True))
    assert all(each.score(NEW, SAID) > 0.5 for each in fitted.estimators_)


def test_it_predicts_what_a_vote_finds(fitted):
    first = fitted.estimators_[0]
    logits = [[np.log(p) for p in each.predict_proba(NEW)] for each in fitted.estimators_]
    search = BeamSearch(
        first.beam_width, first.language_model_, first.lexicon_, symbols=["", *first.alphabet_],
        language_model_weight=first.language_model_weight, insertion_bonus=first.insertion_bonus,
        least_log_probability=-12.0,
    )  # fmt: skip
    assert fitted.predict(NEW) == ["".join(first.alphabet_[k - 1] for k in r[0].labels) for r in vote(search, logits)]
    free = vote(BeamSearch(first.beam_width, least_log_probability=-12.0), logits)
    expected = ["".join(first.alphabet_[k - 1] for k in ranked[0].labels).strip() for ranked in free]
    assert [text.strip() for text in fitted.predict(NEW, best_path=True)] == expected


def test_words_have_their_mean_times(fitted):
    found = fitted.predict_alignments(NEW)
    said = fitted.predict(NEW)
    assert [" ".join(word.text for word in words) for words in found] == said
    logits = fitted._logits(NEW)
    of_each = [each._align(z, said) for each, z in zip(fitted.estimators_, logits, strict=True)]
    for i, words in enumerate(found):
        for j, word in enumerate(words):
            assert word[1:] == pytest.approx(np.mean([each[i][j][1:] for each in of_each], axis=0))


def test_the_seed_decides_and_the_estimator_stays_as_it_is(fitted):
    again = unfitted()
    given = repr(again.estimator)
    again.fit(X, TEXTS)
    assert repr(again.estimator) == given
    for one, other in zip(again.estimators_, fitted.estimators_, strict=True):
        assert_array_equal(one.network_.theta, other.network_.theta)
    other = clone(fitted).set_params(random_state=1, n_estimators=1).fit(X, TEXTS)
    assert (other.estimators_[0].network_.theta != fitted.estimators_[0].network_.theta).any()


def test_it_is_cloned_searched_cross_validated_and_pickled(fitted):
    assert clone(fitted).set_params(estimator__dropout=0.1).estimator.dropout == 0.1
    scores = cross_val_score(unfitted(max_iter=1), X, TEXTS, cv=2)
    assert scores.shape == (2,)
    assert pickle.loads(pickle.dumps(fitted)).predict(NEW) == fitted.predict(NEW)


def test_groups_are_held_out_by_each(monkeypatch):
    seen = []
    learn = CTCTranscriber._learn

    def spy(self, x, y, groups):
        seen.append(groups)
        return learn(self, x, y, groups)

    monkeypatch.setattr(CTCTranscriber, "_learn", spy)
    groups = np.repeat(["ann", "bob", "eve"], 20)
    model = unfitted(max_iter=2, early_stopping=True).fit(iter(X), TEXTS, groups=groups)
    assert [list(each) for each in seen] == [list(groups)] * 3
    assert all(len(each.validation_scores_) == 2 for each in model.estimators_)


def test_sound_is_read_once(monkeypatch):
    rate = 4000
    waves = [0.1 * RNG.standard_normal(1000 + 50 * i) for i in range(6)]
    model = VotingTranscriber(CTCTranscriber(rate, hidden_layer_sizes=(4,), n_mels=8, max_iter=1), 2, random_state=0)
    model.fit(waves, ["ab"] * 6)
    clipped = np.clip(waves[0] * 100.0, -1.0, 1.0)
    with pytest.warns(UserWarning, match="recording 0 .* is clipped") as caught:
        model.predict([clipped])
    assert len(caught) == 1


def test_an_interrupt_ends_training_and_what_is_done_votes():
    done = []

    def interrupt(net, history):
        done.append(len(history))
        if len(done) == at:
            raise KeyboardInterrupt

    for at, n_voters, message in ((3, 1, "in network 2 of 3: 1 will vote"), (1, 1, "in network 1 of 3: 1 will vote")):
        done.clear()
        model = unfitted(max_iter=2, callbacks=[interrupt])
        with pytest.warns(UserWarning, match=f"Training interrupted by user, {message}"):
            model.fit(X[:8], TEXTS[:8])
        assert len(done) == at
        assert len(model.estimators_) == n_voters
        assert len(model.predict(NEW[:2])) == 2


def test_settings_may_be_arrays(tmp_path):
    model = unfitted(hidden_layer_sizes=np.array([4, 4]), max_iter=1).fit(X[:8], TEXTS[:8])
    model.save(tmp_path / "model")
    assert VotingTranscriber.load(tmp_path / "model").predict(NEW[:3]) == model.predict(NEW[:3])


def test_a_picture_is_one_of_them(fitted):
    with pytest.raises(TypeError, match="several that vote were given: draw one of estimators_"):
        rnnbp.plotting.plot_transcription(fitted, NEW[0])


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((rnnbp.RNNClassifier(),), TypeError, r"estimator must be a CTCTranscriber, but RNNClassifier\(\) was given"),
        ((CTCTranscriber,), TypeError, "estimator must be a CTCTranscriber"),
        ((CTCTranscriber(), 0), ValueError, "n_estimators must be"),
        ((CTCTranscriber(), 2.5), ValueError, "n_estimators must be"),
        ((CTCTranscriber(), 10**9), ValueError, "n_estimators must be at most 1000, but 1000000000 was given"),
        ((CTCTranscriber(dropout=2),), ValueError, "dropout must be"),
        ((Mine(),), TypeError, r"estimator must be a CTCTranscriber, but Mine\(\) was given"),
    ],
)
def test_what_makes_no_sense_is_refused_before_training(arguments, error, message):
    with pytest.raises(error, match=message):
        VotingTranscriber(*arguments).fit(X, TEXTS)


def test_a_single_recording_is_no_list_of_them():
    with pytest.raises(TypeError, match=r"got the single path 'abc\.wav': put it in a list"):
        VotingTranscriber(CTCTranscriber(8000)).fit("abc.wav", ["a"])


def test_a_seed_is_one(tmp_path):
    with pytest.raises(ValueError, match="random_state must be int, RandomState or None"):
        VotingTranscriber(CTCTranscriber(), random_state=np.random.default_rng(0)).fit(X, TEXTS)
    with pytest.raises(TypeError, match="path must be a path, but 5 was given"):
        VotingTranscriber.load(5)


def test_it_must_be_fitted(tmp_path):
    for act in (lambda m: m.predict(NEW), lambda m: m.save(tmp_path / "model"), lambda m: m.score(NEW, SAID)):
        with pytest.raises(NotFittedError):
            act(unfitted())


# -- files -------------------------------------------------------------------------------------------------------------


def test_one_file_holds_all_of_them(fitted, tmp_path):
    rnnbp.save(fitted, tmp_path / "model")
    for load in (VotingTranscriber.load, rnnbp.load):
        again = load(tmp_path / "model")
        assert isinstance(again, VotingTranscriber)
        assert again.predict(NEW) == fitted.predict(NEW)
        assert again.predict_alignments(NEW) == fitted.predict_alignments(NEW)
        assert again.n_estimators == 3
        for one, other in zip(again.estimators_, fitted.estimators_, strict=True):
            assert repr(one) == repr(other)
            assert_array_equal(one.network_.theta, other.network_.theta)
    clone(again).fit(X[:10], TEXTS[:10])


def test_one_may_vote_alone(tmp_path):
    model = VotingTranscriber(CTCTranscriber(**SMALL | {"max_iter": 2}), 1, random_state=0).fit(X, TEXTS)
    assert model.n_features_in_ == 4
    model.save(tmp_path / "model")
    again = VotingTranscriber.load(tmp_path / "model")
    assert again.n_estimators == 1
    assert again.predict(NEW[:3]) == model.predict(NEW[:3])
    texts = [" ".join(word.text for word in words) for words in again.predict_alignments(NEW[:3])]
    assert texts == model.predict(NEW[:3])


def test_as_many_as_may_be_vote(monkeypatch):
    monkeypatch.setattr("rnnbp.estimators.voting_transcriber.MOST_VOTERS", 3)
    assert len(unfitted(max_iter=1).fit(X[:8], TEXTS[:8]).estimators_) == 3
    with pytest.raises(ValueError, match="n_estimators must be at most 3, but 4 was given"):
        unfitted().set_params(n_estimators=4).fit(X[:8], TEXTS[:8])


def test_what_reads_one_network_says_what_the_file_is(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    for load in (rnnbp.Network.load, CTCTranscriber.load):
        with pytest.raises(ModelFileError, match=r"several networks, a VotingTranscriber's: rnnbp\.load reads it"):
            load(tmp_path / "model")
    fitted.estimators_[0].save(tmp_path / "one")
    with pytest.raises(ModelFileError, match=r"holds no VotingTranscriber: rnnbp\.load reads"):
        VotingTranscriber.load(tmp_path / "one")


def spoil(path, change):
    arrays, description = model_file.read(path)
    description.pop("format_version", None)
    change(arrays, description["voters"])
    model_file.write(path, arrays, description)


def drop_array(arrays, voters):
    del arrays["1/0.weight"]


def add_array(arrays, voters):
    arrays["3/0.weight"] = arrays["2/0.weight"]


def another_shape(arrays, voters):
    arrays["1/0.weight"] = arrays["1/0.weight"][:1]


def set_of(k, part, name, value):
    def change(arrays, voters):
        voters[k]["metadata"]["estimator"][part][name] = value

    return change


def drop_setting(voter, name):
    del voter["metadata"]["estimator"]["settings"][name]


def no_layers(arrays, voters):
    voters[1] = 5


def no_estimator(arrays, voters):
    voters[2]["metadata"] = {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop_array, "lacks the parameter '1/0.weight'"),
        (add_array, "holds '3/0.weight', which its architecture does not know"),
        (another_shape, "'1/0.weight' should be float32 of shape"),
        (lambda arrays, voters: voters.clear(), "holds no VotingTranscriber"),
        (no_layers, "its description makes no network: it is 5"),
        (no_estimator, "one of its networks is no CTCTranscriber's"),
        (set_of(1, "fitted", "alphabet_", "cba "), "its networks differ in alphabet_"),
        (set_of(1, "fitted", "lexicon_", ["ab"]), "its networks differ in lexicon_"),
        (set_of(2, "settings", "beam_width", 7), "its networks differ in beam_width"),
        (lambda arrays, voters: drop_setting(voters[2], "beam_width"), "its networks differ in beam_width"),
        (lambda arrays, voters: drop_setting(voters[0], "beam_width"), "its networks differ in beam_width"),
        (set_of(2, "settings", "language_model", 3), "its networks differ in language_model"),
        (set_of(2, "settings", "stride", 2), "its stride and direction are not its network's"),
        (set_of(0, "fitted", "lexicon_", [1]), "lexicon_ cannot be"),
    ],
)
def test_a_file_whose_parts_do_not_fit_is_refused(fitted, tmp_path, change, message):
    path = tmp_path / "model"
    fitted.save(path)
    spoil(path, lambda arrays, voters: None)
    assert VotingTranscriber.load(path).predict(NEW[:3]) == fitted.predict(NEW[:3])
    spoil(path, change)
    with pytest.raises(ModelFileError, match=message):
        VotingTranscriber.load(path)


def test_numbers_that_are_none_are_warned_of(fitted, tmp_path):
    broken = pickle.loads(pickle.dumps(fitted))
    broken.estimators_[1].network_.theta[0] = np.nan
    with pytest.warns(RuntimeWarning, match="that is saved in .* as number 1 holds NaN"):
        broken.save(tmp_path / "model")
    with pytest.warns(RuntimeWarning, match="the network in .* that is number 1 holds NaN"):
        VotingTranscriber.load(tmp_path / "model")
