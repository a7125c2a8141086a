"""Optimizers: what turns a gradient into a step, for static and recurrent networks alike."""

from __future__ import annotations

from typing import Any

from rnnbp.configuration import lookup, shown
from rnnbp.names import explained, explained_module
from rnnbp.optimizers import schedules
from rnnbp.optimizers.adam import Adam, AdamW
from rnnbp.optimizers.averaging import Average, ExponentialAverage, PolyakAverage
from rnnbp.optimizers.base import Optimizer, Schedule, State
from rnnbp.optimizers.clipping import clip_by_norm, clip_by_value
from rnnbp.optimizers.full_batch import FullBatchOptimizer, Iterate, Result, SumOfSquares
from rnnbp.optimizers.gradient_noise import GradientNoise
from rnnbp.optimizers.lbfgs import LBFGS
from rnnbp.optimizers.levenberg_marquardt import LevenbergMarquardt
from rnnbp.optimizers.rmsprop import RMSprop
from rnnbp.optimizers.rprop import Rprop
from rnnbp.optimizers.sgd import SGD

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "SGD",
    "Adam",
    "AdamW",
    "Average",
    "ExponentialAverage",
    "FullBatchOptimizer",
    "GradientNoise",
    "Iterate",
    "LevenbergMarquardt",
    "Optimizer",
    "PolyakAverage",
    "RMSprop",
    "Result",
    "Rprop",
    "Schedule",
    "State",
    "SumOfSquares",
    "clip_by_norm",
    "clip_by_value",
    "get",
    "schedules",
]

#: Every optimizer by its name; one listed here is known to :func:`get` and to the conformance tests.
OPTIMIZERS: dict[str, type[Optimizer] | type[FullBatchOptimizer]] = {
    optimizer.name: optimizer for optimizer in (SGD, RMSprop, Adam, AdamW, Rprop, LBFGS, LevenbergMarquardt)
}

explained_module(  # Keras' and PyTorch's names
    __name__,
    {
        "RMSProp": "write RMSprop()",
        "lr_scheduler": "schedules are in optimizers.schedules, and take a rate's place: Adam(schedules.cosine(...))",
    },
)


@explained
def get(name_or_optimizer: str | Optimizer | FullBatchOptimizer, **settings: Any) -> Optimizer | FullBatchOptimizer:
    """Return the optimizer of that name with these settings; an optimizer is returned as it is.

    Parameters
    ----------
    name_or_optimizer : str or Optimizer or FullBatchOptimizer
        ``"sgd"``, ``"rmsprop"``, ``"adam"``, ``"adamw"``, ``"rprop"``, ``"lbfgs"``,
        ``"levenberg_marquardt"``, or an instance.
    **settings
        Arguments of its constructor, with a name only.

    Raises
    ------
    ValueError
        If no optimizer has that name, or a setting is outside its range.
    TypeError
        If it is neither a name nor an optimizer, or a setting is not one of its arguments.

    Examples
    --------
    >>> get("sgd", learning_rate=0.1).learning_rate
    0.1
    """
    if isinstance(name_or_optimizer, Optimizer | FullBatchOptimizer):
        if settings:
            raise TypeError(f"{name_or_optimizer!r} has its settings already, but {', '.join(settings)} was given")
        return name_or_optimizer
    if not isinstance(name_or_optimizer, str):
        raise TypeError(
            f"an optimizer is a name or an instance such as Adam(), but {shown(name_or_optimizer)} was given"
        )
    return lookup(OPTIMIZERS, name_or_optimizer, "optimizer")(**settings)
