"""A later run beside an earlier one: which of our ratios got worse.

Only ratios are compared, as seconds are another machine's or another day's: the time of the best peer over ours (of the
peers that both runs have), the share of the sgemm peak, denormal inputs over normal ones, and peak memory over what has
to be stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.contestants import OURS
from benchmarks.race import Row

Results = Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class Change:
    """A figure of a row of ours, in two runs.

    Attributes
    ----------
    title, label, what : str
    before, after : float or None
        None if the row has failed in the later run.
    loss : float
        By how much it got worse: 0.25 for a time that is 1.25 times as long, measured in the peer's.
    """

    title: str
    label: str
    what: str
    before: float
    after: float | None
    loss: float

    def __str__(self) -> str:
        after = "failed" if self.after is None else f"{self.after:.3g}"
        return f"{self.title}, {self.label}: {self.what} {self.before:.3g} -> {after}"


def changes(before: Results, after: Results) -> Iterator[Change]:
    """Yield every figure that both runs have, and what the later one has failed to give."""
    for title in [title for title in before if title in after]:
        later = {(row.label, row.threads): row for row in after[title]}
        for row in before[title]:
            if row.contestant == OURS and (row.label, row.threads) in later:
                yield from row_changes(title, row, later[row.label, row.threads])


def row_changes(title: str, before: Row, after: Row) -> Iterator[Change]:
    """Yield the figures of one row."""
    peers = before.ratios_to.keys() & after.ratios_to.keys()
    for what, one, other, more_is_better in (
        ("ratio to the best peer", best(before, peers), best(after, peers), True),
        ("share of the peak", before.share_of_peak, after.share_of_peak, True),
        ("over normal inputs", before.over_baseline, after.over_baseline, False),
        ("memory over stored", before.memory_over_stored, after.memory_over_stored, False),
    ):
        if one and other:
            loss = (one / other if more_is_better else other / one) - 1
            yield Change(title, before.label, what, one, other, loss)
    if before.seconds and after.failed:
        yield Change(title, before.label, "seconds", before.seconds, None, float("inf"))


def best(row: Row, peers: set[str]) -> float | None:
    """Return the ratio to the best of some peers."""
    return min((row.ratios_to[peer] for peer in peers), default=None)


def verdict(before: Results, after: Results, tolerance: float) -> tuple[str, bool]:
    """Return what got worse by more than the tolerance, as text, and whether anything did or nothing was comparable."""
    found = sorted(changes(before, after), key=lambda change: -change.loss)
    worse = [change for change in found if change.loss > tolerance]
    missing = len(before.keys() - after.keys())
    lines = [f"check: {len(found)} ratios compared, {len(worse)} worse by more than {tolerance:.0%}"]
    lines += [f"  WORSE  {change}" for change in worse]
    lines += [f"  not measured this time: {missing} of {len(before)} races"] if missing else []
    return "\n".join(lines), bool(worse) or not found
