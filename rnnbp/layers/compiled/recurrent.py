"""A recurrent layer: a loop over time for each direction, and what brings their rows together.

A backward direction runs over the rows of each sequence reversed from its own true end::

    x_b = x[reversal]                         y = [y_f, y_b[reversal]]
    dx = dx_f + dx_b[reversal]                dy_f, dy_b[reversal] = dy
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.gradients.compiled.layout import Loop
from rnnbp.kernels.records import address_of
from rnnbp.kernels.static import Moved
from rnnbp.layers.compiled.part import Part, States

__all__ = ["Direction", "RecurrentPart"]

Array = NDArray[Any]
Columns = tuple[Array, int]  # a matrix, and the first of its columns that are meant


class Direction(NamedTuple):
    """A direction of a recurrent layer: the suffix of its names, whether it runs backwards, and its parameters."""

    suffix: str
    backwards: bool
    parameters: Mapping[str, Array]


class _Way:
    """A direction, laid out."""

    def __init__(self, direction: Direction, loop: Loop) -> None:
        self.suffix, self.backwards, self.loop = direction.suffix, direction.backwards, loop
        self.moves = {name: Moved() for name in ("x", "y", "dy", "dx")}


class RecurrentPart(Part):
    """A cell run over time, one way or both.

    Parameters
    ----------
    cell : Cell
    directions : sequence of Direction
        Their parameters lie in memory one after the other.
    dtype : dtype
    draw : callable or None
        ``draw(rng, steps)`` returns a mask, or None, and noise, or None, for one direction in training; None if there
        is nothing to draw.
    """

    def __init__(
        self,
        cell: Any,
        directions: list[Direction],
        dtype: Any,
        *,
        draw: Callable[[np.random.Generator, Packing], tuple[Array | None, dict[str, Array] | None]] | None,
    ) -> None:
        super().__init__(dtype)
        self.cell, self.draw = cell, draw
        self.ways = [_Way(d, Loop(cell, d.parameters, dtype)) for d in directions]
        assert all(way.loop.flat is None for way in self.ways), "a network's parameters lie one after the other"
        self.width = cell.width(cell.output)
        self.alone = len(self.ways) == 1 and not self.ways[0].backwards
        move = self.engine.instruction
        for way in self.ways:
            if way.backwards:
                self.forward.append(move("gather", way.moves["x"]))
            self.prepare += way.loop.prepare
            self.forward += way.loop.forward
            if not self.alone:
                self.forward.append(move("gather", way.moves["y"]))
                self.backward.append(move("gather", way.moves["dy"]))
            self.backward += way.loop.backward
        # the first way that runs forwards has written dL/dx itself
        for k, way in enumerate(self.ways):
            if way.backwards:
                self.backward.append(move("gather_add" if k else "gather", way.moves["dx"]))
        self.kind: Any = None
        self.states: dict[str, Array] = {}
        self.d_states: dict[str, Array] = {}
        self._fresh = self._fresh_back = True

    def lay_out(self, packing: Packing, width: int, workspace: Workspace, *, keep: bool) -> Array:
        """Find memory for all that is computed; see `Part.lay_out`."""
        self.packing, dtype, n = packing, self.dtype, packing.n_rows
        self.forwards_index = np.arange(n) if not self.alone else None
        kind = packing.n_sequences, keep
        new = not (self.kind == kind and self._fresh and self._fresh_back)  # states have another shape, or were given
        self.kind = kind
        outputs = []
        for way in self.ways:
            own = workspace.part(f"direction{way.suffix}")
            way.loop.lay_out(packing, own, keep=keep)
            if keep:
                outputs.append(way.loop.output)
            else:
                outputs.append(own.empty("rows", (n, self.width), dtype))
                way.loop.record.y = outputs[-1]
            if new:
                self._give(way, {}, None, None, None)
            if new and keep:
                self._give_back(way, {})
        self._fresh = self._fresh_back = True
        if self.alone:
            return outputs[0]
        y = workspace.empty("y", (n, len(self.ways) * self.width), dtype)
        for k, (way, output) in enumerate(zip(self.ways, outputs, strict=True)):
            index = packing.reversal if way.backwards else self.forwards_index
            if way.backwards:
                reversed_x = workspace.empty(f"reversed_x{way.suffix}", (n, self.cell.n_inputs), dtype)
                self._move(way.moves["x"], index, (reversed_x, 0), None, self.cell.n_inputs)
                way.loop.projection.x = reversed_x
            self._move(way.moves["y"], index, (y, k * self.width), (output, 0), self.width)
        return y

    def _move(self, moved: Moved, index: Any, to: Columns, a: Columns | None, width: int) -> None:
        """Let rows be moved from some columns of a matrix to some of another; those of None come later."""
        moved.n, moved.index, moved.width = self.packing.n_rows, np.ascontiguousarray(index, np.int64), width
        moved.to, moved.to_pitch = self._begin_of(to)
        if a is not None:
            moved.a, moved.a_pitch = self._begin_of(a)

    def _begin_of(self, columns: Columns) -> tuple[int, int]:
        """Return the address of the first number, and how many numbers lie from a row to the next."""
        matrix, first = columns
        return address_of(matrix) + first * self.dtype.itemsize, matrix.shape[1]

    def lay_back(self, workspace: Workspace, *, input_gradient: bool) -> Array | None:
        """Find memory for dL/dx; see `Part.lay_back`."""
        n, n_inputs = self.packing.n_rows, self.cell.n_inputs
        dx = workspace.empty("dx", (n, n_inputs), self.dtype) if input_gradient else None
        for way in self.ways:
            p = way.loop.projection
            p.wants_dx = int(input_gradient)
            if not self.alone:
                index = self.packing.reversal if way.backwards else self.forwards_index
                dy = workspace.empty(f"dy{way.suffix}", (n, self.width), self.dtype)
                self._move(way.moves["dy"], index, (dy, 0), None, self.width)
                way.loop.record.dy = dy
            if dx is None:
                way.moves["dx"].n = 0
            elif way.backwards:
                p.dx = reversed_dx = workspace.empty(f"reversed_dx{way.suffix}", dx.shape, self.dtype)
                self._move(way.moves["dx"], self.packing.reversal, (dx, 0), (reversed_dx, 0), n_inputs)
            else:
                p.dx = dx
        return dx

    def take(self, x: Array) -> None:
        """Take x."""
        for way in self.ways:
            if way.backwards:
                moved = way.moves["x"]
                moved.a, moved.a_pitch = x, x.shape[1]
            else:
                way.loop.projection.x = x

    def take_back(self, dy: Array) -> None:
        """Take dL/dy."""
        for k, way in enumerate(self.ways):
            if self.alone:
                way.loop.record.dy = dy
            else:
                moved = way.moves["dy"]
                moved.a, moved.a_pitch = self._begin_of((dy, k * self.width))

    def take_gradient(self, address: int) -> None:
        """Take where the gradient goes."""
        for way in self.ways:
            way.loop.parameters_record.gradient = address
            address += way.loop.size * self.dtype.itemsize

    def begin(self, initial: States, *, training: bool, rng: np.random.Generator, teacher: Array | None) -> None:
        """Take initial states, and draw."""
        draw = self.draw if training else None
        given = bool(initial) or draw is not None or teacher is not None
        if not given and self._fresh:
            return
        self._fresh = not given
        for way in self.ways:
            own = {name: initial[name + way.suffix] for name in self.cell.states if name + way.suffix in initial}
            mask, noise = draw(rng, self.packing) if draw is not None else (None, None)
            taught = self.packing.reverse(teacher) if way.backwards and teacher is not None else teacher
            self._give(way, own, mask, noise, taught)

    def _give(self, way: _Way, *given: Any) -> None:
        for name, state in way.loop.give(*given).items():
            self.states[name + way.suffix] = state

    def begin_back(self, d_final: States) -> None:
        """Take the gradients of the final states."""
        if not d_final and self._fresh_back:
            return
        self._fresh_back = not d_final
        for way in self.ways:
            own = {name: d_final[name + way.suffix] for name in self.cell.states if name + way.suffix in d_final}
            self._give_back(way, own)

    def _give_back(self, way: _Way, d_final: States) -> None:
        for name, state in way.loop.give_back(d_final).items():
            self.d_states[name + way.suffix] = state

    def carry(self) -> None:
        """Let each run start from the states in which the one before has ended, and the first from zero."""
        for way in self.ways:
            for name in self.cell.states:
                state = way.loop.variables[name]
                self.states[name + way.suffix].fill(0)
                state.initial, state.has_initial = self.states[name + way.suffix], 1

    @property
    def final(self) -> States:
        """The states in which the last run has ended."""
        return self.states

    @property
    def d_initial(self) -> States:
        """The gradients of the initial states, after the last run back."""
        return self.d_states
