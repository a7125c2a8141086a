"""Sequences as other packages keep them, turned into those of this one: a list of ``(T_i, F)`` arrays.

======================  ==========================================================  =========================
function                what it reads                                               whose it is
======================  ==========================================================  =========================
`from_numpy3d`          array (N, C, T), or list of arrays (C, T_i)                 sktime, aeon
`from_nested`           data frame with a series in each cell                       sktime, aeon
`from_multiindex`       data frame with the index (instance, time)                  sktime
`from_nan_padded`       array (N, T, F) with NaN where a sequence has ended         tslearn
======================  ==========================================================  =========================

None of these packages is needed, and pandas only by those who have data frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.names import explained
from rnnbp.reading import read_array

__all__ = ["from_multiindex", "from_nan_padded", "from_nested", "from_numpy3d"]

Array = NDArray[Any]


@explained
def from_numpy3d(X: ArrayLike | Sequence[ArrayLike]) -> list[Array]:
    """Turn sequences whose channels come before time.

    Parameters
    ----------
    X : array of shape (N, C, T), or list of N arrays of shape (C, T_i)
        sktime's and aeon's "numpy3D", or aeon's "np-list".

    Returns
    -------
    list of N arrays of shape (T_i, C)
        Views, not copies.

    Raises
    ------
    ValueError
        If a sequence has another shape, or another number of channels than the first.

    Examples
    --------
    >>> [sequence.shape for sequence in from_numpy3d(np.zeros((2, 3, 50)))]
    [(50, 3), (50, 3)]
    """
    cases = [read_array(case, f"sequence {i}") for i, case in enumerate(_cases(X))]
    for i, case in enumerate(cases):
        if case.ndim != 2 or len(case) != len(cases[0]):
            raise ValueError(
                f"each sequence must be of shape (C, T_i), with one number C of channels, but sequence {i} has shape "
                f"{case.shape}, and sequence 0 {cases[0].shape}"
            )
    return [case.T for case in cases]


@explained
def from_nan_padded(X: ArrayLike) -> list[Array]:
    """Cut off the steps at the end of each sequence that are NaN in all features.

    Parameters
    ----------
    X : array of shape (N, T, F) or (N, T)
        As ``tslearn.utils.to_time_series_dataset`` makes it.

    Returns
    -------
    list of N arrays of shape (T_i, F), or (T_i,)
        Views, not copies.

    Raises
    ------
    ValueError
        If a sequence is NaN throughout, or at a step before its end: fill those, or leave the steps out.

    Examples
    --------
    >>> from_nan_padded([[1.0, 2.0, np.nan], [3.0, 4.0, 5.0]])
    [array([1., 2.]), array([3., 4., 5.])]
    """
    padded = read_array(X, "X", float)
    if padded.ndim not in (2, 3):
        raise ValueError(f"X must be of shape (N, T, F) or (N, T), but its shape is {padded.shape}")
    if padded.size == 0:
        raise ValueError(f"X must hold some steps of some sequences, but its shape is {padded.shape}")
    missing = np.isnan(padded)
    ended = np.asarray(missing.all(axis=tuple(range(2, padded.ndim))))
    sequences: list[Array] = []
    for i, (row, gone) in enumerate(zip(padded, ended, strict=True)):
        if gone.all():
            raise ValueError(f"sequence {i} is NaN throughout: leave it out")
        kept = row[: len(gone) - int(np.argmin(gone[::-1]))]
        if np.isnan(kept).any():
            step = int(np.argwhere(np.isnan(kept))[0][0])
            raise ValueError(f"sequence {i} is NaN at step {step}, before its end: fill what is missing first")
        sequences.append(kept)
    return sequences


@explained
def from_nested(X: Any) -> list[Array]:
    """Turn a data frame that has a whole series in each cell.

    Parameters
    ----------
    X : data frame of N rows and F columns
        A row for each sequence, and a column for each feature, of pandas series or arrays: sktime's "nested_univ".

    Returns
    -------
    list of N arrays of shape (T_i, F)

    Raises
    ------
    TypeError
        If X is no data frame, or a cell no series.
    ValueError
        If the series of a row differ in length.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"pulse": [pd.Series([60.0, 61.0]), pd.Series([70.0])]})
    >>> from_nested(X)
    [array([[60.],
           [61.]]), array([[70.]])]
    """
    cells = _values(X)
    if cells.size == 0:
        raise ValueError(f"X must have rows and columns, but it has {cells.shape[0]} and {cells.shape[1]}")
    sequences = []
    for i, row in enumerate(cells):
        series = []
        for name, cell in zip(X.columns, row, strict=True):
            if np.ndim(cell) != 1:
                what = "a number" if isinstance(cell, Real) else f"a {type(cell).__name__}"
                raise TypeError(f"each cell must be a series, but that of row {i}, column {name!r}, is {what}")
            series.append(np.asarray(cell))
        if len(set(map(len, series))) > 1:
            lengths = ", ".join(f"{name!r} {len(each)}" for name, each in zip(X.columns, series, strict=True))
            raise ValueError(f"the series of row {i} differ in length: {lengths}")
        sequences.append(np.stack(series, axis=1))
    return sequences


@explained
def from_multiindex(X: Any) -> list[Array]:
    """Turn a data frame whose rows are the steps of all sequences.

    Parameters
    ----------
    X : data frame of F columns, with an index of two levels: whose sequence a row belongs to, and when it was
        sktime's "pd-multiindex".

    Returns
    -------
    list of N arrays of shape (T_i, F)
        In the order in which the sequences begin in X.

    Raises
    ------
    TypeError
        If X is no data frame.
    ValueError
        If its index has another number of levels, or if the times of a sequence do not rise.

    Examples
    --------
    >>> import pandas as pd
    >>> index = pd.MultiIndex.from_tuples([("ann", 0), ("ann", 1), ("bob", 0)])
    >>> from_multiindex(pd.DataFrame({"pulse": [60.0, 61.0, 70.0]}, index=index))
    [array([[60.],
           [61.]]), array([[70.]])]
    """
    values, levels = _values(X), X.index.nlevels
    if levels != 2:
        raise ValueError(f"X must have an index of two levels, (instance, time), but it has {levels}")
    whose, when = (X.index.get_level_values(k) for k in range(2))
    if whose.isna().any():
        row = int(np.argmax(whose.isna()))
        raise ValueError(f"each row must say whose it is, but the instance of row {row} is missing")
    of_row, instances = whose.factorize()  # in the order of their first rows
    sequences = []
    for k, instance in enumerate(instances):
        rows = np.flatnonzero(of_row == k)
        times = when[rows]
        if not (times.is_monotonic_increasing and times.is_unique):
            raise ValueError(f"the times of {instance!r} must rise from row to row: sort them with X.sort_index()")
        sequences.append(values[rows])
    return sequences


def _cases(X: Any) -> Sequence[Any]:
    if isinstance(X, (list, tuple)):
        return X
    array = read_array(X, "X")
    if array.ndim != 3:
        raise ValueError(f"X must be of shape (N, C, T), or a list of (C, T_i) arrays, but its shape is {array.shape}")
    return list(array)


def _values(X: Any) -> Array:
    if not hasattr(X, "columns") or not hasattr(X, "index"):
        raise TypeError(f"X must be a data frame of pandas, but a {type(X).__name__} was given")
    values: Array = X.to_numpy()
    return values
