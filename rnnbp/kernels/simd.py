"""Vectors of lanes: a number type for compiled code, so that what is written for one element does many at once.

LLVM does not vectorise a loop over a cell's many arrays by itself (it gives up on proving that they do not overlap), so
the loop is written with vectors. `Lanes` is a numba type for a SIMD register's worth of floats. It has + - * / and
comparisons, with each other and with scalars, and is loaded and stored in tuples: a function of floats, called with
lanes, compiles to vector instructions. A loop runs over whole registers first, and ends with one under a mask.

The width is the host's: 64 bytes with AVX-512, 32 with AVX2, 16 with SSE or NEON. The environment variable
RNNBP_SIMD_BYTES overrides it; 0 does without vectors.
"""

from __future__ import annotations

import operator
import os
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import intrinsic, overload, register_model
from numba.np.arrayobj import make_array

__all__ = [
    "N_REGISTERS",
    "Lanes",
    "add_each",
    "clear_each",
    "copy",
    "emit_load",
    "emit_store",
    "instruction",
    "lane_count",
    "lane_mask",
    "lanes_of",
    "load_columns",
    "load_each",
    "pointer",
    "select_lanes",
    "splat",
    "sqrt_lanes",
    "store_columns",
    "store_each",
    "unary",
]

I32 = ir.IntType(32)
FAST = ("contract", "nsz")  # multiply-adds may be fused; nothing else about rounding is given away


def _host() -> tuple[int, int]:
    """Return the bytes of a vector register, and how many there are."""
    features = binding.get_host_cpu_features()
    if chosen := os.environ.get("RNNBP_SIMD_BYTES"):
        if chosen not in ("0", "16", "32", "64"):
            raise ValueError(f"RNNBP_SIMD_BYTES must be 0, 16, 32 or 64, but it is {chosen!r}")
        return int(chosen), 32 if chosen == "64" else 16
    if features.get("avx512f"):
        return 64, 32
    if features.get("avx2") and features.get("fma"):
        return 32, 16
    if features.get("neon") or features.get("fp-armv8"):
        return 16, 32
    return 16, 16


REGISTER_BYTES, N_REGISTERS = _host()


def lane_count(dtype: Any) -> int:
    """Return how many numbers of a dtype a register holds; 1 if there are no vectors."""
    return max(1, REGISTER_BYTES // int(np.dtype(dtype).itemsize))


class Lanes(types.Type):
    """The numba type of `n` floats in one register."""

    def __init__(self, dtype: types.Float, n: int) -> None:
        self.dtype, self.n = dtype, n
        super().__init__(name=f"Lanes({dtype}, {n})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Lanes) -> None:
        super().__init__(dmm, fe_type, ir.VectorType(dmm.lookup(fe_type.dtype).get_value_type(), fe_type.n))


class LaneMask(types.Type):
    """The numba type of the result of comparing lanes."""

    def __init__(self, n: int) -> None:
        self.n = n
        super().__init__(name=f"LaneMask({n})")


@register_model(LaneMask)
class _LaneMaskModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: LaneMask) -> None:
        super().__init__(dmm, fe_type, ir.VectorType(ir.IntType(1), fe_type.n))


def splat(builder: Any, value: Any, n: int) -> Any:
    """Emit a vector with `value` in all lanes."""
    kind = ir.VectorType(value.type, n)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(I32, 0))
    zeros = ir.Constant(ir.VectorType(I32, n), [0] * n)
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), zeros)


def _as_lanes(context: Any, builder: Any, value: Any, kind: Any, lanes: Lanes) -> Any:
    if isinstance(kind, Lanes):
        return value
    return splat(builder, context.cast(builder, value, kind, lanes.dtype), lanes.n)


def _binary(function: Any, emit: Any, *, compares: bool = False) -> None:
    """Give lanes a binary operator; one side may be a scalar."""

    @intrinsic
    def primitive(typing_context, a, b):
        lanes = a if isinstance(a, Lanes) else b

        def codegen(context, builder, signature, arguments):
            x, y = (
                _as_lanes(context, builder, value, kind, lanes)
                for value, kind in zip(arguments, signature.args, strict=True)
            )
            return emit(builder, x, y)

        return (LaneMask(lanes.n) if compares else lanes)(a, b), codegen

    @overload(function)
    def chosen(a, b):
        if isinstance(a, Lanes) or isinstance(b, Lanes):
            return lambda a, b: primitive(a, b)
        return None


