"""Recurrent estimators: the forms of sequences and targets, what is learnt of them, and bad input."""

import pickle

import numpy as np
import pandas
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score

from rnnbp import RNNClassifier, RNNRegressor, RNNTagger, gradients
from rnnbp.estimators.steps import are_whole

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TEXT = gradients.BPTT(compiled=False)  # as NumPy: so small networks are not worth compiling
QUICK = {"hidden_layer_sizes": 8, "gradient": TEXT, "random_state": 0, "learning_rate_init": 0.02, "max_iter": 60}
BRIEF = QUICK | {"max_iter": 2}

RNG = np.random.default_rng(0)
RAGGED = [RNG.normal(size=(length, 2)).astype(np.float32) for length in RNG.integers(1, 7, size=48)]
UP = np.array(["up" if x[:, 0].sum() > 0 else "down" for x in RAGGED])
THIRDS = np.array([np.searchsorted([-0.7, 0.7], x[:, 0].sum()) for x in RAGGED])
SUMS = [np.cumsum(x[:, 0]) for x in RAGGED]
SIGNS = [np.where(total > 0, "above", "below") for total in SUMS]
CUBE = RNG.normal(size=(20, 5, 2)).astype(np.float32)
TABLE = RNG.normal(size=(20, 5))


# -- what is learnt ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("y", [UP, THIRDS], ids=["two classes", "three classes"])
def test_a_classifier_learns_labels_of_ragged_sequences(y):
    fitted = RNNClassifier(**QUICK).fit(RAGGED, y)
    assert fitted.score(RAGGED, y) > 0.9
    for each in (fitted, RNNClassifier(**BRIEF).fit(RAGGED, y)):  # the other is sure of nothing
        assert_array_equal(each.classes_[each.predict_proba(RAGGED).argmax(axis=1)], each.predict(RAGGED))


def test_a_classifier_learns_several_labels_at_once():
    y = np.array([[x[0, 0] > 0, x[-1, 1] > 0] for x in RAGGED]).astype(int)
    fitted = RNNClassifier(**QUICK).fit(RAGGED, y)
    unsure = RNNClassifier(**BRIEF).fit(RAGGED, y)
    assert_array_equal(unsure.predict(RAGGED), unsure.predict_proba(RAGGED) > 0.5)
    assert fitted.predict(RAGGED).shape == (48, 2)
    assert fitted.score(RAGGED, y) > 0.8


@pytest.mark.parametrize(("y", "first"), [(["a", "b"], "a"), ([[0, 1], [1, 0]], [0, 0])], ids=["classes", "labels"])
@pytest.mark.filterwarnings("ignore:each row of y has one 1", "ignore:feature 0 of X", "ignore:Training ended near")
def test_what_is_as_likely_as_not_is_the_first_class_and_no_label(y, first):
    x, settings = np.zeros((20, 3, 1)), BRIEF | {"learning_rate_init": 5e-324}  # so that all outputs stay 0
    fitted = RNNClassifier(**settings, early_stopping=True).fit(x, y * 10, X_val=x[:4], y_val=[first] * 4)
    assert_array_equal(fitted.predict_proba(x), np.full((20, 2), 0.5))
    assert_array_equal(fitted.predict(x), [first] * 20)
    assert fitted.validation_scores_ == [1.0, 1.0]


def test_a_regressor_learns_values_a_sequence():
    y = np.array([total[-1] for total in SUMS])
    fitted = RNNRegressor(**QUICK).fit(RAGGED, y)
    assert fitted.predict(RAGGED).shape == (48,)
    assert fitted.score(RAGGED, y) > 0.9
    assert RNNRegressor(**BRIEF).fit(RAGGED, np.stack([y, -y], axis=1)).predict(RAGGED).shape == (48, 2)


def test_a_regressor_learns_values_a_step():
    fitted = RNNRegressor(**QUICK).fit(RAGGED, SUMS)
    predicted = fitted.predict(RAGGED)
    assert [p.shape for p in predicted] == [y.shape for y in SUMS]
    assert fitted.score(RAGGED, SUMS) == r2_score(np.concatenate(SUMS), np.concatenate(predicted)) > 0.9


