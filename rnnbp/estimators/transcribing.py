"""What a fitted transcriber does: texts, the words with their times, probabilities, and a text as it grows.

::

    X -> what is heard -> features -> logits of the network -> labels, by the best path or by beam search -> text
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from rnnbp.activations import get as activation
from rnnbp.decoding import BeamSearch, NGram, align, greedy
from rnnbp.estimators.alphabet import Alphabet, check_texts
from rnnbp.estimators.live import LiveTranscription
from rnnbp.estimators.transcriber_settings import Hearing, Practice, Recognition, Writing
from rnnbp.estimators.utterances import Ear, check_features
from rnnbp.metrics import word_error_rate
from rnnbp.names import explained
from rnnbp.networks.network import Network
from rnnbp.training.evaluation import predict

__all__ = ["Transcribing", "Word", "WritesDown"]

Array = NDArray[Any]
BATCH = 32  # utterances that are run at once
LEAST = -12.0  # log-probability: what is less likely at a step is not looked at there, to save time


class Word(NamedTuple):
    """A word in a recording.

    Attributes
    ----------
    text : str
    start, end : float
        In seconds. The network puts out each character at one moment of its choice, and one that runs both ways may
        begin to spell a word in the pause before it: times are good to some tenths of a second.
    confidence : float
        The mean probability of its characters at its steps, from 0 to 1.
    """

    text: str
    start: float
    end: float
    confidence: float


class WritesDown(BaseEstimator):  # type: ignore[misc]
    """What turns sound to text, by one network or several: texts, and how many of their words are right."""

    @explained
    def predict(self, X: Iterable[Any], *, best_path: bool = False) -> list[str]:
        """Return what is said.

        Parameters
        ----------
        X : list of N waveforms and paths, or of N features
            As for `fit`.
        best_path : bool, default=False
            Whether language model and lexicon are left out of it; of several networks, a vote is taken all the same.

        Returns
        -------
        list of N str
        """
        return self._write(self._logits(X), best_path=best_path)

    def score(self, X: Iterable[Any], y: Sequence[str]) -> float:
        """Return one minus the word error rate, over all utterances together; it may be below 0.

        Parameters
        ----------
        X : list of N waveforms and paths, or of N features
        y : list of N str
            What is said.

        Returns
        -------
        float
        """
        if isinstance(X, (list, tuple)):  # before the work
            check_texts(y, len(X))
        written = self.predict(X)
        return 1.0 - word_error_rate(check_texts(y, len(written)), written)

    @abstractmethod
    def _logits(self, X: Iterable[Any]) -> list[Any]:
        """Return what is put out for each utterance; of several networks, of each of them."""

    @abstractmethod
    def _write(self, logits: list[Any], *, best_path: bool) -> list[str]:
        """Return the text of each utterance."""


class Transcribing(Writing, Practice, Recognition, Hearing, WritesDown):
    """A transcriber's settings, and what it is for once it is fitted."""

    network_: Network
    alphabet_: str
    language_model_: NGram | None
    lexicon_: list[str] | None
    live_mean_: Array | None
    live_variance_: Array | None
    n_features_in_: int
    _rate_of_fit: int | None  # the sample rate; not there in what earlier versions pickled

    @property
    def step_length(self) -> float:
        """Seconds from one step of the network's output to the next."""
        return self.stride * self.hop_length

    @explained
    def predict_proba(self, X: Iterable[Any]) -> list[NDArray[np.float32]]:
        """Return the probability of the blank (class 0) and of each character at each step.

        Parameters
        ----------
        X : list of N waveforms and paths, or of N features
            As for `fit`.

        Returns
        -------
        list of N ndarrays of shape (S_i, 1 + len(alphabet_))
            Step s is at ``s * step_length`` seconds.
        """
        softmax = activation("softmax")
        return [np.asarray(softmax.value(each), np.float32) for each in self._logits(X)]

    @explained
    def predict_alignments(self, X: Iterable[Any], *, best_path: bool = False) -> list[list[Word]]:
        """Return the words that are said, with when, and how sure they are.

        Parameters
        ----------
        X, best_path
            See `predict`.

        Returns
        -------
        list of N (lists of Word)
            The same words as `predict` has.
        """
        logits = self._logits(X)
        return self._align(logits, self._write(logits, best_path=best_path))

    def stream(self) -> LiveTranscription:
        """Return what understands one recording as it comes in; it takes the best path, without language model.

        Returns
        -------
        LiveTranscription
            Its ``push`` takes the next samples (or frames of features) and returns the text so far.

        Raises
        ------
        ValueError
            If layers run both ways: it takes ``bidirectional=False``.
        """
        check_is_fitted(self)
        if self.bidirectional:
            raise ValueError(
                "bidirectional must be False for a transcriber that streams, but it is True: layers that run both ways "
                "need the whole recording"
            )
        ear = self._ear()
        return LiveTranscription(self.network_, Alphabet(self.alphabet_), None if ear is None else ear.live)

    def _ear(self, *, anew: bool = False) -> Ear | None:
        """Return the way from sound to features, maybe one that has learnt nothing; None if features are given."""
        if self.sample_rate is None:
            return None
        rate = getattr(self, "_rate_of_fit", None)
        if not anew and rate not in (None, self.sample_rate):
            raise ValueError(
                f"sample_rate is {self.sample_rate}, but this {type(self).__name__} was fitted to {rate} Hz: set it "
                f"back, and give rnnbp.audio.resample(wave, from_rate={self.sample_rate}, to_rate={rate}); or call fit"
            )
        return Ear.of(
            self.sample_rate,
            n_mels=self.n_mels,
            hop_length=self.hop_length,
            live=not self.bidirectional,
            mean=None if anew else self.live_mean_,
            variance=None if anew else self.live_variance_,
        )

    def _logits(self, X: Iterable[Any]) -> list[Array]:
        check_is_fitted(self)
        return self._logits_of(self._hear(X))

    def _hear(self, X: Iterable[Any]) -> list[Array]:
        """Return waveforms, or features if these are given, checked."""
        ear = self._ear()
        return check_features(X, self.n_features_in_) if ear is None else [*ear.hear(X)]

    def _logits_of(self, heard: list[Array]) -> list[Array]:
        ear = self._ear()
        x = heard if ear is None else ear(heard)
        found = predict(self.network_, x, batch_size=BATCH)
        assert isinstance(found, list), "there is an output at each step"
        return found

    def _write(self, logits: list[Array], *, best_path: bool) -> list[str]:
        """Return the text of each utterance."""
        alphabet = Alphabet(self.alphabet_)
        search = None if best_path else self._search(alphabet, self.language_model_, self.lexicon_)
        return [alphabet.decode(labels) for labels in (greedy if search is None else search)(logits)]

    def _align(self, logits: list[Array], texts: list[str]) -> list[list[Word]]:
        """Return the words of texts, with their times."""
        alphabet, step = Alphabet(self.alphabet_), self.step_length
        found = []
        for each, text in zip(logits, texts, strict=True):
            words = align(each, alphabet.encode(text).tolist()).words(alphabet.symbols)
            found.append([Word(str(w.label), w.start * step, w.end * step, w.confidence) for w in words])
        return found

    def _search(self, alphabet: Alphabet, language_model: NGram | None, lexicon: list[str] | None) -> BeamSearch | None:
        """Return the search with language model and lexicon; None if there are none."""
        if language_model is None and lexicon is None:
            return None
        return BeamSearch(
            self.beam_width,
            language_model,
            lexicon,
            symbols=alphabet.symbols,
            language_model_weight=self.language_model_weight,
            insertion_bonus=self.insertion_bonus,
            least_log_probability=LEAST,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.target_tags.required = True
        tags.no_validation = True
        return tags
