"""Language models and lexicons as tables of numbers, for the compiled search.

A model becomes an automaton: a state is a history, an arc from it a word that is known after it, and the next state the
longest end of both that is a history again. A lexicon becomes a tree of labels. Both have sorted arcs, state after
state; see `rnnbp.kernels.beam`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnnbp.decoding.kneser_ney import BEGIN, END, UNKNOWN, Tokens
from rnnbp.decoding.ngram import LOG_UNKNOWN, NGram

if TYPE_CHECKING:
    from rnnbp.kernels.beam import LanguageModelRecord, TrieRecord

__all__ = ["automaton", "token_numbers", "trie"]


def token_numbers(model: NGram) -> dict[str, int]:
    """Return a number for each word of a model."""
    return {word: k for k, word in enumerate(model.vocabulary)}


def automaton(model: NGram) -> LanguageModelRecord:
    """Return a model as an automaton."""
    from rnnbp.kernels.beam import LanguageModelRecord

    numbers = token_numbers(model)
    histories: set[Tokens] = {gram[:-1] for gram in model.log_p}
    histories |= {gram for gram in model.backoff if len(gram) < model.order}
    histories.add(())
    ordered = sorted(histories, key=lambda history: (len(history), history))
    state = {history: k for k, history in enumerate(ordered)}

    def longest(gram: Tokens) -> int:
        while gram not in state:
            gram = gram[1:]
        return state[gram]

    arcs: list[list[tuple[int, float, int]]] = [[] for _ in ordered]
    for gram, log_p in model.log_p.items():
        if gram[-1] in numbers:
            following = gram[1:] if len(gram) == model.order else gram
            arcs[state[gram[:-1]]].append((numbers[gram[-1]], log_p, longest(following)))
    for each in arcs:
        each.sort()
    flat = [arc for each in arcs for arc in each]
    return LanguageModelRecord(
        first=np.cumsum([0, *map(len, arcs)]).astype(np.int64),
        tokens=np.array([arc[0] for arc in flat], np.int64),
        log_p=np.array([arc[1] for arc in flat]),
        next=np.array([arc[2] for arc in flat], np.int64),
        backoff=np.array([model.backoff.get(history, 0.0) for history in ordered]),
        lower=np.array([longest(history[1:]) for history in ordered], np.int64),
        start=longest((BEGIN,)),
        end=numbers.get(END, len(numbers)),
        unknown=numbers.get(UNKNOWN, len(numbers)),
        log_unknown=LOG_UNKNOWN,
    )


def trie(words: Iterable[str], labels: Mapping[str, int], numbers: Mapping[str, int], unknown: int) -> TrieRecord:
    """Return words as a tree of labels.

    Parameters
    ----------
    words : iterable of str
    labels : mapping of str to int
        The label of each character.
    numbers : mapping of str to int
        The number of each word in the language model.
    unknown : int
        That of a word which it does not have.
    """
    from rnnbp.kernels.beam import TrieRecord

    children: list[dict[int, int]] = [{}]
    word_at: dict[int, int] = {}
    for word in words:
        node = 0
        for character in word:
            label = labels[character]
            if label not in children[node]:
                children[node][label] = len(children)
                children.append({})
            node = children[node][label]
        word_at[node] = numbers.get(word, unknown)
    arcs: Sequence[list[tuple[int, int]]] = [sorted(each.items()) for each in children]
    return TrieRecord(
        first=np.cumsum([0, *map(len, arcs)]).astype(np.int64),
        labels=np.array([label for each in arcs for label, _ in each], np.int64),
        next=np.array([node for each in arcs for _, node in each], np.int64),
        word=np.array([word_at.get(node, -1) for node in range(len(children))], np.int64),
    )