def test_a_tagger_learns_labels_a_step():
    fitted = RNNTagger(**QUICK).fit(RAGGED, SIGNS)
    predicted = fitted.predict(RAGGED)
    assert [p.shape for p in predicted] == [y.shape for y in SIGNS]
    assert fitted.score(RAGGED, SIGNS) == accuracy_score(np.concatenate(SIGNS), np.concatenate(predicted)) > 0.9
    assert [p.shape for p in fitted.predict_proba(RAGGED)] == [(len(x), 2) for x in RAGGED]


# -- forms -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "y_array", "y_list"),
    [
        (RNNClassifier, np.arange(20) % 3, (np.arange(20) % 3).tolist()),
        (RNNRegressor, TABLE[:, 0], TABLE[:, 0].tolist()),
        (RNNRegressor, TABLE[:, :, None], [row[:, None] for row in TABLE]),
        (RNNTagger, TABLE > 0, list(TABLE > 0)),
    ],
    ids=["labels", "values", "values a step", "labels a step"],
)
def test_an_array_of_sequences_is_as_good_as_a_list(kind, y_array, y_list):
    from_array, from_list = kind(**BRIEF).fit(CUBE, y_array), kind(**BRIEF).fit(list(CUBE), y_list)
    assert_allclose(from_array.network_.theta, from_list.network_.theta, rtol=1e-6)
    assert from_array.n_features_in_ == from_list.n_features_in_ == 2
    assert isinstance(from_array.predict(CUBE), np.ndarray)
    assert_allclose(from_array.score(CUBE, y_array), from_list.score(list(CUBE), y_list), atol=1e-6)


def test_a_table_is_one_scalar_a_step():
    y = np.arange(20) % 2
    from_table, from_list = (RNNClassifier(**BRIEF).fit(x, y) for x in (TABLE, [row[:, None] for row in TABLE]))
    assert_array_equal(from_table.network_.theta, from_list.network_.theta)
    assert (from_table.n_features_in_, from_list.n_features_in_) == (5, 1)


def test_what_was_fitted_to_a_table_takes_ragged_sequences_of_scalars_too():
    fitted = RNNClassifier(**BRIEF).fit(TABLE, np.arange(20) % 2)
    assert len(fitted.predict([TABLE[0], TABLE[1, :2]])) == 2


def test_the_rows_of_a_table_with_a_label_each_are_sequences_of_one_step_to_a_tagger():
    y = np.arange(20) % 2
    with pytest.warns(UserWarning, match="is read as 20 sequences of one step each"):
        from_table = RNNTagger(**BRIEF).fit(TABLE, y)
    from_list = RNNTagger(**BRIEF).fit(list(TABLE[:, None]), [[label] for label in y])
    assert_allclose(from_table.network_.theta, from_list.network_.theta, rtol=1e-12)
    assert from_table.predict(TABLE).shape == (20,)


def test_a_sequence_is_given_the_same_answer_alone_as_among_others():
    fitted = RNNClassifier(bidirectional=True, pooling="mean", **BRIEF).fit(RAGGED, UP)
    alone = np.vstack([fitted.predict_proba([x]) for x in RAGGED])
    assert_allclose(alone, fitted.predict_proba(RAGGED), rtol=1e-5)


@pytest.mark.parametrize(("given", "kept"), [(np.float32, np.float32), (np.float64, np.float64), (int, np.float64)])
def test_float32_is_kept_and_all_else_is_float64(given, kept):
    assert RNNClassifier(**BRIEF).fit([x.astype(given) for x in RAGGED], UP).network_.dtype == kept


# -- settings ----------------------------------------------------------------------------------------------------------


def test_the_network_is_what_the_settings_say():
    settings = {"hidden_layer_sizes": (4, 3), "cell": "lstm", "bidirectional": True, "pooling": "max", "dropout": 0.1}
    fitted = RNNClassifier(**BRIEF | settings | {"recurrent_dropout": 0.2}).fit(RAGGED, THIRDS)
    names = [type(layer).__name__ for layer in fitted.network_.layers]
    assert names == ["LSTM", "Dropout", "LSTM", "MaxOverTime", "Dropout", "Dense"]
    first, second, last = (fitted.network_.layers[k] for k in (0, 2, 5))
    assert (first.n_hidden, second.n_inputs, second.n_hidden, last.n_inputs, last.n_outputs) == (4, 8, 3, 6, 3)
    assert first.bidirectional
    assert first.recurrent_dropout == 0.2


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_last_step_that_is_pooled_is_that_of_each_direction(bidirectional):
    fitted = RNNClassifier(**BRIEF, bidirectional=bidirectional).fit(RAGGED, UP)
    assert fitted.network_.layers[1].bidirectional is bidirectional


