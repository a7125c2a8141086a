"""Recurrent networks: what the estimators of sequences share.

::

    recurrent layers, dropout between them  ->  pooling over time, if there is one output a sequence  ->  dropout, Dense

Sequences come as a list of ``(T_i, F)`` arrays, an ``(N, T, F)`` array, or an ``(N, T)`` array read as one scalar a
step; see `rnnbp.preprocessing.frames`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted, column_or_1d

from rnnbp import gradients, layers
from rnnbp.configuration import flag, lookup, number, whole_number
from rnnbp.estimators.base import NetworkEstimator, dense
from rnnbp.gradients import GradientAlgorithm
from rnnbp.layers import Dense, Dropout, Layer, Recurrent
from rnnbp.preprocessing.frames import Frames, SequenceReader
from rnnbp.training.evaluation import predict

__all__ = ["RecurrentEstimator"]

Array = NDArray[Any]

CELLS: dict[str, type[Recurrent]] = {"elman": layers.Elman, "gru": layers.GRU, "lstm": layers.LSTM}
GRADIENTS: dict[str, type[GradientAlgorithm]] = {
    "bptt": gradients.BPTT,
    "checkpointed": gradients.CheckpointedBPTT,
    "rtrl": gradients.RTRL,
}


class RecurrentEstimator(SequenceReader, NetworkEstimator):
    """An estimator of sequences; see `RNNClassifier`."""

    hidden_layer_sizes: int | Sequence[int]
    cell: str
    bidirectional: bool
    pooling: str
    gradient: str | GradientAlgorithm
    recurrent_dropout: float
    largest_batch: ClassVar[int] = 32
    _remembered: ClassVar[tuple[str, ...]] = ("_width", "_saw_columns")

    @property
    def _per_step(self) -> bool:
        """Whether there is an output at each step."""
        return False

    def _layers(self, n_outputs: int) -> list[Layer]:
        flag("bidirectional", self.bidirectional)
        number("recurrent_dropout", self.recurrent_dropout, "[0, 1)")
        if self.clip_norm is not None:
            number("clip_norm", self.clip_norm)
        given = self.hidden_layer_sizes
        sizes = [whole_number("hidden_layer_sizes", n) for n in (given if isinstance(given, Sequence) else [given])]
        if not sizes:
            raise ValueError("hidden_layer_sizes is empty: a recurrent network needs at least one layer")
        kind, algorithm = lookup(CELLS, self.cell, "cell"), self.gradient
        if not isinstance(algorithm, GradientAlgorithm):
            algorithm = lookup(GRADIENTS, algorithm, "gradient algorithm")()
        stack: list[Layer] = []
        width = self._width
        for k, size in enumerate(sizes):
            if self.dropout and k:
                stack.append(Dropout(self.dropout))
            stack.append(
                kind(
                    width,
                    size,
                    bidirectional=self.bidirectional,
                    recurrent_dropout=self.recurrent_dropout,
                    gradient=algorithm,
                )
            )
            width = 2 * size if self.bidirectional else size
        if not self._per_step:
            poolings: dict[str, Layer] = {
                "last": layers.LastStep(bidirectional=self.bidirectional),
                "mean": layers.MeanOverTime(),
                "max": layers.MaxOverTime(),
            }
            stack.append(lookup(poolings, self.pooling, "pooling"))
        if self.dropout:
            stack.append(Dropout(self.dropout))
        return [*stack, Dense(width, n_outputs)]

    def _read_y(self, y: Any, n: int, *, numeric: bool = False, warn: bool = True) -> Array:
        """Return targets, one for each of `n` sequences or steps, checked; maybe warn of a column."""
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        array = check_array(
            dense(y),
            ensure_2d=False,
            dtype="numeric" if numeric else None,
            input_name="y",
            estimator=self,
        )
        if array.ndim == 0 or array.ndim > 2:
            raise ValueError(f"y should be a 1d array, or 2d, but its shape is {array.shape}")
        check_consistent_length(range(n), array)
        if array.ndim == 2 and array.shape[1] == 1:
            return np.asarray(column_or_1d(array, warn=warn))
        return np.asarray(array)

    def _apply(self, X: Any, function: Callable[[Array], Array]) -> Any:
        check_is_fitted(self)
        frames = self._read(X, reset=False)
        outputs = predict(self.network_, frames.split(frames.stacked))
        if isinstance(outputs, np.ndarray):
            return function(outputs)
        return as_given(function(np.concatenate(outputs)), frames)


def as_given(values: Array, frames: Frames) -> Array | list[Array]:
    """Return one value or row a frame in the form that the frames came in: a list, or an array."""
    return frames.split(values) if frames.shape is None else values.reshape(*frames.shape[:2], *values.shape[1:])
