"""What goes wrong on a cluster."""

from __future__ import annotations

__all__ = ["ClusterError", "Lost"]


class ClusterError(RuntimeError):
    """A cluster cannot do what is asked of it, and why; the network is as the last update has left it."""


class Lost(Exception):
    """Some workers are gone, or no longer have what they were given.

    Parameters
    ----------
    addresses : iterable of str
    """

    def __init__(self, addresses: object) -> None:
        self.addresses = set(addresses)  # type: ignore[call-overload]
        super().__init__(*self.addresses)
