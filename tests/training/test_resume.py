"""A training run that was broken off goes on from its checkpoint, to the bit, or says why it cannot."""

import json

import numpy as np
import pytest
from kill_and_resume import kill_and_resume
from toys import CROSS_ENTROPY, MSE, TEXT, line, recall, recall_network

from rnnbp import Checkpoint, CheckpointError, Network, callbacks, fit, layers, losses, metrics, optimizers
from rnnbp.files import model_file
from rnnbp.optimizers import schedules
from rnnbp.training import NextStep

# -- the same bits -----------------------------------------------------------------------------------------------------


class Killed(Exception):
    """As near to a kill as one comes without another process: nothing is done after the n-th write."""


class Fatal(Checkpoint):
    def __init__(self, path, n_writes):
        super().__init__(path, every_seconds=0.0)
        self.n_writes = n_writes

    def write(self, arrays, values):
        super().write(arrays, values)
        self.n_writes -= 1
        if self.n_writes == 0:
            raise Killed


def noisy(example, rng):
    return example + rng.normal(scale=0.1, size=example.shape)


def tagged():
    """Return ragged sequences with a target for each step."""
    x, _ = recall(n=11)
    return x, [np.cumsum(sequence, axis=0) for sequence in x]


def mlp(**options):
    return Network([layers.Dense(3, 4), layers.Dropout(0.3), layers.Dense(4, 1)], **options)


def jordan():
    return Network([layers.Jordan(1, 4, n_outputs=1, recurrent_dropout=0.2, gradient=TEXT)])


def gru():
    return Network([layers.GRU(1, 3, gradient=TEXT), layers.Dropout(0.2), layers.Dense(3, 1)], dtype="float64")


def next_step():
    return Network([layers.Elman(1, 1, gradient=TEXT)])


def classifier():
    return recall_network(dtype="float64")


RUNS = {
    "dropout": (mlp, line, {"loss": MSE, "batch_size": 2}),
    "in order": (mlp, line, {"loss": MSE, "batch_size": 2, "shuffle": False}),
    "a penalty": (mlp, line, {"loss": MSE, "batch_size": 2, "l2": 0.1}),
    "momentum": (mlp, line, {"loss": MSE, "batch_size": 2, "optimizer": optimizers.SGD(0.01, momentum=0.9)}),
    "rprop": (mlp, line, {"loss": MSE, "optimizer": "rprop", "max_epochs": 8}),
    "adamw": (mlp, line, {"loss": MSE, "batch_size": 2, "optimizer": optimizers.AdamW(0.01)}),
    "a schedule that remembers": (
        mlp,
        line,
        {"loss": MSE, "optimizer": optimizers.RMSprop(schedules.reduce_on_plateau(0.1, patience=0)), "max_epochs": 8},
    ),
    "noise in the gradient": (mlp, line, {"loss": MSE, "optimizer": optimizers.GradientNoise(optimizers.Adam())}),
    "Polyak's average": (mlp, line, {"loss": MSE, "batch_size": 2, "averaging": optimizers.PolyakAverage(start=1)}),
    "an exponential average": (
        mlp,
        line,
        {"loss": MSE, "averaging": optimizers.ExponentialAverage(0.8), "validation_data": line(5), "batch_size": 3},
    ),
    "augmentation": (mlp, line, {"loss": MSE, "batch_size": 2, "augment": noisy}),
    "consistency": (classifier, recall, {"loss": CROSS_ENTROPY, "batch_size": 2, "augment": noisy, "consistency": 0.5}),
    "patience": (mlp, line, {"loss": MSE, "validation_data": line(5), "patience": 2, "max_epochs": 6}),
    "a best epoch long ago": (
        mlp,
        line,
        {"loss": MSE, "batch_size": 2, "validation_data": (line(5)[0], -line(5)[1]), "patience": 9},
    ),
    "ragged sequences": (classifier, recall, {"loss": CROSS_ENTROPY, "batch_size": 7}),
    "ragged sequences, short ones first": (
        classifier,
        recall,
        {"loss": CROSS_ENTROPY, "batch_size": 7, "shuffle": "later"},
    ),
    "chunks, short sequences first": (
        gru,
        tagged,
        {"loss": MSE, "batch_size": 4, "chunk_length": 2, "shuffle": "later"},
    ),
    "chunks": (gru, tagged, {"loss": MSE, "batch_size": 4, "chunk_length": 2}),
    "a next-step model": (
        next_step,
        tagged,
        {"loss": MSE, "batch_size": 4, "teacher_forcing": NextStep(schedules.linear(1.0, epochs=3))},
    ),
    "scheduled sampling": (
        jordan,
        tagged,
        {"loss": MSE, "batch_size": 4, "chunk_length": 3, "teacher_forcing": schedules.linear(1.0, epochs=3)},
    ),
}


