"""
A callback of one's own
=======================

A callback is any function of the network and the history, called after each epoch; a true result ends training. This
one keeps the weights of each epoch, so that one can watch what was learnt, and ends when the loss is small enough.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import rnnbp
from rnnbp import callbacks, datasets, layers, optimizers

x, y = datasets.make_adding_problem(1500, 40, random_state=0)
net = rnnbp.Network([layers.GRU(2, 16), layers.LastStep(), layers.Dense(16, 1)], seed=0)
seen = []


def watch(net, history):
    """Keep the weights of the input, and stop early."""
    seen.append(np.abs(net.parameters["0.input_weight"]).mean(axis=1))
    return history.loss[-1] < 2e-3


# %%
# Two that are built in run beside it: a log, and the best network so far in a file.
with tempfile.TemporaryDirectory() as folder:
    history = rnnbp.fit(
        net,
        list(x),
        y,
        loss="mean_squared_error",
        optimizer=optimizers.Adam(1e-2, clip_norm=1.0),
        max_epochs=60,
        callbacks=[watch, callbacks.CSVLog(f"{folder}/log.csv"), callbacks.BestModelCheckpoint(f"{folder}/best.rnnbp")],
    )
    print(Path(folder, "log.csv").read_text().splitlines()[0])
    print(rnnbp.load(f"{folder}/best.rnnbp").layers[0])
print(f"stopped by: {history.stopped}, after {len(history)} epochs")

# %%
# Of the two inputs one is the number, the other marks which numbers count.
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
rnnbp.plotting.learning_curves(history, ax=left)
left.set_yscale("log")
right.plot(np.array(seen), label=["number", "mark"])
right.set(xlabel="epoch", ylabel="mean absolute input weight")
right.legend()
plt.show()
