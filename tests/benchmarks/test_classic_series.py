"""The classic tasks on series and real data: that each runs, and what their scores are held against."""

import math
import os

import numpy as np
import pytest

from benchmarks.classic import characters, laser, mackey_glass, mnist_rows, narma, sunspots
from rnnbp import datasets

needs_real_data = pytest.mark.skipif(not os.environ.get("RNNBP_DATA"), reason="needs the real data: set RNNBP_DATA")

GENERATED = [*mackey_glass.TASKS, *narma.TASKS]
REAL = [*sunspots.TASKS, *laser.TASKS, *mnist_rows.TASKS, *characters.TASKS]
ALL = [pytest.param(task, id=task.name) for task in GENERATED] + [
    pytest.param(task, id=task.name, marks=needs_real_data) for task in REAL
]


def forecast_by_least_squares(series, n_train, n_taps, horizon=1):
    """Return forecasts of all values after the first n_train, by numpy.linalg.lstsq; zeros stand before the series."""
    padded = np.concatenate([np.zeros(n_taps - 1), series])
    rows = np.array([[*padded[t : t + n_taps], 1.0] for t in range(len(series) - horizon)])
    fitted = n_train - horizon
    weights = np.linalg.lstsq(rows[:fitted], series[horizon:n_train], rcond=None)[0]
    return (rows @ weights)[fitted:]


# -- every task --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ALL)
def test_a_quick_run_gives_a_finite_score_and_baselines(task):
    result = task.run(0, quick=True)
    assert math.isfinite(result.score)
    assert result.baselines
    assert all(math.isfinite(value) for value in result.baselines.values())


def test_the_seed_decides_the_score():
    (task,) = narma.TASKS
    first, again, other = (task.run(seed, quick=True) for seed in (0, 0, 1))
    assert again == first
    assert other.score != first.score


@pytest.mark.parametrize("task", [*narma.TASKS, *laser.TASKS, *characters.TASKS], ids=lambda task: task.name)
def test_an_aim_is_met_if_no_seed_misses_it(task):
    good, bad = narma.Result(0.0, {}), narma.Result(9.0, {})
    assert task.met([good, good])
    assert not task.met([good, bad])


@pytest.mark.parametrize("task", [*mackey_glass.TASKS, *sunspots.TASKS, *mnist_rows.TASKS], ids=lambda task: task.name)
def test_without_an_aim_nothing_is_met_or_missed(task):
    assert task.aim == ""
    assert task.met([narma.Result(0.0, {})]) is None


# -- series ------------------------------------------------------------------------------------------------------------


def test_narma_linear_delay_line_is_the_least_squares_one():
    u, y = datasets.make_narma10(10, 300, dtype="float64", random_state=0)

    def rows(drive):
        padded = np.concatenate([np.zeros(narma.N_TAPS - 1), drive])
        return np.array([[*padded[t : t + narma.N_TAPS], 1.0] for t in range(len(drive))])

    weights = np.linalg.lstsq(np.concatenate([rows(drive) for drive in u[:6, :, 0]]), y[:6].ravel(), rcond=None)[0]
    expected = np.stack([rows(drive) @ weights for drive in u[6:, :, 0]])[:, 50:]
    counted = y[6:, 50:, 0]
    nrmse = np.sqrt(np.mean((expected - counted) ** 2) / np.var(counted))
    found = narma.baselines(u[:6], y[:6], u[6:], y[6:])
    assert found["linear delay line"] == pytest.approx(nrmse, rel=1e-3)
    assert nrmse == pytest.approx(0.39, abs=0.04)


def test_narma_does_not_count_the_first_steps():
    _, y = datasets.make_narma10(3, 80, dtype="float64", random_state=0)
    wrong_at_first = y.copy()
    wrong_at_first[:, :50] = 9.0
    assert narma.nrmse(y, wrong_at_first) == 0.0


def test_the_best_constant_has_a_normalised_error_of_one():
    _, y = datasets.make_narma10(3, 200, dtype="float64", random_state=0)
    assert narma.nrmse(y, np.full_like(y, y[:, 50:].mean())) == pytest.approx(1.0)


@needs_real_data
def test_laser_baselines_are_those_of_independent_computations():
    series = datasets.fetch_santafe_laser()[:1100].astype(np.float64)
    last, variance = series[1000:], np.var(series[1000:])
    linear = forecast_by_least_squares(series, 1000, laser.N_TAPS)
    assert laser.baselines(series) == pytest.approx(
        {
            "constant": np.mean((last - np.mean(series[:1000])) ** 2) / variance,
            "last value": np.mean(np.diff(series[999:]) ** 2) / variance,
            "linear delay line": np.mean((linear - last) ** 2) / variance,
        },
        rel=1e-5,
    )


@needs_real_data
def test_sunspot_baselines_are_those_of_independent_computations():
    years, numbers = datasets.fetch_sunspots()
    numbers = numbers[years <= 1955]
    last = numbers[-35:]
    lines = {
        f"linear delay line of {n}": np.mean((forecast_by_least_squares(numbers, 221, n) - last) ** 2) / 1535
        for n in (2, 9)
    }
    assert sunspots.baselines(numbers) == pytest.approx(
        {
            "constant": np.mean((last - numbers[years[: len(numbers)] <= 1920].mean()) ** 2) / 1535,
            "last value": np.mean((last - numbers[-36:-1]) ** 2) / 1535,
            **lines,
        },
        rel=1e-5,
    )


