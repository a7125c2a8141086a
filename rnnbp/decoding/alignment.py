r"""Forced alignment: when each label was said, given that these labels were said.

The likeliest path that spells the labels, by the recursion of `rnnbp.losses.forward_backward` with a maximum in the
place of the sum (Viterbi), over the same states:

    δ_t(s) = y_t(l'_s) + max(δ_{t-1}(s), δ_{t-1}(s-1), δ_{t-1}(s-2) if l'_s ≠ blank and l'_s ≠ l'_{s-2})
    s*_T = argmax(δ_T(S), δ_T(S-1));  s*_{t-1} = where the maximum of δ_t(s*_t) came from

A network trained with CTC gives most steps to the blank, and peaks for a few at a label: times of begins are good to
some steps, ends are early.

A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist temporal classification", ICML 2006; L. R. Rabiner,
"A tutorial on hidden Markov models", Proceedings of the IEEE 77, 1989 (the Viterbi algorithm).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.decoding.posteriors import check_blank, check_labels, log_probabilities, sequences_of
from rnnbp.losses.forward_backward import states_of
from rnnbp.losses.label_sequences import LabelSequences
from rnnbp.names import explained

__all__ = ["Alignment", "Segment", "align"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Segment:
    """Where a label or a word lies.

    Attributes
    ----------
    label : int or str
    start, end : int
        Its first step, and the one after its last.
    confidence : float
        The mean of the probabilities that the network gives its label (or labels) at its steps, from 0 to 1.

    See Also
    --------
    Alignment

    Examples
    --------
    >>> segment = Segment("seven", start=12, end=40, confidence=0.93)
    >>> segment.end - segment.start
    28
    """

    label: int | str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True, eq=False)
class Alignment:
    """Labels in time.

    Attributes
    ----------
    segments : list of Segment
        One for each label, in order.
    log_probability : float
        Of the likeliest path that spells them.
    path : ndarray of int, of shape (T,)
        Its class at each step.

    See Also
    --------
    align
    Segment

    Examples
    --------
    >>> path = [0, 1, 1, 0, 2]  # 0 is the blank
    >>> alignment = align(5.0 * np.eye(3)[path], [1, 2])
    >>> [(segment.label, segment.start, segment.end) for segment in alignment.segments]
    [(1, 1, 3), (2, 4, 5)]
    """

    segments: list[Segment]
    log_probability: float
    path: NDArray[np.intp]

    def words(self, symbols: Sequence[str], separator: str = " ") -> list[Segment]:
        """Return the words that labels spell, each from its first label's start to its last label's end.

        Parameters
        ----------
        symbols : sequence of str
            What each class stands for.
        separator : str, default " "
            The symbol between words.

        Raises
        ------
        ValueError
            If a label has no symbol.
        """
        check_labels([int(segment.label) for segment in self.segments], len(symbols))
        groups: list[list[Segment]] = [[]]
        for segment in self.segments:
            if symbols[int(segment.label)] == separator:
                groups.append([])
            else:
                groups[-1].append(segment)
        return [
            Segment(
                "".join(symbols[int(each.label)] for each in group),
                group[0].start,
                group[-1].end,
                float(np.average([each.confidence for each in group], weights=[e.end - e.start for e in group])),
            )
            for group in groups
            if group
        ]


@explained
def align(logits: ArrayLike, labels: Sequence[int], blank: int = 0) -> Alignment:
    """Return when each label was said, by the likeliest path that spells them.

    Parameters
    ----------
    logits : array of shape (T, C)
        Of one sequence.
    labels : sequence of int
        Without blanks; there may be none.
    blank : int, default 0

    Returns
    -------
    Alignment

    Raises
    ------
    ValueError
        If the logits have another shape or hold NaN, if labels are no classes, or if T steps are too few for them.

    Examples
    --------
    >>> path = [0, 1, 1, 0, 2]
    >>> found = align(5.0 * np.eye(3)[path], [1, 2])
    >>> [(each.label, each.start, each.end) for each in found.segments]
    [(1, 1, 3), (2, 4, 5)]
    """
    (given,) = sequences_of([logits], None)
    n_steps, n_classes = given.shape
    check_blank(blank, n_classes)
    encoded = LabelSequences.of([labels], n_classes, blank=blank)
    encoded.check_fit(np.array([n_steps]), "give fewer labels, or logits of more steps (a smaller stride)")
    log_p = log_probabilities(given)
    states, skips = states_of(encoded.values, blank)
    best, path = _viterbi(log_p[:, states], skips)
    segments = []
    for i, label in enumerate(encoded.values.tolist()):
        at = np.flatnonzero(path == 2 * i + 1)
        confidence = float(np.exp(log_p[at, label]).mean())
        segments.append(Segment(label, int(at[0]), int(at[-1]) + 1, confidence))
    return Alignment(segments, best, states[path])


def _viterbi(y: Array, skips: NDArray[np.bool_]) -> tuple[float, NDArray[np.intp]]:
    """Return the log-probability of the best path through the states, and its state at each step."""
    n_steps, n_states = y.shape
    delta = np.full((3, n_states), -np.inf)  # of coming from the same state, from one before, from two before
    came = np.zeros(y.shape, np.intp)
    current = np.full(n_states, -np.inf)
    current[:2] = y[0, :2]
    for t in range(1, n_steps):
        delta[0], delta[1, 1:] = current, current[:-1]
        delta[2, 2:] = np.where(skips[2:], current[:-2], -np.inf)
        came[t] = delta.argmax(axis=0)
        current = y[t] + delta.max(axis=0)
    ends = np.arange(max(n_states - 2, 0), n_states)
    path = np.empty(n_steps, np.intp)
    path[-1] = ends[current[ends].argmax()]
    best = float(current[path[-1]])
    for t in range(n_steps - 1, 0, -1):
        path[t - 1] = path[t] - came[t, path[t]]
    return best, path
