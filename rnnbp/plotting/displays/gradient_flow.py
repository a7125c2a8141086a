"""`GradientFlowDisplay`: how far back an estimator's network can learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from rnnbp.plotting.axes import whole_figure
from rnnbp.plotting.displays.fitted import network_and_sequences

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rnnbp.diagnostics import GradientFlow

__all__ = ["GradientFlowDisplay"]


class GradientFlowDisplay:
    """The norm of the loss's gradient at each step, a line for each state; a band spans the sequences.

    Make it with `from_estimator`. A line that falls towards early steps is a vanishing gradient, one that rises an
    exploding one.

    Parameters
    ----------
    flow : rnnbp.diagnostics.GradientFlow

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> GradientFlowDisplay.from_estimator(classifier, X, y)          # doctest: +SKIP
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, flow: GradientFlow) -> None:
        self.flow = flow

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any, *, ax: Axes | None = None) -> Self:
        """Draw the gradient flow of a fitted classifier's cross-entropy, without penalties.

        Parameters
        ----------
        estimator : fitted rnnbp classifier or tagger, or a pipeline or search that ends in one
        X : list of (T_i, F) arrays, or what the pipeline takes, such as a list of paths
        y : array of N labels, or list of N arrays of shape (T_i,) for an output at each step
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; by default, in a new figure.

        Returns
        -------
        GradientFlowDisplay

        Raises
        ------
        ValueError
            If there are labels that the estimator does not know, or if they do not fit X.
        TypeError, sklearn.exceptions.NotFittedError
            If the estimator is no fitted recurrent classifier.
        """
        from rnnbp.diagnostics import gradient_flow

        _, final, net, sequences = network_and_sequences(estimator, X)
        if not hasattr(final, "classes_"):
            raise TypeError(
                f"{type(final).__name__} is no classifier: use rnnbp.diagnostics.gradient_flow with its loss"
            )
        single = net.n_outputs < len(final.classes_)  # one output, for the second of two classes

        def targets(labels: Any) -> Any:
            index = _indices(labels, final.classes_)
            return index[:, None] if single else index

        per_step = len(y) > 0 and np.ndim(y[0]) == 1
        target = [targets(labels) for labels in y] if per_step else targets(y)
        loss = "binary_cross_entropy" if single else "cross_entropy"
        return cls(gradient_flow(net, sequences, target, loss)).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw: time to the right.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; by default, in a new figure.

        Returns
        -------
        self
        """
        from rnnbp.plotting.diagnostics import plot_gradient_flow  # which draws with other displays itself

        self.ax_ = plot_gradient_flow(self.flow, ax=ax)
        self.figure_ = whole_figure(self.ax_)
        return self


def _indices(labels: Any, classes: NDArray[Any]) -> Any:
    """Return which of the classes each label is."""
    given = np.asarray(labels)
    if unknown := sorted(set(given.tolist()) - set(classes.tolist()), key=str):
        known = ", ".join(map(repr, classes.tolist()))
        raise ValueError(f"there is no class {unknown[0]!r}: the classes are {known}")
    return np.searchsorted(classes, given)
