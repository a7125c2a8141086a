"""What truncation cuts off, and what is not learnt for it."""

import matplotlib.pyplot as plt
import numpy as np

import rnnbp
from rnnbp import gradients, layers, optimizers

T = 40
ALGORITHMS = {
    "k2 = 5": gradients.TruncatedBPTT(5, 5),
    "k2 = 10": gradients.TruncatedBPTT(10, 10),
    "k2 = 20": gradients.TruncatedBPTT(20, 20),
    "full": gradients.BPTT(),
}


def make(algorithm):
    """Return a network that is asked at the end."""
    bias = rnnbp.initializers.ForgetGate(3.0)
    recurrent = layers.LSTM(2, 16, bias_initializer=bias, gradient=algorithm)
    return rnnbp.Network([recurrent, layers.LastStep(), layers.Dense(16, 1)], seed=0)


rng = np.random.default_rng(0)
x = np.zeros((2000, T, 2))
x[:, :, 0] = rng.uniform(size=(2000, T))
first, second = rng.integers(0, T // 2, 2000), rng.integers(3 * T // 4, T, 2000)
x[np.arange(2000), first, 1] = x[np.arange(2000), second, 1] = 1.0
y = (x[:, :, 0] * x[:, :, 1]).sum(axis=1)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for name, algorithm in ALGORITHMS.items():
    run = make(algorithm).run(x[0][:, None])
    reached = np.linalg.norm(run.backward(np.ones((1, 1))).x[:, 0], axis=1)
    left.semilogy(np.where(reached > 0, reached, np.nan), ".-", label=name, zorder=-len(left.lines))
    net = make(algorithm)
    optimizer = optimizers.Adam(1e-2, clip_norm=1.0)
    history = rnnbp.fit(net, list(x), y, loss="mean_squared_error", optimizer=optimizer, max_epochs=25)
    right.semilogy(history.loss, label=name)
left.set(xlabel="step t", ylabel="norm of dL/dx(t)", title="What reaches each input")
right.axhline(1 / 12, color="0.6", linestyle=":", label="second number only")
right.set(xlabel="epoch", ylabel="mean squared error", title="What is learnt")
right.legend(loc="upper right", fontsize="small")
left.legend()
