"""Badly scaled features: which they are, and one warning of them."""

import warnings

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler

from rnnbp import MLPClassifier, MLPRegressor, RNNClassifier, RNNForecaster, RNNRegressor, RNNTagger, audio, datasets
from rnnbp.estimators.scaling import badly_scaled, badly_scaled_target
from rnnbp.preprocessing import SequenceScaler

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=(500, 3))
BRIEF = {"hidden_layer_sizes": 3, "max_iter": 1, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def with_column(column):
    return np.column_stack([NORMAL, column])


@pytest.mark.parametrize(
    "column",
    [0.005 * NORMAL[:, 0], 150 * NORMAL[:, 0], 1950 + 30 * NORMAL[:, 0], -273 + NORMAL[:, 0]],
    ids=["small", "large", "years", "kelvin"],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_badly_scaled_is_found(column, dtype):
    k, mean, spread = badly_scaled(with_column(column).astype(dtype))
    assert k == 3
    assert (mean, spread) == (pytest.approx(column.mean(), rel=1e-4), pytest.approx(column.std(), rel=1e-4))


@pytest.mark.parametrize(
    "column",
    [
        NORMAL[:, 0],
        60 * NORMAL[:, 0],
        5 + NORMAL[:, 0],
        np.minimum(NORMAL[:, 0], 0.04),
        np.full(500, 1e6),
        np.full(500, 0.1),
        np.zeros(500),
        RNG.integers(0, 2, 500) * 1000.0,
        np.where(np.arange(500) == 7, 1.0, 0.0),
        np.where(RNG.random(500) < 0.004, RNG.random(500), 0.0),
        RNG.integers(0, 256, 500).astype(float),
    ],
    ids=[
        "normal",
        "wide",
        "shifted",
        "negative",
        "constant",
        "constant in rounding",
        "nothing",
        "flag",
        "symbol",
        "rare word",
        "bytes",
    ],
)
def test_what_is_not_is_left_alone(column):
    assert badly_scaled(with_column(column)) is None


UNIT = StandardScaler().fit_transform(NORMAL[:, :1])[:, 0]  # of mean 0 and deviation 1
LARGEST = UNIT / np.abs(UNIT).max()  # reaching 1


@pytest.mark.parametrize(
    ("well", "badly"),
    [
        (0.051 * LARGEST, 0.049 * LARGEST), (99 * UNIT, 101 * UNIT), (9.9 + UNIT, 10.1 + UNIT),
        (29.7 - 3 * UNIT, 30.3 - 3 * UNIT), (-9.9 + UNIT, -10.1 + UNIT),
    ],
    ids=["small", "large", "shifted", "shifted by its deviations", "shifted down"],
)  # fmt: skip
def test_features_are_badly_scaled_beyond_what_was_measured(well, badly):
    assert badly_scaled(with_column(well)) is None
    assert badly_scaled(with_column(badly))[0] == 3


@pytest.mark.parametrize(
    ("well", "badly"),
    [
        (0.051 * UNIT, 0.049 * UNIT), (19.9 * UNIT, 20.1 * UNIT), (9.9 + UNIT, 10.1 + UNIT),
        (29.7 - 3 * UNIT, 30.3 - 3 * UNIT), (np.full(500, 1e6), -10.1 + UNIT),
    ],
    ids=["small", "large", "shifted", "shifted by its deviations", "constant"],
)  # fmt: skip
def test_targets_are_badly_scaled_beyond_what_was_measured(well, badly):
    targets = StandardScaler().fit_transform(NORMAL)
    assert badly_scaled_target(np.column_stack([targets, well])) is None
    assert badly_scaled_target(np.column_stack([targets, badly]))[0] == 3


def test_the_worst_is_named():
    assert badly_scaled(np.column_stack([200 * NORMAL[:, 0], 1e5 * NORMAL[:, 1], 300 * NORMAL[:, 2]]))[0] == 1


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
@pytest.mark.parametrize("normalize", ["utterance", "mean", None])
def test_audio_features_are_not(kind, normalize):
    waves = datasets.load_spoken_digits("test").waves[:40]
    features = audio.AudioFeatures(8000, kind=kind, normalize=normalize).fit_transform(waves)
    assert badly_scaled(np.concatenate(features)) is None


@pytest.mark.parametrize(
    ("load", "bad"),
    [(load_iris, False), (load_digits, False), (load_diabetes, False), (load_wine, True), (load_breast_cancer, True)],
)
def test_of_scikit_learn_s_tables_those_are_that_everybody_scales(load, bad):
    x = load().data
    assert (badly_scaled(x) is not None) == bad
    assert badly_scaled(StandardScaler().fit_transform(x)) is None


SEQUENCES = [1000 + RNG.normal(size=(n, 2)) for n in RNG.integers(3, 9, 30)]
PARITY = np.arange(30) % 2


Z = StandardScaler().fit_transform(RNG.normal(size=(30, 1)))[:, 0]


def warnings_of(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [warning for warning in caught if "networks learn best" in str(warning.message)]


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (lambda: RNNClassifier(**BRIEF).fit(SEQUENCES, PARITY), "preprocessing.SequenceScaler(), RNNClassifier(...))"),
        (
            lambda: RNNTagger(**BRIEF).partial_fit(SEQUENCES, [x[:, 0] > 0 for x in SEQUENCES], classes=[False, True]),
            "",
        ),
        (
            lambda: MLPClassifier(**BRIEF).fit(SEQUENCES[0][:, ::-1], np.arange(len(SEQUENCES[0])) % 2),
            "StandardScaler()",
        ),
        (lambda: MLPRegressor(**BRIEF).fit(1e4 * NORMAL, NORMAL[:, 0]), "feature 2 of X has a mean of "),
    ],
    ids=["sequences", "partial_fit", "table", "numbers"],
)
def test_there_is_one_warning_and_it_names_a_scaler(fit, message):
    (warning,) = warnings_of(fit)
    assert message in str(warning.message)
    assert warning.filename == __file__


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_principal_components_of_dependent_columns_are_not_warned_of(dtype):
    dependent = np.column_stack([NORMAL, NORMAL @ [1.0, 1.0, 0.0], NORMAL @ [0.0, 2.0, 1.0]]).astype(dtype)
    components = PCA().fit_transform(dependent)
    assert 0 < components.std(axis=0).min() < 1e-6  # that of rounding
    assert badly_scaled(components) is badly_scaled(30 * components) is None
    components[:, -1] = (1e-3 if dtype == "float32" else 1e-7) * NORMAL[:, 0]  # small, but not by rounding
    assert badly_scaled(components)[0] == 4


def test_a_table_s_column_is_named():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"pulse": NORMAL[:, 0], "year": 1950 + NORMAL[:, 1]})
    (warning,) = warnings_of(lambda: MLPClassifier(**BRIEF).fit(frame, np.arange(500) % 2))
    assert str(warning.message).startswith("feature 'year' of X has a mean of 1.95e+03")


