"""What real-time recurrent learning carries forwards."""

import matplotlib.pyplot as plt
import numpy as np

import rnnbp
from rnnbp import gradients, layers

N_INPUTS, H, T = 2, 5, 20


class Watched(gradients.RTRL):
    """Keeps P(t) of every step."""

    seen: list

    def carry(self, step, z, previous, current, P):
        """Carry on, and keep a copy."""
        dz = super().carry(step, z, previous, current, P)
        self.seen.append(P[0, :, -(N_INPUTS * H + H * H + H) :].copy())
        return dz


def network(algorithm):
    """Return the network."""
    return rnnbp.Network([layers.Elman(N_INPUTS, H, gradient=algorithm)], dtype="float64", seed=1)


watched = Watched()
watched.seen = []
x = np.random.default_rng(0).normal(size=(T, 1, N_INPUTS))
run = network(watched).run(x)
run.backward(np.ones_like(run.output))

# L(t) = sum of h(t): its gradient by P(t), and by going back from t
forwards = [P.sum(axis=0) for P in watched.seen]
backwards = []
for t in range(T):
    run = network(gradients.BPTT()).run(x[: t + 1])
    d = np.zeros_like(run.output)
    d[-1] = 1.0
    backwards.append(run.backward(d).theta)

figure = plt.figure(figsize=(9, 6.2), layout="constrained")
grid = figure.add_gridspec(4, 1, height_ratios=(1, 1, 1, 1.7))
limit = max(abs(P).max() for P in watched.seen)
borders = np.cumsum([0] + [parameter.size for parameter in network(gradients.BPTT()).parameters.values()])
names = [name.removeprefix("0.").replace("_", " ") for name in network(gradients.BPTT()).parameters]
pictures = []
for place, t in enumerate((1, 5, 20)):
    ax = figure.add_subplot(grid[place])
    pictures.append(ax)
    shown = ax.imshow(watched.seen[t - 1], aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit)
    for border in borders[1:-1]:
        ax.axvline(border - 0.5, color="black", linewidth=0.8)
    ax.set(ylabel=f"P({t})\nunit", yticks=[0, 4], xticks=[])
ax.set_xticks((borders[1:] + borders[:-1] - 1) / 2, names)
figure.colorbar(shown, ax=pictures, label="ds(t)/dtheta")
ax = figure.add_subplot(grid[3])
ax.plot(range(1, T + 1), np.linalg.norm(backwards, axis=1), color="0.75", linewidth=6, label="backpropagation from t")
ax.plot(range(1, T + 1), np.linalg.norm(forwards, axis=1), ".-", label="dL/ds(t) P(t)")
ax.set(xlabel="step t", ylabel="norm of the gradient")
ax.legend()
