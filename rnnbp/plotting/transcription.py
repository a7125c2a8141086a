"""How a recording became text: its spectrogram, what the network heard at each step, and the words, over one time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbp.names import explained
from rnnbp.plotting.axes import require_matplotlib

if TYPE_CHECKING:
    from os import PathLike

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

    from rnnbp.estimators import CTCTranscriber

__all__ = ["plot_transcription"]

SHOWN = 0.05  # characters that are never more probable have no line
EDGE = 0.005  # of the time: letters that come earlier would lie on the axis


@explained
def plot_transcription(
    transcriber: CTCTranscriber,
    recording: ArrayLike | str | PathLike[str],
    *,
    reference: str | None = None,
    best_path: bool = False,
    figure: Figure | None = None,
) -> Figure:
    """Draw a recording's mel spectrogram, the probabilities of characters, and the words with their times.

    Parameters
    ----------
    transcriber : CTCTranscriber
        Fitted to sound.
    recording : waveform of shape (n,), or path
        As `CTCTranscriber.predict` takes them.
    reference : str or None, default=None
        What was said, for the title.
    best_path : bool, default=False
        Whether language model and lexicon are left out.
    figure : matplotlib.figure.Figure or None, default=None
        To draw into; None makes one.

    Returns
    -------
    matplotlib.figure.Figure
        With three axes over one time in seconds, and the colour bar of the spectrogram. The blank's probability is
        dotted; a word is the darker, the more confident it is.

    Raises
    ------
    TypeError
        If several transcribers are given, that vote: draw one of them.
    ValueError
        If the transcriber takes features, or if the recording cannot be used.

    Notes
    -----
    The spectrogram is drawn by ``librosa.display.specshow``, whose first import takes some seconds.

    See Also
    --------
    rnnbp.CTCTranscriber

    Examples
    --------
    >>> from rnnbp import CTCTranscriber, datasets
    >>> model = CTCTranscriber.load(datasets.find_model("connected_digits"))
    >>> spoken = datasets.make_connected_digits(1, "test")
    >>> figure = plot_transcription(model, spoken.waves[0], reference=spoken.text[0])
    """
    require_matplotlib()
    if not hasattr(transcriber, "predict_alignments"):
        raise TypeError(
            f"transcriber must be a CTCTranscriber, but a {type(transcriber).__name__} was given: it comes first, and "
            "then the recording"
        )
    import librosa.display
    from matplotlib import figure as figures

    from rnnbp.audio import AudioFeatures
    from rnnbp.plotting.bands import band_centres

    if hasattr(transcriber, "estimators_"):
        raise TypeError("transcriber must be one network's, but several that vote were given: draw one of estimators_")
    if transcriber.sample_rate is None:
        raise ValueError("the transcriber must be one of sound, but its sample_rate is None: it takes features")
    (words,) = transcriber.predict_alignments([recording], best_path=best_path)
    (probabilities,) = transcriber.predict_proba([recording])
    bands = AudioFeatures(
        transcriber.sample_rate, n_mels=transcriber.n_mels, hop_length=transcriber.hop_length, normalize=None
    )
    (levels,) = bands.transform([recording])
    duration = len(levels) * transcriber.hop_length

    drawn = figures.Figure(figsize=(11, 6), layout="constrained") if figure is None else figure
    sound, heard, said = drawn.subplots(3, 1, sharex=True, height_ratios=[3, 3, 0.7])
    mesh = librosa.display.specshow(
        levels.T,
        sr=transcriber.sample_rate,
        hop_length=round(transcriber.hop_length * transcriber.sample_rate),
        x_coords=np.arange(len(levels)) * transcriber.hop_length,
        x_axis="s",
        y_coords=band_centres(bands),
        y_axis="mel",
        cmap="magma",
        ax=sound,
    )
    drawn.colorbar(mesh, ax=(sound, heard, said), label="level in dB", anchor=(0, 1), shrink=0.42, aspect=12, pad=0.01)
    sound.set_ylabel("frequency in Hz")
    sound.set_xlabel("")
    sound.xaxis.set_major_formatter("{x:g}")
    _draw_probabilities(heard, probabilities, transcriber.alphabet_, transcriber.step_length)
    for word in words:
        end = max(word.end, word.start + transcriber.step_length)
        said.axvspan(word.start, end, color="tab:blue", alpha=0.15 + 0.5 * word.confidence, linewidth=0)
        said.text((word.start + end) / 2, 0.5, word.text, ha="center", va="center", fontsize=9)
    said.set(ylim=(0, 1), yticks=[], xlim=(0, duration), xlabel="time in s", ylabel="words")
    text = " ".join(word.text for word in words)
    drawn.suptitle(f"understood: {text}" + ("" if reference is None else f"\nsaid: {reference}"), fontsize=11)
    return drawn


def _draw_probabilities(ax: Any, probabilities: Any, alphabet: str, step: float) -> None:
    """Draw a line for the blank and for each character, and its character at each peak of the best path."""
    from matplotlib import colormaps

    times = np.arange(len(probabilities)) * step
    colours: list[Any] = [colormaps[name](i) for name, n in (("tab10", 10), ("Dark2", 8)) for i in range(n)]
    ax.plot(times, probabilities[:, 0], ":", color="grey", linewidth=1, label="blank")
    for k in range(1, probabilities.shape[1]):
        if probabilities[:, k].max() > SHOWN:
            ax.plot(times, probabilities[:, k], linewidth=1.2, color=colours[k % len(colours)])
    path = probabilities.argmax(axis=1)
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(path)], strict=True):
        k = int(path[start])
        if k > 0:
            at = start + int(probabilities[start:stop, k].argmax())
            space, first = alphabet[k - 1] == " ", times[at] < EDGE * times[-1]
            ax.annotate(
                "␣" if space else alphabet[k - 1],
                (times[at], probabilities[at, k]),
                xytext=(2 if first else 0, 2),
                textcoords="offset points",
                ha="left" if first else "center",
                fontsize=13 if space else 8,  # whose sign is a small one
                color=colours[k % len(colours)],
            )
    ax.set(ylim=(0, 1.12), ylabel="probability")
    ax.legend(
        frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5)
    )  # letters may be anywhere within
