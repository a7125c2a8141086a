r"""Prefix beam search: the likeliest labels, of all paths that spell them, with a language model and a lexicon.

It looks for the labels l that maximise

    log p(l | x)  +  weight · log p_LM(l)  +  bonus · (number of words in l)

where ``p(l | x)`` is the sum over all paths that spell l (see `rnnbp.losses.ctc`), kept in two parts for each prefix:
paths that end in a blank, and paths that end in its last label. At each step the `width` best prefixes are kept. With a
beam that holds them all, the search is exhaustive.

A language model over words, or a lexicon, needs a separator (a space) among the symbols: a word is scored where the
next separator ends it, or at the end. One over characters, or without a separator, scores every label.

A. Y. Hannun, A. L. Maas, D. Jurafsky and A. Y. Ng, "First-pass large vocabulary continuous speech recognition using
bi-directional recurrent DNNs", 2014 (arXiv:1408.2873), algorithm 1; A. Graves and N. Jaitly, "Towards end-to-end
speech recognition with recurrent neural networks", ICML 2014. The search is compiled: `rnnbp.kernels.beam`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.configuration import number, shown, whole_number
from rnnbp.decoding.kneser_ney import UNKNOWN
from rnnbp.decoding.lexicon import check_lexicon, check_spelling, check_symbols
from rnnbp.decoding.ngram import NGram
from rnnbp.decoding.posteriors import check_blank, check_labels, log_probabilities, sequences_of
from rnnbp.decoding.tables import automaton, token_numbers, trie
from rnnbp.kernels import threads
from rnnbp.names import explained, explained_class

__all__ = ["BeamSearch", "Hypothesis"]

Array = NDArray[Any]
LOG_ZERO, DEAD = -1e30, -1e29
WIDEST = 100_000


@dataclass(frozen=True)
class Hypothesis:
    """Labels that may have been meant.

    Attributes
    ----------
    labels : list of int
    score : float
        What the search maximises; without a language model and a bonus, the log-probability of the labels (of the paths
        that were not pruned). Minus infinity if the lexicon has no such words.

    See Also
    --------
    BeamSearch

    Examples
    --------
    >>> Hypothesis([3, 7], score=-1.2).labels
    [3, 7]
    """

    labels: list[int]
    score: float


@explained_class
class BeamSearch:
    """A prefix beam search.

    Parameters
    ----------
    width : int
        How many prefixes are kept at each step.
    language_model : NGram or None
    lexicon : iterable of str, or None
        The only words that may be found. None allows all.
    symbols : sequence of C str, or None
        What each class stands for, the blank included (whatever it is called). Needed with a language model or lexicon.
    separator : str, default " "
        The symbol between words.
    blank : int, default 0
    language_model_weight : float, default 1
        What log p_LM is multiplied by; at most a million.
    insertion_bonus : float, default 0
        What each word (or label, if labels are what the language model knows) adds to the score. A language model
        prefers short texts; a bonus above 0 makes up for it. At most a million to either side.
    least_log_probability : float, default -inf
        A prefix is not extended by a class whose log-probability at the step is less: -10 saves most of the time, and
        nearly never changes the result.
    margin : float, default inf
        Prefixes whose score is below the best one's by more are dropped.

    Raises
    ------
    TypeError, ValueError
        If the width is below 1 or above 100,000, the language model is empty, the lexicon is empty or has characters
        that no symbol stands for, or if something else does not fit.

    Examples
    --------
    Both steps are blank with probability 0.6, so the best path spells nothing; but three paths spell 1.

    >>> logits = np.log([[0.6, 0.4], [0.6, 0.4]])
    >>> BeamSearch(10)([logits])
    [[1]]
    """

    def __init__(
        self,
        width: int,
        language_model: NGram | None = None,
        lexicon: Iterable[str] | None = None,
        *,
        symbols: Sequence[str] | None = None,
        separator: str = " ",
        blank: int = 0,
        language_model_weight: float = 1.0,
        insertion_bonus: float = 0.0,
        least_log_probability: float = -np.inf,
        margin: float = np.inf,
    ) -> None:
        self.width = whole_number("width", width)
        if self.width > WIDEST:
            raise ValueError(f"width must be at most {WIDEST}, but {shown(width)} was given: 10 to 500 are usual")
        self.blank = whole_number("blank", blank, least=0)
        self.language_model_weight = number("language_model_weight", language_model_weight, "[0, 1000000]")
        self.insertion_bonus = number("insertion_bonus", insertion_bonus, "[-1000000, 1000000]")
        self.least_log_probability = number("least_log_probability", least_log_probability, "[-inf, 0)")
        self.margin = number("margin", margin, "(0, inf]")
        self.language_model, self.separator = language_model, separator
        self.symbols = None if symbols is None else check_symbols(symbols, self.blank)
        self.lexicon = None if lexicon is None else check_lexicon(lexicon)
        if language_model is not None:
            if not isinstance(language_model, NGram):
                raise TypeError(f"language_model must be a decoding.NGram, but {shown(language_model)} was given")
            language_model.check_fitted()
        if self.symbols is None and (language_model is not None or lexicon is not None):
            raise ValueError("symbols must say what each class stands for if there is a language model or a lexicon")
        self._lay_out()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_model", "_trie")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lay_out()  # tables have addresses in them

    def _lay_out(self) -> None:
        """Make tables of language model and lexicon."""
        model, symbols = self.language_model, self.symbols or []
        labels = {symbol: k for k, symbol in enumerate(symbols) if k != self.blank}
        numbers = {} if model is None else token_numbers(model)
        self._model = None if model is None else automaton(model)
        self._trie: Any = None
        self._tokens: Array | None = None
        by_words = model is not None and model.unit == "word" and self.separator in labels
        unknown = numbers.get(UNKNOWN, len(numbers))
        if by_words or self.lexicon is not None:
            if model is not None and model.unit != "word":
                raise ValueError(
                    "language_model must be over words where there is a lexicon, but one over characters was given"
                )
            words = self.lexicon if self.lexicon is not None else [w for w in numbers if set(w) <= labels.keys()]
            check_spelling(words, labels, self.separator, numbers)
            self._trie = trie(words, labels, numbers, unknown)
        elif model is not None:
            if not numbers.keys() & labels.keys():
                raise ValueError(
                    f"symbols must be among what the language model knows, such as {model.vocabulary[:3]}, but "
                    f"{list(labels)[:3]} were given"
                )
            self._tokens = np.array([numbers.get(symbol, unknown) for symbol in symbols], np.int64)

    def __call__(self, logits: ArrayLike | Sequence[ArrayLike], *, lengths: ArrayLike | None = None) -> list[list[int]]:
        """Return the best labels of each sequence.

        Parameters
        ----------
        logits : list of N arrays of shape (T_i, C), or array of shape (T, N, C)
        lengths : array of int, of shape (N,), or None
            The true lengths of a padded array.

        Returns
        -------
        list of N (lists of int)

        Raises
        ------
        ValueError
            If the logits have another shape or hold NaN, or if C is not the number of symbols.
        """
        return [found[0].labels for found in self.n_best(logits, 1, lengths=lengths)]

    @explained
    def transcribe(self, logits: ArrayLike | Sequence[ArrayLike], *, lengths: ArrayLike | None = None) -> list[str]:
        """Return the best labels of each sequence as a text: their symbols, one after another.

        Raises
        ------
        ValueError
            See `__call__`; also if there are no symbols.
        """
        symbols = self.symbols
        if symbols is None:
            raise ValueError("symbols must say what each class stands for, but none were given")
        return ["".join(symbols[k] for k in labels).strip() for labels in self(logits, lengths=lengths)]

    @explained
    def n_best(
        self, logits: ArrayLike | Sequence[ArrayLike], n: int, *, lengths: ArrayLike | None = None
    ) -> list[list[Hypothesis]]:
        """Return up to n hypotheses for each sequence, the best first; see `__call__`.

        Where the lexicon allows none of what was found, it is the best one up to its last whole word.
        """
        whole_number("n", n)
        arrays = [log_probabilities(each) for each in sequences_of(logits, lengths)]
        n_classes = arrays[0].shape[1]
        check_blank(self.blank, n_classes)
        if self.symbols is not None and len(self.symbols) != n_classes:
            raise ValueError(
                f"symbols must be one for each of the {n_classes} classes, but there are {len(self.symbols)}"
            )
        kept = min(n, self.width)
        labels, counts, scores = self._search(arrays, kept)
        found = []
        for i in range(len(arrays)):
            ranked = [
                Hypothesis(labels[i, j, : counts[i, j]].tolist(), float(scores[i, j]))
                for j in range(kept)
                if counts[i, j] >= 0
            ]
            valid = [each for each in ranked if each.score > DEAD]
            found.append(valid or [Hypothesis(self._whole_words(ranked[0].labels), -np.inf)])
        return found

    def prior(self, labels: Sequence[int]) -> float:
        """Return what the language model and the bonus add to the score of labels.

        Parameters
        ----------
        labels : list of int
            Without blanks. Whether the lexicon has their words is not looked at.

        Raises
        ------
        ValueError
            If there are symbols, and none for a label.
        """
        model, symbols = self.language_model, self.symbols or []
        tokens: Sequence[Any] = labels
        if self.symbols is not None:
            check_labels(labels, len(symbols))
        if self._trie is not None:
            tokens = "".join(symbols[k] for k in labels).split(self.separator)
            tokens = [token for token in tokens if token]
        elif model is not None:
            tokens = [symbols[k] for k in labels]
        told = 0.0 if model is None else self.language_model_weight * model.score(tokens)
        return told + self.insertion_bonus * len(tokens)

    def _whole_words(self, labels: list[int]) -> list[int]:
        """Return labels up to the last separator."""
        at = [i for i, k in enumerate(labels) if self.symbols is not None and self.symbols[k] == self.separator]
        return labels[: at[-1]] if at else []

    def _search(self, arrays: Sequence[Array], n_best: int) -> tuple[Array, Array, Array]:
        """Return labels (N, n_best, T), their numbers (-1: there is none) and scores, from the compiled search."""
        from rnnbp.kernels.beam import BeamRecord, floats_needed, ints_needed
        from rnnbp.kernels.engine import engine

        n, n_classes = len(arrays), arrays[0].shape[1]
        starts = np.cumsum([0, *map(len, arrays)]).astype(np.int64)
        room, width = max(map(len, arrays)), self.width
        operations = OPERATIONS * float(starts[-1]) * width * n_classes
        n_shares = threads.worth_waking(n, operations)
        n_ints, n_floats = ints_needed(room, width, n_classes), floats_needed(room, width, n_classes)
        tokens = np.zeros(n_classes, np.int64) if self._tokens is None else self._tokens
        symbols = self.symbols or []
        labels = np.zeros((n, n_best, room), np.int64)
        counts, scores = np.empty((n, n_best), np.int64), np.empty((n, n_best))
        record = BeamRecord(
            log_p=np.maximum(np.concatenate(arrays), LOG_ZERO), starts=starts, n_sequences=n, n_classes=n_classes,
            blank=self.blank, width=width, least=self.least_log_probability, margin=self.margin,
            weight=self.language_model_weight, bonus=self.insertion_bonus, tokens=tokens,
            separator=symbols.index(self.separator) if self.separator in symbols else -1,
            spelled=int(self._trie is not None), open=int(self.lexicon is None), n_best=n_best, room=room,
            labels=labels, counts=counts, scores=scores, ints=np.empty(n_shares * n_ints, np.int64),
            ints_size=n_ints, floats=np.empty(n_shares * n_floats), floats_size=n_floats, n_shares=n_shares,
            has_model=int(self._model is not None),
        )  # fmt: skip
        record.model = self._model if self._model is not None else _no_model()
        record.trie = self._trie if self._trie is not None else _no_trie()
        made = engine("float64")
        instruction = made.instruction("beam", record)
        instruction.n_shares = n_shares
        threads.Runner(made, [instruction]).run(0, 1)
        return labels, counts, scores


OPERATIONS = 10  # of an extension, in multiply-adds


def _no_model() -> Any:
    from rnnbp.kernels.beam import LanguageModelRecord

    return LanguageModelRecord()


def _no_trie() -> Any:
    from rnnbp.kernels.beam import TrieRecord

    return TrieRecord()
