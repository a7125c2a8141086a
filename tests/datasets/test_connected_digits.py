"""Strings of digits, and the transcribers of them that ship."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rnnbp import CTCTranscriber, datasets, metrics

FOLDER = Path(__file__).parents[2] / "datasets" / "models"


def test_strings_have_the_texts_of_what_is_put_together():
    made = datasets.make_connected_digits(40, "test", longest=5, seed=3)
    n_words = np.array([len(text.split()) for text in made.text])
    assert (len(made), made.sample_rate) == (40, 8000)
    assert set(n_words) == {1, 2, 3, 4, 5}
    assert {word for text in made.text for word in text.split()} == set(
        datasets.load_spoken_digits("test").target_names
    )
    seconds = np.array([wave.size for wave in made.waves]) / made.sample_rate
    assert np.corrcoef(n_words, seconds)[0, 1] > 0.9
    assert seconds.max() < 8
    assert {wave.dtype for wave in made.waves} == {np.dtype("float32")}
    assert max(np.abs(wave).max() for wave in made.waves) < 0.51  # 6 dB below full scale


def test_every_voice_says_as_many_and_none_is_in_both_subsets():
    learnt, heard = (datasets.make_connected_digits(56, subset) for subset in ("train", "test"))
    assert set(np.unique(learnt.speaker, return_counts=True)[1]) == {2}
    assert set(np.unique(heard.speaker, return_counts=True)[1]) == {7}
    assert not set(learnt.speaker) & set(heard.speaker)


def test_the_seed_decides():
    one, again, other = (datasets.make_connected_digits(3, seed=seed) for seed in (0, 0, 1))
    assert one.text == again.text != other.text
    for a, b in zip(one.waves, again.waves, strict=True):
        assert_array_equal(a, b)


def test_noise_is_as_far_below_as_is_asked():
    loud, quiet = (datasets.make_connected_digits(8, "test", snr_db=snr, seed=0).waves for snr in (0.0, 40.0))
    noise = [np.abs(wave[:100]).mean() / np.abs(wave).max() for wave in (*loud, *quiet)]  # all begin with a pause
    assert min(noise[:8]) > 10 * max(noise[8:])


def test_one_s_own_recordings_of_digits_are_put_together():
    few = datasets.load_spoken_digits("test").select(np.arange(6))
    made = datasets.make_connected_digits(4, few)
    assert {word for text in made.text for word in text.split()} <= {few.target_names[k] for k in few.target}


def test_pauses_and_loudness_are_as_documented():
    """Of words of a steady level, at their own speed and almost without noise."""
    few = datasets.load_spoken_digits("test").select(np.arange(3))
    few = replace(few, waves=[np.full(400, level, np.float32) for level in (0.001, 0.03, 0.9)])
    made = datasets.make_connected_digits(60, few, speed=(1.0, 1.0), snr_db=100.0)
    pauses, loudest = [], []
    for wave in made.waves:
        loudest.append(wave.max())
        heard = np.flatnonzero(wave > 0.98 * wave.max())
        assert heard.size == 400 * len(made.text[len(loudest) - 1].split())  # all words are as loud
        pauses += [heard[0], *np.diff(heard)[np.diff(heard) > 1] - 1, wave.size - 1 - heard[-1]]
    seconds, decibels = np.array(pauses) / few.sample_rate, 20 * np.log10(loudest)
    assert 0.03 <= seconds.min() < 0.04
    assert 0.29 < seconds.max() <= 0.3
    assert -30 <= decibels.min() < -28
    assert -8 < decibels.max() <= -6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_strings": 0}, "n_strings must be"),
        ({"n_strings": 1, "longest": 0}, "longest must be"),
        ({"n_strings": 1, "speed": (0.0, 1.0)}, "speed must be"),
        ({"n_strings": 1, "snr_db": np.nan}, "snr_db must be"),
        ({"n_strings": 1, "digits": "both"}, "subset"),
    ],
)
def test_what_makes_no_strings_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        datasets.make_connected_digits(**options)


# -- the models --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("snr_db", "wrong"), [(40.0, 0.03), (10.0, 0.08)])
def test_the_transcriber_that_ships_understands_new_voices(snr_db, wrong):
    model = CTCTranscriber.load(datasets.find_model("connected_digits"))
    made = datasets.make_connected_digits(200, "test", snr_db=snr_db, seed=11)
    assert metrics.word_error_rate(made.text, model.predict(made.waves)) < wrong


def test_the_live_transcriber_that_ships_understands_new_voices_as_they_speak():
    model = CTCTranscriber.load(datasets.find_model("connected_digits_live"))
    made = datasets.make_connected_digits(60, "test", snr_db=30.0, seed=11)
    numbers = {word: str(k) for k, word in enumerate(datasets.load_spoken_digits("test").target_names)}
    said = ["".join(numbers[word] for word in text.split()) for text in made.text]
    assert metrics.character_error_rate(said, model.predict(made.waves)) < 0.15
    stream = model.stream()
    for at in range(0, len(made.waves[0]), 80):
        stream.push(made.waves[0][at : at + 80])
    assert stream.finish() == model.predict(made.waves[:1])[0]


def test_the_models_that_ship_take_2_megabytes_at_most():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.safetensors")) <= 2_000_000
    assert (FOLDER / "README.md").is_file()


def test_the_script_that_made_them_names_the_models_that_there_are():
    spec = importlib.util.spec_from_file_location("make_models", FOLDER.parent / "make_models.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert {path.stem for path in FOLDER.glob("*.safetensors")} == set(script.MODELS)
    assert all(datasets.find_model(name) == FOLDER / f"{name}.safetensors" for name in script.MODELS)


def test_a_model_that_there_is_not_is_named():
    with pytest.raises(ValueError, match="unknown model 'digits': the known ones are 'connected_digits'"):
        datasets.find_model("digits")


def test_a_model_that_is_not_where_it_was_installed_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("rnnbp.datasets.models._PLACES", (tmp_path,))
    with pytest.raises(FileNotFoundError, match=r"Install rnnbp again, or train it with datasets/make_models\.py"):
        datasets.find_model("connected_digits")
