"""Learning-rate schedules; numbers from PyTorch's (tests/reference/make_optimizers_reference.py)."""

import copy
import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

from rnnbp.optimizers import schedules

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "optimizers_reference.json").read_text())["schedules"]

ALL = [
    schedules.constant(0.1),
    schedules.step(0.1, 5, 0.5),
    schedules.cosine(0.1, 20, 0.01),
    schedules.one_cycle(0.1, 20),
    schedules.reduce_on_plateau(0.1, 0.5, 2),
    schedules.warm_up(schedules.cosine(0.1, 20), 5),
    schedules.linear(0.1, 20, 0.01),
    schedules.exponential(0.1, 20, 0.01),
    schedules.inverse_sigmoid(0.1, 5),
]
every_schedule = pytest.mark.parametrize("schedule", ALL, ids=lambda s: type(s).__name__)


@pytest.mark.parametrize("name", ["step", "cosine", "one_cycle"])
def test_equals_pytorch(name):
    schedule = getattr(schedules, name)(**REFERENCE[name]["settings"])
    rates = [schedule(epoch) for epoch in range(len(REFERENCE[name]["rates"]))]
    np.testing.assert_allclose(rates, REFERENCE[name]["rates"], rtol=1e-12)


def test_warm_up_equals_pytorch():
    settings = REFERENCE["warm_up"]["settings"]
    schedule = schedules.warm_up(schedules.constant(settings["rate"]), settings["epochs"], start=settings["start"])
    rates = [schedule(epoch) for epoch in range(len(REFERENCE["warm_up"]["rates"]))]
    np.testing.assert_allclose(rates, REFERENCE["warm_up"]["rates"], rtol=1e-12)


def test_reduce_on_plateau_equals_pytorch():
    reference = REFERENCE["reduce_on_plateau"]
    schedule = schedules.reduce_on_plateau(**reference["settings"])
    state, rates = schedule.init(), []
    for epoch, metric in enumerate(reference["metrics"]):
        rates.append(schedule(epoch, state))
        schedule.observe(metric, state)
    assert len(set(rates)) > 2
    np.testing.assert_allclose(rates, reference["rates"], rtol=1e-12)


@every_schedule
def test_stays_at_its_last_rate_or_falls_further_but_is_never_negative(schedule):
    rates = [schedule(epoch, schedule.init()) for epoch in np.linspace(0, 100, 333)]
    assert all(0 <= rate <= 0.1 for rate in rates)
    assert all(math.isfinite(rate) for rate in rates)


@every_schedule
def test_without_a_state_it_is_as_at_the_start(schedule):
    assert schedule(3.5) == schedule(3.5, schedule.init())


@every_schedule
def test_survives_copying_and_pickling(schedule):
    assert copy.deepcopy(schedule) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == schedule


@every_schedule
def test_is_shown_as_it_is_written(schedule):
    assert eval(repr(schedule), vars(schedules)) == schedule


def test_time_goes_on_within_an_epoch():
    schedule = schedules.cosine(1.0, 10)
    assert schedule(5.0) == pytest.approx(0.5)
    assert schedule(4.0) > schedule(4.5) > schedule(5.0)


def test_one_cycle_peaks_where_it_is_told():
    schedule = schedules.one_cycle(0.5, 10, pct_start=0.2)
    assert schedule(0) == pytest.approx(0.5 / 25)
    assert schedule(2) == pytest.approx(0.5)
    assert schedule(10) == schedule(1000) == pytest.approx(0.5 / 25 / 1e4)


def test_a_nan_result_counts_as_no_improvement():
    schedule = schedules.reduce_on_plateau(1.0, factor=0.5, patience=1)
    state = schedule.init()
    for metric in (1.0, np.nan, np.nan):
        schedule.observe(metric, state)
    assert schedule(3, state) == 0.5


def test_without_a_threshold_an_equal_result_is_no_fall():
    schedule = schedules.reduce_on_plateau(1.0, factor=0.5, patience=0, threshold=0.0)
    state = schedule.init()
    for metric in (1.0, 1.0, 1.0 - 1e-9):
        schedule.observe(metric, state)
    assert schedule(3, state) == 0.5


def test_a_plateau_is_seen_among_negative_results():
    """Such as the negative of an accuracy: the threshold then is below the best, and not above it."""
    schedule = schedules.reduce_on_plateau(1.0, factor=0.5, patience=0, threshold=0.01)
    state = schedule.init()
    for metric in (-0.9, -0.905):
        schedule.observe(metric, state)
    assert schedule(2, state) == 0.5


def test_warm_up_passes_results_on():
    schedule = schedules.warm_up(schedules.reduce_on_plateau(1.0, factor=0.5, patience=0), 1)
    state = schedule.init()
    for metric in (1.0, 1.0):
        schedule.observe(metric, state)
    assert schedule(2, state) == 0.5


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (schedules.constant, (0,), "rate must be a number in"),
        (schedules.step, (-0.1, 5, 0.1), "rate must be a number in"),
        (schedules.step, (0.1, 0, 0.1), "every must be a number in"),
        (schedules.step, (0.1, 5, 0), "factor must be a number in"),
        (schedules.cosine, (float("nan"), 5), "rate must be a number in"),
        (schedules.cosine, (0.1, 0), "epochs must be a number in"),
        (schedules.cosine, (0.1, 5, 0.2), r"final must be a number in \[0, 0.1\], but 0.2 was given"),
        (schedules.one_cycle, ("0.1", 5), "peak must be a number in"),
        (schedules.reduce_on_plateau, (0.1, 1.5), r"factor must be a number in \(0, 1\), but 1.5 was given"),
        (schedules.reduce_on_plateau, (0.1, 0.5, -1), "patience must be a whole number of at least 0"),
        (schedules.warm_up, (0.1, 5), "warm_up needs a schedule, such as constant"),
        (schedules.warm_up, (schedules.constant(0.1), -1), "epochs must be a number in"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(*arguments)


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (schedules.linear(1.0, 4, 0.2), {0: 1.0, 1: 0.8, 2: 0.6, 4: 0.2, 9: 0.2}),
        (schedules.linear(0.1, 4, 0.3), {0: 0.1, 2: 0.2, 5: 0.3}),
        (schedules.exponential(1.0, 4, 0.0625), {0: 1.0, 1: 0.5, 2: 0.25, 4: 0.0625, 9: 0.0625}),
        (schedules.exponential(1e-6, 2, 1.0), {0: 1e-6, 1: 1e-3, 2: 1.0}),
        (schedules.inverse_sigmoid(1.0, 5), {0: 5 / 6, 5 * math.log(5): 0.5, 10: 5 / (5 + math.e**2), 1e9: 0.0}),
    ],
)
def test_decays_are_those_of_scheduled_sampling(schedule, values):
    for epoch, value in values.items():
        assert schedule(epoch) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.linear(0.0, 4), "rate must be a number"),
        (lambda: schedules.linear(1.0, 4, -1.0), "final must be a number"),
        (lambda: schedules.exponential(1.0, 0, 0.5), "epochs must be a number"),
        (lambda: schedules.exponential(1.0, 4, 0.0), "final must be a number"),
        (lambda: schedules.inverse_sigmoid(1.0, 0.5), "k must be a number"),
    ],
)
def test_decays_out_of_their_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
