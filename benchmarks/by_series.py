"""The command of a benchmark that measures series one after another, and keeps what it has found as it goes."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sklearn.exceptions import ConvergenceWarning

__all__ = ["run"]


def run(
    benchmark: str,
    description: str | None,
    names: Sequence[str],
    measure: Callable[[str, int], Any],
    table: Callable[[list[Any]], str],
    write_json: Callable[[Path, list[Any]], None],
    *,
    n_seeds: int,
    arguments: Sequence[str] | None,
) -> int:
    """Measure series that are asked for, print a table of them, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{benchmark}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--series", nargs="+", metavar="NAME", choices=names, default=names, help=", ".join(names))
    parser.add_argument("--seeds", type=int, default=n_seeds, metavar="N", help="of each series (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to it as well")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows = []
    for name in options.series:
        rows.append(measure(name, options.seeds))
        if options.json is not None:
            write_json(options.json, rows)
    print(table(rows))
    return 0
