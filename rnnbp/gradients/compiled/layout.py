"""A recurrence in the records that the compiled loop takes (`rnnbp.kernels.recurrence`).

A `Loop` is what is the same for every run of a cell: its products in pieces, its stages with their rows functions, its
variables. `Loop.lay_out` gives it memory for batches of one shape. Memory of a run that is saved for a backward pass::

    n_rows (sum of block widths + sum of variable widths)    z and the variables; y is a part of them
    + n_rows I                                               dL/dx, if it is wanted

to which come the packed weights and, for each thread, the rows of one block.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnbp.cells import Cell, Product, Stage
from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace, contiguous
from rnnbp.kernels import threads
from rnnbp.kernels.emitter import Operand, Rows, Step
from rnnbp.kernels.engine import Engine, engine
from rnnbp.kernels.matrices import packed_size
from rnnbp.kernels.products import (
    BLOCK_ROWS,
    CURRENT,
    PREVIOUS,
    ParametersRecord,
    ProductRecord,
    Projection,
    X,
)
from rnnbp.kernels.records import address_of, together
from rnnbp.kernels.recurrence import RecurrenceRecord, StageRecord, Variable

__all__ = ["Loop", "steps_in_a_sum"]

Array = NDArray[Any]


def steps_in_a_sum(packing: Packing) -> int:
    """Return how many steps of a batch weight gradients are added up over together."""
    return max(1, BLOCK_ROWS // packing.n_sequences)


class _Piece(NamedTuple):
    """A product's columns that lie side by side in z, and where they go on to if they are normalised."""

    product: Product
    columns: slice
    into: slice
    targets: list[int]


def _pieces(cell: Cell, product: Product) -> list[_Piece]:
    def numbers(columns: slice) -> list[int]:
        return list(range(columns.start, columns.stop))

    column_map = cell.column_map[product]
    if product.gain is None:
        return [_Piece(product, columns, into, numbers(into)) for columns, into in column_map]
    targets = [target for _, into in column_map for target in numbers(into)]
    whole = slice(0, len(targets))
    return [_Piece(product, whole, column_map[0][1] if product.diagonal else cell.before_norm[product], targets)]


@lru_cache(maxsize=256)
def rows_of_stage(stage: Stage) -> tuple[Rows, Rows]:
    """Return the rows functions of a stage, forwards and back.

    Their operands are its blocks, what it reads and uses, its outputs; and back also the gradients of all these
    variables, each once.
    """
    n_blocks, n_outputs, n_ds = len(stage.blocks), len(stage.outputs), len(stage.differentiated)
    at = ("slot",) * n_blocks + ("previous",) * len(stage.reads) + ("current",) * (len(stage.uses) + n_outputs)
    blocks, outputs = range(n_blocks), range(len(at) - n_outputs, len(at))
    back_at = at + ("sequence",) * n_ds
    ds = range(len(at), len(back_at))
    return (
        Rows(stage.graph, tuple(range(len(at) - n_outputs)), _in_order(blocks, outputs), at),
        Rows(stage.backward_graph, tuple(range(len(back_at))), _in_order(blocks, ds), back_at),
    )


