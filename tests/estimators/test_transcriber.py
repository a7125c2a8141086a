"""`CTCTranscriber`: it learns to write down what it hears, and says what it cannot use before it works."""

import pickle

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score

import rnnbp
from rnnbp import CTCTranscriber, ModelFileError, decoding, layers, optimizers
from rnnbp.audio import AudioError
from rnnbp.optimizers import schedules

RATE = 4000
TONES = {"a": 300.0, "b": 700.0, "c": 1400.0, " ": 0.0}
WORDS = ("ab", "cab", "ba", "ca")
SMALL = {
    "hidden_layer_sizes": (24,), "n_mels": 12, "stride": 2, "width": 5, "learning_rate_init": 0.02, "warm_up": 10,
    "batch_size": 8, "max_iter": 12, "dropout": 0.0, "n_masks": 0, "random_state": 0,
}  # fmt: skip


def say(text, seed):
    """A tone a character, some silence before, between and after them."""
    rng = np.random.default_rng(seed)
    parts = [np.zeros(rng.integers(100, 300))]
    for character in text:
        t = np.arange(rng.integers(400, 600)) / RATE
        parts += [np.sin(2 * np.pi * TONES[character] * t), np.zeros(rng.integers(100, 250))]
    wave = np.concatenate([*parts, np.zeros(100)])
    return (0.3 * wave + 0.003 * rng.standard_normal(wave.size)).astype(np.float32)


def sentences(n, seed):
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 4))) for _ in range(n)]
    return [say(text, 1000 * seed + i) for i, text in enumerate(texts)], texts


WAVES, TEXTS = sentences(60, 0)
NEW, SAID = sentences(12, 1)


@pytest.fixture(scope="module")
def fitted():
    return CTCTranscriber(RATE, language_model=2, lexicon=True, **SMALL).fit(WAVES, TEXTS)


@pytest.fixture(scope="module")
def live():
    return CTCTranscriber(RATE, bidirectional=False, **SMALL | {"max_iter": 20}).fit(WAVES, TEXTS)


# -- what it does ----------------------------------------------------------------------------------------------------


def test_it_writes_down_what_it_has_not_heard_before(fitted):
    assert fitted.score(NEW, SAID) > 0.9
    assert 1.0 - rnnbp.metrics.word_error_rate(SAID, fitted.predict(NEW, best_path=True)) > 0.8
    assert fitted.loss_curve_[-1] < 0.1 * fitted.loss_curve_[0]
    assert fitted.validation_scores_ is None  # nothing was held out


def test_score_is_one_minus_the_word_error_rate(fitted):
    wrong = [f"{text} ab" for text in SAID]
    expected = 1.0 - rnnbp.metrics.word_error_rate(wrong, fitted.predict(NEW))
    assert fitted.score(NEW, wrong) == expected
    assert expected < fitted.score(NEW, SAID)


def test_words_are_timed_in_seconds(fitted):
    gap, parts = np.zeros(150), [np.zeros(200)]  # 0.05 s before the first word
    for character in "ab ca":
        parts += [np.sin(2 * np.pi * TONES[character] * np.arange(500) / RATE), gap]
    wave = 0.3 * np.concatenate(parts) + 0.003 * np.random.default_rng(0).standard_normal(200 + 5 * 650)
    (words,) = fitted.predict_alignments([wave.astype(np.float32)])
    assert [word.text for word in words] == ["ab", "ca"]
    assert [word.start for word in words] == pytest.approx([0.05, 0.05 + 3 * 650 / RATE], abs=0.13)
    assert [word.end for word in words] == pytest.approx([0.05 + 2 * 650 / RATE, 0.05 + 5 * 650 / RATE], abs=0.2)
    for word in words:
        assert 0.0 < word.confidence <= 1.0


def test_alignments_have_the_words_of_predictions(fitted):
    texts = [" ".join(word.text for word in words) for words in fitted.predict_alignments(NEW)]
    assert texts == fitted.predict(NEW)


def test_probabilities_are_those_of_the_blank_and_of_each_character(fitted):
    found = fitted.predict_proba(NEW[:2])
    assert found[0].shape[1] == 1 + len(fitted.alphabet_)
    assert_allclose(found[1].sum(axis=1), 1.0, rtol=1e-4)
    assert len(found[0]) * fitted.step_length == pytest.approx(len(NEW[0]) / RATE, abs=2 * fitted.step_length)


