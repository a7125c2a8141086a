"""What was measured, as text and as JSON."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.aims import Aim
from benchmarks.race import Row

HEADINGS = (
    "contestant", "time", "ratio", "over normal", "GFLOP/s", "of peak", "memory", "stored", "compiled in", "accuracy",
    "error",
)  # fmt: skip


def table(title: str, rows: Sequence[Row]) -> str:
    """Return a race's rows, without the columns that are empty in all of them."""
    cells = [list(HEADINGS), *(_cells(row) for row in rows)]
    kept = [k for k in range(len(HEADINGS)) if k < 2 or any(line[k] for line in cells[1:])]
    cells = [[line[k] for k in kept] for line in cells]
    widths = [max(len(line[k]) for line in cells) for k in range(len(kept))]
    lines = [
        "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]).rstrip()
        for line in cells
    ]
    problems = [f"{row.label}: {'FAILED' if row.failed else 'skipped'}: {row.problem}" for row in rows if row.problem]
    return "\n".join([title, *(f"  {line}" for line in lines + problems)])


def _cells(row: Row) -> list[str]:
    def shown(value: float | None, form: str) -> str:
        return "" if value is None else format(value, form)

    return [
        row.label,
        duration(row.seconds),
        shown(row.ratio, ".2f"),
        shown(row.over_baseline, ".2f"),
        shown(row.gflops, ".1f"),
        shown(row.share_of_peak, ".0%"),
        size(row.peak_memory),
        size(row.stored_bytes) if row.seconds else "",
        "" if row.compile_seconds is None else duration(row.compile_seconds),
        shown(row.score, ".3f"),
        shown(row.error, ".0e"),
    ]


def duration(seconds: float | None) -> str:
    """Return ``12.3 ms``: three digits and a unit."""
    if seconds is None:
        return "-"
    for factor, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= factor:
            return f"{seconds / factor:#.3g}".rstrip(".") + f" {unit}"
    return f"{seconds / 1e-6:#.3g}".rstrip(".") + " us"


def size(n_bytes: int | None) -> str:
    """Return ``12.3 MB``."""
    return "" if n_bytes is None else f"{n_bytes / 2**20:.1f} MB"


def summary(aims: Sequence[Aim]) -> str:
    """Return the aims beside what was reached."""
    width = max((len(aim.what) for aim in aims), default=0)
    lines = [
        f"  {'met   ' if aim.met else 'MISSED'}  {aim.what.ljust(width)}  {aim.measured:>8}  {aim.wanted}"
        for aim in aims
    ]
    return "\n".join(["aims", *lines])


def machine() -> dict[str, Any]:
    """Return what the numbers depend on."""
    packages = ("rnnbp", "numpy", "scipy", "llvmlite", "torch", "jax", "onnxruntime", "scikit-learn")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in packages},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def write_json(
    path: Path, results: Mapping[str, Sequence[Row]], aims: Sequence[Aim], options: Mapping[str, Any]
) -> None:
    """Write everything, all single times too; paths are left out of what went wrong."""
    content = {
        "machine": machine(),
        "options": dict(options),
        "races": {
            title: [asdict(row) | {"problem": without_paths(row.problem)} for row in rows]
            for title, rows in results.items()
        },
        "aims": [asdict(aim) for aim in aims],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def without_paths(text: str) -> str:
    """Return a text with each path in it as ``<path>``."""
    return re.sub(r"(?:\b[A-Za-z]:)?(?:[\\/][^\s\\/'\":,]+){2,}", "<path>", text)


def read_json(path: Path) -> dict[str, list[Row]]:
    """Return the rows by race title that `write_json` has written.

    Raises
    ------
    ValueError
        If the file holds something else.
    """
    try:
        races = json.loads(path.read_text())["races"]
        return {title: [Row(**row) for row in rows] for title, rows in races.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} holds no results of python -m benchmarks: {error!r}") from None
