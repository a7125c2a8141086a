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
from rnnbp.names import explained_module

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

ACTIVATION = "write Activation({!r})"
explained_module(  # Keras' and PyTorch's names
    __name__,
    {
        "Bidirectional": "write bidirectional=True, as in LSTM(8, 32, bidirectional=True)",
        "Masking": "nothing is padded: pass a list of (T_i, F) arrays, or an array with its lengths; sample_weight of "
        "0 leaves steps out",
        "TimeDistributed": "every layer goes step by step already: leave it out",
        "Input": "sizes are given to each layer: leave it out",
        "InputLayer": "sizes are given to each layer: leave it out",
        "Sequential": "write rnnbp.Network([...])",
        "Flatten": "layers see one step after the other; LastStep, MeanOverTime and MaxOverTime make one row of them",
        **dict.fromkeys(("SimpleRNN", "RNN"), "write Elman(n_inputs, n_hidden)"),
        **dict.fromkeys(("RNNCell", "LSTMCell", "GRUCell"), "cells are in rnnbp.cells, and Recurrent runs them"),
        **dict.fromkeys(("Linear", "LazyLinear"), "write Dense(n_inputs, n_outputs)"),
        **dict.fromkeys(("Conv1d", "Convolution1D"), "write Conv1D(n_inputs, n_outputs, width)"),
        **dict.fromkeys(("Conv2D", "Conv2d"), "there is none of two dimensions; Conv1D goes over time"),
        **dict.fromkeys(("Attention", "MultiHeadAttention", "MultiheadAttention"), "there is none here"),
        **dict.fromkeys(("BatchNormalization", "BatchNorm1d"), "LayerNorm does not depend on the batch"),
        **dict.fromkeys(("LayerNormalization", "Layernorm"), "write LayerNorm(n_features)"),
        **dict.fromkeys(("GlobalAveragePooling1D", "AveragePooling1D"), "write MeanOverTime()"),
        **dict.fromkeys(("GlobalMaxPooling1D", "MaxPooling1D", "MaxPool1d"), "write MaxOverTime()"),
        **dict.fromkeys(("SpatialDropout1D", "Dropout1d"), "write Dropout(rate, over_time=True)"),
        **dict.fromkeys(("ReLU", "Relu"), ACTIVATION.format("relu")),
        **dict.fromkeys(("LeakyReLU", "LeakyRelu"), ACTIVATION.format("leaky_relu")),
        "ELU": ACTIVATION.format("elu"),
        "Tanh": ACTIVATION.format("tanh"),
        "Sigmoid": ACTIVATION.format("sigmoid"),
        "Softmax": f"{ACTIVATION.format('softmax')}; the loss CrossEntropy takes outputs without it",
    },
)
