"""
Instruments for gradients
=========================

Three questions that one asks of a recurrent network that does not learn. Is the gradient right? How far back does it
reach? Does the network's own dynamics keep differences, lose them, or blow them up?
"""

import matplotlib.pyplot as plt
import numpy as np

import rnnbp
from rnnbp import diagnostics, layers

rng = np.random.default_rng(0)
x, target = rng.normal(size=(60, 4, 2)), rng.normal(size=(4, 1))


def make(layer):
    """Return a small network that is asked at the end of the sequence."""
    return rnnbp.Network([layer, layers.LastStep(), layers.Dense(16, 1)], seed=0)


# %%
# Right: finite differences against backpropagation through time.
print(diagnostics.check_gradients(make(layers.LSTM(2, 16)), x[:6], target, "mean_squared_error"))

# %%
# How far: the norm of the loss's gradient with respect to the state at each step.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for name, layer in {
    "Elman": layers.Elman(2, 16),
    "GRU": layers.GRU(2, 16),
    "LSTM, c": layers.LSTM(2, 16, bias_initializer=rnnbp.initializers.ForgetGate(4.0)),
}.items():
    flow = diagnostics.gradient_flow(make(layer), x, target, "mean_squared_error")
    state = "0.c" if "0.c" in flow.norm else "0.h"
    left.semilogy(flow.mean()[state][:-1], label=name)
left.set(xlabel="step", ylabel="norm of dL/ds(t)", title="How far the gradient reaches")
left.legend()

# %%
# The dynamics: Lyapunov exponents of tanh units with larger and larger recurrent weights. Above 0 is chaos.
scales = np.linspace(0.5, 3.0, 11)
largest = []
for scale in scales:
    net = rnnbp.Network([layers.Elman(1, 40)], seed=1)
    net.parameters["0.recurrent_weight"][...] = scale * rng.normal(size=(40, 40)) / np.sqrt(40)
    largest.append(diagnostics.lyapunov_exponents(net, np.zeros((400, 1, 1))).exponents[0])
right.plot(scales, largest, "o-")
right.axhline(0, color="0.7", linewidth=1)
right.set(xlabel="scale of the recurrent weights", ylabel="largest Lyapunov exponent", title="Order and chaos")
plt.show()
