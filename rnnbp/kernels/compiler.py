"""From the text of a kernel to LLVM's: a walk over its syntax tree.

The language is described in `rnnbp.kernels.language`. Each expression becomes a value of LLVM with a type; each
variable becomes a slot on the stack; each statement becomes a few instructions. What the language does not have is an
error that names the file and the line.

Arithmetic may fuse a multiplication and an addition, but nothing else, unless a kernel is marked as `reassociated`.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rnnbp.kernels import processor
from rnnbp.kernels.functions import Functions
from rnnbp.kernels.kinds import (
    EXPORTED,
    PLAIN_LOOP,
    POINTERS,
    TAGS,
    Kind,
    Value,
    declaration,
    kind_of,
    llvm_type,
    signature,
)
from rnnbp.kernels.llvm import Writer, constant
from rnnbp.kernels.tiles import vectors

__all__ = ["compile_kernel"]

ARITHMETIC = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
WHOLE = {**ARITHMETIC, ast.FloorDiv: "sdiv", ast.Mod: "srem"}
COMPARISONS = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}


def compile_kernel(function: Callable[..., Any], dtype: str, known: Mapping[str, Callable[..., Any]]) -> Writer:
    """Return a kernel in LLVM's words.

    Parameters
    ----------
    function : callable
    dtype : {"float32", "float64"}
        What `number` is.
    known : mapping of str to callable
        The kernels that it may call, by name.

    Raises
    ------
    SyntaxError
        If the text is none of the language; names the line.
    """
    return _Walk(function, dtype, known).writer


class _Walk(ast.NodeVisitor):
    def __init__(self, function: Callable[..., Any], dtype: str, known: Mapping[str, Any]) -> None:
        self.function, self.dtype, self.known = function, dtype, known
        self.constants = {"LANES": processor.lanes(dtype), "VECTORS": vectors()}
        self.kernel = signature(function)
        arguments, result = declaration(function, dtype)
        self.loop = "" if hasattr(function, "vectorized") else f", !llvm.loop {PLAIN_LOOP}"
        hidden = "share" not in function.__annotations__ and function.__name__ not in EXPORTED
        inline = "always" if hasattr(function, "inlined") else "may" if self.loop else "never"
        self.writer = Writer(function.__name__, arguments, result, internal=hidden, inline=inline)
        self.flags = "reassoc contract nsz" if hasattr(function, "reassociated") else "contract nsz"
        self.variables: dict[str, tuple[str, Kind]] = {}
        for name, kind in self.kernel.arguments.items():
            self.set(name, Value(f"%{name}", kind))
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        (definition,) = tree.body
        assert isinstance(definition, ast.FunctionDef)
        self.run(definition.body)
        if self.writer.open and self.kernel.result != "None":
            self.fail(
                definition.body[-1], f"its end may be reached without a result, which must be {self.kernel.result}"
            )

    # -- helpers -------------------------------------------------------------------------------------------------

    def fail(self, node: ast.AST, reason: str, cause: Exception | None = None) -> Any:
        code = self.function.__code__
        line = code.co_firstlineno + getattr(node, "lineno", 1) - 1
        raise SyntaxError(
            f"{code.co_filename}, line {line}, in the kernel {self.function.__name__}: {reason}"
        ) from cause

    def type(self, kind: Kind) -> str:
        return llvm_type(kind, self.dtype)

    def typed(self, value: Value) -> str:
        return f"{self.type(value.kind)} {value.text}"

    def visit(self, node: ast.AST) -> Any:
        name = f"visit_{type(node).__name__}"
        if not hasattr(self, name):
            self.fail(node, f"the language has no {type(node).__name__}")
        try:
            return getattr(self, name)(node)
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            return self.fail(node, f"the language has no such {type(node).__name__}", error)

    def value(self, node: ast.AST, like: Kind = None) -> Value:
        """Return an expression's value; a literal becomes one of the type `like`, or of its own."""
        value: Value = self.visit(node)
        if value.kind != "literal":
            return value
        kind = like if like in ("number", "float") else ("float" if isinstance(value.text, float) else "int")
        return Value(constant(value.text, self.type(kind)), kind)

    def pair(self, node: ast.AST, left: ast.AST | Value, right: ast.AST) -> tuple[Value, Value]:
        """Return two operands of one type."""
        x, y = left if isinstance(left, Value) else self.visit(left), self.visit(right)
        kind = y.kind if x.kind == "literal" else x.kind
        x, y = self._as(x, kind), self._as(y, kind)
        if x.kind != y.kind:
            self.fail(node, f"operands must be of one type, but are {x.kind} and {y.kind}: convert one")
        return x, y

    def _as(self, value: Value, kind: Kind) -> Value:
        if value.kind != "literal":
            return value
        if kind == "literal" or kind not in ("number", "float", "int"):
            kind = "float" if isinstance(value.text, float) else "int"
        return Value(constant(value.text, self.type(kind)), kind)

    def condition(self, node: ast.AST) -> str:
        value = self.value(node)
        return str(value.text) if value.kind == "bool" else self.writer.let(f"icmp ne {self.typed(value)}, 0")

    def set(self, name: str, value: Value, node: ast.AST | None = None) -> None:
        if name not in self.variables:
            self.variables[name] = self.writer.slot(self.type(value.kind)), value.kind
        slot, kind = self.variables[name]
        if kind != value.kind:
            self.fail(node or ast.Pass(), f"{name} is of type {kind} and cannot become {value.kind}")
        self.writer.do(f"store {self.typed(value)}, ptr {slot}")

    def element(self, pointer: Value, index: Value) -> str:
        if not isinstance(pointer.kind, str):
            size, kind = len(pointer.kind.fields), "i64"
            index = Value(self.writer.let(f"mul nsw i64 {index.text}, {size}"), "int")
        else:
            kind = self.type(POINTERS[pointer.kind])
        return self.writer.let(f"getelementptr inbounds {kind}, ptr {pointer.text}, i64 {index.text}")

    def field(self, node: ast.Attribute) -> tuple[str, Kind]:
        record = self.value(node.value)
        if isinstance(record.kind, str) or node.attr not in record.kind.fields:
            self.fail(node, f"there is no field {node.attr!r}")
        at = list(record.kind.fields).index(node.attr)
        pointer = self.writer.let(f"getelementptr inbounds i64, ptr {record.text}, i64 {at}")
        return pointer, kind_of(record.kind.fields[node.attr], vars(inspect.getmodule(record.kind)))

    def load(self, pointer: str, kind: Kind, tag: str) -> Value:
        return Value(self.writer.let(f"load {self.type(kind)}, ptr {pointer}, !tbaa {TAGS[tag]}"), kind)

    # -- statements ----------------------------------------------------------------------------------------------

    def run(self, statements: Iterable[ast.stmt]) -> None:
        for statement in statements:
            self.visit(statement)

    def assign(self, target: ast.AST, value: Value) -> None:
        if isinstance(target, ast.Name):
            self.set(target.id, value, target)
        elif isinstance(target, ast.Attribute):
            pointer, kind = self.field(target)
            self.store(target, pointer, value, kind, "record")
        elif isinstance(target, ast.Subscript):
            array = self.value(target.value)
            pointer = self.element(array, self.value(target.slice))
            self.store(target, pointer, value, POINTERS[array.kind], array.kind)
        else:
            self.fail(target, "only names, elements and fields are assigned to")

    def store(self, node: ast.AST, pointer: str, value: Value, kind: Kind, tag: str) -> None:
        if value.kind != kind:
            self.fail(node, f"{value.kind} is stored where {kind} belongs: convert it")
        self.writer.do(f"store {self.typed(value)}, ptr {pointer}, !tbaa {TAGS[tag]}")

    def target_kind(self, target: ast.AST) -> Kind:
        if isinstance(target, ast.Name):
            return self.variables.get(target.id, (None, None))[1]
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            return POINTERS.get(self.variables[target.value.id][1]) if target.value.id in self.variables else None
        return self.visit(target).kind if isinstance(target, (ast.Attribute, ast.Subscript)) else None

    def visit_Assign(self, node: ast.Assign) -> None:
        (target,) = node.targets
        if isinstance(target, ast.Tuple):
            assert isinstance(node.value, ast.Tuple)
            pairs = list(zip(target.elts, node.value.elts, strict=True))
            values = [self.value(given, self.target_kind(to)) for to, given in pairs]
            for (to, _), value in zip(pairs, values, strict=True):
                self.assign(to, value)
        else:
            self.assign(target, self.value(node.value, self.target_kind(target)))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.assign(node.target, self.binary(node, node.op, node.target, node.value))

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.visit(node.value)

    def visit_Return(self, node: ast.Return) -> None:
        value = Value("", "None") if node.value is None else self.value(node.value, self.kernel.result)
        if value.kind != self.kernel.result:
            self.fail(node, f"{value.kind} is returned where {self.kernel.result} belongs: convert it")
        self.writer.end(f"ret {self.typed(value)}")

    def visit_If(self, node: ast.If) -> None:
        w = self.writer
        yes, no, after = w.new(), w.new(), w.new()
        w.choose(self.condition(node.test), yes, no)
        for block, body in ((yes, node.body), (no, node.orelse)):
            w.begin(block)
            self.run(body)
            w.go(after)
        w.begin(after)

    def visit_While(self, node: ast.While) -> None:
        assert not node.orelse
        w = self.writer
        head, body, after = w.new(), w.new(), w.new()
        w.begin(head)
        w.choose(self.condition(node.test), body, after)
        w.begin(body)
        self.run(node.body)
        w.end(f"br label %{head}{self.loop}")
        w.begin(after)

    def visit_For(self, node: ast.For) -> None:
        assert not node.orelse
        w = self.writer
        over = node.iter
        if not (isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id == "range"):
            self.fail(node, "loops go over range(...)")
        assert isinstance(over, ast.Call)
        given = [self.value(each) for each in over.args]
        zero, one = Value("0", "int"), Value("1", "int")
        start, stop, step = (zero, *given, one) if len(given) == 1 else (*given, one)[:3]
        head, body, after = w.new(), w.new(), w.new()
        counter = w.slot("i64")
        w.do(f"store i64 {start.text}, ptr {counter}")
        w.begin(head)
        k = w.let(f"load i64, ptr {counter}")
        falls = str(step.text).startswith("-")
        w.choose(w.let(f"icmp {'sgt' if falls else 'slt'} i64 {k}, {stop.text}"), body, after)
        w.begin(body)
        self.assign(node.target, Value(k, "int"))
        self.run(node.body)
        if w.open:
            w.do(f"store i64 {w.let(f'add nsw i64 {k}, {step.text}')}, ptr {counter}")
        w.end(f"br label %{head}{self.loop}")
        w.begin(after)

    # -- expressions ---------------------------------------------------------------------------------------------

    def visit_Constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
            self.fail(node, f"{node.value!r} is no number")
        return Value(node.value, "literal")

    def visit_Name(self, node: ast.Name) -> Value:
        if node.id in self.variables:
            slot, kind = self.variables[node.id]
            return Value(self.writer.let(f"load {self.type(kind)}, ptr {slot}"), kind)
        known = self.constants.get(node.id, self.function.__globals__.get(node.id))
        if not isinstance(known, (int, float)):
            self.fail(node, f"{node.id} is not known")
        return Value(known, "literal")

    def visit_Attribute(self, node: ast.Attribute) -> Value:
        pointer, kind = self.field(node)
        return self.load(pointer, kind, "record")

    def visit_Subscript(self, node: ast.Subscript) -> Value:
        array, index = self.value(node.value), self.value(node.slice)
        pointer = self.element(array, index)
        if isinstance(array.kind, type):
            return Value(pointer, array.kind)
        return self.load(pointer, POINTERS[array.kind], array.kind)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Value:
        if isinstance(node.op, ast.Not):
            return Value(self.writer.let(f"xor i1 {self.condition(node.operand)}, true"), "bool")
        value = self.visit(node.operand)
        if value.kind == "literal":
            return Value(-value.text, "literal")
        operation = f"sub nsw i64 0, {value.text}" if value.kind == "int" else f"fneg {self.typed(value)}"
        return Value(self.writer.let(operation), value.kind)

    def visit_BinOp(self, node: ast.BinOp) -> Value:
        return self.binary(node, node.op, node.left, node.right)

    def binary(self, node: ast.AST, operator: ast.operator, left: ast.AST, right: ast.AST) -> Value:
        first = self.visit(left)
        if first.kind in POINTERS or isinstance(first.kind, type):
            if not isinstance(operator, ast.Add):
                self.fail(node, f"{first.kind} has no {type(operator).__name__}")
            return Value(self.element(first, self.value(right)), first.kind)
        x, y = self.pair(node, first, right)
        table = WHOLE if x.kind == "int" else ARITHMETIC
        if type(operator) not in table or (x.kind == "int" and isinstance(operator, ast.Div)):
            self.fail(node, f"{x.kind} has no {type(operator).__name__}")
        name = table[type(operator)]
        if x.kind == "int":
            operation = f"{name}{'' if name.startswith('s') and name != 'sub' else ' nsw'}"
        else:
            operation = f"f{name} {self.flags}"
        return Value(self.writer.let(f"{operation} {self.typed(x)}, {y.text}"), x.kind)

    def visit_Compare(self, node: ast.Compare) -> Value:
        (operator,), (right,) = node.ops, node.comparators
        x, y = self.pair(node, node.left, right)
        name = COMPARISONS[type(operator)]
        if x.kind in ("int", "bool", "address"):
            name = name if name in ("eq", "ne") else f"s{name}"
            return Value(self.writer.let(f"icmp {name} {self.typed(x)}, {y.text}"), "bool")
        prefix = "u" if name == "ne" else "o"
        return Value(self.writer.let(f"fcmp {prefix}{name} {self.typed(x)}, {y.text}"), "bool")

    def visit_BoolOp(self, node: ast.BoolOp) -> Value:
        """Evaluate what is left of ``and`` or ``or`` first, and the rest only if it matters."""
        w, settles = self.writer, isinstance(node.op, ast.Or)
        slot, after = w.slot("i1"), w.new()
        for k, each in enumerate(node.values):
            value = self.condition(each)
            w.do(f"store i1 {value}, ptr {slot}")
            if k + 1 < len(node.values):
                following = w.new()
                w.choose(value, *((after, following) if settles else (following, after)))
                w.begin(following)
        w.begin(after)
        return Value(w.let(f"load i1, ptr {slot}"), "bool")

    def visit_IfExp(self, node: ast.IfExp) -> Value:
        w = self.writer
        yes, no, after = w.new(), w.new(), w.new()
        w.choose(self.condition(node.test), yes, no)
        w.begin(yes)
        x = self.value(node.body, None)
        slot = w.slot(self.type(x.kind))
        w.do(f"store {self.typed(x)}, ptr {slot}")
        w.go(after)
        w.begin(no)
        y = self.value(node.orelse, x.kind)
        if x.kind != y.kind:
            self.fail(node, f"both values must be of one type, but are {x.kind} and {y.kind}")
        w.do(f"store {self.typed(y)}, ptr {slot}")
        w.begin(after)
        return Value(w.let(f"load {self.type(x.kind)}, ptr {slot}"), x.kind)

    def visit_Call(self, node: ast.Call) -> Value:
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name in self.known:
            return self.call_kernel(node, self.known[name])
        if name.startswith("_") or not hasattr(Functions, name):
            self.fail(node, f"{name} is no function of the language")
        result: Value = getattr(Functions(self), name)(node)
        return result

    def call_kernel(self, node: ast.Call, function: Callable[..., Any]) -> Value:
        kernel = signature(function)
        if len(node.args) != len(kernel.arguments):
            self.fail(node, f"{function.__name__} takes {len(kernel.arguments)} arguments")
        values = [self.value(each, kind) for each, kind in zip(node.args, kernel.arguments.values(), strict=True)]
        for value, (argument, kind) in zip(values, kernel.arguments.items(), strict=True):
            if value.kind != kind:
                self.fail(node, f"{argument} of {function.__name__} must be {kind}, but is {value.kind}")
        listed = ", ".join(map(self.typed, values))
        operation = f"call {self.type(kernel.result)} @{function.__name__}({listed})"
        if kernel.result == "None":
            self.writer.do(operation)
            return Value("", "None")
        return Value(self.writer.let(operation), kernel.result)
