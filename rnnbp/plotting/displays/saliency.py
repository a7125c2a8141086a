"""`SaliencyDisplay`: what in a sequence an answer hangs on, over the sequence itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from rnnbp.plotting.axes import axes, whole_figure
from rnnbp.plotting.displays.fitted import network_and_sequences

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

__all__ = ["SaliencyDisplay"]

Array = NDArray[Any]

STRONG = 0.99  # so many contributions are not in full colour: a few outliers would leave all others pale
MOST_NAMED = 16  # of more features than these, one in so many is named


class SaliencyDisplay:
    """A sequence in grey, and over it in colour what each of its values did for an answer.

    Red spoke for the answer, blue against it: gradient times input, as `rnnbp.diagnostics.saliency` computes it. The
    stronger, the less of the grey shows through.

    Parameters
    ----------
    x : ndarray of shape (T, F)
        The sequence, such as a spectrogram.
    contribution : ndarray of shape (T, F)
        What each value did.
    answer : str
        The answer that is explained; for the title.
    feature_names : sequence of F str or None, default=None

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    image_ : matplotlib.image.AxesImage
        The contributions, drawn over the sequence.

    Examples
    --------
    >>> SaliencyDisplay.from_estimator(pipeline, "seven.wav")         # doctest: +SKIP
    """

    ax_: Axes
    figure_: Figure
    image_: AxesImage

    def __init__(
        self, x: Array, contribution: Array, *, answer: str, feature_names: Sequence[str] | None = None
    ) -> None:
        self.x = x
        self.contribution = contribution
        self.answer = answer
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        sample: Any,
        *,
        target: Any = None,
        feature_names: Sequence[str] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Explain a fitted estimator's answer to one sequence.

        Parameters
        ----------
        estimator : fitted rnnbp estimator, or a pipeline or search that ends in one
        sample : array of shape (T, F), or what the pipeline takes a list of, such as a path
        target : class label, or index of an output, or None, default=None
            The answer to explain; None is the one that is given.
        feature_names : sequence of F str or None, default=None
            Of the features that the network sees.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; by default, in a new figure.

        Returns
        -------
        SaliencyDisplay

        Raises
        ------
        ValueError
            If there is no such class or output.
        TypeError, sklearn.exceptions.NotFittedError
            If the estimator has no network.
        """
        from rnnbp.diagnostics import saliency

        final, net, X = network_and_sequences(estimator, [sample])
        classes = getattr(final, "classes_", None)
        known = None if classes is None else classes.tolist()
        if target is not None and known is not None:
            if target not in known:
                raise ValueError(f"there is no class {target!r}: the classes are {', '.join(map(repr, known))}")
            target = known.index(target)
        sign = 1.0
        if known is None or net.n_outputs == len(known):
            found = saliency(net, X, target)
            chosen = int(found.output[0])
        else:  # of two classes, one output speaks for the second, and against the first
            found = saliency(net, X, 0)
            chosen = int(net.run(net.batch(X)).rows.sum() > 0) if target is None else target
            sign = 1.0 if chosen else -1.0
        answer = f"output {chosen}" if known is None else str(known[chosen])
        return cls(found.x[:, 0], sign * found.contribution[:, 0], answer=answer, feature_names=feature_names).plot(
            ax=ax
        )

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw: time to the right, features upwards.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; by default, in a new figure.

        Returns
        -------
        self
        """
        self.ax_ = ax = axes(ax)
        self.figure_ = whole_figure(ax)
        frame: dict[str, Any] = {"origin": "lower", "aspect": "auto", "interpolation": "nearest"}
        low, high = float(self.x.min()), float(self.x.max())
        ax.imshow(self.x.T, cmap="gray_r", vmin=low, vmax=high + 0.7 * (high - low), **frame)  # in light greys
        size = np.abs(self.contribution.T)
        strong = float(np.quantile(size, STRONG)) or float(size.max()) or 1.0
        self.image_ = ax.imshow(
            self.contribution.T,
            cmap="RdBu_r",
            vmin=-strong,
            vmax=strong,
            alpha=np.sqrt(np.minimum(size / strong, 1)),
            **frame,
        )
        ax.set(title=f"what speaks for (red) and against (blue) {self.answer}", xlabel="step", ylabel="feature")
        if self.feature_names is not None:
            shown = range(0, len(self.feature_names), 1 + (len(self.feature_names) - 1) // MOST_NAMED)
            ax.set_yticks(shown, [self.feature_names[k] for k in shown])
            ax.set_ylabel("")
        return self
