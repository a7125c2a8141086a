"""From a graph to LLVM's vector code, and to loops over rows of it.

LLVM does not vectorise a loop over a cell's many arrays by itself (it gives up on proving that they do not overlap), so
the loop is written with vectors: whole registers first, and what is left of a row under a mask. `Rows` says what such a
loop reads and writes; its kernel is called as ``rows(operands, step, n, width)``::

    for r < n, j < width:
        y_1, y_2, ... = graph(x_1[r, j], x_2[r, j], ...)

Each operand is a pointer and a pitch, the numbers from one row to the next; its first row is where the field of
`Step` says that the operand names, so that one table of operands serves all steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rnnbp.kernels import processor
from rnnbp.kernels.approximations import expand
from rnnbp.kernels.language import numbers
from rnnbp.kernels.llvm import Writer, constant, vector
from rnnbp.kernels.records import Record
from rnnbp.kernels.trace import Graph

__all__ = ["Operand", "Rows", "Step", "emit", "rows_kernel"]

# multiply-adds may be fused; nothing else about rounding is given away
FAST = "contract nsz"
ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
COMPARISONS = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
LOGIC = {"and": "and", "or": "or"}
INTRINSICS = {"absolute": "fabs", "sqrt": "sqrt", "round": "rint"}


class Step(Record):
    """Where the rows of one step are, for one share of the sequences.

    `n` rows begin at row `place` of x, y and their gradients, at row `slot` of z, at rows `current` and `previous` of
    the variables after and before the step, and at row `sequence` of what there is one of a sequence.
    """

    n: int
    place: int
    slot: int
    current: int
    previous: int
    sequence: int


class Operand(Record):
    """A matrix, from a column on: row r begins at ``start + r * pitch``."""

    start: numbers
    pitch: int


@dataclass(frozen=True)
class Rows:
    """What a loop over rows does.

    Attributes
    ----------
    graph : Graph
    reads : tuple of int
        The operand that each input of the graph is read from.
    writes : tuple of (int, int or None)
        Operands, and the output of the graph that is written there; None stands for zeros.
    at : tuple of str or None
        For each operand, the field of `Step` that says where its rows begin; None for a single number.
    """

    graph: Graph
    reads: tuple[int, ...]
    writes: tuple[tuple[int, int | None], ...]
    at: tuple[str | None, ...]

    @property
    def fingerprint(self) -> str:
        """A text that tells it from others, the same in each process."""
        return f"{self.graph.fingerprint} {self.reads} {self.writes} {self.at}"


def emit(w: Writer, graph: Graph, operands: Sequence[str], kind: str, n: int) -> list[str]:
    """Write a graph's operations on vectors of n numbers, or on single ones, and return the values of its outputs.

    Parameters
    ----------
    w : Writer
    graph : Graph
    operands : sequence of str
        The values of its inputs.
    kind : {"float", "double"}
    n : int
    """
    graph = expand(graph, "float32" if kind == "float" else "float64")
    whole, suffix, bits = (vector(kind, n), f"v{n}", vector("i1", n)) if n > 1 else (kind, "", "i1")
    suffix += "f32" if kind == "float" else "f64"
    value: dict[Any, str] = dict(zip(graph.inputs, operands, strict=True))

    def of(node: Any) -> str:
        if node.op == "constant" and node not in value:
            number = constant(node.value, kind)
            value[node] = f"<{', '.join([f'{kind} {number}'] * n)}>" if n > 1 else number
        return value[node]

    for node in graph.order:
        if node.op in ("input", "constant"):
            continue
        given = [of(operand) for operand in node.operands]
        if node.op in ARITHMETIC:
            value[node] = w.let(f"{ARITHMETIC[node.op]} {FAST} {whole} {given[0]}, {given[1]}")
        elif node.op == "neg":
            value[node] = w.let(f"fneg {whole} {given[0]}")
        elif node.op in COMPARISONS:
            value[node] = w.let(f"fcmp {COMPARISONS[node.op]} {whole} {given[0]}, {given[1]}")
        elif node.op in LOGIC:
            value[node] = w.let(f"{LOGIC[node.op]} {bits} {given[0]}, {given[1]}")
        elif node.op == "not":
            every = f"<{', '.join(['i1 true'] * n)}>" if n > 1 else "true"
            value[node] = w.let(f"xor {bits} {given[0]}, {every}")
        elif node.op == "where":
            value[node] = _select(w, bits, given[0], whole, given[1], given[2])
        elif node.op == "maximum":
            less = w.let(f"fcmp olt {whole} {given[0]}, {given[1]}")
            value[node] = _select(w, bits, less, whole, given[1], given[0])
        elif node.op == "minimum":
            more = w.let(f"fcmp ogt {whole} {given[0]}, {given[1]}")
            value[node] = _select(w, bits, more, whole, given[1], given[0])
        elif node.op in INTRINSICS:
            value[node] = w.call(f"llvm.{INTRINSICS[node.op]}.{suffix}", whole, [(whole, given[0])])
        elif node.op == "power_of_two":
            value[node] = _power_of_two(w, given[0], kind, n)
        elif node.op in ("mantissa", "exponent"):
            value[node] = _split(w, node.op, given[0], kind, n)
        else:
            raise NotImplementedError(node.op)
    return [of(output) for output in graph.outputs]


def _select(w: Writer, bits: str, condition: str, whole: str, yes: str, no: str) -> str:
    return w.let(f"select {bits} {condition}, {whole} {yes}, {whole} {no}")


def _layout(kind: str, lanes: int) -> tuple[str, str, Callable[[int], str], int, int]:
    """Return the types of a float and of its bits, what makes constants of these, and the exponent's bias and place."""
    bits, bias, fraction = ("i32", 127, 23) if kind == "float" else ("i64", 1023, 52)

    def many(number: int) -> str:
        return f"<{', '.join([f'{bits} {number}'] * lanes)}>" if lanes > 1 else str(number)

    whole = vector(kind, lanes) if lanes > 1 else kind
    return whole, vector(bits, lanes) if lanes > 1 else bits, many, bias, fraction


