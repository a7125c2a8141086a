"""Scalers, absorbed by the layers beside them.

With ``x' = (x - m) / s`` in front of a layer that begins with a product::

    x' W + b = x (W / s) + (b - (m / s) W)

So a network that was trained on standardised frames becomes one that takes them as they are. Where m is large and s is
small, the right side is a small difference of large numbers, of which rounding leaves nothing: so both sides are
computed for some frames, the left one in float64, and compared.

A network that was trained to predict standardised targets ends with a product too, whose outputs are scaled back::

    y = (h V + c) s + m = h (V s) + (c s + m)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rnnbp.interop.errors import InteropError
from rnnbp.layers import Conv1D, Dense, Embedding, Layer, Recurrent
from rnnbp.networks.network import Network

__all__ = ["absorbed", "unscaled"]

Array = NDArray[Any]

N_FRAMES = 64
TOLERANCE = 1e-4  # of each sum, to its largest value: a thousand roundings of float32


def absorbed(net: Network, mean: ArrayLike, scale: ArrayLike, *, dtype: DTypeLike | None = None) -> Network:
    """Return a network that does with frames what `net` does with standardised ones.

    Parameters
    ----------
    net : Network
    mean, scale : array of shape (F,)
        Of `SequenceScaler` or ``StandardScaler``.
    dtype : {"float32", "float64"} or None, default None
        Of the network that is returned; None stands for the given one's.

    Raises
    ------
    InteropError
        If its first layer does not begin with a product and a bias, or does more with its input than that; or if the
        means are so large beside the scales that rounding would change what it computes.
    ValueError
        If mean and scale are no finite numbers for each feature, or a scale is not above 0.

    Examples
    --------
    >>> from rnnbp import layers
    >>> net = Network([layers.Dense(2, 1)], seed=0)
    >>> x = np.array([[3.0, -1.0]])
    >>> raw = absorbed(net, [1.0, 0.0], [2.0, 0.5])
    >>> bool(abs(raw.forward(x) - net.forward((x - [1.0, 0.0]) / [2.0, 0.5])) < 1e-6)
    True
    """
    first = net.layers[0]
    products = _products(first)
    m, s = _checked(mean, scale, net.n_inputs)
    made = _copy(net, dtype)
    for weight, bias in products:
        w, b = (net.parameters[f"0.{name}"].astype(np.float64) for name in (weight, bias))
        own_w, own_b = (made.parameters[f"0.{name}"] for name in (weight, bias))
        with np.errstate(over="ignore"):  # which is refused
            own_w[...] = w / s[:, None]
            own_b[...] = b - (m / s) @ w
        _check_rounding(first, (m, s), (w, b), (own_w, own_b))
    return made


def unscaled(net: Network, mean: ArrayLike, scale: ArrayLike, *, dtype: DTypeLike | None = None) -> Network:
    """Return a network whose outputs are those of `net`, times the scales, plus the means.

    Parameters
    ----------
    net : Network
    mean, scale : array of shape (n_outputs,)
        Of the ``StandardScaler`` of the targets.
    dtype : {"float32", "float64"} or None, default None
        Of the network that is returned; None stands for the given one's.

    Raises
    ------
    InteropError
        If its last layer is no `Dense`; or if the means are so large beside the scales that rounding would change what
        it computes.
    ValueError
        If mean and scale are no finite numbers for each output, or a scale is not above 0.

    Examples
    --------
    >>> from rnnbp import layers
    >>> net = Network([layers.Dense(2, 1)], seed=0)
    >>> x = np.array([[3.0, -1.0]])
    >>> bool(abs(unscaled(net, [300.0], [50.0]).forward(x) - (net.forward(x) * 50 + 300)) < 1e-4)
    True
    """
    k = len(net.layers) - 1
    last = net.layers[k]
    if not isinstance(last, Dense) or type(last).forward is not Dense.forward:
        raise InteropError(
            f"the scaling of targets cannot be absorbed by layer {k}, {last!r}: it is no Dense layer. Put one last, or "
            "scale predictions back in your own code"
        )
    m, s = _checked(mean, scale, net.n_outputs)
    made = _copy(net, dtype)
    w, b = (net.parameters[f"{k}.{name}"].astype(np.float64) for name in ("weight", "bias"))
    own_w, own_b = (made.parameters[f"{k}.{name}"] for name in ("weight", "bias"))
    with np.errstate(over="ignore"):  # which is refused
        own_w[...] = w * s
        own_b[...] = b * s + m
    hidden = np.random.default_rng(0).normal(size=(N_FRAMES, len(w))).astype(made.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        wanted = hidden @ w + b
        error = np.abs((hidden @ own_w + own_b - m) / s - wanted).max(axis=0)
    if not (error <= TOLERANCE * np.abs(wanted).max(axis=0)).all():
        largest = int(np.argmax(np.abs(m) / s))
        raise InteropError(
            f"the scaling of targets cannot be absorbed by layer {k}, {last!r}: in {made.dtype} rounding would change "
            f"its outputs by up to {(error * s).max():.1g}, as the mean of target {largest} is {m[largest]:.3g}, and "
            f"its scale {s[largest]:.3g}{'; float64 may do' * (made.dtype == np.float32)}"
        )
    return made


def _checked(mean: ArrayLike, scale: ArrayLike, n: int | None) -> tuple[Array, Array]:
    m, s = np.asarray(mean, np.float64), np.asarray(scale, np.float64)
    if not (m.shape == s.shape == (n,) and np.isfinite(m).all() and np.isfinite(s).all() and (s > 0).all()):
        raise ValueError(f"mean and scale must be {n} finite numbers, and scales above 0, but {m} and {s} were given")
    return m, s


def _copy(net: Network, dtype: DTypeLike | None) -> Network:
    made = Network(net.layers, dtype=net.dtype if dtype is None else dtype, seed=net.seed, compiled=net.compiled)
    made.theta[:] = net.theta
    made.metadata = dict(net.metadata)
    return made


def _products(layer: Layer) -> list[tuple[str, str]]:
    """Return the names of the weights and biases of the products that a layer begins with.

    Raises
    ------
    InteropError
        If it begins with something else.
    """
    if type(layer).forward is Dense.forward:
        return [("weight", "bias")]
    if isinstance(layer, Conv1D) and type(layer).forward is Conv1D.forward:
        if layer.width > 1:
            raise _refusal(layer, "it adds frames of zeros at the ends of a sequence, which are not scaled")
        return [("weight", "bias")]
    if isinstance(layer, Recurrent) and type(layer).forward is Recurrent.forward:
        product = layer.cell.input
        if product.gain is not None or product.bias is None:
            raise _refusal(
                layer, "it normalises its input product" if product.gain else "its input product has no bias"
            )
        suffixes = ("", "_reverse") if layer.bidirectional else ("",)
        return [(product.weight + suffix, product.bias + suffix) for suffix in suffixes]
    raise _refusal(layer, "it takes symbols" if isinstance(layer, Embedding) else "it does not begin with a product")


def _refusal(layer: Layer, why: str) -> InteropError:
    return InteropError(
        f"the scaling of frames cannot be absorbed by layer 0, {layer!r}: {why}. Put a Dense layer first, or scale "
        "frames before they come"
    )


def _check_rounding(
    layer: Layer, scaling: tuple[Array, Array], exact: tuple[Array, Array], rounded: tuple[Array, Array]
) -> None:
    """Compare what each unit sums up for frames as they are with what it does for scaled ones, in float64."""
    (m, s), (w, b), (own_w, own_b) = scaling, exact, rounded
    frames = np.random.default_rng(0).normal(size=(N_FRAMES, len(m))) * s + m
    with np.errstate(over="ignore", invalid="ignore"):
        frames = frames.astype(own_w.dtype)
        wanted = (frames - m) / s @ w + b
        error = np.abs(frames @ own_w + own_b - wanted).max(axis=0)
    if not (error <= TOLERANCE * np.abs(wanted).max(axis=0)).all():
        largest = int(np.argmax(np.abs(m) / s))
        raise _refusal(
            layer,
            f"in {own_w.dtype} rounding would change its sums by up to {error.max():.1g}, as the mean of feature "
            f"{largest} is {m[largest]:.3g}, and its scale {s[largest]:.3g}"
            + "; float64 may do"
            * (own_w.dtype == np.float32),
        )
