"""What a transcriber hears: waveforms and files, or features that were made elsewhere, checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.audio import AudioError, AudioFeatures
from rnnbp.audio.files import conform
from rnnbp.audio.frontend import Frontend
from rnnbp.audio.live import LiveFeatures
from rnnbp.audio.recordings import check_recordings, read_recording
from rnnbp.audio.waveform import Waveform, clipped_part
from rnnbp.warning import warn

__all__ = ["Ear", "check_features", "read_waves"]

Array = NDArray[np.float32]
MUCH = 0.001  # of the samples: fewer may stand at the end of the range by chance


def read_waves(X: Iterable[Any], frontend: Frontend) -> list[Waveform]:
    """Return the waveform of each recording; files are read and resampled.

    Raises
    ------
    AudioError
        If one is silent, stereo, empty, damaged, or a file at too low a rate, named.

    Warns
    -----
    UserWarning
        If some are clipped; names them.
    """
    waves: list[Waveform] = []
    clipped: list[str] = []
    for name, source in check_recordings(X):
        wave, rate = read_recording(frontend, source, name) if isinstance(source, str) else (source, 0)
        if (part := clipped_part(wave)) > MUCH:
            clipped.append(f"{name} ({100 * part:.1f} % of its samples)")
        waves.append(conform(wave, rate, frontend.sample_rate, name) if rate else wave)
    if clipped:
        warn(
            f"{'; '.join(clipped)} {'is' if len(clipped) == 1 else 'are'} clipped: too loud for what recorded it, and "
            "harder to understand. Record it less loud"
        )
    return waves


def check_features(X: Iterable[Any], n_features: int | None = None) -> list[Array]:
    """Return features as float32 arrays (T_i, F).

    Raises
    ------
    ValueError
        If one is no such array, named.
    """
    found = [np.asarray(each) for each in X]
    if not found:
        raise ValueError("X must hold at least one utterance, but it is empty")
    for i, each in enumerate(found):
        if each.ndim == 1:
            raise ValueError(
                f"utterance {i} must be features of shape (T, F), but its shape is {each.shape}: for waveforms, "
                "sample_rate must be given to the transcriber"
            )
        if each.ndim != 2 or each.size == 0 or each.dtype.kind not in "fiu":
            raise ValueError(
                f"utterance {i} must be features of shape (T, F), but {each.dtype} of shape {each.shape} was given"
            )
        width = n_features or found[0].shape[1]
        if each.shape[1] != width:
            raise ValueError(f"utterance {i} must have {width} features a frame, but it has {each.shape[1]}")
        if not np.isfinite(each).all():
            raise ValueError(f"utterance {i} must hold finite numbers only, but one is NaN or infinite")
    return [each.astype(np.float32, copy=False) for each in found]


@dataclass(frozen=True)
class Ear:
    """The way from waveforms to features: of whole recordings, or without looking ahead.

    Attributes
    ----------
    features : AudioFeatures
        Normalised over each recording.
    live : LiveFeatures or None
        What stands in its place if sound is to be understood as it comes.
    """

    features: AudioFeatures
    live: LiveFeatures | None = None

    @classmethod
    def of(
        cls,
        sample_rate: int,
        *,
        n_mels: int,
        hop_length: float,
        live: bool,
        mean: Array | None = None,
        variance: Array | None = None,
    ) -> Ear:
        """Make one; ValueError if a setting makes no sense."""
        features = AudioFeatures(sample_rate, n_mels=n_mels, hop_length=hop_length, progress=False)
        frontend = features._frontend()
        return cls(features, LiveFeatures(frontend, mean=mean, variance=variance) if live else None)

    def hear(self, X: Iterable[Any]) -> list[Waveform]:
        """Return the waveform of each recording; see `read_waves`."""
        return read_waves(X, self.features._frontend())

    def fit(self, waves: Sequence[Waveform]) -> None:
        """Learn the level that live features begin with."""
        if self.live is not None:
            self.live.fit(list(waves))

    def n_frames(self, wave: Waveform) -> int:
        """Return how many frames a recording has."""
        return 1 + wave.size // self.features._frontend().hop

    @property
    def shortest(self) -> int:
        """How many samples a recording must have at least: one frame."""
        return self.features._frontend().frame

    def __call__(self, waves: Sequence[Waveform]) -> list[Array]:
        """Return the features of recordings; AudioError, by its number, for one that is shorter than a frame."""
        for i, wave in enumerate(waves):
            if wave.size < self.shortest:
                raise AudioError(
                    f"recording {i} must have at least {self.shortest} samples, one frame, but it has {wave.size}"
                )
        return self.features.transform(waves) if self.live is None else [self.live(wave) for wave in waves]
