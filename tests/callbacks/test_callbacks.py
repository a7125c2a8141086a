"""Callbacks: what they write, when they stop, and that their errors come before training."""

import copy
import csv
import sys
from types import ModuleType

import numpy as np
import pytest
from toys import CROSS_ENTROPY, MSE, XOR, line, xor_network

from rnnbp import History, Network, fit, layers, metrics, optimizers
from rnnbp.callbacks import BestModelCheckpoint, CSVLog, EarlyStopping, TensorBoardLog


def train(*callbacks, **options):
    options = {"max_epochs": 5, "optimizer": optimizers.Adam(0.1), **options}
    net = xor_network()
    return net, fit(net, *XOR, loss=CROSS_ENTROPY, callbacks=callbacks, **options)


# -- early stopping ----------------------------------------------------------------------------------------------------


def stops_after(losses, monitor="loss", **settings):
    """Return after how many epochs of these values training would end, or None."""
    callback, history = EarlyStopping(**settings), History(monitor=monitor)
    for n, value in enumerate(losses, start=1):
        history.loss.append(value)
        history.validation_score.append(-value)
        if callback(None, history):
            assert history.stopped == "patience"
            return n
    return None


@pytest.mark.parametrize("monitor", ["loss", "score"])
@pytest.mark.parametrize(
    ("losses", "settings", "expected"),
    [
        ([5, 4, 3, 3, 3, 2], {"patience": 2}, 5),
        ([5, 4, 3, 3, 2, 3, 3], {"patience": 2}, 7),
        ([5, 4, 3, 2, 1], {"patience": 1}, None),
        ([5, 5], {"patience": 1}, 2),
        ([5, 4.9, 4.8, 4.7], {"patience": 2, "min_delta": 0.15}, None),
        ([5, 4.9, 4.8, 4.7], {"patience": 2, "min_delta": 0.5}, 3),
        ([float("nan")] * 4, {"patience": 3}, 3),
        ([float("nan"), 2, 1, float("nan")], {"patience": 2}, None),
        ([-1, -2, -3, -3, -3], {"patience": 2}, 5),
        ([5] * 9, {"patience": float("inf")}, None),
        # as in scikit-learn: against the best of all, of which equals are as good, and NaN as well
        ([5, 4.9, 4.8, 4.7], {"patience": 3, "min_delta": 0.15, "compared_with": "best"}, 4),
        ([5, 4, 4.5, 4.5, 3.5, 3.2, 3.2], {"patience": 3, "min_delta": 1.0, "compared_with": "best"}, 5),
        ([5, 5, 5, 5], {"patience": 1, "compared_with": "best"}, None),
        ([5, float("nan"), 6, float("nan"), 6], {"patience": 2, "compared_with": "best"}, None),
    ],
)
def test_training_ends_when_the_monitored_value_has_not_fallen_for_so_long(losses, settings, expected, monitor):
    assert stops_after(losses, monitor, **settings) == expected


def test_patience_is_early_stopping():
    options = {"validation_data": (XOR[0], 1 - XOR[1]), "max_epochs": 30}
    (short, by_name), (long, by_callback) = train(patience=3, **options), train(EarlyStopping(3), **options)
    assert by_name.loss == by_callback.loss
    assert by_name.stopped == by_callback.stopped == "patience"
    np.testing.assert_array_equal(short.theta, long.theta)


@pytest.mark.parametrize("restore_best", [True, False])
def test_the_best_epoch_is_restored_if_wished(restore_best):
    ends = []
    options = {"validation_data": (XOR[0], 1 - XOR[1]), "max_epochs": 30}
    keep = lambda net, history: ends.append(net.theta.copy())  # noqa: E731
    net, history = train(keep, EarlyStopping(3, restore_best=restore_best), **options)
    np.testing.assert_array_equal(net.theta, ends[history.best_epoch if restore_best else -1])
    assert history.best_epoch < len(history) - 1


def test_the_score_may_say_which_epoch_is_the_best():
    scores = iter([0.5, 0.9, 0.2, 0.3, 0.4])
    options = {"validation_data": XOR, "score": lambda *_: next(scores), "monitor": "score", "patience": 3}
    _, history = train(**options)
    assert (history.best_epoch, len(history), history.stopped) == (1, 5, "patience")
    assert history.monitored == [-0.5, -0.9, -0.2, -0.3, -0.4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"monitor": "accuracy"}, 'monitor must be "loss" or "score"'),
        ({"monitor": "score"}, 'monitor="score" needs a score'),
        ({"monitor": "score", "validation_data": XOR}, 'monitor="score" needs a score'),
    ],
)
def test_a_monitor_without_values_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        train(**options)


# -- files -------------------------------------------------------------------------------------------------------------


