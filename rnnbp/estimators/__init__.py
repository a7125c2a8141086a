"""Estimators in scikit-learn's form: static and recurrent networks that are fitted, scored, searched and piped."""

from __future__ import annotations

from rnnbp.estimators.mlp_classifier import MLPClassifier
from rnnbp.estimators.mlp_regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
