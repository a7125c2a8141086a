"""Compiled layers that follow each other: one call forwards, and one back.

Their instructions stand in one program of the engine's; memory is laid out for batches of one shape, and each part
knows where its neighbours' is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.packing import Packing
from rnnbp.kernels import threads
from rnnbp.networks.unit import NO_STATES, States, Unit

if TYPE_CHECKING:
    from rnnbp.layers.compiled import Part

__all__ = ["Segment", "segments_of"]

Array = NDArray[Any]


def segments_of(units: Sequence[Unit], joins: Callable[[Unit], bool] = lambda unit: True) -> list[Segment | Unit]:
    """Return units in order, those that are compiled (and that `joins` holds of) in segments."""
    segments: list[Segment | Unit] = []
    for compiled, group in groupby(units, key=lambda unit: unit.part is not None and joins(unit)):
        members = list(group)
        segments += [Segment(members)] if compiled else members
    return segments


class Segment:
    """Compiled layers that follow each other.

    Parameters
    ----------
    units : sequence of Unit
        Each with a part.
    """

    def __init__(self, units: Sequence[Unit]) -> None:
        self.units = units
        self.parts: list[Part] = [unit.part for unit in units if unit.part is not None]
        self.prepare = [each for part in self.parts for each in part.prepare]
        self.forwards = [each for part in self.parts for each in part.forward]
        self.back = [each for part in reversed(self.parts) for each in part.backward]
        self.runner = threads.Runner(self.parts[0].engine, [*self.prepare, *self.forwards, *self.back])
        self.n_prepare, self.n_forward = len(self.prepare), len(self.prepare) + len(self.forwards)
        self.n = self.n_forward + len(self.back)
        pairs = list(zip(units, self.parts, strict=True))
        self.stateful = [(unit.k, part) for unit, part in pairs if unit.layer.states()]
        self.trained = [(unit.offset, part) for unit, part in pairs if unit.slices]
        self.dtype = self.parts[0].dtype
        self.laid_out: Any = None
        self.packing: Packing | None = None  # of the output
        self.laid_back: bool | None = None

    def lay_out(self, packing: Packing, width: int, keep: bool) -> None:
        """Find memory, and let each part know where its neighbours' is."""
        a: Array | None = None
        self.packing = packing
        for unit, part in zip(self.units, self.parts, strict=True):
            if a is not None:
                part.take(a)
            a = part.lay_out(packing, width, unit.workspace, keep=keep)
            width, n_sequences = a.shape[1], packing.n_sequences
            self.packing = None if self.packing is None else unit.layer.output_packing(packing)
            packing = self.packing or Packing.full(1, n_sequences)  # after pooling, rows are static examples
        assert a is not None
        self.y, self.laid_back = a, None
        self.runner.lay_out()

    def lay_back(self, wanted: bool) -> None:
        """Find memory for the way back, likewise."""
        da: Array | None = None
        self.laid_back = None
        for unit, part in zip(reversed(self.units), reversed(self.parts), strict=True):
            if part is not self.parts[-1]:
                assert da is not None
                part.take_back(da)
            da = part.lay_back(unit.workspace, input_gradient=wanted or part is not self.parts[0])
        self.dx = da if wanted else None
        self.laid_back = wanted

    def begin(
        self,
        x: Array,
        packing: Packing | None,
        training: bool,
        keep: bool,
        rng: np.random.Generator,
        initial: Mapping[int, States],
        teacher: tuple[int, Array] | None,
    ) -> None:
        """Take what a run forwards begins with."""
        if packing is None:
            packing = Packing.full(1, len(x))
        key = (packing, x.shape[1], keep, threads.count())
        if self.laid_out != key:
            self.laid_out = None  # until all of it is: memory may be lacking
            self.lay_out(packing, x.shape[1], keep)
            self.laid_out = key
        self.x = np.ascontiguousarray(x, self.dtype)  # which parts only know the address of
        self.parts[0].take(self.x)
        for k, part in self.stateful:
            taught = teacher[1] if teacher is not None and teacher[0] == k else None
            part.begin(initial.get(k, NO_STATES), training=training, rng=rng, teacher=taught)

    def forward(self, x: Array, packing: Packing | None, *given: Any) -> tuple[Array, Packing | None]:
        """Run forwards; see `Program.forward`."""
        self.begin(x, packing, *given)
        self.runner.run(0, self.n_forward)
        return self.y, None if packing is None else self.packing

    def begin_back(self, dy: Array, gradient: int, wanted: bool, d_final: Mapping[int, States]) -> None:
        """Take what a run back begins with."""
        if self.laid_back != wanted:
            self.lay_back(wanted)
        self.dy = np.ascontiguousarray(dy, self.dtype)
        self.parts[-1].take_back(self.dy)
        for offset, part in self.trained:
            part.take_gradient(gradient + offset)
        for k, part in self.stateful:
            part.begin_back(d_final.get(k, NO_STATES))

    def backward(self, dy: Array, gradient: int, wanted: bool, d_final: Mapping[int, States]) -> Array | None:
        """Run back; see `Program.backward`."""
        self.begin_back(dy, gradient, wanted, d_final)
        self.runner.run(self.n_forward, self.n)
        return self.dx
