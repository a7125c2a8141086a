"""What the client knows of a part of the data that is elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.interface import Interface
from rnnbp.data.training_set import TrainingSet
from rnnbp.losses import Loss

__all__ = ["Description", "describe", "read_part"]


@dataclass
class Description:
    """What the client knows of a part.

    Attributes
    ----------
    n_examples, n_rows : int
    lengths : ndarray of int, of shape (n_examples,), or None
    form : dict
        What must be alike in all parts, in words.
    first : TrainingSet or None
        The first example; None if there is none.
    """

    n_examples: int = 0
    n_rows: int = 0
    lengths: NDArray[np.intp] | None = None
    form: dict[str, str] | None = None
    first: TrainingSet | None = None


def describe(data: TrainingSet | None) -> Description:
    """Describe a part; None stands for one without examples."""
    if data is None:
        return Description()
    form = {
        "its examples are": "static" if data.lengths is None else "sequences",
        "the shape of a frame is": str(data.frames.shape[1:]),
        "its targets are": _form_of_target(data.target),
        "it has": "no sample weights" if data.weight is None else "sample weights",
    }
    return Description(data.n_examples, data.n_rows, data.lengths, form, data.subset(np.zeros(1, np.intp)))


def _form_of_target(target: Any) -> str:
    if not isinstance(target, np.ndarray):
        return type(target).__name__
    kind = {"i": "whole numbers", "u": "whole numbers", "f": "real numbers"}.get(target.dtype.kind, str(target.dtype))
    return f"{kind} of shape {target.shape[1:]}"


def read_part(
    interface: Interface, loss: Loss, x: Any, target: Any, lengths: Any, sample_weight: Any
) -> TrainingSet | None:
    """Read a part as a user's Dask collection has it, checked; None if there are no examples in it."""
    x, target, sample_weight = (_listed(each) for each in (x, target, sample_weight))
    if target is None and isinstance(x, list) and x and all(isinstance(each, tuple) and len(each) == 2 for each in x):
        x, target = (list(each) for each in zip(*x, strict=True))
    elif target is None and isinstance(x, tuple):
        if not 2 <= len(x) <= 4:
            raise ValueError(
                "a part must be a tuple (x, target) or (x, target, lengths), or with sample weights fourth, or have "
                f"targets apart, but it is a tuple of {len(x)}"
            )
        x, target, lengths, sample_weight = (*x, None, None)[:4]
    if hasattr(x, "__len__") and not len(x):
        return None
    return TrainingSet(interface, x, lengths, target=target, loss=loss, sample_weight=sample_weight)


def _listed(given: Any) -> Any:
    """Return a bag's partition, which may be an iterator, as a list."""
    return list(given) if isinstance(given, Iterable) and not hasattr(given, "__len__") else given
