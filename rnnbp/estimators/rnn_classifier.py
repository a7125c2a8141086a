"""A recurrent network that gives each sequence a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rnnbp.estimators.classification import Classification
from rnnbp.estimators.declaring import documented
from rnnbp.estimators.recurrent import RecurrentEstimator
from rnnbp.estimators.settings import Pooling

__all__ = ["RNNClassifier"]


@documented
@dataclass(eq=False, repr=False, kw_only=True)
class RNNClassifier(Classification, RecurrentEstimator, Pooling):
    """A recurrent network that gives each sequence a label, or several.

    $parameters

    $attributes

    See Also
    --------
    RNNTagger : a label for each step.
    rnnbp.preprocessing.SequenceScaler : scales features, which helps nearly always.

    Notes
    -----
    Long series of one or few numbers a step are learnt slowly, or not at all, by a recurrent network alone, whose
    steps have little to tell. Give it two layers, and windows of steps, by ``hidden_layer_sizes=(64, 64),
    convolution=(12, 3), bidirectional=True, pooling="max"``: ``python -m benchmarks.series_classification`` compares
    both, beside other classifiers.

    Examples
    --------
    Does a random walk end above its start?

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(length, 1)) for length in rng.integers(5, 12, size=60)]
    >>> y = ["up" if sequence.sum() > 0 else "down" for sequence in X]
    >>> classifier = RNNClassifier(8, "elman", tol=0.01, learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> classifier.score(X, y) > 0.9
    True
    >>> classifier.predict([np.ones((3, 1)), -np.ones((5, 1))]).tolist()
    ['up', 'down']

    A long series of numbers, in windows:

    >>> from sklearn.pipeline import make_pipeline
    >>> from rnnbp import datasets, preprocessing
    >>> X, y = datasets.make_cylinder_bell_funnel(60, random_state=0)
    >>> classifier = RNNClassifier((64, 64), convolution=(12, 3), bidirectional=True, pooling="max", random_state=0)
    >>> pipeline = make_pipeline(preprocessing.SequenceScaler(), classifier).fit(X, y)
    >>> pipeline.score(*datasets.make_cylinder_bell_funnel(300, random_state=1)) > 0.95
    True
    """

    learning_rate_init: float = 0.003

    _remedies: ClassVar[str] = (
        'hidden_layer_sizes=(64, 64), convolution=(12, 3), bidirectional=True, pooling="max"; '
        f"{RecurrentEstimator._remedies}"
    )

    _remembered: ClassVar[tuple[str, ...]] = (*Classification._remembered, *RecurrentEstimator._remembered)
