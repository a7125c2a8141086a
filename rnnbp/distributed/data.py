"""Data sets in parts that workers hold.

The examples are counted through all parts, and minibatches are drawn of that count, as of a data set that is here.
`SpreadArrays` is made of what the client has: example i goes to part i mod P, so that a minibatch is about equally of
all parts, in whatever order the examples are. `SpreadParts` takes the parts as they are in Dask collections.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import dask
import numpy as np
from dask.delayed import Delayed
from distributed import Client, Future
from numpy.typing import NDArray

from rnnbp.data.training_set import Minibatch, TrainingSet
from rnnbp.distributed.crew import Crew
from rnnbp.distributed.description import Description
from rnnbp.distributed.messages import Piece
from rnnbp.losses import Loss
from rnnbp.networks.network import Network

__all__ = ["Spread", "SpreadArrays", "SpreadParts", "in_parts"]

Array = NDArray[Any]
Index = NDArray[np.intp]


class Spread(TrainingSet):
    """A data set in parts that workers hold.

    Parameters
    ----------
    known : TrainingSet
        What of it is here.
    crew : Crew
        The workers.
    """

    def __init__(self, known: TrainingSet, crew: Crew) -> None:
        vars(self).update(vars(known))
        self.crew = crew

    def locate(self, examples: Index) -> tuple[Index, Index]:
        """Return the part of each example, and its number within it."""
        raise NotImplementedError

    def everything(self) -> dict[int, Piece]:
        """Return a piece for each part that has examples: all of it."""
        part, within = self.locate(np.arange(self.n_examples))
        present = np.unique(part)
        return {int(p): Piece(leaf, within[part == p]) for leaf, p in enumerate(present)}


class SpreadArrays(Spread):
    """Arrays that the client has, and of which workers are given their parts.

    Parameters
    ----------
    client : distributed.Client
    n_parts : int
    net, x, lengths, target, loss, sample_weight
        See `TrainingSet`.
    """

    def __init__(
        self, client: Client, n_parts: int, net: Network, x: Any, lengths: Any, *, loss: Loss, **given: Any
    ) -> None:
        whole = TrainingSet(net.interface, x, lengths, loss=loss, **given)
        n_parts = min(n_parts, whole.n_examples)

        async def material(part: int, address: str) -> Any:
            own = whole.subset(np.arange(part, whole.n_examples, n_parts))
            return await client.scatter(own, workers=[address], direct=True, hash=False)

        super().__init__(whole, Crew(client, net, loss, n_parts, material))

    def locate(self, examples: Index) -> tuple[Index, Index]:
        """Return the part of each example, and its number within it."""
        return examples % self.crew.n_parts, examples // self.crew.n_parts


class SpreadParts(Spread):
    """Parts that are in Dask collections: what is known of them here is how many there are of what lengths.

    Parameters
    ----------
    client : distributed.Client
    net, x, lengths, target, loss, sample_weight
        See `TrainingSet`; collections that have the same partitions, or lists of as many delayed objects or futures.

    Raises
    ------
    ValueError
        If parts differ in what must be alike, or if there are no examples.
    """

    def __init__(
        self, client: Client, net: Network, x: Any, lengths: Any, *, target: Any, loss: Loss, sample_weight: Any
    ) -> None:
        named = {"x": x, "target": target, "lengths": lengths, "sample_weight": sample_weight}
        parts = {name: _parts_of(name, given) for name, given in named.items() if given is not None}
        n_parts = len(parts["x"])
        for name, listed in parts.items():
            if len(listed) != n_parts:
                raise ValueError(f"x has {n_parts} parts, but {name} has {len(listed)}: each part of x needs its own")

        async def material(part: int, address: str) -> Any:
            return tuple(parts[name][part] if name in parts else None for name in named)

        crew = Crew(client, net, loss, n_parts, material)
        described = crew.descriptions()
        _expect_alike(described)
        filled = [each for each in described if each.first is not None]
        if not filled:
            raise ValueError("there are no examples in any part of the data")
        first = filled[0].first
        assert first is not None
        super().__init__(first, crew)
        self._first_example = first
        self.n_examples = sum(each.n_examples for each in filled)
        self.n_rows = sum(each.n_rows for each in filled)
        if self.lengths is not None:
            self.lengths = np.concatenate([each.lengths for each in filled if each.lengths is not None])
            self.is_ragged = bool(np.ptp(self.lengths))
        self._stops = np.cumsum([each.n_examples for each in described])

    def locate(self, examples: Index) -> tuple[Index, Index]:
        """Return the part of each example, and its number within it."""
        part = np.searchsorted(self._stops, examples, side="right")
        return part, examples - np.concatenate([[0], self._stops])[part]

    def examples(self, chosen: Index) -> list[Array]:
        """Return a copy of the first example, which is all that is here."""
        return self._first_example.examples(chosen)

    def take_changed(self, chosen: Index, change: Callable[[Array], Array]) -> Minibatch:
        """Return what `change` makes of the first example, to see whether it fits."""
        return self._first_example.take_changed(chosen, change)

    def fingerprint(self) -> dict[str, Any]:
        """Return what tells this data set from others: what tells its parts."""
        pieces = self.everything()
        found = self.crew.ask("fingerprint", np.zeros(1), pieces).found
        content = hashlib.sha256(json.dumps([found[part] for part in sorted(found)]).encode())
        return {"examples": self.n_examples, "parts": self.crew.n_parts, "content": content.hexdigest()}


def in_parts(given: Any) -> bool:
    """Whether data are in Dask collections, or in lists of delayed objects or futures."""
    listed = given[0] if isinstance(given, (list, tuple)) and len(given) else given
    return isinstance(listed, Future) or dask.is_dask_collection(listed)


def _parts_of(name: str, given: Any) -> list[Any]:
    """Return the partitions of a collection along its examples."""
    if isinstance(given, (list, tuple)):
        for i, each in enumerate(given):
            if not isinstance(each, (Delayed, Future)):
                raise TypeError(
                    f"{name} must be a list of delayed objects or futures, one for each part, but entry {i} is a "
                    f"{type(each).__name__}"
                )
        return list(given)
    if isinstance(given, (Delayed, Future)):
        return [given]
    if not hasattr(given, "to_delayed"):
        raise TypeError(
            f"{name} must be a Dask collection as x is, or a list of delayed objects, but a {type(given).__name__} was "
            "given"
        )
    blocks = np.asarray(given.to_delayed(), object)
    if blocks.size != len(blocks):
        raise ValueError(
            f"{name} must be cut into blocks along its first axis only, but it has {blocks.shape} of them: write "
            f"{name}.rechunk({{axis: -1 for axis in range(1, {name}.ndim)}})"
        )
    return list(blocks.ravel())


def _expect_alike(described: list[Description]) -> None:
    """Check that parts are alike in what they must be."""
    known = [(part, each.form) for part, each in enumerate(described) if each.form is not None]
    for part, form in known[1:]:
        first, expected = known[0]
        assert expected is not None
        for what, found in (form or {}).items():
            if found != expected[what]:
                raise ValueError(
                    f"part {part} of the data differs from part {first}: {what} {found}, but {what} {expected[what]} "
                    f"in part {first}"
                )
