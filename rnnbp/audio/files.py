"""Audio files to waveforms: read, mix to one channel, resample to the rate asked for.

Decoding is libsndfile's (through soundfile); resampling is soxr's high-quality polyphase filter. What a file declares,
its length and its rate, is checked against what is there (see `rnnbp.audio.containers`) before memory is taken, and
samples are read in blocks, to the end of the file, whatever length it declares.
"""

from __future__ import annotations

import math
import os
import stat
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from rnnbp.audio import containers
from rnnbp.audio.waveform import AudioError, Waveform, check_sample_rate, check_waveform
from rnnbp.configuration import shown
from rnnbp.names import explained

__all__ = ["conform", "load", "read", "resample"]

# A lossy decoder may overshoot full scale a little; a float file past twice full scale was never scaled.
LARGEST_PEAK = 2.0
MAX_SAMPLES = 100_000_000  # 400 MB of float32


@explained
def load(path: str | os.PathLike[str], sample_rate: int, *, max_samples: int = MAX_SAMPLES) -> NDArray[np.float32]:
    """Read an audio file as one channel at the sample rate asked for.

    Parameters
    ----------
    path : str or path-like
        A wav (RIFF, RF64 or Wave64), AIFF, AU, CAF, NIST, HTK, FLAC, Ogg (Vorbis or Opus) or MP3 file; what its name
        ends in does not matter. Channels are averaged.
    sample_rate : int
        Rate of the returned waveform in Hz. A file at another rate is resampled. A file's own rate must lie between
        1000 and 768 000 Hz.
    max_samples : int, default=100_000_000
        A recording of more samples than that, as recorded or as returned, is refused before it is read, or as soon as
        it turns out to be so long. The default is 400 MB of memory: 35 minutes at 48 kHz, 1 3/4 hours at 16 kHz,
        3 1/2 hours at 8 kHz. While a recording is read and resampled, up to three times as much is in use.

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        The waveform in [-1, 1]; peaks that a decoder or the resampling pushes beyond are clipped.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    AudioError
        If it is no file (but a folder or a pipe), cannot be opened, is empty, truncated, not audio, too long, or holds
        values that are no samples.
    TypeError, ValueError
        If `path` is no path, or `sample_rate` or `max_samples` is not a positive whole number.

    Notes
    -----
    A file that was cut short is refused, with three exceptions where nobody can know: an MP3 file whose first frame
    does not state the length (most encoders write it), if it was cut; a FLAC file that does not state it (written to a
    pipe), if it was cut between two frames; and likewise the other formats that were written to a pipe and whose header
    says that their length was not known. Those are read to their end. Damage within samples that leaves the length as
    it was is noticed only where the format has a checksum (FLAC).

    Examples
    --------
    >>> wave = load("seven.wav", 8000)          # doctest: +SKIP
    """
    check_sample_rate(sample_rate)
    wave, file_rate = read(path, sample_rate, max_samples=max_samples)
    return conform(wave, file_rate, sample_rate, os.fsdecode(path))


def read(
    path: str | os.PathLike[str], to_rate: int, *, max_samples: int = MAX_SAMPLES
) -> tuple[NDArray[np.float32], int]:
    """Read a file's samples, averaged over its channels, and the rate they were recorded at.

    They are not resampled, but `max_samples` also limits what they would become at `to_rate`.
    """
    from rnnbp.audio.decoder import decode  # it imports soundfile, which not all need

    if isinstance(max_samples, bool) or not isinstance(max_samples, Integral):
        raise TypeError(f"max_samples must be a positive integer, but {shown(max_samples)} was given")
    if max_samples < 1:
        raise ValueError(f"max_samples must be a positive integer, but {shown(max_samples)} was given")
    if not isinstance(path, str | bytes | os.PathLike):
        raise TypeError(f"path must be a str or path-like, but {shown(path)} was given")
    name = os.fsdecode(path)
    size = _size(name)
    try:
        with open(name, "rb", buffering=0) as file:
            kind, start = containers.identify(file)
            if not kind:
                raise AudioError(
                    f"{name} cannot be read as audio; it is damaged or something else: expected {containers.READABLE}, "
                    "convert it to one of these"
                )
            if missing := containers.shortfall(file, kind, start, size):
                raise AudioError(f"{name} is truncated: {missing}. Get the whole file again")
            wave, file_rate = decode(file, name, kind, start, to_rate, int(max_samples))
    except OSError as error:
        raise AudioError(f"{name} cannot be read: {error.strerror or error}") from error
    except MemoryError:
        raise AudioError(_too_large(name)) from None
    check_waveform(wave, name, loudest=LARGEST_PEAK)
    return wave, file_rate


def _size(name: str) -> int:
    """Return how many bytes a file has; raise if it is none."""
    try:
        status = os.stat(name)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{name}: no such file") from None
    except (OSError, ValueError) as error:  # not permitted; a name too long, or with a null character
        raise AudioError(f"{name!r} cannot be opened: {error}") from error
    if stat.S_ISDIR(status.st_mode):
        raise AudioError(f"{name} is a folder; expected an audio file")
    if not stat.S_ISREG(status.st_mode):
        raise AudioError(f"{name} is a pipe, socket or device; expected an audio file: write it to one first")
    if status.st_size == 0:
        raise AudioError(f"{name} is empty: the file has 0 bytes")
    return status.st_size


@explained
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

    See Also
    --------
    load

    Examples
    --------
    >>> wave = np.sin(np.arange(16000) / 10)
    >>> resample(wave, from_rate=16000, to_rate=8000).shape
    (8000,)
    """
    wave = check_waveform(wave)
    for name, rate in {"from_rate": from_rate, "to_rate": to_rate}.items():
        if not hasattr(rate, "__float__") or not 0 < rate < float("inf"):
            raise ValueError(f"{name} must be a positive number of samples a second, but {shown(rate)} was given")
    if from_rate == to_rate:
        return wave
    import soxr  # not librosa.resample around it, whose first call compiles for many seconds

    resampled: Waveform = soxr.resample(wave, from_rate, to_rate, quality="HQ")
    n_samples = math.ceil(len(wave) * to_rate / from_rate)  # soxr may give a sample more or less
    if len(resampled) >= n_samples:
        return resampled[:n_samples]
    fitted: Waveform = np.zeros(n_samples, wave.dtype)
    fitted[: len(resampled)] = resampled[:n_samples]
    return fitted


def conform(
    wave: NDArray[np.float32], file_rate: int, sample_rate: int, name: str = "the waveform"
) -> NDArray[np.float32]:
    """Bring what `read` returned to `sample_rate` and within [-1, 1], perhaps in place."""
    try:
        resampled = resample(wave, from_rate=file_rate, to_rate=sample_rate)
    except MemoryError:
        raise AudioError(_too_large(name)) from None
    return np.clip(resampled, -1.0, 1.0, out=resampled).astype(np.float32, copy=False)


def _too_large(name: str) -> str:
    return f"{name} needs more memory than is free: split it into shorter recordings"
