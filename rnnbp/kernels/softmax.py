"""Cross-entropy of a softmax, and its gradient, row by row.

With the logits z of a row, its class k and its share w of the loss::

    p = e^(z - max z) / sum e^(z - max z);  L = -w log p_k                   (1)
    dz = w (p - 1_k)                                                         (1')
"""

from __future__ import annotations

import math

from rnnbp.kernels import lanes as lanes  # gives exp its meaning in compiled code
from rnnbp.kernels.compiling import compiled
from rnnbp.kernels.elementwise import exp
from rnnbp.kernels.simd import lanes_of, load_each, store_each

__all__ = ["cross_entropy_rows"]


@compiled
def cross_entropy_rows(z, classes, shares, dz):
    """Write dz (1'), and return the sum of L (1); `shares` holds w for each row, or for all in one number."""
    n_rows, width = z.shape
    n_lanes, loss = lanes_of(z), 0.0
    for r in range(n_rows):
        at, share = r * width, shares[r] if len(shares) > 1 else shares[0]
        largest = z[r, 0]
        for j in range(1, width):
            largest = max(largest, z[r, j])
        for j in range(0, width, n_lanes):
            n = min(n_lanes, width - j)
            (z_j,) = load_each((z,), at + j, n, 1)
            store_each((dz,), at + j, n, 1, (exp(z_j - largest),))  # 1
        total = 0.0
        for j in range(width):
            total += dz[r, j]
        loss += share * (math.log(total) - (z[r, classes[r]] - largest))  # 1
        factor = share / total
        for j in range(width):
            dz[r, j] *= factor  # 1'
        dz[r, classes[r]] -= share  # 1'
    return loss
