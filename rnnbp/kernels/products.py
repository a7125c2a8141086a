"""The matrix products of a recurrence, forwards and back, over the rows of one step or of a chunk of steps.

A cell's products are taken in pieces: columns of a weight that lie side by side in z. The pieces of all products are
numbered: those of the input first, then those of each stage. A piece is described by a row of integers (`PIECE`), and
by entries of tuples: its whole weight, the gain that it is normalised with and the bias (empty if it has none), its
source, the piece of the weight packed (`rnnbp.kernels.gemm`; transposed for the way back), and the gradients of these.
A normalised piece is kept in columns of z of its own, and from there goes on to its targets.

Where a step's rows are, a row of integers says for each step (`STEP`).
"""

from __future__ import annotations

import numpy as np

from rnnbp.kernels.compiling import compiled
from rnnbp.kernels.gemm import multiply, pack, pack_transposed
from rnnbp.kernels.normalized import add_normalized, pull_normalized
from rnnbp.kernels.rows import copy_rows
from rnnbp.kernels.simd import copy

__all__ = [
    "COLUMNS",
    "COUNT",
    "CURRENT",
    "DEPTH",
    "DIAGONAL",
    "IN_WEIGHT",
    "IN_Z",
    "MASKED",
    "NORMALIZED",
    "PIECE",
    "PLACE",
    "PREVIOUS",
    "ROWS",
    "SLOT",
    "STEP",
    "TARGET",
    "add_outer",
    "add_product",
    "clear_gradients",
    "give_biases",
    "mask_source",
    "prepare",
    "prepare_back",
    "pull_norm",
    "pull_product",
]

# How many rows a step has, and where they begin: in x, y and their gradients; in z; in the slabs of variables, after
# the step and before it.
STEP = ("count", "place", "slot", "current", "previous")
COUNT, PLACE, SLOT, CURRENT, PREVIOUS = range(len(STEP))

# Which of these columns says where the source's rows begin; the source's width; how many columns the piece has, and
# where they begin in z and in the weight; whether the weight is diagonal; whether the source is masked (dropout);
# whether the piece is normalised; and where its targets begin in the list of all.
PIECE = ("rows", "depth", "columns", "in_z", "in_weight", "diagonal", "masked", "normalized", "target")
ROWS, DEPTH, COLUMNS, IN_Z, IN_WEIGHT, DIAGONAL, MASKED, NORMALIZED, TARGET = range(len(PIECE))

# numba compiles a function anew for each literal it is called with; these are no literals
ZERO, ONE = np.int64(0), np.int64(1)


@compiled
def targets_of(piece, targets):
    """Return the columns of z that the columns of a piece go to."""
    return targets[piece[TARGET] : piece[TARGET] + piece[COLUMNS]]


@compiled
def prepare(bias, start, pieces, targets, weights, biases, packed):
    """Pack all weights, and add up what rows of z start from."""
    copy(bias, ZERO, start, ZERO, len(bias))
    for i in range(len(weights)):
        piece = pieces[i]
        depth, column, columns = piece[DEPTH], piece[IN_WEIGHT], piece[COLUMNS]
        if piece[DIAGONAL]:
            copy(packed[i], ZERO, weights[i], column, columns)
        else:
            pack(weights[i], ZERO, depth, column, columns, packed[i], ZERO, depth)
        if len(biases[i]) > 0:
            into = targets_of(piece, targets)
            for j in range(columns):
                bias[into[j]] += biases[i][column + j]


@compiled
def prepare_back(pieces, weights, packed):
    """Pack all weights transposed, in the place of what `prepare` has packed."""
    for i in range(len(weights)):
        if not pieces[i, DIAGONAL]:
            pack_transposed(weights[i], pieces[i, IN_WEIGHT], pieces[i, COLUMNS], packed[i])


@compiled
def give_biases(d_bias, pieces, targets, d_biases):
    """Write the gradients of the biases, given those of z summed over all rows."""
    for i in range(len(d_biases)):
        if len(d_biases[i]) > 0:
            into = targets_of(pieces[i], targets)
            for j in range(len(into)):
                d_biases[i][pieces[i, IN_WEIGHT] + j] = d_bias[into[j]]


