"""Texts and the labels that a network is trained on: the characters that may be written, and the blank of CTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import shown

__all__ = ["Alphabet", "check_texts"]


@dataclass(frozen=True)
class Alphabet:
    """The characters that texts are made of.

    Attributes
    ----------
    characters : str
        Character k is class k + 1; class 0 is the blank.
    """

    characters: str

    @classmethod
    def of(cls, given: str | None, texts: Sequence[str]) -> Alphabet:
        """Return the alphabet that was asked for, or that of the texts.

        Raises
        ------
        ValueError
            If the texts have other characters: all are listed.
        """
        used = sorted({character for text in texts for character in text})
        if given is None:
            if not used:
                raise ValueError("texts must hold at least one character, but all are empty")
            return cls("".join(used))
        if outside := [character for character in used if character not in given]:
            where = next(i for i, text in enumerate(texts) if set(text) & set(outside))
            written = " " if " " in given else ""
            raise ValueError(
                f"texts must be written in the alphabet {given!r}, but they also have "
                f"{', '.join(map(repr, outside))}, first in text {where}, {texts[where]!r}: map them, for example with "
                f"text.upper() or text.translate(str.maketrans({{{outside[0]!r}: {written!r}}})), add them to the "
                "alphabet, or leave these utterances out"
            )
        return cls(given)

    @property
    def symbols(self) -> list[str]:
        """What each class stands for; the blank for nothing."""
        return ["", *self.characters]

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the classes that spell a text."""
        number = {character: k for k, character in enumerate(self.characters, 1)}
        return np.array([number[character] for character in text], np.int64)

    def decode(self, labels: Iterable[int]) -> str:
        """Return the text that classes spell, without spaces at its ends and no two in a row."""
        symbols = self.symbols
        return " ".join("".join(symbols[k] for k in labels).split())


def check_texts(texts: Any, n: int) -> list[str]:
    """Return one text for each of n utterances, with single spaces between words.

    Raises
    ------
    TypeError, ValueError
        If they are not texts, or not as many.
    """
    if isinstance(texts, str) or not hasattr(texts, "__len__"):
        raise TypeError(f"texts must be a list of texts, one for each utterance, but {texts!r:.60} was given")
    if len(texts) != n:
        raise ValueError(f"texts must be one for each of the {n} utterances, but {len(texts)} were given")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"text {i} must be a str, but {shown(text)} was given")
    return [" ".join(text.split()) for text in texts]
