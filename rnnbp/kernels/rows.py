"""Rows of matrices: copied, added, summed and gathered.

Rows of one matrix that follow each other are one stretch of memory, and are treated as such.
"""

from __future__ import annotations

from rnnbp.kernels.language import clear, copy, ints, numbers, reassociated, vectorized

__all__ = ["add_numbers", "count_not_finite", "fill_rows", "gather_rows", "scatter_rows", "start_rows", "sum_rows"]


@vectorized
def add_numbers(to: numbers, a: numbers, n: int):
    """Add n numbers to others."""
    for k in range(n):
        to[k] += a[k]


def sum_rows(total: numbers, a: numbers, pitch: int, n: int, width: int):
    """Add n rows to the one row `total`."""
    for r in range(n):
        add_numbers(total, a + r * pitch, width)


def fill_rows(to: numbers, row: numbers, n: int, width: int):
    """Set n rows to the one row `row`."""
    for r in range(n):
        copy(to + r * width, row, width)


def start_rows(to: numbers, given: numbers, is_given: int, n: int):
    """Set n numbers to those that were given, or to zero if none were."""
    if is_given > 0:
        copy(to, given, n)
    else:
        clear(to, n)


def gather_rows(to: numbers, to_pitch: int, a: numbers, index: ints, n: int, width: int):
    """Set row r to row ``index[r]`` of another matrix."""
    for r in range(n):
        copy(to + r * to_pitch, a + index[r] * width, width)


def scatter_rows(to: numbers, index: ints, a: numbers, a_pitch: int, n: int, width: int):
    """Set row ``index[r]`` to row r of another matrix."""
    for r in range(n):
        copy(to + index[r] * width, a + r * a_pitch, width)


@reassociated
def count_not_finite(a: numbers, n: int) -> int:
    """Return whether any of n numbers is NaN or infinite: x - x is 0 for all others."""
    total = a[0] - a[0]
    for k in range(n):
        total += abs(a[k] - a[k])
    return 0 if total == 0.0 else 1
