"""Break the package, one operator or number at a time, and see whether the tests that stand beside the file notice.

``python tests/mutations.py --package`` runs this: see there. A break is one change of one of these kinds::

    a + b, a * b, a // b, ...     another operator
    a < b, a == b, a is None      <= or the opposite
    a and b, not a, True          or; a; False
    3, 0.5, -x                    4; 1.0; x: one more, twice as much, the other sign

in code that runs: docstrings, annotations, text of messages, what runs for type checkers only and `CHECKED` are left
alone. The broken file stands in a copy of the tree; the originals are not touched. One of the tests of the folder that
mirrors the file's own must then fail. They are run once with nothing broken, to know which test calls which function:
those that call the broken one are run first, by `forked_tests`, until one fails; files of tests that speak most often
of the broken one come first, and those that are not needed are not run at all. Where one has failed, the same tests are
run in the same order with nothing broken, and must pass: one could fail for want of a test before it.

Tests of other programs are skipped where these are not installed (the extras torch, keras and onnx, and a C compiler):
then what they would notice survives. With ``--kept FOLDER`` what was found stays there; the same command goes on from
it, and tries again only what had survived.

`tests/equivalent_mutations.json` lists breaks that change nothing that could be asked of the code, each with its reason
and the line that it changes; a test sees to it that the line is there.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from importlib.util import cache_from_source
from pathlib import Path
from queue import Queue

from scipy.stats import binomtest

ROOT = Path(__file__).parents[1]
EQUIVALENT = Path(__file__).with_name("equivalent_mutations.json")
SURVIVES = "SURVIVES"
PATIENCE = 3600.0  # seconds for the tests beside a file, with nothing broken
#: What many tests import, which is loaded once.
LOADED = ("scipy.optimize", "scipy.signal", "scipy.stats", "sklearn.utils.estimator_checks", "sklearn.pipeline",
          "librosa", "llvmlite.binding", "hypothesis.strategies", "hypothesis.extra.numpy", "soundfile", "pooch",
          "safetensors.numpy", "tqdm.auto", "joblib")  # fmt: skip

#: Where tests stand that do not mirror the file's folder: the first that fits.
BESIDE = {
    "rnnbp/metrics": ("tests/test_metrics.py", "tests/test_error_rates.py"),
    "rnnbp/command_line": ("tests/test_command_line.py",),
    "rnnbp/__main__.py": ("tests/test_command_line.py",),
    "rnnbp/progress_bar.py": ("tests/training/test_progress.py",),
    "rnnbp/tables.py": ("tests/preprocessing", "tests/audio/test_features.py"),
    "rnnbp/model_selection.py": ("tests/test_model_selection.py", "tests/estimators", "tests/preprocessing"),
    "rnnbp/inspection.py": ("tests/estimators",),
    "rnnbp/sequences.py": ("tests/data",),
    "rnnbp/reading.py": ("tests/data", "tests/mistakes"),
    "rnnbp/names.py": ("tests/mistakes",),
    "rnnbp/warning.py": ("tests/mistakes",),
    "rnnbp/estimators/covariates.py": ("tests/estimators", "tests/plotting/test_displays.py"),
    "rnnbp/data": ("tests/data", "tests/training/test_resume.py"),
    "rnnbp/gradients/rtrl.py": ("tests/gradients", "tests/training/test_online.py"),
    "rnnbp/gradients/snap.py": ("tests/gradients", "tests/training/test_online.py"),
    "rnnbp/losses/consistency.py": ("tests/training/test_consistency.py",),
    "rnnbp/losses": ("tests/losses", "tests/training/test_step.py", "tests/optimizers/test_levenberg_marquardt.py"),
    "rnnbp/networks/network.py": ("tests/networks", "tests/files/test_model_file.py"),
    "rnnbp/optimizers": ("tests/optimizers", "tests/training/test_optimizer_state.py"),
    "rnnbp/training/least_squares.py": ("tests/optimizers/test_levenberg_marquardt.py",),
    "rnnbp/layers/online.py": ("tests/training/test_online.py",),
    "rnnbp/layers/recurrent_online.py": ("tests/training/test_online.py", "tests/gradients/test_rtrl.py"),
    "rnnbp/layers/layer.py": ("tests/layers", "tests/networks/test_summary.py", "tests/test_conformance.py"),
    "rnnbp/layers/compiled": ("tests/layers", "tests/test_conformance.py", "tests/networks/test_program.py"),
    "rnnbp/layers": ("tests/layers", "tests/networks/test_stream.py", "tests/test_conformance.py"),
    "rnnbp/cells": ("tests/cells", "tests/test_conformance.py"),
    "rnnbp/files/checkpoints.py": ("tests/training/test_resume.py", "tests/training/test_interrupts.py", "tests/files"),
    "rnnbp/files": ("tests/files", "tests/training/test_resume.py"),
}
DEFAULTS = "tests/test_documented_defaults.py"
BINARY = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.MatMult: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}  # fmt: skip
CHECKED = ("strict=True", "frozen=True", "copy=False")  # assertions, of zip and dataclass; what only saves time
COMPARISON = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


@dataclass(frozen=True)
class Break:
    """One change of one file."""

    file: str
    function: str  # the innermost that it is in, by its qualified name; empty if it runs as the file is imported
    number: int
    column: int
    line: str
    old: str
    new: str
    write: Callable[[], str]  # the whole broken file

    @property
    def key(self) -> str:
        return f"{self.file}:{self.number}:{self.column}: {self.line}: {self.old}  ->  {self.new}"

    def is_in(self, called: str) -> bool:
        """Return whether a call of a function may run it; any of the file's that runs as the file is imported."""
        file, _, function = called.partition(":")
        return file == self.file and f"{function}.".startswith(f"{self.function}." if self.function else "")

    def __str__(self):
        return f"{self.file}:{self.number}: {self.old}  ->  {self.new}"


