"""A network that is fed frame by frame, with its state carried from one to the next.

The output for a frame is what `Network.forward` would give at that step of the whole sequence. Where a network pools
over time, it is what it would give if the sequence ended there: the last step, the mean or the maximum so far.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.data.interface import Interface
from rnnbp.data.packing import Packing
from rnnbp.layers import Layer
from rnnbp.layers.layer import StreamStep
from rnnbp.networks.program import Program
from rnnbp.networks.segment import Segment, segments_of
from rnnbp.networks.unit import Unit
from rnnbp.parameters import Parameters
from rnnbp.reading import read_array

__all__ = ["Stream"]

Array = NDArray[Any]


class Stream:
    """Stateful inference on one sequence that has no end; made by `Network.stream`.

    It is made of the parameters as they are at that time.
    """

    def __init__(
        self, layers: tuple[Layer, ...], parameters: Parameters, interface: Interface, *, compiled: bool
    ) -> None:
        for k, layer in enumerate(layers):
            if layer.runs_backwards:
                raise ValueError(
                    f"layer {k}, {layer!r}, runs backwards: it needs the whole sequence, so it cannot stream"
                )
        self._dtype, self._interface = parameters.theta.dtype, interface
        self._program = Program(layers, parameters, compiled=compiled)
        self.reset()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a stream cannot be pickled or copied: make another of the network, by net.stream()")

    def reset(self) -> None:
        """Begin a new sequence: all states are zero again."""
        segments = segments_of(self._program.units, lambda unit: not unit.layer.needs_time or bool(unit.layer.states()))
        self._steps: list[StreamStep] = [
            self._step_of(segment) if isinstance(segment, Unit) else _compiled_step(segment) for segment in segments
        ]

    def _step_of(self, unit: Unit) -> StreamStep:
        return unit.layer.stream(unit.parameters, self._dtype, compiled=self._program.compiled)

    def push(self, frames: ArrayLike) -> Array | None:
        """Return the outputs for the next frames.

        Parameters
        ----------
        frames : array of shape (F,) or (n, F)
            One frame or several, in order; symbols for an `Embedding` lack the last axis.

        Returns
        -------
        ndarray of shape (n_outputs,) or (n, n_outputs), or None
            Where a layer has a stride S, only every S-th frame has an output: of several frames fewer rows come, and of
            one frame None.

        Raises
        ------
        ValueError
            If the frames have another shape, or hold NaN or infinity.
        """
        given, rank = read_array(frames, "the input"), self._interface.frame_rank
        if given.ndim not in (rank, rank + 1):
            raise ValueError(f"expected one frame or a row of them, but their shape is {given.shape}")
        if given.ndim == rank:
            return self._next(self._interface.check(given[None]))
        outputs = [self._next(frame[None]) for frame in self._interface.check(given)]
        due = [output for output in outputs if output is not None]
        return np.array(due) if due else np.empty((0, self._interface.n_outputs), self._dtype)

    def _next(self, frame: Array) -> Array | None:
        """Return the output for one frame, of shape (1, F), if one is due."""
        out: Array | None = frame
        for step in self._steps:
            out = step(out)  # type: ignore[arg-type]
            if out is None:
                return None
        assert out is not None
        (row,) = out
        return np.array(row)


def _compiled_step(segment: Segment) -> StreamStep:
    """Return a run of compiled layers over one frame: all that does not change is prepared once."""
    x: Array | None = None
    runner, first, stop = segment.runner, segment.n_prepare, segment.n_forward

    def step(frame: Array) -> Array:
        nonlocal x
        if x is None:
            x = np.empty(frame.shape, segment.dtype)
            segment.lay_out(Packing.full(1, 1), frame.shape[1], keep=False)
            segment.parts[0].take(x)
            for part in segment.parts:
                part.carry()
            runner.run(0, first)
        x[...] = frame
        runner.run(first, stop)
        y: Array = segment.y
        return y

    return step
