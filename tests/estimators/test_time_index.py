"""The dates of a series: in order, alike far apart, and the same beside it."""

import re
import subprocess
import sys
import warnings

import numpy as np
import pandas
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline

import rnnbp
from rnnbp import ModelFileError, Network, RNNForecaster
from rnnbp.estimators.time_index import read_dates, read_name
from rnnbp.estimators.times import Times, dates_after
from rnnbp.gradients import BPTT
from rnnbp.preprocessing import SequenceScaler

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
HALVES = pandas.date_range("2020-01-01", periods=40, freq="500ms")
YEAR = pandas.date_range("2020-01-01", periods=300)


def on(*days_of_week):
    return YEAR[YEAR.day_of_week.isin(days_of_week)]


def at(*hours):
    return HOURS[HOURS.hour.isin(hours)]


def naive(start, freq, zone="Europe/Berlin"):
    """What clocks of a time zone show for ten days."""
    start = pandas.Timestamp(start, tz=zone)
    return pandas.date_range(start, start + pandas.Timedelta("10D"), freq=freq).tz_localize(None)


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
        *(on(*days) for days in ((1, 3), (1, 3, 4), (0, 2, 4), (0, 3), (0, 4), (0, 1, 5), (5, 6), (0, 1, 2, 4, 5, 6))),
        on(1, 3)[:5],
        *(at(*hours) for hours in ((9, 17), (8, 9, 17), (0, 6, 12, 18))),
        HOURS[(HOURS.day_of_week == 1) & HOURS.hour.isin([9, 10])],
        DAYS[:2],
        DAYS[:1],
        without_frequency(DAYS[:1]),
        *(DAYS[np.cumsum([0, *apart])] for apart in ((2, 2, 2, 3, 2, 2, 2), (3, 3, 3, 2, 3, 3, 3))),
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
        *((YEAR[::k].delete(10), f'the usual distance is {k} days. Fill .*asfreq("{k}D")') for k in (2, 3, 4, 5, 7)),
        (at(0, 6, 12, 18).delete(10), 'the usual distance is 6 hours. Fill .*asfreq("6h")'),
        (at(0, 12).delete(10), 'the usual distance is 12 hours. Fill .*asfreq("12h")'),
        (
            YEAR[:21].delete([4, 14]).append(pandas.DatetimeIndex(["2020-01-11 01:00"])).sort_values(),
            "2020-01-06 follows 2020-01-04, but the usual distance is 1 day. Fill what is missing",
        ),
        (at(0, 12)[:10].delete(4), 'the usual distance is 12 hours. Fill .*asfreq("12h")'),
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
        (
            WORKDAYS.delete(10),
            "2020-01-16 follows 2020-01-14, but elsewhere there are dates in between. Each row",
        ),
        (BARS.delete(30), "2020-01-07 12:00:00 follows 2020-01-07 10:00:00, but elsewhere there are dates in between"),
        (without_frequency(WORKDAYS[:8]), "2020-01-06 follows 2020-01-03"),
        (SECONDS.delete(4), "5 seconds follows 3 seconds, but the usual distance is 1 second"),
        (WORKDAYS[:15].delete([4, 10]), "2020-01-08 follows 2020-01-06, but the usual distance is 1 day"),
        (
            YEAR[:28].append(pandas.DatetimeIndex(["2020-01-06 12:00"])).sort_values(),
            "2020-01-06 12:00:00 follows 2020-01-06, but the usual distance is 1 day",
        ),
        (HALVES.delete(4), "2020-01-01 00:00:02 follows .* the usual distance is 0.5 seconds"),
        (pandas.RangeIndex(9)[::-1], "begins with 8 and 7.*s.sort_index().*s.reset_index(drop=True)"),
        (pandas.Index([3, 1, 2]), "begins with 3 and 1"),
        (pandas.Index(["2020-03", "2020-02", "2020-01"]), "begins with 2020-03 and 2020-02"),
    ],
    ids=[
        "trades",
        "a holiday",
        "hours",
        "a weekend",
        "seconds",
        "holidays",
        "one too many",
        "halves",
        "reversed",
        "shuffled",
        "text",
    ],
)
def test_what_cannot_be_known_is_warned_of(dates, message):
    with pytest.warns(UserWarning, match=message.replace("(", r"\(").replace(")", r"\)")) as caught:
        read(dates)
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        (on(1, 3), "2020-02-06 follows 2020-01-30"),
        (on(0, 2, 4), "2020-01-27 follows 2020-01-22"),
        (on(0, 3), "2020-02-06 follows 2020-01-30"),
        (on(5, 6), "2020-02-08 follows 2020-02-01"),
        (at(9, 17), "2020-01-05 17:00:00 follows 2020-01-04 17:00:00"),
        (at(8, 9, 17), "2020-01-03 17:00:00 follows 2020-01-03 08:00:00"),
    ],
    ids=lambda value: str(len(value)),
)
def test_what_a_rhythm_leaves_out_may_be_a_holiday(dates, message):
    k = next(k for k in range(len(dates)) if message.endswith(f"{dates[k - 1]}".removesuffix(" 00:00:00")))
    with pytest.warns(
        UserWarning, match=f"{message}, but elsewhere there are dates in between. Each row is taken as one"
    ):
        read(dates.delete(k))


