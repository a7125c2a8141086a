"""The dates of a series: in order, alike far apart, and the same beside it."""

import re
import subprocess
import sys
import warnings

import numpy as np
import pandas
import pytest
from numpy.testing import assert_array_equal

import rnnbp
from rnnbp import ModelFileError, Network, RNNForecaster
from rnnbp.estimators.time_index import dates_after, read_dates
from rnnbp.gradients import BPTT

BRIEF = {"hidden_layer_sizes": 4, "window": 12, "gradient": BPTT(compiled=False), "random_state": 0, "max_iter": 2}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, H = 60, 5
WEEKS = pandas.date_range("2020-01-05", periods=N + H, freq="W")
X = pandas.Series(np.sin(np.arange(N) / 3), WEEKS[:N])
DAYS, MONTHS = pandas.date_range("2020-01-01", periods=40), pandas.period_range("2020-01", periods=40, freq="M")
HOURS = pandas.date_range("2020-01-01", periods=1000, freq="h")
WORKDAYS = pandas.bdate_range("2020-01-01", periods=60)
BARS = HOURS[(HOURS.hour >= 9) & (HOURS.hour < 16) & (HOURS.day_of_week < 5)]
SHIFTS = pandas.date_range("2020-03-01", periods=2000, freq="h", tz="Europe/Berlin")
SHIFTS = SHIFTS[(SHIFTS.hour >= 8) & (SHIFTS.hour < 16)]  # on clocks that are put forward at the end of March
SECONDS = pandas.timedelta_range(0, periods=40, freq="s")


def without_frequency(dates):
    """As read from a file."""
    return type(dates)(list(dates))


def read(dates, what="X"):
    return read_dates(pandas.Series(np.zeros(len(dates)), dates), what)


# -- one series --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dates",
    [
        *(
            pandas.date_range("2020-01-31", periods=40, freq=f)
            for f in ("D", "W", "MS", "ME", "BME", "SMS", "QE", "YE")
        ),
        pandas.date_range("2020-03-20", periods=40, tz="Europe/Berlin"),
        pandas.date_range("2020-10-20", periods=200, freq="h", tz="Europe/Berlin"),
        WORKDAYS,
        WORKDAYS[:8],
        BARS,
        SHIFTS,
        *(x + pandas.to_timedelta(np.random.default_rng(0).normal(0, 60, len(x)), unit="s") for x in (HOURS, BARS)),
        DAYS[DAYS.day_of_week != 6],
        DAYS[:2],
        DAYS[:1],
        MONTHS,
        SECONDS,
    ],
    ids=lambda dates: f"{type(dates).__name__[:6]} {dates.freq} {len(dates)}",
)
def test_dates_of_a_frequency_are_taken_without_a_word(dates):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read(dates)
        if len(dates) > 8:  # where the rhythm of a week has been seen
            read(without_frequency(dates))
    assert len(found) == len(dates)


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        (DAYS[::-1], "step 1, of 2020-02-08.*, follows one of 2020-02-09.*: the newest comes first. Sort it: s.sort"),
        (MONTHS[::-1], "step 1, of 2023-03, follows one of 2023-04: the newest comes first"),
        (SECONDS[::-1], "the newest comes first"),
        (DAYS[[0, 1, 2, 5, 4, 3]], "step 4, of 2020-01-05.*, follows one of 2020-01-06.*: they are not in order"),
        (DAYS[[0, 1, 1, 2]], r"steps 1 and 2 of X are both of 2020-01-02.*s\[~s.index.duplicated\(\)\]"),
        (pandas.DatetimeIndex([None, *DAYS]), r"step 0 of X has no date \(NaT\)"),
        (DAYS.delete(10), 'follows 2020-01-10, but the usual distance is 1 day. Fill .* s.asfreq("1D").interpolate()'),
        (WEEKS.delete(10), '2020-03-22 follows 2020-03-08, but the usual distance is 7 days.*asfreq("7D")'),
        (
            pandas.date_range("2020-01-01", periods=200_000, freq="s").delete(50),
            "2020-01-01 00:00:51 follows .* 00:00:49",
        ),
        (HOURS.delete(50), '2020-01-03 03:00:00 follows 2020-01-03 01:00:00, but .* is 1 hour.*asfreq("1h")'),
        (
            MONTHS.delete(5),
            r"2020-07-01 follows 2020-05-01, .*s.reindex\(pandas.period_range\(s.index\[0\], s.index\[-1\]\)",
        ),
        (DAYS.append(DAYS[-1:] + pandas.Timedelta("60D")), "2020-04-09 follows 2020-02-09"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(len(value)),
)
def test_dates_that_rows_do_not_keep_are_named(dates, message):
    pattern = message if "\\" in message else message.replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=pattern):
        read(dates)


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        (pandas.to_datetime(np.sort(np.random.default_rng(0).integers(0, 10**14, 40))), "are not alike far apart"),
        (WORKDAYS.delete(10), "2020-01-16 follows 2020-01-14, but the usual distance is 1 day. Each row is taken"),
        (BARS.delete(30), "2020-01-07 12:00:00 follows 2020-01-07 10:00:00, but the usual distance is 1 hour"),
        (without_frequency(WORKDAYS[:8]), "2020-01-06 follows 2020-01-03"),
        (SECONDS.delete(4), "5 seconds follows 3 seconds, but the usual distance is 1 second"),
        (pandas.RangeIndex(9)[::-1], "begins with 8 and 7.*s.sort_index().*s.reset_index(drop=True)"),
        (pandas.Index([3, 1, 2]), "begins with 3 and 1"),
        (pandas.Index(["2020-03", "2020-02", "2020-01"]), "begins with 2020-03 and 2020-02"),
    ],
    ids=["trades", "a holiday", "hours", "a weekend", "seconds", "reversed", "shuffled", "text"],
)
def test_what_cannot_be_known_is_warned_of(dates, message):
    with pytest.warns(UserWarning, match=message.replace("(", r"\(").replace(")", r"\)")) as caught:
        read(dates)
    assert len(caught) == 1


