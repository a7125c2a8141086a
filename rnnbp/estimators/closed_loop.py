"""Forecasts of a one-step model in closed loop: each value that is forecast is the next input.

A model tells the change of scaled values, from what it has seen and a state s of its own::

    y(t), s(t) = model(z(t), z(t) - z(t-1), c(t+1), s(t-1))
    z(t+1) = z(t) + y(t),  but not beyond the bounds

The state is warmed up on the last steps of a past. Past covariates are variables of z, and have no bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rnnbp.estimators.series import Course, View
from rnnbp.networks.network import Network

__all__ = ["OneStep", "Recurrent", "run_on"]

Array = NDArray[Any]


class OneStep(Protocol):
    """A model of what comes next."""

    def begin(self, recent: Sequence[Course]) -> tuple[Array, Any]:
        """Return the changes, of shape (N, V), that follow N pasts, and the state."""

    def step(self, value: Array, change: Array, ahead: Array, state: Any) -> tuple[Array, Any]:
        """Return the next changes and state; values and changes are of shape (N, V), what is known ahead (N, C)."""


@dataclass(frozen=True, eq=False)
class Recurrent:
    """A recurrent network as such a model."""

    network: Network
    view: View

    def begin(self, recent: Sequence[Course]) -> tuple[Array, Any]:
        """Run over the pasts."""
        inputs = [self.view.inputs(each.scaled, each.known[1 : len(each) + 1]) for each in recent]
        warm = self.network.run(inputs, keep=False)
        ends = np.array([len(x) - 1 for x in inputs])
        return warm.output[ends, np.arange(len(inputs))], warm.final_states

    def step(self, value: Array, change: Array, ahead: Array, states: Any) -> tuple[Array, Any]:
        """Run one step."""
        run = self.network.run(self.view.seen(value, change, ahead)[None], keep=False, initial_states=states)
        return run.output[0], run.final_states


def run_on(model: OneStep, pasts: Sequence[Course], h: int, view: View, bounds: tuple[float, float]) -> Array:
    """Return forecasts of h steps, of shape (N, h, F), from the ends of N pasts."""
    recent = [each.last(view.least(view.window)) for each in pasts]
    ahead = np.array([each.known[len(each) + 1 : len(each) + h] for each in recent])
    mean, spread = (np.array(parts) for parts in zip(*(each.scale for each in recent), strict=True))
    bounded = np.arange(mean.shape[1]) < view.n_variables
    lower, upper = (
        (np.where(bounded, bound, free) - mean) / spread for bound, free in zip(bounds, (-np.inf, np.inf), strict=True)
    )
    value = np.array([each.scaled[-1] for each in recent])
    change, state = model.begin(recent)
    path = []
    for k in range(h):
        if k:
            change, state = model.step(value, change, ahead[:, k - 1], state)
        before, value = value, np.clip(value + change, lower, upper).astype(value.dtype)
        change = value - before
        path.append(value)
    forecast = np.stack(path, axis=1) * spread[:, None] + mean[:, None]
    return np.asarray(np.clip(forecast[..., : view.n_variables], *bounds))  # bounds may have been rounded