@pytest.mark.parametrize("kind", [RNNClassifier, RNNTagger])
def test_class_weights_make_rare_classes_count(kind):
    y = [np.repeat(label, len(x)) for label, x in zip(THIRDS, RAGGED, strict=True)] if kind is RNNTagger else THIRDS
    weights = {0: 1e-6, 1: 1.0, 2: 1e-6}
    fitted = kind(**QUICK | {"class_weight": weights}).fit(RAGGED, y)
    assert set(np.hstack(fitted.predict(RAGGED))) == {1}


@pytest.mark.parametrize(("kind", "y"), [(RNNClassifier, UP), (RNNRegressor, SUMS), (RNNTagger, SIGNS)])
def test_weights_of_0_leave_sequences_out(kind, y):
    weight = (np.arange(48) < 24).astype(float)
    settings = BRIEF | {"batch_size": 48, "shuffle": False, "clip_norm": None}
    weighted, less = kind(**settings).fit(RAGGED, y, sample_weight=weight), kind(**settings | {"batch_size": 24})
    assert_allclose(weighted.network_.theta, less.fit(RAGGED[:24], y[:24]).network_.theta, rtol=1e-4, atol=1e-6)
    assert_allclose(weighted.score(RAGGED, y, weight), weighted.score(RAGGED[:24], y[:24]), rtol=1e-6)


STEPS = {RNNTagger: SIGNS, RNNRegressor: SUMS}


@pytest.mark.parametrize("kind", STEPS)
def test_steps_of_weight_0_are_left_out(kind):
    """What they are told to be makes no difference, and the score is that of the others."""
    y, rng = STEPS[kind], np.random.default_rng(1)
    weight = [(rng.random(len(each)) < 0.5).astype(float) for each in RAGGED]
    other = [np.where(w > 0, t, t[::-1]) for w, t in zip(weight, y, strict=True)]
    assert any((one != another).any() for one, another in zip(other, y, strict=True))
    fitted, same = (kind(**BRIEF).fit(RAGGED, targets, sample_weight=weight) for targets in (y, other))
    assert_allclose(fitted.network_.theta, same.network_.theta)
    assert_allclose(fitted.score(RAGGED, y, weight), fitted.score(RAGGED, other, weight))
    assert fitted.score(RAGGED, y, weight) != pytest.approx(fitted.score(RAGGED, y))
    assert not np.allclose(fitted.network_.theta, kind(**BRIEF).fit(RAGGED, y).network_.theta)


@pytest.mark.parametrize("kind", STEPS)
def test_weights_of_steps_are_a_list_or_an_array_and_may_be_those_of_sequences(kind):
    X, y = CUBE, CUBE[:, :, 0] > 0 if kind is RNNTagger else CUBE[:, :, :1]
    weight = np.arange(1.0, 21.0)
    of_steps = np.repeat(weight[:, None], 5, axis=1)
    first, *others = (kind(**BRIEF).fit(X, y, each) for each in (weight, of_steps, list(of_steps)))
    for other in others:
        assert_allclose(other.network_.theta, first.network_.theta)
    assert_allclose(first.score(X, y, of_steps), first.score(X, y, weight))
    stopped = kind(**BRIEF, early_stopping=True).fit(X, y, of_steps)
    assert_allclose(stopped.network_.theta, kind(**BRIEF, early_stopping=True).fit(X, y, weight).network_.theta)


