"""The picture of a transcription shows the transcriber's own times and probabilities."""

import librosa
import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from rnnbp import CTCTranscriber, plotting
from rnnbp.plotting.transcription import _draw_probabilities

RATE = 4000
TEXTS = ["ab", "ba", "a b", "b", "ab a", "a"]
TONES = {"a": 300.0, "b": 900.0, " ": 0.0}
WAVES = [
    np.concatenate([np.zeros(100), *(np.sin(TONES[c] * 2 * np.pi * np.arange(500) / RATE) for c in text)])
    + 0.01 * np.random.default_rng(i).standard_normal(100 + 500 * len(text))
    for i, text in enumerate(TEXTS)
]


@pytest.fixture(scope="module")
def fitted():
    plain = {"speeds": (), "dropout": 0.0, "n_masks": 0, "noise": 0.0}
    settings = {"n_mels": 12, "stride": 2, "max_iter": 60, "learning_rate_init": 0.03, "random_state": 0} | plain
    return CTCTranscriber(RATE, hidden_layer_sizes=(16,), batch_size=3, **settings).fit(WAVES, TEXTS)


def test_lines_are_the_probabilities_over_seconds(fitted):
    sound, heard, said, _ = plotting.plot_transcription(fitted, WAVES[0], figure=Figure()).axes
    (probabilities,) = fitted.predict_proba([WAVES[0]])
    blank = heard.lines[0]
    assert_allclose(blank.get_ydata(), probabilities[:, 0])
    assert_allclose(blank.get_xdata(), np.arange(len(probabilities)) * 0.02)
    assert sound.get_xlim() == heard.get_xlim() == said.get_xlim() == pytest.approx((0, 0.28))


def test_no_letter_meets_the_legend(fitted):
    figure = plotting.plot_transcription(fitted, WAVES[0])
    figure.canvas.draw()
    heard = figure.axes[1]
    legend = heard.get_legend().get_window_extent()
    assert heard.texts
    assert not any(legend.overlaps(text.get_window_extent()) for text in heard.texts)
    assert legend.x0 >= heard.bbox.x1
    assert legend.x1 <= figure.bbox.x1


def test_words_lie_where_they_are_said(fitted):
    figure = plotting.plot_transcription(fitted, WAVES[2], reference="a b")
    said = figure.axes[2]
    (words,) = fitted.predict_alignments([WAVES[2]])
    assert words
    assert [text.get_text() for text in said.texts] == [word.text for word in words]
    assert [np.ravel(patch.get_xy())[0] for patch in said.patches] == pytest.approx([word.start for word in words])
    assert figure.get_suptitle().endswith("said: a b")


def test_peaks_bear_the_characters_of_the_best_path(fitted):
    heard = plotting.plot_transcription(fitted, WAVES[2]).axes[1]
    spelt = "".join(text.get_text() for text in heard.texts).replace("␣", " ")
    assert spelt.strip() == fitted.predict([WAVES[2]], best_path=True)[0]


def test_the_spectrogram_has_all_bands_and_frames(fitted):
    sound, *_, bar = plotting.plot_transcription(fitted, WAVES[0]).axes
    (mesh,) = sound.collections
    assert mesh.get_array().shape == (12, 28)
    assert bar.get_ylabel() == "level in dB"
    assert bar.get_ylim() == mesh.get_clim()


def test_bands_lie_between_0_and_half_the_sample_rate(fitted):
    sound = plotting.plot_transcription(fitted, WAVES[0]).axes[0]
    low, high = sound.get_ylim()
    assert 0 < low < 100
    assert RATE / 2 - 200 < high < RATE / 2
    centres = librosa.mel_frequencies(14, fmin=20.0, fmax=RATE / 2)
    edges = np.unique(sound.collections[0].get_coordinates()[..., 1])
    assert ((edges[:-1] < centres[1:-1]) & (centres[1:-1] < edges[1:])).all()


def test_a_letter_at_the_beginning_is_right_of_the_axis():
    """No probability is drawn over the frame; spaces are large enough to be seen."""
    heard = Figure().subplots()
    probabilities = np.eye(4)[[1, 0, 3, 0, 2]]
    _draw_probabilities(heard, probabilities, "ab ", 0.1)
    heard.set_xlim(0, 0.5)
    heard.figure.draw_without_rendering()
    first, space, last = heard.texts
    assert first.get_window_extent().x0 > heard.bbox.x0
    assert [text.get_text() for text in heard.texts] == ["a", "␣", "b"]
    assert space.get_fontsize() > last.get_fontsize()


def test_a_transcriber_of_features_has_no_sound_to_show():
    with pytest.raises(ValueError, match="sample_rate is None: it takes features"):
        plotting.plot_transcription(CTCTranscriber(), WAVES[0])
