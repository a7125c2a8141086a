"""Scores and predictions of targets for each step: those that scikit-learn gives for all steps in one row."""

import numpy as np
import pytest
from sklearn import model_selection as theirs
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import f1_score, log_loss, make_scorer, r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit, StratifiedKFold
from sklearn.pipeline import make_pipeline

from rnnbp import RNNClassifier, RNNRegressor, RNNTagger
from rnnbp.model_selection import cross_val_predict, step_scorer
from rnnbp.preprocessing import SequenceScaler

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
FAST = {"max_iter": 3, "random_state": 0}


@pytest.fixture(scope="module")
def sequences():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(length, 2)) for length in rng.integers(3, 9, size=18)]


@pytest.fixture(scope="module")
def labels(sequences):
    return [np.array(["no", "so", "yes"])[np.digitize(each[:, 0], [-0.5, 0.5])] for each in sequences]


@pytest.fixture(scope="module")
def tagger(sequences, labels):
    return RNNTagger(4, **FAST).fit(sequences, labels)


def test_scores_are_those_of_all_steps_in_one_row(tagger, sequences, labels):
    true, predicted = np.concatenate(labels), np.concatenate(tagger.predict(sequences))
    p = np.concatenate(tagger.predict_proba(sequences))
    expected = {
        "f1_macro": f1_score(true, predicted, average="macro"),
        "neg_log_loss": -log_loss(true, p),
        "roc_auc_ovr": roc_auc_score(true, p, multi_class="ovr"),
        "accuracy": tagger.score(sequences, labels),
    }
    for name, value in expected.items():
        assert step_scorer(name)(tagger, sequences, labels) == pytest.approx(value, abs=1e-6)
    assert len(set(expected.values())) == 4


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_values_for_each_step_are_scored_too(sequences):
    values = [np.cumsum(each, axis=0) for each in sequences]
    fitted = RNNRegressor(4, **FAST).fit(sequences, values)
    expected = r2_score(np.concatenate(values), np.concatenate(fitted.predict(sequences)))
    assert step_scorer("r2")(fitted, sequences, values) == pytest.approx(expected)


def test_arrays_and_weights_are_taken(tagger, sequences, labels):
    array, of_array = np.stack([each[:3] for each in sequences]), np.stack([each[:3] for each in labels])
    weight = np.arange(1.0, 19.0)
    true, predicted = of_array.ravel(), tagger.predict(array).ravel()
    expected = f1_score(true, predicted, average="macro", sample_weight=np.repeat(weight, 3))
    score = step_scorer("f1_macro")
    assert score(tagger, array, of_array, sample_weight=weight) == pytest.approx(expected)
    assert score(tagger, array, of_array, sample_weight=np.repeat(weight[:, None], 3, axis=1)) == pytest.approx(
        expected
    )
    assert score(tagger, array, of_array) != pytest.approx(expected)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_searches_choose_by_it(sequences, labels, n_jobs):
    model = make_pipeline(SequenceScaler(), RNNTagger(4, **FAST))
    grid = {"rnntagger__cell": ["elman", "lstm"]}
    search = GridSearchCV(model, grid, scoring=step_scorer("f1_macro"), cv=2, n_jobs=n_jobs).fit(sequences, labels)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    train, test = next(KFold(2).split(sequences))
    first = model.set_params(rnntagger__cell="elman").fit(*([v[i] for i in train] for v in (sequences, labels)))
    true, predicted = np.concatenate([labels[i] for i in test]), first.predict([sequences[i] for i in test])
    expected = f1_score(true, np.concatenate(predicted), average="macro")
    assert search.cv_results_["split0_test_score"][0] == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_scorer_may_be_told_which_label_is_the_positive_one(sequences, labels):
    named = [np.where(each == labels[0][0], "fall", "walk") for each in labels]
    fitted = RNNTagger(4, **FAST).fit(sequences, named)
    true, predicted = np.concatenate(named), np.concatenate(fitted.predict(sequences))
    expected = f1_score(true, predicted, pos_label="fall")
    assert expected != pytest.approx(f1_score(true, predicted, pos_label="walk"))
    assert step_scorer(make_scorer(f1_score, pos_label="fall"))(fitted, sequences, named) == pytest.approx(expected)


def test_a_metric_is_no_scorer():
    with pytest.raises(TypeError, match="scoring must be a function of estimator and X and y, but <function f1_score"):
        step_scorer(f1_score)


def test_what_is_not_for_each_step_is_an_error(tagger, sequences, labels):
    with pytest.raises(ValueError, match="y must have a target for each step, but it has one a sequence"):
        step_scorer("f1_macro")(tagger, sequences, ["no"] * 18)
    alone = RNNClassifier(2, **FAST).fit(sequences, ["no", "yes"] * 9)
    with pytest.raises(ValueError, match=r"of the first sequences there are \[0, 0, 0, 0, 0\] for \[\d"):
        step_scorer("f1_macro")(alone, sequences, labels)
    shorter = [each[:-1] for each in labels]
    with pytest.raises(ValueError, match="predictions must be one a step, as the targets are"):
        step_scorer("f1_macro")(tagger, sequences, shorter)
    with pytest.raises(ValueError, match="'f1_macaroni'"):
        step_scorer("f1_macaroni")


