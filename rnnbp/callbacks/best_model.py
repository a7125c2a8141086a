"""Keep the best network of a training run in a file."""

from __future__ import annotations

from os import PathLike, fspath
from typing import TYPE_CHECKING

from rnnbp.configuration import path as check_path
from rnnbp.names import explained_class

if TYPE_CHECKING:
    from rnnbp.networks.network import Network
    from rnnbp.training.history import History

__all__ = ["BestModelCheckpoint"]


@explained_class
class BestModelCheckpoint:
    """Save the network whenever an epoch was the best so far, as `Network.save` does.

    Parameters
    ----------
    path : path-like
        The file; `Network.load` reads it. Its directory must exist.

    Raises
    ------
    ValueError
        If there is no such directory, or if it is the path of one.

    See Also
    --------
    rnnbp.Checkpoint
    EarlyStopping

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import rnnbp
    >>> from rnnbp import layers
    >>> x, net = np.eye(4), rnnbp.Network([layers.Dense(4, 1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     best = BestModelCheckpoint(f"{folder}/best.rnnbp")
    ...     history = rnnbp.fit(net, x, np.ones(4), loss="mean_squared_error", max_epochs=3, callbacks=[best])
    ...     print(rnnbp.load(f"{folder}/best.rnnbp").layers)
    (Dense(4, 1),)
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = check_path("path", path)
        if not self.path.parent.is_dir():
            raise ValueError(f"no network can be saved as {fspath(path)}: there is no directory {self.path.parent}")
        if self.path.is_dir():
            raise ValueError(f"no network can be saved as {fspath(path)}: it is a directory")

    def __call__(self, net: Network, history: History) -> None:
        """Save the network if this epoch is the best."""
        if history.best_epoch == len(history) - 1:
            net.save(self.path)
