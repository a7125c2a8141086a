"""The linear model beside a forecaster's network: its equations, its closed loop, and how much of it is believed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import RidgeCV

import rnnbp
from rnnbp import ModelFileError, Network, RNNForecaster
from rnnbp.estimators.autoregression import ALPHAS, MOST, Autoregression
from rnnbp.estimators.closed_loop import run_on
from rnnbp.estimators.mixture import weight
from rnnbp.estimators.series import Course, View
from rnnbp.gradients import BPTT

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

BRIEF = {"hidden_layer_sizes": 4, "window": 12, "gradient": BPTT(compiled=False), "random_state": 0, "max_iter": 2}
FREE = -np.inf, np.inf
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(60, 2))
KNOWN = RNG.normal(size=(80, 3))
COVARIATES = {"past_covariates": NOISE[:, 1:] + 5, "future_covariates": KNOWN}


def course(x, known=None, view=None):
    x = np.asarray(x, float)
    x = x[:, None] if x.ndim == 1 else x
    view = view or View(12, False, x.shape[1])
    return view.course(x, np.empty((len(x), 0)), np.empty((len(x) + 1000, 0)) if known is None else known)


def oscillation(n=80, damping=0.99):
    """Return x(t) = a x(t-1) + b x(t-2) without noise, from another place each time."""
    roots = damping * np.exp(0.5j * np.arange(n))
    return 7 + (damping ** np.arange(n) * roots).real


# -- what is fitted ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 5])
def test_it_is_the_ridge_of_scikit_learn_on_a_matrix_of_lags(k):
    """Two series of unlike lengths, two variables, three covariates that are known one step ahead."""
    given_ = [course(NOISE, KNOWN), course(3 * NOISE[:20] + 4, KNOWN[20:])]
    x, y = [], []
    for each in given_:
        z = (each.x - each.x.mean(axis=0)) / each.x.std(axis=0)
        for t in range(k - 1, len(z) - 1):
            x.append([*np.concatenate([z[t - lag] for lag in range(k)]), *each.known[t + 1]])
            y.append(z[t + 1] - z[t])
    fitted = Autoregression.fitted(given_, k, n_drifting=0)
    for variable in range(2):
        expected = RidgeCV(ALPHAS).fit(x, np.array(y)[:, variable])
        assert_allclose(fitted.coef[variable], expected.coef_, rtol=1e-7, atol=1e-12)
        assert_allclose(fitted.intercept[variable], expected.intercept_, rtol=1e-7, atol=1e-12)


def test_a_process_without_noise_goes_on_exactly():
    x = oscillation()
    past = course(x[:50])
    path = run_on(Autoregression.fitted([past], 2, n_drifting=0), [past], 30, View(12, False, 1), FREE)
    assert_allclose(path[0, :, 0], x[50:], atol=1e-4)


@pytest.mark.parametrize("k", [1, 4])
def test_what_drifts_is_not_drawn_back(k):
    """Neither to where it has been, nor as far as scikit-learn's ridge would; a past covariate may be."""
    walk = np.cumsum(np.random.default_rng(0).normal(size=(60, 2)), axis=0)
    past = course(np.hstack([walk, NOISE[:, :1]]), KNOWN)
    free, held = (Autoregression.fitted([past], k, n_drifting=n) for n in (0, 2))
    for i in range(2):
        assert free.coef[i, i : 3 * k : 3].sum() < 0
    levels = held.coef[:, : 3 * k].reshape(3, k, 3).sum(axis=1)
    assert_allclose(levels[:2], 0, atol=1e-12)
    assert levels[2, 2] < -0.5
    z = past.scaled
    x = [np.concatenate([*(z[t - lag] - z[t] for lag in range(1, k)), KNOWN[t + 1]]) for t in range(k - 1, 59)]
    expected = RidgeCV(ALPHAS).fit(x, np.diff(z[k - 1 :, 0]))
    assert_allclose(held.coef[0, 3:], expected.coef_, rtol=1e-6, atol=1e-10)
    assert_allclose(held.intercept[0], expected.intercept_, rtol=1e-6)


