"""Augmentation: each function does to the signal what its name says, by measurement."""

import librosa
import numpy as np
import pytest

from rnnbp import audio, datasets


@pytest.fixture
def wave():
    return (0.3 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)).astype(np.float32)


@pytest.fixture
def features():
    return np.random.default_rng(0).standard_normal((60, 20)).astype(np.float32) + 5


def generator(seed=0):
    return np.random.default_rng(seed)


WAVE_FUNCTIONS = {
    "add_noise": lambda wave: audio.add_noise(wave, 10, generator()),
    "gain": lambda wave: audio.gain(wave, 6),
    "time_shift": lambda wave: audio.time_shift(wave, 100),
    "change_speed": lambda wave: audio.change_speed(wave, 1.1),
    "stretch_time": lambda wave: audio.stretch_time(wave, 1.1),
    "shift_pitch": lambda wave: audio.shift_pitch(wave, 2.0, sample_rate=8000),
}
MASKS = {"mask_time": audio.mask_time, "mask_frequency": audio.mask_frequency}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", WAVE_FUNCTIONS)
def test_a_new_waveform_of_the_same_dtype_is_returned(name, wave, dtype):
    wave = wave.astype(dtype)
    before = wave.copy()
    changed = WAVE_FUNCTIONS[name](wave)
    assert changed.dtype == dtype
    assert not np.array_equal(changed, before)
    np.testing.assert_array_equal(wave, before)


@pytest.mark.parametrize("name", WAVE_FUNCTIONS)
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (np.zeros((10, 2)), audio.AudioError, "expected a 1-D waveform"),
        (np.array([0.1, np.nan, 0.3]), audio.AudioError, "NaN"),
        (np.arange(5, dtype=np.int16), TypeError, "int16"),
    ],
)
def test_what_is_no_waveform_is_refused(name, wrong, error, message):
    with pytest.raises(error, match=message):
        WAVE_FUNCTIONS[name](wrong)


@pytest.mark.parametrize("snr_db", [-5, 0, 10, 30])
def test_noise_has_the_signal_to_noise_ratio_asked_for(wave, snr_db):
    noise = audio.add_noise(wave.astype(np.float64), snr_db, generator()) - wave
    measured = 10 * np.log10(np.mean(wave.astype(np.float64) ** 2) / np.mean(noise**2))
    assert measured == pytest.approx(snr_db, abs=1e-6)


def test_noise_is_white(wave):
    noise = audio.add_noise(wave, 0, generator()) - wave
    power = np.abs(np.fft.rfft(noise)) ** 2
    low, high = power[:2000].mean(), power[2000:].mean()
    assert low / high == pytest.approx(1, abs=0.15)


def test_noise_comes_from_the_generator(wave):
    np.testing.assert_array_equal(audio.add_noise(wave, 10, generator(3)), audio.add_noise(wave, 10, generator(3)))
    assert not np.array_equal(audio.add_noise(wave, 10, generator(3)), audio.add_noise(wave, 10, generator(4)))


def test_noise_needs_a_generator_a_finite_ratio_and_a_signal(wave):
    with pytest.raises(TypeError, match=r"numpy\.random\.Generator"):
        audio.add_noise(wave, 10, 0)
    with pytest.raises(ValueError, match="snr_db must be a finite number of dB, but nan was given"):
        audio.add_noise(wave, float("nan"), generator())
    with pytest.raises(audio.AudioError, match="silent"):
        audio.add_noise(np.zeros(100), 10, generator())


def test_a_gain_of_20_db_is_a_factor_of_ten(wave):
    np.testing.assert_allclose(audio.gain(wave, 20), 10 * wave, rtol=1e-6)
    np.testing.assert_allclose(audio.gain(wave, -20), wave / 10, rtol=1e-6)


def test_a_gain_has_to_be_finite(wave):
    with pytest.raises(ValueError, match="decibels must be a finite number of dB, but inf was given"):
        audio.gain(wave, float("inf"))


