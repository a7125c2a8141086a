"""A recurrence, run by the compiled loops of `rnnbp.kernels`.

What `Recurrence` says with slices and dictionaries is laid out here as the arrays and tuples that the loops take. Each
thread has a share of the sequences, and slabs, gradients and scratch memory of its own (`_Share`), which are used again
as long as the shapes stay the same. Matrices are packed once a call, for all threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnbp import threads
from rnnbp.cells import Cell, Product
from rnnbp.gradients.recurrence import Recurrence, Variables
from rnnbp.sequences import Steps
from rnnbp.workspace import Workspace

__all__ = ["Stepper", "backward", "can_run", "chunk", "forward"]

Array = NDArray[Any]

CHUNK_ROWS = 192  # rows of z that are worked on together: enough for a good product, few enough for the cache
MIN_OPERATIONS = 4_000_000  # multiply-adds a thread must have to do, for it to pay to wake it


def can_run(recurrence: Recurrence) -> bool:
    """Whether the compiled loops can run a recurrence."""
    stages = recurrence.cell.stages
    plain = all(product.gain is None for product in recurrence.cell.products)
    plain = plain and not isinstance(recurrence.teacher, np.ma.MaskedArray)
    return plain and len(stages) <= 2 and all(stage.elementwise and stage.products for stage in stages)


class _Piece(NamedTuple):
    """A product's columns that lie side by side in z."""

    product: Product
    columns: slice
    into: slice


class _Sums(NamedTuple):
    """A thread's sums of the parameters' gradients."""

    weights: Variables
    bias: Array

    def clear(self) -> None:
        for total in (*self.weights.values(), self.bias):
            total.fill(0)


class _Plan:
    """What is the same for every run of a cell, and the memory for its packed matrices."""

    def __init__(self, recurrence: Recurrence) -> None:
        from rnnbp.kernels.cells import loops
        from rnnbp.kernels.gemm import address, pack, packed_size
        from rnnbp.kernels.simd import lane_count

        cell, self.dtype = recurrence.cell, recurrence.x.dtype
        self.cell, self.masked = cell, recurrence.mask is not None
        self.address = address(self.dtype.name)
        self.forward, self.backward = loops(tuple((stage.step, stage.pullback) for stage in cell.stages))
        self.products = [[cell.input], *(list(stage.products) for stage in cell.stages)]
        self.pieces = [[_Piece(p, *route) for p in group for route in cell.routes[p]] for group in self.products]
        self.described = [self._describe(group) for group in self.pieces]
        self.columns = [tuple(cell.columns[block].start for block in stage.blocks) for stage in cell.stages]
        self.widest = max(cell.width(product.source) for product in cell.products)
        self._sums: list[_Sums] = []  # one a thread
        self._pack, self._lanes = pack, lane_count(self.dtype)
        self._packed = {
            transposed: [
                tuple(self._buffer(recurrence, piece, packed_size, transposed) for piece in group)
                for group in self.pieces
            ]
            for transposed in (False, True)
        }

    def _describe(self, pieces: list[_Piece]) -> NDArray[np.int64]:
        from rnnbp.kernels import sequence as fields

        described = np.zeros((len(pieces), fields.N_FIELDS), np.int64)
        for row, piece in zip(described, pieces, strict=True):
            product, sharing = piece.product, self.cell.weights[piece.product.weight]
            row[fields.LAG] = product.lag
            row[fields.DEPTH] = self.cell.width(product.source)
            row[fields.COLUMNS] = piece.into.stop - piece.into.start
            row[fields.IN_Z] = piece.into.start
            row[fields.IN_WEIGHT] = piece.columns.start
            row[fields.WEIGHT_COLUMNS] = sum(self.cell.width(block) for p in sharing for block in p.into)
            row[fields.DIAGONAL] = product.diagonal
            row[fields.MASKED] = self.is_masked(product)
        return described

    def sums(self, n_threads: int) -> list[_Sums]:
        """Return the sums of the first few threads: the same in all windows of a recurrence, which add to them."""
        while len(self._sums) < n_threads:
            weights = {}
            for name, (product, *_) in self.cell.weights.items():
                rows = 1 if product.diagonal else self.cell.width(product.source)
                columns = sum(self.cell.width(block) for p in self.cell.weights[name] for block in p.into)
                weights[name] = np.empty((rows, columns), self.dtype)
            self._sums.append(_Sums(weights, np.empty(self.cell.n_columns, self.dtype)))
        return self._sums[:n_threads]

    def is_masked(self, product: Product) -> bool:
        """Whether recurrent dropout applies to the source of a product."""
        return self.masked and product.weight == "recurrent_weight"

    def _buffer(self, recurrence: Recurrence, piece: _Piece, packed_size: Any, transposed: bool) -> Array:
        matrix = self._matrix(recurrence, piece, transposed)
        return np.empty(matrix.size if piece.product.diagonal else packed_size(self.dtype, *matrix.shape), self.dtype)

    @staticmethod
    def _matrix(recurrence: Recurrence, piece: _Piece, transposed: bool) -> Array:
        weight = recurrence.parameters[piece.product.weight]
        if piece.product.diagonal:
            return weight[piece.columns]
        return weight[:, piece.columns].T if transposed else weight[:, piece.columns]

    def packed(self, recurrence: Recurrence, *, transposed: bool) -> list[tuple[Array, ...]]:
        """Pack the matrices as they are now: for the input's products, then for each stage's."""
        for pieces, buffers in zip(self.pieces, self._packed[transposed], strict=True):
            for piece, buffer in zip(pieces, buffers, strict=True):
                matrix = self._matrix(recurrence, piece, transposed)
                if piece.product.diagonal:
                    buffer[...] = matrix
                else:
                    self._pack(matrix, buffer, self._lanes)
        return self._packed[transposed]


