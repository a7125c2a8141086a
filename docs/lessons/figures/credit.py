"""Which past inputs an answer hangs on, before and after learning to add two marked numbers."""

import matplotlib.pyplot as plt
import numpy as np

import rnnbp
from rnnbp import datasets, diagnostics, layers, optimizers

T = 40
x, y = datasets.make_adding_problem(3000, T, random_state=0)
net = rnnbp.Network([layers.GRU(2, 24), layers.LastStep(), layers.Dense(24, 1)], seed=0)
example = x[:1]
marked = np.flatnonzero(example[0, :, 1] > 0.5)
before = diagnostics.saliency(net, list(example), output=0).frame_norm[:, 0]
optimizer = optimizers.Adam(1e-2, clip_norm=1.0)
rnnbp.fit(net, list(x), y, loss="mean_squared_error", optimizer=optimizer, max_epochs=15)
after = diagnostics.saliency(net, list(example), output=0).frame_norm[:, 0]

figure, (above, below) = plt.subplots(2, figsize=(8, 4.2), sharex=True, layout="constrained")
above.bar(np.arange(T), example[0, :, 0], color="0.8", label="number")
above.bar(marked, example[0, marked, 0], color="tab:orange", label="marked number")
above.set_ylabel("x(t)")
above.legend(loc="upper right", ncols=2)
below.plot(before, color="0.5", label="before training")
below.plot(after, color="tab:blue", label="after training")
for t in marked:
    below.axvline(t, color="tab:orange", linewidth=1, linestyle="--")
below.set(xlabel="step t", ylabel="norm of dy/dx(t)")
below.legend()
