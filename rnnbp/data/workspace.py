"""Memory for activations, owned by the network and lent to its layers.

A layer owns no activation: its forward pass returns what its backward pass needs, and may put that into a workspace.
Buffers are handed out under names and used again at the next call, so that a training loop need not allocate anew once
it has seen its largest batch. A buffer's first content is whatever the last user left there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Workspace", "contiguous"]


class Workspace:
    """Buffers by name, for one layer.

    Attributes
    ----------
    loop : object or None
        A compiled loop that is laid out in this memory; see `rnnbp.gradients.compiled.run`.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[Any]] = {}
        self._parts: dict[str, Workspace] = {}
        self.loop: Any = None

    def empty(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of that shape, with arbitrary content; it is valid until `name` is asked for again."""
        size, dtype = math.prod(shape), np.dtype(dtype)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.dtype != dtype or buffer.size < size:
            buffer = self._buffers[name] = np.empty(size, dtype)
        return buffer[:size].reshape(shape)

    def zeros(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of zeros, likewise."""
        array = self.empty(name, shape, dtype)
        array.fill(0)
        return array

    def part(self, name: str) -> Workspace:
        """Return a workspace within this one."""
        found = self._parts.get(name)
        if found is None:
            found = self._parts[name] = Workspace()
        return found


def contiguous(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows as kernels take them: one after the other in memory."""
    return rows if rows.flags.c_contiguous else np.array(rows, order="C")
