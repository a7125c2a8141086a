"""A network laid out once: its layers in order, each compiled, or in NumPy if the engine does not know it.

::

    a(0) = x;  a(k) = layer_k(a(k-1); theta_k);  y = a(K)                    (1)
    da(K) = dL/dy;  da(k-1), dtheta_k = pullback of layer_k, of da(k)        (1')

Compiled layers that follow each other are a *segment*: one call forwards and one back. A layer that the engine does not
know ends a segment, and runs by itself. `Program.forward` goes through segments and such layers in order, and
`Program.backward` back again. Where all of a network is one segment, what trains it (`rnnbp.training.step`) puts its
own instructions around the segment's, so that a training step is one call.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import speaks_for
from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.kernels import threads
from rnnbp.kernels.records import address_of
from rnnbp.layers import BackwardContext, Context, Layer
from rnnbp.parameters import Parameters

if TYPE_CHECKING:
    from rnnbp.layers.compiled import Part

__all__ = ["Program", "Programs", "Segment", "Unit", "segments_of"]

Array = NDArray[Any]
States = Mapping[str, Array]
NO_STATES: dict[str, Array] = {}


class Unit:
    """A layer in its place: its parameters, its memory, and, if the engine knows it, its part."""

    def __init__(self, k: int, layer: Layer, parameters: Parameters, *, compiled: bool) -> None:
        self.k, self.layer, self.workspace = k, layer, Workspace()
        self.slices = {p.name: parameters.slices[f"{k}.{p.name}"] for p in layer.parameters()}
        self.parameters = self.views(parameters.theta)
        starts = [place.start for place, _ in self.slices.values()]
        self.offset = min(starts, default=0) * parameters.theta.itemsize
        self.part: Part | None = None
        if compiled and speaks_for(type(layer), "compiled", ("forward", "backward", "parameters")):
            self.part = layer.compiled(self.parameters, parameters.theta.dtype)
        self.packing: Packing | None = None
        self.saved: Any = None

    def views(self, vector: Array) -> dict[str, Array]:
        """Return the layer's own views of a vector that is laid out like theta."""
        return {name: vector[place].reshape(shape) for name, (place, shape) in self.slices.items()}

    def forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        """Run the layer in NumPy; TypeError if it does not return what layers must."""
        returned = self.layer.forward(self.parameters, x, context)
        if not (isinstance(returned, tuple) and len(returned) == 2):
            raise TypeError(
                f"layer {self.k}, {self.layer!r}: forward must return its output and what backward needs (maybe None), "
                f"but {type(returned).__name__} was returned"
            )
        return returned

    def final_states(self) -> States:
        """Return the states in which the last run has ended, under the layer's names, in packed order."""
        return self.layer.final_states(self.saved) if self.part is None else self.part.final

    def initial_gradients(self) -> States:
        """Return the gradients of the initial states, after the last run back."""
        return self.layer.initial_gradients(self.saved) if self.part is None else self.part.d_initial


class Programs:
    """A network's programs: one for each pass that goes on, so that threads and passes do not share memory.

    Parameters
    ----------
    layers : sequence of Layer
    parameters : Parameters
    compiled : bool
        Whether the engine runs the layers that it knows.

    Attributes
    ----------
    state_widths : dict of str to int
        The width of each state, under names like ``"0.h"``.
    """

    def __init__(self, layers: Sequence[Layer], parameters: Parameters, *, compiled: bool) -> None:
        self.layers, self.parameters, self.compiled = layers, parameters, compiled
        self.state_widths = {f"{k}.{name}": w for k, layer in enumerate(layers) for name, w in layer.states().items()}
        self._idle: list[Program] = []
        self._trainer: tuple[int, Lock] = (os.getpid(), Lock())

    @contextmanager
    def training(self) -> Iterator[None]:
        """Hold the parameters for training in the body of a ``with`` statement.

        Raises
        ------
        RuntimeError
            If they are held already.
        """
        if self._trainer[0] != os.getpid():  # a forked process has none of its parent's threads
            self._trainer = (os.getpid(), Lock())
        _, lock = self._trainer
        if not lock.acquire(blocking=False):
            raise RuntimeError(
                "this network is being trained already, in another thread or by the caller of this one: wait until "
                "that has ended, or train a copy (copy.deepcopy(net))"
            )
        try:
            yield
        finally:
            lock.release()

    def take(self) -> Program:
        """Return a program that nobody else is using, to be given back."""
        try:
            return self._idle.pop()
        except IndexError:
            return Program(self.layers, self.parameters, compiled=self.compiled)

    def give(self, program: Program) -> None:
        """Give a program back."""
        self._idle.append(program)

    def first_non_finite(self, x: Array, packing: Packing | None) -> str | None:
        """Say which layer, and at which step, is the first whose output for a batch is NaN or infinite."""
        rng, a = np.random.default_rng(0), x
        for unit in Program(self.layers, self.parameters, compiled=False).units:
            a, _ = unit.forward(a, Context(packing, False, rng))
            packing = None if packing is None else unit.layer.output_packing(packing)
            if not np.isfinite(a).all():
                row = int(np.argwhere(~np.isfinite(a))[0, 0])
                place = f"the output of layer {unit.k}, {unit.layer!r}"
                return place if packing is None else f"{place}, at step {packing.step_of_row[row]}"
        return None


