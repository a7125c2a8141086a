"""`audio.load` and `audio.resample`: what they return, and how they refuse a file."""

import struct

import numpy as np
import pytest
import soundfile

from rnnbp import audio


def tone(frequency, sample_rate, seconds=0.5, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * sample_rate)) / sample_rate)


def loudest_frequency(wave, sample_rate):
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(wave.size)))
    return spectrum.argmax() * sample_rate / wave.size


@pytest.fixture
def wav(tmp_path):
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(440, 8000), 8000)
    return path


def set_promised_bytes(path, n_bytes):
    """Rewrite the length in the data chunk of a plain 44-byte wav header."""
    content = bytearray(path.read_bytes())
    assert content[36:40] == b"data"
    content[40:44] = struct.pack("<I", n_bytes)
    path.write_bytes(content)


@pytest.mark.parametrize(("suffix", "tolerance"), [("wav", 1 / 32768), ("flac", 1 / 32768), ("ogg", 0.03)])
def test_a_file_gives_the_samples_that_were_written(tmp_path, suffix, tolerance):
    written = tone(440, 8000)
    soundfile.write(tmp_path / f"tone.{suffix}", written, 8000)
    wave = audio.load(tmp_path / f"tone.{suffix}", 8000)
    assert wave.dtype == np.float32
    np.testing.assert_allclose(wave, written, atol=tolerance)


def test_a_path_may_be_a_string(wav):
    np.testing.assert_array_equal(audio.load(str(wav), 8000), audio.load(wav, 8000))


def test_channels_are_averaged(tmp_path):
    left, right = tone(440, 8000), tone(880, 8000)
    soundfile.write(tmp_path / "stereo.wav", np.stack([left, right], axis=1), 8000, subtype="FLOAT")
    np.testing.assert_allclose(audio.load(tmp_path / "stereo.wav", 8000), (left + right) / 2, atol=1e-6)


@pytest.mark.parametrize("file_rate", [8000, 11025, 16000, 44100, 48000])
def test_resampling_keeps_pitch_level_and_duration(tmp_path, file_rate):
    soundfile.write(tmp_path / "tone.wav", tone(440, file_rate), file_rate)
    wave = audio.load(tmp_path / "tone.wav", 16000)
    assert wave.size == 8000
    assert loudest_frequency(wave, 16000) == pytest.approx(440, abs=2)
    np.testing.assert_allclose(wave[500:-500], tone(440, 16000)[500:-500], atol=1e-3)


def test_what_is_above_the_new_nyquist_frequency_is_gone(tmp_path):
    soundfile.write(tmp_path / "high.wav", tone(6000, 16000), 16000)
    wave = audio.load(tmp_path / "high.wav", 8000)
    assert np.abs(wave[200:-200]).max() < 1e-3  # aliased, it would be a tone of 2000 Hz at 0.5


def test_no_sample_leaves_the_unit_range(tmp_path):
    square = np.sign(tone(100, 8000))
    soundfile.write(tmp_path / "square.wav", square, 8000, subtype="FLOAT")
    assert np.abs(audio.resample(square, from_rate=8000, to_rate=16000)).max() > 1.05  # the overshoot is there
    assert np.abs(audio.load(tmp_path / "square.wav", 16000)).max() == 1


def test_the_sample_rate_has_to_be_given(wav):
    with pytest.raises(TypeError, match="sample_rate"):
        audio.load(wav)


@pytest.mark.parametrize(
    ("rate", "error"),
    [(None, TypeError), ("8000", TypeError), (8000.0, TypeError), (0, ValueError), (-8000, ValueError)],
)
def test_a_sample_rate_that_is_no_positive_integer_is_refused(wav, rate, error):
    with pytest.raises(error, match=f"sample_rate must be a positive integer.* but {rate!r} was given"):
        audio.load(wav, rate)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"seven\.wav: no such file"):
        audio.load(tmp_path / "seven.wav", 8000)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(audio.AudioError, match="is a folder"):
        audio.load(tmp_path, 8000)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty.wav").touch()
    with pytest.raises(audio.AudioError, match=r"empty\.wav is empty: the file has 0 bytes"):
        audio.load(tmp_path / "empty.wav", 8000)


def test_a_header_without_samples_is_refused(tmp_path):
    soundfile.write(tmp_path / "header.wav", np.zeros(0), 8000)
    with pytest.raises(audio.AudioError, match=r"header\.wav is empty: it has a header but no samples"):
        audio.load(tmp_path / "header.wav", 8000)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_truncated_wav_is_refused(tmp_path, subtype):
    path = tmp_path / "cut.wav"
    soundfile.write(path, tone(440, 8000), 8000, subtype=subtype)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(audio.AudioError, match=r"cut\.wav is truncated: its header promises \d+ bytes more"):
        audio.load(path, 8000)


