"""Attack for hours: ``python -m tests.attack --hours 2``; see the package."""

import argparse
import itertools
import math
import sys
import time

from . import harness


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(harness.kinds())} (default: all)")
    parser.add_argument("--hours", type=float, default=1.0, help="for all kinds together (default: %(default)s)")
    parser.add_argument("--cases", type=int, default=None, metavar="N", help="of each kind at most")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first case (default: the time)")
    arguments = parser.parse_args()
    chosen = arguments.kinds or harness.kinds()
    if unknown := set(chosen) - set(harness.kinds()):
        parser.error(f"KIND must be of {', '.join(harness.kinds())}, but {', '.join(sorted(unknown))} was given")
    if not arguments.hours > 0:
        parser.error(f"--hours must be positive, but {arguments.hours} was given")
    if arguments.cases is not None and arguments.cases < 1:
        parser.error(f"--cases must be at least 1, but {arguments.cases} was given")

    total = {kind: harness.Findings() for kind in chosen}
    first, end = arguments.seed * 1_000_000_000, time.monotonic() + 3600 * arguments.hours
    most = math.inf if arguments.cases is None else arguments.cases
    for kind in itertools.cycle(chosen):  # a batch of each in turn, so that all get on alike
        if time.monotonic() >= end or all(findings.n_cases >= most for findings in total.values()):
            break
        done = total[kind].n_cases
        size = min(harness.load(kind).LIMITS.batch, most - done)
        found = harness.attack(kind, range(first + done, first + done + size))
        total[kind].add(found)
        for seed, text in found.faults.items():
            print(f"{kind}: FAULT, seed {seed}: {text}", flush=True)
    for kind, findings in total.items():
        print(f"\n{kind}: {findings}")
    sys.exit(any(findings.faults for findings in total.values()))


if __name__ == "__main__":
    main()
