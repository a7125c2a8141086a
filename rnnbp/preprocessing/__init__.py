"""Transformers of sequences, in scikit-learn's form: what its own ones cannot do, as they see tables.

All take what the estimators take: a list of ``(T_i, F)`` arrays, an ``(N, T, F)`` array, or an ``(N, T)`` array read as
one scalar a step (as is a list of ``(T_i,)`` arrays). Lists of arrays come out as lists, arrays as arrays; after
``set_output(transform="pandas")``, each sequence as a table, with the index that it came with: so a forecaster behind a
transformer in a pipeline still sees the dates of a data frame, which an array has not. `from_numpy3d`, `from_nested`,
`from_multiindex` and `from_nan_padded` read what other packages for time series keep.
"""

from rnnbp.preprocessing.converters import from_multiindex, from_nan_padded, from_nested, from_numpy3d
from rnnbp.preprocessing.per_frame import PerFrame
from rnnbp.preprocessing.rectangle import PadOrTruncate
from rnnbp.preprocessing.scaler import SequenceScaler
from rnnbp.preprocessing.sliding_window import SlidingWindow, Windows, cut_windows
from rnnbp.preprocessing.union import SequenceUnion

__all__ = [
    "PadOrTruncate",
    "PerFrame",
    "SequenceScaler",
    "SequenceUnion",
    "SlidingWindow",
    "Windows",
    "cut_windows",
    "from_multiindex",
    "from_nan_padded",
    "from_nested",
    "from_numpy3d",
]
