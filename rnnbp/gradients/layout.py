"""The arrays and tuples that the compiled loops take, laid out for a cell and for a batch.

What is the same for every run of a cell is in a `Plan`: the compiled loops, the pieces of its products, their packed
weights. What is the same for every run over batches of one shape is in a `Share`, one for each thread: where its
sequences' rows are, and the memory that it works in. So a run passes on its arrays, and little else.

The memory of a run that is kept for a backward pass::

    n_rows (sum of block widths + sum of variable widths)    z and the slabs, which all threads share; y is a part of it
    + n_rows I                                               dL/dx, if it is wanted

to which come the packed weights (twice) and, for each thread, gradients and the rows of one chunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnbp import threads
from rnnbp.cells import Cell, Product
from rnnbp.gradients.recurrence import Recurrence, Variables
from rnnbp.sequences import Steps
from rnnbp.workspace import Workspace, contiguous

__all__ = ["Plan", "Share", "divide"]

Array = NDArray[Any]

CHUNK_ROWS = 192  # rows of z that are worked on together: enough for a good product, few enough for the cache


def divide(recurrence: Recurrence) -> tuple[list[int], int]:
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
        bounds, chunk = divide(recurrence.whole)
        return sorted({min(bound, recurrence.steps.n_sequences) for bound in bounds}), chunk
    steps = recurrence.steps
    operations = steps.n_rows * sum([p.size for p in recurrence.parameters.values()])
    n_threads = threads.worth_waking(steps.n_sequences, operations)
    bounds = [0, steps.n_sequences]
    if n_threads > 1:
        frames = np.cumsum(steps.lengths)
        goals = np.array(threads.cuts(int(frames[-1]), n_threads, operations / steps.n_rows))
        cuts = np.searchsorted(frames, goals - steps.lengths[0] / 2) + 1
        bounds = sorted({0, *(int(c) for c in cuts if c < steps.n_sequences), steps.n_sequences})
    return bounds, max(1, CHUNK_ROWS // max([stop - first for first, stop in pairwise(bounds)]))


class _Piece(NamedTuple):
    """A product's columns that lie side by side in z, and where they go on to if they are normalised."""

    product: Product
    columns: slice
    into: slice
    targets: list[int]


def _pieces(cell: Cell, product: Product) -> list[_Piece]:
    def numbers(columns: slice) -> list[int]:
        return list(range(columns.start, columns.stop))

    routes = cell.routes[product]
    if product.gain is None:
        return [_Piece(product, columns, into, numbers(into)) for columns, into in routes]
    targets = [target for _, into in routes for target in numbers(into)]
    whole = slice(0, len(targets))
    return [_Piece(product, whole, routes[0][1] if product.diagonal else cell.raw[product], targets)]


