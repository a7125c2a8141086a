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
from rnnbp.names import explained_module

__all__ = ["BestModelCheckpoint", "CSVLog", "EarlyStopping", "TensorBoardLog"]


def __dir__() -> list[str]:
    return __all__


explained_module(  # Keras' names
    __name__,
    {
        "Callback": "a callback is any function of the network and the history",
        "LambdaCallback": "a callback is any function of the network and the history",
        "ModelCheckpoint": "write BestModelCheckpoint(path) for the best network, or fit(..., checkpoint=path) for a "
        "run that can go on",
        "BackupAndRestore": "write fit(..., checkpoint=path)",
        "ReduceLROnPlateau": "learning rates are an optimizer's, as in "
        "optimizers.Adam(optimizers.schedules.reduce_on_plateau(0.001))",
        "LearningRateScheduler": "learning rates are an optimizer's, as in "
        "optimizers.Adam(optimizers.schedules.cosine(0.001, epochs=100))",
        "CSVLogger": "write CSVLog(path)",
        "TensorBoard": "write TensorBoardLog(folder)",
        "TerminateOnNaN": "fit ends by itself, in NonFiniteError",
        "ProgbarLogger": "fit(..., progress=True) shows a bar",
    },
)
