"""A scaler, absorbed by the layer that follows it.

With ``x' = (x - m) / s`` in front of a layer that begins with a product::

    x' W + b = x (W / s) + (b - (m / s) W)

So a network that was trained on standardised frames becomes one that takes them as they are.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.networks.network import Network

__all__ = ["absorbed"]

WEIGHTS = ("weight", "input_weight", "input_weight_reverse")
BIASES = ("bias", "bias", "bias_reverse")
TOLERANCE = 1e-3  # of outputs, in float32


def absorbed(net: Network, mean: ArrayLike, scale: ArrayLike) -> Network:
    """Return a network that does with frames what `net` does with standardised ones.

    Parameters
    ----------
    net : Network
    mean, scale : array of shape (F,)
        Of `SequenceScaler` or ``StandardScaler``.

    Raises
    ------
    ValueError
        If its first layer does not begin with a product and a bias, or does more with its input than that.

    Examples
    --------
    >>> from rnnbp import layers
    >>> net = Network([layers.Dense(2, 1)], seed=0)
    >>> x = np.array([[3.0, -1.0]])
    >>> raw = absorbed(net, [1.0, 0.0], [2.0, 0.5])
    >>> bool(abs(raw.forward(x) - net.forward((x - [1.0, 0.0]) / [2.0, 0.5])) < 1e-6)
    True
    """
    made, m, s = copy.deepcopy(net), np.asarray(mean, np.float64), np.asarray(scale, np.float64)
    for weight, bias in zip(WEIGHTS, BIASES, strict=True):
        w, b = (made.parameters.get(f"0.{name}") for name in (weight, bias))
        if w is not None and b is not None and len(w) == len(m):
            scaled = w.astype(np.float64) / s[:, None]
            b -= m @ scaled
            w[...] = scaled
    _check(net, made, m, s)
    return made


def _check(net: Network, made: Network, mean: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
    """Try both on a few frames."""
    frames = np.random.default_rng(0).normal(size=(6, 2, len(mean)) if net.is_recurrent else (6, len(mean)))
    wanted: Any = net.forward(frames)
    if not np.allclose(made.forward(frames * scale + mean), wanted, rtol=TOLERANCE, atol=TOLERANCE * abs(wanted).max()):
        raise ValueError(
            f"the scaling of frames cannot be absorbed by layer 0, {net.layers[0]!r}: put a Dense layer first, or "
            "scale frames before they come"
        )