@compiled
def clear_gradients(pieces, gradients, d_gains):
    """Set the gradients of weights and gains to zero."""
    for i in range(len(gradients)):
        gradients[i][:, pieces[i, IN_WEIGHT] : pieces[i, IN_WEIGHT] + pieces[i, COLUMNS]] = 0
        d_gains[i][:] = 0


@compiled
def mask_source(source, unmasked, mask, row, n):
    """Make n rows of a source that is masked."""
    for r in range(n):
        for j in range(mask.shape[1]):
            source[row + r, j] = unmasked[row + r, j] * mask[r, j]


@compiled
def add_product(address, z, slot, n, source, row, piece, packed, gain, targets):
    """Add the product of n rows of a source to n rows of z."""
    depth, columns, column, z_row = piece[DEPTH], piece[COLUMNS], piece[IN_Z], z.shape[1]
    if not piece[DIAGONAL]:
        multiply(address, z, slot * z_row + column, z_row, source, row * depth, depth, ONE, packed, n, depth, columns)
        if piece[NORMALIZED]:
            add_normalized(z, slot, n, z, slot, column, gain, targets_of(piece, targets))
    elif piece[NORMALIZED]:
        add_normalized(z, slot, n, source, row, ZERO, gain, targets_of(piece, targets))
    else:
        for r in range(n):
            for j in range(columns):
                z[slot + r, column + j] += source[row + r, j] * packed[j]


@compiled
def pull_norm(dz, slot, n, source, row, piece, gain, targets, d_source, d_gain):
    """Pull n rows back through a normalisation: in place, or, if the source itself was normalised, to its gradient."""
    a, column = source, ZERO
    if not piece[DIAGONAL]:
        a, row, column = dz, slot, piece[IN_Z]
    pull_normalized(
        dz, slot, n, a, row, column, gain, targets_of(piece, targets), d_source, d_gain, piece[DIAGONAL] == 0
    )


@compiled
def pull_product(address, dz, slot, n, d_source, mask, d_masked, piece, packed):
    """Add to the first n rows of dL/d(source) what a piece says: dz times the weight, packed transposed."""
    depth, columns, column, z_row = piece[DEPTH], piece[COLUMNS], piece[IN_Z], dz.shape[1]
    at = slot * z_row + column
    if piece[DIAGONAL]:
        if not piece[NORMALIZED]:
            for r in range(n):
                for j in range(columns):
                    d_source[r, j] += dz[slot + r, column + j] * packed[j]
    elif piece[MASKED]:
        d_masked[:n] = 0
        multiply(address, d_masked, ZERO, d_masked.shape[1], dz, at, z_row, ONE, packed, n, columns, depth)
        for r in range(n):
            for j in range(depth):
                d_source[r, j] += d_masked[r, j] * mask[r, j]
    else:
        multiply(address, d_source, ZERO, depth, dz, at, z_row, ONE, packed, n, columns, depth)


@compiled
def add_outer(address, gradient, source, piece, dz, steps, n, source_rows, dz_rows):
    """Add the gradient of a piece of a weight over some steps, of n rows together: source^T dz.

    The steps' rows need not follow each other in memory, so they are gathered first: those of the source as they are,
    those of dz packed.
    """
    depth, columns, column, c = piece[DEPTH], piece[COLUMNS], piece[IN_Z], piece[IN_WEIGHT]
    if piece[DIAGONAL]:
        if not piece[NORMALIZED]:  # else `pull_norm` has done it
            for step in steps:
                for r in range(step[COUNT]):
                    for j in range(columns):
                        gradient[0, c + j] += source[step[piece[ROWS]] + r, j] * dz[step[SLOT] + r, column + j]
        return
    rows, r = source_rows[: n * depth].reshape(n, depth), 0 * n
    for step in steps:
        copy_rows(rows, r, source, step[piece[ROWS]], step[COUNT])
        pack(dz, step[SLOT], step[COUNT], column, columns, dz_rows, r, n)
        r += step[COUNT]
    multiply(address, gradient, c, gradient.shape[1], rows, ZERO, ONE, depth, dz_rows, depth, n, columns)
