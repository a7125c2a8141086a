"""Audio files to waveforms: read, mix to one channel, resample to the rate asked for.

Decoding is libsndfile's (through soundfile), which reads wav, flac, ogg and more; resampling is soxr's
high-quality polyphase filter (through librosa). libsndfile reads a truncated wav without complaint and
returns what is there, so the length that the header promises is checked here.
"""

from __future__ import annotations

import math
import os
import struct

import numpy as np
from numpy.typing import NDArray

from .waveform import AudioError, Waveform, check_sample_rate, check_waveform

# A lossy decoder may overshoot full scale a little; a float file past twice full scale was never scaled.
LARGEST_PEAK = 2.0
# Programs that write to a pipe cannot know the length yet, and leave 0x7FFFF000 or 0xFFFFFFFF in its place.
UNKNOWN_LENGTH = 0x7FFFF000


def load(path: str | os.PathLike[str], sample_rate: int) -> NDArray[np.float32]:
    """Read an audio file as one channel at the sample rate asked for.

    Parameters
    ----------
    path : str or path-like
        A wav, flac or ogg file, or anything else that libsndfile reads. Channels are averaged.
    sample_rate : int
        Rate of the returned waveform in Hz. A file at another rate is resampled.

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        The waveform in [-1, 1]; peaks that a decoder or the resampling pushes beyond are clipped.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    AudioError
        If the file is empty, truncated, not audio, or holds values that are no samples.
    TypeError, ValueError
        If `sample_rate` is not a positive whole number.

    Examples
    --------
    >>> wave = load("seven.wav", 8000)          # doctest: +SKIP
    """
    check_sample_rate(sample_rate)
    wave, file_rate = read(path)
    return conform(wave, file_rate, sample_rate)


def read(path: str | os.PathLike[str]) -> tuple[NDArray[np.float32], int]:
    """Read a file's samples, averaged over its channels, and the rate they were recorded at."""
    import soundfile

    name = os.fspath(path)
    if not os.path.exists(name):
        raise FileNotFoundError(f"{name}: no such file")
    if os.path.isdir(name):
        raise AudioError(f"{name} is a folder; expected an audio file")
    if os.path.getsize(name) == 0:
        raise AudioError(f"{name} is empty: the file has 0 bytes")
    try:
        with soundfile.SoundFile(name) as file:
            channels = file.read(dtype="float32", always_2d=True)
            promised, file_rate = file.frames, int(file.samplerate)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{name} cannot be read as audio (wav, flac, ogg, ...); it is damaged or something else: "
            f"{error.error_string}"
        ) from error
    if missing := _missing_bytes(name):
        raise AudioError(f"{name} is truncated: its header promises {missing} bytes more than the file has")
    if len(channels) < promised:
        raise AudioError(f"{name} is truncated: {len(channels)} of {promised} samples can be decoded")
    if len(channels) == 0:
        raise AudioError(f"{name} is empty: it has a header but no samples")
    wave = channels.mean(axis=1)
    check_waveform(wave, name)
    if (peak := float(np.abs(wave).max())) > LARGEST_PEAK:
        raise AudioError(
            f"{name} holds floats up to {peak:g}; expected samples in [-1, 1]. "
            "Scale it and write it again (16-bit values stored as floats need / 32768)"
        )
    return wave, file_rate


def resample(wave: Waveform, *, from_rate: float, to_rate: float) -> Waveform:
    """Change the sample rate of a waveform, keeping its pitch and duration.

    Parameters
    ----------
    wave : array of float, shape (n_samples,)
    from_rate, to_rate : float
        The rate it has and the rate it shall have, in Hz.

    Returns
    -------
    ndarray, shape (ceil(n_samples * to_rate / from_rate),)
        In the dtype of `wave`; ``wave`` itself if the rates are equal. Frequencies above half of the lower
        rate are gone, and sharp peaks may overshoot [-1, 1] a little.

    Raises
    ------
    ValueError
        If a rate is not positive, or `wave` is no waveform (as AudioError).

    References
    ----------
    The SoX resampler library, https://sourceforge.net/projects/soxr/, quality "HQ".
    """
    wave = check_waveform(wave)
    for name, rate in {"from_rate": from_rate, "to_rate": to_rate}.items():
        if not 0 < rate < float("inf"):
            raise ValueError(f"{name} must be a positive number of samples a second, got {rate!r}")
    if from_rate == to_rate:
        return wave
    import soxr  # not librosa.resample around it, whose first call compiles for many seconds

    resampled = soxr.resample(wave, from_rate, to_rate, quality="HQ")
    n_samples = math.ceil(len(wave) * to_rate / from_rate)  # soxr may give a sample more or less
    fitted: Waveform = np.zeros(n_samples, wave.dtype)
    fitted[: len(resampled)] = resampled[:n_samples]
    return fitted


def conform(wave: NDArray[np.float32], file_rate: int, sample_rate: int) -> NDArray[np.float32]:
    """Bring what `read` returned to `sample_rate` and within [-1, 1]."""
    resampled = resample(wave, from_rate=file_rate, to_rate=sample_rate)
    return np.clip(resampled, -1.0, 1.0).astype(np.float32, copy=False)


def _missing_bytes(path: str) -> int:
    """How many bytes of sample data a RIFF wav promises beyond the end of the file (0 for other formats)."""
    with open(path, "rb") as file:
        if file.read(4) != b"RIFF":
            return 0
        file.seek(12)
        while len(header := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", header)
            if name == b"data":
                remaining = os.path.getsize(path) - file.tell()
                return 0 if size >= UNKNOWN_LENGTH else max(0, size - remaining)
            file.seek(size + size % 2, os.SEEK_CUR)
    return 0
