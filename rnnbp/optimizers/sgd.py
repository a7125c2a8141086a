r"""Stochastic gradient descent, with momentum.

With gradient ``g``, rate η and momentum μ:

    u = μ u + g
    θ = θ - η u                    momentum
    θ = θ - η (g + μ u)            Nesterov's: the gradient as it would be one step of u ahead

With μ = 0, θ = θ - η g. The rate multiplies the step and not the velocity ``u`` (as in torch), so a
schedule acts at once.

Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning",
ICML 2013.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import flag, number
from rnnbp.optimizers.base import Array, Optimizer, Schedule, State
from rnnbp.optimizers.rule import Rule

__all__ = ["SGD", "momentum", "nesterov", "plain"]


def plain(vectors, numbers):
    """Return θ after an update."""
    (theta, g), (rate,) = vectors, numbers
    return (theta - rate * g,)


def momentum(vectors, numbers):
    """Return θ and u after an update."""
    (theta, g, u), (rate, mu) = vectors, numbers
    u = mu * u + g
    return theta - rate * u, u


def nesterov(vectors, numbers):
    """Return θ and u after an update."""
    (theta, g, u), (rate, mu) = vectors, numbers
    u = mu * u + g
    return theta - rate * (mu * u + g), u


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, plain or Nesterov's.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.01
    momentum : float, default 0
        μ in [0, 1): the share of the velocity that is kept.
    nesterov : bool, default False
        Nesterov's momentum; needs ``momentum`` above 0.
    clip_norm, clip_value : float, optional
        See :class:`Optimizer`.

    Raises
    ------
    ValueError
        If a setting is outside its range.

    See Also
    --------
    Adam

    Examples
    --------
    >>> import numpy as np
    >>> theta, sgd = np.array([1.0, 2.0]), SGD(0.5, momentum=0.9)
    >>> sgd.update(theta, np.array([1.0, 1.0]), sgd.init(theta))
    >>> print(theta)
    [0.5 1.5]
    """

    name: ClassVar[str] = "sgd"

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(learning_rate, clip_norm=clip_norm, clip_value=clip_value)
        self.momentum = number("momentum", momentum, "[0, 1)")
        self.nesterov = flag("nesterov", nesterov)
        if nesterov and momentum == 0:
            raise ValueError("nesterov=True needs a momentum above 0, such as 0.9")

    def _memory(self, theta: Array, decayed: NDArray[np.bool_]) -> State:
        return {"velocity": np.zeros_like(theta)} if self.momentum else {}

    def rule(self) -> Rule | None:
        """Return the text: plain, with momentum, or Nesterov's."""
        if not self.momentum:
            return Rule(plain, (), 1)
        return Rule(nesterov if self.nesterov else momentum, ("velocity",), 2)

    def numbers(self, state: State, rate: float) -> tuple[float, ...]:
        """Return η, and μ if there is one."""
        return (rate, self.momentum) if self.momentum else (rate,)
