"""What transformers of sequences return, as tables: one of pandas or polars for each sequence, if users ask for them.

scikit-learn's ``set_output`` puts one array into one table. A list of sequences becomes a list of tables here, whose
columns have the names of `get_feature_names_out`, and whose rows have the index that a data frame came with.
"""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["TablesOnRequest"]

Array = NDArray[Any]


class TablesOnRequest:
    """A mixin for transformers of sequences that declare ``auto_wrap_output_keys=None``."""

    def set_output(self, *, transform: Literal["default", "pandas", "polars"] | None = None) -> Self:
        """Choose what `transform` and `fit_transform` return.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            A table for each sequence, with the index that it came with, such as dates, or by default, arrays, which
            have none; None changes nothing.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            By `transform`, if there is no such kind of table.
        """
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}  # where `clone` looks for it
        return self

    def _in_tables(self, sequences: Any, X: Any) -> Any:
        """Return sequences as they are, or as the tables that were asked for; X is what they were made of."""
        from sklearn.utils._set_output import ADAPTERS_MANAGER, _get_output_config

        chosen = _get_output_config("transform", self)["dense"]
        if chosen == "default":
            return sequences
        adapter, names = ADAPTERS_MANAGER.adapters[chosen], getattr(self, "get_feature_names_out", None)
        if getattr(sequences, "ndim", None) == 2:  # a row is a sequence of numbers, and all are one table
            return adapter.create_container(sequences, X, columns=names)
        columns = None if names is None else names()
        given = X if isinstance(X, (list, tuple)) else [None] * len(sequences)
        return [
            adapter.create_container(
                np.reshape(sequence, (len(sequence), -1)),
                origin if np.ndim(origin) and len(origin) == len(sequence) else None,
                columns=columns,
            )
            for sequence, origin in zip(sequences, given, strict=True)
        ]