def test_what_drifts_and_has_nothing_to_be_told_by_goes_on_as_it_has_on_average():
    x = np.cumsum(np.random.default_rng(0).normal(size=60))
    fitted = Autoregression.fitted([course(x)], 1, n_drifting=1)
    assert fitted.coef.tolist() == [[0.0]]
    assert_allclose(fitted.intercept * x.std(), (x[-1] - x[0]) / 59)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("differenced", [False, True])
def test_a_straight_line_goes_on_and_so_does_growth(differenced, k):
    view = View(12, differenced, 1)
    for x in (3 + 0.5 * np.arange(80), 1.03 ** np.arange(80)):
        past = course(x[:50], view=view)
        path = run_on(Autoregression.fitted([past], k, n_drifting=1), [past], 30, view, FREE)
        assert_allclose(path[0, :, 0], x[50:], rtol=2e-3)


def test_two_variables_that_drive_each_other_go_on():
    a = np.array([[0.9, 0.3], [-0.3, 0.9]])
    x = [np.array([1.0, 0.0])]
    for _ in range(79):
        x.append(a @ x[-1] * 0.99)
    x = np.array(x) + np.array([5, -3])
    past = course(x[:50])
    path = run_on(Autoregression.fitted([past], 1, n_drifting=0), [past], 30, View(12, False, 2), FREE)
    assert_allclose(path[0], x[50:], atol=1e-4)


def test_what_is_known_of_the_future_is_used_in_each_step():
    c, x = RNG.normal(size=130), np.zeros(130)
    for t in range(1, 130):
        x[t] = 0.5 * x[t - 1] + c[t]
    past = course(x[:100], c[:, None])
    path = run_on(Autoregression.fitted([past], 1, n_drifting=0), [past], 30, View(12, False, 1), FREE)
    assert_allclose(path[0, :, 0], x[100:], atol=1e-4)


def test_lags_are_no_more_than_half_of_the_longest_series_and_than_all_variables_have_room_for():
    def lags(x, n_lags):
        fitted = Autoregression.fitted([course(each) for each in x], n_lags, n_drifting=0)
        return fitted.coef.shape[1] / fitted.coef.shape[0]

    assert lags([NOISE], 24) == 24
    assert lags([NOISE], 31) == 30
    assert lags([NOISE[:7], NOISE[:20]], 24) == 10
    assert lags([NOISE[:2]] * 5, 24) == 1
    assert lags([np.hstack([NOISE] * 20)], 24) == MOST // 40


def test_of_long_series_every_so_many_rows_are_taken_and_the_last(monkeypatch):
    monkeypatch.setattr("rnnbp.estimators.autoregression.ROWS", 20)
    z = (NOISE - NOISE.mean(axis=0)) / NOISE.std(axis=0)
    at = np.arange(59, 1, -3)
    expected = RidgeCV(ALPHAS).fit(np.hstack([z[at - 1], z[at - 2]]), z[at, 0] - z[at - 1, 0])
    assert_allclose(Autoregression.fitted([course(NOISE)], 2, n_drifting=0).coef[0], expected.coef_, rtol=1e-7)


# -- in closed loop ----------------------------------------------------------------------------------------------------


def test_a_short_past_begins_with_its_first_value():
    fitted = Autoregression(RNG.normal(size=(1, 6)) / 10, np.zeros(1))
    view = View(12, False, 1)
    scale = np.zeros(1), np.ones(1)
    short, padded = np.array([[2.0], [3.0]]), np.array([[2.0]] * 5 + [[3.0]])
    pasts = [Course(x, np.empty((20, 0)), scale) for x in (short, padded)]
    first, second = (run_on(fitted, [each], 4, view, FREE) for each in pasts)
    assert_array_equal(first, second)


