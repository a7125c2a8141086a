"""Initial values of parameters.

An initializer is called as ``initializer(shape, rng, blocks) -> array``. `blocks` names the blocks of columns that
one parameter joins (an LSTM's ``("i", "f", "g", "o")``, a Dense layer's ``("",)``); each block is drawn for itself, so
that the fan-out of one gate counts and not that of all of them. With F_in rows and F_out columns a block::

    Glorot       U(-a, a), a = sqrt(6 / (F_in + F_out))             Glorot and Bengio 2010, eq. 16
    He           N(0, 2 / F_in)                                     He et al. 2015, eq. 10
    Orthogonal   Q of the QR of a Gaussian matrix                   Saxe et al. 2014
    Identity     scale * I                                          Le, Jaitly and Hinton 2015 (IRNN)
    ForgetGate   0, but b_f = value                                 Gers et al. 2000; Jozefowicz et al. 2015
    Chrono       b_f = log U(1, T - 1), b_i = -b_f                  Tallec and Ollivier 2018, eq. 16

A GRU's update gate z keeps the old state (h = (1 - z) n + z h'), so it is its forget gate.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import Configurable, lookup, number, whole_number
from rnnbp.names import explained, explained_module

__all__ = [
    "Chrono",
    "ForgetGate",
    "Glorot",
    "He",
    "Identity",
    "Initializer",
    "Ones",
    "Orthogonal",
    "Zeros",
    "get",
]

FORGET_GATES = ("f", "z")


class Initializer(Configurable, ABC):
    """How a parameter's first values are drawn.

    See Also
    --------
    get

    Examples
    --------
    One of one's own; it is saved with its layer:

    >>> from rnnbp import Network, layers
    >>> class Half(Initializer):
    ...     def __call__(self, shape, rng, blocks):
    ...         return np.full(shape, 0.5)
    >>> print(Network([layers.Dense(1, 2, weight_initializer=Half())]).parameters["0.weight"])
    [[0.5 0.5]]
    """

    @abstractmethod
    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator, blocks: Sequence[str]) -> NDArray[np.float64]:
        """Draw the values of one parameter.

        Parameters
        ----------
        shape : tuple of int
            The parameter's shape: ``(inputs, len(blocks) * width)`` or ``(len(blocks) * width,)``.
        rng : numpy.random.Generator
            The source of randomness.
        blocks : sequence of str
            The names of the blocks of columns.

        Returns
        -------
        ndarray of float64
            Of that shape.
        """


class _WeightInitializer(Initializer):
    """An initializer that draws each block of a weight matrix for itself."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator, blocks: Sequence[str]) -> NDArray[np.float64]:
        """Draw the values; see `Initializer`."""
        if len(shape) != 2:
            raise ValueError(f"{self!r} is for matrices of weights, and cannot draw biases of shape {shape}")
        rows, columns = shape
        return np.hstack([self._draw(rows, columns // len(blocks), rng) for _ in blocks])

    @abstractmethod
    def _draw(self, rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw one block."""


class Glorot(_WeightInitializer):
    """U(-a, a) with a = sqrt(6 / (F_in + F_out)) (Glorot and Bengio 2010, eq. 16).

    See Also
    --------
    He
    Orthogonal

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> net = Network([layers.Dense(100, 50, weight_initializer=Glorot())])
    >>> bool(abs(net.parameters["0.weight"]).max() <= np.sqrt(6 / 150))
    True
    """

    def _draw(self, rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float64]:
        limit = math.sqrt(6.0 / (rows + columns))
        return rng.uniform(-limit, limit, (rows, columns))


class He(_WeightInitializer):
    """N(0, 2 / F_in), for rectifiers (He et al. 2015, eq. 10).

    See Also
    --------
    Glorot

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> net = Network([layers.Dense(800, 500, weight_initializer=He())])
    >>> round(float(net.parameters["0.weight"].std() / np.sqrt(2 / 800)), 1)
    1.0
    """

    def _draw(self, rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float64]:
        return rng.normal(0.0, math.sqrt(2.0 / rows), (rows, columns))


class Orthogonal(_WeightInitializer):
    """A random matrix with orthonormal columns, or rows where these are fewer (Saxe et al. 2014).

    See Also
    --------
    Glorot
    Identity

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> U = Network([layers.Elman(1, 5)], dtype="float64").parameters["0.recurrent_weight"]  # the default there
    >>> bool(np.allclose(U @ U.T, np.eye(5)))
    True
    """

    def _draw(self, rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float64]:
        gaussian = rng.normal(size=(max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(gaussian)
        q *= np.sign(np.diag(r))  # else QR's choice of signs makes Q less than uniform (Mezzadri 2007)
        return q if rows >= columns else np.ascontiguousarray(q.T)


class Identity(_WeightInitializer):
    """`scale` times the identity; with relu units an IRNN's recurrent weights (Le, Jaitly and Hinton 2015).

    Parameters
    ----------
    scale : float, default 1.0

    See Also
    --------
    Orthogonal
    rnnbp.layers.Elman

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> net = Network([layers.Elman(1, 2, activation="relu", recurrent_initializer=Identity(0.9))])
    >>> print(net.parameters["0.recurrent_weight"])
    [[0.9 0. ]
     [0.  0.9]]
    """

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = number("scale", scale, "(-inf, inf)")

    def _draw(self, rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float64]:
        return self.scale * np.eye(rows, columns)


class Zeros(Initializer):
    """Zeros.

    See Also
    --------
    Ones

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> print(Network([layers.Dense(1, 2, bias_initializer=Zeros())]).parameters["0.bias"])  # the default
    [0. 0.]
    """

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator, blocks: Sequence[str]) -> NDArray[np.float64]:
        """Draw the values; see `Initializer`."""
        return np.zeros(shape)


class Ones(Initializer):
    """Ones.

    See Also
    --------
    Zeros

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> print(Network([layers.Dense(1, 2, bias_initializer=Ones())]).parameters["0.bias"])
    [1. 1.]
    """

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator, blocks: Sequence[str]) -> NDArray[np.float64]:
        """Draw the values; see `Initializer`."""
        return np.ones(shape)


class ForgetGate(Initializer):
    """Biases of 0, but of `value` in the forget gate, if there is one (Gers et al. 2000; Jozefowicz et al. 2015).

    Parameters
    ----------
    value : float, default 1.0

    See Also
    --------
    Chrono
    rnnbp.layers.LSTM

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> net = Network([layers.LSTM(1, 2, bias_initializer=ForgetGate(3.0))])
    >>> print(net.parameters["0.bias"])  # i, f, g, o
    [0. 0. 3. 3. 0. 0. 0. 0.]
    """

    def __init__(self, value: float = 1.0) -> None:
        self.value = number("value", value, "(-inf, inf)")

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator, blocks: Sequence[str]) -> NDArray[np.float64]:
        """Draw the values; see `Initializer`."""
        bias = np.zeros(shape)
        for block, part in zip(blocks, np.split(bias, len(blocks)), strict=True):
            if block in FORGET_GATES:
                part[:] = self.value
        return bias


class Chrono(Initializer):
    """Biases for dependencies of up to `longest` steps (Tallec and Ollivier 2018, eq. 16), for LSTM and GRU.

    Parameters
    ----------
    longest : int
        The longest dependency that the data are thought to have, in steps; at least 3.

    Raises
    ------
    ValueError
        If `longest` is below 3, or, when called, if the cell has no forget gate.

    See Also
    --------
    ForgetGate
    rnnbp.layers.LSTM

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> net = Network([layers.LSTM(1, 100, bias_initializer=Chrono(200))])
    >>> i, f, g, o = net.parameters["0.bias"].reshape(4, 100)
    >>> bool((i == -f).all()), bool(f.max() <= np.log(199))
    (True, True)
    """

    def __init__(self, longest: int) -> None:
        self.longest = whole_number("longest", longest, least=3)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator, blocks: Sequence[str]) -> NDArray[np.float64]:
        """Draw the values; see `Initializer`."""
        bias = np.zeros(shape)
        parts = dict(zip(blocks, np.split(bias, len(blocks)), strict=True))
        gate = next((block for block in blocks if block in FORGET_GATES), None)
        if gate is None:
            raise ValueError(f"Chrono is for a cell with a forget gate (LSTM, GRU), but the gates here are {blocks}")
        parts[gate][:] = np.log(rng.uniform(1.0, self.longest - 1.0, parts[gate].shape))
        if "i" in parts:
            parts["i"][:] = -parts[gate]
        return bias


_NAMED: dict[str, type[Initializer]] = {
    "glorot": Glorot,
    "he": He,
    "orthogonal": Orthogonal,
    "identity": Identity,
    "zeros": Zeros,
    "ones": Ones,
    "forget_gate": ForgetGate,
}


@explained
def get(initializer: str | Initializer) -> Initializer:
    """Return the initializer of that name, or the one that is given.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.

    See Also
    --------
    Initializer

    Examples
    --------
    >>> get("orthogonal"), get(Identity(0.5))
    (Orthogonal(), Identity(scale=0.5))
    """
    if isinstance(initializer, Initializer):
        return initializer
    return lookup(_NAMED, initializer, "initializer")()


explained_module(  # Keras' and PyTorch's names
    __name__,
    {
        **dict.fromkeys(("GlorotUniform", "xavier_uniform_"), "write Glorot()"),
        **dict.fromkeys(("GlorotNormal", "xavier_normal_"), "Glorot() draws from the uniform distribution"),
        **dict.fromkeys(("HeNormal", "kaiming_normal_"), "write He()"),
        **dict.fromkeys(("HeUniform", "kaiming_uniform_"), "He() draws from the normal distribution"),
        **dict.fromkeys(("OrthogonalInitializer", "orthogonal_"), "write Orthogonal()"),
        **dict.fromkeys(("RandomNormal", "RandomUniform", "Constant"), "derive one of your own from Initializer"),
    },
)
