"""Recurrent backpropagation: the linearisation contracted at a fixed point.

The input x is held, and the network relaxes until its state no longer changes; what it puts out then is a function of
x alone (if there are several fixed points, where it began decides which). With J = dF/ds at the fixed point::

    s <- F(s, x; theta)         until s* = F(s*, x)                          (1)   the state relaxes
    y = the output at s*                                                     (2)

    d = dL/ds*, of dy                                                        (2')
    e <- d + J^T e              until e* = d + J^T e*                        (1')  the error relaxes
    dtheta, dx = pullback of F at s*, of e*

For ds* = J ds* + dF and so dL = d^T (I - J)^-1 dF = e*^T dF. Nothing of the way to s* is stored: memory is that of one
step. J^T has J's eigenvalues, so the error relaxes at the same rate as the state: both converge where the largest
eigenvalue is below 1 in size, and (1') can also be solved by GMRES, which takes fewer steps where it is close to 1.

Each frame of a sequence is held until the network has settled, from where it had settled on the frame before. That is a
point to start from, and no memory: a fixed point moves with x and theta, but not with where the relaxation began. So no
gradient flows from frame to frame, that of the initial state is zero, and static examples need no time at all.

Cost: a step of the recurrence for each iteration, of those rows that have not converged yet; memory for one step.

References
----------
L. B. Almeida, "A learning rule for asynchronous perceptrons with feedback in a combinatorial environment", Proc. IEEE
First International Conference on Neural Networks, 1987.
F. J. Pineda, "Generalization of back-propagation to recurrent neural networks", Physical Review Letters 59, 1987.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate, zip_longest
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from rnnbp.cells import Cell
from rnnbp.configuration import number, shown, whole_number
from rnnbp.data.workspace import Workspace
from rnnbp.gradients.algorithm import GradientAlgorithm, Run
from rnnbp.gradients.recurrence import Recurrence, Variables
from rnnbp.gradients.relaxation import relax, solve_affine

__all__ = ["FixedPoint"]

Array = NDArray[Any]
Index = NDArray[np.intp]
Pull = Callable[[Index, Array], Array]

SOLVERS = ("iteration", "gmres")


@dataclass(eq=False)
class RelaxedRun(Run):
    """A run of which each frame was held until the state had settled.

    Attributes
    ----------
    x_part, z : ndarray of shape (n_rows, n_columns)
        What the frames say of z, and what the last step's pullback needs.
    before, after : ndarray of shape (n_rows, width)
        The states before the last step, and the variables after it, side by side.
    state_residuals, error_residuals : list of float
        The largest of each iteration, of the way forwards and back.
    """

    x_part: Array
    z: Array
    before: Array
    after: Array
    state_residuals: list[float] = field(default_factory=list)
    error_residuals: list[float] = field(default_factory=list)


class FixedPoint(GradientAlgorithm):
    """Recurrent backpropagation (Almeida 1987, Pineda 1987): the layer's output is that of its fixed point.

    A layer that has it takes static examples (B, I) as well as sequences, each frame of which is held until the state
    has settled.

    Parameters
    ----------
    tol : float, default 1e-6
        A relaxation has converged when its residual is at most this. The state's residual is the largest change of any
        of its elements in one iteration, relative to the largest absolute element where that is above 1; the error's is
        the same, relative to the largest absolute element of what it started from. Of GMRES it is the Euclidean norm of
        what is left over, relative to that of the right-hand side. The gradient's relative error is of order
        tol / (1 - r), where r is the rate of convergence.
    max_iter : int, default 1000
        Iterations at most, of each relaxation.
    solver : {"iteration", "gmres"}, default "iteration"
        How the error's equation is solved.

    Raises
    ------
    ValueError
        If a setting is out of its range, or if a teacher's values are to replace the feedback: the network would be
        shown the targets of the very frame it is asked for.
    ConvergenceError
        In a pass, if a relaxation diverges or does not converge in time.

    Notes
    -----
    Each sequence stops at an iteration of its own, so its result does not depend on the batch that it is in.
    How a pass has relaxed can be seen: with ``run = net.run(x)``, ``run.saved[k].runs[0].state_residuals`` (of layer k,
    in its first direction) has the largest residual of each iteration, and after ``run.backward`` so has
    ``error_residuals``.

    See Also
    --------
    ConvergenceError

    Examples
    --------
    A layer whose output is its state at rest, which is that of a thousand steps with the input held:

    >>> from rnnbp import Network, layers
    >>> at_rest = Network([layers.Elman(2, 4, gradient=FixedPoint(tol=1e-10))], dtype="float64")
    >>> at_rest.parameters["0.recurrent_weight"][:] *= 0.5
    >>> held = Network([layers.Elman(2, 4)], dtype="float64")
    >>> held.theta = at_rest.theta
    >>> x = np.array([[1.0, -1.0]])
    >>> bool(np.allclose(at_rest.forward(x), held.forward(np.repeat(x[None], 1000, axis=0))[-1]))
    True
    """

    needs_time: ClassVar[bool] = False

    def __init__(
        self, tol: float = 1e-6, max_iter: int = 1000, *, solver: Literal["iteration", "gmres"] = "iteration"
    ) -> None:
        self.tol = number("tol", tol)
        self.max_iter = whole_number("max_iter", max_iter)
        if solver not in SOLVERS:
            raise ValueError(f"solver must be one of {', '.join(map(repr, SOLVERS))}, but {shown(solver)} was given")
        self.solver = solver

    @property
    def _limits(self) -> dict[str, Any]:
        return {"tol": self.tol, "max_iter": self.max_iter}

    def forward(self, recurrence: Recurrence, workspace: Workspace, *, keep: bool) -> RelaxedRun:
        """Let the state relax on each frame; see `GradientAlgorithm.forward`."""
        if recurrence.teacher is not None:
            raise ValueError(
                "with gradient=FixedPoint() a teacher would show the network the target of the frame that it relaxes "
                "on: give the layer teacher_forcing=False"
            )
        cell, packing, dtype = recurrence.cell, recurrence.packing, recurrence.x.dtype
        x_part, z = (workspace.empty(name, (packing.n_rows, cell.n_columns), dtype) for name in ("x_part", "z"))
        before = workspace.empty("before", (packing.n_rows, _width(cell, cell.states)), dtype)
        after = workspace.empty("after", (packing.n_rows, _width(cell, cell.variables)), dtype)
        state = np.zeros((packing.n_sequences, _width(cell, cell.states)), dtype)
        final = _split(cell, cell.states, state)
        for name, values in recurrence.initial.items():
            final[name][...] = values
        output = _split(cell, cell.variables, after)[cell.output]
        run = RelaxedRun(recurrence, workspace, output, final, x_part, z, before, after)
        recurrence.project(run.x_part)
        residuals = [
            relax("state", partial(_step, run, state, int(start)), int(n), **self._limits)  # 1
            for start, n in zip(packing.starts, packing.counts, strict=False)
        ]
        run.state_residuals = _largest(residuals)
        return run  # 2

    def backward(
        self,
        run: RelaxedRun,
        dy: Array,
        d_final: Mapping[str, Array],
        gradients: Mapping[str, Array],
        *,
        input_gradient: bool,
    ) -> tuple[Array | None, Variables]:
        """Let the error relax, on all frames at once; see `GradientAlgorithm.backward`."""
        recurrence, workspace = run.recurrence, run.workspace
        cell, packing, dtype = recurrence.cell, recurrence.packing, dy.dtype
        dz = workspace.empty("dz", run.z.shape, dtype)
        d = workspace.zeros("d", run.after.shape, dtype)
        parts = _split(cell, cell.variables, d)
        parts[cell.output][...] = dy  # 2'
        for name, d_state in d_final.items():
            parts[name][packing.last] += d_state
        backward = partial(_backward, run, d, dz)
        if self.solver == "gmres":
            residuals = [
                solve_affine(partial(_backward_one, backward, row), run.before.shape[1], dtype, **self._limits)  # 1'
                for row in range(packing.n_rows)
            ]
            run.error_residuals = _largest(residuals)
        else:
            update = partial(_iterate, backward, np.zeros_like(run.before), np.abs(d).max(axis=1))
            run.error_residuals = relax("error", update, packing.n_rows, **self._limits)  # 1'
        before, after = _split(cell, cell.states, run.before), _split(cell, cell.variables, run.after)
        recurrence.accumulate(dz, before, after, gradients)
        d_initial = {name: np.zeros((packing.n_sequences, cell.width(name)), dtype) for name in cell.states}
        return recurrence.backward_input(dz) if input_gradient else None, d_initial


def _largest(residuals: Iterable[list[float]]) -> list[float]:
    """Return the largest residual of each iteration of several relaxations."""
    return [max(each) for each in zip_longest(*residuals, fillvalue=0.0)]


def _width(cell: Cell, names: Iterable[str]) -> int:
    return sum(map(cell.width, names))


def _split(cell: Cell, names: Sequence[str], rows: Array) -> Variables:
    """Return the variables that lie side by side in some rows, as views."""
    stops = accumulate(map(cell.width, names))
    return {name: rows[:, stop - cell.width(name) : stop] for name, stop in zip(names, stops, strict=True)}


def _part(recurrence: Recurrence, sequences: Index) -> Recurrence:
    """Return the recurrence for some of its sequences, a row each."""
    return recurrence if recurrence.mask is None else replace(recurrence, mask=recurrence.mask[sequences])


def _step(run: RelaxedRun, state: Array, start: int, active: Index) -> Array:
    """Carry out one iteration of (1) for some sequences on the frame whose rows begin at `start`."""
    cell, rows = run.recurrence.cell, start + active
    z, before = run.x_part[rows], state[active]
    after = np.empty((len(rows), _width(cell, cell.variables)), state.dtype)
    variables = _split(cell, cell.variables, after)
    _part(run.recurrence, active).step(z, _split(cell, cell.states, before), variables)
    run.z[rows], run.before[rows], run.after[rows] = z, before, after
    state[active] = np.concatenate([variables[name] for name in cell.states], axis=1)
    size = np.maximum(np.abs(state[active]).max(axis=1), 1)
    return np.asarray(np.abs(state[active] - before).max(axis=1) / size)


def _iterate(backward: Pull, back: Array, scale: Array, active: Index) -> Array:
    """Carry out one iteration of (1') for some rows, of which `back` is J^T e and `scale` the size of d."""
    before = back[active]
    back[active] = backward(active, before)
    change = np.abs(back[active] - before).max(axis=1)
    return np.asarray(np.divide(change, scale[active], out=change, where=change != 0))


def _backward_one(backward: Pull, row: int, back: Array) -> Array:
    return np.asarray(backward(np.array([row]), back[None])[0])


def _backward(run: RelaxedRun, d: Array, dz: Array, rows: Index, back: Array) -> Array:
    """Return J^T e of some rows, for e = d + back, and leave their dL/dz."""
    recurrence, cell = run.recurrence, run.recurrence.cell
    z, error, new = run.z[rows], d[rows], np.empty_like(back)
    variables = _split(cell, cell.variables, error)
    for name, value in _split(cell, cell.states, back).items():
        variables[name] += value
    before, after = run.before[rows], run.after[rows]
    _part(recurrence, recurrence.packing.sequence_of_row[rows]).step_backward(
        z,
        _split(cell, cell.states, before),
        _split(cell, cell.variables, after),
        variables,
        _split(cell, cell.states, new),
    )
    dz[rows] = z
    return new
