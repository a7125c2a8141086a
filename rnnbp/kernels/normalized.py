"""Layer normalisation of rows, as `rnnbp.standardization` specifies it.

For a row a of a product, with a gain g::

    u = (a - mean a) s,  s = 1 / sqrt(var a + eps);  z += u g                (1)

    du = dz g;  dg += dz u;  da = s (du - mean du - u mean(du u))            (1')

`targets` says for each number of the row which column of z it goes to.
"""

from __future__ import annotations

import math

from rnnbp.kernels.compiling import compiled

__all__ = ["add_normalized", "pull_normalized"]

EPSILON = 1e-5


@compiled
def moments(a, row, column, width):
    """Return the mean of a row, and what it is multiplied by."""
    mean = variance = 0.0
    for j in range(column, column + width):
        mean += a[row, j]
    mean /= width
    for j in range(column, column + width):
        variance += (a[row, j] - mean) ** 2
    return mean, 1.0 / math.sqrt(variance / width + EPSILON)


@compiled
def add_normalized(z, slot, n, a, a_row, a_column, gain, targets):
    """Add n normalised rows of a to rows of z (1)."""
    width = len(targets)
    for r in range(n):
        mean, scale = moments(a, a_row + r, a_column, width)
        for j in range(width):
            z[slot + r, targets[j]] += (a[a_row + r, a_column + j] - mean) * scale * gain[j]  # 1


@compiled
def pull_normalized(dz, slot, n, a, a_row, a_column, gain, targets, d_source, d_gain, in_place):
    """Pull n rows of dz back (1'): da takes the place of a, or is added to the first rows of `d_source`."""
    width = len(targets)
    for r in range(n):
        row = a_row + r
        mean, scale = moments(a, row, a_column, width)
        total = along = 0.0
        for j in range(width):
            u, d = (a[row, a_column + j] - mean) * scale, dz[slot + r, targets[j]]
            total += d * gain[j]
            along += d * gain[j] * u
            d_gain[j] += d * u  # 1'
        total, along = total / width, along / width
        for j in range(width):
            u = (a[row, a_column + j] - mean) * scale
            d = scale * (dz[slot + r, targets[j]] * gain[j] - total - u * along)  # 1'
            if in_place:
                a[row, a_column + j] = d
            else:
                d_source[r, j] += d
