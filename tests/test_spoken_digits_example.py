"""What `examples/spoken_digits.py` understands: words with silence or noise around them, quiet, loud; and what is none.

The functions are the example's own, and the network is the one that it saves.
"""

import runpy
from pathlib import Path

import numpy as np
import pytest
import soundfile

import rnnbp
from rnnbp import audio, datasets, metrics

EXAMPLE = Path(__file__).parents[1] / "examples" / "spoken_digits.py"
RATE = 8000


@pytest.fixture(scope="module")
def example():
    return runpy.run_path(str(EXAMPLE))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Train as the example does, in short, and return the file of the model."""
    import sys

    file = tmp_path_factory.mktemp("model") / "digits.rnnbp"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(EXAMPLE), "--max-epochs", "8", "--model", str(file)])
        runpy.run_path(str(EXAMPLE), run_name="__main__")
    return file


@pytest.fixture(scope="module")
def listen(example, model):
    """Return a function from waveforms to the probabilities of the classes, with what is in the file only."""
    net = rnnbp.Network.load(model)
    features = audio.AudioFeatures.from_settings(net.metadata["features"])
    return lambda waves: example["probabilities"](net, example["sequences_of"](features, waves))


@pytest.fixture(scope="module")
def threshold(model):
    return rnnbp.Network.load(model).metadata["threshold"]


@pytest.fixture(scope="module")
def words():
    return datasets.load_spoken_digits("test")


def with_silence(wave, rng, snr_db=None):
    """Put 0.3 to 1 s on each side, of zeros, or of white noise that is under the word as well."""
    before, after = rng.integers(round(0.3 * RATE), RATE + 1, size=2)
    longer = np.pad(wave, (before, after))
    if snr_db is None:
        return longer
    level = np.sqrt(np.mean(wave**2)) * 10 ** (-snr_db / 20)
    return longer + (level * rng.standard_normal(longer.size)).astype(wave.dtype)


def in_16_bits(wave):
    return np.round(np.clip(wave, -1, 1) * 32767).astype(np.float32) / 32767


CONDITIONS = {
    "silence around": (lambda wave, rng: with_silence(wave, rng), 0.04),
    "faint noise": (lambda wave, rng: with_silence(wave, rng, 40), 0.04),
    "a quiet room": (lambda wave, rng: with_silence(wave, rng, 25), 0.05),
    "a loud room": (lambda wave, rng: with_silence(wave, rng, 15), 0.08),
    "20 dB quieter": (lambda wave, rng: in_16_bits(audio.gain(wave, -20)), 0.03),
    "20 dB louder": (lambda wave, rng: in_16_bits(audio.gain(wave, 20)), 0.05),
    "quieter, with silence": (lambda wave, rng: in_16_bits(with_silence(audio.gain(wave, -15), rng)), 0.05),
    "noise": (lambda wave, rng: audio.add_noise(wave, 15, rng), 0.07),
    "an offset": (lambda wave, rng: with_silence(wave, rng, 30) + np.float32(0.003), 0.06),
    "trimmed": (lambda wave, rng: trimmed_by_librosa(wave), 0.04),
}


def trimmed_by_librosa(wave):
    import librosa

    return librosa.effects.trim(wave, top_db=30, frame_length=200, hop_length=80)[0]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_words_are_understood_however_they_were_recorded(listen, words, condition):
    change, loss = CONDITIONS[condition]
    rng = np.random.default_rng(0)
    as_recorded = metrics.accuracy(words.target, listen(words.waves))
    changed = metrics.accuracy(words.target, listen([change(wave, rng) for wave in words.waves]))
    assert as_recorded >= 0.93
    assert changed >= as_recorded - loss


@pytest.mark.parametrize("condition", ["silence around", "a quiet room", "20 dB quieter"])
def test_few_words_are_taken_for_none(example, listen, threshold, words, condition):
    change, _ = CONDITIONS[condition]
    rng = np.random.default_rng(1)
    p = listen([change(wave, rng) for wave in words.waves])
    right = p.argmax(axis=1) == words.target
    assert (example["recognised"](p, threshold)[right] == len(words.target_names)).mean() <= 0.08  # 0.05 was asked for


OTHERS = {
    "words backwards": (lambda wave, rng: wave[::-1].copy(), 0.75),
    "words backwards, with silence": (lambda wave, rng: with_silence(wave[::-1], rng, 25), 0.85),
    "noise": (lambda wave, rng: 0.1 * rng.standard_normal(wave.size), 0.95),
    "faint noise": (lambda wave, rng: 1e-3 * rng.standard_normal(wave.size), 0.95),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_word_is_told(example, listen, threshold, words, name):
    make, least = OTHERS[name]
    rng = np.random.default_rng(2)
    classes = example["recognised"](listen([make(wave, rng) for wave in words.waves]), threshold)
    assert (classes == len(words.target_names)).mean() >= least


def test_the_threshold_tells_more_than_the_class_alone(example, listen, threshold, words):
    p = listen([np.roll(wave, wave.size // 2) for wave in words.waves])  # nothing like it was trained on
    none = len(words.target_names)
    assert (example["recognised"](p, threshold) == none).mean() > (p.argmax(axis=1) == none).mean() + 0.03


def test_a_file_of_noise_is_called_none(example, model, tmp_path, capsys):
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "noise.wav", 0.1 * rng.standard_normal(2 * RATE), RATE)
    example["classify"](tmp_path / "noise.wav", model)
    assert capsys.readouterr().out.startswith("noise.wav: none (")


def test_the_threshold_is_chosen_on_voices_that_are_trained_on_no_more(example):
    data = datasets.load_spoken_digits()
    learnt, heard = data.select(data.subset == "train"), data.select(data.subset == "test")
    rest, held_out = example["hold_out"](learnt, heard, 0)
    assert not np.isin(held_out.groups, rest.groups).any()
    assert len(rest.waves) + len(held_out.waves) == len(learnt.waves)
    # where the voices are known anyway, a tenth of the recordings
    rest, held_out = example["hold_out"](learnt, learnt, 0)
    assert len(held_out.waves) == len(learnt.waves) // 10
    assert set(rest.names).isdisjoint(held_out.names)
