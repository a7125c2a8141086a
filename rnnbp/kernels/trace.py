"""A function's text becomes a graph: it is called once with traced values.

::

    f(x, y) = x + tanh(2 x y)     --trace-->     inputs x, y; operations mul, mul, tanh, add; output the add

Cells and activations are pure functions of tuples, written in arithmetic and in the vocabulary of
`rnnbp.kernels.elementwise`. Called with arrays they are NumPy. Called with nodes (`rnnbp.kernels.nodes`) they leave a
graph, from which come the compiled loops and the derived pullbacks. A graph can be run on arrays, or
on nodes of another trace, so it is itself something that can be traced.

What cannot be traced raises a `TraceError`, which names the line of the user's text and what to write there instead.
"""

from __future__ import annotations

import hashlib
import inspect
import linecache
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnbp.kernels.nodes import OPERATIONS, Node, TraceError, as_number, described, interned, lifted, operate
from rnnbp.lazy import cached_property

__all__ = ["OPERATIONS", "Graph", "Node", "TraceError", "operate", "trace"]


@dataclass(frozen=True, eq=False)
class Graph:
    """What leads from some inputs to some outputs.

    Attributes
    ----------
    inputs, outputs : tuple of Node
        Any nodes can be inputs: what leads to them is not part of this graph.
    """

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]

    @cached_property
    def order(self) -> tuple[Node, ...]:
        """What the outputs need, with inputs and constants, operands before what uses them."""
        found: dict[Node, None] = {}
        waiting, given = list(self.outputs), set(self.inputs)
        while waiting:
            node = waiting.pop()
            if node not in found:
                found[node] = None
                waiting.extend(() if node in given else node.operands)
        return tuple(sorted(found, key=lambda node: node.number))

    @cached_property
    def fingerprint(self) -> str:
        """A text that is the same for the same graph, in each process."""
        position = {node: k for k, node in enumerate(self.order)}
        lines = [f"{len(self.inputs)} inputs"]
        for node in self.order:
            value = node.value.hex() if isinstance(node.value, float) else node.value
            lines.append(f"{node.op} {value} {[position[operand] for operand in node.operands]}")
        lines.append(f"outputs {[position[node] for node in self.outputs]}")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def run(self, *operands: Any) -> tuple[Any, ...]:
        """Compute the outputs, in NumPy, or as nodes if operands are nodes.

        Parameters
        ----------
        *operands : array, number or Node
            One for each input. Arrays are computed in their own dtype.

        Returns
        -------
        tuple
            One for each output; a number where the output is constant.
        """
        number: Callable[[Any], Any] = float
        if operands and not any(isinstance(operand, Node) for operand in operands):
            dtype = np.result_type(*operands)
            number = dtype.type if dtype.kind == "f" else np.float64
        values: dict[Node, Any] = dict(zip(self.inputs, operands, strict=True))
        for node in self.order:
            if node in values:
                continue
            if node.op == "constant":
                values[node] = node.value if isinstance(node.value, bool) else number(node.value)
            else:
                values[node] = operate(node.op, *(values[operand] for operand in node.operands))
        return tuple(values[node] for node in self.outputs)


def trace(function: Callable[..., Any], arguments: Sequence[int | None], results: Sequence[int | None]) -> Graph:
    """Call a function once with nodes, and return the graph that it leaves.

    Parameters
    ----------
    function : callable
    arguments : sequence of int or None
        What it is called with: a tuple of so many operands, or, for None, one operand.
    results : sequence of int or None
        What it returns, in the same way: a tuple with one item for each item here. For ``(None,)`` it returns one
        operand and no tuple.

    Returns
    -------
    Graph
        Its inputs and outputs are the operands of all arguments and results, in order.

    Raises
    ------
    TraceError
        If the function does what cannot be traced, or returns something else.

    Examples
    --------
    >>> from rnnbp.kernels.trace import trace
    >>> graph = trace(lambda x, y: 2.0 * x + y, (None, None), (None,))
    >>> [float(output) for output in graph.run(1.0, 3.0)]
    [5.0]
    """
    known: dict[Any, Node] = {}
    inputs = tuple(interned(known, "input", (), k) for k in range(sum(1 if n is None else n for n in arguments)))
    given, start = [], 0
    for n in arguments:
        given.append(inputs[start] if n is None else inputs[start : start + n])
        start += 1 if n is None else n
    try:
        returned = function(*given)
    except Exception as error:
        raise TraceError(_place(function, error) + _reason(function, arguments, error)) from error
    try:
        return Graph(inputs, _flat(known, (returned,) if tuple(results) == (None,) else returned, results))
    except TraceError as error:
        raise TraceError(_place(function) + str(error)) from None


def _flat(known: dict[Any, Node], returned: Any, results: Sequence[int | None]) -> tuple[Node, ...]:
    """Return the nodes of all results, in one tuple."""
    outputs: list[Node] = []
    for k, (result, n) in enumerate(zip(_tuple_of(len(results), returned, "what it returns"), results, strict=True)):
        place = f"item {k} of what it returns" if len(results) > 1 else "what it returns"
        for operand in (result,) if n is None else _tuple_of(n, result, place):
            if operand is None or isinstance(operand, np.ndarray | tuple | list):
                raise TraceError(
                    f"{place} must be made of traced values and numbers, but {described(operand)} was given"
                )
            outputs.append(as_number(lifted(known, operand)))
    return tuple(outputs)


def _tuple_of(n: int, given: Any, place: str) -> Sequence[Any]:
    if not isinstance(given, tuple | list):
        what = "one traced value, no tuple," if isinstance(given, Node) else described(given)
        hint = ": write (a,) for a tuple of one" if n == 1 else ""
        raise TraceError(f"{place} must be a tuple of {n}, but {what} was given{hint}")
    if len(given) != n:
        pair = len(given) == 2 and all(isinstance(each, tuple | list) for each in given)
        hint = " (without a pullback, a step returns its outputs alone, and not what is saved)" if pair else ""
        raise TraceError(
            f"{place} must be a tuple of {n}, as the stage declares, but one of {len(given)} was given{hint}"
        )
    return given


def _reason(function: Callable[..., Any], arguments: Sequence[int | None], error: Exception) -> str:
    """Say in the user's words what went wrong inside the function."""
    if isinstance(error, TraceError):
        return str(error)
    reason = f"{error} ({type(error).__name__})"
    if "unpack" in str(error):
        counts = [f"{1 if n is None else n}" for n in arguments]
        try:
            names = list(inspect.signature(function).parameters)
        except (TypeError, ValueError):
            names = []
        if len(names) == len(counts):
            counts = [f"{n} {name}" for n, name in zip(counts, names, strict=True)]
        reason += f": the step unpacks another number of values than it was given, {' and '.join(counts)}"
    return reason


def _place(function: Callable[..., Any], error: Exception | None = None) -> str:
    """Say where the user's text is: the line that led to an error, or else the function."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    place = f"{code.co_name} ({code.co_filename}, line {code.co_firstlineno}): " if code else f"{function!r}: "
    foreign = (str(Path(__file__).parent), str(Path(np.__file__).parent))
    step = None if error is None else error.__traceback__
    while step is not None:  # from here inwards: the last one counts
        code = step.tb_frame.f_code
        if not code.co_filename.startswith(foreign):
            text = linecache.getline(code.co_filename, step.tb_lineno).strip()[:100]
            place = f"{code.co_name} ({code.co_filename}, line {step.tb_lineno}{f': {text}' if text else ''}): "
        step = step.tb_next
    return place
