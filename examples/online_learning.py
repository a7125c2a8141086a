"""Learning while streaming: a forecaster that goes on learning when the world changes, and one that does not.

A Mackey-Glass series, the number of white blood cells over time, is met one value at a time, every 6 units of time; and
each time the next value is to be forecast. Halfway the delay of the equation changes from 17 to 30, and with it the
whole rhythm. Three small recurrent networks see every value once, and store none::

    rtrl     learns from every value, by real-time recurrent learning, which is exact
    snap1    learns from every value, by its sparse approximation, which is cheap
    frozen   learns as rtrl does until the change, and then stops, as a trained network is used

and the simplest forecast, that nothing changes, is given beside them. Errors are squared, in units of the variance of
the series before the change: 1 is what a forecast of the mean would come to.

    python examples/online_learning.py --figure online.png
"""

import argparse
import copy
import time

import numpy as np
from tqdm import tqdm

import rnnbp
from rnnbp import datasets, gradients, layers, losses, optimizers, plotting

DELAYS, EVERY = (17.0, 30.0), 6


def make_series(n_frames, seed):
    """Return the series, of n_frames before the change and as many after it, standardized by the first half."""
    halves = [
        datasets.make_mackey_glass(1, n_frames * EVERY, tau=delay, dtype="float64", random_state=seed)[0][0, ::EVERY]
        for delay in DELAYS
    ]
    return (np.concatenate(halves) - halves[0].mean()) / halves[0].std()


def make_network(algorithm, n_hidden, seed):
    return rnnbp.Network([layers.GRU(1, n_hidden, gradient=algorithm), layers.Dense(n_hidden, 1)], seed=seed)


def stream_and_learn(net, series, learning_rate, change):
    """Return the forecasts of a network that learns from each value, and of its copy that stops at the change."""
    learner = rnnbp.OnlineLearner(net, losses.MeanSquaredError(), optimizers.Adam(learning_rate))
    forecasts, frozen, copied = [], [], None
    for t in tqdm(range(len(series) - 1), desc="streaming", disable=None, leave=False):  # shown on a terminal
        if t == change:
            copied = copy.deepcopy(net).stream()
            copied.push(series[:t])  # so that it remembers what the learner does
        forecasts.append(learner.push(series[t]))  # now
        learner.learn(series[t + 1])  # and when the value has come
        frozen.append(forecasts[-1] if copied is None else copied.push(series[t]))
    return np.array(forecasts), np.array(frozen)


def draw(path, series, forecasts, squared, change):
    """Draw what is forecast around the change and at the end, and the errors over time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    axes = figure.subplot_mosaic([["change", "end"], ["errors", "errors"]])
    n, end = len(series), min(120, change)
    for name, first, title in (("change", change - end // 3, "at the change"), ("end", n - end, "at the end")):
        shown = np.arange(first, min(first + end, n - 1))
        axes[name].plot(shown + 1, series[shown + 1], color="0.6", linewidth=4, label="series")
        for who, colour in (("frozen", "C1"), ("rtrl", "C0")):
            axes[name].plot(shown + 1, forecasts[who][shown], color=colour, label=f"forecast, {who}")
        axes[name].set_title(f"One step ahead, {title}")
        axes[name].set(xlabel="step", ylabel="value, standardized", ylim=(-3.5, 4))
    axes["change"].legend(loc="upper left", ncols=3)
    width = max(2, change // 20)
    for who, colour in (("no change", "0.7"), ("frozen", "C1"), ("snap1", "C2"), ("rtrl", "C0")):
        smooth = np.convolve(squared[who], np.ones(width) / width, mode="valid")
        axes["errors"].semilogy(np.arange(width, len(smooth) + width), smooth, color=colour, label=who)
    axes["errors"].axvline(change, color="black", linewidth=1, linestyle=":")
    axes["errors"].set(xlabel="step", ylabel="squared error", title=f"Mean error of the latest {width} steps")
    axes["errors"].legend(loc="lower right")
    figure.savefig(path, dpi=120)
    print(f"\nwrote {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=2000, help="before the change, and after (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=16, help="units of each network (default: %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="of Adam (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of series and networks (default: %(default)s)")
    parser.add_argument(
        "--figure", type=plotting.figure_path, metavar="PATH", help="draw forecasts and errors into this file"
    )
    options = parser.parse_args()
    if options.frames < 100:
        parser.error(f"--frames must be at least 100, but {options.frames} was given")
    if options.hidden < 1:
        parser.error(f"--hidden must be at least 1, but {options.hidden} was given")

    series, change = make_series(options.frames, options.seed), options.frames
    forecasts = {"no change": series[:-1]}
    for name, algorithm in (("rtrl", gradients.RTRL()), ("snap1", gradients.SnAp1())):
        began = time.perf_counter()
        net = make_network(algorithm, options.hidden, options.seed)
        forecasts[name], stopped = stream_and_learn(net, series, options.learning_rate, change)
        forecasts.setdefault("frozen", stopped)
        each = (time.perf_counter() - began) / len(series)
        print(f"{name}: {net.theta.size} parameters, {1e3 * each:.2f} ms a step")

    squared = {name: (series[1:] - forecast)[:, 0] ** 2 for name, forecast in forecasts.items()}
    quarter, soon = change // 4, change // 10
    spans = {
        "before the change": slice(change - quarter, change - 1),
        "just after it": slice(change, change + soon),
        "in the end": slice(-quarter, None),
    }
    print(f"\n{'mean squared error':18}" + "".join(f"{span:>20}" for span in spans))
    for name in ("no change", "frozen", "snap1", "rtrl"):
        print(f"{name:18}" + "".join(f"{squared[name][span].mean():20.4f}" for span in spans.values()))
    if options.figure:
        draw(options.figure, series, forecasts, squared, change)


if __name__ == "__main__":
    main()
