"""Where a training run's gradients are computed: in this process, unless a context says that it is somewhere else.

`fit` asks `PLACE` for its data sets and for its run, and goes by what these say. `rnnbp.distributed.on` puts a cluster
there; nothing else of `fit`, and nothing of what calls it, knows of one.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from rnnbp.data.training_set import TrainingSet
from rnnbp.losses import Loss
from rnnbp.networks.network import Network
from rnnbp.training.run import TrainingRun

__all__ = ["HERE", "PLACE", "Place"]


class Place:
    """The present process."""

    def data_set(
        self, net: Network, x: Any, lengths: Any, *, target: Any, loss: Loss, sample_weight: Any
    ) -> TrainingSet:
        """Return what a user has handed in, checked."""
        return TrainingSet(net.interface, x, lengths, target=target, loss=loss, sample_weight=sample_weight)

    def training_run(self, *settings: Any) -> TrainingRun:
        """Return a run of such `settings` as `TrainingRun` has; a context manager."""
        return TrainingRun(*settings)


HERE = Place()
PLACE: ContextVar[Place] = ContextVar("rnnbp_place", default=HERE)
