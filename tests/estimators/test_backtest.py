"""What is left out in turn, and intervals of errors: against the theory of order statistics."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_allclose, assert_array_equal

from rnnbp.estimators.backtest import folds, further, interval, steps_ahead


@pytest.mark.parametrize("lengths", [[100], [10, 25], [7, 30, 5], [4] * 10])
def test_everything_is_left_out_once(lengths):
    times = [np.zeros(n) for n in lengths]
    for fold in folds(lengths):
        for seen, (begin, end) in zip(times, fold, strict=True):
            seen[begin:end] += 1
    assert all((seen == 1).all() for seen in times)


@pytest.mark.parametrize("lengths", [[100], [10, 25], [7, 30, 5], [4] * 10])
def test_most_is_left_to_be_trained_on(lengths):
    for fold in folds(lengths):
        assert sum(end - begin for begin, end in fold) <= 0.8 * sum(lengths)


def test_errors_are_known_as_far_ahead_as_there_are_origins():
    assert steps_ahead([100, 40], 50) == 20
    assert steps_ahead([1000], 50) == 50
    assert steps_ahead([4, 3], 50) == 1


@pytest.mark.parametrize(("n", "coverage"), [(19, 0.9), (39, 0.95), (99, 0.8), (199, 0.5)])
def test_an_interval_of_exchangeable_errors_covers_exactly_what_it_says(n, coverage):
    """Where (n + 1) (1 - coverage) / 2 is a whole number; 4000 draws have a standard error of 0.8 % at most."""
    drawn = np.random.default_rng(0).standard_cauchy((n + 1, 4000, 1))
    lower, upper = interval(drawn[:-1], coverage, drifts=False)
    assert lower.shape == upper.shape == (4000, 1)
    assert_allclose(((lower <= drawn[-1]) & (drawn[-1] <= upper)).mean(), coverage, atol=0.025)


@pytest.mark.parametrize("n", [18, 19, 28, 29])
def test_as_many_errors_are_left_out_as_coverage_allows(n):
    """Of n + 1 exchangeable errors, the last one lies between the k-th ones from both ends in n + 1 - 2 k cases."""
    k = max(k for k in range(1, n) if n + 1 - 2 * k >= 0.8 * (n + 1) - 1e-9)
    middle = (n + 1) / 2  # about which they lie, so that intervals hold the forecast as they are
    errors = (np.arange(1.0, n + 1) - middle)[:, None, None]
    assert_array_equal(np.ravel(interval(errors, 0.8, drifts=False)), [k - middle, n + 1 - k - middle])


def test_an_interval_is_never_wider_than_the_errors():
    errors = np.random.default_rng(0).normal(size=(5, 3, 2))
    lower, upper = interval(errors, 0.999, drifts=False)
    assert_array_equal(lower, np.minimum(errors.min(axis=0), 0))
    assert_array_equal(upper, np.maximum(errors.max(axis=0), 0))


def test_an_interval_that_is_widened_holds_the_one_that_is_not_of_biased_errors_too():
    errors = np.random.default_rng(0).uniform(-0.5, 2, (60, 20, 1))
    (lower, upper), (low, high) = (interval(errors, 0.9, drifts=drifts) for drifts in (True, False))
    assert (lower <= low).all()
    assert (upper >= high).all()


@pytest.mark.parametrize("drifts", [False, True])
@pytest.mark.parametrize("side", [-1, 1])
def test_an_interval_reaches_to_the_forecast_if_all_errors_are_to_one_side(drifts, side):
    errors = side * np.random.default_rng(0).uniform(1, 2, (60, 20, 1))
    lower, upper = interval(errors, 0.5, drifts=drifts)
    assert ((lower if side > 0 else upper) == 0).all()
    assert ((upper if side > 0 else -lower) > 1.5).all()


@pytest.mark.parametrize(("drifts", "growth"), [(False, 1.0), (True, np.sqrt(2.0))])
def test_errors_further_ahead_are_the_last_ones_and_grow_if_levels_drift(drifts, growth):
    errors = np.random.default_rng(0).normal(size=(5, 4, 2))
    assert_array_equal(further(errors, 3, drifts=drifts), errors[:, :3])
    found = further(errors, 8, drifts=drifts)
    assert_array_equal(found[:, :4], errors)
    assert_allclose(found[:, 7], growth * errors[:, 3])
    assert_array_equal(further(errors[0], 8, drifts=drifts), found[0])


@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_an_interval_of_overlapping_sums_covers_what_it_says(coverage):
    """Of random walks: 300 origins, whose errors h steps ahead are sums of h of the same shocks.

    3000 walks have a standard error of 0.7 % at most; without the correction 95 % is 90 % at 30 steps, and 80 % 76 %.
    """
    rng, steps = np.random.default_rng(0), [1, 5, 10, 30]
    covered = []
    for _ in range(3000):
        walk = sliding_window_view(np.cumsum(rng.normal(size=330)), 31)
        errors = (walk[:, 1:] - walk[:, :1])[..., None]
        lower, upper = interval(errors, coverage, drifts=True)
        new = np.cumsum(rng.normal(size=30))[:, None]
        covered.append((lower <= new) & (new <= upper))
    assert_allclose(np.mean(covered, axis=0)[np.array(steps) - 1, 0], coverage, atol=0.03)


def test_a_third_of_each_of_two_series_and_every_third_of_three_is_left_out():
    assert list(folds([100, 10])) == [[(0, 33), (0, 3)], [(33, 66), (3, 6)], [(66, 100), (6, 10)]]
    assert list(folds([4, 5, 6, 7])) == [
        [(0, 4), (0, 0), (0, 0), (0, 7)], [(0, 0), (0, 5), (0, 0), (0, 0)], [(0, 0), (0, 0), (0, 6), (0, 0)]
    ]  # fmt: skip


def test_errors_are_known_for_a_fifth_of_the_longest_series():
    assert [steps_ahead([n], 50) for n in (9, 10, 249, 250, 255)] == [1, 2, 49, 50, 50]


# errors -4 to 14, of which 80 % leave two out at each end; ends of -3 and 13, and their half 8, are widened by
# Student's quantile over the normal one: t(18) 1.3304, at half as many 8.5 degrees of freedom 1.3895; the normal 1.2816
WIDER = (1.33039 / 1.28155 * np.sqrt(20 / 18), 1.38949 / 1.28155 * np.sqrt(10.5 / 8.5))


def test_an_interval_is_between_the_errors_that_leave_as_many_out_and_widened_as_said_where_levels_drift():
    errors = np.random.default_rng(0).permutation(np.arange(-4.0, 15))[:, None, None].repeat(2, axis=1)
    assert_array_equal(interval(errors, 0.8, drifts=False), [[[-3.0], [-3.0]], [[13.0], [13.0]]])
    lower, upper = interval(errors, 0.8, drifts=True)
    assert_allclose(lower[:, 0], 5 - 8 * np.array(WIDER), atol=1e-3)
    assert_allclose(upper[:, 0], 5 + 8 * np.array(WIDER), atol=1e-3)


def test_as_few_as_two_independent_errors_are_taken_for_two():
    """Of three that overlap, three steps ahead: Student's quantile of one degree of freedom, 3.0777."""
    lower, upper = interval(np.arange(3.0)[:, None, None].repeat(3, axis=1), 0.8, drifts=True)
    assert_allclose(upper[1:, 0] - lower[1:, 0], 2 * 3.07768 / 1.28155 * np.sqrt(3), rtol=1e-4)


def test_errors_as_far_ahead_as_known_and_one_further():
    errors = np.arange(1.0, 5)[None, :, None]
    for h, expected in ((1, [1]), (4, [1, 2, 3, 4]), (5, [1, 2, 3, 4, 4 * np.sqrt(5 / 4)])):
        assert_allclose(further(errors, h, drifts=True)[0, :, 0], expected)
