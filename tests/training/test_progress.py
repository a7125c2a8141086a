"""What a user sees of a training that runs: the bar on a terminal, the log, and nothing where nobody looks."""

import logging
import os
import re
from functools import partial

import numpy as np
import pytest
from forking import status_of_child
from toys import CROSS_ENTROPY, TEXT, XOR, recall, xor_network
from tqdm import tqdm

from rnnbp import Checkpoint, Network, fit, layers, metrics

OPTIONS = {"loss": CROSS_ENTROPY, "validation_data": XOR, "score": metrics.accuracy, "max_epochs": 3}


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_progress_bar_shows_the_epoch_the_losses_and_the_time_left(optimizer, capsys):
    history = fit(xor_network(), *XOR, progress=True, optimizer=optimizer, **OPTIONS)
    shown = capsys.readouterr().err
    assert [f"epoch {k}/3" in shown for k in (1, 2, 3)] == [True] * 3
    assert "epoch 1/3   0%" in shown
    assert re.search(r"epoch 3/3 +100%\|.*\| 00:0\d<00:00, loss=", shown)
    assert f"loss={history.loss[-1]:.4g}, validation={history.validation_loss[-1]:.4g}, score=" in shown


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_that_is_forked_while_a_bar_is_drawn_draws_its_own():
    train = partial(fit, xor_network(), *XOR, progress=True, **OPTIONS)
    train()
    assert status_of_child(tqdm.get_lock(), train) == 0


@pytest.mark.parametrize("progress", [None, False])
def test_nothing_is_printed_where_nobody_looks(progress, capfd):
    fit(xor_network(), *XOR, progress=progress, **OPTIONS)
    assert capfd.readouterr() == ("", "")


def test_a_program_without_a_console_trains_too(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    assert len(fit(xor_network(), *XOR, **OPTIONS)) == 3


def test_a_terminal_is_shown_the_bar_unasked(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    fit(xor_network(), *XOR, **OPTIONS)
    assert "epoch 3/3" in capsys.readouterr().err


@pytest.mark.parametrize("chunk", [None, 2])
def test_the_bar_comes_to_its_end_by_frames(chunk, capsys):
    x, _ = recall()
    net = Network([layers.Elman(1, 2, gradient=TEXT)])
    y = [np.zeros(len(sequence), int) for sequence in x]
    fit(net, x, y, loss=CROSS_ENTROPY, max_epochs=2, batch_size=5, chunk_length=chunk, progress=True)
    shown = capsys.readouterr().err
    assert "100%" in shown.split("\r")[-1]


def test_two_looks_at_an_example_are_two_steps_of_the_bar(capsys):
    net = Network([layers.Dense(2, 4), layers.Dropout(0.5), layers.Dense(4, 2)])
    fit(net, *XOR, loss=CROSS_ENTROPY, max_epochs=2, consistency=1.0, progress=True)
    shown = capsys.readouterr().err.split("\r")
    assert "100%" in shown[-1]
    assert any("50%" in each for each in shown)


def test_a_log_that_is_configured_has_a_line_for_each_epoch(caplog):
    with caplog.at_level(logging.INFO, logger="rnnbp"):
        history = fit(xor_network(), *XOR, **OPTIONS)
    assert [record.levelname for record in caplog.records] == ["INFO"] * 3
    for k, line in enumerate(caplog.messages):
        expected = f"epoch {k + 1}/3: loss {history.loss[k]:.4g}, validation {history.validation_loss[k]:.4g}, score "
        assert line.startswith(expected)
        assert "learning rate 0.001" in line


def test_a_log_that_is_not_configured_costs_no_lines(caplog):
    fit(xor_network(), *XOR, **OPTIONS)
    assert caplog.messages == []


def interrupt(net, history):
    if len(history) == 2:
        raise KeyboardInterrupt


def test_the_bar_of_a_run_that_goes_on_begins_where_it_was(capsys, tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.ckpt", every_epochs=1)
    fit(xor_network(), *XOR, checkpoint=checkpoint, callbacks=[interrupt], **OPTIONS)
    fit(xor_network(), *XOR, checkpoint=checkpoint, progress=True, **OPTIONS)
    begin, *_, end = (line for line in capsys.readouterr().err.split("\r") if line.strip())
    assert begin.startswith("epoch 3/3  67%")
    assert end.startswith("epoch 3/3 100%")


def test_the_log_says_where_a_run_goes_on(caplog, tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.ckpt", every_epochs=1)
    fit(xor_network(), *XOR, checkpoint=checkpoint, callbacks=[interrupt], **OPTIONS)
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="rnnbp"):
        fit(xor_network(), *XOR, checkpoint=checkpoint, **OPTIONS)
    assert caplog.messages[0] == f"going on from {tmp_path / 'run.ckpt'}: 2 epochs and 0 updates are done"
    assert [line.split(":")[0] for line in caplog.messages[1:]] == ["epoch 3/3"]