def test_a_wav_cut_inside_its_header_is_refused(wav):
    wav.write_bytes(wav.read_bytes()[:30])
    with pytest.raises(audio.AudioError, match=r"tone\.wav cannot be read as audio"):
        audio.load(wav, 8000)


def test_a_truncated_flac_is_refused(tmp_path):
    path = tmp_path / "cut.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 40000), 8000)
    path.write_bytes(path.read_bytes()[:-20000])
    with pytest.raises(audio.AudioError, match=r"cut\.flac"):
        audio.load(path, 8000)


@pytest.mark.parametrize("placeholder", [0x7FFFF000, 0xFFFFFFFF])
def test_a_wav_written_to_a_pipe_is_not_called_truncated(wav, placeholder):
    """espeak-ng and ffmpeg leave such lengths, because they cannot go back to write the real one."""
    set_promised_bytes(wav, placeholder)
    assert audio.load(wav, 8000).size == 4000


def test_chunks_after_the_samples_are_not_called_truncated(wav):
    wav.write_bytes(wav.read_bytes() + b"LIST" + struct.pack("<I", 4) + b"INFO")
    assert audio.load(wav, 8000).size == 4000


def test_a_chunk_of_odd_length_before_the_samples_hides_no_truncation(wav):
    content = wav.read_bytes()
    note = b"note" + struct.pack("<I", 3) + b"abc\0"  # RIFF pads chunks to an even length
    wav.write_bytes(content[:36] + note + content[36:])
    assert audio.load(wav, 8000).size == 4000
    wav.write_bytes(wav.read_bytes()[:-10])
    with pytest.raises(audio.AudioError, match="promises 10 bytes more"):
        audio.load(wav, 8000)


def test_something_else_with_the_name_of_a_wav_is_refused(tmp_path):
    (tmp_path / "notes.wav").write_text("not a recording\n" * 100)
    with pytest.raises(audio.AudioError, match=r"notes\.wav cannot be read as audio"):
        audio.load(tmp_path / "notes.wav", 8000)


def test_nan_in_a_file_is_refused(tmp_path):
    samples = tone(440, 8000)
    samples[100] = np.nan
    soundfile.write(tmp_path / "nan.wav", samples, 8000, subtype="FLOAT")
    with pytest.raises(audio.AudioError, match=r"nan\.wav holds NaN or infinity, first at sample 100"):
        audio.load(tmp_path / "nan.wav", 8000)


def test_a_float_file_that_was_never_scaled_is_refused(tmp_path):
    soundfile.write(tmp_path / "loud.wav", 20000 * tone(440, 8000), 8000, subtype="FLOAT")
    with pytest.raises(audio.AudioError, match=r"loud\.wav holds floats up to 10000"):
        audio.load(tmp_path / "loud.wav", 8000)


def test_a_float_file_may_reach_twice_full_scale(tmp_path):
    for peak in (2.0, -2.0):
        soundfile.write(tmp_path / "wave.wav", np.array([0.0, 0.5, peak]), 8000, subtype="FLOAT")
        np.testing.assert_array_equal(audio.load(tmp_path / "wave.wav", 8000), [0.0, 0.5, peak / 2])  # cut off
    soundfile.write(tmp_path / "wave.wav", np.array([0.0, 0.5, 2.25]), 8000, subtype="FLOAT")
    with pytest.raises(audio.AudioError, match=r"wave\.wav holds floats up to 2\.25"):
        audio.load(tmp_path / "wave.wav", 8000)


def test_an_audio_error_is_a_value_error():
    assert issubclass(audio.AudioError, ValueError)


def test_resampling_keeps_the_dtype_and_needs_no_work_at_equal_rates():
    wave = tone(440, 8000)
    assert audio.resample(wave, from_rate=8000, to_rate=8000) is wave
    assert audio.resample(wave, from_rate=8000, to_rate=4000).dtype == np.float64


@pytest.mark.parametrize("dtype", ["float16", ">f4", "longdouble"])
def test_other_floats_become_float32(dtype):
    wave = tone(440, 8000)
    resampled = audio.resample(wave.astype(dtype), from_rate=8000, to_rate=16000)
    assert resampled.dtype == np.float32
    np.testing.assert_allclose(resampled, audio.resample(wave, from_rate=8000, to_rate=16000), atol=2e-3)


@pytest.mark.parametrize("rate", [0, -8000, np.nan, np.inf])
def test_resampling_from_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match="from_rate must be a positive number"):
        audio.resample(tone(440, 8000), from_rate=rate, to_rate=8000)
