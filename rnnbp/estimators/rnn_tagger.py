"""A recurrent network that gives each step a label."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from rnnbp.estimators.classification import Classification
from rnnbp.estimators.declaring import FLAG, documented, setting
from rnnbp.estimators.recurrent import RecurrentEstimator
from rnnbp.estimators.steps import are_whole, joined
from rnnbp.preprocessing.frames import FLOATS, Frames
from rnnbp.warning import warn

__all__ = ["RNNTagger"]

Array = NDArray[Any]


@documented
@dataclass(eq=False, repr=False, kw_only=True)
class RNNTagger(Classification, RecurrentEstimator):
    """A recurrent network that gives each step of a sequence a label.

    $parameters

    $attributes

    See Also
    --------
    RNNClassifier : one label a sequence.
    rnnbp.model_selection.step_scorer : scikit-learn's scores by name, over all steps.

    Notes
    -----
    A table (N, F) with N labels is taken for N sequences of one step each, which know nothing of each other: what
    scikit-learn's checks are about. For the labels of one long sequence, fit to ``[X], [y]``.

    Examples
    --------
    Has the sum of the sequence so far been above 0?

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(length, 1)) for length in rng.integers(5, 12, size=60)]
    >>> y = [np.where(np.cumsum(sequence) > 0, "above", "below") for sequence in X]
    >>> tagger = RNNTagger(16, tol=0.01, learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> tagger.score(X, y) > 0.9
    True
    >>> tagger.predict([[[1.0], [1.0], [-5.0]]])
    array([['above', 'above', 'below']], dtype='<U5')
    """

    bidirectional: bool = setting(
        False,
        FLAG,
        "Whether each layer reads the sequence from both ends: without, a label depends on what comes before it only.",
    )
    learning_rate_init: float = 0.003

    _per_step = True
    _rows_are_steps: bool = field(init=False)  # whether y is one label a row of X, and that a step
    _remembered: ClassVar[tuple[str, ...]] = (
        *Classification._remembered,
        *RecurrentEstimator._remembered,
        "_rows_are_steps",
    )
    _words: ClassVar[dict[str, str]] = {
        "counted": "steps",
        "stratified": "",
        "multilabel": "",
        "score": "the accuracy over all steps",
        "n_features": "\n    F; for an (N, T) array it is T, as scikit-learn counts, or F if each row was one step.",
        "y": "list of arrays of shape (T_i,), or array of shape (N, T)\n    A label for each step.",
        "weights": "list of arrays of shape (T_i,), array of shape (N, T) or (N,), or None\n"
        "    How much each step counts, or each sequence. Steps of weight 0 are left out: that is how to mask\n"
        "    some. Their labels are classes all the same, so give them one that there is.",
    }

    def _read_data(self, X: Any, y: Any, *, anew: bool, incremental: bool) -> tuple[Any, Array, Any]:
        rows_are_steps = are_whole(y)  # which X is read by
        if not anew and rows_are_steps != self._rows_are_steps:
            raise ValueError("y has one label a sequence, and had one a step before, or the other way round")
        self._rows_are_steps = rows_are_steps
        return super()._read_data(X, y, anew=anew, incremental=incremental)

    def _read_y(self, y: Any, x: Any, *, anew: bool) -> Array:
        """Return one label for each step."""
        lengths = x.lengths
        if self._rows_are_steps and (lengths > 1).any():
            raise ValueError(
                "y has one label a sequence, but a tagger needs one a step: a list of arrays of shape (T_i,), or an "
                "array of shape (N, T); RNNClassifier gives sequences labels"
            )
        labels = y if self._rows_are_steps else joined(y, lengths)
        labels = self._check_rows(labels, lengths.sum(), warn=self._rows_are_steps)
        if labels.ndim > 1:
            raise ValueError(f"y must have one label a step, but has {labels.shape[1]}")
        return labels

    def _of_two_axes(self, X: Any, *, reset: bool) -> Frames:
        if not self._rows_are_steps:
            return super()._of_two_axes(X, reset=reset)
        table = validate_data(self, X, reset=reset, dtype=FLOATS)
        if reset:
            warn(
                f"X of shape {table.shape} with a label for each row is read as {len(table)} sequences of one step "
                "each, which know nothing of each other. If its rows are steps of one sequence, fit to [X], [y]; if "
                "not, list(X[:, None]), list(y[:, None]) are taken as they are"
            )
        self._width, self._saw_columns = table.shape[1], True
        return Frames(table, np.ones(len(table), np.intp), table.shape[:1], scalar=False)
