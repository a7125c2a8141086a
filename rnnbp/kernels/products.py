"""The matrix products of a recurrence, forwards and back, over the rows of one step or of a chunk of steps.

A cell's products are taken in pieces: columns of a weight that lie side by side in z. A group of pieces (the input's,
or those of a stage) is described by a row of integers for each piece (`PIECE`), and by tuples with an entry for each
piece: its whole weight, the vector of its bias (empty if it has none), and the piece of the weight packed
(`rnnbp.kernels.gemm`), as it is and transposed.

Where a step's rows are, a row of integers says for each step (`STEP`).
"""

from __future__ import annotations

import numpy as np

from rnnbp.kernels.compiling import compiled
from rnnbp.kernels.gemm import multiply, pack, pack_transposed
from rnnbp.kernels.rows import copy_rows, fill_rows

__all__ = [
    "COLUMNS",
    "COUNT",
    "CURRENT",
    "DEPTH",
    "DIAGONAL",
    "IN_WEIGHT",
    "IN_Z",
    "MASKED",
    "PIECE",
    "PLACE",
    "PREVIOUS",
    "ROWS",
    "SLOT",
    "STEP",
    "add_biases",
    "add_outer",
    "apply_products",
    "clear_gradients",
    "give_biases",
    "pack_weights",
    "project",
    "pull_products",
]

# How many rows a step has, and where they begin: in x, y and their gradients; in z; in the slabs of variables, after
# the step and before it.
STEP = ("count", "place", "slot", "current", "previous")
COUNT, PLACE, SLOT, CURRENT, PREVIOUS = range(len(STEP))

# Which of these columns says where the source's rows begin; the source's width; how many columns the piece has, and
# where they begin in z and in the weight; whether the weight is diagonal; whether the source is masked (dropout).
PIECE = ("rows", "depth", "columns", "in_z", "in_weight", "diagonal", "masked")
ROWS, DEPTH, COLUMNS, IN_Z, IN_WEIGHT, DIAGONAL, MASKED = range(len(PIECE))

# numba compiles a function anew for each literal it is called with; these are no literals
ZERO, ONE = np.int64(0), np.int64(1)


@compiled
def pack_weights(pieces, weights, packed, transposed, both):
    """Pack the pieces of a group; `both` says whether the transposed ones are wanted too."""
    for i in range(len(weights)):
        depth, column, columns = pieces[i, DEPTH], pieces[i, IN_WEIGHT], pieces[i, COLUMNS]
        if pieces[i, DIAGONAL]:
            packed[i][:] = weights[i][0, column : column + columns]
            transposed[i][:] = packed[i]
        else:
            pack(weights[i], ZERO, depth, column, columns, packed[i], ZERO, depth)
            if both:
                pack_transposed(weights[i], column, columns, transposed[i])


@compiled
def add_biases(bias, pieces, biases):
    """Add a group's biases to the vector of all of z's."""
    for i in range(len(biases)):
        if len(biases[i]) > 0:
            for j in range(pieces[i, COLUMNS]):
                bias[pieces[i, IN_Z] + j] += biases[i][pieces[i, IN_WEIGHT] + j]


@compiled
def give_biases(d_bias, pieces, d_biases):
    """Write the gradients of a group's biases, of those of all of z's."""
    for i in range(len(d_biases)):
        if len(d_biases[i]) > 0:
            for j in range(pieces[i, COLUMNS]):
                d_biases[i][pieces[i, IN_WEIGHT] + j] = d_bias[pieces[i, IN_Z] + j]


@compiled
def project(address, z, slot, x, place, n, bias, pieces, packed):
    """Start n rows of z with the biases and the products of the same number of rows of x."""
    z_row = z.shape[1]
    fill_rows(z, slot, bias, n)
    for i in range(len(packed)):
        depth, columns = pieces[i, DEPTH], pieces[i, COLUMNS]
        at = slot * z_row + pieces[i, IN_Z]
        multiply(address, z, at, z_row, x, place * depth, depth, ONE, packed[i], n, depth, columns)


@compiled
def apply_products(address, z, step, sources, unmasked, mask, pieces, packed):
    """Add a stage's products to a step's rows of z.

    A source that is masked is made here, of the rows of `unmasked` that are wanted.
    """
    n, slot, z_row = step[COUNT], step[SLOT], z.shape[1]
    for i in range(len(packed)):
        depth, columns, column, row = pieces[i, DEPTH], pieces[i, COLUMNS], pieces[i, IN_Z], step[pieces[i, ROWS]]
        if pieces[i, MASKED]:
            for r in range(n):
                for j in range(depth):
                    sources[i][row + r, j] = unmasked[i][row + r, j] * mask[r, j]
        if pieces[i, DIAGONAL]:
            for r in range(n):
                for j in range(columns):
                    z[slot + r, column + j] += sources[i][row + r, j] * packed[i][j]
        else:
            at = slot * z_row + column
            multiply(address, z, at, z_row, sources[i], row * depth, depth, ONE, packed[i], n, depth, columns)


@compiled
def pull_products(address, dz, slot, n, d_sources, mask, d_masked, pieces, transposed):
    """Add to the first n rows of dL/d(source) what a group's products say: dz times the weights, transposed."""
    z_row = dz.shape[1]
    for i in range(len(transposed)):
        depth, columns, column = pieces[i, DEPTH], pieces[i, COLUMNS], pieces[i, IN_Z]
        at = slot * z_row + column
        if pieces[i, DIAGONAL]:
            for r in range(n):
                for j in range(columns):
                    d_sources[i][r, j] += dz[slot + r, column + j] * transposed[i][j]
        elif pieces[i, MASKED]:
            d_masked[:n] = 0
            multiply(address, d_masked, ZERO, d_masked.shape[1], dz, at, z_row, ONE, transposed[i], n, columns, depth)
            for r in range(n):
                for j in range(depth):
                    d_sources[i][r, j] += d_masked[r, j] * mask[r, j]
        else:
            multiply(address, d_sources[i], ZERO, depth, dz, at, z_row, ONE, transposed[i], n, columns, depth)


@compiled
def clear_gradients(gradients, pieces):
    """Set the gradients of a group's weights to zero."""
    for i in range(len(gradients)):
        gradients[i][:, pieces[i, IN_WEIGHT] : pieces[i, IN_WEIGHT] + pieces[i, COLUMNS]] = 0


@compiled
def add_outer(address, gradients, sources, pieces, dz, steps, n, source_rows, dz_rows):
    """Add the gradients of a group's weights over some steps, of n rows together: source^T dz.

    The steps' rows need not follow each other in memory, so they are gathered first: those of a source as they are,
    those of dz packed.
    """
    for i in range(len(sources)):
        depth, columns, column, c = pieces[i, DEPTH], pieces[i, COLUMNS], pieces[i, IN_Z], pieces[i, IN_WEIGHT]
        source = source_rows[: n * depth].reshape(n, depth)
        r = ZERO
        for step in steps:
            copy_rows(source, r, sources[i], step[pieces[i, ROWS]], step[COUNT])
            if pieces[i, DIAGONAL]:
                for k in range(step[COUNT]):
                    for j in range(columns):
                        gradients[i][0, c + j] += source[r + k, j] * dz[step[SLOT] + k, column + j]
            else:
                pack(dz, step[SLOT], step[COUNT], column, columns, dz_rows, r, n)
            r += step[COUNT]
        if not pieces[i, DIAGONAL]:
            c_row = gradients[i].shape[1]
            multiply(address, gradients[i], c, c_row, source, ZERO, ONE, depth, dz_rows, depth, n, columns)
