"""The compiled loop over time, made for any cell from its steps and pullbacks.

It does what `rnnbp.gradients.bptt` specifies, for one packed batch or a thread's share of it, in one call::

    for each chunk of steps
        z = b + x W                                  `project`, for the chunk's rows
        for each step of it, for each stage
            z += source U                            `apply_products`
            z, s = step(z, s')                       `step_rows`, on vector registers

    for each chunk, from the last to the first
        for each step of it, for each stage, from the last to the first
            dz, ds' = pullback(ds)                   `pull_rows`
            ds += dz U^T                             `pull_products`
        dW += x^T dz;  dU += source^T dz;  db += sum dz;  dx = dz W^T

Chunks are there for the cache: the rows of z that one part has written are near when the next one reads them.

Where a step's rows are is said by the rows of a table (`rnnbp.kernels.products`, STEP). If all is kept for a backward
pass, the threads share z and the slabs of variables, and a step's rows lie there as they do in x. If not, each thread
has z and slabs for the rows of one chunk, which the next chunk overwrites.

What a stage consists of is passed in tuples, so that one text serves all cells: numba compiles it for each.
"""

from __future__ import annotations

from typing import Any

from rnnbp.kernels.compiling import compiled
from rnnbp.kernels.functions import named
from rnnbp.kernels.products import (
    COUNT,
    CURRENT,
    PLACE,
    PREVIOUS,
    SLOT,
    add_biases,
    add_outer,
    apply_products,
    clear_gradients,
    give_biases,
    pack_weights,
    project,
    pull_products,
)
from rnnbp.kernels.rows import add_rows, copy_rows, start_rows, sum_rows
from rnnbp.kernels.simd import add_each, clear_each, lanes_of, load_columns, load_each, store_columns, store_each

__all__ = ["make_loops"]


@compiled
def project_chunk(address, z, x, steps, bias, pieces, packed):
    """Start the rows of some steps; those that follow each other in memory are projected together."""
    t = 0
    while t < len(steps):
        slot, place, n = steps[t, SLOT], steps[t, PLACE], steps[t, COUNT]
        t += 1
        while t < len(steps) and steps[t, PLACE] == place + n and steps[t, SLOT] == slot + n:
            n += steps[t, COUNT]
            t += 1
        project(address, z, slot, x, place, n, bias, pieces, packed)


@compiled
def pull_input(address, dx, dz, steps, pieces, transposed):
    """Write dL/dx for some steps."""
    for step in steps:
        n, place = step[COUNT], step[PLACE]
        pulled = dx[place : place + n]
        pulled[:] = 0
        for i in range(len(transposed)):
            piece = pieces[i : i + 1]
            pull_products(address, dz, step[SLOT], n, (pulled,), pulled, pulled, piece, (transposed[i],))


