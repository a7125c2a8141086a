"""The compiled loop over time, made for any cell from its steps and pullbacks.

It does what `rnnbp.gradients.bptt` specifies, for one packed batch or a thread's share of it, in one call::

    for each chunk of steps
        z = b + x W                                  `project`, for the chunk's rows
        for each step of it, for each stage
            z += source U                            `add_product`
            z, s = step(z, s')                       `step_rows`, on vector registers

    for each chunk, from the last to the first
        for each step of it, for each stage, from the last to the first
            dz, ds' = pullback(ds)                   `pull_rows`
            ds += dz U^T                             `pull_product`
        dW += x^T dz;  dU += source^T dz;  db += sum dz;  dx = dz W^T

Chunks are there for the cache: the rows of z that one part has written are near when the next one reads them.

Where a step's rows are is said by the rows of a table (`rnnbp.kernels.products`, STEP). If all is kept for a backward
pass, the threads share z and the slabs of variables, and a step's rows lie there as they do in x. If not, each thread
has z and slabs for the rows of one chunk, which the next chunk overwrites.

What a cell consists of is passed in tuples, so that one text serves all cells: numba compiles it for each. The stages
are a chain of functions, each of which does one stage and calls the next (forwards) or is called by it (backwards).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable

from rnnbp.kernels.compiling import compiled
from rnnbp.kernels.functions import named
from rnnbp.kernels.products import (
    COUNT,
    CURRENT,
    MASKED,
    NORMALIZED,
    PLACE,
    PREVIOUS,
    ROWS,
    SLOT,
    add_outer,
    add_product,
    clear_gradients,
    give_biases,
    mask_source,
    prepare,
    prepare_back,
    pull_norm,
    pull_product,
)
from rnnbp.kernels.rows import add_rows, copy_rows, fill_rows, start_rows, sum_rows
from rnnbp.kernels.simd import (
    add_each,
    clear_each,
    copy,
    lanes_of,
    load_columns,
    load_each,
    store_columns,
    store_each,
)

__all__ = ["make_loops"]

ZERO = np.int64(0)  # no literal: see rnnbp.kernels.products


@compiled
def project(address, z, x, steps, bias, noise, noise_column, n_inputs, pieces, packed, gains, targets):
    """Start the rows of some steps; those that follow each other in memory are projected together."""
    t = 0
    while t < len(steps):
        slot, place, n = steps[t, SLOT], steps[t, PLACE], steps[t, COUNT]
        t += 1
        while t < len(steps) and steps[t, PLACE] == place + n and steps[t, SLOT] == slot + n:
            n += steps[t, COUNT]
            t += 1
        fill_rows(z, slot, bias, n)
        if len(noise) > 0:
            width = noise.shape[1]
            for r in range(n):
                copy(z, (slot + r) * z.shape[1] + noise_column, noise, (place + r) * width, width)
        for i in range(n_inputs):
            add_product(address, z, slot, n, x, place, pieces[i], packed[i], gains[i], targets)


@compiled
def pull_input(address, dx, dz, steps, n_inputs, pieces, packed):
    """Write dL/dx for some steps."""
    for step in steps:
        n, place = step[COUNT], step[PLACE]
        pulled = dx[place : place + n]
        pulled[:] = 0
        for i in range(n_inputs):
            pull_product(
                address, dz, step[SLOT], n, pulled, pulled, pulled, pieces[i], packed[i]
            )  # fmt: skip


def make_rows(step: Any, pullback: Any, fingerprint: str) -> tuple[Any, Any]:
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


def make_stage(step: Any, pullback: Any, run_later: Any, pull_later: Any, fingerprint: str) -> tuple[Any, Any]:
    """Return functions that run a stage and those after it, and that pull those back and then it."""
    step_rows, pull_rows = make_rows(step, pullback, fingerprint)

    def run(address, z, step, mask, pieces, packed, gains, targets, sources, unmasked, stages):
        first, stop, columns, reads, uses, outputs = stages[0]
        n, slot = step[COUNT], step[SLOT]
        for i in range(first, stop):
            row = step[pieces[i, ROWS]]
            if pieces[i, MASKED]:
                mask_source(sources[i], unmasked[i], mask, row, n)
            add_product(address, z, slot, n, sources[i], row, pieces[i], packed[i], gains[i], targets)
        step_rows(z, slot, columns, reads, step[PREVIOUS], uses, outputs, step[CURRENT], n)
        run_later(address, z, step, mask, pieces, packed, gains, targets, sources, unmasked, stages[1:])

    def pull(
        address,
        z,
        step,
        mask,
        d_masked,
        pieces,
        packed,
        gains,
        targets,
        sources,
        d_sources,
        d_gains,
        stages,
    ):
        pull_later(
            address, z, step, mask, d_masked, pieces, packed, gains, targets, sources, d_sources, d_gains,
            stages[1:],
        )  # fmt: skip
        first, stop, columns, reads, uses, outputs, d_inputs, d_outputs = stages[0]
        n, slot = step[COUNT], step[SLOT]
        pull_rows(z, slot, columns, reads, step[PREVIOUS], uses, outputs, step[CURRENT], n, d_inputs, d_outputs)
        for i in range(first, stop):
            if pieces[i, NORMALIZED]:
                row = step[pieces[i, ROWS]]
                pull_norm(z, slot, n, sources[i], row, pieces[i], gains[i], targets, d_sources[i], d_gains[i])
            pull_product(address, z, slot, n, d_sources[i], mask, d_masked, pieces[i], packed[i])

    return named(run, fingerprint), named(pull, fingerprint)


@register_jitable
def no_stage_runs(address, z, step, mask, pieces, packed, gains, targets, sources, unmasked, stages):
    """End the chain of stages."""


@register_jitable
def no_stage_pulls(
    address, z, step, mask, d_masked, pieces, packed, gains, targets, sources, d_sources, d_gains, stages
):
    """End the chain of stages."""


def make_loops(stages: tuple[tuple[Any, Any], ...], fingerprint: str) -> tuple[Any, Any]:
    """Compile the loops over time for a cell.

    Parameters
    ----------
    stages : tuple of (step, pullback)
        Functions that numba can compile.
    fingerprint : str
        Of all that the compiled code depends on; it is part of the key of the cache on disk.

    Returns
    -------
    forward, backward : compiled functions
    """
    run_stages, pull_stages = no_stage_runs, no_stage_pulls
    for k in reversed(range(len(stages))):
        run_stages, pull_stages = make_stage(*stages[k], run_stages, pull_stages, f"{k}_{fingerprint}")

    @compiled
    def forward(
        address, x, y, z, bias, noise, noise_column, mask, n_inputs, pieces, packed, gains, targets, sources, unmasked,
        stages, states, initials, finals, output, forced, teacher, steps, chunks, unprepared, start, weights, biases,
    ):  # fmt: skip
        if unprepared:
            prepare(bias, start, pieces, targets, weights, biases, packed)
        T, keep, going_on = len(steps), y.shape[0] == 0, steps[0, COUNT]
        for i in range(len(states)):
            start_rows(states[i], steps[0, PREVIOUS], initials[i], steps[0, COUNT])
        for c in range(len(chunks) - 1):
            t_first, t_stop = chunks[c], chunks[c + 1]
            chunk = steps[t_first:t_stop]
            project(address, z, x, chunk, bias, noise, noise_column, n_inputs, pieces, packed, gains, targets)
            for t in range(t_first, t_stop):
                step = steps[t]
                n, place, current = step[COUNT], step[PLACE], step[CURRENT]
                run_stages(address, z, step, mask, pieces, packed, gains, targets, sources, unmasked, stages)
                if len(teacher) > 0:
                    copy_rows(forced, current, teacher, place, n)
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
        address, x, dy, dx, z, d_bias, add, mask, d_masked, n_inputs, pieces, packed, gains, targets,
        sources, d_sources, gradients, d_gains, d_biases, stages, d_variables, d_states, d_finals, d_initials, d_output,
        d_forced, teacher, steps, chunks, source_rows, dz_rows, unprepared, weights,
    ):  # fmt: skip
        if unprepared:
            prepare_back(pieces, weights, packed)
        if not add:
            clear_gradients(pieces, gradients, d_gains)
            d_bias[:] = 0
        for i in range(len(d_variables)):
            d_variables[i][:] = 0
        for i in range(len(d_states)):
            start_rows(d_states[i], ZERO, d_finals[i], steps[0, COUNT])
        for c in range(len(chunks) - 2, -1, -1):
            t_first, t_stop = chunks[c], chunks[c + 1]
            n_chunk = ZERO
            for t in range(t_stop - 1, t_first - 1, -1):
                step = steps[t]
                n, slot, place = step[COUNT], step[SLOT], step[PLACE]
                n_chunk += n
                if len(teacher) > 0:
                    d_forced[:n] = 0
                add_rows(d_output, ZERO, dy, place, n)
                pull_stages(
                    address, z, step, mask, d_masked, pieces, packed, gains, targets, sources, d_sources,
                    d_gains, stages,
                )  # fmt: skip
                for i in range(n_inputs):
                    if pieces[i, NORMALIZED]:
                        pull_norm(z, slot, n, x, place, pieces[i], gains[i], targets, d_masked, d_gains[i])
                sum_rows(d_bias, z, slot, n)
            chunk = steps[t_first:t_stop]
            for i in range(len(gradients)):
                source = x if i < n_inputs else sources[i]
                add_outer(address, gradients[i], source, pieces[i], z, chunk, n_chunk, source_rows, dz_rows)
            if dx.shape[0] > 0:
                pull_input(address, dx, z, chunk, n_inputs, pieces, packed)
        give_biases(d_bias, pieces, targets, d_biases)
        for i in range(len(d_states)):
            copy_rows(d_initials[i], ZERO, d_states[i], ZERO, steps[0, COUNT])

    return forward, backward
