"""What the instruments of `rnnbp.diagnostics` have found."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.diagnostics import Activations, GradientFlow, GradientFlowWatch, LyapunovExponents, Saliency
from rnnbp.names import explained
from rnnbp.plotting.axes import COLOURS, axes, check_is, new_figure, plain_frame, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "plot_activations",
    "plot_gradient_flow",
    "plot_gradient_flow_over_training",
    "plot_lyapunov",
    "plot_saliency",
]

Array = NDArray[Any]

MOST_LINES = 8  # more exponents than these are not told apart by lines


@explained
def plot_gradient_flow(flow: GradientFlow, *, ax: Axes | None = None) -> Axes:
    """Draw how much gradient arrives at each step, a line for each state.

    The line is the mean over the sequences that reach the step, the band holds their middle half.

    A line that falls towards early steps is a vanishing gradient, one that rises an exploding one (in a direction that
    runs backwards, towards late steps). A norm of 0 has no place on the logarithmic scale and is left out.

    Parameters
    ----------
    flow : GradientFlow
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default, in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    See Also
    --------
    GradientFlowDisplay
    rnnbp.diagnostics.gradient_flow

    Examples
    --------
    >>> from rnnbp import Network, diagnostics, layers
    >>> net = Network([layers.GRU(1, 4), layers.LastStep(), layers.Dense(4, 1)])
    >>> flow = diagnostics.gradient_flow(net, np.zeros((9, 2, 1)), np.ones((2, 1)), "mean_squared_error")
    >>> ax = plot_gradient_flow(flow)
    """
    check_is(flow, GradientFlow, "flow", "rnnbp.diagnostics.gradient_flow(net, x, target, loss)")
    ax = axes(ax)
    looks = cycle((style, colour) for style in ("-", "--", ":", "-.") for colour in COLOURS)
    for (name, norm), (style, colour) in zip(flow.norm.items(), looks, strict=False):
        positive = np.where(norm > 0, norm, np.nan)
        reached = np.flatnonzero(~np.isnan(positive).all(axis=1))
        if not reached.size:
            continue
        positive = positive[reached]
        ax.plot(reached, np.nanmean(positive, axis=1), style, color=colour, label=shown(name))
        quartiles = np.nanquantile(positive, (0.25, 0.75), axis=1)
        ax.fill_between(reached, *quartiles, color=colour, alpha=0.12, linewidth=0)
    ax.set(xlabel="step t", ylabel="‖∂L/∂s(t)‖", yscale="log")
    if ax.lines:
        ax.legend(frameon=False)
    plain_frame(ax)
    return ax


@explained
def plot_gradient_flow_over_training(
    flows: GradientFlowWatch | Sequence[GradientFlow],
    state: str,
    *,
    epochs: Sequence[int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how much gradient arrives at each step, from epoch to epoch.

    Parameters
    ----------
    flows : GradientFlowWatch or sequence of GradientFlow
        Of the same data, one an epoch.
    state : str
        Such as ``"0.h"``.
    epochs : sequence of int, optional
        When they were taken; by default when a watch says, or epochs 1, 2, ....
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default, in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no flow, no such state, or not one epoch for each flow.

    See Also
    --------
    plot_gradient_flow
    rnnbp.diagnostics.GradientFlowWatch

    Examples
    --------
    >>> from rnnbp import Network, diagnostics, layers
    >>> net = Network([layers.GRU(1, 4), layers.LastStep(), layers.Dense(4, 1)])
    >>> flow = diagnostics.gradient_flow(net, np.zeros((9, 2, 1)), np.ones((2, 1)), "mean_squared_error")
    >>> ax = plot_gradient_flow_over_training([flow, flow], "0.h")
    """
    if isinstance(flows, GradientFlowWatch):
        epochs, flows = list(flows.flows) if epochs is None else epochs, list(flows.flows.values())
    if not flows:
        raise ValueError("there is no gradient flow to draw")
    if state not in flows[0].norm:
        raise ValueError(f"no state {state!r}: there are {', '.join(flows[0].norm)}")
    when = list(range(1, len(flows) + 1)) if epochs is None else list(epochs)
    if len(when) != len(flows):
        raise ValueError(f"{len(when)} epochs were given for {len(flows)} gradient flows")
    ax = axes(ax)
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import MaxNLocator

    norm = np.stack([flow.mean()[state] for flow in flows], axis=1)
    positive = norm[norm > 0]
    high = float(positive.max(initial=0.0)) or 1.0
    low = max(float(positive.min(initial=high)), high * 1e-12)
    edges = [when[0] - 1, *when]  # a flow is seen at its epoch's end, and stands for what came before
    scale = LogNorm(min(low, high / 10), high)
    picture = ax.pcolormesh(edges, np.arange(len(norm) + 1) - 0.5, np.maximum(norm, low), norm=scale, cmap="Blues")
    picture.set_rasterized(True)
    ax.figure.colorbar(picture, ax=ax, label="‖∂L/∂s(t)‖")
    ax.set(xlabel="epoch", ylabel="step t", title=shown(state))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return ax


