"""Rows of matrices: copied, added, summed and gathered.

Rows of one matrix that follow each other are one stretch of memory, and are treated as such.
"""

from __future__ import annotations

from rnnbp.kernels.language import clear, copy, numbers, vectorized

__all__ = ["add_numbers", "fill_rows", "start_rows", "sum_rows"]


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
