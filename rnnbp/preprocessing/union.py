"""`SequenceUnion`: several transformers of the same sequences, their features side by side in each frame.

scikit-learn's ``FeatureUnion`` puts tables side by side, and refuses sequences. This one is it in all else, but for
weights: what they are multiplied with is a list here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import FeatureUnion

from rnnbp.configuration import shown
from rnnbp.names import explained_class
from rnnbp.tables import TablesOnRequest

__all__ = ["SequenceUnion"]

Array = NDArray[Any]


@explained_class
class SequenceUnion(TablesOnRequest, FeatureUnion, auto_wrap_output_keys=None):  # type: ignore[misc, call-arg]
    """Put the features that several transformers make of each frame side by side.

    Parameters
    ----------
    transformer_list : list of (name, transformer)
        Each gives as many frames for a sequence as the others do; "drop" leaves one out, and "passthrough" takes the
        sequences as they are.
    n_jobs : int or None, default=None
        Processes, in joblib's convention.
    verbose : bool, default=False
        Print the time that each takes to be fitted.
    verbose_feature_names_out : bool, default=True
        Put the transformer's name before the names of its features.

    Raises
    ------
    TypeError
        If there is no list of transformers.
    ValueError
        By `transform`, if transformers give sequences of other lengths; says which.

    See Also
    --------
    sklearn.pipeline.FeatureUnion : the same for tables, with all that is inherited.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> from rnnbp.preprocessing import PerFrame, SequenceScaler
    >>> sequences = [np.random.default_rng(n).normal(size=(n, 5)) for n in (3, 7)]
    >>> union = SequenceUnion([("scaled", SequenceScaler()), ("pca", PerFrame(PCA(2)))])
    >>> [frames.shape for frames in union.fit_transform(sequences)]
    [(3, 7), (7, 7)]
    """

    transformer_weights = None  # no setting here

    def __init__(
        self,
        transformer_list: Sequence[tuple[str, Any]],
        *,
        n_jobs: int | None = None,
        verbose: bool = False,
        verbose_feature_names_out: bool = True,
    ) -> None:
        if not hasattr(transformer_list, "__iter__"):
            raise TypeError(
                "transformer_list must be a list of names and transformers, as [('scaled', SequenceScaler()), ...], "
                f"but {shown(transformer_list)} was given"
            )
        super().__init__(
            transformer_list,
            n_jobs=n_jobs,
            verbose=verbose,
            verbose_feature_names_out=verbose_feature_names_out,
        )
        del self.transformer_weights

    def _hstack(self, Xs: Sequence[Any]) -> Any:
        """Return what the transformers gave, joined frame by frame."""
        first, name = [np.shape(frames)[0] for frames in Xs[0]], self._names()[0]
        for made, other in zip(Xs, self._names(), strict=True):
            lengths = [np.shape(frames)[0] for frames in made]
            apart = f"the frames of {name!r} and {other!r} cannot be put side by side"
            if len(lengths) != len(first):
                raise ValueError(f"{apart}: the first gives {len(first)} sequences, and the second {len(lengths)}")
            if lengths != first:
                i, a, b = next((i, a, b) for i, (a, b) in enumerate(zip(first, lengths, strict=True)) if a != b)
                raise ValueError(f"{apart}: of sequence {i} the first gives {a}, and the second {b}")
        joined: list[Array] = [
            np.concatenate([np.asarray(part).reshape(len(part), -1) for part in parts], axis=1)
            for parts in zip(*Xs, strict=True)
        ]
        together = np.stack(joined) if all(isinstance(made, np.ndarray) for made in Xs) else joined
        return self._in_tables(together, None)

    def _names(self) -> list[str]:
        return [name for name, _, _ in self._iter()]
