"""What each module of PyTorch is here: layers, with their parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.interop.chain import Link
from rnnbp.interop.errors import InteropError
from rnnbp.interop.naming import PyTorch
from rnnbp.interop.torch.functions import name_of
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

__all__ = ["RECURRENT", "links_of"]

Array = NDArray[Any]

RECURRENT = ("RNN", "LSTM", "GRU")


def links_of(module: Any, place: str) -> list[Link]:
    """Return the layers that a module is, with their parameters; none for one that hands frames on.

    Raises
    ------
    InteropError
        If there is no such layer; names the module.
    """
    try:
        if type(module).__name__ in RECURRENT:
            return _recurrent(module, _tensors(module, place), place)
        layer = _layer(module)
        if layer is None:
            return []
        return [Link(layer, PyTorch().parameters(layer, _inner(_tensors(module, place))), place)]
    except InteropError:
        raise
    except ValueError as error:
        raise InteropError(f"{place}, {_brief(module)}, cannot be taken over: it {error}") from error


def _tensors(module: Any, place: str) -> dict[str, Array]:
    return {name: _array(tensor, place) for name, tensor in module.state_dict().items()}


def _inner(tensors: dict[str, Array]) -> dict[str, Array]:
    """Return tensors under their own names, where a module of ours holds one of PyTorch's."""
    return {name.rpartition(".")[2]: array for name, array in tensors.items()}


def _array(tensor: Any, place: str) -> Array:
    if str(tensor.dtype) not in ("torch.float32", "torch.float64"):
        raise InteropError(f"{place}: its parameters must be float32 or float64, but are {tensor.dtype}")
    return np.array(tensor.detach().cpu().numpy())


def _brief(module: Any) -> str:
    return repr(module).partition("\n")[0]


def _layer(module: Any) -> Any:
    kind = type(module).__name__
    if (name := name_of(module)) is not None:
        return None if name == "identity" else Activation(name)
    if kind == "Linear":
        return Dense(module.in_features, module.out_features)
    if kind == "Dropout":
        return Dropout(module.p)
    if kind == "Embedding":
        if module.max_norm is not None:
            raise ValueError(f"has max_norm={module.max_norm}, which changes the table as it is used")
        return Embedding(module.num_embeddings, module.embedding_dim)
    if kind == "LayerNorm":
        if len(module.normalized_shape) != 1:
            raise ValueError(f"goes over {len(module.normalized_shape)} axes: it must go over the features")
        return LayerNorm(module.normalized_shape[0], epsilon=module.eps)
    if kind == "Conv1d":
        return _convolution(module, module.padding)
    if kind == "Convolution":
        return _convolution(module.convolution, (module.before, module.after))
    if kind == "LastStep":
        return LastStep(bidirectional=module.bidirectional, reverse=module.reverse)
    if kind in ("MeanOverTime", "MaxOverTime"):
        return {"MeanOverTime": MeanOverTime, "MaxOverTime": MaxOverTime}[kind]()
    raise ValueError("has no counterpart here")


def _convolution(module: Any, padding: Any) -> Conv1D:
    (width,), (stride,), (dilation,) = module.kernel_size, module.stride, module.dilation
    reach = (width - 1) * dilation
    centred = (width - 1) // 2 * dilation
    if padding == "same":
        before, after = reach // 2, reach - reach // 2
    elif padding == "valid":
        before, after = 0, 0
    else:
        before, after = (padding[0], padding[0]) if len(padding) == 1 else padding
    if module.groups != 1 or module.padding_mode != "zeros":
        raise ValueError(
            f"has groups={module.groups} and padding_mode={module.padding_mode!r}: 1 and 'zeros' are supported"
        )
    if (before, after) not in ((centred, reach - centred), (reach, 0)):
        raise ValueError(
            f"adds {before} and {after} frames: it must lose no step, as with {centred} and {reach - centred}"
        )
    causal = (before, after) == (reach, 0) and before != centred
    settings = {"stride": stride, "dilation": dilation, "causal": causal}
    return Conv1D(module.in_channels, module.out_channels, width, **settings)


def _recurrent(module: Any, tensors: dict[str, Array], place: str) -> list[Link]:
    """Return a layer for each of the module's, with its dropout between them."""
    if module.proj_size:
        raise ValueError(f"has proj_size={module.proj_size}, a projection of h")
    links, width = [], module.input_size
    options = {"bidirectional": module.bidirectional}
    for depth in range(module.num_layers):
        if depth and module.dropout:
            links.append(Link(Dropout(module.dropout), {}, place))
        kind = type(module).__name__
        layer: Any
        if kind == "RNN":
            layer = Elman(width, module.hidden_size, activation=module.nonlinearity, **options)
        else:
            layer = {"LSTM": LSTM, "GRU": GRU}[kind](width, module.hidden_size, **options)
        links.append(Link(layer, PyTorch().parameters(layer, tensors, depth=depth), place))
        width = module.hidden_size * (2 if module.bidirectional else 1)
    return links
