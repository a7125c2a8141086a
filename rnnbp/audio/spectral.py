"""From a waveform to log-mel and cepstral features: the equations, one function each.

Notation: x a waveform of n samples, T frames of N samples every S samples, FFT length K >= N.

    X[t, k] = sum_m w[m] x[tS + m - N/2] exp(-2 pi i k m / K)   Hann window w; frame t is centred on sample tS
    M[t, j] = sum_k |X[t, k]|^2 W[k, j]                         triangles on Slaney's mel scale, as librosa's
    L[t, j] = 10 log10 max(M[t, j], 1e-8 max M)                 decibels, within 80 dB of the loudest
    C[t, q] = DCT-II of L[t, :], orthonormal, first n_mfcc      mel-frequency cepstral coefficients [1]_
    D[t]    = slope of the line through f[t-4 .. t+4]           delta; delta2 from the parabola [2]_
    z       = (f - mean_t f) / std_t f                          for each feature, over the recording [3]_
    c       = f - mean_t f                                      or its mean only [4]_

x is zero outside the recording, so T = 1 + n // S. The floor of L is relative to the recording: a quiet
recording has the features of a loud one minus a constant, which z removes. A fixed linear filter (microphone,
pre-emphasis) adds a constant to L as well: hence no pre-emphasis here.

The values are those of librosa's `melspectrogram`, `power_to_db`, `mfcc` and `delta`; the code is ours
because for half a second of speech librosa's calls cost several times the arithmetic.

References
----------
.. [1] S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic word
   recognition in continuously spoken sentences", IEEE Trans. ASSP 28(4), 1980.
.. [2] S. Furui, "Speaker-independent isolated word recognition using dynamic features of speech spectrum",
   IEEE Trans. ASSP 34(1), 1986.
.. [3] O. Viikki and K. Laurila, "Cepstral domain segmental feature vector normalization for noise robust
   speech recognition", Speech Communication 25, 1998.
.. [4] B. S. Atal, "Effectiveness of linear prediction characteristics of the speech wave for automatic speaker
   identification and verification", Journal of the Acoustical Society of America 55(6), 1974.
"""

from __future__ import annotations

import functools
import warnings

import numpy as np
from numpy.typing import NDArray

from rnnbp.audio.librosa_import import import_librosa
from rnnbp.audio.waveform import AudioError, Waveform

__all__ = ["centre", "cepstrum", "decibels", "delta", "mel_filterbank", "mel_power", "standardize", "trim_silence"]

Array = NDArray[np.float32]

DYNAMIC_RANGE = 80.0  # dB below the loudest value of a recording; librosa's top_db
FLAT = 1e-3  # a feature (in dB) that moves less than this over a recording is rounding, not signal
BLOCK = 256  # frames transformed at once: their spectra stay in cache, and an hour of audio in memory

# Least squares over frames -4..4: the slope of a line, and the second derivative of a parabola.
DELTA_FILTERS = {
    1: np.arange(-4, 5) / 60,
    2: np.array([28, 7, -8, -17, -20, -17, -8, 7, 28]) / 462,
}


@functools.lru_cache(maxsize=16)
def mel_filterbank(sample_rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float) -> Array:
    """W (K/2 + 1, n_mels), built once for each set of arguments in a process, and read-only."""
    n_frequencies = n_fft // 2 + 1
    if n_mels > 2 * n_frequencies:
        raise ValueError(
            f"n_mels={n_mels} is too many: each of the {n_frequencies} frequencies of a {n_fft}-point spectrum at "
            f"{sample_rate} Hz lies in two mel bands at most. Use fewer, or a longer frame_length"
        )
    filters = import_librosa("librosa.filters")
    with warnings.catch_warnings():  # librosa warns of empty filters; the error below says more
        warnings.simplefilter("ignore", UserWarning)
        weights = filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=f_min, fmax=f_max)
    if n_empty := int((~weights.any(axis=1)).sum()):
        raise ValueError(
            f"n_mels={n_mels} is too many: {n_empty} mel bands between {f_min:g} and {f_max:g} Hz hold no "
            f"frequency of a {n_fft}-point spectrum at {sample_rate} Hz. Use fewer, or a longer frame_length"
        )
    filterbank: Array = np.ascontiguousarray(weights.T)
    filterbank.flags.writeable = False
    return filterbank


