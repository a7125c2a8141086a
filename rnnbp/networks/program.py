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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.packing import Packing
from rnnbp.kernels.records import address_of
from rnnbp.layers import Context, Layer
from rnnbp.networks.segment import segments_of
from rnnbp.networks.unit import NO_STATES, States, Unit
from rnnbp.parameters import Parameters

if TYPE_CHECKING:
    pass

__all__ = ["Program", "Programs"]

Array = NDArray[Any]


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
                context = Context(packing, training, rng, segment.workspace, keep, self.compiled, taught, own)
                a, packing = segment.forward(a, context)
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
                da = segment.backward(da, gradient, d_final.get(segment.k, NO_STATES), input_gradient=wanted)
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
            a, packing = unit.forward(a, Context(packing, False, rng))
            if not np.isfinite(a).all():
                row = int(np.argwhere(~np.isfinite(a))[0, 0])
                place = f"the output of layer {unit.k}, {unit.layer!r}"
                return place if packing is None else f"{place}, at step {packing.step_of_row[row]}"
        return None
