"""The loss of the best answer that is the same for all examples: who comes no lower has learnt nothing.

With m the weighted mean of the targets (of classes, the share of each), it is of the outputs::

    softmax     z = log m
    logistic    z = log m - log(1 - m)
    identity    z = m
    exp         z = log m
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from rnnbp.losses import Loss

__all__ = ["NEAR", "constant_loss"]

Array = NDArray[Any]

NEAR = 0.95  # of the best constant's loss: what comes no lower is near chance

LINKS: dict[str, Callable[[Array], Array]] = {
    "softmax": np.log,
    "logistic": logit,
    "identity": np.asarray,
    "exp": np.log,
}


def constant_loss(loss: Loss, out_activation: str, n_outputs: int, target: Array, weight: Array | None) -> float:
    """Return the loss of the best constant.

    Parameters
    ----------
    loss : Loss
        One of those that the estimators train with.
    out_activation : str
        "softmax", "logistic", "exp" or "identity".
    n_outputs : int
        F.
    target : ndarray of shape (R,) of int for softmax, else (R, F)
    weight : ndarray of shape (R,) or None

    Returns
    -------
    float
    """
    rows = np.eye(n_outputs)[target] if out_activation == "softmax" else target.astype(np.float64)
    mean = np.average(rows, axis=0, weights=weight)
    if out_activation != "identity":  # finite, where a class is missing or all labels are alike
        tiny = np.finfo(np.float64).tiny
        mean = np.clip(mean, tiny, 1 - np.finfo(np.float64).epsneg if out_activation == "logistic" else None)
    z = np.broadcast_to(LINKS[out_activation](mean), (len(rows), n_outputs))
    return loss.value_and_gradient(z, target, weight)[0]
