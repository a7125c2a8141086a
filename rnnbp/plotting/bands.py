"""Where the bands of an audio front end lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.audio import AudioFeatures

__all__ = ["band_centres"]


def band_centres(features: AudioFeatures) -> NDArray[np.floating[Any]]:
    """Return the centre of each mel band in Hz.

    Bands are triangles whose feet are the centres of their neighbours (`rnnbp.audio.spectral`), so that none is at the
    lowest frequency, and none at the highest.
    """
    from librosa import mel_frequencies

    f_max = features.sample_rate / 2 if features.f_max is None else features.f_max
    centres: NDArray[np.floating[Any]] = mel_frequencies(features.n_mels + 2, fmin=features.f_min, fmax=f_max)[1:-1]
    return centres
