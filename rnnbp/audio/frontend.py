"""The settings of an analysis, checked, and the function from a waveform to its features that they define."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.audio import spectral
from rnnbp.audio.waveform import AudioError, Waveform, check_sample_rate
from rnnbp.configuration import shown

__all__ = ["Frontend"]

KINDS = ("log_mel", "mfcc")
NORMALIZERS = {"utterance": spectral.standardize, "mean": spectral.centre}


@dataclass(frozen=True, kw_only=True)
class Frontend:
    """`AudioFeatures` for one waveform: its settings under the same names, with times also in samples."""

    sample_rate: int
    kind: str
    n_mels: int
    n_mfcc: int
    frame_length: float
    hop_length: float
    f_min: float
    f_max: float | None
    deltas: int
    normalize: str | None
    trim: float | None

    def __post_init__(self) -> None:
        check_sample_rate(self.sample_rate)
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind {self.kind!r}; known kinds: {', '.join(KINDS)}")
        if not (self.normalize is None or (isinstance(self.normalize, str) and self.normalize in NORMALIZERS)):
            raise ValueError(
                f"normalize must be {', '.join(map(repr, NORMALIZERS))} or None, but {shown(self.normalize)} was given"
            )
        _check("n_mels", self.n_mels, "an integer >= 1", _is_integer(self.n_mels) and self.n_mels >= 1)
        _check("n_mfcc", self.n_mfcc, "an integer >= 1", _is_integer(self.n_mfcc) and self.n_mfcc >= 1)
        if self.kind == "mfcc" and self.n_mfcc > self.n_mels:
            raise ValueError(f"n_mfcc={self.n_mfcc} is more than n_mels={self.n_mels}, which it is made from")
        _check("deltas", self.deltas, "0, 1 or 2", _is_integer(self.deltas) and 0 <= self.deltas <= 2)
        for name in ("frame_length", "hop_length"):
            seconds = getattr(self, name)
            _check(name, seconds, "seconds between 0 and 1", _is_number(seconds) and 0 < seconds < 1)
        if self.hop_length > self.frame_length:
            raise ValueError(
                f"hop_length ({self.hop_length} s) is longer than frame_length ({self.frame_length} s): "
                "the samples between the frames would be skipped"
            )
        if self.hop < 1 or self.frame < 3:
            raise ValueError(
                f"at {self.sample_rate} Hz, frame_length {self.frame_length} s is {self.frame} samples and "
                f"hop_length {self.hop_length} s is {self.hop}; expected at least 3 and 1"
            )
        expected = "None or a positive number of dB below the loudest frame such as 30"
        _check("trim", self.trim, expected, self.trim is None or (_is_number(self.trim) and self.trim > 0))
        _check("f_min", self.f_min, "a frequency in Hz", _is_number(self.f_min))
        _check("f_max", self.f_max, "None or a frequency in Hz", self.f_max is None or _is_number(self.f_max))
        if not 0 <= self.f_min < self.highest_frequency <= self.sample_rate / 2:
            raise ValueError(
                f"expected 0 <= f_min < f_max <= sample_rate / 2 = {self.sample_rate / 2:g} Hz, "
                f"but f_min={self.f_min!r} and f_max={self.f_max!r} were given"
            )
        self.filterbank()

    @property
    def frame(self) -> int:
        """N, the samples in a frame."""
        return round(self.frame_length * self.sample_rate)

    @property
    def hop(self) -> int:
        """S, the samples from one frame to the next."""
        return round(self.hop_length * self.sample_rate)

    @property
    def n_fft(self) -> int:
        """K, the first power of two that holds a frame."""
        return 1 << (self.frame - 1).bit_length()

    @property
    def highest_frequency(self) -> float:
        """f_max in Hz: half the sample rate unless given."""
        return self.sample_rate / 2 if self.f_max is None else self.f_max

    @property
    def feature_names(self) -> list[str]:
        """One name a column: log_mel_0, ..., delta_log_mel_0, ..., delta2_log_mel_0, ...."""
        n_static = self.n_mfcc if self.kind == "mfcc" else self.n_mels
        prefixes = ("", "delta_", "delta2_")[: self.deltas + 1]
        return [f"{prefix}{self.kind}_{index}" for prefix in prefixes for index in range(n_static)]

    def filterbank(self) -> NDArray[np.float32]:
        """W; raises ValueError if a band would be empty."""
        return spectral.mel_filterbank(
            int(self.sample_rate),
            self.n_fft,
            int(self.n_mels),
            float(self.f_min),
            float(self.highest_frequency),
        )

    def __call__(self, wave: Waveform, name: str = "the waveform") -> NDArray[np.float32]:
        """Features (T, F) of a waveform; `name` is what an error calls it."""
        if wave.size < self.frame:
            raise AudioError(
                f"{name} has {wave.size} samples at {self.sample_rate} Hz, less than one frame "
                f"({self.frame} samples, {self.frame_length:g} s): leave it out, or shorten frame_length"
            )
        if self.trim is not None:
            wave = spectral.trim_silence(wave, self.frame, self.hop, self.trim)
        wave = wave.astype(np.float32, copy=False)
        power = spectral.mel_power(wave, self.frame, self.hop, self.n_fft, self.filterbank())
        level = spectral.decibels(power, name)
        static = spectral.cepstrum(level, self.n_mfcc) if self.kind == "mfcc" else level
        derivatives = [spectral.delta(static, order) for order in range(1, self.deltas + 1)]
        features = np.concatenate([static, *derivatives], axis=1)
        return features if self.normalize is None else NORMALIZERS[self.normalize](features)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return (isinstance(value, float | np.floating) and bool(np.isfinite(value))) or _is_integer(value)


def _check(name: str, value: object, expected: str, fits: bool) -> None:
    if not fits:
        raise ValueError(f"{name} must be {expected}, but {shown(value)} was given")