def _power_of_two(w: Writer, n: str, kind: str, lanes: int) -> str:
    """Write 2^n by making its exponent."""
    whole, bits, many, bias, fraction = _layout(kind, lanes)
    exponent = w.let(f"add {bits} {w.let(f'fptosi {whole} {n} to {bits}')}, {many(bias)}")
    return w.let(f"bitcast {bits} {w.let(f'shl {bits} {exponent}, {many(fraction)}')} to {whole}")


def _split(w: Writer, part: str, x: str, kind: str, lanes: int) -> str:
    """Write the mantissa, from 1 to below 2, or the exponent of x."""
    whole, bits, many, bias, fraction = _layout(kind, lanes)
    given = w.let(f"bitcast {whole} {x} to {bits}")
    if part == "mantissa":
        tail = w.let(f"and {bits} {given}, {many((1 << fraction) - 1)}")
        return w.let(f"bitcast {bits} {w.let(f'or {bits} {tail}, {many(bias << fraction)}')} to {whole}")
    biased = w.let(f"and {bits} {w.let(f'lshr {bits} {given}, {many(fraction)}')}, {many(2 * bias + 1)}")
    return w.let(f"sitofp {bits} {w.let(f'sub {bits} {biased}, {many(bias)}')} to {whole}")


def splat(w: Writer, kind: str, value: str, n: int) -> str:
    """Write a vector with one number in all lanes."""
    if n == 1:
        return value
    one = w.let(f"insertelement {vector(kind, n)} undef, {kind} {value}, i32 0")
    return w.let(f"shufflevector {vector(kind, n)} {one}, {vector(kind, n)} undef, {vector('i32', n)} zeroinitializer")


def lane_mask(w: Writer, count: str, n: int) -> str:
    """Write the mask of the first lanes."""
    numbers = f"<{', '.join(f'i64 {k}' for k in range(n))}>"
    return w.let(f"icmp slt {vector('i64', n)} {numbers}, {splat(w, 'i64', count, n)}")


class Memory:
    """Loads and stores of vectors, whole or under a mask."""

    def __init__(self, w: Writer, kind: str, n: int) -> None:
        self.w, self.kind, self.n = w, kind, n
        self.whole = vector(kind, n) if n > 1 else kind
        self.align, self.bits = (4 if kind == "float" else 8), vector("i1", n)
        self.suffix = f"v{n}{'f32' if kind == 'float' else 'f64'}.p0"

    def load(self, pointer: str, mask: str | None) -> str:
        if mask is None:
            return self.w.let(f"load {self.whole}, ptr {pointer}, align {self.align}")
        given = [("ptr", pointer), ("i32", str(self.align)), (self.bits, mask), (self.whole, "zeroinitializer")]
        return self.w.call(f"llvm.masked.load.{self.suffix}", self.whole, given)

    def store(self, value: str, pointer: str, mask: str | None) -> None:
        if mask is None:
            self.w.do(f"store {self.whole} {value}, ptr {pointer}, align {self.align}")
            return
        given = [(self.whole, value), ("ptr", pointer), ("i32", str(self.align)), (self.bits, mask)]
        self.w.call(f"llvm.masked.store.{self.suffix}", "void", given)


