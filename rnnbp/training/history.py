"""What happened in training, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnbp.networks.network import Network

__all__ = ["Callback", "History"]


@dataclass
class History:
    """What happened in training, an entry for each epoch.

    Attributes
    ----------
    loss : list of float
        The mean training loss over the epoch, while the parameters were changing.
    gradient_norm : list of float
        The mean Euclidean norm of the minibatches' gradients, before clipping.
    learning_rate : list of float
        At the epoch's end; NaN for a full-batch optimizer.
    seconds : list of float
        The wall time of the epoch, validation included.
    validation_loss, validation_score : list of float
        Empty if there were no validation data or no score.
    best_epoch : int
        The epoch (from 0) of the lowest `monitored` value; -1 before the first has ended.
    monitor : {"loss", "score"}
        What epochs are compared by.
    stopped : str
        Why training ended: "max_epochs", "patience", "callback", "converged", "interrupted", or what a full-batch
        optimizer says of a line search that failed. Empty while it goes on.

    See Also
    --------
    rnnbp.fit
    rnnbp.plotting.learning_curves

    Examples
    --------
    >>> import numpy as np
    >>> import rnnbp
    >>> from rnnbp import layers
    >>> x = np.eye(4)
    >>> net = rnnbp.Network([layers.Dense(4, 1)])
    >>> history = rnnbp.fit(net, x, np.ones(4), loss="mean_squared_error", max_epochs=3)
    >>> len(history.loss), history.stopped, history.best_epoch
    (3, 'max_epochs', 2)
    """

    loss: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_score: list[float] = field(default_factory=list)
    best_epoch: int = -1
    monitor: str = "loss"
    stopped: str = ""

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def monitored(self) -> list[float]:
        """What epochs are compared by, lower is better.

        The loss (of validation, if there is any, else of training), or the negative validation score.
        """
        if self.monitor == "score":
            return [-score for score in self.validation_score]
        return self.validation_loss or self.loss

    @property
    def figures(self) -> dict[str, list[float]]:
        """The lists that have an entry for each epoch, by name; without those that are empty."""
        return {name: values for name, values in vars(self).items() if isinstance(values, list) and values}


Callback = Callable[["Network", History], bool | None]