_binary(operator.add, lambda builder, x, y: builder.fadd(x, y, flags=FAST))
_binary(operator.sub, lambda builder, x, y: builder.fsub(x, y, flags=FAST))
_binary(operator.mul, lambda builder, x, y: builder.fmul(x, y, flags=FAST))
_binary(operator.truediv, lambda builder, x, y: builder.fdiv(x, y, flags=FAST))
_binary(operator.gt, lambda builder, x, y: builder.fcmp_ordered(">", x, y), compares=True)
_binary(operator.lt, lambda builder, x, y: builder.fcmp_ordered("<", x, y), compares=True)


def unary(emit: Any) -> Any:
    """Return an intrinsic of one argument, lanes or float, whose LLVM code ``emit(builder, x)`` is."""

    @intrinsic
    def primitive(typing_context, a):
        return a(a), lambda context, builder, signature, arguments: emit(builder, arguments[0])

    return primitive


def instruction(name: str) -> Any:
    """Return an intrinsic of lanes that LLVM has an instruction for, such as "sqrt"."""

    def emit(builder: Any, x: Any) -> Any:
        bits = 32 if x.type.element == ir.FloatType() else 64
        kind = ir.FunctionType(x.type, [x.type])
        return builder.call(builder.module.declare_intrinsic(f"llvm.{name}.v{x.type.count}f{bits}", fnty=kind), [x])

    return unary(emit)


sqrt_lanes = instruction("sqrt")
_negative = unary(lambda builder, x: builder.fneg(x))


@overload(operator.neg)
def _overload_negative(a):
    return (lambda a: _negative(a)) if isinstance(a, Lanes) else None


@intrinsic
def select_lanes(typing_context, condition, a, b):
    """Return a where the condition holds, else b; either may be a scalar."""
    lanes = a if isinstance(a, Lanes) else b

    def codegen(context, builder, signature, arguments):
        _, kind_a, kind_b = signature.args
        x = _as_lanes(context, builder, arguments[1], kind_a, lanes)
        y = _as_lanes(context, builder, arguments[2], kind_b, lanes)
        return builder.select(arguments[0], x, y)

    return lanes(condition, a, b), codegen


def pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Emit the address of ``array.flat[index]`` of a contiguous array."""
    return builder.gep(make_array(kind)(context, builder, array).data, [index])


def lane_mask(builder: Any, count: Any, n: int) -> Any:
    """Emit a mask whose first `count` (an integer) of n lanes are set."""
    index = ir.Constant(ir.VectorType(I32, n), list(range(n)))
    return builder.icmp_signed("<", index, splat(builder, builder.trunc(count, I32), n))


def emit_load(builder: Any, address: Any, kind: Any, itemsize: int, mask: Any = None) -> Any:
    """Emit the load of a vector; under a mask, lanes that are not set are not touched and are 0."""
    place = builder.bitcast(address, ir.PointerType(kind))
    if mask is None:
        value = builder.load(place)
        value.align = itemsize
        return value
    function = builder.module.declare_intrinsic(
        f"llvm.masked.load.v{kind.count}f{8 * itemsize}.p0",
        fnty=ir.FunctionType(kind, [place.type, I32, mask.type, kind]),
    )
    return builder.call(function, [place, ir.Constant(I32, itemsize), mask, ir.Constant(kind, None)])


def emit_store(builder: Any, address: Any, value: Any, itemsize: int, mask: Any = None) -> None:
    """Emit the store of a vector; under a mask, lanes that are not set are not touched."""
    place = builder.bitcast(address, ir.PointerType(value.type))
    if mask is None:
        builder.store(value, place).align = itemsize
        return
    function = builder.module.declare_intrinsic(
        f"llvm.masked.store.v{value.type.count}f{8 * itemsize}.p0",
        fnty=ir.FunctionType(ir.VoidType(), [value.type, place.type, I32, mask.type]),
    )
    builder.call(function, [value, place, ir.Constant(I32, itemsize), mask])


class _Places:
    """The addresses that a tuple of lanes is loaded from or stored to, and the mask for a tail."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any, *, columns: bool) -> None:
        self.context, self.builder = context, builder
        where, at, count, tail = signature.args[0], arguments[1], arguments[2], signature.args[3].literal_value
        if columns:  # one array, and a tuple of columns
            array, columns_ = where[0], builder.extract_value(arguments[0], 1)
            base = builder.extract_value(arguments[0], 0)
            offsets = [builder.add(at, builder.extract_value(columns_, k)) for k in range(len(where[1]))]
            self.addresses = [pointer(context, builder, array, base, offset) for offset in offsets]
            dtype = array.dtype if offsets else types.float32
        else:  # a tuple of arrays
            self.addresses = [
                pointer(context, builder, kind, builder.extract_value(arguments[0], k), at)
                for k, kind in enumerate(where)
            ]
            dtype = where[0].dtype if self.addresses else types.float32
        self.itemsize = dtype.bitwidth // 8
        self.lanes = Lanes(dtype, lane_count(str(dtype)))
        self.kind = context.get_value_type(self.lanes)
        self.mask = lane_mask(builder, count, self.lanes.n) if tail else None

    def load(self) -> list[Any]:
        return [emit_load(self.builder, a, self.kind, self.itemsize, self.mask) for a in self.addresses]

    def store(self, values: Any) -> None:
        for address, value in zip(self.addresses, values, strict=True):
            emit_store(self.builder, address, value, self.itemsize, self.mask)