def test_predictions_going_on_and_forecasters_that_scale_themselves_do_not_warn():
    fitted = RNNClassifier(**BRIEF)
    assert len(warnings_of(lambda: fitted.partial_fit(SEQUENCES, PARITY, classes=[0, 1]))) == 1
    assert not warnings_of(lambda: fitted.partial_fit(SEQUENCES, PARITY))
    assert not warnings_of(lambda: fitted.predict(SEQUENCES))
    assert not warnings_of(lambda: RNNForecaster(**BRIEF).fit(1000 + NORMAL[:60, 0]))


@pytest.mark.parametrize(
    ("y", "bad"),
    [
        (Z, False),
        (0.06 * Z, False),
        (19 * Z, False),
        (9 + Z, False),
        (-90 + 15 * Z, False),
        (np.full(30, 300.0), False),
        (PARITY, False),
        (0.04 * Z, True),
        (25 * Z, True),
        (-12 + Z, True),
        (300 + 50 * Z, True),
        (0.001 * Z, True),
        (1000 * PARITY, True),
    ],
)
def test_targets_are_badly_scaled_where_networks_do_not_learn_them(y, bad):
    y = np.asarray(y, float)
    assert (badly_scaled_target(np.column_stack([Z, y])) is not None) == bad


def targets_of(call):
    return [str(warning.message) for warning in warnings_of(call) if str(warning.message).startswith("y")]


PER_STEP = [300 + 50 * x[:, 0] for x in SEQUENCES]


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (lambda: MLPRegressor(**BRIEF).fit(NORMAL, 300 + 50 * NORMAL[:, 0]), "y has a mean of "),
        (lambda: MLPRegressor(**BRIEF).fit(NORMAL, 0.001 * NORMAL[:, :2]), "y, output "),
        (lambda: MLPRegressor(**BRIEF).partial_fit(NORMAL, 100 * NORMAL[:, 0]), "y has a mean of "),
        (lambda: RNNRegressor(**BRIEF).fit(SEQUENCES, 300 + 50 * Z), "transformer=StandardScaler())"),
        (lambda: RNNRegressor(**BRIEF).fit(SEQUENCES, PER_STEP), "preprocessing.SequenceScaler().fit(y)"),
    ],
    ids=["table", "outputs", "partial_fit", "sequences", "steps"],
)
def test_there_is_one_warning_of_targets_and_it_names_what_scales_them(fit, message):
    (said,) = targets_of(fit)
    assert message in said


def test_what_the_warning_of_targets_a_step_says_helps():
    X, scaler = SequenceScaler().fit_transform(SEQUENCES), SequenceScaler().fit(PER_STEP)
    regressor = RNNRegressor(**BRIEF | {"max_iter": 100, "learning_rate_init": 0.02})
    regressor.fit(X, scaler.transform(PER_STEP))
    found = scaler.inverse_transform(regressor.predict(X))
    assert r2_score(np.concatenate(PER_STEP), np.concatenate(found)) > 0.9


@pytest.mark.parametrize(
    "fit",
    [
        lambda: MLPRegressor(**BRIEF).fit(NORMAL, NORMAL[:, 0]),
        lambda: MLPRegressor(**BRIEF, solver="lbfgs").fit(NORMAL, 300 + 50 * NORMAL[:, 0]),
        lambda: MLPRegressor(**BRIEF, loss="poisson").fit(NORMAL, np.exp(8 + NORMAL[:, 0])),
        lambda: TransformedTargetRegressor(MLPRegressor(**BRIEF), transformer=StandardScaler()).fit(
            NORMAL, 300 + 50 * NORMAL[:, 0]
        ),
        lambda: RNNRegressor(**BRIEF).fit(SEQUENCES, np.full(30, 1000.0)),
    ],
    ids=["unit", "lbfgs", "counts", "scaled", "constant"],
)
def test_there_is_none_where_the_scale_of_targets_does_not_matter(fit):
    assert not targets_of(fit)
