"""What happened in training, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from rnnbp.configuration import shown
from rnnbp.names import explained_attributes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnbp.networks.network import Network

__all__ = ["Callback", "History"]

HINTS = {  # what Keras' has
    "history": "its lists are attributes, such as loss and validation_loss; figures has all of them by name",
    "epoch": "range(len(history)) are the epochs",
    "val_loss": "it is validation_loss",
    "params": "settings has what fit was called with",
    **dict.fromkeys(
        ("accuracy", "acc", "val_accuracy", "val_acc"),
        "fit(..., validation_data=..., score=rnnbp.metrics.accuracy) makes validation_score",
    ),
}


@explained_attributes(HINTS)
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
    best_epoch : int, default -1
        The index, from 0, of the epoch with the lowest `monitored` value, as in ``history.loss[history.best_epoch]``;
        -1 before the first epoch has ended. Text for people (``repr``, warnings, pictures, tables) counts from 1.
    monitor : {"loss", "score"}
        What epochs are compared by.
    stopped : str
        Why training ended: "max_epochs", "patience", "callback", "converged", "interrupted", or what a full-batch
        optimizer says of a line search that failed. Empty while it goes on.
    settings : dict
        What `rnnbp.fit` was called with: loss, optimizer, max_epochs, batch_size, l2 and seed.

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
    >>> History(loss=[2.0, 1.5], seconds=[0.2, 0.2], stopped="max_epochs")
    History of 2 epochs in 0.4 s, ended by max_epochs: loss 1.5
    """

    loss: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_score: list[float] = field(default_factory=list)
    best_epoch: int = -1
    monitor: Literal["loss", "score"] = "loss"
    stopped: str = ""
    settings: dict[str, object] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        for name in ("loss", "gradient_norm", "learning_rate", "seconds", "validation_loss", "validation_score"):
            if not isinstance(value := getattr(self, name), Sized):
                raise TypeError(f"{name} must be a list, with a number for each epoch, but {shown(value)} was given")

    def __len__(self) -> int:
        return len(self.loss)

    def __repr__(self) -> str:
        if not self.loss:
            return "History of no epoch"
        n, curves = len(self), ("loss", "validation_loss", "validation_score")
        figures = ", ".join(f"{name} {values[-1]:.4g}" for name in curves if (values := getattr(self, name)))
        text = f"History of {n} epoch{'s' * (n > 1)} in {sum(self.seconds):.3g} s"
        text += f", ended by {self.stopped}: {figures}" if self.stopped else f": {figures}"
        if self.best_epoch >= 0 and self.validation_loss:
            name = f"validation_{self.monitor}"
            text += f"; best in epoch {self.best_epoch + 1} ({name} {getattr(self, name)[self.best_epoch]:.4g})"
        return text

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

    def plot(self, *, label: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw the losses; see `rnnbp.plotting.learning_curves`.

        Parameters
        ----------
        label : str or None, default None
            What it is the history of, if several share a picture.
        ax : matplotlib.axes.Axes or None, default None
            Where to draw; by default, in a new figure.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            If no epoch has ended.
        ImportError
            If matplotlib is not installed.
        """
        drawn: Axes = import_module("rnnbp.plotting").learning_curves(self, label=label, ax=ax)
        return drawn

    def to_frame(self) -> Any:
        """Return the figures of all epochs as a table of pandas, to be sorted, joined or written to a file.

        Returns
        -------
        pandas.DataFrame
            A row for each epoch, from 1 on; a column for each of `figures`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError as error:
            raise ImportError("History.to_frame needs pandas: python -m pip install pandas") from error
        return pandas.DataFrame(self.figures, index=pandas.RangeIndex(1, len(self) + 1, name="epoch"))


Callback = Callable[["Network", History], bool | None]
