"""Static estimators: scikit-learn's results, and what scikit-learn's lack."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sklearn.neural_network as theirs
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import rnnbp
from rnnbp import MLPClassifier, MLPRegressor, optimizers

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
BINARY = np.where(Y == 2, "virginica", "other")
NUMBERED = (Y == 2).astype(int)  # before 1.9 scikit-learn cannot stop early with names
NUMBERS = X[:, :2] @ [1.0, -2.0] + 0.1 * X[:, 2] ** 2
BRIEF = {"hidden_layer_sizes": (8,), "max_iter": 15, "random_state": 3}
EPSILON = {"epsilon": 1e-14}  # Adam adds it elsewhere than scikit-learn does


# -- the same networks as scikit-learn's -------------------------------------------------------------------------------


@pytest.mark.parametrize("y", [Y, BINARY, np.eye(3, dtype=int)[Y][:, :2]], ids=["classes", "two classes", "labels"])
@pytest.mark.parametrize(
    "settings",
    [
        {"solver": "sgd"},
        {"solver": "sgd", "momentum": 0.0, "alpha": 1.0, "batch_size": 17},
        {"solver": "sgd", "nesterovs_momentum": False, "shuffle": False, "batch_size": 50},
        {"solver": "lbfgs", "alpha": 0.1},
        {"solver": "adam", "activation": "logistic"} | EPSILON,
        {"solver": "adam", "hidden_layer_sizes": (5, 4), "activation": "tanh", "beta_1": 0.8} | EPSILON,
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_the_classifier_is_scikit_learn_s_of_the_same_random_state(settings, y):
    settings = BRIEF | settings
    ours, other = MLPClassifier(**settings).fit(X, y), theirs.MLPClassifier(**settings).fit(X, y)
    assert_allclose(ours.predict_proba(X), other.predict_proba(X), rtol=1e-5, atol=1e-8)
    for own, expected in zip(ours.coefs_ + ours.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        assert_allclose(own, expected, rtol=1e-5, atol=1e-6)
    assert_allclose(ours.loss_, other.loss_, rtol=1e-8)
    assert ours.out_activation_ == other.out_activation_
    assert (ours.n_iter_, ours.n_layers_, ours.n_outputs_, ours.t_) == (
        other.n_iter_,
        other.n_layers_,
        other.n_outputs_,
        ours.t_ if settings["solver"] == "lbfgs" else other.t_,  # which theirs does not count
    )


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_the_regressor_is_scikit_learn_s_of_the_same_random_state(solver, loss):
    settings = BRIEF | EPSILON | {"solver": solver, "loss": loss}
    y = np.exp(NUMBERS / 4)
    ours, other = MLPRegressor(**settings).fit(X, y), theirs.MLPRegressor(**settings).fit(X, y)
    assert_allclose(ours.predict(X), other.predict(X), rtol=1e-6)
    assert_allclose(ours.loss_, other.loss_, rtol=1e-8)


def test_sample_weights_mean_what_they_mean_there():
    weight = np.random.default_rng(0).uniform(0, 3, len(Y))
    settings = BRIEF | {"solver": "sgd", "alpha": 0.5}
    ours = MLPClassifier(**settings).fit(X, Y, sample_weight=weight)
    other = theirs.MLPClassifier(**settings).fit(X, Y, sample_weight=weight)
    assert_allclose(ours.predict_proba(X), other.predict_proba(X), rtol=1e-8)


def test_epochs_of_partial_fit_are_scikit_learn_s():
    ours, other = (kind(solver="sgd", random_state=3) for kind in (MLPClassifier, theirs.MLPClassifier))
    for _ in range(3):
        ours.partial_fit(X[:100], Y[:100], classes=[0, 1, 2])
        other.partial_fit(X[:100], Y[:100], classes=[0, 1, 2])
    assert_allclose(ours.predict_proba(X), other.predict_proba(X), rtol=1e-8)
    assert_allclose(ours.loss_curve_, other.loss_curve_, rtol=1e-10)


@pytest.mark.parametrize(
    "y", [NUMBERED, Y, np.eye(3, dtype=int)[Y][:, :2]], ids=["two classes", "three classes", "labels"]
)
def test_early_stopping_sees_the_same_scores_and_keeps_the_same_network(y):
    settings = {"solver": "sgd", "early_stopping": True, "random_state": 3, "learning_rate_init": 0.05}
    ours, other = MLPClassifier(**settings).fit(X, y), theirs.MLPClassifier(**settings).fit(X, y)
    assert ours.validation_scores_ == other.validation_scores_
    assert ours.best_validation_score_ == other.best_validation_score_
    assert_allclose(ours.predict_proba(X), other.predict_proba(X), rtol=1e-8)


def test_early_stopping_weighs_its_scores():
    weight = np.random.default_rng(0).uniform(0, 3, len(Y))
    settings = {"solver": "sgd", "early_stopping": True, "random_state": 3, "max_iter": 8}
    ours = MLPClassifier(**settings).fit(X, NUMBERED, sample_weight=weight)
    other = theirs.MLPClassifier(**settings).fit(X, NUMBERED, sample_weight=weight)
    assert_allclose(ours.validation_scores_, other.validation_scores_, rtol=1e-12)


def test_one_step_of_the_worked_example_in_scikit_learn_s_tests():
    settings = {"solver": "sgd", "learning_rate_init": 0.1, "alpha": 0.1, "activation": "logistic", "momentum": 0}
    mlp = MLPClassifier(hidden_layer_sizes=2, random_state=1, **settings)
    x, y = [[0.6, 0.8, 0.7]], [0]
    mlp.partial_fit(x, y, classes=[0, 1])  # makes the network
    mlp.coefs_[0][...] = [[0.1, 0.2], [0.3, 0.1], [0.5, 0]]
    mlp.coefs_[1][...] = [[0.1], [0.2]]
    mlp.intercepts_[0][...] = [0.1, 0.1]
    mlp.intercepts_[1][...] = [1.0]
    mlp.partial_fit(x, y)
    expected = [[0.098, 0.195756], [0.2956664, 0.096008], [0.4939998, -0.002244]]
    assert_allclose(mlp.coefs_[0], expected, atol=1e-3)
    assert_allclose(mlp.coefs_[1], [[0.04706], [0.154089]], atol=1e-3)
    assert_allclose(mlp.intercepts_[0], [0.098333, 0.09626], atol=1e-3)
    assert_allclose(mlp.intercepts_[1], [0.9235], atol=1e-3)
    assert_allclose(mlp.predict_proba(x)[0, 1], 0.739, atol=1e-3)


# -- what theirs lack --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_float32_is_kept_and_all_else_is_float64(kind):
    for given, kept in [(np.float32, np.float32), (np.float64, np.float64), (np.int64, np.float64)]:
        assert kind(**BRIEF).fit(X.astype(given), Y).network_.dtype == kept


def test_each_hidden_layer_can_have_an_activation_of_its_own():
    fitted = MLPClassifier((4, 3), ("tanh", "gelu"), max_iter=2).fit(X, Y)
    assert [layer.name for layer in fitted.network_.layers[1::2]] == ["tanh", "gelu"]


def test_dropout_follows_every_hidden_layer_and_is_off_in_predictions():
    fitted = MLPClassifier((4, 3), dropout=0.5, max_iter=2, random_state=0).fit(X, Y)
    assert [type(layer).__name__ for layer in fitted.network_.layers].count("Dropout") == 2
    assert_array_equal(fitted.predict_proba(X), fitted.predict_proba(X))
    without = MLPClassifier((4, 3), max_iter=2, random_state=0).fit(X, Y)
    assert (fitted.predict_proba(X) != without.predict_proba(X)).any()


def test_class_weights_are_sample_weights():
    weights = {"other": 1.0, "virginica": 7.0}
    by_class = MLPClassifier(class_weight=weights, **BRIEF).fit(X, BINARY)
    by_sample = MLPClassifier(**BRIEF).fit(X, BINARY, sample_weight=[weights[name] for name in BINARY])
    assert_array_equal(by_class.predict_proba(X), by_sample.predict_proba(X))


def test_class_weights_multiply_sample_weights():
    weights, own = {"other": 1.0, "virginica": 7.0}, np.linspace(0.5, 2, len(X))
    both = MLPClassifier(class_weight=weights, **BRIEF).fit(X, BINARY, sample_weight=own)
    product = MLPClassifier(**BRIEF).fit(X, BINARY, sample_weight=own * [weights[name] for name in BINARY])
    assert_array_equal(both.predict_proba(X), product.predict_proba(X))


def test_balanced_class_weights_need_all_labels():
    with pytest.raises(ValueError, match="class_weight='balanced' needs all labels at once"):
        MLPClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])


def test_a_callback_sees_every_epoch_and_may_end_training():
    seen = []

    def stop(net, history):
        seen.append(history.loss[-1])
        return len(seen) == 3

    fitted = MLPClassifier(**BRIEF | {"callbacks": [stop]}).fit(X, Y)
    assert fitted.n_iter_ == 3
    assert fitted.loss_curve_ == seen


def test_validation_data_give_a_curve_of_the_loss():
    fitted = MLPClassifier(**BRIEF).fit(X[::2], Y[::2], X_val=X[1::2], y_val=Y[1::2])
    assert len(fitted.validation_loss_curve_) == len(fitted.loss_curve_) == 15
    log_loss = -fitted.predict_log_proba(X[1::2])[np.arange(75), Y[1::2]].mean()
    assert_allclose(fitted.validation_loss_curve_[-1], log_loss, rtol=1e-12)


def test_early_stopping_uses_validation_data_that_are_given_and_trains_on_all_others():
    fitted = MLPClassifier(early_stopping=True, **BRIEF).fit(X[::2], Y[::2], X_val=X[1::2], y_val=Y[1::2])
    assert fitted.t_ == 75 * fitted.n_iter_
    assert fitted.score(X[1::2], Y[1::2]) == fitted.best_validation_score_


def test_any_optimizer_is_a_solver():
    fitted = MLPClassifier(solver=optimizers.RMSprop(0.01), max_iter=30, random_state=0).fit(X, Y)
    assert fitted.score(X, Y) > 0.9


@pytest.mark.filterwarnings("ignore:feature 1 of X")
def test_log_probabilities_are_finite_where_probabilities_are_0():
    fitted = MLPClassifier(solver="lbfgs", hidden_layer_sizes=5, alpha=0.0, random_state=0).fit(X * 100, Y)
    assert (fitted.predict_proba(X * 100) == 0).any()
    assert np.isfinite(fitted.predict_log_proba(X * 100)).all()


def test_decisions_are_logits():
    fitted = MLPClassifier(**BRIEF).fit(X, BINARY)
    assert_allclose(1 / (1 + np.exp(-fitted.decision_function(X))), fitted.predict_proba(X)[:, 1], rtol=1e-12)


def test_multi_label_and_multi_output():
    x, labels = make_multilabel_classification(n_samples=80, n_features=6, random_state=0)
    classifier = MLPClassifier(solver="lbfgs", hidden_layer_sizes=30, random_state=0).fit(x, labels)
    assert classifier.predict(x).shape == classifier.predict_proba(x).shape == labels.shape
    assert classifier.score(x, labels) == accuracy_score(labels, classifier.predict(x)) > 0.75
    x, values = make_regression(n_samples=80, n_features=6, n_targets=3, random_state=0)
    regressor = MLPRegressor(solver="lbfgs", hidden_layer_sizes=30, random_state=0).fit(x, values)
    assert regressor.predict(x).shape == values.shape
    assert regressor.score(x, values) == r2_score(values, regressor.predict(x)) > 0.9


@pytest.mark.parametrize(
    ("labels", "said"),
    [([[0, 1, 0], [1, 0, 0]], True), ([[0, 1, 0]], False), ([[0, 1, 1], [1, 1, 0]], False)],
)
def test_rows_of_one_1_each_may_have_been_meant_as_one_label(labels, said, recwarn):
    MLPClassifier(2, max_iter=1).fit(X[: len(labels)], labels)
    assert any("has one 1 in its 3 columns" in str(each.message) for each in recwarn) is said


def test_no_hidden_layer_is_logistic_regression():
    fitted = MLPClassifier((), solver="lbfgs", random_state=0).fit(X, Y)
    assert [w.shape for w in fitted.coefs_] == [(4, 3)]
    assert fitted.score(X, Y) > 0.95


def test_warm_start_goes_on_and_its_curve_too():
    fitted = MLPClassifier(warm_start=True, **BRIEF).fit(X, Y)
    loss = fitted.loss_
    fitted.fit(X, Y)
    assert fitted.n_iter_ == 15
    assert len(fitted.loss_curve_) == 30
    assert fitted.loss_ < loss


def test_warm_start_goes_on_with_the_curves_of_validation_too():
    fitted = MLPClassifier(warm_start=True, **BRIEF).fit(X, Y)
    assert fitted.validation_loss_curve_ is None
    for n in (15, 30):
        assert len(fitted.fit(X, Y, X_val=X, y_val=Y).validation_loss_curve_) == n
    assert len(fitted.fit(X, Y).validation_loss_curve_) == 30
    fitted.set_params(early_stopping=True).fit(X, Y)
    assert fitted.best_loss_ is None
    n = fitted.n_iter_
    assert len(fitted.validation_scores_) == n
    fitted.fit(X, Y)
    assert len(fitted.validation_scores_) == n + fitted.n_iter_
    fitted.set_params(early_stopping=False).fit(X, Y)
    assert fitted.validation_scores_ is None
    assert fitted.best_loss_ > 0


def test_two_samples_are_enough_to_set_aside():
    settings = {"hidden_layer_sizes": 2, "max_iter": 1, "early_stopping": True, "validation_fraction": 0.1}
    assert len(MLPRegressor(**settings).fit(X[::7][:20], NUMBERS[::7][:20]).validation_scores_) == 1
    with pytest.raises(ValueError, match="The validation set is too small"):
        MLPRegressor(**settings).fit(X[::7][:10], NUMBERS[::7][:10])


def test_training_prints_nothing_unless_asked(capfd):
    MLPClassifier(**BRIEF).fit(X, Y).predict(X)
    assert capfd.readouterr() == ("", "")


# -- a good citizen ----------------------------------------------------------------------------------------------------


def test_it_is_searched_in_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(**BRIEF))
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [0, 1]}, cv=2).fit(X, NAMES)
    assert search.best_score_ > 0.5


def test_sample_weights_are_routed():
    from sklearn import config_context

    with config_context(enable_metadata_routing=True):
        weighted = MLPClassifier(**BRIEF).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scores = cross_val_score(weighted, X, Y, params={"sample_weight": np.ones(len(Y))}, cv=2)
    assert (scores > 0.4).all()


def test_pickles_and_clones():
    fitted = MLPClassifier(**BRIEF).fit(X, NAMES)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), fitted.predict(X))
    assert not hasattr(clone(fitted), "network_")


def test_a_pickle_goes_on_training_as_the_original_would():
    fitted = MLPClassifier(random_state=0).partial_fit(X, Y, classes=[0, 1, 2])
    other = pickle.loads(pickle.dumps(fitted)).partial_fit(X, Y)
    assert_array_equal(other.predict_proba(X), fitted.partial_fit(X, Y).predict_proba(X))


def test_threads_may_share_an_estimator():
    fitted = MLPClassifier((200,), max_iter=1, random_state=0).fit(X, Y)
    tables = [np.tile(X + shift, (10, 1)) for shift in np.arange(8.0)]
    expected = [fitted.predict_proba(table) for table in tables]
    with ThreadPoolExecutor(4) as threads:
        for found, alone in zip(threads.map(fitted.predict_proba, 3 * tables), 3 * expected, strict=True):
            assert_array_equal(found, alone)


def test_html_representation():
    assert "MLPClassifier" in MLPClassifier()._repr_html_()


def test_sparse_input_is_as_good_as_dense():
    dense, sparse = (MLPClassifier(**BRIEF).fit(kind(X), Y) for kind in (np.asarray, csr_array))
    assert_array_equal(dense.predict_proba(X), sparse.predict_proba(csr_array(X)))


# -- bad input ---------------------------------------------------------------------------------------------------------


def test_a_single_class_is_always_predicted():
    fitted = MLPClassifier(**BRIEF).fit(X, ["only"] * len(X))
    assert set(fitted.predict(10 * X)) == {"only"}
    assert_array_equal(fitted.predict_proba(X), np.ones((150, 1)))
    assert_array_equal(fitted.predict_log_proba(X), np.zeros((150, 1)))


def test_unseen_labels_in_score_count_as_wrong():
    fitted = MLPClassifier(**BRIEF).fit(X[:100], NAMES[:100])
    assert fitted.score(X[100:], NAMES[100:]) == 0.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_layer_sizes": (3, 0)}, r"hidden_layer_sizes must be > 0, got \[3, 0\]"),
        ({"activation": "tahn"}, "unknown activation 'tahn'.*Did you mean 'tanh'"),
        ({"activation": ("relu", "relu")}, "activation names 2 functions for 1 hidden layers"),
        ({"solver": "adamm"}, "solver must be 'adam', 'sgd', 'lbfgs' or an optimizer"),
        ({"learning_rate": 0.1}, "the rate itself is learning_rate_init"),
        ({"alpha": -1.0}, "alpha must be a number"),
        ({"max_iter": 0}, "max_iter must be a whole number of at least 1"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1"),
        ({"dropout": 1.0}, r"dropout must be a number in \[0, 1\)"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be"),
        ({"early_stopping": "yes"}, "early_stopping must be True or False"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**settings).fit(X, Y)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_best_epoch_of_training_that_diverges_is_kept():
    def spoil(net, history):
        if len(history) == 3:
            net.theta[...] = np.inf

    diverging = MLPClassifier(early_stopping=True, callbacks=[spoil], **BRIEF)
    with pytest.warns(ConvergenceWarning, match="Training diverged, and its best epoch is kept"):
        diverging.fit(X, Y)
    assert np.isfinite(diverging.network_.theta).all()
    assert np.isfinite(diverging.validation_scores_[:-1]).all()
    assert np.isnan(diverging.validation_scores_[-1])


@pytest.mark.filterwarnings("ignore:the loss has grown", "ignore:feature 1 of X")
def test_divergence_says_what_to_do():
    wild = MLPRegressor(solver="sgd", learning_rate_init=1e3, random_state=0)
    with pytest.raises(ValueError, match=r"non-finite parameter weights.*Try a lower learning rate"):
        wild.fit(X * 100, NUMBERS)


def test_a_batch_larger_than_the_data_is_clipped_with_a_warning():
    with pytest.warns(UserWarning, match="clipped to 150"):
        MLPClassifier(batch_size=1000, max_iter=1).fit(X, Y)


def test_validation_data_of_unknown_classes_are_refused():
    with pytest.raises(ValueError, match="has classes not in"):
        MLPClassifier(**BRIEF).fit(X[:100], NAMES[:100], X_val=X[100:], y_val=NAMES[100:])


def test_validation_data_of_other_features_are_refused():
    with pytest.raises(ValueError, match="X has 3 features, but MLPClassifier is expecting 4 features"):
        MLPClassifier(**BRIEF).fit(X, Y, X_val=X[:, :3], y_val=Y)


def test_the_estimators_are_public():
    assert rnnbp.MLPClassifier is MLPClassifier
    assert rnnbp.estimators.MLPRegressor is MLPRegressor
