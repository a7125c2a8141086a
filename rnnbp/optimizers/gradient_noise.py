r"""Noise in the gradient, which fades.

At update t = 0, 1, ..., with the gradient g as the optimizer's clipping has left it:

    g = g + N(0, σ²)        σ² = η / (1 + t)^γ

The noise of update t is a function of the seed and of t alone: a run that is resumed meets the same.

Neelakantan et al., "Adding gradient noise improves learning for very deep networks", 2015, where η is one of 0.01, 0.3
and 1, and γ = 0.55.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import number, shown, whole_number
from rnnbp.optimizers.base import Array, Optimizer, State

__all__ = ["GradientNoise"]

COUNT = "noise.t"


class GradientNoise(Optimizer):
    """Any optimizer by minibatches, given gradients with noise in them.

    Parameters
    ----------
    optimizer : Optimizer
    eta : float, default 0.01
        η: the variance of the first update's noise.
    gamma : float, default 0.55
        γ: how fast it fades; 0 for noise that stays.
    seed : int, default 0
        Of the noise.

    Raises
    ------
    TypeError
        If `optimizer` is none, or one of full batches.
    ValueError
        If a setting is outside its range.

    Examples
    --------
    >>> from rnnbp import optimizers
    >>> GradientNoise(optimizers.Adam(1e-3, clip_norm=1.0), eta=0.3)
    GradientNoise(Adam(clip_norm=1.0), eta=0.3)
    """

    name: ClassVar[str] = "gradient_noise"

    def __init__(self, optimizer: Optimizer, *, eta: float = 0.01, gamma: float = 0.55, seed: int = 0) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"gradient noise is for an optimizer by minibatches, such as Adam(), but {shown(optimizer)} was given"
            )
        super().__init__(optimizer.learning_rate, clip_norm=optimizer.clip_norm, clip_value=optimizer.clip_value)
        self.optimizer = optimizer
        self.eta = number("eta", eta)
        self.gamma = number("gamma", gamma, "[0, inf)")
        self.seed = whole_number("seed", seed, least=0)

    def _memory(self, theta: Array, decayed: NDArray[np.bool_]) -> State:
        return {COUNT: np.zeros((), np.int64), **self.optimizer._memory(theta, decayed)}

    def _step(self, theta: Array, gradient: Array, state: State, rate: float, loss: float | None) -> None:
        t = int(state[COUNT])
        state[COUNT] += 1
        draws = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, 0, t]))
        noise = draws.standard_normal(gradient.shape, dtype=gradient.dtype.type)
        noise *= (self.eta / (1 + t) ** self.gamma) ** 0.5
        noise += gradient
        self.optimizer._step(theta, noise, state, rate, loss)
