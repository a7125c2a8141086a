"""The settings of a transcriber: see `declaring` for what an entry makes.

`Hearing` says what goes into the network, `Recognition` what the network is, `Practice` how it is trained, and
`Writing` how texts are found in what it puts out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from rnnbp.configuration import number, shown, whole_number
from rnnbp.decoding import NGram
from rnnbp.estimators.declaring import FLAG, WHOLE, either, must_be, real, setting
from rnnbp.estimators.settings import CALLBACKS, RECURRENT_LAYER_SIZES, SEED
from rnnbp.training.history import Callback

__all__ = ["Hearing", "Practice", "Recognition", "Writing"]


def _speeds(name: str, given: Any) -> None:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ValueError(
            f"{name} must be a sequence of numbers, such as (0.9, 1.1) or (), but {shown(given)} was given"
        )
    for speed in given:
        number(name, speed, "[0.1, 10]")


def _masks(name: str, given: Any) -> None:
    if not np.ndim(given):
        whole_number(name, given, least=0)
        return
    if not isinstance(given, Sequence) or len(given) != 2:
        raise ValueError(f"{name} must be a number, or two: of bands and of stretches; {shown(given)} was given")
    for number_of in given:
        whole_number(name, number_of, least=0)


def _language_model(name: str, given: Any) -> None:
    if isinstance(given, NGram):
        given.check_fitted()
    elif given is not None:
        whole_number(name, given)


def _lexicon(name: str, given: Any) -> None:
    if isinstance(given, str) or not (isinstance(given, bool) or hasattr(given, "__iter__")):
        raise ValueError(f"{name} must be True, False or a list of words, but {shown(given)} was given")


@dataclass(eq=False, repr=False)
class Hearing:
    """What goes into the network."""

    sample_rate: int | None = setting(
        None,
        either(WHOLE, None),
        """
        In Hz, of the waveforms that it is given; files are resampled to it. None if it is given features, of shape
        (T, F), in the place of sound.
        """,
    )
    _: KW_ONLY
    n_mels: int = setting(40, WHOLE, "Mel bands of a frame.")
    hop_length: float = setting(0.010, real("(0, 1)"), "Seconds from one frame to the next, of features too.")


@dataclass(eq=False, repr=False, kw_only=True)
class Recognition:
    """What the network is."""

    hidden_layer_sizes: int | Sequence[int] = setting(
        (128, 128), RECURRENT_LAYER_SIZES, "Units of each LSTM layer, in each direction."
    )
    bidirectional: bool = setting(
        True,
        FLAG,
        """
        Whether layers run both ways. False looks neither ahead nor at the recording's whole level, so that `stream`
        understands sound as it comes; it makes more errors.
        """,
    )
    stride: int = setting(
        3,
        WHOLE,
        """
        Frames from one step of the network to the next. A character needs a step, so a stride of 3 and frames 0.01 s
        apart allow 33 characters a second.
        """,
    )
    width: int = setting(7, WHOLE, "Frames that the convolution at the network's input sees.")
    alphabet: str | None = setting(
        None,
        must_be(
            "str or None",
            lambda given: given is None or (isinstance(given, str) and 0 < len(given) == len(set(given))),
            said="a str of different characters, such as 'ABC ', or None",
        ),
        """
        The characters that are written. None stands for all that are in the training texts; given, others are an error.
        """,
    )
    dropout: float = setting(0.2, real("[0, 1)"), "Before each LSTM layer and the last layer, in training.")


@dataclass(eq=False, repr=False, kw_only=True)
class Practice:
    """How the network is trained."""

    speeds: Sequence[float] = setting(
        (0.9, 1.1),
        ("sequence of float", _speeds),
        "Of copies that are trained on as well (only of sound, not of features).",
    )
    noise: float = setting(0.1, real("[0, inf)"), "Standard deviation of noise on the features, in training.")
    n_masks: int | Sequence[int] = setting(
        1,
        ("int or pair of int", _masks),
        """
        How many bands, and how many stretches of time, are hidden in each example, in training: a number for each, such
        as (1, 3), or one for both.
        """,
    )
    consistency: float = setting(
        0.0,
        real("[0, inf)"),
        """
        Above 0, each utterance of a batch is there twice, with noise, masks and dropout of its own each time, and what
        the network says of one is to be what it says of the other, step by step (see `rnnbp.fit`): fewer errors of
        speakers that were not heard, for twice the time. 0.2 is good, with a `batch_size` of 8 and `n_masks` of (1, 3).
        """,
    )
    learning_rate_init: float = setting(
        0.003,
        real("(0, inf)"),
        """
        Adam's, after `warm_up`; it falls to 0 along a cosine. Networks that run forwards only may need less.
        """,
    )
    warm_up: int = setting(100, WHOLE, "Updates until then.")
    batch_size: int = setting(16, WHOLE, "Utterances, of like lengths.")
    max_iter: int = setting(40, WHOLE, "Epochs; each sees every recording and its copies once.")
    short_first: bool = setting(
        True, FLAG, "Whether the first epoch goes from short utterances to long ones, which are hard to begin with."
    )
    averaging: int = setting(
        5,
        ("int", lambda name, given: whole_number(name, given, least=0)),
        """
        Epochs at the end of training over whose updates the parameters are averaged; 0 takes the last ones. Training
        that ends before them, by `early_stopping`, has no average.
        """,
    )
    early_stopping: bool = setting(
        False,
        FLAG,
        """
        Whether some utterances (whole `groups`, such as speakers, if they are given) are held out, and training ends
        when they have not been understood better for some epochs, with the parameters of the best. What counts is the
        part of their characters that is right.
        """,
    )
    validation_fraction: float = setting(0.1, real("(0, 1)"), "How many; of groups, if there are any.")
    n_iter_no_change: int = setting(10, WHOLE, "How many such epochs.")
    callbacks: Sequence[Callback] = setting((), CALLBACKS, "See `rnnbp.fit`. Not saved.")
    random_state: int | np.random.RandomState | None = setting(
        None, SEED, "Of initial parameters, dropout, noise, masks, the order of utterances and what is held out."
    )
    progress: bool | None = setting(None, either(FLAG, None), "Progress bar of training; None shows it on a terminal.")


@dataclass(eq=False, repr=False, kw_only=True)
class Writing:
    """How texts are found in what the network puts out."""

    language_model: int | NGram | None = setting(
        None,
        ("int, NGram or None", _language_model),
        """
        An order n: a model of the training texts' words is learnt by `fit`, and used by `predict`. Or a
        `decoding.NGram` over words.
        """,
    )
    lexicon: bool | Iterable[str] = setting(
        False,
        ("bool or iterable of str", _lexicon),
        "The only words that can be understood; True stands for those of the training texts.",
    )
    beam_width: int = setting(60, WHOLE, "Of the search that uses these.")
    language_model_weight: float = setting(0.8, real("[0, 1000000]"), "See `decoding.BeamSearch`.")
    insertion_bonus: float = setting(
        2.0,
        real("[-1000000, 1000000]"),
        "See `decoding.BeamSearch`. What is good beside a language model of texts like AN4's.",
    )
