"""What a classic task is: how to train on it with one seed, what comes out, and what that is to be held against.

A task is a benchmark of the literature with one network, one way to train it and one measure, all of them the same
for every seed. Its settings were found on seeds from 1000 on; what is reported is the seeds 0, 1, 2, ... The seed
decides everything random: the data, the initial parameters, the order of the examples.

A module of this package has a task, or a few that differ by a number, and lists them as ``TASKS``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Result", "Task"]


@dataclass(frozen=True)
class Result:
    """What one seed came to.

    Attributes
    ----------
    score : float
        By the task's metric, on data that training has not seen.
    baselines : dict of str to float
        What is reached without learning, or by something much simpler, by the same metric on the same data:
        ``{"constant": 0.167}``.
    note : str, default ""
        What else is to be known.
    needed : int or None, default None
        How many sequences training had seen when the task's criterion was met; None if it has none, or never met it.
    """

    score: float
    baselines: dict[str, float]
    note: str = ""
    needed: int | None = None


class Task(ABC):
    """A benchmark.

    Attributes
    ----------
    name : str
        What it is called on the command line, such as ``"adding-100"``.
    what : str
        The task and the network, in one line.
    aim : str
        In words; "" if there is none, and the baselines are all there is to hold a result against.
    metric : str
        Name of the score, such as ``"mean squared error"``.
    lower_is_better : bool
        Whether a good score is a low one.
    n_seeds : int
        How many seeds the aim asks for.
    """

    name: str
    what: str
    aim: str
    metric: str
    lower_is_better: bool
    n_seeds: int = 5

    @abstractmethod
    def met(self, results: Sequence[Result]) -> bool | None:
        """Tell whether these results, one a seed, reach the aim; None if there is none."""

    @abstractmethod
    def run(self, seed: int, *, quick: bool) -> Result:
        """Train with one seed and measure.

        Parameters
        ----------
        seed : int
            Of everything random.
        quick : bool
            Whether to do it so small that it takes a second or less: to see that all works, not to learn much.
        """
