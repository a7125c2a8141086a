"""Networks as JSON for RTNeural, which runs them in real time on sound, and for the AIDA-X plugin.

RTNeural reads what Keras' layers hold: for each layer its type, its width, an activation, and its weights in Keras'
layout. AIDA-X reads the same with a few settings beside it. Both run sample by sample.

References
----------
J. Chowdhury, "RTNeural: fast neural inferencing for real-time systems", 2021 (arXiv 2106.03037).
https://github.com/AidaDSP/AIDA-X
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from rnnbp.configuration import flag, number, shown
from rnnbp.files import strict_json
from rnnbp.files.writing import write_atomically
from rnnbp.interop.chain import check_network
from rnnbp.interop.errors import InteropError
from rnnbp.interop.naming import Keras
from rnnbp.layers import GRU, LSTM, Activation, Conv1D, Dense, Dropout, Layer
from rnnbp.names import explained
from rnnbp.networks.network import Network

__all__ = ["export", "export_aidax"]

ACTIVATIONS = ("tanh", "relu", "sigmoid", "softmax", "elu")


@explained
def export(net: Network, path: str | PathLike[str]) -> None:
    """Write a network as JSON that RTNeural's ``json_parser::parseJson`` reads, in one atomic step.

    Parameters
    ----------
    net : Network
        Of LSTM, GRU (reset after), Dense and causal Conv1D layers; activations after the last two.
    path : path-like

    Raises
    ------
    TypeError
        If `net` is no network.
    InteropError
        If RTNeural has no such layer; names it.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from rnnbp import Network, layers
    >>> from rnnbp.interop import rtneural
    >>> net = Network([layers.LSTM(1, 16), layers.Dense(16, 1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rtneural.export(net, Path(folder) / "amplifier.json")
    ...     model = json.loads((Path(folder) / "amplifier.json").read_text())
    >>> model["in_shape"], [(layer["type"], layer["shape"]) for layer in model["layers"]]
    ([None, None, 1], [('lstm', [None, None, 16]), ('dense', [None, None, 1])])
    """
    _write(path, _model(net))


@explained
def export_aidax(
    net: Network,
    path: str | PathLike[str],
    *,
    sample_rate: float,
    skip: bool = False,
    in_gain: float = 0.0,
    out_gain: float = 0.0,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a network of one input and one output as the AIDA-X plugin reads it, in one atomic step.

    Parameters
    ----------
    net : Network
        See `export`.
    path : path-like
    sample_rate : float
        In Hz, of the sound that the network was trained on.
    skip : bool, default False
        Whether the input is added to what the network gives.
    in_gain, out_gain : float, default 0
        In dB, before and after the network.
    metadata : mapping or None, default None
        What the plugin shows, such as "name" and "author".

    Raises
    ------
    TypeError, InteropError
        See `export`; also if the metadata are no mapping.
    ValueError
        If a setting is out of its range, or the metadata are nothing that JSON can hold.

    See Also
    --------
    export

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from rnnbp import layers
    >>> net = Network([layers.LSTM(1, 16), layers.Dense(16, 1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_aidax(net, f"{folder}/amplifier.json", sample_rate=48000, skip=True)
    ...     print(pathlib.Path(folder, "amplifier.json").exists())
    True
    """
    model = _model(net)
    if net.n_inputs != 1 or net.n_outputs != 1:
        raise InteropError(f"AIDA-X takes and gives one number, but the network {net.n_inputs} and {net.n_outputs}")
    rate = number("sample_rate", sample_rate)
    if not isinstance(metadata, Mapping | None):
        raise TypeError(f"metadata must be a mapping, such as {{'name': '...'}}, but {shown(metadata)} was given")
    try:
        strict_json.dumps(dict(metadata or {}))
    except ValueError as error:
        raise ValueError(f"metadata must be what JSON can hold, but {shown(metadata)} was given: {error}") from None
    settings = {
        "in_skip": int(flag("skip", skip)),
        "in_gain": number("in_gain", in_gain, "(-inf, inf)"),
        "out_gain": number("out_gain", out_gain, "(-inf, inf)"),
        "metadata": {**(metadata or {}), "samplerate": rate},
        "samplerate": rate,
    }
    _write(path, {**model, **settings})


def _write(path: str | PathLike[str], model: dict[str, Any]) -> None:
    write_atomically(path, strict_json.dumps(model).encode())


def _model(net: Network) -> dict[str, Any]:
    check_network(net)
    if net.n_inputs is None:
        raise InteropError("RTNeural takes frames of a fixed number of features, but the network takes symbols or any")
    width, described = net.n_inputs, list[dict[str, Any]]()
    for k, layer in enumerate(net.layers):
        width = layer.output_width(width)
        try:
            if isinstance(layer, Activation):
                _activate(described, layer.name)
            elif not isinstance(layer, Dropout):
                tensors = Keras().tensors(layer, net.parameters.within(f"{k}."))
                weights = [array.tolist() for array in tensors.values()]
                described.append({**_layer(layer), "shape": [None, None, width], "weights": weights})
        except ValueError as error:
            raise InteropError(f"layer {k}, {layer!r}, cannot be written for RTNeural: it {error}") from None
    return {"in_shape": [None, None, net.n_inputs], "layers": described}


def _activate(described: list[dict[str, Any]], name: str) -> None:
    """Give the layer before an activation its function."""
    if name == "identity":
        return
    if not described or described[-1]["type"] not in ("dense", "conv1d") or described[-1]["activation"]:
        raise ValueError("follows no Dense or Conv1D layer, as activations there must")
    if name not in ACTIVATIONS:
        raise ValueError(f"is none of {', '.join(ACTIVATIONS)}")
    described[-1]["activation"] = name


def _layer(layer: Layer) -> dict[str, Any]:
    """Return what is said of a layer beside its weights."""
    match layer:
        case Dense():
            return {"type": "dense", "activation": ""}
        case Conv1D():
            if not layer.causal and layer.width > 1:
                raise ValueError("looks ahead: give it causal=True")
            if layer.stride > 1:
                raise ValueError(f"has stride={layer.stride}")
            return {
                "type": "conv1d",
                "activation": "",
                "kernel_size": [layer.width],
                "dilation": [layer.dilation],
                "groups": 1,
            }
        case LSTM() | GRU():
            usual = type(layer)(1, 1)
            for name in ("activations", "clip", "peepholes", "coupled", "reset", "bidirectional", "reverse"):
                if getattr(layer, name, None) != getattr(usual, name, None):
                    raise ValueError(f"has {name}={getattr(layer, name)!r}")
            return {"type": type(layer).__name__.lower(), "activation": ""}
    raise ValueError(f"is a {type(layer).__name__}")
