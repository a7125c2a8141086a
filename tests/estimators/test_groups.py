"""Early stopping sets whole groups aside: what a network is validated on is of no group that it is trained on."""

import numpy as np
import pytest
import sklearn
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from toys import TEXT

from rnnbp import MLPClassifier, MLPRegressor, RNNClassifier, RNNRegressor, RNNTagger
from rnnbp.estimators import base
from rnnbp.preprocessing import SequenceScaler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

GROUPS = np.arange(40) // 4
NAMES = [f"speaker {group}" for group in GROUPS]
LABELS = np.arange(40) % 2
RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(1, 5, size=40)
# the first feature tells a sample's group
SEQUENCES = [np.column_stack([np.full(n, g), RNG.normal(size=n)]) for g, n in zip(GROUPS, LENGTHS, strict=True)]
TABLE = np.column_stack([GROUPS, RNG.normal(size=40)])
BRIEF = {"hidden_layer_sizes": 3, "early_stopping": True, "max_iter": 1, "random_state": 0}
RECURRENT = BRIEF | {"gradient": TEXT}

ESTIMATORS = {
    "MLPClassifier": (MLPClassifier(**BRIEF), TABLE, LABELS),
    "MLPRegressor": (MLPRegressor(**BRIEF), TABLE, TABLE[:, 1]),
    "RNNClassifier": (RNNClassifier(**RECURRENT), SEQUENCES, LABELS),
    "RNNRegressor": (RNNRegressor(**RECURRENT), SEQUENCES, TABLE[:, 1]),
    "RNNRegressor of steps": (RNNRegressor(**RECURRENT), SEQUENCES, [x[:, 1] for x in SEQUENCES]),
    "RNNTagger": (RNNTagger(**RECURRENT), SEQUENCES, [x[:, 1] > 0 for x in SEQUENCES]),
}


def groups_of(x):
    return {float(sample[0, 0] if np.ndim(sample) == 2 else sample[0]) for sample in x}


@pytest.fixture
def splits(monkeypatch):
    """Return a list that is filled with the groups of the training and of the validation data of each fit."""
    seen, train = [], base.fit

    def watched(net, x, *args, validation_data, **options):
        seen.append((groups_of(x), None if validation_data is None else groups_of(validation_data[0])))
        return train(net, x, *args, validation_data=validation_data, **options)

    monkeypatch.setattr(base, "fit", watched)
    return seen


@pytest.mark.parametrize(("estimator", "X", "y"), ESTIMATORS.values(), ids=ESTIMATORS)
@pytest.mark.parametrize("groups", [GROUPS, NAMES], ids=["numbers", "names"])
def test_no_group_is_on_both_sides(estimator, X, y, groups, splits):
    estimator.fit(X, y, groups=groups)
    ((trained, validated),) = splits
    assert trained | validated == set(range(10))
    assert not trained & validated
    assert len(validated) == 1  # a tenth of ten groups


def test_without_groups_they_would_be_torn_apart(splits):
    RNNClassifier(**RECURRENT).fit(SEQUENCES, LABELS)
    ((trained, validated),) = splits
    assert trained & validated


def test_another_seed_sets_another_group_aside(splits):
    for seed in range(4):
        RNNClassifier(**RECURRENT | {"random_state": seed}).fit(SEQUENCES, LABELS, groups=GROUPS)
    assert len({tuple(validated) for _, validated in splits}) > 1


def test_a_search_routes_the_groups_of_its_training_folds(splits):
    pipeline = make_pipeline(SequenceScaler(with_mean=False, with_std=False), RNNClassifier(**RECURRENT))
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(pipeline, {"rnnclassifier__cell": ["gru", "elman"]}, cv=GroupKFold(2))
        search.fit(SEQUENCES, LABELS, groups=GROUPS)
    assert [len(trained | validated) for trained, validated in splits] == [5, 5, 5, 5, 10]
    assert not any(trained & validated for trained, validated in splits)


def test_an_estimator_that_does_not_ask_for_groups_is_not_routed_any(splits):
    classifier = RNNClassifier(**RECURRENT)
    with sklearn.config_context(enable_metadata_routing=True):
        classifier.set_fit_request(groups=False)
        search = GridSearchCV(classifier, {}, cv=GroupKFold(2)).fit(SEQUENCES, LABELS, groups=GROUPS)
    assert search.n_splits_ == 2
    assert all(trained & validated for trained, validated in splits)


def test_given_validation_data_need_no_groups_to_be_set_aside(splits):
    RNNClassifier(**RECURRENT).fit(SEQUENCES, LABELS, groups=np.zeros(40), X_val=SEQUENCES[:4], y_val=LABELS[:4])
    assert splits == [(set(range(10)), {0.0})]


def test_one_group_cannot_be_set_aside():
    with pytest.raises(
        ValueError, match="all samples are of one group, ann, but early stopping sets whole groups aside"
    ):
        RNNClassifier(**RECURRENT).fit(SEQUENCES, LABELS, groups=["ann"] * 40)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (GROUPS[1:], r"groups must be one for each sample, of shape \(40,\), but their shape is \(39,\)"),
        (np.stack([GROUPS, GROUPS], axis=1), r"but their shape is \(40, 2\)"),
        (np.where(GROUPS == 3, np.nan, GROUPS), "Input groups contains NaN"),
    ],
)
@pytest.mark.parametrize("early_stopping", [True, False])
def test_groups_that_do_not_fit_are_an_error(groups, message, early_stopping):
    with pytest.raises(ValueError, match=message):
        RNNClassifier(**RECURRENT | {"early_stopping": early_stopping}).fit(SEQUENCES, LABELS, groups=groups)
