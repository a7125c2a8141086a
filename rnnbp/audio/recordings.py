"""A recording, waveform or file: checked, named for messages, and turned into features.

Whatever can be checked without reading a file is checked for the whole list before work starts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.audio.files import conform, read
from rnnbp.audio.frontend import Frontend
from rnnbp.audio.waveform import AudioError, Waveform, check_audible, check_waveform

__all__ = ["Recording", "cache_key", "check_recordings", "extract", "read_recording"]

Recording = str | os.PathLike[str] | ArrayLike
CACHE_VERSION = 1  # raise it when the same settings begin to give other numbers


def check_recordings(X: Iterable[Recording]) -> list[tuple[str, str | Waveform]]:
    """Name every recording and check what can be checked without reading a file."""
    if isinstance(X, str | os.PathLike):
        raise TypeError(f"expected a list of recordings, got the single path {os.fspath(X)!r}: put it in a list")
    if isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind in "fiu":
        raise TypeError(f"expected a list of recordings, got one waveform of {X.size} samples: put it in a list")
    recordings: list[tuple[str, str | Waveform]] = []
    missing: list[str] = []
    for index, item in enumerate(X):
        if isinstance(item, str | os.PathLike):
            path = os.path.abspath(item)
            if not os.path.exists(path):
                missing.append(f"recording {index}: no such file: {os.fspath(item)}")
            recordings.append((f"recording {index} ({os.fspath(item)})", path))
        else:
            if isinstance(item, tuple) and {type(part).__name__ for part in item} == {"int", "ndarray"}:
                raise TypeError(
                    f"recording {index} is a sample rate and a waveform, as scipy.io.wavfile.read returns them: pass "
                    "the waveform alone, as floats, or the path of the file"
                )
            wave = check_waveform(item, f"recording {index}")
            check_audible(wave, f"recording {index}")
            recordings.append((f"recording {index}", wave))
    if missing:
        raise FileNotFoundError("; ".join(missing))
    if not recordings:
        raise ValueError("expected at least one recording, got an empty list")
    return recordings


def cache_key(source: str | Waveform) -> tuple[int, ...]:
    """Return what must match, beside settings and name, to use a cached result: a file's size and time."""
    if not isinstance(source, str):
        return (CACHE_VERSION,)
    status = os.stat(source)
    return CACHE_VERSION, status.st_size, status.st_mtime_ns


def extract(frontend: Frontend, source: str | Waveform, key: tuple[int, ...], name: str) -> NDArray[np.float32]:
    """Features of one recording; `key` only matters to a cache, which looks at all arguments but `name`."""
    if not isinstance(source, str):
        return frontend(source, name)
    wave, file_rate = read_recording(frontend, source, name)
    return frontend(conform(wave, file_rate, frontend.sample_rate, name), name)


def read_recording(frontend: Frontend, path: str, name: str) -> tuple[NDArray[np.float32], int]:
    """Return a file's samples and their rate, not resampled; AudioError if they have nothing to say to a front end."""
    wave, file_rate = read(path, frontend.sample_rate)
    if file_rate < 2 * frontend.highest_frequency:
        raise AudioError(
            f"{name} is sampled at {file_rate} Hz and holds nothing above {file_rate / 2:g} Hz, but the "
            f"features reach {frontend.highest_frequency:g} Hz: lower sample_rate or f_max, or record it anew"
        )
    check_audible(wave, name)  # before resampling, which makes a constant ring at its ends
    return wave, file_rate