def test_the_lexicon_allows_no_other_words(fitted):
    assert {word for text in fitted.predict(NEW) for word in text.split()} <= set(WORDS)
    assert fitted.lexicon_ == sorted(WORDS)
    only = clone(fitted).set_params(lexicon=["ab"], language_model=None, max_iter=1).fit(WAVES, TEXTS)
    assert {word for text in only.predict(NEW) for word in text.split()} <= {"ab"}


def test_a_language_model_may_be_given():
    model = decoding.NGram(2).fit(["ab ca"])
    found = CTCTranscriber(RATE, language_model=model, **SMALL | {"max_iter": 1}).fit(WAVES, TEXTS)
    assert found.language_model_ is model


def test_files_are_read_and_resampled(fitted, tmp_path):
    soundfile.write(tmp_path / "one.wav", NEW[0], RATE, subtype="FLOAT")
    twice = np.repeat(NEW[1], 2)
    soundfile.write(tmp_path / "two.flac", twice, 2 * RATE)
    assert fitted.predict([tmp_path / "one.wav", str(tmp_path / "two.flac")]) == fitted.predict(NEW[:2])


def test_the_seed_decides():
    one, again, other = (
        CTCTranscriber(RATE, **SMALL | {"max_iter": 1, "random_state": seed, "n_masks": 2}).fit(WAVES, TEXTS)
        for seed in (0, 0, 1)
    )
    assert_array_equal(one.network_.theta, again.network_.theta)
    assert (one.network_.theta != other.network_.theta).any()


def test_it_is_cloned_and_cross_validated_and_pickled(fitted):
    assert clone(fitted).get_params()["language_model"] == 2
    scores = cross_val_score(CTCTranscriber(RATE, **SMALL | {"max_iter": 1}), WAVES, TEXTS, cv=2)
    assert scores.shape == (2,)
    assert pickle.loads(pickle.dumps(fitted)).predict(NEW) == fitted.predict(NEW)


def test_early_stopping_holds_whole_speakers_out(monkeypatch):
    from rnnbp.estimators import transcriber

    seen = {}
    fit = transcriber.fit

    def spy(net, x, target, **options):
        seen.update(options, n=len(x))
        return fit(net, x, target, **options)

    monkeypatch.setattr(transcriber, "fit", spy)
    groups = np.repeat(["ann", "bob", "eve"], 20)
    settings = SMALL | {"max_iter": 30, "n_iter_no_change": 2, "speeds": (0.9,)}
    found = CTCTranscriber(RATE, early_stopping=True, **settings).fit(WAVES, TEXTS, groups=groups)
    held = {"".join(found.alphabet_[k - 1] for k in labels) for labels in seen["validation_data"][1]}
    of_group = [set(TEXTS[i : i + 20]) for i in (0, 20, 40)]
    assert held in of_group
    assert seen["n"] == 2 * 40
    assert found.n_iter_ == len(found.validation_scores_) < 30
    best = max(found.validation_scores_)
    assert best > 0.8
    score = seen["score"](seen["validation_data"][1], rnnbp.predict(found.network_, seen["validation_data"][0]))
    assert score == pytest.approx(best)


def test_copies_at_other_speeds_are_trained_on_unless_too_short_for_their_texts(monkeypatch):
    from rnnbp.estimators import transcriber

    seen = {}
    monkeypatch.setattr(transcriber, "fit", lambda net, x, target, **_: seen.update(x=x, target=target) or _history())
    tight = say("ab", 0)[: int(0.20 * RATE)]  # 21 frames, 11 steps
    text = "abcabcabcab"
    CTCTranscriber(RATE, speeds=(0.5, 2.0), **SMALL).fit([WAVES[0], tight], [TEXTS[0], text])
    assert [len(each) for each in seen["target"]].count(len(text)) == 2  # not at twice the speed
    assert len(seen["x"]) == 5
    assert len(seen["x"][2]) == pytest.approx(2 * len(seen["x"][0]), abs=2)


def _history():
    return rnnbp.History(loss=[1.0])


# -- features --------------------------------------------------------------------------------------------------------


