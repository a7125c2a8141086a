"""Estimators on a cluster, and searches that a cluster shares out."""

import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV

from rnnbp import MLPRegressor, RNNClassifier
from rnnbp.distributed import on
from rnnbp.kernels import threads


def problem(n=60):
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(length, 2)).astype("float32") for length in rng.integers(3, 9, size=n)]
    return x, ["up" if sequence[0, 0] > 0 else "down" for sequence in x]


def classifier(**settings):
    return RNNClassifier(**{"hidden_layer_sizes": 5, "random_state": 0, "max_iter": 4, "tol": 0.0} | settings)


def test_an_estimator_is_fitted_on_the_cluster(client, recwarn):
    x, y = problem()
    here = classifier(early_stopping=True).fit(x, y)
    with on(client):
        there = classifier(early_stopping=True).fit(x, y)
    np.testing.assert_allclose(there.network_.theta, here.network_.theta, rtol=0, atol=1e-6)
    np.testing.assert_allclose(there.loss_curve_, here.loss_curve_, rtol=1e-6)
    assert there.validation_scores_ == here.validation_scores_
    assert (there.predict(x) == here.predict(x)).all()


def test_an_estimator_that_learns_bit_by_bit(client):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 3))
    here, there = (MLPRegressor((4,), random_state=1) for _ in range(2))
    for _ in range(3):
        here.partial_fit(x, x[:, 0])
        with on(client):
            there.partial_fit(x, x[:, 0])
    np.testing.assert_allclose(there.network_.theta, here.network_.theta, rtol=0, atol=1e-12)


class Counting(RNNClassifier):
    """Notes how many threads it is fitted with."""

    def fit(self, X, y, sample_weight=None):
        self.n_threads_ = threads.count()
        return super().fit(X, y, sample_weight)

    def score(self, X, y):
        return -self.n_threads_


def test_a_search_is_shared_out_and_each_of_its_fits_has_the_threads_of_a_worker(client, recwarn):
    x, y = problem(30)
    grid = {"hidden_layer_sizes": [3, 4]}
    expected = GridSearchCV(classifier(), grid, cv=2).fit(x, y)
    with joblib.parallel_config(backend="dask", client=client):
        found = GridSearchCV(classifier(), grid, cv=2).fit(x, y)
        counted = GridSearchCV(Counting(3, max_iter=1), {"alpha": [0.0, 0.1]}, cv=2, refit=False).fit(x, y)
    assert (found.cv_results_["mean_test_score"] == expected.cv_results_["mean_test_score"]).all()
    assert (found.best_estimator_.network_.theta == expected.best_estimator_.network_.theta).all()
    assert (counted.cv_results_["mean_test_score"] == -1.0).all()
