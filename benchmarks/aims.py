"""The aims, and whether they are met."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.contestants import OURS
from benchmarks.race import Row

Results = Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class Aim:
    """One aim.

    Attributes
    ----------
    what, wanted, measured : str
    met : bool
    """

    what: str
    wanted: str
    measured: str
    met: bool


def assess(results: Results) -> list[Aim]:
    """Return the aims that the results say something about; `results` are rows by race title."""
    found: list[Aim] = []
    for group, mean, least in (("training", 2.5, 1.2), ("inference", 1.5, 1.0)):
        ratios = [row.ratio for row in ours(results, group) if row.ratio]
        if ratios:
            reached = math.prod(ratios) ** (1 / len(ratios))
            found.append(at_least(f"{group}: geometric mean of {len(ratios)} ratios", reached, mean))
            found.append(at_least(f"{group}: least ratio", min(ratios), least))
    for row in ours(results, "training/lstm T100 B64 I128 H256"):
        share = row.share_of_peak or 0.0
        found.append(at_least("LSTM (100, 64, 128, 256): share of the sgemm peak", share, 0.75))
    for row in ours(results, "streaming"):
        found += [at_least("streaming: ratio to PyTorch", row.ratios_to[p], 10) for p in row.ratios_to if p == "torch"]
        found += [at_least("streaming: ratio to JAX", row.ratios_to[p], 1) for p in row.ratios_to if p == "jax"]
        found.append(at_most("streaming: microseconds a frame", row.seconds, 15, scale=1e6))
    for group, peer, wanted in (
        ("static/digits", "sklearn", 5),
        ("static/mnist", "sklearn", 2),
        ("static/mnist", "torch", 2),
        ("speech/fsdd", "torch", 2),
    ):
        for row in ours(results, group):
            if peer in row.ratios_to:
                found.append(at_least(f"{group}: ratio to {peer}", row.ratios_to[peer], wanted))
    for title in results:
        scores = {row.label: row.score for row in results[title] if row.score is not None}
        if scores.keys() >= {OURS, "sklearn"}:
            found.append(at_least(f"{title}: accuracy beyond sklearn's", scores[OURS] - scores["sklearn"], -0.02))
    found += [at_most("import rnnbp: seconds", row.seconds, 0.2) for row in ours(results, "startup/import")]
    for title in results:
        if title.startswith("startup/first fit"):
            limits = {"rnnbp cold cache": 20.0, "rnnbp warm cache": 1.5}
            found += [at_most(f"{title}, {r.label}: seconds", r.seconds, limits[r.label]) for r in results[title]]
    return found + memory_aim(results)


def ours(results: Results, prefix: str) -> list[Row]:
    """Return our timed rows of the races whose titles begin so."""
    chosen = [rows for title, rows in results.items() if title.startswith(prefix)]
    return [row for rows in chosen for row in rows if row.label == OURS and row.seconds]


def memory_aim(results: Results) -> list[Aim]:
    """Return the aim of peak memory, judged where activations outweigh the allocator's pages."""
    shares = [
        row.peak_memory / row.stored_bytes
        for row in ours(results, "training")
        if row.peak_memory and row.stored_bytes and row.stored_bytes > 8 << 20
    ]
    what = f"peak memory over stored activations, the largest of {len(shares)} (above 8 MB)"
    return [at_most(what, max(shares), 1.3)] if shares else []


def at_least(what: str, measured: float, wanted: float) -> Aim:
    """Return an aim from below."""
    return Aim(what, f"at least {wanted:g}", f"{measured:.2f}", bool(measured >= wanted))


def at_most(what: str, measured: float | None, wanted: float, *, scale: float = 1.0) -> Aim:
    """Return an aim from above."""
    assert measured is not None
    return Aim(what, f"at most {wanted:g}", f"{measured * scale:.2f}", bool(measured * scale <= wanted))
