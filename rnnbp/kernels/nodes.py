"""Traced values: operands that write down what is done to them.

::

    x, y = two inputs
    x + tanh(2.0 * x * y)     leaves     input 0, input 1, constant 2.0, mul, mul, tanh, add

Within one trace equal expressions are one node. Only what is exact in floating point, for NaN and -0 too, is
simplified: x * 1, x / 1, x - 0, -(-x), a choice that is known, and arithmetic of constants. What a node cannot write
down (Python's `if`, NumPy's functions, items, shapes) it refuses, with a message that says what to write instead.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np

__all__ = ["OPERATIONS", "Node", "TraceError", "as_number", "described", "interned", "lifted", "operate"]

# what users write: the names of `rnnbp.kernels.elementwise`, which imports this module
VOCABULARY = (
    "absolute", "erf", "exp", "expm1", "log1p", "maximum", "minimum", "normal_cdf", "normal_pdf", "sigmoid", "softplus",
    "sqrt", "tanh", "where",
)  # fmt: skip


class TraceError(TypeError):
    """A function cannot be traced; the message says where, why, and what to write instead."""


def _erf(x):
    from scipy import special  # takes half a second to import, and few programs need it

    return special.erf(x)


def _power_of_two(n):
    with np.errstate(invalid="ignore"):  # NaN has no whole number; what it is multiplied with is NaN too
        return np.ldexp(np.ones_like(n), np.asarray(n).astype(np.int32))


def _exponent(x):
    return np.floor(np.frexp(x)[1] - 1.0).astype(np.asarray(x).dtype)


def _mantissa(x):
    return 2.0 * np.abs(np.frexp(x)[0])


# Each operation, and how it is carried out on arrays. Only approximations use the last four: round to the nearest whole
# number (a half to the even one), 2^n for a whole n in the range of normal exponents, and m and e of |x| = m 2^e with m
# from 1 to below 2, for x in that range.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "not": np.logical_not,
    "where": np.where,
    "exp": np.exp,
    "expm1": np.expm1,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "erf": _erf,
    "absolute": np.absolute,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "sqrt": np.sqrt,
    "round": np.rint,
    "power_of_two": _power_of_two,
    "mantissa": _mantissa,
    "exponent": _exponent,
}
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
LOGICAL = ("and", "or", "not")
COMMUTATIVE = ("add", "mul", "eq", "ne", "and", "or")
# What is computed while tracing, if all operands are constants
FOLDED = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
    "not": operator.not_,
    **{op: getattr(operator, op) for op in COMPARISONS},
}
# NumPy's arithmetic, which is called when its scalar is the left operand: np.float64(2.0) * x
ARITHMETIC = {OPERATIONS[op].__name__: op for op in ("add", "sub", "mul", "div", "neg", *COMPARISONS)}

NO_BRANCH = (
    "Python's if, while, and, or, not, max and min cannot depend on a traced value, which has no value yet: "
    "use where(condition, x, y), maximum and minimum of rnnbp.kernels.elementwise, and & | ~ between conditions"
)
NOT_ELEMENTWISE = (
    "a traced value stands for one element, so it has no {}: "
    "if the step looks along an axis (softmax), say elementwise=False in the Stage and give a pullback: "
    "then it runs as NumPy"
)


def operate(op: str, *operands: Any) -> Any:
    """Carry out an operation: in NumPy on arrays and numbers, as a new node if an operand is one."""
    for operand in operands:
        if isinstance(operand, Node):
            return _operation(operand.known, op, operands)
    return OPERATIONS[op](*operands)


def _operators(op: str) -> Any:
    return lambda self, other: operate(op, self, other), lambda self, other: operate(op, other, self)


def _refused(reason: str) -> Any:
    def method(self, *arguments, **options):
        raise TraceError(reason)

    return method


class Node:
    """An operation on nodes, in one trace.

    Attributes
    ----------
    op : str
        ``"input"``, ``"constant"`` or one of `OPERATIONS`.
    operands : tuple of Node
    value : float, bool, int or None
        Of a constant, its value; of an input, its position.
    number : int
        Counts the nodes of a trace; operands have smaller ones than what uses them.
    known : dict
        All nodes of the trace.
    """

    __slots__ = ("known", "number", "op", "operands", "value")
    __hash__ = object.__hash__

    def __init__(self, known: dict[Any, Node], op: str, operands: tuple[Node, ...], value: Any) -> None:
        self.known, self.op, self.operands, self.value, self.number = known, op, operands, value, len(known)

    def __repr__(self) -> str:
        value = "" if self.value is None else f" {self.value}"
        return f"<{self.op}{value}, node {self.number}>"

    @property
    def is_condition(self) -> bool:
        """Whether it is true or false, and not a number."""
        return self.op in COMPARISONS or self.op in LOGICAL or isinstance(self.value, bool)

    __add__, __radd__ = _operators("add")
    __sub__, __rsub__ = _operators("sub")
    __mul__, __rmul__ = _operators("mul")
    __truediv__, __rtruediv__ = _operators("div")
    __and__, __rand__ = _operators("and")
    __or__, __ror__ = _operators("or")
    __lt__, _ = _operators("lt")
    __le__, _ = _operators("le")
    __gt__, _ = _operators("gt")
    __ge__, _ = _operators("ge")
    __eq__, _ = _operators("eq")
    __ne__, _ = _operators("ne")
    del _

    def __neg__(self) -> Any:
        return operate("neg", self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return operate("absolute", self)

    def __invert__(self) -> Any:
        return operate("not", self)

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, Node) or exponent not in range(1, 9):
            raise TraceError("** must have a whole number from 1 to 8 after it (sqrt and exp are functions)")
        half = self ** (exponent // 2) if exponent > 1 else None
        return self if half is None else half * half * self if exponent % 2 else half * half

    __bool__ = _refused(NO_BRANCH)
    __len__ = _refused(NOT_ELEMENTWISE.format("length"))
    __iter__ = __getitem__ = _refused(NOT_ELEMENTWISE.format("items"))

    def __array__(self, *arguments: Any, **options: Any) -> Any:
        raise TraceError(_unknown("this function"))

    __float__ = __int__ = __index__ = __complex__ = __round__ = __floor__ = __ceil__ = __trunc__ = __array__

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Any:
        if method == "__call__" and not options and ufunc.__name__ in ARITHMETIC:
            return operate(ARITHMETIC[ufunc.__name__], *operands)
        raise TraceError(_unknown(ufunc.__name__))

    def __array_function__(self, function: Any, types: Any, operands: Any, options: Any) -> Any:
        raise TraceError(_unknown(function.__name__))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise TraceError(NOT_ELEMENTWISE.format(f".{name}"))


def _unknown(name: str) -> str:
    """Say that a function cannot be traced, and which can."""
    if name in VOCABULARY:
        return f"{name} of NumPy or SciPy cannot be traced: use {name} of rnnbp.kernels.elementwise"
    return (
        f"{name} cannot be traced: use arithmetic, comparisons, & | ~ and what rnnbp.kernels.elementwise has "
        f"({', '.join(VOCABULARY)}), or say elementwise=False in the Stage and give a pullback: then it runs as NumPy"
    )


def interned(known: dict[Any, Node], op: str, operands: tuple[Node, ...], value: Any = None) -> Node:
    """Return the node of this trace that is this expression, a new one if there is none."""
    key = (op, value.hex() if isinstance(value, float) else value, *(operand.number for operand in operands))
    swapped = (*key[:2], *reversed(key[2:]))
    if op in COMMUTATIVE and swapped in known:
        return known[swapped]
    if key not in known:
        known[key] = Node(known, op, operands, value)
    return known[key]


def lifted(known: dict[Any, Node], x: Any) -> Node:
    """Return an operand as a node of this trace."""
    if isinstance(x, Node):
        if x.known is not known:
            raise TraceError("a step must use its arguments only, but a traced value of another call was given")
        return x
    if isinstance(x, np.ndarray) and x.ndim == 0:
        x = x[()]
    if isinstance(x, bool | np.bool_):
        return interned(known, "constant", (), bool(x))
    if isinstance(x, Real):
        return interned(known, "constant", (), float(x))
    raise TraceError(f"an operand must be a number or a traced value, but {described(x)} was given")


def described(x: Any) -> str:
    """Name what was given, for a message."""
    if isinstance(x, np.ndarray):
        return f"an array of shape {x.shape}"
    return "None" if x is None else f"{type(x).__name__} {x!r}"[:60]


def as_number(node: Node) -> Node:
    """Return a condition as 1 or 0."""
    return _operation(node.known, "where", (node, 1.0, 0.0)) if node.is_condition else node


def _operation(known: dict[Any, Node], op: str, operands: Sequence[Any]) -> Node:
    nodes = tuple(lifted(known, operand) for operand in operands)
    if op in LOGICAL:
        if not all(node.is_condition for node in nodes):
            raise TraceError("& | ~ must stand between conditions, such as (x > 0), but a number was given")
    elif op == "where":
        condition, x, y = nodes
        condition = condition if condition.is_condition else condition != 0.0
        nodes = (condition, as_number(x), as_number(y))
    else:
        nodes = tuple(map(as_number, nodes))
    simple = _simplified(op, nodes)
    return interned(known, op, nodes) if simple is None else simple


def _simplified(op: str, nodes: tuple[Node, ...]) -> Node | None:
    """Return a node for the same value that is there already, or a constant, if there is one."""
    first, last = nodes[0], nodes[-1]
    constants = [node.value for node in nodes if node.op == "constant"]
    if op in FOLDED and len(constants) == len(nodes) and not (op == "div" and last.value == 0.0):
        return lifted(first.known, FOLDED[op](*constants))
    if op in ("mul", "div") and last.op == "constant" and last.value == 1.0:
        return first
    if op == "mul" and first.op == "constant" and first.value == 1.0:
        return last
    if op == "sub" and last.op == "constant" and last.value.hex() == "0x0.0p+0":
        return first
    if op == "neg" and first.op == "neg":
        return first.operands[0]
    if op == "where" and first.op == "constant":
        return nodes[1] if first.value else last
    if op == "where" and nodes[1] is last:
        return last
    return None
