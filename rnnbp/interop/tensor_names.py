"""Weights without code: a network's tensors under the names and in the layouts of another program.

::

    names = interop.names("pytorch")
    names.save(net, "weights.safetensors")       # layers.0.weight_ih_l0, ...
    names.load(net, "theirs.safetensors")        # into a network that has been built like theirs

A tensor's name is that of its module, a point, and its own (`rnnbp.interop.naming`). Shapes tell which module is which
layer, where they leave no choice; else `load` is told by its ``modules``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import lookup
from rnnbp.files.tensor_file import DamagedError, TensorFile
from rnnbp.files.writing import write_atomically
from rnnbp.interop.chain import check_network
from rnnbp.interop.errors import InteropError
from rnnbp.interop.naming import Keras, Naming, PyTorch
from rnnbp.layers import Layer
from rnnbp.names import explained
from rnnbp.networks.network import Network

__all__ = ["Names", "names"]

Array = NDArray[Any]
NAMINGS: dict[str, tuple[Naming, str]] = {"pytorch": (PyTorch(), "."), "keras": (Keras(), "/")}
DEPTH = re.compile(r".*_l(\d+)(_reverse)?")


@explained
def names(program: Literal["pytorch", "keras"]) -> Names:
    """Return how a program names tensors.

    Parameters
    ----------
    program : {"pytorch", "keras"}

    Returns
    -------
    Names

    Raises
    ------
    ValueError
        If it is another.

    Examples
    --------
    >>> from rnnbp import Network, interop, layers
    >>> net = Network([layers.GRU(3, 8), layers.LastStep(), layers.Dense(8, 2)])
    >>> {name: array.shape for name, array in interop.names("pytorch").tensors(net).items()}
    {'layers.0.weight_ih_l0': (24, 3), 'layers.0.weight_hh_l0': (24, 8), 'layers.0.bias_ih_l0': (24,),
     'layers.0.bias_hh_l0': (24,), 'layers.2.weight': (2, 8), 'layers.2.bias': (2,)}
    """
    return Names(*lookup(NAMINGS, program, "program"))


class Names:
    """How one program names tensors; see `names`."""

    def __init__(self, naming: Naming, separator: str) -> None:
        self._naming, self._separator = naming, separator

    def tensors(self, net: Network) -> dict[str, Array]:
        """Return a network's parameters as tensors of theirs.

        Parameters
        ----------
        net : Network

        Returns
        -------
        dict of str to ndarray
            Names begin with "layers" and the layer's number.

        Raises
        ------
        InteropError
            If they have no such layer.
        """
        check_network(net)
        found: dict[str, Array] = {}
        for k, layer in enumerate(net.layers):
            try:
                own = self._naming.tensors(layer, net.parameters.within(f"{k}."))
            except ValueError as error:
                raise InteropError(f"layer {k}, {layer!r}, has no counterpart there: it {error}") from None
            found |= {self._separator.join(("layers", str(k), name)): array for name, array in own.items()}
        return found

    def save(self, net: Network, path: str | PathLike[str]) -> None:
        """Write a network's tensors as a safetensors file, in one atomic step.

        Parameters
        ----------
        net : Network
        path : path-like

        Raises
        ------
        InteropError
            See `tensors`.
        """
        from safetensors.numpy import save

        arrays = {name: np.ascontiguousarray(array) for name, array in self.tensors(net).items()}
        write_atomically(path, save(arrays))

    def load(
        self,
        net: Network,
        source: str | PathLike[str] | Mapping[str, Array],
        *,
        modules: Sequence[str] | None = None,
    ) -> None:
        """Give a network the weights that another program has trained.

        Parameters
        ----------
        net : Network
            Built like theirs.
        source : path-like or mapping of str to ndarray
            A safetensors file, or its tensors.
        modules : sequence of str or None, default None
            The names of the modules that the layers with parameters are, in the network's order; a module of several
            recurrent layers is named once for each. None has shapes decide.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        InteropError
            If it is no safetensors file, if a module is missing, does not fit its layer, or is left over, or if shapes
            leave a choice. The network is then as it was.
        """
        check_network(net)
        slots = self._slots(_read(source) if isinstance(source, (str, PathLike)) else dict(source))
        layers = {k: layer for k, layer in enumerate(net.layers) if layer.parameters()}
        if modules is None:
            chosen = self._matched(layers, slots)
        else:
            chosen = _numbered(modules)
            if len(chosen) != len(layers):
                raise InteropError(f"modules must name {len(layers)}, one for each layer, but {len(chosen)} were given")
        if left := [_shown(slot) for slot in slots if slot not in chosen]:
            raise InteropError(f"the module {left[0]} is left over: no layer has its shapes, or is named for it")
        loaded: dict[str, Array] = {}
        for (k, layer), slot in zip(layers.items(), chosen, strict=True):
            if slot not in slots:
                raise InteropError(f"there is no module {_shown(slot)}: there are {', '.join(map(_shown, slots))}")
            parameters = self._fitting(layer, slots[slot], slot[1])
            if parameters is None:
                shapes = {name: array.shape for name, array in slots[slot].items()}
                raise InteropError(f"the module {_shown(slot)} does not fit layer {k}, {layer!r}: it has {shapes}")
            loaded |= {f"{k}.{name}": array for name, array in parameters.items()}
        for name, array in loaded.items():
            net.parameters[name][...] = array

    def _slots(self, tensors: Mapping[str, Array]) -> dict[tuple[str, int], dict[str, Array]]:
        """Return the tensors of each module, of recurrent ones by depth, in their natural order."""
        slots: dict[tuple[str, int], dict[str, Array]] = {}
        for name in sorted(tensors, key=_natural):
            module, _, own = name.rpartition(self._separator)
            if module.rpartition(self._separator)[2] in ("forward", "backward"):
                module, _, direction = module.rpartition(self._separator)
                own = f"{direction}/{own}"
            depth = DEPTH.fullmatch(own)
            slots.setdefault((module, int(depth[1]) if depth else 0), {})[own] = np.asarray(tensors[name])
        return slots

    def _fitting(self, layer: Layer, tensors: Mapping[str, Array], depth: int) -> dict[str, Array] | None:
        """Return a layer's parameters of a module's tensors; None if they do not fit it."""
        try:
            parameters = self._naming.parameters(layer, tensors, depth=depth)
            expected = self._naming.tensors(layer, parameters, depth=depth)
        except (KeyError, ValueError, IndexError):
            return None
        shapes = {parameter.name: parameter.shape for parameter in layer.parameters()}
        fits = {name: np.shape(array) for name, array in parameters.items()} == shapes
        return parameters if fits and tensors.keys() <= expected.keys() else None

    def _matched(
        self, layers: Mapping[int, Layer], slots: Mapping[tuple[str, int], Mapping[str, Array]]
    ) -> list[tuple[str, int]]:
        """Return the module of each layer, as shapes tell."""
        chosen: list[tuple[str, int]] = []
        for k, layer in layers.items():
            fitting = [
                slot
                for slot, tensors in slots.items()
                if slot not in chosen and self._fitting(layer, tensors, slot[1]) is not None
            ]
            if not fitting:
                raise InteropError(f"no module fits layer {k}, {layer!r}: there are {', '.join(map(_shown, slots))}")
            numbered = all(re.search(r"\d+$", module) for module, _ in fitting)
            if not numbered and len({module for module, _ in fitting}) > 1:
                raise InteropError(
                    f"layer {k}, {layer!r}, may be any of {', '.join(map(_shown, fitting))}: say which by modules"
                )
            chosen.append(fitting[0])
        return chosen


def _numbered(modules: Sequence[str]) -> list[tuple[str, int]]:
    """Return each module's name, and how often it was named before."""
    return [(name, list(modules[:k]).count(name)) for k, name in enumerate(modules)]


def _shown(slot: tuple[str, int]) -> str:
    return repr(slot[0]) + (f" (layer {slot[1]} of it)" if slot[1] else "")


def _natural(name: str) -> list[Any]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _read(path: str | PathLike[str]) -> dict[str, Array]:
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with TensorFile(path) as file:
            file.read_entries()
            return {name: file.read(name) for name in file.entries}
    except DamagedError as error:
        raise InteropError(f"{path} is no safetensors file, or is damaged: {error}") from error
