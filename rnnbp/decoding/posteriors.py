"""What decoders take: logits of sequences, in the shapes that a network gives them in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.configuration import whole_number
from rnnbp.data.sequences import check_lengths, check_sequences, unpad
from rnnbp.losses.forward_backward import log_softmax

__all__ = ["check_blank", "check_labels", "log_probabilities", "sequences_of"]

Array = NDArray[Any]


def sequences_of(logits: ArrayLike | Sequence[ArrayLike], lengths: ArrayLike | None) -> list[Array]:
    """Return logits as a list of arrays of shape (T_i, C).

    Parameters
    ----------
    logits : list of arrays of shape (T_i, C), or array of shape (T, B, C)
    lengths : array of int, of shape (B,), or None
        Of a padded array only; None stands for T.

    Raises
    ------
    ValueError
        If the shapes are others, if there is nothing, if a logit is NaN or plus infinity, or if all of a step are minus
        infinity.
    """
    if isinstance(logits, (list, tuple)):
        if lengths is not None:
            raise ValueError("a list of sequences has its own lengths: leave out `lengths`")
        arrays = check_sequences(logits)
    else:
        padded = np.asarray(logits)
        if padded.ndim != 3 or padded.size == 0:
            raise ValueError(
                f"logits must be a list of arrays of shape (T_i, C), or an array of shape (T, B, C), but an array of "
                f"shape {padded.shape} was given"
            )
        arrays = unpad(padded, check_lengths(lengths, *padded.shape[:2]))
    for i, each in enumerate(arrays):
        if each.ndim != 2 or each.shape[1] == 0 or each.dtype.kind not in "fiu":
            raise ValueError(
                f"the logits of sequence {i} must be numbers of shape (T_i, C), but {each.dtype} of shape {each.shape} "
                "was given"
            )
        highest = each.max(axis=1)
        if np.isnan(highest).any() or np.isposinf(highest).any():
            raise ValueError(f"the logits of sequence {i} must be numbers below infinity, but one is NaN or infinite")
        if np.isneginf(highest).any():
            raise ValueError(
                f"the logits of sequence {i} must be finite for at least one class at each step, but at step "
                f"{np.isneginf(highest).argmax()} all are -inf"
            )
    return arrays


def log_probabilities(logits: Array) -> Array:
    """Return log-probabilities (T, C) in float64."""
    return log_softmax(logits.astype(np.float64))


def check_blank(blank: int, n_classes: int) -> int:
    """Return the blank if it is a class; ValueError if not."""
    if whole_number("blank", blank, least=0) >= n_classes:
        raise ValueError(f"blank must be one of the {n_classes} classes 0 .. {n_classes - 1}, but {blank} was given")
    return blank


def check_labels(labels: Sequence[int], n_symbols: int) -> None:
    """Raise ValueError if there is a label without a symbol."""
    if outside := [k for k in labels if not 0 <= k < n_symbols]:
        raise ValueError(
            f"symbols must be one for each class, but there are {n_symbols}, and none for the label {outside[0]}"
        )
