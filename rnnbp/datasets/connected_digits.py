"""Strings of digits, made from the digits that are installed with the library."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import number, shown, whole_number
from rnnbp.datasets.audio_dataset import AudioDataset
from rnnbp.datasets.shipped import load_spoken_digits
from rnnbp.datasets.transcribed_dataset import TranscribedDataset
from rnnbp.names import explained

__all__ = ["make_connected_digits"]

PAUSE = 0.03, 0.30  # seconds between digits, and before and after them
SPEED = 0.85, 1.15
SNR = 5.0, 40.0  # dB, from much noise to almost none
LOUDNESS = -30.0, -6.0  # dB, of the loudest sample


@explained
def make_connected_digits(
    n_strings: int,
    digits: Literal["all", "train", "test"] | AudioDataset = "train",
    *,
    longest: int = 6,
    speed: tuple[float, float] = SPEED,
    snr_db: float | tuple[float, float] = SNR,
    seed: int = 0,
) -> TranscribedDataset:
    """Put spoken digits one after another, with pauses, at other speeds and in noise.

    Parameters
    ----------
    n_strings : int
        Every voice says about as many.
    digits : {"all", "train", "test"} or AudioDataset, default="train"
        A subset of `load_spoken_digits`; or recordings of one word each, such as `fetch_fsdd` returns.
    longest : int, default=6
        Digits of a string at most; its length is drawn from 1 on.
    speed : tuple of two floats, default=(0.85, 1.15)
        Between which the speed (and pitch) of each string is drawn; 1 leaves it as it is.
    snr_db : float or tuple of two floats, default=(5, 40)
        How far white noise lies below the speech, in dB, or between what it is drawn for each string.
    seed : int, default=0

    Returns
    -------
    TranscribedDataset
        Each string has one voice, one speed and one loudness. Texts are words with spaces between them.

    Raises
    ------
    ValueError
        If a number makes no sense, or if there is no such subset.

    Examples
    --------
    >>> from rnnbp import datasets
    >>> strings = datasets.make_connected_digits(3, "test", longest=4)
    >>> strings.text[0]
    'six five two three'
    """
    whole_number("n_strings", n_strings)
    whole_number("longest", longest)
    if not isinstance(speed, (tuple, list)) or len(speed) != 2:
        raise ValueError(f"speed must be two numbers, the least and the largest, but {shown(speed)} was given")
    slowest, fastest = (number("speed", each, "[0.1, 10]") for each in speed)
    least, most = (
        number("snr_db", each, "(-inf, inf)") for each in (snr_db if isinstance(snr_db, tuple) else (snr_db, snr_db))
    )
    spoken = digits if isinstance(digits, AudioDataset) else load_spoken_digits(digits)
    rng = np.random.default_rng(seed)
    voices = np.unique(spoken.groups)
    said_by = voices[np.arange(n_strings) % len(voices)]
    waves, texts = [], []
    for voice in said_by:
        chosen = rng.choice(np.flatnonzero(spoken.groups == voice), rng.integers(1, longest + 1))
        waves.append(_said(spoken, chosen, rng.uniform(slowest, fastest), rng.uniform(least, most), rng))
        texts.append(" ".join(spoken.target_names[spoken.target[k]] for k in chosen))
    return TranscribedDataset(
        waves=waves,
        text=texts,
        speaker=said_by,
        names=np.array([f"{i:05d}_{voice}" for i, voice in enumerate(said_by)]),
        sample_rate=spoken.sample_rate,
        DESCR=f"{n_strings} strings of 1 to {longest} digits, put together (seed {seed}) from:\n\n{spoken.DESCR}",
    )


def _said(
    digits: AudioDataset, chosen: NDArray[np.intp], speed: float, snr_db: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return a string's waveform."""
    from rnnbp.audio import add_noise, change_speed, gain

    def pause() -> NDArray[np.float32]:
        return np.zeros(round(rng.uniform(*PAUSE) * digits.sample_rate), np.float32)

    parts = [pause()]
    for k in chosen:
        parts += [digits.waves[k] / np.abs(digits.waves[k]).max(), pause()]
    wave = add_noise(change_speed(np.concatenate(parts), speed), snr_db, rng)
    louder = gain(wave / np.abs(wave).max(), rng.uniform(*LOUDNESS))
    return louder.astype(np.float32, copy=False)
