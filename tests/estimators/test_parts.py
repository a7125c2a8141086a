"""Descriptions of parts of pipelines, condition by condition: what is taken, and what nobody has written is refused."""

import copy

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, MinMaxScaler, StandardScaler

from rnnbp.estimators import parts, trial
from rnnbp.estimators.parts import described, made, opened

X = np.random.default_rng(0).normal(size=(9, 3))
SCALER = described(StandardScaler().fit(X))
UNION = described(make_union(StandardScaler(), MinMaxScaler()).fit(X))
PIPELINE = described(make_pipeline(StandardScaler(), MinMaxScaler()).fit(X))
COLUMNS = described(ColumnTransformer([("a", StandardScaler(), [0, 2]), ("b", "drop", [1])]).fit(X))


def changed(description, change):
    again = copy.deepcopy(description)
    change(again)
    return again


def fitted(name, value):
    return lambda d: d["fitted"].update({name: value})


def setting(name, value):
    return lambda d: d["settings"].update({name: value})


def step(k, value, name="steps"):
    return lambda d: d["settings"][name].__setitem__(k, value)


def pair(name, part):
    return {"tuple": [name, part]}


STEP = {"part": SCALER}


@pytest.mark.parametrize("description", [SCALER, UNION, PIPELINE, COLUMNS], ids=lambda d: d["transformer"])
def test_a_description_makes_what_was_described(description):
    again = made(description)
    assert described(again) == description


@pytest.mark.parametrize(
    ("description", "change"),
    [
        (SCALER, fitted("_found", 3)), (SCALER, fitted("found_", [1.0])), (SCALER, lambda d: d["settings"].clear()),
        (SCALER, fitted("_sklearn_output_config", {"mapping": [["transform", "default"]]})),
        (SCALER, fitted("_sklearn_output_config", {"mapping": []})),
        (UNION, setting("transformer_weights", {"mapping": [["standardscaler", 0.5], ["minmaxscaler", 2]]})),
        (PIPELINE, step(0, pair("a", "passthrough"))), (PIPELINE, step(1, pair("a", None))),
        (UNION, step(0, pair("a", "drop"), "transformer_list")),
        (UNION, step(0, pair("a", "passthrough"), "transformer_list")),
        (COLUMNS, fitted("feature_names_in_", {"array": ["a", "b", "c"], "dtype": "object"})),
    ],
)  # fmt: skip
def test_what_may_be_otherwise_is_taken(description, change):
    made(changed(description, change))


@pytest.mark.parametrize(
    ("description", "change", "message"),
    [
        (SCALER, lambda d: d.pop("version"), "describes no part"),
        (SCALER, lambda d: d.update(more=1), "describes no part"),
        (SCALER, lambda d: d.update(settings=[]), "must have settings, what was fitted, and a version"),
        (SCALER, lambda d: d.update(fitted=[]), "must have settings, what was fitted, and a version"),
        (SCALER, lambda d: d.update(version="one"), "must have settings, what was fitted, and a version"),
        (SCALER, lambda d: d.update(transformer="KMeans"), "transformer"),
        (SCALER, setting("colour", 1), "a StandardScaler has no setting 'colour'"),
        (SCALER, setting("with_mean", "yes"), "with_mean"),
        (PIPELINE, setting("memory", "/tmp"), "a Pipeline has no setting 'memory'"),
        (UNION, setting("n_jobs", 8), "a FeatureUnion has no setting 'n_jobs'"),
        (SCALER, fitted("mean", 1.0), "nothing of a StandardScaler that is fitted is called 'mean'"),
        (SCALER, fitted("the mean_", 1.0), "nothing of a StandardScaler that is fitted is called 'the mean_'"),
        (SCALER, fitted("__class__", 1.0), "that is fitted is called '__class__'"),
        (SCALER, fitted("__mine", 1.0), "that is fitted is called '__mine'"),
        (SCALER, fitted("_validate_params", 1.0), "that is fitted is called '_validate_params'"),
        (SCALER, fitted("_fit_dtype", 3), "_fit_dtype of a StandardScaler cannot be 3"),
        (
            SCALER,
            fitted("feature_names_in_", {"array": ["a"], "dtype": "object"}),
            "names of a StandardScaler's features",
        ),
        (
            SCALER,
            fitted("_sklearn_output_config", {"mapping": [["transform", "arrow"]]}),
            "the output of a StandardScaler",
        ),
        (UNION, setting("transformer_weights", [1.0]), "the weights of a FeatureUnion cannot be"),
        (UNION, setting("transformer_weights", {"mapping": [[1, 1.0]]}), "the weights of a FeatureUnion cannot be"),
        (
            UNION,
            setting("transformer_weights", {"mapping": [["standardscaler", True]]}),
            "the weights of a FeatureUnion",
        ),
        (
            UNION,
            setting("transformer_weights", {"mapping": [["standardscaler", "1"]]}),
            "the weights of a FeatureUnion",
        ),
        (PIPELINE, setting("steps", []), "there are no parts in a Pipeline"),
        (PIPELINE, step(0, ["a", STEP]), "is no part of a Pipeline with a name"),
        (PIPELINE, step(0, {"tuple": ["a"]}), "is no part of a Pipeline with a name"),
        (PIPELINE, step(0, {"tuple": ["a", STEP, [0]]}), "is no part of a Pipeline with a name"),
        (PIPELINE, step(0, pair(1, STEP)), "is no part of a Pipeline with a name"),
        (PIPELINE, step(0, pair("a__b", STEP)), "is no part of a Pipeline with a name"),
        (PIPELINE, step(0, pair("minmaxscaler", STEP)), "two parts of a Pipeline have one name"),
        (PIPELINE, step(0, pair("a", "drop")), "'drop' is no part of a Pipeline"),
        (PIPELINE, step(0, pair("a", 3)), "3 is no part of a Pipeline"),
        (UNION, step(0, pair("a", None), "transformer_list"), "None is no part of a FeatureUnion"),
        (UNION, step(0, pair("a", "none"), "transformer_list"), "'none' is no part of a FeatureUnion"),
        (COLUMNS, step(0, pair("a", STEP), "transformers"), "is no part of a ColumnTransformer with a name"),
    ],
)
def test_what_describes_no_part_is_refused(description, change, message):
    with pytest.raises(ValueError, match=message):
        made(changed(description, change))