def ended(net, history):
    figures = {name: values for name, values in history.figures.items() if name != "seconds"}
    return net.theta.tobytes(), figures, history.best_epoch, history.stopped, net.rng.bit_generator.state


@pytest.mark.parametrize("name", RUNS)
def test_a_run_broken_off_after_any_update_ends_with_the_same_bits(name, tmp_path):
    make, problem, options = RUNS[name]
    options = {"max_epochs": 3, **options}
    path = tmp_path / "run.ckpt"

    def train(checkpoint):
        net = make()
        return net, fit(net, *problem(), checkpoint=checkpoint, seed=1, **options)

    counted = Fatal(path, n_writes=-1)
    expected = ended(*train(counted))
    n_writes = -1 - counted.n_writes
    assert n_writes > 5
    for broken_at in {1, 5, n_writes // 2, n_writes - 1}:
        path.unlink()
        with pytest.raises(Killed):
            train(Fatal(path, broken_at))
        assert ended(*train(path)) == expected


def test_a_run_of_fresh_entropy_goes_on_with_the_entropy_that_it_had(tmp_path):
    path, ends = tmp_path / "run.ckpt", []
    with pytest.raises(Killed):
        fit(mlp(), *line(), loss=MSE, seed=None, batch_size=2, checkpoint=Fatal(path, 3))
    written = path.read_bytes()
    for _ in range(2):
        path.write_bytes(written)
        net = mlp()
        ends.append(ended(net, fit(net, *line(), loss=MSE, seed=None, batch_size=2, checkpoint=path)))
    assert ends[0] == ends[1]


def test_three_runs_that_are_killed_without_warning_end_with_the_same_bits():
    reports = kill_and_resume(3, names=("sequences",))  # .ci/run kills 20, of both kinds
    assert [report["same"] for report in reports] == [True] * 3
    assert [report["leftovers"] for report in reports] == [[]] * 3


def train_mlp(path, **options):
    net = mlp()
    options = {"loss": MSE, "batch_size": 2, "max_epochs": 3, **options}
    return net, fit(net, *line(), checkpoint=path, **options)


# -- finished and extended runs ----------------------------------------------------------------------------------------


def test_a_finished_run_is_returned_without_training(tmp_path):
    called = []
    once = ended(*train_mlp(tmp_path / "run.ckpt"))
    again = ended(*train_mlp(tmp_path / "run.ckpt", callbacks=[lambda *_: called.append(1)]))
    assert (again, called) == (once, [])


def test_a_finished_run_goes_on_if_more_epochs_are_asked_for(tmp_path):
    unbroken = ended(*train_mlp(tmp_path / "long.ckpt", max_epochs=7))
    train_mlp(tmp_path / "run.ckpt", max_epochs=3)
    assert ended(*train_mlp(tmp_path / "run.ckpt", max_epochs=7)) == unbroken


def test_a_run_that_its_patience_ended_is_not_gone_on_with(tmp_path):
    options = {"max_epochs": 50, "patience": 2, "optimizer": optimizers.SGD(1e-300)}
    once = ended(*train_mlp(tmp_path / "run.ckpt", **options))
    assert once[-2] == "patience"
    assert ended(*train_mlp(tmp_path / "run.ckpt", **options)) == once


def test_ctrl_c_leaves_a_run_that_goes_on(tmp_path):
    def interrupt(net, history):
        if len(history) == 2:
            raise KeyboardInterrupt

    path, unbroken = tmp_path / "run.ckpt", ended(*train_mlp(tmp_path / "unbroken.ckpt"))
    _, history = train_mlp(Checkpoint(path, every_epochs=1), callbacks=[interrupt])
    assert history.stopped == "interrupted"
    assert ended(*train_mlp(path)) == unbroken


def test_a_csv_log_of_a_resumed_run_is_whole(tmp_path):
    path, log = tmp_path / "run.ckpt", tmp_path / "log.csv"
    with pytest.raises(Killed):
        train_mlp(Fatal(path, 9), callbacks=[callbacks.CSVLog(log)])
    log.write_text(log.read_text()[:-7])  # killed as it was written
    _, history = train_mlp(path, callbacks=[callbacks.CSVLog(log)])
    table = np.genfromtxt(log, delimiter=",", names=True)
    np.testing.assert_array_equal(table["epoch"], [1, 2, 3])
    np.testing.assert_array_equal(table["loss"], history.loss)


def test_the_callers_optimizer_state_is_that_of_the_resumed_run(tmp_path):
    adam, path = optimizers.Adam(0.1), tmp_path / "run.ckpt"
    net = mlp()
    states = [adam.init(net.theta) for _ in range(2)]
    train_mlp(tmp_path / "unbroken.ckpt", optimizer=adam, optimizer_state=states[0])
    with pytest.raises(Killed):
        train_mlp(Fatal(path, 5), optimizer=adam, optimizer_state=adam.init(net.theta))
    train_mlp(path, optimizer=adam, optimizer_state=states[1])
    for name, array in states[0].items():
        np.testing.assert_array_equal(states[1][name], array)


# -- how often ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("often", "expected"),
    [
        ({"every_seconds": 0.0}, [0, 0.25, 0.5, 0.75, 1, 1, 1.25, 1.5, 1.75, 2, 2, 2.25, 2.5, 2.75, 3, 3]),
        ({"every_seconds": 1e9}, [0, 3]),
        ({"every_seconds": None, "every_epochs": 2}, [0, 2, 3]),
        ({"every_seconds": None}, [0, 3]),
    ],
)
def test_a_checkpoint_is_written_at_the_beginning_as_often_as_it_says_and_at_the_end(often, expected, tmp_path):
    written = []

    class Noting(Checkpoint):
        def write(self, arrays, values):
            super().write(arrays, values)
            written.append(len(arrays.get("history.loss", ())) + values["done"] / 4)

    train_mlp(Noting(tmp_path / "run.ckpt", **often))
    assert written == expected


