"""`CTCTranscriber`: from recordings to text, with a recurrent network trained by connectionist temporal classification.

::

    sound -> log-mel bands, 100 frames a second -> convolution, every third frame -> LSTM layers, both ways in time
          -> a character, or the blank, at each step -> text, by the best path or by beam search with a language model

It is trained on the recordings and on copies at other speeds, with noise and with bands and stretches of time hidden;
batches hold utterances of like lengths; the learning rate warms up and falls along a cosine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from rnnbp.activations import get as activation
from rnnbp.configuration import flag, number, whole_number
from rnnbp.decoding import BeamSearch, NGram, align, greedy
from rnnbp.estimators.alphabet import Alphabet, check_texts
from rnnbp.estimators.live import LiveTranscription
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
from rnnbp.estimators.utterances import Ear, check_features, read_waves
from rnnbp.layers import LSTM, Activation, Conv1D, Dense, Dropout, Layer
from rnnbp.losses import CTC
from rnnbp.metrics import word_error_rate
from rnnbp.networks.network import Network
from rnnbp.optimizers import Adam, schedules
from rnnbp.training import fit
from rnnbp.training.evaluation import predict

__all__ = ["CTCTranscriber", "Word"]

Array = NDArray[Any]
BATCH = 32  # utterances that are run at once when nothing is learnt


class Word(NamedTuple):
    """A word in a recording.

    Attributes
    ----------
    text : str
    start, end : float
        In seconds. The network gives a word a few steps' peaks: its start is good to some hundredths of a second, and
        its end may be early.
    confidence : float
        The mean probability of its characters at its steps, from 0 to 1.
    """

    text: str
    start: float
    end: float
    confidence: float


class CTCTranscriber(SavedTranscriber, BaseEstimator):  # type: ignore[misc]
    """Speech to text.

    Parameters
    ----------
    sample_rate : int or None, default=None
        In Hz, of the waveforms that it is given; files are resampled to it. None if it is given features, of shape
        (T, F), in the place of sound.
    hidden_layer_sizes : tuple of int, default=(128, 128)
        Units of each LSTM layer, in each direction.
    bidirectional : bool, default=True
        Whether layers run both ways. False looks neither ahead nor at the recording's whole level, so that `stream`
        understands sound as it comes; it makes more errors.
    stride : int, default=3
        Frames from one step of the network to the next. A character needs a step, so a stride of 3 and frames 0.01 s
        apart allow 33 characters a second.
    width : int, default=7
        Frames that the convolution at the network's input sees.
    n_mels : int, default=40
        Mel bands of a frame.
    hop_length : float, default=0.010
        Seconds from one frame to the next, of features too.
    alphabet : str or None, default=None
        The characters that are written. None stands for all that are in the training texts; given, others are an error.
    dropout : float, default=0.3
        Before each layer of the network but the first, in training.
    speeds : tuple of float, default=(0.9, 1.1)
        Of copies that are trained on as well (only of sound, not of features).
    noise : float, default=0.1
        Standard deviation of noise on the features, in training.
    n_masks : int, default=2
        How many bands, and how many stretches of time, are hidden in each example, in training.
    learning_rate_init : float, default=0.003
        Adam's, after `warm_up`; it falls to 0 along a cosine.
    warm_up : int, default=100
        Updates until then.
    batch_size : int, default=16
        Utterances, of like lengths.
    max_iter : int, default=40
        Epochs; each sees every recording and its copies once.
    early_stopping : bool, default=False
        Whether some utterances (whole `groups`, such as speakers, if they are given) are held out, and training ends
        when they have not been understood better for some epochs, with the parameters of the best. What counts is the
        part of their characters that is right.
    validation_fraction : float, default=0.1
        How many; of groups, if there are any.
    n_iter_no_change : int, default=10
        How many such epochs.
    language_model : int, NGram or None, default=None
        An order n: a model of the training texts' words is learnt by `fit`, and used by `predict`. Or a
        `decoding.NGram` over words.
    lexicon : bool or iterable of str, default=False
        The only words that can be understood; True stands for those of the training texts.
    beam_width : int, default=60
        Of the search that uses these.
    language_model_weight : float, default=1.0
        See `decoding.BeamSearch`.
    insertion_bonus : float, default=0.0
        See `decoding.BeamSearch`.
    callbacks : iterable of callables, default=()
        See `rnnbp.fit`. Not saved.
    random_state : int, RandomState or None, default=None
        Of initial parameters, dropout, noise, masks, the order of utterances and what is held out.
    progress : bool or None, default=None
        Progress bar of training; None shows it on a terminal.

    Attributes
    ----------
    network_ : Network
        Its logits are classes 0, the blank, and k, character k - 1 of `alphabet_`.
    alphabet_ : str
    language_model_ : NGram or None
    lexicon_ : list of str or None
    n_features_in_ : int
        Features of a frame.
    n_iter_ : int
        Epochs trained.
    loss_curve_ : list of float
        Mean loss of an utterance over each epoch.
    validation_scores_ : list of float or None
        One minus the character error rate of what was held out, after each epoch.

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

    network_: Network
    alphabet_: str
    language_model_: NGram | None
    lexicon_: list[str] | None
    live_mean_: Array | None
    live_variance_: Array | None
    n_features_in_: int
    n_iter_: int
    loss_curve_: list[float]
    validation_scores_: list[float] | None

    def __init__(
        self,
        sample_rate: int | None = None,
        *,
        hidden_layer_sizes: Sequence[int] = (128, 128),
        bidirectional: bool = True,
        stride: int = 3,
        width: int = 7,
        n_mels: int = 40,
        hop_length: float = 0.010,
        alphabet: str | None = None,
        dropout: float = 0.3,
        speeds: Sequence[float] = (0.9, 1.1),
        noise: float = 0.1,
        n_masks: int = 2,
        learning_rate_init: float = 0.003,
        warm_up: int = 100,
        batch_size: int = 16,
        max_iter: int = 40,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        language_model: int | NGram | None = None,
        lexicon: bool | Iterable[str] = False,
        beam_width: int = 60,
        language_model_weight: float = 1.0,
        insertion_bonus: float = 0.0,
        callbacks: Iterable[Any] = (),
        random_state: int | np.random.RandomState | None = None,
        progress: bool | None = None,
    ) -> None:
        self.sample_rate = sample_rate
        self.hidden_layer_sizes = hidden_layer_sizes
        self.bidirectional = bidirectional
        self.stride = stride
        self.width = width
        self.n_mels = n_mels
        self.hop_length = hop_length
        self.alphabet = alphabet
        self.dropout = dropout
        self.speeds = speeds
        self.noise = noise
        self.n_masks = n_masks
        self.learning_rate_init = learning_rate_init
        self.warm_up = warm_up
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.language_model = language_model
        self.lexicon = lexicon
        self.beam_width = beam_width
        self.language_model_weight = language_model_weight
        self.insertion_bonus = insertion_bonus
        self.callbacks = callbacks
        self.random_state = random_state
        self.progress = progress

    # -- training ----------------------------------------------------------------------------------------------------

    def fit(self, X: Iterable[Any], y: Sequence[str], *, groups: ArrayLike | None = None) -> Self:
        """Learn to write down what is said.

        Parameters
        ----------
        X : list of N waveforms of shape (n_i,) and paths, or of N features of shape (T_i, F)
            Sound if `sample_rate` is given, else features. Features should have about zero mean and unit variance.
        y : list of N str
            What is said in each. A text may be empty.
        groups : array-like of shape (N,), or None
            Such as the speaker of each, for `early_stopping`.

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
        self._check_settings()
        heard = self._hear(X)
        texts = check_texts(y, len(heard))
        alphabet = Alphabet.of(self.alphabet, texts)
        lexicon = self._lexicon_of(texts)
        language_model = self._language_model_of(texts)
        self._search(alphabet, language_model, lexicon)  # raises what there is to raise
        labels = [alphabet.encode(text) for text in texts]
        ear = self._ear(anew=True)
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
        net = Network(self._layers(x[0].shape[1], len(alphabet.symbols)), seed=random_state.randint(2**31 - 1))
        options: dict[str, Any] = {}
        if len(held_out):
            of_held_out = [heard[i] for i in held_out]
            x_held = of_held_out if ear is None else ear(of_held_out)
            options["validation_data"] = (x_held, [labels[i] for i in held_out])
            options |= {"score": understood, "monitor": "score"}
        ending = [NotBetter(self.n_iter_no_change)] if len(held_out) else []
        n_updates = -(-len(x) // self.batch_size)
        warm_up = min(self.warm_up / n_updates, self.max_iter / 5)
        rate = schedules.warm_up(schedules.cosine(self.learning_rate_init, self.max_iter), epochs=warm_up)
        history = fit(
            net,
            x,
            [labels[i] for i in chosen],
            loss=CTC(),
            optimizer=Adam(rate, clip_norm=5.0),
            max_epochs=self.max_iter,
            batch_size=self.batch_size,
            augment=Masking(self.noise, self.n_masks) if self.noise or self.n_masks else None,
            callbacks=[*ending, *self.callbacks],
            seed=random_state.randint(2**31 - 1),
            progress=self.progress,
            **options,
        )
        self.network_, self.alphabet_, self.n_features_in_ = net, alphabet.characters, x[0].shape[1]
        self.language_model_, self.lexicon_ = language_model, lexicon
        self.live_mean_ = self.live_variance_ = None
        if ear is not None and ear.live is not None:
            self.live_mean_, self.live_variance_ = ear.live.mean, ear.live.variance
        self.loss_curve_, self.n_iter_ = history.loss, len(history)
        self.validation_scores_ = history.validation_score if len(held_out) else None
        return self

    def _check_settings(self) -> None:
        sizes = self.hidden_layer_sizes
        if isinstance(sizes, (str, int)) or len(sizes) == 0:
            raise ValueError(f"hidden_layer_sizes must be a tuple of at least one number, but {sizes!r} was given")
        for size in sizes:
            whole_number("hidden_layer_sizes", size)
        for name in ("stride", "width", "n_mels", "warm_up", "batch_size", "max_iter", "n_iter_no_change"):
            whole_number(name, getattr(self, name))
        whole_number("n_masks", self.n_masks, least=0)
        whole_number("beam_width", self.beam_width)
        for name, interval in {
            "hop_length": "(0, 1)",
            "dropout": "[0, 1)",
            "noise": "[0, inf)",
            "learning_rate_init": "(0, inf)",
            "validation_fraction": "(0, 1)",
            "language_model_weight": "[0, inf)",
            "insertion_bonus": "(-inf, inf)",
        }.items():
            number(name, getattr(self, name), interval)
        for speed in self.speeds:
            number("speeds", speed, "[0.1, 10]")
        flag("bidirectional", self.bidirectional)
        flag("early_stopping", self.early_stopping)

    def _ear(self, *, anew: bool = False) -> Ear | None:
        """Return the way from sound to features, maybe one that has learnt nothing; None if features are given."""
        if self.sample_rate is None:
            return None
        return Ear.of(
            self.sample_rate,
            n_mels=self.n_mels,
            hop_length=self.hop_length,
            live=not self.bidirectional,
            mean=None if anew else self.live_mean_,
            variance=None if anew else self.live_variance_,
        )

    def _hear(self, X: Iterable[Any], n_features: int | None = None) -> list[Array]:
        return check_features(X, n_features) if self.sample_rate is None else read_waves(X, self.sample_rate)

    def _lexicon_of(self, texts: Sequence[str]) -> list[str] | None:
        if self.lexicon is False or self.lexicon is None:
            return None
        if isinstance(self.lexicon, str):
            raise ValueError(f"lexicon must be True, False or a list of words, but {self.lexicon!r} was given")
        words = [word for text in texts for word in text.split()] if self.lexicon is True else list(self.lexicon)
        return sorted(set(words))

    def _language_model_of(self, texts: Sequence[str]) -> NGram | None:
        if self.language_model is None:
            return None
        if not isinstance(self.language_model, NGram):
            return NGram(whole_number("language_model", self.language_model)).fit(texts)
        self.language_model.check_fitted()
        return self.language_model

    def _layers(self, n_features: int, n_classes: int) -> list[Layer]:
        n_front = int(self.hidden_layer_sizes[0])
        made: list[Layer] = [
            Conv1D(n_features, n_front, self.width, stride=self.stride, causal=not self.bidirectional),
            Activation("relu"),
        ]
        width = n_front
        for size in self.hidden_layer_sizes:
            if self.dropout:
                made.append(Dropout(self.dropout))
            made.append(LSTM(width, int(size), bidirectional=self.bidirectional))
            width = int(size) * (2 if self.bidirectional else 1)
        if self.dropout:
            made.append(Dropout(self.dropout))
        return [*made, Dense(width, n_classes)]

    # -- what it is for ----------------------------------------------------------------------------------------------

    @property
    def step_length(self) -> float:
        """Seconds from one step of the network's output to the next."""
        return self.stride * self.hop_length

    def predict(self, X: Iterable[Any], *, best_path: bool = False) -> list[str]:
        """Return what is said.

        Parameters
        ----------
        X : list of N waveforms and paths, or of N features
            As for `fit`.
        best_path : bool, default=False
            Whether language model and lexicon are left out of it.

        Returns
        -------
        list of N str
        """
        return self._write(self._logits(X), best_path=best_path)

    def predict_proba(self, X: Iterable[Any]) -> list[NDArray[np.float32]]:
        """Return the probability of the blank (class 0) and of each character at each step.

        Returns
        -------
        list of N ndarrays of shape (S_i, 1 + len(alphabet_))
            Step s is at ``s * step_length`` seconds.
        """
        softmax = activation("softmax")
        return [np.asarray(softmax.value(each), np.float32) for each in self._logits(X)]

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
        alphabet, step = Alphabet(self.alphabet_), self.step_length
        found = []
        for each, text in zip(logits, self._write(logits, best_path=best_path), strict=True):
            words = align(each, alphabet.encode(text).tolist()).words(alphabet.symbols)
            found.append([Word(str(w.label), w.start * step, w.end * step, w.confidence) for w in words])
        return found

    def score(self, X: Iterable[Any], y: Sequence[str]) -> float:
        """Return one minus the word error rate, over all utterances together; it may be below 0.

        Parameters
        ----------
        X : list of N waveforms and paths, or of N features
        y : list of N str
            What is said.
        """
        written = self.predict(X)
        return 1.0 - word_error_rate(check_texts(y, len(written)), written)

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

    def _logits(self, X: Iterable[Any]) -> list[Array]:
        check_is_fitted(self)
        ear, heard = self._ear(), self._hear(X, self.n_features_in_)
        found = predict(self.network_, heard if ear is None else ear(heard), batch_size=BATCH)
        assert isinstance(found, list), "there is an output at each step"
        return found

    def _write(self, logits: list[Array], *, best_path: bool) -> list[str]:
        """Return the text of each utterance."""
        alphabet = Alphabet(self.alphabet_)
        search = None if best_path else self._search(alphabet, self.language_model_, self.lexicon_)
        return [alphabet.decode(labels) for labels in (greedy if search is None else search)(logits)]

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
            least_log_probability=-12.0,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.target_tags.required = True
        tags.no_validation = True
        return tags
