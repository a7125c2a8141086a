"""`SaliencyDisplay`: what in a sequence an answer hangs on, over the sequence itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from rnnbp.audio import AudioFeatures
from rnnbp.plotting.axes import axes, whole_figure
from rnnbp.plotting.bands import band_centres
from rnnbp.plotting.displays.fitted import network_and_sequences
from rnnbp.preprocessing import SlidingWindow

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
    stronger, the less of the grey shows through. A bar for each says what its colours mean.

    Parameters
    ----------
    x : ndarray of shape (T, F)
        The sequence, such as a spectrogram.
    contribution : ndarray of shape (T, F)
        What each value did.
    answer : str
        The answer that is explained; for the title.
    feature_names : sequence of F str or None, default=None
    seconds_per_step : float or None, default=None
        The time from frame to frame, if time is to be counted in milliseconds, and not in steps.

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
        self,
        x: Array,
        contribution: Array,
        *,
        answer: str,
        feature_names: Sequence[str] | None = None,
        seconds_per_step: float | None = None,
    ) -> None:
        self.x = x
        self.contribution = contribution
        self.answer = answer
        self.feature_names = feature_names
        self.seconds_per_step = seconds_per_step

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
            Of the features that the network sees. None takes those that the pipeline knows: bands of sound by their
            frequency, columns of a table by their names.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; by default, in a new figure.

        Returns
        -------
        SaliencyDisplay

        Raises
        ------
        ValueError
            If there is no such class or output, or if a list of sequences was given.
        TypeError, sklearn.exceptions.NotFittedError
            If the estimator has no network.
        """
        from rnnbp.diagnostics import saliency

        before, final, net, X = network_and_sequences(estimator, [sample])
        names, seconds_per_step = _frames(before, final)
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
        return cls(
            found.x[:, 0],
            sign * found.contribution[:, 0],
            answer=answer,
            feature_names=names if feature_names is None else feature_names,
            seconds_per_step=seconds_per_step,
        ).plot(ax=ax)

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
        from matplotlib.ticker import MaxNLocator

        frame: dict[str, Any] = {"origin": "lower", "aspect": "auto", "interpolation": "nearest"}
        low, high = float(self.x.min()), float(self.x.max())
        # in light greys
        given = ax.imshow(self.x.T, cmap="gray_r", vmin=low, vmax=high + 0.7 * (high - low), **frame)
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
        ax.figure.colorbar(self.image_, ax=ax, label="gradient × input")
        greys = ax.figure.colorbar(given, ax=ax, label="input")
        if low < high:
            greys.ax.set_ylim(low, high)
        ax.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.set(title=f"what speaks for (red) and against (blue) {self.answer}", xlabel="step", ylabel="feature")
        if self.seconds_per_step is not None:
            milliseconds = 1000 * self.seconds_per_step
            ax.xaxis.set_major_formatter(lambda step, _: f"{round(step * milliseconds, 3):g}")
            ax.set_xlabel("time (ms)")
        if self.feature_names is not None:
            named = range(0, len(self.feature_names), 1 + (len(self.feature_names) - 1) // MOST_NAMED)
            ax.set_yticks(named, [self.feature_names[k] for k in named])
        return self


def _frames(before: Sequence[Any], final: Any) -> tuple[Sequence[str] | None, float | None]:
    """Return the names of the features that the last step of a pipeline sees, and the seconds from frame to frame.

    Each is None if it is not known.
    """
    names = getattr(final, "feature_names_in_", None)
    seconds: float | None = None
    for step in before:
        if isinstance(step, AudioFeatures):
            names, seconds = _bands(step), step.hop_length
        elif names is not None or hasattr(step, "feature_names_in_"):
            names = step.get_feature_names_out(names) if hasattr(step, "get_feature_names_out") else None
        if isinstance(step, SlidingWindow) and seconds is not None:
            seconds *= step.step
    return names, seconds


def _bands(features: AudioFeatures) -> list[str]:
    """Return the names of an audio front end's features, in which a band's number is its centre in Hz."""
    centres = band_centres(features)
    return [
        re.sub(r"log_mel_(\d+)$", lambda found: f"{centres[int(found[1])]:.0f} Hz", name).replace("_", " ")
        for name in features.get_feature_names_out().tolist()
    ]