def changes(node: ast.AST) -> Iterator[ast.expr]:
    """Yield what an expression is replaced by."""
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        yield ast.BinOp(node.left, BINARY[type(node.op)](), node.right)
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISON:
        yield ast.Compare(node.left, [COMPARISON[type(node.ops[0])](), *node.ops[1:]], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Constant) and isinstance(node.value, float):
        yield ast.Constant(2.0 * node.value or 1.0)


def running(node: ast.AST, inside: str = "", function: str = "") -> Iterator[tuple[ast.AST, str]]:
    """Yield each node of a tree that runs, but for annotations and what only type checkers see, and its function.

    `inside` is the qualified name of what encloses the node, a class or a function.
    """
    yield node, function
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        own = inside, function
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and name == "body":
            own = f"{inside}{node.name}.", function
            if isinstance(node, ast.FunctionDef):
                own = f"{inside}{node.name}.<locals>.", f"{inside}{node.name}"
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.JoinedStr):  # what users read, in words
                continue
            if isinstance(child, ast.keyword) and ast.unparse(child) in CHECKED:
                continue
            if (
                name == "args"
                and getattr(getattr(node, "func", None), "attr", "") == "reshape"
                and _is_minus_one(child)
            ):
                yield child, function  # not its 1 alone: NumPy takes any negative number for "what is left"
            elif isinstance(child, ast.AST):
                yield from running(child, *own)


def _is_minus_one(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and ast.unparse(node) == "-1"


def breaks(file: str) -> Iterator[Break]:
    """Yield each break of a file of the package."""
    text = (ROOT / file).read_text()
    tree, lines = ast.parse(text), text.splitlines()
    for old, function in running(tree):
        for new in changes(old):
            line = lines[old.lineno - 1].strip()
            write = partial(written, tree, old, new)
            yield Break(file, function, old.lineno, old.col_offset, line, ast.unparse(old), ast.unparse(new), write)


def written(tree: ast.Module, old: ast.AST, new: ast.expr) -> str:
    """Return the text of a tree with one node replaced."""
    return ast.unparse(ast.fix_missing_locations(deepcopy(tree, {id(old): new})))


def files(wanted: list[str]) -> list[str]:
    """Return the files of the package that are wanted, or are in wanted folders; all by default."""
    found = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "rnnbp").rglob("*.py"))
    if not wanted:  # the engine has tests of its own kind, and a picture may look otherwise
        return [file for file in found if not file.startswith(("rnnbp/kernels/", "rnnbp/cells/", "rnnbp/plotting/"))]
    chosen = [file for file in found if any(file == w or file.startswith(w.rstrip("/") + "/") for w in wanted)]
    if not chosen:
        raise SystemExit(f"--files must name files or folders of rnnbp/, but {', '.join(wanted)} was given")
    return chosen


