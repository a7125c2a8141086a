"""Recurrent backpropagation through time on the CPU.

A static network trained by backpropagation and a recurrent one trained by backpropagation through time are made of the
same layers, losses and optimizers::

    import rnnbp
    from rnnbp import layers, losses, optimizers

    net = rnnbp.Network([layers.GRU(13, 64), layers.LastStep(), layers.Dense(64, 10)])
    history = rnnbp.fit(net, x, target, loss=losses.CrossEntropy(), optimizer=optimizers.Adam(1e-3))

Everything is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnbp import (
        activations,
        audio,
        callbacks,
        cells,
        datasets,
        decoding,
        diagnostics,
        distributed,
        estimators,
        gradients,
        initializers,
        inspection,
        interop,
        layers,
        losses,
        metrics,
        model_selection,
        optimizers,
        plotting,
        preprocessing,
        sequences,
    )
    from rnnbp.estimators import (
        CTCTranscriber,
        MLPClassifier,
        MLPRegressor,
        RNNClassifier,
        RNNForecaster,
        RNNRegressor,
        RNNTagger,
        VotingTranscriber,
    )
    from rnnbp.estimators.pipelines import load, save
    from rnnbp.files.checkpoints import Checkpoint, CheckpointError
    from rnnbp.files.model_file import ModelFileError
    from rnnbp.networks.jacobians import jacobian
    from rnnbp.networks.network import Network
    from rnnbp.training import History, NextStep, NonFiniteError, find_learning_rate, fit
    from rnnbp.training.evaluation import evaluate, predict
    from rnnbp.training.online import OnlineLearner

__version__ = "0.1.0"

_MODULES = (
    "activations",
    "audio",
    "callbacks",
    "cells",
    "datasets",
    "decoding",
    "diagnostics",
    "distributed",
    "estimators",
    "gradients",
    "initializers",
    "inspection",
    "interop",
    "layers",
    "losses",
    "metrics",
    "model_selection",
    "optimizers",
    "plotting",
    "preprocessing",
    "sequences",
)
_NAMES = {
    "CTCTranscriber": "rnnbp.estimators",
    "Checkpoint": "rnnbp.files.checkpoints",
    "CheckpointError": "rnnbp.files.checkpoints",
    "History": "rnnbp.training",
    "MLPClassifier": "rnnbp.estimators",
    "MLPRegressor": "rnnbp.estimators",
    "ModelFileError": "rnnbp.files.model_file",
    "Network": "rnnbp.networks.network",
    "NextStep": "rnnbp.training",
    "NonFiniteError": "rnnbp.training",
    "RNNClassifier": "rnnbp.estimators",
    "RNNForecaster": "rnnbp.estimators",
    "RNNRegressor": "rnnbp.estimators",
    "RNNTagger": "rnnbp.estimators",
    "VotingTranscriber": "rnnbp.estimators",
    "OnlineLearner": "rnnbp.training.online",
    "evaluate": "rnnbp.training.evaluation",
    "find_learning_rate": "rnnbp.training",
    "fit": "rnnbp.training",
    "jacobian": "rnnbp.networks.jacobians",
    "load": "rnnbp.estimators.pipelines",
    "predict": "rnnbp.training.evaluation",
    "save": "rnnbp.estimators.pipelines",
}

__all__ = [
    "CTCTranscriber",
    "Checkpoint",
    "CheckpointError",
    "History",
    "MLPClassifier",
    "MLPRegressor",
    "ModelFileError",
    "Network",
    "NextStep",
    "NonFiniteError",
    "OnlineLearner",
    "RNNClassifier",
    "RNNForecaster",
    "RNNRegressor",
    "RNNTagger",
    "VotingTranscriber",
    "activations",
    "audio",
    "callbacks",
    "cells",
    "datasets",
    "decoding",
    "diagnostics",
    "distributed",
    "estimators",
    "evaluate",
    "find_learning_rate",
    "fit",
    "gradients",
    "initializers",
    "inspection",
    "interop",
    "jacobian",
    "layers",
    "load",
    "losses",
    "metrics",
    "model_selection",
    "optimizers",
    "plotting",
    "predict",
    "preprocessing",
    "save",
    "sequences",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"rnnbp.{name}")
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'rnnbp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
