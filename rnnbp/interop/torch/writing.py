"""`to_module`: a network as a module of PyTorch."""

from __future__ import annotations

from typing import Any

from rnnbp.interop.chain import check_network
from rnnbp.interop.conventions import kind_of
from rnnbp.interop.errors import InteropError
from rnnbp.interop.extras import imported
from rnnbp.interop.naming import PyTorch
from rnnbp.interop.torch.functions import module_of
from rnnbp.layers import (
    Activation,
    Conv1D,
    Dense,
    Dropout,
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

__all__ = ["to_module"]


@explained
def to_module(net: Network) -> Any:
    """Return a network as a `torch.nn.Module`, with copies of its weights.

    Its ``layers`` are PyTorch's own (`nn.LSTM`, `nn.GRU`, `nn.RNN`, `nn.Linear`, ...) and a few of
    `rnnbp.interop.torch.modules`. It takes time-major tensors, as networks do::

        module(x)                                   # (T, B, F) or (B, F)
        module(x, lengths)                          # of several lengths
        y, final = module.run(x, lengths, initial)  # with states, under names like "0.h"

    Parameters
    ----------
    net : Network

    Returns
    -------
    torch.nn.Module
        In evaluation mode.

    Raises
    ------
    TypeError
        If `net` is no network.
    InteropError
        If PyTorch has no such layer; names it.
    ImportError
        If PyTorch is not installed.

    Notes
    -----
    Recurrent dropout, zoneout and masks over time, which PyTorch's layers have not, are of training: recurrent dropout
    is left out, and `Dropout` draws anew at each step. Zoneout changes inference, too, and is refused.

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> from rnnbp.interop import torch
    >>> torch.to_module(Network([layers.GRU(3, 8), layers.LastStep(), layers.Dense(8, 2)]))
    Chain(
      (layers): ModuleList(
        (0): GRU(3, 8)
        (1): LastStep()
        (2): Linear(in_features=8, out_features=2, bias=True)
      )
    )
    """
    check_network(net)
    torch = imported("torch")
    from rnnbp.interop.torch.modules import Chain

    made = []
    for k, layer in enumerate(net.layers):
        try:
            module = _module(layer, torch.nn)
            tensors = PyTorch().tensors(layer, net.parameters.within(f"{k}."))
        except ValueError as error:
            raise InteropError(f"layer {k}, {layer!r}, has no counterpart in PyTorch: it {error}") from None
        module.to(getattr(torch, net.dtype.name))
        inner = getattr(module, "convolution", getattr(module, "module", module))
        inner.load_state_dict({name: torch.tensor(array) for name, array in tensors.items()})
        made.append(module)
    return Chain(made).eval()


def _module(layer: Layer, nn: Any) -> Any:
    from rnnbp.interop.torch import modules

    match layer:
        case Dense():
            return nn.Linear(layer.n_inputs, layer.n_outputs)
        case Activation():
            return module_of(layer.name, nn)
        case Dropout():
            return nn.Dropout(layer.rate)
        case LayerNorm():
            return nn.LayerNorm(layer.n_features, eps=layer.epsilon)
        case Embedding():
            return nn.Embedding(layer.n_symbols, layer.n_features)
        case Conv1D():
            reach = (layer.width - 1) * layer.dilation
            before = reach if layer.causal else (layer.width - 1) // 2 * layer.dilation
            settings = {"stride": layer.stride, "dilation": layer.dilation}
            return modules.Convolution(
                nn.Conv1d(layer.n_inputs, layer.n_outputs, layer.width, **settings), before, reach - before
            )
        case LastStep():
            return modules.LastStep(bidirectional=layer.bidirectional, reverse=layer.reverse)
        case MeanOverTime():
            return modules.MeanOverTime()
        case MaxOverTime():
            return modules.MaxOverTime()
        case Recurrent():
            return _recurrent(layer, nn)
    raise ValueError(f"is a {type(layer).__name__}")


def _recurrent(layer: Any, nn: Any) -> Any:
    from rnnbp.interop.torch.modules import ReversedRNN

    kind = kind_of(layer)
    for name, usual in (("peepholes", False), ("coupled", False), ("clip", None)):
        if getattr(layer, name, usual) != usual:
            raise ValueError(f"has {name}={getattr(layer, name)}")
    settings = {"bidirectional": layer.bidirectional}
    if kind == "elman":
        if layer.activation not in ("tanh", "relu"):
            raise ValueError(f"has the activation {layer.activation!r}, and PyTorch's has 'tanh' or 'relu'")
        settings["nonlinearity"] = layer.activation
    elif layer.activations != type(layer)(1, 1).activations:
        raise ValueError(f"has activations={layer.activations}")
    cls = {"elman": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[kind]
    module = cls(layer.n_inputs, layer.n_hidden, **settings)
    return ReversedRNN(module) if layer.reverse else module
