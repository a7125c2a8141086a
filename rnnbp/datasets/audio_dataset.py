"""What every loader of recordings returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.reading import read_choice

__all__ = ["AudioDataset", "check_subset"]

SUBSETS = ("train", "test", "all")


@dataclass(frozen=True, eq=False)
class AudioDataset:
    """N recordings of single words, who said what, and the split that others report.

    Attributes
    ----------
    waves : list of ndarray of shape (n_i,)
        One float32 waveform each, full scale at -1 and 1, as loud as it was recorded.
    target : ndarray of shape (N,)
        Class of each recording, an int64 index into `target_names`.
    groups : ndarray of shape (N,)
        Name of the voice: `groups` of scikit-learn's ``LeaveOneGroupOut``.
    subset : ndarray of shape (N,)
        The part that each recording belongs to, "train" or "test".
    names : ndarray of shape (N,)
        One name for each recording, ``{class}_{voice}_{index}``.
    sample_rate : int
        Samples per second, of all recordings.
    target_names : tuple of str
        The words.
    DESCR : str
        Where the recordings come from, how they were made, and their licence.

    See Also
    --------
    rnnbp.datasets.load_spoken_digits
    rnnbp.datasets.fetch_fsdd

    Examples
    --------
    >>> from rnnbp import datasets
    >>> data = datasets.load_spoken_digits("test")
    >>> data
    <AudioDataset: 240 recordings at 8000 Hz (test), 10 classes, 8 voices>
    >>> len(data.waves), data.target_names[data.target[0]]
    (240, 'zero')
    """

    waves: list[NDArray[np.float32]]
    target: NDArray[np.int64]
    groups: NDArray[np.str_]
    subset: NDArray[np.str_]
    names: NDArray[np.str_]
    sample_rate: int
    target_names: tuple[str, ...]
    DESCR: str

    def __repr__(self) -> str:
        voices, parts = np.unique(self.groups).size, " and ".join(np.unique(self.subset)[::-1])
        return (
            f"<AudioDataset: {len(self.waves)} recordings at {self.sample_rate} Hz ({parts}), "
            f"{len(self.target_names)} classes, {voices} voices>"
        )

    def select(self, which: NDArray[Any] | Sequence[int]) -> AudioDataset:
        """Return some of the recordings, as scikit-learn's splitters or a mask over N choose them.

        Parameters
        ----------
        which : array-like
            Indices, or N booleans such as ``dataset.groups == "theo"``.

        Returns
        -------
        AudioDataset
            The same waveforms (no copies) with what belongs to them.

        Raises
        ------
        ValueError
            If it is neither, or if there is no such recording.
        """
        chosen = read_choice(which, len(self.waves), "which")
        return replace(
            self,
            waves=[self.waves[i] for i in chosen],
            target=self.target[chosen],
            groups=self.groups[chosen],
            subset=self.subset[chosen],
            names=self.names[chosen],
        )


def check_subset(subset: str) -> None:
    """Raise ValueError unless the subset is one of `SUBSETS`."""
    if subset not in SUBSETS:
        raise ValueError(f"unknown subset {subset!r}: the known ones are {', '.join(map(repr, SUBSETS))}")
