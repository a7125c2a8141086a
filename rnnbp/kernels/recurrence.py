"""The loop over time, for any cell.

It does what `rnnbp.gradients.bptt` specifies, for a share of the sequences of a batch::

    for each chunk of steps
        z = b + x W                                  `project`, for the chunk's rows
        for each step of it, for each stage
            z += source U                            `add_product`
            z, s = step(z, s')                       the stage's own rows function, by its address

    for each chunk, from the last to the first
        for each step of it, for each stage, from the last to the first
            dz, ds' = pullback(ds)                   by its address
            ds += dz U^T                             `product_backward`
        dx = dz W^T                                  `input_backward`

after which `rnnbp.kernels.weight_gradients` sums what the steps say of weights. Chunks are there for the cache: the
rows of z that one part has written are near when the next one reads them.

If all is saved for a backward pass, z and the variables have a row for each row of x, in the same order; the variables
have the initial states before them. If not, each share has rows for one chunk, which the next chunk overwrites::

    saved        z          | step 0 | step 1 | step 2 | ...
                variable   | initial | step 0 | step 1 | ...     previous of step t: the rows of step t - 1, or initial
    not saved    z          | n rows a step of the chunk | of the next share ...
                variable   | carried | n rows a step of the chunk | of the next share ...
"""

from __future__ import annotations

from rnnbp.kernels.emitter import Operand, Step
from rnnbp.kernels.language import address, call, clear, copy, floats, ints, numbers
from rnnbp.kernels.products import (
    Layout,
    ProductRecord,
    Projection,
    add_product,
    input_backward,
    norm_backward,
    product_backward,
    project,
)
from rnnbp.kernels.records import Record
from rnnbp.kernels.rows import add_numbers, start_rows

__all__ = ["RecurrenceRecord", "StageRecord", "Variable", "recurrence_backward", "recurrence_forward"]


class Variable(Record):
    """What a stage computes: its values, a row for each frame, and their gradient, a row for each sequence.

    If stages look at the previous value of a state after there is a new one (`is_looked_back_at`), the gradient of the
    previous one gathers in `previous`, and takes its place after the step. A state is carried on: `initial`, `d_final`
    are what users gave (`has_...`), `final`, `d_initial` what they get.
    """

    values: numbers
    gradient: numbers
    is_looked_back_at: int
    previous: numbers
    width: int
    is_state: int
    has_initial: int
    initial: numbers
    final: numbers
    has_d_final: int
    d_final: numbers
    d_initial: numbers


class StageRecord(Record):
    """Some products, and the rows functions that follow them, forwards and back, on one list of operands."""

    products: ProductRecord
    n_products: int
    forward: address
    operands: Operand
    backward: address
    width: int


class RecurrenceRecord(Record):
    """A cell over a batch.

    `keep` says whether a backward pass will follow; if not, `share_rows` are the rows of memory that each share has.
    A chunk has `chunk_rows` rows of z, or one step.
    `output` and `forced` are the variables that are put out, and that a teacher's values (if `taught`) replace; with
    `taught` at 2, at the rows for which `is_taught` holds.
    """

    projection: Projection
    variables: Variable
    n_variables: int
    stages: StageRecord
    n_stages: int
    output: Variable
    teacher_forced: Variable
    teacher_forcing: int
    teacher: numbers
    is_forced: ints
    y: numbers
    dy: numbers
    keep: int
    block_rows: int
    share_rows: int
    steps: Step


def _count(layout: Layout, t: int, first: int, stop: int) -> int:
    """Return how many of the sequences from `first` to `stop` have a step t."""
    if t >= layout.n_steps:
        return 0
    return max(0, min(layout.counts[t], stop) - first)  # type: ignore[no-any-return]


def _place(r: RecurrenceRecord, step: Step, t: int, first: int, stop: int):
    """Find the rows of step t."""
    layout = r.projection.layout
    step.n = _count(layout, t, first, stop)
    step.place = layout.starts[t] + first
    step.sequence = first
    if r.keep > 0:
        step.slot = step.place
        step.current = layout.n_sequences + step.place
        step.previous = layout.n_sequences + layout.starts[t - 1] + first if t > 0 else first


