"""Stop when the network has stopped getting better."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from rnnbp.configuration import Configurable, flag, number, shown, whole_number

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
    patience : int or inf
        Epochs in a row without a fall that are let pass; the last of them ends training.
    min_delta : float, default 0
        A fall by less counts as none.
    restore_best : bool, default True
        Whether the network is left with the parameters of the best epoch, however training ends.
    compared_with : {"last fall", "best"}, default "last fall"
        What an epoch must be below by `min_delta`. "last fall" is the value of the last epoch that was, so that several
        small falls make one in the end. "best" is the lowest value so far, as in scikit-learn: there each epoch must be
        better by `min_delta` than all before, an equal value is enough without one, and NaN is let pass as a fall.

    Raises
    ------
    ValueError
        If a setting is out of its range.

    See Also
    --------
    rnnbp.fit
    BestModelCheckpoint

    Examples
    --------
    >>> import numpy as np
    >>> import rnnbp
    >>> from rnnbp import layers
    >>> x, net = np.eye(4), rnnbp.Network([layers.Dense(4, 1)])
    >>> history = rnnbp.fit(
    ...     net, x, np.zeros(4), loss="mean_squared_error", max_epochs=500, optimizer="sgd",
    ...     callbacks=[EarlyStopping(5, min_delta=1e-3)],
    ... )
    >>> history.stopped, len(history) < 500
    ('patience', True)
    """

    def __init__(
        self,
        patience: float,
        *,
        min_delta: float = 0.0,
        restore_best: bool = True,
        compared_with: Literal["last fall", "best"] = "last fall",
    ) -> None:
        self.patience = patience if patience == math.inf else whole_number("patience", patience)
        self.min_delta = number("min_delta", min_delta, "[0, inf)")
        self.restore_best = flag("restore_best", restore_best)
        if compared_with not in ("last fall", "best"):
            raise ValueError(f'compared_with must be "last fall" or "best", but {shown(compared_with)} was given')
        self.compared_with = compared_with

    def count(self, value: float, reference: float, waited: int) -> tuple[float, int]:
        """Count an epoch.

        Parameters
        ----------
        value : float
            The epoch's monitored value.
        reference : float
            What it is compared with; inf before the first epoch.
        waited : int
            The epochs without a fall before it.

        Returns
        -------
        reference : float
            What the next epoch is compared with.
        waited : int
            The epochs without a fall after this one.
        """
        below = reference - self.min_delta
        if self.compared_with == "best":
            return min(reference, value), waited + 1 if value > below else 0
        return (value, 0) if value < below else (reference, waited + 1)

    def __call__(self, net: Network, history: History) -> bool:
        """Return whether training is to end."""
        reference, waited = math.inf, 0
        for value in history.monitored:
            reference, waited = self.count(value, reference, waited)
        if waited < self.patience:
            return False
        history.stopped = "patience"
        return True
