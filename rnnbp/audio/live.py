"""Log-mel features of sound as it comes in: what is not known yet is not used.

`Frontend` looks at a whole recording, for its loudest frame and for the mean and deviation of each band. Here each
frame is measured by what was heard until then, with M (T, n_mels) as in `spectral` and frames ``hop`` seconds apart::

    p_t = max(p_{t-1}, max_j M[t, j])                                   the loudest band so far
    L_t = 10 log10 max(M_t, 1e-8 p_t, 1e-12)                            decibels
    m_t = a m_{t-1} + (1 - a) L_t                                       mean of about the last `memory` seconds
    v_t = a (v_{t-1} + (1 - a) (L_t - m_{t-1})^2)                       variance;  a = exp(-hop / memory)
    z_t = (L_t - m_t) / sqrt(max(v_t, 1))

``m_{-1}`` and ``v_{-1}`` are the training recordings'. A frame is centred on its time, so it comes half a frame late
(12.5 ms). However the samples are cut into pieces, the features are the same.

T. Finch, "Incremental calculation of weighted mean and variance", University of Cambridge, 2009 (m and v).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.audio import spectral
from rnnbp.audio.frontend import Frontend
from rnnbp.audio.waveform import Waveform, check_waveform

__all__ = ["LiveFeatures", "LiveStream"]

Array = NDArray[np.float32]

QUIETEST = 1e-12  # of a band's power: digital silence is not -infinity dB
FLAT = 1.0  # dB: a band that moves less is not blown up to unit variance


class LiveFeatures:
    """Log-mel features (T, n_mels) that do not look ahead.

    Parameters
    ----------
    frontend : Frontend
        Its bands, frames and hop; it must be of kind "log_mel", without deltas and trimming.
    memory : float, default 3.0
        Seconds over which level and deviation are forgotten.
    mean, variance : array of shape (n_mels,), or None
        m and v before the first frame, in dB; None until `fit`.
    """

    def __init__(
        self,
        frontend: Frontend,
        *,
        memory: float = 3.0,
        mean: ArrayLike | None = None,
        variance: ArrayLike | None = None,
    ) -> None:
        self.frontend, self.memory = frontend, memory
        self.mean = np.zeros(frontend.n_mels) if mean is None else np.asarray(mean, np.float64)
        self.variance = np.ones(frontend.n_mels) if variance is None else np.asarray(variance, np.float64)

    def fit(self, waves: list[Waveform]) -> LiveFeatures:
        """Learn the mean and the variance that recordings begin with; return itself."""
        levels = [LiveStream(self).levels(wave, last=True) for wave in waves]
        everything = np.concatenate(levels).astype(np.float64)
        self.mean, self.variance = everything.mean(axis=0), np.maximum(everything.var(axis=0), FLAT)
        return self

    def __call__(self, wave: Waveform) -> Array:
        """Return the features of a whole recording, ``1 + n // hop`` frames."""
        stream = LiveStream(self)
        return np.concatenate([stream.push(wave), stream.finish()])


class LiveStream:
    """One recording on its way through `LiveFeatures`."""

    def __init__(self, features: LiveFeatures) -> None:
        of = features.frontend
        self._frame, self._hop, self._n_fft, self._bank = of.frame, of.hop, of.n_fft, of.filterbank()
        self._keeps = math.exp(-of.hop_length / features.memory)
        self._mean, self._variance = features.mean, features.variance
        self._pending = np.zeros((self._frame + 1) // 2, np.float32)  # zeros before the first sample
        self._peak, self._n_samples, self._n_frames = 0.0, 0, 0

    def push(self, samples: ArrayLike) -> Array:
        """Return the features of the frames that these samples complete, maybe none.

        Parameters
        ----------
        samples : array of float, shape (n,)

        Raises
        ------
        AudioError
            If they are no samples.
        """
        return self._normalize(self.levels(check_waveform(samples, "the sound"), last=False))

    def finish(self) -> Array:
        """Return the features of the last frames, beyond whose middle no samples came."""
        return self._normalize(self.levels(np.zeros(0, np.float32), last=True))

    def levels(self, samples: Waveform, *, last: bool) -> Array:
        """Return L of the frames that are complete; of all, if no samples follow."""
        self._n_samples += len(samples)
        wave = np.concatenate([self._pending, samples.astype(np.float32, copy=False)])
        n_frames = max(0, 1 + (len(wave) - self._frame) // self._hop)
        if last:
            n_frames = 1 + self._n_samples // self._hop - self._n_frames
            wave = np.pad(wave, (0, self._frame))
        self._pending, self._n_frames = wave[n_frames * self._hop :], self._n_frames + n_frames
        if n_frames == 0:
            return np.empty((0, self._bank.shape[1]), np.float32)
        # a view, as numpy's sliding_window_view is, but made in a tenth of its time
        strides = (self._hop * wave.itemsize, wave.itemsize)
        frames: Array = np.ndarray((n_frames, self._frame), np.float32, wave, strides=strides)
        power = spectral.power_of_frames(frames, self._n_fft, self._bank)
        peaks = np.maximum(np.maximum.accumulate(power.max(axis=1)), self._peak)
        self._peak = float(peaks[-1])
        floor = np.maximum(peaks * 10 ** (-spectral.DYNAMIC_RANGE / 10), QUIETEST)[:, None]
        level: Array = (10 * np.log10(np.maximum(power, floor))).astype(np.float32)
        return level

    def _normalize(self, level: Array) -> Array:
        """Return z, and go on from its last m and v."""
        if len(level) == 0:
            return level
        a, before = self._keeps, self._mean
        mean = _leaky((1 - a) * level.astype(np.float64), a, before)
        deviation = level - np.concatenate([before[None], mean[:-1]])
        variance = _leaky(a * (1 - a) * deviation**2, a, self._variance)
        self._mean, self._variance = mean[-1], variance[-1]
        z: Array = ((level - mean) / np.sqrt(np.maximum(variance, FLAT))).astype(np.float32)
        return z


def _leaky(x: NDArray[Any], a: float, before: NDArray[Any]) -> NDArray[np.float64]:
    """Return y_t = a y_{t-1} + x_t, with y_{-1} given."""
    if len(x) < 4:  # as sound comes in: scipy takes ten times as long to begin
        y = np.empty(x.shape)
        for t in range(len(x)):
            y[t] = before = a * before + x[t]
        return y
    from scipy.signal import lfilter

    filtered, _ = lfilter([1.0], [1.0, -a], x, axis=0, zi=(a * before)[None])
    return np.asarray(filtered)
