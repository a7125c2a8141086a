"""Iris: the error while learning, and what the hidden units make of the flowers."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

import rnnbp
from rnnbp import layers, optimizers

flowers, kind = load_iris(return_X_y=True)
x, _, kind, _ = train_test_split(flowers, kind, test_size=0.3, stratify=kind, random_state=0)
order = np.argsort(kind, kind="stable")
x, kind = ((x - x.mean(axis=0)) / x.std(axis=0))[order], kind[order]

sigmoid = layers.Activation("sigmoid")
net = rnnbp.Network([layers.Dense(4, 4), sigmoid, layers.Dense(4, 3), sigmoid], dtype="float64", seed=0)
descent = optimizers.SGD(0.1)
history = rnnbp.fit(
    net, x, np.eye(3)[kind], loss="mean_squared_error", optimizer=descent, max_epochs=6000, batch_size=105
)
hidden = rnnbp.Network(net.layers[:2], dtype="float64")
hidden.theta = net.theta[: hidden.theta.size]

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", width_ratios=(1, 1.4))
rnnbp.plotting.error_curve(history.loss, ax=left)
left.set_title("")
picture = right.imshow(hidden.forward(x).T, aspect="auto", cmap="viridis", vmin=0, vmax=1)
figure.colorbar(picture, label="h")
right.set(xlabel="flower", ylabel="hidden unit", yticks=range(4))
right.set_xticks([17, 52, 87], ["setosa", "versicolor", "virginica"])
for border in (34.5, 69.5):
    right.axvline(border, color="white")
