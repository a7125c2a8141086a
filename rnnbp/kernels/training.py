"""What a training step has beside the network: losses, the finite check, clipping.

Cross-entropy of a row of logits z, its class k, and its share w of the loss::

    p = e^(z - max z) / sum e^(z - max z);  L = -w log p_k                   (1)
    dz = w (p - 1_k)                                                         (1')
"""

from __future__ import annotations

from rnnbp.kernels.language import exp, floats, ints, log, number, numbers, reassociated, sqrt
from rnnbp.kernels.records import Record

__all__ = ["CrossEntropyRows", "cross_entropy"]


class CrossEntropyRows(Record):
    """Logits, their classes, and the shares of rows (one for all if `n_shares` is 1); `loss` is one number."""

    n: int
    width: int
    z: numbers
    classes: ints
    shares: floats
    n_shares: int
    dz: numbers
    loss: floats


def cross_entropy(c: CrossEntropyRows, share: int):
    """Write dz (1') and the sum of L (1)."""
    width, loss = c.width, 0.0
    for r in range(c.n):
        loss += _cross_entropy_row(c.z + r * width, c.dz + r * width, width, c.classes[r],
                                   c.shares[r if c.n_shares > 1 else 0])  # fmt: skip
    c.loss[0] = loss


@reassociated
def _cross_entropy_row(z: numbers, dz: numbers, width: int, k: int, share: float) -> float:
    largest = z[0]
    for j in range(1, width):
        largest = max(largest, z[j])
    for j in range(width):
        dz[j] = exp(z[j] - largest)  # 1
    total = number(0.0)
    for j in range(width):
        total += dz[j]
    loss = share * (log(float(total)) - float(z[k] - largest))  # 1
    factor = number(share) / total
    for j in range(width):
        dz[j] *= factor  # 1'
    dz[k] -= number(share)  # 1'
    return loss


@reassociated
def sum_of_squares(a: numbers, n: int) -> float:
    """Return the sum of squares of n numbers."""
    total = number(0.0)
    for k in range(n):
        total += a[k] * a[k]
    return float(total)


assert sqrt