def mel_power(wave: Array, frame: int, hop: int, n_fft: int, filterbank: Array) -> Array:
    """M (T, n_mels): the windowed power spectrum of every frame, summed in mel bands."""
    n_frames = 1 + wave.size // hop
    before = (frame + 1) // 2  # zeros that centre frame 0 on sample 0, as librosa's center=True
    padded = np.zeros(before + wave.size + frame, np.float32)
    padded[before : before + wave.size] = wave
    return power_of_frames(np.lib.stride_tricks.sliding_window_view(padded, frame)[::hop][:n_frames], n_fft, filterbank)


def power_of_frames(frames: Array, n_fft: int, filterbank: Array) -> Array:
    """M (T, n_mels) of samples that have been cut into frames (T, N)."""
    from scipy.fft import rfft

    n_frames, frame = frames.shape
    window = _window(frame)
    power = np.empty((n_frames, filterbank.shape[1]), np.float32)
    for start in range(0, n_frames, BLOCK):
        spectrum = rfft(frames[start : start + BLOCK] * window, n=n_fft, axis=1)
        power[start : start + BLOCK] = (spectrum.real**2 + spectrum.imag**2) @ filterbank
    return power


@functools.lru_cache(maxsize=16)
def _window(frame: int) -> Array:
    """Return Hann's window (N,)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)).astype(np.float32)


def decibels(power: Array, name: str = "the waveform") -> Array:
    """L: power in dB, no lower than 80 dB below its maximum; `name` is what an error calls the recording."""
    floor = power.max() * np.float32(10 ** (-DYNAMIC_RANGE / 10))
    if not 0 < floor < np.inf:
        raise AudioError(f"{name} is far too quiet or loud to measure in float32: scale it to about [-1, 1]")
    level: Array = 10 * np.log10(np.maximum(power, floor))
    return level


def cepstrum(level: Array, n_mfcc: int) -> Array:
    """C (T, n_mfcc) from L (T, n_mels)."""
    from scipy.fft import dct

    coefficients: Array = dct(level, type=2, norm="ortho", axis=1)[:, :n_mfcc]
    return coefficients


def delta(features: Array, order: int) -> Array:
    """First or second time derivative (T, F), per frame; beyond the ends, the first and last frame go on."""
    from scipy.ndimage import correlate1d

    return correlate1d(features, DELTA_FILTERS[order], axis=0, mode="nearest")


def centre(features: Array) -> Array:
    """c: zero mean over time, and still in dB."""
    centred: Array = (features - features.mean(axis=0, dtype=np.float64)).astype(np.float32)
    return centred


def standardize(features: Array) -> Array:
    """z: zero mean and unit variance over time; a feature that does not move becomes zeros."""
    centred = features - features.mean(axis=0, dtype=np.float64)  # as `centre`, before it is rounded
    deviation = np.sqrt((centred**2).mean(axis=0))
    scaled: Array = (centred / np.where(deviation > FLAT, deviation, np.inf)).astype(np.float32)
    return scaled


def trim_silence(wave: Waveform, frame: int, hop: int, threshold_db: float) -> Waveform:
    """Cut what comes before the first and after the last frame within `threshold_db` of the loudest frame.

    At least one whole frame is kept. Energy is measured about the mean, so that an offset is not loud.
    """
    moving = wave.astype(np.float64) - wave.mean(dtype=np.float64)
    energy = np.concatenate([[0.0], np.cumsum(moving**2)])
    starts = np.append(np.arange(0, wave.size - frame, hop), wave.size - frame)  # the last ends with the wave
    frame_energy = energy[starts + frame] - energy[starts]
    loud = np.flatnonzero(frame_energy >= frame_energy.max() * 10 ** (-threshold_db / 10))
    return wave[starts[loud[0]] : starts[loud[-1]] + frame]
