"""Matrix products on a matrix that is packed once.

The product c += a b of a time step is small (a share of the batch times the recurrent matrix), and the same b returns
at every step. So b is packed once a pass, into panels of P = VECTORS LANES columns::

    panel p:  b[0, pP : (p+1)P]  b[1, pP : (p+1)P]  ...                      one after the other in memory

and each panel meets tiles of a few rows of a (`rnnbp.kernels.tiles`). The last panel has as many vectors as it needs.
"""

from __future__ import annotations

from typing import Any

from rnnbp.kernels.language import LANES, VECTORS, call, clear, copy, numbers
from rnnbp.kernels.tiles import ROWS, SEVERAL

__all__ = ["multiply", "multiply_both", "pack", "pack_rows", "pack_transposed", "packed_size", "tile_address"]


NEAR = 256  # rows of a panel that stay near, in the cache, while all tiles meet them


def packed_size(lanes: int, depth: int, columns: int) -> int:
    """Return how many numbers a packed matrix of that shape takes, for vectors of so many lanes."""
    return depth * (-(-columns // lanes) * lanes)


def tile_address(k: int) -> int:
    """Return the address of a tile; the engine writes this kernel, and here is what it means."""
    rows, wide, many = k % ROWS + 1, k // ROWS + 1, 1
    if k >= VECTORS * ROWS:
        (rows, many), wide = SEVERAL[k - VECTORS * ROWS], VECTORS

    def tile(c: Any, c_row: int, a: Any, a_row: int, a_step: int, b: Any, depth: int, last: int) -> None:
        for r in range(rows):
            for panel in range(many):
                for j in range(wide * LANES if many > 1 else (wide - 1) * LANES + last):
                    for i in range(depth):
                        value = a[r * a_row + i * a_step] * b[(panel * depth + i) * wide * LANES + j]
                        c[r * c_row + panel * wide * LANES + j] += value

    return tile  # type: ignore[return-value]


def multiply(
    c: numbers, c_row: int, a: numbers, a_row: int, a_step: int, packed: numbers, rows: int, depth: int, columns: int
):
    """Add a product: ``c[r, j] += sum_k a[r, k] b[k, j]`` for r < rows, j < columns, k < depth.

    Row r of c begins at ``c + r c_row``, element (r, k) of a is at ``a + r a_row + k a_step``, and `packed` is b.
    """
    wide = VECTORS * LANES
    n_tiles = (rows + ROWS - 1) // ROWS
    start = 0
    while start < columns:
        panels = (columns - start) // wide
        if rows > 0 and rows <= 3 and panels > 1:  # as `SEVERAL` lists them
            many, which = 2, rows
            if rows == 1 and panels > 3:
                many, which = 4, 0
            tile = tile_address(VECTORS * ROWS + which)
            call(tile, c + start, c_row, a, a_row, a_step, packed, depth, LANES)
            start += many * wide
            packed = packed + depth * many * wide
        else:
            width = min(wide, columns - start)
            n_vectors = (width + LANES - 1) // LANES
            last = width - (n_vectors - 1) * LANES
            for k in range(0, depth, NEAR):
                n, panel = min(NEAR, depth - k), packed + k * n_vectors * LANES
                for i in range(n_tiles):
                    first = i * rows // n_tiles
                    height = (i + 1) * rows // n_tiles - first  # tiles of nearly equal heights
                    tile = tile_address((n_vectors - 1) * ROWS + height - 1)
                    to, of = c + (first * c_row + start), a + (first * a_row + k * a_step)
                    call(tile, to, c_row, of, a_row, a_step, panel, n, last)
            start += wide
            packed = packed + depth * n_vectors * LANES


def multiply_both(c: numbers, c_row: int, a: numbers, packed: numbers, rows: int, depth: int, columns: int):
    """Add a product of which both sides are packed: a by `pack_rows`."""
    wide = VECTORS * LANES
    n_tiles = (rows + ROWS - 1) // ROWS
    for start in range(0, columns, wide):
        width = min(wide, columns - start)
        n_vectors = (width + LANES - 1) // LANES
        last = width - (n_vectors - 1) * LANES
        for i in range(n_tiles):
            first = i * rows // n_tiles
            height = (i + 1) * rows // n_tiles - first
            tile = tile_address((n_vectors - 1) * ROWS + height - 1)
            call(tile, c + (first * c_row + start), c_row, a + first * depth, 1, height, packed, depth, last)
        packed = packed + depth * n_vectors * LANES


def pack_rows(a: numbers, a_row: int, rows: int, depth: int, packed: numbers):
    """Pack the transpose of a, which has `depth` rows, `a_row` numbers apart: by tiles, as they are read."""
    n_tiles = (rows + ROWS - 1) // ROWS
    for i in range(n_tiles):
        first = i * rows // n_tiles
        height = (i + 1) * rows // n_tiles - first
        to = packed + first * depth
        if height == ROWS:
            for k in range(depth):
                copy(to + k * ROWS, a + (k * a_row + first), ROWS)
        else:
            for k in range(depth):
                for r in range(height):
                    to[k * height + r] = a[k * a_row + first + r]


def pack(b: numbers, b_row: int, depth: int, columns: int, packed: numbers, row: int, packed_depth: int):
    """Pack a matrix, whose row k begins at ``b + k b_row``, as rows `row` and following of a packed one.

    Zeros stand after the last column of the last panel.
    """
    wide = VECTORS * LANES
    for start in range(0, columns, wide):
        width = min(wide, columns - start)
        padded = (width + LANES - 1) // LANES * LANES
        to = packed + (start * packed_depth + row * padded)
        a = b + start
        if width == wide:
            for k in range(depth):
                copy(to + k * wide, a + k * b_row, VECTORS * LANES)
        else:
            for k in range(depth):
                for j in range(width):
                    to[k * padded + j] = a[k * b_row + j]
                clear(to + (k * padded + width), padded - width)


def pack_transposed(b: numbers, b_row: int, depth: int, columns: int, packed: numbers):
    """Pack the transpose of a matrix: b has `columns` rows of `depth` numbers."""
    wide = VECTORS * LANES
    for start in range(0, columns, wide):
        width = min(wide, columns - start)
        padded = (width + LANES - 1) // LANES * LANES
        for k in range(depth):
            for j in range(width):
                packed[k * padded + j] = b[(start + j) * b_row + k]
            for j in range(width, padded):
                packed[k * padded + j] = 0.0
        packed = packed + depth * padded
