"""The classic tasks: the command, what counts as right, and baselines against closed forms. No task is learnt here."""

import json
import math

import numpy as np
import pytest

from benchmarks import classic_tasks
from benchmarks.classic import TASKS, Result, adding, anbn, copy_memory, embedded_reber, temporal_order
from benchmarks.classic.delay_line import DelayLine, taps
from rnnbp import datasets

MODULES = (adding, copy_memory, temporal_order, embedded_reber, anbn)
OWN = [task for module in MODULES for task in module.TASKS]


def named(task):
    return task.name


@pytest.mark.parametrize("task", OWN, ids=named)
def test_a_quick_run_gives_a_score_beside_finite_baselines(task):
    result = task.run(0, quick=True)
    assert math.isfinite(result.score)
    assert result.baselines
    assert all(map(math.isfinite, result.baselines.values()))


@pytest.mark.parametrize("task", [adding.TASKS[0], temporal_order.TASKS[0], embedded_reber.TASKS[0]], ids=named)
def test_the_seed_decides_everything(task):
    assert task.run(3, quick=True) == task.run(3, quick=True)
    assert task.run(3, quick=True) != task.run(4, quick=True)


def test_names_are_unique_and_every_task_says_what_it_is():
    names = [task.name for task in TASKS]
    assert len(set(names)) == len(names)
    assert all(task.what and task.metric and task.n_seeds > 0 for task in TASKS)


# -- baselines ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_steps", [4, 20])
def test_adding_constant_has_the_variance_of_a_sum_of_two_numbers(n_steps):
    x, y = datasets.make_adding_problem(50_000, n_steps, random_state=0)
    found = adding.baselines(x.swapaxes(0, 1), y)
    assert found["constant"] == pytest.approx(1 / 6, rel=0.02)
    assert found["linear delay line"] == pytest.approx(1 / 6 - 1 / (3 * n_steps), rel=0.02)


def test_adding_delay_line_is_what_least_squares_finds():
    x, y = datasets.make_adding_problem(20_000, 10, dtype="float64", random_state=0)
    line = DelayLine(list(x[:10_000]), list(y[:10_000]), 10, last=True)
    error = np.mean([(line.predict(one) - sum_) ** 2 for one, sum_ in zip(x[10_000:], y[10_000:], strict=True)])
    assert error == pytest.approx(
        adding.baselines(x[10_000:].swapaxes(0, 1), y[10_000:])["linear delay line"], rel=0.01
    )


def test_copy_memory_baselines_are_the_entropies_of_the_answers():
    _, target = datasets.make_copy_memory(2000, 100, random_state=0)
    found = copy_memory.baselines(target.T)
    assert found["without memory"] == pytest.approx(10 * math.log(8) / 120)  # Arjovsky et al. 2016
    blank, symbol = 110 / 120, 10 / 120 / 8
    assert found["constant"] == pytest.approx(-blank * math.log(blank) - 8 * symbol * math.log(symbol), rel=1e-3)


def test_chance_of_an_embedded_reber_string_is_the_product_over_its_steps():
    x, target = datasets.make_embedded_reber(1, random_state=0)
    expected = math.prod(1 / math.comb(7, int(n)) for n in target[0].sum(axis=1))
    assert embedded_reber.baselines((x, target), (x, target))["chance"] == pytest.approx(expected)


def test_chance_in_counting_is_mostly_that_of_one_string():
    # SabT, n = 1: after S and b one of 4 symbols is right; then 3 more for n = 2
    assert anbn.baselines()["chance"] == pytest.approx(4**-2 + 4**-5, abs=1e-5)


# -- delay lines --------------------------------------------------------------------------------------------------


def test_taps_are_the_last_inputs_newest_first():
    sequence = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    expected = [[1, 10, 0, 0], [2, 20, 1, 10], [3, 30, 2, 20]]
    assert np.array_equal(taps(sequence, 2), expected)


@pytest.mark.parametrize(("lag", "solved"), [(3, True), (4, False)])
def test_a_delay_line_remembers_as_far_as_it_is_long(lag, solved):
    x = [np.random.default_rng(k).normal(size=(50, 1)) for k in range(20)]
    y = [np.concatenate([np.zeros((lag, 1)), one[:-lag]]) for one in x]
    error = np.mean((DelayLine(x, y, 4).predict(x[0]) - y[0]) ** 2)
    assert (error < 1e-6) == solved


def test_a_delay_line_for_the_end_is_one_for_each_step_there():
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(n, 2)) for n in rng.integers(1, 9, 40)]
    w, a = rng.normal(size=(6, 1)), 0.7
    line = DelayLine(x, [taps(one, 3)[-1] @ w + a for one in x], 3, last=True, ridge=1e-12)
    assert line.weights == pytest.approx(np.vstack([w, [[a]]]), abs=1e-6)


