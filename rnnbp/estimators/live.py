"""Live transcription: sound goes in piece by piece, and text comes out as far as it is known."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.audio.live import LiveFeatures, LiveStream
from rnnbp.estimators.alphabet import Alphabet
from rnnbp.networks.network import Network

__all__ = ["LiveTranscription"]


class LiveTranscription:
    """One recording that is understood as it comes in; made by `CTCTranscriber.stream`.

    At each step the likeliest class is taken: what was written stays. A whole recording, in whatever pieces, gives the
    text that ``predict(..., best_path=True)`` gives.

    Attributes
    ----------
    text : str
        What has been said so far.
    """

    def __init__(self, network: Network, alphabet: Alphabet, features: LiveFeatures | None) -> None:
        self._network, self._alphabet, self._features = network.stream(), alphabet, features
        self.reset()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a live transcription cannot be pickled or copied: make another of the transcriber, by its stream()"
        )

    def reset(self) -> None:
        """Begin a new recording."""
        self._network.reset()
        self._sound = None if self._features is None else LiveStream(self._features)
        self._labels: list[int] = []
        self._last = 0
        self._finished = False

    @property
    def text(self) -> str:
        """What has been said so far."""
        return self._alphabet.decode(self._labels)

    def push(self, sound: ArrayLike) -> str:
        """Take what comes next, and return the text so far.

        Parameters
        ----------
        sound : array of float
            Samples (n,), any number of them, at the transcriber's sample rate; or, for a transcriber of features,
            frames (n, F) or one frame (F,).

        Raises
        ------
        ValueError
            If it is something else, or if the recording is finished.
        """
        if self._finished:
            raise ValueError("this recording is finished: call reset() first, to begin a new one")
        if self._sound is not None:
            given = np.asarray(sound)
            if given.ndim != 1:
                raise ValueError(f"sound must be samples of shape (n,), but its shape is {given.shape}")
            return self._go_on(self._sound.push(given)) if given.size else self.text
        return self._go_on(np.atleast_2d(np.asarray(sound)))

    def finish(self) -> str:
        """Return the whole text: nothing more comes. `reset` begins anew."""
        finished, self._finished = self._finished, True
        return self.text if finished or self._sound is None else self._go_on(self._sound.finish())

    def _go_on(self, frames: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> str:
        if len(frames):
            logits = self._network.push(frames)
            assert logits is not None, "it was given a row of frames"
            for label in logits.argmax(axis=1).tolist():
                if label not in (0, self._last):
                    self._labels.append(label)
                self._last = label
        return self.text