def _lanes_for(where: Any, *, columns: bool) -> Any:
    arrays = [where[0]] * len(where[1]) if columns else list(where)
    return types.Tuple([Lanes(a.dtype, lane_count(str(a.dtype))) for a in arrays])


def _mover(kind: str, *, columns: bool) -> Any:
    """Return an intrinsic ``(where, at, count, tail[, values])`` that loads, stores, adds or clears."""

    def typed(where: Any, at: Any, count: Any, tail: Any, *values: Any) -> Any:
        result = _lanes_for(where, columns=columns) if kind == "load" else types.void

        def codegen(context, builder, signature, arguments):
            places = _Places(context, builder, signature, arguments, columns=columns)
            if kind == "load":
                return context.make_tuple(builder, result, places.load())
            if kind == "clear":
                news = [ir.Constant(places.kind, None) for _ in places.addresses]
            else:
                news = [builder.extract_value(arguments[4], k) for k in range(len(places.addresses))]
            if kind == "add":
                olds = places.load()
                news = [builder.fadd(old, new, flags=FAST) for old, new in zip(olds, news, strict=True)]
            places.store(news)
            return context.get_dummy_value()

        return result(where, at, count, tail, *values), codegen

    if kind in ("load", "clear"):
        return intrinsic(prefer_literal=True)(
            lambda typing_context, where, at, count, tail: typed(where, at, count, tail)
        )
    return intrinsic(prefer_literal=True)(
        lambda typing_context, where, at, count, tail, values: typed(where, at, count, tail, values)
    )


# Each takes a place, a flat index, the number of lanes that count, and a literal: 0 for a whole register, 1 for a tail,
# of which only the first `count` lanes are touched. The place of `*_columns` is ``(array, columns)``: one array, and
# the columns that lanes begin at beyond the index. That of `*_each` is a tuple of arrays, all at the same index.
load_columns = _mover("load", columns=True)
store_columns = _mover("store", columns=True)
load_each = _mover("load", columns=False)
store_each = _mover("store", columns=False)
add_each = _mover("add", columns=False)
clear_each = _mover("clear", columns=False)


@intrinsic
def copy(typing_context, target, at, source, source_at, n):
    """Copy n numbers of one contiguous array to another, from one flat index to the other."""

    def codegen(context, builder, signature, arguments):
        kinds = signature.args
        at, source_at, n = (context.cast(builder, arguments[k], kinds[k], types.intp) for k in (1, 3, 4))
        to = pointer(context, builder, kinds[0], arguments[0], at)
        of = pointer(context, builder, kinds[2], arguments[2], source_at)
        cgutils.raw_memcpy(builder, to, of, n, kinds[0].dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(target, at, source, source_at, n), codegen


def lanes_of(array: Any) -> int:
    """Return the number of lanes for an array's dtype; a constant in compiled code."""
    return lane_count(array.dtype)


@overload(lanes_of)
def _lanes_of(array):
    if array.dtype == types.float32:
        return lambda array: F32_LANES
    return lambda array: F64_LANES


F32_LANES, F64_LANES = lane_count(np.float32), lane_count(np.float64)
