"""The benchmarks' own logic: what is compared, how pairs are taken, what is written. No times, no other framework."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks import __main__ as command_line
from benchmarks import aims, catalogue, check, data, figure, race, report, startup, tasks, timing
from benchmarks.contestants import MODULES, Unavailable, prepare
from benchmarks.race import Pace, Race, Row
from benchmarks.worker import Entry, Readiness, Worker, WorkerError, threads_environment
from rnnbp import layers

TASK = tasks.Recurrent(shape=(3, 2, 4, 5))


class Scripted:
    """A worker that gives prepared answers."""

    def __init__(self, entry, times=(1.0, 1.0, 1.0), results=None, score=None, readiness=None, baseline=1.0):
        self.entry, self.closed, self.turns = entry, False, 0
        self._times, self._readiness = list(times), readiness or Readiness()
        results = {"output": np.ones(3)} if results is None else results
        self._answers = {"check": results, "score": score, "baseline": baseline}

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


DENORMAL = replace(TASK, scale=1e-40)


def test_each_contestant_is_put_over_its_own_baseline():
    slow, fast = [scripted("rnnbp", [3.0, 4.0, 9.0], task=DENORMAL, baseline=2.0), scripted("torch", task=DENORMAL)]
    rows = run_scripted([slow, fast])
    assert rows["rnnbp"].over_baseline == 2.0
    assert rows["torch"].over_baseline == 1.0
    assert run_scripted([scripted("rnnbp")])["rnnbp"].over_baseline is None


def test_denormal_inputs_are_denormal_and_their_baselines_are_not():
    smallest_normal = np.finfo(np.float32).tiny
    for task in (DENORMAL, DENORMAL.baseline):
        assert (0 < np.abs(task.data()[0]).max() < smallest_normal) == (task is DENORMAL)
    assert TASK.baseline is None


def test_a_gradient_that_is_denormal_itself_may_be_flushed_but_no_other_result():
    results = {"output": np.ones(3), "d_input_weight": np.full(3, 1e-40)}
    flushed = results | {"d_input_weight": np.zeros(3)}
    rows = run_scripted(
        [scripted("torch", results=results, task=DENORMAL), scripted("jax", results=flushed, task=DENORMAL)]
    )
    assert rows["jax"].error == 0
    normal = [scripted("torch", results=results), scripted("jax", results=flushed)]
    assert run_scripted(normal)["jax"].failed


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


def test_onnx_runtime_takes_part_in_all_inference_and_in_streams_only():
    for one in catalogue.races(threads=2, seed=0, quick=False, n_shapes=1):
        forwards_only = one.group in ("inference", "streaming") or one.name.endswith("inference")
        assert ("onnxruntime" in {entry.contestant for entry in one.entries}) == forwards_only


def test_random_shapes_are_of_every_cell_many_of_one_sequence_and_no_more_work_than_the_grid():
    races = catalogue.races(threads=2, seed=3, quick=False, n_shapes=20)
    drawn = [one.entries[0].task for one in races if one.group == "shapes"]
    shapes = {task.shape for task in drawn}
    assert len(drawn) == 3 * 20
    assert len(shapes) == 20
    assert sum(shape[1] == 1 for shape in shapes) >= 10
    assert max(map(catalogue.work, shapes)) <= max(map(catalogue.work, catalogue.GRID))
    for shape in shapes:
        for size, axis, (least, most) in zip(shape, "TBIH", catalogue.AROUND, strict=True):
            assert least <= size <= most or (axis, size) == ("B", 1)


def test_random_shapes_follow_the_seed():
    first, again, other = (catalogue.drawn(5, seed, 10**9) for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("cell", catalogue.CELLS)
def test_the_numpy_path_computes_every_gradient(cell, ragged):
    task = replace(TASK, cell=cell, ragged=ragged)
    results = prepare("numpy", task).check()
    assert {"output", "d_x"} | {f"d_{name}" for name in task.parameters()} == results.keys()
    assert all(np.any(value) for value in results.values())


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("cell", catalogue.CELLS)
def test_onnx_runtime_computes_the_same_outputs(cell, ragged):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    task = replace(TASK, cell=cell, training=False, ragged=ragged)
    expected = prepare("numpy", task).check()["output"]
    assert race.difference(prepare("onnxruntime", task).check()["output"], expected) < race.TOLERANCE


def test_onnx_runtime_carries_its_state_from_frame_to_frame_and_begins_anew_when_checked():
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    task = tasks.Streaming(n_inputs=3, hidden=5)
    expected = prepare("numpy", task.layer).check()["output"]
    prepared = prepare("onnxruntime", task)
    for _ in range(3):
        prepared.run()
        assert race.difference(prepared.check()["output"], expected) < race.TOLERANCE


def test_onnx_runtime_says_that_it_does_not_train():
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    with pytest.raises(Unavailable, match="not for this task"):
        prepare("onnxruntime", TASK)


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


def judged(results):
    return {aim.what: aim for aim in aims.assess(results)}


def test_aims_are_judged_by_geometric_mean_and_least_ratio():
    results = grid_results()
    results["training/lstm T20 B1 I8 H32"][0].ratio = 1.0
    found = judged(results)
    assert not found["training: geometric mean of 18 ratios"].met
    assert found["training: geometric mean of 18 ratios"].measured == f"{2 ** (17 / 18):.2f}"
    assert not found["training: least ratio"].met
    assert not found["training, LSTM T20 B1 I8 H32: ratio"].met
    assert found["inference: least ratio"].met
    assert found["training, LSTM T100 B64 I128 H256: share of the sgemm peak"].measured == "0.50"


def test_label_sequences_are_an_aim_in_each_race():
    def row(ratio):
        return Row("rnnbp", "rnnbp", 2, seconds=1.0, ratio=ratio, ratios_to={"torch": ratio})

    found = judged({"ctc/T300": [row(4.0)], "ctc/T300, ragged": [row(2.0)]})
    assert {what: aim.met for what, aim in found.items() if what.startswith("ctc")} == {
        "ctc/T300: ratio to torch": True,
        "ctc/T300, ragged: ratio to torch": False,
    }


@pytest.mark.parametrize("ragged", [False, True])
def test_label_sequences_fit_and_their_loss_has_a_gradient(ragged):
    task = replace(tasks.LabelSequenceLoss().tiny(), ragged=ragged)
    results = prepare("rnnbp", task).check()
    assert np.isfinite(results["loss"])
    assert results["d_logits"].shape == task.data()[0].shape
    assert np.any(results["d_logits"])


def test_the_beam_search_in_plain_python_finds_the_same():
    task = tasks.BeamDecoding(3, (40, 3, 5), 7)
    ours, plain = (prepare(name, task).check() for name in ("rnnbp", "numpy"))
    np.testing.assert_allclose(ours["score"], plain["score"], rtol=1e-9)
    np.testing.assert_array_equal(ours["labels"], plain["labels"])


def test_random_shapes_are_an_aim_of_their_own():
    found = judged({"shapes/gru T9 B1 I2 H3": [Row("rnnbp", "rnnbp", 2, seconds=1.0, ratio=4.0)]})
    assert found["shapes: geometric mean of 1 ratios"].met
    assert "training: least ratio" not in found


def test_a_frame_is_judged_by_its_time_and_by_every_peer():
    ratios = {"torch": 20.0, "jax": 2.0, "onnxruntime": 0.9}
    row = Row("rnnbp", "rnnbp", 2, seconds=3e-6, ratio=0.9, ratios_to=ratios)
    verdicts = {aim.what: aim.met for aim in aims.assess({"streaming/lstm": [row]})}
    assert verdicts == {
        "streaming: microseconds a frame": True,
        "streaming: ratio to torch": True,
        "streaming: ratio to jax": True,
        "streaming: ratio to onnxruntime": False,
    }


def test_a_first_fit_is_judged_over_the_import_of_torch():
    rows = [
        Row("rnnbp cold cache", "rnnbp", 1, seconds=1.0, ratio=1 / 0.9),
        Row("rnnbp warm cache", "rnnbp", 1, seconds=0.3, ratio=1 / 0.3),
        Row("torch import", "torch", 1, seconds=1.0),
    ]
    second = [Row("rnnbp GRU after LSTM", "rnnbp", 1, seconds=0.1, ratio=10.0)]
    found = judged({"startup/first fit, GRU": rows, "startup/second cell": second})
    assert not found["startup/first fit, GRU, rnnbp cold cache: over import torch"].met
    assert found["startup/first fit, GRU, rnnbp warm cache: over import torch"].met
    assert found["second kind of cell in a process: seconds"].met


def test_denormals_are_judged_beside_what_they_cost_in_a_plain_product():
    rows = [
        Row("rnnbp", "rnnbp", 2, seconds=1.0, over_baseline=1.5),
        Row("openblas 256 x 256", "openblas", 2, seconds=1.0, over_baseline=40.0),
    ]
    aim = judged({"denormals/lstm": rows})["denormal inputs over normal ones (a plain product: 40.00)"]
    assert (aim.measured, aim.met) == ("1.50", False)


def test_memory_is_judged_where_much_is_stored_in_any_race():
    def row(peak, stored):
        return Row("rnnbp", "rnnbp", 2, seconds=1.0, peak_memory=peak << 20, stored_bytes=stored << 20)

    found = judged({"training/a": [row(9, 1)], "ragged/b": [row(13, 10)], "scaling/c": [row(10, 10)]})
    aim = found["peak memory over stored activations, the largest of 2 (above 8 MB)"]
    assert (aim.measured, aim.met) == ("1.30", False)


def fresh_processes(monkeypatch, answers):
    """Let processes take as long as `answers` says of (script, is the cache empty), and return what was run."""
    log = []

    def run(script, environment):
        cached = Path(environment.get("RNNBP_CACHE_DIR", "nowhere"))
        state = "" if not cached.is_dir() else "cold" if not any(cached.iterdir()) else "warm"
        log.append((script, state))
        if state == "cold":
            (cached / "object").touch()
        return str(answers(script, state))

    monkeypatch.setattr(startup, "run", run)
    monkeypatch.setattr(startup, "whole_process", lambda script, environment: float(run(script, environment)))
    return log


def test_a_first_fit_takes_turns_with_the_import_of_torch_cold_each_time_and_warm_after_the_first(monkeypatch):
    log = fresh_processes(monkeypatch, lambda script, state: {"cold": 3.0, "warm": 1.0, "": 2.0}[state])
    cold, warm, torch = startup.first_fits("fit", 2)
    assert [state for _, state in log] == ["cold", "cold", ""] + ["cold", "warm", ""] * 2
    assert (cold.times, warm.times, torch.times) == ([3.0] * 2, [1.0] * 2, [2.0] * 2)
    assert cold.ratio == pytest.approx(2 / 3)
    assert warm.ratio == 2.0


def test_a_second_cell_finds_nothing_compiled_by_another_process(monkeypatch):
    log = fresh_processes(monkeypatch, lambda script, state: 0.5 if state else 2.0)
    (row, _) = startup.second_cell(1)
    assert {state for script, state in log if script == startup.SECOND_CELL} == {"cold"}
    assert row.seconds == 0.5


def test_a_first_fit_that_raises_is_a_failure_and_a_missing_peer_is_not(monkeypatch):
    def answer(script, state):
        raise subprocess.CalledProcessError(1, "python", stderr="Traceback\nModuleNotFoundError: gone\n")

    fresh_processes(monkeypatch, answer)
    cold, warm, torch = startup.first_fits("fit", 1)
    assert cold.problem == torch.problem == "ModuleNotFoundError: gone"
    assert [row.failed for row in (cold, warm, torch)] == [True, True, False]


@pytest.mark.parametrize("script", [*startup.FITS.values(), startup.SECOND_CELL])
def test_scripts_of_first_fits_are_python(script):
    compile(script, "first fit", "exec")


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
    results, path = grid_results(), tmp_path / "new" / "speed.json"
    report.write_json(path, results, aims.assess(results), {"seed": 0})
    content = json.loads(path.read_text())
    assert content["machine"]["packages"]["numpy"] == np.__version__
    assert content["options"] == {"seed": 0}
    assert content["races"]["training/lstm T20 B1 I8 H32"][1]["times"] == [2.0]
    assert len(content["aims"]) == len(aims.assess(results))
    assert report.read_json(path) == results


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"races": {"a": [{"unknown": 1}]}}', '{"races": []}'])
def test_a_file_that_holds_no_results_is_named(tmp_path, text, capsys):
    path = tmp_path / "other.json"
    path.write_text(text)
    assert command_line.main(["--check", str(path)]) == 2
    assert "other.json holds no results" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["/home/someone/x.py", r"C:\Users\someone\x.py"])
def test_json_holds_no_paths(tmp_path, path):
    row = Row("rnnbp", "rnnbp", 1, problem=f'File "{path}", line 3\nOSError: {path} is 2 GFLOP/s', failed=True)
    report.write_json(tmp_path / "speed.json", {"a/b": [row]}, [], {})
    found = report.read_json(tmp_path / "speed.json")["a/b"][0].problem
    assert found == 'File "<path>", line 3\nOSError: <path> is 2 GFLOP/s'


def our_row(**figures):
    return Row("rnnbp", "rnnbp", 2, **({"seconds": 1.0, "times": [1.0]} | figures))


def loss_of(before, after):
    """Return by how much the only figure got worse."""
    (change,) = check.changes({"a/b": [our_row(**before)]}, {"a/b": [our_row(**after)]})
    return change.loss


def test_only_ratios_are_compared_in_their_own_direction():
    assert loss_of({"ratios_to": {"jax": 4.0}}, {"ratios_to": {"jax": 2.0}, "seconds": 0.1}) == 1.0
    assert loss_of({"share_of_peak": 0.4}, {"share_of_peak": 0.8}) == -0.5
    assert loss_of({"over_baseline": 1.0}, {"over_baseline": 3.0}) == 2.0
    stored = {"stored_bytes": 10 << 20}
    assert loss_of(stored | {"peak_memory": 10 << 20}, stored | {"peak_memory": 15 << 20}) == 0.5


def test_ratios_are_compared_over_the_peers_of_both_runs():
    assert loss_of({"ratios_to": {"jax": 4.0}}, {"ratios_to": {"jax": 4.0, "onnxruntime": 1.0}}) == 0.0
    assert not list(check.changes({"a/b": [our_row(ratios_to={"jax": 4.0})]}, {"a/b": [our_row()]}))


def test_what_other_threads_or_others_reached_is_not_compared():
    before = {"a/b": [our_row(share_of_peak=0.9), Row("torch", "torch", 2, seconds=1.0, share_of_peak=0.9)]}
    after = {"a/b": [Row("rnnbp", "rnnbp", 1, share_of_peak=0.1), Row("torch", "torch", 2, share_of_peak=0.1)]}
    assert not list(check.changes(before, after))


def test_a_row_that_fails_now_is_worse():
    text, is_worse = check.verdict({"a/b": [our_row()]}, {"a/b": [our_row(seconds=None, failed=True)]}, 0.25)
    assert is_worse
    assert "failed" in text


def test_a_check_that_compares_nothing_has_not_passed():
    assert check.verdict({"a/b": [our_row(ratios_to={"jax": 4.0})]}, {"c/d": [our_row()]}, 0.25)[1]


def test_two_files_are_compared_within_the_tolerance(tmp_path, capsys):
    for name, ratio in (("old", 4.0), ("new", 3.0)):
        rows = [our_row(ratio=ratio, ratios_to={"jax": ratio})]
        races = {"a/b": rows} | ({"c/d": rows} if name == "old" else {})
        report.write_json(tmp_path / f"{name}.json", races, [], {})
    files = ["--check", str(tmp_path / "old.json"), "--against", str(tmp_path / "new.json")]
    assert command_line.main(files) == 1
    text = capsys.readouterr().out
    assert "WORSE  a/b, rnnbp: ratio to the best peer 4 -> 3" in text
    assert "not measured this time: 1 of 2 races" in text
    assert command_line.main([*files, "--tolerance", "0.4"]) == 0
    assert command_line.main([*files[:2], "--against", str(tmp_path / "nothing.json")]) == 2


def measured(monkeypatch, ratio):
    """Let the benchmarks consist of one race that has such a ratio."""
    rows = [our_row(ratio=ratio, ratios_to={"jax": ratio})]
    monkeypatch.setattr(command_line, "items", lambda options: [("a/b", lambda: rows)])
    monkeypatch.setattr(figure, "draw", lambda path, results: path.touch() or True)


def test_a_run_is_saved_under_the_fixed_names_only_when_asked(tmp_path, monkeypatch):
    measured(monkeypatch, 2.0)
    assert command_line.main(["--folder", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest.json", "latest.png"]
    assert command_line.main(["--folder", str(tmp_path), "--save"]) == 0
    assert {"speed.json", "speed.png"} <= {path.name for path in tmp_path.iterdir()}
    assert str(tmp_path) not in (tmp_path / "speed.json").read_text()


def test_a_new_run_is_compared_with_the_file_as_it_was_before(tmp_path, monkeypatch):
    measured(monkeypatch, 2.0)
    assert command_line.main(["--folder", str(tmp_path), "--save"]) == 0
    measured(monkeypatch, 1.0)
    again = ["--folder", str(tmp_path), "--save", "--check", str(tmp_path / "speed.json")]
    assert command_line.main(again) == 1
    assert command_line.main(again) == 0


@pytest.mark.parametrize(
    "arguments",
    [["--save", "--quick"], ["--save", "--select", "x"], ["--against", "x"], ["--shapes", "-1"], ["--tolerance", "-1"]],
)
def test_options_that_contradict_are_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        command_line.main(arguments)
    assert "error" in capsys.readouterr().err


def test_the_figure_has_a_panel_for_what_was_measured_and_none_for_what_was_not(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    everything = grid_results()
    for results in (everything, {title: rows for title, rows in everything.items() if title.startswith("training/")}):
        assert figure.draw(tmp_path / "benchmark.png", results)
        assert all(ax.patches or ax.lines for ax in drawn[-1].axes)
    titles = [[ax.get_title() for ax in each.axes] for each in drawn]
    assert any("Inference" in title for title in titles[0])
    assert not any("Inference" in title for title in titles[1])
    assert not figure.draw(tmp_path / "benchmark.png", {})
    assert len(drawn) == 2


def test_the_figure_is_written(tmp_path):
    figure.draw(tmp_path / "benchmark.png", grid_results())
    assert (tmp_path / "benchmark.png").stat().st_size > 10_000


def test_races_are_chosen_by_their_titles(capsys):
    assert command_line.main(["--list", "--select", "streaming", "training/gru T50"]) == 0
    assert capsys.readouterr().out.split("\n")[:-1] == [
        "training/gru T50 B16 I20 H32",
        "streaming/lstm I40 H64, one frame",
    ]
    assert command_line.main(["--list", "--select", "nothing like it"]) == 2
