"""Networks: layers in sequence, and ways to run them."""

from __future__ import annotations

from rnnbp.networks.jacobians import jacobian
from rnnbp.networks.network import Network

__all__ = ["Network", "jacobian"]
