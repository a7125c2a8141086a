"""The error-to-signal ratio, against PyTorch (tests/reference/make_error_to_signal_reference.py) and itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rnnbp
from rnnbp import layers, losses, optimizers
from rnnbp.data.sequences import Sequences
from rnnbp.losses import ErrorToSignal

with np.load(Path(__file__).parents[1] / "reference" / "error_to_signal_reference.npz") as file:
    ARRAYS = dict(file)
CASES = sorted({key.split(".")[0] for key in ARRAYS})
SETTINGS = ("pre_emphasis", "dc_weight", "floor")


def reference(name):
    case = {key.split(".")[1]: array for key, array in ARRAYS.items() if key.split(".")[0] == name}
    return ErrorToSignal(**{key: float(case.pop(key)) for key in SETTINGS}), case


def signals(lengths=(9, 4, 9, 1), width=1, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(0.1, 1, (n, width)) for n in lengths]


def model(seed=0, width=1):
    stack = [layers.LSTM(width, 4), layers.Dense(4, width)]
    return rnnbp.Network(stack, seed=seed, dtype="float64")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-5)])
def test_equals_pytorch(name, dtype, tolerance):
    loss, case = reference(name)
    value, gradient = loss(case["output"].astype(dtype), case["target"], lengths=case["lengths"])
    assert value == pytest.approx(case["losses"].mean(), rel=tolerance)
    assert gradient.dtype == dtype
    np.testing.assert_allclose(gradient, case["gradient"], rtol=tolerance, atol=tolerance * abs(case["gradient"]).max())


@pytest.mark.parametrize("name", CASES)
def test_weights_are_those_of_sequences(name):
    loss, case = reference(name)
    weight = np.arange(1.0, 1 + len(case["lengths"]))
    value, _ = loss(case["output"], case["target"], lengths=case["lengths"], sample_weight=weight)
    assert value == pytest.approx(np.average(case["losses"], weights=weight), rel=1e-12)


def test_a_perfect_model_has_no_loss_and_a_silent_one_that_of_the_signal():
    [signal] = signals([200])
    loss = ErrorToSignal(dc_weight=0.0, floor=1e-12)
    assert loss(signal[:, None], signal[:, None])[0] == 0
    assert loss(np.zeros((200, 1, 1)), signal[:, None])[0] == pytest.approx(1)


def test_silence_counts_by_the_floor():
    value, gradient = ErrorToSignal(pre_emphasis=0.0, floor=0.01)(np.full((5, 1, 1), 0.1), np.zeros((5, 1, 1)))
    assert value == pytest.approx(2.0)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("width", [1, 2])
def test_the_network_has_the_gradient_of_the_value(width):
    x, y = signals(width=width), signals(width=width, seed=1)
    net = model(width=width)
    _, gradient = net.loss_and_gradient(x, y, loss="error_to_signal")
    rng = np.random.default_rng(2)
    for _ in range(3):
        direction, step = rng.normal(size=net.theta.size), 1e-6
        values = []
        for sign in (1, -1):
            net.theta += sign * step * direction
            values.append(net.loss_and_gradient(x, y, loss="error_to_signal")[0])
            net.theta -= sign * step * direction
        assert gradient @ direction == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-6)


def test_all_forms_of_targets_say_the_same():
    x, y = signals(), signals(seed=1)
    padded_x, lengths = rnnbp.sequences.pad(x)
    padded_y, _ = rnnbp.sequences.pad(y)
    loss = ErrorToSignal()
    value, gradient = model().loss_and_gradient(x, y, loss=loss)
    for target in ([each[:, 0] for each in y], Sequences.of(y)):
        again = model().loss_and_gradient(x, target, loss=loss)
        assert again[0] == value
        np.testing.assert_array_equal(again[1], gradient)
    for target in (padded_y, padded_y[..., 0]):
        again = model().loss_and_gradient(padded_x, target, loss=loss, lengths=lengths)
        assert again[0] == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(again[1], gradient, rtol=1e-12, atol=1e-15)


def test_training_on_chunks_is_training_on_their_signals():
    """With a learning rate of almost nothing, the losses of an epoch's chunks are those of the chunks alone."""
    x, y = signals((20, 13, 20)), signals((20, 13, 20), seed=1)
    net, loss = model(), ErrorToSignal()
    run = rnnbp.fit(
        net,
        x,
        y,
        loss=loss,
        optimizer=optimizers.SGD(1e-12),
        max_epochs=1,
        batch_size=3,
        chunk_length=5,
        progress=False,
    )
    output = rnnbp.predict(net, x)
    parts = []
    for start in range(0, 20, 5):
        going_on = [i for i in range(3) if len(x[i]) > start]
        cut = [(output[i][start : start + 5], y[i][start : start + 5]) for i in going_on]
        parts += [loss(ours[:, None], theirs[:, None])[0] for ours, theirs in cut]
    assert run.loss[0] == pytest.approx(np.mean(parts), rel=1e-6)