def test_many_pasts_are_gone_on_from_at_once():
    fitted = Autoregression.fitted([course(NOISE, KNOWN)], 4, n_drifting=2)
    view, pasts = View(12, False, 2), [course(NOISE[:n], KNOWN) for n in (3, 20, 60)]
    together = run_on(fitted, pasts, 5, view, FREE)
    for each, path in zip(pasts, together, strict=True):
        assert_allclose(run_on(fitted, [each], 5, view, FREE)[0], path, rtol=1e-12)


def test_it_goes_on_from_the_bounds_that_it_has_met():
    past = course(np.sin(0.5 * np.arange(60)))
    fitted = Autoregression.fitted([past], 4, n_drifting=0)
    free, bounded = (run_on(fitted, [past], 40, View(12, False, 1), bounds)[0, :, 0] for bounds in (FREE, (-0.5, 9)))
    assert free.min() < -0.9
    assert bounded.min() == -0.5
    assert not np.allclose(np.maximum(free, -0.5), bounded, atol=0.01)


def test_what_does_not_drift_does_not_run_away(monkeypatch):
    """The greatest root is drawn in to 1, and the others as much."""
    past = course(1.02 ** np.arange(60) * np.sin(0.5 * np.arange(60)))
    drawn = Autoregression.fitted([past], 2, n_drifting=0)
    monkeypatch.setattr("rnnbp.estimators.autoregression._draw_in", lambda a: None)
    free = Autoregression.fitted([past], 2, n_drifting=0)
    roots, fewer = (np.roots([1, -1 - a.coef[0, 0], -a.coef[0, 1]]) for a in (free, drawn))
    assert_allclose(np.abs(roots), 1.02, atol=1e-4)
    assert_allclose(np.sort_complex(fewer), np.sort_complex(roots / np.abs(roots).max()), atol=1e-9)
    paths = [run_on(a, [past], 1000, View(12, False, 1), FREE) for a in (free, drawn)]
    assert np.abs(paths[0]).max() > 1e6
    assert np.abs(paths[1]).max() < 20


def test_roots_of_several_variables_are_drawn_in():
    wide = np.stack([1.03 ** np.arange(60) * f(0.5 * np.arange(60)) for f in (np.sin, np.cos)], axis=1)
    past = course(wide)
    path = run_on(Autoregression.fitted([past], 3, n_drifting=0), [past], 1000, View(12, False, 2), FREE)
    assert np.abs(path).max() < 20


# -- how much of it there is -------------------------------------------------------------------------------------------


def test_the_weight_has_the_least_squares_and_is_the_least_of_the_folds():
    e, other = RNG.normal(1.0, size=(40, 3, 1)), RNG.normal(0.5, size=(40, 3, 1))
    shares = np.linspace(0, 1, 10_001)
    best = shares[np.argmin([np.square((1 - w) * e + w * other).sum() for w in shares])]
    assert 0 < best < 1
    assert_allclose(weight([e], [other]), best, atol=1e-4)
    assert weight([e, 3 * e], [other, 0.1 * e]) == weight([e], [other])
    assert weight([1e-4 * e], [1e-4 * other]) == pytest.approx(weight([e], [other]))
    assert weight([3 * e], [0 * e]) == 1
    assert weight([2 * e], [e]) == 1  # and no more, though 2 would have none
    assert weight([e, e], [0 * e, 2 * e]) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_a_model_that_ran_away_has_no_weight(bad):
    e = np.ones((4, 2, 1))
    assert weight([e], [e * bad]) == 0
    assert weight([e], [e]) == 0


def seasonal(n, seed=0):
    t = np.arange(n)
    noise = np.random.default_rng(seed).normal(size=n)
    return 50 + 0.2 * t + 8 * np.sin(2 * np.pi * t / 12) + 2 * noise


