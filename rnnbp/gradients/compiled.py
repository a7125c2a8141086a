"""A recurrence, run by the compiled loops of `rnnbp.kernels`.

What `Recurrence` says with slices and dictionaries is laid out here as the arrays and tuples that the loops take: each
thread has a share of the sequences, and slabs, gradients and scratch memory of its own. Matrices are packed once a
call, for all threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp import threads
from rnnbp.cells import Cell, Product, Stage
from rnnbp.gradients.recurrence import Recurrence, Variables
from rnnbp.workspace import Workspace

__all__ = ["backward", "can_run", "forward"]

Array = NDArray[Any]

CHUNK_ROWS = 192  # rows of z that are worked on together: enough for a good product, few enough for the cache
MIN_OPERATIONS = 1_000_000  # multiply-adds a thread must have to do, for it to pay to wake it


def can_run(recurrence: Recurrence) -> bool:
    """Whether the compiled loops can run a recurrence."""
    cell = recurrence.cell
    return recurrence.mask is None and len(cell.stages) <= 2 and all(stage.elementwise for stage in cell.stages)


@dataclass(frozen=True)
class _Piece:
    """A product's columns that lie side by side in z."""

    product: Product
    columns: slice
    into: slice


class _Plan:
    """What is the same for every run of a cell."""

    def __init__(self, cell: Cell) -> None:
        from rnnbp.kernels.cells import loops
        from rnnbp.kernels.gemm import address

        self.cell, self.address = cell, address
        self.forward, self.backward = loops(tuple((stage.step, stage.pullback) for stage in cell.stages))
        self.input = self._pieces([cell.input])
        self.stages = [self._pieces(stage.products) for stage in cell.stages]
        self.described_input = self._describe(self.input)
        self.described = [self._describe(pieces) for pieces in self.stages]
        self.columns = [tuple(cell.columns[block].start for block in stage.blocks) for stage in cell.stages]

    def _pieces(self, products: Any) -> list[_Piece]:
        return [_Piece(p, columns, into) for p in products for columns, into in self.cell.routes[p]]

    def _describe(self, pieces: list[_Piece]) -> NDArray[np.int64]:
        from rnnbp.kernels import sequence as fields

        described = np.zeros((len(pieces), fields.N_FIELDS), np.int64)
        for row, piece in zip(described, pieces, strict=True):
            product = piece.product
            row[fields.LAG] = product.lag
            row[fields.DEPTH] = self.cell.width(product.source)
            row[fields.COLUMNS] = piece.into.stop - piece.into.start
            row[fields.IN_Z] = piece.into.start
            row[fields.IN_WEIGHT] = piece.columns.start
            row[fields.WEIGHT_COLUMNS] = sum(
                self.cell.width(b) for p in self.cell.weights[product.weight] for b in p.into
            )
            row[fields.DIAGONAL] = product.diagonal
        return described

    @cached_property
    def widest(self) -> int:
        """The widest source of a product."""
        return max(self.cell.width(product.source) for product in self.cell.products)


def _plan(recurrence: Recurrence, workspace: Workspace) -> _Plan:
    plan = workspace.get("plan")
    if plan is None or plan.cell is not recurrence.cell:
        plan = workspace["plan"] = _Plan(recurrence.cell)
    assert isinstance(plan, _Plan)
    return plan


def _pack(recurrence: Recurrence, workspace: Workspace, pieces: list[_Piece], *, transposed: bool) -> tuple[Array, ...]:
    from rnnbp.kernels.gemm import pack, packed_size
    from rnnbp.kernels.simd import lane_count

    packed = []
    for i, piece in enumerate(pieces):
        weight = recurrence.parameters[piece.product.weight]
        if piece.product.diagonal:
            packed.append(weight[piece.columns])
            continue
        matrix = weight[:, piece.columns].T if transposed else weight[:, piece.columns]
        name = f"packed_{piece.product.weight}_{piece.columns.start}_{transposed}_{i}"
        buffer = workspace.empty(name, (packed_size(weight.dtype, *matrix.shape),), weight.dtype)
        pack(matrix, buffer, lane_count(weight.dtype))
        packed.append(buffer)
    return tuple(packed)


