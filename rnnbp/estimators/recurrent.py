"""Recurrent networks: what the estimators of sequences share.

::

    maybe a convolution over time  ->  recurrent layers, dropout between them
        ->  pooling over time, if there is one output a sequence  ->  dropout, Dense

Sequences come as a list of ``(T_i, F)`` arrays, an ``(N, T, F)`` array, or an ``(N, T)`` array read as one scalar a
step; see `rnnbp.preprocessing.frames`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from rnnbp.data.training_set import TrainingSet
from rnnbp.estimators.base import NetworkEstimator
from rnnbp.estimators.settings import CELLS, GRADIENTS, POOLINGS, Recurrence, layer_sizes
from rnnbp.layers import Activation, Conv1D, Dense, Dropout, Layer
from rnnbp.preprocessing.frames import Frames, SequenceReader
from rnnbp.training.evaluation import predict_rows
from rnnbp.warning import warn

__all__ = ["RecurrentEstimator"]

Array = NDArray[Any]

MORE = 4  # times as many features as steps: an array's axes may be in another order


class RecurrentEstimator(SequenceReader, NetworkEstimator, Recurrence):
    """A recurrent network's half of an estimator; the other half says what y and outputs are."""

    largest_batch: ClassVar[int] = 32
    _begins_late: ClassVar[bool] = True
    _words: ClassVar[dict[str, str]] = {
        "sample": "sequence",
        "samples": "sequences",
        "counted": "sequences",
        "largest_batch": str(largest_batch),
        "goes_on": "\n    Training also goes on while their loss falls much, or, as long as that is near a constant's,"
        "\n    the loss of the training data.",
        "X": "list of arrays of shape (T_i, F), or array of shape (N, T, F) or (N, T)\n"
        "    float32 stays float32, which is fastest; all else is computed in float64. Sequences that differ in their\n"
        "    features are named in an error.",
        "n_features": "\n    F; for an (N, T) array it is T, as scikit-learn counts columns.",
    }
    _remembered: ClassVar[tuple[str, ...]] = ("_width", "_saw_columns")
    _scaler: ClassVar[str] = "rnnbp.preprocessing.SequenceScaler"
    _remedies: ClassVar[str] = (
        "features scaled by SequenceScaler, wider frames (SlidingWindow), another learning_rate_init or random_state, "
        "or a larger n_iter_no_change"
    )
    bidirectional = False  # unless they are settings
    convolution: tuple[int, int] | None = None
    pooling: Literal["last", "mean", "max"] = "last"

    @property
    def _n_inputs(self) -> int:
        """Of the network."""
        return self._width

    def _layers(self, n_outputs: int) -> list[Layer]:
        kind, algorithm = CELLS[self.cell], self.gradient
        if isinstance(algorithm, str):
            algorithm = GRADIENTS[algorithm]()
        stack: list[Layer] = []
        width = self._n_inputs
        sizes = layer_sizes("hidden_layer_sizes", self.hidden_layer_sizes)
        if self.convolution is not None:
            seen, stride = self.convolution
            front = Conv1D(width, sizes[0], seen, stride=stride, causal=not self.bidirectional)
            stack, width = [front, Activation("relu")], sizes[0]
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
            stack.append(POOLINGS[self.pooling](self.bidirectional))
        if self.dropout:
            stack.append(Dropout(self.dropout))
        return [*stack, Dense(width, n_outputs)]

    def _read_x(self, X: Any, *, reset: bool) -> Frames:
        """Return sequences of frames, checked; maybe warn of features that may be steps.

        Warns
        -----
        UserWarning
            If an array has far more features than steps, as one of shape (N, channels, T) would have.
        """
        frames = self._read(X, reset=reset)
        if reset and frames.shape is not None and len(frames.shape) == 3:
            n, t, f = frames.shape
            if t > 1 and f >= MORE * t:
                warn(
                    f"X of shape ({n}, {t}, {f}) is read as {n} sequences of {t} steps with {f} features. If its axes "
                    "are (N, features, steps), pass X.swapaxes(1, 2); else list(X) is taken as it is"
                )
        return frames

    def _apply(self, X: Any, function: Callable[[Array], Array]) -> Any:
        check_is_fitted(self)
        frames = self._read(X, reset=False)
        outputs = function(predict_rows(self.network_, TrainingSet(self.network_.interface, frames)))
        return as_given(outputs, frames) if self._per_step else outputs


def as_given(values: Array, frames: Frames) -> Array | list[Array]:
    """Return one value or row a frame in the form that the frames came in: a list, or an array."""
    return frames.split(values) if frames.shape is None else values.reshape(*frames.shape[:2], *values.shape[1:])
