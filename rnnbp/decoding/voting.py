r"""Voting: of the labels that several networks find, those that all of them together find likeliest.

K networks have heard the same x, and each of their outputs is searched for the n best label sequences. Of all that are
found, the first is the l that maximises

    1/K Σ_k log p_k(l | x)  +  weight · log p_LM(l)  +  bonus · (number of words in l)

where ``log p_k(l | x)`` is the whole likelihood of l (`rnnbp.losses.ctc`), of all paths that spell it. So networks
agree on texts, and need not write them at the same steps: where one is earlier than another, the mean of their outputs
is worse than each of them.

References: G. E. Hinton, "Products of experts", ICANN 1999 (the mean of log-likelihoods); J. G. Fiscus, "A
post-processing system to yield reduced word error rates: recognizer output voting error reduction (ROVER)", ASRU 1997.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.configuration import shown, whole_number
from rnnbp.decoding.beam_search import BeamSearch, Hypothesis
from rnnbp.decoding.posteriors import sequences_of
from rnnbp.losses import ctc
from rnnbp.names import explained

__all__ = ["vote"]


@explained
def vote(search: BeamSearch, logits: Sequence[Sequence[ArrayLike]], n: int = 15) -> list[list[Hypothesis]]:
    """Return what several networks find in each sequence, the labels first that they find likeliest together.

    Parameters
    ----------
    search : BeamSearch
    logits : list of K lists of N arrays of shape (T_i, C)
        What each network says of the same N sequences.
    n : int, default 15
        How many hypotheses of each network are voted on.

    Returns
    -------
    list of N lists of Hypothesis
        Each with its score, as above.

    Raises
    ------
    ValueError
        If there are no networks, or if their outputs are not of the same sequences and classes; see also
        `BeamSearch.n_best`.

    Examples
    --------
    Two networks are not sure of what comes first, and one of them is surer than the other.

    >>> first, second = (np.log([[0.02, p, 0.98 - p]]) for p in (0.5, 0.1))
    >>> vote(BeamSearch(10), [[first], [second]])[0][0].labels
    [2]
    """
    if not isinstance(search, BeamSearch):
        raise TypeError(f"search must be a BeamSearch, but {shown(search)} was given")
    whole_number("n", n)
    networks = [sequences_of(each, None) for each in logits]
    if not networks:
        raise ValueError("logits must be those of one network or more, but there are none")
    shapes = [[each.shape for each in said] for said in networks]
    if any(each != shapes[0] for each in shapes):
        raise ValueError("networks must have heard the same sequences and know the same classes, but shapes differ")
    found = [search.n_best(said, n) for said in networks]
    return [
        _ranked(search, [each[i] for each in found], [said[i] for said in networks]) for i in range(len(networks[0]))
    ]


def _ranked(search: BeamSearch, found: Sequence[Sequence[Hypothesis]], said: Sequence[np.ndarray]) -> list[Hypothesis]:
    """Return all hypotheses for one sequence, the best first."""
    listed = {tuple(each.labels) for those in found for each in those if each.score > -np.inf}
    if not listed:  # the lexicon has none of it
        return list(found[0])
    labels = [list(each) for each in sorted(listed)]
    total = np.zeros(len(labels))
    for each in said:
        total -= ctc([each.astype(np.float64)] * len(labels), labels, search.blank)[0]
    scores = total / len(said) + [search.prior(each) for each in labels]
    return [Hypothesis(labels[k], float(scores[k])) for k in np.argsort(-scores, kind="stable")]
