"""Numbers that change over training, over time, or with noise."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.configuration import shown
from rnnbp.names import explained
from rnnbp.plotting.axes import COLOURS, axes, check_is, plain_frame
from rnnbp.training import History, LearningRateSearch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "accuracy_against_noise",
    "error_curve",
    "gradient_over_time",
    "learning_curves",
    "learning_rates",
    "score_axes",
]


@explained
def learning_curves(history: History, *, label: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the loss of each epoch: in training a line, in validation (if there is any) a dashed one.

    The training loss, a mean over its epoch, is drawn at the epoch's middle, and the validation loss at its end. A
    validation score has a dotted line, and an axis of its own at the right.

    Parameters
    ----------
    history : History
        What `rnnbp.fit` returned. With validation data, a dot marks the best epoch.
    label : str, optional
        What it is the history of: with several in one picture, they need to be told apart.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default, in a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Those of the losses.

    Raises
    ------
    TypeError
        If it is no history.
    ValueError
        If no epoch has ended.

    See Also
    --------
    error_curve
    LossCurveDisplay

    Examples
    --------
    >>> from rnnbp import History
    >>> ax = learning_curves(History(loss=[0.5, 0.2, 0.1], best_epoch=2), label="GRU")
    """
    check_is(history, History, "history", "what rnnbp.fit returned, or History(loss=[...]) of your own figures")
    if not len(history):
        raise ValueError("this history has no epoch to draw: training stopped before the first one ended")
    ax = axes(ax)
    from matplotlib.ticker import MaxNLocator

    colour = COLOURS[len({line.get_color() for line in ax.lines}) % len(COLOURS)]
    prefix = "" if label is None else f"{label}: "
    ends = np.arange(1, len(history) + 1)
    middles = ends - 0.5  # where the training loss belongs, which is a mean over the epoch
    ax.plot(middles, history.loss, color=colour, label=f"{prefix}training")
    if history.validation_loss:
        ax.plot(ends, history.validation_loss, "--", color=colour, label=f"{prefix}validation")
        best = history.best_epoch
        what = f"{prefix}best by validation {history.monitor}, epoch {best + 1}"
        ax.plot(ends[best], history.validation_loss[best], "o", color=colour, label=what)
    if all(np.min(np.asarray(line.get_ydata(), dtype=float)) > 0 for line in ax.lines):
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(_plain_minor_formatter())
    ax.set(xlabel="epoch", ylabel="loss", xlim=(0, max(ax.get_xlim()[1], len(history) + 0.25)))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain_frame(ax)
    if history.validation_score:
        right = score_axes(ax) or ax.twinx()  # several histories share it, as they share the axis of losses
        right.plot(ends, history.validation_score, ":", color=colour, label=f"{prefix}validation score")
        right.set_ylabel("validation score")
        right.spines["top"].set_visible(False)
    _explain(ax, score_axes(ax))
    return ax


def score_axes(ax: Axes) -> Axes | None:
    """Return the axes that validation scores are drawn into, at the right of those of losses, if there are some."""
    place = ax.get_position().bounds
    siblings = ax.get_shared_x_axes().get_siblings(ax)
    return next((other for other in siblings if other is not ax and other.get_position().bounds == place), None)


def _explain(losses: Axes, scores: Axes | None) -> None:
    """Give the losses' axes a legend of all lines."""
    if scores is None:
        losses.legend(framealpha=0.8, edgecolor="none")  # it may have to lie on a curve
        return
    lines = [line for line in (*losses.lines, *scores.lines) if not str(line.get_label()).startswith("_")]
    # above the axes: curves that fall and curves that rise leave no corner free
    losses.legend(handles=lines, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)


@explained
def learning_rates(search: LearningRateSearch, *, ax: Axes | None = None) -> Axes:
    """Draw what a search for the learning rate has seen: each minibatch's loss, their running mean, the suggestion.

    Parameters
    ----------
    search : LearningRateSearch
        What `rnnbp.find_learning_rate` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default, in a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The losses at the rates after which they exploded are cut off.

    See Also
    --------
    rnnbp.find_learning_rate

    Examples
    --------
    >>> import rnnbp
    >>> from rnnbp import layers
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(64, 3))
    >>> net = rnnbp.Network([layers.Dense(3, 1)])
    >>> search = rnnbp.find_learning_rate(net, x, x @ [1.0, -2.0, 0.5], loss="mean_squared_error")
    >>> learning_rates(search).get_xlabel()
    'learning rate'
    """
    check_is(search, LearningRateSearch, "search", "what rnnbp.find_learning_rate returned")
    ax = axes(ax)
    ax.plot(search.rates, search.losses, color="0.75", linewidth=1, label="minibatches")
    ax.plot(search.rates, search.smoothed, color=COLOURS[0], label="running mean")
    ax.axvline(search.suggestion, color=COLOURS[1], linestyle="--", label=f"suggestion: {search.suggestion:.2g}")
    low, high = float(search.smoothed.min()), float(search.smoothed[0])
    span = (high - low) or 1.0
    ax.set(xlabel="learning rate", ylabel="loss", xscale="log", ylim=(low - 0.3 * span, high + 0.8 * span))
    ax.legend(framealpha=0.8, edgecolor="none")
    plain_frame(ax)
    return ax