@pytest.mark.parametrize(
    ("n_samples", "expected"),
    [(2, [0, 0, 1, 2, 3]), (-2, [3, 4, 5, 0, 0]), (0, [1, 2, 3, 4, 5]), (-4, [5, 0, 0, 0, 0])],
)
def test_a_shift_moves_the_samples_and_fills_with_zeros(n_samples, expected):
    np.testing.assert_array_equal(audio.time_shift(np.arange(1.0, 6.0), n_samples), expected)


def test_a_shift_has_to_leave_something_and_to_be_whole(wave):
    for n_samples in (8000, -8000):
        with pytest.raises(ValueError, match="leaves nothing of a waveform of 8000"):
            audio.time_shift(wave, n_samples)
    with pytest.raises(TypeError, match=r"n_samples must be an integer .* but 0\.1 was given"):
        audio.time_shift(wave, 0.1)


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_speed_changes_duration_and_pitch_together(wave, factor):
    changed = audio.change_speed(wave, factor)
    assert changed.size == pytest.approx(8000 / factor, abs=1)
    spectrum = np.abs(np.fft.rfft(changed * np.hanning(changed.size)))
    assert spectrum.argmax() * 8000 / changed.size == pytest.approx(440 * factor, abs=1)


@pytest.mark.parametrize("change", [audio.change_speed, audio.stretch_time])
@pytest.mark.parametrize("factor", [0, -1, 0.099, 10.1, float("nan")])
def test_a_speed_out_of_reason_is_refused(wave, change, factor):
    with pytest.raises(ValueError, match=rf"factor must lie between 0\.1 and 10, but {factor} was given"):
        change(wave, factor)


def test_a_speed_may_be_ten_times_the_recording_s_and_a_tenth_of_it(wave):
    assert len(audio.change_speed(wave, 10)) == 800
    assert len(audio.change_speed(wave[:800], 0.1)) == 8000


def test_a_time_mask_hides_whole_frames_behind_the_mean_frame(features):
    masked = audio.mask_time(features, 20, generator())
    hidden = (masked != features).any(axis=1)
    assert 0 < hidden.sum() <= 20
    assert np.diff(np.flatnonzero(hidden)).max() == 1
    np.testing.assert_allclose(masked[hidden], np.tile(features.mean(axis=0), (hidden.sum(), 1)), rtol=1e-6)


def test_a_frequency_mask_hides_whole_columns_behind_their_means(features):
    masked = audio.mask_frequency(features, 8, generator())
    hidden = (masked != features).any(axis=0)
    assert 0 < hidden.sum() <= 8
    assert np.diff(np.flatnonzero(hidden)).max() == 1
    np.testing.assert_allclose(masked[:, hidden], np.tile(features.mean(axis=0)[hidden], (60, 1)), rtol=1e-6)


def test_mask_widths_are_uniform_from_zero_to_the_largest(features):
    rng = generator()
    features = features[:4]  # so that the widest mask has one place
    widths = [int((audio.mask_time(features, 4, rng) != features).any(axis=1).sum()) for _ in range(2000)]
    np.testing.assert_allclose(np.bincount(widths, minlength=5) / 2000, 0.2, atol=0.03)


def test_a_mask_reaches_every_place(features):
    rng = generator()
    hidden = sum((audio.mask_frequency(features, 5, rng) != features).any(axis=0).astype(int) for _ in range(500))
    assert (hidden > 0).all()


def test_a_mask_is_no_wider_than_its_fraction_of_a_short_recording(features):
    rng = generator()
    widths = [
        (audio.mask_time(features[:10], 100, rng, max_fraction=0.3) != features[:10]).any(axis=1).sum()
        for _ in range(200)
    ]
    assert max(widths) == 3


def test_several_masks_hide_more(features):
    one = audio.mask_time(features, 5, generator(), n_masks=1) != features
    many = audio.mask_time(features, 5, generator(), n_masks=20) != features
    assert many.sum() > one.sum()


@pytest.mark.parametrize("name", MASKS)
def test_masking_leaves_its_input_alone_and_keeps_the_dtype(name, features):
    before = features.copy()
    for dtype in ("float32", "float64"):
        assert MASKS[name](features.astype(dtype), 10, generator()).dtype == dtype
    MASKS[name](features, 10, generator(), n_masks=5)
    np.testing.assert_array_equal(features, before)


