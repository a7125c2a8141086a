"""Pipelines, transformers, estimators and networks in one file, saved and loaded by `rnnbp.save` and `rnnbp.load`."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import NMF, PCA, FactorAnalysis, FastICA, IncrementalPCA, TruncatedSVD
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

import rnnbp
from rnnbp import ModelFileError, layers
from rnnbp.audio import AudioFeatures
from rnnbp.estimators import parts
from rnnbp.estimators.parts import TRANSFORMERS
from rnnbp.files import model_file
from rnnbp.preprocessing import PadOrTruncate, PerFrame, SequenceScaler, SequenceUnion, SlidingWindow

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 5)) for n in RNG.integers(4, 9, 20)]
FRAMES = np.concatenate(X)
Y = np.array(["up", "down"])[np.arange(20) % 2]
WAVES = [RNG.normal(0, 0.1, 2000) for _ in range(20)]
GAPS = np.where(FRAMES > 1.5, np.nan, FRAMES)
NAMED = pd.DataFrame(FRAMES, columns=list("abcde"))

#: One of each transformer that a file can hold, and what it is fitted to.
EACH = {
    "AudioFeatures": (AudioFeatures(8000, deltas=1, n_jobs=1), WAVES),
    "ColumnTransformer": (ColumnTransformer([("scaled", StandardScaler(), [0, 2])], remainder=MinMaxScaler()), FRAMES),
    "FactorAnalysis": (FactorAnalysis(2), FRAMES),
    "FastICA": (FastICA(2, random_state=0), FRAMES),
    "FeatureUnion": (make_union(PCA(2), "passthrough"), FRAMES),
    "FunctionTransformer": (FunctionTransformer(), FRAMES),
    "IncrementalPCA": (IncrementalPCA(2), FRAMES),
    "MaxAbsScaler": (MaxAbsScaler(), FRAMES),
    "MinMaxScaler": (MinMaxScaler((-1, 1)), FRAMES),
    "MissingIndicator": (MissingIndicator(), GAPS),
    "Normalizer": (Normalizer(), FRAMES),
    "PCA": (PCA(0.9, whiten=True), FRAMES),
    "PadOrTruncate": (PadOrTruncate(), X),
    "PerFrame": (PerFrame(make_pipeline(StandardScaler(), PCA(2))), X),
    "Pipeline": (make_pipeline(RobustScaler(), "passthrough", PCA(2)), FRAMES),
    "PowerTransformer": (PowerTransformer(), FRAMES),
    "QuantileTransformer": (QuantileTransformer(n_quantiles=7), FRAMES),
    "RobustScaler": (RobustScaler(), FRAMES),
    "SequenceScaler": (SequenceScaler(), X),
    "SequenceUnion": (SequenceUnion([("scaled", SequenceScaler()), ("pca", PerFrame(PCA(2)))]), X),
    "SimpleImputer": (SimpleImputer(strategy="median"), GAPS),
    "SlidingWindow": (SlidingWindow(3, step=2), X),
    "StandardScaler": (StandardScaler(with_mean=False), FRAMES),
    "TruncatedSVD": (TruncatedSVD(2, random_state=0), FRAMES),
    "VarianceThreshold": (VarianceThreshold(0.01), FRAMES),
}


def classifier(**settings):
    return rnnbp.RNNClassifier((4,), max_iter=2, random_state=0, **settings)


def again(fitted, tmp_path):
    rnnbp.save(fitted, tmp_path / "saved.rnnbp")
    return rnnbp.load(tmp_path / "saved.rnnbp")


def same(one, other):
    """To the bit."""
    assert type(one) is type(other)
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_each_transformer_is_in_the_table():
    assert EACH.keys() | {"TransformedTargetRegressor"} == TRANSFORMERS.keys()


@pytest.mark.parametrize("name", EACH)
def test_a_transformer_is_what_it_was(name, tmp_path):
    transformer, x = EACH[name]
    transformer.fit(x)
    loaded = again(transformer, tmp_path)
    assert type(loaded) is type(transformer)
    same(loaded.transform(x), transformer.transform(x))
    for key in transformer.get_params(deep=False).keys() - {"n_jobs", "random_state"}:
        assert repr(loaded.get_params()[key]) == repr(transformer.get_params()[key])


@pytest.mark.parametrize("name", [name for name in EACH if EACH[name][1] is X])
def test_a_pipeline_of_sequences_predicts_to_the_bit(name, tmp_path):
    transformer, _ = EACH[name]
    end = rnnbp.MLPClassifier((4,), max_iter=2, random_state=0) if name == "PadOrTruncate" else classifier()
    if name == "PadOrTruncate":
        transformer = PadOrTruncate(6, flatten=True)
    pipeline = make_pipeline(SequenceScaler(), transformer, end).fit(X, Y)
    loaded = again(pipeline, tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))
    assert list(loaded.named_steps) == list(pipeline.named_steps)
    net = rnnbp.Network.load(tmp_path / "saved.rnnbp")
    np.testing.assert_array_equal(net.theta, pipeline[-1].network_.theta)


NUMBERS = 300 + 50 * RNG.normal(size=len(FRAMES))
OF_SEQUENCES = rnnbp.RNNRegressor(3, max_iter=2, random_state=0)
OF_ROWS = rnnbp.MLPRegressor(3, max_iter=2, random_state=0)


def of_scaled(regressor, transformer=None):
    return TransformedTargetRegressor(regressor, transformer=StandardScaler() if transformer is None else transformer)


@pytest.mark.parametrize(
    ("model", "x", "y"),
    [
        (of_scaled(OF_ROWS), FRAMES, NUMBERS),
        (of_scaled(OF_ROWS, MinMaxScaler()), FRAMES, np.column_stack([NUMBERS, -NUMBERS])),
        (make_pipeline(SequenceScaler(), of_scaled(OF_SEQUENCES)), X, NUMBERS[:20]),
        (of_scaled(make_pipeline(SequenceScaler(), OF_SEQUENCES), RobustScaler()), X, NUMBERS[:20]),
        (of_scaled(of_scaled(OF_ROWS, MaxAbsScaler()), make_pipeline(StandardScaler())), FRAMES, NUMBERS),
        (TransformedTargetRegressor(OF_ROWS), FRAMES, NUMBERS / 300),
    ],
    ids=["standard", "two outputs", "in a pipeline", "around a pipeline", "twice", "nothing"],
)
def test_a_regressor_of_scaled_targets_predicts_to_the_bit_and_is_fitted_again(model, x, y, tmp_path):
    model.fit(x, y)
    loaded = again(model, tmp_path)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert repr(loaded) == repr(model)
    np.testing.assert_array_equal(loaded.fit(x, y).predict(x), model.predict(x))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda part: part["fitted"].pop("regressor_"), "regressor_ of a TransformedTargetRegressor cannot be None"),
        (lambda part: part["fitted"].update(_training_dim=7), "fitted to y of 7 axes"),
        (lambda part: part["fitted"].update(transformer_="passthrough"), "transformer_ of a TransformedTargetR"),
        (lambda part: part["fitted"].update(regressor_=part["fitted"]["transformer_"]), "must be"),
        (
            lambda part: part["fitted"]["transformer_"]["part"]["fitted"].update(n_features_in_=2),
            "does not work|targets of shape",
        ),
        (
            lambda part: part["fitted"]["transformer_"]["part"]["fitted"].update(
                scale_={"array": [1.0] * 3, "dtype": "<f8", "shape": [3]}
            ),
            "does not work",
        ),
    ],
    ids=["no regressor", "axes", "no transformer", "scaler", "width", "scales"],
)
def test_a_forged_regressor_of_scaled_targets_is_refused(change, message, tmp_path):
    model = of_scaled(OF_ROWS).fit(FRAMES, NUMBERS)
    rnnbp.save(model, tmp_path / "saved.rnnbp")
    net = rnnbp.Network.load(tmp_path / "saved.rnnbp")
    change(net.metadata["part"])
    net.save(tmp_path / "forged.rnnbp", metadata=net.metadata)
    with pytest.raises(ModelFileError, match=message):
        rnnbp.load(tmp_path / "forged.rnnbp")


@pytest.mark.parametrize(
    ("model", "y", "kind", "message"),
    [
        (of_scaled(OF_ROWS), None, NotFittedError, "not fitted"),
        (of_scaled(RandomForestRegressor(2)), NUMBERS, TypeError, "RandomForestRegressor.*cannot be saved"),
        (
            TransformedTargetRegressor(OF_ROWS, func=np.log, inverse_func=np.exp),
            np.exp(NUMBERS / 50 - 6),
            ValueError,
            "cannot be written",
        ),
    ],
    ids=["not fitted", "forest", "functions"],
)
def test_what_no_file_can_hold_of_scaled_targets_is_refused(model, y, kind, message, tmp_path):
    if y is not None:
        model.fit(FRAMES, y)
    with pytest.raises(kind, match=message):
        rnnbp.save(model, tmp_path / "saved.rnnbp")
    assert not (tmp_path / "saved.rnnbp").exists()


def test_sound_goes_through_a_whole_pipeline_in_another_process(tmp_path):
    pipeline = make_pipeline(AudioFeatures(8000, n_mels=8), PerFrame(PCA(3)), classifier()).fit(WAVES, Y)
    rnnbp.save(pipeline, tmp_path / "sound.rnnbp")
    np.save(tmp_path / "wave.npy", WAVES[0])
    script = (
        "import numpy as np, rnnbp; "
        f"print(rnnbp.load({str(tmp_path / 'sound.rnnbp')!r}).predict([np.load({str(tmp_path / 'wave.npy')!r})]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(pipeline.predict(WAVES[:1]))


def test_pipelines_in_pipelines_unions_and_what_does_nothing(tmp_path):
    table = FRAMES[:20]
    union = FeatureUnion(
        [("pca", PCA(2)), ("off", "drop"), ("scaled", MinMaxScaler())], transformer_weights={"pca": 2.0}
    )
    inner = Pipeline([("nothing", "passthrough"), ("both", union)])
    whole = Pipeline([("inner", inner), ("none", None), ("end", rnnbp.MLPClassifier((4,), max_iter=2, random_state=0))])
    whole.fit(table, Y)
    loaded = again(whole, tmp_path)
    same(loaded.predict_proba(table), whole.predict_proba(table))
    assert loaded.named_steps["inner"].named_steps["both"].transformer_weights == {"pca": 2.0}
    only = make_union(StandardScaler(), PCA(1)).fit(table)
    same(again(only, tmp_path).transform(table), only.transform(table))


@pytest.mark.parametrize(
    "made",
    [
        FeatureUnion([("one", MinMaxScaler())], verbose=True, verbose_feature_names_out=False),
        ColumnTransformer(
            [("one", StandardScaler(), ["a", "c"]), ("two", "drop", ["b"])],
            remainder="passthrough",
            transformer_weights={"one": 3.0},
            verbose_feature_names_out=False,
        ),
        Pipeline([("one", MinMaxScaler())], verbose=True),
        make_pipeline(StandardScaler(), make_union("passthrough", PCA(1))),
    ],
    ids=["union", "columns", "pipeline", "both"],
)
def test_settings_and_data_frames_of_what_holds_others_survive(made, tmp_path):
    fitted = made.set_output(transform="pandas").fit(NAMED)
    loaded = again(fitted, tmp_path)
    assert repr(loaded) == repr(fitted)
    for each in (fitted, loaded):  # the trial has not changed the one that was saved
        assert isinstance(each.transform(NAMED), pd.DataFrame)
    pd.testing.assert_frame_equal(loaded.transform(NAMED), fitted.transform(NAMED), check_exact=True)


def test_the_trial_leaves_set_output_as_it_is(tmp_path):
    scaler = StandardScaler().fit(NAMED).set_output(transform="pandas")
    assert isinstance(again(scaler, tmp_path).transform(NAMED), pd.DataFrame)
    assert isinstance(scaler.transform(NAMED), pd.DataFrame)


@pytest.mark.parametrize("solver", ["full", "covariance_eigh", "arpack", "randomized"])
@pytest.mark.parametrize("whiten", [False, True])
def test_components_lie_in_memory_as_they_did(solver, whiten, tmp_path):
    """As the last bit of a product depends on it."""
    for n in (1, 2, 3):
        pca = PCA(n, svd_solver=solver, whiten=whiten, random_state=0).fit(FRAMES)
        loaded = again(pca, tmp_path)
        same(loaded.transform(FRAMES), pca.transform(FRAMES))
        same(loaded.transform(FRAMES[:1]), pca.transform(FRAMES[:1]))


LEVELS = np.abs(FRAMES) + 0.1


@pytest.mark.parametrize(
    ("made", "x"),
    [
        (PowerTransformer(method="box-cox"), LEVELS),
        (make_pipeline(MinMaxScaler((1, 2)), PowerTransformer(method="box-cox")), LEVELS),
        (PerFrame(make_pipeline(MinMaxScaler((1, 2)), PowerTransformer(method="box-cox"))), X),
        (ColumnTransformer([("a", make_pipeline(MinMaxScaler((1, 2)), PowerTransformer("box-cox")), [1, 3])]), FRAMES),
        (SimpleImputer(add_indicator=True), GAPS),
        (SimpleImputer(strategy="most_frequent"), np.array([["a"], ["b"], ["a"]], object)),
        (make_pipeline(FunctionTransformer(), SequenceScaler(), "passthrough"), X),
        (make_pipeline(PadOrTruncate(flatten=True), StandardScaler()), X),
        (
            make_union(PadOrTruncate(3, flatten=True), make_pipeline(SlidingWindow(2), PadOrTruncate(2, flatten=True))),
            X,
        ),
        (make_pipeline(StandardScaler(), SequenceScaler()), FRAMES),
        (StandardScaler(copy=False), FRAMES),
    ],
    ids=[
        "positive only",
        "positive after a scaler",
        "positive in frames",
        "positive in columns",
        "indicator",
        "text",
        "identity",
        "padded",
        "sequences side by side",
        "a table of steps",
        "in place",
    ],
)
def test_what_works_comes_through_the_trial(made, x, tmp_path):
    fitted = made.fit(copy.deepcopy(x))
    same(again(fitted, tmp_path).transform(copy.deepcopy(x)), fitted.transform(copy.deepcopy(x)))


def test_a_stateless_transformer_needs_not_be_fitted(tmp_path):
    same(again(Normalizer(), tmp_path).transform(FRAMES), Normalizer().transform(FRAMES))
    whole = make_pipeline(Normalizer(), rnnbp.MLPClassifier((4,), max_iter=2)).fit(FRAMES[:20], Y)
    same(again(whole, tmp_path).predict_proba(FRAMES), whole.predict_proba(FRAMES))


def test_a_table_whose_rows_are_series_goes_to_a_recurrent_estimator(tmp_path):
    whole = make_pipeline(StandardScaler(), classifier()).fit(FRAMES[:20], Y)
    same(again(whole, tmp_path).predict_proba(FRAMES), whole.predict_proba(FRAMES))


class MyClassifier(rnnbp.RNNClassifier):
    """As a user derives it."""

    def greeting(self):
        return "hello"


def test_a_users_own_estimator_is_loaded_once_its_module_is_imported(tmp_path):
    mine = MyClassifier((4,), max_iter=2, random_state=0)
    for fitted in (mine.fit(X, Y), make_pipeline(SequenceScaler(), mine).fit(X, Y)):
        loaded = again(fitted, tmp_path)
        assert (loaded[-1] if fitted is not mine else loaded).greeting() == "hello"
        same(loaded.predict_proba(X), fitted.predict_proba(X))
        script = f"import rnnbp; rnnbp.load({str(tmp_path / 'saved.rnnbp')!r})"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert "unknown estimator 'MyClassifier'" in done.stderr
        assert "import the module that defines it first" in done.stderr


class FewerSettings(rnnbp.RNNClassifier):
    """With a constructor of its own, which knows neither callbacks nor random_state."""

    def __init__(self, units=4):
        super().__init__((units,), max_iter=2, random_state=0)
        self.units = units


class Thresholded(rnnbp.RNNClassifier):
    """Finds something of its own when it is fitted."""

    def fit(self, x, y):
        super().fit(x, y)
        self._threshold, self._by_class = 0.25, {label: np.arange(3.0) for label in self.classes_.tolist()}
        return self


def both_ways(estimator):
    """The fitted estimator, and a pipeline that ends with it."""
    return estimator.fit(X, Y), make_pipeline(SequenceScaler(), estimator).fit(X, Y)


@pytest.mark.parametrize("which", [0, 1], ids=["bare", "in a pipeline"])
def test_a_constructor_of_ones_own_says_what_the_settings_are(which, tmp_path):
    fitted = both_ways(FewerSettings(3))[which]
    loaded = again(fitted, tmp_path)
    assert repr(loaded) == repr(fitted)
    same(loaded.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize("which", [0, 1], ids=["bare", "in a pipeline"])
def test_what_a_subclass_finds_is_kept(which, tmp_path):
    fitted = both_ways(Thresholded((4,), max_iter=2, random_state=0))[which]
    loaded = again(fitted, tmp_path)
    end, was = (loaded[-1], fitted[-1]) if which else (loaded, fitted)
    assert end._threshold == was._threshold
    assert end._by_class.keys() == was._by_class.keys()
    np.testing.assert_array_equal(end._by_class["up"], was._by_class["up"])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("_function", np.tanh, "_function=.*cannot be written"),
        ("_solver", rnnbp.optimizers.Adam(), "_solver"),
        ("threshold", 0.5, "threshold of this MyClassifier would be lost"),
        ("_remedies", "none", "_remedies.*the class has an attribute so called"),
    ],
)
@pytest.mark.parametrize("which", [0, 1], ids=["bare", "in a pipeline"])
def test_what_a_subclass_finds_and_no_file_can_hold_is_named(name, value, message, which, tmp_path):
    mine = MyClassifier((4,), max_iter=2, random_state=0)
    fitted = both_ways(mine)[which]
    setattr(mine, name, value)
    with pytest.raises(ValueError, match=message):
        rnnbp.save(fitted, tmp_path / "no.rnnbp")
    assert not (tmp_path / "no.rnnbp").exists()


@pytest.mark.parametrize("which", [0, 1], ids=["bare", "in a pipeline"])
def test_a_class_that_is_called_as_one_of_rnnbps_is_refused(which, tmp_path):
    namesake = type("RNNClassifier", (rnnbp.RNNClassifier,), {"__module__": "mine"})
    fitted = both_ways(namesake((4,), max_iter=2, random_state=0))[which]
    with pytest.raises(TypeError, match=r"RNNClassifier of mine would come back.*give the class another name"):
        rnnbp.save(fitted, tmp_path / "no.rnnbp")
    assert not (tmp_path / "no.rnnbp").exists()


def test_requests_of_metadata_do_not_keep_an_estimator_from_being_saved(tmp_path):
    with config_context(enable_metadata_routing=True):
        fitted = classifier().set_fit_request(groups=False).fit(X, Y)
        same(again(fitted, tmp_path).predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize(
    "columns",
    [
        [0, 3],
        (3, 0),
        [-1, -5],
        np.array([0, 4]),
        [True, False, False, True, False],
        slice(1, 3),
        slice(0, 4, 2),
        ["a", "d"],
        slice("b", "d"),
        slice(None, "c"),
        slice("c", None),
        [],
    ],
    ids=str,
)
@pytest.mark.parametrize("remainder", ["drop", "passthrough", MinMaxScaler()], ids=["drop", "passthrough", "scaled"])
def test_columns_are_found_however_they_are_given(columns, remainder, tmp_path):
    parts = [("chosen", StandardScaler(), columns), ("off", "drop", [2]), ("as it is", "passthrough", [1])]
    fitted = ColumnTransformer(parts, remainder=remainder).fit(NAMED)
    np.testing.assert_array_equal(again(fitted, tmp_path).transform(NAMED), fitted.transform(NAMED))


@pytest.mark.parametrize(
    "made",
    [
        lambda: rnnbp.Network([layers.GRU(5, 3), layers.Dense(3, 2)], seed=0),
        lambda: classifier().fit(X, Y),
        lambda: rnnbp.RNNTagger((3,), max_iter=2).fit(X, [x[:, 0] > 0 for x in X]),
        lambda: rnnbp.CTCTranscriber(hidden_layer_sizes=(4,), stride=1, max_iter=1).fit(X, ["a"] * 20),
    ],
    ids=["network", "classifier", "tagger", "transcriber"],
)
def test_what_saves_itself_is_loaded_as_what_it_is(made, tmp_path):
    thing = made()
    thing.save(tmp_path / "own.rnnbp")
    rnnbp.save(thing, tmp_path / "saved.rnnbp")
    for name in ("own", "saved"):
        loaded = rnnbp.load(tmp_path / f"{name}.rnnbp")
        assert type(loaded) is type(thing)
        net = getattr(loaded, "network_", loaded)
        np.testing.assert_array_equal(net.theta, getattr(thing, "network_", thing).theta)


def test_a_networks_own_metadata_are_nobody_elses(tmp_path):
    net = rnnbp.Network([layers.Dense(2, 1)])
    for metadata in (
        {"part": "left hand"},
        {"estimator": 3},
        {"part": {"pipeline": "water"}},
        {"part": {"transformer": "T1", "settings": {}, "fitted": {}, "version": "2"}, "of": "a power station"},
        {"estimator": {"class": "quantity surveyor"}},
        {"estimator": {"class": "A", "settings": {}}},
    ):
        net.save(tmp_path / "net.rnnbp", metadata=metadata)
        assert rnnbp.load(tmp_path / "net.rnnbp").metadata == metadata
        with pytest.raises(ModelFileError, match="holds a network and no RNNClassifier"):
            rnnbp.RNNClassifier.load(tmp_path / "net.rnnbp")


def test_settings_with_the_names_of_a_description_are_settings(tmp_path):
    words = {"part": {"estimator": 1}, "transformer": [{"part": "x"}]}
    loaded = again(FunctionTransformer(kw_args=words, inv_kw_args={"estimator": {"class": "A"}}), tmp_path)
    assert loaded.kw_args == words
    assert loaded.inv_kw_args == {"estimator": {"class": "A"}}


def test_an_estimators_own_load_says_what_loads_a_pipeline(tmp_path):
    rnnbp.save(make_pipeline(SequenceScaler(), classifier()).fit(X, Y), tmp_path / "saved.rnnbp")
    with pytest.raises(ModelFileError, match=r"holds a pipeline and no RNNClassifier: load it with rnnbp\.load"):
        rnnbp.RNNClassifier.load(tmp_path / "saved.rnnbp")


def test_what_is_a_machines_own_is_not_kept(tmp_path):
    pipeline = make_pipeline(AudioFeatures(8000, memory=str(tmp_path), n_jobs=2, progress=False), classifier())
    loaded = again(pipeline.fit(WAVES, Y), tmp_path)
    assert [loaded[0].get_params()[name] for name in ("memory", "n_jobs", "progress")] == [None, None, None]
    assert str(tmp_path).encode() not in (tmp_path / "saved.rnnbp").read_bytes()


@pytest.mark.parametrize(
    "made",
    [
        lambda: make_pipeline(SequenceScaler(), PerFrame(PCA(2)), classifier()).fit(X, Y),
        lambda: rnnbp.RNNRegressor((3,), max_iter=2, random_state=0).fit(X, [x[:, 0] for x in X]),
        lambda: rnnbp.MLPRegressor((3,), max_iter=2, random_state=0).fit(FRAMES, FRAMES[:, 0]),
    ],
    ids=["pipeline", "regressor", "static"],
)
def test_skops_dumps_what_is_fitted(made):
    """Which needs nothing of an estimator but plain data in what it is pickled by."""
    skops = pytest.importorskip("skops.io")
    fitted = made()
    content = skops.dumps(fitted)
    types = skops.get_untrusted_types(data=content)
    assert all(name.startswith("rnnbp.") for name in types)
    x = X if fitted.__class__ is not rnnbp.MLPRegressor else FRAMES
    loaded = skops.loads(content, trusted=types)
    assert [np.array_equal(a, b) for a, b in zip(loaded.predict(x), fitted.predict(x), strict=True)].count(False) == 0


# -- what is refused ---------------------------------------------------------------------------------------------------


class MyScaler(StandardScaler):
    pass


class MyPipeline(Pipeline):
    pass


class MyUnion(FeatureUnion):
    pass


def broken(transformer, **state):
    vars(transformer).update(state)
    return transformer


@pytest.mark.parametrize(
    ("made", "kind", "message"),
    [
        (
            lambda: make_pipeline(FunctionTransformer(np.log1p)),
            ValueError,
            "FunctionTransformer's func=.*plain data only",
        ),
        (lambda: make_pipeline(MyScaler().fit(FRAMES)), TypeError, "MyScaler derives from StandardScaler, and would"),
        (lambda: MyPipeline([("a", StandardScaler())]).fit(FRAMES), TypeError, "MyPipeline derives from Pipeline"),
        (lambda: MyUnion([("a", StandardScaler())]).fit(FRAMES), TypeError, "MyUnion derives from FeatureUnion"),
        (lambda: type("PCA", (PCA,), {})(2).fit(FRAMES), TypeError, "would come back as a plain PCA"),
        (lambda: Pipeline([]), ValueError, "no parts in a Pipeline"),
        (lambda: FeatureUnion([]), ValueError, "no parts in a FeatureUnion"),
        (lambda: broken(StandardScaler().fit(FRAMES), mean_=np.zeros(3)), ValueError, "StandardScaler does not work"),
        (
            lambda: make_pipeline(StandardScaler().fit(FRAMES), PCA(2).fit(FRAMES[:, :3])),
            ValueError,
            "5 features come to a PCA of 3",
        ),
        (lambda: make_pipeline(NMF(2)), TypeError, "NMF.*PCA.*skops"),
        (lambda: PerFrame(NMF(2)), NotFittedError, "PerFrame"),
        (lambda: RandomForestClassifier(), TypeError, "RandomForestClassifier.*cannot be saved"),
        (lambda: make_pipeline(SequenceScaler(), classifier()), NotFittedError, "SequenceScaler"),
        (lambda: make_pipeline(SequenceScaler().fit(X), classifier()), NotFittedError, "RNNClassifier"),
        (lambda: make_pipeline(classifier().fit(X, Y), StandardScaler()), TypeError, "before the end"),
        (lambda: FRAMES, TypeError, "cannot be saved"),
    ],
)
def test_what_cannot_be_saved_is_said_before_a_file_is_written(made, kind, message, tmp_path):
    with pytest.raises(kind, match=message):
        rnnbp.save(made(), tmp_path / "no.rnnbp")
    assert not (tmp_path / "no.rnnbp").exists()


def test_no_file_and_no_model(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        rnnbp.load(tmp_path / "nowhere.rnnbp")
    (tmp_path / "text.rnnbp").write_text("a text")
    with pytest.raises(ModelFileError, match=r"text\.rnnbp"):
        rnnbp.load(tmp_path / "text.rnnbp")


def forged(tmp_path, change, *transformers):
    """A file whose description has been changed by somebody who knows the format."""
    fitted = transformers or (StandardScaler().fit(FRAMES), PCA(2).fit(FRAMES))
    part = json.loads(json.dumps(parts.described(make_pipeline(*fitted))))
    change(part)
    model_file.write(tmp_path / "forged.rnnbp", {}, {"part": part})
    return tmp_path / "forged.rnnbp"


def not_a_number(n):
    return {"array": [{"float": "nan"}] * n, "dtype": "<f8", "shape": [n]}


def rows(n):
    return {"array": [[0.0] * 5] * n, "dtype": "<f8", "shape": [n, 5]}


def steps(part):
    return part["settings"]["steps"]


def first(part):
    return steps(part)[0]["tuple"][1]["part"]


def append(part, what):
    steps(part).append({"tuple": ["end", {"part": what}]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda part: part["settings"].update(steps=[]), "no parts"),
        (lambda part: part["settings"].update(steps=3), "steps"),
        (lambda part: part["settings"].pop("steps"), "steps"),
        (lambda part: steps(part)[0]["tuple"].pop(), "no part of a Pipeline with a name"),
        (lambda part: steps(part)[1]["tuple"].__setitem__(0, "standardscaler"), "one name"),
        (lambda part: steps(part)[1]["tuple"].__setitem__(0, "a__b"), "no part of a Pipeline with a name"),
        (lambda part: steps(part)[1]["tuple"].__setitem__(1, "walk"), "'walk' is no part of a Pipeline"),
        (lambda part: steps(part)[1]["tuple"].__setitem__(1, {"dtype": "<f8"}), "is no part of a Pipeline"),
        (lambda part: steps(part)[1]["tuple"].__setitem__(1, "drop"), "'drop' is no part of a Pipeline"),
        (lambda part: first(part).update(transformer="Popen"), "unknown transformer 'Popen'"),
        (lambda part: first(part).update(transformer=["PCA"]), "unknown transformer"),
        (lambda part: first(part)["settings"].update(shell=True), "no setting 'shell'"),
        (lambda part: first(part)["settings"].update(with_mean="perhaps"), "with_mean"),
        (lambda part: first(part)["fitted"].update(transform=1), "called 'transform'"),
        (lambda part: first(part)["fitted"].update(__class__=1), "called '__class__'"),
        (lambda part: first(part)["fitted"].pop("mean_"), "StandardScaler does not work"),
        (lambda part: first(part)["fitted"].update(mean_="high"), "StandardScaler does not work"),
        (lambda part: first(part)["fitted"].update(mean_=rows(2)), "StandardScaler does not work"),
        (lambda part: first(part)["fitted"].update(mean_=rows(3)), "StandardScaler does not work"),
        (lambda part: first(part)["fitted"].update(n_features_in_=4), "StandardScaler does not work"),
        (lambda part: first(part)["fitted"].update(n_features_in_=10**15), "features cannot be"),
        (lambda part: first(part)["fitted"].pop("n_features_in_"), "features cannot be"),
        (lambda part: first(part)["fitted"].update(scale_="wide"), "does not work"),
        (lambda part: first(part)["fitted"].update(scale_=not_a_number(5)), "infinity or NaN"),
        (lambda part: first(part)["fitted"].update(feature_names_in_="abcde"), "names of a StandardScaler's features"),
        (lambda part: first(part)["fitted"].update(_sklearn_output_config="x"), "output of a StandardScaler cannot"),
        (lambda part: first(part).update(version=3), "a version"),
        (lambda part: first(part).update(version="x"), "a version"),
        (lambda part: append(part, {"estimator": {"class": "RNNClassifier"}}), "where no network is"),
        (lambda part: append(part, {"code": "import os"}), "describes no part"),
        (lambda part: append(part, [[[[]]]]), "describes no part"),
    ],
)
def test_a_forged_description_is_refused(change, message, tmp_path):
    with pytest.raises(ModelFileError, match=message):
        rnnbp.load(forged(tmp_path, change))


def two_columns():
    return ColumnTransformer([("a", StandardScaler(), [0, 1])], remainder="passthrough").fit(FRAMES)


def columns_are(columns, name="a", k=0):
    """A change of what a ColumnTransformer is said to have been fitted to."""
    return lambda part: part["fitted"]["transformers_"][k]["tuple"].__setitem__(slice(0, 3, 2), [name, columns])


def part_is(what):
    return lambda part: part["settings"]["transformer_list"][0]["tuple"].__setitem__(1, what)


@pytest.mark.parametrize(
    ("transformer", "change", "message"),
    [
        (PadOrTruncate().fit(X), lambda part: part["fitted"].clear(), "None features cannot be"),
        (PadOrTruncate().fit(X), lambda part: part["fitted"].pop("length_"), "PadOrTruncate does not work"),
        (PadOrTruncate().fit(X), lambda part: part["fitted"].pop("_saw_columns"), "PadOrTruncate does not work"),
        (PadOrTruncate().fit(X), lambda part: part["fitted"].update(length_=-1), "length_ must be a whole number"),
        (SlidingWindow().fit(X), lambda part: part["settings"].update(width=10**9), "windows are of 1000000000"),
        (SlidingWindow().fit(X), lambda part: part["settings"].update(width=200_001), "windows are of 200001 times 5"),
        (AudioFeatures(8000), lambda part: part["settings"].update(sample_rate=10**300), "up to 768000"),
        (AudioFeatures(8000), lambda part: part["settings"].update(sample_rate=1e300), "sample_rate must be"),
        (AudioFeatures(8000), lambda part: part["settings"].update(n_mels=10**12), "n_mels=1000000000000 is too many"),
        (SimpleImputer().fit(GAPS), lambda part: part["fitted"].update(_fill_dtype="S200000000"), "_fill_dtype of a"),
        (PerFrame(PCA(2)).fit(X), lambda part: part["fitted"].pop("transformer_"), "PerFrame does not work"),
        (PerFrame(PCA(2)).fit(X), lambda part: part["fitted"].update(transformer_="x"), "PerFrame does not work"),
        (
            make_union(PCA(2)).fit(FRAMES),
            lambda part: part["settings"].update(transformer_weights={"mapping": [["pca", "2"]]}),
            "weights of a FeatureUnion cannot be",
        ),
        (
            ColumnTransformer([("a", PCA(1), [0, 1])]).fit(FRAMES),
            lambda part: part["fitted"].update(_transformer_to_input_indices={"mapping": [["a", [0, 9]]]}),
            "ColumnTransformer does not work",
        ),
        (make_union(PCA(2)).fit(FRAMES), part_is(None), "None is no part of a FeatureUnion"),
        (make_union(PCA(2)).fit(FRAMES), part_is({"dtype": "<f8"}), "is no part of a FeatureUnion"),
        (two_columns(), columns_are([0, 99]), "columns of 'a' are not those of its settings"),
        (two_columns(), columns_are([1, 0]), "columns of 'a' are not those of its settings"),
        (two_columns(), columns_are(0), "columns of 'a' are not those of its settings"),
        (two_columns(), columns_are([2, 3], "remainder", 1), "columns of 'remainder' are not those of its settings"),
        (two_columns(), columns_are([0, 1], "b"), "columns of 'b' are not those of its settings"),
        (two_columns(), lambda part: part["fitted"]["transformers_"].pop(), "columns are not those of its settings"),
        (
            two_columns(),
            lambda part: part["settings"]["transformers"][0]["tuple"].__setitem__(2, [0, 9]),
            "ColumnTransformer does not work",
        ),
        (
            two_columns(),
            lambda part: part["fitted"]["transformers_"][0]["tuple"].__setitem__(1, "drop"),
            "it drops 'a', and its settings do not",
        ),
    ],
)
def test_a_forged_transformer_is_refused(transformer, change, message, tmp_path):
    with pytest.raises(ModelFileError, match=message):
        rnnbp.load(forged(tmp_path, lambda part: change(first(part)), transformer))


def test_parts_that_hold_themselves_too_often_are_refused(tmp_path):
    part = Normalizer()
    for _ in range(25):
        part = make_pipeline(part)
    with pytest.raises(ValueError, match="nested more than 100 levels deep"):
        rnnbp.save(part, tmp_path / "deep.rnnbp")


def test_another_version_of_scikit_learn_is_warned_of(tmp_path):
    path = forged(tmp_path, lambda part: first(part).update(version="0.1"))
    with pytest.warns(InconsistentVersionWarning, match="StandardScaler from version 0.1"):
        rnnbp.load(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rnnbp.load(forged(tmp_path, lambda part: None))