@pytest.mark.parametrize(
    ("kind", "y", "weight", "message"),
    [
        (RNNTagger, SIGNS, [np.ones(len(each) + 1) for each in RAGGED], "each step needs a weight: sequence 0 has"),
        (RNNTagger, SIGNS, [np.ones(len(each)) for each in RAGGED[1:]], "Found 48 sequences, but weights for 47"),
        (RNNTagger, SIGNS, [-np.ones(len(each)) for each in RAGGED], "Negative values"),
        (RNNTagger, SIGNS, [np.zeros(len(each)) for each in RAGGED], "zero"),
        (RNNClassifier, UP, [np.ones(len(each)) for each in RAGGED], "one number for each sample of RNNClassifier"),
        (RNNRegressor, THIRDS, [np.ones(len(each)) for each in RAGGED], "only where steps have targets"),
        (
            RNNTagger,
            SIGNS,
            [np.ones((len(each), 2)) for each in RAGGED],
            "one weight, but .* sequence 0 have 2 columns",
        ),
        (
            RNNRegressor,
            SUMS,
            pandas.concat([pandas.Series(np.ones(len(each))) for each in RAGGED], keys=range(48)),
            f"has {sum(map(len, RAGGED))} weights, but there are 48 sequences of {sum(map(len, RAGGED))} steps in all",
        ),
    ],
)
def test_weights_that_are_not_those_of_steps_or_sequences_are_refused(kind, y, weight, message):
    with pytest.raises(ValueError, match=message):
        kind(**BRIEF).fit(RAGGED, y, sample_weight=weight)
    with pytest.raises(ValueError, match=message):
        kind(**BRIEF).fit(RAGGED, y).score(RAGGED, y, sample_weight=weight)


@pytest.mark.parametrize("kind", STEPS)
def test_weights_of_steps_may_be_a_table_and_columns_or_rows_of_pandas(kind):
    X, y = CUBE, CUBE[:, :, 0] > 0 if kind is RNNTagger else CUBE[:, :, :1]
    weight = np.random.default_rng(1).random((20, 5))
    fitted = kind(**BRIEF).fit(X, y, weight)
    for form in (pandas.DataFrame, lambda rows: pandas.DataFrame(rows, columns=list("abcde")).set_axis(list("x" * 20)),
                 lambda rows: [pandas.Series(row, range(7, 12)) for row in rows],
                 lambda rows: [pandas.DataFrame({"weight": row}) for row in rows]):  # fmt: skip
        assert_array_equal(kind(**BRIEF).fit(X, y, form(weight)).network_.theta, fitted.network_.theta)
        assert fitted.score(X, y, form(weight)) == fitted.score(X, y, weight)
    whole, column = weight[:, 0], pandas.DataFrame({"weight": weight[:, 0]})
    assert_array_equal(kind(**BRIEF).fit(X, y, column).network_.theta, kind(**BRIEF).fit(X, y, whole).network_.theta)
    assert fitted.score(X, y, column) == fitted.score(X, y, whole)


def test_what_is_said_to_take_weights_of_all_steps_apart_does():
    weight = pandas.Series(np.arange(1.0, 1 + sum(map(len, RAGGED))))
    apart = np.split(np.asarray(weight), np.cumsum([len(x) for x in RAGGED])[:-1])
    RNNTagger(**BRIEF).fit(RAGGED, SIGNS, apart)
    assert_array_equal(np.concatenate(apart), weight)


def test_labels_of_steps_may_be_a_table():
    labels = np.where(CUBE[:, :, 0] > 0, "above", "below")
    array, table = (RNNTagger(**BRIEF).fit(CUBE, y) for y in (labels, pandas.DataFrame(labels, columns=list("abcde"))))
    assert_array_equal(table.network_.theta, array.network_.theta)


@pytest.mark.parametrize(("kind", "y"), [(RNNClassifier, UP), (RNNRegressor, SUMS), (RNNTagger, SIGNS)])
def test_early_stopping_sets_sequences_aside(kind, y):
    fitted = kind(early_stopping=True, validation_fraction=0.25, **BRIEF).fit(RAGGED, y)
    assert fitted.t_ == 36 * fitted.n_iter_
    assert len(fitted.validation_scores_) == len(fitted.validation_loss_curve_) == 2


@pytest.mark.parametrize(("kind", "y"), [(RNNClassifier, UP), (RNNRegressor, SUMS), (RNNTagger, SIGNS)])
def test_validation_data_can_be_given(kind, y):
    fitted = kind(**BRIEF).fit(RAGGED[:30], y[:30], X_val=RAGGED[30:], y_val=y[30:])
    assert len(fitted.validation_loss_curve_) == 2
    assert fitted.validation_scores_ is None


@pytest.mark.parametrize(
    ("kind", "y", "classes"),
    [
        (RNNClassifier, UP, {"classes": ["down", "up"]}),
        (RNNRegressor, SUMS, {}),
        (RNNTagger, SIGNS, {"classes": ["above", "below"]}),
    ],
)
def test_partial_fit_goes_on_epoch_by_epoch(kind, y, classes):
    fitted = kind(**BRIEF)
    for _ in range(3):
        fitted.partial_fit(RAGGED, y, **classes)
    assert len(fitted.loss_curve_) == 3
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]


