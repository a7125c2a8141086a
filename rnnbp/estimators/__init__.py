"""Estimators in scikit-learn's form: static and recurrent networks that are fitted, scored, searched and piped."""

from __future__ import annotations

from rnnbp.estimators.mlp_classifier import MLPClassifier
from rnnbp.estimators.mlp_regressor import MLPRegressor
from rnnbp.estimators.rnn_classifier import RNNClassifier
from rnnbp.estimators.rnn_forecaster import RNNForecaster
from rnnbp.estimators.rnn_regressor import RNNRegressor
from rnnbp.estimators.rnn_tagger import RNNTagger
from rnnbp.estimators.transcriber import CTCTranscriber
from rnnbp.estimators.voting_transcriber import VotingTranscriber

__all__ = [
    "CTCTranscriber",
    "MLPClassifier",
    "MLPRegressor",
    "RNNClassifier",
    "RNNForecaster",
    "RNNRegressor",
    "RNNTagger",
    "VotingTranscriber",
]