def _in_order(*operands: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return operands, each with the number of the output that is written there: one after the other."""
    return tuple((operand, k) for k, operand in enumerate(chain.from_iterable(operands)))


class Loop:
    """A cell's recurrence, laid out for the engine.

    Parameters
    ----------
    cell : Cell
    parameters : mapping of str to ndarray
        By name. Contiguous views of one vector, one after the other, are read where they are; for others there is the
        vector `flat`, which whoever runs the loop copies them to.
    dtype : dtype

    Attributes
    ----------
    flat : ndarray or None
    record : rnnbp.kernels.recurrence.RecurrenceRecord
    projection : Projection
    parameters_record : ParametersRecord
    prepare, forward, backward : list of Instruction
        What runs it.
    """

    def __init__(self, cell: Cell, parameters: Mapping[str, Array], dtype: Any) -> None:
        self.cell, self.parameters, self.dtype = cell, parameters, np.dtype(dtype)
        self.engine: Engine = engine(self.dtype.name)
        self.offsets, self.size = {}, 0
        for name, parameter in parameters.items():
            self.offsets[name] = self.size
            self.size += parameter.size
        self.first = next(iter(parameters))
        self.flat = None if self.is_flat(parameters) else np.empty(self.size, self.dtype)
        self.parameters_record = ParametersRecord(theta=parameters[self.first] if self.flat is None else self.flat)
        groups = [[piece for p in group for piece in _pieces(cell, p)] for group in _groups(cell)]
        self.pieces = [piece for group in groups for piece in group]
        products = together([self._product(piece) for piece in self.pieces])
        self.products = products
        start, self._bias, self._d_bias = (np.zeros(cell.n_columns, self.dtype) for _ in range(3))
        for block, mean in cell.noise.items():
            start[cell.columns[block]] = mean
        noisy = [cell.columns[block] for block in cell.noise]
        if any(block.stop != following.start for block, following in pairwise(noisy)):
            raise ValueError(
                f"the noise blocks of {type(cell).__name__} must lie side by side among its blocks {cell.blocks}, "
                f"in the order {tuple(cell.noise)}"
            )
        self.projection = Projection(
            parameters=self.parameters_record, products=products, n_inputs=len(groups[0]), n_products=len(products),
            width=cell.n_columns, start=start, bias=self._bias, d_bias=self._d_bias,
        )  # fmt: skip
        if noisy:
            self.projection.noise_column = noisy[0].start
        self.variables = dict(zip(cell.variables, together([self._variable(v) for v in cell.variables]), strict=True))
        self.operands: list[list[Operand]] = []
        rows = [each for stage in cell.stages for each in rows_of_stage(stage)]
        addresses, stages, first = self.engine.rows(rows), [], len(groups[0])
        for stage, own, forward, backward in zip(cell.stages, groups[1:], addresses[::2], addresses[1::2], strict=True):
            operands = together([Operand() for _ in rows_of_stage(stage)[1].at])
            self.operands.append(operands)
            stages.append(
                StageRecord(
                    products=products[first:],
                    n_products=len(own),
                    forward=forward,
                    operands=operands,
                    backward=backward,
                    width=cell.width(stage.outputs[0]),
                )
            )
            first += len(own)
        self.record = RecurrenceRecord(
            projection=self.projection, variables=list(self.variables.values()), n_variables=len(self.variables),
            stages=together(stages), n_stages=len(stages), output=self.variables[cell.output],
            teacher_forced=self.variables[cell.teacher_forced or cell.states[0]], block_rows=BLOCK_ROWS,
        )  # fmt: skip
        self.laid_out: Any = None
        self.room: Any = None  # what there is memory for
        self.n_rows = 0  # and how many rows of it
        self.runner: Any = None
        p, r, instruction = self.projection, self.record, self.engine.instruction
        there, back = instruction("recurrence_forward", r), instruction("recurrence_backward", r)
        weight_gradients = instruction("weight_gradients", p)
        self.prepare, self.forward = [instruction("prepare", p)], [there]
        self.backward = [instruction("prepare_backward", p), back, weight_gradients, instruction("bias_gradients", p)]
        self.shared = [there, back, weight_gradients]  # those that are done in shares

    def is_flat(self, arrays: Mapping[str, Array]) -> bool:
        """Whether arrays named like the parameters lie in memory one after the other."""
        start = address_of(arrays[self.first])
        return all(
            address_of(array) == start + self.offsets[name] * self.dtype.itemsize and array.flags.c_contiguous
            for name, array in ((name, arrays[name]) for name in self.offsets)
        )

    def _product(self, piece: _Piece) -> ProductRecord:
        product, columns = piece.product, piece.into.stop - piece.into.start
        depth, lanes = self.cell.width(product.source), self.engine.lanes
        both_ways = packed_size(lanes, depth, columns), packed_size(lanes, columns, depth)

        def at(name: str | None) -> int:
            return -1 if name is None else self.offsets[name] + piece.columns.start

        return ProductRecord(
            kind=X if product.source == "x" else PREVIOUS if product.lag else CURRENT,
            diagonal=int(product.diagonal), normalized=int(product.gain is not None), depth=depth, columns=columns,
            column=piece.into.start, weight=at(product.weight), pitch=self.parameters[product.weight].shape[-1],
            bias=at(product.bias), gain=at(product.gain), targets=np.array(piece.targets, np.int64),
            packed=np.zeros(columns if product.diagonal else max(both_ways), self.dtype),
        )  # fmt: skip

    def _variable(self, name: str) -> Variable:
        looked_back_at = int(name in self.cell.looked_back_at)
        return Variable(
            width=self.cell.width(name), is_state=int(name in self.cell.states), is_looked_back_at=looked_back_at
        )

    def serves(self, cell: Cell, parameters: Mapping[str, Array]) -> bool:
        """Whether it was made for such a recurrence."""
        return self.cell is cell and all(self.parameters[name] is p for name, p in parameters.items())

    def n_shares(self, packing: Packing) -> int:
        """Return how many shares to divide a batch into."""
        return threads.worth_waking(packing.n_sequences, packing.n_rows * self.size)

    def lay_out(self, packing: Packing, workspace: Workspace, *, keep: bool) -> None:
        """Lay out a batch: nothing is done if it is the one before, and little if it fits in the room that is there."""
        n_shares = self.n_shares(packing)
        if self.laid_out == (packing, n_shares, keep):
            return
        self.laid_out = None  # until all of it is: memory may be lacking
        p, r, layout = self.projection, self.record, packing.layout(n_shares)
        widest = max(stop - first for first, stop in pairwise(layout.bounds.tolist()))
        r.keep, r.share_rows = int(keep), (2 + min(max(1, BLOCK_ROWS // widest), packing.n_steps)) * widest
        p.layout, p.sum_steps, p.rectangular = layout, steps_in_a_sum(packing), int(packing.is_rectangular)
        n_rows = packing.n_rows if keep else layout.n_shares * r.share_rows
        room = packing.n_sequences, layout.n_shares, keep, packing.is_rectangular
        if self.room != room or n_rows > self.n_rows:
            self.room = None
            self._find_room(n_rows, packing.n_sequences, workspace, keep=keep)
            self.room, self.n_rows = room, n_rows
        self.layout = layout
        self.laid_out = packing, n_shares, keep

    def _find_room(self, n_rows: int, n_sequences: int, workspace: Workspace, *, keep: bool) -> None:
        """Find memory for batches of so many rows of z, or fewer."""
        cell, dtype, p = self.cell, self.dtype, self.projection
        n_values, n_shares = n_rows + n_sequences if keep else n_rows, p.layout.n_shares
        p.z = z = workspace.empty("z", (n_rows, cell.n_columns), dtype)
        self.values = {v: workspace.empty(v, (n_values, cell.width(v)), dtype) for v in cell.variables}
        self.d = {v: workspace.empty(f"d_{v}", (n_sequences, cell.width(v)), dtype) for v in cell.variables}
        shapes = {v: self.d[v].shape for v in cell.looked_back_at}
        d_previous = self.d | {v: workspace.empty(f"d_previous_{v}", shape, dtype) for v, shape in shapes.items()}
        for name, variable in self.variables.items():
            variable.values, variable.gradient = self.values[name], self.d[name]
            variable.previous = d_previous[name]
        for stage, operands in zip(cell.stages, self.operands, strict=True):
            arrays = [z[:, cell.columns[block]] for block in stage.blocks]
            arrays += [self.values[v] for v in (*stage.reads, *stage.uses, *stage.outputs)]
            arrays += [(d_previous if lag else self.d)[v] for v, lag in stage.differentiated]
            for operand, array in zip(operands, arrays, strict=True):
                operand.start, operand.pitch = address_of(array), array.strides[0] // dtype.itemsize
        for piece, product in zip(self.pieces, self.products, strict=True):
            source = piece.product.source
            if source != "x":
                product.masked, product.source = 0, self.values[source]
                product.d_source = (d_previous if piece.product.lag else self.d)[source]
        self.workspace = workspace
        self.record.steps = together([Step() for _ in range(n_shares)])
        p.moments = np.empty(2 * n_shares)
        if keep:
            self._for_gradients(n_rows, n_sequences, workspace)
        for instruction in self.shared:
            instruction.n_shares = n_shares

    @property
    def output(self) -> Array:
        """The rows of y, if they are saved; memory of the loop's."""
        start = self.layout.n_sequences
        return self.values[self.cell.output][start : start + self.layout.n_rows]

    def give(
        self,
        initial: Mapping[str, Array],
        mask: Array | None,
        noise: Mapping[str, Array] | None,
        teacher: Array | None,
    ) -> dict[str, Array]:
        """Hand a run what it starts from, and return where its final states will be."""
        cell, n = self.cell, self.layout.n_sequences
        final = {}
        for name in cell.states:
            state = self.variables[name]
            final[name] = state.final = np.empty((n, state.width), self.dtype)
            state.has_initial = int(name in initial)
            if state.has_initial:
                state.initial = contiguous(initial[name])
        self._mask(mask)
        self.projection.noise_width = 0
        if noise:
            drawn = np.concatenate([noise[block] for block in cell.noise], axis=1, dtype=self.dtype)
            self.projection.noise, self.projection.noise_width = drawn, drawn.shape[1]
        self.record.teacher_forcing = 0
        if cell.teacher_forced is not None and teacher is not None:
            self.record.teacher_forcing = 2 if isinstance(teacher, np.ma.MaskedArray) else 1
            self.record.teacher = contiguous(np.ma.getdata(teacher).astype(self.dtype, copy=False))
            self.record.is_forced = (~np.ma.getmaskarray(teacher).any(axis=1)).astype(np.int64)
        return final

    def _mask(self, mask: Array | None) -> None:
        """Let recurrent dropout apply to the operand of the recurrent weight, or no longer."""
        for i, (piece, product) in enumerate(zip(self.pieces, self.products, strict=True)):
            source = piece.product.source
            if piece.product.weight != "recurrent_weight":
                continue
            product.masked, product.source = int(mask is not None), self.values[source]
            if mask is not None:
                values, shape = self.values[source], self.d[source].shape
                product.unmasked, product.mask = values, np.ascontiguousarray(mask, self.dtype)
                product.source = self.workspace.empty(f"masked_{i}", values.shape, self.dtype)
                product.d_masked = self.workspace.empty("d_masked", shape, self.dtype)

    def give_back(self, d_final: Mapping[str, Array]) -> dict[str, Array]:
        """Hand a backward run the gradients of the final states, and return where those of the initial ones will be."""
        d_initial = {}
        for name in self.cell.states:
            state = self.variables[name]
            d_initial[name] = state.d_initial = np.empty((self.layout.n_sequences, state.width), self.dtype)
            state.has_d_final = int(name in d_final)
            if state.has_d_final:
                state.d_final = contiguous(d_final[name])
        return d_initial

    def _for_gradients(self, n_rows: int, n_sequences: int, workspace: Workspace) -> None:
        """Find what sums of weight gradients need."""
        cell, dtype, p = self.cell, self.dtype, self.projection
        widest = max(piece.into.stop - piece.into.start for piece in self.pieces)
        deepest = max(cell.width(product.source) for product in cell.products)
        p.make_room(workspace.empty, self.engine.lanes, dtype, n_rows, widest, deepest)
        if n_sequences > p.read("gain_rows"):
            for product in self.products:
                if product.normalized:  # windows of a recurrence, of any number of sequences, add to the same sums
                    sums = np.zeros((n_sequences, product.columns), dtype)
                    if p.gain_rows:
                        sums[: p.gain_rows] = product.d_gains
                    product.d_gains = sums
            p.gain_rows = n_sequences


def _groups(cell: Cell) -> list[list[Product]]:
    return [[cell.input], *([*stage.products] for stage in cell.stages)]