def rows_kernel(name: str, rows: Rows, dtype: str) -> Writer:
    """Return the kernel of a loop over rows, in LLVM's words."""
    kind, n = ("float" if dtype == "float32" else "double"), processor.lanes(dtype)
    w = Writer(name, [("ptr", "operands"), ("ptr", "step"), ("i64", "n"), ("i64", "width")])
    memory = Memory(w, kind, n)
    starts: list[str] = []
    pitches: list[str | None] = []
    for k, at in enumerate(rows.at):
        start = w.let(f"load ptr, ptr {w.let(f'getelementptr inbounds i64, ptr %operands, i64 {2 * k}')}")
        if at is None:
            starts.append(splat(w, kind, w.let(f"load {kind}, ptr {start}"), n))
            pitches.append(None)
            continue
        pitch = w.let(f"load i64, ptr {w.let(f'getelementptr inbounds i64, ptr %operands, i64 {2 * k + 1}')}")
        field = w.let(f"getelementptr inbounds i64, ptr %step, i64 {list(Step.fields).index(at)}")
        offset = w.let(f"mul nsw i64 {w.let(f'load i64, ptr {field}')}, {pitch}")
        starts.append(w.let(f"getelementptr inbounds {kind}, ptr {start}, i64 {offset}"))
        pitches.append(pitch)
    rest = w.let(f"and i64 %width, {n - 1}")
    whole = w.let(f"sub nsw i64 %width, {rest}")
    mask = lane_mask(w, rest, n) if n > 1 else None

    def element(j: str, masked: str | None, r: str) -> None:
        """Write what is done with the numbers from column j on of row r."""
        pointers: list[str] = []
        for start, pitch in zip(starts, pitches, strict=True):
            if pitch is None:
                pointers.append(start)
                continue
            offset = w.let(f"add nsw i64 {w.let(f'mul nsw i64 {r}, {pitch}')}, {j}")
            pointers.append(w.let(f"getelementptr inbounds {kind}, ptr {start}, i64 {offset}"))
        needed = {node for each in rows.graph.order for node in each.operands} | set(rows.graph.outputs)
        loaded: dict[int, str] = {}
        for node, k in zip(rows.graph.inputs, rows.reads, strict=True):
            if k not in loaded and node in needed:
                loaded[k] = pointers[k] if pitches[k] is None else memory.load(pointers[k], masked)
        given = [loaded.get(k, "zeroinitializer") for k in rows.reads]
        values = emit(w, rows.graph, given, kind, n)
        for k, output in rows.writes:
            zero = "zeroinitializer" if n > 1 else constant(0.0, kind)
            memory.store(zero if output is None else values[output], pointers[k], masked)

    r, next_row, after = w.slot("i64"), w.new(), w.new()
    columns, at_column, done, tail, end_row = w.new(), w.new(), w.new(), w.new(), w.new()
    j = w.slot("i64")
    w.do(f"store i64 0, ptr {r}")
    w.begin(next_row)
    row = w.let(f"load i64, ptr {r}")
    w.choose(w.let(f"icmp slt i64 {row}, %n"), columns, after)
    w.begin(columns)
    w.do(f"store i64 0, ptr {j}")
    w.begin(at_column)
    column = w.let(f"load i64, ptr {j}")
    body = w.new()
    w.choose(w.let(f"icmp slt i64 {column}, {whole}"), body, done)
    w.begin(body)
    element(column, None, row)
    w.do(f"store i64 {w.let(f'add nsw i64 {column}, {n}')}, ptr {j}")
    w.go(at_column)
    w.begin(done)
    w.choose(w.let(f"icmp sgt i64 {rest}, 0"), tail, end_row)
    w.begin(tail)
    if n > 1:
        element(whole, mask, row)
    w.begin(end_row)
    w.do(f"store i64 {w.let(f'add nsw i64 {row}, 1')}, ptr {r}")
    w.go(next_row)
    w.begin(after)
    return w