def tests_beside(file: str) -> list[str]:
    """Return the files of tests that stand beside a file."""
    found = [ROOT / place for place in places_beside(file)]
    return [
        str(test.relative_to(ROOT))
        for place in found
        for test in (sorted(place.glob("test_*.py")) if place.is_dir() else [place])
    ]


def places_beside(file: str) -> tuple[str, ...]:
    """Return the files and folders of tests that stand beside a file."""
    for place, tests in BESIDE.items():
        if file == place or file.startswith(place + "/"):
            return tests
    folder = Path(file).parent
    while folder != Path("rnnbp"):  # tests/gradients has those of gradients/compiled too
        mirrored = ROOT / "tests" / Path(*folder.parts[1:])
        if mirrored.is_dir():
            return (str(mirrored.relative_to(ROOT)),)
        folder = folder.parent
    own = f"tests/test_{Path(file).stem}.py"
    return (own if (ROOT / own).exists() else "tests/test_imports.py",)


def equivalent() -> list[dict[str, str]]:
    """Return the breaks that are known to change nothing."""
    return json.loads(EQUIVALENT.read_text())


def is_listed(broken: Break, known: list[dict[str, str]]) -> bool:
    """Return whether a break is known to change nothing, or all breaks of its line are."""
    return any(e["file"] == broken.file and e["line"] == broken.line and e["old"] in ("*", broken.old) for e in known)