@pytest.mark.parametrize("bounds", [{}, {"lower": 60.0, "upper": 90.0}])
def test_a_forecast_is_the_mean_of_both(bounds):
    x = np.clip(seasonal(120), *(bounds.values() or FREE))
    fitted = RNNForecaster(**BRIEF, **bounds).fit(x)
    w = 0.3
    fitted.lag_weight_ = 0.0
    network = fitted.predict(24)
    fitted.lag_weight_ = 1.0
    linear = fitted.predict(24)
    assert_array_equal(linear, run_on(fitted_model(fitted), fitted._remembered_courses(NONE, 24), 24,
                                      fitted._view, fitted._bounds)[0, :, 0])  # fmt: skip
    fitted.lag_weight_ = w
    assert_allclose(fitted.predict(24), (1 - w) * network + w * linear, rtol=1e-12)
    assert np.abs(network - linear).max() > 1


NONE = {"past_covariates": None, "future_covariates": None}


def fitted_model(forecaster):
    return Autoregression(forecaster.lag_coef_, forecaster.lag_intercept_)


def test_without_one_the_network_forecasts_alone():
    x = seasonal(120)
    both, alone = (RNNForecaster(**BRIEF, lags=lags).fit(x) for lags in ("auto", None))
    assert (alone.lag_coef_, alone.lag_intercept_, alone.lag_weight_) == (None, None, 0.0)
    assert_array_equal(both.network_.theta, alone.network_.theta)
    both.lag_weight_ = 0.0
    assert_array_equal(both.predict(24), alone.predict(24))


def test_one_that_runs_away_in_backtesting_leaves_the_errors_of_the_network(monkeypatch):
    huge = Autoregression(np.full((1, 1), 1e9), np.ones(1))
    monkeypatch.setattr(Autoregression, "fitted", lambda *given, **more: huge)
    x = seasonal(120).astype(np.float32)
    both, alone = (RNNForecaster(**BRIEF, lags=lags).fit(x) for lags in (1, None))
    assert both.lag_weight_ == 0
    assert_array_equal(both.residuals_, alone.residuals_)
    assert_array_equal(both.predict(50), alone.predict(50))


def test_errors_are_those_of_both_and_no_larger():
    x = seasonal(120)
    both, alone = (RNNForecaster(**BRIEF, lags=lags).fit(x) for lags in ("auto", None))
    assert both.residuals_.shape == alone.residuals_.shape
    assert np.square(both.residuals_).sum() < 0.9 * np.square(alone.residuals_).sum()


def test_errors_are_the_mean_of_those_of_both(monkeypatch):
    """Of 60 steps forecasts begin at 12 to 48, 12 steps ahead; the other model's are the last value."""
    last = Autoregression(np.zeros((1, 1)), np.zeros(1))
    monkeypatch.setattr(Autoregression, "fitted", lambda *given, **more: last)
    x = np.cumsum(np.random.default_rng(1).normal(size=60))
    both, alone = (RNNForecaster(**BRIEF, difference=False, lags=lags).fit(x) for lags in (1, None))
    errors = np.array([x[t : t + 12] - x[t - 1] for t in range(12, 49)])[..., None] / x.std()
    w = both.lag_weight_
    assert w > 0
    assert_allclose(both.residuals_, (1 - w) * alone.residuals_ + w * errors)


@pytest.mark.parametrize("has_season", [False, True])
def test_the_lags_that_have_forecast_better_are_taken(has_season):
    """A season of 33 steps is not seen by 24 lags; of a random walk, 40 are learnt by heart."""
    noise = np.random.default_rng(0).normal(size=240)
    x = 10 * (np.arange(240) % 33 == 0) + noise if has_season else np.cumsum(noise)
    auto, few, many = (RNNForecaster(**BRIEF | {"window": 40}, lags=k).fit(x) for k in ("auto", 24, 40))
    assert (few.lag_coef_.shape, many.lag_coef_.shape) == ((1, 24), (1, 40))
    better = min(few, many, key=lambda each: np.square(each.residuals_).sum())
    assert_array_equal(auto.residuals_, better.residuals_)
    assert_array_equal(auto.predict(5), better.predict(5))
    assert better is (many if has_season else few)