# -- cross_val_predict -------------------------------------------------------------------------------------------------


def test_each_ragged_sequence_is_predicted_by_what_has_not_seen_it(sequences, labels):
    cv = KFold(3, shuffle=True, random_state=1)
    found = cross_val_predict(RNNTagger(4, **FAST), sequences, labels, cv=cv)
    for train, test in cv.split(sequences):
        fitted = RNNTagger(4, **FAST).fit([sequences[i] for i in train], [labels[i] for i in train])
        for i, expected in zip(test, fitted.predict([sequences[i] for i in test]), strict=True):
            np.testing.assert_array_equal(found[i], expected)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
@pytest.mark.parametrize("y", [np.array(["a", "b", "c"] * 6), np.repeat(["a", "b", "c"], 6)], ids=["in turn", "sorted"])
def test_of_one_label_a_sequence_it_is_scikit_learns(sequences, y, method):
    options = {"method": method, "n_jobs": 2}
    ours = cross_val_predict(RNNClassifier(4, **FAST), sequences, y, **options)
    expected = theirs.cross_val_predict(RNNClassifier(4, **FAST), sequences, y, **options)
    same = np.testing.assert_array_equal if method == "predict" else np.testing.assert_allclose
    same(ours, expected)
    stratified = cross_val_predict(RNNClassifier(4, **FAST), sequences, list(y), cv=StratifiedKFold(5), **options)
    same(ours, stratified)


def test_arrays_come_out_as_arrays_in_the_order_of_x(sequences, labels):
    array, of_array = np.stack([each[:3] for each in sequences]), np.stack([each[:3] for each in labels])
    found = cross_val_predict(RNNTagger(4, **FAST), array, of_array, cv=3, method="predict_proba")
    fitted = RNNTagger(4, **FAST).fit(array[6:], of_array[6:])
    assert found.shape == (18, 3, 3)
    np.testing.assert_allclose(found[:6], fitted.predict_proba(array[:6]), rtol=1e-5)


def test_groups_go_to_the_splitter_and_params_to_fit(sequences, labels):
    seen = []

    class Watched(RNNTagger):
        def fit(self, X, y, groups=None, **others):
            seen.append((len(X), list(groups), others))
            return super().fit(X, y)

    groups = np.repeat(["ann", "bob", "eve"], 6)
    whole = {"rate": 0.5, "name": "x" * 18, "names": dict.fromkeys(range(18)), "pair": [1, 2]}
    options = {"groups": groups, "cv": GroupKFold(3), "params": {"groups": groups, **whole}}
    cross_val_predict(Watched(2, **FAST), sequences, labels, **options)
    assert sorted(len(set(own)) for _, own, _ in seen) == [2, 2, 2]
    assert all(n == len(own) == 12 and others == whole for n, own, others in seen)


class Median(RegressorMixin, BaseEstimator):
    """Predicts the median of what it was taught, or of the lengths."""

    def fit(self, X, y=None):
        self.median_ = np.median([len(each) for each in X] if y is None else y)
        return self

    def predict(self, X):
        return np.full(len(X), self.median_)


def test_whole_numbers_are_no_classes_for_a_regressor(sequences):
    y = np.arange(18) // 6
    found = cross_val_predict(Median(), sequences, y, cv=3)
    np.testing.assert_array_equal(found, np.repeat([1.5, 1.0, 0.5], 6))


def test_there_may_be_no_targets(sequences):
    found = cross_val_predict(Median(), sequences, cv=2)
    lengths = [len(each) for each in sequences]
    np.testing.assert_array_equal(found, np.repeat([np.median(lengths[9:]), np.median(lengths[:9])], 9))


def test_sequences_have_to_be_there(sequences):
    with pytest.raises(ValueError, match="X must hold some sequences, but it is empty"):
        cross_val_predict(Median(), [])
    with pytest.raises(ValueError, match="Cannot have number of splits n_splits=5 greater than the number of samples"):
        cross_val_predict(Median(), sequences[:1])


@pytest.mark.parametrize("method", ["predict_prob", None])
def test_a_method_that_the_estimator_has_not_is_refused_before_training(sequences, labels, monkeypatch, method):
    monkeypatch.setattr(RNNTagger, "fit", lambda *_: pytest.fail("it was trained"))
    with pytest.raises(
        ValueError, match=r"unknown method of RNNTagger .*: the known ones are 'predict', 'predict_proba'"
    ):
        cross_val_predict(RNNTagger(2), sequences, labels, method=method)


def test_splits_that_are_no_partition_are_an_error(sequences, labels):
    with pytest.raises(ValueError, match="each sequence must be tested exactly once"):
        cross_val_predict(RNNTagger(2), sequences, labels, cv=ShuffleSplit(2, random_state=0))


def test_probabilities_of_other_classes_are_an_error(sequences):
    with pytest.raises(ValueError, match="predict_proba is of other classes from fold to fold"):
        cross_val_predict(
            RNNClassifier(2, **FAST), sequences, np.repeat(list("abc"), 6), cv=KFold(3), method="predict_proba"
        )
