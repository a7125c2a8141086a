"""Sunspots: forecast the next year's number, from 221 years of them.

The split of Weigend, Huberman and Rumelhart (1990): 1700 to 1920 to train, 1921 to 1955 to test, each year forecast
from all the true years before it; see `rnnbp.datasets.fetch_sunspots`. The measure is theirs too, the average relative
variance: the mean squared error over 1535, the variance of the series as they had it. They reached 0.086, and a
threshold autoregressive model (Tong and Lim, 1980) 0.097.

The forecast is the mean of ten Elman networks that differ in their initial parameters only, each trained on square
roots of the numbers, whose noise is about the same at a maximum as at a minimum, by L-BFGS with a penalty of large
weights. Such choices were made by forecasts of 1816 to 1850, 1851 to 1885 and 1886 to 1920, each from the years before.

Baselines: the training years' mean, the last year, and linear delay lines (autoregression) of 2 and 9 years.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rnnbp
from benchmarks.classic.delay_line import DelayLine
from benchmarks.classic.task import Result, Task
from rnnbp import datasets, layers, losses, optimizers

Array = NDArray[Any]

N_TRAIN, N_TEST, VARIANCE = 221, 35, 1535.0
N_NETWORKS, N_HIDDEN, ITERATIONS, L2 = 10, 8, 100, 3.0


class Sunspots(Task):
    """Sunspots one year ahead, with a few small networks and L-BFGS."""

    name, metric, aim, lower_is_better = "sunspots", "average relative variance", "", True
    what = f"forecast next year's sunspots; mean of {N_NETWORKS} Elman networks of {N_HIDDEN} units"

    def met(self, results: Sequence[Result]) -> None:
        """Return None: there is no aim."""

    def run(self, seed: int, *, quick: bool) -> Result:
        """Train and measure; see `Task.run`."""
        _, numbers = datasets.fetch_sunspots()
        numbers = numbers[: N_TRAIN + N_TEST]
        iterations = 3 if quick else ITERATIONS
        forecasts = [forecast(numbers, seed=N_NETWORKS * seed + k, iterations=iterations) for k in range(N_NETWORKS)]
        alone = [relative_variance(numbers, each) for each in forecasts]
        note = f"alone {min(alone):.3f} to {max(alone):.3f}"
        return Result(relative_variance(numbers, np.mean(forecasts, axis=0)), baselines(numbers), note)


def forecast(numbers: Array, *, seed: int, iterations: int) -> Array:
    """Train a network on the first years, and return its forecasts of the others."""
    roots = np.sqrt(numbers)
    mean, scale = roots[:N_TRAIN].mean(), roots[:N_TRAIN].std()
    x = ((roots - mean) / scale)[:, None]  # (T, 1)
    net = rnnbp.Network([layers.Elman(1, N_HIDDEN), layers.Dense(N_HIDDEN, 1)], dtype="float64", seed=seed)
    rnnbp.fit(
        net,
        [x[: N_TRAIN - 1]],
        [x[1:N_TRAIN]],
        loss=losses.MeanSquaredError(),
        optimizer=optimizers.LBFGS(),
        max_epochs=iterations,
        l2=L2,
        progress=False,
    )
    (output,) = rnnbp.predict(net, [x[:-1]])
    return np.maximum(output[N_TRAIN - 1 :, 0] * scale + mean, 0.0) ** 2


def baselines(numbers: Array) -> dict[str, float]:
    """Return what the mean, the last year and two linear delay lines reach."""
    return {
        "constant": relative_variance(numbers, np.full(N_TEST, numbers[:N_TRAIN].mean())),
        "last value": relative_variance(numbers, numbers[N_TRAIN - 1 : -1]),
        "linear delay line of 2": relative_variance(numbers, linear(numbers, 2)),
        "linear delay line of 9": relative_variance(numbers, linear(numbers, 9)),
    }


def linear(numbers: Array, n_taps: int) -> Array:
    """Return the forecasts of a linear delay line."""
    x = numbers[:, None]
    line = DelayLine([x[: N_TRAIN - 1]], [x[1:N_TRAIN]], n_taps)
    return line.predict(x[:-1])[N_TRAIN - 1 :, 0]


def relative_variance(numbers: Array, forecasts: Array) -> float:
    """Return the mean squared error of forecasts of the last years, over the variance."""
    return float(np.mean((forecasts - numbers[N_TRAIN:]) ** 2) / VARIANCE)


TASKS = (Sunspots(),)
