"""scikit-learn's checks of estimators: none is expected to fail, and only those skipped that need SCIPY_ARRAY_API=1."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import rnnbp
from rnnbp.gradients import BPTT

# as NumPy: so small a network is not worth compiling
QUICK = {
    "hidden_layer_sizes": 6,
    "cell": "elman",
    "max_iter": 12,
    "learning_rate_init": 0.03,
    "gradient": BPTT(compiled=False),
}

ESTIMATORS = [
    rnnbp.MLPClassifier(max_iter=50),
    rnnbp.MLPRegressor(max_iter=50),
    rnnbp.RNNClassifier(**QUICK),
    rnnbp.RNNRegressor(**QUICK),
    rnnbp.RNNTagger(**QUICK),
    rnnbp.RNNForecaster(**QUICK),
]


@parametrize_with_checks(ESTIMATORS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Can't check:UserWarning")
@pytest.mark.filterwarnings(
    "ignore:X of shape", "ignore:feature .* of X", "ignore:y(, output .,)? has a mean"
)  # tables of many rows, with a mean of 100
def test_an_estimator_is_one_of_scikit_learn_s(estimator, check):
    check(estimator)