@needs_real_data
@pytest.mark.parametrize("module", [laser, sunspots])
def test_a_forecast_does_not_see_what_comes_after_it(module):
    fetch = datasets.fetch_santafe_laser if module is laser else lambda: datasets.fetch_sunspots()[1]
    series = fetch()[: module.N_TRAIN + module.N_TEST].astype(np.float64)
    changed = series.copy()
    changed[-10:] = 50.0
    before, after = (module.forecast(values, seed=0, iterations=2) for values in (series, changed))
    assert np.array_equal(before[:-9], after[:-9])
    assert not np.array_equal(before[-9:], after[-9:])


def test_mackey_glass_goes_on_from_its_own_forecasts():
    series = mackey_glass.make_series(1, 30, np.random.default_rng(0))[0]
    net = mackey_glass.train(series[None], seed=0, epochs=1)
    found = mackey_glass.go_on(net, series)
    fed = series
    for _ in range(3):
        fed = np.concatenate([fed, net.forward(fed[:, None])[-1]])
    assert len(found) == 84
    np.testing.assert_allclose(found[:3], fed[-3:], rtol=1e-5)


def test_mackey_glass_linear_delay_line_is_the_least_squares_one():
    series = mackey_glass.make_series(1, 700, np.random.default_rng(0))
    ahead, n_taps = mackey_glass.HORIZON, mackey_glass.N_TAPS
    test = series[:, 300 : 300 + mackey_glass.N_SHOWN + ahead]
    padded = np.concatenate([np.zeros(n_taps - 1), series[0, :, 0]])
    rows = np.array([[*padded[t : t + n_taps], 1.0] for t in range(700 - ahead)])
    penalty = np.sqrt(1e-3) * np.eye(n_taps + 1)[:-1]  # the delay line's ridge, as rows of least squares
    weights = np.linalg.lstsq(np.vstack([rows, penalty]), np.append(series[0, ahead:, 0], np.zeros(n_taps)))[0]
    seen = np.append(test[0, mackey_glass.N_SHOWN - n_taps : mackey_glass.N_SHOWN, 0], 1.0)
    expected = abs(seen @ weights - test[0, -1, 0]) / test.std()
    assert mackey_glass.baselines(series, test)["linear delay line"] == pytest.approx(expected, rel=1e-6)


# -- images ------------------------------------------------------------------------------------------------------------


def test_shrinking_takes_means_of_squares():
    image = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    assert mnist_rows.shrink(image, 2)[0] * 255 == pytest.approx(np.array([[2.5, 4.5], [10.5, 12.5]]))
    assert np.array_equal(mnist_rows.shrink(image, 4), image / np.float32(255))


def test_pixels_come_in_the_order_of_reading():
    rows, pixels = mnist_rows.TASKS
    images = np.arange(2 * 28 * 28).reshape(2, 28, 28)
    small = np.arange(3 * 14 * 14).reshape(3, 14, 14)
    assert rows.steps(images).shape == (28, 2, 28)
    assert np.array_equal(rows.steps(images)[:, 1], images[1])
    assert pixels.steps(small).shape == (196, 3, 1)
    assert np.array_equal(pixels.steps(small)[:, 2, 0], small[2].ravel())


def test_the_constant_names_the_digit_that_is_most_frequent_in_training():
    assert mnist_rows.constant(np.array([1, 1, 7]), np.array([7, 1, 7, 7])) == 0.25


# -- characters --------------------------------------------------------------------------------------------------------


def test_the_parts_of_a_text_are_read_side_by_side_and_each_foretells_the_next_character():
    x, target = characters.side_by_side(np.arange(10), 3)
    assert x.tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    assert np.array_equal(target, x + 1)


def test_characters_are_numbered_in_alphabetical_order():
    assert characters.encode("banana").tolist() == [1, 0, 2, 0, 2, 0]


def test_context_nats_are_those_of_counting_by_hand():
    train, test, m = "abracadabra", "cabra", 2.0

    def probability(context, nxt, order):
        lower = 1 / 5 if order == 0 else probability(context[1:], nxt, order - 1)
        places = [t for t in range(order, len(train)) if train[t - order : t] == context]
        return (sum(train[t] == nxt for t in places) + m * lower) / (len(places) + m)

    symbols = characters.encode(train + test)
    for order in range(3):
        nats = [
            -math.log(probability(test[max(t - order, 0) : t], test[t], min(order, t))) for t in range(1, len(test))
        ]
        found = characters.context_nats(symbols[: len(train)], symbols[len(train) :], 5, order)
        assert found == pytest.approx(np.mean(nats))


def test_training_ends_before_an_epoch_that_would_not_fit():
    limit = 60 * characters.MINUTES
    assert not characters.no_time_left([limit / 4, limit / 4])
    assert characters.no_time_left([limit / 4, limit / 2, limit / 8 + 1])
