"""The forecaster: closed loops, intervals, and the forms of series."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from rnnbp import RNNForecaster
from rnnbp.estimators.series import View, drifts
from rnnbp.gradients import BPTT

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
def test_forecasts_are_fed_back(difference):
    """Two steps ahead is one step ahead of a past that ends with the first forecast, in one pass."""
    fitted = RNNForecaster(**BRIEF | {"difference": difference, "window": 30}).fit(TREND[:20])
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
    lower, upper = fitted.predict_interval(3, n_paths=20)
    assert lower.shape == upper.shape == shape


def test_the_horizon_is_a_setting():
    assert RNNForecaster(horizon=5, **BRIEF).fit(SINE).predict().shape == (5,)


def test_other_series_can_be_gone_on_from():
    fitted = RNNForecaster(**QUICK).fit(SINE[:128])
    assert_allclose(fitted.predict(SINE[:100], 8), SINE[100:108], atol=0.3)


def test_a_forecast_of_one_series_does_not_depend_on_the_others():
    fitted = RNNForecaster(**BRIEF).fit([SINE, TREND[:60], SINE[:7]])
    assert_allclose(fitted.predict([TREND[:60]], 4)[0], fitted.predict(4)[1], rtol=1e-9)


def test_intervals_cover_what_they_say():
    """Of an autoregression with unit noise, whose forecasts' true spread is known."""
    rng = np.random.default_rng(0)
    x = np.zeros(700)
    for t in range(1, 700):
        x[t] = 0.8 * x[t - 1] + rng.normal()
    fitted = RNNForecaster(4, window=20, gradient=BPTT(compiled=False), random_state=0, max_iter=30).fit(x)
    lower, upper = fitted.predict_interval(12, coverage=0.9, n_paths=2000)
    spread = np.sqrt(np.cumsum(0.8 ** (2 * np.arange(12))))
    assert_allclose((upper - lower) / (2 * 1.645 * spread), 1.0, atol=0.25)
    assert (upper - lower)[-1] > 1.3 * (upper - lower)[0]


def test_a_wider_coverage_contains_a_narrower_one():
    fitted = RNNForecaster(**BRIEF).fit(SINE)
    (low, high), (lower, higher) = (fitted.predict_interval(5, coverage=c) for c in (0.5, 0.95))
    assert (lower < low).all()
    assert (high < higher).all()
    assert_array_equal(fitted.predict_interval(5, coverage=0.5)[0], low)  # the same random_state


def test_early_stopping_sets_the_end_of_each_series_aside_and_takes_residuals_there():
    fitted = RNNForecaster(early_stopping=True, validation_fraction=0.25, **BRIEF).fit([SINE, SINE[:80]])
    assert len(fitted.residuals_) == 40 + 20
    assert len(fitted.validation_scores_) == 2


def test_score_is_of_one_step_ahead():
    assert RNNForecaster(**QUICK).fit(SINE[:128]).score(SINE) > 0.95


def test_partial_fit_goes_on():
    fitted = RNNForecaster(**BRIEF).partial_fit(SINE).partial_fit(SINE)
    assert len(fitted.loss_curve_) == 2


@pytest.mark.parametrize(
    ("x", "message"),
    [
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
    view = View(5, differenced)
    for narrow, wide in zip(view.scale_of(x.astype(np.float32)), view.scale_of(x), strict=True):
        assert_allclose(narrow, wide, rtol=1e-4)
    assert drifts([x.astype(np.float32)], 20) == drifts([x], 20)
