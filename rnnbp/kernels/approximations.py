"""Transcendental functions from arithmetic: what a graph is made of before it is compiled.

They have no vector instruction, and no C library is asked for them, so they are computed from polynomials and rational
functions, written here in the vocabulary itself::

    both      e^x      = 2^n e^r,  n = round(x / log 2),  r = x - n log 2
              e^x - 1  = 2 t / (1 - t),  t = tanh(x / 2),  for |x| < 1
              log(1+x) = e log 2 + 2 (s + s^3/3 + s^5/5 + ...) + r / u,  s = (m - 1) / (m + 1),  where u, which is 1 + x
                         rounded, is m 2^e with m from 0.71 to 1.42, and r is what rounding took
    float32   e^r      = 1 + r + r^2 P(r)
              tanh x   = x P(x^2) / Q(x^2), but no more than 1; for |x| > 10.2, where that is reached, it is 1
              erf x    = x P(x^2) for |x| < 1,  sign(x) (1 - 1 / P(|x|)^8) beyond
    float64   e^r      = 1 + 2 r P(r^2) / (Q(r^2) - r P(r^2))
              tanh x   = x + x^3 P(x^2) / Q(x^2) for |x| < 0.625,  sign(x) (1 - 2 / (e^(2|x|) + 1)) beyond
              erf x    = x P(x^2) / Q(x^2) for |x| < 1,  sign(x) (1 - e^(-x^2) P(|x|) / Q(|x|)) beyond

Errors are below 4e-7 in float32 (erf: 2e-7) and 4e-16 in float64 (erf: 2e-16), relative for e^x and e^x - 1, absolute
for the others. NaN goes in and comes out; e^x is 0 where it would leave the normal range, and infinite
for x beyond 88, or 709 in float64.

References
----------
S. L. Moshier, Cephes Mathematical Library (all coefficients of exp and erf but one set, and of tanh in float64).
The float32 rational tanh is the one that Eigen uses. The form of the float32 erf beyond 1 is 7.1.28 of Abramowitz and
Stegun, "Handbook of Mathematical Functions", with coefficients fitted to erfc(x)^(-1/8) from 1 to 4 for this library.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from rnnbp.kernels.elementwise import absolute, maximum, minimum, where
from rnnbp.kernels.nodes import operate
from rnnbp.kernels.trace import Graph, trace

__all__ = ["expand"]

# The coefficient of the highest power comes first.
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
TANH_LIMIT = 10.2  # where the quotient is above 1 by more than rounding
TANH64_P = (-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3)
TANH64_Q = (1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3)
EXP_P = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
EXP64_P = (1.26177193074810590878e-4, 3.02994407707441961300e-2, 9.99999999999999999910e-1)
EXP64_Q = (3.00198505138664455042e-6, 2.52448340349684104192e-3, 2.27265548208155028766e-1, 2.0)
LOG1P_P = tuple(2.0 / (2 * k + 1) for k in reversed(range(9)))
LOG1P64_P = tuple(2.0 / (2 * k + 1) for k in reversed(range(18)))
ERF_P = (
    7.853861353153693e-5,
    -8.010193625184903e-4,
    5.188327685732524e-3,
    -2.685381193529856e-2,
    1.128358514861418e-1,
    -3.761262582423300e-1,
    1.128379165726710,
)
ERFC_P = (
    5.478882789e-4,
    -4.0521072227e-3,
    1.79987351854e-2,
    -3.37010869174e-2,
    7.48008092945e-2,
    4.84218900036e-2,
    1.597178014358e-1,
    9.963781628186e-1,
)
ERF64_P = (
    9.60497373987051638749,
    9.00260197203842689217e1,
    2.23200534594684319226e3,
    7.00332514112805075473e3,
    5.55923013010394962768e4,
)
ERF64_Q = (
    1.0,
    3.35617141647503099647e1,
    5.21357949780152679795e2,
    4.59432382970980127987e3,
    2.26290000613890934246e4,
    4.92673942608635921086e4,
)
ERFC64_P = (
    2.46196981473530512524e-10,
    5.64189564831068821977e-1,
    7.46321056442269912687,
    4.86371970985681366614e1,
    1.96520832956077098242e2,
    5.26445194995477358631e2,
    9.34528527171957607540e2,
    1.02755188689515710272e3,
    5.57535335369399327526e2,
)
ERFC64_Q = (
    1.0,
    1.32281951154744992508e1,
    8.67072140885989742329e1,
    3.54937778887819891062e2,
    9.75708501743205489753e2,
    1.82390916687909736289e3,
    2.24633760818710981792e3,
    1.65666309194161350182e3,
    5.57535340817727675546e2,
)
LOG2_E = 1.0 / math.log(2.0)
# log 2 in two parts, the first of few bits, so that n times it is exact
LN2, LN2_REST = 0.693359375, -2.12194440e-4
LN2_64, LN2_REST_64 = 6.93145751953125e-1, 1.42860682030941723212e-6

round_to_whole = partial(operate, "round")
power_of_two = partial(operate, "power_of_two")
mantissa, exponent = partial(operate, "mantissa"), partial(operate, "exponent")


def expand(graph: Graph, dtype: DTypeLike) -> Graph:
    """Replace exp, expm1, log1p, tanh and erf by arithmetic.

    Parameters
    ----------
    graph : Graph
    dtype : dtype
        float32 or float64: how accurate the approximations are to be.

    Returns
    -------
    Graph
        Arithmetic, comparisons, and or not, where, absolute, maximum, minimum, sqrt, round, power_of_two,
        mantissa and exponent.
    """
    functions = APPROXIMATIONS[np.dtype(dtype).name]

    def expanded(operands):
        values = dict(zip(graph.inputs, operands, strict=True))
        for node in graph.order:
            if node.op == "constant":
                values[node] = node.value
            elif node.op != "input":
                function = functions.get(node.op) or partial(operate, node.op)
                values[node] = function(*(values[operand] for operand in node.operands))
        return (tuple(values[node] for node in graph.outputs),)

    return trace(expanded, (len(graph.inputs),), (len(graph.outputs),))


def _polynomial(x, coefficients):
    """Return the polynomial, by Horner's rule."""
    value = x * coefficients[0] + coefficients[1]
    for coefficient in coefficients[2:]:
        value = value * x + coefficient
    return value


