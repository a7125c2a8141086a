"""Break every pullback of every cell, one term at a time, and see whether a gradient check notices.

Run as ``python tests/mutations.py [name ...]``, with names of `conformance.RECURRENT`; all by default. It prints a row
for each function, then each mutant that survives, and exits with 1 if there is one. The rest of the package is broken
by ``python tests/mutations.py --package --seed S --count N [--files PLACE ...] [--jobs J] [--kept FOLDER]``; see
`package_mutations`.

A mutant is a function with one thing changed that is assigned or returned, in one of these ways::

    a            0.0 * a;  -a                     all of it dropped, and negated
    a + b        b;  a;  -a + b;  a - b           each summand dropped, and negated, wherever it stands
    a * b        b;  a                            each factor dropped, wherever it stands

It takes the function's place in a cell, which is then run forwards and back as NumPy on a small ragged batch with
random parameters, initial states and cotangents. It is caught if a derivative is not that of finite differences, if its
own values are not the derivatives of its step, or if shapes or kinds no longer fit. Syntax trees are changed, in
memory; no file is.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import package_mutations
from conformance import RECURRENT, H, I, Problem, numerical_gradient

from rnnbp.gradients import cell_products

LENGTHS = (3, 1, 2)
TOLERANCE = 1e-6  # of the largest derivative: far above the differences' error, far below what a term is worth

Numbers = dict[str, np.ndarray]


# -- mutants -----------------------------------------------------------------------------------------------------------


def mutants(function: FunctionType) -> Iterator[tuple[str, FunctionType]]:
    """Yield each mutant of a function: what was changed, and the changed function."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef)
    for statement in tree.body:
        if not isinstance(statement, ast.Assign | ast.Return):
            continue
        values = statement.value.elts if isinstance(statement.value, ast.Tuple) else [statement.value]
        for old in ast.walk(statement.value):
            if not isinstance(old, ast.expr):
                continue
            whole = any(old is value for value in values) and not isinstance(old, ast.Name | ast.Tuple)
            for new in (*changes(old), *(whole_changes(old) if whole else ())):
                # a copy in which the new node stands where the old one stood
                changed = deepcopy(tree, {id(old): new})
                yield f"{ast.unparse(old)}  ->  {ast.unparse(new)}", rebuilt(function, changed)


def changes(node: ast.expr) -> Iterator[ast.expr]:
    """Yield a sum with a summand dropped or negated, a product with a factor dropped."""
    if not isinstance(node, ast.BinOp):
        return
    if isinstance(node.op, ast.Add | ast.Sub):
        minus = ast.UnaryOp(ast.USub(), node.right)
        yield minus if isinstance(node.op, ast.Sub) else node.right
        yield node.left
        yield ast.BinOp(ast.UnaryOp(ast.USub(), node.left), node.op, node.right)
        yield ast.BinOp(node.left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), node.right)
    elif isinstance(node.op, ast.Mult):
        yield node.right
        yield node.left


def whole_changes(node: ast.expr) -> Iterator[ast.expr]:
    """Yield all of it dropped, and negated."""
    yield ast.BinOp(ast.Constant(0.0), ast.Mult(), node)
    yield ast.UnaryOp(ast.USub(), node)


def rebuilt(function: FunctionType, tree: ast.FunctionDef) -> FunctionType:
    """Return the function of a syntax tree, among the names that the original sees."""
    namespace = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), "<mutant>", "exec"), namespace)
    return namespace[tree.name]


# -- the check ---------------------------------------------------------------------------------------------------------


@dataclass
class Target:
    """A function to be mutated: its name, and how to put another in its place for a while, and check that."""

    name: str
    function: FunctionType
    exchanged: Callable[[FunctionType], Any]
    is_right: Callable[[FunctionType], bool]


def agree(actual: Numbers, expected: Numbers) -> bool:
    return all(np.abs(actual[key] - e).max() <= TOLERANCE * np.abs(e).max() for key, e in expected.items())


