"""Covariates of forecasts: what they tell, what they must not, and what is said of those that cannot be used."""

import re

import numpy as np
import pandas
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline

import rnnbp
from rnnbp import ModelFileError, Network, RNNForecaster
from rnnbp.gradients import BPTT
from rnnbp.preprocessing import SequenceScaler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

BRIEF = {"hidden_layer_sizes": 6, "window": 12, "gradient": BPTT(compiled=False), "random_state": 0, "max_iter": 2}
NOISE = 0.3
RNG = np.random.default_rng(0)
T, H = 60, 4
X = RNG.normal(size=T)
PAST, FUTURE = RNG.normal(5, 3, size=(T + 10, 2)), RNG.normal(-2, 0.1, size=(T + 10, 1))
BOTH = {"past_covariates": PAST, "future_covariates": FUTURE}


@pytest.fixture(scope="module")
def fitted():
    return RNNForecaster(**BRIEF).fit(X, **BOTH)


# -- what they tell ----------------------------------------------------------------------------------------------------


def driven(lag, n=1200):
    """Return y(t) = 0.5 y(t-1) + 2 c(t - lag) + noise, and c."""
    rng = np.random.default_rng(0)
    c, noise, y = rng.normal(size=n), rng.normal(scale=NOISE, size=n), np.zeros(n)
    for t in range(1, n):
        y[t] = 0.5 * y[t - 1] + 2 * c[t - lag] + noise[t]
    return y, c


@pytest.fixture(scope="module", params=["future_covariates", "past_covariates"])
def tried(request):
    """Return the name of covariates; and errors, and shares within 80 and 95 %, with them and without them."""
    y, c = driven(lag=int(request.param == "past_covariates"))
    origins = range(800, 1190, 5)
    actual = np.array([y[t : t + 6] for t in origins])
    found = []
    for known in ({request.param: c[:800]}, {}):
        model = RNNForecaster(8, window=20, random_state=0, max_iter=60).fit(y[:800], **known)
        given = [y[:t] for t in origins], 6
        beside = {name: [c] * len(origins) for name in known}
        error = model.predict(*given, **beside) - actual
        ends = [model.predict_interval(*given, coverage=q, **beside) for q in (0.8, 0.95)]
        covered = [((lower <= actual) & (actual <= upper)).mean(axis=0) for lower, upper in ends]
        found.append((np.sqrt((error**2).mean(axis=0)), covered))
    return request.param, *found


def test_errors_are_near_the_noise_with_what_drives_the_series_and_large_without(tried):
    """No forecast can be better than the noise, summed over the steps that the series remembers it."""
    name, (error, _), (without, _) = tried
    best = NOISE * np.sqrt(np.cumsum(0.25 ** np.arange(6)))
    n_known = 6 if name == "future_covariates" else 1
    assert (error[:n_known] < 1.6 * best[:n_known]).all()
    assert (without[:n_known] > 3 * error[:n_known]).all()


def test_a_covariate_that_is_forecast_too_is_no_worse_than_none(tried):
    _, (error, _), (without, _) = tried
    assert (error <= 1.05 * without).all()


def test_intervals_cover_what_they_say(tried):
    """Of 78 origins a share has a standard error of 4.5 % at 80 %, and 2.5 % at 95 %; three are allowed."""
    _, (_, covered), _ = tried
    for q, share in zip((0.8, 0.95), covered, strict=True):
        assert_allclose(share[[0, 5]], q, atol=3 * np.sqrt(q * (1 - q) / 78))


