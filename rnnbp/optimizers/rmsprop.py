r"""RMSprop: the gradient divided by a running root mean square of itself.

With gradient ``g``, rate η, decay ρ and momentum μ:

    v = ρ v + (1 - ρ) g²
    m = ρ m + (1 - ρ) g                     if centered
    s = g / (√(v - m²) + ε)                 m = 0 if not centered
    u = μ u + s                             u = s if μ = 0
    θ = θ - η u

Hinton, "Neural networks for machine learning", lecture 6e, 2012; centered and with momentum: Graves,
"Generating sequences with recurrent neural networks", 2013.
"""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import flag, number
from rnnbp.kernels.elementwise import maximum, sqrt
from rnnbp.optimizers.base import Array, Optimizer, Schedule, State
from rnnbp.optimizers.rule import Rule

__all__ = ["RMSprop", "rmsprop"]


@cache
def rmsprop(centered: bool, with_momentum: bool) -> Rule:
    """Return the rule, with a mean and a velocity or without."""

    def update(vectors, numbers):
        (theta, g, v, *others), (share, epsilon, rate, mu) = vectors, numbers
        v = v + share * (g * g - v)
        remembered = [v]
        variance = v
        if centered:
            m = others.pop(0)
            m = m + share * (g - m)
            variance = maximum(v - m * m, 0.0)  # rounding may leave it just below 0
            remembered.append(m)
        step = g / (sqrt(variance) + epsilon)
        if with_momentum:
            step = mu * others.pop(0) + step
            remembered.append(step)
        return theta - rate * step, *remembered

    return Rule(update, ("v", *["m"] * centered, *["velocity"] * with_momentum), 4)


class RMSprop(Optimizer):
    """Gradient descent with a rate for each parameter, by the size of its recent gradients.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
    rho : float, default 0.99
        ρ in [0, 1): the share of the mean square that is kept at each update.
    momentum : float, default 0
        μ in [0, 1).
    centered : bool, default False
        Divide by the standard deviation of recent gradients and not by their root mean square.
    epsilon : float, default 1e-8
        Added to the divisor.
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
    >>> theta, rmsprop = np.array([1.0]), RMSprop(0.01)
    >>> state = rmsprop.init(theta)
    >>> for _ in range(200):  # go down theta^2
    ...     rmsprop.update(theta, 2 * theta, state)
    >>> bool(abs(theta[0]) < 0.1)
    True
    """

    name: ClassVar[str] = "rmsprop"

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        *,
        rho: float = 0.99,
        momentum: float = 0.0,
        centered: bool = False,
        epsilon: float = 1e-8,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(learning_rate, clip_norm=clip_norm, clip_value=clip_value)
        self.rho = number("rho", rho, "[0, 1)")
        self.momentum = number("momentum", momentum, "[0, 1)")
        self.centered = flag("centered", centered)
        self.epsilon = number("epsilon", epsilon)

    def _memory(self, theta: Array, decayed: NDArray[np.bool_]) -> State:
        names = ["v"] + ["m"] * self.centered + ["velocity"] * (self.momentum > 0)
        return {name: np.zeros_like(theta) for name in names}

    def rule(self) -> Rule | None:
        """Return the text for these settings."""
        return rmsprop(self.centered, self.momentum > 0)

    def numbers(self, state: State, rate: float) -> tuple[float, ...]:
        """Return 1 - ρ, ε, η and μ."""
        return 1 - self.rho, self.epsilon, rate, self.momentum
