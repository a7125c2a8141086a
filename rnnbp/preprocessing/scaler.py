"""`SequenceScaler`: each feature to zero mean and unit variance, over all frames of all sequences.

With n frames seen, of mean m and sum of squared deviations M, and n' new ones of m' and M'::

    δ = m' - m
    m ← m + δ n' / (n + n')
    M ← M + M' + δ² n n' / (n + n')
    x → (x - m) / sqrt(M / n)

T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
COMPSTAT 1982. All of it is in float64, as float32 has no digits left for small changes on a large level. A long
sequence counts for more than a short one: what is standardised is the frame that a network sees.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import OneToOneFeatureMixin, _fit_context

from rnnbp.names import explained_class
from rnnbp.preprocessing.frames import Frames, SequenceTransformer

__all__ = ["SequenceScaler"]

Array = NDArray[Any]
Sequences = ArrayLike | list[Array]


@explained_class
class SequenceScaler(OneToOneFeatureMixin, SequenceTransformer, auto_wrap_output_keys=None):  # type: ignore[misc, call-arg]
    """Standardise each feature over all frames of all sequences.

    Parameters
    ----------
    with_mean : bool, default=True
        Subtract the mean.
    with_std : bool, default=True
        Divide by the standard deviation. A feature that never changes is left in its unit.

    Attributes
    ----------
    mean_ : ndarray of float64, of shape (F,)
    var_ : ndarray of float64, of shape (F,)
        The variance (divided by n, not by n - 1).
    scale_ : ndarray of float64, of shape (F,)
        What frames are divided by.
    n_frames_seen_ : int
    n_features_in_ : int
        F; for an (N, T) array, T.

    Raises
    ------
    TypeError, ValueError
        If X is none of the forms, is empty, holds NaN or infinity (the message names the first), or has other
        features than the sequences that it was fitted to.

    See Also
    --------
    PerFrame : any other of scikit-learn's transformers, on frames.

    Examples
    --------
    >>> scaler = SequenceScaler().fit([[[1.0, 10.0], [3.0, 10.0]], [[5.0, 40.0]]])
    >>> scaler.mean_
    array([ 3., 20.])
    >>> scaler.transform([[[3.0, 20.0]]])
    array([[[0., 0.]]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"with_mean": ["boolean"], "with_std": ["boolean"]}

    def __init__(self, *, with_mean: bool = True, with_std: bool = True) -> None:
        self.with_mean = with_mean
        self.with_std = with_std

    def fit(self, X: Sequences, y: object = None) -> Self:
        """Compute mean and variance.

        Parameters
        ----------
        X : list of (T_i, F) arrays, (N, T, F) array or (N, T) array
        y : ignored
            For scikit-learn's pipelines.

        Returns
        -------
        self
        """
        self.__dict__.pop("n_frames_seen_", None)
        self.partial_fit(X)
        return self

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Sequences, y: object = None) -> Self:
        """Take further sequences into mean and variance.

        Parameters
        ----------
        X, y
            As for `fit`.

        Returns
        -------
        self
        """
        first = not hasattr(self, "n_frames_seen_")
        frames = self._read(X, reset=first).frames
        n_new, mean_new = len(frames), frames.mean(axis=0, dtype=np.float64)
        var_new = np.square(frames - mean_new).mean(axis=0)
        if first:
            self.n_frames_seen_, self.mean_, self.var_ = n_new, mean_new, var_new
        else:
            n = self.n_frames_seen_ + n_new
            share, delta = n_new / n, mean_new - self.mean_
            self.var_ = (1 - share) * self.var_ + share * var_new + delta**2 * share * (1 - share)
            self.mean_ = self.mean_ + share * delta
            self.n_frames_seen_ = n
        # a deviation that rounding alone can make is none
        moves = np.sqrt(self.var_) > 10 * np.finfo(frames.dtype).eps * np.abs(self.mean_)
        self.scale_ = np.where(moves, np.sqrt(self.var_), 1.0)
        return self

    def transform(self, X: Sequences) -> Array | list[Array]:
        """Standardise sequences.

        Parameters
        ----------
        X : list of (T_i, F) arrays, (N, T, F) array or (N, T) array

        Returns
        -------
        list of arrays or array
            In the form of X; float32 stays float32, everything else becomes float64.
        """
        frames = self._fitted_to(X)
        rows = frames.frames.copy()
        if self.with_mean:
            rows -= self.mean_
        if self.with_std:
            rows /= self.scale_
        made: Array | list[Array] = self._in_tables(frames.restore(rows), X)
        return made

    def inverse_transform(self, X: Sequences) -> Array | list[Array]:
        """Return standardised sequences to their units; `transform`'s inverse."""
        frames = self._fitted_to(X)
        rows = frames.frames.copy()
        if self.with_std:
            rows *= self.scale_
        if self.with_mean:
            rows += self.mean_
        return frames.restore(rows)

    def _fitted_to(self, X: Sequences) -> Frames:
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        return self._read(X, reset=False)
