"""`ActivationsDisplay`: what every unit does while a sequence goes by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from rnnbp.plotting.axes import whole_figure
from rnnbp.plotting.displays.fitted import figure_at, network_and_sequences

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rnnbp.diagnostics import Activations

__all__ = ["ActivationsDisplay"]


class ActivationsDisplay:
    """Layers, states and gates over time: a picture each, a row of it a unit.

    Make it with `from_estimator`.

    Parameters
    ----------
    activations : rnnbp.diagnostics.Activations
        Of one sequence.
    names : sequence of str or None, default=None
        What to draw, such as ``["0.h", "0.z"]``; the layers' outputs if None.

    Attributes
    ----------
    axes_ : list of matplotlib.axes.Axes
        One for each name.
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> ActivationsDisplay.from_estimator(pipeline, "seven.wav", names=["0.h"])         # doctest: +SKIP
    """

    axes_: list[Axes]
    figure_: Figure

    def __init__(self, activations: Activations, *, names: Sequence[str] | None = None) -> None:
        self.activations = activations
        self.names = names

    @classmethod
    def from_estimator(
        cls, estimator: Any, sample: Any, *, names: Sequence[str] | None = None, ax: Axes | None = None
    ) -> Self:
        """Draw what a fitted estimator's network does with one sequence.

        Parameters
        ----------
        estimator : fitted rnnbp estimator, or a pipeline or search that ends in one
        sample : array of shape (T, F), or what the pipeline takes a list of, such as a path
        names : sequence of str or None, default=None
            What to draw; see `rnnbp.diagnostics.activations`.
        ax : matplotlib.axes.Axes or None, default=None
            Axes of a grid, which are replaced; by default, a new figure.

        Returns
        -------
        ActivationsDisplay

        Raises
        ------
        KeyError
            If there is no such name.
        TypeError, sklearn.exceptions.NotFittedError
            If the estimator has no network.
        """
        from rnnbp.diagnostics import activations

        _, _, net, X = network_and_sequences(estimator, [sample])
        return cls(activations(net, X), names=names).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw: time to the right.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Axes of a grid, which are replaced; by default, a new figure.

        Returns
        -------
        self
        """
        from rnnbp.plotting.diagnostics import plot_activations  # which draws with other displays itself

        figure = plot_activations(self.activations, names=self.names, figure=figure_at(ax))
        self.axes_ = [drawn for drawn in figure.axes if drawn.get_ylabel()]  # colour bars have none
        self.figure_ = whole_figure(self.axes_[0])
        return self
