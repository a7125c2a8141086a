"""Pipelines, transformers, estimators and networks in one file, saved and loaded by `rnnbp.save` and `rnnbp.load`."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.decomposition import NMF, PCA, FactorAnalysis, FastICA, IncrementalPCA, TruncatedSVD
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
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
from rnnbp.preprocessing import PadOrTruncate, PerFrame, SequenceScaler, SlidingWindow

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 5)) for n in RNG.integers(4, 9, 20)]
FRAMES = np.concatenate(X)
Y = np.array(["up", "down"])[np.arange(20) % 2]
WAVES = [RNG.normal(0, 0.1, 2000) for _ in range(20)]

#: One of each transformer that a file can hold, and what it is fitted to.
EACH = {
    "AudioFeatures": (AudioFeatures(8000, deltas=1, n_jobs=1), WAVES),
    "FactorAnalysis": (FactorAnalysis(2), FRAMES),
    "FastICA": (FastICA(2, random_state=0), FRAMES),
    "IncrementalPCA": (IncrementalPCA(2), FRAMES),
    "MaxAbsScaler": (MaxAbsScaler(), FRAMES),
    "MinMaxScaler": (MinMaxScaler((-1, 1)), FRAMES),
    "Normalizer": (Normalizer(), FRAMES),
    "PCA": (PCA(0.9, whiten=True), FRAMES),
    "PadOrTruncate": (PadOrTruncate(), X),
    "PerFrame": (PerFrame(make_pipeline(StandardScaler(), PCA(2))), X),
    "PowerTransformer": (PowerTransformer(), FRAMES),
    "QuantileTransformer": (QuantileTransformer(n_quantiles=7), FRAMES),
    "RobustScaler": (RobustScaler(), FRAMES),
    "SequenceScaler": (SequenceScaler(), X),
    "SimpleImputer": (SimpleImputer(strategy="median"), np.where(FRAMES > 1.5, np.nan, FRAMES)),
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


def all_close(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_each_transformer_is_in_the_table():
    assert EACH.keys() == TRANSFORMERS.keys()


@pytest.mark.parametrize("name", EACH)
def test_a_transformer_is_what_it_was(name, tmp_path):
    transformer, x = EACH[name]
    transformer.fit(x)
    loaded = again(transformer, tmp_path)
    assert type(loaded) is type(transformer)
    all_close(loaded.transform(x), transformer.transform(x))
    kept = [key for key in transformer.get_params() if key not in ("n_jobs", "random_state") and "__" not in key]
    for key in set(kept) - {"transformer"}:
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
    np.testing.assert_allclose(loaded.predict_proba(table), whole.predict_proba(table), rtol=1e-5)
    assert loaded.named_steps["inner"].named_steps["both"].transformer_weights == {"pca": 2.0}
    only = make_union(StandardScaler(), PCA(1)).fit(table)
    all_close(again(only, tmp_path).transform(table), only.transform(table))


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
    for metadata in ({"part": "left hand"}, {"estimator": 3}):
        net.save(tmp_path / "net.rnnbp", metadata=metadata)
        assert rnnbp.load(tmp_path / "net.rnnbp").metadata == metadata


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


@pytest.mark.parametrize(
    ("made", "kind", "message"),
    [
        (lambda: make_pipeline(FunctionTransformer(np.log1p)), TypeError, "FunctionTransformer.*cannot be saved"),
        (lambda: make_pipeline(MyScaler().fit(FRAMES)), TypeError, "MyScaler.*cannot be saved"),
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


def forged(tmp_path, change):
    """A file whose description has been changed by somebody who knows the format."""
    part = {
        "pipeline": [
            ["scaler", described(StandardScaler().fit(FRAMES))],
            ["pca", described(PCA(2).fit(FRAMES))],
        ]
    }
    change(part)
    model_file.write(tmp_path / "forged.rnnbp", {}, {"part": part})
    return tmp_path / "forged.rnnbp"


def described(transformer):
    return json.loads(json.dumps(parts.described(transformer)))


def not_a_number(n):
    return {"array": [{"float": "nan"}] * n, "dtype": "<f8", "shape": [n]}


def scaler(part):
    return part["pipeline"][0][1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda part: part.update(pipeline=[]), "no parts"),
        (lambda part: part.update(pipeline=3), "no parts"),
        (lambda part: part["pipeline"][0].pop(), "no part with a name"),
        (lambda part: part["pipeline"][1].__setitem__(0, "scaler"), "one name"),
        (lambda part: part["pipeline"][1].__setitem__(0, "a__b"), "no part with a name"),
        (lambda part: scaler(part).update(transformer="Popen"), "unknown transformer 'Popen'"),
        (lambda part: scaler(part).update(transformer=["PCA"]), "unknown transformer"),
        (lambda part: scaler(part)["settings"].update(shell=True), "no setting 'shell'"),
        (lambda part: scaler(part)["settings"].update(with_mean="perhaps"), "with_mean"),
        (lambda part: scaler(part)["fitted"].update(transform=1), "called 'transform'"),
        (lambda part: scaler(part)["fitted"].update(__class__=1), "called '__class__'"),
        (lambda part: scaler(part)["fitted"].pop("mean_"), "StandardScaler does not work"),
        (lambda part: scaler(part)["fitted"].update(mean_="high"), "StandardScaler does not work"),
        (lambda part: scaler(part)["fitted"].update(n_features_in_=4), "StandardScaler does not work"),
        (lambda part: scaler(part)["fitted"].update(n_features_in_=10**15), "features cannot be"),
        (lambda part: scaler(part)["fitted"].pop("n_features_in_"), "features cannot be"),
        (lambda part: scaler(part)["fitted"].update(scale_="wide"), "does not work"),
        (lambda part: scaler(part)["fitted"].update(scale_=not_a_number(5)), "infinity or NaN"),
        (lambda part: scaler(part).update(version=3), "a version"),
        (
            lambda part: part["pipeline"].append(["end", {"estimator": {"class": "RNNClassifier"}}]),
            "where no network is",
        ),
        (lambda part: part["pipeline"].append(["end", {"code": "import os"}]), "describes no part"),
        (lambda part: part["pipeline"].append(["end", [[[[]]]]]), "describes no part"),
    ],
)
def test_a_forged_description_is_refused(change, message, tmp_path):
    with pytest.raises(ModelFileError, match=message):
        rnnbp.load(forged(tmp_path, change))


def test_parts_that_hold_themselves_too_often_are_refused(tmp_path):
    part = "passthrough"
    for _ in range(25):
        part = {"pipeline": [["one", part]]}
    model_file.write(tmp_path / "deep.rnnbp", {}, {"part": part})
    with pytest.raises(ModelFileError, match="nested too deeply"):
        rnnbp.load(tmp_path / "deep.rnnbp")


def test_another_version_of_scikit_learn_is_warned_of(tmp_path):
    path = forged(tmp_path, lambda part: scaler(part).update(version="0.1"))
    with pytest.warns(InconsistentVersionWarning, match="StandardScaler from version 0.1"):
        rnnbp.load(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rnnbp.load(forged(tmp_path, lambda part: None))