@pytest.mark.parametrize(
    "index", [pandas.RangeIndex(5, 9), pandas.Index([0, 1, 0, 1]), pandas.Index(["Jan", "Feb", "Mar"])], ids=str
)
@pytest.mark.filterwarnings("error")
def test_an_index_without_dates_says_nothing(index):
    assert read(index) is None


@pytest.mark.parametrize(
    "dates",
    [
        *(
            pandas.date_range("2020-01-31", periods=50, freq=f)
            for f in ("D", "W", "MS", "ME", "QE", "YS", "B", "37min")
        ),
        BARS[:100],
        DAYS[:9],
    ],
    ids=lambda dates: f"{dates.freq} {len(dates)}",
)
def test_dates_go_on(dates):
    assert_array_equal(dates_after(np.asarray(dates[:-8]), 8), np.asarray(dates[-8:]))


def test_dates_without_a_frequency_go_on_with_the_usual_distance():
    dates = np.asarray(DAYS[[0, 1, 3, 10, 12, 14]])
    assert_array_equal(dates_after(dates, 2), np.array(["2020-01-17", "2020-01-19"], "M8[D]"))


# -- where they are read -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    return RNNForecaster(**BRIEF).fit(X)


@pytest.mark.parametrize(
    "method", ["fit", "partial_fit", "predict", "predict_interval", "sample_paths", "score"], ids=str
)
@pytest.mark.parametrize("form", [lambda x: x, lambda x: x.to_frame(), lambda x: [X, x]], ids=["row", "table", "list"])
def test_all_methods_read_dates(fitted, method, form):
    with pytest.raises(ValueError, match=r"must increase, .* the newest comes first"):
        getattr(fitted, method)(form(X[::-1]))
    with pytest.raises(ValueError, match="not alike far apart"):
        getattr(fitted, method)(form(X.drop(X.index[7])))


def test_the_series_of_a_list_is_named(fitted):
    with pytest.raises(ValueError, match="the dates of series 1 must increase"):
        fitted.fit([X, X[::-1]])


def test_columns_of_a_table_of_series_are_steps():
    table = pandas.DataFrame([X, 2 * X])
    RNNForecaster(**BRIEF).fit(table)
    with pytest.raises(ValueError, match="the newest comes first"):
        RNNForecaster(**BRIEF).fit(table.iloc[:, ::-1])


def test_a_forecaster_whose_series_was_refused_is_as_it_was(fitted):
    expected = fitted.predict(3)
    with pytest.raises(ValueError, match="newest"):
        fitted.fit(X[::-1])
    assert_array_equal(fitted.predict(3), expected)


def test_pandas_is_not_needed():
    code = "import sys; sys.modules['pandas'] = None; import rnnbp.estimators.time_index"
    subprocess.run([sys.executable, "-c", code], check=True)


# -- what is known beside a series -------------------------------------------------------------------------------------

KNOWN = pandas.Series(np.cos(np.arange(N + H)), WEEKS)
YEARS = pandas.Timedelta("728D")


def moved(by):
    return pandas.Series(KNOWN.to_numpy(), WEEKS + by)


@pytest.fixture(scope="module", params=["past_covariates", "future_covariates"])
def both(request):
    return request.param, RNNForecaster(**BRIEF).fit(X, **{request.param: KNOWN})


@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict", "predict_interval", "sample_paths", "score"])
def test_covariates_have_the_dates_of_the_series(both, method):
    name, model = both
    message = f"row 0 of {name} of series 0 is of 2022-01-02, but step 0 of the series is of 2020-01-05: .* c.loc"
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(X, **{name: moved(YEARS)})
    with pytest.raises(ValueError, match=f"{name} of series 0 must increase"):
        getattr(model, method)(X, **{name: KNOWN[::-1]})


