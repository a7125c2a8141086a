r"""Rprop: steps that go by the gradient's sign alone; the variant iRprop+, which also steps back.

Every parameter has a step size Δ of its own. With ``s`` the sign of its gradient and ``s'`` that of the
update before::

    s s' > 0    Δ = min(η⁺ Δ, Δmax),  move by -s Δ                       still going down
    s s' < 0    Δ = max(η⁻ Δ, Δmin),  take the last move back if the     jumped over a minimum
                loss has risen, stay where it is if not;  s = 0
    s s' = 0    move by -s Δ                                             first update, or after a jump

It is for full batches: on minibatches the signs are noise, and the losses of two updates cannot be
compared.

Igel and Hüsken, "Improving the Rprop learning algorithm", 2000; the original: Riedmiller and Braun, 1993.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import number
from rnnbp.optimizers.base import Array, Optimizer, State

__all__ = ["Rprop"]


class Rprop(Optimizer):
    """Resilient backpropagation (iRprop+), for full batches.

    If ``update`` is not given a loss, no move is taken back (iRprop-, as in torch).

    Parameters
    ----------
    learning_rate : float, default 0.01
        The first step size of every parameter. They adapt themselves from there, so it has no schedule; and
        as only signs count, there is no clipping.
    increase : float, default 1.2
        η⁺, above 1.
    decrease : float, default 0.5
        η⁻ in (0, 1).
    min_step : float, default 1e-6
    max_step : float, default 50

    Raises
    ------
    ValueError
        If a setting is outside its range.

    See Also
    --------
    LBFGS

    Examples
    --------
    >>> theta, rprop = np.array([1.0]), Rprop(0.1)
    >>> state = rprop.init(theta)
    >>> for _ in range(30):  # go down theta^2
    ...     rprop.update(theta, 2 * theta, state, loss=float(theta[0] ** 2))
    >>> bool(abs(theta[0]) < 0.01)
    True
    """

    name: ClassVar[str] = "rprop"

    def __init__(
        self,
        learning_rate: float = 0.01,
        *,
        increase: float = 1.2,
        decrease: float = 0.5,
        min_step: float = 1e-6,
        max_step: float = 50.0,
    ) -> None:
        super().__init__(number("learning_rate", learning_rate))
        self.increase = number("increase", increase, "(1, inf)")
        self.decrease = number("decrease", decrease, "(0, 1)")
        self.min_step = number("min_step", min_step)
        self.max_step = number("max_step", max_step)
        if self.min_step > self.max_step:
            raise ValueError(f"min_step {min_step} must be at most max_step {max_step}")
        if not self.min_step <= learning_rate <= self.max_step:
            raise ValueError(
                f"learning_rate {learning_rate} must be between min_step {min_step} and max_step {max_step}"
            )

    def _memory(self, theta: Array, decayed: NDArray[np.bool_]) -> State:
        return {
            "step_size": np.full_like(theta, self.learning_rate),
            "sign": np.zeros_like(theta),
            "move": np.zeros_like(theta),
            "loss": np.array(np.inf),
        }

    def _step(self, theta: Array, gradient: Array, state: State, rate: float, loss: float | None) -> None:
        step_size, sign, move = state["step_size"], state["sign"], state["move"]
        new_sign = np.sign(gradient)
        sign *= new_sign
        onward, jumped = sign > 0, sign < 0

        np.multiply(step_size, self.increase, out=step_size, where=onward)
        np.multiply(step_size, self.decrease, out=step_size, where=jumped)
        np.clip(step_size, self.min_step, self.max_step, out=step_size)
        if loss is not None:
            if loss > state["loss"]:
                np.subtract(theta, move, out=theta, where=jumped)
            state["loss"][...] = loss

        new_sign[jumped] = 0
        np.copyto(sign, new_sign)
        np.multiply(new_sign, step_size, out=move)
        np.negative(move, out=move)
        theta += move