def _plain_minor_formatter() -> Any:
    """Return what writes 0.6, and not 6 x 10^-1, where a logarithmic axis has room for what is between its decades."""
    from matplotlib.ticker import LogFormatter

    class Plain(LogFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:g}" if super().__call__(x, pos) else ""

    return Plain(minor_thresholds=(2, 0.8))


@explained
def error_curve(error: ArrayLike, *, ax: Axes | None = None, label: str | None = None) -> Axes:
    """Draw an error after each iteration.

    Parameters
    ----------
    error : array of float, of shape (n_iterations,)
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default, in a new figure.
    label : str, optional
        For the legend.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no error, or if they are not a row of numbers.

    See Also
    --------
    learning_curves

    Examples
    --------
    >>> ax = error_curve([0.5, 0.2, 0.1], label="iris")
    """
    values = np.asarray(error, dtype=float)
    if values.ndim != 1 or not values.size:
        raise ValueError(
            f"error must be one number an iteration, of shape (n_iterations,), but its shape is {values.shape}"
        )
    ax = axes(ax)
    ax.plot(np.arange(1, len(values) + 1), values, label=label)
    ax.set(xlabel="iteration", ylabel="error", xlim=(0, len(values)))
    ax.set_ylim(bottom=0)
    if label is not None:
        ax.legend(frameon=False)
    plain_frame(ax)
    return ax


@explained
def accuracy_against_noise(
    snr_db: ArrayLike, accuracy: Mapping[str, ArrayLike], *, chance: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw how accuracy falls as noise grows, from left to right.

    Parameters
    ----------
    snr_db : array of float, of shape (n,)
        Signal-to-noise ratios in dB.
    accuracy : mapping of str to array of float, of shape (n,)
        For each network by its name, from 0 to 1.
    chance : float, optional
        The accuracy of guessing, drawn as a dotted line.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default, in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the lengths differ.

    See Also
    --------
    rnnbp.audio.add_noise

    Examples
    --------
    >>> ax = accuracy_against_noise([20, 10, 0], {"GRU": [0.97, 0.9, 0.6]}, chance=0.1)
    """
    levels = np.asarray(snr_db, dtype=float)
    ax = _lines(levels, accuracy, ax, "signal-to-noise ratio", "accuracy")
    if chance is not None:
        ax.axhline(chance, color="0.5", linewidth=1, linestyle=":", label="guessing")
    ax.set(xlabel="signal-to-noise ratio (dB)", ylabel="accuracy", ylim=(0, 1.02), xticks=np.sort(levels))
    margin = 0.03 * (levels.max() - levels.min()) or 1.0
    ax.set_xlim(levels.max() + margin, levels.min() - margin)
    ax.legend(frameon=False)
    return ax


@explained
def gradient_over_time(step: ArrayLike, norm: Mapping[str, ArrayLike], *, ax: Axes | None = None) -> Axes:
    """Draw how large the loss's gradient is with respect to the state at each step.

    A line that falls towards early steps is a vanishing gradient, one that rises an exploding one.

    Parameters
    ----------
    step : array of int, of shape (n,)
        The steps t, increasing.
    norm : mapping of str to array of float, of shape (n,)
        ‖dL/ds(t)‖ for each network by its name.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default, in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the lengths differ.

    See Also
    --------
    plot_gradient_flow

    Examples
    --------
    >>> ax = gradient_over_time([0, 1, 2], {"GRU": [0.01, 0.1, 1.0]})
    """
    ax = _lines(np.asarray(step, dtype=float), norm, ax, "step", "norm")
    ax.set(xlabel="step t", ylabel="‖∂L/∂s(t)‖", yscale="log")
    ax.legend(frameon=False)
    return ax


def _lines(x: NDArray[Any], lines: Mapping[str, ArrayLike], ax: Axes | None, unit: str, what: str) -> Axes:
    """Draw one line a name, with a marker where something was measured."""
    if not hasattr(lines, "items"):
        raise TypeError(
            f"{what} must be a mapping of names to values, as {{'GRU': [...]}}, but {shown(lines)} was given"
        )
    ax = axes(ax)
    looks = cycle((style, colour) for style in ("-", "--", ":", "-.") for colour in COLOURS)
    for (name, values), (style, colour) in zip(lines.items(), looks, strict=False):
        y = np.asarray(values, dtype=float)
        if y.shape != x.shape:
            raise ValueError(
                f"{name!r} must have one value for each {unit}, of shape {x.shape}, but its shape is {y.shape}"
            )
        ax.plot(x, y, style, marker="o", markersize=4, color=colour, label=name)
    plain_frame(ax)
    return ax
