"""What every loader of utterances with their texts returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.reading import read_choice

__all__ = ["TranscribedDataset"]


@dataclass(frozen=True, eq=False)
class TranscribedDataset:
    """N utterances, what is said in each, and by whom.

    Attributes
    ----------
    waves : list of ndarray of shape (n_i,)
        One float32 waveform each, full scale at -1 and 1, as loud as it was recorded.
    text : list of N str
        Words with single spaces between them.
    speaker : ndarray of str, of shape (N,), or None
        `groups` of scikit-learn's splitters, and of `rnnbp.CTCTranscriber.fit`; None where nothing says who speaks.
    names : ndarray of str, of shape (N,)
        What each utterance is called.
    sample_rate : int
        Samples per second, of all utterances.
    DESCR : str
        Where they come from, and their licence.

    See Also
    --------
    rnnbp.datasets.make_connected_digits
    rnnbp.datasets.fetch_an4

    Examples
    --------
    >>> from rnnbp import datasets
    >>> data = datasets.make_connected_digits(2, "test")
    >>> len(data.waves), data.text[0]
    (2, 'six five two three zero zero')
    """

    waves: list[NDArray[np.float32]]
    text: list[str]
    speaker: NDArray[np.str_] | None
    names: NDArray[np.str_]
    sample_rate: int
    DESCR: str

    def __len__(self) -> int:
        return len(self.waves)

    def __repr__(self) -> str:
        seconds = sum(wave.size for wave in self.waves) / self.sample_rate
        n_words = sum(len(text.split()) for text in self.text)
        voices = "" if self.speaker is None else f", {np.unique(self.speaker).size} speakers"
        return (
            f"<TranscribedDataset: {len(self)} utterances at {self.sample_rate} Hz, {seconds / 60:.1f} minutes, "
            f"{n_words} words{voices}>"
        )

    def select(self, which: NDArray[Any] | Sequence[int]) -> TranscribedDataset:
        """Return some of the utterances, as scikit-learn's splitters or a mask over N choose them.

        Parameters
        ----------
        which : array-like
            Indices, or N booleans such as ``dataset.speaker != "fash"``.

        Returns
        -------
        TranscribedDataset
            The same waveforms (no copies) with what belongs to them.

        Raises
        ------
        ValueError
            If it is neither, or if there is no such recording.
        """
        chosen = read_choice(which, len(self), "which")
        return replace(
            self,
            waves=[self.waves[i] for i in chosen],
            text=[self.text[i] for i in chosen],
            speaker=None if self.speaker is None else self.speaker[chosen],
            names=self.names[chosen],
        )
