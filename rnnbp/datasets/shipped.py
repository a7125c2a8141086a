"""The data that is installed with the library."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

import numpy as np

from rnnbp.datasets.audio_dataset import AudioDataset, check_subset
from rnnbp.names import explained

__all__ = ["DIGITS", "load_spoken_digits"]

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "_data" / "spoken_digits", _PACKAGE.parent / "datasets" / "spoken_digits")  # wheel, checkout


@explained
def load_spoken_digits(subset: Literal["all", "train", "test"] = "all") -> AudioDataset:
    """Load the ten English digits, said by 36 synthetic voices: 1080 recordings at 8 kHz.

    28 voices (840 recordings) train and 8 others (240) test. The voices are the speech synthesizers espeak-ng's
    and flite's, with eight accents, in small noisy rooms; `DESCR` of the result is the datasheet.

    Parameters
    ----------
    subset : {"all", "train", "test"}, default="all"
        Which part. No voice is in both.

    Returns
    -------
    AudioDataset
        Recordings of 0.2 to 0.8 seconds, in the order voice, digit, take.

    Raises
    ------
    ValueError
        The subset is not one of those.
    FileNotFoundError
        The files are not where they were installed.

    Examples
    --------
    >>> from rnnbp import datasets
    >>> datasets.load_spoken_digits("test")
    <AudioDataset: 240 recordings at 8000 Hz (test), 10 classes, 8 voices>
    """
    import soundfile

    check_subset(subset)
    folder = next((place for place in _PLACES if (place / "index.csv").is_file()), None)
    if folder is None:
        raise FileNotFoundError(
            f"the spoken digits are missing: there is no index.csv in {' or '.join(map(str, _PLACES))}. "
            "Install rnnbp again, or make them with datasets/make_spoken_digits.py"
        )
    with open(folder / "index.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if subset in ("all", row["subset"])]
    voices = {path: soundfile.read(folder / path, dtype="float32") for path in dict.fromkeys(r["path"] for r in rows)}
    (sample_rate,) = {rate for _, rate in voices.values()}
    return AudioDataset(
        waves=[voices[row["path"]][0][int(row["start"]) : int(row["stop"])].copy() for row in rows],
        target=np.array([int(row["digit"]) for row in rows], dtype=np.int64),
        groups=np.array([row["voice"] for row in rows]),
        subset=np.array([row["subset"] for row in rows]),
        names=np.array([f"{row['digit']}_{row['voice']}_{row['take']}" for row in rows]),
        sample_rate=sample_rate,
        target_names=DIGITS,
        DESCR=(folder / "README.md").read_text(encoding="utf-8"),
    )