# -- what is refused ---------------------------------------------------------------------------------------------------

X, Y = line()
OTHER_X = X.copy()
OTHER_X[3, 1] += 1e-3


class Halved(losses.MeanSquaredError):
    """Another loss."""


CHANGED = {
    "input": ({"x": OTHER_X}, "the content of data.input has changed"),
    "target": ({"target": Y + 1}, "the content of data.target has changed"),
    "fewer": ({"x": X[:5], "target": Y[:5]}, "data.examples is now 5, but was 7"),
    "weights": ({"sample_weight": np.arange(1.0, 8.0)}, "data.sample weight is now"),
    "validation": ({"validation_data": (OTHER_X, Y)}, "the content of validation_data.input has changed"),
    "no validation": ({"validation_data": None}, "validation_data is now null"),
    "loss": ({"loss": Halved()}, "loss is now Halved, but was MeanSquaredError"),
    "optimizer": ({"optimizer": "sgd"}, "optimizer is now SGD, but was Adam"),
    "rate": ({"optimizer": optimizers.Adam(0.02)}, "optimizer.learning_rate is now 0.02, but was 0.001"),
    "schedule": ({"optimizer": optimizers.Adam(schedules.cosine(1e-3, 9))}, "optimizer.learning_rate is now cosine"),
    "batch_size": ({"batch_size": 3}, "batch_size is now 3, but was 2"),
    "seed": ({"seed": 1}, "seed is now 1, but was 0"),
    "shuffle": ({"shuffle": False}, "shuffle is now false, but was true"),
    "l2": ({"l2": 0.5}, "l2 is now 0.5, but was 0.0"),
    "averaging": ({"averaging": optimizers.PolyakAverage()}, "averaging is now PolyakAverage, but was null"),
    "augment": ({"augment": noisy}, 'augment is now "noisy", but was null'),
    "width": (
        {"net": Network([layers.Dense(3, 5), layers.Dropout(0.3), layers.Dense(5, 1)])},
        r"layers\[0\].n_outputs",
    ),
    "dropout": ({"net": Network([layers.Dense(3, 4), layers.Dropout(0.4), layers.Dense(4, 1)])}, r"layers\[1\].rate"),
    "depth": ({"net": Network([layers.Dense(3, 1)])}, "network.layers is now"),
    "network seed": ({"net": mlp(seed=5)}, "network.seed is now 5, but was 0"),
    "dtype": ({"net": mlp(dtype="float64")}, 'network.dtype is now "float64", but was "float32"'),
}


