"""The compiled loop over time, made for any cell from its steps and pullbacks.

It does what `rnnbp.gradients.bptt` specifies, for one packed batch (or a thread's share of it), in one call::

    for each chunk of steps
        z = b + x W                                  `project`, for the chunk's rows
        for each step t of it, for each stage
            z(t) += source U                         `apply_products`
            z(t), s(t) = step(z(t), s(t-1))          `step_rows`, on vector registers

    for each chunk, from the last to the first
        for each step t of it, for each stage, from the last to the first
            dz(t), ds(t-1) = pullback(ds(t))         `pull_rows`
            ds += dz(t) U^T                          `pull_products`
        dW += x^T dz;  dU += source^T dz;  db += sum dz;  dx = dz W^T

Chunks are there for the cache: the rows of z that one part has written are near when the next one reads them.

Rows are numbered as in `rnnbp.sequences`. ``counts[t]`` sequences are at work in step t; their rows in x, y and the
gradients of these begin at ``places[t]``. z and the slabs of variables belong to the call and are packed for
themselves: step t begins at row ``starts[t]`` of z, and at row ``B + starts[t]`` of a slab, after B initial states. If
nothing is to be kept for a backward pass, they hold one chunk only.

What a stage consists of is passed in tuples, so that one text serves all cells: numba compiles it for each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable

from rnnbp.kernels.compiling import compiled
from rnnbp.kernels.gemm import multiply, pack
from rnnbp.kernels.simd import add_each, clear_each, lanes_of, load_columns, load_each, store_columns, store_each

__all__ = [
    "COLUMNS",
    "DEPTH",
    "DIAGONAL",
    "IN_WEIGHT",
    "IN_Z",
    "LAG",
    "MASKED",
    "N_FIELDS",
    "WEIGHT_COLUMNS",
    "make_loops",
]

# A product is described by a row of integers: whether its source is the previous step's; the width of the source; how
# many columns the product has, where these begin in z and in the weight, and how many columns the weight has; whether
# the weight is diagonal; and whether the source is masked (recurrent dropout).
LAG, DEPTH, COLUMNS, IN_Z, IN_WEIGHT, WEIGHT_COLUMNS, DIAGONAL, MASKED = range(8)
N_FIELDS = 8

# numba compiles a function anew for each literal it is called with; these are no literals
ZERO, ONE = np.int64(0), np.int64(1)


@compiled
def project(address, z, first, x, place, n, bias, products, packed):
    """Start n rows of z with the biases and the products of the same number of rows of x."""
    z_row = z.shape[1]
    for r in range(first, first + n):
        z[r] = bias
    for i in range(len(packed)):
        depth, columns = products[i, DEPTH], products[i, COLUMNS]
        at = first * z_row + products[i, IN_Z]
        multiply(address, z, at, z_row, x, place * depth, depth, ONE, packed[i], n, depth, columns)


@compiled
def apply_products(address, z, first, n, sources, unmasked, mask, previous, current, products, packed):
    """Add a stage's products to n rows of z; the sources' rows begin at `previous` or `current`.

    A source that is masked is made here, of the rows of `unmasked` that are wanted.
    """
    z_row = z.shape[1]
    for i in range(len(packed)):
        depth, columns, column = products[i, DEPTH], products[i, COLUMNS], products[i, IN_Z]
        row = previous if products[i, LAG] else current
        if products[i, MASKED]:
            for r in range(n):
                for j in range(depth):
                    sources[i][row + r, j] = unmasked[i][row + r, j] * mask[r, j]
        if products[i, DIAGONAL]:
            for r in range(n):
                for j in range(columns):
                    z[first + r, column + j] += sources[i][row + r, j] * packed[i][j]
        else:
            at = first * z_row + column
            multiply(address, z, at, z_row, sources[i], row * depth, depth, ONE, packed[i], n, depth, columns)


@compiled
def pull_products(address, dz, first, n, d_sources, mask, d_masked, products, packed):
    """Add to the first n rows of dL/d(source) what a stage's products say: dz times the weights, transposed."""
    z_row = dz.shape[1]
    for i in range(len(packed)):
        depth, columns, column = products[i, DEPTH], products[i, COLUMNS], products[i, IN_Z]
        at = first * z_row + column
        if products[i, DIAGONAL]:
            for r in range(n):
                for j in range(columns):
                    d_sources[i][r, j] += dz[first + r, column + j] * packed[i][j]
        elif products[i, MASKED]:
            d_masked[:n] = 0
            multiply(address, d_masked, ZERO, d_masked.shape[1], dz, at, z_row, ONE, packed[i], n, columns, depth)
            for r in range(n):
                for j in range(depth):
                    d_sources[i][r, j] += d_masked[r, j] * mask[r, j]
        else:
            multiply(address, d_sources[i], ZERO, depth, dz, at, z_row, ONE, packed[i], n, columns, depth)


