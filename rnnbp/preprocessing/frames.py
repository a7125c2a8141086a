"""The frames of all sequences as the rows of one matrix, and the way back to the form that they came in.

======================  ==========================  ===========================
given                   stacked                     with F' features comes back
======================  ==========================  ===========================
list of (T_i, F)        (T_1 + ... + T_N, F)        list of (T_i, F')
list of (T_i,)          (T_1 + ... + T_N, 1)        list of (T_i, F')
(N, T, F)               (N T, F)                    (N, T, F')
(N, T)                  (N T, 1)                    (N, T, F')
======================  ==========================  ===========================

Frames lie sequence after sequence, so an array is stacked without a copy. Only lists may be ragged; a list of
arrays is never taken for an array, so that the part of it that a cross-validation chooses is treated as the whole was.
Nested lists of numbers are the array that they spell, unless they are ragged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names

from rnnbp.data.sequences import Sequences, check_sequences
from rnnbp.reading import refuse_unreadable
from rnnbp.tables import TablesOnRequest

__all__ = ["Frames", "SequenceReader", "SequenceTransformer"]

Array = NDArray[Any]
Index = NDArray[np.intp]
FLOATS = (np.float64, np.float32)  # what is kept; all other numbers become the first


@dataclass(frozen=True, eq=False)
class Frames(Sequences):
    """Sequences that know the form in which they came.

    Attributes
    ----------
    frames : ndarray of float32 or float64, of shape (n_frames, F)
    lengths : ndarray of int, of shape (N,)
    shape : tuple of int or None
        Of the array that they came in; None stands for a list.
    scalar : bool
        Whether they came as numbers, without an axis for features.
    """

    shape: tuple[int, ...] | None
    scalar: bool

    def rebuild(self, stacked: Array) -> Array | list[Array]:
        """Return rows of other features in the form that the frames came in, with an axis for features."""
        return self.split(stacked) if self.shape is None else stacked.reshape(*self.shape[:2], *stacked.shape[1:])

    def restore(self, stacked: Array) -> Array | list[Array]:
        """Return rows of the same features in exactly the form that the frames came in."""
        return self.rebuild(stacked[:, 0] if self.scalar else stacked)


class SequenceReader(BaseEstimator):  # type: ignore[misc]
    """What transformers and estimators of sequences share: their input, its checks, and what is remembered of it.

    Attributes
    ----------
    n_features_in_ : int
        F; for an (N, T) array it is T, as scikit-learn counts columns.
    """

    _width: int  # F
    _saw_columns: bool  # whether fit saw an (N, T) array, whose columns scikit-learn counts and may know by name

    def _read(self, X: Any, *, reset: bool) -> Frames:
        """Return the frames of X, checked, also against what `fit` saw unless `reset`."""
        if isinstance(X, Sequences):
            X = list(X)
        if isinstance(X, (list, tuple)):
            array = _spelt_out(X)
            if array is None:
                return self._of_list(X, reset=reset)
            X = array
        refuse_unreadable(X, "X")
        if getattr(getattr(X, "index", None), "nlevels", 1) > 1:
            raise ValueError(
                "the rows of X are a MultiIndex, but a table is read as one sequence a row. If its rows are steps, "
                "pass rnnbp.preprocessing.from_multiindex(X); if they are sequences, X.reset_index(drop=True)"
            )
        if getattr(X, "ndim", None) == 1:
            raise ValueError(
                f"X is one series of shape {X.shape}, but several are expected: for one series write [X]. Reshape your "
                "data to (N, T) if they hold more"
            )
        if getattr(X, "ndim", None) == 3:
            return self._of_three_axes(X, reset=reset)
        return self._of_two_axes(X, reset=reset)

    def _of_list(self, X: Sequence[ArrayLike], *, reset: bool) -> Frames:
        arrays = check_sequences(X)
        for i, a in enumerate(arrays):
            if a.dtype.kind not in "fiub":
                raise TypeError(f"sequence {i} holds {a.dtype} values: expected real numbers")
        if arrays[0].ndim > 2:
            raise ValueError(f"each sequence must be of shape (T_i, F) or (T_i,), but the first has {arrays[0].shape}")
        if arrays[0].shape[1:] == (0,):
            raise ValueError(
                f"each sequence must have at least one feature, but the first is of shape {arrays[0].shape}"
            )
        stacked = _as_float(np.ascontiguousarray(np.concatenate(arrays)))  # data frames lie column by column
        lengths = np.array([len(a) for a in arrays], dtype=np.intp)
        scalar = stacked.ndim == 1
        frames = Frames(stacked[:, None] if scalar else stacked, lengths, None, scalar)
        _check_finite(frames)
        self._check_width(frames.frames.shape[1], reset=reset)
        if not self._saw_columns:  # those are steps
            _check_feature_names(self, X[0], reset=reset)
        return frames

    def _of_three_axes(self, X: Any, *, reset: bool) -> Frames:
        from sklearn.utils import check_array

        array = check_array(X, allow_nd=True, dtype=FLOATS, ensure_all_finite=False, estimator=self)
        if 0 in array.shape:
            raise ValueError(f"X is empty: its shape is {array.shape}")
        n, t, f = array.shape
        frames = Frames(array.reshape(n * t, f), np.full(n, t, np.intp), array.shape, scalar=False)
        _check_finite(frames)
        self._check_width(f, reset=reset)
        return frames

    def _of_two_axes(self, X: Any, *, reset: bool) -> Frames:
        from sklearn.utils import check_array
        from sklearn.utils.validation import validate_data

        if not reset and getattr(X, "ndim", None) == 2:
            if self._width != 1:
                raise ValueError(
                    f"X is two-dimensional, one scalar a step, but {type(self).__name__} was fitted to frames of "
                    f"{self._width} features: for one sequence write [X]"
                )
            if X.shape[1] == 1 < X.shape[0] and not self._saw_columns:
                raise ValueError(
                    f"X of shape {X.shape} could be one sequence of {X.shape[0]} steps, or {X.shape[0]} sequences of "
                    "one step: write [X] for the first, list(X) for the others"
                )
        if reset or self._saw_columns:
            try:
                array = validate_data(self, X, reset=reset, dtype=FLOATS)
            except ValueError as error:
                if not str(error).endswith("features as input."):  # as scikit-learn counts the columns
                    raise
                raise ValueError(
                    f"{error} The columns of an (N, T) array are steps: sequences of another length are taken as a "
                    "list, list(X[:, :, None])"
                ) from None
        else:  # it was fitted to scalars in another form, and has no columns to compare with
            array = check_array(X, dtype=FLOATS, estimator=self)
        if reset:
            self._width, self._saw_columns = 1, True
        n, t = array.shape
        return Frames(array.reshape(n * t, 1), np.full(n, t, np.intp), array.shape, scalar=True)

    def _check_width(self, width: int, *, reset: bool) -> None:
        if reset:
            self.n_features_in_ = self._width = width
            self._saw_columns = False
            if hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
        elif width != self._width:
            raise ValueError(
                f"X has {width} features, but {type(self).__name__} is expecting {self._width} features as input"
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class SequenceTransformer(TablesOnRequest, TransformerMixin, SequenceReader):  # type: ignore[misc]
    """What the transformers of sequences share.

    They declare ``auto_wrap_output_keys=None``: `rnnbp.tables` has their `set_output`.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}

    def _frame_names(self, input_features: ArrayLike | None) -> Array:
        """Return the names of a frame's features: those given, those that `fit` saw, or x0, x1, ...."""
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        if input_features is None and hasattr(self, "feature_names_in_") and not self._saw_columns:
            return np.asarray(self.feature_names_in_)
        if input_features is None:
            return np.array([f"x{k}" for k in range(self._width)], dtype=object)
        names = np.asarray(input_features, dtype=object)
        if names.shape != (self._width,):
            raise ValueError(f"input_features should have length equal to {self._width}, the features of a frame")
        return names

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _spelt_out(X: Sequence[Any]) -> Array | None:
    """Return the array that nested lists of numbers spell, or None if they are ragged, or not lists in a list."""
    if not X or not all(isinstance(item, (list, tuple)) for item in X):
        return None
    try:
        return np.asarray(X)
    except ValueError:
        return None


def _as_float(array: Array) -> Array:
    return array if array.dtype in FLOATS else array.astype(FLOATS[0])


def _check_finite(frames: Frames) -> None:
    if np.isfinite(frames.frames.sum(dtype=np.float64)):  # quick, and enough but for sums that overflow
        return
    rows, features = np.nonzero(~np.isfinite(frames.frames))
    if len(rows):
        ends = np.cumsum(frames.lengths)
        i = int(np.searchsorted(ends, rows[0], side="right"))
        step = int(rows[0] - ends[i] + frames.lengths[i])
        raise ValueError(f"sequence {i} holds NaN or infinity, first at step {step}, feature {features[0]}")