def test_features_in_the_place_of_sound():
    rng = np.random.default_rng(0)

    def frames(text):
        rows = [np.eye(3)["abc".index(c)] for c in text for _ in range(4)] if text else [np.zeros(3)]
        return (np.array(rows) + 0.1 * rng.standard_normal((len(rows), 3))).astype(np.float32)

    texts = ["".join(rng.choice(list("abc"), 3)) for _ in range(60)]
    texts = ["abc" if any(2 * c in text for c in "abc") else text for text in texts]  # no letter twice in a row
    found = CTCTranscriber(**SMALL | {"stride": 1, "bidirectional": False}).fit([frames(t) for t in texts], texts)
    assert found.predict([frames("cab"), frames("bac")]) == ["cab", "bac"]
    stream = found.stream()
    for row in frames("bca"):
        text = stream.push(row)
    assert text == "bca"
    with pytest.raises(ValueError, match="utterance 0 must have 3 features a frame, but it has 2"):
        found.predict([np.zeros((5, 2))])


# -- how it is trained -----------------------------------------------------------------------------------------------


def test_the_parameters_are_the_mean_over_the_last_epochs():
    seen = []
    settings = SMALL | {"max_iter": 3, "random_state": 3}
    last = CTCTranscriber(RATE, averaging=0, **settings).fit(WAVES, TEXTS)
    watch = {"callbacks": [lambda net, history: seen.append(net.theta.copy())]}
    mean = CTCTranscriber(RATE, averaging=1, **settings, **watch).fit(WAVES, TEXTS)
    assert_array_equal(mean.network_.theta, seen[-1])
    short = settings | {"max_iter": 1}
    last_of_one, mean_of_one = (CTCTranscriber(RATE, averaging=n, **short).fit(WAVES[:16], TEXTS[:16]) for n in (0, 5))
    assert (mean_of_one.network_.theta != last_of_one.network_.theta).any()
    assert 0 < np.abs(mean.network_.theta - last.network_.theta).max() < 0.5


@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_network_is_normalised_between_layers(bidirectional, dropout):
    transcriber = CTCTranscriber(hidden_layer_sizes=(5, 6), bidirectional=bidirectional, dropout=dropout)
    made = transcriber._layers(40, 28)
    wide = 2 if bidirectional else 1
    expected = [
        layers.Conv1D(40, 5, 7, stride=3, causal=not bidirectional), layers.LayerNorm(5), layers.Activation("relu"),
        layers.Dropout(0.2), layers.LSTM(5, 5, bidirectional=bidirectional),
        layers.LayerNorm(5 * wide), layers.Dropout(0.2), layers.LSTM(5 * wide, 6, bidirectional=bidirectional),
        layers.Dropout(0.2), layers.Dense(6 * wide, 28),
    ]  # fmt: skip
    assert made == [each for each in expected if dropout or not isinstance(each, layers.Dropout)]


def test_the_first_epoch_goes_from_short_to_long(monkeypatch):
    from rnnbp.estimators import transcriber

    seen = []
    monkeypatch.setattr(transcriber, "fit", lambda net, x, target, **given: seen.append(given["shuffle"]) or _history())
    CTCTranscriber(RATE, **SMALL).fit(WAVES, TEXTS)
    CTCTranscriber(RATE, short_first=False, **SMALL).fit(WAVES, TEXTS)
    CTCTranscriber(RATE, **SMALL | {"speeds": ()}).fit(WAVES[:1], TEXTS[:1])  # all are of one length
    CTCTranscriber(RATE, **SMALL | {"speeds": ()}).fit(WAVES[:2], TEXTS[:2])
    assert seen == ["later", True, True, "later"]


@pytest.mark.parametrize(
    ("warm_up", "epochs"), [(6, 2.0), (100, 2.4)]
)  # three minibatches an epoch; a fifth of all epochs at most
def test_the_rate_warms_up_for_so_many_updates(monkeypatch, warm_up, epochs):
    from rnnbp.estimators import transcriber

    seen = []
    monkeypatch.setattr(transcriber, "fit", lambda net, x, target, **given: seen.append(given) or _history())
    CTCTranscriber(RATE, **SMALL | {"speeds": (), "warm_up": warm_up}).fit(WAVES[:17], TEXTS[:17])
    expected = schedules.warm_up(schedules.cosine(0.02, 12), epochs=epochs)
    assert seen[0]["optimizer"].settings() == optimizers.Adam(expected, clip_norm=5.0).settings()


