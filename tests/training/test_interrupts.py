"""Ctrl-C and SIGTERM: the run is written down at a moment from which it can be gone on with, and it is said."""

import errno
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import numpy as np
import pytest
from toys import MSE, line

from rnnbp import Checkpoint, CheckpointError, Network, fit, layers, optimizers
from rnnbp.files import model_file
from rnnbp.optimizers import ExponentialAverage
from rnnbp.training.interrupts import Interrupts

NEVER = {"every_seconds": None}


def mlp():
    return Network([layers.Dense(3, 4), layers.Dropout(0.3), layers.Dense(4, 1)], compiled=False)


def train(checkpoint=None, **options):
    net = mlp()
    options = {"loss": MSE, "batch_size": 2, "max_epochs": 4, "averaging": ExponentialAverage(0.8), **options}
    return net, fit(net, *line(), checkpoint=checkpoint, **options)


def ended(net, history):
    figures = {name: values for name, values in history.figures.items() if name != "seconds"}
    return net.theta.tobytes(), figures, history.best_epoch, history.stopped, net.rng.bit_generator.state


class Sending(optimizers.Adam):
    """Sends signals to its own process in the middle of an update."""

    sends: tuple = ()
    updates = 0

    def _step(self, theta, gradient, state, rate, loss):
        theta += 0.0
        Sending.updates += 1
        for number in Sending.sends if Sending.updates == 6 else ():
            signal.raise_signal(number)
        super()._step(theta, gradient, state, rate, loss)


@pytest.fixture(autouse=True)
def _interruptible():
    """A shell has what it runs in the background ignore Ctrl-C."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.fixture
def sending(monkeypatch):
    """Return a function that says which signals are sent in the sixth update."""
    monkeypatch.setattr(Sending, "updates", 0)

    def send(*numbers):
        monkeypatch.setattr(Sending, "sends", numbers)

    return send


# -- what is written ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_within_an_update_leaves_a_checkpoint_that_goes_on_to_the_same_bits(tmp_path, sending, number, caplog):
    expected = ended(*train(tmp_path / "unbroken", optimizer=Sending()))
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)  # the process itself is to live on
    sending(number)
    Sending.updates = 0
    try:
        _, history = train(Checkpoint(tmp_path / "run", **NEVER), optimizer=Sending())
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert history.stopped == "interrupted"
    assert Sending.updates == 6
    assert "interrupted after 1 of 4 epochs" in caplog.text
    assert ("asked to end (SIGTERM)" in caplog.text) is (number == signal.SIGTERM)
    assert re.search(
        rf"{tmp_path / 'run'} was written \d+ s ago: the same call, with this checkpoint, goes on from there",
        caplog.text,
    )
    sending()
    assert ended(*train(Checkpoint(tmp_path / "run", **NEVER), optimizer=Sending())) == expected
    assert Sending.updates == 6 + 10  # none of the sixteen is done twice


def test_an_interrupt_that_a_callback_raises_is_written_too(tmp_path):
    def interrupt(net, history):
        if len(history) == 2:
            raise KeyboardInterrupt

    expected = ended(*train())
    _, history = train(Checkpoint(tmp_path / "run", **NEVER), callbacks=[interrupt])
    assert history.stopped == "interrupted"
    net, history = train(tmp_path / "run", callbacks=[lambda net, history: len(history) < 3 and pytest.fail("again")])
    assert ended(net, history) == expected


def test_a_second_signal_does_not_wait(tmp_path, sending, caplog):
    sending(signal.SIGINT, signal.SIGINT)
    _, history = train(Checkpoint(tmp_path / "run", every_seconds=None, every_epochs=1), optimizer=Sending())
    assert history.stopped == "interrupted"
    assert "s ago" in caplog.text
    _, description = model_file.read(tmp_path / "run")
    assert '"done": 0' in description["checkpoint"]  # the first epoch's end, not the middle of the second's update


def test_without_a_checkpoint_it_is_said_how_to_have_one(sending, caplog):
    sending(signal.SIGINT)
    _, history = train(optimizer=Sending())
    assert history.stopped == "interrupted"
    assert "interrupted after 1 of 4 epochs; to be able to go on with a run, give fit a checkpoint" in caplog.text


def test_a_handler_of_the_user_s_own_is_called_when_the_run_is_written_and_may_let_it_go_on(tmp_path, sending):
    called = []
    expected = ended(*train())
    sending(signal.SIGTERM)
    previous = signal.signal(signal.SIGTERM, lambda *_: called.append((tmp_path / "run").stat().st_mtime_ns))
    try:
        net, history = train(Checkpoint(tmp_path / "run", **NEVER), optimizer=Sending())
        assert len(called) == 1
        signal.raise_signal(signal.SIGTERM)
        assert len(called) == 2  # it is in its place again
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert ended(net, history) == expected


SCRIPT = """
    import signal, sys, time
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import numpy as np
    from rnnbp import Checkpoint, Network, fit, layers

    class Slow(layers.Activation):
        def forward(self, *args):
            time.sleep(0.05)
            return super().forward(*args)

    x = np.random.default_rng(0).normal(size=(40, 3))
    net = Network([layers.Dense(3, 1), Slow("identity")], compiled=False)
    history = fit(net, x, x[:, :1], loss="mean_squared_error", batch_size=4, max_epochs=60,
                  checkpoint=Checkpoint(sys.argv[1], every_seconds=None))
    print(history.stopped)
