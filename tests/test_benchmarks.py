"""The benchmarks' own logic: what is compared, how pairs are taken, what is written. No times, no other framework."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks are not installed

from benchmarks import __main__ as command_line
from benchmarks import aims, catalogue, data, figure, race, report, tasks, timing
from benchmarks.contestants import MODULES, prepare
from benchmarks.race import Pace, Race, Row
from benchmarks.worker import Entry, Readiness, Worker, WorkerError, threads_environment
from rnnbp import layers

TASK = tasks.Recurrent(shape=(3, 2, 4, 5))


class Scripted:
    """A worker that gives prepared answers."""

    def __init__(self, entry, times=(1.0, 1.0, 1.0), results=None, score=None, readiness=None):
        self.entry, self.closed, self.turns = entry, False, 0
        self._times, self._readiness = list(times), readiness or Readiness()
        self._answers = {"check": {"output": np.ones(3)} if results is None else results, "score": score}

    def readiness(self):
        return self._readiness

    def ask(self, name, *arguments):
        if name != "turn":
            return self._answers[name]
        self.turns += 1
        time = self._times[self.turns - 1]
        if isinstance(time, Exception):
            raise time
        return time

    def close(self):
        self.closed = True


def run_scripted(workers, n_rounds=3):
    waiting = iter(workers)
    one = Race("group", "name", tuple(w.entry for w in workers))
    rows = race.run(one, Pace(n_rounds, n_rounds), start=lambda entry: next(waiting))
    return {row.label: row for row in rows}


def scripted(contestant, times=(1.0, 1.0, 1.0), *, task=TASK, threads=2, note="", **answers):
    return Scripted(Entry(contestant, task, threads, note), times, **answers)


def test_ratio_is_the_median_over_rounds_not_the_ratio_of_medians():
    assert race.ratio_of_pairs([2.0, 20.0, 9.0], [1.0, 10.0, 1.0]) == 2.0


def test_ratio_is_to_the_better_peer():
    rows = run_scripted([scripted("rnnbp"), scripted("torch", [3.0] * 3), scripted("jax", [2.0] * 3)])
    assert rows["rnnbp"].ratio == 2.0
    assert rows["rnnbp"].ratios_to == {"torch": 3.0, "jax": 2.0}
    assert rows["torch"].ratio == pytest.approx(2 / 3)


def test_peers_of_another_task_or_thread_count_are_no_measure():
    other = replace(TASK, ragged=True)
    workers = [scripted("rnnbp"), scripted("torch", [5.0] * 3, task=other), scripted("jax", [5.0] * 3, threads=1)]
    assert run_scripted(workers)["rnnbp"].ratio is None


def test_share_of_peak_is_paired_with_the_product_of_the_same_round():
    product = race.PEAK_TASK
    rows = run_scripted([scripted("rnnbp", [1.0, 2.0, 4.0]), scripted("openblas", [0.5, 1.0, 2.0], task=product)])
    assert rows["rnnbp"].share_of_peak == pytest.approx(TASK.flops / product.flops / 2)
    assert rows["openblas"].share_of_peak == 1.0


def test_turns_rotate():
    order = []
    workers = [scripted(name) for name in ("rnnbp", "torch", "jax")]
    for worker in workers:
        ask = worker.ask

        def noted(name, *arguments, ask=ask, label=worker.entry.label):
            if name == "turn":
                order.append(label)
            return ask(name, *arguments)

        worker.ask = noted
    run_scripted(workers)
    assert [order[0], order[3], order[6]] == ["rnnbp", "torch", "jax"]
    assert all(worker.turns == 3 and worker.closed for worker in workers)


@pytest.mark.parametrize(
    "results",
    [
        {"output": np.full(3, 1.0 + 1e-4)},
        {"output": np.full(3, np.nan)},
        {"output": np.ones(2)},
        {},
        {"output": np.ones(3), "d_x": np.ones(3)},
    ],
    ids=["other values", "not finite", "another shape", "a result is missing", "nobody else has it"],
)
def test_who_computes_something_else_is_not_timed(results):
    odd = scripted("rnnbp", results=results)
    row = run_scripted([odd, scripted("torch")])["rnnbp"]
    assert row.failed
    assert row.seconds is None
    assert odd.turns == 0


def test_expecting_zeros_proves_nothing():
    assert race.difference(np.zeros(3), np.zeros(3)) == np.inf


def test_who_learns_less_is_not_timed():
    rows = run_scripted([scripted("rnnbp", score=0.8), scripted("sklearn", score=0.97)])
    assert "accuracy" in rows["rnnbp"].problem
    assert rows["sklearn"].seconds == 1.0


def test_the_others_go_on_without_one_that_is_missing_or_dies():
    missing = scripted("jax", readiness=Readiness("jax is not installed"))
    dying = scripted("torch", [1.0, WorkerError("died"), 1.0])
    rows = run_scripted([scripted("rnnbp"), missing, dying])
    assert not rows["jax"].failed
    assert rows["torch"].failed
    assert rows["torch"].times == []
    assert len(rows["rnnbp"].times) == 3
    assert rows["rnnbp"].ratio is None


def test_a_turn_is_the_median_of_its_calls_after_the_first(monkeypatch):
    times = iter([0.25, 0.01, 0.03, 0.02, 9.0])
    monkeypatch.setattr(timing, "clock", lambda run: next(times))
    assert timing.turn(None, 0.05) == 0.02


def test_a_long_call_is_a_turn_of_its_own(monkeypatch):
    times = iter([2.0])
    monkeypatch.setattr(timing, "clock", lambda run: next(times))
    assert timing.turn(None, 0.05) == 2.0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux counts it")
def test_peak_memory_sees_what_a_call_frees_again():
    measured = timing.peak_memory(lambda: np.ones(4 << 20, np.float64))
    assert measured == pytest.approx(32 << 20, rel=0.1)


@pytest.mark.parametrize("cell", catalogue.CELLS)
def test_stored_bytes_follow_the_cells_blocks_and_variables_and_the_input(cell):
    task = tasks.Recurrent(cell=cell, shape=(7, 3, 4, 5))
    own = {"elman": layers.Elman, "gru": layers.GRU, "lstm": layers.LSTM}[cell](4, 5).cell
    of_a_row = own.n_columns + sum(map(own.width, own.variables)) + own.n_inputs  # z, the states, and dL/dx
    assert task.stored_bytes == 4 * 7 * 3 * of_a_row


def test_ragged_tasks_count_real_frames():
    task = replace(TASK, shape=(40, 6, 4, 5), ragged=True)
    full = replace(task, ragged=False)
    assert task.lengths.max() == 40
    assert task.lengths.min() >= 10
    assert task.flops / full.flops == pytest.approx(task.lengths.sum() / (40 * 6))
    assert not task.data()[1][task.lengths[1] :, 1].any()


def test_minibatches_hold_every_example_once_and_like_lengths_together():
    lengths = np.random.default_rng(0).integers(1, 100, 500)
    batches = data.bucketed(lengths, 16, np.random.default_rng(1))
    assert sorted(np.concatenate(batches)) == list(range(500))
    assert np.mean([np.ptp(lengths[chosen]) for chosen in batches]) < 15


def test_the_catalogue_has_unique_titles_labels_and_known_contestants():
    races = catalogue.races(threads=2, seed=0, quick=False)
    titles = [one.title for one in races]
    assert len(set(titles)) == len(titles)
    assert sum(title.startswith(("training/", "inference/")) for title in titles) == 36
    for one in races:
        labels = [entry.label for entry in one.entries]
        assert len(set(labels)) == len(labels)
        assert {entry.contestant for entry in one.entries} <= MODULES.keys()


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("cell", catalogue.CELLS)
def test_the_numpy_path_computes_every_gradient(cell, ragged):
    task = replace(TASK, cell=cell, ragged=ragged)
    results = prepare("numpy", task).check()
    assert {"output", "d_x"} | {f"d_{name}" for name in task.parameters()} == results.keys()
    assert all(np.any(value) for value in results.values())


def test_a_worker_answers_from_a_process_of_its_own():
    worker = Worker(Entry("openblas", tasks.SquareProduct(n=64), threads=1))
    try:
        assert worker.readiness().problem == ""
        assert worker.ask("check") == {}
        assert worker.ask("turn", 0.001) > 0
    finally:
        worker.close()


def test_a_worker_that_cannot_do_a_task_says_why():
    worker = Worker(Entry("openblas", TASK, threads=1))
    try:
        ready = worker.readiness()
        assert ready.problem == "openblas has no Recurrent"
        assert not ready.failed
    finally:
        worker.close()


def test_one_thread_is_asked_of_every_library():
    environment = threads_environment(1)
    assert {environment[f"{name}_NUM_THREADS"] for name in ("RNNBP", "OMP", "OPENBLAS")} == {"1"}
    assert "multi_thread_eigen=false" in environment["XLA_FLAGS"]


def grid_results():
    """Return results as of a whole run, all ratios 2."""
    found = {}
    for one in catalogue.races(threads=2, seed=0, quick=False):
        if one.group in ("training", "inference", "scaling"):
            found[one.title] = [
                Row(e.label, e.contestant, 2, seconds=k + 1.0, times=[k + 1.0], ratio=2.0 / (k + 1), share_of_peak=0.5)
                for k, e in enumerate(one.entries)
            ]
    return found


def test_aims_are_judged_by_geometric_mean_and_least_ratio():
    results = grid_results()
    results["training/lstm T20 B1 I8 H32"][0].ratio = 1.0
    judged = {aim.what: aim for aim in aims.assess(results)}
    assert not judged["training: geometric mean of 18 ratios"].met
    assert judged["training: geometric mean of 18 ratios"].measured == f"{2 ** (17 / 18):.2f}"
    assert not judged["training: least ratio"].met
    assert judged["inference: geometric mean of 18 ratios"].met
    assert judged["LSTM (100, 64, 128, 256): share of the sgemm peak"].measured == "0.50"


def test_the_table_shows_units_leaves_out_empty_columns_and_names_problems():
    rows = [Row("rnnbp", "rnnbp", 2, seconds=1.2345e-5, ratio=3.0), Row("jax", "jax", 2, problem="not installed")]
    text = report.table("a/b", rows)
    assert "12.3 us" in text
    assert "accuracy" not in text
    assert "jax: skipped: not installed" in text


@pytest.mark.parametrize(("seconds", "text"), [(2.0, "2.00 s"), (0.1234, "123 ms"), (9.2e-6, "9.20 us"), (None, "-")])
def test_durations_have_three_digits_and_a_unit(seconds, text):
    assert report.duration(seconds) == text


def test_json_holds_machine_options_single_times_and_aims(tmp_path):
    results, path = grid_results(), tmp_path / "new" / "benchmark.json"
    report.write_json(path, results, aims.assess(results), {"seed": 0})
    content = json.loads(path.read_text())
    assert content["machine"]["packages"]["numpy"] == np.__version__
    assert content["options"] == {"seed": 0}
    assert content["races"]["training/lstm T20 B1 I8 H32"][1]["times"] == [2.0]
    assert len(content["aims"]) == len(aims.assess(results))


@pytest.mark.parametrize("results", [{}, grid_results()], ids=["nothing was measured", "all was"])
def test_the_figure_is_drawn_of_what_there_is(tmp_path, results):
    figure.draw(tmp_path / "benchmark.png", results)
    assert (tmp_path / "benchmark.png").stat().st_size > 10_000


def test_races_are_chosen_by_their_titles(capsys):
    assert command_line.main(["--list", "--select", "streaming", "training/gru T50"]) == 0
    assert capsys.readouterr().out.split("\n")[:-1] == [
        "training/gru T50 B16 I20 H32",
        "streaming/lstm I40 H64, one frame",
    ]
    assert command_line.main(["--list", "--select", "nothing like it"]) == 2
