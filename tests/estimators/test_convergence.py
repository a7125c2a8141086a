"""Early stopping: the callback's, by scikit-learn's rule; and what is left of training in a fitted estimator."""

import copy
import pickle
import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from toys import TEXT

from rnnbp import History, MLPClassifier, MLPRegressor, Network, RNNClassifier, RNNForecaster, RNNRegressor, RNNTagger
from rnnbp.callbacks import BestModelCheckpoint, CSVLog, EarlyStopping, TensorBoardLog

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] + 0.5 * RNG.normal(size=60) > 0).astype(int)
SEQUENCES = [RNG.normal(size=(n, 2)) for n in RNG.integers(1, 5, size=40)]
RECURRENT_NETWORK = {"gradient": TEXT, "random_state": 0}
RECURRENT = {"hidden_layer_sizes": 3, "max_iter": 2, **RECURRENT_NETWORK}
QUICK = {"hidden_layer_sizes": 5, "random_state": 0, "learning_rate_init": 0.02, "tol": 1e-3}

FITTED = {
    "MLPClassifier": (MLPClassifier(**QUICK, max_iter=3), X, Y),
    "MLPRegressor": (MLPRegressor(**QUICK, max_iter=3, dropout=0.1), X, X[:, 0]),
    "RNNClassifier": (RNNClassifier(early_stopping=True, **RECURRENT), SEQUENCES, np.arange(40) % 2),
    "RNNRegressor": (RNNRegressor(**RECURRENT), SEQUENCES, SEQUENCES),
    "RNNTagger": (RNNTagger(**RECURRENT), SEQUENCES, [x[:, 0] > 0 for x in SEQUENCES]),
    "RNNForecaster": (RNNForecaster(window=5, **RECURRENT), X[:, 0], None),
}


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_callback_ends_training_where_an_estimator_ends_it(early_stopping):
    fitted = MLPClassifier(**QUICK, early_stopping=early_stopping, n_iter_no_change=4, max_iter=500).fit(X, Y)
    assert fitted.n_iter_ < 500
    callback, history = EarlyStopping(5, min_delta=1e-3, compared_with="best"), History()
    curve = [-score for score in fitted.validation_scores_] if early_stopping else fitted.loss_curve_
    ends = []
    for value in curve:
        history.loss.append(value)
        ends.append(callback(None, history))
    assert ends == [False] * (fitted.n_iter_ - 1) + [True]


def test_recurrent_networks_go_on_while_a_loss_falls():
    """By their curves: the score on the validation data, their loss, or, near a constant's, that of training."""
    patience, tol = 3, 1e-3
    model = RNNClassifier(
        4, gradient=TEXT, early_stopping=True, n_iter_no_change=patience, tol=tol, max_iter=400, random_state=1,
        learning_rate_init=0.01,
    )  # fmt: skip
    y = np.array([x[:, 0].sum() > 0 for x in SEQUENCES]).astype(int)
    model.fit(SEQUENCES, y, X_val=SEQUENCES[:10], y_val=y[:10])
    share = np.bincount(y[:10]) / 10
    constant = -(share * np.log(share)).sum()
    curves = [[-s for s in model.validation_scores_], model.validation_loss_curve_, model.loss_curve_]
    ended, waited = None, 0
    for t in range(len(curves[0])):
        much = (tol, max(tol, 0.005 * constant), tol)
        better = [t == 0 or curve[t] < min(curve[:t]) - m for curve, m in zip(curves, much, strict=True)]
        near_chance = min(curves[1][: t + 1]) > 0.95 * constant
        waited = 0 if better[0] or better[1] or (near_chance and better[2]) else waited + 1
        if waited > patience and ended is None:
            ended = t + 1
    assert ended == model.n_iter_ < 400
    best = max(model.validation_scores_)
    kept = min(loss for score, loss in zip(model.validation_scores_, curves[1], strict=True) if score == best)
    p = model.predict_proba(SEQUENCES[:10])[np.arange(10), y[:10]]
    assert -np.log(p).mean() == pytest.approx(kept)  # of the best scores, the one with the lowest loss


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_few_sequences_are_learnt_with_early_stopping(seed):
    """Six of sixty are set aside, and their score stands still for longer than training waits."""
    rng = np.random.default_rng(seed)
    tones = (0.2, 0.5, 0.9)
    x = [
        np.sin(tones[k % 3] * np.arange(n)[:, None]) + 0.4 * rng.standard_normal((n, 1))
        for k, n in enumerate(rng.integers(20, 40, size=120))
    ]
    y = np.arange(120) % 3
    model = RNNClassifier(16, early_stopping=True, random_state=seed).fit(x[:60], y[:60])
    assert model.score(x[60:], y[60:]) > 0.8


