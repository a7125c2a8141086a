"""Train on classic tasks, and print what each seed comes to, beside baselines and the aim.

python -m benchmarks.classic_tasks                               # all, with as many seeds as each aim asks for
python -m benchmarks.classic_tasks --tasks adding-100 --seeds 2  # one of them, with the seeds 0 and 1
python -m benchmarks.classic_tasks --seeds 15 --first-seed 100   # with seeds that no setting was found on
python -m benchmarks.classic_tasks --quick                       # so small that little is learnt: to see that it works
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.classic import TASKS, Result, Task
from benchmarks.report import duration, machine


@dataclass(frozen=True)
class Row:
    """A task, and what its seeds came to: the seeds from the first one on in turn, and the seconds that each took."""

    task: Task
    results: list[Result] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    first_seed: int = 0

    @property
    def verdict(self) -> str:
        """``met`` or ``MISSED``, and on how many seeds if on fewer than the aim asks for; nothing without an aim."""
        met = self.task.met(self.results)
        if met is None:
            return ""
        n, wanted = len(self.results), self.task.n_seeds
        return ("met" if met else "MISSED") + (f" on {n} of {wanted} seeds" if n < wanted else "")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    chosen = [task for task in TASKS if not options.tasks or task.name in options.tasks]
    if options.list:
        print("\n".join(f"{task.name.ljust(width(TASKS))}  {task.what}" for task in chosen))
        return 0
    rows = []
    for task in chosen:
        n_seeds = options.seeds or (1 if options.quick else task.n_seeds)
        rows.append(measure(task, n_seeds, first_seed=options.first_seed, quick=options.quick))
        if options.json is not None:
            write_json(options.json, rows, quick=options.quick)  # what is measured is not lost
    print(summary(rows))
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.classic_tasks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [task.name for task in TASKS]
    parser.add_argument("--tasks", nargs="+", metavar="NAME", choices=names, default=[], help="only these; see --list")
    parser.add_argument("--seeds", type=int, metavar="N", help="how many (default: as many as the aim asks for)")
    parser.add_argument("--first-seed", type=int, default=0, metavar="SEED", help="(default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a second or less a task: no figures to go by")
    parser.add_argument("--list", action="store_true", help="print the tasks and train nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to it as well")
    options = parser.parse_args(arguments)
    if options.seeds is not None and options.seeds < 1:
        parser.error(f"--seeds must be at least 1, but {options.seeds} was given")
    if options.first_seed < 0:
        parser.error(f"--first-seed must be at least 0, but {options.first_seed} was given")
    return options


def measure(task: Task, n_seeds: int, *, first_seed: int = 0, quick: bool) -> Row:
    """Run a task with some seeds, and print each result as soon as it is there."""
    row = Row(task, first_seed=first_seed)
    print(f"{task.name}: {task.what}\n  {task.metric}; aim: {task.aim or 'none'}", flush=True)
    for seed in range(first_seed, first_seed + n_seeds):
        began = time.perf_counter()
        result = task.run(seed, quick=quick)
        row.results.append(result)
        row.seconds.append(time.perf_counter() - began)
        beside = ", ".join(f"{name} {value:.4g}" for name, value in result.baselines.items())
        took = duration(row.seconds[-1])
        print(
            f"  seed {seed}  {shown(result)}  beside {beside}  ({'; '.join(filter(None, [result.note, took]))})",
            flush=True,
        )
    print(f"  {row.verdict}\n" if row.verdict else "", flush=True)
    return row


def shown(result: Result) -> str:
    """Return a score, and the sequences that were needed if that is known."""
    return f"{result.score:.4g}" + ("" if result.needed is None else f" after {result.needed:,} sequences")


def summary(rows: Sequence[Row]) -> str:
    """Return a table with a line for each task: its median, worst and baseline scores, and whether the aim is met.

    The column "after" has the most sequences that a seed needed, where there is a criterion and all have met it.
    """
    lines = [("task", "metric", "seeds", "median", "worst", "after", "baselines", "aim", "")]
    for row in rows:
        scores = [result.score for result in row.results]
        worst = max(scores) if row.task.lower_is_better else min(scores)
        means = {n: statistics.fmean(r.baselines[n] for r in row.results) for n in row.results[0].baselines}
        beside = ", ".join(f"{name} {value:.4g}" for name, value in means.items())
        needed = [result.needed for result in row.results if result.needed is not None]
        lines.append(
            (
                row.task.name,
                row.task.metric,
                str(len(scores)),
                f"{statistics.median(scores):.4g}",
                f"{worst:.4g}",
                f"{max(needed):,}" if len(needed) == len(scores) else "",
                beside,
                row.task.aim,
                row.verdict,
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def write_json(path: Path, rows: Sequence[Row], *, quick: bool) -> None:
    """Write all that was measured, and what it depends on."""
    tasks = {
        row.task.name: {
            "what": row.task.what,
            "metric": row.task.metric,
            "aim": row.task.aim,
            "verdict": row.verdict,
            "seeds": [
                {"seed": row.first_seed + k, "seconds": row.seconds[k], **asdict(r)} for k, r in enumerate(row.results)
            ],
        }
        for row in rows
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), "quick": quick, "tasks": tasks}, indent=1) + "\n")


def width(tasks: Sequence[Task]) -> int:
    return max(len(task.name) for task in tasks)


if __name__ == "__main__":
    sys.exit(main())