"""


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 0, "training was interrupted"), (signal.SIGTERM, -signal.SIGTERM, "asked to end (SIGTERM)")],
)
def test_a_process_that_is_asked_to_end_writes_its_run_says_so_and_ends(tmp_path, number, code, said):
    path = tmp_path / "run"
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while not path.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(1.0)  # of 0.05 s an update
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert said in err
    assert "goes on from there" in err
    assert out == ("interrupted\n" if number == signal.SIGINT else "")
    _, description = model_file.read(path)
    assert '"began": true' in description["checkpoint"]


# -- holding signals back ----------------------------------------------------------------------------------------------


def test_handlers_are_as_they_were_afterwards():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_of_the_last_moment_is_not_lost(number):
    previous = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), Interrupts():
            signal.raise_signal(number)
    finally:
        signal.signal(number, previous)


def test_a_signal_is_not_lost_when_a_run_ends_in_an_error():
    def diverge():
        with Interrupts():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("diverged")

    with pytest.raises(KeyboardInterrupt):
        diverge()


def test_what_is_ignored_is_left_ignored():
    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGTERM)
            assert interrupts.pending is None
    finally:
        signal.signal(signal.SIGTERM, previous)


def test_a_run_in_another_thread_trains_as_ever(tmp_path):
    stopped = []
    thread = threading.Thread(target=lambda: stopped.append(train(tmp_path / "run")[1].stopped))
    thread.start()
    thread.join()
    assert stopped == ["max_epochs"]


# -- folders that cannot be written to ---------------------------------------------------------------------------------


@pytest.fixture
def disk(monkeypatch):
    """Return a switch: with ``disk["error"]`` set, no file can be written."""
    state = {"error": None, "written": 0}
    write = model_file.write_atomically

    def write_or_fail(path, content):
        if state["error"] is not None:
            raise OSError(state["error"], os.strerror(state["error"]), str(path))
        state["written"] += 1
        write(path, content)

    monkeypatch.setattr(model_file, "write_atomically", write_or_fail)
    return state


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENOENT])
def test_a_file_that_cannot_be_written_is_noticed_before_training(tmp_path, disk, error):
    disk["error"] = error
    net = mlp()
    before = net.theta.copy()
    message = rf"cannot be written, so training has not begun: .*{os.strerror(error)}.*run\.ckpt"
    with pytest.raises(CheckpointError, match=message):
        fit(net, *line(), loss=MSE, checkpoint=tmp_path / "run.ckpt", callbacks=[lambda *_: pytest.fail("it trains")])
    np.testing.assert_array_equal(net.theta, before)


def test_a_folder_that_has_gone_is_noticed_before_training(tmp_path):
    (tmp_path / "folder").mkdir()
    checkpoint = Checkpoint(tmp_path / "folder" / "run.ckpt")
    (tmp_path / "folder").rmdir()
    with pytest.raises(CheckpointError, match=r"training has not begun: .*there is no directory .*run\.ckpt"):
        train(checkpoint)


def test_a_run_that_is_gone_on_with_notices_it_too(tmp_path, disk):
    train(tmp_path / "run.ckpt", max_epochs=2)
    disk["error"] = errno.EROFS
    with pytest.raises(CheckpointError, match="training has not begun"):
        train(tmp_path / "run.ckpt", max_epochs=4)


def test_a_finished_run_is_returned_from_where_nothing_can_be_written(tmp_path, disk):
    expected = ended(*train(tmp_path / "run.ckpt"))
    disk["error"] = errno.EROFS
    assert ended(*train(tmp_path / "run.ckpt")) == expected


def test_a_disk_that_is_full_for_a_while_costs_no_work(tmp_path, disk, caplog):
    def fill(net, history):
        disk["error"] = errno.ENOSPC if len(history) == 2 else None

    expected = ended(*train())
    with pytest.warns(RuntimeWarning) as warned:
        found = ended(*train(Checkpoint(tmp_path / "run.ckpt", every_seconds=0.0), callbacks=[fill]))
    assert found == expected
    (message,) = [str(each.message) for each in warned]  # one, however often it was tried
    assert "No space left on device" in message
    assert "run.ckpt" in message
    assert "Training goes on, and will try again" in message
    assert "can be written again, and has been" in caplog.text
    assert ended(*train(tmp_path / "run.ckpt")) == expected


def test_a_run_whose_last_checkpoint_cannot_be_written_returns_what_it_has_learnt(tmp_path, disk):
    def fill(net, history):
        disk["error"] = errno.ENOSPC

    expected = ended(*train())
    with pytest.warns(RuntimeWarning, match="cannot be written") as caught:
        assert ended(*train(Checkpoint(tmp_path / "run.ckpt", **NEVER), callbacks=[fill])) == expected
    assert [each.filename for each in caught] == [__file__]


# -- the first checkpoint ----------------------------------------------------------------------------------------------


def test_a_run_is_written_after_two_seconds_at_most(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path / "run", every_seconds=600)
    checkpoint.begin({})
    checkpoint.write_first({}, {})
    due = []
    for now[0] in (1.9, 2.0, 100.0, 601.9, 602.0):
        due.append(checkpoint.is_due())
        if due[-1]:
            checkpoint.write({}, {})
    assert due == [False, True, False, False, True]
    now[0] = 609.0
    assert "was written 7 s ago" in checkpoint.stands()


def test_a_checkpoint_without_work_in_it_is_no_hindrance_to_another_run(tmp_path):
    def fail(net, history):
        raise RuntimeError("in its first epoch")

    with pytest.raises(RuntimeError):
        train(Checkpoint(tmp_path / "run", **NEVER), callbacks=[fail])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(tmp_path / "run", optimizer="sgd")
    with pytest.raises(CheckpointError, match="belongs to another run"):
        train(tmp_path / "run", optimizer="adam")
