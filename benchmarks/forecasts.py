"""How far off a forecaster is: with its two models, with each alone, and beside a naive forecast.

python -m benchmarks.forecasts                                # all, several minutes
python -m benchmarks.forecasts --series growth --seeds 2      # one of them, with the first two seeds
python -m benchmarks.forecasts --json FILE                    # writes the results, too

For each seed a forecaster with default settings is fitted to the first values of a series, and forecasts 24 steps from
each of 13 origins after them, every third step. A row has the root of the mean squared error of all these forecasts,
over that of the value of a season ago, or of the last value where there is no season: of the network alone, of the
autoregression alone, and of what `predict` returns, both mixed by the weight w that backtesting has chosen. Figures are
means over seeds; the last column is the error of both over the network's, in the seed where that is greatest.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import by_series
from benchmarks.forecast_intervals import mackey_glass, random_walk, seasonal
from benchmarks.report import machine
from rnnbp import RNNForecaster, datasets

Array = NDArray[np.float64]

HORIZON = 24
ORIGINS = range(0, 37, 3)  # after what was trained on
N_AFTER = ORIGINS[-1] + HORIZON
FIRST = 1000  # seed: those from 0 on were developed with


class Kind(NamedTuple):
    """A kind of series: what makes one, how many values are trained on, and the season that is naively repeated."""

    make: Callable[[np.random.Generator, int], Array]
    n_trained: int
    season: int = 1


def _season(n: int) -> Array:
    angle = 2 * np.pi * np.arange(n) / 12
    return np.sin(angle) + 0.4 * np.cos(2 * angle)


def trend_and_season(rng: np.random.Generator, n: int) -> Array:
    """Make a line, a season of 12 steps, and noise."""
    return 50 + 0.2 * np.arange(n) + 8 * _season(n) + 2 * rng.normal(size=n)


def growth(rng: np.random.Generator, n: int) -> Array:
    """Make what grows by one per cent a month, with a season and noise in per cent of the level."""
    return 100 * np.exp(0.01 * np.arange(n) + 0.25 * _season(n) + 0.04 * rng.normal(size=n))


def weekly_sales(rng: np.random.Generator, n: int) -> Array:
    """Make sales a week, with a trend, a year's season, and two holidays a year."""
    week = np.arange(n)
    holidays = 80 * (week % 52 >= 50) + 40 * (week % 52 == 14)
    return 200 + 0.3 * week + 30 * np.sin(2 * np.pi * week / 52) + holidays + 10 * rng.normal(size=n)


def daily_sales(rng: np.random.Generator, n: int) -> Array:
    """Make sales a day: days of the week differ, and the level wanders."""
    of_day = np.array([0, 2, 3, 1, 4, 12, 9])[np.arange(n) % 7]
    return 30 + of_day + np.cumsum(0.3 * rng.normal(size=n)) + 2 * rng.normal(size=n)


def oscillator(rng: np.random.Generator, n: int) -> Array:
    """Make x(t) = 1.5 x(t-1) - 0.8 x(t-2) + e(t)."""
    x, e = np.zeros(n + 50), rng.normal(size=n + 50)
    for t in range(2, n + 50):
        x[t] = 1.5 * x[t - 1] - 0.8 * x[t - 2] + e[t]
    return x[50:]


def narma(rng: np.random.Generator, n: int) -> Array:
    """Make the tenth-order NARMA series, whose input is not seen."""
    _, y = datasets.make_narma10(1, n, dtype="float64", random_state=rng)
    return np.asarray(y[0, :, 0])


KINDS = {
    "trend and season": Kind(trend_and_season, 300, 12),
    "growth": Kind(growth, 144, 12),
    "weekly sales": Kind(weekly_sales, 208, 52),
    "daily sales": Kind(daily_sales, 300, 7),
    "seasonal": Kind(seasonal, 300, 12),
    "seasonal, short": Kind(seasonal, 72, 12),
    "oscillator": Kind(oscillator, 300),
    "random walk": Kind(random_walk, 300),
    "Mackey-Glass": Kind(mackey_glass, 400),
    "NARMA": Kind(narma, 400),
}
NAMES = ["sunspots", *KINDS]
SUNSPOTS = range(150, 241, 18)  # values that are trained on, for the first seeds


class Row(NamedTuple):
    """What a series came to: by seed, the errors of three forecasts over the naive one's, and w."""

    series: str
    errors: Array
    weights: list[float]

    @property
    def worst(self) -> float:
        """The error of both over the network's, in the seed where that is greatest."""
        return float((self.errors[:, 2] / self.errors[:, 0]).max())


def part(name: str, k: int) -> tuple[Array, int, int]:
    """Return a series, how many values are trained on, and its season."""
    if name == "sunspots":
        _, numbers = datasets.fetch_sunspots()
        n = SUNSPOTS[k % len(SUNSPOTS)]
        return numbers[: n + N_AFTER], n, 11
    make, n, season = KINDS[name]
    return make(np.random.default_rng(FIRST + k), n + N_AFTER), n, season


def measure(name: str, n_seeds: int) -> Row:
    """Fit and forecast with the first seeds."""
    errors, weights = [], []
    for k in range(n_seeds):
        x, n, season = part(name, k)
        bound = {"lower": 0.0} if name == "sunspots" else {}
        fitted = RNNForecaster(random_state=FIRST + k, **bound).fit(x[:n])
        pasts = [x[: n + t] for t in ORIGINS]
        actual = np.array([x[len(past) :][:HORIZON] for past in pasts])
        w = fitted.lag_weight_
        weights.append(w)
        forecasts = [np.array([np.resize(past[-season:], HORIZON) for past in pasts])]
        for fitted.lag_weight_ in (0.0, 1.0, w):
            forecasts.append(fitted.predict(pasts, HORIZON))
        naive, *ours = (float(np.sqrt(np.square(each - actual).mean())) for each in forecasts)
        errors.append([error / naive for error in ours])
    return Row(name, np.array(errors), weights)


def table(rows: Sequence[Row]) -> str:
    """Return a line for each series."""
    lines = [f"{'series'.ljust(18)}{'network':>9}{'autoregression':>16}{'both':>8}{'w':>8}{'worst':>8}"]
    for row in rows:
        network, linear, both = row.errors.mean(axis=0)
        lines.append(
            f"{row.series.ljust(18)}{network:9.2f}{linear:16.2f}{both:8.2f}{np.mean(row.weights):8.2f}{row.worst:8.2f}"
        )
    return "\n".join(lines)


def write_json(path: Path, rows: Sequence[Row]) -> None:
    """Write the errors and weights of all seeds."""
    found = {
        row.series: {
            **{name: np.round(row.errors[:, i], 4).tolist() for i, name in enumerate(("network", "linear", "both"))},
            "w": np.round(row.weights, 4).tolist(),
        }
        for row in rows
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), "series": found}, indent=1) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    return by_series.run("forecasts", __doc__, NAMES, measure, table, write_json, n_seeds=6, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
