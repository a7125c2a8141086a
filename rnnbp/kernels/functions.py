"""What the functions of the kernels' language become.

Each method is named after its function, which `rnnbp.kernels.language` describes, and returns its value.
"""

# ruff: noqa: D102

from __future__ import annotations

import ast
from functools import partial
from typing import Any

from rnnbp.kernels import elementwise, processor
from rnnbp.kernels.emitter import emit
from rnnbp.kernels.kinds import POINTERS, Kind, Value
from rnnbp.kernels.llvm import constant
from rnnbp.kernels.nodes import operate
from rnnbp.kernels.trace import trace

__all__ = ["Functions"]

NOTHING = Value("", "None")
CONVERSIONS = {
    ("i64", "float"): "sitofp",
    ("i64", "double"): "sitofp",
    ("float", "i64"): "fptosi",
    ("double", "i64"): "fptosi",
    ("float", "double"): "fpext",
    ("double", "float"): "fptrunc",
    ("i1", "i64"): "zext",
}


class Functions:
    """The functions that a walk over a kernel's text meets.

    Parameters
    ----------
    walk : rnnbp.kernels.compiler._Walk
    """

    def __init__(self, walk: Any) -> None:
        self._walk, self._w = walk, walk.writer

    def call(self, node: ast.Call) -> Value:
        function, *values = (self._walk.value(each) for each in node.args)
        pointer = self._w.let(f"inttoptr i64 {function.text} to ptr")
        self._w.do(f"call void {pointer}({', '.join(map(self._walk.typed, values))})")
        return NOTHING

    def _convert(self, node: ast.Call, to: Kind) -> Value:
        value = self._walk.visit(node.args[0])
        if value.kind == "literal":
            return Value(constant(value.text, self._walk.type(to)), to)
        x, y = self._walk.type(value.kind), self._walk.type(to)
        if x == y:
            return Value(value.text, to)
        return Value(self._w.let(f"{CONVERSIONS[x, y]} {x} {value.text} to {y}"), to)

    def number(self, node: ast.Call) -> Value:
        return self._convert(node, "number")

    def float(self, node: ast.Call) -> Value:
        return self._convert(node, "float")

    def int(self, node: ast.Call) -> Value:
        return self._convert(node, "int")

    def _smaller_or_larger(self, node: ast.Call, name: str) -> Value:
        x, y = self._walk.pair(node, *node.args)
        operation = f"icmp s{name}" if x.kind == "int" else f"fcmp o{name}"
        better = self._w.let(f"{operation} {self._walk.typed(y)}, {x.text}")  # so that NaN goes where Python lets it go
        return Value(self._w.let(f"select i1 {better}, {self._walk.typed(y)}, {self._walk.typed(x)}"), x.kind)

    def min(self, node: ast.Call) -> Value:
        return self._smaller_or_larger(node, "lt")

    def max(self, node: ast.Call) -> Value:
        return self._smaller_or_larger(node, "gt")

    def _real(self, node: ast.Call) -> Value:
        value: Value = self._walk.value(node.args[0], "float")
        if value.kind not in ("number", "float"):
            self._walk.fail(node, f"the function of {value.kind} is not known: convert it")
        return value

    def _intrinsic(self, node: ast.Call, name: str) -> Value:
        value = self._real(node)
        kind = self._walk.type(value.kind)
        function = f"llvm.{name}.{'f32' if kind == 'float' else 'f64'}"
        return Value(self._w.call(function, kind, [(kind, str(value.text))]), value.kind)

    def abs(self, node: ast.Call) -> Value:
        return self._intrinsic(node, "fabs")

    def sqrt(self, node: ast.Call) -> Value:
        return self._intrinsic(node, "sqrt")

    def log(self, node: ast.Call) -> Value:
        return self._intrinsic(node, "log")

    def _arithmetic(self, node: ast.Call, function: Any) -> Value:
        value = self._real(node)
        kind = self._walk.type(value.kind)
        (result,) = emit(self._w, trace(function, (None,), (None,)), [str(value.text)], kind, 1)
        return Value(result, value.kind)

    def exp(self, node: ast.Call) -> Value:
        return self._arithmetic(node, elementwise.exp)

    def mantissa(self, node: ast.Call) -> Value:
        return self._arithmetic(node, partial(operate, "mantissa"))

    def exponent(self, node: ast.Call) -> Value:
        return self._arithmetic(node, partial(operate, "exponent"))

    def power_of_two(self, node: ast.Call) -> Value:
        return self._arithmetic(node, partial(operate, "power_of_two"))

    def round_to_whole(self, node: ast.Call) -> Value:
        return self._arithmetic(node, partial(operate, "round"))

    def copy(self, node: ast.Call) -> Value:
        to, a, n = (self._walk.value(each) for each in node.args)
        size = self._bytes(to, n)
        self._w.call("llvm.memcpy.p0.p0.i64", "void", [("ptr", to.text), ("ptr", a.text), size, ("i1", "false")])
        return NOTHING

    def clear(self, node: ast.Call) -> Value:
        to, n = (self._walk.value(each) for each in node.args)
        size = self._bytes(to, n)
        self._w.call("llvm.memset.p0.i64", "void", [("ptr", to.text), ("i8", "0"), size, ("i1", "false")])
        return NOTHING

    def _bytes(self, of: Value, n: Value) -> tuple[str, str]:
        each = 4 if self._walk.type(POINTERS[of.kind]) == "float" else 8
        return "i64", self._w.let(f"mul nsw i64 {n.text}, {each}")

    def _atomic(self, node: ast.Call) -> tuple[str, list[str]]:
        array, index, *rest = (self._walk.value(each) for each in node.args)
        return self._walk.element(array, index), [str(each.text) for each in rest]

    def load_atomic(self, node: ast.Call) -> Value:
        pointer, _ = self._atomic(node)
        return Value(self._w.let(f"load atomic i64, ptr {pointer} acquire, align 8"), "int")

    def store_atomic(self, node: ast.Call) -> Value:
        pointer, (value,) = self._atomic(node)
        self._w.do(f"store atomic i64 {value}, ptr {pointer} release, align 8")
        return NOTHING

    def add_atomic(self, node: ast.Call) -> Value:
        pointer, (value,) = self._atomic(node)
        return Value(self._w.let(f"atomicrmw add ptr {pointer}, i64 {value} acq_rel"), "int")

    def swap_atomic(self, node: ast.Call) -> Value:
        pointer, (expected, value) = self._atomic(node)
        pair = self._w.let(f"cmpxchg ptr {pointer}, i64 {expected}, i64 {value} acq_rel acquire")
        swapped = self._w.let(f"extractvalue {{ i64, i1 }} {pair}, 1")
        return Value(self._w.let(f"zext i1 {swapped} to i64"), "int")

    def pause(self, node: ast.Call) -> Value:
        processor.pause(self._w)
        return NOTHING

    def flush_denormals(self, node: ast.Call) -> Value:
        return Value(processor.flush(self._w), "int")

    def restore_denormals(self, node: ast.Call) -> Value:
        processor.restore(self._w, str(self._walk.value(node.args[0]).text))
        return NOTHING