# -- the equations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("difference", [False, True])
def test_the_network_sees_past_covariates_of_a_step_and_future_ones_of_the_next(difference):
    """Forecasts of three steps, by hand: past covariates go on with their own forecasts, as values."""
    model = RNNForecaster(**BRIEF | {"difference": difference, "window": 100, "lags": None}).fit(X, **BOTH)
    center, spread = X.mean(), (np.diff(X) if difference else X).std()
    past, future = ((rows - rows[:T].mean(axis=0)) / rows[:T].std(axis=0) for rows in (PAST, FUTURE))
    z = np.column_stack([(X - center) / spread, past[:T]])
    for _ in range(3):
        own = np.diff(z[:, 0], prepend=0) if difference else z[:, 0]
        seen = np.column_stack([own, z[:, 1:], future[1 : len(z) + 1]])
        change = model.network_.forward([seen[int(difference) :]])[-1, 0]
        z = np.vstack([z, z[-1] + change])
    assert model.differenced_ == difference
    assert_allclose(model.predict(3), z[T:, 0] * spread + center, rtol=1e-9)


def test_the_units_of_covariates_do_not_matter(fitted):
    other = RNNForecaster(**BRIEF).fit(X, past_covariates=1000 * PAST - 7, future_covariates=FUTURE / 1000)
    assert_allclose(other.predict(H), fitted.predict(H), rtol=1e-6)


def test_a_covariate_that_never_changes_can_be_given():
    model = RNNForecaster(**BRIEF).fit(X, future_covariates=np.ones(T + H))
    assert np.isfinite(model.predict(H)).all()


def test_a_covariate_that_never_changed_is_seen_in_its_own_unit_where_it_changes_later():
    model = RNNForecaster(**BRIEF | {"difference": False, "window": 100, "lags": None})
    model.fit(X, future_covariates=np.full(T + 1, 7.0))
    z = (X - X.mean()) / X.std()
    change = model.network_.forward([np.column_stack([z, np.full(T, 0.5)])])[-1, 0, 0]
    later = model.predict(X, 1, future_covariates=np.full(T + 1, 7.5))
    assert_allclose(later, (z[-1:] + change) * X.std() + X.mean(), rtol=1e-9)


def test_bounds_are_not_those_of_past_covariates_on_their_scale():
    free, bounded = (RNNForecaster(**BRIEF, **bounds).fit(X / 100, **BOTH)
                     for bounds in ({}, {"lower": -0.05, "upper": 0.05}))  # fmt: skip
    assert_allclose(bounded.predict(H), free.predict(H), rtol=1e-9)


def test_bounds_are_those_of_the_series(fitted):
    bounded = RNNForecaster(lower=X.min() - 1, upper=X.max() + 1, **BRIEF).fit(X, **BOTH)
    assert PAST.mean() > X.max() + 1
    assert_allclose(bounded.predict(H), fitted.predict(H), rtol=1e-9)


# -- what they must not tell -------------------------------------------------------------------------------------------


def forecasts(model, past, future):
    given = {"past_covariates": past, "future_covariates": future}
    paths = model.sample_paths(X, H, n_paths=3, **given)
    return np.vstack([model.predict(X, H, **given), *model.predict_interval(X, H, **given), paths])


@pytest.mark.parametrize("later", [1e6, np.nan])
def test_nothing_that_is_not_known_changes_a_forecast(fitted, later):
    past, future = PAST.copy(), FUTURE.copy()
    past[T:], future[T + H :] = later, later
    expected = forecasts(fitted, PAST, FUTURE)
    assert_array_equal(forecasts(fitted, past, future), expected)
    assert_array_equal(forecasts(fitted, PAST[:T], FUTURE[: T + H]), expected)
    past[T - 1] = 0
    future[T + H - 1] = 0
    assert (forecasts(fitted, past, FUTURE)[0] != expected[0]).all()
    assert (forecasts(fitted, PAST, future) != expected)[0].tolist() == [False, False, False, True]


def test_nothing_after_the_end_changes_what_is_learnt(fitted):
    past, future = PAST.copy(), FUTURE.copy()
    past[T:], future[T:] = np.nan, 1e6
    other = RNNForecaster(**BRIEF).fit(X, past_covariates=past, future_covariates=future)
    assert_array_equal(other.network_.theta, fitted.network_.theta)
    assert_array_equal(other.residuals_, fitted.residuals_)


