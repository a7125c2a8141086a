"""Connectionist temporal classification: the forward-backward recursion over one sequence after another.

The equations are those of `rnnbp.losses.ctc`. A path is in one of L labels or of the L + 1 blanks around them, which
are kept apart, so that a loop goes over alike ones; all are logarithms, and ``a + b`` there is log(e^a + e^b) here::

    blank'(i) = y_blank + log(e^blank(i) + e^label(i-1))
    label'(i) = y_i     + log(e^label(i) + e^blank(i) + e^(label(i-1) + skip(i)))      skip: 0, or -1e30 for a repeat

The backward recursion reads the same in the other direction. Each row is relative to a number of its own, of which
float64 keeps the sum: so float32 stays accurate however long a sequence is. A state that cannot be has -1e30. There are
a few more states than there have to be, that none can reach, so that all loops fill whole registers.
"""

from __future__ import annotations

import math

from rnnbp.kernels.language import LANES, exp, floats, inlined, ints, log, log1p, number, numbers, reassociated, vectorized
from rnnbp.kernels.products import Layout
from rnnbp.kernels.records import Record

__all__ = ["CTCRecord", "ctc", "work_size"]

LOG_ZERO = -1e30
DEAD = -1e29  # what is below is no path's
INFINITE = math.inf


class CTCRecord(Record):
    """Sequences of logits z with their labels, those of sequence k from ``offsets[k]`` to ``offsets[k + 1]``.

    `loss` is the negative log-likelihood of each sequence, infinite if the labels do not fit into it; `dz` the gradient
    times the number that `shares` has for the sequence, or zero. Each share of the work has `work_size` numbers of
    `work`, and ``n_steps + 1`` of `sums`.
    """

    layout: Layout
    width: int
    blank: int
    z: numbers
    dz: numbers
    labels: ints
    offsets: ints
    shares: floats
    loss: floats
    work: numbers
    work_size: int
    sums: floats
    n_shares: int


def work_size(lanes: int, n_steps: int, n_labels: int) -> int:
    """Return how many numbers a share needs for sequences of up to so many steps and labels."""
    states = (n_labels + lanes) // lanes * lanes
    row = 2 * states + lanes
    return n_steps + 2 * states + 2 * lanes + 3 * (row + lanes) + (n_steps + 1) * row


def ctc(c: CTCRecord, share: int):
    """Do every n-th sequence, where n is the number of shares: batches are sorted by length."""
    for k in range(share, c.layout.n_sequences, c.n_shares):
        _sequence(c, k, c.work + share * c.work_size, c.sums + share * (c.layout.n_steps + 1))


def _sequence(c: CTCRecord, k: int, work: numbers, sums: floats):
    """Write loss and gradient of one sequence."""
    n_steps, n, width = c.layout.lengths[k], c.offsets[k + 1] - c.offsets[k], c.width
    labels, blank = c.labels + c.offsets[k], c.blank
    states = (n + LANES) // LANES * LANES
    row = 2 * states + LANES
    norms, y = work, work + n_steps
    skip = y + states
    peak = skip + (states + LANES)
    q, b = peak + LANES, peak + (LANES + row + LANES)
    next_b, alpha = b + (row + LANES), b + 2 * (row + LANES)
    _fill(y, LOG_ZERO, states)
    _fill(skip, LOG_ZERO, states + LANES)
    for i in range(1, n):
        if labels[i] != labels[i - 1]:
            skip[i] = number(0.0)

    _fill(alpha, LOG_ZERO, row)
    alpha[0], sums[0], m = 0.0, 0.0, number(0.0)
    for t in range(n_steps):
        z = c.z + (c.layout.starts[t] + k) * width
        norms[t] = _log_sum(z, width)
        _read(y, z, labels, n, norms[t] + m)
        y_blank = max(z[blank] - norms[t], number(LOG_ZERO)) - m
        a, to = alpha + t * row, alpha + (t + 1) * row
        _forward(to, to + (states + LANES), a, a + (states + LANES), y, skip, y_blank, states)
        _fill(to + states, LOG_ZERO, LANES)
        sums[t + 1] = sums[t] + float(m)
        m = _largest(to, peak, row)
    end = alpha + n_steps * row
    total = end[n] if n == 0 else _add(end[n], end[states + LANES + n - 1])
    if total < DEAD:
        c.loss[k] = INFINITE
        for t in range(n_steps):
            _fill(c.dz + (c.layout.starts[t] + k) * width, 0.0, width)
    else:
        log_z, sum_b, m = float(total) + sums[n_steps], 0.0, number(0.0)
        c.loss[k] = -log_z
        _fill(b, LOG_ZERO, row + LANES)
        _fill(next_b, LOG_ZERO, row + LANES)
        _fill(q, LOG_ZERO, row + LANES)
        b[n] = 0.0
        for back in range(n_steps):
            t = n_steps - 1 - back
            z, dz = c.z + (c.layout.starts[t] + k) * width, c.dz + (c.layout.starts[t] + k) * width
            q_label, b_label = q + (states + LANES), b + (states + LANES)
            _backward(q, q_label, b, b_label, skip, states)
            _read(y, z, labels, n, norms[t] + m)
            y_blank = max(z[blank] - norms[t], number(LOG_ZERO)) - m
            _emit(next_b, next_b + (states + LANES), q, q_label, y, y_blank, states)
            a, level = alpha + (t + 1) * row, number(log_z - sums[t + 1] - sum_b)
            of_blank = _occupancies(q, a, level, states)
            of_label = _occupancies(q_label, a + (states + LANES), level, states)
            factor = number(c.shares[k]) / (of_blank + of_label)
            _softmax(dz, z, norms[t], number(c.shares[k]), width)
            dz[blank] -= factor * of_blank
            for i in range(n):
                dz[labels[i]] -= factor * q_label[i]
            sum_b += float(m)
            m = _largest(next_b, peak, row)
            b, next_b = next_b, b


