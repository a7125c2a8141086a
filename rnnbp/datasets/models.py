"""The trained models that are installed with the library."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rnnbp.configuration import lookup
from rnnbp.names import explained

__all__ = ["find_model"]

MODELS = {name: f"{name}.safetensors" for name in ("connected_digits", "connected_digits_live")}
_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "_data" / "models", _PACKAGE.parent / "datasets" / "models")  # wheel, checkout


@explained
def find_model(name: Literal["connected_digits", "connected_digits_live"]) -> Path:
    """Return the file of a trained model that is installed with the library.

    Parameters
    ----------
    name : {"connected_digits", "connected_digits_live"}
        Transcribers of strings of English digits at 8 kHz, such as telephone numbers, for `CTCTranscriber.load`: of
        whole recordings; and of sound as it comes (`CTCTranscriber.stream`), with more errors. The README beside the
        files says what they were trained on, how good they are, and what they cannot do: above all, they were taught by
        speech synthesizers, and understand people less well.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If there is no model of that name.
    FileNotFoundError
        If the file is not where it was installed.

    Examples
    --------
    >>> from rnnbp import CTCTranscriber, datasets
    >>> strings = datasets.make_connected_digits(3, "test", longest=4, snr_db=30.0)
    >>> strings.text
    ['six five two three', 'four', 'six four three']
    >>> CTCTranscriber.load(datasets.find_model("connected_digits")).predict(strings.waves)
    ['six five two three', 'four', 'six four three']
    """
    file = lookup(MODELS, name, "model")
    found = next((place / file for place in _PLACES if (place / file).is_file()), None)
    if found is None:
        raise FileNotFoundError(
            f"the model {name} is missing: there is no {file} in {' or '.join(map(str, _PLACES))}. Install rnnbp "
            "again, or train it with datasets/make_models.py"
        )
    return found