@pytest.mark.parametrize(
    ("start", "freq", "zone", "step", "moment"),
    [
        ("2020-10-20", "h", "Europe/Berlin", 123, "both of 2020-10-25 02:00:00"),
        ("2020-10-20", "15min", "Europe/Berlin", 492, "2020-10-25 02:00:00, follows one of 2020-10-25 02:45:00"),
        ("2020-10-28", "30min", "America/New_York", 196, "2020-11-01 01:00:00, follows one of 2020-11-01 01:30:00"),
        ("2020-10-28", "h", "America/Havana", 97, "both of 2020-11-01 00:00:00"),
        ("2020-10-20", "h", "Europe/Athens", 124, "both of 2020-10-25 03:00:00"),
        ("2023-10-20", "20min", "Africa/Cairo", 504, "2023-10-26 23:00:00, follows one of 2023-10-26 23:40:00"),
    ],
)
def test_times_that_clocks_show_twice_at_the_end_of_summer_are_said_to_repeat(start, freq, zone, step, moment):
    dates = naive(start, freq, zone)
    with pytest.raises(ValueError, match=moment) as caught:
        read(dates)
    assert f"{step}" in str(caught.value)
    assert 'clocks are put back at the end of summer time: give dates their time zone, s.tz_localize("Europe' in str(
        caught.value
    )
    assert "Sort" not in str(caught.value)
    read(dates.tz_localize(zone, ambiguous="infer"))  # as it is said, in the zone


@pytest.mark.parametrize(
    "dates",
    [
        DAYS[[0, 1, 1, 2]],
        HOURS[[0, 1, 2, 3, 5, 4, 6, 7, 8]],
        HOURS[[10, 11, 12, 13, 13, 14, 15, 16, 17]],
        naive("2020-10-20", "15min")[[4, 5, 6, 7, 8, 6, 7, 8, 9]],
        naive("2020-10-20", "h").tz_localize("UTC"),
    ],
    ids=["days", "two exchanged", "by day", "by another length", "in UTC"],
)
def test_other_times_that_repeat_are_not_those_of_clocks(dates):
    with pytest.raises(ValueError, match=r"keep one|they are not in order") as caught:
        read(dates)
    assert "summer" not in str(caught.value)


