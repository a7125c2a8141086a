"""
What is known of the future
===========================

Sales follow the price of each day, and how many people came by the day before. Prices are set in advance:
``future_covariates``. Visitors are counted in the evening, and known up to today: ``past_covariates``::

    sales(t) = 0.5 sales(t-1) - 20 price(t) + 2 visitors(t-1) + noise
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

from rnnbp import RNNForecaster
from rnnbp.plotting import ForecastDisplay

rng = np.random.default_rng(0)
n, h = 1000, 30
price = rng.choice([1.0, 1.5, 2.0], size=n // 5).repeat(5)  # for five days each
visitors = rng.normal(20, 1, size=n)
sales = np.full(n, 60.0)
for t in range(1, n):
    sales[t] = 0.5 * sales[t - 1] - 20 * price[t] + 2 * visitors[t - 1] + 20 + rng.normal()
past, future = sales[:-h], sales[-h:]

# %%
# Row t of covariates belongs to step t of the series. Prices go on beyond its end; visitors after it are not looked at.
known = {"future_covariates": price, "past_covariates": visitors[:-h]}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    without = RNNForecaster(16, max_iter=100, random_state=0).fit(past)
    model = RNNForecaster(16, max_iter=100, random_state=0).fit(past, **known)
for name, forecast in {"from its own past": without.predict(h), "with covariates": model.predict(h)}.items():
    print(f"{name:<18} mean absolute error {abs(forecast - future).mean():.1f}")

# %%
figure, (above, below) = plt.subplots(2, figsize=(7, 6.5), sharey=True, layout="constrained")
ForecastDisplay.from_estimator(without, past, h, coverages=(0.8, 0.95), n_known=60, actual=future, ax=above)
ForecastDisplay.from_estimator(model, past, h, coverages=(0.8, 0.95), n_known=60, actual=future, ax=below, **known)
above.set(ylabel="sales", xlabel="")
above.set_title("From its own past", loc="right")
below.get_legend().remove()
below.set(ylabel="sales", xlabel="days ahead")
below.set_title("With the prices of the days to come, and the visitors of those past", loc="right")
plt.show()