def _fill(to: numbers, value: float, n: int):
    for k in range(n):
        to[k] = number(value)


def _read(y: numbers, z: numbers, labels: ints, n: int, norm: number):
    """Take the log-probability of each label."""
    for i in range(n):
        y[i] = max(z[labels[i]] - norm, number(LOG_ZERO))


@inlined
def _add(a: number, b: number) -> number:
    """Return log(e^a + e^b)."""
    return max(a, b) + log1p(exp(min(a, b) - max(a, b)))


@inlined
def _add_three(a: number, b: number, c: number) -> number:
    """Return log(e^a + e^b + e^c)."""
    high, low = max(a, b), min(a, b)
    m, middle = max(high, c), min(high, c)
    return m + log1p(exp(low - m) + exp(middle - m))


@vectorized
def _forward(
    to: numbers, to_label: numbers, blank: numbers, label: numbers, y: numbers, skip: numbers, y_blank: number, n: int
):
    for i in range(n):
        to[i] = y_blank + _add(blank[i], label[i - 1])
    for i in range(n):
        to_label[i] = y[i] + _add_three(label[i], blank[i], label[i - 1] + skip[i])


@vectorized
def _backward(q: numbers, q_label: numbers, blank: numbers, label: numbers, skip: numbers, n: int):
    for i in range(n):
        q[i] = _add(blank[i], label[i])
    for i in range(n):
        q_label[i] = _add_three(label[i], blank[i + 1], label[i + 1] + skip[i + 1])


@vectorized
def _emit(to: numbers, to_label: numbers, q: numbers, q_label: numbers, y: numbers, y_blank: number, n: int):
    for i in range(n):
        to[i] = q[i] + y_blank
    for i in range(n):
        to_label[i] = q_label[i] + y[i]


@reassociated
def _occupancies(q: numbers, a: numbers, level: number, n: int) -> number:
    """Turn q into the probabilities of states, and return their sum."""
    total = number(0.0)
    for i in range(n):
        q[i] = exp(q[i] + a[i] - level)
    for i in range(n):
        total += q[i]
    return total


@vectorized
def _largest(row: numbers, peak: numbers, n: int) -> number:
    """Return the largest of n numbers, a multiple of a register's; 0 if no path is left."""
    for j in range(LANES):
        peak[j] = row[j]
    for k in range(LANES, n, LANES):
        for j in range(LANES):
            peak[j] = max(peak[j], row[k + j])
    m = peak[0]
    for j in range(1, LANES):
        m = max(m, peak[j])
    return number(0.0) if m < DEAD else m


@reassociated
def _log_sum(z: numbers, width: int) -> number:
    """Return log(sum e^z)."""
    m, total = z[0], number(0.0)
    for j in range(1, width):
        m = max(m, z[j])
    for j in range(width):
        total += exp(z[j] - m)
    return m + number(log(float(total)))


@vectorized
def _softmax(p: numbers, z: numbers, norm: number, factor: number, width: int):
    for j in range(width):
        p[j] = factor * exp(z[j] - norm)