@compiled
def add_outer(address, gradient, product, source, dz, first, n, scratch):
    """Add the gradient of one weight over n rows: source^T dz.

    `source` holds those n rows; they begin at row `first` of dz.
    """
    depth, columns, column = product[DEPTH], product[COLUMNS], product[IN_Z]
    if product[DIAGONAL]:
        for r in range(n):
            for j in range(columns):
                gradient[0, product[IN_WEIGHT] + j] += source[r, j] * dz[first + r, column + j]
    else:
        pack(dz[first : first + n, column : column + columns], scratch, lanes_of(dz))
        width = product[WEIGHT_COLUMNS]
        multiply(address, gradient, product[IN_WEIGHT], width, source, ZERO, ONE, depth, scratch, depth, n, columns)


@compiled
def copy_rows(target, target_row, source, source_row, n):
    """Copy n rows."""
    for r in range(n):
        for j in range(source.shape[1]):
            target[target_row + r, j] = source[source_row + r, j]


@compiled
def add_weight_gradients(address, gradients, sources, products, dz, t_first, t_stop, B, counts, starts, rows, scratch):
    """Add the gradients of a stage's weights over the steps of a chunk."""
    n = starts[t_stop] - starts[t_first]
    for i in range(len(sources)):
        depth = products[i, DEPTH]
        source = rows[: n * depth].reshape(n, depth)
        for t in range(t_first, t_stop):
            previous = B + starts[t - 1] if t > 0 else 0
            row = previous if products[i, LAG] else B + starts[t]
            copy_rows(source, starts[t] - starts[t_first], sources[i], row, counts[t])
        add_outer(address, gradients[i], products[i], source, dz, starts[t_first], n, scratch)


@compiled
def add_input_gradients(address, gradients, products, x, dz, t_first, t_stop, counts, starts, places, rows, scratch):
    """Add the gradients of the input weights over the steps of a chunk."""
    n, depth = starts[t_stop] - starts[t_first], x.shape[1]
    source = rows[: n * depth].reshape(n, depth)
    for t in range(t_first, t_stop):
        copy_rows(source, starts[t] - starts[t_first], x, places[t], counts[t])
    for i in range(len(gradients)):
        add_outer(address, gradients[i], products[i], source, dz, starts[t_first], n, scratch)


@compiled
def pull_input(address, dx, dz, t_first, t_stop, counts, starts, places, products, packed, rows):
    """Write dL/dx for the steps of a chunk."""
    n, width = starts[t_stop] - starts[t_first], dx.shape[1]
    chunk = rows[: n * width].reshape(n, width)
    chunk[:] = 0
    for i in range(len(packed)):
        pull_products(address, dz, starts[t_first], n, (chunk,), chunk, chunk, products[i : i + 1], (packed[i],))
    for t in range(t_first, t_stop):
        copy_rows(dx, places[t], chunk, starts[t] - starts[t_first], counts[t])