@pytest.mark.parametrize("name", CHANGED)
def test_another_run_s_checkpoint_is_refused_and_what_differs_is_named(name, tmp_path):
    path = tmp_path / "run.ckpt"
    options = {
        "net": mlp(),
        "x": X,
        "target": Y,
        "loss": MSE,
        "batch_size": 2,
        "validation_data": (X, Y),
        "max_epochs": 1,
    }
    fit(**options, checkpoint=path)
    written = path.read_bytes()
    changed, message = CHANGED[name]
    net = changed.get("net", mlp())
    before = net.theta.copy()
    with pytest.raises(CheckpointError, match=f"belongs to another run: .*{message}"):
        fit(**options | {"net": net, "max_epochs": 3} | changed, checkpoint=path)
    assert path.read_bytes() == written
    np.testing.assert_array_equal(net.theta, before)


def test_a_run_that_has_done_nothing_yet_gives_way_to_another(tmp_path):
    path = tmp_path / "run.ckpt"
    with pytest.raises(Killed):
        train_mlp(Fatal(path, 1))  # as it begins
    with pytest.raises(Killed):
        train_mlp(Fatal(path, 2), batch_size=3)  # after the first update
    with pytest.raises(CheckpointError, match=r"belongs to another run: .*batch_size is now 4, but was 3"):
        train_mlp(path, batch_size=4)


def test_chunks_and_teaching_that_differ_are_refused(tmp_path):
    path = tmp_path / "run.ckpt"
    options = {"loss": MSE, "max_epochs": 1, "checkpoint": path}
    fit(jordan(), *tagged(), chunk_length=3, teacher_forcing=0.5, **options)
    with pytest.raises(
        CheckpointError, match=r"chunk_length is now 4, but was 3; teacher_forcing is now 1.0, but was 0.5"
    ):
        fit(jordan(), *tagged(), chunk_length=4, **options)


def damaged(content):
    """Return broken versions of a file: cut anywhere, or with a bit changed anywhere."""
    rng = np.random.default_rng(0)
    for length in rng.integers(len(content), size=20):
        yield content[:length]
    for place in rng.integers(len(content), size=60):
        yield content[:place] + bytes([content[place] ^ 1 << int(rng.integers(8))]) + content[place + 1 :]
    yield content + b"\0"


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "run.ckpt"
    train_mlp(path)
    for content in damaged(path.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"run.ckpt"):
            train_mlp(path)


def forge(path, change):
    """Write a checkpoint again with other arrays or values, and the right hash."""
    arrays, description = model_file.read(path)
    written = json.loads(description["checkpoint"])
    change(arrays, written["values"])
    model_file.write(path, arrays, {"checkpoint": json.dumps(written)})


def value(name, given):
    return lambda arrays, values: values.update({name: given})


def array(name, given):
    return lambda arrays, values: arrays.update({name: np.asarray(given)})


