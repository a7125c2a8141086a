"""
A static classifier
===================

`MLPClassifier` takes scikit-learn's arguments, and with the same ``random_state`` begins with the same weights and goes
the same way. So the two loss curves lie on each other.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as ScikitLearns

from rnnbp import MLPClassifier

x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x / 16, y, random_state=0)
settings = {"hidden_layer_sizes": (32,), "max_iter": 30, "random_state": 0, "tol": 0.0, "n_iter_no_change": 100}

# %%
# Fit both. With ``max_iter=30`` neither has converged, and both warn of it; here that is what we want.
import warnings

from sklearn.exceptions import ConvergenceWarning

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    ours = MLPClassifier(**settings).fit(x_train, y_train)
    theirs = ScikitLearns(**settings).fit(x_train, y_train)
print(f"test accuracy: rnnbp {ours.score(x_test, y_test):.3f}, scikit-learn {theirs.score(x_test, y_test):.3f}")

# %%
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(theirs.loss_curve_, linewidth=6, color="0.8", label="scikit-learn")
ax.plot(ours.loss_curve_, label="rnnbp")
ax.set(xlabel="epoch", ylabel="cross-entropy", title="The same settings, the same curve")
ax.legend()
plt.show()