def test_the_rate_is_reduced_where_training_would_have_ended():
    settings = QUICK | {"solver": "sgd", "learning_rate_init": 0.1, "n_iter_no_change": 2, "max_iter": 1000}
    constant = MLPClassifier(**settings).fit(X, Y)
    rates = []
    watch = lambda net, history: rates.append(history.learning_rate[-1])  # noqa: E731
    adaptive = MLPClassifier(**settings, learning_rate="adaptive", callbacks=[watch]).fit(X, Y)
    assert rates[: constant.n_iter_] == [0.1] * constant.n_iter_
    assert rates[constant.n_iter_] == pytest.approx(0.02)
    assert adaptive.loss_curve_[: constant.n_iter_] == constant.loss_curve_
    assert rates[-1] < 1e-5
    assert np.diff(np.flatnonzero(np.diff(rates)))[-1] == 3  # epochs without an improvement: one more than 2


def test_near_chance_a_recurrent_network_goes_on_while_its_training_loss_falls():
    """Of labels that are wrong where it is validated: neither the validation data's score nor its loss gets better."""
    y = RNG.integers(0, 2, size=40)
    settings = {"n_iter_no_change": 2, "tol": 1e-5, "learning_rate_init": 0.002, "max_iter": 30}
    model = RNNClassifier(4, early_stopping=True, **RECURRENT_NETWORK | settings)
    model.fit(SEQUENCES, y, X_val=SEQUENCES[:10], y_val=1 - y[:10])
    assert model.n_iter_ == 30
    assert np.argmax(model.validation_scores_) < 20
    assert np.argmin(model.validation_loss_curve_) < 20
    assert (np.diff(model.loss_curve_) < -1e-5).all()


def test_without_early_stopping_the_last_epoch_is_kept():
    thetas = []
    watch = lambda net, history: thetas.append(net.theta.copy())  # noqa: E731
    fitted = MLPClassifier(**QUICK | {"learning_rate_init": 2.0}, max_iter=6, callbacks=[watch]).fit(X, Y)
    assert np.argmin(fitted.loss_curve_) < 5
    assert_array_equal(fitted.network_.theta, thetas[-1])


def test_the_best_network_is_the_same_to_callbacks_and_to_the_estimator(tmp_path):
    path = tmp_path / "best.rnnbp"
    fitted = MLPClassifier(**QUICK, early_stopping=True, max_iter=40, callbacks=[BestModelCheckpoint(path)]).fit(X, Y)
    assert np.argmax(fitted.validation_scores_) < len(fitted.validation_scores_) - 1
    assert_array_equal(Network.load(path).theta, fitted.network_.theta)


def test_a_warm_start_without_a_better_epoch_ends_with_the_network_that_it_began_with():
    fitted = MLPClassifier(**QUICK, early_stopping=True, warm_start=True, max_iter=40).fit(X, Y)
    theta, best = fitted.network_.theta.copy(), fitted.best_validation_score_
    fitted.set_params(learning_rate_init=10.0, max_iter=3).fit(X, Y)
    assert fitted.best_validation_score_ == best
    assert len(fitted.validation_scores_) > fitted.n_iter_
    assert_array_equal(fitted.network_.theta, theta)


