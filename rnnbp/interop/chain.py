"""What all readers make: layers one after the other with their parameters, and a network of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.interop.errors import InteropError
from rnnbp.layers import Layer
from rnnbp.networks.network import Network

__all__ = ["Link", "check_network", "network"]

Array = NDArray[Any]


@dataclass
class Link:
    """A layer, with the values of its parameters.

    Attributes
    ----------
    layer : Layer
    parameters : dict of str to ndarray
    place : str
        What it was where it comes from, for errors.
    """

    layer: Layer
    parameters: Mapping[str, Array] = field(default_factory=dict)
    place: str = ""


def network(links: Sequence[Link], dtype: np.dtype[Any]) -> Network:
    """Return a network of layers with given parameters.

    Raises
    ------
    InteropError
        If there is no layer, if they do not fit one another, or if a parameter has another shape.
    """
    if not links:
        raise InteropError("the model has no layer: it hands on what it is given")
    for link in links:
        expected = {parameter.name: parameter.shape for parameter in link.layer.parameters()}
        given = {name: np.shape(array) for name, array in link.parameters.items()}
        for name, shape in expected.items():
            if given.get(name) != shape:
                raise InteropError(
                    f"{link.place}: {name} of {link.layer!r} must be of shape {shape}, but is {given.get(name)}"
                )
    try:
        net = Network([link.layer for link in links], dtype=dtype)
    except ValueError as error:
        places = ", ".join(link.place for link in links)
        raise InteropError(f"the layers do not make a network ({places}): {error}") from error
    for k, link in enumerate(links):
        for name, array in link.parameters.items():
            net.parameters[f"{k}.{name}"][...] = array
    return net


def check_network(net: Any) -> None:
    """Check that what is to be handed on is a network.

    Raises
    ------
    TypeError
        If it is not.
    """
    if not isinstance(net, Network):
        raise TypeError(f"net must be a Network, but {type(net).__name__} was given")
