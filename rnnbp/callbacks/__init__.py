"""What is called after each epoch: ``fit(..., callbacks=[...])``.

A callback is any function of the network and the history so far; if it returns something true, training ends after this
epoch. A function of one's own will do::

    rnnbp.fit(net, x, target, loss=loss, callbacks=[lambda net, history: history.loss[-1] < 0.01])

Those here keep no memory that the history does not have, so that a resumed run goes on with them as an unbroken one
would. They see the network that was validated: with averaging, the averaged parameters. Two more watch what training
does: `rnnbp.diagnostics.GradientFlowWatch` and `rnnbp.diagnostics.TrainingReport`.
"""

from __future__ import annotations

from rnnbp.callbacks.best_model import BestModelCheckpoint
from rnnbp.callbacks.csv_log import CSVLog
from rnnbp.callbacks.early_stopping import EarlyStopping
from rnnbp.callbacks.tensorboard import TensorBoardLog

__all__ = ["BestModelCheckpoint", "CSVLog", "EarlyStopping", "TensorBoardLog"]


def __dir__() -> list[str]:
    return __all__
