r"""What is asked of workers, and what they answer.

A request names its members in the order of the tree that it goes down: the first one is who reads it; the others are
split in two halves, each of which is a request of its own, sent to its first member. Answers come up the same way, and
are added up at each member::

    request to 0: [0, 1, 2, 3, 4, 5, 6]
               0
           /       \
       [1, 2, 3]  [4, 5, 6]
         / \        / \
        2   3      5   6

So nobody talks to more than three others, and n workers are reached in log2(n) steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

from rnnbp.distributed.sums import Sums, add_up

__all__ = ["Answer", "Piece", "Request"]

Array = NDArray[Any]


@dataclass
class Piece:
    """What of a part of the data a request is about.

    Attributes
    ----------
    leaf : int
        Its place in the sum; see `rnnbp.distributed.sums`.
    chosen : ndarray of int, or list of these
        Examples, counted within the part; of several minibatches a list.
    initial_states : dict of str to ndarray, or None
        Of these examples.
    """

    leaf: int
    chosen: Any
    initial_states: dict[str, Array] | None = None


@dataclass
class Request:
    """What is asked of workers.

    Attributes
    ----------
    holding : str
        The data set, as workers know it.
    task : str
        A method of `rnnbp.distributed.tasks.Tasks`.
    theta : ndarray of shape (n_parameters,)
    members : list of (str, dict of int to Piece)
        Addresses, and which parts each of them is asked about.
    n_leaves : int
        Of the sum.
    options : bytes
        What the task takes: a dict, pickled once for all.
    """

    holding: str
    task: str
    theta: Array
    members: list[tuple[str, dict[int, Piece]]]
    n_leaves: int
    options: bytes

    def branches(self) -> list[Request]:
        """Return the requests that the first member passes on."""
        others = self.members[1:]
        middle = (len(others) + 1) // 2
        return [replace(self, members=half) for half in (others[:middle], others[middle:]) if half]


@dataclass
class Answer:
    """What some workers have answered.

    Attributes
    ----------
    sums : dict of (level, index) to ndarray
        Of weighted vectors.
    found : dict of int to anything
        What else was found, for each part.
    failed : dict of int to Exception
        Parts whose task has ended in an error.
    lost : set of str
        The addresses of workers that cannot be reached, or that no longer have what they were given.
    """

    sums: Sums = field(default_factory=dict)
    found: dict[int, Any] = field(default_factory=dict)
    failed: dict[int, Exception] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)

    def join(self, other: Answer, n_leaves: int) -> None:
        """Take another answer in."""
        self.sums = add_up(self.sums | other.sums, n_leaves)
        self.found |= other.found
        self.failed |= other.failed
        self.lost |= other.lost
