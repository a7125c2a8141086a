"""A cell in C, from what it declares and from the traces of its steps.

One step, for a cell of any kind (`rnnbp.cells.cell`)::

    z = biases, and means of what is random                                  (1)
    z += x W                                                                 (2)
    stage:  z += source U for each product;  outputs = step(z, inputs)       (3)   for each j < H
    states = their new values                                                (4)   those that are not in their place

A state is written in its place at once unless a later stage looks at what it was before. Of what a step saves for its
pullback nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from rnnbp.cells import Cell, Product, Stage
from rnnbp.interop.c.header import Share
from rnnbp.interop.cells import softmax_outputs, start_of
from rnnbp.kernels.trace import Graph
from rnnbp.layers import Recurrent

__all__ = ["recurrent"]

Array = NDArray[Any]


def recurrent(layer: Recurrent, parameters: Mapping[str, Array], n_inputs: int, share: Share) -> bool:
    """Write a step of the layer's cell.

    Raises
    ------
    ValueError
        If the layer finds a state of rest for each input, or if a stage of the cell cannot be traced.
    """
    if not layer.gradient.needs_time:
        raise ValueError(f"looks for a state of rest, as its gradient is {layer.gradient!r}: C export goes by steps")
    _Step(layer.cell, parameters, share).write()
    return True


@dataclass
class _Step:
    """A step of a cell, written into a share.

    Attributes
    ----------
    before, now : dict of str to str
        The arrays that hold the states of the previous step, and the variables of this one as far as there are any.
    """

    cell: Cell
    parameters: Mapping[str, Array]
    share: Share
    before: dict[str, str] = field(default_factory=dict)
    now: dict[str, str] = field(default_factory=dict)

    def write(self) -> None:
        cell, share = self.cell, self.share
        n_blocks = sum(map(cell.width, cell.blocks))
        self.before = {name: share.member(f"state_{name}", cell.width(name)) for name in cell.states}
        self.z = share.local("z", n_blocks)
        share.copy(self.z, share.constant("start", start_of(cell, self.parameters)), n_blocks)  # 1
        self._add(cell.input, "x")  # 2
        for stage in cell.stages:  # 3
            for product in stage.products:
                self._add(product, (self.before if product.lag else self.now)[product.source])
            for name in stage.outputs:
                in_place = name in cell.states and name not in cell.looked_back_at
                self.now[name] = self.before[name] if in_place else share.local(f"new_{name}", cell.width(name))
            if stage.elementwise:
                self._elementwise(stage)
            else:
                self._softmax(stage)
        for name in cell.states:  # 4
            if self.now[name] != self.before[name]:
                share.copy(self.before[name], self.now[name], cell.width(name))
        share.copy("y", self.now[cell.output], cell.width(cell.output))

    def _element(self, columns: slice) -> str:
        """Return an element of some columns of z."""
        return f"{self.z}[{columns.start} + j]" if columns.start else f"{self.z}[j]"

    def _block(self, columns: slice) -> str:
        """Return where columns of z begin."""
        return f"{self.z} + {columns.start}" if columns.start else self.z

    def _add(self, product: Product, source: str) -> None:
        """Write a product, into the blocks that it feeds."""
        cell, share, weight = self.cell, self.share, self.parameters[product.weight]
        pieces, among = cell.column_map[product], f"{product.source}{product.lag}"
        if product.gain is not None:
            self._add_normalized(product, source, among)
            return
        for columns, into in pieces:
            name = product.weight if len(pieces) == 1 else f"{product.weight}_{columns.start}"
            if product.diagonal:
                held, n = share.constant(name, weight[columns]), columns.stop - columns.start
                share.loop(n, [f"{self._element(into)} += {source}[j] * {held}[j];"])
                share.multiply_adds += n
            else:
                share.add_product(name, source, weight[:, columns], self._block(into), among=among)

    def _add_normalized(self, product: Product, source: str, among: str) -> None:
        """Write a product that is standardised, and then multiplied by a gain."""
        cell, share, weight = self.cell, self.share, self.parameters[product.weight]
        assert product.gain is not None
        standardize, n = share.header.functions.name("standardize"), weight.shape[-1]
        if product.diagonal:
            n = cell.width(product.source)
            u = share.local(f"u_{product.weight}", n)
            share.body.append(f"{standardize}({source}, {n}, {u});")
        else:
            u = share.local(f"u_{product.weight}", n)
            share.body.append(f"memset({u}, 0, sizeof {u});")
            share.add_product(product.weight, source, weight, u, among=among)
            share.body.append(f"{standardize}({u}, {n}, {u});")
        gain = share.constant(product.gain, self.parameters[product.gain])
        for columns, into in cell.column_map[product]:
            # a diagonal product standardises the source, of which each of its blocks sees all
            first = 0 if product.diagonal else columns.start
            statement = f"{self._element(into)} += {u}[{first} + j] * {gain}[{columns.start} + j];"
            share.loop(columns.stop - columns.start, [statement])
            share.multiply_adds += columns.stop - columns.start

    def _elementwise(self, stage: Stage) -> None:
        """Write a loop over the elements of a stage."""
        n_blocks = len(stage.blocks)
        graph = Graph(stage.graph.inputs, stage.graph.outputs[n_blocks:])
        blocks = [self._element(self.cell.columns[block]) for block in stage.blocks]
        inputs = [f"{self.before[name]}[j]" for name in stage.reads] + [f"{self.now[name]}[j]" for name in stage.uses]
        # what is read may be overwritten by a statement before the one that needs it
        names = [f"{'zs'[k >= n_blocks]}{k if k < n_blocks else k - n_blocks}" for k in range(n_blocks + len(inputs))]
        used = {node for each in graph.order for node in each.operands} | set(graph.outputs)
        number = self.share.header.number
        reads = [
            f"const {number} {name} = {source};"
            for name, source, node in zip(names, [*blocks, *inputs], graph.inputs, strict=True)
            if node in used
        ]
        statements, results = self.share.header.functions.statements(graph, names)
        writes = [f"{self.now[name]}[j] = {result};" for name, result in zip(stage.outputs, results, strict=True)]
        self.share.loop(self.cell.width(stage.outputs[0]), [*reads, *statements, *writes])

    def _softmax(self, stage: Stage) -> None:
        """Write a stage of ours that looks along the features."""
        outputs = softmax_outputs(stage)
        (block,) = stage.blocks
        n, z = self.cell.width(block), self._block(self.cell.columns[block])
        for name, as_it_is in outputs.items():
            if as_it_is:
                self.share.copy(self.now[name], z, n)
            else:
                self.share.body.append(f"{self.share.header.functions.name('softmax')}({z}, {n}, {self.now[name]});")
