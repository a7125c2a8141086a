"""Word, character and label error rates, with what the errors are and how sure the rate is.

    rate = (substitutions + deletions + insertions) / tokens of the references       over all utterances together

It may be above 1. Texts are compared as they are: bring both to one case, and leave out punctuation, before. How sure a
rate is, a bootstrap says: utterances are drawn again with replacement, as many as there are, and the rate of each such
draw is one that might have been measured.

M. Bisani and H. Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", ICASSP 2004.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rnnbp.configuration import number, shown, whole_number
from rnnbp.lazy import cached_property
from rnnbp.metrics.edit_distance import EditAlignment, align_edits, edit_distance
from rnnbp.names import explained

__all__ = ["ErrorRates", "character_error_rate", "error_rates", "label_error_rate", "word_error_rate"]

Tokens = Sequence[Hashable]
UNITS = ("word", "character", "label")


@dataclass(frozen=True)
class ErrorRates:
    """The errors of some utterances.

    Attributes
    ----------
    alignments : tuple of EditAlignment
        One for each utterance; print one to see it.
    groups : tuple of hashable or None
        The group of each, such as its speaker.

    See Also
    --------
    error_rates
    word_error_rate

    Examples
    --------
    >>> rates = error_rates(["one two three"], ["one too three"])
    >>> rates.errors, rates.n_reference, round(rates.rate, 3)
    (1, 3, 0.333)
    """

    alignments: tuple[EditAlignment, ...]
    groups: tuple[Hashable, ...] | None = None

    @cached_property
    def counts(self) -> Counter[str]:
        """How many edits there are of each kind: "match", "substitution", "deletion", "insertion"."""
        return Counter(edit.kind for alignment in self.alignments for edit in alignment.edits)

    @property
    def substitutions(self) -> int:
        """Tokens in the place of others."""
        return self.counts["substitution"]

    @property
    def deletions(self) -> int:
        """Tokens of references that are missing."""
        return self.counts["deletion"]

    @property
    def insertions(self) -> int:
        """Tokens that no reference has."""
        return self.counts["insertion"]

    @property
    def errors(self) -> int:
        """All of them."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def n_reference(self) -> int:
        """The number of tokens of the references."""
        return self.counts["match"] + self.substitutions + self.deletions

    @property
    def rate(self) -> float:
        """Errors over tokens of the references; NaN if these have none, as a group's may."""
        return self.errors / self.n_reference if self.n_reference else float("nan")

    def by_group(self) -> dict[Any, ErrorRates]:
        """Return the errors of each group, the worst first.

        Raises
        ------
        ValueError
            If there are no groups.
        """
        if self.groups is None:
            raise ValueError("groups must be given to `error_rates`, one for each utterance, but there are none")
        members: dict[Hashable, list[EditAlignment]] = {}
        for group, alignment in zip(self.groups, self.alignments, strict=True):
            members.setdefault(group, []).append(alignment)
        found = {group: ErrorRates(tuple(each)) for group, each in members.items()}
        return dict(sorted(found.items(), key=lambda item: -np.nan_to_num(item[1].rate)))

    def confusions(self) -> list[tuple[Hashable, Hashable, int]]:
        """Return (reference, hypothesis, how often) of all errors, the most frequent first; None stands for nothing."""
        pairs = Counter(
            (edit.reference, edit.hypothesis)
            for alignment in self.alignments
            for edit in alignment.edits
            if edit.kind != "match"
        )
        return [(*pair, n) for pair, n in pairs.most_common()]

    def confidence_interval(
        self,
        level: float = 0.95,
        *,
        resample: Literal["utterance", "group"] = "utterance",
        n_resamples: int = 2000,
        seed: int | None = 0,
    ) -> tuple[float, float]:
        """Return an interval of the rate, by a bootstrap (percentiles).

        Parameters
        ----------
        level : float, default 0.95
            How much of what might have been measured lies in it; in (0, 1).
        resample : {"utterance", "group"}, default "utterance"
            What is drawn again. Utterances of one speaker are alike; if speakers are the groups, drawing these says
            what other speakers might give.
        n_resamples : int, default 2000
        seed : int or None, default 0
            None takes fresh entropy.

        Raises
        ------
        ValueError
            If a setting is out of range, or if there are no groups to draw.
        """
        number("level", level, "(0, 1)")
        whole_number("n_resamples", n_resamples)
        if resample not in ("utterance", "group"):
            raise ValueError(f"resample must be 'utterance' or 'group', but {shown(resample)} was given")
        units = [(each.errors, each.n_reference) for each in self.alignments]
        if resample == "group":
            units = [(each.errors, each.n_reference) for each in self.by_group().values()]
        errors, tokens = np.array(units, float).T
        rng = np.random.default_rng(seed)
        draws = rng.multinomial(len(units), np.full(len(units), 1.0 / len(units)), n_resamples)
        drawn = draws @ tokens
        rates = (draws @ errors)[drawn > 0] / drawn[drawn > 0]
        low, high = np.quantile(rates, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
        return float(low), float(high)

    def __str__(self) -> str:
        low, high = self.confidence_interval()
        return (
            f"{100 * self.rate:.1f} % ({self.errors} of {self.n_reference}; 95 % interval {100 * low:.1f} to "
            f"{100 * high:.1f} %): {self.substitutions} substitutions, {self.deletions} deletions, "
            f"{self.insertions} insertions"
        )


@explained
def error_rates(
    references: Iterable[Any],
    hypotheses: Iterable[Any],
    *,
    unit: Literal["word", "character", "label"] = "word",
    groups: Iterable[Hashable] | None = None,
) -> ErrorRates:
    """Return the errors of hypotheses, and what they are.

    Parameters
    ----------
    references, hypotheses : list of N str, or of N label sequences
    unit : {"word", "character", "label"}, default "word"
        What is compared: words of texts, cut at white space; characters, a space among them, without those at the ends
        of a text; or the entries of sequences.
    groups : list of N hashable, or None
        Such as the speaker of each.

    Raises
    ------
    ValueError
        If there are not as many hypotheses as references, or groups; if the references have no token; or if one is no
        text or sequence.

    Examples
    --------
    >>> found = error_rates(["one two three", "four"], ["one too three", "for"], groups=["ann", "bob"])
    >>> round(found.rate, 3), found.substitutions, {name: each.rate for name, each in found.by_group().items()}
    (0.5, 2, {'bob': 1.0, 'ann': 0.3333333333333333})
    """
    pairs = _pairs(references, hypotheses, unit)
    listed = None if groups is None else tuple(groups)
    if listed is not None and len(listed) != len(pairs):
        raise ValueError(f"groups must be one for each of the {len(pairs)} references, but there are {len(listed)}")
    return ErrorRates(tuple(align_edits(*pair) for pair in pairs), listed)


@explained
def word_error_rate(references: Iterable[str], hypotheses: Iterable[str]) -> float:
    """Return how many words are wrong, over the number of words of the references.

    Parameters
    ----------
    references, hypotheses : list of N str
        What was said, and what was understood. One str is a list of one.

    Raises
    ------
    ValueError
        See `error_rates`.

    Examples
    --------
    >>> word_error_rate(["one two three", "four"], ["one too three", "four"])
    0.25
    """
    return _rate(references, hypotheses, "word")


@explained
def character_error_rate(references: Iterable[str], hypotheses: Iterable[str]) -> float:
    """Return how many characters are wrong, over the number of those of the references; a space is one.

    Parameters
    ----------
    references, hypotheses : list of N str
        One str is a list of one.

    Raises
    ------
    ValueError
        See `error_rates`.

    Examples
    --------
    >>> character_error_rate(["abcd"], ["abd"])
    0.25
    """
    return _rate(references, hypotheses, "character")


@explained
def label_error_rate(references: Iterable[Tokens], hypotheses: Iterable[Tokens]) -> float:
    """Return how many labels are wrong, over the number of labels of the references.

    Parameters
    ----------
    references, hypotheses : list of N (lists of hashable)
        Such as label sequences, and what `rnnbp.decoding.greedy` returns.

    Raises
    ------
    ValueError
        See `error_rates`.

    Examples
    --------
    >>> label_error_rate([[1, 2, 3], [1]], [[1, 2], [1]])
    0.25
    """
    return _rate(references, hypotheses, "label")


def _rate(references: Iterable[Any], hypotheses: Iterable[Any], unit: str) -> float:
    pairs = _pairs(references, hypotheses, unit)
    return sum(edit_distance(*pair) for pair in pairs) / sum(len(reference) for reference, _ in pairs)


def _pairs(references: Iterable[Any], hypotheses: Iterable[Any], unit: str) -> list[tuple[Tokens, Tokens]]:
    """Return the tokens of each reference and hypothesis, checked."""
    if unit not in UNITS:
        raise ValueError(f"unit must be one of {UNITS}, but {shown(unit)} was given")
    both = []
    for name, given in (("references", references), ("hypotheses", hypotheses)):
        listed = [given] if isinstance(given, str) else list(given)
        both.append([_tokens(each, f"{name}[{i}]", unit) for i, each in enumerate(listed)])
    said, understood = both
    if len(said) != len(understood):
        raise ValueError(
            f"there must be a hypothesis for each reference, but there are {len(understood)} for {len(said)}"
        )
    if not any(said):
        raise ValueError(f"references must hold at least one {unit}, but they hold none")
    return list(zip(said, understood, strict=True))


def _tokens(given: Any, name: str, unit: str) -> Tokens:
    if unit == "label":
        if isinstance(given, str) or not hasattr(given, "__len__"):
            raise ValueError(f"{name} must be a list of labels, but {shown(given)} was given")
        return given.tolist() if isinstance(given, np.ndarray) else list(given)
    if not isinstance(given, str):
        raise ValueError(f"{name} must be a text, but {shown(given)} was given")
    return given.split() if unit == "word" else list(given.strip())
