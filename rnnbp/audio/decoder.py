"""libsndfile's decoder, read in blocks from the front to the end."""

from __future__ import annotations

import os
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from rnnbp.audio.containers import READABLE, EndlessFile, flac_without_length, mp3_length
from rnnbp.audio.waveform import HIGHEST_RATE, AudioError

__all__ = ["Sequential", "decode"]

LOWEST_RATE = 1_000  # Hz: heart sounds are kept at 1000 or 2000
BLOCK = 1 << 16  # samples, over all channels
UNKNOWN = 1 << 62  # libsndfile's largest count, or nearly, where a file declares no length
MOST_A_BYTE = 1000  # samples, but of FLAC, Ogg and CAF; silence in MP3 has a few dozen
SLACK = 2 * 1152  # samples, two frames: decoders differ in what they make of the ends of an MP3 file


class Sequential(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is only read forwards.

    soundfile seeks after each block to where it is already, which fails at the end of a FLAC file that declares no
    length; and it reads no more than is declared.
    """

    def seekable(self) -> bool:
        """Return that it is not to seek."""
        return False


def decode(
    file: BinaryIO, name: str, kind: str, start: int, to_rate: int, max_samples: int
) -> tuple[NDArray[np.float32], int]:
    """Return the mean of a file's channels, and its sample rate.

    Parameters
    ----------
    file : binary file, unbuffered
    name : str
        What an error calls it.
    kind, start : str, int
        What `containers.identify` returned.
    to_rate, max_samples : int
        No more than `max_samples` are read, nor so many that they would be more at `to_rate` Hz.

    Returns
    -------
    wave : ndarray of float32, of shape (n_samples,)
        At least one.
    rate : int

    Raises
    ------
    AudioError
        If the rate is out of range, if the file is too long, if it cannot be decoded to its end, or if it has not as
        many samples as it declares.
    """
    source: int | EndlessFile = file.fileno()
    declared: int | None = None
    slack = 0
    if kind == "flac":
        source, declared = flac_without_length(file, start)
    elif kind == "mp3" and mp3_length(file, start) is None:
        source = EndlessFile(file, start, stretch=1000)
    elif kind == "mp3":
        slack = SLACK
    file.seek(0)
    blocks: list[NDArray[np.float32]] = []
    n_read = 0
    opened = False
    try:
        with Sequential(source, closefd=False) as recording:
            opened = True
            rate = int(recording.samplerate)
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                raise AudioError(
                    f"{name} declares a sample rate of {rate} Hz; expected {LOWEST_RATE} to {HIGHEST_RATE} Hz. "
                    "Its header is damaged, or it is no sound: read it otherwise, and pass the samples as an array"
                )
            if isinstance(source, int) and recording.frames < UNKNOWN:
                declared = int(recording.frames)
            limit = min(max_samples, max_samples * rate // to_rate)
            too_long = (
                f"samples at {rate} Hz; at {to_rate} Hz that is more than max_samples={max_samples}. If it is that "
                "long, split it, or load it with audio.load and a larger max_samples; if it is not, it is damaged"
            )
            if declared is not None and declared > limit:
                raise AudioError(f"{name} declares {declared} {too_long}")
            size = os.fstat(file.fileno()).st_size
            if declared is not None and kind not in ("flac", "ogg", "caf") and declared > MOST_A_BYTE * size:
                raise AudioError(f"{name} is truncated or damaged: it declares {declared} samples in {size} bytes")
            block = np.empty((BLOCK // recording.channels, recording.channels), np.float32)
            while n := len(recording.read(out=block)):
                n_read += n
                if n_read > limit:
                    raise AudioError(f"{name} has at least {n_read} {too_long}")
                with np.errstate(invalid="ignore", over="ignore"):  # infinity is refused later, with its place
                    blocks.append(block[:n].mean(axis=1))
    except (soundfile.SoundFileError, OSError, ValueError, TypeError, OverflowError) as error:
        if isinstance(error, AudioError):
            raise
        reason = getattr(error, "error_string", str(error))
        if opened:
            raise AudioError(
                f"{name} is truncated or damaged: after {n_read} samples it cannot be decoded further: {reason}"
            ) from error
        raise AudioError(
            f"{name} cannot be read as audio ({READABLE}); it is damaged or something else: {reason}"
        ) from error
    if declared is not None and n_read < declared - slack:
        raise AudioError(f"{name} is truncated: {n_read} of {declared} samples can be decoded")
    if n_read == 0:
        raise AudioError(f"{name} is empty: it has a header but no samples")
    if kind == "flac" and declared is not None and n_read > declared:
        raise AudioError(f"{name} is damaged: it declares {declared} samples, but has {n_read}")
    return np.concatenate(blocks), rate
