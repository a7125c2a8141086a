"""Seeing inside a recurrent layer: full backpropagation through time that keeps what passes by.

A `Recorder` is a gradient algorithm. It runs the text of `rnnbp.gradients.bptt` in NumPy, with a recurrence that hands
on every step and notes what it saw: after `step` what the pullback will need (for most cells, the gates) and all
variables, and before `step_backward` the gradients dL/ds(t) that have arrived at a step. So every cell, direction and
ragged batch can be looked into, and no loop over time is written a second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rnnbp.cells import Cell
from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.gradients import BPTT, GradientAlgorithm, Recurrence
from rnnbp.gradients.algorithm import Run
from rnnbp.gradients.bptt import Unrolled
from rnnbp.gradients.recurrence import Variables
from rnnbp.layers import Recurrent
from rnnbp.layers.recurrent import REVERSE
from rnnbp.networks.network import Network, check_network

__all__ = ["Recorder", "Recording", "expect_states", "recordings"]

Array = NDArray[Any]

TEXT = BPTT(compiled=False)


class _Watched:
    """A recurrence that notes what passes by; all else is the recurrence's own."""

    def __init__(self, recurrence: Recurrence) -> None:
        self._recurrence = recurrence
        self.saved: list[Array] = []  # a matrix for each step
        self.variables: list[Variables] = []
        self.d: list[Variables] = []
        self.dy: Array | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recurrence, name)

    def step(self, z: Array, previous: Variables, current: Variables) -> None:
        self._recurrence.step(z, previous, current)
        self.saved.append(z.copy())
        self.variables.append({name: value.copy() for name, value in current.items()})

    def step_backward(
        self, z: Array, previous: Variables, current: Variables, d: Variables, d_previous: Variables
    ) -> None:
        self.d.append({name: value.copy() for name, value in d.items()})
        self._recurrence.step_backward(z, previous, current, d, d_previous)


class Recorder(GradientAlgorithm):
    """Full backpropagation through time; what it has seen of each direction of its layer is in `watched`."""

    def __init__(self) -> None:
        self.watched: list[_Watched] = []

    def forward(self, recurrence: Recurrence, workspace: Workspace, *, keep: bool) -> Run:
        """Run the recurrence; see `GradientAlgorithm.forward`."""
        watched = _Watched(recurrence)
        self.watched.append(watched)
        return TEXT.forward(cast("Recurrence", watched), workspace, keep=keep)

    def backward(
        self,
        run: Run,
        dy: Array,
        d_final: Mapping[str, Array],
        gradients: Mapping[str, Array],
        *,
        input_gradient: bool,
    ) -> tuple[Array | None, Variables]:
        """Propagate dy back through time; see `GradientAlgorithm.backward`."""
        assert isinstance(run, Unrolled)
        cast("_Watched", run.recurrence).dy = dy.copy()
        return TEXT.backward(run, dy, d_final, gradients, input_gradient=input_gradient)


@dataclass(frozen=True)
class Recording:
    """What was seen of one direction of one recurrent layer, in packed rows that belong to the input's.

    Attributes
    ----------
    layer : int
    suffix : str
        What its states' names end in: ``""`` or ``"_reverse"``.
    backwards : bool
        Whether the cell runs from each sequence's end.
    cell : Cell
    """

    layer: int
    suffix: str
    backwards: bool
    cell: Cell
    _watched: _Watched

    @property
    def packing(self) -> Packing:
        """How the layer's rows lie in time."""
        return self._watched._recurrence.packing

    def name(self, own: str) -> str:
        """Return the network's name for a state, variable or block of the cell."""
        return f"{self.layer}.{own}{self.suffix}"

    def variables(self) -> dict[str, Array]:
        """Return all variables after each step, by the cell's names."""
        return {name: self._rows([step[name] for step in self._watched.variables]) for name in self.cell.variables}

    def gates(self) -> dict[str, Array]:
        """Return what the cell saved of each block that is not called like a variable, by the cell's names."""
        saved = self._rows(self._watched.saved)
        columns = self.cell.columns.items()
        return {block: saved[:, where] for block, where in columns if block not in self.cell.variables}

    def state_gradients(self) -> dict[str, Array]:
        """Return dL/ds(t) of each state s, by the cell's names."""
        return {name: self._rows([step[name] for step in reversed(self._watched.d)]) for name in self.cell.states}

    def output_gradient(self) -> Array:
        """Return dL/dy(t): what the layers above say of the output, and not what later steps do."""
        assert self._watched.dy is not None, "the network has not run back yet"
        return self._rows([self._watched.dy])

    def _rows(self, steps: list[Array]) -> Array:
        rows = np.concatenate(steps)
        return self._watched.packing.reverse(rows) if self.backwards else rows


def recordings(net: Network) -> Iterator[Recording]:
    """Return what the recorders of a network have seen of its one run, layer by layer, direction by direction."""
    for k, layer in enumerate(net.layers):
        if isinstance(layer, Recurrent) and isinstance(layer.gradient, Recorder):
            suffixes = ("", REVERSE) if layer.bidirectional else ("",)
            for suffix, watched in zip(suffixes, layer.gradient.watched, strict=True):
                yield Recording(k, suffix, layer.reverse or suffix == REVERSE, layer.cell, watched)


def expect_states(net: Network, instrument: str) -> None:
    """Check that a network carries states from step to step.

    Raises
    ------
    ValueError
        If it does not, so that the instrument has nothing to look at.
    """
    check_network(net)
    if not any(layer.needs_time and layer.states() for layer in net.layers):
        raise ValueError(
            f"{instrument} looks along time, but this network has no recurrent layer, such as rnnbp.layers.GRU, that "
            f"carries a state from step to step:\n{net}"
        )
