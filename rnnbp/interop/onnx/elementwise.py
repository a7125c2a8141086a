"""A cell's elementwise step as nodes of ONNX, from its trace.

::

    f * c' + tanh(z)     --->     Mul(f, c'), Tanh(z), Add

Two functions of the vocabulary have no operator. With u = fl(1 + x)::

    expm1(x) = tanh(x / 2) (e^x + 1)                                         (1)
    log1p(x) = log(u) (x / (u - 1)),  x where u = 1                          (2)

Neither loses digits near 0.

References
----------
(2): W. Kahan, see N. J. Higham, "Accuracy and stability of numerical algorithms", 2nd edition 2002, section 1.14.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rnnbp.interop.onnx.builder import Builder
from rnnbp.kernels.trace import Graph, Node

__all__ = ["elementwise"]

OPERATORS = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg", "lt": "Less", "le": "LessOrEqual",
    "gt": "Greater", "ge": "GreaterOrEqual", "eq": "Equal", "and": "And", "or": "Or", "not": "Not", "where": "Where",
    "exp": "Exp", "tanh": "Tanh", "erf": "Erf", "absolute": "Abs", "maximum": "Max", "minimum": "Min", "sqrt": "Sqrt",
}  # fmt: skip


def elementwise(g: Builder, graph: Graph, operands: Sequence[str]) -> list[str]:
    """Add the nodes of a traced function; return the names of its outputs, each of the shape of the operands.

    Parameters
    ----------
    g : Builder
    graph : Graph
    operands : sequence of str
        One for each of its inputs, all of one shape.
    """
    values = dict(zip(graph.inputs, operands, strict=True))
    varies = set(graph.inputs)  # not the same for all elements
    for node in graph.order:
        if node not in values:
            values[node] = _node(g, node, [values[operand] for operand in node.operands])
        if varies.intersection(node.operands):
            varies.add(node)
    shape = "" if varies.issuperset(graph.outputs) else g.add("Shape", operands[0])
    return [values[node] if node in varies else g.add("Expand", values[node], shape) for node in graph.outputs]


def _node(g: Builder, node: Node, given: Sequence[str]) -> str:
    if node.op == "constant":
        if isinstance(node.value, bool):
            return g.constant(f"condition {node.value}", node.value, np.bool_)
        return g.number(node.value)
    if node.op == "ne":
        return str(g.add("Not", g.add("Equal", *given)))
    if node.op == "expm1":
        half = g.add("Tanh", g.add("Mul", *given, g.number(0.5)))
        return str(g.add("Mul", half, g.add("Add", g.add("Exp", *given), g.number(1.0))))  # 1
    if node.op == "log1p":
        (x,) = given
        u = g.add("Add", x, g.number(1.0))
        value = g.add("Mul", g.add("Log", u), g.add("Div", x, g.add("Sub", u, g.number(1.0))))  # 2
        as_it_is = g.add("Or", g.add("Equal", u, g.number(1.0)), g.add("Equal", x, g.number(math.inf)))
        return str(g.add("Where", as_it_is, x, value))
    return str(g.add(OPERATORS[node.op], *given))
