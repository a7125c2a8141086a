"""`CTCTranscriber`: from recordings to text, with a recurrent network trained by connectionist temporal classification.

::

    sound -> log-mel bands, 100 frames a second -> convolution, every third frame -> LSTM layers, both ways in time
          -> a character, or the blank, at each step -> text, by the best path or by beam search with a language model

What goes into the ReLU and into each LSTM layer but the first is normalised over the units of a step (`LayerNorm`), so
that training is shorter. It sees the recordings and copies at other speeds, with noise and with bands and stretches of
time hidden; batches hold utterances of like lengths, in the first epoch from short to long; the learning rate warms up
and falls along a cosine, and the parameters end as their mean over the last epochs. Its settings are in
`transcriber_settings`, what it does once it is fitted in `transcribing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from rnnbp.decoding import NGram
from rnnbp.estimators.alphabet import Alphabet, check_texts
from rnnbp.estimators.declaring import check, documented
from rnnbp.estimators.settings import drawn_seed, layer_sizes
from rnnbp.estimators.transcriber_files import SavedTranscriber
from rnnbp.estimators.transcriber_training import (
    Masking,
    NotBetter,
    check_groups,
    check_room,
    hold_out,
    understood,
    with_copies,
)
from rnnbp.estimators.transcribing import Transcribing
from rnnbp.estimators.utterances import check_features
from rnnbp.layers import LSTM, Activation, Conv1D, Dense, Dropout, Layer, LayerNorm
from rnnbp.losses import CTC
from rnnbp.networks.network import Network
from rnnbp.optimizers import Adam, PolyakAverage, Schedule, schedules
from rnnbp.training import History, fit
from rnnbp.warning import warn

__all__ = ["CTCTranscriber"]

Array = NDArray[Any]


@documented
@dataclass(eq=False, repr=False)
class CTCTranscriber(SavedTranscriber, Transcribing):
    """Speech to text.

    $parameters

    $attributes

    See Also
    --------
    rnnbp.losses.CTC, rnnbp.decoding, rnnbp.metrics.error_rates

    References
    ----------
    A. Graves and N. Jaitly, "Towards end-to-end speech recognition with recurrent neural networks", ICML 2014; D. S.
    Park et al., "SpecAugment", Interspeech 2019 (masks); T. Ko et al., "Audio augmentation for speech recognition",
    Interspeech 2015 (speeds).

    Examples
    --------
    >>> from rnnbp import datasets
    >>> spoken = datasets.fetch_an4("train")                                               # doctest: +SKIP
    >>> model = CTCTranscriber(16000, language_model=3, lexicon=True, random_state=0)
    >>> model.fit(spoken.waves, spoken.text, groups=spoken.speaker)                        # doctest: +SKIP
    >>> model.predict(["mine.wav"])                                                        # doctest: +SKIP
    ['ENTER SIX TWO FOUR']
    """

    _attributes: ClassVar[str] = """\
network_ : rnnbp.Network
    Its logits are classes 0, the blank, and k, character k - 1 of `alphabet_`.
alphabet_ : str
language_model_ : NGram or None
lexicon_ : list of str or None
live_mean_, live_variance_ : ndarray of shape (n_mels,), or None
    The level, in dB, that sound begins with when it is understood as it comes.
n_features_in_ : int
    Features of a frame.
n_iter_ : int
    Epochs trained.
loss_curve_ : list of float
    Mean loss of an utterance over each epoch.
