"""A recurrence, run by the compiled loops of `rnnbp.kernels`; `rnnbp.gradients.layout` prepares what they take."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp import threads
from rnnbp.gradients.layout import Plan, Share, divide
from rnnbp.gradients.recurrence import Recurrence, Variables
from rnnbp.sequences import Steps
from rnnbp.workspace import Workspace, contiguous

__all__ = ["Stepper", "backward", "can_run", "chunk", "forward"]

Array = NDArray[Any]


def can_run(recurrence: Recurrence) -> bool:
    """Whether the compiled loops can run a recurrence."""
    return recurrence.cell.is_elementwise and not isinstance(recurrence.teacher, np.ma.MaskedArray)


def chunk(recurrence: Recurrence) -> int:
    """Return the number of steps whose weight gradients are added up together."""
    return divide(recurrence)[1]


def _plan(recurrence: Recurrence, workspace: Workspace) -> Plan:
    plan = workspace.get("plan")
    if plan is None or not plan.serves(recurrence):
        plan = workspace["plan"] = Plan(recurrence)
        workspace["shares"] = None
    return plan


def _noise(plan: Plan, recurrence: Recurrence) -> Array:
    """Return what was drawn for the noise blocks, side by side as in z, or nothing."""
    if not recurrence.noise:
        return plan.nothing
    return np.concatenate([recurrence.noise[block] for block in plan.cell.noise], axis=1, dtype=plan.dtype)


def _shares(plan: Plan, recurrence: Recurrence, workspace: Workspace, keep: bool) -> list[Share]:
    """Give each thread its share of the sequences."""
    steps, before = recurrence.steps, workspace.get("shares")
    made_for = (steps, recurrence.whole and recurrence.whole.steps, threads.count(), keep)
    if before is not None and before[0] == made_for:
        return before[1]  # type: ignore[no-any-return]
    bounds, chunk = divide(recurrence)
    shares = [
        Share(plan, steps, chunk, workspace, workspace.setdefault(f"thread{k}", Workspace()), slice(*ends), keep)
        for k, ends in enumerate(pairwise(bounds))
    ]
    workspace["shares"] = (made_for, shares)
    return shares


def _given(plan: Plan, states: Mapping[str, Array], share: Share) -> tuple[Array, ...]:
    """Return a share of the states that were given; those that were not are empty."""
    if not states:
        return plan.no_states
    return tuple(
        contiguous(states[name][share.sequences]) if name in states else plan.nothing for name in plan.cell.states
    )


def _new_states(plan: Plan, steps: Steps) -> Variables:
    return {name: np.empty((steps.n_sequences, plan.cell.width(name)), plan.dtype) for name in plan.cell.states}


def forward(recurrence: Recurrence, workspace: Workspace, *, keep: bool) -> tuple[Array, Variables]:
    """Run a recurrence; see `GradientAlgorithm.forward`."""
    cell, steps = recurrence.cell, recurrence.steps
    plan = _plan(recurrence, workspace)
    shares = _shares(plan, recurrence, workspace, keep)
    x, final = contiguous(recurrence.x), _new_states(plan, steps)
    y = plan.nothing if keep else workspace.empty("y", (steps.n_rows, cell.width(cell.output)), plan.dtype)
    noise = _noise(plan, recurrence)
    alone = len(shares) == 1
    if not alone:
        plan.prepare()
    calls = []
    for share in shares:
        finals = tuple(state[share.sequences] for state in final.values())
        calls.append(
            share.forward(recurrence, x, y, noise, _given(plan, recurrence.initial, share), finals, unprepared=alone)
        )
    threads.run(plan.forward, calls)
    return (shares[0].output[steps.n_sequences :] if keep else y), final


def backward(
    recurrence: Recurrence,
    workspace: Workspace,
    dy: Array,
    d_final: Mapping[str, Array],
    gradients: Mapping[str, Array],
    *,
    input_gradient: bool,
    add: bool,
) -> tuple[Array | None, Variables]:
    """Pull dy back through what `forward` has kept; see `BPTT.backward`."""
    plan, shares, steps = workspace["plan"], workspace["shares"][-1], recurrence.steps
    x, dy = contiguous(recurrence.x), contiguous(dy)
    dx = np.empty_like(x) if input_gradient else plan.nothing
    d_initial = _new_states(plan, steps)
    plan.grow(len(shares), gradients)
    if add and workspace["alone"]:  # what one thread has written without ado is the first of several sums now
        for name, gradient in gradients.items():
            plan.sums[0][name][...] = gradient
    n_begun = workspace["n_begun"] if add else 0  # threads whose sums hold something already
    workspace["n_begun"] = max(n_begun, len(shares))
    workspace["alone"] = alone = len(shares) == 1 and not add
    if len(shares) > 1:
        plan.prepare_back()
    calls = []
    for k, share in enumerate(shares):
        sums = (gradients if alone else plan.sums[k], plan.d_biases[k], k < n_begun)
        d_initials = tuple([d[share.sequences] for d in d_initial.values()])
        calls.append(
            share.backward(
                recurrence, x, dy, dx, sums, _given(plan, d_final, share), d_initials, unprepared=len(shares) == 1
            )
        )
    threads.run(plan.backward, calls)
    if not alone:
        first, *others = plan.sums[: workspace["n_begun"]]
        for name, gradient in gradients.items():
            gradient[...] = first[name]
            for own in others:
                gradient += own[name]
    return (dx if input_gradient else None), d_initial


class Stepper:
    """A recurrence of one sequence, run a frame at a time with the least ceremony.

    All that the loops take is laid out once, for the parameters as they are now.

    Parameters
    ----------
    recurrence : Recurrence
        Of one frame of one sequence.
    """

    def __init__(self, recurrence: Recurrence) -> None:
        plan, cell, steps = Plan(recurrence), recurrence.cell, recurrence.steps
        (share,) = _shares(plan, recurrence, Workspace(), keep=False)
        plan.prepare()
        self._x, self._y = np.array(recurrence.x), np.empty((1, cell.width(cell.output)), plan.dtype)
        states = tuple(_new_states(plan, steps).values())  # read first, and written at the end
        for name, state in zip(cell.states, states, strict=True):
            state[...] = recurrence.initial.get(name, 0)
        self._call = plan.forward
        self._arguments = share.forward(recurrence, self._x, self._y, plan.nothing, states, states, unprepared=False)

    def __call__(self, frame: Array) -> Array:
        """Return the output for a frame of shape (1, I), of shape (1, width); good until the next call."""
        self._x[...] = frame
        self._call(*self._arguments)
        return self._y
