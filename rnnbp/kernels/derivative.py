"""Pullbacks from the step's own text: reverse mode over its graph.

With d = dL/dy for an operation y = f(a, b), what goes back to a and b::

    y = a + b             d                    d
    y = a - b             d                    -d
    y = a b               d b                  d a
    y = a / b             d / b                -(d / b) y
    y = -a                -d
    y = e^a               d y
    y = e^a - 1           d (y + 1)
    y = log(1 + a)        d / (1 + a)
    y = tanh a            d (1 - y^2)
    y = sigmoid a         d y (1 - y)          (its whole text is known as one operation)
    y = erf a             d 2/sqrt(pi) e^(-a^2)
    y = sqrt a            d / (2 y)
    y = max(a, b)         d [a > b]            d [not a > b]
    y = min(a, b)         d [not a > b]        d [a > b]
    y = |a|               d where a > 0, else -d
    y = a if c else b     d [c]                d [not c]          and nothing to c

The operations are gone through from the last to the first, and what comes back to an operand from several is added.
Where a function has a corner, one side is taken: relu(z) = max(z, 0) has the derivative 0 at 0, max + min that of
a + b, and |a| that of max(a, -a). Comparisons have none.

What is saved between step and pullback is as many numbers as there are blocks, as it replaces them. First it is the
blocks themselves, from which the pullback can compute all again. Then one of them after the other is exchanged for
another value of the step, as long as that makes the pullback cheaper (`_choose`). For an LSTM it ends with the gates.

References
----------
A. Griewank and A. Walther, "Evaluating Derivatives", 2nd edition, SIAM 2008.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from rnnbp.kernels.elementwise import exp, where
from rnnbp.kernels.nodes import Node, interned, lifted
from rnnbp.kernels.trace import Graph, trace

__all__ = ["derive", "pullback_graph"]

RULES: dict[str, Callable[..., tuple[Any, ...]]] = {
    "add": lambda d, y, a, b: (d, d),
    "sub": lambda d, y, a, b: (d, -d),
    "mul": lambda d, y, a, b: (d * b, d * a),
    "div": lambda d, y, a, b: (d / b, -(d / b) * y),
    "neg": lambda d, y, a: (-d,),
    "exp": lambda d, y, a: (d * y,),
    "expm1": lambda d, y, a: (d * (y + 1.0),),
    "log1p": lambda d, y, a: (d / (1.0 + a),),
    "tanh": lambda d, y, a: (d * (1.0 - y * y),),
    "erf": lambda d, y, a: (d * (2.0 / math.sqrt(math.pi) * exp(-a * a)),),
    "sqrt": lambda d, y, a: (0.5 * d / y,),
    "maximum": lambda d, y, a, b: (where(a > b, d, 0.0), where(a > b, 0.0, d)),
    "minimum": lambda d, y, a, b: (where(a > b, 0.0, d), where(a > b, d, 0.0)),
    "absolute": lambda d, y, a: (where(a > 0.0, d, -d),),
    "where": lambda d, y, c, a, b: (None, where(c, d, 0.0), where(c, 0.0, d)),
}
COST = {"input": 0, "constant": 0, "div": 5, "sqrt": 5, "exp": 20, "log1p": 20, "tanh": 20, "expm1": 40, "erf": 40}

Tuples = tuple[tuple[Any, ...], tuple[Any, ...]]


def pullback_graph(graph: Graph) -> Graph:
    """Return the graph that leads from a graph's inputs, and dL/d of each of its outputs, to dL/d of each input.

    Parameters
    ----------
    graph : Graph

    Returns
    -------
    Graph
        Its inputs are those of `graph` and then one for each output; its outputs are one for each input of `graph`.
    """
    n_inputs, known = len(graph.inputs), (*graph.inputs, *graph.outputs)[0].known
    d_outputs = tuple(interned(known, "input", (), n_inputs + k) for k in range(len(graph.outputs)))
    d: dict[Node, Node] = {}
    for output, d_output in zip(graph.outputs, d_outputs, strict=True):
        _accumulate(d, output, d_output)
    for node in reversed(graph.order):
        if node not in d:
            continue
        a = _sigmoid_of(node)
        if a is not None:
            _accumulate(d, a, d[node] * node * (1.0 - node))
        elif node.op in RULES:
            for operand, contribution in zip(node.operands, RULES[node.op](d[node], node, *node.operands), strict=True):
                _accumulate(d, operand, contribution)
    zero = lifted(known, 0.0)
    return Graph((*graph.inputs, *d_outputs), tuple(d.get(node, zero) for node in graph.inputs))


def _accumulate(d: dict[Node, Node], node: Node, contribution: Any) -> None:
    if contribution is not None and node.op != "constant":
        d[node] = d[node] + contribution if node in d else contribution


def _sigmoid_of(node: Node) -> Node | None:
    """Return a, if a node is 0.5 + 0.5 tanh(0.5 a), the text of sigmoid(a)."""
    for op in ("add", "mul", "tanh", "mul"):
        if node.op != op or (op != "tanh" and node.operands[0].value != 0.5):
            return None
        node = node.operands[-1]
    return node


def derive(
    step: Callable[[Any, Any], Sequence[Any]], n_blocks: int, n_inputs: int, n_outputs: int
) -> tuple[Callable[[Any, Any], Tuples], Callable[[Any, Any, Any, Any], Tuples]]:
    """Return a step that also saves what its pullback needs, and the pullback.

    Parameters
    ----------
    step : callable
        ``step(blocks, inputs) -> outputs``, tuples of operands, in the vocabulary of `rnnbp.kernels.elementwise`.
    n_blocks, n_inputs, n_outputs : int
        How many operands are in each.

    Returns
    -------
    full_step : callable
        ``full_step(blocks, inputs) -> (saved, outputs)``, with as many values in `saved` as blocks.
    pullback : callable
        ``pullback(saved, inputs, outputs, d_outputs) -> (d_blocks, d_inputs)``.

    Raises
    ------
    TraceError
        If the step cannot be traced.
    """

    @wraps(step)
    def results(blocks, inputs):
        return (step(blocks, inputs),)

    forward = trace(results, (n_blocks, n_inputs), (n_outputs,))
    backward = pullback_graph(forward)
    given = (*backward.inputs[n_blocks:], *forward.outputs)
    saved = _choose(forward, backward, forward.inputs[:n_blocks], given)

    def recomputed(kept_values, input_values, output_values, d_values):
        leaves = (*given[:n_inputs], *forward.outputs, *backward.inputs[n_blocks + n_inputs :], *saved)
        values = dict(zip(leaves, (*input_values, *output_values, *d_values, *kept_values), strict=True))
        return (Graph(tuple(values), backward.outputs).run(*values.values()),)

    saving = Graph(forward.inputs, (*saved, *forward.outputs))
    pulling = trace(recomputed, (n_blocks, n_inputs, n_outputs, n_outputs), (n_blocks + n_inputs,))

    def full_step(blocks, inputs):
        return _run(saving, n_blocks, *blocks, *inputs)

    def pullback(saved, inputs, outputs, d_outputs):
        return _run(pulling, n_blocks, *saved, *inputs, *outputs, *d_outputs)

    return full_step, pullback


def _choose(forward: Graph, backward: Graph, blocks: tuple[Node, ...], given: tuple[Node, ...]) -> tuple[Node, ...]:
    """Return what to save instead of the blocks: exchange the one value that gains most, until none gains."""
    candidates = [node for node in forward.order if node.op not in ("input", "constant") and not node.is_condition]
    saved, cost = blocks, _cost(backward.outputs, (*given, *blocks))
    while True:
        exchanged = [(*saved[:k], candidate, *saved[k + 1 :]) for k in range(len(saved)) for candidate in candidates]
        costs = [_cost(backward.outputs, (*given, *choice)) for choice in exchanged]
        if not costs or min(costs) >= cost:
            return saved
        cost = min(costs)
        saved = exchanged[costs.index(cost)]


def _cost(wanted: Iterable[Node], leaves: Iterable[Node]) -> float:
    """Return what it costs to compute nodes from leaves; infinite if it cannot be done."""
    cost, done, waiting = 0.0, set(leaves), list(wanted)
    while waiting:
        node = waiting.pop()
        if node not in done:
            if node.op == "input":
                return math.inf
            done.add(node)
            cost += COST.get(node.op, 1)
            waiting.extend(node.operands)
    return cost


def _run(graph: Graph, n: int, *operands: Any) -> Tuples:
    """Run a graph; return the first n outputs and the others, constants as arrays too if operands are arrays."""
    results = graph.run(*operands)
    arrays = [operand for operand in operands if isinstance(operand, np.ndarray)]
    if arrays:
        shape, dtype = np.broadcast_shapes(*(array.shape for array in arrays)), np.result_type(*arrays)
        results = tuple(
            result if np.shape(result) == shape != () else np.full(shape, result, dtype) for result in results
        )
    return results[:n], results[n:]
