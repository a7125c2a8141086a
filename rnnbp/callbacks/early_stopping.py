"""Stop when the network has stopped getting better."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rnnbp.configuration import Configurable, flag, number, whole_number

if TYPE_CHECKING:
    from rnnbp.networks.network import Network
    from rnnbp.training.history import History

__all__ = ["EarlyStopping"]


class EarlyStopping(Configurable):
    """End training when the monitored value has not fallen for some epochs.

    ``fit(..., patience=10)`` is short for ``callbacks=[EarlyStopping(10)]``. What is monitored is the loss of the
    validation data if there are any, else that of training; with ``fit(..., monitor="score")``, the score.
    It remembers nothing itself, and so ends a resumed run where an unbroken one ends.

    Parameters
    ----------
    patience : int
        Epochs in a row without a fall that are let pass; the last of them ends training.
    min_delta : float, default 0
        A fall by less counts as none.
    restore_best : bool, default True
        Whether the network is left with the parameters of the best epoch, however training ends.

    Raises
    ------
    ValueError
        If a setting is out of its range.
    """

    def __init__(self, patience: int, *, min_delta: float = 0.0, restore_best: bool = True) -> None:
        self.patience = whole_number("patience", patience)
        self.min_delta = number("min_delta", min_delta, "[0, inf)")
        self.restore_best = flag("restore_best", restore_best)

    def __call__(self, net: Network, history: History) -> bool:
        """Return whether training is to end."""
        best, waited = math.inf, 0
        for value in history.monitored:
            waited += 1
            if value < best - (self.min_delta if math.isfinite(best) else 0.0):
                best, waited = value, 0
        if waited < self.patience:
            return False
        history.stopped = "patience"
        return True