@pytest.mark.parametrize(("noise", "n_masks", "changed"), [(0.1, 0, True), (0.0, (0, 1), True), (0.0, 0, False)])
def test_examples_are_changed_by_noise_or_by_masks(monkeypatch, noise, n_masks, changed):
    from rnnbp.estimators import transcriber

    seen = []
    monkeypatch.setattr(transcriber, "fit", lambda net, x, target, **given: seen.append(given["augment"]) or _history())
    CTCTranscriber(RATE, **SMALL | {"noise": noise, "n_masks": n_masks}).fit(WAVES[:2], TEXTS[:2])
    assert (seen[0] is not None) is changed


def test_two_looks_at_each_utterance_are_trained_on(monkeypatch):
    from rnnbp.estimators import transcriber

    seen = []
    monkeypatch.setattr(transcriber, "fit", lambda net, x, target, **given: seen.append(given) or _history())
    CTCTranscriber(RATE, consistency=0.3, **SMALL).fit(WAVES, TEXTS)
    assert seen[0]["consistency"] == 0.3
    nothing = {"noise": 0.0, "n_masks": 0, "dropout": 0.0}
    with pytest.raises(ValueError, match=r"consistency=0\.3 was given and noise, n_masks and dropout are 0"):
        CTCTranscriber(RATE, consistency=0.3, **SMALL | nothing).fit(WAVES, TEXTS)
    assert len(seen) == 1


@pytest.mark.parametrize(("given", "expected"), [(2, (2, 2)), ((1, 3), (1, 3)), ([0, 3], (0, 3))])
def test_bands_and_stretches_are_hidden(monkeypatch, tmp_path, given, expected):
    from rnnbp.estimators import transcriber

    seen, fit = [], transcriber.fit

    def spy(net, x, target, **options):
        seen.append(options["augment"])
        return fit(net, x, target, **options)

    monkeypatch.setattr(transcriber, "fit", spy)
    made = CTCTranscriber(RATE, **SMALL | {"n_masks": given, "max_iter": 1}).fit(WAVES[:8], TEXTS[:8])
    assert (seen[0].n_bands, seen[0].n_stretches) == expected
    made.save(tmp_path / "model")
    assert CTCTranscriber.load(tmp_path / "model").n_masks == given


@pytest.mark.parametrize("given", [-1, 1.5, (1,), (1, 2, 3), (1, -1), "12", None, np.array([1, 2])])
def test_other_numbers_of_masks_are_refused(given):
    with pytest.raises(ValueError, match="n_masks must be"):
        CTCTranscriber(RATE, **SMALL | {"n_masks": given}).fit(WAVES, TEXTS)


# -- live ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 37, 400, 100_000])
def test_a_recording_in_pieces_gives_the_text_of_the_whole(live, n):
    wave, stream = NEW[0] if n > 1 else NEW[0][:1500], live.stream()
    for at in range(0, len(wave), n):
        stream.push(wave[at : at + n])
    assert stream.finish() == live.predict([wave])[0]


def test_live_text_grows_and_is_about_right(live):
    assert live.score(NEW, SAID) > 0.6
    stream = live.stream()
    texts = [stream.push(NEW[1][at : at + 200]) for at in range(0, len(NEW[1]), 200)]
    assert sorted(texts, key=len) == texts
    assert len(set(texts)) > 2
    stream.reset()
    assert stream.text == ""


def test_what_runs_both_ways_cannot_stream(fitted):
    with pytest.raises(ValueError, match="bidirectional must be False for a transcriber that streams, but it is True"):
        fitted.stream()


def test_a_stream_takes_samples_only(live):
    with pytest.raises(ValueError, match=r"sound must be samples of shape \(n,\), but its shape is \(5, 2\)"):
        live.stream().push(np.zeros((5, 2), np.float32))
    with pytest.raises(AudioError, match="the sound holds NaN or infinity, first at sample 0 of 5"):
        live.stream().push(np.full(5, np.nan))


def test_nothing_is_pushed_after_the_end_of_a_recording(live):
    stream = live.stream()
    stream.push(NEW[0])
    text = stream.finish()
    for more in (NEW[0], NEW[0][:0]):
        with pytest.raises(ValueError, match=r"this recording is finished: call reset\(\) first"):
            stream.push(more)
    assert stream.finish() == stream.text == text
    stream.reset()
    stream.push(NEW[0])
    assert stream.finish() == text