class _Share:
    """A thread's share of the sequences: where its rows are, and the memory that it works in."""

    def __init__(
        self, plan: _Plan, steps: Steps, workspace: Workspace, first: int, stop: int, chunk: int, sums: _Sums | None
    ) -> None:
        self.plan, self.first, self.stop, self.n, self.chunk = plan, first, stop, stop - first, chunk
        if self.n == steps.n_sequences:
            self.steps = (steps.counts, steps.starts, steps.starts[:-1])
        else:
            n_steps = int(steps.lengths[first])
            counts = np.minimum(steps.counts[:n_steps], stop) - first
            starts = np.concatenate([[0], np.cumsum(counts)]).astype(counts.dtype)
            self.steps = (counts, starts, steps.starts[:n_steps] + first)
        cell, dtype, n_rows = plan.cell, plan.dtype, int(self.steps[1][-1])
        kept_rows = n_rows if sums else min(n_rows, self.n * self.chunk)

        def slab(name: str, width: int) -> Array:
            return workspace.empty(name, (self.n + kept_rows, width), dtype)

        self.slabs = {name: slab(name, cell.width(name)) for name in cell.variables}
        self.z = workspace.empty("z", (kept_rows, cell.n_columns), dtype)
        self.stages = []
        for k, (stage, pieces) in enumerate(zip(cell.stages, plan.pieces[1:], strict=True)):
            unmasked = tuple(self.slabs[piece.product.source] for piece in pieces)
            sources = tuple(
                slab(f"masked_{k}_{i}", source.shape[1]) if plan.is_masked(piece.product) else source
                for i, (piece, source) in enumerate(zip(pieces, unmasked, strict=True))
            )
            variables = [
                tuple(self.slabs[name] for name in names) for names in (stage.reads, stage.uses, stage.outputs)
            ]
            self.stages.append((sources, unmasked, plan.described[k + 1], plan.columns[k], *variables))
        if sums is not None:
            self._prepare_backward(workspace, sums)

    def _prepare_backward(self, workspace: Workspace, sums: _Sums) -> None:
        self.sums = sums
        cell, dtype, plan = self.plan.cell, self.plan.dtype, self.plan
        self.d = {name: workspace.empty(f"d_{name}", (self.n, cell.width(name)), dtype) for name in cell.variables}
        chunk_rows = self.n * self.chunk
        self.rows = workspace.empty("rows", (chunk_rows * plan.widest,), dtype)
        self.scratch = workspace.empty("scratch", (chunk_rows * (cell.n_columns + 64),), dtype)
        self.d_masked = workspace.empty("d_masked", (self.n, plan.widest if plan.masked else 1), dtype)
        self.d_stages = [
            (
                tuple(self.d[piece.product.source] for piece in pieces),
                tuple(self.d[name] for name in (*stage.reads, *stage.uses)),
                tuple(self.d[name] for name in stage.outputs),
                tuple(sums.weights[piece.product.weight] for piece in pieces),
            )
            for stage, pieces in zip(cell.stages, plan.pieces[1:], strict=True)
        ]

    def mask(self, recurrence: Recurrence) -> Array:
        """Return the share's rows of the mask, or an empty array for none."""
        return self.z[:0] if recurrence.mask is None else recurrence.mask[self.first : self.stop]