@pytest.mark.parametrize("name", MASKS)
def test_masks_are_repeatable(name, features):
    np.testing.assert_array_equal(
        MASKS[name](features, 10, generator(7), n_masks=2), MASKS[name](features, 10, generator(7), n_masks=2)
    )


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_width": 0}, "max_width must be an integer >= 1, but 0 was given"),
        ({"max_width": 2.5}, r"max_width must be an integer >= 1, but 2\.5 was given"),
        ({"n_masks": 0}, "n_masks must be an integer >= 1, but 0 was given"),
        ({"features": np.zeros(10)}, r"expected the features of one recording.* but float64 of shape \(10,\)"),
        ({"features": np.zeros((0, 3))}, r"floats of shape \(T, F\), but float64 of shape \(0, 3\)"),
        ({"features": np.zeros((10, 3), int)}, r"floats of shape \(T, F\), but int64 of shape"),
    ],
)
def test_masks_that_make_no_sense_are_refused(name, features, options, message):
    with pytest.raises(ValueError, match=message):
        MASKS[name](**{"features": features, "max_width": 5, "rng": generator()} | options)


@pytest.mark.parametrize("name", MASKS)
def test_masks_need_a_generator(name, features):
    with pytest.raises(TypeError, match=r"numpy\.random\.Generator"):
        MASKS[name](features, 5, None)


@pytest.mark.parametrize("fraction", [0, 1.5])
def test_a_fraction_lies_between_zero_and_one(features, fraction):
    with pytest.raises(ValueError, match="max_fraction must lie in"):
        audio.mask_time(features, 5, generator(), max_fraction=fraction)


def loudest_frequency(wave, sample_rate=8000):
    middle = wave[len(wave) // 4 : -len(wave) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 2**17))
    return spectrum.argmax() * sample_rate / 2**17


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_stretching_changes_the_duration_and_leaves_the_pitch(wave, factor):
    stretched = audio.stretch_time(wave, factor)
    assert len(stretched) == round(len(wave) / factor)
    assert loudest_frequency(stretched) == pytest.approx(440, rel=0.01)


@pytest.mark.parametrize("semitones", [-3, 4])
def test_a_shift_changes_the_pitch_and_leaves_the_duration(wave, semitones):
    shifted = audio.shift_pitch(wave, semitones, sample_rate=8000)
    assert len(shifted) == len(wave)
    assert loudest_frequency(shifted) == pytest.approx(440 * 2 ** (semitones / 12), rel=0.01)


def test_stretching_and_shifting_are_librosa_s():
    speech = datasets.load_spoken_digits("test").waves[5].astype(np.float64)
    speech = np.concatenate([speech] * 3)
    np.testing.assert_array_equal(audio.stretch_time(speech, 0.9), librosa.effects.time_stretch(speech, rate=0.9))
    expected = librosa.effects.pitch_shift(speech, sr=8000, n_steps=2.0, res_type="soxr_hq")
    np.testing.assert_array_equal(audio.shift_pitch(speech, 2.0, sample_rate=8000), expected)


def test_short_recordings_are_stretched_and_shifted_too():
    wave = 0.1 * np.random.default_rng(0).standard_normal(300)
    assert len(audio.stretch_time(wave, 1.5)) == 200
    assert len(audio.shift_pitch(wave, -2.0, sample_rate=8000)) == 300
    assert len(audio.stretch_time(wave[:16], 0.5)) == 32
    expected = librosa.effects.time_stretch(wave, rate=1.5, n_fft=256)  # the longest frame that it has room for
    np.testing.assert_array_equal(audio.stretch_time(wave, 1.5), expected)


@pytest.mark.parametrize("semitones", [-24.5, 24.5, float("nan")])
def test_shifts_by_more_than_two_octaves_are_refused(wave, semitones):
    with pytest.raises(ValueError, match=f"semitones must lie between -24 and 24, but {semitones} was given"):
        audio.shift_pitch(wave, semitones, sample_rate=8000)


@pytest.mark.parametrize("semitones", [-24, 24])
def test_a_shift_by_two_octaves_is_possible(wave, semitones):
    assert len(audio.shift_pitch(wave[:800], semitones, sample_rate=8000)) == 800
