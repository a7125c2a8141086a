"""Features of sound as it comes in: the same however it is cut, and never of what has not come yet."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from rnnbp import datasets
from rnnbp.audio import AudioError, AudioFeatures, spectral
from rnnbp.audio.live import LiveFeatures, LiveStream

RATE = 8000
FRONTEND = AudioFeatures(RATE, n_mels=20)._frontend()
WAVES = datasets.load_spoken_digits("test").waves[:6]
LIVE = LiveFeatures(FRONTEND, memory=0.5).fit(WAVES)


@given(st.data())
def test_pieces_of_any_sizes_give_the_features_of_the_whole(data):
    wave = WAVES[data.draw(st.integers(0, 5))][: data.draw(st.integers(1, 5000))]
    stream, at, found = LiveStream(LIVE), 0, []
    while at < len(wave):
        n = data.draw(st.integers(1, 1500))
        found.append(stream.push(wave[at : at + n]))
        at += n
    found.append(stream.finish())
    assert_allclose(np.concatenate(found), LIVE(wave), rtol=1e-4, atol=1e-4)
    assert len(LIVE(wave)) == 1 + len(wave) // FRONTEND.hop


@pytest.mark.parametrize("n_samples", [1, 79, 80, 1599, 1600])
def test_there_is_one_frame_a_hop_and_one_more(n_samples):
    assert len(LIVE(WAVES[0][:n_samples])) == 1 + n_samples // 80


def test_mean_and_variance_are_those_of_all_frames_of_the_recordings_and_can_be_given():
    levels = np.concatenate([LiveStream(LIVE).levels(wave, last=True) for wave in WAVES])
    assert len(levels) == sum(1 + len(wave) // 80 for wave in WAVES)
    given = LiveFeatures(FRONTEND, memory=0.5, mean=levels.mean(axis=0), variance=levels.var(axis=0))
    assert_allclose(given(WAVES[0]), LIVE(WAVES[0]), atol=1e-4)
    plain = LiveFeatures(FRONTEND, memory=0.5)
    zeros_and_ones = LiveFeatures(FRONTEND, memory=0.5, mean=np.zeros(20), variance=np.ones(20))
    assert_array_equal(plain(WAVES[0]), zeros_and_ones(WAVES[0]))


def test_what_comes_later_changes_nothing():
    wave = WAVES[0].copy()
    before = LIVE(wave)
    wave[2000:] = 0.9
    unheard = (2000 - FRONTEND.frame // 2) // FRONTEND.hop
    assert_array_equal(LIVE(wave)[:unheard], before[:unheard])
    assert (LIVE(wave)[unheard + 2] != before[unheard + 2]).any()


def test_levels_are_those_of_the_whole_recording_where_the_loudest_came_first():
    wave = np.concatenate([WAVES[1], WAVES[1] * 0.1]).astype(np.float32)
    power = spectral.mel_power(wave, FRONTEND.frame, FRONTEND.hop, FRONTEND.n_fft, FRONTEND.filterbank())
    loudest = int(power.max(axis=1).argmax())
    levels = LiveStream(LIVE).levels(wave, last=True)
    assert_allclose(levels[loudest:], spectral.decibels(power)[loudest:], atol=1e-3)


STEADY = 0.1 * np.sin(np.arange(40000)).astype(np.float32)  # so long that its variance is forgotten


@pytest.mark.parametrize("wave", [WAVES[2], np.concatenate([STEADY, 0.9 * STEADY[:800]])], ids=["speech", "steady"])
def test_mean_and_variance_follow_their_equations(wave):
    stream = LiveStream(LIVE)
    levels = LiveStream(LIVE).levels(wave, last=True).astype(float)
    a, m, v = np.exp(-0.01 / 0.5), LIVE.mean, LIVE.variance
    for level, z in zip(levels, [*stream.push(wave), *stream.finish()], strict=True):
        v = a * (v + (1 - a) * (level - m) ** 2)
        m = a * m + (1 - a) * level
        assert_allclose(z, (level - m) / np.sqrt(np.maximum(v, 1.0)), atol=1e-4)


def test_loudness_is_forgotten():
    """Ten times as loud, and some seconds later the features are the same."""
    wave = np.tile(np.concatenate(WAVES), 4)
    quiet, loud = (LIVE(np.float32(gain) * wave) for gain in (1.0, 0.1))
    assert np.abs(quiet[:20] - loud[:20]).mean() > 0.5
    assert np.abs(quiet[-100:] - loud[-100:]).mean() < 0.01


def test_digital_silence_is_120_db_below_one():
    silence = np.zeros(4000, np.float32)
    assert_allclose(LiveStream(LIVE).levels(silence, last=True), -120, atol=1e-4)
    assert np.isfinite(LIVE(silence)).all()


def test_a_band_that_does_not_move_has_unit_variance_at_first():
    assert_array_equal(LiveFeatures(FRONTEND).fit([np.zeros(4000, np.float32)]).variance, 1)


def test_what_are_no_samples_is_refused():
    with pytest.raises(AudioError, match="NaN"):
        LiveStream(LIVE).push(np.array([0.1, np.nan]))


def test_what_is_80_db_below_the_loudest_so_far_is_at_the_floor_in_a_later_piece_too():
    rng = np.random.default_rng(0)
    stream = LiveStream(LIVE)
    loud = stream.levels(rng.standard_normal(2000).astype(np.float32), last=False)
    stream.levels((1e-6 * rng.standard_normal(400)).astype(np.float32), last=False)  # frames with the end of the noise
    quiet = stream.levels((1e-6 * rng.standard_normal(2000)).astype(np.float32), last=True)
    assert_allclose(quiet, loud.max() - 80.0, atol=1e-3)
