"""An Elman network, unrolled: states on the way forwards, derivatives on the way back."""

import matplotlib.pyplot as plt
import numpy as np

import rnnbp
from rnnbp import layers

T, H = 5, 4
net = rnnbp.Network([layers.Elman(1, H), layers.LastStep(), layers.Dense(H, 1)], dtype="float64", seed=3)
W, U, V = (net.parameters[name] for name in ("0.input_weight", "0.recurrent_weight", "2.weight"))
x = np.zeros((T, 1, 1))
x[0] = 2.0

states = rnnbp.Network([layers.Elman(1, H)], dtype="float64")
states.theta = net.theta[: states.theta.size]
h = states.forward(x)[:, 0]

dh = np.zeros((T, H))  # of the loss L = y
dh[-1] = V[:, 0]
for t in reversed(range(T - 1)):
    dh[t] = (dh[t + 1] * (1 - h[t + 1] ** 2)) @ U.T
assert np.allclose(net.run(x).backward(np.ones((1, 1))).x[:, 0], (dh * (1 - h**2)) @ W.T)  # the library's

figure, panels = plt.subplots(2, figsize=(9, 6.4), layout="constrained")
for ax, values, label, arrow in ((panels[0], h, "h(t)", "->"), (panels[1], dh, "dL/dh(t)", "<-")):
    limit = abs(values).max()

    def line(a, b, weight, ax=ax):
        """Draw a weight: its sign is the colour, its size the width."""
        colour = "tab:red" if weight > 0 else "tab:blue"
        ax.plot(*zip(a, b, strict=True), color=colour, linewidth=2.5 * min(abs(weight), 1), alpha=0.45, zorder=1)

    y = np.linspace(1, 2.2, H)
    for t in range(T):
        for j in range(H):
            for i in range(H):
                if t + 1 < T:
                    line((3 * t, y[i]), (3 * t + 3, y[j]), U[i, j])
        ax.plot([3 * t, 3 * t], [0.25, 0.9], color="0.6", linewidth=1, zorder=1)
        ax.text(3 * t, 0.1, f"x({t}) = {x[t, 0, 0]:g}", ha="center", va="center")
    for j in range(H):
        line((3 * T - 3, y[j]), (3 * T - 1, 1.6), V[j, 0])
    ax.text(3 * T - 0.9, 1.6, "L = y", va="center")
    shown = ax.scatter(
        np.repeat(3 * np.arange(T), H),
        np.tile(y, T),
        c=values.ravel(),
        s=260,
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        edgecolors="0.3",
        zorder=2,
    )
    begin, end = ((1, 11), (11, 1))[arrow == "<-"]
    ax.annotate("", (end, 2.55), (begin, 2.55), arrowprops={"arrowstyle": "->", "color": "0.3", "linewidth": 1.5})
    figure.colorbar(shown, ax=ax, label=label)
    ax.set(xlim=(-1, 14.6), ylim=(-0.1, 2.7))
    ax.axis("off")
panels[0].set_title("forwards: states", loc="left")
panels[1].set_title("backwards: derivatives of the loss", loc="left")