class Program:
    """A network's layers, laid out.

    Parameters
    ----------
    layers : sequence of Layer
    parameters : Parameters
    compiled : bool
        Whether the engine runs the layers that it knows.
    """

    def __init__(self, layers: Sequence[Layer], parameters: Parameters, *, compiled: bool) -> None:
        self.compiled = compiled
        self.generation = 0  # how many runs there have been
        self.packing: Packing | None = None  # of the last run's output
        self.units = [Unit(k, layer, parameters, compiled=compiled) for k, layer in enumerate(layers)]
        self.segments = segments_of(self.units)

    def forward(
        self,
        x: Array,
        packing: Packing | None,
        *,
        training: bool,
        keep: bool,
        rng: np.random.Generator,
        initial: Mapping[int, States] = {},
        teacher: tuple[int, Array] | None = None,
    ) -> Array:
        """Run the layers (1).

        Parameters
        ----------
        x : ndarray of shape (n_rows, ...)
        packing : Packing or None
        training, keep, rng
            See `Context`.
        initial : mapping of int to (mapping of str to ndarray of shape (B, width))
            The states that layers start from, in packed order.
        teacher : (int, ndarray of shape (n_rows, n_outputs)) or None
            The layer that is taught, and with what.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs)
            Memory of the program's, or of a layer's.
        """
        self.generation += 1
        a = x
        for segment in self.segments:
            if isinstance(segment, Unit):
                taught = teacher[1] if teacher is not None and teacher[0] == segment.k else None
                own = initial.get(segment.k, NO_STATES)
                segment.packing = packing
                context = Context(packing, training, rng, segment.workspace, keep, self.compiled, taught, own)
                a, segment.saved = segment.forward(a, context)
                packing = None if packing is None else segment.layer.output_packing(packing)
            else:
                a, packing = segment.forward(a, packing, training, keep, rng, initial, teacher)
        self.packing = packing
        return a

    def backward(
        self, dy: Array, gradient: Array, *, input_gradient: bool, d_final: Mapping[int, States] = {}
    ) -> Array | None:
        """Run the layers back (1'), once, after `forward` with ``keep=True``.

        Parameters
        ----------
        dy : ndarray of shape (n_rows, n_outputs)
        gradient : ndarray of shape (n_parameters,)
            Overwritten.
        input_gradient : bool
            Whether dL/dx is wanted.
        d_final : mapping of int to (mapping of str to ndarray of shape (B, width))

        Returns
        -------
        ndarray of shape (n_rows, ...) or None
            dL/dx: memory of the program's, or of a layer's.
        """
        da: Array | None = dy
        base = address_of(gradient)
        for k in range(len(self.segments) - 1, -1, -1):
            assert da is not None
            segment, wanted = self.segments[k], input_gradient or k > 0
            if isinstance(segment, Unit):
                own = d_final.get(segment.k, NO_STATES)
                context = BackwardContext(segment.packing, segment.workspace, wanted, own)
                views = segment.views(gradient)
                da = segment.layer.backward(segment.parameters, views, da, segment.saved, context)
            else:
                da = segment.backward(da, base, wanted, d_final)
        return da

    @property
    def final(self) -> dict[str, Array]:
        """The states in which the last run has ended, under names like "0.h", in packed order."""
        return {f"{u.k}.{name}": s for u in self.units for name, s in u.final_states().items()}

    @property
    def d_initial(self) -> dict[str, Array]:
        """The gradients of the initial states, after the last run back."""
        return {f"{u.k}.{name}": d for u in self.units for name, d in u.initial_gradients().items()}


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
        self.stateful = [(unit.k, unit.part) for unit in units if unit.layer.states() and unit.part is not None]
        self.trained = [(unit.offset, unit.part) for unit in units if unit.slices and unit.part is not None]
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
        if x.dtype != self.dtype or not x.flags.c_contiguous:
            x = np.ascontiguousarray(x, self.dtype)
        self.x = x  # which parts only know the address of
        self.parts[0].take(x)
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
        if dy.dtype != self.dtype or not dy.flags.c_contiguous:
            dy = np.ascontiguousarray(dy, self.dtype)
        self.dy = dy
        self.parts[-1].take_back(dy)
        for offset, part in self.trained:
            part.take_gradient(gradient + offset)
        for k, part in self.stateful:
            part.begin_back(d_final.get(k, NO_STATES))

    def backward(self, dy: Array, gradient: int, wanted: bool, d_final: Mapping[int, States]) -> Array | None:
        """Run back; see `Program.backward`."""
        self.begin_back(dy, gradient, wanted, d_final)
        self.runner.run(self.n_forward, self.n)
        return self.dx
