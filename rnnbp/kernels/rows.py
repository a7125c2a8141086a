"""Rows of matrices: copied, added and summed.

Rows of one matrix that follow each other are one stretch of memory, and are treated as such.
"""

from __future__ import annotations

import numpy as np

from rnnbp.kernels.compiling import compiled
from rnnbp.kernels.simd import add_each, copy, lanes_of, load_each

__all__ = ["add_rows", "copy_rows", "fill_rows", "start_rows", "sum_rows"]

ZERO = np.int64(0)  # numba compiles a function anew for each literal it is called with; this is none


@compiled
def copy_rows(target, target_row, source, source_row, n):
    """Copy n rows."""
    width = source.shape[1]
    copy(target, target_row * width, source, source_row * width, n * width)


@compiled
def add_numbers(target, at, source, source_at, n):
    """Add n numbers to others."""
    lanes = lanes_of(target)
    whole = n - n % lanes
    for j in range(0, whole, lanes):
        add_each((target,), at + j, 0, 0, load_each((source,), source_at + j, 0, 0))
    if whole < n:
        rest = n - whole
        add_each((target,), at + whole, rest, 1, load_each((source,), source_at + whole, rest, 1))


@compiled
def add_rows(target, target_row, source, source_row, n):
    """Add n rows to others."""
    width = source.shape[1]
    add_numbers(target, target_row * width, source, source_row * width, n * width)


@compiled
def sum_rows(total, source, source_row, n):
    """Add n rows to the one row `total`."""
    width = len(total)
    for r in range(source_row, source_row + n):
        add_numbers(total, ZERO, source, r * width, width)


@compiled
def fill_rows(target, target_row, row, n):
    """Set n rows to the one row `row`."""
    width = len(row)
    for r in range(target_row, target_row + n):
        copy(target, r * width, row, ZERO, width)


@compiled
def start_rows(target, row, given, n):
    """Set n rows to those that were given, or to zero if none were."""
    if given.shape[0] > 0:
        copy_rows(target, row, given, ZERO, n)
    else:
        target[row : row + n] = 0