def make_stage(step: Any, pullback: Any, fingerprint: str) -> tuple[Any, Any]:
    """Return loops over the rows of one step, for the elementwise part of a stage; see `make_loops`."""

    def step_rows(z, first, columns, reads, previous, uses, outputs, current, n):
        width, lanes = outputs[0].shape[1], lanes_of(z)
        whole = width - width % lanes
        for r in range(n):
            at_z = (first + r) * z.shape[1]
            at_previous, at_current = (previous + r) * width, (current + r) * width
            for j in range(0, whole, lanes):
                blocks = load_columns((z, columns), at_z + j, 0, 0)
                inputs = load_each(reads, at_previous + j, 0, 0) + load_each(uses, at_current + j, 0, 0)
                kept, values = step(blocks, inputs)
                store_columns((z, columns), at_z + j, 0, 0, kept)
                store_each(outputs, at_current + j, 0, 0, values)
            if whole < width:
                j, rest = whole, width - whole
                blocks = load_columns((z, columns), at_z + j, rest, 1)
                inputs = load_each(reads, at_previous + j, rest, 1) + load_each(uses, at_current + j, rest, 1)
                kept, values = step(blocks, inputs)
                store_columns((z, columns), at_z + j, rest, 1, kept)
                store_each(outputs, at_current + j, rest, 1, values)

    def pull_rows(z, first, columns, reads, previous, uses, outputs, current, n, d_inputs, d_outputs):
        width, lanes = outputs[0].shape[1], lanes_of(z)
        whole = width - width % lanes
        for r in range(n):
            at_z, at_d = (first + r) * z.shape[1], r * width
            at_previous, at_current = (previous + r) * width, (current + r) * width
            for j in range(0, whole, lanes):
                kept = load_columns((z, columns), at_z + j, 0, 0)
                inputs = load_each(reads, at_previous + j, 0, 0) + load_each(uses, at_current + j, 0, 0)
                values, d_values = load_each(outputs, at_current + j, 0, 0), load_each(d_outputs, at_d + j, 0, 0)
                d_blocks, d_in = pullback(kept, inputs, values, d_values)
                store_columns((z, columns), at_z + j, 0, 0, d_blocks)
                clear_each(d_outputs, at_d + j, 0, 0)
                add_each(d_inputs, at_d + j, 0, 0, d_in)
            if whole < width:
                j, rest = whole, width - whole
                kept = load_columns((z, columns), at_z + j, rest, 1)
                inputs = load_each(reads, at_previous + j, rest, 1) + load_each(uses, at_current + j, rest, 1)
                values, d_values = load_each(outputs, at_current + j, rest, 1), load_each(d_outputs, at_d + j, rest, 1)
                d_blocks, d_in = pullback(kept, inputs, values, d_values)
                store_columns((z, columns), at_z + j, rest, 1, d_blocks)
                clear_each(d_outputs, at_d + j, rest, 1)
                add_each(d_inputs, at_d + j, rest, 1, d_in)

    return _named(step_rows, fingerprint), _named(pull_rows, fingerprint)


def _named(function: Any, fingerprint: str) -> Any:
    """Make a function one of this module's, so that numba's cache on disk finds it under a name, the same each time.

    Else numba would take the pickled function for a part of the cache's key, and that differs from process to process.
    """
    function.__qualname__ = f"{function.__name__}_{fingerprint}"
    globals()[function.__qualname__] = function
    return register_jitable(function)