def make_stage(step: Any, pullback: Any, fingerprint: str) -> tuple[Any, Any]:
    """Return loops over the rows of one step, for the elementwise part of a stage; see `make_loops`."""

    def step_rows(z, first, columns, reads, previous, uses, outputs, current, n):
        width, lanes = outputs[0].shape[1], lanes_of(z)
        whole = width - width % lanes
        for r in range(n):
            at_z = (first + r) * z.shape[1]
            at_previous, at_current = (previous + r) * width, (current + r) * width
            for j in range(0, whole, lanes):
                blocks = load_columns((z, columns), at_z + j, 0, 0)
                inputs = load_each(reads, at_previous + j, 0, 0) + load_each(uses, at_current + j, 0, 0)
                kept, values = step(blocks, inputs)
                store_columns((z, columns), at_z + j, 0, 0, kept)
                store_each(outputs, at_current + j, 0, 0, values)
            if whole < width:
                j, rest = whole, width - whole
                blocks = load_columns((z, columns), at_z + j, rest, 1)
                inputs = load_each(reads, at_previous + j, rest, 1) + load_each(uses, at_current + j, rest, 1)
                kept, values = step(blocks, inputs)
                store_columns((z, columns), at_z + j, rest, 1, kept)
                store_each(outputs, at_current + j, rest, 1, values)

    def pull_rows(z, first, columns, reads, previous, uses, outputs, current, n, d_inputs, d_outputs):
        width, lanes = outputs[0].shape[1], lanes_of(z)
        whole = width - width % lanes
        for r in range(n):
            at_z, at_d = (first + r) * z.shape[1], r * width
            at_previous, at_current = (previous + r) * width, (current + r) * width
            for j in range(0, whole, lanes):
                kept = load_columns((z, columns), at_z + j, 0, 0)
                inputs = load_each(reads, at_previous + j, 0, 0) + load_each(uses, at_current + j, 0, 0)
                values, d_values = load_each(outputs, at_current + j, 0, 0), load_each(d_outputs, at_d + j, 0, 0)
                d_blocks, d_in = pullback(kept, inputs, values, d_values)
                store_columns((z, columns), at_z + j, 0, 0, d_blocks)
                clear_each(d_outputs, at_d + j, 0, 0)
                add_each(d_inputs, at_d + j, 0, 0, d_in)
            if whole < width:
                j, rest = whole, width - whole
                kept = load_columns((z, columns), at_z + j, rest, 1)
                inputs = load_each(reads, at_previous + j, rest, 1) + load_each(uses, at_current + j, rest, 1)
                values, d_values = load_each(outputs, at_current + j, rest, 1), load_each(d_outputs, at_d + j, rest, 1)
                d_blocks, d_in = pullback(kept, inputs, values, d_values)
                store_columns((z, columns), at_z + j, rest, 1, d_blocks)
                clear_each(d_outputs, at_d + j, rest, 1)
                add_each(d_inputs, at_d + j, rest, 1, d_in)

    return named(step_rows, fingerprint), named(pull_rows, fingerprint)


