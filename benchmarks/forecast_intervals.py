"""Whether a forecaster's intervals cover what they say: one sunspot series and four that are generated.

python -m benchmarks.forecast_intervals                                # all, several minutes
python -m benchmarks.forecast_intervals --series sunspots --seeds 2    # one of them, with the seeds 0 and 1
python -m benchmarks.forecast_intervals --json FILE                    # writes the results, too

For each seed a forecaster with default settings is fitted to the first values of a series, and forecasts 30 steps from
each of the next origins: of 400 values 200 origins, of the 309 sunspots those after 160, 180, ..., 260. A row has,
for 1, 5, 10 and 30 steps ahead, the share of values within the interval, in per cent, its standard error over fits, and
the mean width of intervals.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import by_series
from benchmarks.report import machine
from rnnbp import RNNForecaster, datasets

Array = NDArray[np.float64]

HORIZONS = (1, 5, 10, 30)
COVERAGES = (0.8, 0.95)
N_TRAINED, N_ORIGINS = 400, 200


class Row(NamedTuple):
    """What a series came to: coverages and widths of shape (n_fits, len(COVERAGES), len(HORIZONS))."""

    series: str
    covered: Array
    width: Array
    seconds: float


def autoregression(rng: np.random.Generator, n: int) -> Array:
    """Make x(t) = 0.8 x(t-1) + e(t)."""
    x, e = np.zeros(n + 50), rng.normal(size=n + 50)
    for t in range(1, n + 50):
        x[t] = 0.8 * x[t - 1] + e[t]
    return x[50:]


def seasonal(rng: np.random.Generator, n: int) -> Array:
    """Make two harmonics of a period of 12 steps, and noise."""
    angle = 2 * np.pi * np.arange(n) / 12
    return 10 + 3 * np.sin(angle) + np.cos(2 * angle) + rng.normal(size=n)


def random_walk(rng: np.random.Generator, n: int) -> Array:
    """Draw steps of mean 0.1 and variance 1, and sum them."""
    return np.cumsum(0.1 + rng.normal(size=n))


def mackey_glass(rng: np.random.Generator, n: int) -> Array:
    """Make a chaotic series, measured with a noise of a fifth of its standard deviation."""
    x, _ = datasets.make_mackey_glass(1, n, dtype="float64", random_state=rng)
    return x[0, :, 0] + 0.05 * rng.normal(size=n)


GENERATED: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "autoregression": autoregression,
    "seasonal": seasonal,
    "random walk": random_walk,
    "Mackey-Glass": mackey_glass,
}
NAMES = ["sunspots", *GENERATED]


def parts(name: str, seed: int) -> list[tuple[Array, int]]:
    """Return series, and how many values of each are trained on."""
    if name == "sunspots":
        _, numbers = datasets.fetch_sunspots()
        return [(numbers, n) for n in range(160, 261, 20)]
    n = N_TRAINED + N_ORIGINS + max(HORIZONS)
    return [(GENERATED[name](np.random.default_rng(seed), n), N_TRAINED)]


def measure(name: str, n_seeds: int) -> Row:
    """Fit and forecast with the first seeds."""
    began, covered, width = time.perf_counter(), [], []
    for seed in range(n_seeds):
        for x, n in parts(name, seed):
            bound = {"lower": 0.0} if name == "sunspots" else {}
            fitted = RNNForecaster(random_state=seed, **bound).fit(x[:n])
            origins = range(n, len(x) - max(HORIZONS) + 1)
            actual = np.array([x[t : t + max(HORIZONS)] for t in origins])
            ends = [fitted.predict_interval([x[:t] for t in origins], max(HORIZONS), coverage=c) for c in COVERAGES]
            at = np.array(HORIZONS) - 1
            covered.append([((low <= actual) & (actual <= high)).mean(axis=0)[at] for low, high in ends])
            width.append([(high - low).mean(axis=0)[at] for low, high in ends])
    return Row(name, np.array(covered), np.array(width), time.perf_counter() - began)


def table(rows: Sequence[Row]) -> str:
    """Return a line for each series and coverage."""
    steps = "".join(f"h = {h}".rjust(16) for h in HORIZONS)
    lines = [f"{'series'.ljust(16)}{'nominal'.rjust(8)}{steps}    mean width".rstrip()]
    for row in rows:
        mean, error = 100 * row.covered.mean(axis=0), 100 * row.covered.std(axis=0) / np.sqrt(len(row.covered))
        for k, c in enumerate(COVERAGES):
            shares = "".join(f"{m:.1f} +- {e:.1f}".rjust(16) for m, e in zip(mean[k], error[k], strict=True))
            widths = "  ".join(f"{w:.3g}" for w in row.width.mean(axis=0)[k])
            lines.append(f"{row.series.ljust(16)}{100 * c:8.0f}{shares}    {widths}")
    return "\n".join(lines)


def write_json(path: Path, rows: Sequence[Row]) -> None:
    """Write the means and standard errors of all rows."""
    found = {
        row.series: {
            "fits": len(row.covered),
            "seconds": round(row.seconds, 1),
            **{
                f"nominal {100 * c:g} %": {
                    "covered": np.round(100 * row.covered[:, k].mean(axis=0), 2).tolist(),
                    "error": np.round(100 * row.covered[:, k].std(axis=0) / np.sqrt(len(row.covered)), 2).tolist(),
                    "width": [float(f"{w:.4g}") for w in row.width[:, k].mean(axis=0)],
                }
                for k, c in enumerate(COVERAGES)
            },
        }
        for row in rows
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), "horizons": HORIZONS, "series": found}, indent=1) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    return by_series.run(
        "forecast_intervals", __doc__, NAMES, measure, table, write_json, n_seeds=12, arguments=arguments
    )


if __name__ == "__main__":
    sys.exit(main())
