"""The Santa Fe laser: forecast the next value of a chaotic laser's intensity, from its first 1,000 values.

Series A of the Santa Fe competition (Weigend and Gershenfeld, 1993); see `rnnbp.datasets.fetch_santafe_laser`. The
measure is the mean squared error of the 100 values that follow, each forecast from all the true values before it (one
step ahead; the competition had none shown), over their variance. In these 100 the laser's rising pulses collapse, which
a forecaster has seen three times.

The forecast is the mean of four LSTMs that differ in their initial parameters only, each trained on the whole series at
once by L-BFGS. Such a choice was made on other stretches of 1,000 and 100 values, from the 2,000th on.

Baselines: the training values' mean, the last value, and a linear delay line of 20 values.
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

LIMIT = 0.01
N_TRAIN, N_TEST, N_TAPS = 1000, 100, 20
N_NETWORKS, N_HIDDEN, ITERATIONS = 4, 32, 500


class Laser(Task):
    """The Santa Fe laser, one step ahead, with a few LSTMs and L-BFGS."""

    name, metric, lower_is_better = "santa-fe-laser", "normalised MSE", True
    what = f"forecast the laser one step ahead; mean of {N_NETWORKS} LSTMs of {N_HIDDEN} units"
    aim = f"normalised mean squared error below {LIMIT:g} with every seed"

    def met(self, results: Sequence[Result]) -> bool:
        """Tell whether every seed is below the limit."""
        return all(result.score < LIMIT for result in results)

    def run(self, seed: int, *, quick: bool) -> Result:
        """Train and measure; see `Task.run`."""
        series = datasets.fetch_santafe_laser()[: N_TRAIN + N_TEST].astype(np.float64)
        iterations = 3 if quick else ITERATIONS
        forecasts = [forecast(series, seed=N_NETWORKS * seed + k, iterations=iterations) for k in range(N_NETWORKS)]
        alone = [normalized_error(series, each) for each in forecasts]
        note = f"alone {min(alone):.4f} to {max(alone):.4f}"
        return Result(normalized_error(series, np.mean(forecasts, axis=0)), baselines(series), note)


def forecast(series: Array, *, seed: int, iterations: int) -> Array:
    """Train a network on the first values, and return its forecasts of the rest."""
    mean, scale = series[:N_TRAIN].mean(), series[:N_TRAIN].std()
    x = ((series - mean) / scale)[:, None]  # (T, 1)
    net = rnnbp.Network([layers.LSTM(1, N_HIDDEN), layers.Dense(N_HIDDEN, 1)], dtype="float64", seed=seed)
    rnnbp.fit(
        net,
        [x[: N_TRAIN - 1]],
        [x[1:N_TRAIN]],
        loss=losses.MeanSquaredError(),
        optimizer=optimizers.LBFGS(),
        max_epochs=iterations,
        progress=False,
    )
    (output,) = rnnbp.predict(net, [x[:-1]])
    return output[N_TRAIN - 1 :, 0] * scale + mean


def baselines(series: Array) -> dict[str, float]:
    """Return what the mean, the last value and a linear delay line reach."""
    x = series[:, None]
    line = DelayLine([x[: N_TRAIN - 1]], [x[1:N_TRAIN]], N_TAPS)
    return {
        "constant": normalized_error(series, np.full(N_TEST, series[:N_TRAIN].mean())),
        "last value": normalized_error(series, series[N_TRAIN - 1 : -1]),
        "linear delay line": normalized_error(series, line.predict(x[:-1])[N_TRAIN - 1 :, 0]),
    }


def normalized_error(series: Array, forecasts: Array) -> float:
    """Return the mean squared error of forecasts of the last values, over those values' variance."""
    return float(np.mean((forecasts - series[N_TRAIN:]) ** 2) / series[N_TRAIN:].var())


TASKS = (Laser(),)
