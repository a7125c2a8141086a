"""Training that ends where it began: the loss of a constant answer, and the warning of it."""

import warnings

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, mean_poisson_deviance, mean_squared_error

from rnnbp import MLPClassifier, MLPRegressor, RNNClassifier, RNNRegressor, RNNTagger
from rnnbp.estimators.chance import constant_loss
from rnnbp.estimators.objectives import BinaryLogLoss, HalfPoissonDeviance, HalfSquaredError
from rnnbp.losses import CrossEntropy

RNG = np.random.default_rng(0)
N = 60
NOISE = [RNG.normal(size=(9, 1)) for _ in range(N)]
LABELS, NUMBERS = np.arange(N) % 3, RNG.normal(size=N)
QUICK = {"hidden_layer_sizes": 4, "random_state": 0, "tol": 0.1, "n_iter_no_change": 2}


@pytest.mark.parametrize("weight", [None, RNG.uniform(0, 2, N)], ids=["equal", "weighted"])
class TestTheLossOfTheBestConstant:
    """Against scikit-learn's dummies and metrics."""

    def test_of_classes(self, weight):
        dummy = DummyClassifier(strategy="prior").fit(NOISE, LABELS, weight)
        expected = log_loss(LABELS, dummy.predict_proba(NOISE), sample_weight=weight)
        assert constant_loss(CrossEntropy(), "softmax", 3, LABELS, weight) == pytest.approx(expected)

    def test_of_labels(self, weight):
        y = np.stack([LABELS == 0, LABELS < 2], axis=1).astype(float)
        expected = 0
        for column in y.T:
            dummy = DummyClassifier(strategy="prior").fit(NOISE, column, weight)
            expected += log_loss(column, dummy.predict_proba(NOISE), sample_weight=weight)
        assert constant_loss(BinaryLogLoss(), "logistic", 2, y, weight) == pytest.approx(expected)

    def test_of_numbers(self, weight):
        predicted = DummyRegressor().fit(NOISE, NUMBERS, weight).predict(NOISE)
        expected = mean_squared_error(NUMBERS, predicted, sample_weight=weight) / 2
        found = constant_loss(HalfSquaredError(), "identity", 1, NUMBERS[:, None], weight)
        assert found == pytest.approx(expected)

    def test_of_counts(self, weight):
        y = np.floor(np.exp(NUMBERS))
        predicted = DummyRegressor().fit(NOISE, y, weight).predict(NOISE)
        expected = mean_poisson_deviance(y, predicted, sample_weight=weight) / 2
        assert constant_loss(HalfPoissonDeviance(), "exp", 1, y[:, None], weight) == pytest.approx(expected)

    def test_is_nothing_if_all_are_alike(self, weight):
        ones = np.ones((N, 1))
        assert constant_loss(BinaryLogLoss(), "logistic", 1, ones, weight) == pytest.approx(0, abs=1e-12)
        assert constant_loss(HalfPoissonDeviance(), "exp", 1, 0 * ones, weight) == pytest.approx(0, abs=1e-12)
        assert constant_loss(CrossEntropy(), "softmax", 3, np.ones(N, int), weight) == pytest.approx(0, abs=1e-12)


FLAT = np.stack(NOISE)[:, 0]
AT_CHANCE = {
    "MLPClassifier": (MLPClassifier(**QUICK), FLAT, LABELS),
    "MLPClassifier, two classes": (MLPClassifier(**QUICK), FLAT, LABELS % 2),
    "MLPRegressor": (MLPRegressor(**QUICK), FLAT, NUMBERS),
    "RNNClassifier": (RNNClassifier(**QUICK), NOISE, LABELS),
    "RNNClassifier, stopped early": (RNNClassifier(**QUICK, early_stopping=True), NOISE, LABELS),
    "RNNClassifier, weighted": (RNNClassifier(**QUICK, class_weight={0: 1, 1: 5, 2: 1}), NOISE, LABELS),
    "RNNRegressor": (RNNRegressor(**QUICK), NOISE, NUMBERS),
    "RNNTagger": (RNNTagger(**QUICK), NOISE, [RNG.integers(0, 3, 9) for _ in range(N)]),
}


@pytest.mark.parametrize(("estimator", "x", "y"), AT_CHANCE.values(), ids=AT_CHANCE)
def test_training_that_ends_near_chance_says_so_and_what_to_try(estimator, x, y):
    with pytest.warns(
        ConvergenceWarning,
        match=r"ended (near chance|no better than a constant), after \d+ epochs: .* try .*features scaled",
    ) as caught:
        estimator.fit(x, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__  # where `fit` was called


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (RNNClassifier(**QUICK | {"learning_rate_init": 0.05, "tol": 0.001}), [x.mean() > 0 for x in NOISE]),
        (RNNClassifier(**QUICK), np.zeros(N)),
        (RNNClassifier(**QUICK, class_weight={0: 1.0, 1: 0.0}), np.arange(N) % 2),
        (RNNRegressor(**QUICK | {"learning_rate_init": 0.05, "tol": 0.001}), [x.sum() for x in NOISE]),
        (RNNRegressor(**QUICK | {"learning_rate_init": 0.05, "tol": 1e-5}), np.zeros(N)),
    ],
    ids=["learnt", "one class", "one class with a weight", "numbers learnt", "one number"],
)
def test_it_says_nothing_if_something_was_learnt_or_there_is_nothing_to_learn(estimator, y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator.fit(NOISE, y)


@pytest.mark.parametrize(("estimator", "x"), [(MLPRegressor(max_iter=3), FLAT), (RNNRegressor(max_iter=3), NOISE)])
def test_a_regressor_whose_epochs_end_above_a_constant_says_so_and_names_the_scaling_of_y(estimator, x):
    def said(y):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            estimator.set_params(random_state=0).fit(x, y)
        messages = [str(warning.message) for warning in caught if "no better" in str(warning.message)]
        assert len(messages) <= 1
        return messages

    (message,) = said(300 + NUMBERS)
    assert "try y scaled by TransformedTargetRegressor(" in message
    assert said(0.8 + NUMBERS)  # whose loss is less than twice that of a constant
    assert not said(np.array([each[-1, 0] for each in NOISE]) if x is NOISE else FLAT[:, 0])


def test_a_loss_that_is_that_of_a_constant_is_not_above_it():
    x, y = np.zeros((20, 3, 1)), np.resize([1.0, -1.0], 20)  # all outputs stay 0, which is the mean
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        RNNRegressor(4, learning_rate_init=5e-324, max_iter=1, random_state=0).fit(x, y)
    assert not [str(warning.message) for warning in caught if "no better" in str(warning.message)]


def test_what_is_named_for_targets_a_step_can_be_done():
    """scikit-learn's wrapper takes no targets that differ in length, and a convolution's stride leaves steps out."""
    regressor, y = RNNRegressor(max_iter=3, random_state=0), [300 + x[:, 0] for x in NOISE]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        regressor.fit(NOISE, y)
    (message,) = (str(warning.message) for warning in caught if "no better" in str(warning.message))
    assert "try y scaled by preprocessing.SequenceScaler; " in message
    assert "convolution" not in message
    assert "TransformedTargetRegressor" not in "".join(str(warning.message) for warning in caught)
