"""The forecaster: closed loops, intervals, and the forms of series."""

from contextlib import nullcontext

import numpy as np
import pandas
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import r2_score

from rnnbp import RNNForecaster, fit
from rnnbp.estimators.forecast_input import expect_enough
from rnnbp.estimators.series import View, drifts
from rnnbp.gradients import BPTT
from rnnbp.training import History

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

T = np.arange(160)
SINE = 10 + np.sin(2 * np.pi * T / 8)
TREND = SINE + 0.2 * T
QUICK = {"hidden_layer_sizes": 8, "window": 12, "gradient": BPTT(compiled=False), "random_state": 0, "max_iter": 60}
BRIEF = QUICK | {"max_iter": 2}


@pytest.mark.parametrize("level", [0.0, 1000.0])
def test_a_sine_goes_on_whatever_its_level(level):
    fitted = RNNForecaster(**QUICK).fit(SINE[:128] + level)
    assert not fitted.differenced_
    assert_allclose(fitted.predict(32), SINE[128:] + level, atol=0.35)


def test_a_trend_goes_on_to_levels_that_were_never_seen():
    fitted = RNNForecaster(**QUICK).fit(TREND[:128])
    assert fitted.differenced_
    assert_allclose(fitted.predict(32), TREND[128:], atol=1.0)


@pytest.mark.parametrize("difference", [False, True])
@pytest.mark.parametrize("scale", [2.0**-6, 2.0**6])
def test_bounds_are_in_the_units_of_the_series(scale, difference):
    """Also where forecasts are fed back: the network forgets its bounds in neither way."""
    first = RNNForecaster(difference=difference, **QUICK).fit(SINE[:128])
    second = RNNForecaster(difference=difference, **QUICK).fit(SINE[:128] * scale)
    past, lower = np.maximum(SINE[:60], 9.8), 9.8
    path = first.set_params(lower=lower).predict(past, 30)
    assert 0 < (path == lower).sum() < 25  # it goes on from there
    assert_array_equal(second.set_params(lower=lower * scale).predict(past * scale, 30), path * scale)


@pytest.mark.parametrize("difference", [False, True])
def test_forecasts_are_fed_back(difference):
    """Two steps ahead is one step ahead of a past that ends with the first forecast, in one pass."""
    fitted = RNNForecaster(**BRIEF | {"difference": difference, "window": 30, "lags": None}).fit(TREND[:20])
    first, second = fitted.predict(2)
    center, spread = TREND[:20].mean(), (np.diff(TREND[:20]) if difference else TREND[:20]).std()
    scaled = (np.append(TREND[:20], first) - center) / spread
    change = fitted.network_.forward([(np.diff(scaled) if difference else scaled)[:, None]])[-1, 0, 0]
    assert_allclose(second, first + change * spread, rtol=1e-9)


@pytest.mark.parametrize(
    ("x", "shape"),
    [
        (SINE, (3,)),
        ([SINE, TREND[:50]], (2, 3)),
        (np.stack([SINE, TREND]), (2, 3)),
        (np.stack([SINE, TREND], axis=1)[None], (1, 3, 2)),
        ([np.stack([SINE, TREND], axis=1), np.stack([TREND, SINE], axis=1)[:40]], (2, 3, 2)),
    ],
    ids=["one", "list", "table", "variables", "list of variables"],
)
def test_forecasts_have_the_form_of_the_series(x, shape):
    fitted = RNNForecaster(**BRIEF).fit(x)
    assert fitted.predict(3).shape == fitted.predict(h=3).shape == fitted.predict(x, 3).shape == shape
    assert_allclose(fitted.predict(x, 3), fitted.predict(3), rtol=1e-9)
    assert fitted.sample_paths(h=3, n_paths=7).shape == (7, *shape)
    lower, upper = fitted.predict_interval(3)
    assert lower.shape == upper.shape == shape


class Column:
    """A column of a library that NumPy can read, and that has a shape but is no array."""

    dtype = "Float64"

    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


