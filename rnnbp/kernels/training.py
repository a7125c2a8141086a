"""What a training step has beside the network: the loss, weight decay, the finite check, clipping.

Of a row of outputs z with its target t, and its share w of the loss (its weight over what the loss is divided by)::

    cross-entropy           p = e^(z - max z) / sum e^(z - max z);  L = -w log p_k;  dz = w (p - 1_k)
    squared error           L = w/F sum (z - t)^2;                  dz = 2w/F (z - t)
    binary cross-entropy    a = e^min(z, 0),  b = e^min(-z, 0)
                            L = w/F sum t max(-z, 0) + (1 - t) max(z, 0) + log(1 + ab)
                            dz = w/F ((1 - t) a - t b) / (1 + ab)

Weight decay adds c |W|^2 / 2 to the loss and c W to the gradient, of the parameters that are decayed. A step whose loss
or gradient is not finite is stopped before anything has changed.
"""

from __future__ import annotations

from rnnbp.kernels.language import exp, floats, ints, log, number, numbers, reassociated, sqrt, vectorized
from rnnbp.kernels.programs import ProgramRecord
from rnnbp.kernels.records import Record

__all__ = ["Gradient", "LossRows", "binary_cross_entropy", "check", "clip", "cross_entropy", "decay", "squared_error"]


class LossRows(Record):
    """Outputs and their targets: classes or rows of numbers, those at ``index[r]`` if `indexed`.

    `shares` has the share of each row, or of all in one number if `n_shares` is 1; `loss` is one number.
    """

    n: int
    width: int
    z: numbers
    dz: numbers
    classes: ints
    target: numbers
    index: ints
    indexed: int
    shares: floats
    n_shares: int
    loss: floats


class Gradient(Record):
    """The gradient of all parameters, and what is done with it before an update.

    `norm` is one number: its Euclidean norm before clipping. `clip_value` and `clip_norm` are limits, or 0. `decayed`
    has 1 for parameters that decay and 0 for others.
    """

    program: ProgramRecord
    n: int
    theta: numbers
    gradient: numbers
    decayed: numbers
    factor: float
    loss: floats
    norm: floats
    clip_value: float
    clip_norm: float


def _index(rows: LossRows, r: int) -> int:
    return rows.index[r] if rows.indexed > 0 else r


def _share(rows: LossRows, r: int) -> float:
    return float(rows.shares[r if rows.n_shares > 1 else 0])


def cross_entropy(rows: LossRows, share: int):
    """Write dz and the sum of L."""
    width, loss = rows.width, 0.0
    for r in range(rows.n):
        k, w = rows.classes[_index(rows, r)], _share(rows, r)
        loss += _cross_entropy_row(rows.z + r * width, rows.dz + r * width, width, k, w)
    rows.loss[0] = loss


@reassociated
def _cross_entropy_row(z: numbers, dz: numbers, width: int, k: int, w: float) -> float:
    largest = z[0]
    for j in range(1, width):
        largest = max(largest, z[j])
    for j in range(width):
        dz[j] = exp(z[j] - largest)
    total = number(0.0)
    for j in range(width):
        total += dz[j]
    loss = w * (log(float(total)) - float(z[k] - largest))
    factor = number(w) / total
    for j in range(width):
        dz[j] *= factor
    dz[k] -= number(w)
    return loss


def squared_error(rows: LossRows, share: int):
    """Write dz and the sum of L."""
    width, loss = rows.width, 0.0
    for r in range(rows.n):
        w, target = _share(rows, r) / float(width), rows.target + _index(rows, r) * width
        loss += w * _squared_error_row(rows.z + r * width, rows.dz + r * width, target, width, number(2.0 * w))
    rows.loss[0] = loss


@reassociated
def _squared_error_row(z: numbers, dz: numbers, target: numbers, width: int, factor: number) -> float:
    total = 0.0
    for j in range(width):
        d = z[j] - target[j]
        total += float(d * d)
        dz[j] = factor * d
    return total


def binary_cross_entropy(rows: LossRows, share: int):
    """Write dz and the sum of L."""
    width, loss = rows.width, 0.0
    for r in range(rows.n):
        w, target = _share(rows, r) / float(width), rows.target + _index(rows, r) * width
        loss += w * _binary_row(rows.z + r * width, rows.dz + r * width, target, width, number(w))
    rows.loss[0] = loss


def _binary_row(z: numbers, dz: numbers, target: numbers, width: int, factor: number) -> float:
    total = 0.0
    for j in range(width):
        t, zero = target[j], number(0.0)
        a, b = exp(min(z[j], zero)), exp(min(-z[j], zero))
        ab = a * b
        total += float(t * max(-z[j], zero) + (1.0 - t) * max(z[j], zero)) + log(1.0 + float(ab))
        dz[j] = factor * ((1.0 - t) * a - t * b) / (1.0 + ab)
    return total


def decay(g: Gradient, share: int):
    """Add the weight decay to loss and gradient."""
    g.loss[0] += 0.5 * g.factor * _decay(g.theta, g.gradient, g.decayed, g.n, number(g.factor))


@reassociated
def _decay(theta: numbers, gradient: numbers, decayed: numbers, n: int, factor: number) -> float:
    total = number(0.0)
    for k in range(n):
        w = theta[k] * decayed[k]
        gradient[k] += factor * w
        total += w * w
    return float(total)


@reassociated
def sum_of_squares(a: numbers, n: int) -> float:
    """Return the sum of squares of n numbers."""
    total = number(0.0)
    for k in range(n):
        total += a[k] * a[k]
    return float(total)


def check(g: Gradient, share: int):
    """Take the gradient's norm, and stop the program if it or the loss is not finite."""
    g.norm[0] = sqrt(sum_of_squares(g.gradient, g.n))
    of_both = g.norm[0] + g.loss[0]
    if of_both - of_both != 0.0:
        g.program.stopped = 1


def clip(g: Gradient, share: int):
    """Limit each number of the gradient, then its norm."""
    norm = g.norm[0]
    if g.clip_value > 0.0:
        _clip_value(g.gradient, g.n, number(g.clip_value))
        norm = sqrt(sum_of_squares(g.gradient, g.n))
    if g.clip_norm > 0.0 and norm > g.clip_norm:
        _scale(g.gradient, g.n, number(g.clip_norm / norm))


@vectorized
def _clip_value(a: numbers, n: int, limit: number):
    for k in range(n):
        a[k] = max(min(a[k], limit), -limit)


@vectorized
def _scale(a: numbers, n: int, factor: number):
    for k in range(n):
        a[k] *= factor
