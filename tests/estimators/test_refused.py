"""A fit that is refused leaves a fitted estimator as it was; a solver may be changed between two calls."""

import numpy as np
import pytest

from rnnbp import MLPClassifier, RNNClassifier, RNNForecaster, RNNRegressor, RNNTagger
from rnnbp.data.sequences import Sequences

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 5, 2))
LABELS = RNG.integers(0, 3, 30)
TAGS = RNG.integers(0, 2, size=(30, 5))
SMALL = {"max_iter": 2, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize(
    ("estimator", "y", "refused"),
    [
        (RNNClassifier(4, **SMALL), LABELS, (X, LABELS + 100, -np.ones(30))),
        (RNNClassifier(4, **SMALL), LABELS, (X[..., :1], LABELS[:5])),
        (RNNRegressor(4, **SMALL), LABELS * 1.0, (X, [np.ones(4)] * 29 + [np.ones(3)])),
        (RNNTagger(4, **SMALL), TAGS, (X, TAGS[:, :4])),
        (RNNTagger(4, **SMALL), TAGS, (X[:, 0], np.array(["a", "b"] * 14))),
    ],
)
@pytest.mark.filterwarnings("ignore:X of shape .* with a label for each row")
def test_a_refused_fit_changes_nothing(estimator, y, refused):
    estimator.fit(X, y)
    before, predicted = dict(vars(estimator)), np.asarray(estimator.predict(X))
    with pytest.raises(ValueError):
        estimator.fit(*refused)
    assert vars(estimator).keys() == before.keys()
    assert all(vars(estimator)[name] is value for name, value in before.items())
    np.testing.assert_array_equal(estimator.predict(X), predicted)


def test_a_refused_forecaster_is_as_it_was():
    series = np.sin(np.arange(80) / 3)
    model = RNNForecaster(4, window=8, **SMALL).fit(series)
    expected = model.predict(3)
    with pytest.raises(ValueError):
        model.fit(np.full(80, np.nan))
    np.testing.assert_array_equal(model.predict(3), expected)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"solver": "adam"}, {"solver": "sgd"}),
        ({"solver": "sgd"}, {"solver": "adam"}),
        ({"solver": "sgd", "momentum": 0.0}, {"momentum": 0.9}),
    ],
)
def test_partial_fit_begins_the_solver_anew_where_it_has_been_changed(first, then):
    for estimator, x in ((MLPClassifier(4, **SMALL, **first), X[:, 0]), (RNNClassifier(4, **SMALL, **first), X)):
        estimator.fit(x, LABELS)
        theta = estimator.network_.theta.copy()
        estimator.set_params(**then).partial_fit(x, LABELS)
        assert (estimator.network_.theta != theta).any()
        estimator.partial_fit(x, LABELS)


def test_joined_sequences_are_what_a_list_of_them_is():
    joined, tags = Sequences.of(list(X)), Sequences.of(list(TAGS))
    expected = RNNTagger(4, **SMALL).fit(list(X), list(TAGS)).predict(list(X))
    for own, each in zip(RNNTagger(4, **SMALL).fit(joined, tags).predict(joined), expected, strict=True):
        np.testing.assert_array_equal(own, each)


@pytest.mark.parametrize("others", [[4], [4, 5, 7]], ids=["two classes", "four classes"])
@pytest.mark.parametrize("rare", [9, "rare"])
def test_a_class_that_is_too_small_to_be_set_aside_is_named(others, rare):
    y = np.array([rare] + [type(rare)(label) for label in np.resize(others, 29)])
    with pytest.raises(ValueError, match=rf"1 member.*\[{rare!r}\]"):
        RNNClassifier(4, early_stopping=True, **SMALL).fit(X, y)


def test_early_stopping_of_a_static_network_is_stratified_as_scikit_learns():
    with pytest.raises(ValueError, match=r"1 member.*\[1\]"):
        MLPClassifier(early_stopping=True).fit([[1, 2], [2, 3], [3, 4], [4, 5]], [0, 0, 0, 1])