class Tests:
    """A copy of the tree, in which files are broken, and the process that runs its tests.

    Parameters
    ----------
    folder : Path
        Where the copy is put.
    kept : Path
        A folder that keeps what tests call, so that it is not found out again by every run.
    """

    def __init__(self, folder: Path, kept: Path) -> None:
        self.tree, self._kept = folder / "main", kept
        self._sound: set[tuple[str, ...]] = set()  # which tests, in which order, pass with nothing broken
        shutil.copytree(ROOT, self.tree, ignore=shutil.ignore_patterns(".git", "__pycache__", ".*_cache"))
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forked_tests.py")), *LOADED],
            cwd=self.tree,
            env=os.environ | {"PYTHONPATH": str(self.tree), "MPLBACKEND": "Agg"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        self._process.communicate()

    def _asked(self, files: list[str], *, only: list[str] | None = None, calls: Path | None = None, seconds: float):
        asked = {"files": files, "only": only, "calls": None if calls is None else str(calls), "seconds": seconds}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def calls(self, tests: list[str]) -> dict[str, tuple[float, list[str]]]:
        """Return how long each test takes, and the functions it calls; all must pass while nothing is broken."""
        found = {}
        for file in tests:
            content = hashlib.sha256((self.tree / file).read_bytes()).hexdigest()
            path = self._kept / f"{Path(file).stem}-{content[:16]}.json"
            if not path.exists() and self._asked([file], calls=path, seconds=PATIENCE) != "passed":
                path.unlink(missing_ok=True)
                raise SystemExit(f"with nothing broken these tests fail, or take too long: {file}")
            found |= json.loads(path.read_text())
        return found

    def _came(self, broken: Break, seconds: dict[str, float]) -> str:
        """Return what tests, of which is known how long they take, say of a broken file: passed, noticed or endless."""
        if not seconds:
            return "passed"
        names = sorted(seconds, key=lambda name: seconds[name])
        files = sorted({name.partition("::")[0] for name in names})
        ask = partial(self._asked, files, only=names, seconds=60.0 + 10.0 * sum(seconds.values()))
        path = self.tree / broken.file
        original = path.read_text()
        put(path, broken.write())
        try:
            came = ask()
        finally:
            put(path, original)
        if came == "passed":
            return came
        if tuple(names) not in self._sound and ask() != "passed":
            raise SystemExit(f"with nothing broken these tests fail if others are left out: {', '.join(files)}")
        self._sound.add(tuple(names))
        return "noticed" if came == "failed" else came

    def outcome(self, broken: Break) -> str:
        """Return what the tests beside a broken file say: noticed, endless or SURVIVES.

        Those that call the broken function are run first, file by file, the shortest of them first; then all others, as
        a fixture, a cached call or another process may have called it for them. What runs as the file is imported may
        be a default.
        """
        defaults = [] if broken.function else [DEFAULTS]
        others: dict[str, float] = {}
        for file in [*defaults, *likely(broken, tests_beside(broken.file))]:
            calling: dict[str, float] = {}
            for name, (seconds, called) in self.calls([file]).items():
                is_needed = file in defaults or any(map(broken.is_in, called))
                (calling if is_needed else others)[name] = seconds
            if (came := self._came(broken, calling)) != "passed":
                return came
        if (came := self._came(broken, others)) != "passed":
            return came
        return SURVIVES


def likely(broken: Break, tests: list[str]) -> list[str]:
    """Return files of tests: those with the name of the broken file or its folder first, which name it most often."""
    folders = {*Path(broken.file).with_suffix("").parts[2:]}
    words = {Path(broken.file).stem, *broken.function.split(".")} - {"<locals>", "__init__"}
    pattern = re.compile("|".join(re.escape(word) for each in words if (word := each.strip("_").lower())) or "$")

    def order(test: str) -> tuple[int, int]:
        shared = folders & {*Path(test).stem.removeprefix("test_").split("_")}
        return -len(shared), -len(pattern.findall((ROOT / test).read_text().lower()))

    return sorted(tests, key=order)


def put(path: Path, source: str) -> None:
    """Write a file, and forget what was compiled of it: that goes by size and time, which may be the same."""
    path.write_text(source)
    Path(cache_from_source(path)).unlink(missing_ok=True)


def run(*, seed: int, count: int, wanted: list[str], jobs: int, kept: Path | None = None) -> int:
    """Break the package so many times at random; print survivors, and return 1 if there are any.

    In the folder `kept`, what came of each break is kept, and only breaks that are new or survived are tried again.
    """
    started = time.perf_counter()
    every = [each for file in files(wanted) for each in breaks(file)]
    known = equivalent()
    chosen = random.Random(seed).sample(every, min(count, len(every)))
    chosen = [each for each in chosen if not is_listed(each, known)]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened, ThreadPoolExecutor(jobs) as workers:
        kept = Path(folder, "kept") if kept is None else kept.absolute()
        kept.mkdir(parents=True, exist_ok=True)
        results = Results(kept / "results.jsonl")
        trees: Queue[Tests] = Queue()
        for k in range(jobs):
            tests = Tests(Path(folder, str(k)), kept)
            opened.callback(tests.close)
            trees.put(tests)

        def tried(broken: Break) -> str:
            if results.came(broken) in ("noticed", "endless"):
                return results.came(broken)
            tests = trees.get()
            try:
                return tests.outcome(broken)
            finally:
                trees.put(tests)

        for k, (broken, came) in enumerate(zip(chosen, workers.map(tried, chosen), strict=True), 1):
            print(f"{k:>4} of {len(chosen)}  {came:<8}  {broken}", flush=True)
            results.add(broken, came)
    return report([(each, results.came(each)) for each in chosen], time.perf_counter() - started)


class Results:
    """What came of breaks, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self._came = dict(json.loads(line) for line in lines)

    def came(self, broken: Break) -> str | None:
        return self._came.get(broken.key)

    def add(self, broken: Break, came: str) -> None:
        if self._came.get(broken.key) != came:
            with self._path.open("a") as file:
                file.write(json.dumps([broken.key, came]) + "\n")
        self._came[broken.key] = came


def report(tried: list[tuple[Break, str]], seconds: float) -> int:
    """Print how many breaks survived in each folder, and which; return 1 if there are any."""
    folders = defaultdict(list)
    for broken, came in tried:
        folders[str(Path(*Path(broken.file).parts[:2]))].append(came == SURVIVES)
    print(f"{'folder':<30}{'breaks':>8}{'survived':>10}")
    for folder, survived in sorted(folders.items()):
        print(f"{folder:<30}{len(survived):>8}{sum(survived):>10}")
    survivors = [broken for broken, came in tried if came == SURVIVES]
    n = max(1, len(tried))
    low, high = binomtest(len(survivors), n).proportion_ci(method="wilson")
    print(
        f"{len(survivors)} of {len(tried)} survived, {100 * len(survivors) / n:.1f} % "
        f"(95 % interval {100 * low:.1f} to {100 * high:.1f} %; {seconds:.0f} s)"
    )
    print(*survivors, sep="\n")
    return 1 if survivors else 0
