"""Windows: the frames around each frame as its features, or the parts of a long series as sequences of their own.

`SlidingWindow` keeps the sequences as they are and makes their frames wider (context windows, frame stacking)::

    z(k) = [x(s k - b), ..., x(s k - b + w - 1)]    of w F features; w the width, s the step

where b frames lie before the one that the window stands for: (w - 1) // 2 if it is the centre, w - 1 if it is the last.
With steps s > 1 sequences become s times shorter, which makes recurrent networks as much faster.

`cut_windows` makes many samples of few series. Windows that overlap must not be torn apart by a cross-validation, so it
returns the groups to split by.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from rnnbp.configuration import whole_number
from rnnbp.names import explained, explained_class
from rnnbp.preprocessing.frames import SequenceTransformer

__all__ = ["SlidingWindow", "Windows", "cut_windows"]

Array = NDArray[Any]


@explained_class
class SlidingWindow(SequenceTransformer, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Give each frame its neighbours' features beside its own.

    Parameters
    ----------
    width : int, default=5
        w, the frames in a window.
    step : int, default=1
        s, from one window to the next: only every s-th frame is kept, so that T becomes ceil(T / s).
    position : {"centre", "last"}, default="centre"
        Where in its window the frame is: "last" looks at the past only, as forecasts and streams must.

    Attributes
    ----------
    n_features_in_ : int
        F; for an (N, T) array, T.

    Raises
    ------
    TypeError, ValueError
        If X is none of the forms; see `SequenceScaler`.

    Notes
    -----
    Beyond a sequence's ends its first and last frames are repeated: nothing is made up, and no frame is lost.

    See Also
    --------
    cut_windows : cut long series into many short ones.

    Examples
    --------
    >>> SlidingWindow(3).fit_transform([[1.0, 2.0, 3.0, 4.0]])[0]
    array([[1., 1., 2.],
           [1., 2., 3.],
           [2., 3., 4.],
           [3., 4., 4.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "width": [Interval(Integral, 1, None, closed="left")],
        "step": [Interval(Integral, 1, None, closed="left")],
        "position": [StrOptions({"centre", "last"})],
    }

    def __init__(self, width: int = 5, *, step: int = 1, position: Literal["centre", "last"] = "centre") -> None:
        self.width = width
        self.step = step
        self.position = position

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: ArrayLike | list[Array], y: object = None) -> Self:
        """Check the settings and the sequences; there is nothing to learn.

        Parameters
        ----------
        X : list of (T_i, F) arrays, (N, T, F) array or (N, T) array
        y : ignored
            For scikit-learn's pipelines.

        Returns
        -------
        self
        """
        self._read(X, reset=True)
        return self

    def transform(self, X: ArrayLike | list[Array]) -> Array | list[Array]:
        """Make a window of each frame, or of every s-th.

        Parameters
        ----------
        X : list of (T_i, F) arrays, (N, T, F) array or (N, T) array

        Returns
        -------
        list of (ceil(T_i / s), w F) arrays, or (N, ceil(T / s), w F) array
            A window's first frame comes first.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        frames = self._read(X, reset=False)
        windows = [self._windows(sequence) for sequence in frames.split(frames.frames)]
        made: Array | list[Array] = self._in_tables(windows if frames.shape is None else np.stack(windows), X)
        return made

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Array:
        """Name the features of a window: ``x0_-1``, ``x1_-1``, ..., ``x0_+0``, ..., by their distance in steps.

        Parameters
        ----------
        input_features : array of F str or None, default=None
            If None, the columns of the data frames that `fit` saw, or x0, x1, ....

        Returns
        -------
        ndarray of w F str
        """
        names = self._frame_names(input_features)
        distances = range(-self._before, self.width - self._before)
        return np.array([f"{name}_{distance:+d}" for distance in distances for name in names], dtype=object)

    @property
    def _before(self) -> int:
        """How many frames of a window lie before the one that it stands for."""
        return self.width - 1 if self.position == "last" else (self.width - 1) // 2

    def _windows(self, sequence: Array) -> Array:
        places = np.arange(0, len(sequence), self.step)[:, None] + np.arange(self.width) - self._before
        windows: Array = sequence[places.clip(0, len(sequence) - 1)].reshape(len(places), -1)
        return windows