def test_errors_that_intervals_are_made_of_are_of_forecasts_that_knew_no_later_past_covariates(fitted):
    (course,) = fitted._courses([X[:, None]], [None], BOTH, 0, single=True)
    pasts, values = fitted._tried([course], [[40]], H)
    forecast = fitted._forecast(pasts, H)
    course.x[40:, 1:] = 1e6
    pasts, _ = fitted._tried([course], [[40]], H)
    assert_array_equal(fitted._forecast(pasts, H), forecast)
    assert_array_equal(values[0, :, 0], X[40 : 40 + H])


# -- their forms -------------------------------------------------------------------------------------------------------


def test_forecasts_are_the_same_however_covariates_come(fitted):
    expected = fitted.predict(H)
    assert expected.shape == (H,)
    assert_array_equal(fitted.predict(H, future_covariates=FUTURE), expected)
    assert_array_equal(fitted.predict(X, H, **BOTH), expected)
    tables = {name: pandas.DataFrame(rows, columns=[*"ab"][: rows.shape[1]]) for name, rows in BOTH.items()}
    assert_array_equal(fitted.predict(X, H, **tables), expected)
    column = {"past_covariates": PAST, "future_covariates": pandas.Series(FUTURE[:, 0])}
    assert_array_equal(fitted.predict(X, H, **column), expected)
    assert_array_equal(fitted.predict([X], H, **{name: [rows] for name, rows in BOTH.items()}), [expected])


def test_several_series_have_covariates_each(fitted):
    series = [X, X[:40]]
    both = {name: [rows, rows[10:]] for name, rows in BOTH.items()}
    model = RNNForecaster(**BRIEF).fit(series, **both)
    assert model.predict(H).shape == (2, H)
    assert_allclose(model.predict(H), model.predict(series, H, **both), rtol=1e-9)
    alone = model.predict([X[:40]], H, **{name: [rows[10:]] for name, rows in BOTH.items()})
    assert_allclose(alone[0], model.predict(H)[1], rtol=1e-9)


def test_series_of_several_variables_have_covariates():
    model = RNNForecaster(**BRIEF).fit([np.column_stack([X, X**2])], **{name: [rows] for name, rows in BOTH.items()})
    assert model.predict(H).shape == (1, H, 2)
    assert model.residuals_.shape[-1] == 2


def test_an_array_of_series_has_an_array_of_covariates():
    model = RNNForecaster(**BRIEF).fit(np.stack([X, -X]), future_covariates=np.stack([FUTURE, FUTURE[::-1]]))
    assert model.predict(H).shape == (2, H)


def test_float32_stays(fitted):
    model = RNNForecaster(**BRIEF).fit(X.astype(np.float32), **BOTH)
    assert model.network_.theta.dtype == model.predict(H).dtype == np.float32
    assert_allclose(model.predict(H), fitted.predict(H), rtol=1e-3)


def test_score_takes_them(fitted):
    assert np.isfinite(fitted.score(X, **BOTH))
    assert np.isfinite(fitted.score(X, past_covariates=PAST[:T], future_covariates=FUTURE[:T]))


def test_partial_fit_keeps_their_scale():
    model = RNNForecaster(**BRIEF).partial_fit(X, future_covariates=FUTURE)
    theta, expected = model.network_.theta.copy(), model.predict(X, H, future_covariates=FUTURE)
    model.partial_fit(X, future_covariates=2 * FUTURE + 10)
    assert len(model.loss_curve_) == 2
    model.network_.theta[...] = theta
    assert_array_equal(model.predict(X, H, future_covariates=FUTURE), expected)


def test_early_stopping_sets_them_aside_with_the_series():
    y, c = driven(0, 300)
    model = RNNForecaster(8, window=20, early_stopping=True, random_state=0, max_iter=40)
    assert model.fit(y, future_covariates=c).best_validation_score_ > 0.85
    assert model.fit(y).best_validation_score_ < 0.6


