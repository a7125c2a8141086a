"""Pooling over time: one row of each sequence.

For a sequence of L steps::

    LastStep        y = x(L)                          dx(L) = dy
     both ways      y = [x_f(L), x_b(1)]              dx_f(L) = dy_f, dx_b(1) = dy_b (f and b: the halves of x)
    MeanOverTime    y = 1/L sum_t x(t)                dx(t) = dy / L
    MaxOverTime     y = max_t x(t), by feature        dx(argmax) = dy (the first one, if there are several)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import flag
from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.layers.layer import Context, Layer

if TYPE_CHECKING:
    from rnnbp.layers.compiled import Part

__all__ = ["LastStep", "MaxOverTime", "MeanOverTime"]

Array = NDArray[Any]


class _Pooling(Layer):
    needs_time = True
    pools_time = True

    def output_width(self, input_width: int) -> int:
        """Return input_width."""
        return input_width


def _packing(context: Context) -> Packing:
    assert context.packing is not None, "the network lets only sequences come here"
    return context.packing


class LastStep(_Pooling):
    """The frame at each sequence's own last step.

    Parameters
    ----------
    bidirectional : bool, default False
        Whether the input is that of a bidirectional layer. Its backward half has, at the sequence's last step, seen one
        frame only, and at the first step all of them; so there each direction's own last step is taken.

    Raises
    ------
    ValueError
        If the setting is no bool, or if the features of a bidirectional input are no two halves.
    """

    def __init__(self, *, bidirectional: bool = False) -> None:
        self.bidirectional = self.runs_backwards = flag("bidirectional", bidirectional)

    def output_width(self, input_width: int) -> int:
        """Return input_width."""
        if self.bidirectional and input_width % 2:
            raise ValueError(
                f"{self!r} takes a forward and a backward half, but {input_width} features, an odd number, come in"
            )
        return input_width

    def compiled(self, parameters: Mapping[str, Array], dtype: np.dtype[Any]) -> Part | None:
        """Return a `PoolingPart`."""
        from rnnbp.layers.compiled.pooling import PoolingPart

        return PoolingPart("last", dtype, halves=self.bidirectional)

    def forward(self, parameters: Mapping[str, Array], x: Array, workspace: Workspace, context: Context) -> Array:
        """Return x(L); of a backward half x(1)."""
        workspace["shape"], packing, k = x.shape, _packing(context), self._forward_width(x.shape[1])
        return np.concatenate([x[packing.last, :k], x[: packing.n_sequences, k:]], axis=1)

    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        workspace: Workspace,
        context: Context,
    ) -> Array | None:
        """Return dy at the last step (of a backward half, at the first one), zero elsewhere."""
        packing, k = _packing(context), self._forward_width(dy.shape[1])
        dx = workspace.zeros("dx", workspace["shape"], dy.dtype)
        dx[packing.last, :k] = dy[:, :k]
        dx[: packing.n_sequences, k:] = dy[:, k:]
        return dx

    def _forward_width(self, width: int) -> int:
        """Return how many features, the first ones, come from a forward direction."""
        return width // 2 if self.bidirectional else width


class MeanOverTime(_Pooling):
    """The mean of each sequence's frames."""

    def compiled(self, parameters: Mapping[str, Array], dtype: np.dtype[Any]) -> Part | None:
        """Return a `PoolingPart`."""
        from rnnbp.layers.compiled.pooling import PoolingPart

        return PoolingPart("mean", dtype)

    def forward(self, parameters: Mapping[str, Array], x: Array, workspace: Workspace, context: Context) -> Array:
        """Return the mean of x(t) over t."""
        packing = _packing(context)
        total = np.zeros((packing.n_sequences, x.shape[1]), x.dtype)
        for start, n in zip(packing.starts, packing.counts, strict=False):
            total[:n] += x[start : start + n]
        return np.asarray(total / packing.lengths[:, None].astype(x.dtype))

    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        workspace: Workspace,
        context: Context,
    ) -> Array | None:
        """Return dy / L at every step."""
        packing = _packing(context)
        share = dy / packing.lengths[:, None].astype(dy.dtype)
        return np.asarray(share[packing.sequence_of_row])


class MaxOverTime(_Pooling):
    """The largest value of each feature over each sequence's frames."""

    def compiled(self, parameters: Mapping[str, Array], dtype: np.dtype[Any]) -> Part | None:
        """Return a `PoolingPart`."""
        from rnnbp.layers.compiled.pooling import PoolingPart

        return PoolingPart("max", dtype)

    def forward(self, parameters: Mapping[str, Array], x: Array, workspace: Workspace, context: Context) -> Array:
        """Return the maximum of x(t) over t."""
        packing = _packing(context)
        best = x[: packing.n_sequences].copy()
        row = np.broadcast_to(np.arange(packing.n_sequences)[:, None], best.shape).copy()
        for start, n in zip(packing.starts[1:], packing.counts[1:], strict=False):
            frame = x[start : start + n]
            better = frame > best[:n]
            best[:n][better] = frame[better]
            row[:n][better] = (start + np.arange(n)[:, None] + np.zeros_like(row[:n]))[better]
        workspace["row"], workspace["shape"] = row, x.shape
        return best

    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        workspace: Workspace,
        context: Context,
    ) -> Array | None:
        """Return dy where the maximum was, zero elsewhere."""
        dx = workspace.zeros("dx", workspace["shape"], dy.dtype)
        dx[workspace["row"], np.arange(dx.shape[1])] = dy
        return dx
