"""A history tells what happened in one line, and hands its figures on as a table."""

import sys
from contextlib import nullcontext

import numpy as np
import pytest

import rnnbp
from rnnbp import History, layers, optimizers
from rnnbp.training.run import TrainingRun


@pytest.fixture
def history():
    return History(
        loss=[2.0, 1.0, 0.5], validation_loss=[1.8, 0.9, 1.1], seconds=[1.0, 1.0, 0.5], best_epoch=1, stopped="patience"
    )


def test_it_is_shown_in_one_line_whatever_its_length(history):
    figures = "loss 0.5, validation_loss 1.1; best in epoch 2 (validation_loss 0.9)"
    assert repr(history) == f"History of 3 epochs in 2.5 s, ended by patience: {figures}"
    assert len(repr(History(loss=[1.0] * 10_000))) < 100
    assert repr(History(loss=[1.0])) == "History of 1 epoch in 0 s: loss 1"
    assert repr(History()) == "History of no epoch"
    first = History(loss=[1.0, 2.0], validation_loss=[0.5, 0.75], best_epoch=0)
    assert repr(first).endswith("validation_loss 0.75; best in epoch 1 (validation_loss 0.5)")
    unvalidated = History(loss=[1.0, 2.0], best_epoch=0)
    assert repr(unvalidated) == "History of 2 epochs in 0 s: loss 2"


@pytest.mark.parametrize("scores", [[0.5, 0.75], [-0.5, -0.25]])
def test_a_best_score_is_shown_as_it_was_given(scores):
    scored = History(
        loss=[2.0, 1.0], validation_loss=[2.0, 1.0], validation_score=scores, monitor="score", best_epoch=1
    )
    assert repr(scored).endswith(f"validation_score {scores[1]}; best in epoch 2 (validation_score {scores[1]})")


def test_warnings_count_epochs_as_its_text_does():
    x = np.ones((4, 1))
    net = rnnbp.Network([layers.Dense(1, 1)])
    with pytest.raises(rnnbp.NonFiniteError, match="in epoch 1 the loss is inf"):
        rnnbp.fit(net, x, np.full((4, 1), 1e30, "float32"), loss="mean_squared_error")
    first = (net.forward(x[:1]).item() - 1) ** 2
    with pytest.warns(
        RuntimeWarning, match=rf"from {first:.3g} at the first update to .* in epoch 1: training diverges"
    ):
        rnnbp.fit(net, x, x, loss="mean_squared_error", optimizer=optimizers.SGD(1e3), batch_size=1, max_epochs=1)


@pytest.mark.parametrize(
    ("first", "loss", "is_told"),
    [(1.0, 0.5, False), (1.0, 1000.0, False), (1.0, 1001.0, True), (1e-6, 1e-2, True)],
)
def test_a_loss_a_thousand_times_the_first_is_not_warned_of_yet_and_a_larger_one_once(first, loss, is_told):
    run = TrainingRun(rnnbp.Network([layers.Dense(1, 1)]), data=None, loss=None, batch_size=1)
    run.first_loss = first
    expected = (
        pytest.warns(RuntimeWarning, match=f"the loss has grown from {first:.3g} at") if is_told else nullcontext()
    )
    with expected:
        run._warn_if_diverging(loss)
    if is_told:
        run._warn_if_diverging(2 * loss)
    run.first_loss = 0.0
    run._warn_if_diverging(loss)  # of nothing there is no multiple


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


def test_histories_are_compared_by_what_happened():
    assert History(loss=[1.0], settings={"seed": 0}) == History(loss=[1.0]) != History(loss=[2.0])
