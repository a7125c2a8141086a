"""Variations of a recording that keep its meaning, to train on more than was recorded.

Plain functions that return new arrays and compose by being called in turn. Those that draw take the
generator; those that do not take the amount, drawn by the caller:

>>> import numpy as np
>>> def vary(wave, rng):
...     wave = change_speed(wave, rng.uniform(0.9, 1.1))
...     wave = time_shift(wave, rng.integers(-800, 801))
...     return add_noise(wave, rng.uniform(5, 30), rng)
>>> vary(np.sin(np.arange(8000) / 10), np.random.default_rng(0)).ndim
1

Waveforms are ``(n_samples,)`` floats and may leave [-1, 1]: `AudioFeatures` does not mind, a wav file does.

References
----------
.. [1] D. S. Park et al., "SpecAugment: a simple data augmentation method for automatic speech recognition",
   Interspeech 2019, arXiv:1904.08779.
.. [2] T. Ko et al., "Audio augmentation for speech recognition", Interspeech 2015 (speed).
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.audio.files import resample
from rnnbp.audio.librosa_import import import_librosa
from rnnbp.audio.waveform import Waveform, check_audible, check_sample_rate, check_waveform
from rnnbp.configuration import shown
from rnnbp.names import explained

__all__ = [
    "add_noise",
    "change_speed",
    "gain",
    "mask_frequency",
    "mask_time",
    "shift_pitch",
    "stretch_time",
    "time_shift",
]

Features = NDArray[np.floating[Any]]


@explained
def add_noise(wave: ArrayLike, snr_db: float, rng: np.random.Generator) -> Waveform:
    """Add white Gaussian noise at a signal-to-noise ratio.

    Parameters
    ----------
    wave : array of float, shape (n_samples,)
    snr_db : float
        Ratio of the signal's mean square to the noise's in dB: 30 is clean, 0 as much noise as signal. Exact
        for the noise that is drawn, not only on average.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_samples,)
        In the dtype of `wave`.

    Raises
    ------
    AudioError
        If the wave is silent, where the ratio means nothing.
    ValueError
        If `snr_db` is not finite.

    See Also
    --------
    change_speed
    gain
    time_shift

    Examples
    --------
    >>> wave = np.sin(np.arange(8000) / 10)
    >>> noisy = add_noise(wave, 20, np.random.default_rng(0))
    >>> noise = noisy - wave
    >>> print(round(10 * np.log10(np.mean(wave**2) / np.mean(noise**2))))  # dB
    20
    """
    wave = check_waveform(wave)
    check_audible(wave)
    _check_finite("snr_db", snr_db)
    _check_generator(rng)
    noise = rng.standard_normal(wave.size)
    target = np.mean(np.square(wave, dtype=np.float64)) / 10 ** (snr_db / 10)
    noisy: Waveform = wave + (noise * np.sqrt(target / np.mean(noise**2))).astype(wave.dtype)
    return noisy


@explained
def gain(wave: ArrayLike, decibels: float) -> Waveform:
    """Make a waveform louder (positive `decibels`) or quieter; 20 dB is a factor of ten.

    Parameters
    ----------
    wave : array of float, shape (n_samples,)
    decibels : float

    Returns
    -------
    ndarray, shape (n_samples,)
        In the dtype of `wave`, not clipped.

    Raises
    ------
    ValueError
        If `decibels` is not finite, or `wave` is no waveform (as AudioError).

    See Also
    --------
    add_noise

    Examples
    --------
    >>> print(gain(np.array([0.1, -0.2]), 20))
    [ 1. -2.]
    """
    wave = check_waveform(wave)
    _check_finite("decibels", decibels)
    return wave * wave.dtype.type(10 ** (decibels / 20))


@explained
def time_shift(wave: ArrayLike, n_samples: int) -> Waveform:
    """Move a waveform later (positive) or earlier, filling with zeros; the length stays.

    Parameters
    ----------
    wave : array of float, shape (n_samples,)
    n_samples : int
        Seconds times sample rate; smaller in magnitude than the length of `wave`.

    Returns
    -------
    ndarray, shape of `wave`

    Raises
    ------
    TypeError
        If `n_samples` is not an integer.
    ValueError
        If the shift would leave nothing of the wave.

    See Also
    --------
    change_speed

    Examples
    --------
    >>> print(time_shift(np.array([1.0, 2.0, 3.0]), 1))
    [0. 1. 2.]
    """
    wave = check_waveform(wave)
    if not isinstance(n_samples, Integral):
        raise TypeError(f"n_samples must be an integer (seconds * sample rate), but {shown(n_samples)} was given")
    if abs(n_samples) >= wave.size:
        raise ValueError(f"a shift by {n_samples} samples leaves nothing of a waveform of {wave.size}")
    shifted = np.zeros_like(wave)
    if n_samples >= 0:
        shifted[n_samples:] = wave[: wave.size - n_samples]
    else:
        shifted[:n_samples] = wave[-n_samples:]
    return shifted


@explained
def change_speed(wave: ArrayLike, factor: float) -> Waveform:
    """Play a waveform faster (factor > 1) or slower, as a tape would: the pitch changes with the duration.

    Parameters
    ----------
    wave : array of float, shape (n_samples,)
    factor : float
        1.1 is 10 % faster and higher. Usual for speech: 0.9 to 1.1 (T. Ko et al. 2015).

    Returns
    -------
    ndarray, shape (ceil(n_samples / factor),)
        In the dtype of `wave`, at the same sample rate.

    Raises
    ------
    ValueError
        If `factor` is not between 0.1 and 10, or `wave` is no waveform (as AudioError).

    See Also
    --------
    stretch_time
    shift_pitch

    Examples
    --------
    >>> len(change_speed(np.sin(np.arange(8000) / 10), 1.25))
    6400
    """
    wave = check_waveform(wave)
    _check_factor(factor)
    return resample(wave, from_rate=factor, to_rate=1.0)


@explained
def stretch_time(wave: ArrayLike, factor: float) -> Waveform:
    """Say it faster (factor > 1) or slower with the pitch as it is.

    Parameters
    ----------
    wave : array of float, shape (n_samples,)
    factor : float
        1.1 is 10 % faster.

    Returns
    -------
    ndarray, shape (round(n_samples / factor),)
        In the dtype of `wave`.

    Raises
    ------
    ValueError
        If `factor` is not between 0.1 and 10, or `wave` is no waveform (as AudioError).

    Notes
    -----
    librosa's phase vocoder, with frames of 2048 samples: a hundred times the work of `change_speed`, and not free of
    echoes.

    See Also
    --------
    change_speed
    shift_pitch

    Examples
    --------
    >>> wave = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    >>> len(stretch_time(wave, 2.0))
    4000
    """
    wave = check_waveform(wave)
    _check_factor(factor)
    stretched: Waveform = import_librosa("librosa.effects").time_stretch(wave, rate=float(factor), n_fft=_window(wave))
    return stretched


@explained
def shift_pitch(wave: ArrayLike, semitones: float, *, sample_rate: int) -> Waveform:
    """Say it higher (positive) or lower at the same speed, as a smaller or larger head would.

    Parameters
    ----------
    wave : array of float, shape (n_samples,)
    semitones : float
        12 is an octave up. Between the voices of women and men there are about 10, within each group 2 or 3.
    sample_rate : int
        In Hz.

    Returns
    -------
    ndarray, shape of `wave`
        In its dtype.

    Raises
    ------
    ValueError
        If `semitones` is not between -24 and 24, or `wave` is no waveform (as AudioError).

    Notes
    -----
    librosa's: `stretch_time`, and resampling. Formants move with the pitch.

    See Also
    --------
    change_speed
    stretch_time

    Examples
    --------
    >>> wave = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)  # a second of 440 Hz
    >>> higher = shift_pitch(wave, 12, sample_rate=8000)
    >>> len(higher), int(np.abs(np.fft.rfft(higher)).argmax())  # an octave up
    (8000, 880)
    """
    wave = check_waveform(wave)
    check_sample_rate(sample_rate)
    if not -24 <= semitones <= 24:
        raise ValueError(f"semitones must lie between -24 and 24, but {shown(semitones)} was given")
    shifted: Waveform = import_librosa("librosa.effects").pitch_shift(
        wave, sr=sample_rate, n_steps=float(semitones), n_fft=_window(wave), res_type="soxr_hq"
    )
    return shifted


def _window(wave: Waveform) -> int:
    """Return the samples of the phase vocoder's frames: librosa's, or what a short recording has room for."""
    return min(2048, 1 << max(4, int(wave.size).bit_length() - 1))


@explained
def mask_time(
    features: ArrayLike,
    max_width: int,
    rng: np.random.Generator,
    *,
    n_masks: int = 1,
    max_fraction: float = 1.0,
) -> Features:
    """Hide stretches of frames: each becomes the recording's mean frame (zeros if normalised), as in SpecAugment.

    Parameters
    ----------
    features : array of float, shape (T, F)
    max_width : int
        Each mask's width is drawn uniformly from 0 to `max_width` frames.
    rng : numpy.random.Generator
    n_masks : int, default=1
        Masks may overlap.
    max_fraction : float, default=1.0
        No mask is wider than this part of T, which protects short recordings.

    Returns
    -------
    ndarray, shape (T, F)
        A copy in the dtype of `features`.

    Raises
    ------
    ValueError
        If `features` is not 2-D, or a width, number or fraction is out of range.

    See Also
    --------
    mask_frequency

    Examples
    --------
    >>> features = np.arange(40.0).reshape(8, 5)
    >>> masked = mask_time(features, 3, np.random.default_rng(0))
    >>> masked.shape, int((masked != features).any(axis=1).sum())  # how many frames are hidden
    ((8, 5), 3)
    """
    features = _check_features(features)
    if not 0 < max_fraction <= 1:
        raise ValueError(f"max_fraction must lie in (0, 1], but {shown(max_fraction)} was given")
    masked = features.copy()
    limit = int(max_fraction * len(features))
    for mask in _draw_masks(len(features), max_width, rng, n_masks, limit):
        masked[mask] = features.mean(axis=0, dtype=np.float64)
    return masked


@explained
def mask_frequency(features: ArrayLike, max_width: int, rng: np.random.Generator, *, n_masks: int = 1) -> Features:
    """Hide bands of neighbouring features: each becomes its mean over time, as SpecAugment does.

    Meant for log-mel features without deltas, whose neighbours are neighbouring frequencies and where no
    other column gives the hidden ones away.

    Parameters
    ----------
    features : array of float, shape (T, F)
    max_width : int
        Each mask's width is drawn uniformly from 0 to `max_width` features.
    rng : numpy.random.Generator
    n_masks : int, default=1
        Masks may overlap.

    Returns
    -------
    ndarray, shape (T, F)
        A copy in the dtype of `features`.

    Raises
    ------
    ValueError
        If `features` is not 2-D, or a width or number is out of range.

    See Also
    --------
    mask_time

    Examples
    --------
    >>> features = np.arange(40.0).reshape(5, 8)
    >>> masked = mask_frequency(features, 3, np.random.default_rng(0))
    >>> masked.shape, int((masked != features).any(axis=0).sum())  # how many bands are hidden
    ((5, 8), 3)
    """
    features = _check_features(features)
    masked = features.copy()
    n_features = features.shape[1]
    for mask in _draw_masks(n_features, max_width, rng, n_masks, n_features):
        masked[:, mask] = features[:, mask].mean(axis=0, dtype=np.float64)
    return masked


def _draw_masks(size: int, max_width: int, rng: np.random.Generator, n_masks: int, limit: int) -> list[slice]:
    """Draw slices of an axis: width uniform in 0..max_width (at most `limit`), then the place uniform."""
    _check_generator(rng)
    for name, value in {"max_width": max_width, "n_masks": n_masks}.items():
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name} must be an integer >= 1, but {shown(value)} was given")
    masks = []
    for _ in range(n_masks):
        width = rng.integers(0, min(max_width, limit) + 1)
        start = rng.integers(0, size - width + 1)
        masks.append(slice(start, start + width))
    return masks


def _check_features(features: ArrayLike) -> Features:
    features = np.asarray(features)
    if features.ndim != 2 or features.dtype.kind != "f" or features.size == 0:
        raise ValueError(
            "expected the features of one recording, floats of shape (T, F), "
            f"but {features.dtype} of shape {features.shape} was given"
        )
    return features


def _check_factor(factor: float) -> None:
    if not 0.1 <= factor <= 10:
        raise ValueError(f"factor must lie between 0.1 and 10, but {shown(factor)} was given")


def _check_finite(name: str, value: float) -> None:
    if not np.isfinite(value):
        raise ValueError(f"{name} must be a finite number of dB, but {shown(value)} was given")


def _check_generator(rng: object) -> None:
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng must be a numpy.random.Generator, such as numpy.random.default_rng(0), but {shown(rng)} was given"
        )
