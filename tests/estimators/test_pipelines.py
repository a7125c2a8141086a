"""From audio files and ragged lists to labels, through scikit-learn's own tools."""

import pickle

import numpy as np
import pytest
import sklearn
import soundfile
from matplotlib.figure import Figure
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_validate,
    train_test_split,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from toys import TEXT

from rnnbp import RNNClassifier, datasets
from rnnbp.audio import AudioFeatures
from rnnbp.inspection import SequenceFrame
from rnnbp.model_selection import GroupLeakError, GroupsApart, check_groups_apart
from rnnbp.preprocessing import PadOrTruncate, SequenceScaler

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer. Maximum iterations")

N_VOICES, WORDS = 6, ("zero", "one", "six")
KEY = 1  # the feature that tells the classes of `sequences` apart


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Write recordings of three words by six voices as wave files; return them, their words and their voices."""
    folder = tmp_path_factory.mktemp("words")
    data = datasets.load_spoken_digits("train")
    voices = np.unique(data.groups)[:N_VOICES]
    for wave, word, name, voice in zip(data.waves, data.target, data.names, data.groups, strict=True):
        if voice in voices and data.target_names[word] in WORDS:
            place = folder / data.target_names[word] / f"{voice}_{name[-1]}.wav"
            place.parent.mkdir(exist_ok=True)
            soundfile.write(place, wave, data.sample_rate)
    files, words = datasets.find_recordings(folder)
    return files, words, [file.stem.split("_")[0] for file in files]


@pytest.fixture(scope="module")
def sequences():
    """Return ragged sequences of two classes, which one of three features tells apart by whether it rises or falls."""
    rng = np.random.default_rng(0)
    X, y = [], []
    for i in range(60):
        length = rng.integers(4, 9)
        sequence = rng.normal(size=(length, 3))
        sequence[:, KEY] += np.linspace(-2, 2, length) * (1 if i % 2 else -1)
        X.append(sequence.astype(np.float32))
        y.append("rises" if i % 2 else "falls")
    return X, np.array(y), np.arange(60) // 2 % 10


def network(**settings):
    settings = {"gradient": TEXT, "max_iter": 20, "learning_rate_init": 0.02, "random_state": 0} | settings
    return RNNClassifier(8, **settings)


def of_sound(**settings):
    features = AudioFeatures(8000, kind="mfcc", normalize="mean", hop_length=0.02)
    return make_pipeline(features, SequenceScaler(), network(pooling="mean", **settings))


def of_sequences(**settings):
    return make_pipeline(SequenceScaler(), network(**settings))


def static():
    return make_pipeline(PadOrTruncate(4, flatten=True), LogisticRegression())


# From files -----------------------------------------------------------------------------------------------------------


def test_files_are_cross_validated_by_voice(recordings):
    files, words, voices = recordings
    result = cross_validate(of_sound(), files, words, groups=voices, cv=GroupKFold(3), error_score="raise")
    assert result["test_score"].mean() > 0.8


def test_settings_of_features_and_of_the_network_are_searched_together(recordings):
    files, words, voices = recordings
    grid = {"audiofeatures__kind": ["mfcc", "log_mel"], "rnnclassifier__cell": ["gru"]}
    search = GridSearchCV(of_sound(max_iter=10), grid, cv=GroupKFold(2), error_score="raise")
    search.fit(files, words, groups=voices)
    assert search.best_score_ > 0.6
    assert set(search.predict(files[:3])) <= set(WORDS)


def test_a_fitted_pipeline_survives_pickling_and_knows_files_from_waveforms(recordings):
    files, words, _ = recordings
    pipeline = of_sound(max_iter=3).fit(files, words)
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.predict_proba(files[:4]), pipeline.predict_proba(files[:4]))
    waves = [soundfile.read(file, dtype="float32")[0] for file in files[:4]]
    np.testing.assert_array_equal(pipeline.predict_proba(waves), pipeline.predict_proba(files[:4]))


def test_features_keep_their_names_on_the_way_to_the_network(recordings):
    files, words, _ = recordings
    pipeline = of_sound(max_iter=1).fit(files[:6], words[:6])
    assert pipeline[:-1].get_feature_names_out().tolist() == [f"mfcc_{k}" for k in range(13)]


# Ragged lists ---------------------------------------------------------------------------------------------------------


def test_ragged_lists_are_cross_validated(sequences):
    X, y, groups = sequences
    result = cross_validate(of_sequences(), X, y, groups=groups, cv=GroupKFold(3), error_score="raise")
    assert result["test_score"].mean() > 0.9


def test_ragged_lists_are_searched(sequences):
    X, y, _ = sequences
    grid = {"rnnclassifier__cell": ["gru", "elman"], "sequencescaler__with_std": [True, False]}
    search = GridSearchCV(of_sequences(max_iter=10), grid, cv=2, error_score="raise").fit(X, y)
    assert search.score(X, y) > 0.9


@pytest.mark.filterwarnings("ignore:Training ended near chance")  # at rates that are too small
@pytest.mark.parametrize("resource", ["n_samples", "rnnclassifier__max_iter"])
def test_ragged_lists_are_searched_by_halving(sequences, resource):
    X, y, _ = sequences
    options = {} if resource == "n_samples" else {"resource": resource, "max_resources": 20, "min_resources": 5}
    grid = {"rnnclassifier__learning_rate_init": [1e-5, 1e-4, 0.02]}
    search = HalvingGridSearchCV(of_sequences(), grid, cv=2, random_state=0, error_score="raise", **options).fit(X, y)
    assert search.n_iterations_ == 2
    assert search.best_params_["rnnclassifier__learning_rate_init"] == 0.02


@pytest.mark.parametrize("ensemble", [True, False])
def test_probabilities_of_ragged_lists_are_calibrated(sequences, ensemble):
    X, y, _ = sequences
    calibrated = CalibratedClassifierCV(of_sequences(), cv=2, ensemble=ensemble).fit(X, y)
    probability = calibrated.predict_proba(X)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-6)
    assert np.mean(calibrated.predict(X) == y) > 0.9


def test_recurrent_and_static_models_of_ragged_lists_are_stacked(sequences):
    X, y, _ = sequences
    stack = StackingClassifier([("recurrent", of_sequences()), ("static", static())], cv=2).fit(X, y)
    assert stack.transform(X).shape == (len(X), 2)
    assert stack.score(X, y) > 0.9


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: VotingClassifier([("recurrent", model), ("static", static())], voting="soft"),
        lambda model: OneVsRestClassifier(model),
        lambda model: TunedThresholdClassifierCV(model, cv=2),
        lambda model: RandomizedSearchCV(model, {"rnnclassifier__alpha": [0.0, 0.1]}, n_iter=2, cv=2),
    ],
    ids=["voting", "one against the rest", "tuned threshold", "random search"],
)
def test_other_tools_leave_ragged_lists_as_they_are(sequences, wrap):
    X, y, _ = sequences
    assert wrap(of_sequences()).fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize("max_samples", [1.0, 0.5])
def test_permutation_importance_finds_the_feature_that_tells_classes_apart(sequences, max_samples):
    X, y, _ = sequences
    pipeline = of_sequences().fit(X, y)
    result = permutation_importance(pipeline, SequenceFrame(X), y, n_repeats=3, random_state=0, max_samples=max_samples)
    assert result.importances.shape == (3, 3)
    assert result.importances_mean.argmax() == KEY
    assert result.importances_mean[KEY] > 0.3
    assert np.delete(result.importances_mean, KEY).max() < 0.1


def test_a_ragged_list_is_split_and_its_confusions_are_drawn(sequences):
    X, y, _ = sequences
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    pipeline = of_sequences().fit(X_train, y_train)
    display = ConfusionMatrixDisplay.from_estimator(pipeline, X_test, y_test, ax=Figure().subplots())
    assert display.confusion_matrix.sum() == len(X_test)


# Columns of ragged sequences ------------------------------------------------------------------------------------------

RAGGED = [[[0.0, 5.0], [1.0, 6.0]], [[2.0, 7.0]], [[3.0, 8.0], [4.0, 9.0], [5.0, 10.0], [6.0, 11.0]]]


def test_a_course_is_stretched_or_shrunk_to_the_sequence_that_it_is_written_into():
    frame = SequenceFrame(RAGGED, columns=["a", "b"])
    frame["a"] = frame.iloc[[2, 0, 0], 0]
    assert [sequence[:, 0].tolist() for sequence in frame] == [[3, 5], [0], [0, 0, 1, 1]]
    assert [sequence[:, 1].tolist() for sequence in frame] == [[5, 6], [7], [8, 9, 10, 11]]


def test_a_copy_can_be_written_to_without_changing_the_original_or_its_arrays():
    arrays = [np.array(sequence) for sequence in RAGGED]
    frame = SequenceFrame(arrays)
    other = frame.copy()
    other["x1"] = other.iloc[[1, 2, 0], 1]
    for sequence, array in zip(frame, arrays, strict=True):
        assert sequence is array
        assert array.tolist() in RAGGED


def test_sequences_are_taken_as_rows_of_a_data_frame_are():
    frame = SequenceFrame(RAGGED)
    assert frame.shape == (3, 2)
    assert list(frame.index) == [0, 1, 2]
    for chosen in (frame.take([2, 0]), frame.iloc[[2, 0]], frame.take(np.array([2, 0]), axis=0)):
        assert isinstance(chosen, SequenceFrame)
        assert [sequence.tolist() for sequence in chosen] == [RAGGED[2], RAGGED[0]]
    assert len(frame.iloc[:2]) == 2
    assert frame.take([True, False, True]).shape == (2, 2)


def test_columns_of_sequences_survive_pickling():
    again = pickle.loads(pickle.dumps(SequenceFrame(RAGGED, columns=["a", "b"])))
    assert again.columns == ["a", "b"]
    assert [sequence.tolist() for sequence in again] == RAGGED


def test_columns_of_sequences_are_cross_validated_as_a_list_is(sequences):
    X, y, _ = sequences
    listed, framed = (cross_val_predict(of_sequences(max_iter=2), data, y, cv=2) for data in (X, SequenceFrame(X)))
    np.testing.assert_array_equal(framed, listed)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SequenceFrame([np.ones(3)]), r"each sequence must be of shape \(T_i, F\), but the first has \(3,\)"),
        (lambda: SequenceFrame(RAGGED, columns=["a"]), "1 names were given for 2 features"),
        (lambda: SequenceFrame(RAGGED).take([0], axis=1), "axis 1 was given"),
        (lambda: SequenceFrame(RAGGED).__setitem__("x0", SequenceFrame(RAGGED).iloc[[0], 0]), "1 courses .* for 3"),
    ],
)
def test_what_has_no_columns_is_an_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Groups ---------------------------------------------------------------------------------------------------------------

VOICES = ["ann", "ann", "bob", "bob", "cid", "cid"]


@pytest.mark.parametrize(
    ("train", "test"),
    [([0, 1, 2], [3, 4]), ([True, True, True, False, False, False], np.array([0, 0, 0, 1, 1, 0], bool))],
)
def test_a_group_on_both_sides_is_an_error_that_names_it_and_a_sample_on_each(train, test):
    message = "group 'bob' is on both sides of the split: sample 2 is in train, sample 3 in test. Split by groups"
    with pytest.raises(GroupLeakError, match=message):
        check_groups_apart(VOICES, train, test)


def test_several_groups_on_both_sides_are_counted():
    with pytest.raises(GroupLeakError, match=r"'ann' is on both sides .* and so are 2 other groups"):
        check_groups_apart(VOICES, [0, 2, 4], [1, 3, 5])
    with pytest.raises(GroupLeakError, match=r"'ann' is on both sides .* in test, and so is 1 other group\. Split by"):
        check_groups_apart(VOICES, [0, 2], [1, 3])


def test_groups_that_are_apart_are_no_error():
    check_groups_apart(VOICES, [0, 1, 4, 5], [2, 3])
    check_groups_apart([1, 1, 2], [0, 1], [2])


@pytest.mark.parametrize(
    "cv", [KFold(2, shuffle=True, random_state=0), StratifiedKFold(2), 2, [([0, 1, 2], [3, 4, 5])]]
)
def test_a_splitter_that_tears_groups_apart_is_stopped_before_anything_is_trained(cv):
    class NeverFit(LogisticRegression):
        def fit(self, X, y):
            pytest.fail("was fitted")

    X, y = np.arange(6.0)[:, None], np.array([0, 1, 0, 1, 0, 1])
    with pytest.raises(GroupLeakError, match="is on both sides of the split"):
        cross_validate(NeverFit(), X, y, groups=VOICES, cv=GroupsApart(cv), error_score="raise")


def test_a_splitter_that_keeps_groups_together_splits_as_ever():
    inside = GroupKFold(3)
    splits = list(GroupsApart(inside).split(range(6), groups=VOICES))
    for (train, test), (their_train, their_test) in zip(splits, inside.split(range(6), groups=VOICES), strict=True):
        np.testing.assert_array_equal(train, their_train)
        np.testing.assert_array_equal(test, their_test)
    assert GroupsApart(inside).get_n_splits(range(6), groups=VOICES) == 3


def test_groups_have_to_be_given():
    with pytest.raises(ValueError, match="no groups were given: pass groups="):
        cross_validate(LogisticRegression(), np.eye(6), VOICES, cv=GroupsApart(GroupKFold(2)))


def test_groups_are_routed_to_the_splitter(sequences):
    X, y, groups = sequences
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(of_sequences(max_iter=1), {}, cv=GroupsApart(GroupKFold(2)), error_score="raise")
        search.fit(X, y, groups=groups)
    assert search.n_splits_ == 2
