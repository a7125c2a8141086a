"""An optimizer's update as text, elementwise, in the vocabulary in which cells are written.

Of a parameter θ, its gradient g and what is remembered of it, and a few numbers that are the same for all::

    θ, memory = text((θ, g, *memory), numbers)

Traced once (`rnnbp.kernels.trace`), it becomes one pass over the vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.kernels.threads import Runner

if TYPE_CHECKING:
    from rnnbp.kernels.emitter import Rows
    from rnnbp.kernels.programs import Instruction

__all__ = ["Rule", "Update"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Rule:
    """The text of an update.

    Attributes
    ----------
    text : callable
        ``text(vectors, numbers)`` returns new values of all vectors but the gradient.
    memory : tuple of str
        The vectors of the optimizer's state that it is given.
    n_numbers : int
    """

    text: Callable[[Any, Any], Any]
    memory: tuple[str, ...]
    n_numbers: int

    @cache  # noqa: B019 (rules are few, and live as long as their module)
    def rows(self) -> Rows:
        """Return the rows function: of theta, the gradient, the memory, and single numbers."""
        from rnnbp.kernels.emitter import Rows
        from rnnbp.kernels.trace import trace

        n_vectors = 2 + len(self.memory)
        graph = trace(lambda *given: (self.text(*given),), (n_vectors, self.n_numbers), (n_vectors - 1,))
        changed = [0, *range(2, n_vectors)]
        writes = [(k, i) for i, k in enumerate(changed) if graph.outputs[i] is not graph.inputs[k]]
        at: tuple[str | None, ...] = ("place",) * n_vectors + (None,) * self.n_numbers
        return Rows(graph, tuple(range(len(at))), tuple(writes), at)


class Update:
    """A rule laid out for some vectors.

    Parameters
    ----------
    rule : Rule
    theta, gradient : ndarray of shape (P,)
    state : dict of str to ndarray
        An optimizer's: the memory, changed in place.
    """

    def __init__(self, rule: Rule, theta: Array, gradient: Array, state: dict[str, Array]) -> None:
        from rnnbp.kernels.emitter import Operand, Step
        from rnnbp.kernels.engine import engine
        from rnnbp.kernels.products import Layout
        from rnnbp.kernels.records import address_of, together
        from rnnbp.kernels.static import Elementwise

        for name in rule.memory:
            if name not in state or state[name].shape != theta.shape:
                raise ValueError(
                    f"the state must hold {name!r} of shape {theta.shape}, as the optimizer's init makes it"
                )
        self.engine = engine(theta.dtype.name)
        self.numbers = np.zeros(rule.n_numbers, theta.dtype)
        memory = [state[name] for name in rule.memory]
        self._vectors = [
            theta,
            np.ascontiguousarray(gradient, theta.dtype),
            *(each if each.dtype == theta.dtype else each.astype(theta.dtype) for each in memory),
        ]
        places = [address_of(each) for each in self._vectors]
        places += [address_of(self.numbers) + k * theta.itemsize for k in range(rule.n_numbers)]
        (function,) = self.engine.rows([rule.rows()])
        self.record = Elementwise(
            layout=Layout(n_rows=1, n_shares=1), function=function, width=theta.size, steps=[Step()],
            operands=together([Operand(start=place) for place in places]),
        )  # fmt: skip
        self.instruction: Instruction = self.engine.instruction("apply_rows", self.record)

    def set(self, numbers: Sequence[float]) -> None:
        """Take the numbers of the next update."""
        self.numbers[: len(numbers)] = numbers

    def run(self) -> None:
        """Carry out the update."""
        Runner(self.engine, [self.instruction]).run(0, 1)
