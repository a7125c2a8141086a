"""Connectionist temporal classification: the forward-backward recursion over one sequence after another.

The equations are those of `rnnbp.losses.forward_backward`. They add and multiply probabilities that are far too small
for a floating-point number; in place of logarithms, each is kept as a mantissa and an exponent of its own here::

    p = m 2^e        m from 1 to below 2, e a whole number in another array
    p + q            m_p 2^(e_p - e) + m_q 2^(e_q - e),  e = max(e_p, e_q)
    p q              m_p m_q,  e_p + e_q,  and what is above 2 is moved to the exponent

So there is an exponential for each class and step only, none for the states, and float32 is accurate to about its own
rounding however long a sequence is, and, as logits are compared in float64, however large these are. What cannot be has
the exponent -1e30.

A path is in one of L labels or of the L + 1 blanks around them, which are kept apart so that a loop goes over alike
ones::

    blank'(i) = y(blank) (blank(i) + label(i-1))
    label'(i) = y(l_i)   (label(i) + blank(i) + label(i-1) if it is another label)

The backward recursion reads the same in the other direction. There are a few states more than there have to be, which
nothing can reach, so that all loops fill whole registers.
"""

from __future__ import annotations

import math

from rnnbp.kernels.language import (
    LANES,
    exp,
    exponent,
    floats,
    inlined,
    ints,
    log,
    mantissa,
    number,
    numbers,
    power_of_two,
    reassociated,
    round_to_whole,
    vectorized,
)
from rnnbp.kernels.products import Layout
from rnnbp.kernels.records import Record

__all__ = ["CTCRecord", "ctc", "work_size"]

ZERO = -1e30  # the exponent of what cannot be
DEAD = -1e29  # no exponent of what can be is below
INFINITE = math.inf
LEAST = -1e9  # a logarithm below is that of 0
LN2 = math.log(2.0)
# log 2 in two parts, the first of few bits, so that n times it is exact
LN2_HIGH, LN2_LOW = 0.693359375, -2.121944400546905827679e-4


