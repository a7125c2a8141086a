"""The primitives of `rnnbp.kernels.elementwise` on lanes of a vector register.

Transcendental functions have no vector instruction, so they are computed from polynomials and rational functions. With
absolute errors below 2e-7 in float32 and 3e-16 (relative, for exp and expm1) in float64::

    float32   tanh(x) = x P(x^2) / Q(x^2), degrees 6 and 3, for |x| < 7.9, where tanh is 1 to rounding
              e^x     = 2^n e^r,  n = round(x / log 2),  e^r = 1 + r + r^2 P(r)
    float64   tanh(x) = x + x^3 P(x^2) / Q(x^2) for |x| < 0.625,  sign(x) (1 - 2 / (e^(2|x|) + 1)) beyond
              e^x     = 2^n (1 + 2 r P(r^2) / (Q(r^2) - r P(r^2)))
    both      e^x - 1  = 2 t / (1 - t),  t = tanh(x / 2),  for |x| < 1
              log(1+x) = 2 (s + s^3/3 + s^5/5 + ...),  s = x / (2 + x)

NaN goes in and comes out.

References
----------
S. L. Moshier, Cephes Mathematical Library (the coefficients of exp, in both precisions, and of tanh in float64).
The float32 rational tanh is the one that Eigen uses.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload, register_jitable

from rnnbp.kernels import elementwise
from rnnbp.kernels.simd import Lanes, instruction, select_lanes, unary

__all__: list[str] = []

TANH_P = (
    -2.76076847742355e-16,
    2.00018790482477e-13,
    -8.60467152213735e-11,
    5.12229709037114e-08,
    1.48572235717979e-05,
    6.37261928875436e-04,
    4.89352455891786e-03,
)
TANH_Q = (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03)
TANH_LIMIT = 7.90531110763549805
TANH64_P = (-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3)
TANH64_Q = (1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3)
EXP_P = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
EXP64_P = (1.26177193074810590878e-4, 3.02994407707441961300e-2, 9.99999999999999999910e-1)
EXP64_Q = (3.00198505138664455042e-6, 2.52448340349684104192e-3, 2.27265548208155028766e-1, 2.0)
LOG2_E = 1.0 / math.log(2.0)
LOG1P_P = tuple(2.0 / (2 * k + 1) for k in reversed(range(9)))
LOG1P64_P = tuple(2.0 / (2 * k + 1) for k in reversed(range(18)))
# log 2 in two parts, the first of few bits, so that n times it is exact
LN2, LN2_REST = 0.693359375, -2.12194440e-4
LN2_64, LN2_REST_64 = 6.93145751953125e-1, 1.42860682030941723212e-6


@register_jitable
def _polynomial(x, coefficients):
    """Return the polynomial, by Horner's rule; the coefficient of the highest power comes first."""
    value = x * coefficients[0] + coefficients[1]
    for k in range(2, len(coefficients)):
        value = value * x + coefficients[k]
    return value


_round = instruction("rint")


def _emit_power_of_two(builder: Any, n: Any) -> Any:
    bits, bias, fraction = (32, 127, 23) if n.type.element == ir.FloatType() else (64, 1023, 52)
    integers = ir.VectorType(ir.IntType(bits), n.type.count)
    exponent = builder.add(builder.fptosi(n, integers), ir.Constant(integers, [bias] * n.type.count))
    return builder.bitcast(builder.shl(exponent, ir.Constant(integers, [fraction] * n.type.count)), n.type)


_power_of_two = unary(_emit_power_of_two)


@intrinsic
def _each_erf(typing_context, a):
    """Return the error function of each lane, one after the other."""
    scalar = types.float64(types.float64)

    def codegen(context, builder, signature, arguments):
        function = context.get_function(math.erf, scalar)
        vector = arguments[0]
        for k in range(a.n):
            index = ir.Constant(ir.IntType(32), k)
            lane = context.cast(builder, builder.extract_element(arguments[0], index), a.dtype, types.float64)
            value = context.cast(builder, function(builder, [lane]), types.float64, a.dtype)
            vector = builder.insert_element(vector, value, index)
        return vector

    return a(a), codegen