def test_more_lags_than_steps_of_the_past_are_refused():
    with pytest.raises(ValueError, match=r"lags must be at most window, .* but lags=13 and window=12 were given"):
        RNNForecaster(**BRIEF, lags=13).fit(NOISE[:, 0])
    with pytest.raises(ValueError, match=r'lags must be a whole number of at least 1.*"auto" or None is possible'):
        RNNForecaster(**BRIEF, lags=0).fit(NOISE[:, 0])


def test_what_grows_by_a_share_goes_on_growing():
    t = np.arange(132)
    x = 100 * np.exp(0.01 * t + 0.25 * np.sin(2 * np.pi * t / 12) + 0.02 * RNG.normal(size=132))
    fitted = RNNForecaster(window=24, random_state=0, max_iter=30, gradient=BPTT(compiled=False)).fit(x[:108])
    assert fitted.lag_weight_ > 0.5
    assert np.sqrt(np.square(fitted.predict(24) - x[108:]).mean()) < 0.1 * x[108:].mean()


def test_partial_fit_trains_the_network_and_keeps_the_rest():
    x = seasonal(120)
    fresh = RNNForecaster(**BRIEF).partial_fit(x)
    assert fresh.lag_coef_ is None
    assert fresh.lag_weight_ == 0
    fitted = RNNForecaster(**BRIEF).fit(x)
    w, coef, theta, expected = fitted.lag_weight_, fitted.lag_coef_, fitted.network_.theta.copy(), fitted.predict(x, 6)
    fitted.partial_fit(2 * x[:60])
    assert fitted.lag_weight_ == w > 0
    assert_array_equal(fitted.lag_coef_, coef)
    errors = fitted.residuals_
    assert (fitted.network_.theta != theta).any()
    fitted.lag_weight_ = 0.0
    fitted._refresh_residuals(fitted._courses([2 * x[:60, None]], [None], NONE, None, single=True))
    assert (fitted.residuals_ != errors).all()  # they were of both
    fitted.network_.theta[...], fitted.lag_weight_ = theta, w
    assert_array_equal(fitted.predict(x, 6), expected)
    fitted.set_params(lags=None).fit(x)
    assert fitted.lag_coef_ is None


# -- all forms of series -----------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(2, 30), min_size=1, max_size=4).filter(lambda lengths: sum(lengths) >= 10),
    n_variables=st.integers(1, 3),
    n_past=st.integers(0, 2),
    n_future=st.integers(0, 2),
    window=st.integers(1, 12),
    difference=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_whatever_a_network_can_be_fitted_to_both_can(
    lengths, n_variables, n_past, n_future, window, difference, dtype
):
    rng = np.random.default_rng(sum(lengths))
    least = 2 + difference
    series = [rng.normal(size=(max(n, least), n_variables)).astype(dtype) for n in lengths]
    given_ = {
        name: [rng.normal(size=(len(x) + extra, n)) for x in series]
        for name, n, extra in (("past_covariates", n_past, 0), ("future_covariates", n_future, 3))
        if n
    }
    own = BRIEF | {"window": window, "difference": difference, "max_iter": 1}
    fitted = RNNForecaster(**own).fit(series, **given_)
    path = fitted.predict(3)
    assert path.shape == (len(series), 3, n_variables)[: None if n_variables > 1 else 2]
    assert path.dtype == dtype
    assert np.isfinite(path).all()
    assert np.isfinite(fitted.residuals_).all()
    v = n_variables + n_past
    assert fitted.lag_intercept_.shape == (v,)
    assert (fitted.lag_coef_.shape[1] - n_future) % v == 0
    assert_allclose(fitted.predict(series, 3, **given_), path, rtol=1e-4, atol=1e-4)


