"""
A number for each sequence, or for each step
============================================

`RNNRegressor` gives one vector a sequence if ``y`` is an array, and one a step if ``y`` is a list of arrays. Here a
weight on a damped spring is pushed by a force, step after step, and the network learns where it goes::

    v <- v + 0.2 (force - x - 0.3 v),    x <- x + 0.2 v
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

from rnnbp import RNNRegressor


def push(force):
    """Return where the weight is after each step, of shape (T, 1)."""
    x, v, way = 0.0, 0.0, []
    for f in force:
        v += 0.2 * (f - x - 0.3 * v)
        x += 0.2 * v
        way.append([x])
    return np.array(way)


rng = np.random.default_rng(0)
forces = [np.repeat(rng.normal(size=length // 10), 10) for length in rng.integers(80, 200, 40)]
ways = [push(force) for force in forces]
X = [force[:, None] for force in forces]

# %%
# The last ten sequences are kept for the test.
model = RNNRegressor(16, max_iter=150, learning_rate_init=1e-2, random_state=0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    model.fit(X[:30], ways[:30])
print(f"R^2 on new sequences: {model.score(X[30:], ways[30:]):.3f}")

# %%
figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.plot(forces[30], color="0.85", linewidth=1, label="force")
ax.plot(ways[30], color="0.5", linewidth=4, label="true way")
ax.plot(model.predict(X[30:31])[0], label="predicted way")
ax.set(xlabel="step", ylabel="x", title="A sequence that was not trained on")
ax.legend()
plt.show()
