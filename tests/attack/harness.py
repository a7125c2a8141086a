"""Run the cases of an attack in processes of their own, and say what came of them."""

import importlib
import multiprocessing
import os
import pkgutil
import resource
import tempfile
import time
import traceback
import tracemalloc
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

MOST_FAULTS_SHOWN = 20
PATIENCE = 10  # a case that takes so many times its limit hangs
LEAST_PATIENCE = 120  # seconds: others may run beside it
TRACED = 10  # of so many batches one has its memory traced
ADDRESS_SPACE = 8 << 30  # bytes a process may map, so that a fault does not take the machine with it


class Fault(AssertionError):
    """A case that ended as none may."""


@dataclass(frozen=True)
class Limits:
    """What one case may take: seconds of the processor, and megabytes (see `Memory`).

    And how many cases one process takes in turn, which slow ones need less of.
    """

    seconds: float
    megabytes: float
    batch: int = 1000


@dataclass
class Findings:
    """What came of the cases of one kind."""

    outcomes: Counter = field(default_factory=Counter)
    faults: dict = field(default_factory=dict)  # seed: what happened
    slowest: tuple = (0.0, None)  # seconds, seed
    largest: tuple = (0.0, None)  # megabytes, seed
    growth: float = 0.0  # megabytes that a process grew by over its batch, whatever allocated them
    seconds: float = 0.0

    @property
    def n_cases(self):
        return sum(self.outcomes.values()) + len(self.faults)

    def add(self, other):
        self.outcomes += other.outcomes
        self.faults |= other.faults
        self.slowest = max(self.slowest, other.slowest, key=lambda pair: pair[0])
        self.largest = max(self.largest, other.largest, key=lambda pair: pair[0])
        self.growth = max(self.growth, other.growth)
        self.seconds += other.seconds

    def __str__(self):
        lines = [f"{self.n_cases} cases in {self.seconds:.0f} s, {len(self.faults)} faults"]
        lines += [f"  {count:>9} {outcome}" for outcome, count in sorted(self.outcomes.items())]
        lines.append(f"  slowest case {self.slowest[0]:.3f} s (seed {self.slowest[1]})")
        lines.append(f"  largest case {self.largest[0]:.1f} MB (seed {self.largest[1]})")
        lines.append(f"  a process grew by at most {self.growth:.0f} MB over its batch")
        lines += [f"  FAULT, seed {seed}: {text}" for seed, text in list(self.faults.items())[:MOST_FAULTS_SHOWN]]
        return "\n".join(lines)


class Memory:
    """How many megabytes more than at its beginning a piece of work had at its worst.

    If tracemalloc traces: of what Python and NumPy allocate, used or not. That takes three times as long, so else: of
    memory that the process really had, as Linux counts it; 0 where it does not.
    """

    def __init__(self):
        if tracemalloc.is_tracing():
            tracemalloc.reset_peak()
        elif LINUX:
            Path("/proc/self/clear_refs").write_text("5")  # forget the high mark
        self.start = self._megabytes("VmRSS", 0)

    def most(self):
        return max(0.0, self._megabytes("VmHWM", 1) - self.start)

    def _megabytes(self, name, i):
        if tracemalloc.is_tracing():
            return tracemalloc.get_traced_memory()[i] / 1e6
        if not LINUX:
            return 0.0
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith(name))


LINUX = os.access("/proc/self/clear_refs", os.W_OK)


def kinds():
    """Return the names of all kinds: the modules of this folder that have cases."""
    names = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    names = [name for name in names if not name.startswith(("_", "test_")) and name != "harness"]
    return [name for name in names if hasattr(load(name), "case")]


def load(kind):
    return importlib.import_module(f"{__package__}.{kind}")


def attack(kind, seeds):
    """Run cases of a kind until all seeds are used."""
    findings, started = Findings(), time.monotonic()
    remaining, size = list(seeds), load(kind).LIMITS.batch
    while remaining:
        batch, remaining = remaining[:size], remaining[size:]
        done, rest = _run_batch(kind, batch)
        findings.add(done)
        remaining = rest + remaining
    findings.seconds = time.monotonic() - started
    return findings


def run_case(case, seed, folder, limits):
    """Run one case in this process; return its findings."""
    findings = Findings()
    memory, started = Memory(), time.process_time()  # not the time that others take
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            outcome = case(seed, folder)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        findings.faults[seed] = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
        return findings
    finally:
        seconds = time.process_time() - started
        megabytes = memory.most()
        findings.slowest, findings.largest = (seconds, seed), (megabytes, seed)
    if seconds > limits.seconds:
        findings.faults[seed] = f"{outcome} took {seconds:.1f} s, more than {limits.seconds:g}"
    elif megabytes > limits.megabytes:
        findings.faults[seed] = f"{outcome} took {megabytes:.0f} MB, more than {limits.megabytes:g}"
    else:
        findings.outcomes[outcome] += 1
    return findings


def _run_batch(kind, seeds):
    """Run a batch in a process; return the findings, and the seeds that a crash or a hang left undone."""
    limits = load(kind).LIMITS
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    findings, position = Findings(), 0
    with tempfile.TemporaryDirectory() as folder:
        process = context.Process(target=_work, args=(kind, seeds, folder, theirs))
        process.start()
        theirs.close()
        fate = ""
        while position < len(seeds):
            # the first case waits for imports
            patience = max(PATIENCE * limits.seconds, LEAST_PATIENCE)
            if not ours.poll(patience + (600 if position == 0 else 0)):
                fate = "hangs"
                process.kill()
                break
            try:
                findings.add(ours.recv())
            except EOFError:
                fate = "ended its process"
                break
            position += 1
        process.join()
    if fate:
        findings.faults[seeds[position]] = f"{fate} (exit status {process.exitcode})"
        position += 1
    return findings, seeds[position:]


def _work(kind, seeds, folder, connection):
    module = load(kind)
    for stream in (1, 2):  # what C libraries print of a damaged file
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    run_case(module.case, seeds[0], Path(folder), module.LIMITS)  # imports, and what is made once, are no case's
    if seeds[0] // module.LIMITS.batch % TRACED == 0:
        tracemalloc.start()
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    for seed in seeds:
        findings = run_case(module.case, seed, Path(folder), module.LIMITS)
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        findings.growth = resident - start
        connection.send(findings)