@explained
def plot_activations(
    activations: Activations,
    index: int = 0,
    *,
    names: Sequence[str] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw what every unit does over time in one sequence: a picture a layer (or state, or gate), a row of it a unit.

    What is nowhere negative is drawn in grey, from white for 0; any other in red for positive and blue for negative
    values.

    Parameters
    ----------
    activations : Activations
    index : int, default 0
        Which sequence.
    names : sequence of str, optional
        What to draw, such as ``["0.h", "0.f"]``; by default the output of each layer that has one at each step.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default, a new one.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If they are those of static examples, if there is no such sequence, or if a name has no time.
    KeyError
        If there is no such name.

    See Also
    --------
    ActivationsDisplay
    rnnbp.diagnostics.activations

    Examples
    --------
    >>> from rnnbp import Network, diagnostics, layers
    >>> net = Network([layers.GRU(2, 4)])
    >>> figure = plot_activations(diagnostics.activations(net, np.ones((5, 1, 2))))
    """
    check_is(activations, Activations, "activations", "rnnbp.diagnostics.activations(net, x)")
    if activations.lengths is None:
        raise ValueError("these are activations of static examples, without time: draw them with layer_activations")
    if not 0 <= index < len(activations.lengths):
        raise ValueError(f"there are sequences 0 to {len(activations.lengths) - 1}, but {index} was asked for")
    if names is None:
        names = [name for name, array in activations.items() if array.ndim == 3 and name.isdigit()]
        if not names:
            raise ValueError("no layer has an output at each step: name what to draw")
    for name in names:
        if activations[name].ndim != 3:
            raise ValueError(f"{name!r} has one row a sequence, not one a step, and cannot be drawn over time")
    if figure is None:
        figure = new_figure(figsize=(6.0, 0.4 + 1.4 * len(names)))
    one = activations.of(index)
    grid = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for ax, name in zip(grid, names, strict=True):
        picture = ax.imshow(one[name].T, aspect="auto", interpolation="nearest", **_colours(one[name]))
        ax.set_ylabel(shown(name), rotation=0, ha="right", va="center")
        ax.set_yticks([])
        ax.tick_params(bottom=ax is grid[-1])
        ax.spines[:].set_visible(False)
        figure.colorbar(picture, ax=ax)
    grid[-1].set_xlabel("step t")
    return figure


@explained
def plot_saliency(
    saliency: Saliency,
    index: int = 0,
    *,
    feature_names: Sequence[str] | None = None,
    seconds_per_step: float | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw which frames and features of one sequence an output hangs on.

    Above, the input in grey (features upwards, as in a spectrogram), and over it what each feature has contributed
    (gradient times input): red for the output, blue against it. A bar for each says what its colours mean. Below, the
    norm of each frame's gradient.

    Parameters
    ----------
    saliency : Saliency
    index : int, default 0
        Which sequence.
    feature_names : sequence of F str, optional
        By default features are counted from 0.
    seconds_per_step : float, optional
        The time from frame to frame, such as hop length / sample rate; by default, the axis counts steps.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default, a new one.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If it is that of static examples, if there is no such sequence, or not a name for each feature.

    See Also
    --------
    SaliencyDisplay
    rnnbp.diagnostics.saliency

    Examples
    --------
    >>> from rnnbp import Network, diagnostics, layers
    >>> net = Network([layers.GRU(2, 4), layers.LastStep(), layers.Dense(4, 3)])
    >>> figure = plot_saliency(diagnostics.saliency(net, np.ones((5, 1, 2))), seconds_per_step=0.01)
    """
    check_is(saliency, Saliency, "saliency", "rnnbp.diagnostics.saliency(net, x)")
    if saliency.lengths is None:
        raise ValueError("this is the saliency of static examples, without time: draw it with layer_activations")
    if not 0 <= index < len(saliency.lengths):
        raise ValueError(f"there are sequences 0 to {len(saliency.lengths) - 1}, but {index} was asked for")
    n_features = saliency.x.shape[-1]
    if feature_names is not None and len(feature_names) != n_features:
        raise ValueError(f"{len(feature_names)} feature_names were given for {n_features} features")
    if figure is None:
        figure = new_figure(figsize=(6.8, 3.6))
    from matplotlib.ticker import MaxNLocator

    length = int(saliency.lengths[index])
    x, contribution = saliency.x[:length, index].T, saliency.contribution[:length, index].T
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    frame = {"aspect": "auto", "origin": "lower", "interpolation": "nearest"}
    low, high = float(x.min()), float(x.max())
    given = top.imshow(x, cmap="gray_r", vmin=low, vmax=high + 0.7 * (high - low), **frame)  # in light greys
    largest = float(np.abs(contribution).max()) or 1.0
    colours = {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest, "alpha": np.sqrt(np.abs(contribution) / largest)}
    drawn = top.imshow(contribution, **colours, **frame)
    beside: dict[str, Any] = {"ax": (top, bottom), "anchor": (0, 1), "shrink": 0.72}
    figure.colorbar(drawn, label="gradient × input", **beside)
    greys = figure.colorbar(given, label="input", **beside)
    if low < high:
        greys.ax.set_ylim(low, high)
    if feature_names is not None:
        top.set_yticks(range(n_features), feature_names)
    else:
        top.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    top.set(ylabel="feature", title=f"what speaks for (red) and against (blue) output {saliency.output[index]}")
    norm = saliency.frame_norm[:length, index]
    bottom.fill_between(np.arange(length), norm, color=COLOURS[0], alpha=0.3, linewidth=0)
    bottom.plot(np.arange(length), norm, color=COLOURS[0])
    bottom.set(xlabel="step t", ylabel="‖∂y/∂x(t)‖")
    bottom.set_ylim(bottom=0)
    bottom.xaxis.set_major_locator(MaxNLocator(integer=True))
    if seconds_per_step is not None:
        bottom.xaxis.set_major_formatter(lambda step, _: f"{round(step * seconds_per_step, 6):g}")
        bottom.set_xlabel("time (s)")
    plain_frame(bottom)
    return figure


@explained
def plot_lyapunov(result: LyapunovExponents, *, figure: Figure | None = None) -> Figure:
    """Draw Lyapunov exponents: how the largest settle while measuring goes on, and all of them in order.

    Parameters
    ----------
    result : LyapunovExponents
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default, a new one.

    Returns
    -------
    matplotlib.figure.Figure

    See Also
    --------
    rnnbp.diagnostics.lyapunov_exponents

    Examples
    --------
    >>> from rnnbp import Network, diagnostics, layers
    >>> net = Network([layers.Elman(1, 4)])
    >>> figure = plot_lyapunov(diagnostics.lyapunov_exponents(net, np.zeros((200, 1, 1))))
    """
    check_is(result, LyapunovExponents, "result", "rnnbp.diagnostics.lyapunov_exponents(net, x)")
    if figure is None:
        figure = new_figure(figsize=(8.0, 3.2))
    settling, spectrum = figure.subplots(1, 2)
    running = result.running
    looks = ((style, colour) for style in ("-", "--") for colour in COLOURS)
    for i, (style, colour) in zip(range(min(len(result.exponents), MOST_LINES)), looks, strict=False):
        settling.plot(np.arange(1, len(running) + 1), running[:, i], style, color=colour, label=f"$\\lambda_{i + 1}$")
    settling.legend(frameon=False, fontsize="small", ncols=2)
    settling.set(xlabel="steps measured", ylabel="λ (nats a step)")
    finite = np.isfinite(result.exponents)
    spectrum.plot(np.flatnonzero(finite) + 1, result.exponents[finite], "o", markersize=4, color=COLOURS[0])
    spectrum.set(xlabel="i, from the largest exponent on", ylabel="λᵢ (nats a step)")
    for ax in (settling, spectrum):
        ax.axhline(0.0, color="0.4", linewidth=1, linestyle=":")
        plain_frame(ax)
    return figure


def _colours(values: Array) -> dict[str, Any]:
    """Return the colour map of some activations: grey if none is negative, else blue and red about 0."""
    largest = float(np.abs(values).max()) or 1.0
    signed = values.min() < 0
    return {"cmap": "RdBu_r" if signed else "gray_r", "vmin": -largest if signed else 0.0, "vmax": largest}
