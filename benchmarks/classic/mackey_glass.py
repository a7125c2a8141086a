"""Mackey-Glass: forecast a chaotic series 84 steps ahead, by a network that goes on from its own forecasts.

The equation's delay is 17, one value a unit of time; see `rnnbp.datasets.make_mackey_glass`. The network learns to
forecast one step ahead, on 20 series of 500 values. It is then shown 200 values of 100 new series and goes on by itself
for 84 steps: its forecast is its next input (Jaeger and Haas, 2004). The measure is the root of the mean squared error
of the 84th step over the standard deviation of the series (NRMSE); errors of the first step, which are small, have
grown by then as chaos lets them. Settings were found on series of another seed.

Baselines, for the same 84th values: the training series' mean; the last value shown; and a linear delay line of 18
values that is fitted to forecast 84 steps ahead at once. The note tells the error one step ahead.
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
from rnnbp.optimizers import schedules

Array = NDArray[Any]

HORIZON, N_SHOWN, N_TAPS = 84, 200, 18
N_HIDDEN, EPOCHS = 32, 1000


class MackeyGlass(Task):
    """Mackey-Glass 84 steps ahead in closed loop, with an LSTM and Adam."""

    name, metric, aim, lower_is_better = "mackey-glass", "NRMSE", "", True
    what = f"go on from {N_SHOWN} values for {HORIZON} steps; LSTM of {N_HIDDEN} units"

    def met(self, results: Sequence[Result]) -> None:
        """Return None: there is no aim."""

    def run(self, seed: int, *, quick: bool) -> Result:
        """Train and measure; see `Task.run`."""
        rng, test_rng = np.random.default_rng(seed).spawn(2)
        n_train, n_test, epochs = (2, 3, 1) if quick else (20, 100, EPOCHS)
        train_series = make_series(n_train, 500, rng)
        test_series = make_series(n_test, N_SHOWN + HORIZON, test_rng)
        mean, scale = train_series.mean(), train_series.std()
        net = train((train_series - mean) / scale, seed=seed, epochs=epochs)
        forecasts = np.stack([go_on(net, one[:N_SHOWN]) for one in (test_series - mean) / scale]) * scale + mean
        truth = test_series[:, N_SHOWN:]
        return Result(
            nrmse(truth[:, -1], forecasts[:, -1], test_series),
            baselines(train_series, test_series),
            f"one step ahead {nrmse(truth[:, 0], forecasts[:, 0], test_series):.2g}",
        )


def make_series(n_series: int, n_steps: int, rng: np.random.Generator) -> Array:
    """Return series of shape (N, T, 1)."""
    series, _ = datasets.make_mackey_glass(n_series, n_steps, dtype="float64", random_state=rng)
    return series


def train(series: Array, *, seed: int, epochs: int) -> rnnbp.Network:
    """Return a network that forecasts the next value of a series."""
    net = rnnbp.Network([layers.LSTM(1, N_HIDDEN), layers.Dense(N_HIDDEN, 1)], seed=seed)
    rnnbp.fit(
        net,
        list(series[:, :-1]),
        list(series[:, 1:]),
        loss=losses.MeanSquaredError(),
        optimizer=optimizers.Adam(schedules.cosine(1e-2, epochs=epochs), clip_norm=1.0),
        max_epochs=epochs,
        batch_size=2,
        seed=seed,
        progress=False,
    )
    return net


def go_on(net: rnnbp.Network, shown: Array) -> Array:
    """Return what comes after some values (T, 1), of shape (HORIZON, 1): each forecast is the next input."""
    stream = net.stream()
    forecasts = [stream.push(shown)[-1]]
    while len(forecasts) < HORIZON:
        forecasts.append(stream.push(forecasts[-1]))
    return np.stack(forecasts)


def baselines(train_series: Array, test_series: Array) -> dict[str, float]:
    """Return what the mean, the last value shown and a linear delay line reach, `HORIZON` steps ahead."""
    line = DelayLine(list(train_series[:, :-HORIZON]), list(train_series[:, HORIZON:]), N_TAPS)
    shown, truth = test_series[:, :N_SHOWN], test_series[:, -1]
    return {
        "constant": nrmse(truth, np.full_like(truth, train_series.mean()), test_series),
        "last value": nrmse(truth, shown[:, -1], test_series),
        "linear delay line": nrmse(truth, np.stack([line.predict(one)[-1] for one in shown]), test_series),
    }


def nrmse(target: Array, output: Array, series: Array) -> float:
    """Return the root mean squared error over the standard deviation of series."""
    return float(np.sqrt(np.mean((output - target) ** 2)) / series.std())


TASKS = (MackeyGlass(),)
