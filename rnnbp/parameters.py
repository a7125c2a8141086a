"""Parameters: one flat vector, and names for views of it.

Each part of a network declares its parameters (`Parameter`); `Parameters` lays all of them into one contiguous vector
theta and hands out views. theta never moves and is never rebound: an optimizer that writes ``theta -= step`` has
changed the weights that the layers see, and so have SciPy, a gradient check or a file that is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rnnbp.initializers import Initializer
from rnnbp.reading import read_array

__all__ = ["Parameter", "Parameters"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Parameter:
    """What a layer says of one of its parameters.

    Attributes
    ----------
    name : str
        Such as ``"input_weight"``.
    shape : tuple of int
    initializer : Initializer
    blocks : tuple of str
        The names of the blocks of columns that share this parameter, such as a GRU's ``("r", "z", "n")``.
    """

    name: str
    shape: tuple[int, ...]
    initializer: Initializer
    blocks: tuple[str, ...] = field(default=("",))


class Parameters(Mapping[str, Array]):
    """Named views of one flat vector.

    Parameters
    ----------
    declared : sequence of Parameter
        In the order in which they lie in the vector; names are unique.
    dtype : data-type
        float32 or float64.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
    decayed : ndarray of bool, of shape (n_parameters,)
        Where weight decay applies: in matrices, and not in biases and gains.
    places : dict of str to tuple (slice, shape)
        Where each parameter lies in the vector.
    """

    def __init__(self, declared: Sequence[Parameter], dtype: DTypeLike) -> None:
        self.declared = tuple(declared)
        stops = list(accumulate(math.prod(p.shape) for p in declared))
        self.slices = {
            p.name: (slice(stop - math.prod(p.shape), stop), p.shape) for p, stop in zip(declared, stops, strict=True)
        }
        self.theta: Array = np.zeros(stops[-1] if stops else 0, dtype)
        self._views = self.views_of(self.theta)
        self.decayed = np.concatenate(
            [np.full(math.prod(p.shape), len(p.shape) > 1) for p in declared] or [np.zeros(0, bool)]
        )

    def copy(self) -> Parameters:
        """Return the same parameters, in a vector of their own."""
        twin = Parameters(self.declared, self.theta.dtype)
        twin.theta[...] = self.theta
        return twin

    def initialize(self, rng: np.random.Generator) -> None:
        """Draw all parameters anew, in the order in which they were declared."""
        for p in self.declared:
            self._views[p.name][...] = p.initializer(p.shape, rng, p.blocks)

    def views_of(self, vector: Array) -> dict[str, Array]:
        """Return the named views of another vector that is laid out like theta, such as a gradient.

        Raises
        ------
        ValueError
            If the vector's shape is not theta's.
        """
        vector = read_array(vector, "the vector")
        if vector.shape != self.theta.shape:
            raise ValueError(
                f"expected a vector of shape {self.theta.shape}, like theta, but its shape is {vector.shape}"
            )
        return {name: vector[place].reshape(shape) for name, (place, shape) in self.slices.items()}

    def within(self, prefix: str) -> dict[str, Array]:
        """Return the views whose names begin so, under the rest of their names."""
        return {name.removeprefix(prefix): view for name, view in self._views.items() if name.startswith(prefix)}

    def name_at(self, index: int) -> str:
        """Return the name of the parameter that the element ``theta[index]`` belongs to."""
        stops = np.cumsum([math.prod(p.shape) for p in self.declared])
        return self.declared[int(np.searchsorted(stops, index, side="right"))].name

    def __getitem__(self, name: str) -> Array:
        try:
            return self._views[name]
        except KeyError:
            raise KeyError(f"no parameter {name!r}: there are {', '.join(self._views)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)
