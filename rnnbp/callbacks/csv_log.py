"""A training run as a table in a file."""

from __future__ import annotations

import csv
from os import PathLike, fspath
from typing import TYPE_CHECKING

from rnnbp.configuration import path as check_path
from rnnbp.names import explained_class

if TYPE_CHECKING:
    from rnnbp.networks.network import Network
    from rnnbp.training.history import History

__all__ = ["CSVLog"]


@explained_class
class CSVLog:
    """Write a row for each epoch: its number, the losses, the score, and what else `History` has.

    A file that is there is replaced at the end of the first epoch; from then on rows are added, so that the table can
    be watched as it grows. A resumed run writes the epochs before it too.

    Parameters
    ----------
    path : path-like
        Its directory must exist.

    Raises
    ------
    ValueError
        If there is no such directory, or if it is the path of one.

    See Also
    --------
    TensorBoardLog
    rnnbp.History

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> import rnnbp
    >>> from rnnbp import layers
    >>> x, net = np.eye(4), rnnbp.Network([layers.Dense(4, 1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = CSVLog(f"{folder}/log.csv")
    ...     history = rnnbp.fit(net, x, np.ones(4), loss="mean_squared_error", max_epochs=3, callbacks=[log])
    ...     rows = pathlib.Path(folder, "log.csv").read_text().splitlines()
    >>> print(rows[0], len(rows))
    epoch,loss,gradient_norm,learning_rate,seconds 4
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = check_path("path", path)
        self._written: int | None = None  # epochs
        if not self.path.parent.is_dir():
            raise ValueError(f"no log can be written to {fspath(path)}: there is no directory {self.path.parent}")
        if self.path.is_dir():
            raise ValueError(f"no log can be written to {fspath(path)}: it is a directory")

    def __call__(self, net: Network, history: History) -> None:
        """Write the rows that are missing."""
        begins = self._written != len(history) - 1
        figures = history.figures
        with open(self.path, "w" if begins else "a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if begins:
                writer.writerow(["epoch", *figures])
            rows = zip(*figures.values(), strict=True)
            for epoch, row in list(enumerate(rows, start=1))[0 if begins else -1 :]:
                writer.writerow([epoch, *row])
        self._written = len(history)