class Plan:
    """What is the same for every run of a cell: its compiled loops, its pieces, and its packed weights."""

    def __init__(self, recurrence: Recurrence) -> None:
        from rnnbp.kernels.cells import loops
        from rnnbp.kernels.gemm import address

        self.cell, self.dtype = recurrence.cell, recurrence.x.dtype
        self.parameters, self.masked = recurrence.parameters, recurrence.mask is not None
        cell = self.cell
        self.address = address(self.dtype.name)
        self.forward, self.backward = loops(tuple((stage.step, stage.pullback) for stage in cell.stages))
        groups = [[piece for p in group for piece in _pieces(cell, p)] for group in [[cell.input], *_products(cell)]]
        self.pieces = [piece for group in groups for piece in group]
        self.n_inputs = len(groups[0])
        stops = list(accumulate(map(len, groups)))
        self.spans = list(pairwise(stops))  # the pieces of each stage
        self.described = self._describe()
        self.targets = np.array([target for piece in self.pieces for target in piece.targets], np.int64)
        self.columns = [tuple(cell.columns[block].start for block in stage.blocks) for stage in cell.stages]
        self.widest = max(cell.width(product.source) for product in cell.products)
        self.nothing, self.no_vector = np.empty((0, 0), self.dtype), np.empty(0, self.dtype)
        self.no_states = (self.nothing,) * len(cell.states)
        self.start, self.bias = (np.zeros(cell.n_columns, self.dtype) for _ in range(2))
        for block, mean in cell.noise.items():
            self.start[cell.columns[block]] = mean
        noisy = [cell.columns[block] for block in cell.noise]
        if any(block.stop != following.start for block, following in pairwise(noisy)):
            raise ValueError(
                f"the noise blocks of {type(cell).__name__} must lie side by side among its blocks {cell.blocks}, "
                f"in the order {tuple(cell.noise)}"
            )
        self.noise_column = min((cell.columns[block].start for block in cell.noise), default=0)
        self.sums: list[Variables] = []  # of the parameters' gradients, one a thread, where there are several
        self.d_biases: list[Array] = []  # sums of dL/dz, one a thread
        self.packed = tuple(map(self._buffer, self.pieces))
        self.weights, self.gains, self.biases = self.of_pieces(self.parameters)

    def serves(self, recurrence: Recurrence) -> bool:
        """Whether the plan was made for such a recurrence."""
        return (
            self.cell is recurrence.cell
            and self.parameters is recurrence.parameters
            and self.masked == (recurrence.mask is not None)
        )

    def _describe(self) -> NDArray[np.int64]:
        from rnnbp.kernels import products as fields

        described, target = np.zeros((len(self.pieces), len(fields.PIECE)), np.int64), 0
        for row, (product, columns, into, targets) in zip(described, self.pieces, strict=True):
            of_variables = fields.PREVIOUS if product.lag else fields.CURRENT
            row[fields.ROWS] = fields.PLACE if product.source == "x" else of_variables
            row[fields.DEPTH] = self.cell.width(product.source)
            row[fields.COLUMNS] = into.stop - into.start
            row[fields.IN_Z] = into.start
            row[fields.IN_WEIGHT] = columns.start
            row[fields.DIAGONAL] = product.diagonal
            row[fields.MASKED] = self.is_masked(product)
            row[fields.NORMALIZED] = product.gain is not None
            row[fields.TARGET] = target
            target += len(targets)
        return described

    def is_masked(self, product: Product) -> bool:
        """Whether recurrent dropout applies to the source of a product."""
        return self.masked and product.weight == "recurrent_weight"

    def _buffer(self, piece: _Piece) -> Array:
        """Return memory for a packed piece of a weight, as it is or transposed."""
        from rnnbp.kernels.gemm import packed_size

        depth, columns = self.cell.width(piece.product.source), piece.columns.stop - piece.columns.start
        if piece.product.diagonal:
            return np.empty(columns, self.dtype)
        return np.empty(
            max(packed_size(self.dtype, depth, columns), packed_size(self.dtype, columns, depth)), self.dtype
        )

    def of_pieces(self, named: Mapping[str, Array]) -> tuple[tuple[Array, ...], ...]:
        """Return each piece's whole weight, as a matrix, its gain and its bias, empty if it has none."""
        products = [piece.product for piece in self.pieces]
        weights = [named[p.weight].reshape(1, -1) if p.diagonal else named[p.weight] for p in products]
        gains = [self.no_vector if p.gain is None else named[p.gain] for p in products]
        return (
            tuple(weights),
            tuple(gains),
            tuple([self.no_vector if p.bias is None else named[p.bias] for p in products]),
        )

    def grow(self, n_threads: int, gradients: Mapping[str, Array]) -> None:
        """Make sums for so many threads, shaped like the gradients; all windows of a recurrence add to the same."""
        for _ in range(len(self.d_biases), n_threads):
            self.d_biases.append(np.empty_like(self.bias))
            self.sums.append({name: np.empty_like(gradient) for name, gradient in gradients.items()})

    def prepare(self) -> None:
        """Pack the weights as they are now."""
        from rnnbp.kernels.products import prepare

        prepare(self.bias, self.start, self.described, self.targets, self.weights, self.biases, self.packed)

    def prepare_back(self) -> None:
        """Pack them for the way back."""
        from rnnbp.kernels.products import prepare_back

        prepare_back(self.described, self.weights, self.packed)


def _products(cell: Cell) -> list[list[Product]]:
    return [list(stage.products) for stage in cell.stages]


