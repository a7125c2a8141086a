"""Training by a full-batch optimizer, such as L-BFGS: one of its iterations is an epoch.

The loss of all the data is the mean of its pieces' losses, weighted by their normalizers; pieces bound the memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.gradients import ConvergenceError
from rnnbp.optimizers import FullBatchOptimizer
from rnnbp.optimizers.full_batch import Function
from rnnbp.training.least_squares import LeastSquares
from rnnbp.training.progress import ProgressBar
from rnnbp.training.run import NonFiniteError, TrainingRun

__all__ = ["minimize"]

Array = NDArray[Any]


class _StopTraining(Exception):
    """An iteration was the last."""


def minimize(run: TrainingRun, optimizer: FullBatchOptimizer, max_epochs: int, progress: ProgressBar) -> None:
    """Train until the optimizer has converged, or for so many iterations."""
    net, pieces = run.net, list(run.data.batches(run.batch_size))
    dropout = net.rng.bit_generator.state
    seen: list[float] = []  # the finite losses

    def whole(theta: Array) -> tuple[float, Array]:
        net.rng.bit_generator.state = dropout  # a line search needs the same masks at every point
        total, normalizer, gradient = 0.0, 0.0, np.zeros_like(net.theta)
        for chosen in pieces:
            try:
                with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported with its place
                    found = run.minibatch(chosen)
            except (NonFiniteError, ConvergenceError):
                if not seen:
                    raise
                return float("nan"), gradient  # a line search that went too far turns back
            total, normalizer = total + found.value * found.share, normalizer + found.share
            gradient += np.asarray(found.share, net.dtype) * found.gradient
        gradient /= np.asarray(normalizer, net.dtype)
        value = total / normalizer
        if run.l2:
            value = run.penalize(value, gradient, normalizer)
        seen.append(value)
        return value, gradient

    def after_iteration(reached: Any) -> None:
        last = run.end_epoch(reached.loss, reached.gradient_norm, float("nan"))
        progress.advance(run.data.n_rows)
        progress.end_epoch(run.history)
        if last:
            raise _StopTraining

    function: Function = whole
    if optimizer.needs_squares:
        function = LeastSquares(net, run.data, run.loss, pieces, whole, penalty=run.l2)
    try:
        result = optimizer.minimize(function, net.theta, max_iter=max_epochs, callback=after_iteration)
    except _StopTraining:
        return
    if result.converged:
        run.history.stopped = "converged"
    else:
        run.history.stopped = result.message if result.iteration < max_epochs else "max_epochs"
