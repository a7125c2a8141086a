"""A history tells what happened in one line, and hands its figures on as a table."""

import sys

import numpy as np
import pytest

import rnnbp
from rnnbp import History, layers, optimizers


@pytest.fixture
def history():
    return History(
        loss=[2.0, 1.0, 0.5], validation_loss=[1.8, 0.9, 1.1], seconds=[1.0, 1.0, 0.5], best_epoch=1, stopped="patience"
    )


def test_it_is_shown_in_one_line_whatever_its_length(history):
    figures = "loss 0.5, validation_loss 1.1; best in epoch 2 (loss 0.9)"
    assert repr(history) == f"History of 3 epochs in 2.5 s, ended by patience: {figures}"
    assert len(repr(History(loss=[1.0] * 10_000))) < 100
    assert repr(History(loss=[1.0])) == "History of 1 epoch in 0 s: loss 1"
    assert repr(History()) == "History of no epoch"


def test_a_best_score_is_shown_as_it_was_given():
    scored = History(
        loss=[2.0, 1.0], validation_loss=[2.0, 1.0], validation_score=[0.5, 0.75], monitor="score", best_epoch=1
    )
    assert repr(scored).endswith("validation_score 0.75; best in epoch 2 (score 0.75)")


def test_its_table_has_a_row_for_each_epoch_from_1_on(history):
    table = history.to_frame()
    assert table.index.name == "epoch"
    assert table.index.tolist() == [1, 2, 3]
    assert table.columns.tolist() == ["loss", "seconds", "validation_loss"]
    assert table.validation_loss[2] == 0.9
    assert History().to_frame().empty


def test_without_pandas_the_message_names_it(history, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"History\.to_frame needs pandas: python -m pip install pandas"):
        history.to_frame()


def test_it_knows_what_fit_was_called_with():
    net, x = rnnbp.Network([layers.Dense(2, 1)]), np.ones((6, 2))
    history = rnnbp.fit(
        net, x, x[:, :1], loss="mean_squared_error", optimizer="sgd", batch_size=3, max_epochs=2, seed=7
    )
    kept = {name: history.settings[name] for name in ("max_epochs", "batch_size", "l2", "seed")}
    assert kept == {"max_epochs": 2, "batch_size": 3, "l2": 0.0, "seed": 7}
    assert isinstance(history.settings["optimizer"], optimizers.SGD)
