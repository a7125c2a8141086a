"""Scores and error rates of what a network says.

``accuracy`` and ``r2`` are scores of outputs, ``score(target, output)``, as `rnnbp.fit` takes them: the higher, the
better. Error rates are of texts and label sequences: the lower, the better.
"""

from __future__ import annotations

from rnnbp.metrics.class_scores import ClassScores, precision_recall_f1
from rnnbp.metrics.edit_distance import Edit, EditAlignment, align_edits, edit_distance
from rnnbp.metrics.error_rates import (
    ErrorRates,
    character_error_rate,
    error_rates,
    label_error_rate,
    word_error_rate,
)
from rnnbp.metrics.scores import accuracy, confusion_matrix, mean_absolute_error, r2, rejection_threshold

__all__ = [
    "ClassScores",
    "Edit",
    "EditAlignment",
    "ErrorRates",
    "accuracy",
    "align_edits",
    "character_error_rate",
    "confusion_matrix",
    "edit_distance",
    "error_rates",
    "label_error_rate",
    "mean_absolute_error",
    "precision_recall_f1",
    "r2",
    "rejection_threshold",
    "word_error_rate",
]


def __dir__() -> list[str]:
    return __all__
