"""`to_model`: a network as a model of Keras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnbp.interop.chain import check_network
from rnnbp.interop.conventions import kind_of
from rnnbp.interop.errors import InteropError
from rnnbp.interop.extras import imported
from rnnbp.interop.keras.functions import layer_of, name_in_keras
from rnnbp.interop.naming import Keras
from rnnbp.layers import (
    GRU,
    Activation,
    Conv1D,
    Dense,
    Dropout,
    Elman,
    Embedding,
    LastStep,
    Layer,
    LayerNorm,
    MaxOverTime,
    MeanOverTime,
    Recurrent,
)
from rnnbp.names import explained
from rnnbp.networks.network import Network

__all__ = ["to_model"]

FRAME_BY_FRAME = (Activation, Dense, Dropout, LayerNorm)


@explained
def to_model(net: Network) -> Any:
    """Return a network as a functional model of Keras 3, with copies of its weights.

    It takes (B, T, F), or symbols (B, T), and gives (B, T, outputs), or (B, outputs) after pooling or where the network
    is static. Sequences of several lengths need a mask, as always in Keras: ``model(x, mask=mask)``, a tensor of shape
    (B, T), True where a step lies in its sequence; what comes out after its end means nothing.

    Parameters
    ----------
    net : Network

    Returns
    -------
    keras.Model

    Raises
    ------
    TypeError
        If `net` is no network.
    InteropError
        If Keras has no such layer; names it.
    ImportError
        If Keras is not installed.

    Notes
    -----
    A layer that runs backwards has ``go_backwards=True``, and what it gives is turned round after it. The last step is
    the recurrent layer's own, ``return_sequences=False``; what goes frame by frame between the two comes after it.
    Layers of Keras that drop masks (`Embedding`, `Conv1D`) are replaced by ones derived from them, which heed masks:
    before a saved model is loaded elsewhere, ``rnnbp.interop.keras.modules`` must be imported.

    See Also
    --------
    from_model

    Examples
    --------
    >>> import rnnbp
    >>> from rnnbp import layers
    >>> net = rnnbp.Network([layers.GRU(3, 4), layers.LastStep(), layers.Dense(4, 2)])
    >>> model = to_model(net)  # doctest: +SKIP
    >>> model.output_shape  # doctest: +SKIP
    (None, 2)
    """
    check_network(net)
    keras = imported("keras")
    first = net.layers[0]
    shape = (None,) if net.is_recurrent else ()
    if first.frame_rank == 0:
        x = given = keras.Input(shape, dtype="int32")
    elif net.n_inputs is None:
        raise InteropError("the network takes any number of features, and a model of Keras has a number of them")
    else:
        x = given = keras.Input((*shape, net.n_inputs), dtype=net.dtype.name)
    loaded = []
    for k, layer, last in _ordered(net.layers):
        try:
            made = _made(layer, last, keras, net.dtype.name)
            tensors = Keras().tensors(layer, net.parameters.within(f"{k}."))
        except ValueError as error:
            raise InteropError(f"layer {k}, {layer!r}, has no counterpart in Keras: it {error}") from None
        for each in made:
            x = each(x)
        loaded.append((made, tensors))
    model = keras.Model(given, x)
    for made, tensors in loaded:
        _load(made, tensors)
    return model


def _ordered(layers: Sequence[Layer]) -> list[tuple[int, Layer, LastStep | None]]:
    """Return each layer with its number, and a recurrent one with the `LastStep` that it does itself."""
    ordered: list[tuple[int, Layer, LastStep | None]] = []
    for k, layer in enumerate(layers):
        if not isinstance(layer, LastStep):
            ordered.append((k, layer, None))
            continue
        source = max((n for n in range(k) if not isinstance(layers[n], FRAME_BY_FRAME)), default=k - 1)
        below = layers[source] if k else None
        turned = (layer.bidirectional, layer.reverse)
        if not isinstance(below, Recurrent) or (below.bidirectional, below.reverse) != turned:
            raise InteropError(
                f"layer {k}, {layer!r}, has no counterpart in Keras: it must take what a recurrent layer of its "
                f"direction gives, but {below or 'the input'} is below it"
            )
        if layer.bidirectional and any(not isinstance(each, Dropout) for each in layers[source + 1 : k]):
            raise InteropError(
                f"layer {k}, {layer!r}, has no counterpart in Keras: it must follow the bidirectional layer itself"
            )
        ordered = [(n, each, layer if n == source else last) for n, each, last in ordered]
    return ordered


def _made(layer: Layer, last: LastStep | None, keras: Any, dtype: str) -> list[Any]:
    """Return the layers of Keras that do what one of ours does."""
    match layer:
        case Dense():
            return [keras.layers.Dense(layer.n_outputs, dtype=dtype)]
        case Activation():
            return [layer_of(layer.name, keras)]
        case Dropout():
            return [keras.layers.Dropout(layer.rate, noise_shape=(None, 1, None) if layer.over_time else None)]
        case LayerNorm():
            return [keras.layers.LayerNormalization(epsilon=layer.epsilon, dtype=dtype)]
        case Embedding():
            return [modules().Embedding(layer.n_symbols, layer.n_features, dtype=dtype)]
        case Conv1D():
            if layer.stride > 1 and layer.dilation > 1:
                raise ValueError("has a stride and a dilation above 1, of which Keras has one at a time")
            reach = (layer.width - 1) * layer.dilation
            before = reach if layer.causal else (layer.width - 1) // 2 * layer.dilation
            settings = {"strides": layer.stride, "dilation_rate": layer.dilation}
            zeros = {"before": before, "after": reach - before}
            return [modules().Convolution(layer.n_outputs, layer.width, dtype=dtype, **settings, **zeros)]
        case MeanOverTime():
            return [keras.layers.GlobalAveragePooling1D()]
        case MaxOverTime():
            return [modules().MaxOverTime()]
        case Recurrent():
            return _recurrent(layer, last, keras, dtype)
    raise ValueError(f"is a {type(layer).__name__}")


def modules() -> Any:
    """Return the layers that Keras has not, whose file imports it."""
    return imported("rnnbp.interop.keras.modules")


def _recurrent(layer: Any, last: LastStep | None, keras: Any, dtype: str) -> list[Any]:
    kind = kind_of(layer)
    for name, usual in (("peepholes", False), ("coupled", False), ("clip", None)):
        if getattr(layer, name, usual) != usual:
            raise ValueError(f"has {name}={getattr(layer, name)}")
    settings: dict[str, Any] = {"return_sequences": last is None, "recurrent_dropout": layer.recurrent_dropout}
    if isinstance(layer, Elman):
        settings["activation"] = name_in_keras(layer.activation)
    else:
        gates, candidate, *state = layer.activations
        if state not in ([], [candidate]):
            raise ValueError(f"has activations={layer.activations}, of which Keras' last two are one")
        settings |= {"recurrent_activation": name_in_keras(gates), "activation": name_in_keras(candidate)}
    if isinstance(layer, GRU):
        settings["reset_after"] = layer.reset == "after"
    cls = {"elman": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[kind]
    made = cls(layer.n_hidden, go_backwards=layer.reverse, dtype=dtype, **settings)
    if layer.bidirectional:
        return [keras.layers.Bidirectional(made, dtype=dtype)]
    if layer.reverse and last is None:
        return [made, modules().Reversed()]
    return [made]


def _load(made: Sequence[Any], tensors: dict[str, np.ndarray[Any, Any]]) -> None:
    """Copy tensors into the variables of the same names."""
    for layer in made:
        parts = {"": layer}
        if type(layer).__name__ == "Bidirectional":
            parts = {"forward/": layer.forward_layer, "backward/": layer.backward_layer}
        for prefix, part in parts.items():
            for variable in part.trainable_weights:
                variable.assign(tensors[prefix + variable.name])
