"""A stream gives, frame by frame, what the network gives for the whole sequence."""

import numpy as np
import pytest

import rnnbp
from rnnbp import layers
from rnnbp.gradients import BPTT

NETWORKS = {
    "stacked": [layers.LSTM(4, 7), layers.GRU(7, 5), layers.Dense(5, 3)],
    "peepholes": [layers.LSTM(4, 33, peepholes=True)],
    "reset before": [layers.GRU(4, 18, reset="before"), layers.LayerNorm(18), layers.Activation("relu")],
    "not elementwise": [layers.Elman(4, 6, activation="softmax")],
    "numpy": [layers.GRU(4, 6, gradient=BPTT(compiled=False)), layers.Dropout(0.5)],
    "closed loop": [layers.Jordan(4, 6, n_outputs=2, feedback_activation="tanh")],
}
POOLED = {
    "last": [layers.GRU(4, 6), layers.LastStep(), layers.Dense(6, 2)],
    "mean": [layers.GRU(4, 6), layers.MeanOverTime(), layers.Dense(6, 2)],
    "maximum": [layers.GRU(4, 6), layers.MaxOverTime(), layers.Dense(6, 2)],
}


@pytest.fixture
def frames():
    return np.random.default_rng(0).normal(size=(12, 4))


@pytest.mark.parametrize("parts", NETWORKS.values(), ids=NETWORKS)
def test_frames_pushed_in_pieces_give_the_outputs_of_the_whole(parts, frames):
    net = rnnbp.Network(parts, dtype="float64", seed=3)
    stream = net.stream()
    pieces = [stream.push(frames[0])[None], stream.push(frames[1:7]), stream.push(frames[7:])]
    np.testing.assert_allclose(np.concatenate(pieces), net.forward(frames[:, None])[:, 0], rtol=0, atol=1e-13)


@pytest.mark.parametrize("parts", POOLED.values(), ids=POOLED)
def test_a_pooled_output_is_that_of_the_sequence_so_far(parts, frames):
    net = rnnbp.Network(parts, dtype="float64", seed=3)
    expected = [net.forward(frames[: t + 1, None])[0] for t in range(len(frames))]
    np.testing.assert_allclose(net.stream().push(frames), expected, rtol=0, atol=1e-13)


def test_symbols_are_streamed_one_by_one():
    net = rnnbp.Network([layers.Embedding(5, 3), layers.Elman(3, 4)], dtype="float64")
    symbols = np.array([0, 4, 2, 2])
    stream = net.stream()
    np.testing.assert_allclose([stream.push(s) for s in symbols], net.forward(symbols[:, None])[:, 0], atol=1e-14)


def test_reset_begins_a_new_sequence(frames):
    stream = rnnbp.Network([layers.LSTM(4, 7)]).stream()
    first = stream.push(frames)
    assert not np.array_equal(stream.push(frames), first)
    stream.reset()
    assert np.array_equal(stream.push(frames), first)


def test_frames_of_which_none_is_due_give_no_row(frames):
    stream = rnnbp.Network([layers.Conv1D(4, 3, 1, stride=5), layers.Dense(3, 2)]).stream()
    shapes = [stream.push(frames[:1]).shape, stream.push(frames[1:4]).shape, stream.push(frames[4:6]).shape]
    assert shapes == [(1, 2), (0, 2), (1, 2)]
    assert stream.push(frames[6]) is None


def test_an_output_is_not_overwritten_by_the_next(frames):
    stream = rnnbp.Network([layers.LSTM(4, 7)]).stream()
    first = stream.push(frames[0])
    copy = first.copy()
    stream.push(frames[1])
    assert np.array_equal(first, copy)


@pytest.mark.parametrize(
    "layer",
    [layers.GRU(4, 3, bidirectional=True), layers.LSTM(4, 3, reverse=True), layers.LastStep(bidirectional=True)],
)
def test_what_runs_backwards_cannot_stream(layer):
    with pytest.raises(ValueError, match=r"layer 0.*runs backwards.*cannot stream"):
        rnnbp.Network([layer, layers.LayerNorm(layer.output_width(4))]).stream()


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros(3), "expected 4 features"),
        (np.zeros((2, 3, 4)), "one frame or a row"),
        (np.array(1.0), "one frame or a row"),
        (np.full(4, np.nan), "holds nan"),
    ],
)
def test_frames_that_do_not_fit_are_refused(frames, message):
    with pytest.raises(ValueError, match=message):
        rnnbp.Network([layers.GRU(4, 3)]).stream().push(frames)


def test_a_recurrent_layer_with_a_forward_pass_of_its_own_cannot_stream():
    class Halved(layers.LSTM):
        def forward(self, *given):
            return 0.5 * super().forward(*given)

    with pytest.raises(ValueError, match="has a forward pass of its own"):
        rnnbp.Network([Halved(3, 4)]).stream()
