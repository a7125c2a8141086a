"""What a waveform is, and which of its samples were cut off."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnnbp.audio.waveform import AudioError, check_audible, check_sample_rate, check_waveform, clipped_part


@given(arrays(np.float32, st.integers(1, 30), elements=st.sampled_from([-1.0, 0.0, 0.5, 1.0])))
def test_clipped_are_runs_of_three_or_more_at_either_end_of_the_range(wave):
    runs = [(value, len(list(same))) for value, same in itertools.groupby(wave.tolist())]
    cut = sum(n for value, n in runs if value in (wave.max(), wave.min()) and n >= 3)
    assert clipped_part(wave) == pytest.approx(cut / wave.size)


@pytest.mark.parametrize(
    "wave", [[10.0, -1.0], [0.5, -10.0], [0.0], np.float16([1.0]), np.array([1.0], ">f8")], ids=str
)
def test_floats_up_to_ten_are_a_waveform(wave):
    """As a sum of recordings may leave -1 to 1."""
    found = check_waveform(wave)
    assert found.dtype in (np.float32, np.float64)
    np.testing.assert_array_equal(found, np.asarray(wave))


@pytest.mark.parametrize(
    ("largest", "bits"),
    [(10.1, 8), (128, 8), (129, 16), (32768, 16), (32769, 24), (2**23, 24), (2**23 + 1, 32), (1e12, 32)],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_floats_on_the_scale_of_integers_are_told_what_to_divide_by(largest, bits, sign):
    message = f"up to {largest:g}; .* look like {bits}-bit integers, so divide them by {2 ** (bits - 1)}"
    with pytest.raises(AudioError, match=message.replace("+", r"\+")):
        check_waveform([0.0, float(sign * largest)])


@pytest.mark.parametrize(
    ("dtype", "advice"),
    [
        ("int16", "wave / 32768"),
        ("uint8", r"\(wave - 128.0\) / 128"),
        ("int32", "wave / 2147483648"),
        ("int8", "wave / 128"),
    ],
)
def test_integers_are_told_what_to_divide_by(dtype, advice):
    with pytest.raises(TypeError, match=rf"holds {dtype} samples; expected floats in \[-1, 1\]: pass {advice}"):
        check_waveform(np.ones(3, dtype))


@pytest.mark.parametrize("wave", [[0, -129], np.array([0, 129], np.uint64)])
def test_integers_of_64_bits_may_be_samples_of_fewer(wave):
    message = r"int64 samples; expected floats in \[-1, 1\]: these look like 16-bit integers, so divide them by 32768"
    with pytest.raises(TypeError, match=message):
        check_waveform(wave)


@pytest.mark.parametrize("rate", [0, -1, 768_001, 0.5, True])
def test_rates_that_are_none_are_refused(rate):
    with pytest.raises((ValueError, TypeError), match="sample_rate must be a positive integer up to 768000"):
        check_sample_rate(rate)


def test_rates_at_both_ends_are_taken():
    check_sample_rate(1)
    check_sample_rate(768_000)


def test_what_does_not_move_is_silent():
    check_audible(np.array([0.5, 0.25]))
    with pytest.raises(AudioError, match=r"is silent: all 2 samples equal 0\.5"):
        check_audible(np.array([0.5, 0.5]))
