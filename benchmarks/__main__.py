"""Measure, print tables, and write JSON and a figure.

python -m benchmarks                                  # all; about three quarters of an hour on a quiet machine
python -m benchmarks --save                           # the same, as the results that are committed
python -m benchmarks --select training/lstm streaming # races whose titles contain one of these
python -m benchmarks --shapes 10 --seed 7 --select shapes # training on random shapes around the grid
python -m benchmarks --quick                          # small sizes, to see that all works
python -m benchmarks --check benchmarks/results/speed.json # all, and what got worse since; exit status 1 if anything
python -m benchmarks --check OLD --against NEW        # two files, nothing is measured
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks import aims, catalogue, check, race, report, startup
from benchmarks.race import Pace, Row

Results = Mapping[str, Sequence[Row]]
FOLDER = Path(__file__).parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    try:
        before = report.read_json(options.check) if options.check else {}
        if options.against:
            return check_against(before, report.read_json(options.against), options.tolerance)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    chosen = [(title, measure) for title, measure in items(options) if is_selected(title, options.select)]
    if not chosen:
        print("nothing is selected; --list shows what there is", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(title for title, _ in chosen))
        return 0
    results = measure_all(chosen, options)
    failed = any(row.failed for rows in results.values() for row in rows)
    return max(int(failed), check_against(before, results, options.tolerance) if options.check else 0)


def measure_all(chosen: Sequence[tuple[str, Callable[[], list[Row]]]], options: argparse.Namespace) -> Results:
    """Measure what was chosen, print it, and write it: after each race, so that nothing is lost."""
    results: dict[str, list[Row]] = {}
    for k, (title, measure) in enumerate(chosen, 1):
        results[title] = measure()
        print(report.table(f"[{k}/{len(chosen)}] {title}", results[title]), end="\n\n", flush=True)
        write(options, "latest", results)
    print(report.summary(aims.assess(results)))
    file = write(options, "speed" if options.save else "latest", results)
    written = [file]
    try:
        from benchmarks import figure

        if figure.draw(file.with_suffix(".png"), results):
            written.append(file.with_suffix(".png"))
    except ImportError as error:
        warnings.warn(f"no figure: {error.name} is not installed (python -m pip install '.[plot]')", stacklevel=1)
    print(f"\n{', '.join(map(str, written))}")
    return results


def write(options: argparse.Namespace, name: str, results: Results) -> Path:
    """Write the JSON file of that name and return its path."""
    recorded = {key: getattr(options, key) for key in ("select", "quick", "seed", "threads", "seconds", "shapes")}
    path: Path = options.folder / f"{name}.json"
    report.write_json(path, results, aims.assess(results), recorded)
    return path


def check_against(before: Results, after: Results, tolerance: float) -> int:
    """Print what got worse; return 1 if anything did, or if nothing could be compared."""
    text, failed = check.verdict(before, after, tolerance)
    print(f"\n{text}")
    return int(failed)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--select", nargs="+", metavar="TEXT", default=[], help="only races whose titles contain one")
    parser.add_argument("--list", action="store_true", help="print the titles and measure nothing")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: no figures to go by")
    parser.add_argument("--seed", type=int, default=0, help="of parameters, data and shapes (default: %(default)s)")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--threads", type=int, default=min(2, cores), help="a contestant (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=Pace.seconds, help="a race (default: %(default)s)")
    parser.add_argument("--shapes", type=int, default=4, metavar="N", help="random ones to train on (default: 4)")
    parser.add_argument("--save", action="store_true", help="write speed.json and speed.png, not latest.*; all is run")
    parser.add_argument("--folder", type=Path, default=FOLDER, metavar="PATH", help="of these (default: the results)")
    parser.add_argument("--check", type=Path, metavar="FILE", help="say what got worse since this result file")
    parser.add_argument("--against", type=Path, metavar="FILE", help="compare this one with it, and measure nothing")
    parser.add_argument("--tolerance", type=float, default=0.25, help="of --check, a share (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.threads < 1 or options.seconds <= 0 or options.shapes < 0 or options.tolerance < 0:
        parser.error("--threads must be at least 1, --seconds above 0, --shapes and --tolerance not negative")
    if options.save and (options.select or options.quick):
        parser.error("--save is for a whole run: it cannot be combined with --select or --quick")
    if options.against and not options.check:
        parser.error("--against names a file to compare with that of --check FILE, which is missing")
    return options


def items(options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], list[Row]]]]:
    """Yield all that can be measured: a title, and a function that measures it."""
    pace = Pace(3, 3, 1.0, 0.01) if options.quick else Pace(seconds=options.seconds)
    for one in catalogue.races(
        threads=options.threads, seed=options.seed, quick=options.quick, n_shapes=options.shapes
    ):
        yield one.title, partial(race.run, one, pace)
    yield from startup.items(quick=options.quick)


def is_selected(title: str, wanted: Sequence[str]) -> bool:
    """Whether a title contains one of some texts; all do if there are none."""
    return not wanted or any(text in title for text in wanted)


if __name__ == "__main__":
    sys.exit(main())
