"""
A static regressor
==================

`MLPRegressor` fits a noisy curve. ``solver="lbfgs"`` takes all data at once, which suits small sets.
"""

import matplotlib.pyplot as plt
import numpy as np

from rnnbp import MLPRegressor

rng = np.random.default_rng(0)
x = np.sort(rng.uniform(-3, 3, 120))[:, None]
y = np.sin(2 * x[:, 0]) + 0.2 * rng.normal(size=120)

# %%
# ``alpha`` is the strength of the L2 penalty: with hardly any the network follows the noise, with much it cannot bend.
grid = np.linspace(-3, 3, 300)[:, None]
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(x, y, ".", color="0.6", label="data")
for alpha in (1e-4, 1.0, 30.0):
    model = MLPRegressor((50,), activation="tanh", solver="lbfgs", alpha=alpha, max_iter=2000, random_state=0).fit(x, y)
    ax.plot(grid, model.predict(grid), label=f"alpha = {alpha:g}")
ax.set(xlabel="x", ylabel="y")
ax.legend()
plt.show()
