"""`PadOrTruncate`: sequences of one length, for models that know no other.

A recurrent network needs none of this: `rnnbp` never pads. A static one sees a sequence as one long row, and a row has
one length.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from rnnbp.names import explained_class
from rnnbp.preprocessing.frames import SequenceTransformer

__all__ = ["PadOrTruncate"]

Array = NDArray[Any]


@explained_class
class PadOrTruncate(SequenceTransformer, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Bring all sequences to one length, as an (N, T, F) array or as the rows of a table.

    Parameters
    ----------
    length : int or None, default=None
        T, in steps. None takes the longest sequence that `fit` sees.
    flatten : bool, default=False
        Return a table of shape (N, T F), one frame after the other, as scikit-learn's estimators need it.
    fill : float or "edge", default=0.0
        What stands where a sequence has ended: a number, or its last frame ("edge").
    side : {"end", "start"}, default="end"
        Where short sequences are filled and long ones are cut. "start" keeps the last T frames.

    Attributes
    ----------
    length_ : int
        T.
    n_features_in_ : int
        F; for an (N, T) array, T.

    Raises
    ------
    TypeError, ValueError
        If X is none of the forms; see `SequenceScaler`.

    Examples
    --------
    >>> PadOrTruncate(3, flatten=True).fit_transform([[[1.0], [2.0]], [[3.0], [4.0], [5.0], [6.0]]])
    array([[1., 2., 0.],
           [3., 4., 5.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "length": [Interval(Integral, 1, None, closed="left"), None],
        "flatten": ["boolean"],
        "fill": [Interval(Real, None, None, closed="neither"), StrOptions({"edge"})],
        "side": [StrOptions({"end", "start"})],
    }

    def __init__(
        self,
        length: int | None = None,
        *,
        flatten: bool = False,
        fill: float | Literal["edge"] = 0.0,
        side: Literal["end", "start"] = "end",
    ) -> None:
        self.length = length
        self.flatten = flatten
        self.fill = fill
        self.side = side

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: ArrayLike | list[Array], y: object = None) -> Self:
        """Find the longest sequence, if no length was given.

        Parameters
        ----------
        X : list of (T_i, F) arrays, (N, T, F) array or (N, T) array
        y : ignored
            For scikit-learn's pipelines.

        Returns
        -------
        self
        """
        frames = self._read(X, reset=True)
        self.length_ = int(frames.lengths.max()) if self.length is None else self.length
        return self

    def transform(self, X: ArrayLike | list[Array]) -> Array:
        """Bring sequences to one length.

        Parameters
        ----------
        X : list of (T_i, F) arrays, (N, T, F) array or (N, T) array

        Returns
        -------
        ndarray of shape (N, T, F), or (N, T F) if `flatten`
            T is `length_`; float32 stays float32.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        frames = self._read(X, reset=False)
        length, at_end = self.length_, self.side == "end"
        n, f = len(frames.lengths), frames.frames.shape[1]
        out = np.empty((n, length, f), frames.frames.dtype)
        for row, sequence in zip(out, frames.split(frames.frames), strict=True):
            kept = sequence[:length] if at_end else sequence[-length:]
            row[...] = self.fill if self.fill != "edge" else kept[-1] if at_end else kept[0]
            row[slice(len(kept)) if at_end else slice(length - len(kept), None)] = kept
        made: Array = self._in_tables(out.reshape(n, length * f) if self.flatten else out, X)
        return made

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Array:
        """Name the features of a frame, or if `flatten` the columns: ``x0_t0``, ``x1_t0``, ..., ``x0_t1``, ....

        Parameters
        ----------
        input_features : array of F str or None, default=None
            If None, the columns of the data frames that `fit` saw, or x0, x1, ....

        Returns
        -------
        ndarray of str
        """
        names = self._frame_names(input_features)
        if not self.flatten:
            return names
        return np.array([f"{name}_t{t}" for t in range(self.length_) for name in names], dtype=object)
