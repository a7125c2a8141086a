"""Edit distance, and which edits they are.

The least number of substitutions, deletions and insertions that make a reference r of n tokens a hypothesis h of m:

    d(i, 0) = i,  d(0, j) = j
    d(i, j) = min(d(i-1, j-1) + [r_i ≠ h_j],  d(i-1, j) + 1,  d(i, j-1) + 1)

A row at a time: the last term, which looks back along the row, is a running minimum of ``d(i, j) - j``. Of the
alignments with the fewest edits, one with the most matches is shown, for a deletion and an insertion around a match say
more than two substitutions: substitutions cost a little more than 1, by less than all of them could make up to 1.

V. I. Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals", 1966; R. A. Wagner and
M. J. Fischer, "The string-to-string correction problem", Journal of the ACM 21, 1974.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import shown
from rnnbp.lazy import cached_property
from rnnbp.names import explained

__all__ = ["Edit", "EditAlignment", "align_edits", "edit_distance"]

Index = NDArray[np.intp]
LETTERS = {"match": " ", "substitution": "S", "deletion": "D", "insertion": "I"}


@dataclass(frozen=True)
class Edit:
    """One place of an alignment.

    Attributes
    ----------
    kind : {"match", "substitution", "deletion", "insertion"}
    reference, hypothesis : hashable or None
        The tokens; there is none in the hypothesis where one was deleted, none in the reference where one was inserted.

    See Also
    --------
    align_edits

    Examples
    --------
    >>> [edit.kind for edit in align_edits("cart", "cat").edits]
    ['match', 'match', 'deletion', 'match']
    """

    kind: str
    reference: Hashable
    hypothesis: Hashable


@dataclass(frozen=True)
class EditAlignment:
    """How a hypothesis differs from its reference; printed, it shows both, one above the other.

    Attributes
    ----------
    edits : tuple of Edit
        Matches among them.

    Examples
    --------
    >>> print(align_edits("one two three".split(), "one too three four".split()))
    REF: one two three ****
    HYP: one too three four
             S         I
    """

    edits: tuple[Edit, ...]

    def count(self, kind: str) -> int:
        """Return how many edits are of a kind."""
        return sum(edit.kind == kind for edit in self.edits)

    @cached_property
    def errors(self) -> int:
        """The edit distance."""
        return len(self.edits) - self.count("match")

    @property
    def n_reference(self) -> int:
        """The number of tokens of the reference."""
        return len(self.edits) - self.count("insertion")

    def __str__(self) -> str:
        columns = []
        for edit in self.edits:
            one = "" if edit.kind == "insertion" else str(edit.reference)
            other = "" if edit.kind == "deletion" else str(edit.hypothesis)
            width = max(len(one), len(other), 1)
            shown = [text.ljust(width) if text else "*" * width for text in (one, other)]
            columns.append((*shown, LETTERS[edit.kind].ljust(width)))
        rows = zip(*columns, strict=True) if columns else [(), (), ()]
        return "\n".join(
            f"{name} {' '.join(row)}".rstrip() for name, row in zip(("REF:", "HYP:", "    "), rows, strict=True)
        )


@explained
def edit_distance(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> int:
    """Return the least number of substitutions, deletions and insertions between two sequences.

    Examples
    --------
    >>> edit_distance("kitten", "sitting")
    3
    """
    for row in _rows(*_numbered(reference, hypothesis)):
        distances = row
    return int(distances[-1])


@explained
def align_edits(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> EditAlignment:
    """Return an alignment with the fewest edits, and of these with the most matches.

    Parameters
    ----------
    reference, hypothesis : sequence of hashable
        Words, characters or labels.

    See Also
    --------
    edit_distance

    Examples
    --------
    >>> print(align_edits("it is so".split(), "it so".split()))
    REF: it is so
    HYP: it ** so
            D
    """
    r, h = _numbered(reference, hypothesis)
    gap = len(r) + len(h)
    change = gap + 1
    d = np.stack(list(_rows(r, h, gap, change)))
    i, j = len(r), len(h)
    edits = []
    while i or j:
        if i and j and d[i, j] == d[i - 1, j - 1] + change * (reference[i - 1] != hypothesis[j - 1]):
            i, j = i - 1, j - 1
            kind = "match" if reference[i] == hypothesis[j] else "substitution"
            edits.append(Edit(kind, reference[i], hypothesis[j]))
        elif i and d[i, j] == d[i - 1, j] + gap:
            i -= 1
            edits.append(Edit("deletion", reference[i], None))
        else:
            j -= 1
            edits.append(Edit("insertion", None, hypothesis[j]))
    return EditAlignment(tuple(reversed(edits)))


def _numbered(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> tuple[list[int], Index]:
    """Return both with a number for each token, the same for equal ones."""
    numbers: dict[Hashable, int] = {}
    found = []
    for name, tokens in (("reference", reference), ("hypothesis", hypothesis)):
        try:
            found.append([numbers.setdefault(token, len(numbers)) for token in tokens])
        except TypeError:
            raise TypeError(
                f"{name} must be a text, or a list of words or of other hashable tokens, but {shown(tokens)} was given"
            ) from None
    return found[0], np.array(found[1], np.intp)


def _rows(r: list[int], h: Index, gap: int = 1, change: int = 1) -> Iterator[Index]:
    """Yield d(i, ·) for i = 0 to n, with the costs of a deletion or insertion and of a substitution."""
    along = gap * np.arange(len(h) + 1)
    row = along
    yield row
    for i, token in enumerate(r, 1):
        best = np.empty_like(along)
        best[0] = gap * i
        np.minimum(row[:-1] + change * (h != token), row[1:] + gap, out=best[1:])
        row = np.minimum.accumulate(best - along) + along
        yield row
