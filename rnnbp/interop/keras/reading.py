"""`from_model`: a network of a model of Keras.

Layers are gone through one after the other. What a layer with ``go_backwards=True`` gives is in reverse order in Keras,
and stays so until another one turns it round; here each step keeps its place, so a layer runs backwards here if it goes
backwards over steps in order, or forwards over steps in reverse order.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rnnbp.interop.chain import Link, network
from rnnbp.interop.errors import InteropError
from rnnbp.interop.extras import imported
from rnnbp.interop.keras.functions import name_of, name_of_layer
from rnnbp.interop.naming import Keras
from rnnbp.layers import (
    GRU,
    LSTM,
    Activation,
    Conv1D,
    Dense,
    Dropout,
    Elman,
    Embedding,
    LastStep,
    LayerNorm,
    MaxOverTime,
    MeanOverTime,
)
from rnnbp.names import explained
from rnnbp.networks.network import Network

__all__ = ["from_model"]

Array = NDArray[Any]

RECURRENT = ("SimpleRNN", "LSTM", "GRU")
HANDED_ON = ("InputLayer", "Masking", "Identity", "GaussianNoise")


@explained
def from_model(model: Any) -> Network:
    """Return a model of Keras 3 as a network, with copies of its weights.

    Parameters
    ----------
    model : keras.Sequential or functional keras.Model
        A chain of layers, such as `to_model` makes. Masks (`Masking`, ``mask_zero``) are left out: a network is given
        lengths, or sequences without padding.

    Returns
    -------
    Network
        Time-major, as all are.

    Raises
    ------
    TypeError
        If it is no model of Keras.
    InteropError
        If a layer or one of its settings has no counterpart here (names it), if the model has no weights yet, if it is
        no chain of layers, or if its steps come out in reverse order.
    ImportError
        If Keras is not installed.

    See Also
    --------
    to_model

    Examples
    --------
    >>> import keras  # doctest: +SKIP
    >>> model = keras.Sequential([keras.Input((None, 3)), keras.layers.GRU(4)])  # doctest: +SKIP
    >>> from_model(model).layers  # doctest: +SKIP
    (GRU(3, 4), LastStep())
    """
    keras = imported("keras")
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a keras.Model, but {type(model).__name__} was given")
    reader = _Reader()
    for layer in _chain(model, keras):
        try:
            reader.read(layer)
        except InteropError:
            raise
        except ValueError as error:
            raise InteropError(f"{reader.place(layer)} cannot be taken over: it {error}") from error
    if reader.turned:
        raise InteropError(
            f"the steps of {model.name!r} come out in reverse order, as a recurrent layer has go_backwards=True, and "
            "here in order: pool over time, or take return_sequences=False"
        )
    if reader.padding is not None:
        raise InteropError(f"the zeros that {model.name!r} adds must be followed by a Conv1D")
    dtypes = {array.dtype for link in reader.links for array in link.parameters.values()}
    if len(dtypes) > 1:
        raise InteropError("some parameters of the model are float32 and others float64")
    return network(reader.links, next(iter(dtypes), np.dtype(np.float32)))


def _chain(model: Any, keras: Any) -> list[Any]:
    """Return a model's layers, if each takes what the one before it gives."""
    if isinstance(model, keras.Sequential):
        if not model.built:
            raise InteropError(f"{model.name!r} has no weights yet: give it a keras.Input, or call it once")
        found = list(model.layers)
    elif type(model).__name__ == "Functional":
        found, calls = list[Any](), [call for _, each in sorted(model._nodes_by_depth.items())[::-1] for call in each]
        for call in calls:
            sources = [tensor._keras_history.operation for tensor in call.arguments.keras_tensors]
            if sources != found[-1:] or call.operation in found:
                raise InteropError(
                    f"{model.name!r} is no chain of layers: {call.operation.name!r} does not take the output of the "
                    "layer before it, and that alone"
                )
            found.append(call.operation)
    else:
        raise InteropError(
            f"{type(model).__name__} has code that is not a chain of layers, so it cannot be taken over: Sequential "
            "and functional models can"
        )
    return [each for layer in found for each in (_chain(layer, keras) if isinstance(layer, keras.Model) else [layer])]


