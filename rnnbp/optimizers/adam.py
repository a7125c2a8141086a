r"""Adam, and AdamW, which decays weights apart from the gradient.

At update t, with gradient ``g``, rate η and decay rates β₁, β₂:

    θ = θ - η λ θ                                    AdamW only, where ``decayed``
    m = β₁ m + (1 - β₁) g                            mean
    v = β₂ v + (1 - β₂) g²                           mean square
    θ = θ - η (m / c₁) / (√(v / c₂) + ε)             c₁ = 1 - β₁ᵗ,  c₂ = 1 - β₂ᵗ: both means start at 0

The last line is computed as θ - (η √c₂ / c₁) m / (√v + ε √c₂), which spares two divisions of the vector.

Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015; Loshchilov and Hutter, "Decoupled
weight decay regularization", ICLR 2019.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import number
from rnnbp.kernels.elementwise import sqrt, where
from rnnbp.optimizers.base import Array, Optimizer, Schedule, State
from rnnbp.optimizers.rule import Rule

__all__ = ["Adam", "AdamW", "adam", "adamw"]


def adam(vectors, numbers):
    """Return θ, m and v after an update."""
    (theta, g, m, v), (beta_1, rest_1, beta_2, rest_2, epsilon, rate) = vectors, numbers
    m = beta_1 * m + rest_1 * g
    v = beta_2 * v + rest_2 * g * g
    theta = theta - rate * m / (sqrt(v) + epsilon)
    return theta, m, v


def adamw(vectors, numbers):
    """Return θ, m, v and what says which θ decay, after an update."""
    (theta, g, m, v, decayed), (*of_adam, shrink) = vectors, numbers
    theta = where(decayed > 0.0, shrink * theta, theta)
    return *adam((theta, g, m, v), of_adam), decayed


class Adam(Optimizer):
    """Gradient descent with momentum and a rate for each parameter.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
    beta_1 : float, default 0.9
        In [0, 1): the share of the mean gradient that is kept at each update.
    beta_2 : float, default 0.999
        In [0, 1): the same for the mean square.
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
    AdamW
    RMSprop

    Examples
    --------
    >>> import numpy as np
    >>> theta, adam = np.array([1.0]), Adam(0.1)
    >>> state = adam.init(theta)
    >>> for _ in range(100):  # go down theta^2
    ...     adam.update(theta, 2 * theta, state)
    >>> bool(abs(theta[0]) < 0.1)
    True
    """

    name: ClassVar[str] = "adam"

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(learning_rate, clip_norm=clip_norm, clip_value=clip_value)
        self.beta_1 = number("beta_1", beta_1, "[0, 1)")
        self.beta_2 = number("beta_2", beta_2, "[0, 1)")
        self.epsilon = number("epsilon", epsilon)

    def _memory(self, theta: Array, decayed: NDArray[np.bool_]) -> State:
        return {"t": np.zeros((), np.int64), "m": np.zeros_like(theta), "v": np.zeros_like(theta)}

    def rule(self) -> Rule | None:
        """Return the text of Adam."""
        return Rule(adam, ("m", "v"), 6)

    def numbers(self, state: State, rate: float) -> tuple[float, ...]:
        """Return the decay rates, and ε and η with the corrections for the start in them."""
        state["t"] += 1
        t = int(state["t"])
        c1, c2 = 1 - self.beta_1**t, 1 - self.beta_2**t
        return self.beta_1, 1 - self.beta_1, self.beta_2, 1 - self.beta_2, self.epsilon * c2**0.5, rate * c2**0.5 / c1


class AdamW(Adam):
    """Adam with decoupled weight decay.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
    weight_decay : float, default 0.01
        λ: every update shrinks the decayed parameters by the factor ``1 - learning_rate * weight_decay``.
    beta_1, beta_2, epsilon, clip_norm, clip_value
        As in :class:`Adam`.

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
    >>> theta, adamw = np.array([1.0]), AdamW(0.1, weight_decay=0.5)
    >>> adamw.update(theta, np.zeros(1), adamw.init(theta))  # no gradient: decay only
    >>> print(theta.round(2))
    [0.95]
    """

    name: ClassVar[str] = "adamw"

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        *,
        weight_decay: float = 0.01,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(
            learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )
        self.weight_decay = number("weight_decay", weight_decay, "[0, inf)")

    def _memory(self, theta: Array, decayed: NDArray[np.bool_]) -> State:
        return {**super()._memory(theta, decayed), "decayed": decayed.copy()}

    def rule(self) -> Rule | None:
        """Return the text of AdamW."""
        return Rule(adamw, ("m", "v", "decayed"), 7)

    def numbers(self, state: State, rate: float) -> tuple[float, ...]:
        """Return Adam's, and what decayed parameters are multiplied by."""
        return *super().numbers(state, rate), 1 - rate * self.weight_decay