# -- files -------------------------------------------------------------------------------------------------------------


def test_forecasts_are_the_same_bits_after_reading(tmp_path):
    x = seasonal(60)
    for given_ in ({}, COVARIATES):
        fitted = RNNForecaster(**BRIEF).fit(x, **given_)
        fitted.lag_weight_ = 0.3
        fitted.save(tmp_path / "model")
        again = rnnbp.load(tmp_path / "model")
        assert_array_equal(again.predict(7), fitted.predict(7))
        assert_array_equal(again.predict_interval(7), fitted.predict_interval(7))
        assert_array_equal(again.lag_coef_, fitted.lag_coef_)


def described(fitted, path):
    fitted.save(path)
    return Network.load(path).metadata["estimator"]


def test_a_file_of_before_forecasts_with_the_network_alone(tmp_path):
    fitted = RNNForecaster(**BRIEF).fit(seasonal(60))
    description = described(fitted, tmp_path / "model")
    assert description["settings"].pop("lags") == "auto"
    for name in ("lag_coef_", "lag_intercept_", "lag_weight_"):
        del description["fitted"][name]
    fitted.network_.save(tmp_path / "model", metadata={"estimator": description})
    again = RNNForecaster.load(tmp_path / "model")
    fitted.lag_weight_ = 0.0
    assert_array_equal(again.predict(7), fitted.predict(7))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lag_weight_": 1.5}, "lag_weight_ cannot be 1.5"),
        ({"lag_weight_": {"float": "nan"}}, "lag_weight_ cannot be nan"),
        ({"lag_weight_": None}, "lag_weight_ cannot be None"),
        ({"lag_coef_": None}, "a part of lag_coef_, lag_intercept_ and lag_weight_ is missing"),
        ({"lag_intercept_": None}, "a part of lag_coef_, lag_intercept_ and lag_weight_ is missing"),
        ({"lag_coef_": None, "lag_intercept_": None}, "a part of lag_coef_, lag_intercept_ and lag_weight_ is missing"),
        ({"lag_coef_": {"array": [[{"float": "nan"}] * 9] * 2, "dtype": "<f8"}}, "lag_coef_ cannot be"),
        ({"lag_coef_": {"array": [[0.5] * 8] * 2, "dtype": "<f8"}}, "of another number of variables or covariates"),
        ({"lag_coef_": {"array": [[0.5] * 3] * 2, "dtype": "<f8"}}, "of another number of variables or covariates"),
        ({"lag_coef_": {"array": [[0.5] * 9] * 3, "dtype": "<f8"}}, "of another number of variables or covariates"),
        ({"lag_intercept_": {"array": [0.5], "dtype": "<f8"}}, "of another number of variables or covariates"),
        ({"lag_intercept_": {"array": [[0.5]], "dtype": "<f8"}}, "lag_intercept_ cannot be"),
    ],
)
def test_a_forged_file_is_refused(changed, message, tmp_path):
    """Of two variables, a past covariate being one of them, and three future covariates: 2 K + 3 columns."""
    fitted = RNNForecaster(**BRIEF).fit(NOISE[:, 0], **COVARIATES)
    fitted.lag_weight_ = 0.5
    description = described(fitted, tmp_path / "model")
    description["fitted"].update(changed)
    fitted.network_.save(tmp_path / "model", metadata={"estimator": description})
    with pytest.raises(ModelFileError, match=message):
        RNNForecaster.load(tmp_path / "model")


def test_a_file_that_has_lost_its_weight_is_refused(tmp_path):
    fitted = RNNForecaster(**BRIEF).fit(seasonal(60))
    description = described(fitted, tmp_path / "model")
    del description["fitted"]["lag_weight_"]
    fitted.network_.save(tmp_path / "model", metadata={"estimator": description})
    with pytest.raises(ModelFileError, match="lag_weight_ is missing"):
        RNNForecaster.load(tmp_path / "model")
