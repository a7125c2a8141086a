"""How models see a series: its scale, its windows, from where they are tried, and whether its level drifts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from rnnbp.estimators.series import Course, View, drifts

T = np.arange(150.0)


def plain(x, n_known=0):
    """A course that is on its scale already, with what is known of its steps and some more: their numbers."""
    x = np.asarray(x, float)
    return Course(x, np.arange(1.0 * (len(x) + n_known))[:, None], (np.zeros(x.shape[1]), np.ones(x.shape[1])))


# -- scale -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "differenced", "mean", "spread"),
    [
        ([1, 3], False, 2, 1),
        ([1, 3, 3, 1], True, 2, np.sqrt(8 / 3)),
        ([5, 7, 9], True, 7, 2),
        ([9, 7, 5], True, 7, 2),
        ([7, 7, 7], False, 7, 1),
        ([7, 7, 7], True, 7, 1),
        ([0, 0, 0], False, 0, 1),
        ([0, 0, 0], True, 0, 1),
    ],
    ids=["values", "changes", "line", "falling line", "constant", "no changes", "nothing", "no changes of nothing"],
)
def test_a_scale_is_the_spread_of_what_is_seen_or_the_size_of_changes_that_are_alike(x, differenced, mean, spread):
    found = View(5, differenced, 1).scale_of(np.array(x, float)[:, None])
    assert_allclose(np.ravel(found), [mean, spread])


@pytest.mark.parametrize("level", [1e-3, 1e6])
def test_what_only_rounding_varies_has_no_spread_at_any_level(level):
    x = level * (1 + np.finfo(float).eps * (np.arange(50) % 3))[:, None]
    assert x.std() > 0
    for differenced in (False, True):
        assert View(5, differenced, 1).scale_of(x)[1] == 1
    assert View(5, False, 1).scale_of(level * (1 + 1e-9 * T[:, None]))[1] < level


# -- windows -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("differenced", [False, True])
def test_a_window_is_of_inputs_what_is_known_of_the_next_steps_and_the_changes_to_them(differenced):
    """Two variables, of which the second is a past covariate, and a window of 3 inputs."""
    x = np.stack([T[:7] ** 2, -T[:7]], axis=1)
    data = View(3, differenced, 1).windows([plain(x)])
    first = int(differenced)
    assert data.x.lengths.tolist() == [3] * (4 - first)
    found = zip(data.x.frames.reshape(-1, 3, 3), data.target.frames.reshape(-1, 3, 2), strict=True)
    for k, (inputs, target) in zip(range(3, first - 1, -1), found, strict=True):
        t = np.arange(k, k + 3)
        own = 2 * t - 1 if differenced else t**2
        assert_array_equal(inputs, np.stack([own, -t, t + 1], axis=1))
        assert_array_equal(target, np.stack([2 * t + 1, -np.ones(3)], axis=1))


@pytest.mark.parametrize(("lengths", "expected"), [([2, 4, 5], [1, 3, 3, 3]), ([3], [2])])
def test_a_series_that_is_shorter_than_a_window_is_one(lengths, expected):
    data = View(3, False, 1).windows([plain(T[:n, None]) for n in lengths])
    assert data.x.lengths.tolist() == data.target.lengths.tolist() == expected


def test_of_long_series_every_so_many_windows_are_taken_and_the_last():
    """1100 steps have 1098 windows of 2 inputs: every third of them makes no more than 512."""
    data = View(2, False, 1).windows([plain(np.arange(1100.0)[:, None])])
    assert data.x.frames[::2, 0].tolist() == list(range(1097, -1, -3))


@pytest.mark.parametrize(
    ("length", "differenced", "first"),
    [(100, False, 12), (60, False, 12), (59, False, 11), (9, False, 1), (4, False, 1), (9, True, 2), (4, True, 2)],
)
def test_forecasts_are_tried_with_a_window_behind_them_or_a_fifth_of_the_series(length, differenced, first):
    assert View(12, differenced, 1).first(length) == first


def test_a_series_that_is_too_short_is_named_with_what_is_needed():
    view = View(12, True, 1)
    view.check([T[:3, None], T[:3, None]], 2)
    with pytest.raises(ValueError, match=r"series 1 has 2 steps \(in a table, n_features=2\), but at least 3 are"):
        view.check([T[:3, None], T[:2, None]], 2)


@pytest.mark.parametrize(("n", "values"), [(1, [4]), (4, [1, 2, 3, 4]), (5, [0, 1, 2, 3, 4]), (9, [0, 1, 2, 3, 4])])
def test_the_last_steps_are_all_if_there_are_fewer(n, values):
    last = plain(T[:5, None], n_known=2).last(n)
    assert last.x[:, 0].tolist() == values
    assert last.known[:, 0].tolist() == [*values, 5, 6]


# -- drift -------------------------------------------------------------------------------------------------------------


def zigzag(share):
    """A line with a zigzag about it, which has this share of the variance."""
    line = (T - T.mean()) / T.std()
    return (np.sqrt(1 - share) * line + np.sqrt(share) * (-1) ** T)[:, None]


@pytest.mark.parametrize(("share", "is_drift"), [(0.45, True), (0.55, False)])
def test_a_level_drifts_if_less_than_half_of_the_variance_is_about_a_line(share, is_drift):
    assert drifts([zigzag(share)], 150) == is_drift
    assert drifts([1e6 + zigzag(share)], 150) == is_drift


@pytest.mark.parametrize(("slope", "is_drift"), [(1.6, True), (1.5, False), (2.2, True)])
def test_the_variance_about_a_line_is_that_of_two_degrees_of_freedom_fewer(slope, is_drift):
    """Of 4 steps: residuals 1, -1, -1, 1 have 4 / 2 = 2, and the series (5 slope^2 + 4) / 4."""
    x = slope * np.arange(4.0) + [1, -1, -1, 1]
    assert drifts([x[:, None]], 50) == is_drift


@pytest.mark.parametrize(("period", "is_drift"), [(40, True), (10, False)])
def test_a_level_drifts_if_windows_vary_less_than_half_as_much_as_the_series(period, is_drift):
    """Of a sine about half of a period, or two."""
    assert drifts([np.sin(2 * np.pi * np.arange(400) / period)[:, None]], 10) == is_drift


def test_variables_are_judged_each_by_its_own_windows():
    slow, fast = (np.sin(2 * np.pi * np.arange(400) / period) for period in (40, 10))
    assert drifts([np.stack([slow, slow, 10 * fast], axis=1)], 10)
    assert not drifts([np.stack([slow, fast, 10 * fast], axis=1)], 10)


def test_three_steps_on_a_line_drift_and_two_do_not():
    assert drifts([T[:3, None]], 50)
    assert not drifts([T[:2, None]], 50)


def test_what_never_changes_does_not_drift():
    assert not drifts([np.ones((50, 1))], 10)


@pytest.mark.parametrize(("n_drifting", "is_drift"), [(0, False), (1, False), (2, True), (3, True)])
def test_of_several_variables_most_must_drift(n_drifting, is_drift):
    season = np.sin(T[:, None] + np.arange(3))
    trends = np.where(np.arange(3) < n_drifting, T[:, None], 0)
    assert drifts([season + trends], 20) == is_drift
    if n_drifting == 1:
        assert not drifts([(season + trends)[:, :2]], 20)  # half of them


def test_variables_are_judged_over_all_series():
    season, trend = np.sin(T[:, None] + np.arange(2)), np.stack([T, 0 * T], axis=1)
    assert drifts([season[:, :1] + T[:, None], season[:, :1]], 20)
    assert not drifts([season + trend, season[:100]], 20)
