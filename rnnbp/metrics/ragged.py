"""Targets of sequences of unequal lengths, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.reading import read_array

__all__ = ["joined", "outputs_and_targets"]

Array = NDArray[Any]


def joined(target: ArrayLike | Sequence[ArrayLike], output: ArrayLike | Sequence[ArrayLike]) -> tuple[Array, Array]:
    """Return both as one array each; lists of sequences of unequal lengths are put one after another.

    Parameters
    ----------
    target, output : array, or list of N arrays of shape (T_i, ...)
        Alike: both have as many sequences, each of as many steps.

    Raises
    ------
    ValueError
        If there are not as many sequences or steps in both, or none at all.
    """
    if not (_is_ragged(target) or _is_ragged(output)):
        both = np.asarray(target), np.asarray(output)
    else:
        targets, outputs = ([np.asarray(each) for each in given] for given in (target, output))  # type: ignore[union-attr]
        if len(targets) != len(outputs):
            raise ValueError(
                f"there must be an output for each target, but there are {len(outputs)} for {len(targets)}"
            )
        for i, (one, other) in enumerate(zip(targets, outputs, strict=True)):
            if one.ndim == 0 or other.ndim == 0 or len(one) != len(other):
                raise ValueError(
                    f"sequence {i} must have as many outputs as targets, but their shapes are {other.shape} and "
                    f"{one.shape}"
                )
        both = np.concatenate(targets), np.concatenate(outputs)
    if both[0].size == 0:
        raise ValueError("there must be at least one target, but none was given")
    return both


def outputs_and_targets(
    target: ArrayLike | Sequence[ArrayLike], output: ArrayLike | Sequence[ArrayLike]
) -> tuple[Array, Array]:
    """Return targets and outputs as one array each; what has a part for each sequence is put one after another.

    Parameters
    ----------
    target : array of shape (...), or list of N arrays of shape (T_i, ...)
    output : array of shape (..., K), or list of N arrays of shape (T_i, K), as `rnnbp.predict` returns

    Raises
    ------
    TypeError, ValueError
        If one is no array, or if there are not as many sequences or steps in both.
    """
    if _has_unequal_lengths(target) or _has_unequal_lengths(output):
        return joined(target, output)
    return read_array(target, "the target"), read_array(output, "the output")


def _has_unequal_lengths(given: Any) -> bool:
    return _is_ragged(given) and len({np.shape(each)[:1] for each in given}) > 1


def _is_ragged(given: Any) -> bool:
    """Whether it is a list of sequences."""
    return isinstance(given, (list, tuple)) and len(given) > 0 and np.ndim(given[0]) > 0
