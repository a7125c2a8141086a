"""The language of the kernels: a small part of Python, with types.

A kernel is a Python function on whole numbers, floating-point numbers and pointers. `rnnbp.kernels.compiler` makes
machine code of it; Python itself runs it too, slowly, which is how tests compare the two::

    def add_rows(to: numbers, a: numbers, n: int, width: int):
        for k in range(n * width):
            to[k] += a[k]

Types of arguments and results::

    int         64 bits, signed                         ints        pointer to them
    number      float32 or float64: the network's       numbers     pointer to them
    float       float64                                 floats      pointer to them
    address     of a function, for `call`               a Record    pointer to one, or to the first of several

Statements are assignments (also of several values, and to elements and fields), ``for ... in range``, ``while``,
``if``, ``return`` and calls. Operators are + - * / (of numbers) // % (of whole numbers that are not negative),
comparisons, ``and``, ``or``, ``not`` and ``a if c else b``; functions are those below, min, max, abs, float, int, and
other kernels. A name has one type. ``pointer + n`` is n elements on.

The functions below are what Python does where the compiler has an instruction. A kernel whose last argument is named
`share` can be an instruction of a program, called as ``kernel(record, share)``; the others are known to kernels only.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

__all__ = [
    "LANES",
    "VECTORS",
    "Pointer",
    "add_atomic",
    "address",
    "call",
    "clear",
    "copy",
    "exp",
    "exponent",
    "floats",
    "flush_denormals",
    "inlined",
    "ints",
    "load_atomic",
    "log",
    "mantissa",
    "number",
    "numbers",
    "pause",
    "power_of_two",
    "reassociated",
    "restore_denormals",
    "round_to_whole",
    "sqrt",
    "store_atomic",
    "swap_atomic",
    "vectorized",
]

exp, log, sqrt = math.exp, math.log, math.sqrt
number = float
LANES, VECTORS = 8, 2  # numbers in a vector register, and registers in a panel; the compiler takes the host's


class Pointer:
    """An element of a flat array, and all that follow it."""

    def __init__(self, array: Any, at: int = 0) -> None:
        self.array, self.at = array, at

    def __add__(self, n: int) -> Pointer:
        return Pointer(self.array, self.at + n)

    def __getitem__(self, k: int) -> Any:
        assert self.at + k >= 0
        return self.array[self.at + k]

    def __setitem__(self, k: int, value: Any) -> None:
        assert self.at + k >= 0
        self.array[self.at + k] = value


# For a type checker these may be anything: the compiler of kernels has rules of its own.
numbers: TypeAlias = Any
floats: TypeAlias = Any
ints: TypeAlias = Any
address: TypeAlias = Any


def call(function: address, *arguments: Any) -> None:
    """Call a function by its address."""
    function(*arguments)


def mantissa(x: float) -> float:
    """Return m of x = m 2^e, from 1 to below 2, for x above 0."""
    return 2.0 * math.frexp(x)[0]


def exponent(x: float) -> float:
    """Return e of x = m 2^e, for x above 0."""
    return float(math.frexp(x)[1] - 1)


def power_of_two(n: float) -> float:
    """Return 2^n for a whole number from -126 to 127."""
    return math.ldexp(1.0, int(n))


def round_to_whole(x: float) -> float:
    """Return the nearest whole number, and of two the even one."""
    return float(round(x))


def copy(to: Any, a: Any, n: int) -> None:
    """Copy n numbers to where others are that do not overlap them."""
    for k in range(n):
        to[k] = a[k]


def clear(to: Any, n: int) -> None:
    """Set n numbers to zero."""
    for k in range(n):
        to[k] = 0.0


def vectorized(kernel: Any) -> Any:
    """Mark a kernel whose loops are worth the time that LLVM needs to vectorise them."""
    kernel.vectorized = True
    return kernel


def reassociated(kernel: Any) -> Any:
    """Mark a kernel to be vectorised, whose sums may be taken in any order: else each waits for the one before."""
    kernel.reassociated = kernel.vectorized = True
    return kernel


def inlined(kernel: Any) -> Any:
    """Mark a kernel whose body takes the place of every call: a loop that calls it can be vectorised then."""
    kernel.inlined = True
    return kernel


def load_atomic(of: Any, k: int) -> int:
    """Return ``of[k]``, after which all that was written before it was stored can be read."""
    return int(of[k])


def store_atomic(to: Any, k: int, value: int) -> None:
    """Set ``to[k]``, after all that was written before."""
    to[k] = value


def add_atomic(to: Any, k: int, value: int) -> int:
    """Add to ``to[k]`` and return what it was."""
    to[k] += value
    return int(to[k] - value)


def swap_atomic(to: Any, k: int, expected: int, value: int) -> int:
    """Set ``to[k]`` if it is what is expected; return whether it was."""
    swapped = to[k] == expected
    if swapped:
        to[k] = value
    return int(swapped)


def pause() -> None:
    """Tell the processor that a loop waits."""


def flush_denormals() -> int:
    """Let this thread take numbers below 1e-38 (in float32) for zero; return the mode that it had."""
    return 0


def restore_denormals(mode: int) -> None:
    """Return to the mode that `flush_denormals` has returned."""
