"""Checks that the generators share."""

from __future__ import annotations

import operator

import numpy as np
from numpy.typing import DTypeLike

from rnnbp.configuration import shown

__all__ = ["RandomState", "floating", "generator"]

RandomState = int | np.random.Generator | None


def floating(dtype: DTypeLike) -> np.dtype[np.floating]:
    """Return the NumPy dtype; raises ValueError unless it is float32 or float64."""
    if dtype not in (np.float32, np.float64, "float32", "float64"):
        raise ValueError(f"dtype must be float32 or float64, but {shown(dtype)} was given")
    return np.dtype(dtype)


def generator(random_state: RandomState) -> np.random.Generator:
    """Return the generator, or make one of the seed; raises TypeError or ValueError if it is neither."""
    if random_state is None or isinstance(random_state, np.random.Generator):
        return np.random.default_rng(random_state)
    try:
        return np.random.default_rng(operator.index(random_state))
    except TypeError:
        raise TypeError(
            "random_state must be a whole number, a numpy.random.Generator or None, but "
            f"{shown(random_state)} was given"
        ) from None
    except ValueError:
        raise ValueError(f"random_state must not be negative, but {shown(random_state)} was given") from None
