"""What all plots share: where to draw, the colours, and a frame that stays out of the way."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnbp.names import explained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "axes",
    "check_is",
    "figure_path",
    "new_figure",
    "plain_frame",
    "require_matplotlib",
    "shown",
    "whole_figure",
]

#: Told apart by colour-blind readers too (Okabe and Ito 2008), and dark enough for thin lines on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")


def require_matplotlib() -> None:
    """Check that matplotlib is installed.

    Raises
    ------
    ImportError
        If it is not; says how to install it.
    """
    try:
        import_module("matplotlib")
    except ImportError as error:
        raise ImportError("drawing needs matplotlib: python -m pip install 'rnnbp[plot]'") from error


def axes(ax: Axes | None) -> Axes:
    """Return `ax`, or the axes of a new figure; TypeError if it is none."""
    if ax is None:
        return new_figure().subplots()
    require_matplotlib()
    from matplotlib.axes import Axes

    check_is(ax, Axes, "ax", "one that fig, ax = plt.subplots() gives, or none")
    return ax


def new_figure(**options: Any) -> Figure:
    """Return a new figure of pyplot's, which a notebook shows."""
    require_matplotlib()
    from matplotlib import pyplot

    return pyplot.figure(layout="constrained", **options)


@explained
def figure_path(given: str) -> Path:
    """Return the path of a figure that is to be written later: checked now, before the work that it shows.

    It is made for ``parser.add_argument("--figure", type=figure_path)``.

    Parameters
    ----------
    given : str

    Returns
    -------
    pathlib.Path

    Raises
    ------
    argparse.ArgumentTypeError
        If matplotlib is not installed or writes no such files, or if there is no such folder.

    Examples
    --------
    >>> figure_path("curves.png").suffix
    '.png'
    """
    from argparse import ArgumentTypeError

    try:
        require_matplotlib()
    except ImportError as error:
        raise ArgumentTypeError(str(error)) from None
    from matplotlib.backend_bases import FigureCanvasBase

    path, known = Path(given), sorted(FigureCanvasBase.filetypes)
    if path.suffix[1:].lower() not in known:
        raise ArgumentTypeError(f"{given} must end with a picture's suffix, such as .png: one of {', '.join(known)}")
    if not path.parent.is_dir():
        raise ArgumentTypeError(f"there is no folder {path.parent} to write {path.name} to: make it first")
    return path


def shown(name: str) -> str:
    """Return what a reader is told of a state's or output's name: ``0.h`` is h of layer 0."""
    layer, _, part = name.partition(".")
    return f"layer {layer}: {part}" if part else f"layer {layer}"


def whole_figure(ax: Axes) -> Figure:
    """Return the figure that axes are in; if they are in a part of one, the whole."""
    return ax.figure.figure  # a part's `figure` is the whole, and a whole's is itself


def check_is(given: Any, cls: type, name: str, how: str) -> None:
    """Raise TypeError unless what is to be drawn is of a class; the message says how it is made."""
    if not isinstance(given, cls):
        raise TypeError(
            f"{name} must be of class {cls.__name__}, but of class {type(given).__name__} was given: pass {how}"
        )


def plain_frame(ax: Axes) -> None:
    """Leave only what a reader of numbers needs: two spines, and a faint grid behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
