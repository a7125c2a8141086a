"""What has no state: elementwise functions over rows, pooling over time, rows in reverse.

::

    y = f(x)                                  dx = pullback of f, of dy      by its address
    LastStep        y = x(L)                  dx(L) = dy
     both ways      y = [x_f(L), x_b(1)]      dx_f(L) = dy_f, dx_b(1) = dy_b
    MeanOverTime    y = 1/L sum_t x(t)        dx(t) = dy / L
    MaxOverTime     y = max_t x(t)            dx(argmax) = dy

A kernel does a share of the rows, or all of them, if they are few.
"""

from __future__ import annotations

from rnnbp.kernels.emitter import Operand, Step
from rnnbp.kernels.language import address, call, clear, copy, ints, number, numbers
from rnnbp.kernels.products import Layout
from rnnbp.kernels.records import Record
from rnnbp.kernels.rows import add_numbers

__all__ = [
    "Elementwise",
    "Moved",
    "Pooling",
    "apply_rows",
    "gather",
    "gather_add",
    "last_backward",
    "last_forward",
    "max_backward",
    "max_forward",
    "mean_backward",
    "mean_forward",
]


class Elementwise(Record):
    """A rows function with its operands; each share has a `Step` of its own to say where its rows begin."""

    layout: Layout
    function: address
    operands: Operand
    width: int
    steps: Step


class Pooling(Record):
    """Sequences x, and one row y of each.

    The first `split` features come from a forward direction, the others from a backward one; `best` has the row of each
    maximum.
    """

    layout: Layout
    x: numbers
    y: numbers
    dx: numbers
    dy: numbers
    width: int
    split: int
    best: ints


class Moved(Record):
    """Rows of one matrix (`a`, `a_pitch` numbers apart) that are rows ``index[r]`` of another."""

    n: int
    index: ints
    to: numbers
    to_pitch: int
    a: numbers
    a_pitch: int
    width: int


def apply_rows(e: Elementwise, share: int):
    """Run a function over a share of the rows."""
    n, of, step = e.layout.n_rows, e.layout.n_shares, e.steps[share]
    step.place = n * share // of
    step.n = n * (share + 1) // of - step.place
    call(e.function, e.operands, step, step.n, e.width)


def last_forward(p: Pooling, share: int):
    """Take each sequence's own last row, or first row where the sequence was read backwards."""
    layout, width, split = p.layout, p.width, p.split
    for i in range(layout.n_sequences):
        last = layout.starts[layout.lengths[i] - 1] + i
        copy(p.y + i * width, p.x + last * width, split)
        copy(p.y + (i * width + split), p.x + (i * width + split), width - split)


def last_backward(p: Pooling, share: int):
    """Put dy where y was taken from, and zero elsewhere."""
    layout, width, split = p.layout, p.width, p.split
    clear(p.dx, layout.n_rows * width)
    for i in range(layout.n_sequences):
        last = layout.starts[layout.lengths[i] - 1] + i
        copy(p.dx + last * width, p.dy + i * width, split)
        copy(p.dx + (i * width + split), p.dy + (i * width + split), width - split)


def mean_forward(p: Pooling, share: int):
    """Add up each sequence's rows, and divide by its length."""
    layout, width = p.layout, p.width
    clear(p.y, layout.n_sequences * width)
    for t in range(layout.n_steps):
        add_numbers(p.y, p.x + layout.starts[t] * width, layout.counts[t] * width)
    for i in range(layout.n_sequences):
        y, length = p.y + i * width, number(layout.lengths[i])
        for j in range(width):
            y[j] = y[j] / length


def mean_backward(p: Pooling, share: int):
    """Give each row its share of dy."""
    layout, width = p.layout, p.width
    for i in range(layout.n_sequences):
        dx, dy, length = p.dx + i * width, p.dy + i * width, number(layout.lengths[i])
        for j in range(width):
            dx[j] = dy[j] / length
    for t in range(1, layout.n_steps):
        copy(p.dx + layout.starts[t] * width, p.dx, layout.counts[t] * width)


def max_forward(p: Pooling, share: int):
    """Find each feature's largest value, and the row that has it first."""
    layout, width = p.layout, p.width
    copy(p.y, p.x, layout.n_sequences * width)
    for k in range(layout.n_sequences * width):
        p.best[k] = k // width
    for t in range(1, layout.n_steps):
        row = layout.starts[t]
        x, y, best = p.x + row * width, p.y, p.best
        for k in range(layout.counts[t] * width):
            if x[k] > y[k]:
                y[k] = x[k]
                best[k] = row + k // width


def max_backward(p: Pooling, share: int):
    """Put dy where the maximum was, and zero elsewhere."""
    layout, width = p.layout, p.width
    clear(p.dx, layout.n_rows * width)
    for i in range(layout.n_sequences):
        for j in range(width):
            k = i * width + j
            p.dx[p.best[k] * width + j] = p.dy[k]


def gather(m: Moved, share: int):
    """Set rows r to rows ``index[r]`` of a, or to zero where that is negative."""
    for r in range(m.n):
        if m.index[r] >= 0:
            copy(m.to + r * m.to_pitch, m.a + m.index[r] * m.a_pitch, m.width)
        else:
            clear(m.to + r * m.to_pitch, m.width)


def gather_add(m: Moved, share: int):
    """Add rows ``index[r]`` of a to rows r, but where that is negative."""
    for r in range(m.n):
        if m.index[r] >= 0:
            add_numbers(m.to + r * m.to_pitch, m.a + m.index[r] * m.a_pitch, m.width)
