"""Transformers of sequences: ragged in, ragged out, with scikit-learn's manners."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

from rnnbp import RNNClassifier
from rnnbp.audio import AudioFeatures
from rnnbp.data.sequences import Sequences
from rnnbp.preprocessing import PadOrTruncate, PerFrame, SequenceScaler, SequenceUnion, SlidingWindow, cut_windows
from rnnbp.preprocessing.frames import Frames

LENGTHS = (4, 1, 9)
TABLES = ("pandas", "polars")
TOOLS = [SequenceScaler(), PerFrame(PCA(2)), SlidingWindow(3), PadOrTruncate(5)]
SCALAR_TOOLS = [SequenceScaler(), PerFrame(StandardScaler()), SlidingWindow(3, position="last"), PadOrTruncate(5)]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def ragged(rng):
    return [rng.normal(3.0, [1.0, 5.0, 0.1], size=(n, 3)) for n in LENGTHS]


def each(tools):
    return pytest.mark.parametrize("tool", tools, ids=lambda tool: type(tool).__name__)


def assert_same(left, right, **tolerance):
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        np.testing.assert_allclose(one, other, **tolerance)


# What all of them do --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tool",
    [
        SequenceScaler(),
        SequenceScaler(with_mean=False, with_std=False),
        PerFrame(StandardScaler()),
        SlidingWindow(3, step=2),
        PadOrTruncate(),
        PadOrTruncate(1, flatten=True),
    ],
    ids=repr,
)
def test_scikit_learns_own_checks_pass(tool):
    check_estimator(tool, on_skip=None, expected_failed_checks=of_one_table(tool))
    assert get_tags(tool).input_tags.three_d_array


def of_one_table(tool):
    """Return the checks that ask for one table, where the sequences of an (N, T) array come out with an axis more."""
    checks = ("check_set_output_transform", "check_global_output_transform")
    has_features = isinstance(tool, (PerFrame, SlidingWindow)) or (isinstance(tool, PadOrTruncate) and not tool.flatten)
    return {f"{check}_{table}": "a table each" for check in checks for table in TABLES} if has_features else {}


@each(TOOLS)
def test_a_list_and_the_array_of_its_sequences_give_the_same(tool, rng):
    array = rng.normal(size=(4, 6, 3))
    of_array = clone(tool).fit_transform(array)
    assert isinstance(of_array, np.ndarray)
    assert_same(of_array, clone(tool).fit_transform(list(array)), rtol=1e-9)


@each(SCALAR_TOOLS)
def test_numbers_are_sequences_of_one_feature(tool, rng):
    array = rng.normal(size=(4, 6))
    features = clone(tool).fit_transform(array[:, :, None])
    numbers = clone(tool).fit_transform(array)
    np.testing.assert_array_equal(numbers.reshape(features.shape), features)
    assert_same(clone(tool).fit_transform(list(array)), numbers)


@each(TOOLS[:3])
def test_a_list_of_any_lengths_gives_a_list(tool, ragged):
    assert isinstance(clone(tool).fit_transform(ragged), list)
    same_lengths = [sequence[:1] for sequence in ragged]
    assert isinstance(clone(tool).fit(ragged).transform(same_lengths), list)


@each(TOOLS)
def test_a_sequence_does_not_depend_on_the_others_once_fitted(tool, ragged):
    fitted = clone(tool).fit(ragged)
    assert_same(fitted.transform(ragged)[2:], fitted.transform(ragged[2:]))


@each(TOOLS)
def test_sequences_are_not_changed(tool, ragged):
    before = [sequence.copy() for sequence in ragged]
    fitted = clone(tool).fit(ragged)
    for sequence in fitted.transform(ragged):
        sequence[...] = 99.0
    assert_same(ragged, before)


@each(TOOLS)
@pytest.mark.parametrize(
    ("given", "kept"), [("float32", "float32"), ("float64", "float64"), ("int16", "float64"), ("float16", "float64")]
)
def test_float32_and_float64_are_kept_and_all_else_becomes_float64(tool, ragged, given, kept):
    sequences = [sequence.astype(given) for sequence in ragged]
    assert {out.dtype for out in clone(tool).fit_transform(sequences)} == {np.dtype(kept)}


@each(TOOLS)
def test_they_survive_pickling(tool, ragged):
    fitted = clone(tool).fit(ragged)
    assert_same(pickle.loads(pickle.dumps(fitted)).transform(ragged), fitted.transform(ragged))


@each(TOOLS)
def test_what_is_not_fitted_says_so(tool, ragged):
    with pytest.raises(ValueError, match="is not fitted yet"):
        clone(tool).transform(ragged)


@each(TOOLS[:3])
def test_lists_are_not_put_into_data_frames(tool, ragged):
    with config_context(transform_output="pandas"):
        assert isinstance(clone(tool).fit_transform(ragged), list)


def nan_at(sequence, *place):
    changed = sequence.copy()
    changed[place] = np.nan
    return changed


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda X: [], ValueError, "the list of sequences is empty"),
        (lambda X: [*X, np.empty((0, 3))], ValueError, "sequence 3 has length 0"),
        (lambda X: [*X, X[0][:, :2]], ValueError, r"sequence 3 has frames of shape \(2,\), but sequence 0 has \(3,\)"),
        (
            lambda X: [*X, nan_at(X[2], 4, 1)],
            ValueError,
            "sequence 3 holds NaN or infinity, first at step 4, feature 1",
        ),
        (lambda X: [X[0], X[1] * np.inf], ValueError, "sequence 1 holds NaN or infinity"),
        (lambda X: nan_at(np.ones((2, 5, 3)), 1, 2, 0), ValueError, "sequence 1 holds NaN .* step 2, feature 0"),
        (lambda X: [X[0], X[1].astype(complex)], TypeError, "sequence 1 holds complex128 values"),
        (lambda X: [X[0].astype(str)], TypeError, "sequence 0 holds <U32 values"),
        (lambda X: ["one.wav", "two.wav"], TypeError, "sequence 0 is 'one.wav', not an array: read files first"),
        (lambda X: [X[0][None], X[0][None]], ValueError, r"each sequence must be of shape \(T_i, F\)"),
        (lambda X: (x for x in X), TypeError, "a generator was given, which can be read once only"),
        (lambda X: np.array(X, dtype=object), TypeError, r"X is an object array of sequences: pass list\(X\)"),
        (lambda X: X[0][:, 0], ValueError, r"X is one series of shape .*: for one series write \[X\]"),
        (lambda X: np.empty((3, 0, 2)), ValueError, r"X is empty: its shape is \(3, 0, 2\)"),
        (lambda X: np.zeros((2, 2, 2, 2)), ValueError, "dim 4"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_what_is_no_list_of_sequences_is_refused(ragged, spoil, error, message, method):
    tool = SequenceScaler()
    if method == "transform":
        tool.fit(ragged)
    with pytest.raises(error, match=message):
        getattr(tool, method)(spoil(ragged))


@each(TOOLS)
def test_other_features_than_in_fit_are_refused(tool, ragged):
    fitted = clone(tool).fit(ragged)
    name = type(tool).__name__
    with pytest.raises(ValueError, match=f"X has 2 features, but {name} is expecting 3 features"):
        fitted.transform([sequence[:, :2] for sequence in ragged])
    with pytest.raises(ValueError, match=r"for one sequence write \[X\]"):
        fitted.transform(ragged[0])


def test_sequences_of_another_length_than_the_columns_of_fit_are_refused_with_what_to_do():
    fitted = SequenceScaler().fit(np.ones((3, 6)))
    with pytest.raises(
        ValueError, match=r"X has 4 features, .* expecting 6 features as input\. The columns .* are steps"
    ):
        fitted.transform(np.ones((3, 4)))
    assert SequenceScaler().fit([np.ones(5), np.ones(4)]).transform(np.ones((3, 4))).shape == (3, 4)


def test_an_array_that_could_be_one_sequence_or_many_is_refused():
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(n, 1)) for n in (4, 6, 5)]
    fitted = SequenceScaler().fit(sequences)
    with pytest.raises(
        ValueError, match=r"X of shape \(4, 1\) could be one sequence of 4 steps, or 4 sequences of one"
    ):
        fitted.transform(sequences[0])
    assert len(fitted.transform([sequences[0]])) == 1
    assert len(fitted.transform(list(sequences[0]))) == 4
    SequenceScaler().fit(np.ones((5, 1))).transform(np.ones((7, 1)))  # it was fitted to such an array


def test_sums_that_overflow_are_not_taken_for_infinity():
    with np.errstate(over="ignore"):
        assert PadOrTruncate(2).fit_transform([np.full((2, 1), 1e308)]).max() == 1e308


@pytest.mark.parametrize(
    ("tool", "message"),
    [
        (SequenceScaler(with_mean="yes"), "'with_mean' parameter of SequenceScaler must be"),
        (SlidingWindow(0), "'width' parameter of SlidingWindow must be"),
        (SlidingWindow(3, step=0.5), "'step' parameter of SlidingWindow must be"),
        (SlidingWindow(3, position="first"), "'position' parameter of SlidingWindow must be"),
        (PadOrTruncate(0), "'length' parameter of PadOrTruncate must be"),
        (PadOrTruncate(3, fill="zero"), "'fill' parameter of PadOrTruncate must be"),
        (PadOrTruncate(3, side="left"), "'side' parameter of PadOrTruncate must be"),
        (PerFrame("pca"), "'transformer' parameter of PerFrame must be"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(ragged, tool, message):
    with pytest.raises(ValueError, match=message):
        tool.fit(ragged)


# SequenceScaler -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"with_mean": False}, {"with_std": False}])
def test_scaler_does_to_frames_what_standard_scaler_does_to_rows(ragged, options):
    theirs = StandardScaler(**options).fit(np.concatenate(ragged))
    ours = SequenceScaler(**options).fit(ragged)
    assert_same(ours.transform(ragged), [theirs.transform(sequence) for sequence in ragged], rtol=1e-12)
    np.testing.assert_allclose(ours.mean_, np.concatenate(ragged).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(ours.var_, np.concatenate(ragged).var(axis=0), rtol=1e-12)
    assert ours.n_frames_seen_ == sum(LENGTHS)


def test_scaler_fitted_in_parts_is_fitted_to_the_whole(ragged):
    whole, parts = SequenceScaler().fit(ragged), SequenceScaler()
    for sequence in ragged:
        parts.partial_fit([sequence])
    for name in ("mean_", "var_", "scale_", "n_frames_seen_"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-12)


def test_scaler_forgets_when_fitted_anew(ragged):
    twice = SequenceScaler().fit(ragged[:1]).fit(ragged[2:])
    np.testing.assert_array_equal(twice.mean_, SequenceScaler().fit(ragged[2:]).mean_)


def test_scaler_can_be_undone(ragged):
    scaler = SequenceScaler().fit(ragged)
    assert_same(scaler.inverse_transform(scaler.transform(ragged)), ragged, rtol=1e-9)


@pytest.mark.parametrize("level", [0.1, 0.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scaler_leaves_a_constant_feature_in_its_unit(dtype, level):
    """The mean of many equal numbers may be another one by rounding; what is left must not be blown up."""
    scaler = SequenceScaler().fit([np.full((997, 1), level, dtype), np.full((3, 1), level, dtype)])
    assert scaler.scale_ == 1
    assert np.abs(scaler.transform([np.full((2, 1), level, dtype)])[0]).max() < 1e-6


def test_scaler_does_not_ask_for_the_unit(ragged):
    """Powers of two round nothing."""
    moved = [x + 3.0 for x in ragged]
    expected = SequenceScaler().fit_transform(moved)
    for unit in (2.0**-40, 2.0**40):
        for scaled, x in zip(SequenceScaler().fit_transform([unit * x for x in moved]), expected, strict=True):
            np.testing.assert_array_equal(scaled, x)


def test_scaler_keeps_the_names_of_features(ragged):
    names = SequenceScaler().fit(ragged).get_feature_names_out(["a", "b", "c"])
    assert names.tolist() == ["a", "b", "c"]


# PerFrame -------------------------------------------------------------------------------------------------------------


def test_per_frame_applies_what_was_fitted_to_all_frames(ragged):
    pca = PCA(2).fit(np.concatenate(ragged))
    assert_same(PerFrame(PCA(2)).fit_transform(ragged), [pca.transform(sequence) for sequence in ragged], atol=1e-12)


def test_per_frame_leaves_the_transformer_that_it_was_given_alone(ragged):
    given = PCA(2)
    PerFrame(given).fit(ragged)
    assert not hasattr(given, "components_")


def test_per_frame_can_be_undone_if_the_transformer_can(ragged):
    fitted = PerFrame(PCA(3)).fit(ragged)
    assert_same(fitted.inverse_transform(fitted.transform(ragged)), ragged, rtol=1e-9)
    assert not hasattr(PerFrame(LinearDiscriminantAnalysis()), "inverse_transform")


def test_per_frame_can_be_fitted_in_parts_if_the_transformer_can(ragged):
    theirs = IncrementalPCA(2).partial_fit(ragged[0]).partial_fit(ragged[2])
    ours = PerFrame(IncrementalPCA(2)).partial_fit([ragged[0]]).partial_fit([ragged[2]])
    np.testing.assert_allclose(ours.transform(ragged)[0], theirs.transform(ragged[0]))
    assert not hasattr(PerFrame(PCA()), "partial_fit")


@pytest.mark.parametrize("kind", ["array", "list", "a step", "a step of one sequence"])
def test_per_frame_gives_each_frame_its_sequences_label_or_its_own(rng, kind):
    """Only the second of three features tells the classes apart."""
    labels = np.array([0, 1, 0, 1])
    steps = [np.full(5, label) for label in labels]
    X = [rng.normal([0.0, 9.0 * label, 0.0], size=(5, 3)) for label in labels]
    if kind == "a step of one sequence":
        X, steps = [np.concatenate(X)], [np.concatenate(steps)]
    y = {"array": labels, "list": labels.tolist()}.get(kind, steps)
    fitted = PerFrame(SelectKBest(k=1)).fit(X, y)
    assert fitted.get_feature_names_out().tolist() == ["x1"]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 1], "y has 2 entries for 3 sequences"),
        ([np.zeros(4), np.zeros(2), np.zeros(9)], r"y\[1\] has 2 labels, but sequence 1 has 1 steps"),
    ],
)
def test_per_frame_refuses_labels_that_do_not_fit(ragged, y, message):
    with pytest.raises(ValueError, match=message):
        PerFrame(SelectKBest(k=1)).fit(ragged, y)


def test_per_frame_takes_a_transformer_with_a_sparse_result():
    out = PerFrame(OneHotEncoder()).fit_transform([[[0.0], [1.0]], [[2.0]]])
    assert [frames.tolist() for frames in out] == [[[1, 0, 0], [0, 1, 0]], [[0, 0, 1]]]


def test_per_frame_shows_its_transformers_settings():
    assert PerFrame(PCA(2)).get_params()["transformer__n_components"] == 2
    assert PerFrame(PCA(2)).set_params(transformer__n_components=1).transformer.n_components == 1


def test_per_frame_names_what_the_transformer_names(ragged):
    assert PerFrame(PCA(2)).fit(ragged).get_feature_names_out().tolist() == ["pca0", "pca1"]
    with pytest.raises(ValueError, match="input_features should have length equal to 3"):
        PerFrame(PCA(2)).fit(ragged).get_feature_names_out(["a"])


# SlidingWindow --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"width": 3}, [[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 4]]),
        ({"width": 2}, [[0, 1], [1, 2], [2, 3], [3, 4], [4, 4]]),
        ({"width": 3, "position": "last"}, [[0, 0, 0], [0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4]]),
        ({"width": 3, "step": 2}, [[0, 0, 1], [1, 2, 3], [3, 4, 4]]),
        ({"width": 1, "step": 3}, [[0], [3]]),
        ({"width": 7}, [[0, 0, 0, 0, 1, 2, 3], [0, 0, 0, 1, 2, 3, 4]]),
    ],
)
def test_window_holds_the_frames_around_its_own(options, expected):
    [windows] = SlidingWindow(**options).fit_transform([np.arange(5.0)])
    assert windows[: len(expected)].tolist() == expected
    assert len(windows) == -(-5 // options.get("step", 1))


def test_window_keeps_a_frames_features_together():
    sequence = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    tool = SlidingWindow(2, position="last").fit([sequence])
    assert tool.transform([sequence])[0][2].tolist() == [2, 20, 3, 30]
    assert tool.get_feature_names_out(["a", "b"]).tolist() == ["a_-1", "b_-1", "a_+0", "b_+0"]


def test_window_at_the_last_position_knows_nothing_of_the_future(rng):
    sequence = rng.normal(size=(8, 2))
    tool = SlidingWindow(4, position="last").fit([sequence])
    np.testing.assert_array_equal(tool.transform([sequence])[0][:5], tool.transform([sequence[:5]])[0])


# cut_windows ----------------------------------------------------------------------------------------------------------


def test_series_are_cut_into_windows_that_know_their_series_and_place():
    series = [np.arange(7.0), 10 + np.arange(4.0)]
    windows = cut_windows(series, ["up", "down"], width=3, step=2)
    assert windows.X[..., 0].tolist() == [[0, 1, 2], [2, 3, 4], [4, 5, 6], [10, 11, 12]]
    assert windows.y.tolist() == ["up", "up", "up", "down"]
    assert windows.groups.tolist() == [0, 0, 0, 1]
    assert windows.start.tolist() == [0, 2, 4, 0]


def test_windows_do_not_overlap_unless_asked_to(rng):
    series = rng.normal(size=(1, 11, 2))
    windows = cut_windows(series, width=5)
    np.testing.assert_array_equal(windows.X, series[:, :10].reshape(2, 5, 2))
    assert windows.y is None
    whole = cut_windows(series, ["all"], width=11)
    np.testing.assert_array_equal(whole.X, series)
    assert whole.y.tolist() == ["all"]


def test_targets_of_steps_are_cut_as_their_series():
    labels = [np.arange(5), np.arange(3)]
    windows = cut_windows([np.arange(5.0), np.arange(3.0)], labels, width=2, step=1)
    np.testing.assert_array_equal(windows.y, windows.X[..., 0])


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (None, {"width": 6}, "series 1 has 5 steps, less than a window of 6"),
        (None, {"width": 0}, "width must be a whole number of at least 1"),
        (None, {"width": 2, "step": 0}, "step must be a whole number of at least 1"),
        (["a"], {"width": 2}, "y has 1 entries for 2 series"),
        ([np.zeros(9), np.zeros(6)], {"width": 2}, r"y\[1\] has 6 targets, but series 1 has 5 steps"),
    ],
)
def test_windows_that_do_not_fit_are_an_error(y, options, message):
    with pytest.raises(ValueError, match=message):
        cut_windows([np.zeros((9, 2)), np.zeros((5, 2))], y, **options)


# PadOrTruncate --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[1, 2, 3], [4, 0, 0]]),
        ({"length": 2}, [[1, 2], [4, 0]]),
        ({"length": 2, "side": "start"}, [[2, 3], [0, 4]]),
        ({"length": 3, "fill": -1}, [[1, 2, 3], [4, -1, -1]]),
        ({"length": 4, "fill": "edge"}, [[1, 2, 3, 3], [4, 4, 4, 4]]),
        ({"length": 4, "fill": "edge", "side": "start"}, [[1, 1, 2, 3], [4, 4, 4, 4]]),
    ],
)
def test_sequences_are_filled_or_cut_to_one_length(options, expected):
    out = PadOrTruncate(**options).fit_transform([np.array([1.0, 2.0, 3.0]), np.array([4.0])])
    assert out[..., 0].tolist() == expected


def test_the_longest_sequence_of_fit_is_the_length_of_all_later_ones(ragged):
    tool = PadOrTruncate().fit(ragged)
    assert tool.length_ == max(LENGTHS)
    assert tool.transform([np.ones((50, 3)), np.ones((2, 3))]).shape == (2, max(LENGTHS), 3)


def test_flattened_sequences_are_rows_of_a_table(ragged):
    tool = PadOrTruncate(2, flatten=True).fit(ragged)
    out = tool.transform(ragged)
    assert out.shape == (3, 6)
    np.testing.assert_array_equal(out[0], ragged[0][:2].ravel())
    names = tool.get_feature_names_out(["a", "b", "c"])
    assert names.tolist() == ["a_t0", "b_t0", "c_t0", "a_t1", "b_t1", "c_t1"]


@each(TOOLS)
@pytest.mark.parametrize("table", TABLES)
def test_sequences_are_tables_if_users_ask_for_them(tool, ragged, table):
    library = pytest.importorskip(table)
    arrays = clone(tool).fit_transform(ragged)
    asked = clone(clone(tool).set_output(transform=table)).fit(ragged)  # a clone remembers it
    with config_context(transform_output=table):
        for made in (asked.transform(ragged), clone(tool).fit_transform(ragged)):
            assert all(isinstance(each, library.DataFrame) for each in made)
            assert_same([each.to_numpy() for each in made], list(arrays))
            assert list(made[0].columns) == asked.get_feature_names_out().tolist()
    assert type(asked.set_output(transform="default").transform(ragged)) is type(arrays)


def test_tables_go_through_a_pipeline_with_their_names_and_index(ragged):
    days = pd.date_range("2026-01-01", periods=len(ragged[0]))
    frames = [pd.DataFrame(ragged[0], columns=["a", "b", "c"], index=days), *framed(ragged)[1:]]
    pipeline = make_pipeline(SequenceScaler(), PerFrame(PCA(2)), SlidingWindow(2)).set_output(transform="pandas")
    first, *_ = pipeline.fit_transform(frames)
    assert first.columns.tolist() == ["pca0_+0", "pca1_+0", "pca0_+1", "pca1_+1"]
    assert first.index.equals(days)


def test_recordings_are_tables_if_users_ask_for_them(rng):
    waves = [rng.normal(size=n) for n in (2000, 3000)]
    features = AudioFeatures(8000, n_mels=5)
    tables = clone(features).set_output(transform="pandas").fit_transform(waves)
    assert tables[0].columns.tolist() == features.get_feature_names_out().tolist()
    assert_same([table.to_numpy() for table in tables], features.transform(waves))


# SequenceUnion --------------------------------------------------------------------------------------------------------


def union(*tools):
    return SequenceUnion([(f"{k}", tool) for k, tool in enumerate(tools)])


@pytest.mark.parametrize("as_array", [False, True])
def test_a_union_puts_the_features_of_each_frame_side_by_side(ragged, rng, as_array):
    X = rng.normal(size=(4, 6, 3)) if as_array else ragged
    made = union(SequenceScaler(), PerFrame(PCA(2)), "passthrough", "drop").fit_transform(X)
    scaled, pca = SequenceScaler().fit_transform(X), PerFrame(PCA(2)).fit_transform(X)
    assert isinstance(made, np.ndarray) is as_array
    assert_same(made, [np.hstack(parts) for parts in zip(scaled, pca, X, strict=True)])


def test_a_union_names_its_features(ragged):
    fitted = SequenceUnion([("raw", SlidingWindow(1)), ("z", SequenceScaler())]).fit(framed(ragged))
    names = ["raw__a_+0", "raw__b_+0", "raw__c_+0", "z__a", "z__b", "z__c"]
    assert fitted.get_feature_names_out().tolist() == names
    table = fitted.set_output(transform="pandas").transform(framed(ragged))[1]
    assert table.columns.tolist() == names


def test_a_union_is_a_part_of_pipelines_and_searches(ragged):
    model = make_pipeline(union(SequenceScaler(), PerFrame(PCA(1))), RNNClassifier(2, max_iter=1))
    search = GridSearchCV(model, {"sequenceunion__1__transformer__n_components": [1, 2]}, cv=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(ragged * 4, list("abb") * 4)
    assert set(search.predict(ragged)) <= {"a", "b"}


def test_a_union_of_other_lengths_is_an_error(ragged):
    with pytest.raises(
        ValueError, match=r"of '0' and '1' cannot be put side by side: of sequence 0 the first gives \d+"
    ):
        union(SequenceScaler(), SlidingWindow(2, step=2)).fit_transform(ragged)


def test_a_table_is_put_into_a_data_frame_with_the_index_of_its_rows(ragged):
    table = PadOrTruncate(2, flatten=True).set_output(transform="pandas").fit_transform(ragged)
    assert isinstance(table, pd.DataFrame)
    assert table.shape == (len(ragged), 2 * ragged[0].shape[1])
    wide = pd.DataFrame([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], columns=["mon", "tue", "wed"], index=["ann", "bob"])
    table = PadOrTruncate(2, flatten=True).set_output(transform="pandas").fit_transform(wide)
    assert table.to_dict("split") == {"index": ["ann", "bob"], "columns": ["x0_t0", "x0_t1"], "data": [[1, 2], [4, 5]]}


# Lists of data frames -------------------------------------------------------------------------------------------------


def framed(ragged):
    return [pd.DataFrame(sequence, columns=["a", "b", "c"]) for sequence in ragged]


@each(TOOLS[:3])
def test_data_frames_are_as_good_as_arrays(tool, ragged):
    for array, frame in zip(clone(tool).fit_transform(ragged), clone(tool).fit_transform(framed(ragged)), strict=True):
        np.testing.assert_array_equal(frame, array)


def test_names_of_columns_are_known_and_go_out(ragged):
    frames = framed(ragged)
    assert SequenceScaler().fit(frames).feature_names_in_.tolist() == ["a", "b", "c"]
    assert SequenceScaler().fit(frames).get_feature_names_out().tolist() == ["a", "b", "c"]
    assert SlidingWindow(2).fit(frames).get_feature_names_out()[-1] == "c_+1"
    assert PerFrame(StandardScaler()).fit(frames).get_feature_names_out().tolist() == ["a", "b", "c"]
    table = PadOrTruncate(1, flatten=True).set_output(transform="pandas").fit_transform(frames)
    assert table.columns.tolist() == ["a_t0", "b_t0", "c_t0"]


def test_columns_in_another_order_are_an_error(ragged):
    first, *others = framed(ragged)
    with pytest.raises(
        ValueError, match=r"sequence 1 has the columns \['c', 'b', 'a'\], but sequence 0 \['a', 'b', 'c'\]"
    ):
        SequenceScaler().fit([first, *(frame[["c", "b", "a"]] for frame in others)])
    with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit"):
        SequenceScaler().fit([first]).transform([first[["c", "b", "a"]]])


def test_names_are_forgotten_when_fitted_to_what_has_none(ragged):
    scaler = SequenceScaler().fit(framed(ragged)).fit(ragged)
    assert not hasattr(scaler, "feature_names_in_")


def test_names_of_features_pass_through_a_pipeline(ragged):
    pipeline = make_pipeline(SequenceScaler(), PerFrame(PCA(1)), SlidingWindow(2), PadOrTruncate(1, flatten=True))
    names = pipeline.fit(ragged).get_feature_names_out(["a", "b", "c"])
    assert names.tolist() == ["pca0_+0_t0", "pca0_+1_t0"]


def test_small_changes_on_a_large_level_are_standardised_in_float32_too():
    """As scikit-learn does it with the same numbers in float64."""
    rng = np.random.default_rng(0)
    x = [(1e5 + rng.normal(size=(n, 3))).astype(np.float32) for n in (20_000, 10_000)]
    rows = np.concatenate(x).astype(np.float64)
    wanted = StandardScaler().fit(rows)
    for scaler in (SequenceScaler().fit(x), SequenceScaler().partial_fit(x[:1]).partial_fit(x[1:])):
        np.testing.assert_allclose(scaler.mean_, wanted.mean_, rtol=1e-12)
        np.testing.assert_allclose(scaler.var_, wanted.var_, rtol=1e-9)
        scaled = np.concatenate(scaler.transform(x))
        assert scaled.dtype == np.float32
        np.testing.assert_allclose(scaled, wanted.transform(rows), atol=1e-6)


def test_squares_of_large_samples_do_not_overflow():
    assert SequenceScaler().fit([np.float32([[3e4], [-3e4]] * 50_000)]).scale_ == pytest.approx([3e4])
    assert SequenceScaler().fit([np.float32([[2e19], [-2e19]])]).scale_ == pytest.approx([2e19])


def test_frames_are_compared_by_identity_as_sequences_are():
    """As arrays have no truth value."""
    assert Frames.__eq__ is Sequences.__eq__ is object.__eq__