def make_loops(stages: tuple[tuple[Any, Any], ...], fingerprint: str) -> tuple[Any, Any]:
    """Compile the loop over time for a cell.

    Parameters
    ----------
    stages : tuple of (step, pullback)
        One or two; functions that numba can compile.
    fingerprint : str
        Of all that the compiled code depends on; it is part of the key of the cache on disk.

    Returns
    -------
    forward, backward : compiled functions
    """
    two = len(stages) > 1
    step_first, pull_first = make_stage(*stages[0], f"first_{fingerprint}")
    step_second, pull_second = make_stage(*stages[-1], f"second_{fingerprint}") if two else (step_first, pull_first)

    @compiled
    def forward(
        address, x, y, z, bias, mask, inputs, first, second, states, finals, output, teacher, steps, chunk, keep
    ):
        counts, starts, places = steps
        products_x, packed_x = inputs
        sources_1, unmasked_1, products_1, packed_1, columns_1, reads_1, uses_1, outputs_1 = first
        sources_2, unmasked_2, products_2, packed_2, columns_2, reads_2, uses_2, outputs_2 = second
        forced, teacher_rows, taught = teacher
        T, B = len(counts), counts[0]
        previous = 0
        for t_first in range(0, T, chunk):
            t_stop = min(t_first + chunk, T)
            base = 0 if keep else starts[t_first]
            t = t_first
            while t < t_stop:  # rows that follow each other in x are projected together
                begin = t
                t += 1
                while t < t_stop and places[t] == places[t - 1] + counts[t - 1]:
                    t += 1
                row, n = starts[begin] - base, starts[t] - starts[begin]
                project(address, z, row, x, places[begin], n, bias, products_x, packed_x)
            for t in range(t_first, t_stop):
                row, n = starts[t] - base, counts[t]
                current = B + row
                apply_products(address, z, row, n, sources_1, unmasked_1, mask, previous, current, products_1, packed_1)
                step_first(z, row, columns_1, reads_1, previous, uses_1, outputs_1, current, n)
                if two:
                    apply_products(
                        address, z, row, n, sources_2, unmasked_2, mask, previous, current, products_2, packed_2
                    )
                    step_second(z, row, columns_2, reads_2, previous, uses_2, outputs_2, current, n)
                if taught:
                    copy_rows(forced, current, teacher_rows, places[t], n)
                copy_rows(y, places[t], output, current, n)
                going_on = counts[t + 1] if t + 1 < T else 0
                if going_on < n:
                    for i in range(len(states)):
                        copy_rows(finals[i], going_on, states[i], current + going_on, n - going_on)
                previous = current
            if not keep and t_stop < T:
                for i in range(len(states)):
                    copy_rows(states[i], 0, states[i], previous, counts[t_stop])
                previous = 0

    @compiled
    def backward(
        address,
        x,
        dy,
        dx,
        z,
        d_bias,
        mask,
        d_masked,
        inputs,
        first,
        second,
        d_output,
        teacher,
        steps,
        chunk,
        rows,
        scratch,
    ):
        counts, starts, places = steps
        products_x, packed_x, gradients_x = inputs
        sources_1, _, products_1, packed_1, columns_1, reads_1, uses_1, outputs_1 = first[:8]
        d_sources_1, d_inputs_1, d_outputs_1, gradients_1 = first[8:]
        sources_2, _, products_2, packed_2, columns_2, reads_2, uses_2, outputs_2 = second[:8]
        d_sources_2, d_inputs_2, d_outputs_2, gradients_2 = second[8:]
        d_forced, taught = teacher
        input_gradient = dx.shape[0] > 0
        T, B = len(counts), counts[0]
        n_chunks = (T + chunk - 1) // chunk
        for c in range(n_chunks - 1, -1, -1):
            t_first, t_stop = c * chunk, min((c + 1) * chunk, T)
            for t in range(t_stop - 1, t_first - 1, -1):
                row, n = starts[t], counts[t]
                current, previous = B + row, (B + starts[t - 1] if t > 0 else 0)
                if taught:
                    d_forced[:n] = 0
                for r in range(n):
                    for j in range(dy.shape[1]):
                        d_output[r, j] += dy[places[t] + r, j]
                if two:
                    pull_second(
                        z, row, columns_2, reads_2, previous, uses_2, outputs_2, current, n, d_inputs_2, d_outputs_2
                    )
                    pull_products(address, z, row, n, d_sources_2, mask, d_masked, products_2, packed_2)
                pull_first(z, row, columns_1, reads_1, previous, uses_1, outputs_1, current, n, d_inputs_1, d_outputs_1)
                pull_products(address, z, row, n, d_sources_1, mask, d_masked, products_1, packed_1)
            for r in range(starts[t_first], starts[t_stop]):
                for j in range(z.shape[1]):
                    d_bias[j] += z[r, j]
            span = (t_first, t_stop)
            add_input_gradients(address, gradients_x, products_x, x, z, *span, counts, starts, places, rows, scratch)
            add_weight_gradients(
                address, gradients_1, sources_1, products_1, z, *span, B, counts, starts, rows, scratch
            )
            if two:
                add_weight_gradients(
                    address, gradients_2, sources_2, products_2, z, *span, B, counts, starts, rows, scratch
                )
            if input_gradient:
                pull_input(address, dx, z, *span, counts, starts, places, products_x, packed_x, rows)

    return forward, backward