@pytest.mark.parametrize(
    "form",
    [
        lambda x: pandas.Series(x, name="level"),
        lambda x: pandas.Series(x, index=pandas.date_range("2020-01-01", periods=len(x))),
        lambda x: pandas.DataFrame({"level": x, "other": 0.0})["level"],
        lambda x: pandas.DataFrame({"level": x}),
        lambda x: pandas.DataFrame({"level": x}, index=pandas.date_range("2020-01-01", periods=len(x))),
        lambda x: x[:, None],
        list,
        Column,
        lambda x: Column(x[:, None]),
    ],
    ids=["series", "dated", "column", "table", "dated table", "array", "list", "another library", "another table"],
)
def test_one_column_is_one_series(form):
    expected = RNNForecaster(**BRIEF).fit(SINE)
    fitted = RNNForecaster(**BRIEF).fit(form(SINE))
    assert_array_equal(fitted.predict(3), expected.predict(3))
    assert_array_equal(fitted.predict(form(SINE[:100]), 3), expected.predict(SINE[:100], 3))
    assert_array_equal(fitted.predict_interval(form(SINE[:100]), 3), expected.predict_interval(SINE[:100], 3))


def test_the_horizon_is_a_setting():
    assert RNNForecaster(horizon=5, **BRIEF).fit(SINE).predict().shape == (5,)


def test_other_series_can_be_gone_on_from():
    fitted = RNNForecaster(**QUICK).fit(SINE[:128])
    assert_allclose(fitted.predict(SINE[:100], 8), SINE[100:108], atol=0.3)


def test_a_forecast_of_one_series_does_not_depend_on_the_others():
    fitted = RNNForecaster(**BRIEF).fit([SINE, TREND[:60], SINE[:7]])
    assert_allclose(fitted.predict([TREND[:60]], 4)[0], fitted.predict(4)[1], rtol=1e-9)


def autoregression(n, seed):
    rng = np.random.default_rng(seed)
    x = np.zeros(n)
    for t in range(1, n):
        x[t] = 0.8 * x[t - 1] + rng.normal()
    return x


def test_intervals_are_as_wide_as_forecasts_are_uncertain():
    """Of an autoregression with unit noise, whose forecasts' true spread is known."""
    fitted = RNNForecaster(4, window=20, random_state=0, max_iter=30).fit(autoregression(1500, 0))
    lower, upper = fitted.predict_interval(12, coverage=0.9)
    spread = np.sqrt(np.cumsum(0.8 ** (2 * np.arange(12))))
    assert_allclose((upper - lower) / (2 * 1.645 * spread), 1.0, atol=0.25)
    assert (upper - lower)[-1] > 1.3 * (upper - lower)[0]


def test_intervals_cover_what_they_say():
    """Over 8 fits and 130 origins each.

    Forecasts overlap, so their errors depend on each other: those of an origin every 12 steps, 0.8^12 = 0.07 apart, do
    not. Of 8 x 11 of them a share has a standard error of 4.3 % at 80 %, and 2.3 % at 95 %; three are allowed.
    """
    inside = {0.8: [], 0.95: []}
    for seed in range(8):
        x = autoregression(442, seed)
        fitted = RNNForecaster(4, window=20, random_state=0, max_iter=30).fit(x[:300])
        origins = range(300, 430)
        actual = np.array([x[t : t + 12] for t in origins])
        for coverage, found in inside.items():
            lower, upper = fitted.predict_interval([x[:t] for t in origins], 12, coverage=coverage)
            found.append((lower <= actual) & (actual <= upper))
    for coverage, found in inside.items():
        covered = np.mean(found, axis=(0, 1))[[0, 4, 11]]
        assert_allclose(covered, coverage, atol=3 * np.sqrt(coverage * (1 - coverage) / (8 * 11)))


def test_the_errors_that_intervals_are_made_of_are_those_of_networks_that_had_not_seen_the_data():
    """Noise: whoever has learnt it by heart has small errors, and whoever has not seen it has at least its spread."""
    x = np.random.default_rng(0).normal(size=90)
    settings = {"window": 12, "early_stopping": False, "learning_rate_init": 0.02, "max_iter": 400, "random_state": 0}
    fitted = RNNForecaster(48, lags=None, **settings).fit(x)
    assert fitted.score(x) > 0.7  # by heart
    assert fitted.residuals_[:, 0].std() > 1


