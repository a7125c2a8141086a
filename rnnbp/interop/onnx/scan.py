"""A cell of any kind in ONNX, as a `Scan` over time: from what it declares, and from the traces of its steps.

For each direction, with s the states::

    z = biases, and means of what is random;  z += x W                       (1)   all steps at once
    for each step:
        stage:  z += source U for each product;  outputs = step(z, inputs)   (2)
        s = their new values where the step lies in its sequence, else s     (3)

A direction that goes backwards scans from the last step of the longest sequence. The steps after a sequence's end,
which come first then, leave its initial state as it is, by (3), so that each sequence is read from its own end. Of what
a step saves for its pullback nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.activations import EPSILON
from rnnbp.cells import Cell, Product, Stage
from rnnbp.interop.cells import softmax_outputs, start_of
from rnnbp.interop.onnx.builder import Builder
from rnnbp.interop.onnx.elementwise import elementwise
from rnnbp.kernels.trace import Graph

__all__ = ["scan"]

Array = NDArray[Any]


def scan(
    g: Builder,
    cell: Cell,
    parameters: Mapping[str, Array],
    x: str,
    mask: str,
    initial: Mapping[str, str],
    *,
    reverse: bool,
) -> tuple[str, dict[str, str]]:
    """Add one direction of a recurrent layer to a graph.

    Parameters
    ----------
    g : Builder
    cell : Cell
    parameters : mapping of str to ndarray
        Under the cell's names.
    x : str
        The frames, of shape (T, B, I).
    mask : str
        Whether each step lies in its sequence, of shape (T, B, 1).
    initial : mapping of str to str
        The states to start from, of shape (B, width).
    reverse : bool

    Returns
    -------
    output : str
        Of shape (T, B, width).
    finals : dict of str to str
        The states after each sequence's last step.

    Raises
    ------
    ValueError
        If a stage leaves no trace.
    """
    z = _start(g, cell, parameters, x)
    _feed(g, cell, cell.input, parameters, x, z)  # 1
    each_step = {block: z[block] for block in cell.input.into}

    body = g.body()
    before = {name: body.parameter(f"{name} before", g.dtype, ["batch", cell.width(name)]) for name in cell.states}
    inside = body.parameter("inside", np.bool_, ["batch", 1])
    z |= {block: body.parameter(f"z {block}", g.dtype, ["batch", cell.width(block)]) for block in each_step}
    now = _Step(body, cell, parameters, before, z).write()
    for name, previous in before.items():
        body.result(f"{name} after", body.add("Where", inside, now[name], previous), ["batch", cell.width(name)])  # 3
    body.result("output", now[cell.output], ["batch", cell.width(cell.output)])

    direction = int(reverse)
    names = list(cell.states)
    *finals, output = g.add(
        "Scan",
        *(initial[name] for name in names),
        mask,
        *each_step.values(),
        outputs=len(names) + 1,
        body=body.graph("step"),
        num_scan_inputs=1 + len(each_step),
        scan_input_directions=[direction] * (1 + len(each_step)),
        scan_output_directions=[direction],
    )
    return output, dict(zip(names, finals, strict=True))


def _start(g: Builder, cell: Cell, parameters: Mapping[str, Array], x: str) -> dict[str, str]:
    """Return what each block begins with: (width,) where the input is added to it, else (B, width)."""
    start, batch, z = start_of(cell, parameters), g.add("Shape", x, start=1, end=2), {}
    for block, columns in cell.columns.items():
        z[block] = g.constant(f"start {block}", start[columns])
        if block not in cell.input.into:
            shape = g.add("Concat", batch, g.integers(cell.width(block)), axis=0)
            z[block] = g.add("Expand", z[block], shape)
    return z


def _feed(
    g: Builder, cell: Cell, product: Product, parameters: Mapping[str, Array], source: str, z: dict[str, str]
) -> None:
    """Add a product to the blocks that it feeds."""
    weight, widths = parameters[product.weight], [cell.width(block) for block in product.into]
    pieces = cell.column_map[product]
    columns = slice(pieces[0][0].start, pieces[-1][0].stop)
    if product.diagonal:
        source = source if product.gain is None else _standardized(g, source)
        held = np.split(weight[columns], np.cumsum(widths)[:-1])
        parts = [
            g.add("Mul", source, g.constant(f"{product.weight} {block}", values))
            for block, values in zip(product.into, held, strict=True)
        ]
    else:
        value = g.add("MatMul", source, g.constant(product.weight, np.ascontiguousarray(weight[:, columns])))
        if product.gain is not None:
            value = g.add("Mul", _standardized(g, value), g.constant(product.gain, parameters[product.gain]))
        parts = [value]
        if len(widths) > 1:
            parts = g.add("Split", value, g.integers(*widths), outputs=len(widths), axis=-1)
    for block, part in zip(product.into, parts, strict=True):
        z[block] = g.add("Add", part, z[block])


def _standardized(g: Builder, x: str) -> str:
    """Return rows with mean 0 and variance 1."""
    centred = g.add("Sub", x, _mean(g, x))
    variance = _mean(g, g.add("Mul", centred, centred))
    return str(g.add("Div", centred, g.add("Sqrt", g.add("Add", variance, g.number(EPSILON)))))


def _mean(g: Builder, x: str) -> str:
    return str(g.add("ReduceMean", x, g.integers(-1), keepdims=1))


@dataclass
class _Step:
    """The body of the loop.

    Attributes
    ----------
    before, now : dict of str to str
        The states of the previous step, and the variables of this one as far as there are any.
    z : dict of str to str
        The blocks so far.
    """

    g: Builder
    cell: Cell
    parameters: Mapping[str, Array]
    before: Mapping[str, str]
    z: dict[str, str]
    now: dict[str, str] = field(default_factory=dict)

    def write(self) -> dict[str, str]:
        for stage in self.cell.stages:  # 2
            for product in stage.products:
                source = (self.before if product.lag else self.now)[product.source]
                _feed(self.g, self.cell, product, self.parameters, source, self.z)
            self.now |= self._elementwise(stage) if stage.elementwise else self._softmax(stage)
        return self.now

    def _elementwise(self, stage: Stage) -> dict[str, str]:
        blocks = [self.z[block] for block in stage.blocks]
        inputs = [*(self.before[name] for name in stage.reads), *(self.now[name] for name in stage.uses)]
        graph = Graph(stage.graph.inputs, stage.graph.outputs[len(blocks) :])
        return dict(zip(stage.outputs, elementwise(self.g, graph, [*blocks, *inputs]), strict=True))

    def _softmax(self, stage: Stage) -> dict[str, str]:
        (block,) = stage.blocks
        outputs = softmax_outputs(stage)
        return {
            name: self.z[block] if as_it_is else self.g.add("Softmax", self.z[block], axis=1)
            for name, as_it_is in outputs.items()
        }