@pytest.mark.parametrize("freq", ["1h", "15min"])
def test_an_hour_that_clocks_leave_out_in_spring_may_not_be_missing(freq):
    dates = naive("2020-03-25", freq)
    hint = 'if clocks were put forward for summer here, give dates their time zone, s.tz_localize("Europe/Berlin"'
    with pytest.raises(ValueError, match=r"2020-03-29 03:00:00 follows .* Fill what is missing") as caught:
        read(dates)
    assert hint in str(caught.value)
    assert f's.asfreq("{freq}").interpolate()' in str(caught.value)
    read(dates.tz_localize("Europe/Berlin", ambiguous="infer"))
    by_day, utc = dates + pandas.Timedelta("9h"), dates.tz_localize("UTC")
    for other in (by_day, utc, dates[: len(dates) * 2 // 5].delete(60)):
        with pytest.raises(ValueError, match="Fill what is missing") as caught:
            read(other)
        assert "summer" not in str(caught.value)


@pytest.mark.parametrize(
    ("dates", "message", "mended"),
    [
        (DAYS[::-1], "X.sort_index(axis=1)", lambda X: X.sort_index(axis=1)),
        (DAYS[[0, 1, 1, 2]], "X.loc[:, ~X.columns.duplicated()]", lambda X: X.loc[:, ~X.columns.duplicated()]),
        (DAYS[[0, 1, 1, 2]], "X.T.groupby(level=0).mean().T", lambda X: X.T.groupby(level=0).mean().T),
        (
            DAYS.delete(10),
            'X.T.asfreq("1D").interpolate().T; or, if columns are steps',
            lambda X: X.T.asfreq("1D").interpolate().T,
        ),
        (DAYS.delete(10), "X.set_axis(range(X.shape[1]), axis=1)", lambda X: X.set_axis(range(X.shape[1]), axis=1)),
        (
            MONTHS.delete(5),
            "X.T.reindex(pandas.period_range(X.columns[0], X.columns[-1])).interpolate().T",
            lambda X: X.T.reindex(pandas.period_range(X.columns[0], X.columns[-1])).interpolate().T,
        ),
        (
            naive("2020-10-20", "15min"),
            'X.tz_localize("Europe/Berlin", axis=1, ambiguous="infer")',
            lambda X: X.tz_localize("Europe/Berlin", axis=1, ambiguous="infer"),
        ),
    ],
    ids=["order", "twice", "mean", "gap", "no dates", "periods", "clocks"],
)
def test_what_is_to_be_done_with_dates_in_columns_is_said_of_columns(dates, message, mended):
    X = pandas.DataFrame(np.ones((3, len(dates))), columns=dates)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read_dates(X, "X", in_columns=True)
    assert re.search(r"\bs\.", str(caught.value)) is None
    read_dates(mended(X), "X", in_columns=True)


def test_a_holiday_among_columns_is_warned_of_as_a_column():
    X = pandas.DataFrame(np.ones((3, 59)), columns=WORKDAYS.delete(10))
    with pytest.warns(UserWarning, match="Each column is taken as one step: .* if columns are steps"):
        read_dates(X, "X", in_columns=True)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (X.rename("v"), "v"),
        (X.to_frame("v"), "v"),
        (X, None),
        (X.rename(3), None),
        (X.rename(""), None),
        (pandas.DataFrame({"v": X, "w": X}), None),
        (X.to_numpy(), None),
    ],
    ids=["series", "table", "none", "number", "empty", "two columns", "array"],
)
def test_a_name_is_that_of_the_series_or_the_only_column(given, name):
    assert read_name(given) == name


SEVERAL = pandas.MultiIndex.from_product([["a", "b"], WEEKS[:N]])


@pytest.mark.parametrize("index", [SEVERAL, SEVERAL.swaplevel()], ids=["number first", "date first"])
def test_dates_beside_something_else_are_refused_as_they_may_be_of_several_series(index):
    values = np.sin(np.arange(2.0 * N) / 3)
    other = index is not SEVERAL
    series = pandas.Series(values, index)
    table = pandas.DataFrame({"v": values, "w": values}, index)
    for X in (series, series.to_frame(), [series], table, [table]):
        message = rf"are a MultiIndex of dates .* \[x.droplevel\({other:d}\) for _, x in X.groupby\(level={other:d}\)\]"
        with pytest.raises(ValueError, match=f"^the rows of (X|series 0) {message}"):
            RNNForecaster(**BRIEF).fit(X)
    with pytest.raises(ValueError, match=r"^the columns of X .* in X.T.groupby"):
        RNNForecaster(**BRIEF).fit(table.T)
    RNNForecaster(**BRIEF).fit([x.droplevel(int(other)) for _, x in series.groupby(level=int(other))])
    with pytest.raises(ValueError, match=r"^the rows of future_covariates of series 0 are a MultiIndex"):
        RNNForecaster(**BRIEF).fit(X=values, future_covariates=series)


def test_of_two_levels_of_dates_the_first_is_taken_for_the_number_of_the_series():
    both = pandas.MultiIndex.from_product([DAYS[:3], HOURS[:5]])
    with pytest.raises(ValueError, match=r"\[x.droplevel\(0\) for _, x in X.groupby\(level=0\)\]"):
        read_dates(pandas.Series(np.zeros(15), both), "X")


def test_several_levels_without_dates_are_warned_of():
    series = pandas.Series(np.ones(6), pandas.MultiIndex.from_product([["a", "b"], range(3)]))
    with pytest.warns(
        UserWarning, match="the index of X has 2 levels, but all rows are taken as steps of one series"
    ) as w:
        assert read_dates(series, "X") is None
    assert len(w) == 1