FORGED = {
    "no updates": (value("done", None), "done cannot be None"),
    "too many updates": (value("done", 7), "7 updates cannot be done of an epoch's 4"),
    "fewer than none": (value("done", -1), "done cannot be -1"),
    "a part of one": (value("done", 0.5), "done cannot be 0.5"),
    "an epoch to come": (value("best_epoch", 9), "best_epoch cannot be 9"),
    "a reason": (value("stopped", 3), "does not say whether the run has stopped"),
    "no generator": (value("network", {}), "the state of the generator for network is none"),
    "another generator": (value("shuffling", {"bit_generator": "MT19937"}), "the generator for shuffling is none"),
    "a large generator": (
        lambda arrays, values: values["shuffling"]["state"].update(inc=2**200),
        "the generator for shuffling is none",
    ),
    "no sums": (lambda arrays, values: arrays.pop("sums"), "it has no sums of an epoch"),
    "another best": (array("best", np.zeros(3, np.float32)), "its best parameters are not this network's"),
    "theta": (array("theta", np.zeros(3, np.float32)), "it has no 'theta' such as is needed"),
    "a shorter history": (array("history.seconds", [1.0]), "the history of seconds is not one of 2 epochs"),
    "a history of texts": (array("history.seconds", [True, False]), "the history of seconds is not one of 2 epochs"),
    "a hole in history": (lambda arrays, values: arrays.pop("history.seconds"), "the history of seconds is missing"),
    "another history": (array("history.colour", [1.0, 2.0]), "its history has 'colour'"),
    "states": (array("carried.0.h", np.zeros((2, 4), np.float32)), "states that it carries on are not this network's"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_checkpoint_is_refused_and_changes_nothing(name, tmp_path):
    change, message = FORGED[name]
    path = tmp_path / "run.ckpt"
    train_mlp(path, max_epochs=2)
    forge(path, change)
    net = mlp()
    theta, state = net.theta.copy(), net.rng.bit_generator.state
    with pytest.raises(CheckpointError, match=f"no run can go on from .*run.ckpt: .*{message}"):
        fit(net, *line(), loss=MSE, batch_size=2, max_epochs=3, checkpoint=path)
    np.testing.assert_array_equal(net.theta, theta)
    assert net.rng.bit_generator.state == state


@pytest.mark.parametrize("lost", ["values", "run"])
def test_a_checkpoint_that_lacks_a_part_is_refused(lost, tmp_path):
    path = tmp_path / "run.ckpt"
    train_mlp(path, max_epochs=2)
    arrays, description = model_file.read(path)
    written = json.loads(description["checkpoint"])
    del written[lost]
    model_file.write(path, arrays, {"checkpoint": json.dumps(written)})
    with pytest.raises(CheckpointError, match="damaged: it does not say which run it belongs to, and how far it is"):
        train_mlp(path)


def validated(path, **changed):
    """Train with validation data and a score."""
    options = {"loss": MSE, "batch_size": 2, "max_epochs": 3, "validation_data": line(), "score": metrics.r2}
    return fit(mlp(), *line(), checkpoint=path, **options | changed)


@pytest.mark.parametrize("name", ["gradient_norm", "learning_rate", "seconds", "validation_loss", "validation_score"])
def test_a_history_without_what_each_epoch_needs_is_refused(name, tmp_path):
    path = tmp_path / "run.ckpt"
    validated(path, max_epochs=2)
    forge(path, lambda arrays, values: arrays.pop(f"history.{name}"))
    with pytest.raises(CheckpointError, match=f"the history of {name} is missing"):
        validated(path)


@pytest.mark.parametrize("changed", [{}, {"score": None}, {"score": None, "validation_data": None}])
def test_a_run_needs_no_more_figures_than_it_has(changed, tmp_path):
    path = tmp_path / "run.ckpt"
    validated(path, max_epochs=2, **changed)
    history = validated(path, **changed)
    assert len(history.loss) == 3
    assert [len(history.validation_loss), len(history.validation_score)] == [
        3 * (changed.get("validation_data", 1) is not None), 3 * ("score" not in changed)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (value("done", 5), "5 updates cannot be done of an epoch's 4"),
        (value("done", True), "done cannot be True"),
        (value("best_epoch", 2), "best_epoch cannot be 2"),
        (value("best_epoch", -1), "best_epoch cannot be -1"),
        (array("sums", np.zeros(2)), "it has no sums of an epoch"),
        (array("sums", np.zeros(3, int)), "it has no sums of an epoch"),
        (lambda arrays, values: arrays.update(best=arrays["best"].astype(np.float64)), "its best parameters are not"),
        (lambda arrays, values: arrays.update(best=arrays["best"][:-1]), "its best parameters are not this network's"),
        (lambda arrays, values: arrays.update(theta=arrays["theta"].astype(np.float64)), "it has no 'theta' such as"),
        (lambda arrays, values: arrays.pop("history.loss"), "the history of .* is not one of 0 epochs"),
    ],
)
def test_what_is_just_outside_its_range_is_refused(change, message, tmp_path):
    path, best = tmp_path / "run.ckpt", [callbacks.EarlyStopping(5)]
    validated(path, max_epochs=2, callbacks=best)
    forge(path, change)
    with pytest.raises(CheckpointError, match=message):
        validated(path, callbacks=best)


@pytest.mark.parametrize("change", [value("best_epoch", 0), value("best_epoch", 1), array("history.loss", [1, 2])])
def test_what_is_just_within_its_range_is_taken(change, tmp_path):
    path, best = tmp_path / "run.ckpt", [callbacks.EarlyStopping(5)]
    validated(path, max_epochs=2, callbacks=best)
    forge(path, change)
    assert len(validated(path, callbacks=best).loss) == 3


OTHER_STATES = {
    "no row": np.zeros((0, 3)),
    "a row": np.zeros((1, 3)),
    "rows": np.zeros((3, 3)),
    "narrower": np.zeros((2, 2)),
    "single": np.zeros((2, 3), np.float32),
    "vector": np.zeros(2),
    "number": 1.0,
}


def go_on_from_states(states, path):
    """Forge the states in which the third chunk has ended: those of two sequences, of width 3."""
    make, problem, options = RUNS["chunks"]
    with pytest.raises(Killed):
        fit(make(), *problem(), checkpoint=Fatal(path, 4), **options)
    forge(path, array("carried.0.h", states))
    return fit(make(), *problem(), checkpoint=path, **options)


@pytest.mark.parametrize("name", OTHER_STATES)
def test_states_of_another_minibatch_are_refused(name, tmp_path):
    with pytest.raises(CheckpointError, match=r"run\.ckpt: the state.* that it carries on"):
        go_on_from_states(OTHER_STATES[name], tmp_path / "run.ckpt")


def test_states_of_this_minibatch_are_taken(tmp_path):
    assert go_on_from_states(np.zeros((2, 3)), tmp_path / "run.ckpt").stopped == "max_epochs"


def test_before_the_first_epoch_there_is_no_best_one(tmp_path):
    path = tmp_path / "run.ckpt"
    with pytest.raises(Killed):
        train_mlp(Fatal(path, 3))
    forge(path, value("best_epoch", -2))
    with pytest.raises(CheckpointError, match="best_epoch cannot be -2"):
        train_mlp(path)


@pytest.mark.parametrize("kind", ["MT19937", "PCG64DXSM", "Philox", "SFC64"])
def test_a_generator_of_any_kind_is_gone_on_with(kind, tmp_path):
    def train(checkpoint):
        net = mlp()
        seed = np.random.Generator(getattr(np.random, kind)(5))
        return net, fit(net, *line(), loss=MSE, batch_size=2, max_epochs=3, seed=seed, checkpoint=checkpoint)

    expected = ended(*train(None))
    with pytest.raises(Killed):
        train(Fatal(tmp_path / "run.ckpt", 7))
    assert ended(*train(tmp_path / "run.ckpt")) == expected


def test_another_program_s_file_is_refused(tmp_path):
    path = tmp_path / "run.ckpt"
    path.write_text("Dear diary")
    with pytest.raises(CheckpointError, match=r"no run can go on from .*run.ckpt"):
        train_mlp(path)
    assert path.read_text() == "Dear diary"


def test_a_saved_network_is_no_checkpoint(tmp_path):
    mlp().save(tmp_path / "run.ckpt")
    with pytest.raises(CheckpointError, match="no checkpoint; is it a saved network"):
        train_mlp(tmp_path / "run.ckpt")


def test_a_checkpoint_is_no_saved_network(tmp_path):
    train_mlp(tmp_path / "run.ckpt")
    with pytest.raises(model_file.ModelFileError):
        Network.load(tmp_path / "run.ckpt")


def test_a_checkpoint_of_an_optimizer_that_remembers_something_else_is_refused(tmp_path):
    class Changing(optimizers.SGD):
        memory = "velocity"

        def _memory(self, theta, decayed):
            return {self.memory: np.zeros_like(theta)}

    path = tmp_path / "run.ckpt"
    train_mlp(path, optimizer=Changing())
    Changing.memory = "momentum"
    with pytest.raises(CheckpointError, match=r"has no 'optimizer.momentum' such as is needed here"):
        train_mlp(path, optimizer=Changing(), max_epochs=9)


def test_settings_of_one_s_own_may_be_infinite(tmp_path):
    class Limited(losses.MeanSquaredError):
        def __init__(self, limit=np.inf):
            self.limit = limit

    train_mlp(tmp_path / "run.ckpt", loss=Limited(), max_epochs=1)
    _, history = train_mlp(tmp_path / "run.ckpt", loss=Limited(), max_epochs=2)
    assert len(history) == 2
    with pytest.raises(CheckpointError, match=r"loss\.limit is now 3\.0, but was Infinity"):
        train_mlp(tmp_path / "run.ckpt", loss=Limited(3.0), max_epochs=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "nowhere/run.ckpt"}, "there is no directory nowhere"),
        ({"path": "."}, "it is a directory"),
        ({"path": "run.ckpt", "every_seconds": -1}, "every_seconds must be a number"),
        ({"path": "run.ckpt", "every_epochs": 0}, "every_epochs must be a whole number"),
    ],
)
def test_a_checkpoint_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Checkpoint(**arguments)


def test_a_full_batch_optimizer_cannot_be_broken_off_within():
    with pytest.raises(ValueError, match="leave out checkpoint, or take an optimizer such as Adam"):
        train_mlp("run.ckpt", optimizer="lbfgs")
