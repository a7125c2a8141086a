"""Transcribers in files: settings, network, front end, lexicon and language model together, as plain data."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any, Self

from rnnbp.configuration import shown
from rnnbp.decoding import NGram
from rnnbp.estimators.alphabet import Alphabet
from rnnbp.estimators.declaring import check
from rnnbp.estimators.files import Saved
from rnnbp.layers import Conv1D
from rnnbp.networks.network import Network

__all__ = ["SavedTranscriber"]


class SavedTranscriber(Saved):
    """`Saved`, with a language model.

    One that was given as an `NGram` is kept in ``language_model_``, and the setting becomes its order.
    """

    def _described(self) -> dict[str, Any]:
        written: Any = copy.copy(self)
        written._ear()  # raises if it has another sample rate than when it was fitted
        model = vars(self).get("language_model_")
        if model is not None:
            written.language_model_, written.language_model = _plain(model), model.order
        if not isinstance(written.lexicon, bool):
            written.lexicon = list(written.lexicon)
        return Saved._described(written)

    @classmethod
    def _made(cls, description: Mapping[str, Any], network: Network) -> Self:
        found: Any = super()._made(description, network)
        check(found)
        _compare(found)
        found._rate_of_fit = found.sample_rate
        if found.language_model_ is not None:
            found.language_model_ = _ngram(found.language_model_)
        found._search(Alphabet(found.alphabet_), found.language_model_, found.lexicon_)  # raises what there is to raise
        return found  # type: ignore[no-any-return]


def _compare(found: Any) -> None:
    """Check that a transcriber's parts go together, as `predict` takes for granted."""
    net, first = found.network_, found.network_.layers[0]
    if 1 + len(found.alphabet_) != net.n_outputs:
        raise ValueError(f"its alphabet {shown(found.alphabet_)} does not fit its network")
    if not isinstance(first, Conv1D) or (first.stride, first.causal) != (found.stride, not found.bidirectional):
        raise ValueError("its stride and direction are not its network's")
    if not found.bidirectional and any(layer.runs_backwards for layer in net.layers):
        raise ValueError("its network runs both ways, but it is said not to")
    if found.sample_rate is not None and found.n_mels != found.n_features_in_:
        raise ValueError(f"it has {found.n_mels} mel bands, but its network takes {found.n_features_in_} features")
    streams = found.sample_rate is not None and not found.bidirectional
    for level in (found.live_mean_, found.live_variance_):
        if (level is not None) != streams or (streams and len(level) != found.n_mels):
            raise ValueError("the level that sound begins with is not one of its bands'")
    if streams and (found.live_variance_ <= 0).any():
        raise ValueError("a band cannot vary by less than nothing")


def _plain(model: NGram) -> dict[str, Any]:
    return {
        "order": model.order,
        "unit": model.unit,
        "log_p": [[*gram, value] for gram, value in model.log_p.items()],
        "backoff": [[*gram, value] for gram, value in model.backoff.items()],
    }


def _ngram(written: Mapping[str, Any]) -> NGram:
    if written.keys() != {"order", "unit", "log_p", "backoff"}:
        raise ValueError("its language model has other parts than order, unit, log_p and backoff")
    model = NGram(written["order"], unit=written["unit"])
    for name in ("log_p", "backoff"):
        if not isinstance(written[name], list):
            raise ValueError(f"the {name} of its language model is no list")
        for entry in written[name]:
            if not isinstance(entry, list) or not 2 <= len(entry) <= model.order + 1:
                raise ValueError(f"an n-gram of its language model is {shown(entry)}")
            *gram, value = entry
            if not all(isinstance(word, str) for word in gram) or not isinstance(value, float):
                raise ValueError(f"an n-gram of its language model is {shown(entry)}")
            if not math.isfinite(value) or (name == "log_p" and value > 1e-6):
                raise ValueError(f"the {name} of an n-gram of its language model is {shown(entry)}")
            getattr(model, name)[tuple(gram)] = value
    model.check_fitted()
    return model
