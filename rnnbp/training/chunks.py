"""Stateful training: long sequences cut into chunks, with the states carried from each to the next.

::

    s = 0                                             at each sequence's start
    for each chunk of k steps
        L, s, dL/dtheta = the chunk, begun from s     the gradient goes back to the chunk's first step, not beyond
        theta <- optimizer(theta, dL/dtheta)

Memory and the time between updates then depend on k and not on the sequences' length, which may be without end. It is
truncated backpropagation through time with k1 = k2 = k, and an update at each cut. A sequence that has ended leaves its
batch, and its states with it.

References
----------
R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line training of recurrent network
trajectories", Neural Computation 2, 1990.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.training_set import TrainingSet
from rnnbp.networks.network import Network

__all__ = ["check", "cut", "surviving"]

Array = NDArray[Any]
Index = NDArray[np.intp]


def check(net: Network, data: TrainingSet) -> None:
    """Check that a network can be trained on chunks of its sequences.

    Raises
    ------
    ValueError
        If it cannot; says why.
    """
    if data.lengths is None:
        raise ValueError("chunk_length cuts sequences, but the input is static examples: leave it out")
    for k, layer in enumerate(net.layers):
        if layer.runs_backwards:
            raise ValueError(
                f"layer {k}, {layer!r}, runs backwards, from an end that a chunk does not know: train without "
                "chunk_length, or with a layer that runs forwards only"
            )
    for k, layer in enumerate(net.layers):
        if layer.needs_time and not layer.pools_time and not layer.states():
            raise ValueError(
                f"layer {k}, {layer!r}, looks along time but carries no state from chunk to chunk: train without "
                "chunk_length"
            )
    if net.pools_time:
        raise ValueError(
            "chunk_length needs a target for each step, as there is an update after each chunk; this network gives one "
            "output for a whole sequence, and so has a loss at its end only: train without chunk_length, and to save "
            "memory with gradient=gradients.CheckpointedBPTT()"
        )
    if not data.can_cut:
        raise ValueError(
            "chunk_length needs a target for each step, but this loss has one for a whole sequence: leave it out"
        )


def cut(batches: Iterable[Index], data: TrainingSet, chunk_length: int) -> Iterator[tuple[Index, int, int]]:
    """Return the chunks of each batch in order: the sequences that have not ended, the first step, and the last + 1."""
    lengths = data.lengths
    assert lengths is not None, "`check` lets only sequences come here"
    for chosen in batches:
        for start in range(0, int(lengths[chosen].max()), chunk_length):
            yield chosen[lengths[chosen] > start], start, start + chunk_length


def surviving(states: dict[str, Array], before: Index, data: TrainingSet, start: int) -> dict[str, Array]:
    """Return the states of those of the sequences `before` that go on at step `start`; none where all begin."""
    if start == 0 or data.lengths is None:
        return {}
    going_on = data.lengths[before] > start
    return {name: state[going_on] for name, state in states.items()}
