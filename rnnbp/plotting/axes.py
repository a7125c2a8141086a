"""What all plots share: where to draw, the colours, and a frame that stays out of the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "axes", "plain_frame", "whole_figure"]

#: Told apart by colour-blind readers too (Okabe and Ito 2008), and dark enough for thin lines on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")


def axes(ax: Axes | None) -> Axes:
    """Return `ax`, or the axes of a new figure."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(layout="constrained")[1]


def whole_figure(ax: Axes) -> Figure:
    """Return the figure that axes are in; if they are in a part of one, the whole."""
    return ax.figure.figure  # a part's `figure` is the whole, and a whole's is itself


def plain_frame(ax: Axes) -> None:
    """Leave only what a reader of numbers needs: two spines, and a faint grid behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
