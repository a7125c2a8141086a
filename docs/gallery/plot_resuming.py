"""
A run that is killed, and resumed
=================================

With ``checkpoint=`` a run is written down every now and then. A process that is killed at any moment is started again
with the same call, and ends with the same bits as one that was never killed. Here a process is really killed.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import rnnbp
from rnnbp import datasets, layers

PROGRAM = """
import sys
import rnnbp
from rnnbp import datasets, layers

x, y = datasets.make_adding_problem(2000, 30, random_state=0)
net = rnnbp.Network([layers.GRU(2, 16), layers.LastStep(), layers.Dense(16, 1)], seed=0)
checkpoint = rnnbp.Checkpoint(sys.argv[1], every_seconds=None, every_epochs=1)
history = rnnbp.fit(net, list(x), y, loss="mean_squared_error", max_epochs=40, checkpoint=checkpoint,
                    callbacks=[lambda net, history: print(len(history), flush=True)])
net.save(sys.argv[2])
"""

# %%
# Start it, wait until it has done ten epochs, and kill it (SIGKILL: it cannot clean up).
with tempfile.TemporaryDirectory() as folder:
    checkpoint, result = Path(folder) / "run.checkpoint", Path(folder) / "net.rnnbp"
    command = [sys.executable, "-c", PROGRAM, str(checkpoint), str(result)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if int(line) == 10:
            process.kill()
            break
    process.wait()
    print(f"killed: exit status {process.returncode}, result written: {result.exists()}")

    # the same command again
    epochs = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    print(f"the second process did epochs {epochs[0]} to {epochs[-1]}")
    resumed = rnnbp.load(result)

# %%
# A run that nobody killed.
x, y = datasets.make_adding_problem(2000, 30, random_state=0)
net = rnnbp.Network([layers.GRU(2, 16), layers.LastStep(), layers.Dense(16, 1)], seed=0)
history = rnnbp.fit(net, list(x), y, loss="mean_squared_error", max_epochs=40)
print("the same bits:", np.array_equal(net.theta, resumed.theta))

# %%
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
rnnbp.plotting.learning_curves(history, ax=ax)
ax.axvline(int(epochs[0]) - 1, color="C3", linestyle="--", label="killed and resumed")
ax.set_yscale("log")
ax.legend()
plt.show()