def test_intervals_and_paths_are_in_the_units_of_the_series():
    one, other = (RNNForecaster(**BRIEF).fit(scale * SINE) for scale in (1, 64))
    assert_array_equal(other.predict_interval(5), 64 * np.array(one.predict_interval(5)))
    assert_array_equal(other.sample_paths(h=5), 64 * one.sample_paths(h=5))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_errors_are_in_units_of_the_series_spread(method):
    one, other = (getattr(RNNForecaster(**BRIEF), method)(scale * SINE) for scale in (1, 64))
    assert_array_equal(one.residuals_, other.residuals_)


def test_intervals_do_not_run_away():
    fitted = RNNForecaster(**QUICK).fit(SINE + np.random.default_rng(0).normal(scale=0.3, size=160))
    lower, upper = fitted.predict_interval(1000, coverage=0.95)
    assert (lower > 5).all()
    assert (upper < 15).all()
    assert_allclose((upper - lower)[-1], (upper - lower)[50], rtol=0.2)


def test_what_drifts_spreads_with_the_square_root_of_the_steps():
    x = np.cumsum(np.random.default_rng(0).normal(size=160))
    fitted = RNNForecaster(difference=True, **BRIEF).fit(x)
    assert fitted.residuals_.shape[1] == 12
    width = np.subtract(*fitted.predict_interval(400)[::-1])
    assert_allclose(width[399] / width[99], 2.0)
    paths = fitted.sample_paths(h=400) - fitted.predict(400)
    assert_allclose(paths[:, 399], 2.0 * paths[:, 99])


def test_paths_are_the_forecast_with_errors_that_were_made():
    fitted = RNNForecaster(**BRIEF).fit(SINE)
    errors = (fitted.sample_paths(h=5, n_paths=30) - fitted.predict(5)) / SINE.std()
    for error in errors:
        assert np.isclose(fitted.residuals_[:, :5, 0], error, atol=1e-9).all(axis=1).any()


@pytest.mark.parametrize("difference", [False, True])
def test_nothing_is_beyond_bounds(difference):
    x = np.maximum(np.random.default_rng(0).normal(size=120), -0.5)
    fitted = RNNForecaster(lower=-0.5, upper=3, difference=difference, **BRIEF).fit(x)
    free = RNNForecaster(difference=difference, **BRIEF).fit(x)
    assert free.predict_interval(20, coverage=0.95)[0].min() < -0.5
    found = [fitted.predict(20), *fitted.predict_interval(20, coverage=0.95), fitted.sample_paths(h=20)]
    assert all(((values >= -0.5) & (values <= 3)).all() for values in found)
    assert found[1].min() == -0.5


def test_a_forecast_goes_on_from_a_bound_that_it_has_met():
    """What is fed back is the value that was given out."""
    fitted = RNNForecaster(lower=8.9, upper=10.5, **QUICK).fit(np.minimum(SINE, 10.5))
    path = fitted.predict(16)
    assert_allclose(fitted.predict(np.append(np.minimum(SINE, 10.5), path[:8]), 8), path[8:], atol=0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lower": 9.5}, r"series 1 goes beyond lower=9.5: it is 9.29289 at step 5"),
        ({"upper": 10}, r"series 0 goes beyond upper=10: it is 10.7071 at step 1"),
        ({"lower": 3, "upper": 2}, "lower must be less than upper, but lower=3 and upper=2 were given"),
        ({"lower": 3, "upper": 3}, "lower must be less than upper, but lower=3 and upper=3 were given"),
        ({"lower": "0"}, "lower must be a number in .*, but '0' was given; None is possible too"),
    ],
)
def test_bounds_that_the_series_do_not_keep_are_refused(settings, message):
    first = SINE[:5] if "lower" in settings else SINE
    with pytest.raises(ValueError, match=message):
        RNNForecaster(**BRIEF | settings).fit([first, SINE])


def test_a_wider_coverage_contains_a_narrower_one():
    fitted = RNNForecaster(**BRIEF).fit(SINE)
    (low, high), (lower, higher) = (fitted.predict_interval(5, coverage=c) for c in (0.5, 0.95))
    assert (lower < low).all()
    assert (high < higher).all()
    assert_array_equal(fitted.predict_interval(5, coverage=0.5)[0], low)  # the same random_state


