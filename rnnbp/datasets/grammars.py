"""Languages whose next symbol is to be predicted: the Reber grammars and a^n b^n.

A string is shown symbol by symbol; after each, the target marks every symbol that may come next::

    X[t] = one-hot(string[t])        y[t] = all s such that some legal string begins with string[:t+1] + s

More than that cannot be known where the grammar leaves a choice. A string counts as understood if at every step
the symbols that may come next, as many as they are, have the highest outputs. X ends before the last symbol, after
which nothing comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rnnbp.configuration import shown, whole_number
from rnnbp.datasets.checks import RandomState, floating, generator
from rnnbp.names import explained

__all__ = ["ANBN_SYMBOLS", "REBER_SYMBOLS", "decode", "is_reber", "make_anbn", "make_embedded_reber", "make_reber"]

REBER_SYMBOLS = "BTSXPVE"
ANBN_SYMBOLS = "SabT"

Sequences = list[NDArray[Any]]
Graph = tuple[dict[str, int], ...]  # for each state: which symbols may come, and the state that each leads to

# A string begins in state 0 and ends in the last state.
REBER: Graph = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"S": 6, "X": 3},
    {"V": 6, "P": 4},
    {"E": 7},
    {},
)


def _embed(graph: Graph) -> Graph:
    """Put two copies between B and E: one between T and T, the other between P and P."""
    n = len(graph)
    closing = 2 + 2 * n

    def copy(first: int, symbol: str) -> Graph:
        moved = tuple({s: first + to for s, to in leads.items()} for leads in graph)
        return (*moved[:-1], {symbol: closing})

    return ({"B": 1}, {"T": 2, "P": 2 + n}, *copy(2, "T"), *copy(2 + n, "P"), {"E": closing + 1}, {})


EMBEDDED_REBER = _embed(REBER)


@explained
def make_reber(
    n_samples: int, *, dtype: DTypeLike = np.float32, random_state: RandomState = None
) -> tuple[Sequences, Sequences]:
    """Make strings of the Reber grammar [1]_, and for each symbol those that may come next.

    The grammar forks into two ways at each of five states, here with equal chances: B T S X X T V V E, for example.
    Strings have at least 5 symbols, and 8 on average. Two symbols of memory do; `make_embedded_reber` needs more.

    Parameters
    ----------
    n_samples : int
        Strings N.
    dtype : {"float32", "float64"}, default="float32"
        Type of X and y.
    random_state : int, numpy.random.Generator or None, default=None
        Seed, for the same data again.

    Returns
    -------
    X : list of N ndarrays of shape (T_i, 7)
        One-hot in the order of ``"BTSXPVE"``: each string but for the E at its end.
    y : list of N ndarrays of shape (T_i, 7)
        1 for each symbol that may come next, else 0.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    See Also
    --------
    decode : From one-hot arrays to strings.
    is_reber : Whether a string is legal.

    References
    ----------
    .. [1] A. S. Reber, "Implicit learning of artificial grammars", Journal of Verbal Learning and Verbal Behavior
       6(6), 1967.

    Examples
    --------
    >>> X, y = make_reber(1, random_state=0)
    >>> X[0].shape == y[0].shape, int(y[0][0].sum())  # after B come T or P
    (True, 2)
    """
    return _walks(REBER, n_samples, dtype, random_state)


@explained
def make_embedded_reber(
    n_samples: int, *, dtype: DTypeLike = np.float32, random_state: RandomState = None
) -> tuple[Sequences, Sequences]:
    """Make strings of the embedded Reber grammar [1]_, and for each symbol those that may come next.

    A B, then a T or a P, then a whole string of the Reber grammar, then the same T or P again, then an E. Whether T or
    P comes last but one depends only on the second symbol, 6 steps before or more (9 on average).

    Parameters
    ----------
    n_samples : int
        Strings N.
    dtype : {"float32", "float64"}, default="float32"
        Type of X and y.
    random_state : int, numpy.random.Generator or None, default=None
        Seed, for the same data again.

    Returns
    -------
    X : list of N ndarrays of shape (T_i, 7)
        One-hot in the order of ``"BTSXPVE"``: each string but for the E at its end.
    y : list of N ndarrays of shape (T_i, 7)
        1 for each symbol that may come next, else 0.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    See Also
    --------
    decode : From one-hot arrays to strings.
    is_reber : Whether a string is legal.

    References
    ----------
    .. [1] A. Cleeremans, D. Servan-Schreiber and J. L. McClelland, "Finite state automata and simple recurrent
       networks", Neural Computation 1(3), 1989; experiment 1 of S. Hochreiter and J. Schmidhuber, "Long short-term
       memory", Neural Computation 9(8), 1997.

    Examples
    --------
    >>> X, y = make_embedded_reber(1, random_state=0)
    >>> decode(X, REBER_SYMBOLS)
    ['BPBPVVEP']
    """
    return _walks(EMBEDDED_REBER, n_samples, dtype, random_state)


@explained
def is_reber(string: str, *, embedded: bool = False) -> bool:
    """Tell whether a string is legal.

    Parameters
    ----------
    string : str
        Of any characters; legal ones begin with B and end with E.
    embedded : bool, default=False
        By the embedded grammar.

    See Also
    --------
    make_reber

    Examples
    --------
    >>> is_reber("BTXSE"), is_reber("BTXXE")
    (True, False)
    """
    if not isinstance(string, str):
        raise TypeError(f"string must be a str, such as 'BTXSE', but {shown(string)} was given")
    graph = EMBEDDED_REBER if embedded else REBER
    state = 0
    for symbol in string:
        if symbol not in graph[state]:
            return False
        state = graph[state][symbol]
    return not graph[state]


@explained
def make_anbn(
    n_samples: int,
    *,
    n_min: int = 1,
    n_max: int = 10,
    dtype: DTypeLike = np.float32,
    random_state: RandomState = None,
) -> tuple[Sequences, Sequences]:
    """Make strings of n times a and then n times b, and for each symbol those that may come next [1]_.

    No finite automaton knows where the bs end: a network has to count. It is usual to train on small n and to find
    out up to which n it stays right. Strings are ``S a...a b...b T``, with symbols for start and end.

    Parameters
    ----------
    n_samples : int
        Strings N.
    n_min, n_max : int, default=1 and 10
        Each n is drawn from n_min to n_max, both included.
    dtype : {"float32", "float64"}, default="float32"
        Type of X and y.
    random_state : int, numpy.random.Generator or None, default=None
        Seed, for the same data again.

    Returns
    -------
    X : list of N ndarrays of shape (2 n_i + 1, 4)
        One-hot in the order of ``"SabT"``: each string but for the T at its end.
    y : list of N ndarrays of shape (2 n_i + 1, 4)
        1 for each symbol that may come next, else 0: a after S, a or b after an a, b until there are n, then T.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    See Also
    --------
    decode : From one-hot arrays to strings.

    References
    ----------
    .. [1] F. A. Gers and J. Schmidhuber, "LSTM recurrent networks learn simple context-free and context-sensitive
       languages", IEEE Transactions on Neural Networks 12(6), 2001.

    Examples
    --------
    >>> X, y = make_anbn(2, n_min=2, n_max=3, random_state=0)
    >>> decode(X, ANBN_SYMBOLS)
    ['Saaabbb', 'Saaabbb']
    """
    n_strings, low = whole_number("n_samples", n_samples), whole_number("n_min", n_min)
    high = whole_number("n_max", n_max, least=low)
    counts = generator(random_state).integers(low, high, n_strings, endpoint=True)
    X = [_encode("S" + n * "a" + n * "b", ANBN_SYMBOLS, dtype) for n in counts]
    y = [_encode(["a", *n * ["ab"], *(n - 1) * ["b"], "T"], ANBN_SYMBOLS, dtype) for n in counts]
    return X, y


@explained
def decode(X: Iterable[NDArray[Any]], symbols: str) -> list[str]:
    """Return the strings that one-hot arrays stand for.

    Parameters
    ----------
    X : iterable of ndarrays of shape (T_i, n_symbols)
        One-hot, or any scores of which the highest counts.
    symbols : str
        What each column stands for: `REBER_SYMBOLS` or `ANBN_SYMBOLS`.

    Raises
    ------
    ValueError
        If there are not as many columns as symbols.

    See Also
    --------
    make_reber

    Examples
    --------
    >>> X, y = make_reber(1, random_state=0)
    >>> decode(X, REBER_SYMBOLS)
    ['BPVPS']
    """
    sequences = [np.asarray(x) for x in X]
    for i, x in enumerate(sequences):
        if x.ndim != 2 or x.shape[1] != len(symbols):
            raise ValueError(
                f"sequence {i} must have shape (T, {len(symbols)}), with a column for each of the symbols "
                f"{shown(symbols)}, but its shape is {x.shape}"
            )
    return ["".join(symbols[k] for k in x.argmax(axis=1)) for x in sequences]


def _walks(graph: Graph, n_samples: int, dtype: DTypeLike, random_state: RandomState) -> tuple[Sequences, Sequences]:
    """Walk through the graph at random, N times from its first state to its last."""
    n, rng = whole_number("n_samples", n_samples), generator(random_state)
    X, y = [], []
    for _ in range(n):
        state, shown, possible = 0, "", []
        while graph[state]:
            possible.append("".join(graph[state]))
            shown += possible[-1][rng.integers(len(possible[-1]))]
            state = graph[state][shown[-1]]
        X.append(_encode(shown[:-1], REBER_SYMBOLS, dtype))
        y.append(_encode(possible[1:], REBER_SYMBOLS, dtype))
    return X, y


def _encode(steps: Iterable[str], symbols: str, dtype: DTypeLike) -> NDArray[Any]:
    """One row a step, with ones for all symbols of the step."""
    return np.array([[symbol in step for symbol in symbols] for step in steps], dtype=floating(dtype))
