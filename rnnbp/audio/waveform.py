"""What the whole package means by a waveform, and the errors for what is none.

A waveform is a 1-D array of finite floats ``(n_samples,)``, nominally in [-1, 1], at a sample rate in Hz that
the caller states: an array does not carry its rate, so nothing here ever assumes one.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.configuration import shown
from rnnbp.reading import read_array

__all__ = [
    "HIGHEST_RATE",
    "AudioError",
    "Waveform",
    "check_audible",
    "check_sample_rate",
    "check_waveform",
    "clipped_part",
]

Waveform = NDArray[np.floating[Any]]

HIGHEST_RATE = 768_000  # Hz, of the fastest converters
LOUDEST = 10.0  # a sum of recordings may leave [-1, 1]; integers that became floats go far beyond


class AudioError(ValueError):
    """A recording that cannot be used: empty, truncated, silent, not audio, or not a waveform.

    The message names the file, or the recording's place in the list.

    See Also
    --------
    rnnbp.audio.load

    Examples
    --------
    >>> from rnnbp.audio import gain
    >>> try:
    ...     gain([], 6.0)
    ... except AudioError as error:
    ...     print(error)
    the waveform is empty: it has no samples
    """


def check_sample_rate(sample_rate: Any) -> None:
    """Say why `sample_rate` is not a whole number of samples a second, from 1 to 768,000."""
    expected = f"sample_rate must be a positive integer up to {HIGHEST_RATE}, samples a second such as 16000"
    if isinstance(sample_rate, bool) or not isinstance(sample_rate, Integral):
        raise TypeError(f"{expected}, but {shown(sample_rate)} was given")
    if not 1 <= int(sample_rate) <= HIGHEST_RATE:
        raise ValueError(f"{expected}, but {shown(sample_rate)} was given")


def check_waveform(wave: ArrayLike, name: str = "the waveform", *, loudest: float = LOUDEST) -> Waveform:
    """Return `wave` as a non-empty 1-D array of finite floats, or say in the user's words why it is none.

    float32 and float64 stay what they are; other floats (half precision, another byte order) become float32.
    Integers are refused, not scaled: an int32 array may hold 16, 24 or 32-bit samples, and a guess that is
    wrong changes the level by up to 96 dB. So are floats that are still on the scale of integers.
    """
    wave = read_array(wave, name)
    if wave.ndim != 1:
        raise AudioError(
            f"{name} has shape {wave.shape}; expected a 1-D waveform (n_samples,). "
            "Average the channels of a stereo recording; put a single waveform in a list"
        )
    if wave.size == 0:
        raise AudioError(f"{name} is empty: it has no samples")
    if wave.dtype.kind in "iu" and wave.dtype.itemsize == 8:  # as NumPy and lists have them, whatever they hold
        raise TypeError(f"{name} holds {wave.dtype} samples; expected floats in [-1, 1]: {_scale(_peak(wave))}")
    if wave.dtype.kind in "iu":
        scale = np.iinfo(wave.dtype).max // 2 + 1 if wave.dtype.kind == "u" else np.iinfo(wave.dtype).max + 1
        advice = f"(wave - {scale}.0) / {scale}" if wave.dtype.kind == "u" else f"wave / {scale}"
        raise TypeError(f"{name} holds {wave.dtype} samples; expected floats in [-1, 1]: pass {advice}")
    if wave.dtype.kind != "f":
        raise TypeError(f"{name} holds {wave.dtype} values; expected floats in [-1, 1]")
    if not np.isfinite(wave).all():
        first = int(np.flatnonzero(~np.isfinite(wave))[0])
        raise AudioError(f"{name} holds NaN or infinity, first at sample {first} of {wave.size}")
    if (peak := _peak(wave)) > loudest:
        raise AudioError(f"{name} holds floats up to {peak:g}; expected samples in [-1, 1]: {_scale(peak)}")
    return wave if wave.dtype in (np.float32, np.float64) else wave.astype(np.float32)


def _peak(wave: NDArray[Any]) -> float:
    return max(float(wave.max()), -float(wave.min()))


def _scale(peak: float) -> str:
    """Say what integers up to a peak look like."""
    bits = next((bits for bits in (8, 16, 24) if peak <= 2 ** (bits - 1)), 32)
    return f"these look like {bits}-bit integers, so divide them by {2 ** (bits - 1)}"


def check_audible(wave: Waveform, name: str = "the waveform") -> None:
    """Refuse a recording without any signal. A quiet one is fine: only a constant is silent."""
    if wave.min() == wave.max():
        raise AudioError(
            f"{name} is silent: all {wave.size} samples equal {wave[0]:g}. "
            "Leave it out, or check the microphone and the conversion that wrote it"
        )


def clipped_part(wave: Waveform) -> float:
    """Return which part of the samples was probably cut off: those that stand at the end of the range, three in a row.

    It must be the waveform as it was recorded: resampling makes the flat tops round.
    """
    n_cut = 0
    for end in {float(wave.max()), float(wave.min())}:
        at_end = wave == end
        inner = at_end[:-2] & at_end[1:-1] & at_end[2:]
        n_cut += int((np.convolve(inner, np.ones(3)) > 0).sum()) if inner.any() else 0
    return n_cut / wave.size
