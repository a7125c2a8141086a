"""What the displays share: the network in whatever users have fitted, and the place to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbp.plotting.axes import axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure_at", "final_estimator", "network_and_sequences"]


def final_estimator(estimator: Any, attribute: str) -> Any:
    """Return the estimator at the end of searches and pipelines, which has the attribute.

    Raises
    ------
    TypeError
        If it cannot have it.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    return _split(estimator, attribute)[1]


def network_and_sequences(estimator: Any, X: Any) -> tuple[list[Any], Any, Any, list[Any]]:
    """Return the transformers, the estimator after them, its network, and sequences as the network sees them.

    Parameters
    ----------
    estimator : fitted rnnbp estimator, or a pipeline or search that ends in one
    X : list of (T_i, F) or (T_i,) arrays, or what the pipeline takes, such as a list of paths

    Raises
    ------
    TypeError
        If the estimator has no network, or one that reads no sequences.
    ValueError
        If a sequence is a list of several.
    """
    for each in X if isinstance(X, (list, tuple)) else ():
        if isinstance(each, (list, tuple)) and each and all(getattr(part, "ndim", 0) == 2 for part in each):
            raise ValueError(
                f"a sequence must be an array of shape (T, F), but a list of {len(each)} sequences was given: draw "
                "one, from_estimator(estimator, X[i])"
            )
    before, final = _split(estimator, "network_")
    if not final.network_.is_recurrent:
        raise TypeError(f"{type(final).__name__} is static: what happens over time can be seen in a recurrent network")
    for step in before:
        X = step.transform(X)
    sequences = [np.asarray(sequence, final.network_.dtype) for sequence in X]
    return before, final, final.network_, [a[:, None] if a.ndim == 1 else a for a in sequences]


def figure_at(ax: Axes | None) -> Figure | None:
    """Return a figure within a figure, in place of some axes, for what needs several; None for None."""
    if ax is None:
        return None
    figure, place = axes(ax).figure, ax.get_subplotspec()
    if place is None:
        raise ValueError("these axes are not part of a grid: pass axes that plt.subplots has made, or none")
    ax.remove()
    return figure.add_subfigure(place)  # type: ignore[return-value]  # which is drawn into like one


def _split(estimator: Any, attribute: str) -> tuple[list[Any], Any]:
    """Return the transformers before the last step, flat, and the last step."""
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator)
    before: list[Any] = []
    final = estimator
    while True:
        if hasattr(final, "best_estimator_"):
            final = final.best_estimator_
        elif hasattr(final, "steps"):
            *transformers, (_, final) = final.steps
            before += [step for _, step in transformers if step not in (None, "passthrough")]
        else:
            break
    if not hasattr(final, attribute):
        raise TypeError(f"{type(final).__name__} has no {attribute}: expected one of rnnbp's estimators, fitted")
    return before, final
