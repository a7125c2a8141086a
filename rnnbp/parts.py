"""The parts that a network runs: its layers, but dense layers and activations that follow each other as one chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from numpy.typing import NDArray

from rnnbp.layers import Dense, Layer
from rnnbp.layers.chain import Chain, can_join
from rnnbp.parameters import Parameters
from rnnbp.workspace import Workspace

__all__ = ["Part", "parts_of"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Part:
    """A layer, or a chain of several, with all that it needs to run.

    Attributes
    ----------
    k : int
        The number of its (first) layer in the network.
    layer : Layer
    parameters : dict of str to ndarray
        Views of theta.
    places : dict of str to tuple (slice, shape)
        Where they lie in it.
    workspace : Workspace
    """

    k: int
    layer: Layer
    parameters: Mapping[str, Array]
    places: Mapping[str, tuple[slice, tuple[int, ...]]]
    workspace: Workspace

    def views(self, vector: Array) -> dict[str, Array]:
        """Return the part's own views of a vector that is laid out like theta."""
        return {name: vector[place].reshape(shape) for name, (place, shape) in self.places.items()}


def parts_of(
    layers: Sequence[Layer], n_inputs: int, parameters: Parameters, workspaces: Sequence[Workspace]
) -> list[Part]:
    """Return the parts of a network."""
    parts: list[Part] = []
    for joined, group in groupby(enumerate(layers), key=lambda numbered: can_join(numbered[1])):
        numbered = list(group)
        chained = joined and any(isinstance(layer, Dense) for _, layer in numbered)
        for members in [numbered] if chained else [[one] for one in numbered]:
            k, layer = members[0]
            names = {f"{number}.{p.name}": p.name for number, member in members for p in member.parameters()}
            places = {own: parameters.places[name] for name, own in names.items()}
            if chained:
                layer = Chain([member for _, member in members], n_inputs)
                first, *_, last = [parameters.places[name][0] for name in names]
                places = {"theta": (slice(first.start, last.stop), (last.stop - first.start,))}
            views = {own: parameters.theta[place].reshape(shape) for own, (place, shape) in places.items()}
            parts.append(Part(k, layer, views, places, workspaces[k]))
            n_inputs = layer.output_width(n_inputs)
    return parts
