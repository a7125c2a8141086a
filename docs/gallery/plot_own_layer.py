"""
A layer of one's own
====================

A layer is a function of rows and its pullback. This one gives each feature a gain and a bend, with two parameters a
feature::

    y = a tanh(b x)                                         (1)
    da = sum dy tanh(b x),  db = sum dy a x (1 - tanh^2)    (1')
    dx = dy a b (1 - tanh^2)                                (1')

It is checked by finite differences, trained, saved and loaded like any other.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import rnnbp
from rnnbp import diagnostics, layers
from rnnbp.initializers import Ones
from rnnbp.parameters import Parameter


class Bend(layers.Layer):
    """y = a tanh(b x), with an a and a b for each feature."""

    def __init__(self, n_features):
        self.n_features = n_features  # the constructor's arguments are kept under their own names

    def parameters(self):
        """Declare a and b."""
        return Parameter("a", (self.n_features,), Ones()), Parameter("b", (self.n_features,), Ones())

    def output_width(self, input_width):
        """Return as many features as come in."""
        return input_width

    def forward(self, parameters, x, context):
        """Compute (1)."""
        bent = np.tanh(parameters["b"] * x)
        return parameters["a"] * bent, (x, bent)

    def backward(self, parameters, gradients, dy, saved, context):
        """Compute (1')."""
        x, bent = saved
        slope = dy * parameters["a"] * (1 - bent**2)
        gradients["a"][...] = (dy * bent).sum(axis=0)
        gradients["b"][...] = (slope * x).sum(axis=0)
        return slope * parameters["b"]


# %%
# Is the pullback right?
rng = np.random.default_rng(0)
net = rnnbp.Network([layers.GRU(1, 16), Bend(16), layers.Dense(16, 1)], seed=0)
print(diagnostics.check_gradients(net, rng.normal(size=(5, 3, 1)), rng.normal(size=(5, 3, 1)), "mean_squared_error"))

# %%
# Train it to say where a sine is going, and save it. A class is found again by its name, once it has been defined.
wave = np.sin(0.2 * np.arange(400))[:, None]
history = rnnbp.fit(net, [wave[:-5]], [wave[5:]], loss="mean_squared_error", optimizer="adam", max_epochs=200)
with tempfile.TemporaryDirectory() as folder:
    net.save(Path(folder) / "bent.rnnbp")
    again = rnnbp.load(Path(folder) / "bent.rnnbp")
print(again, (again.theta == net.theta).all())

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
rnnbp.plotting.learning_curves(history, ax=left)
left.set_yscale("log")
grid = np.linspace(-2, 2, 100)
for a, b in zip(net.parameters["1.a"], net.parameters["1.b"], strict=True):
    right.plot(grid, a * np.tanh(b * grid), color="C0", alpha=0.5)
right.set(xlabel="x", ylabel="a tanh(b x)", title="What became of the 16 features")
plt.show()
