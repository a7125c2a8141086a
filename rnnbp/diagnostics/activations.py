"""What every unit does over time: the outputs of all layers, and the states and gates of recurrent ones.

Cost: one pass forwards in NumPy, and memory for all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.configuration import shown
from rnnbp.data.packing import Packing
from rnnbp.diagnostics.problem import network_copy
from rnnbp.diagnostics.recording import Recorder, recordings
from rnnbp.layers import Context
from rnnbp.names import explained
from rnnbp.networks.network import Network

__all__ = ["Activations", "activations"]

Array = NDArray[Any]


class Activations(Mapping[str, Array]):
    """Named arrays of what units do; see `activations`.

    Attributes
    ----------
    lengths : ndarray of int, of shape (B,), or None
        The true lengths of the sequences; None for static examples.

    See Also
    --------
    activations
    rnnbp.plotting.plot_activations

    Examples
    --------
    >>> from rnnbp import layers
    >>> net = Network([layers.LSTM(2, 4), layers.LastStep(), layers.Dense(4, 1)])
    >>> seen = activations(net, np.zeros((5, 3, 2)))
    >>> seen["0.c"].shape
    (5, 3, 4)
    """

    def __init__(
        self,
        arrays: Mapping[str, Array],
        lengths: NDArray[np.intp] | None,
        shortened: Mapping[str, NDArray[np.intp]] | None = None,
    ) -> None:
        self._arrays, self.lengths = dict(arrays), lengths
        self._shortened = dict(shortened or {})  # the lengths of what comes after a layer with a stride

    def __getitem__(self, name: str) -> Array:
        try:
            return self._arrays[name]
        except KeyError:
            raise KeyError(f"no activations {name!r}: there are {', '.join(self._arrays)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def of(self, index: int) -> dict[str, Array]:
        """Return those of one sequence or example, without padding: arrays of shape (T_i, width) or (width,)."""
        n = len(next(iter(self.values()))) if self.lengths is None else len(self.lengths)
        if not -n <= index < n:
            raise IndexError(
                f"index must be that of one of the {n} sequences or examples, but {shown(index)} was given"
            )
        if self.lengths is None:
            return {name: array[index] for name, array in self.items()}
        return {
            name: array[: self._shortened.get(name, self.lengths)[index], index] if array.ndim == 3 else array[index]
            for name, array in self.items()
        }

    def __repr__(self) -> str:
        shapes = "".join(f"\n  {name:<14}{array.shape!s}" for name, array in self.items())
        return f"Activations, of shape (steps, sequences, units) or (sequences or examples, units):{shapes}"


@explained
def activations(net: Network, x: ArrayLike | Sequence[ArrayLike], lengths: ArrayLike | None = None) -> Activations:
    """Return the output of every layer, and the states and gates of recurrent ones, at every step.

    Parameters
    ----------
    net : Network
        It is left as it is.
    x, lengths
        See `Network.batch`.

    Returns
    -------
    Activations
        A mapping of names to arrays of shape (T, B, width), or (B, width) for static examples and after pooling over
        time; zeros stand after a sequence's end. ``"0"`` is the output of layer 0. A recurrent layer's variables and
        gates are called as its cell calls them: an LSTM's ``"0.h"``, ``"0.c"``, ``"0.i"``, ``"0.f"``, ``"0.g"`` and
        ``"0.o"``, those of the backward direction ``"0.h_reverse"`` and so on. Row t belongs to input t, in both
        directions. A gate is what the cell keeps of a pre-activation for its pullback, in the library's own gated cells
        its value after the activation function (a GRU's ``n_h`` is the recurrent part of its candidate, before).

    Raises
    ------
    ValueError
        If the input does not fit the network.

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> net = Network([layers.GRU(3, 8), layers.LastStep(), layers.Dense(8, 2)])
    >>> seen = activations(net, np.zeros((5, 4, 3)))
    >>> list(seen)
    ['0', '0.h', '0.r', '0.z', '0.n', '0.n_h', '1', '2']
    >>> seen["0.z"].shape, seen["2"].shape
    ((5, 4, 8), (4, 2))
    """
    twin = network_copy(net, gradient=Recorder)
    batch = twin.batch(x, lengths)
    packing, outputs = batch.packing, []
    a, arranged = batch.rows, packing
    for k, layer in enumerate(twin.layers):
        a, _ = layer.forward(twin.parameters.within(f"{k}."), a, Context(arranged, False, twin.rng))
        arranged = None if arranged is None else layer.output_packing(arranged)
        outputs.append((np.array(a), arranged))

    def laid_out(rows: Array, in_time: Packing | None) -> Array:
        if packing is None:
            return rows
        return np.array(packing.unsort(rows) if in_time is None else in_time.unpack(rows)[: in_time.n_steps])

    inside: dict[int, dict[str, Array]] = {}
    for recording in recordings(twin):
        seen = recording.variables() | recording.gates()
        named = {recording.name(own): laid_out(rows, outputs[recording.layer][1]) for own, rows in seen.items()}
        inside.setdefault(recording.layer, {}).update(named)
    arrays: dict[str, Array] = {}
    shortened: dict[str, NDArray[np.intp]] = {}
    for k, (rows, in_time) in enumerate(outputs):
        arrays |= (own := {f"{k}": laid_out(rows, in_time), **inside.get(k, {})})
        if in_time is not None and in_time is not packing:
            shortened |= dict.fromkeys(own, in_time.unsort(in_time.lengths))
    return Activations(arrays, None if packing is None else packing.unsort(packing.lengths), shortened)