class _Share:
    """A thread's share of the sequences: the memory it works in, and where its rows are."""

    def __init__(self, recurrence: Recurrence, workspace: Workspace, first: int, stop: int) -> None:
        self.workspace, self.first, self.stop = workspace, first, stop
        steps = recurrence.steps
        if first == 0 and stop == steps.n_sequences:
            self.counts, self.starts, self.places = steps.counts, steps.starts, steps.starts[:-1]
        else:
            n_steps = int(steps.lengths[first])
            self.counts = np.minimum(steps.counts[:n_steps], stop) - first
            self.starts = np.concatenate([[0], np.cumsum(self.counts)])
            self.places = steps.starts[:n_steps] + first
        self.n = stop - first
        self.chunk = max(1, CHUNK_ROWS // self.n)

    @property
    def steps(self) -> tuple[Array, Array, Array]:
        return self.counts, self.starts, self.places

    def initial_slabs(self, recurrence: Recurrence, n_rows: int) -> Variables:
        cell, dtype = recurrence.cell, recurrence.x.dtype
        slabs = {
            name: self.workspace.empty(name, (self.n + n_rows, cell.width(name)), dtype) for name in cell.variables
        }
        for name in cell.states:
            slabs[name][: self.n] = recurrence.initial[name][self.first : self.stop]
        return slabs

    @staticmethod
    def stage(plan: _Plan, k: int, slabs: Variables, packed: tuple[Array, ...]) -> tuple[Any, ...]:
        stage: Stage = plan.cell.stages[k]
        return (
            tuple(slabs[piece.product.source] for piece in plan.stages[k]),
            plan.described[k],
            packed,
            plan.columns[k],
            tuple(slabs[name] for name in stage.reads),
            tuple(slabs[name] for name in stage.uses),
            tuple(slabs[name] for name in stage.outputs),
        )


def _shares(recurrence: Recurrence, workspace: Workspace) -> list[_Share]:
    """Divide the sequences among threads so that each has about the same number of frames."""
    steps = recurrence.steps
    operations = steps.n_rows * sum(p.size for p in recurrence.parameters.values())
    n_threads = max(1, min(threads.count(), steps.n_sequences, operations // MIN_OPERATIONS))
    if n_threads == 1:
        bounds = [0, steps.n_sequences]
    else:
        frames = np.cumsum(steps.lengths)
        goals = frames[-1] * np.arange(1, n_threads) / n_threads
        cuts = np.searchsorted(frames, goals - steps.lengths[0] / 2) + 1
        bounds = sorted({0, *(int(c) for c in cuts if c < steps.n_sequences), steps.n_sequences})
    return [
        _Share(recurrence, workspace.setdefault(f"thread{k}", Workspace()), first, stop)
        for k, (first, stop) in enumerate(pairwise(bounds))
    ]


def forward(recurrence: Recurrence, workspace: Workspace, *, keep: bool) -> tuple[Array, Variables]:
    """Run a recurrence; see `GradientAlgorithm.forward`."""
    cell, steps, dtype = recurrence.cell, recurrence.steps, recurrence.x.dtype
    plan = _plan(recurrence, workspace)
    x = np.ascontiguousarray(recurrence.x)
    packed_input = _pack(recurrence, workspace, plan.input, transposed=False)
    packed = [_pack(recurrence, workspace, pieces, transposed=False) for pieces in plan.stages]
    y = workspace.empty("y", (steps.n_rows, cell.width(cell.output)), dtype)
    final = {name: np.empty((steps.n_sequences, cell.width(name)), dtype) for name in cell.states}
    bias = recurrence.bias()
    shares, calls = _shares(recurrence, workspace), []
    for share in shares:
        n_rows = int(share.starts[-1]) if keep else min(int(share.starts[-1]), share.n * share.chunk)
        slabs = share.initial_slabs(recurrence, n_rows)
        z = share.workspace.empty("z", (n_rows, cell.n_columns), dtype)
        stages = [share.stage(plan, k, slabs, packed[k]) for k in range(len(cell.stages))]
        forced = slabs[cell.states[0] if cell.forced is None else cell.forced]
        taught = recurrence.teacher is not None and cell.forced is not None
        calls.append(
            (
                plan.address(dtype.name),
                x,
                y,
                z,
                bias,
                (plan.described_input, packed_input),
                stages[0],
                stages[-1],
                tuple(slabs[name] for name in cell.states),
                tuple(final[name][share.first : share.stop] for name in cell.states),
                slabs[cell.output],
                (forced, recurrence.teacher if taught else forced, taught),
                share.steps,
                share.chunk,
                keep,
            )
        )
        share.workspace["slabs"] = slabs
    threads.run(plan.forward, calls)
    workspace["shares"] = shares if keep else None
    return y, final


def backward(
    recurrence: Recurrence,
    workspace: Workspace,
    dy: Array,
    d_final: Variables,
    gradients: Mapping[str, Array],
    *,
    input_gradient: bool,
) -> tuple[Array | None, Variables]:
    """Pull dy back through what `forward` has kept; see `GradientAlgorithm.backward`."""
    cell, steps, dtype = recurrence.cell, recurrence.steps, recurrence.x.dtype
    plan, shares = _plan(recurrence, workspace), workspace["shares"]
    x, dy = np.ascontiguousarray(recurrence.x), np.ascontiguousarray(dy)
    packed_input = (
        _pack(recurrence, workspace, plan.input, transposed=True) if input_gradient else tuple(x[0] for _ in plan.input)
    )
    packed = [_pack(recurrence, workspace, pieces, transposed=True) for pieces in plan.stages]
    dx = workspace.empty("dx", x.shape if input_gradient else (1, x.shape[1]), dtype)
    d_initial = {name: np.empty((steps.n_sequences, cell.width(name)), dtype) for name in cell.states}
    calls, summed = [], []
    for share in shares:
        own, slabs, first, stop = share.workspace, share.workspace["slabs"], share.first, share.stop
        d = {name: own.zeros(f"d_{name}", (share.n, cell.width(name)), dtype) for name in cell.variables}
        for name in cell.states:
            d[name][...] = d_final[name][first:stop]
        weights = {name: own.zeros(f"gradient_{name}", gradients[name].shape, dtype) for name in cell.weights}
        d_bias = own.zeros("d_bias", (cell.n_columns,), dtype)
        two_d = {name: np.atleast_2d(weight) for name, weight in weights.items()}
        stages = []
        for k, stage in enumerate(cell.stages):
            stages.append(
                (
                    *share.stage(plan, k, slabs, packed[k]),
                    tuple(d[piece.product.source] for piece in plan.stages[k]),
                    tuple(d[name] for name in (*stage.reads, *stage.uses)),
                    tuple(d[name] for name in stage.outputs),
                    tuple(two_d[piece.product.weight] for piece in plan.stages[k]),
                )
            )
        chunk_rows = share.n * share.chunk
        rows = own.empty("rows", (chunk_rows * plan.widest,), dtype)
        scratch = own.empty("scratch", (chunk_rows * (cell.n_columns + 16),), dtype)
        taught = recurrence.teacher is not None and cell.forced is not None
        calls.append(
            (
                plan.address(dtype.name),
                x,
                dy,
                dx,
                own["z"],
                d_bias,
                (plan.described_input, packed_input, tuple(two_d[piece.product.weight] for piece in plan.input)),
                stages[0],
                stages[-1],
                d[cell.output],
                (d[cell.states[0] if cell.forced is None else cell.forced], taught),
                share.steps,
                share.chunk,
                rows,
                scratch,
                input_gradient,
            )
        )
        summed.append((weights, d_bias, d))
    threads.run(plan.backward, calls)
    for name in cell.weights:
        gradients[name][...] = sum(weights[name] for weights, _, _ in summed)
    recurrence.accumulate_biases(np.asarray(sum(d_bias for _, d_bias, _ in summed)), gradients)
    for share, (_, _, d) in zip(shares, summed, strict=True):
        for name in cell.states:
            d_initial[name][share.first : share.stop] = d[name]
    return (dx if input_gradient else None), d_initial
