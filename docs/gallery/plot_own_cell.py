"""
A cell of one's own
===================

A recurrent cell is its equations: an elementwise step, and which products feed it. Its pullback is derived, loops over
time are compiled, and ragged lengths, both directions, saving and all gradient algorithms come with it. This cell is a
leaky integrator, each unit with a time constant that is learnt::

    a = sigmoid(h' A + x V + c)          (1)
    h = (1 - a) h' + a tanh(x W + b)     (2)
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import rnnbp
from rnnbp import diagnostics, layers
from rnnbp.cells import Cell, Product, Stage
from rnnbp.kernels.elementwise import sigmoid, tanh


def step(blocks, inputs):
    """Compute one step from the pre-activations and the state before."""
    (z_a, z_n), (h,) = blocks, inputs
    a = sigmoid(z_a)  # 1
    return (h + a * (tanh(z_n) - h),)  # 2


class LeakyCell(Cell):
    """The equations."""

    blocks, states = ("a", "n"), ("h",)
    input = Product("input_weight", "x", into=("a", "n"), bias="bias")
    stages = (
        Stage(
            (Product("recurrent_weight", "h", into=("a",)),), blocks=("a", "n"), reads=("h",), outputs=("h",), step=step
        ),
    )


class Leaky(layers.Recurrent):
    """The layer around the cell."""

    def __init__(self, n_inputs, n_hidden, **options):
        super().__init__(n_inputs, n_hidden, **options)

    def make_cell(self):
        """Return the cell that the layer runs."""
        return LeakyCell(self.n_inputs, self.n_hidden)


# %%
# The derived pullback against finite differences, with ragged lengths.
rng = np.random.default_rng(0)
net = rnnbp.Network([Leaky(2, 8, bidirectional=True), layers.MeanOverTime(), layers.Dense(16, 1)], seed=0)
x = [rng.normal(size=(length, 2)) for length in (5, 9, 2)]
print(diagnostics.check_gradients(net, x, rng.normal(size=(3, 1)), "mean_squared_error"))

# %%
# Saved and loaded.
with tempfile.TemporaryDirectory() as folder:
    net.save(Path(folder) / "leaky.rnnbp")
    print(rnnbp.load(Path(folder) / "leaky.rnnbp").layers[0])

# %%
# What its units do with a pulse: with biases c from -4 to 0, each keeps it for a time of its own.
pulse = np.zeros((40, 1, 2))
pulse[5] = 3.0
net = rnnbp.Network([Leaky(2, 8)], seed=3)
net.parameters["0.bias"][:8] = np.linspace(-4, 0, 8)
states = net.forward(pulse)[:, 0]
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.plot(states)
ax.axvline(5, color="0.7", linestyle="--")
ax.set(xlabel="step", ylabel="state h", title="Eight units after a pulse")
plt.show()
