"""Lexicons and symbols: what words there are, and how labels spell them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rnnbp.configuration import shown

__all__ = ["check_lexicon", "check_spelling", "check_symbols"]


def check_symbols(given: Sequence[str], blank: int) -> list[str]:
    """Return what classes stand for, checked."""
    symbols = list(given)
    spoken = [symbol for k, symbol in enumerate(symbols) if k != blank]
    if not all(isinstance(symbol, str) for symbol in symbols) or len(set(spoken)) != len(spoken) or not spoken:
        raise ValueError(f"symbols must be different strings, one for each class, but {shown(given)} was given")
    return symbols


def check_lexicon(given: Iterable[str]) -> list[str]:
    """Return a lexicon's words, checked."""
    words = [] if isinstance(given, str) else list(given)
    if not words or not all(isinstance(word, str) and word for word in words):
        raise ValueError(f"lexicon must be a list of words, at least one, but {shown(given)} was given")
    return sorted(set(words))


def check_spelling(words: Sequence[str], labels: Mapping[str, int], separator: str, numbers: Mapping[str, int]) -> None:
    """Raise ValueError if words have characters that no label stands for (all are named), or if the model knows none.

    Parameters
    ----------
    words : list of str
    labels : mapping of str to int
    separator : str
    numbers : mapping of str to int
        The words that the language model knows; empty if there is no model.
    """
    missing = sorted({character for word in words for character in word} - labels.keys())
    if missing:
        raise ValueError(
            f"symbols must have every character of the lexicon, but {', '.join(map(repr, missing))} "
            f"{'is' if len(missing) == 1 else 'are'} missing"
        )
    if separated := [word for word in words if separator in word]:
        raise ValueError(f"words must not have the separator in them, but {shown(separated[0])} was given")
    if numbers and not numbers.keys() & set(words):
        raise ValueError(
            f"the language model must know at least one word that can be found, but it knows {sorted(numbers)[:3]}, "
            f"and {list(words)[:3] or list(labels)[:3]} are what there is to find: are they of one case?"
        )