# -- a good citizen ----------------------------------------------------------------------------------------------------


def test_ragged_lists_are_cross_validated_and_searched():
    assert cross_val_score(RNNClassifier(**BRIEF), RAGGED, UP, cv=2).shape == (2,)
    search = GridSearchCV(RNNTagger(**BRIEF), {"cell": ["elman", "gru"]}, cv=2).fit(RAGGED, SIGNS)
    assert search.best_params_["cell"] in ("elman", "gru")


@pytest.mark.parametrize(("kind", "y"), [(RNNClassifier, UP), (RNNRegressor, SUMS), (RNNTagger, SIGNS)])
def test_pickles_and_clones(kind, y):
    fitted = kind(**BRIEF).fit(RAGGED, y)
    for copied, original in zip(
        pickle.loads(pickle.dumps(fitted)).predict(RAGGED), fitted.predict(RAGGED), strict=True
    ):
        assert_array_equal(copied, original)
    assert not hasattr(clone(fitted), "network_")
    assert kind.__name__ in fitted._repr_html_()


# -- bad input ---------------------------------------------------------------------------------------------------------

NAN = RAGGED[1].copy()
NAN[0, 1] = np.nan


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([*RAGGED[:2], RAGGED[2][:, :1]], ValueError, r"sequence 2 has frames of shape \(1,\).*sequence 0 has \(2,\)"),
        ([RAGGED[0], NAN, RAGGED[2]], ValueError, "sequence 1 holds NaN or infinity, first at step 0, feature 1"),
        ([RAGGED[0], RAGGED[1][:0], RAGGED[2]], ValueError, "sequence 1 has length 0"),
        ((x for x in RAGGED[:3]), TypeError, "X must be an array, or a list of arrays, but a generator was given"),
        (np.array([*RAGGED[:2], RAGGED[2]], dtype=object), TypeError, r"object array.*pass list\(X\)"),
        (["a.wav", "b.wav", "c.wav"], TypeError, "sequence 0 is 'a.wav', not an array: read files first"),
        (RAGGED[0][0], ValueError, "Reshape your data"),
        ([], ValueError, "the list of sequences is empty"),
        ([np.ones((3, 0))] * 3, ValueError, r"must have at least one feature, but the first is of shape \(3, 0\)"),
    ],
    ids=["features", "nan", "empty sequence", "generator", "object array", "files", "one row", "no sequence", "width"],
)
def test_sequences_that_cannot_be_used_are_named(x, error, message):
    with pytest.raises(error, match=message):
        RNNClassifier(**BRIEF).fit(x, ["up", "down", "up"])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (SIGNS[:-1], "48 sequences, but targets for 47"),
        ([*SIGNS[:3], SIGNS[3][:-1], *SIGNS[4:]], "sequence 3 has [0-9] steps, but its targets have shape"),
        (UP, "one label a sequence, but a tagger needs one a step.*RNNClassifier"),
        ([np.stack([y, y], axis=1) for y in SIGNS], "one label a step, but has 2"),
    ],
)
def test_labels_that_do_not_fit_their_sequences_are_named(y, message):
    with pytest.raises(ValueError, match=message):
        RNNTagger(**BRIEF).fit(RAGGED, y)


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (
            [np.zeros(2), np.zeros(3)],
            ValueError,
            "y must have one target for each sample of RNNClassifier, but its parts differ in length",
        ),
        (np.zeros((2, 3, 1)), ValueError, "dim 3"),
        (1, TypeError, "at least 1 dim|Singleton"),
    ],
)
def test_labels_that_are_not_one_a_sequence_are_refused(y, error, message):
    with pytest.raises(error, match=message):
        RNNClassifier(**BRIEF).fit(RAGGED[:2], y)


@pytest.mark.parametrize("n", [2, 3])
def test_one_label_for_several_steps_is_no_tagger_s(n):
    with pytest.raises(ValueError, match="one label a sequence, but a tagger needs one a step"):
        RNNTagger(**BRIEF).fit([np.ones((n, 1)), np.ones((1, 1))], ["a", "b"])


