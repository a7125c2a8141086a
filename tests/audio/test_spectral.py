"""The numbers of `AudioFeatures` against librosa's, and what the normalisation and the trimming promise."""

import os

import librosa
import numpy as np
import pytest

from rnnbp import datasets
from rnnbp.audio import AudioFeatures, spectral

TINY = 1e-30  # below any power here, so that only the 80 dB range limits librosa's decibels


def speech_like(n_samples, sample_rate, seed=0):
    """Noise through moving resonances, with a level that rises and falls over 40 dB."""
    rng = np.random.default_rng(seed)
    time = np.arange(n_samples) / sample_rate
    voice = np.sin(2 * np.pi * (150 + 40 * np.sin(7 * time)) * time) + 0.3 * np.sin(2 * np.pi * 1200 * time**1.1)
    level = 10 ** (-1 + np.sin(2 * np.pi * 3 * time))
    return (0.05 * level * (voice + 0.1 * rng.standard_normal(n_samples))).astype(np.float32)


def librosa_log_mel(wave, sample_rate, *, n_mels=40, frame=0.025, hop=0.010, f_min=20.0, f_max=None):
    frame, hop = round(frame * sample_rate), round(hop * sample_rate)
    power = librosa.feature.melspectrogram(
        y=wave, sr=sample_rate, n_fft=2 ** int(np.ceil(np.log2(frame))), win_length=frame, hop_length=hop,
        window="hann", center=True, pad_mode="constant", n_mels=n_mels, fmin=f_min, fmax=f_max,
    )  # fmt: skip
    return librosa.power_to_db(power, amin=TINY)


CASES = {
    "8 kHz": (8000, {}),
    "16 kHz": (16000, {"n_mels": 64}),
    "22.05 kHz": (22050, {"n_mels": 23, "f_min": 60.0, "f_max": 7600.0}),
    "overlap below half": (8000, {"frame_length": 0.03, "hop_length": 0.03}),
    "odd frame": (11025, {"frame_length": 0.023, "hop_length": 0.007}),
    "power of two": (8000, {"frame_length": 0.032, "hop_length": 0.016}),
    "a sample more": (8000, {"frame_length": 0.032125}),
}


@pytest.mark.parametrize("n_samples", [1030, 4000, 4011, 40000])
@pytest.mark.parametrize("case", CASES)
def test_log_mel_features_are_those_of_librosa(case, n_samples):
    sample_rate, options = CASES[case]
    wave = speech_like(n_samples, sample_rate)
    [features] = AudioFeatures(sample_rate, normalize=None, **options).transform([wave])
    renamed = {{"frame_length": "frame", "hop_length": "hop"}.get(name, name): v for name, v in options.items()}
    expected = librosa_log_mel(wave, sample_rate, **renamed).T
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=2e-4)  # dB


def real_recordings():
    """Speech of people, if there is any here, else of the synthesizers that ship: waveforms and their rates."""
    if not os.environ.get("RNNBP_DATA"):
        digits = datasets.load_spoken_digits("test")
        return [(wave, digits.sample_rate) for wave in digits.waves[::40]]
    spoken, digits = datasets.fetch_an4("test"), datasets.fetch_fsdd()
    return [(w, spoken.sample_rate) for w in spoken.waves[::26]] + [
        (w, digits.sample_rate) for w in digits.waves[::500]
    ]


def test_features_of_real_recordings_are_those_of_librosa_s_own_calls():
    for wave, rate in real_recordings():
        [log_mel] = AudioFeatures(rate, normalize=None).transform([wave])
        np.testing.assert_allclose(log_mel, librosa_log_mel(wave, rate).T, rtol=1e-5, atol=2e-3)  # dB
        [cepstrum] = AudioFeatures(rate, kind="mfcc", n_mfcc=13, f_min=0.0, normalize=None).transform([wave])
        frame, hop = round(0.025 * rate), round(0.01 * rate)
        n_fft = 2 ** int(np.ceil(np.log2(frame)))
        expected = librosa.feature.mfcc(
            y=wave, sr=rate, n_mfcc=13, n_mels=40, n_fft=n_fft, win_length=frame, hop_length=hop
        )
        loud = cepstrum[:, 0] > cepstrum[:, 0].max() - 300  # librosa's floor of 1e-10 hides what is quieter
        np.testing.assert_allclose(cepstrum[loud], expected.T[loud], rtol=1e-4, atol=0.1)


def test_cepstral_coefficients_are_those_of_librosa():
    wave = speech_like(8000, 16000)
    [features] = AudioFeatures(16000, kind="mfcc", n_mfcc=20, normalize=None).transform([wave])
    expected = librosa.feature.mfcc(S=librosa_log_mel(wave, 16000), n_mfcc=20).T
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=2e-4)


def test_cepstral_coefficients_are_what_librosa_computes_from_the_waveform_itself():
    wave = speech_like(8000, 16000)
    [features] = AudioFeatures(16000, kind="mfcc", normalize=None, f_min=0.0, n_mels=40).transform([wave])
    expected = librosa.feature.mfcc(y=wave, sr=16000, n_mfcc=13, n_mels=40, n_fft=512, win_length=400, hop_length=160)
    np.testing.assert_allclose(features, expected.T, rtol=1e-5, atol=5e-4)


@pytest.mark.parametrize("n_samples", [600, 8000])  # 4 frames are fewer than the 9 of a delta
def test_deltas_are_those_of_librosa(n_samples):
    wave = speech_like(n_samples, 16000)
    [features] = AudioFeatures(16000, n_mels=30, deltas=2, normalize=None).transform([wave])
    static = librosa_log_mel(wave, 16000, n_mels=30)
    for order, columns in ((1, slice(30, 60)), (2, slice(60, 90))):
        expected = librosa.feature.delta(static, order=order, mode="nearest").T
        np.testing.assert_allclose(features[:, columns], expected, atol=1e-4)


