"""A recurrence, run by the compiled loop of `rnnbp.kernels`; `layout` prepares what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.workspace import Workspace, contiguous
from rnnbp.gradients.algorithm import Run
from rnnbp.gradients.recurrence import Recurrence, Variables
from rnnbp.kernels import threads

if TYPE_CHECKING:
    from rnnbp.gradients.compiled.layout import Loop

__all__ = ["CompiledRun", "backward", "can_run", "forward", "loop_of", "steps_per_sum"]

Array = NDArray[Any]


@dataclass(eq=False)
class CompiledRun(Run):
    """A run by the compiled loop, which holds what it saved."""

    loop: Loop


def can_run(recurrence: Recurrence) -> bool:
    """Whether the compiled loop can run a recurrence."""
    return recurrence.compiled and recurrence.cell.is_elementwise


def steps_per_sum(recurrence: Recurrence) -> int:
    """Return the number of steps whose weight gradients are added up together."""
    from rnnbp.gradients.compiled.layout import steps_in_a_sum

    return steps_in_a_sum(recurrence.packing) if recurrence.whole is None else steps_per_sum(recurrence.whole)


def loop_of(recurrence: Recurrence, workspace: Workspace) -> Loop:
    """Return the loop that a workspace keeps for a recurrence."""
    from rnnbp.gradients.compiled.layout import Loop

    loop: Loop | None = workspace.loop
    if loop is None or not loop.serves(recurrence.cell, recurrence.parameters):
        loop = workspace.loop = Loop(recurrence.cell, recurrence.parameters, recurrence.x.dtype)
    return loop


def runner(loop: Loop) -> threads.Runner:
    """Return what runs a loop by itself: forwards, then back."""
    if loop.runner is None:
        loop.runner = threads.Runner(loop.engine, [*loop.prepare, *loop.forward, *loop.backward])
    made: threads.Runner = loop.runner
    made.lay_out()
    return made


def n_forward(loop: Loop) -> int:
    """Return how many of a runner's instructions go forwards."""
    return len(loop.prepare) + len(loop.forward)


def forward(recurrence: Recurrence, workspace: Workspace, *, keep: bool) -> CompiledRun:
    """Run a recurrence; see `GradientAlgorithm.forward`."""
    cell, packing = recurrence.cell, recurrence.packing
    loop = loop_of(recurrence, workspace)
    loop.lay_out(packing, workspace, keep=keep)
    if loop.flat is not None:
        np.concatenate([recurrence.parameters[name].ravel() for name in loop.offsets], out=loop.flat)
    loop.projection.sum_steps = steps_per_sum(recurrence)
    loop.projection.x = contiguous(recurrence.x)
    output = loop.output if keep else workspace.empty("rows", (packing.n_rows, cell.width(cell.output)), loop.dtype)
    if not keep:
        loop.record.y = output
    final = loop.give(recurrence.initial, recurrence.mask, recurrence.noise, recurrence.teacher)
    runner(loop).run(0, n_forward(loop))
    return CompiledRun(recurrence, workspace, output, final, loop)


def backward(
    run: CompiledRun,
    dy: Array,
    d_final: Mapping[str, Array],
    gradients: Mapping[str, Array],
    *,
    input_gradient: bool,
    add: bool,
) -> tuple[Array | None, Variables]:
    """Propagate dy back through a run; see `BPTT.backward`."""
    loop = run.loop
    p = loop.projection
    loop.record.dy = contiguous(dy)
    dx = np.empty_like(p.x) if input_gradient else None
    p.wants_dx, p.dx = int(input_gradient), p.x if dx is None else dx
    direct = loop.is_flat(gradients)
    gradient = gradients[loop.first] if direct else np.concatenate([gradients[name].ravel() for name in loop.offsets])
    loop.parameters_record.gradient, loop.parameters_record.add = gradient, int(add)
    d_initial = loop.give_back(d_final)
    runner(loop).run(n_forward(loop), n_forward(loop) + len(loop.backward))
    if not direct:
        for name, at in loop.offsets.items():
            gradients[name][...] = gradient[at : at + gradients[name].size].reshape(gradients[name].shape)
    return dx, d_initial
