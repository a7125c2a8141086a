"""
A loss of one's own
===================

A loss returns its value and its gradient from one function. The quantile loss makes a network predict not the mean of
what may come, but a quantile of it::

    l = q (t - y) if t > y, else (1 - q) (y - t)
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import rnnbp
from rnnbp import layers, losses, optimizers
from rnnbp.optimizers import schedules


class QuantileLoss(losses.Loss):
    """The loss whose minimum is the quantile q of the target."""

    name = "quantile"

    def __init__(self, q):
        self.q = q

    def value_and_gradient(self, output, target, weight=None):
        """Return the mean loss of the rows, and its gradient with respect to the output."""
        w = np.ones(len(output)) if weight is None else weight
        n = self.normalizer(target, weight)
        above = target > output
        value = np.where(above, self.q * (target - output), (1 - self.q) * (output - target))
        gradient = np.where(above, -self.q, 1 - self.q) * w[:, None] / (n * output.shape[1])
        return float((value.mean(axis=1) * w).sum() / n), gradient.astype(output.dtype)


# %%
# Data whose spread grows to the right, and three networks.
rng = np.random.default_rng(0)
x = np.sort(rng.uniform(-3, 3, 600))[:, None]
y = np.sin(x) + (0.1 + 0.1 * (x + 3)) * rng.normal(size=x.shape)
grid = np.linspace(-3, 3, 200)[:, None]
fading = schedules.cosine(2e-2, epochs=150)
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(x, y, ".", color="0.75", markersize=3)
for q in (0.1, 0.5, 0.9):
    net = rnnbp.Network([layers.Dense(1, 32), layers.Activation("tanh"), layers.Dense(32, 1)], seed=0)
    rnnbp.fit(net, x, y, loss=QuantileLoss(q), optimizer=optimizers.Adam(fading), max_epochs=150)
    below = (y < rnnbp.predict(net, x)).mean()
    print(f"q = {q}: {below:.2f} of the targets lie below")
    ax.plot(grid, rnnbp.predict(net, grid), label=f"q = {q}")
ax.set(xlabel="x", ylabel="y")
ax.legend()

# %%
# The network is saved without its loss. A loss can be printed, compared and copied like every object with settings.
with tempfile.TemporaryDirectory() as folder:
    net.save(Path(folder) / "quantile.rnnbp", metadata={"q": 0.9})
    print(rnnbp.load(Path(folder) / "quantile.rnnbp").metadata, QuantileLoss(0.9) == QuantileLoss(0.9))
