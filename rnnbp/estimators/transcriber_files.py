"""Transcribers in files: settings, network, front end, lexicon and language model together, as plain data."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from os import PathLike
from typing import Any, Self

from rnnbp.decoding import NGram
from rnnbp.estimators.files import Saved
from rnnbp.files.model_file import ModelFileError

__all__ = ["SavedTranscriber"]


class SavedTranscriber(Saved):
    """`Saved`, with a language model."""

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted transcriber to one file, with its audio front end, lexicon and language model.

        Parameters
        ----------
        path : path-like

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If a setting is nothing that such a file can hold.

        Notes
        -----
        The file holds plain data and no code, and nothing of the training itself. A language model that was given as an
        `NGram` is kept in ``language_model_``, and the setting becomes its order.
        """
        written: Any = copy.copy(self)
        model = vars(self).get("language_model_")
        if model is not None:
            written.language_model_, written.language_model = _plain(model), model.order
        if not isinstance(written.lexicon, (bool, type(None))):
            written.lexicon = list(written.lexicon)
        Saved.save(written, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a transcriber that `save` has written; see `Saved.load`.

        Parameters
        ----------
        path : path-like

        Returns
        -------
        CTCTranscriber
            Fitted.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        rnnbp.ModelFileError
            If it is no model file, is damaged, or holds something else.
        """
        found: Any = super().load(path)
        try:
            if found.language_model_ is not None:
                found.language_model_ = _ngram(found.language_model_)
            alphabet: object = found.alphabet_
            fits = isinstance(alphabet, str) and 1 + len(alphabet) == found.network_.n_outputs
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"{path}: its description makes no {cls.__name__}: {error}") from error
        if not fits:
            raise ModelFileError(f"{path}: its alphabet {alphabet!r} does not fit its network")
        return found  # type: ignore[no-any-return]


def _plain(model: NGram) -> dict[str, Any]:
    return {
        "order": model.order,
        "unit": model.unit,
        "log_p": [[*gram, value] for gram, value in model.log_p.items()],
        "backoff": [[*gram, value] for gram, value in model.backoff.items()],
    }


def _ngram(written: Mapping[str, Any]) -> NGram:
    model = NGram(written["order"], unit=written["unit"])
    for name in ("log_p", "backoff"):
        for *gram, value in written[name]:
            if not all(isinstance(word, str) for word in gram):
                raise ValueError(f"an n-gram of its language model is {gram!r}")
            getattr(model, name)[tuple(gram)] = float(value)
    model.check_fitted()
    return model
