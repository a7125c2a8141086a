"""`AudioFeatures`: recordings in, one ``(T, F)`` array each out, in scikit-learn's form.

This module deals with lists, files, processes and the disk; the numbers are in `frontend`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from rnnbp.audio.frontend import Frontend
from rnnbp.audio.recordings import Recording, cache_key, check_recordings, extract
from rnnbp.names import explained_class
from rnnbp.progress_bar import progress_bar
from rnnbp.tables import TablesOnRequest

__all__ = ["AudioFeatures"]

SETTINGS = tuple(field.name for field in dataclasses.fields(Frontend))


@explained_class
class AudioFeatures(TablesOnRequest, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[misc, call-arg]
    """Log-mel or MFCC features of recordings, as a scikit-learn transformer.

    Stateless: `fit` only checks, and `transform` works without it. Frame t is centred on sample
    ``t * hop_length * sample_rate``, and a recording of n samples gives ``T = 1 + n // hop`` frames.

    Parameters
    ----------
    sample_rate : int
        Rate in Hz at which recordings are analysed. Waveforms must already have it (see `resample`);
        files are resampled to it.
    kind : {"log_mel", "mfcc"}, default="log_mel"
        Mel-band levels in dB, or their cosine transform (mel-frequency cepstral coefficients).
    n_mels : int, default=40
        Mel bands between `f_min` and `f_max`.
    n_mfcc : int, default=13
        Coefficients kept when `kind` is "mfcc", the first of them the level.
    frame_length : float, default=0.025
        Length of a frame in seconds.
    hop_length : float, default=0.010
        Time from one frame to the next in seconds.
    f_min : float, default=20.0
        Lower edge of the lowest band in Hz.
    f_max : float, default=None
        Upper edge of the highest band in Hz; half the sample rate if None.
    deltas : {0, 1, 2}, default=0
        How many time derivatives to append: 0, 1 or 2 times as many further columns.
    normalize : {"utterance", "mean", None}, default="utterance"
        "utterance" gives each feature zero mean and unit variance over each recording, which makes features
        independent of gain and microphone; a feature that is constant becomes zeros. "mean" only subtracts each
        feature's mean over the recording, which does the same and keeps how far a feature moves (in dB: bring them
        to a network's scale with `rnnbp.preprocessing.SequenceScaler`).
    trim : float, default=None
        Cut leading and trailing frames that are more than this many dB below the loudest. None keeps all.
    n_jobs : int, default=None
        Processes, in joblib's convention: None is 1 (or what `joblib.parallel_config` says), -1 is one a core.
        Starting them takes a second or two, in which one process does thousands of short recordings.
    progress : bool or None, default=None
        Progress bar: None shows it on a terminal once the work has taken a second, True always,
        False never.
    memory : str, path-like or joblib.Memory, default=None
        Folder where each recording's features are kept and found again. Worth it for long recordings, or for
        files that need resampling; a short wav is computed as fast as it is looked up.

    Raises
    ------
    TypeError, ValueError
        By `fit` and `transform`, for a setting or a list that makes no sense.
    AudioError
        By `transform`, naming the recording: not 1-D, empty, silent, NaN, shorter than one frame, a file that
        cannot be read, or a file whose sample rate is too low to hold `f_max`.
    FileNotFoundError
        If a file is missing; all are looked for before work starts.

    See Also
    --------
    load : one file as a waveform.

    References
    ----------
    S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic word recognition
    in continuously spoken sentences", IEEE Trans. ASSP 28(4), 1980. The values are librosa's; see
    `rnnbp.audio.spectral` for the equations.

    Examples
    --------
    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    >>> [features] = AudioFeatures(8000, kind="mfcc", deltas=1).transform([tone])
    >>> features.shape
    (101, 26)
    """

    def __init__(
        self,
        sample_rate: int,
        *,
        kind: Literal["log_mel", "mfcc"] = "log_mel",
        n_mels: int = 40,
        n_mfcc: int = 13,
        frame_length: float = 0.025,
        hop_length: float = 0.010,
        f_min: float = 20.0,
        f_max: float | None = None,
        deltas: int = 0,
        normalize: Literal["utterance", "mean"] | None = "utterance",
        trim: float | None = None,
        n_jobs: int | None = None,
        progress: bool | None = None,
        memory: Any = None,
    ) -> None:
        self.sample_rate = sample_rate
        self.kind = kind
        self.n_mels = n_mels
        self.n_mfcc = n_mfcc
        self.frame_length = frame_length
        self.hop_length = hop_length
        self.f_min = f_min
        self.f_max = f_max
        self.deltas = deltas
        self.normalize = normalize
        self.trim = trim
        self.n_jobs = n_jobs
        self.progress = progress
        self.memory = memory

    def fit(self, X: Iterable[Recording], y: object = None) -> Self:
        """Check the settings and the recordings; there is nothing to learn.

        Parameters
        ----------
        X : list of waveforms and paths
            As for `transform`. Files are looked for, not read.
        y : ignored
            For scikit-learn's pipelines.

        Returns
        -------
        self
        """
        self._validate_params()
        if isinstance(X, Iterator):
            raise TypeError(f"X must be a list of recordings, but a {type(X).__name__} was given: pass list(X)")
        check_recordings(X)
        return self

    def transform(self, X: Iterable[Recording]) -> list[NDArray[np.float32]]:
        """Compute the features of each recording.

        Parameters
        ----------
        X : list of waveforms and paths
            1-D float arrays at `sample_rate`, nominally in [-1, 1], and paths of audio files at any rate that
            holds `f_max`. The rows of a 2-D array are read as recordings.

        Returns
        -------
        list of ndarray of float32, each of shape (T, F)
            F is ``len(self.get_feature_names_out())``.
        """
        from joblib import Parallel, delayed
        from sklearn.utils.validation import check_memory

        frontend = self._frontend()
        recordings = check_recordings(X)
        memory = os.fspath(self.memory) if isinstance(self.memory, os.PathLike) else self.memory
        task = delayed(check_memory(memory).cache(extract, ignore=["name"]))
        results = Parallel(n_jobs=self.n_jobs, return_as="generator")(
            task(frontend, source, cache_key(source), name=name) for name, source in recordings
        )
        bar = progress_bar(
            results,
            total=len(recordings),
            desc="audio features",
            disable=None if self.progress is None else not self.progress,
            delay=0 if self.progress else 1,
        )
        made: list[NDArray[np.float32]] = self._in_tables(list(bar), X)
        return made

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Name the columns: ``log_mel_0``, ..., ``delta_log_mel_0``, ..., ``delta2_log_mel_0``, ....

        Parameters
        ----------
        input_features : ignored
            For scikit-learn's pipelines.

        Returns
        -------
        ndarray of str, shape (F,)
        """
        return np.array(self._frontend().feature_names, dtype=object)

    def settings(self) -> dict[str, Any]:
        """Everything that determines the features, and nothing about how they are computed.

        Returns
        -------
        dict
            Plain Python values that `json` can store; leaves out n_jobs, progress and memory.
        """
        return {name: _plain(value) for name, value in dataclasses.asdict(self._frontend()).items()}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Make the transformer that `settings` came from.

        Parameters
        ----------
        settings : mapping
            What `settings()` returned.

        Returns
        -------
        AudioFeatures
            With default n_jobs, progress and memory.

        Raises
        ------
        ValueError
            If a setting is missing, unknown or out of range.
        """
        if set(settings) != set(SETTINGS):
            missing = [name for name in SETTINGS if name not in settings]
            unknown = [name for name in settings if name not in SETTINGS]
            raise ValueError(f"not the settings of AudioFeatures: missing {missing}, unknown {unknown}")
        features = cls(**settings)
        features._validate_params()
        return features

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.requires_fit = False
        tags.no_validation = True
        return tags

    def _validate_params(self) -> None:
        self._frontend()

    def _frontend(self) -> Frontend:
        return Frontend(**{name: getattr(self, name) for name in SETTINGS})


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