def test_early_stopping_goes_by_the_series_and_not_by_what_is_forecast_beside_it():
    """Of the changes of noise no more than half can be known."""
    y, c = driven(1, 300)
    model = RNNForecaster(8, window=20, early_stopping=True, random_state=0, max_iter=60)
    assert model.fit(y, past_covariates=c).best_validation_score_ > 0.85


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"past_covariates": PAST[:50]}, "past_covariates of series 0 have 50 rows, but 60 are needed: one for each"),
        ({"future_covariates": FUTURE[:50]}, "future_covariates of series 0 have 50 rows, but 60 are needed"),
        (
            {"past_covariates": np.where(np.isin(PAST, PAST[7, 1]), np.nan, PAST)},
            "NaN or infinity, first in row 7, column 1",
        ),
        (
            {"future_covariates": np.append(FUTURE[:60], [[np.nan]], axis=0)},
            "first in row 60, column 0: what is not known beyond the end of a series is a past covariate",
        ),
        ({"past_covariates": PAST[None]}, "must be of shape (rows, columns) or (rows,), but their shape is (1, 70, 2)"),
        ({"past_covariates": PAST[:, :0]}, "must be of shape (rows, columns) or (rows,), but their shape is (70, 0)"),
    ],
)
def test_covariates_that_cannot_be_learnt_from_are_named(given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        RNNForecaster(**BRIEF).fit(X, **given)


def test_words_are_no_covariates():
    with pytest.raises(TypeError, match="future_covariates of series 0 must be numbers, but they are of dtype <U6"):
        RNNForecaster(**BRIEF).fit(X, future_covariates=np.array(["monday"] * T))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([PAST], "past_covariates must be a list of one array for each of the 2 series, but 1 were given"),
        ([PAST, PAST[:, :1]], "past_covariates of series 1 have 1 columns, but those of series 0 have 2"),
        (
            [PAST, PAST[:30]],
            "past_covariates of series 1 have 30 rows, but 60 are needed: one for each of its 60 steps$",
        ),
    ],
)
def test_covariates_of_series_that_do_not_fit_together_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        RNNForecaster(**BRIEF).fit([X, X], past_covariates=given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"future_covariates": FUTURE[:62]},
            "have 62 rows, but 64 are needed: one for each of its 60 steps and of the",
        ),
        ({"past_covariates": PAST[:59]}, "past_covariates of series 0 have 59 rows, but 60 are needed"),
        ({"past_covariates": PAST[:, :1]}, "past_covariates of series 0 have 1 columns, but fit was given 2"),
        ({"future_covariates": np.full((70, 1), np.inf)}, "hold NaN or infinity, first in row 0, column 0"),
        ({"past_covariates": None}, "fit was given past_covariates, so they are needed here too: one row for each"),
        ({"future_covariates": None}, "one row for each step of the series and of the 4 to come"),
    ],
)
def test_covariates_that_nothing_can_be_forecast_from_are_named(fitted, change, message):
    for method in (fitted.predict, fitted.predict_interval, fitted.sample_paths):
        with pytest.raises(ValueError, match=message):
            method(X, H, **BOTH | change)


@pytest.mark.parametrize("name", BOTH)
def test_covariates_that_fit_had_not_are_refused(name):
    model = RNNForecaster(**BRIEF).fit(X)
    message = f"{name} were given, but fit had none: give them to fit too, or leave them out here"
    with pytest.raises(ValueError, match=message):
        model.predict(X, H, **{name: BOTH[name]})
    with pytest.raises(ValueError, match=message):
        model.score(X, **{name: BOTH[name]})


def test_what_is_known_since_fit_reaches_as_far_as_it_was_given(fitted):
    assert fitted.predict(10).shape == (10,)
    message = (
        "future_covariates of series 0 are needed of 11 steps to come, but fit was given 10: give 71 rows here, one "
        "for each of the 60 steps of fit and of the 11 to come"
    )
    with pytest.raises(ValueError, match=message):
        fitted.predict(11)
    with pytest.raises(ValueError, match="past_covariates were given without X: leave them out, as those of fit are"):
        fitted.predict(H, past_covariates=PAST)


