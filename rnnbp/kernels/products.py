"""Products of sources and weights into the columns of z, forwards and back, for dense and recurrent layers alike.

::

    z = b + x W                               (1)   `project`
    z += source U                             (2)   `add_product`

    dsource += dz U^T;  dx = dz W^T           (2', 1')   `product_backward`, `input_backward`

A cell's products are taken in pieces: columns of a weight that lie side by side in z (`ProductRecord`). A piece that is
normalised is saved in columns of z of its own, and from there goes on to its targets. A diagonal piece multiplies
element by element. The gradients of weights are in `rnnbp.kernels.weight_gradients`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnbp.kernels.emitter import Step
from rnnbp.kernels.language import clear, copy, floats, ints, number, numbers, vectorized
from rnnbp.kernels.matrices import multiply, pack, pack_transposed, packed_size
from rnnbp.kernels.normalization import add_normalized, normalized_backward
from rnnbp.kernels.records import Record
from rnnbp.kernels.rows import fill_rows

__all__ = [
    "BLOCK_ROWS",
    "Layout",
    "ParametersRecord",
    "ProductRecord",
    "Projection",
    "add_product",
    "input_backward",
    "norm_backward",
    "prepare",
    "prepare_backward",
    "product_backward",
    "project",
    "project_backward",
    "project_forward",
]

Empty = Callable[[str, tuple[int, ...], Any], Any]
BLOCK_ROWS = 192  # rows that are worked on together: enough for a good product, few enough for the cache
X, PREVIOUS, CURRENT = 0, 1, 2  # what a product's source is: the input, or a variable before or after the step


class ParametersRecord(Record):
    """The flat vector of parameters, and that of their gradients, laid out alike.

    With `add`, sums go on where those of the last run have ended.
    """

    theta: numbers
    gradient: numbers
    add: int


class Layout(Record):
    """How the rows of a batch lie in time.

    Step t has the rows from ``starts[t]`` on, ``counts[t]`` of them, of the sequences that are longer than t: the first
    ones. Share s of the work has the sequences from ``bounds[s]`` to ``bounds[s + 1]``.
    """

    n_rows: int
    n_sequences: int
    n_steps: int
    lengths: ints
    counts: ints
    starts: ints
    n_shares: int
    bounds: ints


class ProductRecord(Record):
    """A piece of a product: some columns of a weight, side by side in z.

    `weight`, `gain` and `bias` say where these begin in the vector of parameters (-1: there is none), `pitch` how wide
    the whole weight is. `packed` is the weight packed: for the way back transposed, in the same place. `d_gains` has
    `gain_rows` rows of sums, one of a sequence. `unmasked` and `mask` are there for recurrent dropout, which makes
    `source`.
    """

    kind: int
    diagonal: int
    normalized: int
    masked: int
    depth: int
    columns: int
    column: int
    weight: int
    pitch: int
    bias: int
    gain: int
    targets: ints
    packed: numbers
    source: numbers
    d_source: numbers
    d_gains: numbers
    unmasked: numbers
    mask: numbers
    d_masked: numbers


class Projection(Record):
    """The rows of z, and the products that add to them; the first `n_inputs` are those of x.

    `start` is what all rows of z start from beside the biases; `noise` are columns that start from draws instead. For
    the weight gradients each share has memory for a block of rows: of dz, packed, and of a source, packed too, and
    before that put together if they lie apart. `moments` are two numbers for each share.
    """

    parameters: ParametersRecord
    layout: Layout
    products: ProductRecord
    n_inputs: int
    n_products: int
    x: numbers
    dx: numbers
    wants_dx: int
    z: numbers
    width: int
    start: numbers
    bias: numbers
    d_bias: numbers
    noise: numbers
    noise_column: int
    noise_width: int
    sum_steps: int
    rectangular: int
    gain_rows: int
    packed_dz: numbers
    dz_size: int
    gathered_source: numbers
    gathered_size: int
    packed_source: numbers
    source_size: int
    moments: floats

    def make_room(self, empty: Empty, lanes: int, dtype: Any, n_rows: int, columns: int, depth: int) -> None:
        """Have blocks of rows, of at most so many columns of dz and of a source, in ``empty(name, shape, dtype)``."""
        n_shares, n_rows = self.layout.n_shares, min(BLOCK_ROWS, n_rows)
        self.dz_size = packed_size(lanes, n_rows, columns)
        self.source_size = n_rows * depth
        self.gathered_size = 0 if self.rectangular else n_rows * depth
        self.packed_dz = empty("packed_dz", (n_shares * self.dz_size,), dtype)
        self.packed_source = empty("packed_source", (n_shares * self.source_size,), dtype)
        self.gathered_source = empty("gathered_source", (n_shares * self.gathered_size,), dtype)


def prepare(p: Projection, share: int):
    """Pack all weights, and add up what rows of z start from."""
    theta = p.parameters.theta
    copy(p.bias, p.start, p.width)
    for i in range(p.n_products):
        product = p.products[i]
        if product.diagonal > 0:
            if product.normalized == 0:
                copy(product.packed, theta + product.weight, product.columns)
        else:
            pack(
                theta + product.weight, product.pitch, product.depth, product.columns, product.packed, 0, product.depth
            )
        if product.bias >= 0:
            given, targets, bias = theta + product.bias, product.targets, p.bias
            for j in range(product.columns):
                bias[targets[j]] += given[j]


def prepare_backward(p: Projection, share: int):
    """Pack all weights transposed that are needed on the way back."""
    for i in range(p.n_products):
        product = p.products[i]
        if product.diagonal == 0 and (i >= p.n_inputs or p.wants_dx > 0):
            weight = p.parameters.theta + product.weight
            pack_transposed(weight, product.pitch, product.columns, product.depth, product.packed)
        if product.normalized > 0 and p.parameters.add == 0:
            clear(product.d_gains, p.gain_rows * product.columns)


def project(p: Projection, place: int, slot: int, n: int, moments: floats):
    """Start n rows of z, from row `slot` on, with the biases, the noise and the products of rows of x (1)."""
    z = p.z + slot * p.width
    fill_rows(z, p.bias, n, p.width)
    if p.noise_width > 0:
        for r in range(n):
            copy(z + (r * p.width + p.noise_column), p.noise + (place + r) * p.noise_width, p.noise_width)
    for i in range(p.n_inputs):
        product = p.products[i]
        _add_rows(p, product, p.x + place * product.depth, slot, n, moments)


def add_product(p: Projection, product: ProductRecord, step: Step, moments: floats):
    """Add the product of a step's rows of a variable (2)."""
    row = step.previous if product.kind == PREVIOUS else step.current
    source = product.source + row * product.depth
    if product.masked > 0:
        _mask(source, product.unmasked + row * product.depth, product.mask + step.sequence * product.depth,
              step.n * product.depth)  # fmt: skip
    _add_rows(p, product, source, step.slot, step.n, moments)


