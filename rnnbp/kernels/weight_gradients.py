"""The gradients of weights and biases, summed over all rows after the loop over time has gone back.

::

    dW = x^T dz;  dU = source^T dz;  db = sum dz

The sums go over blocks of rows, from the last block to the first, each over its rows in order, and are shared among
threads by columns. So no sum depends on the number of threads, and a run in windows of whole chunks gives the same bits
as one in one piece.
"""

from __future__ import annotations

from rnnbp.kernels.language import LANES, VECTORS, clear, copy, numbers
from rnnbp.kernels.matrices import multiply_both, pack, pack_rows
from rnnbp.kernels.products import BLOCK_ROWS, CURRENT, ProductRecord, Projection, X
from rnnbp.kernels.rows import add_numbers, sum_rows

__all__ = ["bias_gradients", "weight_gradients"]


def weight_gradients(p: Projection, share: int):
    """Write, or add to, the gradients of a share of the columns of all weights and biases."""
    layout, gradient = p.layout, p.parameters.gradient
    panel = VECTORS * LANES
    for i in range(p.n_products):
        product = p.products[i]
        n_panels = (product.columns + panel - 1) // panel
        first = n_panels * share // layout.n_shares * panel
        stop = min(n_panels * (share + 1) // layout.n_shares * panel, product.columns)
        if stop > first:
            if not (product.diagonal > 0 and product.normalized > 0):
                if p.parameters.add == 0:
                    for k in range(1 if product.diagonal > 0 else product.depth):
                        clear(gradient + (product.weight + k * product.pitch + first), stop - first)
                _sum_blocks(p, product, share, first, stop)
            if product.normalized > 0:
                to, gains = gradient + product.gain, product.d_gains
                clear(to + first, stop - first)
                for r in range(p.gain_rows):
                    add_numbers(to + first, gains + (r * product.columns + first), stop - first)
    first = p.width * share // layout.n_shares
    stop = p.width * (share + 1) // layout.n_shares
    if p.parameters.add == 0:
        clear(p.d_bias + first, stop - first)
    t = (layout.n_steps - 1) // p.sum_steps * p.sum_steps
    while t >= 0:
        row = layout.starts[t]
        n = layout.starts[min(t + p.sum_steps, layout.n_steps)] - row
        sum_rows(p.d_bias + first, p.z + (row * p.width + first), p.width, n, stop - first)
        t -= p.sum_steps


def bias_gradients(p: Projection, share: int):
    """Write the gradients of the biases, given the sums of dz."""
    for i in range(p.n_products):
        product = p.products[i]
        if product.bias >= 0:
            to, targets, sums = p.parameters.gradient + product.bias, product.targets, p.d_bias
            for j in range(product.columns):
                to[j] = sums[targets[j]]


def _sum_blocks(p: Projection, product: ProductRecord, share: int, first: int, stop: int):
    """Add source^T dz to some columns of a weight's gradient, chunk by chunk from the last."""
    layout = p.layout
    t = (layout.n_steps - 1) // p.sum_steps * p.sum_steps
    while t >= 0:
        row = layout.starts[t]
        end = layout.starts[min(t + p.sum_steps, layout.n_steps)]
        while row < end:
            n = min(end - row, BLOCK_ROWS)
            _add_block(p, product, share, first, stop, row, n)
            row += n
        t -= p.sum_steps


def _add_block(p: Projection, product: ProductRecord, share: int, first: int, stop: int, row: int, n: int):
    """Add source^T dz over n rows."""
    depth, width = product.depth, p.width
    dz = p.z + (row * width + product.column + first)
    source = _source_rows(p, product, share, row, n)
    gradient = p.parameters.gradient + (product.weight + first)
    if product.diagonal == 0:
        packed_dz, packed_source = p.packed_dz + share * p.dz_size, p.packed_source + share * p.source_size
        pack(dz, width, n, stop - first, packed_dz, 0, n)
        pack_rows(source, depth, depth, n, packed_source)
        multiply_both(gradient, product.pitch, packed_source, packed_dz, depth, n, stop - first)
    else:
        for r in range(n):
            a, d = source + (r * depth + first), dz + r * width
            for j in range(stop - first):
                gradient[j] += a[j] * d[j]


def _source_rows(p: Projection, product: ProductRecord, share: int, row: int, n: int) -> numbers:
    """Return where the rows of a source are that belong to rows of z; they are gathered if they are not together."""
    layout, depth = p.layout, product.depth
    if product.kind == X:
        return p.x + row * depth
    if product.kind == CURRENT:
        return product.source + (layout.n_sequences + row) * depth
    if p.rectangular > 0:
        return product.source + row * depth
    t = 0
    while layout.starts[t + 1] <= row:
        t += 1
    gathered = p.gathered_source + share * p.gathered_size
    done = 0
    while done < n:
        before = row + done - layout.starts[t]  # the place in its step
        m = min(layout.starts[t + 1] - row - done, n - done)
        if t > 0:
            before += layout.n_sequences + layout.starts[t - 1]
        copy(gathered + done * depth, product.source + before * depth, m * depth)
        done += m
        t += 1
    return gathered
