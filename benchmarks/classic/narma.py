"""NARMA-10: imitate a nonlinear system that is driven by random numbers and remembers ten steps.

Atiya and Parlos' system (2000); see `rnnbp.datasets.make_narma10`. The network sees the drive u(t) and gives the
system's answer y(t+1). It is trained on 40 series of 200 steps and tested on 20 others of 250, of which the first 50,
while the system comes to life, do not count.

The measure is the root of the mean squared error over the standard deviation of what is to be imitated (NRMSE).
Settings were found on series of other seeds.

Baselines: the constant that is the training series' mean, and a linear delay line of 20 inputs, fitted by least squares
to the same training series.
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

LIMIT = 0.15
UNCOUNTED, N_TAPS = 50, 20
N_HIDDEN, EPOCHS = 32, 300


class Narma(Task):
    """NARMA-10 with a GRU and Adam."""

    name, metric, lower_is_better = "narma-10", "NRMSE", True
    what = f"imitate a system that remembers ten steps; GRU of {N_HIDDEN} units"
    aim = f"NRMSE below {LIMIT:g} with every seed"

    def met(self, results: Sequence[Result]) -> bool:
        """Tell whether every seed is below the limit."""
        return all(result.score < LIMIT for result in results)

    def run(self, seed: int, *, quick: bool) -> Result:
        """Train and measure; see `Task.run`."""
        rng, test_rng = np.random.default_rng(seed).spawn(2)
        u, y = datasets.make_narma10(40, 200, random_state=rng)  # (N, T, 1)
        u_test, y_test = datasets.make_narma10(20, UNCOUNTED + 200, random_state=test_rng)
        forecasts = train(u, y, seed=seed, epochs=2 if quick else EPOCHS)(u_test)
        return Result(nrmse(y_test, forecasts), baselines(u, y, u_test, y_test), "trained on 8,000 steps")


def train(u: Array, y: Array, *, seed: int, epochs: int) -> Any:
    """Train a network, and return the function that imitates the system."""
    (u_mean, u_scale), (y_mean, y_scale) = (u.mean(), u.std()), (y.mean(), y.std())
    net = rnnbp.Network([layers.GRU(1, N_HIDDEN), layers.Dense(N_HIDDEN, 1)], seed=seed)
    rnnbp.fit(
        net,
        list((u - u_mean) / u_scale),
        list((y - y_mean) / y_scale),
        loss=losses.MeanSquaredError(),
        optimizer=optimizers.Adam(schedules.cosine(1e-2, epochs=epochs), clip_norm=1.0),
        max_epochs=epochs,
        batch_size=4,
        seed=seed,
        progress=False,
    )
    return lambda drive: np.stack(rnnbp.predict(net, list((drive - u_mean) / u_scale))) * y_scale + y_mean


def baselines(u: Array, y: Array, u_test: Array, y_test: Array) -> dict[str, float]:
    """Return what the mean and a linear delay line reach."""
    line = DelayLine(list(u), list(y), N_TAPS)
    return {
        "constant": nrmse(y_test, np.full_like(y_test, y.mean())),
        "linear delay line": nrmse(y_test, np.stack([line.predict(drive) for drive in u_test])),
    }


def nrmse(target: Array, output: Array) -> float:
    """Return the root mean squared error of series (N, T, 1) over their standard deviation, where they count."""
    counted, given = target[:, UNCOUNTED:].astype(np.float64), output[:, UNCOUNTED:]
    return float(np.sqrt(np.mean((given - counted) ** 2)) / counted.std())


TASKS = (Narma(),)
