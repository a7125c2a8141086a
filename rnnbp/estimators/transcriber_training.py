"""What a transcriber learns from: utterances with room for their texts, copies of them, some held out, some hidden.

T. Ko et al., "Audio augmentation for speech recognition", Interspeech 2015 (copies at other speeds); D. S. Park et al.,
"SpecAugment: a simple data augmentation method for automatic speech recognition", Interspeech 2019 (masks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from rnnbp.audio import change_speed, mask_frequency, mask_time
from rnnbp.callbacks import EarlyStopping
from rnnbp.configuration import shown
from rnnbp.decoding import greedy
from rnnbp.estimators.utterances import Ear
from rnnbp.losses.label_sequences import LabelSequences
from rnnbp.metrics import label_error_rate
from rnnbp.networks.network import Network
from rnnbp.training import History

__all__ = ["Masking", "NotBetter", "check_groups", "check_room", "hold_out", "understood", "with_copies"]

Array = NDArray[Any]
Index = NDArray[np.intp]

SHOWN = 10  # utterances that a message names


def check_room(
    n_frames: Index, labels: Sequence[Array], texts: Sequence[str], *, stride: int, hop_length: float
) -> None:
    """Raise ValueError unless each text fits into its utterance; the first that do not are named.

    Parameters
    ----------
    n_frames : ndarray of int, of shape (N,)
    labels : list of N ndarrays of int
    texts : list of N str
        What the labels spell.
    stride : int
        Frames of a step.
    hop_length : float
        Seconds of a frame.
    """
    needed, steps = _steps_needed(labels), -(-n_frames // stride)
    if short := np.flatnonzero(needed > steps).tolist():
        listed = "; ".join(
            f"utterance {i} has {n_frames[i] * hop_length:.2f} s, {steps[i]} steps, "
            f"and {shown(texts[i])} needs {needed[i]}"
            for i in short[:SHOWN]
        )
        more = f"; as many as {len(short)} utterances are too short" if len(short) > SHOWN else ""
        raise ValueError(
            f"an utterance must have a step of {stride * hop_length:g} s for each character, and one between two that "
            f"are the same, but {listed}{more}: leave them out, correct their texts, or use a smaller stride"
        )


def _steps_needed(labels: Sequence[Array]) -> NDArray[np.int64]:
    n_classes = 1 + max(int(each.max(initial=1)) for each in labels)
    return LabelSequences.of(labels, n_classes, blank=0).steps_needed


def check_groups(groups: ArrayLike | None, n: int) -> Array | None:
    """Return the group of each of n utterances; ValueError if there are not as many."""
    members = None if groups is None else np.asarray(groups)
    if members is not None and members.shape != (n,):
        raise ValueError(f"groups must be one for each of the {n} utterances, but their shape is {members.shape}")
    return members


def hold_out(n: int, groups: Array | None, fraction: float, random_state: np.random.RandomState) -> tuple[Index, Index]:
    """Return which of n utterances to train on, and which to hold out: whole groups, if there are any.

    Raises
    ------
    ValueError
        If nothing can be held out.
    """
    n_units = n if groups is None else np.unique(groups).size
    if n_units < 2:
        raise ValueError(
            f"early_stopping must have something to hold out, but there is only one "
            f"{'utterance' if groups is None else 'group'}: give more, or leave early_stopping out"
        )
    splitter = (ShuffleSplit if groups is None else GroupShuffleSplit)(1, test_size=fraction, random_state=random_state)
    try:
        kept, held_out = next(splitter.split(np.arange(n), groups=groups))
    except ValueError:  # nothing would be left to train on
        raise ValueError(
            f"validation_fraction must leave some of the {n_units} {'utterances' if groups is None else 'groups'} to "
            f"train on, but {fraction} was given"
        ) from None
    return np.sort(kept), np.sort(held_out)


def with_copies(
    ear: Ear, waves: Sequence[Array], kept: Index, labels: Sequence[Array], *, speeds: Sequence[float], stride: int
) -> tuple[list[Array], list[int]]:
    """Return the features of recordings and of copies at other speeds, and the number of the recording of each.

    A copy that has become too short for its text is left out.
    """
    originals, needed = [waves[i] for i in kept], _steps_needed(labels)
    x, chosen = ear(originals), kept.tolist()
    for speed in speeds:
        copies = [change_speed(wave, float(speed)) for wave in originals]
        fits = [k for k, i in enumerate(kept) if -(-ear.n_frames(copies[k]) // stride) >= needed[i]]
        fits = [k for k in fits if copies[k].size >= ear.shortest]
        x += ear([copies[k] for k in fits]) if fits else []
        chosen += [int(kept[k]) for k in fits]
    return x, chosen


@dataclass(frozen=True)
class Masking:
    """Noise, and hidden bands and stretches of time, on training examples: ``augment`` of `rnnbp.fit`.

    Attributes
    ----------
    noise : float
        Standard deviation of the Gaussian noise that is added to features of unit variance.
    n_bands, n_stretches : int
        How many are hidden: bands of frequencies, and stretches of time.
    """

    noise: float
    n_bands: int
    n_stretches: int
    widest_band: float = 0.2  # of the features
    longest: int = 25  # frames
    longest_part: float = 0.15  # of an utterance

    def __call__(self, frames: Array, rng: np.random.Generator) -> Array:
        """Return what to train on in the place of features (T, F)."""
        changed: Any = frames
        if self.n_bands:
            widest = max(1, round(self.widest_band * frames.shape[1]))
            changed = mask_frequency(changed, widest, rng, n_masks=self.n_bands)
        if self.n_stretches:
            changed = mask_time(changed, self.longest, rng, n_masks=self.n_stretches, max_fraction=self.longest_part)
        if self.noise:
            changed = changed + np.float32(self.noise) * rng.standard_normal(frames.shape, np.float32)
        return np.asarray(changed)


def understood(target: Sequence[Array], logits: Sequence[Array]) -> float:
    """Return one minus the rate of wrong characters, of the best path."""
    return 1.0 - label_error_rate([each.tolist() for each in target], greedy(logits))


class NotBetter(EarlyStopping):
    """Early stopping that waits until something has been understood: for some epochs all steps are blank at first."""

    def __call__(self, net: Network, history: History) -> bool:
        """Return whether training is to end."""
        return max(history.validation_score) > 0.1 and super().__call__(net, history)