@pytest.mark.parametrize("side", [-1, 1])
def test_a_forecast_is_within_its_intervals_if_all_errors_were_to_one_side(side):
    fitted = RNNForecaster(**BRIEF).fit(TREND)
    fitted.residuals_ = side * (1 + np.abs(fitted.residuals_))
    lower, upper = fitted.predict_interval(24, coverage=0.5)
    assert (lower <= fitted.predict(24)).all()
    assert (fitted.predict(24) <= upper).all()
    assert (lower < upper).all()


def test_early_stopping_sets_the_end_of_each_series_aside():
    fitted = RNNForecaster(early_stopping=True, validation_fraction=0.25, **BRIEF).fit([SINE, SINE[:80]])
    assert len(fitted.validation_scores_) == 2


@pytest.mark.parametrize("difference", [False, True])
def test_what_is_set_aside_is_scored_one_step_ahead_from_the_last_step_that_is_not(difference):
    settings = BRIEF | {"max_iter": 1, "difference": difference}
    fitted = RNNForecaster(early_stopping=True, validation_fraction=0.25, **settings).fit(SINE[:40])
    z = (SINE[:40] - SINE[:40].mean()) / (np.diff(SINE[:40]) if difference else SINE[:40]).std()
    seen = np.diff(z, prepend=np.nan) if difference else z
    output = fitted.network_.forward([seen[29:39, None]])[:, 0, 0]
    assert fitted.best_validation_score_ == pytest.approx(r2_score(np.diff(z[29:]), output))


def test_what_is_set_aside_is_not_trained_on_and_all_else_is():
    """Of whole periods, whose scale is that of all of them."""
    part = RNNForecaster(early_stopping=True, validation_fraction=0.2, **BRIEF).fit(SINE[:80])
    assert_allclose(part.loss_curve_, RNNForecaster(early_stopping=False, **BRIEF).fit(SINE[:64]).loss_curve_)


def test_nothing_is_set_aside_where_all_changes_are_alike_and_no_score_tells_forecasts_apart():
    early, plain = (RNNForecaster(early_stopping=is_early, **BRIEF).fit(0.5 * T[:120]) for is_early in (True, False))
    assert early.validation_scores_ is None
    assert_array_equal(early.network_.theta, plain.network_.theta)


@pytest.mark.parametrize("difference", [False, True])
def test_each_series_must_have_steps_for_two_inputs_before_what_is_set_aside(difference):
    enough = 3 + difference
    forecaster = RNNForecaster(early_stopping=True, difference=difference, **BRIEF)
    forecaster.fit([SINE, SINE[:enough]])
    with pytest.raises(ValueError, match="validation set is too small"):
        forecaster.fit([SINE, SINE[: enough - 1]])


@pytest.mark.parametrize("difference", [False, True])
def test_score_is_of_one_step_ahead(difference):
    """Of a series that is no longer than a window, whose forecasts are one pass of the network."""
    fitted = RNNForecaster(difference=difference, lags=None, **BRIEF | {"window": 20}).fit(SINE)
    first, x = 1 + difference, TREND[:15]
    z = (x - x.mean()) / (np.diff(x) if difference else x).std()
    changes = fitted.network_.forward([(np.diff(z) if difference else z)[:-1, None]])[:, 0, 0]
    assert fitted.score(x) == pytest.approx(r2_score(z[first:], z[first - 1 : -1] + changes))
    least = first + 1  # steps: one forecast of each
    assert np.isfinite(fitted.score([SINE[:least], SINE[1 : least + 1]]))
    with pytest.raises(ValueError, match=f"series 1 has {first} steps"):
        fitted.score([SINE[:least], SINE[:first]])


@pytest.mark.parametrize("difference", [False, True])
def test_two_inputs_of_each_series_are_enough_to_learn_from_and_one_to_go_on_from(difference):
    n = 2 + difference
    fitted = RNNForecaster(difference=difference, **BRIEF).fit([SINE[k : k + n] for k in range(5)])
    assert fitted.predict(4).shape == (5, 4)
    assert fitted.predict([SINE[: n - 1]], 4).shape == (1, 4)
    assert fitted.predict(list(SINE[: n - 1]), 4).shape == (4,)
    with pytest.raises(ValueError, match="series 0 has 1 steps" if difference else "at least one step"):
        fitted.predict([SINE[: n - 2]], 4)


