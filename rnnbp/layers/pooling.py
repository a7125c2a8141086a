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
from rnnbp.layers.layer import BackwardContext, Context, Layer, StreamStep

if TYPE_CHECKING:
    from rnnbp.layers.compiled import Part

__all__ = ["LastStep", "MaxOverTime", "MeanOverTime"]

Array = NDArray[Any]


class _Pooling(Layer):
    needs_time = True
    pools_time = True

    def output_packing(self, packing: Packing) -> Packing | None:
        """Return None: there is one row a sequence."""
        return None

    def output_lengths(self, lengths: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return 1 for each."""
        return np.ones_like(lengths)

    def output_width(self, input_width: int) -> int:
        """Return input_width."""
        return input_width


def _packing(context: Context | BackwardContext) -> Packing:
    assert context.packing is not None, "the network lets only sequences come here"
    return context.packing


class LastStep(_Pooling):
    """The frame at each sequence's own last step.

    Parameters
    ----------
    bidirectional : bool, default False
        Whether the input is that of a bidirectional layer. Its backward half has, at the sequence's last step, seen one
        frame only, and at the first step all of them; so there each direction's own last step is taken.
    reverse : bool, default False
        Whether the input is that of a layer that runs backwards, whose last step is the sequence's first.

    Raises
    ------
    ValueError
        If a setting is no bool, if both are True, or if the features of a bidirectional input are no two halves.

    See Also
    --------
    MeanOverTime
    MaxOverTime

    Examples
    --------
    >>> from rnnbp import Network
    >>> x = [np.array([[1.0], [2.0], [3.0]]), np.array([[4.0]])]
    >>> print(Network([LastStep()]).forward(x))
    [[3.]
     [4.]]
    """

    def __init__(self, *, bidirectional: bool = False, reverse: bool = False) -> None:
        self.bidirectional, self.reverse = flag("bidirectional", bidirectional), flag("reverse", reverse)
        self.runs_backwards = bidirectional or reverse
        if bidirectional and reverse:
            raise ValueError("a bidirectional input has both directions' last steps already: leave out reverse=True")

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

        return PoolingPart("last", dtype, n_forward=self._forward_width)

    def forward(self, parameters: Mapping[str, Array], x: Array, context: Context) -> tuple[Array, Any]:
        """Return x(L); of what comes from a backward direction x(1)."""
        packing, k = _packing(context), self._forward_width(x.shape[1])
        return np.concatenate([x[packing.last, :k], x[: packing.n_sequences, k:]], axis=1), None

    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        saved: Any,
        context: BackwardContext,
    ) -> Array | None:
        """Return dy at the last step (where a backward direction's is wanted, at the first one), zero elsewhere."""
        packing, k = _packing(context), self._forward_width(dy.shape[1])
        dx = context.workspace.zeros("dx", (packing.n_rows, dy.shape[1]), dy.dtype)
        dx[packing.last, :k] = dy[:, :k]
        dx[: packing.n_sequences, k:] = dy[:, k:]
        return dx

    def stream(self, parameters: Mapping[str, Array], dtype: np.dtype[Any], *, compiled: bool) -> StreamStep:
        """Return the frame itself: the last one so far."""
        if self.runs_backwards:
            return super().stream(parameters, dtype, compiled=compiled)
        return lambda frame: frame

    def check_online(self) -> None:
        """Check that it takes one direction's last step, which is the frame at hand."""
        if self.runs_backwards:
            super().check_online()

    def _forward_width(self, width: int) -> int:
        """Return how many features, the first ones, come from a forward direction."""
        return 0 if self.reverse else width // 2 if self.bidirectional else width


class MeanOverTime(_Pooling):
    """The mean of each sequence's frames.

    See Also
    --------
    MaxOverTime
    LastStep

    Examples
    --------
    >>> from rnnbp import Network
    >>> x = [np.array([[1.0], [2.0], [3.0]]), np.array([[4.0]])]
    >>> print(Network([MeanOverTime()]).forward(x))
    [[2.]
     [4.]]
    """

    def compiled(self, parameters: Mapping[str, Array], dtype: np.dtype[Any]) -> Part | None:
        """Return a `PoolingPart`."""
        from rnnbp.layers.compiled.pooling import PoolingPart

        return PoolingPart("mean", dtype)

    def forward(self, parameters: Mapping[str, Array], x: Array, context: Context) -> tuple[Array, Any]:
        """Return the mean of x(t) over t."""
        packing = _packing(context)
        total = np.zeros((packing.n_sequences, x.shape[1]), x.dtype)
        for start, n in zip(packing.starts, packing.counts, strict=False):
            total[:n] += x[start : start + n]
        return np.asarray(total / packing.lengths[:, None].astype(x.dtype)), None

    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        saved: Any,
        context: BackwardContext,
    ) -> Array | None:
        """Return dy / L at every step."""
        packing = _packing(context)
        share = dy / packing.lengths[:, None].astype(dy.dtype)
        return np.asarray(share[packing.sequence_of_row])

    def stream(self, parameters: Mapping[str, Array], dtype: np.dtype[Any], *, compiled: bool) -> StreamStep:
        """Return the mean so far."""
        return _RunningMean()


class _RunningMean:
    def __init__(self) -> None:
        self._total: Array | float = 0.0
        self._n = 0

    def __call__(self, frame: Array) -> Array:
        self._n += 1
        self._total = self._total + frame
        return np.asarray(self._total / self._n, frame.dtype)


class MaxOverTime(_Pooling):
    """The largest value of each feature over each sequence's frames.

    See Also
    --------
    MeanOverTime
    LastStep

    Examples
    --------
    >>> from rnnbp import Network
    >>> x = [np.array([[1.0], [5.0], [3.0]]), np.array([[4.0]])]
    >>> print(Network([MaxOverTime()]).forward(x))
    [[5.]
     [4.]]
    """

    def compiled(self, parameters: Mapping[str, Array], dtype: np.dtype[Any]) -> Part | None:
        """Return a `PoolingPart`."""
        from rnnbp.layers.compiled.pooling import PoolingPart

        return PoolingPart("max", dtype)

    def forward(self, parameters: Mapping[str, Array], x: Array, context: Context) -> tuple[Array, Any]:
        """Return the maximum of x(t) over t."""
        packing = _packing(context)
        best = x[: packing.n_sequences].copy()
        row = np.broadcast_to(np.arange(packing.n_sequences)[:, None], best.shape).copy()
        for start, n in zip(packing.starts[1:], packing.counts[1:], strict=False):
            frame = x[start : start + n]
            better = frame > best[:n]
            np.copyto(best[:n], frame, where=better)
            np.copyto(row[:n], start + np.arange(n)[:, None], where=better)
        return best, row

    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        saved: Any,
        context: BackwardContext,
    ) -> Array | None:
        """Return dy where the maximum was, zero elsewhere."""
        dx = context.workspace.zeros("dx", (_packing(context).n_rows, dy.shape[1]), dy.dtype)
        dx[saved, np.arange(dx.shape[1])] = dy
        return dx

    def stream(self, parameters: Mapping[str, Array], dtype: np.dtype[Any], *, compiled: bool) -> StreamStep:
        """Return the maximum so far."""
        return _RunningMaximum()


class _RunningMaximum:
    def __init__(self) -> None:
        self._largest: Array | None = None

    def __call__(self, frame: Array) -> Array:
        self._largest = frame.copy() if self._largest is None else np.maximum(self._largest, frame)
        return self._largest