def test_sound_of_another_rate_than_that_of_fit_is_refused(live, tmp_path):
    live.save(tmp_path / "model")
    for model in (pickle.loads(pickle.dumps(live)), CTCTranscriber.load(tmp_path / "model")):
        model.set_params(sample_rate=2 * RATE)
        for call in (
            model.predict,
            model.predict_proba,
            lambda X, m=model: m.stream(),
            lambda X, m=model: m.save("no"),
        ):
            with pytest.raises(ValueError, match=r"sample_rate is 8000, but this CTCTranscriber was fitted to 4000 Hz"):
                call(NEW)
        assert model.set_params(sample_rate=RATE).predict(NEW) == live.predict(NEW)


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        (["ab"], ValueError, "one for each of the 12 utterances, but 1 were given"),
        ([None] * 12, TypeError, "text 0 must"),
    ],
)
def test_texts_are_looked_at_before_the_recordings(fitted, monkeypatch, texts, error, message):
    monkeypatch.setattr(CTCTranscriber, "predict", lambda self, X: pytest.fail("it was transcribed"))
    with pytest.raises(error, match=message):
        fitted.score(NEW, texts)


# -- files -----------------------------------------------------------------------------------------------------------


def test_one_file_holds_front_end_network_lexicon_and_language_model(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    again = CTCTranscriber.load(tmp_path / "model")
    assert again.predict(NEW) == fitted.predict(NEW)
    assert again.predict_alignments(NEW) == fitted.predict_alignments(NEW)
    assert again.language_model_.log_p == fitted.language_model_.log_p
    assert again.language_model_.backoff == fitted.language_model_.backoff
    assert repr(again) == repr(fitted)


def test_a_live_transcriber_is_the_same_after_reading(live, tmp_path):
    live.save(tmp_path / "model")
    again = CTCTranscriber.load(tmp_path / "model")
    stream = again.stream()
    stream.push(NEW[2])
    assert stream.finish() == live.predict([NEW[2]])[0]
    for one, other in zip(again.predict_proba(NEW), live.predict_proba(NEW), strict=True):
        assert_array_equal(one, other)


def test_a_given_language_model_and_lexicon_are_kept_in_the_file(tmp_path):
    model = decoding.NGram(2).fit(["ab ca"])
    found = CTCTranscriber(RATE, language_model=model, lexicon=("ab", "ca"), **SMALL | {"max_iter": 1})
    found.fit(WAVES, TEXTS).save(tmp_path / "model")
    assert found.language_model is model
    again = CTCTranscriber.load(tmp_path / "model")
    assert again.language_model_.score("ab ca") == model.score("ab ca")
    assert again.predict(NEW) == found.predict(NEW)


def test_other_files_are_refused(fitted, tmp_path):
    fitted.network_.save(tmp_path / "other")
    with pytest.raises(ModelFileError, match="holds a network and no CTCTranscriber"):
        CTCTranscriber.load(tmp_path / "other")


MODEL = ["order", 2], ["unit", "word"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("alphabet_", "abc d", "its alphabet 'abc d' does not fit its network"),
        ("language_model_", {"mapping": [["order", 2]]}, "its description makes no CTCTranscriber"),
        *(
            ("language_model_", {"mapping": [*MODEL, ["log_p", [wrong]], ["backoff", []]]}, ": an n-gram of its")
            for wrong in ([1, -2.0], ["a", -2], ["a", "b", "c", -2.0], [-2.0], "ab")
        ),
        (
            "language_model_",
            {"mapping": [*MODEL, ["log_p", [["a", 2.0]]], ["backoff", []]]},
            ": the log_p of an n-gram",
        ),
        (
            "language_model_",
            {"mapping": [*MODEL, ["log_p", [["a", -2.0]]], ["backoff", [["a", {"float": "inf"}]]]]},
            ": the backoff of an n-gram",
        ),
        ("language_model_", {"mapping": [*MODEL, ["log_p", []], ["backoff", []]]}, "must have been fitted"),
        ("language_model_", {"mapping": [*MODEL, ["log_p", 5], ["backoff", []]]}, "is no list"),
        ("lexicon_", [1], "lexicon_ cannot be"),
        ("live_mean_", {"array": [1.0], "dtype": "<f8"}, "the level that sound begins with"),
        ("stride", 3, "its stride and direction are not its network's"),
        ("bidirectional", False, "its stride and direction are not its network's"),
        ("n_mels", 13, "it has 13 mel bands, but its network takes 12 features"),
        ("beam_width", 0, "beam_width must be"),
    ],
)
def test_a_file_whose_parts_do_not_fit_is_refused(fitted, tmp_path, name, value, message):
    fitted.save(tmp_path / "model")
    net = rnnbp.Network.load(tmp_path / "model")
    net.metadata["estimator"]["fitted" if name.endswith("_") else "settings"][name] = value
    net.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match=message):
        CTCTranscriber.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ([0.0] * 12, "a band cannot vary by less than nothing"),
        ([-1.0] * 12, "a band cannot vary by less than nothing"),
        ([0.5] * 11, "the level that sound begins with is not one of its bands'"),
        ([0.5] * 12, None),
    ],
)
def test_how_much_the_bands_of_live_sound_vary_is_above_0(live, tmp_path, level, message):
    live.save(tmp_path / "model")
    net = rnnbp.Network.load(tmp_path / "model")
    net.metadata["estimator"]["fitted"]["live_variance_"] = {"array": level, "dtype": "<f8"}
    net.save(tmp_path / "model")
    if message is None:
        CTCTranscriber.load(tmp_path / "model")
        return
    with pytest.raises(ModelFileError, match=message):
        CTCTranscriber.load(tmp_path / "model")


