"""
A label for each step
=====================

`RNNTagger` labels every step. Here a signal switches between three rhythms, and each step is to be told which one it
belongs to. Read in both directions, a step is known by what follows it, too.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

from rnnbp import RNNTagger

FREQUENCIES = (0.15, 0.35, 0.7)


def make_signals(n, rng):
    """Return n signals of several stretches, and the rhythm of each step."""
    signals, labels = [], []
    for _ in range(n):
        rhythm = np.repeat(rng.integers(0, 3, 5), rng.integers(25, 50, 5))
        phase = np.cumsum(np.take(FREQUENCIES, rhythm))
        signals.append((np.sin(phase) + 0.4 * rng.normal(size=len(phase)))[:, None])
        labels.append(rhythm)
    return signals, labels


rng = np.random.default_rng(0)
x, y = make_signals(60, rng)
x_test, y_test = make_signals(20, rng)

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    model = RNNTagger(24, bidirectional=True, max_iter=40, learning_rate_init=1e-2, random_state=0).fit(x, y)
print(f"share of steps labelled right: {model.score(x_test, y_test):.3f}")

# %%
figure, (above, below) = plt.subplots(2, figsize=(7, 4), height_ratios=(1, 1.2), sharex=True, layout="constrained")
above.plot(x_test[0][:, 0], linewidth=0.8)
above.set_ylabel("signal")
below.plot(y_test[0], color="0.7", linewidth=4, label="true")
below.plot(model.predict(x_test[:1])[0], label="predicted")
below.set(xlabel="step", ylabel="rhythm", yticks=range(3))
below.legend(loc="upper right")
plt.show()
