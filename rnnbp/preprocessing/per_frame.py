"""`PerFrame`: any scikit-learn transformer, on frames in place of samples.

The frames of all sequences are the rows of one matrix; the transformer is fitted to that, and what it makes of each
frame goes back to the frame's place. ``PerFrame(PCA(8))`` is a principal component analysis of frames,
``PerFrame(SplineTransformer())`` a basis for each feature, ``PerFrame(QuantileTransformer())`` a scaler that does not
mind outliers, ``PerFrame(LinearDiscriminantAnalysis())`` the projection that tells labels apart best.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.metaestimators import available_if

from rnnbp.names import explained_class
from rnnbp.preprocessing.frames import Frames, SequenceTransformer

__all__ = ["PerFrame"]

Array = NDArray[Any]
Sequences = ArrayLike | list[Array]


def _can(method: str) -> Any:
    """Return the condition that the transformer, fitted or not, has a method."""
    return available_if(lambda self: hasattr(getattr(self, "transformer_", self.transformer), method))


@explained_class
class PerFrame(SequenceTransformer, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Fit a transformer to the frames of all sequences, and apply it to each frame.

    Parameters
    ----------
    transformer : scikit-learn transformer
        Is cloned, and fitted to an array of shape (T_1 + ... + T_N, F).

    Attributes
    ----------
    transformer_ : scikit-learn transformer
        The fitted clone.
    n_features_in_ : int
        F; for an (N, T) array, T.

    Raises
    ------
    TypeError, ValueError
        If X is none of the forms; see `SequenceScaler`. If y is neither one value a sequence nor one a step.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> sequences = [np.random.default_rng(n).normal(size=(n, 5)) for n in (3, 7)]
    >>> [frames.shape for frames in PerFrame(PCA(2)).fit_transform(sequences)]
    [(3, 2), (7, 2)]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"transformer": [HasMethods(["fit", "transform"])]}

    def __init__(self, transformer: Any) -> None:
        self.transformer = transformer

    def fit(self, X: Sequences, y: Any = None) -> Self:
        """Fit a clone of the transformer to all frames.

        Parameters
        ----------
        X : list of (T_i, F) arrays, (N, T, F) array or (N, T) array
        y : array of shape (N,) or (N, n_targets), list of N arrays of shape (T_i,), or None, default=None
            For transformers that learn from labels: a sequence's label is that of all its frames, a list of arrays
            has one for each.

        Returns
        -------
        self
        """
        self._validate_params()
        frames = self._read(X, reset=True)
        self.transformer_ = clone(self.transformer).fit(frames.frames, _of_frames(y, frames))
        return self

    @_can("partial_fit")  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Sequences, y: Any = None) -> Self:
        """Fit the transformer to further frames, if it can be.

        Parameters
        ----------
        X, y
            As for `fit`.

        Returns
        -------
        self
        """
        self._validate_params()
        first = not hasattr(self, "transformer_")
        frames = self._read(X, reset=first)
        transformer = clone(self.transformer) if first else self.transformer_
        self.transformer_ = transformer.partial_fit(frames.frames, _of_frames(y, frames))
        return self

    def transform(self, X: Sequences) -> Array | list[Array]:
        """Transform each frame.

        Parameters
        ----------
        X : list of (T_i, F) arrays, (N, T, F) array or (N, T) array

        Returns
        -------
        list of (T_i, F') arrays, or (N, T, F') array
        """
        made: Array | list[Array] = self._in_tables(self._apply("transform", self._fitted_to(X)), X)
        return made

    @_can("inverse_transform")  # type: ignore[untyped-decorator]
    def inverse_transform(self, X: list[Array] | Array) -> Array | list[Array]:
        """Transform each frame back, if the transformer can.

        Parameters
        ----------
        X : list of (T_i, F') arrays, or (N, T, F') array

        Returns
        -------
        list of (T_i, F) arrays, or (N, T, F) array
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self, "transformer_")
        # F' is the transformer's to check
        return self._apply("inverse_transform", SequenceTransformer()._read(X, reset=True))

    @_can("get_feature_names_out")  # type: ignore[untyped-decorator]
    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Array:
        """Name the features of a frame that comes out.

        Parameters
        ----------
        input_features : array of F str or None, default=None
            If None, the columns of the data frames that `fit` saw, or x0, x1, ....

        Returns
        -------
        ndarray of F' str
        """
        names: Array = self.transformer_.get_feature_names_out(self._frame_names(input_features))
        return names

    def _fitted_to(self, X: Sequences) -> Frames:
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self, "transformer_")
        return self._read(X, reset=False)

    def _apply(self, method: str, frames: Frames) -> Array | list[Array]:
        from sklearn import config_context

        with config_context(transform_output="default"):  # frames are put together again as arrays
            rows = getattr(self.transformer_, method)(frames.frames)
        return frames.rebuild(rows.toarray() if hasattr(rows, "toarray") else np.asarray(rows))


def _of_frames(y: Any, frames: Frames) -> Array | None:
    """Return the label of each frame."""
    if y is None:
        return None
    y = y if isinstance(y, (list, tuple)) else np.asarray(y)
    if len(y) != len(frames.lengths):
        raise ValueError(f"y has {len(y)} entries for {len(frames.lengths)} sequences: expected one for each")
    if isinstance(y, (list, tuple)) and np.ndim(y[0]) == 1:
        for i, (labels, length) in enumerate(zip(y, frames.lengths, strict=True)):
            if len(labels) != length:
                raise ValueError(f"y[{i}] has {len(labels)} labels, but sequence {i} has {length} steps")
        return np.concatenate(y)
    return np.repeat(y, frames.lengths, axis=0)