# -- what it cannot use ----------------------------------------------------------------------------------------------


@pytest.fixture
def untrained(monkeypatch):
    """Fail if training begins."""
    monkeypatch.setattr("rnnbp.estimators.transcriber.fit", lambda *_, **__: pytest.fail("training has begun"))
    return CTCTranscriber(RATE, **SMALL)


def test_text_outside_the_alphabet_is_listed_with_how_to_map_it(untrained):
    untrained.set_params(alphabet="abc ")
    with pytest.raises(ValueError) as caught:
        untrained.fit(WAVES[:3], ["ab", "Ab, ca", "bé"])
    message = str(caught.value)
    assert "they also have ',', 'A', 'é', first in text 1, 'Ab, ca'" in message
    assert "str.maketrans({',': ' '})" in message


def test_all_utterances_too_short_for_their_texts_are_named(untrained):
    with pytest.raises(ValueError) as caught:
        untrained.fit([WAVES[0], WAVES[1][:400], WAVES[2][:500]], ["ab", "ab cab ab", "aaaaaaab"])
    message = str(caught.value)
    assert "utterance 1 has 0.11 s, 6 steps, and 'ab cab ab' needs 9" in message
    assert "utterance 2 has 0.13 s, 7 steps, and 'aaaaaaab' needs 14" in message
    assert "utterance 0" not in message


@pytest.mark.parametrize(
    ("wave", "error", "message"),
    [
        (np.zeros(4000), AudioError, "recording 1 is silent"),
        (np.zeros((4000, 2)), AudioError, r"recording 1 has shape \(4000, 2\).*Average the channels"),
        (np.full(4000, np.nan), AudioError, "recording 1 holds NaN"),
        (np.zeros(0), AudioError, "recording 1 is empty"),
        (np.zeros(4000, np.int16), TypeError, "recording 1 holds int16"),
        ("nowhere.wav", FileNotFoundError, "recording 1: no such file"),
        (say("", 0)[:50], AudioError, "recording 1 must have at least 100 samples, one frame, but it has 50"),
    ],
)
def test_sound_that_cannot_be_used_is_named_before_training(untrained, wave, error, message):
    with pytest.raises(error, match=message):
        untrained.fit([WAVES[0], wave], ["ab", "a"])


def test_silence_in_a_file_is_named(untrained, tmp_path):
    soundfile.write(tmp_path / "silent.wav", np.zeros(4000), RATE)
    with pytest.raises(AudioError, match=r"recording 1 \(.*silent\.wav\) is silent"):
        untrained.fit([WAVES[0], tmp_path / "silent.wav"], ["ab", "ab"])


def test_all_files_that_are_missing_are_named_at_once(untrained):
    with pytest.raises(
        FileNotFoundError, match=r"recording 1: no such file: a\.wav; recording 2: no such file: b\.wav"
    ):
        untrained.fit([WAVES[0], "a.wav", "b.wav"], ["ab", "a", "b"])


