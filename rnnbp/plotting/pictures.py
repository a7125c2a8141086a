"""Matrices and activations as pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.names import explained
from rnnbp.plotting.axes import axes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

__all__ = ["as_picture", "confusion_matrix", "layer_activations"]

Array = NDArray[Any]

MOST_NAMED = 20  # more units than these leave no room for a name on each
LETTER = 0.1  # inches of a column's width for a letter of its title, with room between columns


@explained
def confusion_matrix(matrix: ArrayLike, class_names: Sequence[str] | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw a confusion matrix: counts in figures, and in colour the share of each true class.

    Parameters
    ----------
    matrix : array of int, of shape (K, K)
        A row for each true class, a column for each predicted one; see `rnnbp.metrics.confusion_matrix`.
    class_names : sequence of K str, optional
        By default 0, 1, ....
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default, in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the matrix is not square, or if there are not as many names as classes.

    See Also
    --------
    rnnbp.metrics.confusion_matrix

    Examples
    --------
    >>> ax = confusion_matrix([[9, 1], [0, 10]], class_names=["no", "yes"])
    """
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(
            f"a confusion matrix is square, (K, K), but this one's shape is {counts.shape}: of targets and "
            "predictions, compute it first, rnnbp.metrics.confusion_matrix(target, predicted)"
        )
    names = [str(k) for k in range(len(counts))] if class_names is None else list(class_names)
    if len(names) != len(counts):
        raise ValueError(f"{len(names)} names were given for {len(counts)} classes")
    ax = axes(ax)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (true, predicted), count in np.ndenumerate(counts):
        if count:
            colour = "white" if share[true, predicted] > 0.5 else "black"
            ax.text(predicted, true, f"{count}", ha="center", va="center", color=colour, fontsize="small")
    ticks = range(len(names))
    steep = max(map(len, names)) > 3
    ax.set_xticks(ticks, names, rotation=45 if steep else 0, ha="right" if steep else "center", rotation_mode="anchor")
    ax.set_yticks(ticks, names)
    ax.set(xlabel="recognised as", ylabel="true class")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


@explained
def as_picture(values: ArrayLike) -> Array:
    """Lay out a vector in rows, as nearly square as can be; what is left over is NaN, which is drawn blank.

    Parameters
    ----------
    values : array of float, of shape (n,) or (height, width)
        The second form stays as it is.

    Returns
    -------
    ndarray of shape (height, width)

    Raises
    ------
    ValueError
        If the values have another rank.

    Examples
    --------
    >>> as_picture([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    array([[1., 2., 3.],
           [4., 5., 6.]])
    """
    given = np.asarray(values, dtype=float)
    if given.ndim == 2:
        return given
    if given.ndim != 1 or not given.size:
        raise ValueError(f"expected a vector or a picture, but the shape is {given.shape}")
    n = len(given)
    # a rectangle without blanks if there is one that is not too long, else the smallest square
    height = next((h for h in range(math.isqrt(n), 0, -1) if n % h == 0 and n <= 4 * h * h), math.isqrt(n - 1) + 1)
    picture = np.full((height, -(-n // height)), np.nan)
    picture.flat[:n] = given
    return picture


@explained
def layer_activations(
    activations: Mapping[str, ArrayLike],
    *,
    row_names: Sequence[str] | None = None,
    unit_names: Sequence[str] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw what each layer makes of some examples: a row of pictures an example, a column a layer.

    One pixel is one unit. A layer that is nowhere negative is drawn in grey, from white for 0; any other in red for
    positive and blue for negative values. Each layer has one scale for all examples, shown below them.

    Parameters
    ----------
    activations : mapping of str to array of float, of shape (n_examples, n_units) or (n_examples, height, width)
        For each layer by its name, the input among them if you like.
    row_names : sequence of n_examples str, optional
        What each example is.
    unit_names : sequence of str, optional
        Names for the last layer's units, written on them.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default, a new one.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is nothing to draw, or if the layers (or names) are for different numbers of examples.

    See Also
    --------
    as_picture
    plot_activations

    Examples
    --------
    >>> figure = layer_activations({"pixels": np.eye(2, 16), "hidden": np.eye(2, 9)}, row_names=["a", "b"])
    """
    layers = {name: np.asarray(values, dtype=float) for name, values in activations.items()}
    n_examples = len(next(iter(layers.values()), ()))
    if n_examples == 0:
        raise ValueError("there is nothing to draw: give at least one layer and one example")
    for name, values in (layers | ({} if row_names is None else {"row_names": np.asarray(row_names)})).items():
        if len(values) != n_examples:
            raise ValueError(f"{name!r} is for {len(values)} examples, but there are {n_examples}")
    if figure is None:
        figure = new_figure(figsize=(1.6 * len(layers), 1.25 * n_examples + 0.8))
    grid = figure.subplots(n_examples, len(layers), squeeze=False)
    in_line = max(8, int(figure.bbox.width / figure.dpi / len(layers) / LETTER))
    for column, (name, values) in enumerate(layers.items()):
        grid[0, column].set_title(fill(name, in_line), fontsize="small")
        named = unit_names if column == len(layers) - 1 else None
        for ax, example in zip(grid[:, column], values, strict=True):
            drawn = _draw(ax, example, values, named)
        bar = figure.colorbar(drawn, ax=grid[:, column].tolist(), location="bottom", shrink=0.8, aspect=12)
        bar.set_ticks([*drawn.get_clim()], labels=[f"{end:.2g}" for end in drawn.get_clim()], fontsize="x-small")
    for ax, row in zip(grid[:, 0], row_names or (), strict=False):
        ax.set_ylabel(row, rotation=0, ha="right", va="center")
    return figure


def _draw(ax: Axes, example: Array, layer: Array, unit_names: Sequence[str] | None) -> AxesImage:
    from matplotlib.patches import Rectangle

    largest = float(np.abs(layer).max()) or 1.0
    signed = layer.min() < 0
    picture = as_picture(example)
    height, width = picture.shape
    drawn = ax.imshow(picture, cmap="RdBu_r" if signed else "gray_r", vmin=-largest if signed else 0.0, vmax=largest)
    # all axes are square, so that titles line up; the picture has its own frame within
    ax.set_box_aspect(1)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.add_patch(Rectangle((-0.5, -0.5), width, height, fill=False, edgecolor="0.7", linewidth=0.8, clip_on=False))
    if unit_names is not None and len(unit_names) <= MOST_NAMED:
        for unit, name in enumerate(unit_names):
            row, column = divmod(unit, width)
            colour = "white" if abs(picture[row, column]) > 0.4 * largest else "0.4"
            ax.text(column, row, name, ha="center", va="center", color=colour, fontsize="x-small")
    return drawn
