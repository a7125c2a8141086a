"""The update of Adam, in one pass over the vectors; see `rnnbp.optimizers.adam`."""

from __future__ import annotations

from rnnbp.kernels.compiling import compiled
from rnnbp.kernels.simd import lanes_of, load_each, sqrt_lanes, store_each

__all__ = ["update"]


@compiled
def update(theta, gradient, m, v, beta_1, beta_2, epsilon, rate):
    """Change theta, m and v in place; `epsilon` and `rate` have the corrections for the start in them."""
    n, lanes = len(theta), lanes_of(theta)
    for at in range(0, n, lanes):
        rest = min(lanes, n - at)
        theta_j, g_j, m_j, v_j = load_each((theta, gradient, m, v), at, rest, 1)
        m_j = beta_1 * m_j + (1.0 - beta_1) * g_j
        v_j = beta_2 * v_j + (1.0 - beta_2) * g_j * g_j
        theta_j = theta_j - rate * m_j / (sqrt_lanes(v_j) + epsilon)
        store_each((theta, m, v), at, rest, 1, (theta_j, m_j, v_j))
