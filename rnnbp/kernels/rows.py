"""Rows of matrices: copied, added, summed and gathered.

Rows of one matrix that follow each other are one stretch of memory, and are treated as such.
"""

from __future__ import annotations

from rnnbp.kernels.language import clear, copy, numbers, reassociated, vectorized

__all__ = ["add_numbers", "count_not_finite", "fill_rows", "start_rows", "sum_rows"]


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


@reassociated
def count_not_finite(a: numbers, n: int) -> int:
    """Return whether any of n numbers is NaN or infinite: x - x is 0 for all others."""
    total = a[0] - a[0]
    for k in range(n):
        total += abs(a[k] - a[k])
    return 0 if total == 0.0 else 1
