"""Measure, print tables, and write JSON and a figure.

python -m benchmarks                                  # all; about half an hour on a quiet machine
python -m benchmarks --select training/lstm streaming # races whose titles contain one of these
python -m benchmarks --quick                          # small sizes, to see that all works
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks import aims, catalogue, race, report, startup
from benchmarks.race import Pace, Row

FOLDER = Path(__file__).parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    results: dict[str, list[Row]] = {}
    chosen = [(title, measure) for title, measure in items(options) if is_selected(title, options.select)]
    if not chosen:
        print("nothing is selected; --list shows what there is", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(title for title, _ in chosen))
        return 0
    settings = {key: value for key, value in vars(options).items() if not isinstance(value, Path)}
    for k, (title, measure) in enumerate(chosen, 1):
        results[title] = measure()
        print(report.table(f"[{k}/{len(chosen)}] {title}", results[title]), end="\n\n", flush=True)
        report.write_json(options.json, results, aims.assess(results), settings)  # what is measured is not lost
    print(report.summary(aims.assess(results)))
    try:
        from benchmarks import figure

        figure.draw(options.figure, results)
    except ImportError as error:
        warnings.warn(f"no figure: {error.name} is not installed (python -m pip install '.[plot]')", stacklevel=1)
    print(f"\n{options.json}, {options.figure}")
    return int(any(row.failed for rows in results.values() for row in rows))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--select", nargs="+", metavar="TEXT", default=[], help="only races whose titles contain one")
    parser.add_argument("--list", action="store_true", help="print the titles and measure nothing")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: no figures to go by")
    parser.add_argument("--seed", type=int, default=0, help="of parameters and data (default: %(default)s)")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--threads", type=int, default=min(2, cores), help="a contestant (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=Pace.seconds, help="a race (default: %(default)s)")
    parser.add_argument("--json", type=Path, default=FOLDER / "benchmark.json", metavar="PATH")
    parser.add_argument("--figure", type=Path, default=FOLDER / "benchmark.png", metavar="PATH")
    options = parser.parse_args(arguments)
    if options.threads < 1 or options.seconds <= 0:
        parser.error("--threads must be at least 1, and --seconds above 0")
    return options


def items(options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], list[Row]]]]:
    """Yield all that can be measured: a title, and a function that measures it."""
    pace = Pace(3, 3, 1.0, 0.01) if options.quick else Pace(seconds=options.seconds)
    for one in catalogue.races(threads=options.threads, seed=options.seed, quick=options.quick):
        yield one.title, partial(race.run, one, pace)
    yield from startup.items(quick=options.quick)


def is_selected(title: str, wanted: Sequence[str]) -> bool:
    """Whether a title contains one of some texts; all do if there are none."""
    return not wanted or any(text in title for text in wanted)


if __name__ == "__main__":
    sys.exit(main())
