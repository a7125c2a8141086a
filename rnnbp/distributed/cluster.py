"""A Dask cluster as the place of training; see `rnnbp.training.place`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Client

from rnnbp.configuration import shown, whole_number
from rnnbp.distributed.data import Spread, SpreadArrays, SpreadParts, in_parts
from rnnbp.distributed.errors import ClusterError
from rnnbp.distributed.run import ClusterRun
from rnnbp.losses import Loss
from rnnbp.names import explained
from rnnbp.networks.network import Network
from rnnbp.training import History
from rnnbp.training import fit as fit_network
from rnnbp.training.place import PLACE, Place
from rnnbp.training.run import TrainingRun

__all__ = ["fit", "on"]

N_PARTS = 8  # at least, so that numbers are the same on any number of workers up to this


class Cluster(Place):
    """A Dask cluster.

    Parameters
    ----------
    client : distributed.Client
    n_parts : int or None
    """

    def __init__(self, client: Client, n_parts: int | None) -> None:
        if not isinstance(client, Client):
            raise TypeError(f"client must be a distributed.Client, but {shown(client)} was given")
        if client.asynchronous:
            raise ValueError("client must not be asynchronous, as training is not: make one by Client(address)")
        if client.status != "running":
            raise ClusterError(f"the client is not connected to a scheduler: it is {client.status}")
        self.client = client
        self._n_parts = None if n_parts is None else whole_number("n_parts", n_parts)

    def data_set(self, net: Network, x: Any, lengths: Any, *, target: Any, loss: Loss, sample_weight: Any) -> Spread:
        """Return what a user has handed in, checked, in parts."""
        given = {"target": target, "loss": loss, "sample_weight": sample_weight}
        if in_parts(x):
            return SpreadParts(self.client, net, x, lengths, **given)
        n_parts = self._n_parts or max(N_PARTS, sum(self.client.nthreads().values()))
        return SpreadArrays(self.client, n_parts, net, x, lengths, **given)

    def training_run(self, *settings: Any) -> TrainingRun:
        """Return a run on the cluster."""
        return ClusterRun(*settings)


@contextmanager
def on(client: Client, *, n_parts: int | None = None) -> Iterator[None]:
    """Train on a Dask cluster whatever is trained in the body of a ``with`` statement, by `rnnbp.fit` or an estimator.
    """
    token = PLACE.set(Cluster(client, n_parts))
    try:
        yield
    finally:
        PLACE.reset(token)


@explained
def fit(
    client: Client, net: Network, x: Any, target: Any = None, *, n_parts: int | None = None, **settings: Any
) -> History:
    """Train a network on a Dask cluster, in place."""
    with on(client, n_parts=n_parts):
        return fit_network(net, x, target, **settings)