# -- what counts as right -----------------------------------------------------------------------------------------


def test_a_reber_string_is_understood_if_every_legal_symbol_beats_every_other():
    target = np.array([[1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1]])
    right = np.array([[0.3, 0.2, 0.1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0.1]])
    assert embedded_reber.understood([right], [target]) == 1.0
    for step, symbol in ((0, 2), (1, 4)):
        wrong = right.copy()
        wrong[step, symbol] = 0.25
        assert embedded_reber.understood([right, wrong], [target, target]) == 0.5


def counter(most):
    """Return a predictor of a^n b^n that can count to so many."""

    def predict(x):
        a, b = np.minimum(x.sum(axis=0)[1], most), x[:, 2].cumsum()
        done = b >= a
        return np.column_stack([0 * b, b == 0, (b > 0) & ~done, (b > 0) & done])

    return predict


@pytest.mark.parametrize("most", [1, 10, 65])
def test_counting_reaches_as_far_as_every_smaller_n_is_right(most):
    assert anbn.reach(counter(most)) == most


def test_counting_after_an_a_may_be_anything():
    def never_a(x):
        return np.where(x[:, [1]] == 1, np.array([9.0, 0, 0, 0]), counter(30)(x))

    assert anbn.reach(never_a) == 30


def test_temporal_order_errors_are_the_worst_probability_of_each_sequence():
    p = np.array([[0.7, 0.2, 0.1], [0.2, 0.3, 0.5]])
    found = temporal_order.errors(np.log(p), np.array([0, 1]))
    assert found == pytest.approx([0.3, 0.7])


@pytest.mark.parametrize(
    ("task", "good", "bad"),
    [
        (adding.TASKS[0], Result(7e-4, {}), Result(7.1e-4, {})),
        (adding.TASKS[1], Result(5e-5, {}), Result(6e-5, {})),
        (temporal_order.TASKS[0], Result(1.0, {}, needed=6350), Result(1.0, {}, needed=6400)),
        (embedded_reber.TASKS[0], Result(1.0, {}, needed=4750), Result(0.99, {})),
        (anbn.TASKS[0], Result(65, {}), Result(64, {})),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_an_aim_is_met_if_every_seed_meets_it(task, good, bad):
    assert task.met([good, good])
    assert not task.met([good, bad])


def test_copy_memory_has_no_aim():
    assert copy_memory.TASKS[0].met([Result(0.0, {})]) is None


# -- the command --------------------------------------------------------------------------------------------------


def test_list_names_every_task_and_trains_none(capsys):
    assert classic_tasks.main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [task.name for task in TASKS]


def test_a_run_prints_and_writes_each_seed_beside_its_baselines(capsys, tmp_path):
    path = tmp_path / "new" / "results.json"
    arguments = ["--quick", "--tasks", "anbn", "--seeds", "2", "--json", str(path)]
    assert classic_tasks.main(arguments) == 0
    printed = capsys.readouterr().out
    assert printed.count("linear delay line of 21") == 3  # two seeds and the summary
    assert "MISSED on 2 of 5 seeds" in printed
    written = json.loads(path.read_text())
    assert written["quick"]
    assert [seed["seed"] for seed in written["tasks"]["anbn"]["seeds"]] == [0, 1]
    assert written["tasks"]["anbn"]["seeds"][0]["baselines"].keys() == anbn.baselines().keys()


def test_other_seeds_can_be_taken(tmp_path, capsys):
    path, options = tmp_path / "found.json", ["--quick", "--tasks", "anbn", "--seeds", "2", "--first-seed", "100"]
    assert classic_tasks.main([*options, "--json", str(path)]) == 0
    assert [seed["seed"] for seed in json.loads(path.read_text())["tasks"]["anbn"]["seeds"]] == [100, 101]
    assert "seed 101 " in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--tasks", "nothing-like-it"], ["--seeds", "0"], ["--first-seed", "-1"]])
def test_unknown_tasks_and_no_seeds_are_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        classic_tasks.main(arguments)
    assert arguments[1] in capsys.readouterr().err


def test_the_worst_seed_is_the_one_farthest_from_the_aim():
    low = classic_tasks.Row(adding.TASKS[0], [Result(0.25, {}), Result(0.5, {})])
    high = classic_tasks.Row(anbn.TASKS[0], [Result(30, {}), Result(50, {})])
    lines = classic_tasks.summary([low, high]).splitlines()
    assert "  0.5  " in lines[1]
    assert "  30  " in lines[2]
