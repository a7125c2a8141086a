"""`VotingTranscriber`: several transcribers that have learnt the same, each from another start, and decide together.

::

    X -> what is heard -> logits of each network -> labels that each finds -> those that all find likeliest -> text

What one network mistakes, others often do not; `rnnbp.decoding.vote` says how they are counted. Training takes as many
times as long as there are networks, and so does what they put out; a vote takes time, too, which grows with the square
of a recording's length: recordings are best cut at pauses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from rnnbp.configuration import path as check_path
from rnnbp.configuration import shown, whole_number
from rnnbp.decoding import BeamSearch, vote
from rnnbp.estimators.alphabet import Alphabet
from rnnbp.estimators.files import ESTIMATOR, description_in
from rnnbp.estimators.settings import SEED, drawn_seed
from rnnbp.estimators.transcriber import CTCTranscriber
from rnnbp.estimators.transcribing import LEAST, Word, WritesDown
from rnnbp.files import model_file
from rnnbp.files.model_file import ModelFileError
from rnnbp.names import explained, explained_class
from rnnbp.networks import network_file
from rnnbp.networks.network import Network
from rnnbp.warning import warn

__all__ = ["VOTERS", "VotingTranscriber"]

Array = NDArray[Any]
VOTERS = "voters"  # what the list of networks is called in a file
MOST_VOTERS = 1000
ALIKE = {"alphabet_", "n_features_in_", "lexicon_", "language_model_"}  # in all that vote


@explained_class
class VotingTranscriber(WritesDown):
    """Speech to text, by several transcribers that vote.

    Parameters
    ----------
    estimator : CTCTranscriber
        What all of them are; it is not changed, and its own `random_state` is not used.
    n_estimators : int, default=4
        How many there are.
    random_state : int, RandomState or None, default=None
        Of the `random_state` that each of them is given.

    Attributes
    ----------
    estimators_ : list of CTCTranscriber
        Fitted; each can be used alone, too.
    n_features_in_ : int
        Features of a frame.

    See Also
    --------
    CTCTranscriber, rnnbp.decoding.vote

    Notes
    -----
    It does not stream, as a vote needs the whole recording; each of `estimators_` may.

    Examples
    --------
    >>> from rnnbp import CTCTranscriber, datasets
    >>> spoken = datasets.fetch_an4("train")                                               # doctest: +SKIP
    >>> model = VotingTranscriber(CTCTranscriber(16000, language_model=5, lexicon=True), random_state=0)
    >>> model.fit(spoken.waves, spoken.text)                                               # doctest: +SKIP
    >>> model.predict(["mine.wav"])                                                        # doctest: +SKIP
    ['ENTER SIX TWO FOUR']
    """

    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}  # asked for, as splitters ask for them

    def __init__(
        self,
        estimator: CTCTranscriber,
        n_estimators: int = 4,
        *,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator, self.n_estimators, self.random_state = estimator, n_estimators, random_state

    @property
    def sample_rate(self) -> int | None:
        """In Hz, of the waveforms that are understood; None if features are."""
        return self.estimator.sample_rate

    @property
    def n_features_in_(self) -> int:
        """Features of a frame."""
        return int(self.estimators_[0].n_features_in_)

    @explained
    def fit(self, X: Iterable[Any], y: Sequence[str], *, groups: ArrayLike | None = None) -> Self:
        """Train all of them, one after another.

        Parameters
        ----------
        X, y, groups
            As for `CTCTranscriber.fit`.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError, AudioError
            As `CTCTranscriber.fit` does, before training; or if there is nothing to vote.

        Notes
        -----
        Ctrl-C ends training: those that were done vote, and the unfinished one only if it is the first.
        """
        if type(self.estimator) is not CTCTranscriber:  # what derives from it could not be saved
            raise TypeError(f"estimator must be a CTCTranscriber, but {shown(self.estimator)} was given")
        n = whole_number("n_estimators", self.n_estimators)
        SEED[1]("random_state", self.random_state)
        if n > MOST_VOTERS:
            raise ValueError(f"n_estimators must be at most {MOST_VOTERS}, but {n} was given: 3 to 5 are usual")
        random_state = check_random_state(self.random_state)
        heard = X if hasattr(X, "__len__") else [*X]
        fitted: list[CTCTranscriber] = []
        for k in range(n):
            one = clone(self.estimator).set_params(random_state=drawn_seed(random_state))
            if one._learn(heard, y, groups).stopped == "interrupted":
                warn(f"Training interrupted by user, in network {k + 1} of {n}: {max(k, 1)} will vote.")
                self.estimators_ = fitted or [one]
                return self
            fitted.append(one)
        self.estimators_ = fitted
        return self

    @explained
    def predict_alignments(self, X: Iterable[Any], *, best_path: bool = False) -> list[list[Word]]:
        """Return the words that are said, with when, and how sure the networks are, on average.

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
        texts = self._write(logits, best_path=best_path)
        aligned = [each._align(said, texts) for each, said in zip(self.estimators_, logits, strict=True)]
        return [
            [_mean_of(words) for words in zip(*of_utterance, strict=True)]
            for of_utterance in zip(*aligned, strict=True)
        ]

    def save(self, path: str | PathLike[str]) -> None:
        """Write all of them to one file, in one atomic step.

        Parameters
        ----------
        path : path-like

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            See `CTCTranscriber.save`.
        """
        check_path("path", path)
        check_is_fitted(self)
        arrays: dict[str, Array] = {}
        described = []
        for k, each in enumerate(self.estimators_):
            net = each.network_
            network_file.warn_of_non_finite(net, f"the network that is saved in {path} as number {k}")
            described.append(network_file.description_of(net, {ESTIMATOR: each._described()}))
            arrays |= {_prefix(k) + name: view for name, view in net.parameters.items()}
        model_file.write(path, arrays, {VOTERS: described})

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read what `save` has written, on any machine.

        Parameters
        ----------
        path : path-like

        Returns
        -------
        VotingTranscriber
            Fitted.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        rnnbp.ModelFileError
            If it is no model file, is damaged, or holds something else.
        """
        check_path("path", path)
        with model_file.opened(path) as file:
            described = file.description.get(VOTERS)
            if not isinstance(described, list) or not 0 < len(described) <= MOST_VOTERS:
                raise ModelFileError(f"{path} holds no {cls.__name__}: rnnbp.load reads whatever it holds")
            networks = network_file.read(Network, file, {_prefix(k): each for k, each in enumerate(described)})
        for k, net in enumerate(networks):
            network_file.warn_of_non_finite(net, f"the network in {path} that is number {k}")
        try:
            voters = _voters(networks)
        except (TypeError, ValueError) as error:
            raise ModelFileError(f"{path}: its description makes no {cls.__name__}: {error}") from error
        made = cls(clone(voters[0]).set_params(random_state=None), len(voters))
        made.estimators_ = voters
        return made

    def _logits(self, X: Iterable[Any]) -> list[list[Array]]:
        """Return what each network says of all that is heard."""
        check_is_fitted(self)
        heard = self.estimators_[0]._hear(X)
        return [each._logits_of(heard) for each in self.estimators_]

    def _write(self, logits: list[list[Array]], *, best_path: bool) -> list[str]:
        """Return the text of each utterance."""
        first = self.estimators_[0]
        alphabet = Alphabet(first.alphabet_)
        search = None if best_path else first._search(alphabet, first.language_model_, first.lexicon_)
        found = vote(search or BeamSearch(first.beam_width, least_log_probability=LEAST), logits)
        return [alphabet.decode(each[0].labels) for each in found]

    def __sklearn_tags__(self) -> Any:
        return CTCTranscriber().__sklearn_tags__()


def _prefix(k: int) -> str:
    """Return what the names of a network's arrays begin with."""
    return f"{k}/"


def _voters(networks: Sequence[Network]) -> list[CTCTranscriber]:
    """Return the transcribers that networks' metadata describe; ValueError unless they hear and write alike."""
    described = [description_in(net.metadata, ESTIMATOR) for net in networks]
    if any(each is None or each["class"] != CTCTranscriber.__name__ for each in described):
        raise ValueError("one of its networks is no CTCTranscriber's")
    voters = []
    first: Any = described[0]
    for net, each in zip(networks, described, strict=True):
        assert each is not None
        net.metadata = {}
        voters.append(CTCTranscriber._made(each, net))
        settings = {*each["settings"], *first["settings"]} - {"random_state"}
        for part, names in (("settings", settings), ("fitted", ALIKE)):
            if differ := sorted(name for name in names if each[part].get(name) != first[part].get(name)):
                raise ValueError(f"its networks differ in {differ[0]}")
        voters[-1].language_model_ = voters[0].language_model_  # the same, once
    return voters


def _mean_of(words: Sequence[Word]) -> Word:
    """Return a word as several networks have heard it, on average."""
    return Word(words[0].text, *(float(np.mean([word[k] for word in words])) for k in (1, 2, 3)))