@pytest.mark.parametrize(
    ("lengths", "h", "n"), [((60,), 12, 8 + 20 + 9), ((60, 30, 9), 12, 37 + 13), ((40,), 8, 5 + 13 + 7)]
)
def test_errors_are_those_of_all_origins_with_a_window_or_a_fifth_behind_and_the_horizon_ahead(lengths, h, n):
    """Of one series by thirds, such as 12 to 19, 20 to 39 and 40 to 48 of 60 steps; of three one by one."""
    assert RNNForecaster(**BRIEF).fit([SINE[:n] for n in lengths]).residuals_.shape == (n, h, 1)


@pytest.mark.parametrize("n", [5, 6])
def test_parts_of_short_series_that_leave_nothing_to_learn_from_are_passed_over(n):
    """Of two series of 5 or 6 steps the middle third leaves 2 steps on either side, and changes need 3."""
    fitted = RNNForecaster(difference=True, **BRIEF).fit([SINE[:n], TREND[:n]])
    assert fitted.residuals_.shape == (4, 1, 1)  # of the last two steps of each


def test_networks_that_errors_are_measured_with_are_trained_as_the_one_that_is_kept(monkeypatch):
    """As long, where nothing gets better by as much as 10; with early stopping, where each part has 20 steps."""
    runs = []

    def watched(*given, **settings):
        runs.append((fit(*given, **settings), settings["validation_data"] is not None))
        return runs[-1][0]

    monkeypatch.setattr("rnnbp.estimators.rnn_forecaster.fit", watched)
    settings = BRIEF | {"max_iter": 30, "tol": 10.0, "n_iter_no_change": 3, "early_stopping": True}
    fitted = RNNForecaster(**settings).fit([SINE[:100], SINE[:30]])
    assert fitted.n_iter_ == 5
    assert [len(history) for history, _ in runs] == [5, 5, 5]
    assert [is_early for _, is_early in runs] == [True, False, True]  # thirds of 30 leave 20, 10 and 10, or 20


def test_fit_prints_nothing(capfd):
    RNNForecaster(**BRIEF).fit(SINE)
    assert capfd.readouterr() == ("", "")


def test_partial_fit_goes_on():
    fitted = RNNForecaster(**BRIEF).partial_fit(SINE).partial_fit(SINE)
    assert len(fitted.loss_curve_) == 2


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([], "the list of sequences is empty"),
        ([SINE, SINE[:1]], "series 1 has 1 steps"),
        ([SINE, np.append(SINE, np.nan)], "sequence 1 holds NaN"),
        (np.append(SINE, np.inf), "sequence 0 holds NaN or infinity"),
    ],
)
def test_series_that_cannot_be_used_are_named(x, message):
    with pytest.raises(ValueError, match=message):
        RNNForecaster(**BRIEF).fit(x)