validation_scores_ : list of float or None
    One minus the character error rate of what was held out, after each epoch."""

    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}  # asked for, as splitters ask for them

    def fit(self, X: Iterable[Any], y: Sequence[str], *, groups: ArrayLike | None = None) -> Self:
        """Learn to write down what is said.

        Parameters
        ----------
        X : list of N waveforms of shape (n_i,) and paths, or of N features of shape (T_i, F)
            Sound if `sample_rate` is given, else features. Features should have about zero mean and unit variance.
        y : list of N str
            What is said in each. A text may be empty.
        groups : array-like of shape (N,), or None
            Such as the speaker of each, for `early_stopping`. Metadata routing passes them here unless
            ``set_fit_request(groups=False)``.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If a setting makes no sense; if X and y do not go together; if a text has characters outside the alphabet
            (all are listed); or if an utterance is shorter than its text needs (they are named). Before training.
        AudioError
            If a recording is silent, stereo, damaged or shorter than a frame, named.
        """
        if self._learn(X, y, groups).stopped == "interrupted":
            warn("Training interrupted by user.")
        return self

    def _learn(self, X: Iterable[Any], y: Sequence[str], groups: ArrayLike | None) -> History:
        """Fit, and return how training went."""
        check(self)
        n_masks = self.n_masks if isinstance(self.n_masks, Sequence) else (self.n_masks, self.n_masks)
        if self.consistency and not (self.noise or any(n_masks) or self.dropout):
            raise ValueError(
                f"consistency compares two looks at an utterance, but consistency={self.consistency} was given and "
                "noise, n_masks and dropout are 0, so that both are the same: leave it out, or let one of these be more"
            )
        ear = self._ear(anew=True)
        heard = check_features(X) if ear is None else ear.hear(X)
        texts = check_texts(y, len(heard))
        alphabet = Alphabet.of(self.alphabet, texts)
        lexicon = self._lexicon_of(texts)
        language_model = self._language_model_of(texts)
        self._search(alphabet, language_model, lexicon)  # raises what there is to raise
        labels = [alphabet.encode(text) for text in texts]
        n_frames = np.array([len(each) if ear is None else ear.n_frames(each) for each in heard])
        check_room(n_frames, labels, texts, stride=self.stride, hop_length=self.hop_length)
        random_state = check_random_state(self.random_state)
        members = check_groups(groups, len(heard))
        kept, held_out = np.arange(len(heard)), np.arange(0)
        if self.early_stopping:
            kept, held_out = hold_out(len(heard), members, self.validation_fraction, random_state)

        x, chosen = [heard[i] for i in kept], kept.tolist()
        if ear is not None:
            ear.fit(x)
            x, chosen = with_copies(ear, heard, kept, labels, speeds=self.speeds, stride=self.stride)
        net = Network(self._layers(x[0].shape[1], len(alphabet.symbols)), seed=drawn_seed(random_state))
        options: dict[str, Any] = {}
        if len(held_out):
            of_held_out = [heard[i] for i in held_out]
            x_held = of_held_out if ear is None else ear(of_held_out)
            options["validation_data"] = (x_held, [labels[i] for i in held_out])
            options |= {"score": understood, "monitor": "score"}
        ending = [NotBetter(self.n_iter_no_change)] if len(held_out) else []
        history = fit(
            net,
            x,
            [labels[i] for i in chosen],
            loss=CTC(),
            optimizer=Adam(self._rate(len(x)), clip_norm=5.0),
            max_epochs=self.max_iter,
            batch_size=self.batch_size,
            averaging=PolyakAverage(start=max(self.max_iter - self.averaging, 0)) if self.averaging else None,
            augment=Masking(self.noise, *n_masks) if self.noise or any(n_masks) else None,
            consistency=self.consistency,
            callbacks=[*ending, *self.callbacks],
            shuffle="later" if self.short_first and len({len(each) for each in x}) > 1 else True,
            seed=drawn_seed(random_state),
            progress=self.progress,
            **options,
        )
        self.network_, self.alphabet_, self.n_features_in_ = net, alphabet.characters, x[0].shape[1]
        self.language_model_, self.lexicon_, self._rate_of_fit = language_model, lexicon, self.sample_rate
        self.live_mean_ = self.live_variance_ = None
        if ear is not None and ear.live is not None:
            self.live_mean_, self.live_variance_ = ear.live.mean, ear.live.variance
        self.loss_curve_, self.n_iter_ = history.loss, len(history)
        self.validation_scores_ = history.validation_score if len(held_out) else None
        return history

    def _lexicon_of(self, texts: Sequence[str]) -> list[str] | None:
        if isinstance(self.lexicon, bool):
            return sorted({word for text in texts for word in text.split()}) if self.lexicon else None
        return sorted(set(self.lexicon))

    def _language_model_of(self, texts: Sequence[str]) -> NGram | None:
        given = self.language_model
        return given if given is None or isinstance(given, NGram) else NGram(given).fit(texts)

    def _rate(self, n_examples: int) -> Schedule:
        """Return the learning rate, which warms up and falls."""
        n_updates = -(-n_examples // self.batch_size)
        warm_up = min(self.warm_up / n_updates, self.max_iter / 5)
        return schedules.warm_up(schedules.cosine(self.learning_rate_init, self.max_iter), epochs=warm_up)

    def _layers(self, n_features: int, n_classes: int) -> list[Layer]:
        sizes = layer_sizes("hidden_layer_sizes", self.hidden_layer_sizes)
        made: list[Layer] = [
            Conv1D(n_features, sizes[0], self.width, stride=self.stride, causal=not self.bidirectional),
            LayerNorm(sizes[0]),
            Activation("relu"),
        ]
        width = sizes[0]
        for k, size in enumerate(sizes):
            if k:
                made.append(LayerNorm(width))
            if self.dropout:
                made.append(Dropout(self.dropout))
            made.append(LSTM(width, size, bidirectional=self.bidirectional))
            width = size * (2 if self.bidirectional else 1)
        if self.dropout:
            made.append(Dropout(self.dropout))
        return [*made, Dense(width, n_classes)]
