"""What goes wrong on a cluster."""

from __future__ import annotations

__all__ = ["ClusterError", "Lost"]


class ClusterError(RuntimeError):
    """A cluster cannot do what is asked of it, and why; the network is as the last update has left it.

    Examples
    --------
    >>> import numpy as np
    >>> import rnnbp
    >>> from distributed import Client, LocalCluster
    >>> net = rnnbp.Network([rnnbp.layers.Dense(2, 1)])
    >>> cluster = LocalCluster(n_workers=0, processes=False, dashboard_address=None)
    >>> with cluster, Client(cluster) as client:
    ...     try:
    ...         rnnbp.distributed.fit(client, net, np.eye(2), np.ones((2, 1)), loss="mean_squared_error")
    ...     except ClusterError as error:
    ...         print(error)
    the cluster has no workers: start some, as cluster.scale(2) or ...
    """


class Lost(Exception):
    """Some workers are gone, or no longer have what they were given.

    Parameters
    ----------
    addresses : iterable of str
    """

    def __init__(self, addresses: object) -> None:
        self.addresses = set(addresses)  # type: ignore[call-overload]
        super().__init__(*self.addresses)