def _plan(recurrence: Recurrence, workspace: Workspace) -> _Plan:
    plan = workspace.get("plan")
    masked = recurrence.mask is not None
    if not isinstance(plan, _Plan) or (plan.cell, plan.masked) != (recurrence.cell, masked):
        plan = workspace["plan"] = _Plan(recurrence)
        workspace["shares"] = None
    return plan


def _divide(recurrence: Recurrence) -> tuple[list[int], int]:
    """Divide the sequences among threads so that each has about the same number of frames, and the steps into chunks.

    A window is divided as the whole is: weight gradients are then added up in the same order, to the same bits.

    Returns
    -------
    bounds : list of int
        Where the threads' shares begin, and where the last one ends.
    chunk : int
        The number of steps in a chunk.
    """
    if recurrence.whole is not None:
        bounds, chunk = _divide(recurrence.whole)
        return sorted({min(bound, recurrence.steps.n_sequences) for bound in bounds}), chunk
    steps = recurrence.steps
    operations = steps.n_rows * sum(p.size for p in recurrence.parameters.values())
    n_threads = max(1, min(threads.count(), steps.n_sequences, operations // MIN_OPERATIONS))
    bounds = [0, steps.n_sequences]
    if n_threads > 1:
        frames = np.cumsum(steps.lengths)
        goals = frames[-1] * np.arange(1, n_threads) / n_threads
        cuts = np.searchsorted(frames, goals - steps.lengths[0] / 2) + 1
        bounds = sorted({0, *(int(c) for c in cuts if c < steps.n_sequences), steps.n_sequences})
    return bounds, max(1, CHUNK_ROWS // max(stop - first for first, stop in pairwise(bounds)))


def chunk(recurrence: Recurrence) -> int:
    """Return the number of steps whose weight gradients are added up together."""
    return _divide(recurrence)[1]


def _shares(plan: _Plan, recurrence: Recurrence, workspace: Workspace, keep: bool) -> list[_Share]:
    """Give each thread its share of the sequences."""
    steps, (bounds, chunk) = recurrence.steps, _divide(recurrence)
    before = workspace.get("shares")
    if before is not None and before[0] is steps and before[1:4] == (bounds, chunk, keep):
        return before[4]  # type: ignore[no-any-return]
    n_threads = len(bounds) - 1
    shares = [
        _Share(plan, steps, workspace.setdefault(f"thread{k}", Workspace()), first, stop, chunk, sums)
        for k, ((first, stop), sums) in enumerate(
            zip(pairwise(bounds), plan.sums(n_threads) if keep else [None] * n_threads, strict=True)
        )
    ]
    workspace["shares"] = (steps, bounds, chunk, keep, shares)
    return shares


def _is_taught(recurrence: Recurrence) -> bool:
    return recurrence.teacher is not None and recurrence.cell.forced is not None


def _forced(cell: Cell) -> str:
    """Return the state that a teacher replaces; any state, if there is none, as the loops are passed one."""
    return cell.states[0] if cell.forced is None else cell.forced


def forward(recurrence: Recurrence, workspace: Workspace, *, keep: bool) -> tuple[Array, Variables]:
    """Run a recurrence; see `GradientAlgorithm.forward`."""
    cell, steps, dtype = recurrence.cell, recurrence.steps, recurrence.x.dtype
    plan = _plan(recurrence, workspace)
    shares = _shares(plan, recurrence, workspace, keep)
    x, bias, taught = np.ascontiguousarray(recurrence.x), recurrence.bias(), _is_taught(recurrence)
    input_packed, *packed = plan.packed(recurrence, transposed=False)
    y = workspace.empty("y", (steps.n_rows, cell.width(cell.output)), dtype)
    final = {name: np.empty((steps.n_sequences, cell.width(name)), dtype) for name in cell.states}
    calls = []
    for share in shares:
        own, slabs = slice(share.first, share.stop), share.slabs
        for name in cell.states:
            slabs[name][: share.n] = recurrence.initial[name][own] if name in recurrence.initial else 0
        stages = [(*stage[:3], matrices, *stage[3:]) for stage, matrices in zip(share.stages, packed, strict=True)]
        forced = slabs[_forced(cell)]
        calls.append(
            (
                plan.address,
                x,
                y,
                share.z,
                bias,
                share.mask(recurrence),
                (plan.described[0], input_packed),
                stages[0],
                stages[-1],
                tuple(slabs[name] for name in cell.states),
                tuple(final[name][own] for name in cell.states),
                slabs[cell.output],
                (forced, recurrence.teacher if taught else forced, taught),
                share.steps,
                share.chunk,
                keep,
            )
        )
    threads.run(plan.forward, calls)
    return y, final


def backward(
    recurrence: Recurrence,
    workspace: Workspace,
    dy: Array,
    d_final: Mapping[str, Array],
    gradients: Mapping[str, Array],
    *,
    input_gradient: bool,
    add: bool,
) -> tuple[Array | None, Variables]:
    """Pull dy back through what `forward` has kept; see `BPTT.backward`."""
    cell, steps, dtype = recurrence.cell, recurrence.steps, recurrence.x.dtype
    plan, shares = _plan(recurrence, workspace), workspace["shares"][-1]
    x, dy = np.ascontiguousarray(recurrence.x), np.ascontiguousarray(dy)
    input_packed, *packed = plan.packed(recurrence, transposed=True)
    dx = workspace.empty("dx", x.shape if input_gradient else (0, x.shape[1]), dtype)
    d_initial = {name: np.empty((steps.n_sequences, cell.width(name)), dtype) for name in cell.states}
    n_begun = workspace["n_begun"] if add else 0  # threads whose sums hold something already
    for share in shares[n_begun:]:
        share.sums.clear()
    workspace["n_begun"] = n_begun = max(n_begun, len(shares))
    calls = []
    for share in shares:
        for name, d in share.d.items():
            d[...] = d_final[name][share.first : share.stop] if name in d_final else 0
        stages = [
            (*stage[:3], matrices, *stage[3:], *d_stage)
            for stage, matrices, d_stage in zip(share.stages, packed, share.d_stages, strict=True)
        ]
        input_gradients = tuple(share.sums.weights[piece.product.weight] for piece in plan.pieces[0])
        calls.append(
            (
                plan.address,
                x,
                dy,
                dx,
                share.z,
                share.sums.bias,
                share.mask(recurrence),
                share.d_masked,
                (plan.described[0], input_packed, input_gradients),
                stages[0],
                stages[-1],
                share.d[cell.output],
                (share.d[_forced(cell)], _is_taught(recurrence)),
                share.steps,
                share.chunk,
                share.rows,
                share.scratch,
            )
        )
    threads.run(plan.backward, calls)
    first, *others = plan.sums(n_begun)
    for name in cell.weights:
        total = sum((sums.weights[name] for sums in others), start=first.weights[name])
        gradients[name][...] = total.reshape(gradients[name].shape)
    recurrence.accumulate_biases(sum((sums.bias for sums in others), start=first.bias), gradients)
    for share in shares:
        for name in cell.states:
            d_initial[name][share.first : share.stop] = share.d[name]
    return (dx if input_gradient else None), d_initial


class Stepper:
    """A recurrence of one sequence, run a frame at a time with the least ceremony.

    All that the loops take is laid out once, for the parameters as they are now.

    Parameters
    ----------
    recurrence : Recurrence
        Of one frame of one sequence.
    """

    def __init__(self, recurrence: Recurrence) -> None:
        plan, cell = _Plan(recurrence), recurrence.cell
        (share,) = _shares(plan, recurrence, Workspace(), keep=False)
        self._x = np.array(recurrence.x)
        self._y = np.empty((1, cell.width(cell.output)), plan.dtype)
        self._states = [share.slabs[name][:1] for name in cell.states]
        self._finals = [np.empty_like(state) for state in self._states]
        for name, state in zip(cell.states, self._states, strict=True):
            state[...] = recurrence.initial.get(name, 0)
        input_packed, *packed = plan.packed(recurrence, transposed=False)
        stages = [(*stage[:3], matrices, *stage[3:]) for stage, matrices in zip(share.stages, packed, strict=True)]
        forced = share.slabs[_forced(cell)]
        self._call = plan.forward
        self._arguments = (
            plan.address,
            self._x,
            self._y,
            share.z,
            recurrence.bias(),
            share.mask(recurrence),
            (plan.described[0], input_packed),
            stages[0],
            stages[-1],
            tuple(share.slabs[name] for name in cell.states),
            tuple(self._finals),
            share.slabs[cell.output],
            (forced, forced, False),
            share.steps,
            share.chunk,
            False,
        )

    def __call__(self, frame: Array) -> Array:
        """Return the output for a frame of shape (1, I), of shape (1, width); good until the next call."""
        self._x[...] = frame
        self._call(*self._arguments)
        for state, final in zip(self._states, self._finals, strict=True):
            state[...] = final
        return self._y
