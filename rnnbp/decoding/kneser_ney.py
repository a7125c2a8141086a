r"""Interpolated modified Kneser-Ney smoothing: n-gram probabilities from counts.

With ``c(hw)`` the count of an n-gram, of history h (the words before) and word w, and ``h'`` the history without its
first word,

    p(w | h) = (c(hw) - D(c(hw))) / c(h·)  +  γ(h) p(w | h')
    γ(h)     = Σ_w D(c(hw)) / c(h·)                        what the discounts have taken, given to the lower order
    D(c)     = D_1, D_2, D_3 for c = 1, 2, 3 or more       of each order

The highest order counts how often an n-gram occurs; a lower one how many different words stand before it, for that is
what a shorter history is for (an n-gram at the start of a text has none before it, and is counted as it is). Below the
unigrams is the uniform distribution over all words that can follow, among them ``<unk>``. With n_k the number of
n-grams that are counted k times,

    Y = n_1 / (n_1 + 2 n_2)      D_k = k - (k + 1) Y n_(k+1) / n_k

and where few texts leave an n_k at 0, or a D_k at 0 or below, plain Kneser-Ney: D = Y for all, or 1/2 if n_1 or n_2
is 0.

S. F. Chen and J. Goodman, "An empirical study of smoothing techniques for language modeling", Computer Speech and
Language 13, 1999 (equations 23 to 27); R. Kneser and H. Ney, "Improved backing-off for m-gram language modeling",
ICASSP 1995.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["BEGIN", "END", "UNKNOWN", "count", "discounts_of", "estimate"]

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
Tokens = tuple[str, ...]


def count(texts: Iterable[Sequence[str]], order: int) -> list[Counter[Tokens]]:
    """Return how often each n-gram of each order occurs, ``<s>`` and ``</s>`` around each text."""
    counts: list[Counter[Tokens]] = [Counter() for _ in range(order)]
    for text in texts:
        padded = (BEGIN, *text, END)
        for n in range(1, order + 1):
            counts[n - 1].update(padded[i : i + n] for i in range(len(padded) - n + 1))
    return counts


def adjusted(counts: Sequence[Counter[Tokens]]) -> list[Counter[Tokens]]:
    """Return what probabilities are made of: below the highest order, how many words stand before an n-gram."""
    result = [Counter({gram: c for gram, c in of_order.items() if gram[0] == BEGIN}) for of_order in counts[:-1]]
    for shorter, longer in zip(result, counts[1:], strict=True):
        shorter.update(gram[1:] for gram in longer)
    return [*result, Counter(counts[-1])]


def discounts_of(counts: Mapping[Tokens, int]) -> tuple[float, float, float]:
    """Return D_1, D_2 and D_3 of an order."""
    n = Counter(counts.values())
    n1, n2, n3, n4 = n[1], n[2], n[3], n[4]
    y = n1 / (n1 + 2 * n2) if n1 and n2 else 0.5
    if n1 and n2 and n3:
        modified = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        if min(modified) > 0.0:
            return modified
    return y, y, y


def estimate(counts: Sequence[Counter[Tokens]]) -> tuple[dict[Tokens, float], dict[Tokens, float]]:
    """Return the probabilities of a model.

    Parameters
    ----------
    counts : list of Counter
        Of each order, from unigrams on; see `count`.

    Returns
    -------
    log_p : dict of tuple of str to float
        log p(w | h) of each n-gram hw that has occurred, and of ``<unk>``; interpolated, so a longer history that is
        known never needs a shorter one.
    backoff : dict of tuple of str to float
        log γ(h): ``p(w | h) = γ(h) p(w | h')`` where hw has not occurred.
    """
    probabilities: dict[Tokens, float] = {}
    gamma: dict[Tokens, float] = {}
    vocabulary = {gram for gram in counts[0] if gram != (BEGIN,)} | {(UNKNOWN,)}
    for of_order in adjusted(counts):
        of_order.pop((BEGIN,), None)  # nothing is followed by it
        discounts = discounts_of(of_order)
        totals: defaultdict[Tokens, int] = defaultdict(int)
        taken: defaultdict[Tokens, float] = defaultdict(float)
        for gram, c in of_order.items():
            totals[gram[:-1]] += c
            taken[gram[:-1]] += discounts[min(c, 3) - 1]
        gamma |= {history: taken[history] / total for history, total in totals.items()}
        grams = of_order.keys() | vocabulary if not probabilities else of_order
        found = {}
        for gram in grams:
            history = gram[:-1]
            c = of_order.get(gram, 0)
            below = probabilities[gram[1:]] if history else 1.0 / len(vocabulary)
            kept = (c - discounts[min(c, 3) - 1]) / totals[history] if c else 0.0
            found[gram] = kept + gamma[history] * below
        probabilities |= found
    log_p = {gram: math.log(p) for gram, p in probabilities.items()}
    return log_p, {history: math.log(g) for history, g in gamma.items() if history}
