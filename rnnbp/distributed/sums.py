"""Sums whose bits do not depend on who adds what.

Floating-point addition is not associative, so the order of a sum must be fixed. The n summands are the leaves of a tree
that n alone determines::

    level 0      0     1     2     3     4
    level 1       0 + 1       2 + 3      4          two neighbours, or one that has none, make a node
    level 2         (0 + 1) + (2 + 3)    4
    level 3           ((0 + 1) + (2 + 3)) + 4

A node is ``(level, index)``. Whoever holds both children of a node adds them, and passes the rest on: however the
leaves are spread, and along whatever way they travel, the root is the same to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sums", "add_up", "root"]

Sums = dict[tuple[int, int], NDArray[Any]]


def _n_levels(n_leaves: int) -> int:
    return (n_leaves - 1).bit_length()


def add_up(sums: Sums, n_leaves: int) -> Sums:
    """Return the fewest nodes that some nodes can be added up to.

    Parameters
    ----------
    sums : dict of (level, index) to ndarray of shape (P,)
    n_leaves : int
        Of the whole tree.
    """
    sums = dict(sums)
    for level in range(_n_levels(n_leaves)):
        n_nodes = -(-n_leaves // 2**level)
        for index in range(0, n_nodes, 2):
            children = [(level, i) for i in (index, index + 1) if i < n_nodes]
            if all(child in sums for child in children):
                first, *second = (sums.pop(child) for child in children)
                sums[level + 1, index // 2] = np.add(first, *second) if second else first
    return sums


def root(sums: Sums, n_leaves: int) -> NDArray[Any]:
    """Return the sum of all leaves.

    Raises
    ------
    KeyError
        If a leaf is missing.
    """
    return add_up(sums, n_leaves)[_n_levels(n_leaves), 0]
