"""Networks in model files: one alone, or several beside each other.

A network is described by its layers, dtype, seed and metadata, and its parameters are the file's arrays; of several
networks, the names of one's arrays begin with its prefix. A file may come from anywhere: only classes that are layers
(or initializers and gradient algorithms, where a layer takes one) are looked up, and memory is taken for parameters
only after their sizes have been compared with the file's.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbp.configuration import brief, build, check_admitted, plain, shown
from rnnbp.files import model_file
from rnnbp.layers import Layer
from rnnbp.warning import warn

if TYPE_CHECKING:
    from rnnbp.networks.network import Network
    from rnnbp.parameters import Parameter

__all__ = ["description_of", "read", "warn_of_non_finite"]


def description_of(net: Network, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of a network but its parameters, as JSON can hold it.

    Raises
    ------
    ValueError
        If it could not be loaded: a layer holds an object that its constructor's annotations do not name, or its
        settings were changed after the network was made.
    """
    for layer in net.layers:
        check_admitted(layer)
    _check_unchanged(net)
    return {
        "layers": [plain(layer) for layer in net.layers],
        "dtype": net.dtype.name,
        "seed": net.seed,
        "metadata": dict(metadata),
    }


def _check_unchanged(net: Network) -> None:
    """Check that the layers, made again from their settings, need the parameters that there are."""
    advice = "were its settings changed after the network was made? Set them back, or make a new network of new layers"
    layers = []
    for k, layer in enumerate(net.layers):
        which = f"what is saved could not be loaded, because of layer {k}, {shown(layer)}"
        try:
            layers.append(copy.deepcopy(layer))  # made by its constructor
            declared = {f"{k}.{parameter.name}": parameter.shape for parameter in layers[k].parameters()}
        except Exception as error:  # layers of a user's own may answer wrong settings in any way
            raise ValueError(f"{which}, which its settings do not make ({brief(error)}): {advice}") from error
        held = {f"{k}.{name}": view.shape for name, view in net.parameters.within(f"{k}.").items()}
        if declared != held:
            name = next(each for each in {**held, **declared} if declared.get(each) != held.get(each))
            told = [f"of shape {shapes[name]}" if name in shapes else "not there" for shapes in (declared, held)]
            raise ValueError(f"{which}: by its settings {name!r} is {told[0]}, but it is {told[1]}: {advice}")
    try:
        type(net).__new__(type(net))._declare(layers, net.dtype, net.seed)
    except Exception as error:
        raise ValueError(
            f"what is saved could not be loaded: {brief(error)}: were a layer's settings changed after the network was "
            "made? Set them back, or make a new network of new layers"
        ) from error


def read(cls: type[Network], file: model_file.ModelFile, described: Mapping[str, Any]) -> list[Network]:
    """Return the networks whose descriptions these are, by the prefix of their arrays, with metadata and all.

    Raises
    ------
    ModelFileError
        If one describes no network, or if the arrays of the file are not those that all of them need.
    """
    networks: list[tuple[str, Network, list[Parameter], dict[str, Any]]] = []
    shapes: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
    for prefix, each in described.items():
        layers, settings, metadata = _read_description(file, each)
        net = cls.__new__(cls)
        try:
            declared = net._declare(layers, **settings)
        except Exception as error:  # layers of a user's own may answer wrong settings in any way
            raise model_file.ModelFileError(f"{file.path}: its description makes no network: {brief(error)}") from error
        networks.append((prefix, net, declared, metadata))
        shapes |= {prefix + parameter.name: (net.dtype, parameter.shape) for parameter in declared}
    model_file.check_shapes(file, shapes)
    for prefix, net, declared, metadata in networks:
        net._allocate(declared)
        file.read_into({prefix + name: view for name, view in net.parameters.items()})
        net.metadata = metadata
    return [net for _, net, _, _ in networks]


def _read_description(file: model_file.ModelFile, described: Any) -> tuple[list[Layer], dict[str, Any], dict[str, Any]]:
    """Return the layers, the dtype and seed, and the metadata that are described."""
    wrong = f"{file.path}: its description makes no network"
    if not isinstance(described, dict):
        raise model_file.ModelFileError(f"{wrong}: it is {shown(described)}")
    if "checkpoint" in described:
        raise model_file.ModelFileError(f"{wrong}: it is a checkpoint, which rnnbp.fit(..., checkpoint=path) takes")
    if "voters" in described:
        raise model_file.ModelFileError(
            f"{file.path} holds several networks, a VotingTranscriber's: rnnbp.load reads it"
        )
    listed, metadata = described.get("layers"), described.get("metadata")
    if not isinstance(listed, list):
        raise model_file.ModelFileError(f"{wrong}: it lists no layers")
    if described.get("dtype") not in ("float32", "float64"):
        raise model_file.ModelFileError(
            f"{wrong}: dtype must be float32 or float64, but is {shown(described.get('dtype'))}"
        )
    if not isinstance(metadata, dict):
        raise model_file.ModelFileError(f"{wrong}: its metadata are no mapping")
    layers = []
    for k, settings in enumerate(listed):
        try:
            layers.append(build(settings, Layer))
        except ValueError as error:
            raise model_file.ModelFileError(f"{wrong}: layer {k}: {error}") from error
    return layers, {"dtype": described["dtype"], "seed": described.get("seed")}, metadata


def warn_of_non_finite(net: Network, what: str) -> None:
    """Warn of the first parameter that is NaN or infinite."""
    for name, view in net.parameters.items():
        if n := view.size - int(np.isfinite(view).sum()):
            warn(
                f"{what} holds NaN or infinity in {name!r} ({n} of {view.size} numbers): what it computes will be "
                "no numbers either. Did training diverge?",
                RuntimeWarning,
            )
            return