class Windows(NamedTuple):
    """What `cut_windows` returns.

    Attributes
    ----------
    X : ndarray of shape (n_windows, width, F)
    y : ndarray of shape (n_windows, ...) or (n_windows, width, ...), or None
        The series' target, or the targets of the window's steps.
    groups : ndarray of int, of shape (n_windows,)
        The series that a window was cut from: `groups` of ``GroupKFold``.
    start : ndarray of int, of shape (n_windows,)
        The step of the series that a window begins with.

    See Also
    --------
    cut_windows

    Examples
    --------
    >>> windows = cut_windows([np.arange(6.0)[:, None]], width=4, step=2)
    >>> windows.X.shape, windows.start
    ((2, 4, 1), array([0, 2]))
    """

    X: Array
    y: Array | None
    groups: NDArray[np.intp]
    start: NDArray[np.intp]


@explained
def cut_windows(X: Any, y: Any = None, *, width: int, step: int | None = None) -> Windows:
    """Cut long series into windows, each a sequence of its own.

    Parameters
    ----------
    X : list of (T_i, F) arrays, (N, T, F) array or (N, T) array
        One long series is a list of one.
    y : array of shape (N, ...), list of N arrays of shape (T_i, ...), or None, default=None
        One target a series, or, as a list, one a step.
    width : int
        Steps in a window. What is left over at the end of a series is not used.
    step : int or None, default=None
        Steps from the beginning of a window to that of the next; None is `width`, so that windows do not overlap.

    Returns
    -------
    Windows

    Raises
    ------
    ValueError
        If a series is shorter than a window (the message names it), if the targets do not fit, or as `SequenceScaler`.

    Examples
    --------
    >>> windows = cut_windows([[0.0, 1.0, 2.0, 3.0, 4.0]], ["up"], width=3, step=2)
    >>> windows.X[:, :, 0], windows.y, windows.groups
    (array([[0., 1., 2.],
           [2., 3., 4.]]), array(['up', 'up'], dtype='<U2'), array([0, 0]))
    """
    width = whole_number("width", width)
    step = width if step is None else whole_number("step", step)
    frames = SequenceTransformer()._read(X, reset=True)
    if (short := np.flatnonzero(frames.lengths < width)).size:
        raise ValueError(f"series {short[0]} has {frames.lengths[short[0]]} steps, less than a window of {width}")
    start = [np.arange(0, length - width + 1, step) for length in frames.lengths]
    return Windows(
        np.concatenate([_cut(series, width, step) for series in frames.split(frames.frames)]),
        None if y is None else _cut_targets(y, frames.lengths, width, step, [len(s) for s in start]),
        np.repeat(np.arange(len(start)), [len(s) for s in start]),
        np.concatenate(start),
    )


def _cut(series: Array, width: int, step: int) -> Array:
    return np.moveaxis(sliding_window_view(series, width, axis=0)[::step], -1, 1)


def _cut_targets(y: Any, lengths: NDArray[np.intp], width: int, step: int, n_windows: Sequence[int]) -> Array:
    if len(y) != len(lengths):
        raise ValueError(f"y has {len(y)} entries for {len(lengths)} series: expected one for each")
    if not isinstance(y, (list, tuple)) or np.ndim(y[0]) == 0:
        return np.repeat(np.asarray(y), n_windows, axis=0)
    for i, (targets, length) in enumerate(zip(y, lengths, strict=True)):
        if len(targets) != length:
            raise ValueError(f"y[{i}] has {len(targets)} targets, but series {i} has {length} steps")
    return np.concatenate([_cut(np.asarray(targets), width, step) for targets in y])
