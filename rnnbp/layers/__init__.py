"""Layers, shared by static and recurrent networks."""

from rnnbp.layers.activation import Activation
from rnnbp.layers.convolution import Conv1D
from rnnbp.layers.dense import Dense
from rnnbp.layers.dropout import Dropout
from rnnbp.layers.elman import Elman
from rnnbp.layers.embedding import Embedding
from rnnbp.layers.gru import GRU
from rnnbp.layers.jordan import Jordan
from rnnbp.layers.layer import BackwardContext, Context, Layer
from rnnbp.layers.lstm import LSTM
from rnnbp.layers.normalization import LayerNorm
from rnnbp.layers.pooling import LastStep, MaxOverTime, MeanOverTime
from rnnbp.layers.recurrent import Recurrent

__all__ = [
    "GRU",
    "LSTM",
    "Activation",
    "BackwardContext",
    "Context",
    "Conv1D",
    "Dense",
    "Dropout",
    "Elman",
    "Embedding",
    "Jordan",
    "LastStep",
    "Layer",
    "LayerNorm",
    "MaxOverTime",
    "MeanOverTime",
    "Recurrent",
]
