"""How far gradients reach through cells without and with gates, and what that means for learning."""

import matplotlib.pyplot as plt
import numpy as np

import rnnbp
from rnnbp import datasets, diagnostics, initializers, layers, optimizers

CELLS = {
    "Elman": lambda: layers.Elman(2, 24),
    "GRU": lambda: layers.GRU(2, 24),
    "LSTM, b = 1": lambda: layers.LSTM(2, 24),
    "LSTM, b = 4": lambda: layers.LSTM(2, 24, bias_initializer=initializers.ForgetGate(4.0)),
}
noise = np.random.default_rng(0).normal(size=(100, 8, 2))
x, y = datasets.make_adding_problem(2500, 60, random_state=0)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for name, make in CELLS.items():
    net = rnnbp.Network([make(), layers.LastStep(), layers.Dense(24, 1)], seed=0)
    flow = diagnostics.gradient_flow(net, noise, np.ones((8, 1)), "mean_squared_error")
    left.semilogy(flow.mean()["0.c" if "0.c" in flow.norm else "0.h"][:-1], label=name)
    optimizer = optimizers.Adam(5e-3, clip_norm=1.0)
    history = rnnbp.fit(net, list(x), y, loss="mean_squared_error", optimizer=optimizer, max_epochs=20)
    right.semilogy(history.loss, label=name)
left.set(xlabel="step t", ylabel="norm of dL/ds(t)", title="Before training")
right.axhline(1 / 6, color="0.6", linestyle=":", label="a constant")
right.set(xlabel="epoch", ylabel="mean squared error", title="The adding problem, 60 steps")
left.legend()
right.legend()