@pytest.mark.parametrize("n_samples", [200, 279, 280, 4000])
def test_there_is_one_frame_a_hop_and_one_more(n_samples):
    [features] = AudioFeatures(8000).transform([speech_like(n_samples, 8000)])
    assert features.shape == (1 + n_samples // 80, 40)


def test_the_block_size_changes_nothing(monkeypatch):
    wave = speech_like(16000, 8000)
    [whole] = AudioFeatures(8000).transform([wave])
    monkeypatch.setattr(spectral, "BLOCK", 7)
    [blocks] = AudioFeatures(8000).transform([wave])
    np.testing.assert_allclose(blocks, whole, atol=1e-4)


def test_each_feature_of_a_recording_gets_zero_mean_and_unit_variance():
    [features] = AudioFeatures(8000, kind="mfcc", deltas=2).transform([speech_like(8000, 8000)])
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(features.std(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-4, 100.0])
def test_a_quiet_or_loud_recording_has_the_same_features(scale):
    wave = speech_like(8000, 8000)
    one, other = AudioFeatures(8000).transform([wave, np.float32(scale) * wave])
    np.testing.assert_allclose(other, one, atol=1e-3)


def test_without_normalisation_a_gain_of_20_db_adds_20():
    wave = speech_like(8000, 8000)
    one, other = AudioFeatures(8000, normalize=None).transform([wave, 10 * wave])
    np.testing.assert_allclose(other - one, 20, atol=1e-3)


def test_a_feature_that_does_not_move_becomes_zeros():
    features = np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32)
    features[:, 1] = -80.1  # as a band is that stays at the floor
    features[:, 2] *= 0.9e-3 / features[:, 2].std()  # less than rounding in a steady tone
    features[:, 0] *= 1.1e-3 / features[:, 0].std()
    scaled = spectral.standardize(features)
    assert scaled[:, 0].std() == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(scaled[:, 1:], 0)


def test_a_filterbank_that_others_may_have_too_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        spectral.mel_filterbank(8000, 256, 20, 20.0, 4000.0)[0] = 1


def test_no_value_lies_more_than_80_db_below_the_loudest():
    wave = np.concatenate([speech_like(4000, 8000), np.zeros(4000, np.float32)])
    [features] = AudioFeatures(8000, normalize=None).transform([wave])
    assert features.min() == pytest.approx(features.max() - 80, abs=1e-3)


def test_trimming_cuts_silence_before_and_after_but_not_within():
    burst = speech_like(1600, 8000)
    hiss = 1e-4 * np.random.default_rng(1).standard_normal(12000).astype(np.float32)
    padded = hiss.copy()
    padded[4000:5600] += burst
    padded[7000:8600] += burst
    trimmed = spectral.trim_silence(padded, frame=200, hop=80, threshold_db=30)
    assert 8600 - 4000 <= trimmed.size + 2 * 80 <= 8600 - 4000 + 4 * 200
    start = int(np.flatnonzero(padded == trimmed[0])[0])
    assert 4000 - 200 <= start <= 4000 + 200
    np.testing.assert_array_equal(trimmed, padded[start : start + trimmed.size])


def test_trimming_measures_frames_in_decibels_below_the_loudest():
    level = np.repeat([-30.5, -29.5, 0, -31, -29.5, -30.5], 100)  # dB
    wave = 10 ** (level / 20) * np.tile([1, -1], 300)
    np.testing.assert_array_equal(spectral.trim_silence(wave, frame=100, hop=100, threshold_db=30), wave[100:500])


def test_trimming_agrees_with_librosa_within_a_frame():
    wave = np.concatenate([np.full(3000, 1e-5), speech_like(8000, 8000), np.full(3000, 1e-5)]).astype(np.float32)
    trimmed = spectral.trim_silence(wave, frame=200, hop=80, threshold_db=40)
    expected, _ = librosa.effects.trim(wave, top_db=40, frame_length=200, hop_length=80)
    assert abs(trimmed.size - expected.size) <= 200


@pytest.mark.parametrize("place", [0, 1234, 3999])
def test_trimming_keeps_a_whole_frame_around_a_click(place):
    wave = np.zeros(4000, np.float32)
    wave[place] = 1
    trimmed = spectral.trim_silence(wave, frame=200, hop=80, threshold_db=30)
    assert trimmed.size >= 200
    assert trimmed.max() == 1


def test_nothing_but_the_loudest_frame_is_within_0_db_of_it():
    wave = np.random.default_rng(0).standard_normal(1000)
    frames = [wave[start : start + 200] for start in [*range(0, 800, 80), 800]]
    loudest = max(frames, key=lambda frame: ((frame - wave.mean()) ** 2).sum())
    np.testing.assert_array_equal(spectral.trim_silence(wave, frame=200, hop=80, threshold_db=0), loudest)


def test_an_offset_is_not_taken_for_sound():
    wave = np.zeros(8000, np.float32)
    wave[3000:4600] = speech_like(1600, 8000)
    still = spectral.trim_silence(wave, frame=200, hop=80, threshold_db=30)
    moved = spectral.trim_silence(wave + np.float32(0.5), frame=200, hop=80, threshold_db=30)
    assert moved.size == still.size


def test_trimming_reaches_the_features():
    wave = np.concatenate([np.zeros(4000), speech_like(4000, 8000), np.zeros(4000)]).astype(np.float32)
    wave += 1e-6 * np.random.default_rng(0).standard_normal(wave.size).astype(np.float32)
    [whole] = AudioFeatures(8000).transform([wave])
    [trimmed] = AudioFeatures(8000, trim=30.0).transform([wave])
    assert len(trimmed) < len(whole) / 2