def test_a_recurrent_network_that_begins_with_the_best_score_ends_with_it_though_its_loss_falls():
    y = np.array([x[:, 0].sum() > 0 for x in SEQUENCES])
    settings = {"learning_rate_init": 0.02, "max_iter": 60, "warm_start": True}
    model = RNNClassifier(8, early_stopping=True, **RECURRENT_NETWORK | settings)
    held_out = {"X_val": SEQUENCES[:4], "y_val": y[:4]}
    theta = model.fit(SEQUENCES, y, **held_out).network_.theta.copy()
    assert model.best_validation_score_ == 1
    model.set_params(max_iter=3).fit(SEQUENCES, y, **held_out)
    assert model.validation_scores_[-3:] == [1, 1, 1]
    assert_array_equal(model.network_.theta, theta)


def test_early_stopping_may_begin_in_a_warm_start():
    fitted = MLPClassifier(**QUICK, warm_start=True, max_iter=3).fit(X, Y)
    fitted.set_params(early_stopping=True).fit(X, Y)
    assert len(fitted.loss_curve_) == 6
    assert len(fitted.validation_scores_) == 3
    assert fitted.best_loss_ is None


def test_validation_data_may_be_left_out_of_a_warm_start():
    fitted = MLPClassifier(**QUICK, warm_start=True, max_iter=3).fit(X, Y, X_val=X[:9], y_val=Y[:9]).fit(X, Y)
    assert (len(fitted.validation_loss_curve_), len(fitted.loss_curve_)) == (3, 6)


def test_a_forecaster_that_was_fitted_with_early_stopping_by_itself_goes_on_without():
    fitted = RNNForecaster(window=5, **RECURRENT).fit(np.tile(X[:, 0], 3))
    assert fitted.validation_scores_ is not None
    assert len(fitted.partial_fit(X[:, 0]).loss_curve_) == 3


# -- pickle ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("estimator", "x", "y"), FITTED.values(), ids=FITTED)
@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy], ids=["pickle", "copy"])
def test_a_fitted_estimator_is_copied_with_all_that_it_holds(estimator, x, y, copied):
    fitted = clone(estimator).fit(x, y)
    other = copied(fitted)
    assert vars(other).keys() == vars(fitted).keys()
    assert other.loss_curve_ == fitted.loss_curve_
    assert_array_equal(other.network_.theta, fitted.network_.theta)
    assert not np.shares_memory(other.network_.theta, fitted.network_.theta)


@pytest.mark.parametrize(("estimator", "x", "y"), FITTED.values(), ids=FITTED)
def test_parameters_are_pickled_once(estimator, x, y):
    fitted = clone(estimator).fit(x, y)
    size, seen = fitted.network_.theta.size, []

    def walk(value):
        if isinstance(value, np.ndarray):
            seen.append(value)
        elif isinstance(value, dict):
            list(map(walk, value.values()))

    walk({name: value for name, value in vars(fitted).items() if name not in ("network_", "_optimizer_state")})
    assert all(array.size != size for array in seen)


def test_callbacks_that_have_written_do_not_keep_an_estimator_from_being_copied(monkeypatch, tmp_path):
    class Writer:
        def __init__(self, directory, *, purge_step):
            self.lock = threading.Lock()

        def add_scalar(self, name, value, step):
            pass

        def flush(self):
            pass

    monkeypatch.setattr("rnnbp.callbacks.tensorboard._summary_writer", lambda: Writer)
    callbacks = [CSVLog(tmp_path / "log.csv"), BestModelCheckpoint(tmp_path / "best"), EarlyStopping(3)]
    fitted = MLPClassifier(**QUICK, max_iter=2, callbacks=[*callbacks, TensorBoardLog(tmp_path)]).fit(X, Y)
    assert len(copy.deepcopy(fitted).callbacks) == 4
    assert len(clone(fitted).fit(X, Y).loss_curve_) == 2
