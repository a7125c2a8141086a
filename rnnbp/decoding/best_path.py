"""Greedy decoding: the labels that the likeliest path spells.

    path(t) = argmax_k z_t(k);  merge runs of one class;  leave out blanks

A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist temporal classification", ICML 2006, section 3.2
("best path decoding"). The likeliest path need not spell the likeliest labels: `BeamSearch` adds up paths.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.decoding.posteriors import check_blank, sequences_of
from rnnbp.names import explained

__all__ = ["greedy"]


@explained
def greedy(
    logits: ArrayLike | Sequence[ArrayLike], blank: int = 0, *, lengths: ArrayLike | None = None
) -> list[list[int]]:
    """Return the labels of the likeliest path of each sequence.

    Parameters
    ----------
    logits : list of N arrays of shape (T_i, C), or array of shape (T, N, C)
        Logits, or probabilities or their logarithms: only the largest of a step matters.
    blank : int, default 0
    lengths : array of int, of shape (N,), or None
        The true lengths of a padded array; None stands for T.

    Returns
    -------
    list of N (lists of int)

    Raises
    ------
    ValueError
        If the logits have another shape or hold NaN, or if the blank is no class.

    Examples
    --------
    >>> path = [0, 1, 1, 0, 1, 2, 2]
    >>> greedy([np.eye(3)[path]])
    [[1, 1, 2]]
    """
    arrays = sequences_of(logits, lengths)
    check_blank(blank, arrays[0].shape[1])
    found = []
    for each in arrays:
        path = each.argmax(axis=1)
        starts = np.concatenate([[True], path[1:] != path[:-1]])
        found.append(path[starts & (path != blank)].tolist())
    return found
