"""`LossCurveDisplay`: how training went, epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from rnnbp.plotting.axes import whole_figure
from rnnbp.plotting.curves import learning_curves
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
        self.score_ax_ = _twin(self.ax_)  # several estimators share it, as they share the axis of losses
        if self.history.validation_score:
            self.score_ax_ = self.score_ax_ or self.ax_.twinx()
            self._draw_score(self.score_ax_)
        if self.score_ax_ is not None:
            _join_legends(self.ax_, self.score_ax_)
        return self

    def _draw_score(self, ax: Axes) -> None:
        score = np.asarray(self.history.validation_score, dtype=float)
        label = "validation score" if self.name is None else f"{self.name}: validation score"
        ax.plot(np.arange(1, len(score) + 1), score, ":", color=self.ax_.lines[-1].get_color(), label=label)
        ax.set_ylabel("validation score")
        ax.spines["top"].set_visible(False)


def _twin(ax: Axes) -> Axes | None:
    """Return the other axes in the same place, if there are some."""
    place = ax.get_position().bounds
    siblings = ax.get_shared_x_axes().get_siblings(ax)
    return next((other for other in siblings if other is not ax and other.get_position().bounds == place), None)


def _join_legends(left: Axes, right: Axes) -> None:
    lines = [line for line in (*left.lines, *right.lines) if not str(line.get_label()).startswith("_")]
    labels = [str(line.get_label()) for line in lines]
    # above the axes: curves that fall and curves that rise leave no corner free
    left.legend(lines, labels, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