class CTCRecord(Record):
    """Sequences of logits z with their labels, those of sequence k from ``offsets[k]`` to ``offsets[k + 1]``.

    `loss` is the negative log-likelihood of each sequence, infinite if the labels do not fit into it; `dz` the gradient
    times the number that `shares` has for the sequence, or zero. Each share of the work has `work_size` numbers of
    `work`, and as many of `norms` as there are steps.
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
    norms: floats
    n_shares: int


def work_size(lanes: int, width: int, n_steps: int, n_labels: int) -> int:
    """Return how many numbers a share needs for sequences of up to so many steps and labels."""
    states = (n_labels + lanes) // lanes * lanes
    row = 4 * (states + lanes) + 2 * lanes
    return 2 * width + 4 * states + lanes + (n_steps + 3) * row


def ctc(c: CTCRecord, share: int):
    """Do every n-th sequence, where n is the number of shares: batches are sorted by length."""
    for k in range(share, c.layout.n_sequences, c.n_shares):
        _sequence(c, k, c.work + share * c.work_size, c.norms + share * c.layout.n_steps)


def _sequence(c: CTCRecord, k: int, work: numbers, norms: floats):
    """Write loss and gradient of one sequence."""
    n_steps, n, width, blank = c.layout.lengths[k], c.offsets[k + 1] - c.offsets[k], c.width, c.blank
    labels, starts = c.labels + c.offsets[k], c.layout.starts
    states = (n + LANES) // LANES * LANES
    pitch = states + LANES
    row = 4 * pitch + 2 * LANES
    of_class = work
    y, skip = of_class + 2 * width, of_class + (2 * width + 2 * states)
    q = skip + (states + LANES)
    b, next_b, alpha = q + states, q + (states + row), q + (states + 2 * row)
    _fill(y, 1.0, states)
    _fill(y + states, ZERO, states)
    _fill(skip, ZERO, states + LANES)
    for i in range(1, n):
        if labels[i] != labels[i - 1]:
            skip[i] = number(0.0)

    _nothing(alpha, states)
    alpha[2 * LANES + 3 * pitch] = 0.0
    for t in range(n_steps):
        z, to = c.z + (starts[t] + k) * width, alpha + (t + 1) * row
        norms[t] = _log_sum(z, width)
        _split(of_class, z, norms[t], width)
        _emissions(y, of_class, labels, n, states, width)
        _clear_borders(to, states)
        _forward(to, alpha + t * row, y, skip, of_class[blank], of_class[width + blank], states)
    end = alpha + n_steps * row
    last_m, last_e = end[LANES + pitch + n], end[2 * LANES + 3 * pitch + n]
    label_m, label_e = end[LANES + n - 1], end[2 * (LANES + pitch) + n - 1]
    total_e = max(last_e, label_e)
    total_m = last_m * _power(last_e - total_e) + label_m * _power(label_e - total_e)

    if total_e < DEAD:
        c.loss[k] = INFINITE
        for t in range(n_steps):
            _fill(c.dz + (starts[t] + k) * width, 0.0, width)
    else:
        c.loss[k] = -log(float(total_m)) - float(total_e) * LN2
        _nothing(b, states)
        _nothing(next_b, states)
        b[2 * LANES + 3 * pitch + n] = 0.0
        for back in range(n_steps):
            t = n_steps - 1 - back
            z, dz, a = c.z + (starts[t] + k) * width, c.dz + (starts[t] + k) * width, alpha + (t + 1) * row
            _split(of_class, z, norms[t], width)
            _emissions(y, of_class, labels, n, states, width)
            y_m, y_e, share = of_class[blank], of_class[width + blank], number(c.shares[k])
            of_blank = _backward_blanks(next_b, b, a, q, y_m, y_e, total_e, states)
            of_label = _backward_labels(next_b, b, a, q, y, skip, total_e, states)
            total = of_blank + of_label
            factor = share / (total if total > 0.0 else number(1.0))
            _softmax(dz, of_class, share, width)
            dz[blank] -= factor * of_blank
            for i in range(n):
                dz[labels[i]] -= factor * q[i]
            b, next_b = next_b, b


def _fill(to: numbers, value: float, n: int):
    for k in range(n):
        to[k] = number(value)


def _clear_borders(row: numbers, states: int):
    """Set what is read before the first label to nothing."""
    _fill(row, 1.0, LANES)
    _fill(row + (LANES + 2 * (states + LANES)), ZERO, LANES)


def _nothing(row: numbers, states: int):
    """Set all states, and what is around them, to what cannot be."""
    pitch = states + LANES
    _fill(row, 1.0, LANES + 2 * pitch)
    _fill(row + (LANES + 2 * pitch), ZERO, LANES + 2 * pitch)


def _emissions(y: numbers, of_class: numbers, labels: ints, n: int, states: int, width: int):
    """Take the probability of each label."""
    for i in range(n):
        y[i], y[states + i] = of_class[labels[i]], of_class[width + labels[i]]


@inlined
def _power(e: number) -> number:
    """Return 2^e, or next to nothing."""
    return power_of_two(max(e, number(-100.0)))


@vectorized
def _split(to: numbers, z: numbers, norm: float, width: int):
    """Write mantissas and exponents of the probabilities of all classes: of e^(z - norm)."""
    for j in range(width):
        log_p = float(z[j]) - norm
        n = round_to_whole(max(log_p, LEAST) * (1.0 / LN2))
        r = (log_p - n * LN2_HIGH) - n * LN2_LOW
        to[j] = exp(number(max(min(r, 1.0), -1.0)))
        to[width + j] = number(ZERO if log_p < LEAST else n)


@vectorized
def _forward(to: numbers, a: numbers, y: numbers, skip: numbers, y_m: number, y_e: number, n: int):
    """Take a step: blanks, and then labels."""
    p = n + LANES
    label_m, blank_m, label_e, blank_e = a + LANES, a + (LANES + p), a + 2 * (LANES + p), a + (2 * LANES + 3 * p)
    to_m, to_e = to + (LANES + p), to + (2 * LANES + 3 * p)
    for i in range(n):
        e = max(blank_e[i], label_e[i - 1])
        m = y_m * (blank_m[i] * _power(blank_e[i] - e) + label_m[i - 1] * _power(label_e[i - 1] - e))
        to_m[i] = mantissa(m)
        to_e[i] = e + y_e + exponent(m)
    to_m, to_e = to + LANES, to + 2 * (LANES + p)
    for i in range(n):
        before = label_e[i - 1] + skip[i]
        e = max(max(label_e[i], blank_e[i]), before)
        m = label_m[i] * _power(label_e[i] - e) + blank_m[i] * _power(blank_e[i] - e)
        m = y[i] * (m + label_m[i - 1] * _power(before - e))
        to_m[i] = mantissa(m)
        to_e[i] = e + y[n + i] + exponent(m)


@reassociated
def _backward_blanks(
    to: numbers, b: numbers, a: numbers, q: numbers, y_m: number, y_e: number, total_e: number, n: int
) -> number:
    """Take a step back, and return how many of the paths are in a blank, in units of 2^total_e."""
    p = n + LANES
    label_m, blank_m, label_e, blank_e = b + LANES, b + (LANES + p), b + 2 * (LANES + p), b + (2 * LANES + 3 * p)
    to_m, to_e, a_m, a_e = to + (LANES + p), to + (2 * LANES + 3 * p), a + (LANES + p), a + (2 * LANES + 3 * p)
    for i in range(n):
        e = max(blank_e[i], label_e[i])
        m = blank_m[i] * _power(blank_e[i] - e) + label_m[i] * _power(label_e[i] - e)
        q[i] = a_m[i] * m * _power(min(a_e[i] + e - total_e, number(100.0)))
        to_m[i] = mantissa(y_m * m)
        to_e[i] = e + y_e + exponent(y_m * m)
    total = number(0.0)
    for i in range(n):
        total += q[i]
    return total


@reassociated
def _backward_labels(
    to: numbers, b: numbers, a: numbers, q: numbers, y: numbers, skip: numbers, total_e: number, n: int
) -> number:
    """Take a step back, and write to q how many of the paths are in each label, in units of 2^total_e."""
    p = n + LANES
    label_m, blank_m, label_e, blank_e = b + LANES, b + (LANES + p), b + 2 * (LANES + p), b + (2 * LANES + 3 * p)
    to_m, to_e, a_m, a_e = to + LANES, to + 2 * (LANES + p), a + LANES, a + 2 * (LANES + p)
    for i in range(n):
        after = label_e[i + 1] + skip[i + 1]
        e = max(max(label_e[i], blank_e[i + 1]), after)
        m = label_m[i] * _power(label_e[i] - e) + blank_m[i + 1] * _power(blank_e[i + 1] - e)
        m += label_m[i + 1] * _power(after - e)
        q[i] = a_m[i] * m * _power(min(a_e[i] + e - total_e, number(100.0)))
        to_m[i] = mantissa(y[i] * m)
        to_e[i] = e + y[n + i] + exponent(y[i] * m)
    total = number(0.0)
    for i in range(n):
        total += q[i]
    return total


@reassociated
def _log_sum(z: numbers, width: int) -> float:
    """Return log(sum e^z)."""
    m, total = z[0], number(0.0)
    for j in range(1, width):
        m = max(m, z[j])
    for j in range(width):
        total += exp(z[j] - m)
    return float(m) + log(float(total))


@vectorized
def _softmax(p: numbers, of_class: numbers, factor: number, width: int):
    for j in range(width):
        p[j] = factor * of_class[j] * _power(of_class[width + j])
