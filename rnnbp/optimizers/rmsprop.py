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

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnbp.checks import flag, number
from rnnbp.optimizers.base import Array, Optimizer, Schedule, State


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

    def _step(self, theta: Array, gradient: Array, state: State, rate: float, loss: float | None) -> None:
        v = state["v"]
        step = np.square(gradient)
        step -= v
        step *= 1 - self.rho
        v += step  # v + (1 - ρ) (g² - v)

        if self.centered:
            m = state["m"]
            m += (1 - self.rho) * (gradient - m)
            np.square(m, out=step)
            np.subtract(v, step, out=step)
            np.maximum(step, 0, out=step)  # rounding may leave a variance just below 0
            np.sqrt(step, out=step)
        else:
            np.sqrt(v, out=step)
        step += self.epsilon
        np.divide(gradient, step, out=step)

        if self.momentum:
            u = state["velocity"]
            u *= self.momentum
            u += step
            np.copyto(step, u)
        step *= rate
        theta -= step
