"""Memory for activations, owned by the network and lent to its layers.

A layer owns no activation: what its forward pass computes, and its backward pass needs, lies in a workspace. Buffers
are handed out under names and used again at the next call, so that a training loop need not allocate anew once it has
seen its largest batch. A buffer's first content is whatever the last user left there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Workspace", "contiguous"]


class Workspace(dict[str, Any]):
    """What one layer keeps from its forward to its backward pass, by name, and buffers to put it in."""

    def __init__(self) -> None:
        super().__init__()
        self._buffers: dict[str, NDArray[Any]] = {}

    def empty(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of that shape, with arbitrary content, and keep it under `name`.

        It is valid until `name` is asked for again.
        """
        size, dtype = math.prod(shape), np.dtype(dtype)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.dtype != dtype or buffer.size < size:
            buffer = self._buffers[name] = np.empty(size, dtype)
        array = self[name] = buffer[:size].reshape(shape)
        return array

    def zeros(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of zeros, and keep it under `name`."""
        array = self.empty(name, shape, dtype)
        array.fill(0)
        return array


def contiguous(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows as kernels take them: one after the other in memory."""
    return rows if rows.flags.c_contiguous else np.array(rows, order="C")