@vectorized
def _mask(to: numbers, a: numbers, mask: numbers, n: int):
    for k in range(n):
        to[k] = a[k] * mask[k]


def _add_rows(p: Projection, product: ProductRecord, source: numbers, slot: int, n: int, moments: floats):
    depth, columns, width = product.depth, product.columns, p.width
    z = p.z + slot * width
    into, targets = z + product.column, product.targets
    if product.diagonal == 0:
        if product.normalized > 0:
            for r in range(n):
                clear(into + r * width, columns)
        multiply(into, width, source, depth, 1, product.packed, n, depth, columns)
        if product.normalized > 0:
            gain = p.parameters.theta + product.gain
            for r in range(n):
                add_normalized(z + r * width, into + r * width, gain, targets, columns, moments)
    elif product.normalized > 0:
        gain = p.parameters.theta + product.gain
        for r in range(n):
            add_normalized(z + r * width, source + r * depth, gain, targets, columns, moments)
    else:
        packed = product.packed
        for r in range(n):
            row, a = into + r * width, source + r * depth
            for j in range(columns):
                row[j] += a[j] * packed[j]


def norm_backward(
    p: Projection, product: ProductRecord, source: numbers, d_source: numbers, step: Step, moments: floats
):
    """Pull a step's rows of dz back through a normalisation: in place, or, of a diagonal piece, to its source."""
    width, columns, depth = p.width, product.columns, product.depth
    gain, targets = p.parameters.theta + product.gain, product.targets
    for r in range(step.n):
        dz, d_gain = p.z + (step.slot + r) * width, product.d_gains + (step.sequence + r) * columns
        a = dz + product.column
        if product.diagonal > 0:
            normalized_backward(
                dz, source + r * depth, gain, d_gain, targets, columns, d_source + r * depth, 0, moments
            )
        else:
            normalized_backward(dz, a, gain, d_gain, targets, columns, a, 1, moments)


def product_backward(p: Projection, product: ProductRecord, step: Step, moments: floats):
    """Add what a product says of a step's rows of dL/d(source) (2')."""
    depth, columns, width = product.depth, product.columns, p.width
    d_source = product.d_source + step.sequence * depth
    if product.normalized > 0:
        row = step.previous if product.kind == PREVIOUS else step.current
        norm_backward(p, product, product.source + row * depth, d_source, step, moments)
    dz = p.z + (step.slot * width + product.column)
    if product.diagonal == 0 and product.masked > 0:
        d_masked, mask = product.d_masked + step.sequence * depth, product.mask + step.sequence * depth
        clear(d_masked, step.n * depth)
        multiply(d_masked, depth, dz, width, 1, product.packed, step.n, columns, depth)
        for k in range(step.n * depth):
            d_source[k] += d_masked[k] * mask[k]
    elif product.diagonal == 0:
        multiply(d_source, depth, dz, width, 1, product.packed, step.n, columns, depth)
    elif product.normalized == 0:
        packed, mask = product.packed, product.mask + step.sequence * depth
        for r in range(step.n):
            to, d = d_source + r * depth, dz + r * width
            for j in range(columns):
                saved = mask[r * depth + j] if product.masked > 0 else number(1.0)
                to[j] += d[j] * packed[j] * saved


def input_backward(p: Projection, place: int, slot: int, n: int):
    """Write n rows of dL/dx (1')."""
    for i in range(p.n_inputs):
        product = p.products[i]
        dx = p.dx + place * product.depth
        if i == 0:
            clear(dx, n * product.depth)
        dz = p.z + (slot * p.width + product.column)
        multiply(dx, product.depth, dz, p.width, 1, product.packed, n, product.columns, product.depth)


def project_forward(p: Projection, share: int):
    """Compute a share of the rows of a dense layer: z = b + x W."""
    n, of = p.layout.n_rows, p.layout.n_shares
    first = n * share // of
    project(p, first, first, n * (share + 1) // of - first, p.moments + 2 * share)


def project_backward(p: Projection, share: int):
    """Write a share of the rows of a dense layer's dL/dx, if it is wanted."""
    n, of = p.layout.n_rows, p.layout.n_shares
    first = n * share // of
    if p.wants_dx > 0:
        input_backward(p, first, first, n * (share + 1) // of - first)