def targets(name: str) -> Iterator[Target]:
    """Yield the pullbacks of a cell of the table."""
    problem = Problem([RECURRENT[name](I, H)], LENGTHS)
    cell = problem.stack[0].cell
    expected = {key: numerical_gradient(problem.value, leaf) for key, leaf in problem.leaves.items()}
    assert agree(problem.gradients(), expected), f"{name}: wrong before anything was broken"

    def is_right(_mutant: FunctionType) -> bool:
        return agree(problem.gradients(), expected)

    for k, stage in enumerate(cell.stages):

        @contextmanager
        def exchanged(mutant: FunctionType, k: int = k) -> Iterator[None]:
            whole = cell.stages
            cell.stages = tuple(replace(s, pullback=mutant) if j == k else s for j, s in enumerate(whole))
            try:
                yield
            finally:
                cell.stages = whole

        def is_right_alone(mutant: FunctionType, stage: Any = stage) -> bool:
            return is_right(mutant) and agree(*derivatives(cell, stage, mutant))

        yield Target(f"{name}, {stage.pullback.__name__}", stage.pullback, exchanged, is_right_alone)
    if any(product.gain is not None for product in cell.products):

        @contextmanager
        def exchanged_norm(mutant: FunctionType) -> Iterator[None]:
            cell_products.standardize_pullback, kept = mutant, cell_products.standardize_pullback
            try:
                yield
            finally:
                cell_products.standardize_pullback = kept

        function = cell_products.standardize_pullback
        yield Target(f"{name}, {function.__name__}", function, exchanged_norm, is_right)


def derivatives(cell: Any, stage: Any, pullback: FunctionType) -> tuple[Numbers, Numbers]:
    """Return what a pullback gives for random values, and the derivatives of its step by finite differences."""
    rng = np.random.default_rng(0)

    def draw(names: tuple[str, ...]) -> tuple[np.ndarray, ...]:
        return tuple(rng.normal(size=(1, cell.width(name))) for name in names)

    blocks, inputs, d_outputs = draw(stage.blocks), draw((*stage.reads, *stage.uses)), draw(stage.outputs)
    saved, outputs = stage.step(blocks, inputs)
    d_blocks, d_inputs = pullback(saved, inputs, outputs, d_outputs)

    def value() -> float:
        return sum(float((y * dy).sum()) for y, dy in zip(stage.step(blocks, inputs)[1], d_outputs, strict=True))

    expected = {str(k): numerical_gradient(value, leaf) for k, leaf in enumerate((*blocks, *inputs))}
    return {str(k): np.asarray(d) for k, d in enumerate((*d_blocks, *d_inputs))}, expected


def survivors(target: Target) -> tuple[int, list[str]]:
    """Return how many mutants a function has, and what was changed in those that no check notices."""
    unnoticed, n = [], 0
    for changed, mutant in mutants(target.function):
        n += 1
        with suppress(TypeError, ValueError), target.exchanged(mutant):  # a wrong shape or kind is noticed too
            if target.is_right(mutant):
                unnoticed.append(changed)
    return n, unnoticed


def main(names: list[str]) -> int:
    """Break the cells of these names; return 1 if a mutant has survived."""
    start, done, alive = time.perf_counter(), set(), []
    print(f"{'function':<44}{'mutants':>9}{'caught':>9}")
    for name in names:
        for target in targets(name):
            where = (target.function.__module__, target.function.__qualname__)
            if where in done:  # a function that cells share
                continue
            done.add(where)
            n, unnoticed = survivors(target)
            print(f"{target.name:<44}{n:>9}{n - len(unnoticed):>9}")
            alive += [f"{target.name}: {changed}" for changed in unnoticed]
    print(f"{len(alive)} survived ({time.perf_counter() - start:.1f} s)", *alive, sep="\n  ")
    return 1 if alive else 0


def command_line(arguments: list[str]) -> int:
    """Break pullbacks, or the package."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="cells whose pullbacks are broken (default: all)")
    parser.add_argument("--package", action="store_true", help="break the package instead")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=60, help="how many breaks are tried (default: %(default)s)")
    parser.add_argument("--files", nargs="+", default=[], help="files or folders that are broken")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once (default: %(default)s)")
    parser.add_argument(
        "--kept", type=Path, help="folder that keeps what came of breaks, so that a run can be continued"
    )
    given = parser.parse_args(arguments)
    if given.package:
        return package_mutations.run(
            seed=given.seed, count=given.count, wanted=given.files, jobs=given.jobs, kept=given.kept
        )
    return main(given.names or list(RECURRENT))


if __name__ == "__main__":
    sys.exit(command_line(sys.argv[1:]))