def recurrence_forward(r: RecurrenceRecord, share: int):
    """Run a share of the sequences."""
    layout, step = r.projection.layout, r.steps[share]
    first, stop = layout.bounds[share], layout.bounds[share + 1]
    moments = r.projection.moments + 2 * share
    n_own = stop - first
    base = 0 if r.keep > 0 else share * r.share_rows
    initial = first if r.keep > 0 else base
    for v in range(r.n_variables):
        state = r.variables[v]
        if state.is_state > 0:
            width = state.width
            start_rows(state.values + initial * width, state.initial + first * width, state.has_initial, n_own * width)
    steps_per_block, t = max(1, r.block_rows // n_own), 0
    while _count(layout, t, first, stop) > 0:
        block_stop = min(t + steps_per_block, layout.n_steps)
        _project(r, t, block_stop, first, stop, base, moments)
        step.previous, step.slot = initial, base
        while t < block_stop and _count(layout, t, first, stop) > 0:
            _place(r, step, t, first, stop)
            if r.keep == 0:
                step.current = step.slot + n_own
            _run_stages(r, step, moments)
            if r.teacher_forcing > 0:
                _teach(r, step)
            if r.keep == 0:
                width = r.output.width
                copy(r.y + step.place * width, r.output.values + step.current * width, step.n * width)
            _end(r, step, _count(layout, t + 1, first, stop))
            step.slot += step.n
            step.previous = step.current
            t += 1
        if r.keep == 0:
            _carry(r, step.current, initial, _count(layout, t, first, stop))


def _project(r: RecurrenceRecord, t: int, block_stop: int, first: int, stop: int, base: int, moments: floats):
    """Start the rows of z of some steps; where they follow each other in memory, all at once."""
    p, layout = r.projection, r.projection.layout
    if layout.n_shares == 1:
        n = layout.starts[block_stop] - layout.starts[t]
        project(p, layout.starts[t], layout.starts[t] if r.keep > 0 else base, n, moments)
    else:
        at = base
        for u in range(t, block_stop):
            n, place = _count(layout, u, first, stop), layout.starts[u] + first
            project(p, place, place if r.keep > 0 else at, n, moments)
            at += n


def _run_stages(r: RecurrenceRecord, step: Step, moments: floats):
    """Run all stages for the rows of a step."""
    for s in range(r.n_stages):
        stage = r.stages[s]
        for i in range(stage.n_products):
            add_product(r.projection, stage.products[i], step, moments)
        call(stage.forward, stage.operands, step, step.n, stage.width)


def _teach(r: RecurrenceRecord, step: Step):
    """Put a teacher's values in the place of those that are fed back."""
    width = r.teacher_forced.width
    values, teacher = r.teacher_forced.values + step.current * width, r.teacher + step.place * width
    for k in range(step.n):
        if r.teacher_forcing == 1 or r.is_forced[step.place + k] > 0:
            copy(values + k * width, teacher + k * width, width)


def _end(r: RecurrenceRecord, step: Step, going_on: int):
    """Give out the states of the sequences that end with a step."""
    if going_on < step.n:
        for v in range(r.n_variables):
            state = r.variables[v]
            if state.is_state > 0:
                width, n = state.width, step.n - going_on
                values = state.values + (step.current + going_on) * width
                copy(state.final + (step.sequence + going_on) * width, values, n * width)


def _carry(r: RecurrenceRecord, current: int, initial: int, n: int):
    """Carry n states on to where the next chunk begins from."""
    for v in range(r.n_variables):
        state = r.variables[v]
        if state.is_state > 0 and n > 0:
            copy(state.values + initial * state.width, state.values + current * state.width, n * state.width)


def recurrence_backward(r: RecurrenceRecord, share: int):
    """Pull a share of the sequences back through what `recurrence_forward` has saved."""
    p, layout, step = r.projection, r.projection.layout, r.steps[share]
    first, stop = layout.bounds[share], layout.bounds[share + 1]
    moments = p.moments + 2 * share
    for v in range(r.n_variables):
        variable = r.variables[v]
        width, n = variable.width, (stop - first) * variable.width
        gradient = variable.gradient + first * width
        start_rows(gradient, variable.d_final + first * width, variable.has_d_final, n)
        if variable.is_looked_back_at > 0:
            clear(variable.previous + first * width, n)
    steps_per_block, t_stop = max(1, r.block_rows // (stop - first)), layout.n_steps
    while _count(layout, t_stop - 1, first, stop) == 0:
        t_stop -= 1
    while t_stop > 0:
        t_first = max(0, t_stop - steps_per_block)
        for t in range(t_stop - 1, t_first - 1, -1):
            _place(r, step, t, first, stop)
            _stages_backward(r, step, moments)
        if p.wants_dx > 0:
            if layout.n_shares == 1:
                row = layout.starts[t_first]
                input_backward(p, row, row, layout.starts[t_stop] - row)
            else:
                for t in range(t_first, t_stop):
                    row = layout.starts[t] + first
                    input_backward(p, row, row, _count(layout, t, first, stop))
        t_stop = t_first
    for v in range(r.n_variables):
        state = r.variables[v]
        if state.is_state > 0:
            width = state.width
            copy(state.d_initial + first * width, state.gradient + first * width, (stop - first) * width)


def _stages_backward(r: RecurrenceRecord, step: Step, moments: floats):
    """Pull the rows of a step back through all stages."""
    p = r.projection
    if r.teacher_forcing > 0:
        for k in range(step.n):
            if r.teacher_forcing == 1 or r.is_forced[step.place + k] > 0:  # a teacher's value has no past
                clear(r.teacher_forced.gradient + (step.sequence + k) * r.teacher_forced.width, r.teacher_forced.width)
    width = r.output.width
    add_numbers(r.output.gradient + step.sequence * width, r.dy + step.place * width, step.n * width)
    for s in range(r.n_stages - 1, -1, -1):
        stage = r.stages[s]
        call(stage.backward, stage.operands, step, step.n, stage.width)
        for i in range(stage.n_products):
            product_backward(p, stage.products[i], step, moments)
    for v in range(r.n_variables):
        state = r.variables[v]
        if state.is_looked_back_at > 0:
            n, previous = step.n * state.width, state.previous + step.sequence * state.width
            add_numbers(state.gradient + step.sequence * state.width, previous, n)
            clear(previous, n)
    for i in range(p.n_inputs):
        product = p.products[i]
        if product.normalized > 0:
            x = p.x + step.place * product.depth
            norm_backward(p, product, x, x, step, moments)
