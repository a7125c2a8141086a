"""
A learning rate, found
======================

`find_learning_rate` raises the rate from one minibatch to the next, and watches the loss. The network is left
as it was.
"""

import matplotlib.pyplot as plt

from sklearn.datasets import load_digits

import rnnbp
from rnnbp import layers, optimizers

digits = load_digits()
x, y = list(digits.images / 16), digits.target  # eight rows of eight pixels, one after the other


def make():
    """Return a new network, the same each time."""
    return rnnbp.Network([layers.LSTM(8, 32), layers.LastStep(), layers.Dense(32, 10)], seed=0)


search = rnnbp.find_learning_rate(make(), x, y, loss="cross_entropy")
print(f"suggested: {search.suggestion:.1e}")

# %%
# Trained with the suggestion, and with rates ten times lower and higher. The suggestion is a tenth of the rate at which
# the smoothed loss was lowest: with a lower rate training is slower, with one ten times higher it may not learn at all.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
left.semilogx(search.rates, search.losses, color="0.8", label="each minibatch")
left.semilogx(search.rates, search.smoothed, label="smoothed")
left.axvline(search.suggestion, color="C3", linestyle="--", label="suggestion")
left.set(xlabel="learning rate", ylabel="loss", ylim=(0, 4))
left.legend()
for factor in (0.1, 1.0, 10.0):
    rate = factor * search.suggestion
    history = rnnbp.fit(make(), x, y, loss="cross_entropy", optimizer=optimizers.Adam(rate), max_epochs=15)
    right.semilogy(history.loss, label=f"{rate:.1e}")
right.set(xlabel="epoch", ylabel="loss")
right.legend(title="learning rate")
plt.show()
