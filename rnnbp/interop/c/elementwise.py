"""Elementwise functions in C: graphs become statements, and what they call is written out, once for each header.

::

    f * c' + tanh(z)     --->     const float t0 = f * c;
                                  const float t1 = model_tanh(z);
                                  const float t2 = t0 + t1;

Transcendental functions are those of the compiled run: `rnnbp.kernels.approximations`, of which a header holds those
that it calls. No library of mathematics is asked for. The square root is not among them, as processors have it, but
plain C does not::

    x = m 4^h,  m from 1 to below 4                                          (1)
    r = r (3 - m r^2) / 2     again and again: r is 1 / sqrt(m)              (2)   Newton
    s = m r;  s += r (m - s^2) / 2                                           (3)   Heron; sqrt(x) = s 2^h

Its error is below 1.2e-7 in float32 and 2.3e-16 in float64, relative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from string import Template
from typing import Any

from rnnbp.interop.c.routines import ROUTINES
from rnnbp.interop.c.text import literal
from rnnbp.kernels.approximations import LN2, LN2_REST, LOG1P_P, expand
from rnnbp.kernels.elementwise import where
from rnnbp.kernels.nodes import OPERATIONS, operate
from rnnbp.kernels.trace import Graph, trace

__all__ = ["Functions", "square_root"]

INFIX = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==",
    "ne": "!=", "and": "&", "or": "|",
}  # fmt: skip
# The relative error of the first guess of 1 / sqrt(m), 0.032, is squared, and grows by half, in each step of (2).
GUESS = (0.0469893, -0.3884107, 1.310325)
N_STEPS = {"float32": 2, "float64": 3}
# Numbers below the normal range are multiplied by `UP` first, a power of 4, whose square root is exact
NORMAL = {"float32": 2.0**-126, "float64": 2.0**-1022}
UP = {"float32": 2.0**48, "float64": 2.0**108}


def square_root(dtype: str, x: Any) -> Any:
    """Return the square root, in arithmetic, for numbers of a dtype (1 to 3)."""
    small = x < NORMAL[dtype]
    y = where(small, x * UP[dtype], x)
    e, m = operate("exponent", y), operate("mantissa", y)
    h = operate("round", 0.5 * e - 0.25)  # 1
    m = where(e > 2.0 * h, 2.0 * m, m)  # 1
    r = (GUESS[0] * m + GUESS[1]) * m + GUESS[2]
    for _ in range(N_STEPS[dtype]):
        r = r * (1.5 - 0.5 * m * r * r)  # 2
    s = m * r
    s = s + 0.5 * r * (m - s * s)  # 3
    s = s * operate("power_of_two", h) * where(small, 1.0 / math.sqrt(UP[dtype]), 1.0)
    return where(x > 0.0, where(x < math.inf, s, x), where(x < 0.0, math.nan, x))


def logarithm(x: Any) -> Any:
    """Return the natural logarithm of float32 numbers in the normal range: in arithmetic, as `approximations.log1p`."""
    e, m = operate("exponent", x), operate("mantissa", x)
    high = m > math.sqrt(2.0)
    e, m = where(high, e + 1.0, e), where(high, 0.5 * m, m)
    s = (m - 1.0) / (m + 1.0)
    value, *lower = LOG1P_P
    for coefficient in lower:
        value = value * (s * s) + coefficient
    return s * value + e * LN2_REST + e * LN2


class Functions:
    """The functions that a header calls, each written once, in an order in which C knows them.

    Parameters
    ----------
    stem : str
        What their names begin with.
    dtype : {"float32", "float64"}

    Attributes
    ----------
    texts : dict of str to str
        Their definitions.
    """

    def __init__(self, stem: str, dtype: str) -> None:
        self.stem, self.dtype = stem, dtype
        self.number = "float" if dtype == "float32" else "double"
        self.texts: dict[str, str] = {}

    def name(self, function: str) -> str:
        """Return the C name of a function, which is then in the header."""
        if function not in self.texts:
            self.texts[function] = self._routine(function) if function in ROUTINES else self._arithmetic(function)
            self.texts[function] = self.texts.pop(function)  # after what it calls
        return f"{self.stem}_{function}"

    def statements(self, graph: Graph, operands: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return what computes a graph, and an expression for each of its outputs.

        Parameters
        ----------
        graph : Graph
        operands : sequence of str
            An expression for each of its inputs.
        """
        values = dict(zip(graph.inputs, operands, strict=True))
        lines: list[str] = []
        for node in graph.order:
            if node in values:
                continue
            if node.op == "constant":
                values[node] = self._constant(node.value)
                continue
            given = [values[operand] for operand in node.operands]
            name = f"t{len(lines)}"
            lines.append(
                f"const {'int' if node.is_condition else self.number} {name} = {self._operation(node.op, given)};"
            )
            values[node] = name
        return lines, [values[node] for node in graph.outputs]

    def _operation(self, op: str, given: Sequence[str]) -> str:
        if op in INFIX:
            return f"{given[0]} {INFIX[op]} {given[1]}"
        if op in ("neg", "not"):
            return f"{'-' if op == 'neg' else '!'}{given[0]}"
        return f"{self.name('select' if op == 'where' else op)}({', '.join(given)})"

    def _constant(self, value: float | bool) -> str:
        if isinstance(value, bool):
            return str(int(value))
        if math.isfinite(value):
            shown = literal(value, self.dtype)
            return f"({shown})" if shown.startswith("-") else shown
        if math.isnan(value):
            return f"{self.name('not_a_number')}()"
        return f"{'-' * (value < 0)}{self.name('infinity')}()"

    def _arithmetic(self, function: str) -> str:
        """Write a function of the vocabulary out."""
        own: dict[str, Callable[[Any], Any]] = {"sqrt": partial(square_root, self.dtype), "log": logarithm}
        assert function in own or function in OPERATIONS, function
        text = own.get(function, partial(operate, function))
        graph = expand(trace(text, (None,), (None,)), self.dtype)
        lines, (result,) = self.statements(graph, ["x"])
        body = "\n".join(f"    {line}" for line in [*lines, f"return {result};"])
        return f"static inline {self.number} {self.stem}_{function}({self.number} x)\n{{\n{body}\n}}"

    def _routine(self, function: str) -> str:
        """Fill in a text of `routines`."""
        routine = ROUTINES[function]
        single = self.dtype == "float32"
        known = {
            "number": self.number,
            "stem": self.stem,
            "RESTRICT": f"{self.stem.upper()}_RESTRICT",
            "unsigned": "uint32_t" if single else "uint64_t",
            "fraction": "23" if single else "52",
            "bias": "127" if single else "1023",
            "suffix": "u" if single else "ull",
            "f": "f" if single else "",
            "magic": "12582912.0f" if single else "6755399441055744.0",  # 1.5 times 2^23, and 2^52
        }
        for needed in routine.needs:
            self.name(needed)
        return Template(routine.text.strip("\n")).substitute(known)