def test_times_and_values_are_refused():
    with pytest.raises(ValueError, match="not to times and values"):
        RNNForecaster(**BRIEF).fit(T, SINE)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 0}, "window must be a whole number"),
        ({"horizon": 0}, "horizon must be a whole number"),
        ({"difference": "maybe"}, "difference must be True or False"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        RNNForecaster(**BRIEF | settings).fit(SINE)


def test_a_coverage_is_a_probability():
    with pytest.raises(ValueError, match="coverage must be a number"):
        RNNForecaster(**BRIEF).fit(SINE).predict_interval(3, coverage=90)


@pytest.mark.parametrize("differenced", [False, True])
def test_small_changes_on_a_large_level_are_scaled_in_float32_as_in_float64(differenced):
    x = 1e5 + np.random.default_rng(0).normal(size=(50_000, 2))
    view = View(5, differenced, 2)
    for narrow, wide in zip(view.scale_of(x.astype(np.float32)), view.scale_of(x), strict=True):
        assert_allclose(narrow, wide, rtol=1e-4)
    assert drifts([x.astype(np.float32)], 20) == drifts([x], 20)


@pytest.mark.parametrize(("slope", "is_drift"), [(0.6, True), (-0.6, True), (0.1, False)])
def test_a_trend_drifts_that_a_season_as_long_as_the_window_hides(slope, is_drift):
    t = np.arange(150)
    season = 25 * np.sin(2 * np.pi * t / 52)[:, None]
    assert drifts([season + slope * t[:, None]], 50) == is_drift
    assert not drifts([season + slope * t[:, None], *[season] * 5], 50)
    assert not drifts([season], 50)
    assert not drifts([season[:2]], 50)  # on a line like any two


@pytest.mark.parametrize(("slope", "level"), [(0.1, 0.0), (1000.0, 0.0), (2.0, 50.0), (0.37, 1e6)])
def test_a_straight_line_goes_on(slope, level):
    line = level + slope * np.arange(220.0)
    forecaster = RNNForecaster(random_state=0, horizon=20).fit(line[:200])
    assert_allclose(forecaster.predict() - line[199], line[200:] - line[199], rtol=0.05)


def test_what_is_interrupted_while_errors_are_measured_is_as_it_was(monkeypatch):
    forecaster = RNNForecaster(2, max_iter=2, random_state=0).fit(np.sin(np.arange(40.0)))
    before, expected = dict(vars(forecaster)), forecaster.predict(3)

    def interrupted(*arguments, **settings):
        return History(stopped="interrupted")

    monkeypatch.setattr("rnnbp.estimators.rnn_forecaster.fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        forecaster.fit(100 + np.cos(np.arange(50.0)))
    assert vars(forecaster) == before
    assert_array_equal(forecaster.predict(3), expected)


def test_forecasts_are_bounded_to_the_last_bit():
    series = np.float32(0.1) + np.abs(np.sin(np.arange(60))).astype(np.float32)
    forecaster = RNNForecaster(4, lower=0.1, max_iter=3, random_state=0).fit(series)
    assert forecaster.predict(40).min() >= 0.1


# -- how much is enough ------------------------------------------------------------------------------------------------


def sines(*lengths):
    return [np.sin(np.arange(n) / 3.0)[:, None] + 0.1 * k for k, n in enumerate(lengths)]


@pytest.mark.parametrize(
    ("lengths", "is_early"), [((100,), True), ((99,), False), ((50, 50), True), ((19, 200), False), ((20, 200), True)]
)
def test_training_stops_early_by_itself_where_twenty_steps_are_set_aside_and_each_series_has_as_many(lengths, is_early):
    forecaster = RNNForecaster(2, window=4, max_iter=1, random_state=0).fit(sines(*lengths))
    assert (forecaster.validation_scores_ is not None) == is_early


@pytest.mark.parametrize(("first", "then", "is_early"), [(100, 60, True), (60, 100, False)])
def test_a_warm_start_goes_on_with_early_stopping_or_without_as_it_began(first, then, is_early):
    forecaster = RNNForecaster(2, window=4, max_iter=1, random_state=0, warm_start=True)
    forecaster.fit(sines(first)).fit(sines(then))
    assert len(forecaster.loss_curve_) == 2
    assert len(forecaster.validation_scores_ or []) == 2 * is_early


def test_ten_values_are_enough():
    expect_enough(sines(10), sines(10))
    expect_enough(sines(5, 5), sines(5, 5))
    with pytest.raises(ValueError, match=r"at least 10 values are needed .* but there are 9"):
        expect_enough(sines(9), sines(9))


@pytest.mark.parametrize(("shape", "is_odd"), [((10, 9), True), ((9, 9), False), ((11, 10), False), ((100, 2), True)])
def test_a_table_of_more_series_than_steps_of_which_there_are_few_is_warned_of(shape, is_odd):
    table = np.ones(shape)
    with pytest.warns(UserWarning, match=f"{shape[0]} series of {shape[1]} steps each") if is_odd else nullcontext():
        expect_enough(table, list(table))
    expect_enough(list(table), list(table))


def test_two_values_are_enough_to_be_set_aside():
    series = np.sin(np.arange(10.0))
    settings = {"window": 4, "max_iter": 2, "early_stopping": True, "gradient": BPTT(compiled=False)}
    assert len(RNNForecaster(2, validation_fraction=0.2, **settings).fit(series).validation_scores_) == 2
    with pytest.raises(ValueError, match="validation set is too small"):
        RNNForecaster(2, validation_fraction=0.1, **settings).fit(series)
