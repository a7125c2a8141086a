"""Break the package, one operator or number at a time, and see whether the tests that stand beside the file notice.

``python tests/mutations.py --package`` runs this: see there. A break is one change of one of these kinds::

    a + b, a * b, a // b, ...     another operator
    a < b, a == b, a is None      <= or the opposite
    a and b, not a, True          or; a; False
    3, 0.5, -x                    4; 1.0; x: one more, twice as much, the other sign

in code that runs: docstrings, annotations, text of messages and what runs for type checkers only are left alone. The
broken file stands in a copy of the tree; the originals are not touched. The tests of the folder that mirrors the file's
own must then fail; those that speak of what the file defines are run first, to be done soon.

`tests/equivalent_mutations.json` lists breaks that change nothing that could be asked of the code, each with its reason
and the line that it changes; a test sees to it that the line is there.
"""

from __future__ import annotations

import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import cache_from_source
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).parents[1]
EQUIVALENT = Path(__file__).with_name("equivalent_mutations.json")
SURVIVES = "SURVIVES"
PATIENCE = 900.0  # seconds; a break that makes a loop endless is noticed too

#: Where tests stand that do not mirror the file's folder: the first that fits.
BESIDE = {
    "rnnbp/metrics": ("tests/test_metrics.py", "tests/test_error_rates.py"),
    "rnnbp/model_selection.py": ("tests/estimators", "tests/preprocessing"),
    "rnnbp/inspection.py": ("tests/estimators",),
    "rnnbp/sequences.py": ("tests/data",),
    "rnnbp/layers": ("tests/layers", "tests/test_conformance.py"),
    "rnnbp/cells": ("tests/cells", "tests/test_conformance.py"),
}
BINARY = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.MatMult: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}  # fmt: skip
COMPARISON = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


@dataclass(frozen=True)
class Break:
    """One change of one file."""

    file: str
    number: int
    line: str
    old: str
    new: str
    write: Callable[[], str]  # the whole broken file

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


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield each node of a tree that runs, but for annotations and what only type checkers see."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.JoinedStr):  # what users read, in words
                continue
            if isinstance(child, ast.AST):
                yield from running(child)


def breaks(file: str) -> Iterator[Break]:
    """Yield each break of a file of the package."""
    text = (ROOT / file).read_text()
    tree, lines = ast.parse(text), text.splitlines()
    for old in running(tree):
        for new in changes(old):
            line = lines[old.lineno - 1].strip()
            yield Break(file, old.lineno, line, ast.unparse(old), ast.unparse(new), partial(written, tree, old, new))


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


@cache
def mentions(test: Path, file: str) -> int:
    """Return how often a file of tests speaks of what a file of the package defines, or of its name."""
    tree = ast.parse((ROOT / file).read_text())
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    stem = Path(file).stem
    return 100 * (stem in test.stem) + sum(test.read_text().count(name) for name in {stem, *names})


def tests_beside(file: str) -> list[str]:
    """Return the tests that stand beside a file."""
    for place, tests in BESIDE.items():
        if file == place or file.startswith(place + "/"):
            return list(tests)
    folder = Path(file).parent
    while folder != Path("rnnbp"):  # tests/gradients has those of gradients/compiled too
        mirrored = ROOT / "tests" / Path(*folder.parts[1:])
        if mirrored.is_dir():
            found = sorted(mirrored.glob("test_*.py"), key=lambda test: (-mentions(test, file), test))
            return [str(test.relative_to(ROOT)) for test in found]
        folder = folder.parent
    own = f"tests/test_{Path(file).stem}.py"
    return [own if (ROOT / own).exists() else "tests/test_imports.py"]


def equivalent() -> list[dict[str, str]]:
    """Return the breaks that are known to change nothing."""
    return json.loads(EQUIVALENT.read_text())


def is_listed(broken: Break, known: list[dict[str, str]]) -> bool:
    """Return whether a break is known to change nothing, or all breaks of its line are."""
    return any(e["file"] == broken.file and e["line"] == broken.line and e["old"] in ("*", broken.old) for e in known)


def outcome(broken: Break, tree: Path) -> str:
    """Return what the tests beside a broken file say, in a copy of the tree: noticed, endless or SURVIVES."""
    path = tree / broken.file
    original = path.read_text()
    put(path, broken.write())
    try:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-m", "not slow"]
        done = subprocess.run(
            [*command, *tests_beside(broken.file)],
            cwd=tree,
            env=os.environ | {"PYTHONPATH": str(tree), "MPLBACKEND": "Agg"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return "endless"
    finally:
        put(path, original)
    return "noticed" if done.returncode else SURVIVES


def put(path: Path, source: str) -> None:
    """Write a file, and forget what was compiled of it: that goes by size and time, which may be the same."""
    path.write_text(source)
    Path(cache_from_source(path)).unlink(missing_ok=True)


def run(*, seed: int, count: int, wanted: list[str], jobs: int) -> int:
    """Break the package so many times at random; print survivors, and return 1 if there are any."""
    started = time.perf_counter()
    every = [each for file in files(wanted) for each in breaks(file)]
    known = equivalent()
    chosen = random.Random(seed).sample(every, min(count, len(every)))
    chosen = [each for each in chosen if not is_listed(each, known)]
    survivors = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as workers:
        trees: Queue[Path] = Queue()
        for k in range(jobs):
            tree = Path(folder, str(k), "main")
            ignored = shutil.ignore_patterns(".git", "__pycache__", ".*_cache")
            shutil.copytree(ROOT, tree, ignore=ignored)
            trees.put(tree)

        def tried(broken: Break) -> str:
            tree = trees.get()
            try:
                return outcome(broken, tree)
            finally:
                trees.put(tree)

        unbroken = {}
        for each in chosen:
            tests = " ".join(sorted(tests_beside(each.file)))
            unbroken.setdefault(tests, replace(each, write=(ROOT / each.file).read_text))
        for tests, came in zip(unbroken, workers.map(tried, unbroken.values()), strict=True):
            if came != SURVIVES:
                raise SystemExit(f"with nothing broken these tests fail, or take too long: {tests}")
        for k, (broken, came) in enumerate(zip(chosen, workers.map(tried, chosen), strict=True), 1):
            print(f"{k:>4} of {len(chosen)}  {came:<8}  {broken}", flush=True)
            survivors += [broken] * (came == SURVIVES)
    share = 100 * len(survivors) / max(1, len(chosen))
    print(f"{len(survivors)} of {len(chosen)} survived, {share:.1f} % ({time.perf_counter() - started:.0f} s)")
    print(*survivors, sep="\n")
    return 1 if survivors else 0
