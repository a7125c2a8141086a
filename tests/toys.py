"""Small problems that networks learn in a moment."""

import numpy as np

from rnnbp import Network, layers, losses, optimizers
from rnnbp.gradients import BPTT

TEXT = BPTT(compiled=False)  # as NumPy: small networks are not worth compiling
MSE, CROSS_ENTROPY = losses.MeanSquaredError(), losses.CrossEntropy()
STANDING = optimizers.SGD(1e-300)  # a step too small to change any float64
XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 1, 0])


def xor_network(**options):
    return Network([layers.Dense(2, 8), layers.Activation("tanh"), layers.Dense(8, 2)], **options)


def recall(n=24, seed=0):
    """Return ragged sequences, and whether each one's first frame is positive."""
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(length, 1)) for length in rng.integers(1, 6, size=n)]
    return x, np.array([int(sequence[0, 0] > 0) for sequence in x])


def recall_network(**options):
    stack = [layers.Elman(1, 8, gradient=TEXT), layers.LastStep(), layers.Dense(8, 2)]
    return Network(stack, **options)


def line(n=7):
    """Return points near a line."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3))
    return x, x @ [[1.0], [2.0], [-1.0]] + 0.1 * rng.normal(size=(n, 1)) + 3.0
