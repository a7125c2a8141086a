"""Training on a Dask cluster: the same minibatches and the same numbers as in one process.

::

    client = distributed.Client("tcp://scheduler:8786")        # or LocalCluster(), or any other of Dask's clusters
    rnnbp.distributed.fit(client, net, x, target, loss="cross_entropy")

    with rnnbp.distributed.on(client):
        RNNClassifier().fit(X, y)

The data are cut into parts, each of which one worker holds. For each minibatch the parameters go from the client down a
tree of workers, each worker runs the network on those of the minibatch's examples that it has, and the gradients are
added up on their way back (`messages`, `sums`). All else is in the client, as in `rnnbp.fit`, which does it: the order
of minibatches, the optimizer, validation's score, early stopping, callbacks, checkpoints, progress.

What is equal
-------------
- Parameters, losses and scores are those of one process up to rounding: about 1e-7 of a gradient in float32, as it is
  summed in another order.
- For any number of workers they are the same to the bit, on processors of one kind, as long as the data are in as many
  parts: by default 8, or one for each thread of the cluster if it has more when training begins.
- A checkpoint of one process goes on on a cluster, and the other way round.
- Random numbers (dropout, zoneout, noise, scheduled sampling, what `augment` draws) belong to a minibatch and a part.
  They are others than in one process, and the same for any number of workers.
- ``every=k`` is another algorithm (local SGD): see `fit`.

When workers go or come
-----------------------
A worker that is lost (killed, restarted, cut off) costs the update that was under way, which is done again: its parts
go to those that are left, and the result is the same to the bit. Workers that join are given parts within seconds. The
scheduler cannot be replaced: when it goes, training ends in a `ClusterError`, and a checkpoint is what to go on from.

Why not an all-reduce of another library
----------------------------------------
`xgboost.collective` brings all of XGBoost (130 MB), MPI needs a launcher and does not survive a process that is lost,
and both sum in an order that depends on the number of workers. Dask's own connections between workers are there
already: no other port needs to be open, and they are encrypted when the cluster's are. What is left to write is short.

What it costs
-------------
See `benchmarks/results/distributed.md`, which ``python -m benchmarks.distributed`` writes. An update takes each worker
some milliseconds beside the network's own time, so a cluster pays from about 30 ms a minibatch on; below, ``every`` or
larger minibatches help. The client must reach the workers, not the scheduler alone; where it is far away, train in a
task, as ``client.submit`` runs it, with the client that `distributed.worker_client` gives there.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnbp.distributed.cluster import fit, on
    from rnnbp.distributed.errors import ClusterError

__all__ = ["ClusterError", "fit", "on"]

HOMES = {"ClusterError": "errors", "fit": "cluster", "on": "cluster"}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'rnnbp.distributed' has no attribute {name!r}")
    try:
        return getattr(import_module(f"rnnbp.distributed.{HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name not in ("dask", "distributed"):
            raise
        raise ImportError(f"{error.name} is not installed: python -m pip install 'rnnbp[distributed]'") from error


def __dir__() -> list[str]:
    return list(__all__)
