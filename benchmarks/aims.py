"""The aims, and whether they are met."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.contestants import OURS, PEAK
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
    parts = (startup, grids, streaming, static_and_speech, label_sequences, denormals, memory)
    return [aim for part in parts for aim in part(results)]


def startup(results: Results) -> Iterator[Aim]:
    """Yield the aims of the first fit, over a process that imports PyTorch, and of imports."""
    for title in results:
        for row in ours(results, title) if title.startswith("startup/first fit") else ():
            if row.ratio:
                wanted = 0.8 if "cold" in row.label else 0.4
                yield at_most(f"{title}, {row.label}: over import torch", 1 / row.ratio, wanted)
    for row in ours(results, "startup/second cell"):
        yield at_most("second kind of cell in a process: seconds", row.seconds, 0.2)
    for row in ours(results, "startup/import"):
        yield at_most("import rnnbp: seconds", row.seconds, 0.2)


def grids(results: Results) -> Iterator[Aim]:
    """Yield the aims of training and inference, over the grid and over random shapes."""
    for group, mean, least in (("training", 3.5, 1.4), ("shapes", 3.5, 1.4), ("inference", 2.5, 1.2)):
        ratios = [row.ratio for row in ours(results, f"{group}/") if row.ratio]
        if ratios:
            reached = math.prod(ratios) ** (1 / len(ratios))
            yield at_least(f"{group}: geometric mean of {len(ratios)} ratios", reached, mean)
            yield at_least(f"{group}: least ratio", min(ratios), least)
    for shape, wanted in (("T20 B1 I8 H32", 8), ("T50 B16 I20 H32", 3)):
        for row in ours(results, f"training/lstm {shape}"):
            if row.ratio:
                yield at_least(f"training, LSTM {shape}: ratio", row.ratio, wanted)
    for row in ours(results, "training/lstm T100 B64 I128 H256"):
        yield at_least("training, LSTM T100 B64 I128 H256: share of the sgemm peak", row.share_of_peak or 0.0, 0.75)


def streaming(results: Results) -> Iterator[Aim]:
    """Yield the aims of one frame at a time."""
    for row in ours(results, "streaming"):
        yield at_most("streaming: microseconds a frame", row.seconds, 4, scale=1e6)
        yield from ratios_to(row, "streaming", {"torch": 15, "jax": 1, "onnxruntime": 1})


def static_and_speech(results: Results) -> Iterator[Aim]:
    """Yield the aims of epochs over real data: their time, and what has been learned in it."""
    for prefix, wanted in (
        ("static/digits", {"sklearn": 8}),
        ("static/mnist", {"sklearn": 2.5, "torch": 2}),
        ("speech/fsdd", {"torch": 2}),
    ):
        for row in ours(results, prefix):
            yield from ratios_to(row, prefix, wanted)
    for title, rows in results.items():
        scores = {row.label: row.score for row in rows if row.score is not None}
        if scores.keys() >= {OURS, "sklearn"}:
            yield at_least(f"{title}: accuracy beyond sklearn's", scores[OURS] - scores["sklearn"], -0.02)


def label_sequences(results: Results) -> Iterator[Aim]:
    """Yield the aims of connectionist temporal classification."""
    for title, rows in results.items():
        for row in rows if title.startswith("ctc/") else ():
            if row.contestant == OURS and row.seconds:
                yield from ratios_to(row, title, {"torch": 3})


def denormals(results: Results) -> Iterator[Aim]:
    """Yield the aim of denormal inputs, and what they cost in a plain product: if that is 1, the aim proves nothing."""
    for row in ours(results, "denormals"):
        if row.over_baseline:
            rows = [row for title in results if title.startswith("denormals") for row in results[title]]
            plain = "".join(f" (a plain product: {r.over_baseline:.2f})" for r in rows if r.contestant == PEAK)
            yield at_most(f"denormal inputs over normal ones{plain}", row.over_baseline, 1.2)


def memory(results: Results) -> Iterator[Aim]:
    """Yield the aim of peak memory in any race, judged where activations outweigh the allocator's pages."""
    shares = [row.memory_over_stored for row in ours(results, "") if row.memory_over_stored]
    if shares:
        what = f"peak memory over stored activations, the largest of {len(shares)} (above 8 MB)"
        yield at_most(what, max(shares), 1.25)


def ours(results: Results, prefix: str) -> list[Row]:
    """Return our timed rows of the races whose titles begin so."""
    chosen = [rows for title, rows in results.items() if title.startswith(prefix)]
    return [row for rows in chosen for row in rows if row.contestant == OURS and row.seconds]


def ratios_to(row: Row, what: str, wanted: Mapping[str, float]) -> Iterator[Aim]:
    """Yield an aim for each peer that took part."""
    for peer, least in wanted.items():
        if peer in row.ratios_to:
            yield at_least(f"{what}: ratio to {peer}", row.ratios_to[peer], least)


def at_least(what: str, measured: float, wanted: float) -> Aim:
    """Return an aim from below."""
    return Aim(what, f"at least {wanted:g}", f"{measured:.2f}", bool(measured >= wanted))


def at_most(what: str, measured: float | None, wanted: float, *, scale: float = 1.0) -> Aim:
    """Return an aim from above."""
    assert measured is not None
    return Aim(what, f"at most {wanted:g}", f"{measured * scale:.2f}", bool(measured * scale <= wanted))