@pytest.mark.parametrize(
    "index", [pandas.RangeIndex(5, 9), pandas.Index([0, 1, 0, 1]), pandas.Index(["Jan", "Feb", "Mar"])], ids=str
)
@pytest.mark.filterwarnings("error")
def test_an_index_without_dates_says_nothing(index):
    assert read(index) is None


@pytest.mark.filterwarnings("error")
def test_rows_in_any_order_say_nothing_of_what_is_beside_a_series_or_has_its_steps_in_columns():
    table = pandas.DataFrame(np.zeros((3, 5)), index=[3, 1, 2])
    assert read_dates(table, "c", beside=True) is None
    assert read_dates(table, "X", in_columns=True) is None


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


@pytest.mark.parametrize("days", [[0, 1, 3, 10, 12, 14], [0, 1, 2, 4, 6, 14]])
def test_dates_without_a_frequency_go_on_with_the_usual_distance(days):
    assert_array_equal(dates_after(np.asarray(DAYS[days]), 2), np.array(["2020-01-17", "2020-01-19"], "M8[D]"))


def test_dates_go_on_as_before_after_a_gap_at_their_end():
    assert_array_equal(dates_after(np.asarray(DAYS[:20].delete(18)), 3), np.asarray(DAYS[20:23]))


def test_two_months_go_on():
    after = dates_after(np.array(["2020-01-31", "2020-02-29"], "M8[D]"), 2)
    assert_array_equal(after, np.array(["2020-03-31", "2020-04-30"], "M8[D]"))


@pytest.mark.parametrize(("n", "after"), [(9, ["17", "18", "19"]), (10, ["20", "21", "22"])])
def test_weekends_are_left_out_once_two_weeks_are_known(n, after):
    dates = np.asarray(pandas.bdate_range("2020-01-06", periods=n))
    assert_array_equal(dates_after(dates, 3), np.array([f"2020-01-{day}" for day in after], "M8[D]"))


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


@pytest.mark.parametrize("index", [DAYS, MONTHS, SECONDS], ids=lambda index: type(index).__name__)
def test_a_table_whose_rows_are_times_is_no_table_of_series(fitted, index):
    table = pandas.DataFrame(np.ones((40, 2)), index)
    message = (
        f"the rows of X are times, a {type(index).__name__}, .* pass \\[X\\] for one series of 2 variables, "
        "or X.T for 2 series of 40 steps"
    )
    for method in (fitted.fit, fitted.predict):
        with pytest.raises(ValueError, match=message):
            method(table)


def test_a_forecaster_whose_series_was_refused_is_as_it_was(fitted):
    expected = fitted.predict(3)
    with pytest.raises(ValueError, match="newest"):
        fitted.fit(X[::-1])
    assert_array_equal(fitted.predict(3), expected)


@pytest.mark.parametrize("form", [lambda x: x.to_frame("v"), lambda x: [x], lambda x: [x.to_frame()]])
def test_a_scaler_in_a_pipeline_hands_dates_on_where_tables_are_asked_for(form):
    pipeline = make_pipeline(SequenceScaler(), RNNForecaster(**BRIEF)).set_output(transform="pandas")
    pipeline.fit(form(X))
    with pytest.raises(ValueError, match="the newest comes first"):
        pipeline.fit(form(X[::-1]))


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


def test_dates_of_another_kind_and_of_too_few_rows_are_not_compared(both):
    name, model = both
    durations = pandas.Series(KNOWN.to_numpy(), pandas.timedelta_range(0, periods=N + H, freq="s"))
    assert_array_equal(model.predict(X, 3, **{name: durations}), model.predict(3))
    with pytest.raises(ValueError, match=f"{name} of series 0 have 50 rows"):
        model.predict(X, 3, **{name: KNOWN[:50]})


IN_ZONES = [  # dates of the series, those beside it, and whether they are the same
    ("Europe/Berlin", "Europe/Berlin", "Europe/Berlin", True),
    ("Europe/Berlin", "Europe/Berlin", "Asia/Tokyo", True),
    ("Europe/Berlin", "Asia/Tokyo", "Asia/Tokyo", False),
    ("UTC", "Asia/Tokyo", "Asia/Tokyo", False),
    ("Europe/Berlin", None, None, True),  # on the clock of the series
    (None, "Europe/Berlin", "Europe/Berlin", True),
]


