"""`LossCurveDisplay`: how training went, epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from rnnbp.plotting.axes import whole_figure
from rnnbp.plotting.curves import learning_curves, score_axes
from rnnbp.plotting.displays.fitted import final_estimator
from rnnbp.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LossCurveDisplay"]


class LossCurveDisplay:
    """The loss of each epoch, in training and in validation, and the validation score on an axis of its own.

    Make it with `from_estimator`, or from what `rnnbp.fit` returned. (scikit-learn's ``LearningCurveDisplay`` is
    another thing: a score against the number of samples.)

    Parameters
    ----------
    history : History
    name : str or None, default=None
        What it is the history of, if several share a picture.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes of the losses; those of the score are `score_ax_`, or None.
    score_ax_ : matplotlib.axes.Axes or None
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> LossCurveDisplay.from_estimator(classifier)                   # doctest: +SKIP
    """

    ax_: Axes
    score_ax_: Axes | None
    figure_: Figure

    def __init__(self, history: History, *, name: str | None = None) -> None:
        self.history = history
        self.name = name

    @classmethod
    def from_estimator(cls, estimator: Any, *, name: str | None = None, ax: Axes | None = None) -> Self:
        """Draw the curves of a fitted estimator.

        Parameters
        ----------
        estimator : fitted rnnbp estimator, or a pipeline or search that ends in one
        name : str or None, default=None
            For the legend, if several share a picture.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; by default, in a new figure.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        TypeError
            If the estimator keeps no loss curve.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        """
        final = final_estimator(estimator, "loss_curve_")
        history = History(
            loss=list(final.loss_curve_),
            validation_loss=list(getattr(final, "validation_loss_curve_", None) or ()),
            validation_score=list(getattr(final, "validation_scores_", None) or ()),
        )
        if history.loss:
            history.monitor = "score" if history.validation_score else "loss"
            history.best_epoch = int(np.nanargmin(history.monitored))
        return cls(history, name=name).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; by default, in a new figure.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If no epoch has ended.
        """
        self.ax_ = learning_curves(self.history, label=self.name, ax=ax)
        self.figure_ = whole_figure(self.ax_)
        self.score_ax_ = score_axes(self.ax_)
        return self