class _Reader:
    """The chain so far.

    Attributes
    ----------
    links : list of Link
    turned : bool
        Whether steps are in reverse order.
    padding : tuple of int or None
        The zeros that have been added before and after.
    width : int
        Of the layer that was read last.
    """

    def __init__(self) -> None:
        self.links, self.turned = list[Link](), False
        self.padding: tuple[int, int] | None = None

    def place(self, layer: Any) -> str:
        return f"{type(layer).__name__} {layer.name!r}"

    def add(self, layer: Any, ours: Any, tensors: dict[str, Array] | None = None) -> None:
        parameters = Keras().parameters(ours, tensors or {})
        self.links.append(Link(ours, parameters, self.place(layer)))

    def read(self, layer: Any) -> None:
        """Add what a layer of Keras is."""
        kind = type(layer).__name__
        if kind in HANDED_ON:
            return
        if self.padding is not None and kind != "Conv1D":
            raise ValueError("takes frames of zeros that were added: a Conv1D must")
        if (name := name_of_layer(layer)) is not None:
            self.activate(layer, name)
            return
        if kind in RECURRENT:
            self.recurrent(layer, layer.go_backwards)
            return
        reader = getattr(self, f"_{kind}", None)
        if reader is None:
            raise ValueError("has no counterpart here")
        reader(layer)

    def activate(self, layer: Any, name: str) -> None:
        if name != "identity":
            self.add(layer, Activation(name))

    def _Dense(self, layer: Any) -> None:
        tensors = _tensors(layer)
        self.add(layer, Dense(*tensors["kernel"].shape), tensors)
        self.activate(layer, name_of(layer.activation))

    def _Dropout(self, layer: Any) -> None:
        shape = layer.noise_shape
        over_time = shape is not None and tuple(shape)[1:] == (1, None)
        if shape is not None and not over_time:
            raise ValueError(f"has noise_shape={shape}")
        self.add(layer, Dropout(layer.rate, over_time=over_time))

    def _SpatialDropout1D(self, layer: Any) -> None:
        self.add(layer, Dropout(layer.rate, over_time=True))

    def _LayerNormalization(self, layer: Any) -> None:
        axis = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
        if list(axis) not in ([-1], [2]) or getattr(layer, "rms_scaling", None):
            raise ValueError(f"goes over the axes {axis}: it must go over the features, axis=-1")
        tensors = _tensors(layer)
        if not tensors:
            raise ValueError("has neither gain nor bias, so that its width is not known")
        width = next(iter(tensors.values())).size
        self.add(layer, LayerNorm(width, epsilon=layer.epsilon), tensors)

    def _Embedding(self, layer: Any) -> None:
        tensors = _tensors(layer)
        self.add(layer, Embedding(*tensors["embeddings"].shape), tensors)

    def _ZeroPadding1D(self, layer: Any) -> None:
        before, after = layer.padding
        self.padding = int(before), int(after)

    def _Convolution(self, layer: Any) -> None:
        self.padding = layer.before, layer.after
        self._Conv1D(layer)

    def _Conv1D(self, layer: Any) -> None:
        tensors = _tensors(layer)
        (stride,), (dilation,) = layer.strides, layer.dilation_rate
        width, n_inputs, n_outputs = tensors["kernel"].shape
        reach = (width - 1) * dilation
        centred = ((width - 1) // 2 * dilation, reach - (width - 1) // 2 * dilation)
        if layer.padding == "valid":
            zeros = self.padding or (0, 0)
        elif layer.padding == "causal" and self.padding is None:
            zeros = (reach, 0)
        elif layer.padding == "same" and self.padding is None and (stride == 1 or reach == 0):
            zeros = (reach // 2, reach - reach // 2)
        else:
            raise ValueError(f"has padding={layer.padding!r}, with strides={stride}, in a way that is not supported")
        if layer.groups != 1 or layer.data_format != "channels_last":
            raise ValueError(f"has groups={layer.groups} and data_format={layer.data_format!r}")
        if zeros not in (centred, (reach, 0)):
            raise ValueError(f"adds {zeros} frames: it must lose no step, as with {centred}")
        if self.turned:
            raise ValueError("takes steps in reverse order, as a layer before it has go_backwards=True")
        self.padding = None
        causal = zeros == (reach, 0) and zeros != centred
        settings = {"stride": stride, "dilation": dilation, "causal": causal}
        self.add(layer, Conv1D(n_inputs, n_outputs, width, **settings), tensors)
        self.activate(layer, name_of(layer.activation))

    def _GlobalAveragePooling1D(self, layer: Any) -> None:
        self.pool(layer, MeanOverTime())

    def _GlobalMaxPooling1D(self, layer: Any) -> None:
        self.pool(layer, MaxOverTime())

    def _MaxOverTime(self, layer: Any) -> None:
        self.pool(layer, MaxOverTime())

    def pool(self, layer: Any, ours: Any) -> None:
        if getattr(layer, "keepdims", None):
            raise ValueError("has keepdims=True")
        self.turned = False
        self.add(layer, ours)

    def _Reversed(self, layer: Any) -> None:
        self.turned = not self.turned

    def _Bidirectional(self, layer: Any) -> None:
        forward, backward = layer.forward_layer, layer.backward_layer
        if layer.merge_mode != "concat":
            raise ValueError(f"has merge_mode={layer.merge_mode!r}: 'concat' is supported")
        if self.turned or forward.go_backwards:
            raise ValueError("takes steps in reverse order, as a layer has go_backwards=True")
        if type(forward) is not type(backward) or type(forward).__name__ not in RECURRENT:
            raise ValueError(f"has a {type(forward).__name__} and a {type(backward).__name__}")
        ours, other = (self.layer_of(each, bidirectional=True) for each in (forward, backward))
        if ours != other:
            raise ValueError("has two directions with different settings")
        tensors = {f"forward/{name}": array for name, array in _tensors(forward).items()}
        tensors |= {f"backward/{name}": array for name, array in _tensors(backward).items()}
        self.drop(forward)
        self.add(layer, ours, tensors)
        if not forward.return_sequences:
            self.add(layer, LastStep(bidirectional=True))

    def recurrent(self, layer: Any, backwards: bool) -> None:
        reverse = backwards != self.turned
        self.drop(layer)
        self.add(layer, self.layer_of(layer, reverse=reverse), _tensors(layer))
        self.turned = reverse
        if not layer.return_sequences:
            self.turned = False
            self.add(layer, LastStep(reverse=reverse))

    def drop(self, layer: Any) -> None:
        """Add the dropout that a recurrent layer applies to its input."""
        if layer.dropout:
            self.add(layer, Dropout(layer.dropout, over_time=True))

    def layer_of(self, layer: Any, **direction: bool) -> Any:
        """Return the recurrent layer that one of Keras is."""
        for name in ("return_state", "stateful"):
            if getattr(layer, name):
                raise ValueError(f"has {name}=True: states belong to Network.run")
        kernel = _tensors(layer)["kernel"]
        options = {**direction, "recurrent_dropout": layer.recurrent_dropout}
        kind, activation = type(layer).__name__, name_of(layer.activation)
        if kind == "SimpleRNN":
            return Elman(len(kernel), layer.units, activation=activation, **options)
        gates = name_of(layer.recurrent_activation)
        if kind == "LSTM":
            return LSTM(len(kernel), layer.units, activations=(gates, activation, activation), **options)
        reset: Literal["after", "before"] = "after" if layer.reset_after else "before"
        return GRU(len(kernel), layer.units, reset=reset, activations=(gates, activation), **options)


def _tensors(layer: Any) -> dict[str, Array]:
    """Return a layer's variables, by name."""
    if layer.compute_dtype not in ("float32", "float64"):
        raise ValueError(f"computes in {layer.compute_dtype}: float32 and float64 are supported")
    held = [variable for variable in layer.weights if not variable.name.startswith("seed_generator")]
    return {variable.name: np.array(variable.numpy()) for variable in held}
