"""
Early stopping, with groups kept apart
======================================

Recordings of one speaker are alike. If they are on both sides of a split, the score tells how well the speaker was
remembered, not how well a new one will be understood. ``fit(X, y, groups=speakers)`` holds out whole speakers for early
stopping, and `GroupsApart` refuses a split that tears one apart.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GroupKFold, KFold, cross_val_score

from rnnbp import RNNClassifier
from rnnbp.model_selection import GroupLeakError, GroupsApart
from rnnbp.plotting import LossCurveDisplay

# %%
# Twelve people, each with a way of moving of their own, make two gestures of different speed.
rng = np.random.default_rng(0)
X, y, people = [], [], []
for person in range(12):
    style, slowness = rng.normal(size=2), rng.uniform(0.8, 1.25)
    for gesture in (0, 1):
        for _ in range(15):
            t = np.arange(rng.integers(25, 40))
            moved = np.sin((0.5, 0.7)[gesture] * t / slowness + rng.uniform(0, 6.3))
            X.append(moved[:, None] + style + 0.2 * rng.normal(size=(len(t), 2)))
            y.append(gesture)
            people.append(person)

# %%
# Scores with people on both sides, and with people apart.
model = RNNClassifier(
    24, pooling="mean", early_stopping=True, max_iter=80, n_iter_no_change=15, learning_rate_init=1e-2, random_state=0
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    mixed = cross_val_score(model, X, y, cv=KFold(4, shuffle=True, random_state=0))
    apart = cross_val_score(model, X, y, cv=GroupsApart(GroupKFold(4)), groups=people)
    model.fit(X, y, groups=people)
print(f"accuracy, people on both sides: {mixed.mean():.2f}; people apart: {apart.mean():.2f}")
try:
    cross_val_score(model, X, y, cv=GroupsApart(KFold(4, shuffle=True, random_state=0)), groups=people)
except GroupLeakError as error:
    print(f"GroupLeakError: {error}")

# %%
# The curves of the last fit, which held out whole people and kept the best epoch.
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
LossCurveDisplay.from_estimator(model, ax=ax)
plt.show()