def test_it_learns_a_filter_from_chunks_and_resumes_to_the_bit(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 8, 1))
    y = np.tanh(x + 0.5 * np.roll(x, 1, axis=0))
    options = {"loss": "error_to_signal", "batch_size": 4, "chunk_length": 50, "progress": False}

    def trained(epochs, **more):
        net = model()
        history = rnnbp.fit(net, x, y, optimizer=optimizers.Adam(0.02), max_epochs=epochs, **options, **more)
        return net, history

    whole, history = trained(8)
    assert history.loss[-1] < 0.2 * history.loss[0]
    assert rnnbp.evaluate(whole, x, y, loss="error_to_signal")[0] < 0.2
    trained(3, checkpoint=rnnbp.Checkpoint(tmp_path / "run"))
    again, _ = trained(8, checkpoint=rnnbp.Checkpoint(tmp_path / "run"))
    np.testing.assert_array_equal(again.theta, whole.theta)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([np.zeros(9)], "each sequence needs a target: there are 1 for 2"),
        ([np.zeros(9), np.zeros(5)], "target of sequence 1 must have an entry for each of its 4 outputs, but it has 5"),
        ([np.zeros((9, 2)), np.zeros((4, 2))], "but the output has width 1"),
        ([np.zeros(9), np.full(4, np.nan)], r"the target of sequence 1: target\[0, 0\] = nan is not finite"),
        ([np.zeros((9, 1)), np.zeros(4)], "sequence 1 has frames of shape"),
        ([[[1.0], [2.0, 3.0]], [[1.0]] * 4], "the target of sequence 0 must be an array of numbers"),
        (["a", "b"], "target"),
    ],
)
def test_targets_that_do_not_fit_are_refused(target, message):
    with pytest.raises((TypeError, ValueError), match=message):
        model().loss_and_gradient(signals((9, 4)), target, loss="error_to_signal")


@pytest.mark.parametrize("output", [None, "signal", [[1.0], [2.0, 3.0]], np.ones((4, 2, 1)) * 1j])
def test_outputs_that_are_none_are_refused(output):
    with pytest.raises((TypeError, ValueError), match="the output must be an array"):
        ErrorToSignal()(output, np.ones((4, 2, 1)))


@pytest.mark.parametrize("shape", [(0, 2, 1), (4, 2)])
def test_outputs_that_are_no_sequences_are_refused(shape):
    with pytest.raises(ValueError, match=rf"output must be \(T, B, F\) and not empty, but its shape is .{shape[0]}, 2"):
        ErrorToSignal()(np.ones(shape), np.ones((4, 2, 1)))


def test_one_step_of_one_sequence_is_enough():
    value, _ = ErrorToSignal(dc_weight=0.0, floor=1.0)(np.ones((1, 1, 1)), np.full((1, 1, 1), 3.0))
    assert value == pytest.approx(4 / 10)


def test_the_loss_of_all_is_the_mean_of_its_parts_weighted_by_their_normalizers():
    loss, rng = ErrorToSignal(), np.random.default_rng(0)
    output, target, weight = *rng.normal(size=(2, 6, 5, 2)), np.array([1.0, 0.5, 2.0, 0.0, 3.0])
    for chosen in (weight, None):
        parts = [(slice(0, 2), 1.5 if chosen is not None else 2), (slice(2, 5), 5.0 if chosen is not None else 3)]
        values = [
            loss(output[:, k], target[:, k], sample_weight=None if chosen is None else chosen[k])[0] for k, _ in parts
        ]
        whole, _ = loss(output, target, sample_weight=chosen)
        assert whole == pytest.approx(np.average(values, weights=[share for _, share in parts]), rel=1e-12)


def test_it_needs_an_output_at_each_step():
    net = rnnbp.Network([layers.LSTM(1, 4), layers.LastStep(), layers.Dense(4, 1)])
    with pytest.raises(ValueError, match="needs an output at each step"):
        rnnbp.fit(net, signals(), np.zeros(4), loss="error_to_signal", optimizer=optimizers.SGD(0.1))


@pytest.mark.parametrize("settings", [{"pre_emphasis": 1.0}, {"dc_weight": -1}, {"floor": 0}, {"floor": "low"}])
def test_settings_are_checked(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        ErrorToSignal(**settings)


def test_ctc_still_refuses_chunks():
    net = rnnbp.Network([layers.LSTM(1, 4), layers.Dense(4, 3)])
    with pytest.raises(ValueError, match="one for a whole sequence"):
        rnnbp.fit(net, signals(), [[1], [2], [1], []], loss=losses.CTC(), optimizer=optimizers.SGD(0.1), chunk_length=2)