def test_a_file_of_too_low_a_rate_is_named(untrained, tmp_path):
    soundfile.write(tmp_path / "low.wav", WAVES[0][::2], RATE // 2)
    with pytest.raises(AudioError, match=r"recording 0 \(.*low\.wav\) is sampled at 2000 Hz and holds nothing above"):
        untrained.fit([tmp_path / "low.wav"], ["ab"])


def test_the_channels_of_a_stereo_file_are_averaged(fitted, tmp_path):
    silent = np.zeros_like(NEW[0])
    soundfile.write(tmp_path / "two.wav", np.stack([2 * NEW[0], silent], axis=1), RATE, subtype="FLOAT")
    assert fitted.predict([tmp_path / "two.wav"]) == fitted.predict([NEW[0]])


def test_clipped_recordings_are_named_in_one_warning(fitted, tmp_path):
    loud = np.clip(5 * NEW[1], -1.0, 1.0)
    soundfile.write(tmp_path / "loud.wav", loud, 2 * RATE)
    message = r"recording 1 \([\d.]+ % of its samples\); recording 2 \(.*loud\.wav\) \([\d.]+ % .*\) are clipped"
    with pytest.warns(UserWarning, match=message):
        fitted.predict([NEW[0], loud, tmp_path / "loud.wav"])


def test_sound_without_a_sample_rate_is_refused(untrained):
    with pytest.raises(ValueError, match=r"utterance 0 must be features .* sample_rate must be given"):
        untrained.set_params(sample_rate=None).fit(WAVES, TEXTS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes is empty"),
        ({"hidden_layer_sizes": (5, 0)}, "hidden_layer_sizes must be"),
        ({"stride": 0}, "stride must be"),
        ({"beam_width": 0}, "beam_width must be a whole number of at least 1, but 0 was given"),
        ({"speeds": (20.0,)}, "speeds must be"),
        ({"speeds": 0.9}, "speeds must be a sequence of numbers"),
        ({"dropout": 1.0}, "dropout must be"),
        ({"validation_fraction": 1.5}, "validation_fraction must be"),
        ({"language_model": 0}, "language_model must be"),
        ({"language_model": decoding.NGram(2)}, "the language model must have been fitted"),
        ({"lexicon": "ab"}, "lexicon must be"),
        ({"lexicon": []}, "lexicon must be"),
        ({"lexicon": ["ab", "xy"]}, "'x', 'y'"),
        ({"alphabet": "aa"}, "alphabet must be"),
        ({"alphabet": ["a", "b"]}, "alphabet must be"),
        ({"alphabet": ""}, "alphabet must be"),
        ({"bidirectional": "no"}, "bidirectional must be"),
    ],
)
def test_settings_that_make_no_sense_are_refused_before_training(untrained, settings, message):
    with pytest.raises(ValueError, match=message):
        untrained.set_params(**settings).fit(WAVES[:5], TEXTS[:5])


@pytest.mark.parametrize(
    ("texts", "groups", "error", "message"),
    [
        (["ab"], None, ValueError, "one for each of the 2 utterances, but 1 were given"),
        ("ab", None, TypeError, "texts must be a list"),
        (["ab", 3], None, TypeError, "text 1 must be a str, but 3 was given"),
        (["", " "], None, ValueError, "all are empty"),
        (["ab", "ba"], ["ann"], ValueError, "groups must be one for each of the 2 utterances"),
    ],
)
def test_texts_that_do_not_belong_are_refused(untrained, texts, groups, error, message):
    with pytest.raises(error, match=message):
        untrained.fit(WAVES[:2], texts, groups=groups)


def test_single_words_need_no_space_for_language_model_and_lexicon():
    waves = [say(WORDS[i % 4], i) for i in range(40)]
    said = [WORDS[i % 4] for i in range(40)]
    found = CTCTranscriber(RATE, language_model=2, lexicon=True, **SMALL).fit(waves, said)
    assert found.score(waves, said) > 0.9


def test_one_group_cannot_be_held_out(untrained):
    with pytest.raises(ValueError, match="early_stopping must have something to hold out, but there is only one group"):
        untrained.set_params(early_stopping=True).fit(WAVES[:2], ["ab", "ba"], groups=["ann", "ann"])


def test_what_is_not_fitted_says_so(tmp_path):
    for call in (lambda m: m.predict(NEW), lambda m: m.stream(), lambda m: m.save(tmp_path / "model")):
        with pytest.raises(NotFittedError):
            call(CTCTranscriber(RATE))