def test_values_that_do_not_fit_their_sequences_are_named():
    with pytest.raises(ValueError, match=r"sequence 3 has \d steps, but its targets have shape"):
        RNNRegressor(**BRIEF).fit(RAGGED, [*SUMS[:3], SUMS[3][:-1], *SUMS[4:]])


def test_frames_of_other_features_are_refused():
    fitted = RNNClassifier(**BRIEF).fit(RAGGED, UP)
    with pytest.raises(ValueError, match="X has 1 features, but RNNClassifier is expecting 2 features"):
        fitted.predict([x[:, :1] for x in RAGGED])


def test_a_table_of_other_columns_is_told_how_sequences_of_other_lengths_are_given():
    fitted = RNNClassifier(**BRIEF).fit(TABLE, UP[:20])
    longer = np.hstack([TABLE, TABLE[:, :2]])
    message = r"^X has 7 features, but RNNClassifier is expecting 5 features as input\. .* list\(X\[:, :, None\]\)$"
    with pytest.raises(ValueError, match=message):
        fitted.predict(longer)
    assert fitted.predict(list(longer[:, :, None])).shape == (20,)
    with pytest.raises(ValueError, match=r"contains NaN\.$|contains NaN\.\n"):
        fitted.predict(np.full((2, 5), np.nan))


def test_unseen_labels_in_score_count_as_wrong():
    fitted = RNNTagger(**BRIEF).fit(RAGGED, SIGNS)
    assert fitted.score(RAGGED, [np.full(len(x), "elsewhere") for x in RAGGED]) == 0.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cell": "gruu"}, "unknown cell 'gruu'.*Did you mean 'gru'"),
        ({"pooling": "median"}, "unknown pooling 'median'"),
        ({"gradient": "magic"}, "unknown gradient algorithm 'magic'"),
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes is empty"),
        ({"recurrent_dropout": -0.1}, "recurrent_dropout must be a number in"),
        ({"clip_norm": 0.0}, "clip_norm must be a number"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        RNNClassifier(**BRIEF | settings).fit(RAGGED, UP)


@pytest.mark.parametrize("whole", [[3], ["a", "b"], [], np.arange(4), np.ones((4, 1)), [np.float64(1.0)]])
def test_targets_are_whole_if_they_are_one_each(whole):
    assert are_whole(whole)


@pytest.mark.parametrize("steps", [[[3]], [np.arange(3)], np.ones((4, 2)), np.ones((1, 4, 1)), [["a"], ["b", "c"]]])
def test_targets_with_an_axis_of_steps_are_not_whole(steps):
    assert not are_whole(steps)


@pytest.mark.parametrize(("t", "f", "said"), [(2, 7, False), (2, 8, True), (2, 9, True), (1, 40, False)])
def test_an_array_with_far_more_features_than_steps_may_have_its_axes_in_another_order(t, f, said, recwarn):
    RNNClassifier()._read_x(np.zeros((3, t, f)), reset=True)
    assert [f"X of shape (3, {t}, {f}) is read as 3 sequences" in str(each.message) for each in recwarn] == [
        True
    ] * said


def test_steps_that_do_not_count_are_not_counted_for_balanced_classes():
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(6, 2)) for _ in range(12)]
    y = [(each[:, 0] > 0.8).astype(int) for each in x]
    settings = {"class_weight": "balanced", "max_iter": 3, "random_state": 0, "shuffle": False}
    plain = RNNTagger(4, **settings).fit(x, y, sample_weight=[np.ones(6) for _ in x])
    padded = RNNTagger(4, **settings).fit(
        [np.vstack([each, np.zeros((5, 2))]) for each in x],
        [np.append(each, np.zeros(5, int)) for each in y],
        sample_weight=[np.repeat([1.0, 0.0], [6, 5]) for _ in x],
    )
    np.testing.assert_allclose(padded.network_.theta, plain.network_.theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("estimator", [RNNClassifier, RNNRegressor])
def test_validation_data_without_weight_is_refused(estimator):
    x, weight = [np.ones((3, 1))] * 30, np.r_[1.0, np.zeros(29)]
    with pytest.raises(ValueError, match="all that early stopping sets aside has a weight of 0: increase 'validation_"):
        estimator(4, early_stopping=True, random_state=0).fit(x, np.arange(30) % 2, sample_weight=weight)