def _clipped(x, low, high):
    return maximum(minimum(x, high), low)


def _exp32(x):
    y = _clipped(x, -87.0, 88.0)
    n = round_to_whole(y * LOG2_E)
    r = (y - n * LN2) - n * LN2_REST
    value = (r * r * _polynomial(r, EXP_P) + r + 1.0) * power_of_two(n)
    return where(x > 88.0, math.inf, where(x < -87.0, 0.0, value))


def _exp64(x):
    y = _clipped(x, -708.0, 709.0)
    n = round_to_whole(y * LOG2_E)
    r = (y - n * LN2_64) - n * LN2_REST_64
    p = r * _polynomial(r * r, EXP64_P)
    value = (1.0 + 2.0 * (p / (_polynomial(r * r, EXP64_Q) - p))) * power_of_two(n)
    return where(x > 709.0, math.inf, where(x < -708.0, 0.0, value))


def _tanh32(x):
    y = _clipped(x, -TANH_LIMIT, TANH_LIMIT)
    return _clipped(y * _polynomial(y * y, TANH_P) / _polynomial(y * y, TANH_Q), -1.0, 1.0)


def _tanh64(x):
    xx, size = x * x, absolute(x)
    near = x + x * xx * (_polynomial(xx, TANH64_P) / _polynomial(xx, TANH64_Q))
    far = 1.0 - 2.0 / (_exp64(2.0 * size) + 1.0)
    return where(size < 0.625, near, where(x < 0.0, -far, far))


def _expm1(exp, tanh, x):
    t = tanh(0.5 * _clipped(x, -1.0, 1.0))
    return where(absolute(x) < 1.0, 2.0 * t / (1.0 - t), exp(x) - 1.0)


def _log1p(coefficients, ln2, ln2_rest, x):
    u = 1.0 + x
    e, m = exponent(u), mantissa(u)
    high = m > math.sqrt(2.0)
    e, m = where(high, e + 1.0, e), where(high, 0.5 * m, m)
    s = (m - 1.0) / (m + 1.0)
    log_u = s * _polynomial(s * s, coefficients) + e * ln2_rest + e * ln2
    lost = where(x > 1.0, 1.0 - (u - x), x - (u - 1.0))  # what rounding took from 1 + x
    value = where(u < math.inf, log_u + lost / u, u)
    return where(u > 0.0, value, where(u < 0.0, math.nan, where(x > -2.0, -math.inf, x)))


def _erf32(x):
    size = minimum(absolute(x), 4.0)  # beyond, erf is 1 to rounding
    near = size * _polynomial(size * size, ERF_P)
    far = 1.0 - 1.0 / _polynomial(size, ERFC_P) ** 8
    value = where(size < 1.0, near, far)
    return where(x < 0.0, -value, value)


def _erf64(x):
    size = minimum(absolute(x), 6.0)  # beyond, erf is 1 to rounding
    near = size * _polynomial(size * size, ERF64_P) / _polynomial(size * size, ERF64_Q)
    far = 1.0 - _exp64(-size * size) * _polynomial(size, ERFC64_P) / _polynomial(size, ERFC64_Q)
    value = where(size < 1.0, near, far)
    return where(x < 0.0, -value, value)


APPROXIMATIONS: dict[str, dict[str, Any]] = {
    "float32": {
        "exp": _exp32,
        "expm1": partial(_expm1, _exp32, _tanh32),
        "log1p": partial(_log1p, LOG1P_P, LN2, LN2_REST),
        "tanh": _tanh32,
        "erf": _erf32,
    },
    "float64": {
        "exp": _exp64,
        "expm1": partial(_expm1, _exp64, _tanh64),
        "log1p": partial(_log1p, LOG1P64_P, LN2_64, LN2_REST_64),
        "tanh": _tanh64,
        "erf": _erf64,
    },
}
