"""What losses of whole sequences share: their call.

A target belongs to all outputs of a sequence. Encoded targets can be counted and chosen from, as rows of targets can;
``over(packing, start)`` lays them out over the outputs of a batch, in whose order they must be already.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.data.packing import Packing
from rnnbp.data.sequences import check_lengths
from rnnbp.losses.base import Loss
from rnnbp.losses.targets import check_weights
from rnnbp.reading import read_array

__all__ = ["SequenceLoss", "SequenceTargets", "as_floats"]

Array = NDArray[Any]


class SequenceTargets(Protocol):
    """Encoded targets, one for each sequence."""

    packing: Packing | None

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Array]: ...
    def __getitem__(self, chosen: Any) -> Self:
        """Return some of them."""

    def over(self, packing: Packing, start: int = ...) -> Self:
        """Return the same, of outputs that lie in rows like this, and begin at step `start` of their sequences."""

    def content(self) -> Array:
        """Return one array that tells these targets from others."""


class SequenceLoss(Loss):
    """A loss of whole sequences: what is counted and weighted is a sequence."""

    per_sequence: ClassVar[bool] = True

    def __call__(
        self,
        output: ArrayLike,
        target: Any,
        *,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> tuple[float, Array]:
        """Return the loss and its gradient with respect to the output; see :meth:`Loss.__call__`.

        Parameters
        ----------
        output : array, shape (T, B, F)
        target
            One for each sequence.
        lengths : array of int, shape (B,), optional
        sample_weight : array, shape (B,), optional
            Weight of each sequence.
        """
        output = as_floats(output)
        if output.ndim != 3 or output.size == 0:
            raise ValueError(f"output must be (T, B, F) and not empty, but its shape is {output.shape}")
        n_steps, n_sequences, n_outputs = output.shape
        checked = check_lengths(lengths, n_steps, n_sequences)
        encoded = self.encode(target, n_outputs, leading=(n_steps, n_sequences), lengths=checked)
        packing = Packing(checked, n_steps)
        weight = None
        if sample_weight is not None:
            weight = check_weights("sample_weight", sample_weight)
            if len(weight) != n_sequences:
                raise ValueError(f"sample_weight must be of shape ({n_sequences},), but its shape is {weight.shape}")
            weight = packing.sort(weight)
        value, gradient = self.value_and_gradient(packing.pack(output), encoded[packing.order].over(packing), weight)
        return value, packing.unpack(gradient)

    @abstractmethod
    def encode(self, target: Any, n_outputs: int, **arrangement: Any) -> Any:
        """Check targets, and return `SequenceTargets`; see :meth:`Loss.encode`."""


def as_floats(given: ArrayLike, name: str = "the output") -> Array:
    """Return an array of float32 or float64, or say why it is none."""
    array = read_array(given, name)
    if array.dtype in (np.float32, np.float64):
        return array
    if array.dtype.kind not in "biufO":
        raise ValueError(f"{name} must be an array of real numbers, but {array.dtype} was given")
    return read_array(array, name, np.float64)
