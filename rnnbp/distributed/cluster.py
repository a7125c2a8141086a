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
    every : int
        See `fit`.
    """

    def __init__(self, client: Client, n_parts: int | None, every: int) -> None:
        if not isinstance(client, Client):
            raise TypeError(f"client must be a distributed.Client, but {shown(client)} was given")
        if client.asynchronous:
            raise ValueError("client must not be asynchronous, as training is not: make one by Client(address)")
        if client.status != "running":
            raise ClusterError(f"the client is not connected to a scheduler: it is {client.status}")
        self.client = client
        self._n_parts = None if n_parts is None else whole_number("n_parts", n_parts)
        self._every = whole_number("every", every)

    def data_set(self, net: Network, x: Any, lengths: Any, *, target: Any, loss: Loss, sample_weight: Any) -> Spread:
        """Return what a user has handed in, checked, in parts."""
        given = {"target": target, "loss": loss, "sample_weight": sample_weight}
        if in_parts(x):
            return SpreadParts(self.client, net, x, lengths, **given)
        n_parts = self._n_parts or max(N_PARTS, sum(self.client.nthreads().values()))
        return SpreadArrays(self.client, n_parts, net, x, lengths, **given)

    def training_run(self, *settings: Any) -> TrainingRun:
        """Return a run on the cluster."""
        run = ClusterRun(*settings)
        run.every = self._every
        return run


@explained
@contextmanager
def on(client: Client, *, n_parts: int | None = None, every: int = 1) -> Iterator[None]:
    """Train on a Dask cluster whatever is trained in the body of a ``with`` statement, by an estimator or `rnnbp.fit`.

    It holds for the thread that runs the body, and not for other threads or processes: a search with ``n_jobs`` beyond
    1 trains in its own workers. Give it joblib's backend "dask" in the place of this, or leave ``n_jobs`` out.

    Parameters
    ----------
    client, n_parts
        See `fit`.
    every : int, default 1
        See `fit`.

    Raises
    ------
    TypeError, ValueError, ClusterError
        If the client is none, or not connected.

    Examples
    --------
    >>> from distributed import Client
    >>> from rnnbp import RNNClassifier
    >>> with on(Client()):                                                                     # doctest: +SKIP
    ...     RNNClassifier().fit(X, y)
    """
    token = PLACE.set(Cluster(client, n_parts, every))
    try:
        yield
    finally:
        PLACE.reset(token)


@explained
def fit(
    client: Client,
    net: Network,
    x: Any,
    target: Any = None,
    *,
    n_parts: int | None = None,
    every: int = 1,
    **settings: Any,
) -> History:
    """Train a network on a Dask cluster, in place.

    Parameters
    ----------
    client : distributed.Client
        Connected to a cluster whose workers have the same versions of Python and rnnbp as this process.
    net : Network
    x, target
        As `rnnbp.fit` takes them, from where workers are given their parts. Or, for data that no single machine need
        hold, parts that are there already or that workers make or read themselves: Dask collections (bags of
        sequences, arrays cut along their first axis), or lists of delayed objects or futures, each of which gives a
        part such as `rnnbp.fit` takes. Without `target`, each gives ``(x, target)``, ``(x, target, lengths)`` or
        ``(x, target, lengths, sample_weight)``, or, in a bag, pairs of a sequence and its target. Examples are counted
        through all parts. A part may have none.
    n_parts : int or None, default None
        Into how many parts data are cut that are here. At most so many threads have work, and each part's examples of a
        minibatch are run by themselves: more parts than needed cost time. None stands for 8, or the number of the
        cluster's threads if that is larger. The same number gives the same bits on any number of workers. Data in parts
        stay in these.
    every : int, default 1
        If more than 1, another algorithm, local SGD (Stich 2019): each part changes parameters of its own by its
        examples of so many minibatches, each with an optimizer of its own that begins as the common one; then
        parameters and optimizers are replaced by their means, weighted by the numbers of examples. Its results are not
        those of `rnnbp.fit`; they are still the same for any number of workers. It sends as much less often.
    settings
        All other arguments of `rnnbp.fit`: loss, optimizer, max_epochs, validation_data, callbacks, checkpoint and so
        on. Validation data may be in parts, too.

    Returns
    -------
    History

    Raises
    ------
    ClusterError
        If the cluster has no workers, or some of another version, if a part cannot be had, or if the scheduler goes
        away; the network is as the last update has left it.
    Exception
        What `rnnbp.fit` raises.

    Notes
    -----
    Callbacks and the score run in this process; `augment` and layers of one's own run in the workers, which must be
    able to import them, unless they are defined in the program itself.

    References
    ----------
    S. U. Stich, "Local SGD converges fast and communicates little", ICLR 2019.

    Examples
    --------
    >>> import dask
    >>> from distributed import Client
    >>> parts = [dask.delayed(read)(path) for path in paths]  # (x, target) each               # doctest: +SKIP
    >>> fit(Client("tcp://scheduler:8786"), net, parts, loss="cross_entropy")                  # doctest: +SKIP
    """
    with on(client, n_parts=n_parts, every=every):
        return fit_network(net, x, target, **settings)
