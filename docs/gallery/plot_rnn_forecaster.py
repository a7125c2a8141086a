"""
The steps to come
=================

`RNNForecaster` predicts a series from its own past, any number of steps ahead, with intervals. Here it is the
Mackey-Glass series, which is chaotic.
"""

import warnings

import matplotlib.pyplot as plt

from rnnbp import RNNForecaster, datasets
from rnnbp.plotting import ForecastDisplay

series = datasets.make_mackey_glass(1, 6600, random_state=0)[0][0, ::6, 0]  # every 6 units of time
past, future = series[:1000], series[1000:1060]

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    model = RNNForecaster(32, max_iter=60, random_state=0).fit(past)
error = abs(model.predict(60) - future)
print(f"mean absolute error 1 to 20 steps ahead: {error[:20].mean():.3f}; 41 to 60: {error[40:].mean():.3f}")

# %%
# The intervals widen with the distance: errors of a chaotic series grow.
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
ForecastDisplay.from_estimator(model, past, 60, coverages=(0.8, 0.95), actual=future, ax=ax)
plt.show()
