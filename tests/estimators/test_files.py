"""Estimators in files: the same predictions on another machine, and nothing that is run when read."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

from rnnbp import (
    MLPClassifier,
    MLPRegressor,
    ModelFileError,
    Network,
    RNNClassifier,
    RNNForecaster,
    RNNRegressor,
    RNNTagger,
    gradients,
    layers,
    optimizers,
)
from rnnbp.estimators import files

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(20, 3))
RAGGED = [RNG.normal(size=(length, 2)).astype(np.float32) for length in RNG.integers(1, 6, size=20)]
NAMES = np.array(["one", "two", "three"])[np.arange(20) % 3]
RECURRENT = {"hidden_layer_sizes": (4,), "max_iter": 2, "gradient": gradients.BPTT(compiled=False), "random_state": 0}
STATIC = {"hidden_layer_sizes": (4, 3), "max_iter": 2, "activation": ("tanh", "relu"), "random_state": 0}

FITTED = {
    "MLPClassifier": (MLPClassifier(class_weight={"one": 2.0, "two": 1.0, "three": 0.5}, **STATIC), TABLE, NAMES),
    "MLPRegressor": (MLPRegressor(n_iter_no_change=np.inf, **STATIC), TABLE, TABLE[:, :2]),
    "RNNClassifier": (RNNClassifier(early_stopping=True, validation_fraction=0.3, **RECURRENT), RAGGED, NAMES),
    "RNNRegressor": (RNNRegressor(**RECURRENT), RAGGED, RAGGED),
    "RNNTagger": (RNNTagger(**RECURRENT), RAGGED, [x[:, 0] > 0 for x in RAGGED]),
    "RNNForecaster": (RNNForecaster(window=4, **RECURRENT), TABLE.T, None),
}


@pytest.fixture(params=FITTED)
def fitted(request):
    estimator, x, y = FITTED[request.param]
    return estimator.fit(x, y), x


def test_an_estimator_that_is_read_predicts_the_same_bits(fitted, tmp_path):
    estimator, x = fitted
    estimator.save(tmp_path / "model.safetensors")
    again = type(estimator).load(tmp_path / "model.safetensors")
    for restored, original in zip(again.predict(x), estimator.predict(x), strict=True):
        assert_array_equal(restored, original)
        assert np.asarray(restored).dtype == np.asarray(original).dtype


def test_settings_and_learning_curves_are_kept(fitted, tmp_path):
    estimator, _ = fitted
    estimator.save(tmp_path / "model.safetensors")
    again = type(estimator).load(tmp_path / "model.safetensors")
    assert repr(again) == repr(estimator)
    assert again.loss_curve_ == estimator.loss_curve_
    assert again.n_features_in_ == estimator.n_features_in_


def test_the_file_is_the_network_s(fitted, tmp_path):
    estimator, _ = fitted
    estimator.save(tmp_path / "model.safetensors")
    assert_array_equal(Network.load(tmp_path / "model.safetensors").theta, estimator.network_.theta)


def test_training_goes_on_after_reading(tmp_path):
    MLPClassifier(**STATIC).fit(TABLE, NAMES).save(tmp_path / "model")
    again = MLPClassifier.load(tmp_path / "model").partial_fit(TABLE, NAMES)
    assert len(again.loss_curve_) == 3


def test_intervals_are_the_same_after_reading(tmp_path):
    forecaster = RNNForecaster(window=4, **RECURRENT).fit(TABLE[:, 0])
    forecaster.save(tmp_path / "model")
    assert_array_equal(RNNForecaster.load(tmp_path / "model").predict_interval(3), forecaster.predict_interval(3))


def test_what_is_not_fitted_cannot_be_saved(tmp_path):
    with pytest.raises(NotFittedError):
        MLPClassifier().save(tmp_path / "model")


def test_a_file_of_another_estimator_is_refused(tmp_path):
    MLPRegressor(**STATIC).fit(TABLE, TABLE[:, 0]).save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="holds a MLPRegressor and no RNNTagger"):
        RNNTagger.load(tmp_path / "model")


def test_a_file_of_a_network_is_refused(tmp_path):
    MLPRegressor(**STATIC).fit(TABLE, TABLE[:, 0]).network_.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="holds a network and no MLPRegressor"):
        MLPRegressor.load(tmp_path / "model")


def test_an_optimizer_for_a_solver_is_kept(tmp_path):
    fitted = MLPClassifier(solver=optimizers.RMSprop(0.01, clip_norm=2.0), **STATIC).fit(TABLE, NAMES)
    fitted.save(tmp_path / "model")
    assert repr(MLPClassifier.load(tmp_path / "model").solver) == repr(fitted.solver)


def test_a_setting_that_no_file_can_hold_is_named(tmp_path):
    fitted = MLPClassifier(**STATIC).fit(TABLE, NAMES).set_params(tol=1e-4 + 0j)
    with pytest.raises(ValueError, match=r"tol=.* cannot be written to a model file"):
        fitted.save(tmp_path / "model")


# -- what is forged ----------------------------------------------------------------------------------------------------


@pytest.fixture
def forge(tmp_path):
    """Return a function that writes a fitted estimator to a file with another description, and the right hash."""

    def write(name, change):
        estimator, x, y = FITTED[name]
        network = estimator.fit(x, y).network_
        estimator.save(tmp_path / "model.rnnbp")
        description = Network.load(tmp_path / "model.rnnbp").metadata["estimator"]
        change(description)
        network.save(tmp_path / "model.rnnbp", metadata={"estimator": description})
        return type(estimator), tmp_path / "model.rnnbp"

    return write


def fitted_is(name, value):
    return lambda description: description["fitted"].update({name: value})


def setting_is(name, value):
    return lambda description: description["settings"].update({name: value})


FORGED = {
    "a method": ("MLPClassifier", fitted_is("predict", "x"), "nothing that is fitted is called 'predict'"),
    "a hidden attribute": ("MLPClassifier", fitted_is("__hidden", "x"), "nothing that is fitted is called '__hidden'"),
    "two words": ("MLPClassifier", fitted_is("two words_", "x"), "nothing that is fitted is called 'two words_'"),
    "a property": ("MLPClassifier", fitted_is("coefs_", []), "nothing that is fitted is called 'coefs_'"),
    "a private attribute of the class": (
        "MLPClassifier",
        fitted_is("_numeric", True),
        "called '_numeric', as the class",
    ),
    "what an optimizer remembers": ("MLPClassifier", fitted_is("_optimizer_state", 3), "nothing that is fitted is"),
    "the network": ("MLPClassifier", fitted_is("network_", 3), "nothing that is fitted is called 'network_'"),
    "classes": ("MLPClassifier", fitted_is("classes_", [1, 2, 3]), "classes_ cannot be"),
    "too few classes": (
        "MLPClassifier",
        fitted_is("classes_", {"array": ["a"], "dtype": "<U1"}),
        "there are 1 classes, but 3 outputs",
    ),
    "features": ("MLPClassifier", fitted_is("n_features_in_", 4), "it is for 4 features, but the network takes 3"),
    "a flag": ("RNNClassifier", fitted_is("_multilabel", 1), "_multilabel cannot be 1"),
    "an activation": ("MLPRegressor", fitted_is("out_activation_", "tan"), "out_activation_ cannot be 'tan'"),
    "outputs": ("MLPRegressor", fitted_is("n_outputs_", 3), "n_outputs_ is 3, but the network has 2 outputs"),
    "a curve": ("MLPRegressor", fitted_is("loss_curve_", "steep"), "loss_curve_ cannot be 'steep'"),
    "no width": ("RNNTagger", lambda d: d["fitted"].pop("_width"), "_width is missing"),
    "no classes": ("RNNTagger", lambda d: d["fitted"].pop("classes_"), "classes_ is missing"),
    "no residuals": ("RNNForecaster", lambda d: d["fitted"].pop("residuals_"), "residuals_ is missing"),
    "no spread": (
        "RNNForecaster",
        lambda d: d["fitted"]["_scales"][0]["tuple"][1]["array"].__setitem__(0, 0.0),
        "vary by less than nothing",
    ),
    "one of several series": (
        "RNNForecaster",
        lambda d: d["fitted"].update(_single=not d["fitted"]["_single"]),
        "one series of numbers cannot be",
    ),
    "fewer scales": ("RNNForecaster", lambda d: d["fitted"]["_scales"].pop(), "another number of variables"),
    "a setting's type": ("RNNForecaster", setting_is("window", "long"), "window must be of type int, but 'long'"),
    "a setting": ("RNNForecaster", setting_is("colour", "red"), "there is no setting 'colour'"),
    "a bound that is no number": ("RNNForecaster", setting_is("upper", {"float": "nan"}), "upper must be"),
    "a window of nothing": ("RNNForecaster", setting_is("window", 0), "window must be"),
    "a wide array": (
        "RNNForecaster",
        fitted_is("residuals_", {"array": [1.0], "dtype": "S200000000"}),
        "dtype cannot be 'S200000000'",
    ),
    "another kind": (
        "MLPClassifier",
        setting_is("solver", {"configurable": {"class": "EarlyStopping", "patience": 3}}),
        "there is a 'EarlyStopping' where optimizer or fullbatchoptimizer is expected",
    ),
    "another kind for a number": (
        "MLPClassifier",
        setting_is("alpha", {"configurable": {"class": "Adam"}}),
        "there is a 'Adam' where no such object is expected",
    ),
    "no settings": ("MLPClassifier", lambda d: d.update(settings=[]), "it has no settings"),
    "nothing fitted": ("MLPClassifier", lambda d: d.update(fitted=[]), "it has nothing that was fitted"),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_makes_no_estimator_is_refused(name, forge):
    estimator, change, message = FORGED[name]
    cls, path = forge(estimator, change)
    with pytest.raises(ModelFileError, match=f"model.rnnbp: its description makes no {estimator}: .*{message}"):
        cls.load(path)


def test_what_could_not_be_loaded_is_not_saved(tmp_path):
    fitted = MLPClassifier(**STATIC).fit(TABLE, NAMES).set_params(max_iter="many")
    with pytest.raises(ValueError, match="max_iter must be of type int, but 'many' was given"):
        fitted.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


# -- what each name may hold -------------------------------------------------------------------------------------------

NAN, ONE, NONE = float("nan"), np.ones(1), np.ones(0)
COUNTS = ([1, 7], [0, -1, True, 1.0, "1", None])
COUNTS_FROM_0 = ([0, 7], [-1, False, 0.0, "0", None])
FLAGS = ([True, False], [0, 1, None, "yes"])
SCORES = ([None, 0.5, -3, NAN], [True, "0.5", [0.5]])
CURVES = ([None, [], [0.5, 1, NAN]], [0.5, [True], [None], ["0.5"], (0.5,)])
LABELS = ([np.array(["a"]), np.arange(3)], [["a"], np.array([]), np.array([["a"]]), None])
VECTORS = ([None, ONE], [NONE, np.ones((1, 1)), np.array([NAN]), np.array([1]), [1.0]])
SCALE = (ONE, ONE)
HELD = {  # what is taken, and what is refused
    "n_features_in_": COUNTS, "n_outputs_": COUNTS, "_width": COUNTS,
    "t_": COUNTS_FROM_0, "n_iter_": COUNTS_FROM_0, "n_iter_without_improvement_": COUNTS_FROM_0,
    "out_activation_": (["identity", "exp", "logistic", "softmax"], ["tanh", "", None, ["softmax"]]),
    "classes_": LABELS, "feature_names_in_": LABELS,
    "alphabet_": (["a", "ab "], ["", "aa", None, ["a"]]),
    "lexicon_": ([None, ["a"]], [[], ["a", 1], "a"]),
    "language_model_": ([None, {}], [[], "a"]),
    "live_mean_": VECTORS, "live_variance_": VECTORS,
    **dict.fromkeys(("steps_", "differenced_", "_saw_columns", "_multilabel", "_rows_are_steps", "_single"), FLAGS),
    "residuals_": ([np.ones((2, 3)), np.ones((2, 3, 1))], [ONE, np.ones((0, 3)), np.ones((2, 3, 1, 1)), None]),
    "lag_coef_": ([None, np.ones((1, 2))], [ONE, np.ones((0, 3)), np.ones((1, 1, 1)), np.array([[NAN]]), [[1.0]], 1.0]),
    "lag_intercept_": VECTORS,
    "lag_weight_": ([0, 0.0, 0.5, 1], [-0.1, 1.1, NAN, True, None, "0.5", ONE]),
    "_pasts": ([[np.ones((2, 1))]], [[], [ONE], [np.ones((0, 1))], [np.ones((2, 1)), None], (np.ones((2, 1)),), None]),
    "_scales": ([[], [SCALE]], [[(ONE,)], [(ONE, ONE, ONE)], [[ONE, ONE]], [(ONE, NONE)], [(ONE, 1.0)], SCALE, None]),
    "_covariates": (
        [{}, {"past_covariates": SCALE, "future_covariates": SCALE}],
        [{"covariates": SCALE}, {"past_covariates": (ONE, 0 * ONE)}, {"past_covariates": (ONE, -ONE)},
         {"past_covariates": (ONE, np.ones(2))}, {"past_covariates": (ONE,)}, {"past_covariates": [ONE, ONE]},
         {"past_covariates": (ONE, None)}, [], None],
    ),
    "_known": ([[], [np.ones((0, 1))], [np.ones((2, 1))]], [[ONE], [None], (np.ones((2, 1)),)]),
    "_steps": ([[], [0, 3, 2**48 - 1]], [[1.0], [True], (3,), None, [2**48], [2**64]]),
    "_dates": (
        [[], [None], [np.array(["2020-01-31", "2020-02-29"])]],
        [[np.array(["2020-02-30"])], [np.array(["NaT"])], [np.array(["soon"])], [np.array([["2020-01-31"]])],
         [np.array(["2020-01-31"], "M8[D]")], [ONE], ["2020-01-31"], (None,), None],
    ),
    "_name": ([None, "sales"], [1, b"sales", ["sales"]]),
    "loss_": SCORES, "best_loss_": SCORES, "best_validation_score_": SCORES,
    "loss_curve_": CURVES, "validation_scores_": CURVES, "validation_loss_curve_": CURVES,
}  # fmt: skip


@pytest.mark.parametrize("name", files.KNOWN)
def test_what_is_fitted_may_hold_what_it_says_and_nothing_else(name):
    taken, refused = HELD[name]
    assert [value for value in taken if not files.KNOWN[name](value)] == []
    assert [value for value in refused if files.KNOWN[name](value)] == []


@pytest.mark.parametrize(
    ("kind", "taken", "refused"),
    [
        ("int", [3, -1, np.int64(2)], [True, 1.0, "1", None]),
        ("float", [1, 0.5, np.float32(1)], [True, "1", 1j, None]),
        ("bool", [True, np.bool_(False)], [1, "True", None]),
        ("str", ["", "a"], [1, None, b"a"]),
        ("None", [None], [0, ""]),
    ],
)
def test_what_a_setting_s_annotation_allows(kind, taken, refused):
    assert all(map(files.SIMPLE[kind], taken))
    assert not any(map(files.SIMPLE[kind], refused))


# -- what belongs together ---------------------------------------------------------------------------------------------

CLASSES = {"n_features_in_": 3, "classes_": np.arange(3), "_multilabel": False, "out_activation_": "softmax"}
TWO = {**CLASSES, "classes_": np.arange(2), "out_activation_": "logistic"}
MANY = {**CLASSES, "_multilabel": True, "out_activation_": "logistic"}
PAST = np.ones((4, 2))  # one variable, and one past covariate
SERIES = {
    "n_features_in_": 1, "n_outputs_": 2, "residuals_": np.ones((5, 6, 1)),
    "_covariates": {"past_covariates": SCALE, "future_covariates": SCALE},
    "_pasts": [PAST, PAST], "_scales": [(np.ones(2), np.ones(2))] * 2, "_known": [np.ones((4, 1)), np.ones((9, 1))],
    "_steps": [4, 9],
}  # fmt: skip
BESIDE = {**SERIES, "lag_coef_": np.ones((2, 5)), "lag_intercept_": np.ones(2), "lag_weight_": 0.5}
WITHOUT = {"n_features_in_": 1, "n_outputs_": 1, "residuals_": np.ones((5, 1)), "_pasts": [np.ones((4, 1))],
           "_scales": [SCALE]}  # fmt: skip
DAYS = np.array(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"])


@pytest.mark.parametrize(
    ("fitted", "n_inputs", "n_outputs"),
    [
        (CLASSES, 3, 3), (TWO, 3, 1), ({**TWO, "classes_": np.arange(1)}, 3, 1), (MANY, 3, 3),
        ({**MANY, "classes_": np.arange(1)}, 3, 1), ({**CLASSES, "feature_names_in_": np.arange(3)}, 3, 3),
        (SERIES, 3, 2), (BESIDE, 3, 2), (WITHOUT, 1, 1), ({"n_features_in_": 8, "_width": 2}, 2, 1),
        ({**SERIES, "_dates": [None, DAYS]}, 3, 2),
        ({**WITHOUT, "lag_coef_": np.ones((1, 1)), "lag_intercept_": ONE, "lag_weight_": 0.5}, 1, 1),
    ],
)  # fmt: skip
def test_what_belongs_together_is_taken(fitted, n_inputs, n_outputs):
    files._compare(fitted, Network([layers.Dense(n_inputs, n_outputs)]))


@pytest.mark.parametrize(
    ("fitted", "changed", "message"),
    [
        (CLASSES, {"n_outputs_": 2}, "n_outputs_ is 2, but the network has 3 outputs"),
        (CLASSES, {"n_features_in_": 2}, "it is for 2 features, but the network takes 3"),
        (CLASSES, {"_width": 4}, "it is for 4 features, but the network takes 3"),
        (CLASSES, {"classes_": np.arange(4)}, "there are 4 classes, but 3 outputs"),
        (CLASSES, {"out_activation_": "logistic"}, "out_activation_ cannot be 'logistic' with 3 classes"),
        (CLASSES, {"feature_names_in_": np.arange(2)}, "there are 2 names of features, but 3 features"),
        (TWO, {"classes_": np.arange(3)}, "there are 3 classes, but 1 outputs"),
        (TWO, {"out_activation_": "softmax"}, "out_activation_ cannot be 'softmax' with 2 classes"),
        (MANY, {"classes_": np.arange(2)}, "there are 2 classes, but 3 outputs"),
        (MANY, {"out_activation_": "softmax"}, "out_activation_ cannot be 'softmax' with 3 classes"),
        (SERIES, {"_covariates": {"past_covariates": SCALE}}, "it is for 2 features, but the network takes 3"),
        (SERIES, {"_covariates": {"future_covariates": SCALE}}, "it is for 2 features, but the network takes 3"),
        (SERIES, {"residuals_": np.ones((5, 6, 2))}, "residuals_ are of another number of variables"),
        (SERIES, {"_pasts": [PAST]}, "the series are of another number of variables"),
        (SERIES, {"_pasts": [PAST, PAST[:, :1]]}, "the series are of another number of variables"),
        (SERIES, {"_known": [np.ones((4, 1))]}, "covariates are of another number of series"),
        (SERIES, {"_steps": [4]}, "covariates are of another number of series"),
        (SERIES, {"_known": [], "_steps": []}, "covariates are of another number of series"),
        (SERIES, {"_known": [np.ones((4, 2)), np.ones((9, 1))]}, "of another number of columns, or of too few steps"),
        (SERIES, {"_known": [np.ones((3, 1)), np.ones((9, 1))]}, "of another number of columns, or of too few steps"),
        (SERIES, {"_dates": [DAYS]}, "there is not a date for each step of the series"),
        (SERIES, {"_dates": [None, DAYS[:3]]}, "there is not a date for each step of the series"),
        (SERIES, {"_steps": [3, 9]}, "a series cannot be shorter than its end"),
        (SERIES, {"_scales": [(ONE, np.ones(2)), (np.ones(2), np.ones(2))]}, "the scales are of another number"),
        (SERIES, {"_scales": [(np.ones(2), np.array([1.0, 0.0]))] * 2}, "a series cannot vary by less than nothing"),
        (SERIES, {"_scales": [(np.ones(2), np.array([1.0, -1.0]))] * 2}, "a series cannot vary by less than nothing"),
        (BESIDE, {"lag_coef_": np.ones((1, 5))}, "lag_coef_ and lag_intercept_ are of another number"),
        (BESIDE, {"lag_coef_": np.ones((2, 1))}, "lag_coef_ and lag_intercept_ are of another number"),
        (BESIDE, {"lag_coef_": np.ones((2, 4))}, "lag_coef_ and lag_intercept_ are of another number"),
        (BESIDE, {"lag_intercept_": ONE}, "lag_coef_ and lag_intercept_ are of another number"),
        (BESIDE, {"lag_intercept_": None}, "a part of lag_coef_, lag_intercept_ and lag_weight_ is missing"),
        (BESIDE, {"lag_coef_": None}, "a part of lag_coef_, lag_intercept_ and lag_weight_ is missing"),
        (WITHOUT, {"lag_weight_": 0.5}, "a part of lag_coef_, lag_intercept_ and lag_weight_ is missing"),
        (BESIDE, {"lag_weight_": None}, "lag_weight_ is missing"),
        (WITHOUT, {"_steps": [4]}, "covariates are of another number of series"),
        (WITHOUT, {"_known": [np.ones((4, 0))]}, "covariates are of another number of series"),
    ],
)
def test_what_does_not_belong_together_is_refused(fitted, changed, message):
    sizes = {
        id(CLASSES): (3, 3),
        id(TWO): (3, 1),
        id(MANY): (3, 3),
        id(SERIES): (3, 2),
        id(BESIDE): (3, 2),
        id(WITHOUT): (1, 1),
    }
    network = Network([layers.Dense(*sizes[id(fitted)])])
    files._compare(fitted, network)
    with pytest.raises(ValueError, match=message):
        files._compare({**fitted, **changed}, network)
