"""MNIST as sequences: read a handwritten digit row by row, or, made smaller, pixel by pixel, and say at its end which.

Le, Jaitly and Hinton (2015) read the 784 pixels one by one; that takes hours. Here are its two short forms, on all
60,000 images and tested on the official 10,000: 28 rows of 28 pixels, and the 196 pixels of the image at half its size
(means of 2 x 2 pixels). The measure is the share of the test images that are named right.

Settings are customary ones and were not searched for.

Baselines, on the same pixels, all seen at once: the most frequent digit; a linear classifier, which is what a linear
delay line is here; and a multilayer perceptron of 128 units, trained as the recurrent network is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rnnbp
from benchmarks.classic.task import Result, Task
from rnnbp import datasets, layers, losses, metrics, optimizers
from rnnbp.optimizers import schedules

Array = NDArray[Any]


class MnistSequences(Task):
    """MNIST, a few pixels a step, with a GRU.

    Parameters
    ----------
    name : str
    width : {28, 14}
        Of the images that are read.
    n_features : int
        Pixels a step.
    n_hidden : int
        Units of the GRU.
    rate : float
        The highest learning rate.
    epochs : int
    """

    metric, aim, lower_is_better, n_seeds = "accuracy", "", False, 3

    def __init__(self, name: str, *, width: int, n_features: int, n_hidden: int, rate: float, epochs: int) -> None:
        self.name, self.width, self.n_features = name, width, n_features
        self.n_hidden, self.rate, self.epochs = n_hidden, rate, epochs
        n_steps = width**2 // n_features
        self.what = f"name a digit of {n_steps} steps of {n_features}; GRU of {n_hidden} units, {epochs} epochs"

    def met(self, results: Sequence[Result]) -> None:
        """Return None: there is no aim."""

    def run(self, seed: int, *, quick: bool) -> Result:
        """Train and measure; see `Task.run`."""
        x_train, x_test, y_train, y_test = datasets.fetch_mnist()
        if quick:
            x_train, x_test, y_train, y_test = x_train[:200], x_test[:200], y_train[:200], y_test[:200]
        x_train, x_test = (shrink(x, self.width) for x in (x_train, x_test))

        def accuracy(network: Sequence[layers.Layer], train_x: Array, test_x: Array, *, rate: float) -> float:
            net = rnnbp.Network(network, seed=seed)
            train(net, train_x, y_train, rate=rate, epochs=1 if quick else self.epochs, seed=seed)
            return metrics.accuracy(y_test, rnnbp.predict(net, test_x))

        flat_train, flat_test = (x.reshape(len(x), -1) for x in (x_train, x_test))
        steps_train, steps_test = (self.steps(x) for x in (x_train, x_test))
        n_pixels, n_hidden = self.width**2, self.n_hidden
        recurrent = [layers.GRU(self.n_features, n_hidden), layers.LastStep(), layers.Dense(n_hidden, 10)]
        perceptron = [layers.Dense(n_pixels, 128), layers.Activation("relu"), layers.Dense(128, 10)]
        return Result(
            accuracy(recurrent, steps_train, steps_test, rate=self.rate),
            {
                "most frequent digit": constant(y_train, y_test),
                "linear": accuracy([layers.Dense(n_pixels, 10)], flat_train, flat_test, rate=3e-3),
                "multilayer perceptron": accuracy(perceptron, flat_train, flat_test, rate=3e-3),
            },
        )

    def steps(self, images: Array) -> Array:
        """Return images as sequences, time first, (T, N, F)."""
        return np.ascontiguousarray(images.reshape(len(images), -1, self.n_features).swapaxes(0, 1))


def shrink(images: Array, width: int) -> Array:
    """Return square images at another width, a divisor of theirs, each pixel the mean of a square, from 0 to 1."""
    side = images.shape[1] // width
    squares = images.reshape(len(images), width, side, width, side)
    return squares.mean(axis=(2, 4), dtype=np.float32) / 255


def train(net: rnnbp.Network, x: Array, y: Array, *, rate: float, epochs: int, seed: int) -> None:
    """Train a classifier of images or sequences."""
    rnnbp.fit(
        net,
        x,
        y,
        loss=losses.CrossEntropy(),
        optimizer=optimizers.Adam(schedules.one_cycle(rate, epochs=epochs), clip_norm=1.0),
        max_epochs=epochs,
        batch_size=100,
        seed=seed,
        progress=False,
    )


def constant(y_train: Array, y_test: Array) -> float:
    """Return how often the digit that is most frequent in training is right."""
    return float(np.mean(y_test == np.bincount(y_train).argmax()))


TASKS = (
    MnistSequences("mnist-rows", width=28, n_features=28, n_hidden=128, rate=3e-3, epochs=5),
    MnistSequences("mnist-pixels", width=14, n_features=1, n_hidden=64, rate=5e-3, epochs=5),
)