@pytest.mark.parametrize(("zone", "localized", "shown_in", "same"), IN_ZONES)
def test_dates_of_time_zones_are_compared_as_instants(zone, localized, shown_in, same, tmp_path):
    series, beside = X.tz_localize(zone), KNOWN.tz_localize(localized)
    beside = beside if shown_in is None else beside.tz_convert(shown_in)
    model = RNNForecaster(**BRIEF).fit(series, future_covariates=KNOWN.to_numpy())
    model.save(tmp_path / "model")
    for each in (model, rnnbp.load(tmp_path / "model")):
        for given in ((series, H), (None, H)):
            if same:
                expected = model.predict(*given, future_covariates=KNOWN.to_numpy())
                assert_array_equal(each.predict(*given, future_covariates=beside), expected)
            else:
                first = (
                    ""
                    if given[0] is None
                    else r"2020-01-05\+09:00, but step 0 of the series is of 2020-01-05\+0[01]:00"
                )
                with pytest.raises(ValueError, match=rf"row \d+ of future_covariates of series 0 is of {first}"):
                    each.predict(*given, future_covariates=beside)


def test_dates_that_are_compared_by_the_clock_are_shown_as_it_shows_them():
    message = "is of 2020-01-12, but step 0 of the series is of 2020-01-05: rows"
    with pytest.raises(ValueError, match=message):
        RNNForecaster(**BRIEF).fit(X.tz_localize("Europe/Berlin"), future_covariates=moved(pandas.Timedelta("7D")))


def test_dates_of_a_time_zone_are_text_and_dates_again():
    for index in (
        SHIFTS[:200],
        pandas.date_range("1880-01-01", periods=3, tz="Europe/Berlin"),  # 53 minutes and 28 seconds before Greenwich
        pandas.date_range("2020-01-01", periods=3, tz="America/St_Johns"),
        DAYS,
    ):
        times = read(index)
        again = Times.of_text(times.text)
        assert_array_equal(again.clock, index.tz_localize(None))
        assert_array_equal(again.instants, index if index.tz is None else index.tz_convert(None))
        assert (again.offset is None) == (index.tz is None)
    assert read(index).text[1].startswith("2020-01-02T00:00:00")
    assert list(read(SHIFTS[:1]).text) == ["2020-03-01T08:00:00.000000000+01:00"] or SHIFTS.unit != "ns"


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
        ([{"array": ["NaT"], "dtype": "<U3", "shape": [1]}], "_dates cannot be"),
        (
            [{"array": ["2020-01-05T00:00+01:00", "2020-01-06T00:00"], "dtype": "<U22", "shape": [2]}],
            "_dates cannot be",
        ),
        ([{"array": ["2020-01-05T00:00+99"], "dtype": "<U19", "shape": [1]}], "_dates cannot be"),
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


@pytest.mark.parametrize(
    "form", [lambda x: x, lambda x: [x, x], lambda x: pandas.DataFrame([x, x])], ids=["one", "list", "table"]
)
def test_what_was_warned_of_in_fit_is_not_warned_of_again(form):
    days = pandas.bdate_range("2024-01-01", periods=80).delete(40)  # a holiday
    series = pandas.Series(np.sin(np.arange(79.0)), pandas.DatetimeIndex(days))
    with pytest.warns(UserWarning, match="are not alike far apart") as warned:
        forecaster = RNNForecaster(**BRIEF).fit(form(series))
    assert len([each for each in warned if "alike" in str(each.message)]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecaster.predict(form(series), 2)
        forecaster.score(form(series))


def test_dates_go_on_after_the_year_2262():
    after = dates_after(pandas.date_range("2262-01-01", periods=60).values, 100)
    assert (np.diff(after) == np.timedelta64(1, "D")).all()


def test_past_covariates_are_not_looked_at_beyond_the_end_of_the_series():
    later = WEEKS[:N].append(WEEKS[N - 1 :] + pandas.Timedelta("500D"))  # after a break
    beside = pandas.Series(np.cos(np.arange(len(later))), later)
    RNNForecaster(**BRIEF).fit(X, past_covariates=beside)
    with pytest.raises(ValueError, match="future_covariates of series 0 are not alike far apart"):
        RNNForecaster(**BRIEF).fit(X, future_covariates=beside)