def test_a_fitted_forecaster_is_as_it_was_if_covariates_are_refused(fitted):
    expected = fitted.predict(H)
    with pytest.raises(ValueError, match="rows"):
        fitted.fit(X, past_covariates=PAST[:, :1], future_covariates=FUTURE[:3])
    assert_array_equal(fitted.predict(H), expected)


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [BOTH, *({name: rows} for name, rows in BOTH.items())], ids=["both", *BOTH])
def test_forecasts_are_the_same_after_reading(given, tmp_path):
    model = RNNForecaster(**BRIEF).fit(X, **given)
    model.save(tmp_path / "model")
    again = rnnbp.load(tmp_path / "model")
    assert_array_equal(again.predict_interval(H), model.predict_interval(H))
    assert_array_equal(again.predict(X[:30], H, **given), model.predict(X[:30], H, **given))
    later = {name: rows for name, rows in given.items() if name == "future_covariates"}
    assert_array_equal(again.predict(H, **later), model.predict(H))


def test_a_file_of_before_covariates_forecasts_the_same(tmp_path):
    model = RNNForecaster(**BRIEF).fit(X)
    model.save(tmp_path / "model")
    description = Network.load(tmp_path / "model").metadata["estimator"]
    for name in ("_covariates", "_known", "_steps", "_dates", "_name"):
        del description["fitted"][name]
    model.network_.save(tmp_path / "model", metadata={"estimator": description})
    assert_array_equal(RNNForecaster.load(tmp_path / "model").predict(H), model.predict(H))


def test_a_pipeline_is_the_same_after_reading(tmp_path):
    pipeline = make_pipeline(SequenceScaler(), RNNForecaster(**BRIEF))
    pipeline.fit([X], **{f"rnnforecaster__{name}": [rows] for name, rows in BOTH.items()})
    both = {name: [rows] for name, rows in BOTH.items()}
    rnnbp.save(pipeline, tmp_path / "model")
    assert_array_equal(rnnbp.load(tmp_path / "model").predict([X], h=H, **both), pipeline.predict([X], h=H, **both))


@pytest.fixture
def forge(fitted, tmp_path):
    """Return a function that writes a forecaster to a file with another description, and the right hash."""

    def write(change):
        fitted.save(tmp_path / "model")
        description = Network.load(tmp_path / "model").metadata["estimator"]
        change(description["fitted"])
        fitted.network_.save(tmp_path / "model", metadata={"estimator": description})
        return tmp_path / "model"

    return write


def scale_is(k, value):
    """Return what sets the mean (0) or spread (1) of past covariates."""

    def change(found):
        names = [name for name, _ in found["_covariates"]["mapping"]]
        scale = found["_covariates"]["mapping"][names.index("past_covariates")][1]
        scale["tuple"][k]["array"][:] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: found.pop("_covariates"), "it is for 1 features, but the network takes 4"),
        (lambda found: found.update(_covariates=[]), "_covariates cannot be"),
        (lambda found: found.update(_covariates={"mapping": [["price", 1]]}), "_covariates cannot be"),
        (scale_is(1, [1.0, 0.0]), "_covariates cannot be"),
        (scale_is(0, [{"float": "nan"}, 0.0]), "_covariates cannot be"),
        (lambda found: found["_known"].pop(), "covariates are of another number of series"),
        (lambda found: found["_steps"].append(3), "covariates are of another number of series"),
        (lambda found: found.update(_known=[found["_pasts"][0]]), "future covariates are of another number of columns"),
        (lambda found: found.update(_known="x"), "_known cannot be 'x'"),
        (lambda found: found.update(_steps=[2.5]), "_steps cannot be"),
        (lambda found: found.update(_steps=[2]), "a series cannot be shorter than its end"),
    ],
)
def test_what_makes_no_forecaster_is_refused(forge, change, message):
    path = forge(change)
    with pytest.raises(ModelFileError, match=message):
        RNNForecaster.load(path)
