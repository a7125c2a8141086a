"""A training run as curves in TensorBoard."""

from __future__ import annotations

from importlib import import_module
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from rnnbp.names import explained_class

if TYPE_CHECKING:
    from rnnbp.networks.network import Network
    from rnnbp.training.history import History

__all__ = ["TensorBoardLog"]

WRITERS = ("tensorboardX", "torch.utils.tensorboard")  # the lighter one first


@explained_class
class TensorBoardLog:
    """Write what `History` has of each epoch as scalars for TensorBoard, under names such as "loss".

    A directory is for one run; a resumed one writes the epochs before it too.

    Parameters
    ----------
    directory : path-like
        Where event files go; made if it is not there.

    Raises
    ------
    ImportError
        If neither tensorboardX nor torch with tensorboard is installed.

    See Also
    --------
    CSVLog

    Examples
    --------
    It needs a package that writes TensorBoard's files, such as tensorboardX:

    >>> rnnbp.fit(net, x, y, loss=loss, callbacks=[TensorBoardLog("runs/1")])  # doctest: +SKIP
    """

    def __init__(self, directory: str | PathLike[str]) -> None:
        self.directory = fspath(directory)
        self._writer: Any = None
        self._make = _summary_writer()

    def __call__(self, net: Network, history: History) -> None:
        """Write the figures of the last epoch, or, to begin with, of all."""
        first = len(history)
        if self._writer is None:
            first = 1
            self._writer = self._make(self.directory, purge_step=first)  # hides what is there already
        for epoch in range(first, len(history) + 1):
            for name, values in history.figures.items():
                self._writer.add_scalar(name, values[epoch - 1], epoch)
        self._writer.flush()

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_writer": None}  # which holds a file and a thread: a copy writes the run anew


def _summary_writer() -> Any:
    for name in WRITERS:
        try:
            return import_module(name).SummaryWriter
        except ImportError:
            continue
    raise ImportError(
        "TensorBoardLog needs a package that writes TensorBoard's files: install tensorboardX "
        "(pip install tensorboardX), or tensorboard beside torch. CSVLog writes the same figures without"
    )
