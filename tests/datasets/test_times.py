"""Times in a table: rows are sorted as Python's own dates are."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from rnnbp.datasets.times import read_times


def times(*texts):
    return read_times(np.array(texts), "when", "row {}".format)


def test_numbers_are_sorted_as_numbers():
    assert times("10", "9", "100").argsort().tolist() == [1, 0, 2]
    assert times("1e3", "9.5", "-1").argsort().tolist() == [2, 1, 0]
    assert times("9007199254740993", "9007199254740992").argsort().tolist() == [1, 0]  # floats cannot tell them apart


def test_dates_are_sorted_as_dates_however_they_are_written():
    rng = np.random.default_rng(0)
    dates = [datetime(2024, 1, 1) + timedelta(minutes=int(m)) for m in rng.permutation(1_000_000)[:50]]
    ways = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y%m%dT%H%M")
    texts = [date.strftime(ways[k % 3]) for k, date in enumerate(dates)]
    assert times(*texts).argsort().tolist() == sorted(range(50), key=dates.__getitem__)
    assert times("2024-12-31 00:30+01:00", "2024-12-30 23:00Z").argsort().tolist() == [1, 0]


def test_dates_at_the_ends_of_the_calendar_have_time_zones_too():
    first, last = times("0001-01-01 00:00+05:00", "9999-12-31 23:00-05:00")
    assert first < np.datetime64("0001-01-01") < np.datetime64("9999-12-31T23:00") < last


def test_what_is_no_text_stays_as_it_is():
    days = np.array(["2024-12-31", "2024-12-30"], "M8[D]")
    assert read_times(days, "when", str) is days


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("1", "Monday"), "row 1: 'when' is 'Monday', but times must all be numbers, or all dates"),
        (("2024-12-31", "1"), "row 1: 'when' is '1', but"),
        (("1", "inf"), "row 1: 'when' is 'inf', but"),
        (("2024-12-31", "31.12.2024"), r"row 1: 'when' is '31\.12\.2024', but"),
        (("nan", "1"), "row 0: 'when' is 'nan'"),
        (("2024-12-31 12:00", "2024-12-31 12:00Z"), "row 0: 'when' has no time zone, but others have"),
    ],
)
def test_what_is_no_time_is_said_with_its_place(texts, message):
    with pytest.raises(ValueError, match=message):
        times(*texts)