class Share:
    """A thread's share of the sequences: where its rows are, and the memory that it works in."""

    def __init__(
        self,
        plan: Plan,
        steps: Steps,
        chunk: int,
        workspace: Workspace,
        own: Workspace,
        sequences: slice,
        keep: bool,
    ) -> None:
        self.plan, self.sequences = plan, sequences
        cell, dtype, n = plan.cell, plan.dtype, sequences.stop - sequences.start
        self.steps, self.chunks, chunk_rows = _table(steps, chunk, sequences, keep=keep)
        if keep:
            memory, n_initial, n_rows = workspace, steps.n_sequences, steps.n_rows
        else:
            memory, n_initial, n_rows = own, n, chunk_rows
        slabs = {name: memory.empty(name, (n_initial + n_rows, cell.width(name)), dtype) for name in cell.variables}
        self.z = memory.empty("z", (n_rows, cell.n_columns), dtype)
        self.output, self.forced = slabs[cell.output], slabs[_forced(cell)]
        self.states = tuple(slabs[name] for name in cell.states)
        # x, which is the source of the first pieces, is another one in each run
        self.unmasked = tuple(slabs.get(piece.product.source, plan.nothing) for piece in plan.pieces)
        self.sources = tuple(
            memory.empty(f"masked_{i}", slab.shape, dtype) if plan.is_masked(piece.product) else slab
            for i, (piece, slab) in enumerate(zip(plan.pieces, self.unmasked, strict=True))
        )
        self.stages = tuple(
            (
                *span,
                columns,
                *(tuple(slabs[name] for name in names) for names in (stage.reads, stage.uses, stage.outputs)),
            )
            for span, columns, stage in zip(plan.spans, plan.columns, cell.stages, strict=True)
        )
        if keep:
            self._prepare_backward(own, n, chunk_rows)

    def _prepare_backward(self, own: Workspace, n: int, chunk_rows: int) -> None:
        from rnnbp.kernels.gemm import packed_size

        plan, cell, dtype = self.plan, self.plan.cell, self.plan.dtype
        d = {name: own.empty(f"d_{name}", (n, cell.width(name)), dtype) for name in cell.variables}
        self.d_variables, self.d_states = tuple(d.values()), tuple(d[name] for name in cell.states)
        self.d_output, self.d_forced = d[cell.output], d[_forced(cell)]
        self.d_masked = own.empty("d_masked", (n, plan.widest if plan.masked else 1), dtype)
        self.d_sources = tuple(d.get(piece.product.source, plan.nothing) for piece in plan.pieces)
        columns = max(piece.into.stop - piece.into.start for piece in plan.pieces)
        self.source_rows = own.empty("source_rows", (chunk_rows * plan.widest,), dtype)
        self.dz_rows = own.empty("dz_rows", (packed_size(dtype, chunk_rows, columns),), dtype)
        self.d_stages = tuple(
            (
                *forwards,
                tuple(d[name] for name in (*stage.reads, *stage.uses)),
                tuple(d[name] for name in stage.outputs),
            )
            for forwards, stage in zip(self.stages, cell.stages, strict=True)
        )

    def forward(
        self,
        recurrence: Recurrence,
        x: Array,
        y: Array,
        noise: Array,
        initials: tuple[Array, ...],
        finals: tuple[Array, ...],
        *,
        unprepared: bool,
    ) -> tuple[Any, ...]:
        """Return the arguments of the loop forwards; it prepares the plan first if that is `unprepared`."""
        plan = self.plan
        return (
            plan.address, x, y, self.z, plan.bias, noise, plan.noise_column, self._mask(recurrence),
            plan.n_inputs, plan.described, plan.packed, plan.gains, plan.targets, self.sources, self.unmasked,
            self.stages, self.states, initials, finals, self.output, self.forced, self._teacher(recurrence),
            self.steps, self.chunks, unprepared, plan.start, plan.weights, plan.biases,
        )  # fmt: skip

    def backward(
        self,
        recurrence: Recurrence,
        x: Array,
        dy: Array,
        dx: Array,
        sums: tuple[Mapping[str, Array], Array, bool],
        d_finals: tuple[Array, ...],
        d_initials: tuple[Array, ...],
        *,
        unprepared: bool,
    ) -> tuple[Any, ...]:
        """Return the arguments of the loop backwards.

        `sums` are where the gradients of the parameters go, by name, and the sum of dL/dz, and whether to add to them.
        """
        plan, (named, d_bias, add) = self.plan, sums
        gradients, d_gains, d_biases = plan.of_pieces(named)
        return (
            plan.address, x, dy, dx, self.z, d_bias, add, self._mask(recurrence), self.d_masked,
            plan.n_inputs, plan.described, plan.packed, plan.gains, plan.targets,
            self.sources, self.d_sources, gradients, d_gains, d_biases, self.d_stages,
            self.d_variables, self.d_states, d_finals, d_initials, self.d_output, self.d_forced,
            self._teacher(recurrence), self.steps, self.chunks, self.source_rows, self.dz_rows,
            unprepared, plan.weights,
        )  # fmt: skip

    def _mask(self, recurrence: Recurrence) -> Array:
        return self.plan.nothing if recurrence.mask is None else recurrence.mask[self.sequences]

    def _teacher(self, recurrence: Recurrence) -> Array:
        teacher = None if recurrence.cell.forced is None else recurrence.teacher
        return self.plan.nothing if teacher is None else contiguous(teacher)


def _forced(cell: Cell) -> str:
    """Return the state that a teacher replaces; any state, if there is none, as the loops are passed one."""
    return cell.states[0] if cell.forced is None else cell.forced


def _table(steps: Steps, chunk: int, sequences: slice, *, keep: bool) -> tuple[Array, Array, int]:
    """Return where each step's rows of some sequences are, the chunks of steps, and the rows of the largest chunk."""
    first, stop = sequences.start, sequences.stop
    n_steps = int(steps.lengths[first])
    counts = np.minimum(steps.counts[:n_steps], stop) - first
    places = steps.starts[:n_steps] + first
    starts = np.cumsum(counts) - counts
    first_steps = np.arange(0, n_steps, chunk)
    if keep:
        slots, initial, at_start = places, steps.n_sequences, first
    else:
        slots, initial, at_start = starts - np.repeat(starts[first_steps], chunk)[:n_steps], stop - first, 0
    current = initial + slots
    previous = np.append(at_start, current[:-1])
    if not keep:
        previous[first_steps] = 0
    table = np.stack([counts, places, slots, current, previous], axis=1).astype(np.int64)
    return table, np.append(first_steps, n_steps), int(np.add.reduceat(counts, first_steps).max())