def test_the_file_holds_the_best_network(tmp_path):
    path, scores, ends = tmp_path / "best.rnnbp", iter([0.1, 0.5, 0.9, 0.3, 0.4]), []
    keep = lambda net, history: ends.append(net.theta.copy())  # noqa: E731
    options = {"validation_data": XOR, "score": lambda *_: next(scores), "monitor": "score"}
    train(BestModelCheckpoint(path), keep, **options)
    np.testing.assert_array_equal(Network.load(path).theta, ends[2])


def test_a_table_has_a_row_for_each_epoch(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("of another run\n")
    lines = []
    watch = lambda net, history: lines.append(len(path.read_text().splitlines()))  # noqa: E731
    _, history = train(CSVLog(path), watch, validation_data=XOR, score=metrics.accuracy)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert lines == [2, 3, 4, 5, 6]
    assert [row.pop("epoch") for row in rows] == ["1", "2", "3", "4", "5"]
    assert set(rows[0]) == set(history.figures)
    for name, values in history.figures.items():
        assert [float(row[name]) for row in rows] == values


def test_rows_are_added_to_what_is_there(tmp_path):
    path = tmp_path / "log.csv"

    def remark(net, history):
        with path.open("a") as file:
            file.write(f"after {len(history)}\n")

    train(CSVLog(path), remark, max_epochs=3)
    assert [line for line in path.read_text().splitlines() if "after" in line] == ["after 1", "after 2", "after 3"]


def test_a_resumed_run_is_written_from_its_first_epoch(tmp_path):
    CSVLog(tmp_path / "log.csv")(None, History(loss=[3.0, 2.0]))
    assert (tmp_path / "log.csv").read_text().splitlines() == ["epoch,loss", "1,3.0", "2,2.0"]


def test_a_log_that_is_used_again_begins_anew(tmp_path):
    log = CSVLog(tmp_path / "log.csv")
    train(log)
    _, history = train(log, max_epochs=3, optimizer="sgd")
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4
    np.testing.assert_array_equal(np.genfromtxt(tmp_path / "log.csv", delimiter=",", names=True)["loss"], history.loss)


@pytest.mark.parametrize("make", [CSVLog, BestModelCheckpoint])
def test_a_file_that_cannot_be_written_is_refused_at_once(make, tmp_path):
    with pytest.raises(ValueError, match=r"there is no directory .*nowhere"):
        make(tmp_path / "nowhere" / "file")


# -- TensorBoard -------------------------------------------------------------------------------------------------------


@pytest.fixture
def tensorboard(monkeypatch):
    """A package of the name, with a writer that remembers what it was given."""
    written = []

    class SummaryWriter:
        def __init__(self, directory, *, purge_step):
            written.append((directory, purge_step))

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def flush(self):
            written.append("flushed")

    module = ModuleType("tensorboardX")
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "tensorboardX", module)
    return written


def test_tensorboard_is_given_each_epoch_s_figures(tensorboard, tmp_path):
    _, history = train(TensorBoardLog(tmp_path / "logs"), max_epochs=2)
    expected = [(str(tmp_path / "logs"), 1)]
    for epoch in (1, 2):
        expected += [(name, values[epoch - 1], epoch) for name, values in history.figures.items()]
        expected.append("flushed")
    assert tensorboard == expected


def test_a_resumed_run_writes_the_epochs_before_it_in_the_place_of_what_is_there(tensorboard, tmp_path):
    TensorBoardLog(tmp_path)(None, History(loss=[3.0, 2.0]))
    assert tensorboard == [(str(tmp_path), 1), ("loss", 3.0, 1), ("loss", 2.0, 2), "flushed"]


def test_a_copy_of_a_log_writes_the_run_anew(tensorboard, tmp_path):
    log = TensorBoardLog(tmp_path)
    log(None, History(loss=[3.0]))
    tensorboard.clear()
    copy.deepcopy(log)(None, History(loss=[3.0, 2.0]))
    assert tensorboard == [(str(tmp_path), 1), ("loss", 3.0, 1), ("loss", 2.0, 2), "flushed"]


def test_without_tensorboard_it_is_said_what_to_install(monkeypatch, tmp_path):
    for name in ("tensorboardX", "torch", "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="pip install tensorboardX"):
        TensorBoardLog(tmp_path)


# -- others ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings", [{"patience": 0}, {"patience": 2, "min_delta": -1.0}, {"patience": 2, "compared_with": "first"}]
)
def test_settings_out_of_their_range_are_refused(settings):
    with pytest.raises(ValueError, match="must be"):
        EarlyStopping(**settings)


def test_a_network_of_full_batches_is_logged_too(tmp_path):
    net = Network([layers.Dense(3, 1)])
    log = CSVLog(tmp_path / "log.csv")
    history = fit(net, *line(), loss=MSE, optimizer="lbfgs", max_epochs=4, callbacks=[log])
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1 + len(history)
