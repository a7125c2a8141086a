"""What a part is: a layer laid out for the engine.

A part has instructions for the way forwards and for the way back, whose records hold the addresses of arrays. It is
laid out for batches of one shape: `lay_out` finds memory for its output, `lay_back` for the gradient of its input.
Arrays that differ from run to run come in through `take` and `take_back`; nothing else is done between a network's
parts, so that all of them together are one call.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.kernels.engine import Engine, engine
from rnnbp.kernels.programs import Instruction

__all__ = ["Part"]

Array = NDArray[Any]
States = Mapping[str, Array]


class Part(ABC):
    """A layer as the engine runs it.

    Attributes
    ----------
    engine : Engine
    dtype : dtype
    prepare : list of Instruction
        What has to be done anew when parameters have changed.
    forward, backward : list of Instruction
    """

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        self.engine: Engine = engine(self.dtype.name)
        self.prepare: list[Instruction] = []
        self.forward: list[Instruction] = []
        self.backward: list[Instruction] = []

    @abstractmethod
    def lay_out(self, packing: Packing, width: int, workspace: Workspace, *, keep: bool) -> Array:
        """Find memory for a batch, and return where the output will be.

        Parameters
        ----------
        packing : Packing
            How the rows of the input lie in time; static examples are sequences of one step.
        width : int
            Of the input.
        workspace : Workspace
        keep : bool
            Whether a backward pass may follow.
        """

    @abstractmethod
    def lay_back(self, workspace: Workspace, *, input_gradient: bool) -> Array | None:
        """Find memory for the gradient of the input, if it is wanted, and return where it will be."""

    @abstractmethod
    def take(self, x: Array) -> None:
        """Take the input, contiguous and of the dtype."""

    @abstractmethod
    def take_back(self, dy: Array) -> None:
        """Take the gradient of the output."""

    def take_gradient(self, address: int) -> None:  # noqa: B027
        """Take the address at which the gradient of the parameters goes."""

    def begin(self, initial: States, *, training: bool, rng: np.random.Generator, teacher: Array | None) -> None:  # noqa: B027
        """Take what a run starts from; nothing, unless the layer has states or draws."""

    def begin_back(self, d_final: States) -> None:  # noqa: B027
        """Take the gradients of the final states."""

    def carry(self) -> None:  # noqa: B027
        """Let each run start from the states in which the one before has ended, and the first from zero."""

    @property
    def final(self) -> States:
        """The states in which the last run has ended."""
        return {}

    @property
    def d_initial(self) -> States:
        """The gradients of the initial states, after the last run back."""
        return {}