def make_loops(stages: tuple[tuple[Any, Any], ...], fingerprint: str) -> tuple[Any, Any, Any]:
    """Compile the loops over time for a cell.

    Parameters
    ----------
    stages : tuple of (step, pullback)
        One or two; functions that numba can compile. With one, the loops' arguments for a second are empty tuples.
    fingerprint : str
        Of all that the compiled code depends on; it is part of the key of the cache on disk.

    Returns
    -------
    prepare, forward, backward : compiled functions
    """
    two = len(stages) > 1
    step_first, pull_first = make_stage(*stages[0], f"first_{fingerprint}")
    step_second, pull_second = make_stage(*stages[-1], f"second_{fingerprint}") if two else (step_first, pull_first)

    @compiled
    def prepare(bias, inputs, first, second, both):
        bias[:] = 0
        pieces_x, weights_x, biases_x, packed_x, transposed_x = inputs
        pieces_1, weights_1, biases_1, packed_1, transposed_1 = first
        pack_weights(pieces_x, weights_x, packed_x, transposed_x, both)
        pack_weights(pieces_1, weights_1, packed_1, transposed_1, both)
        add_biases(bias, pieces_x, biases_x)
        add_biases(bias, pieces_1, biases_1)
        if two:
            pieces_2, weights_2, biases_2, packed_2, transposed_2 = second
            pack_weights(pieces_2, weights_2, packed_2, transposed_2, both)
            add_biases(bias, pieces_2, biases_2)

    @compiled
    def forward(
        address, x, y, z, bias, mask, inputs, first, second, states, initials, finals, output, teacher, steps, chunks
    ):
        pieces_x, packed_x = inputs
        pieces_1, packed_1, sources_1, unmasked_1, columns_1, reads_1, uses_1, outputs_1 = first
        if two:
            pieces_2, packed_2, sources_2, unmasked_2, columns_2, reads_2, uses_2, outputs_2 = second
        forced, teacher_rows = teacher
        T, keep, going_on = len(steps), y.shape[0] == 0, steps[0, COUNT]
        for i in range(len(states)):
            start_rows(states[i], steps[0, PREVIOUS], initials[i], steps[0, COUNT])
        for c in range(len(chunks) - 1):
            t_first, t_stop = chunks[c], chunks[c + 1]
            project_chunk(address, z, x, steps[t_first:t_stop], bias, pieces_x, packed_x)
            for t in range(t_first, t_stop):
                step = steps[t]
                n, place, slot = step[COUNT], step[PLACE], step[SLOT]
                current, previous = step[CURRENT], step[PREVIOUS]
                apply_products(address, z, step, sources_1, unmasked_1, mask, pieces_1, packed_1)
                step_first(z, slot, columns_1, reads_1, previous, uses_1, outputs_1, current, n)
                if two:
                    apply_products(address, z, step, sources_2, unmasked_2, mask, pieces_2, packed_2)
                    step_second(z, slot, columns_2, reads_2, previous, uses_2, outputs_2, current, n)
                if len(teacher_rows) > 0:
                    copy_rows(forced, current, teacher_rows, place, n)
                if not keep:
                    copy_rows(y, place, output, current, n)
                going_on = steps[t + 1, COUNT] if t + 1 < T else 0
                if going_on < n:
                    for i in range(len(states)):
                        copy_rows(finals[i], going_on, states[i], current + going_on, n - going_on)
            if not keep and t_stop < T:
                for i in range(len(states)):
                    copy_rows(states[i], steps[t_stop, PREVIOUS], states[i], steps[t_stop - 1, CURRENT], going_on)

    @compiled
    def backward(
        address, x, dy, dx, z, d_bias, add, mask, d_masked, inputs, first, second, d_variables, d_states, d_finals,
        d_initials, d_output, teacher, steps, chunks, source_rows, dz_rows,
    ):  # fmt: skip
        pieces_x, transposed_x, gradients_x, d_biases_x = inputs
        pieces_1, transposed_1, gradients_1, d_biases_1 = first[:4]
        sources_1, columns_1, reads_1, uses_1, outputs_1, d_sources_1, d_inputs_1, d_outputs_1 = first[4:]
        if not add:
            clear_gradients(gradients_x, pieces_x)
            clear_gradients(gradients_1, pieces_1)
            d_bias[:] = 0
        if two:
            pieces_2, transposed_2, gradients_2, d_biases_2 = second[:4]
            sources_2, columns_2, reads_2, uses_2, outputs_2, d_sources_2, d_inputs_2, d_outputs_2 = second[4:]
            if not add:
                clear_gradients(gradients_2, pieces_2)
        d_forced, teacher_rows = teacher
        for i in range(len(d_variables)):
            d_variables[i][:] = 0
        for i in range(len(d_states)):
            start_rows(d_states[i], 0, d_finals[i], steps[0, COUNT])
        for c in range(len(chunks) - 2, -1, -1):
            t_first, t_stop = chunks[c], chunks[c + 1]
            n_chunk = 0
            for t in range(t_stop - 1, t_first - 1, -1):
                step = steps[t]
                n, place, slot = step[COUNT], step[PLACE], step[SLOT]
                current, previous = step[CURRENT], step[PREVIOUS]
                n_chunk += n
                if len(teacher_rows) > 0:
                    d_forced[:n] = 0
                add_rows(d_output, 0, dy, place, n)
                if two:
                    pull_second(
                        z, slot, columns_2, reads_2, previous, uses_2, outputs_2, current, n, d_inputs_2, d_outputs_2
                    )
                    pull_products(address, z, slot, n, d_sources_2, mask, d_masked, pieces_2, transposed_2)
                pull_first(
                    z, slot, columns_1, reads_1, previous, uses_1, outputs_1, current, n, d_inputs_1, d_outputs_1
                )
                pull_products(address, z, slot, n, d_sources_1, mask, d_masked, pieces_1, transposed_1)
                sum_rows(d_bias, z, slot, n)
            chunk = steps[t_first:t_stop]
            for i in range(len(gradients_x)):
                piece = pieces_x[i : i + 1]
                add_outer(address, (gradients_x[i],), (x,), piece, z, chunk, n_chunk, source_rows, dz_rows)
            add_outer(address, gradients_1, sources_1, pieces_1, z, chunk, n_chunk, source_rows, dz_rows)
            if two:
                add_outer(address, gradients_2, sources_2, pieces_2, z, chunk, n_chunk, source_rows, dz_rows)
            if dx.shape[0] > 0:
                pull_input(address, dx, z, chunk, pieces_x, transposed_x)
        give_biases(d_bias, pieces_x, d_biases_x)
        give_biases(d_bias, pieces_1, d_biases_1)
        if two:
            give_biases(d_bias, pieces_2, d_biases_2)
        for i in range(len(d_states)):
            copy_rows(d_initials[i], 0, d_states[i], 0, steps[0, COUNT])

    return prepare, forward, backward
