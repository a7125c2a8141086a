"""Training on a Dask cluster, with the numbers of one process."""

from __future__ import annotations

from rnnbp.distributed.cluster import fit, on
from rnnbp.distributed.errors import ClusterError

__all__ = ["ClusterError", "fit", "on"]