def _unary(function: Any) -> Any:
    """Give a primitive f(x) its meaning on lanes, by a function from "is it float32?" to an implementation."""

    def register(implementation: Any) -> Any:
        def chosen(x):
            return implementation(x.dtype == types.float32) if isinstance(x, Lanes) else None

        overload(function)(chosen)
        return implementation

    return register


@overload(elementwise.maximum)
def _maximum(x, y):
    return (lambda x, y: select_lanes(x < y, y, x)) if isinstance(x, Lanes) else None


@overload(elementwise.minimum)
def _minimum(x, y):
    return (lambda x, y: select_lanes(x > y, y, x)) if isinstance(x, Lanes) else None


@overload(elementwise.where)
def _where(condition, x, y):
    if isinstance(x, Lanes) or isinstance(y, Lanes):
        return lambda condition, x, y: select_lanes(condition, x, y)
    return None


@_unary(elementwise.absolute)
def _absolute(single: bool) -> Any:
    return lambda x: select_lanes(x < 0.0, -x, x)


@_unary(elementwise.exp)
def _exp(single: bool) -> Any:
    def exp32(x):
        y = elementwise.maximum(elementwise.minimum(x, 88.0), -87.0)
        n = _round(y * LOG2_E)
        r = (y - n * LN2) - n * LN2_REST
        value = (r * r * _polynomial(r, EXP_P) + r + 1.0) * _power_of_two(n)
        return select_lanes(x > 88.0, np.inf, select_lanes(x < -87.0, 0.0, value))

    def exp64(x):
        y = elementwise.maximum(elementwise.minimum(x, 709.0), -708.0)
        n = _round(y * LOG2_E)
        r = (y - n * LN2_64) - n * LN2_REST_64
        rr = r * r
        p = r * _polynomial(rr, EXP64_P)
        value = (1.0 + 2.0 * (p / (_polynomial(rr, EXP64_Q) - p))) * _power_of_two(n)
        return select_lanes(x > 709.0, np.inf, select_lanes(x < -708.0, 0.0, value))

    return exp32 if single else exp64


@_unary(elementwise.tanh)
def _tanh(single: bool) -> Any:
    def tanh32(x):
        y = elementwise.maximum(elementwise.minimum(x, TANH_LIMIT), -TANH_LIMIT)
        yy = y * y
        return y * _polynomial(yy, TANH_P) / _polynomial(yy, TANH_Q)

    def tanh64(x):
        xx = x * x
        small = x + x * xx * (_polynomial(xx, TANH64_P) / _polynomial(xx, TANH64_Q))
        size = elementwise.absolute(x)
        large = 1.0 - 2.0 / (elementwise.exp(2.0 * size) + 1.0)
        return select_lanes(size < 0.625, small, select_lanes(x < 0.0, -large, large))

    return tanh32 if single else tanh64


@_unary(elementwise.expm1)
def _expm1(single: bool) -> Any:
    def implementation(x):
        near = elementwise.maximum(elementwise.minimum(x, 1.0), -1.0)
        t = elementwise.tanh(0.5 * near)
        far = elementwise.exp(x) - 1.0
        return select_lanes(elementwise.absolute(x) < 1.0, 2.0 * t / (1.0 - t), far)

    return implementation


@_unary(elementwise.log1p)
def _log1p(single: bool) -> Any:
    coefficients = LOG1P_P if single else LOG1P64_P

    def implementation(x):
        s = x / (2.0 + x)
        return s * _polynomial(s * s, coefficients)

    return implementation


@_unary(elementwise.erf)
def _erf(single: bool) -> Any:
    return lambda x: _each_erf(x)


for composed in (elementwise.sigmoid, elementwise.softplus, elementwise.normal_cdf, elementwise.normal_pdf):
    register_jitable(composed)
