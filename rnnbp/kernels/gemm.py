"""Matrix products for recurrence: a register-blocked kernel on a matrix that is packed once.

The product c += a b of a time step is small (a thread's share of the batch times the recurrent matrix), and the same b
returns at every step. So b is packed once a call, into panels of P columns::

    panel p:  b[0, pP : (p+1)P]  b[1, pP : (p+1)P]  ...                      one after the other in memory

and for each panel and each tile of up to R rows of a, R x P sums are kept in registers::

    for k:  for each row r of the tile:  sums[r, :] += a[r, k] * panel[k, :]

With P = V vectors of the host's width, R V sums, V vectors of b and one of a must fit the registers: 6 x 4 of 32, or
6 x 2 of 16. a may have any strides, so the same tile computes a transposed product. Tails need no code of their own: a
tile may have fewer rows, a panel fewer vectors, and the last vector of c is loaded and stored under a mask.

The kernel is a C function of its own, called through its address: so it is compiled once for each dtype and cached, and
not again into every loop over time that uses it. The tile is emitted as LLVM vector code (numba's array expressions
would not stay in registers), and LLVM fits it to AVX-512, AVX2, SSE or NEON.

References
----------
K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34, 2008.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import cfunc, types
from numba.extending import intrinsic, register_jitable

from rnnbp.kernels.compiling import OPTIONS, compiled
from rnnbp.kernels.simd import (
    N_REGISTERS,
    copy,
    emit_load,
    emit_store,
    lane_count,
    lane_mask,
    lanes_of,
    pointer,
    splat,
)

__all__ = ["address", "multiply", "pack", "pack_transposed", "packed_size"]

ROWS = 6
VECTORS = 4 if N_REGISTERS == 32 else 2

I64 = ir.IntType(64)


@intrinsic(prefer_literal=True)
def tile(typing_context, c, c_row, a, a_row, a_step, b, depth, rows, vectors, last):
    """Add a tile: ``c[r, :] += sum_k a[r, k] b[k, :]`` for r < rows, with columns of ``vectors`` vectors.

    c, a and b are pointers. Row r of c is at ``c + r c_row``, element (r, k) of a at ``a + r a_row + k a_step``, and b
    is a packed panel. `rows` and `vectors` are literals; of c's last vector only the first `last` lanes are touched.
    """
    n_rows, n_vectors, n = rows.literal_value, vectors.literal_value, lane_count(str(c.dtype))
    itemsize = c.dtype.bitwidth // 8
    signature = types.void(c, c_row, a, a_row, a_step, b, depth, rows, vectors, last)

    def codegen(context, builder, signature, arguments):
        c_start, c_row_, a_start, a_row_, a_step_, b_start, depth_, _, _, last_ = arguments
        element = context.get_value_type(c.dtype)
        vector = ir.VectorType(element, n)
        mask = lane_mask(builder, last_, n)
        fma = builder.module.declare_intrinsic(
            f"llvm.fma.v{n}f{c.dtype.bitwidth}", fnty=ir.FunctionType(vector, [vector] * 3)
        )

        places, sums = [], []
        for r in range(n_rows):
            row = builder.mul(c_row_, ir.Constant(I64, r))
            for v in range(n_vectors):
                place = builder.gep(c_start, [builder.add(row, ir.Constant(I64, v * n))])
                only = mask if v == n_vectors - 1 else None
                places.append((place, only))
                sums.append(emit_load(builder, place, vector, itemsize, only))
        before = builder.block
        body = builder.append_basic_block("tile.body")
        after = builder.append_basic_block("tile.after")
        builder.cbranch(builder.icmp_signed(">", depth_, ir.Constant(I64, 0)), body, after)

        builder.position_at_end(body)
        k = builder.phi(I64)
        k.add_incoming(ir.Constant(I64, 0), before)
        running = []
        for value in sums:
            phi = builder.phi(vector)
            phi.add_incoming(value, before)
            running.append(phi)
        panel_row = builder.mul(k, ir.Constant(I64, n_vectors * n))
        columns = [
            emit_load(
                builder, builder.gep(b_start, [builder.add(panel_row, ir.Constant(I64, v * n))]), vector, itemsize
            )
            for v in range(n_vectors)
        ]
        a_column = builder.mul(k, a_step_)
        results = []
        for r in range(n_rows):
            offset = builder.add(a_column, builder.mul(a_row_, ir.Constant(I64, r)))
            factor = splat(builder, builder.load(builder.gep(a_start, [offset])), n)
            results += [builder.call(fma, [factor, columns[v], running[r * n_vectors + v]]) for v in range(n_vectors)]
        following = builder.add(k, ir.Constant(I64, 1))
        k.add_incoming(following, body)
        for phi, value in zip(running, results, strict=True):
            phi.add_incoming(value, body)
        builder.cbranch(builder.icmp_signed("<", following, depth_), body, after)

        builder.position_at_end(after)
        finals = []
        for first, value in zip(sums, results, strict=True):
            final = builder.phi(vector)
            final.add_incoming(first, before)
            final.add_incoming(value, body)
            finals.append(final)
        for (place, only), final in zip(places, finals, strict=True):
            emit_store(builder, place, final, itemsize, only)
        return context.get_dummy_value()

    return signature, codegen


def _tiles_of(vectors: int) -> Any:
    """Return a function that adds a tile of that many vectors, and of any number of rows."""

    def add(c, c_row, a, a_row, a_step, b, depth, rows, last):
        # the tile takes a literal number of rows, hence the branches
        if rows == 6:
            tile(c, c_row, a, a_row, a_step, b, depth, 6, vectors, last)
        elif rows == 5:
            tile(c, c_row, a, a_row, a_step, b, depth, 5, vectors, last)
        elif rows == 4:
            tile(c, c_row, a, a_row, a_step, b, depth, 4, vectors, last)
        elif rows == 3:
            tile(c, c_row, a, a_row, a_step, b, depth, 3, vectors, last)
        elif rows == 2:
            tile(c, c_row, a, a_row, a_step, b, depth, 2, vectors, last)
        else:
            tile(c, c_row, a, a_row, a_step, b, depth, 1, vectors, last)

    return register_jitable(add)


_one, _two, _three, _four = (_tiles_of(vectors) for vectors in (1, 2, 3, 4))


@intrinsic
def _shift(typing_context, start, offset):
    """Return the pointer that many elements on."""
    return start(start, offset), lambda context, builder, signature, arguments: builder.gep(
        arguments[0], [arguments[1]]
    )


def _multiply_packed(lanes: int) -> Any:
    """Return the function ``c += a b`` on pointers, with b packed, for that many lanes."""

    def multiply_packed(c, c_row, a, a_row, a_step, packed, rows, depth, columns):
        n_tiles = (rows + ROWS - 1) // ROWS
        for start in range(0, columns, VECTORS * lanes):
            width = min(VECTORS * lanes, columns - start)
            vectors = (width + lanes - 1) // lanes
            last = width - (vectors - 1) * lanes
            for i in range(n_tiles):
                first, stop = i * rows // n_tiles, (i + 1) * rows // n_tiles  # tiles of nearly equal heights
                c_tile, a_tile = _shift(c, first * c_row + start), _shift(a, first * a_row)
                height = stop - first
                if vectors == 4:
                    _four(c_tile, c_row, a_tile, a_row, a_step, packed, depth, height, last)
                elif vectors == 3:
                    _three(c_tile, c_row, a_tile, a_row, a_step, packed, depth, height, last)
                elif vectors == 2:
                    _two(c_tile, c_row, a_tile, a_row, a_step, packed, depth, height, last)
                else:
                    _one(c_tile, c_row, a_tile, a_row, a_step, packed, depth, height, last)
            packed = _shift(packed, depth * vectors * lanes)

    return multiply_packed


_multiply_float32 = _multiply_packed(lane_count("float32"))
_multiply_float64 = _multiply_packed(lane_count("float64"))


@cache
def address(dtype: str) -> int:
    """Return the address of the compiled product of packed matrices, for "float32" or "float64"."""
    number = types.CPointer(types.float32 if dtype == "float32" else types.float64)
    size = types.int64
    signature = types.void(number, size, number, size, size, number, size, size, size)
    function = _multiply_float32 if dtype == "float32" else _multiply_float64
    product = cfunc(signature, cache=True, **OPTIONS)(function)
    _kept_alive.append(product)
    return int(product.address)


_kept_alive: list[Any] = []


@intrinsic
def multiply(typing_context, address, c, c_at, c_row, a, a_at, a_row, a_step, packed, rows, depth, columns):
    """Add a product: ``c[r, j] += sum_k a[r, k] b[k, j]`` for r < rows, j < columns, k < depth.

    `address` is that of the product for the arrays' dtype; c and a are contiguous arrays of any rank. Row r of c begins
    at the flat index ``c_at + r c_row``, and element (r, k) of a is at ``a_at + r a_row + k a_step``. `packed` is b.
    """
    size = types.int64
    signature = types.void(address, c, c_at, c_row, a, a_at, a_row, a_step, packed, rows, depth, columns)

    def codegen(context, builder, signature, arguments):
        kinds = dict(zip(_MULTIPLY_ARGUMENTS, signature.args, strict=True))
        given = dict(zip(_MULTIPLY_ARGUMENTS, arguments, strict=True))

        def integer(name):
            return context.cast(builder, given[name], kinds[name], size)

        def start(name, at):
            return pointer(context, builder, kinds[name], given[name], at)

        values = [
            start("c", integer("c_at")),
            integer("c_row"),
            start("a", integer("a_at")),
            integer("a_row"),
            integer("a_step"),
            start("packed", ir.Constant(I64, 0)),
            integer("rows"),
            integer("depth"),
            integer("columns"),
        ]
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
        builder.call(builder.inttoptr(integer("address"), ir.PointerType(kind)), values)
        return context.get_dummy_value()

    return signature, codegen


_MULTIPLY_ARGUMENTS = (
    "address",
    "c",
    "c_at",
    "c_row",
    "a",
    "a_at",
    "a_row",
    "a_step",
    "packed",
    "rows",
    "depth",
    "columns",
)


def packed_size(dtype: Any, depth: int, columns: int) -> int:
    """Return how many numbers a packed matrix of that dtype and shape takes."""
    lanes = lane_count(dtype)
    return int(depth * (-(-columns // lanes) * lanes))


@compiled
def pack(b, row, depth, column, columns, packed, packed_row, packed_depth):
    """Pack ``b[row : row + depth, column : column + columns]``, with zeros after the last column of the last panel.

    They become rows `packed_row` and following of a packed matrix of `packed_depth` rows; b is contiguous.
    """
    lanes, b_row = lanes_of(b), b.shape[1]
    for start in range(0, columns, VECTORS * lanes):
        width = min(VECTORS * lanes, columns - start)
        padded = (width + lanes - 1) // lanes * lanes
        at = start * packed_depth + packed_row * padded
        for k in range(row, row + depth):
            copy(packed, at, b, k * b_row + column + start, width)
            for j in range(width, padded):
                packed[at + j] = 0
            at += padded


@compiled
def pack_transposed(b, column, columns, packed):
    """Pack the transpose of ``b[:, column : column + columns]``."""
    lanes, width_b = lanes_of(b), b.shape[0]
    at = 0
    for start in range(0, width_b, VECTORS * lanes):
        width = min(VECTORS * lanes, width_b - start)
        padded = (width + lanes - 1) // lanes * lanes
        packed[at : at + columns * padded] = 0
        for j in range(width):  # along the rows of b, which are contiguous
            for k in range(columns):
                packed[at + k * padded + j] = b[start + j, column + k]
        at += columns * padded