@pytest.mark.parametrize("description", [None, 3, [], {}, {"estimator": 3}, {"estimator": {}, "more": 1}])
def test_what_is_no_description_is_refused(description):
    with pytest.raises(ValueError, match="describes no part"):
        made(description)


def test_an_estimator_needs_a_network():
    with pytest.raises(ValueError, match="there is an estimator where no network is"):
        made({"estimator": {"class": "RNNClassifier"}})


@pytest.mark.parametrize(
    ("version", "is_one"),
    [
        *((text, True) for text in ("1.7.0", "2", "1.8.dev0", "1.7.0rc1", "1.7.0+local", "1" * 49)),
        *((text, False) for text in ("", "v1", "1.", "1..2", "1.7 ", "1" * 50, None, 1.7, ["1"])),
    ],
)
def test_what_a_version_looks_like(version, is_one):
    assert parts._is_version(version) is is_one


# -- the trial ---------------------------------------------------------------------------------------------------------

NAMES = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("chosen", "places"),
    [
        (2, [2]), (-1, [3]), ([0, 2], [0, 2]), ([], []), ("b", [1]), (["d", "a"], [3, 0]), (slice(1, 3), [1, 2]),
        (slice(None), [0, 1, 2, 3]), (slice("b", "c"), [1, 2]), (slice("c", None), [2, 3]), (slice(None, "b"), [0, 1]),
        ([True, False, False, True], [0, 3]), (np.array([1, 3]), [1, 3]),
    ],
)  # fmt: skip
def test_columns_have_places_however_they_are_chosen(chosen, places):
    assert trial._places(chosen, 4, NAMES) == places


def test_columns_of_two_axes_are_none():
    with pytest.raises(ValueError, match="columns cannot be"):
        trial._places([[0], [1]], 4, NAMES)


@pytest.mark.parametrize(
    ("forms", "beside"),
    [
        ([(3, 2), (3, 4)], (3, 6)), ([(3, 2)], (3, 2)), ([], None), ([(3, 2), None], None), ([(3, 2), [(3, 4)]], None),
        ([(3, 2), (3, 4, 1)], None),
    ],
)  # fmt: skip
def test_what_lies_side_by_side_is_as_wide_as_all_of_it(forms, beside):
    assert trial._beside(forms) == beside


class Rows(TransformerMixin, BaseEstimator):
    """Makes so many rows, of 1 for each feature; or for `None` as many as there are."""

    def __init__(self, n_rows=None):
        self.n_rows = n_rows

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.ones((self.n_rows or len(X), X.shape[1]))


@pytest.mark.parametrize("n", [2, 3])
def test_a_part_that_makes_the_same_number_of_rows_of_any_does_not_come_through(n):
    trial.tried(Rows().fit(X))
    with pytest.raises(ValueError, match=f"its Rows does not work: it makes {n} rows of {5 - n}"):
        trial.tried(Rows(n).fit(X))


def test_a_part_of_one_feature_comes_through_and_of_none_does_not():
    one = StandardScaler().fit(X[:, :1])
    trial.tried(one)
    one.n_features_in_ = 0
    with pytest.raises(ValueError, match="a StandardScaler of 0 features cannot be"):
        trial.tried(one)


@pytest.mark.parametrize("before", [None, "passthrough", FunctionTransformer()])
def test_what_does_nothing_hands_on_as_many_features_as_came(before):
    trial.tried(make_pipeline(MaxAbsScaler().fit(X), before, StandardScaler().fit(X)))
    with pytest.raises(ValueError, match="3 features come to a StandardScaler of 2"):
        trial.tried(make_pipeline(MaxAbsScaler().fit(X), before, StandardScaler().fit(X[:, :2])))


def test_a_model_is_taken_apart_in_the_order_in_which_it_is_run():
    inner = TransformedTargetRegressor(
        make_pipeline("passthrough", MinMaxScaler(), LinearRegression()), transformer=MaxAbsScaler()
    )
    model = make_pipeline(StandardScaler(), TransformedTargetRegressor(inner, transformer=StandardScaler()))
    found = opened(model.fit(X, X[:, 0]))
    assert [type(each) for each in found.before] == [StandardScaler, MinMaxScaler]
    assert type(found.end) is LinearRegression
    assert [type(each) for each in found.targets] == [MaxAbsScaler, StandardScaler]
    assert found.first is model[0]
    assert opened(found.end).first is found.end
    assert found.learnt == {"n_features_in_": 3}
    y = found.end.predict(found.before[1].transform(found.before[0].transform(X)))[:, None]
    for scaler in found.targets:
        y = scaler.inverse_transform(y)
    np.testing.assert_allclose(y[:, 0], model.predict(X))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_does_not_come_through(value):
    for out in (np.array([[1.0, value]]), [np.ones((2, 1)), np.array([[value]])]):
        with pytest.raises(ValueError, match="it makes infinity or NaN of ones"):
            trial._form(out)
    assert trial._form(np.ones((3, 2))) == (3, 2)
    assert trial._form([np.ones((3, 2)), np.ones((1, 2), int)]) == [(3, 2), (1, 2)]