@pytest.mark.parametrize("given", [KNOWN, KNOWN.to_numpy(), KNOWN.reset_index(drop=True), KNOWN.to_frame()])
def test_covariates_without_dates_belong_to_rows_by_their_place(both, given):
    name, model = both
    assert_array_equal(model.predict(X, 3, **{name: given}), model.predict(3))
    assert_array_equal(model.predict(X.to_numpy(), 3, **{name: given}), model.predict(3))


def test_covariates_go_on_after_the_series():
    late = KNOWN.drop(WEEKS[N])
    with pytest.raises(ValueError, match="2021-03-07 follows 2021-02-21, but the usual distance is 7 days"):
        RNNForecaster(**BRIEF).fit(X, future_covariates=late)


def test_covariates_of_a_list_are_named():
    with pytest.raises(ValueError, match="row 0 of future_covariates of series 1 is of 2022"):
        RNNForecaster(**BRIEF).fit([X, X], future_covariates=[KNOWN, moved(YEARS)])


def test_covariates_of_the_series_of_fit_have_its_dates(tmp_path):
    model = RNNForecaster(**BRIEF).fit(X, future_covariates=KNOWN)
    model.save(tmp_path / "model")
    for each in (model, rnnbp.load(tmp_path / "model")):
        assert_array_equal(each.predict(H, future_covariates=KNOWN), model.predict(H))
        with pytest.raises(
            ValueError, match="row 47 of future_covariates of series 0 is of 2022-11-27, but step 47 of"
        ):
            each.predict(H, future_covariates=moved(YEARS))


def test_a_holiday_is_warned_of_once():
    dates = WORKDAYS.delete(10)
    x = pandas.Series(np.sin(np.arange(len(dates))), dates)
    with pytest.warns(UserWarning, match="not alike far apart") as caught:
        RNNForecaster(**BRIEF).fit(x, future_covariates=x)
    assert sum("far apart" in str(each.message) for each in caught) == 1


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        ([{"array": ["2020"], "dtype": "<U4", "shape": [1]}], "there is not a date for each step"),
        ([], "there is not a date for each step"),
        ("2020", "_dates cannot be '2020'"),
        ([{"array": ["x"], "dtype": "<U1", "shape": [1]}], "_dates cannot be"),
    ],
)
def test_dates_that_are_none_are_refused_in_files(fitted, tmp_path, dates, message):
    fitted.save(tmp_path / "model")
    description = Network.load(tmp_path / "model").metadata["estimator"]
    description["fitted"]["_dates"] = dates
    fitted.network_.save(tmp_path / "model", metadata={"estimator": description})
    with pytest.raises(ModelFileError, match=re.escape(message)):
        RNNForecaster.load(tmp_path / "model")


def test_a_step_that_comes_too_soon_is_no_value_that_is_missing():
    """Composites of eight days begin anew each year, so that the last of a year has five."""
    years = [pandas.date_range(f"{year}-01-01", f"{year}-12-31", freq="8D") for year in (2001, 2002)]
    days = pandas.DatetimeIndex(np.concatenate(years))
    series = pandas.Series(np.sin(np.arange(len(days))), days)
    with pytest.warns(UserWarning, match="2002-01-01 follows 2001-12-27, but the usual distance is 8 days"):
        read_dates(series, "X")


def test_what_is_said_to_fill_periods_fills_them():
    series = pandas.Series(np.arange(39.0), MONTHS.delete(5))
    filled = series.reindex(pandas.period_range(series.index[0], series.index[-1])).interpolate()
    assert len(read_dates(filled, "X")) == 40


def test_what_was_warned_of_in_fit_is_not_warned_of_again():
    days = pandas.bdate_range("2024-01-01", periods=80).delete(40)  # a holiday
    series = pandas.Series(np.sin(np.arange(79.0)), pandas.DatetimeIndex(days))
    with pytest.warns(UserWarning, match="are not alike far apart") as warned:
        forecaster = RNNForecaster(**BRIEF).fit([series, series])
    assert len([each for each in warned if "alike" in str(each.message)]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecaster.predict([series], 2)
        forecaster.score([series])


def test_dates_go_on_after_the_year_2262():
    after = dates_after(pandas.date_range("2262-01-01", periods=60).values, 100)
    assert (np.diff(after) == np.timedelta64(1, "D")).all()


def test_past_covariates_are_not_looked_at_beyond_the_end_of_the_series():
    later = WEEKS[:N].append(WEEKS[N - 1 :] + pandas.Timedelta("500D"))  # after a break
    beside = pandas.Series(np.cos(np.arange(len(later))), later)
    RNNForecaster(**BRIEF).fit(X, past_covariates=beside)
    with pytest.raises(ValueError, match="future_covariates of series 0 are not alike far apart"):
        RNNForecaster(**BRIEF).fit(X, future_covariates=beside)
