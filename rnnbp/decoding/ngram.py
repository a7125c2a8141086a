"""N-gram language models: how likely a word, or a character, is after those before it.

    p(w_1 .. w_L) = prod_i p(w_i | w_(i-n+1) .. w_(i-1)),  with <s> before the first and </s> as the last

Where an n-gram is not known, the model backs off: ``p(w | h) = γ(h) p(w | h')``, h' without its first word. What is not
in the vocabulary is ``<unk>``. The probabilities are estimated in `kneser_ney`; files are read and written in `arpa`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Literal

import numpy as np

from rnnbp.configuration import shown, whole_number
from rnnbp.decoding import arpa
from rnnbp.decoding.kneser_ney import BEGIN, END, UNKNOWN, Tokens, count, estimate
from rnnbp.names import explained, explained_class

__all__ = ["NGram"]

UNITS = ("word", "character")
LOG_UNKNOWN = -100.0 * float(np.log(10.0))  # of a model without <unk>, as KenLM has it


@explained_class
class NGram:
    """An n-gram model with interpolated modified Kneser-Ney smoothing.

    Parameters
    ----------
    order : int
        n: 3 is a trigram model.
    unit : {"word", "character"}, default "word"
        What a text (a str) is cut into: words, at white space, or characters, of which a space is one.

    Attributes
    ----------
    log_p : dict of tuple of str to float
        The natural logarithm of p(w | h) of each n-gram hw that is known; empty before `fit`.
    backoff : dict of tuple of str to float
        log γ(h); that of a history that is not there is 0.

    Raises
    ------
    ValueError
        If the order is below 1, or if there is no such unit.

    References
    ----------
    S. F. Chen and J. Goodman, "An empirical study of smoothing techniques for language modeling", Computer Speech and
    Language 13, 1999.

    Examples
    --------
    >>> model = NGram(2).fit(["one two", "two one", "one two three"])
    >>> model.log_probability("two", ["one"]) > model.log_probability("three", ["one"])
    True
    """

    def __init__(self, order: int, *, unit: Literal["word", "character"] = "word") -> None:
        self.order = whole_number("order", order)
        if unit not in UNITS:
            raise ValueError(f"unit must be one of {UNITS}, but {shown(unit)} was given")
        self.unit = unit
        self.log_p: dict[Tokens, float] = {}
        self.backoff: dict[Tokens, float] = {}

    def __repr__(self) -> str:
        unit = "" if self.unit == "word" else f", unit={self.unit!r}"
        return f"NGram({self.order}{unit})  # {len(self.log_p)} n-grams"

    @property
    def vocabulary(self) -> list[str]:
        """All that can be said, sorted: without ``<s>``, with ``</s>`` and ``<unk>``."""
        return sorted(gram[0] for gram in self.log_p if len(gram) == 1 and gram[0] != BEGIN)

    @explained
    def fit(self, texts: Iterable[str | Sequence[str]]) -> NGram:
        """Estimate the model from texts.

        Parameters
        ----------
        texts : iterable of str, or of lists of words
            One text an utterance or sentence.

        Returns
        -------
        NGram
            Itself.

        Raises
        ------
        ValueError
            If there is no word in them, or if one is ``<s>`` or ``</s>``.
        """
        tokens = self._all_tokens(texts)
        if not any(tokens):
            raise ValueError(f"texts must hold at least one {self.unit}, but none was given: the model would be empty")
        self.log_p, self.backoff = estimate(count(tokens, self.order))
        return self

    def tokens(self, text: str | Sequence[str]) -> list[str]:
        """Return a text's words or characters.

        Raises
        ------
        ValueError
            If it is no text, or if ``<s>`` or ``</s>`` is in it.
        """
        if not isinstance(text, Iterable):
            raise ValueError(f"a text must be a str, or a list of words, but {shown(text)} was given")
        found = text.split() if isinstance(text, str) and self.unit == "word" else list(text)
        for token in found:
            if not isinstance(token, str) or token in (BEGIN, END, "") or (token.split() != [token] and token != " "):
                raise ValueError(
                    f"a text must be a str, or a list of words other than {BEGIN} and {END} and without spaces, but "
                    f"{shown(token)} was given"
                )
        return found

    def _all_tokens(self, texts: Iterable[str | Sequence[str]]) -> list[list[str]]:
        """Return the words or characters of each text; refuse one text in the place of a list of them."""
        if isinstance(texts, str):
            raise ValueError(f"texts must be a list of texts, but the one text {texts[:40]!r} was given")
        if not isinstance(texts, Iterable):
            raise ValueError(f"texts must be a list of texts, but {shown(texts)} was given")
        return [self.tokens(text) for text in texts]

    def log_probability(self, token: str, context: Sequence[str] = ()) -> float:
        """Return the natural logarithm of p(token | context).

        Parameters
        ----------
        token : str
            A word, or ``"</s>"``. One that is not known is ``<unk>``.
        context : sequence of str
            What was before it, the last one last; ``"<s>"`` is the start of a text.

        Raises
        ------
        ValueError
            If the model is empty.
        """
        self.check_fitted()
        token = token if (token,) in self.log_p else UNKNOWN
        history: Tokens = tuple(c if (c,) in self.log_p or c == BEGIN else UNKNOWN for c in context)
        history = history[len(history) - min(self.order - 1, len(history)) :]
        paid = 0.0
        while (*history, token) not in self.log_p:
            if not history:
                return paid + LOG_UNKNOWN
            paid += self.backoff.get(history, 0.0)
            history = history[1:]
        return paid + self.log_p[*history, token]

    def score(self, text: str | Sequence[str]) -> float:
        """Return the natural logarithm of a whole text's probability, its end included.

        Examples
        --------
        >>> model = NGram(3).fit(["one two three"])
        >>> model.score("one two three") > model.score("three two one")
        True
        """
        said = [BEGIN, *self.tokens(text), END]
        return sum(self.log_probability(token, said[:i]) for i, token in enumerate(said) if i > 0)

    def perplexity(self, texts: Iterable[str | Sequence[str]]) -> float:
        """Return e to the mean negative log-probability of a word of some texts, their ends included."""
        listed = self._all_tokens(texts)
        if not listed:
            raise ValueError("texts must hold at least one text, but none was given")
        n_tokens = sum(len(text) + 1 for text in listed)
        return float(np.exp(-sum(self.score(text) for text in listed) / n_tokens))

    def check_fitted(self) -> None:
        """Raise ValueError if the model is empty."""
        if not self.log_p:
            raise ValueError(
                f"the language model must have been fitted or loaded, but the empty {shown(self)} was given"
            )

    @explained
    def save_arpa(self, path: str | PathLike[str]) -> None:
        """Write the model as an ARPA file, which other toolkits read too; a space is written ``<space>``.

        Raises
        ------
        ValueError
            If the model is empty.
        """
        self.check_fitted()
        arpa.write(path, self.log_p, self.backoff, self.order)

    @classmethod
    @explained
    def load_arpa(cls, path: str | PathLike[str], *, unit: Literal["word", "character"] = "word") -> NGram:
        """Read an ARPA file.

        Parameters
        ----------
        path : path-like
        unit : {"word", "character"}, default "word"
            What its tokens are, which the file does not say.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ArpaError
            If it is damaged or no ARPA file; names the line and the reason.
        """
        log_p, backoff, order = arpa.read(path)
        model = cls(order, unit=unit)
        model.log_p, model.backoff = log_p, backoff
        return model
