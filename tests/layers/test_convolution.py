"""Convolution over time: PyTorch's numbers, shortened sequences on their way through networks, streams.

Reference numbers: tests/reference/make_convolution_reference.py.
"""

import numpy as np
import pytest
from references import cases

import rnnbp
from rnnbp import layers, losses
from rnnbp.diagnostics import activations, check_gradients, saliency
from rnnbp.networks.network import Network

CASES = cases("convolution_reference.npz")
CROSS_ENTROPY = losses.CrossEntropy()
RNG = np.random.default_rng(0)
LENGTHS = (5, 1, 9, 2, 9, 4, 13)
SEQUENCES = [RNG.normal(size=(n, 3)) for n in LENGTHS]
SHORT = [-(-n // 4) for n in LENGTHS]
TAGS = [RNG.integers(4, size=n) for n in SHORT]


def layer_of(case):
    width, stride, dilation, kind = case.split(",")
    return layers.Conv1D(3, 4, int(width), stride=int(stride), dilation=int(dilation), causal=kind == "causal")


def shortening(**options):
    """Return a network of every kind of layer after two strides."""
    first = layers.Conv1D(3, 6, 5, stride=2, causal=True)
    second = layers.Conv1D(6, 5, 3, stride=2, dilation=2, causal=True)
    stack = [first, layers.Activation("tanh"), second, layers.GRU(5, 6), layers.LayerNorm(6), layers.Dense(6, 4)]
    return Network(stack, dtype="float64", seed=1, **options)


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "NumPy"])
@pytest.mark.parametrize("case", CASES)
def test_a_ragged_batch_has_the_numbers_of_pytorch(case, compiled):
    given = CASES[case]
    net = Network([layer_of(case)], dtype="float64", compiled=compiled)
    net.parameters["0.weight"][...] = given["weight"].transpose(2, 1, 0).reshape(-1, 4)
    net.parameters["0.bias"][...] = given["bias"]
    sequences = [given[f"x{i}"] for i in range(6)]
    run = net.run(sequences)
    d_output = np.zeros_like(run.output)
    for i in range(6):
        y = given[f"y{i}"]
        np.testing.assert_allclose(run.output[: len(y), i], y, atol=1e-12)
        assert not run.output[len(y) :, i].any()
        d_output[: len(y), i] = given[f"d_y{i}"]
    gradients = run.backward(d_output)
    for i, x in enumerate(sequences):
        np.testing.assert_allclose(gradients.x[: len(x), i], given[f"d_x{i}"], atol=1e-12)
    named = net.unflatten(gradients.theta)
    np.testing.assert_allclose(named["0.bias"], given["d_bias"], atol=1e-12)
    np.testing.assert_allclose(named["0.weight"], given["d_weight"].transpose(2, 1, 0).reshape(-1, 4), atol=1e-12)


def test_frames_stacked_and_strided_are_a_convolution_with_the_identity():
    net = Network([layers.Conv1D(2, 6, 3, stride=3, causal=True, weight_initializer=rnnbp.initializers.Identity())])
    x = RNG.normal(size=(7, 2)).astype(np.float32)
    padded = np.concatenate([np.zeros((2, 2)), x])
    expected = [padded[t : t + 3].ravel() for t in (0, 3, 6)]
    np.testing.assert_allclose(net.forward([x])[:, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(net.stream().push(x), expected, rtol=1e-6)


def test_a_window_of_one_frame_looks_at_no_other():
    net, x = Network([layers.Conv1D(3, 4, 1)], dtype="float64"), RNG.normal(size=(5, 3))
    np.testing.assert_allclose(net.stream().push(x), x @ net.parameters["0.weight"], atol=1e-15)


def test_windows_may_be_long_and_far_apart_but_not_beyond_any_sequence():
    layers.Conv1D(3, 4, 2, stride=2**48, dilation=2**48)
    for far in ({"stride": 2**48 + 1}, {"dilation": 2**48 + 1}):
        with pytest.raises(ValueError, match="must be at most 281474976710656 steps, but it is 281474976710657"):
            layers.Conv1D(3, 4, 2, **far)


def test_lengths_change_along_a_network():
    net = shortening()
    assert net.forward(SEQUENCES).shape == (max(SHORT), len(LENGTHS), 4)
    assert [len(y) for y in rnnbp.predict(net, SEQUENCES, batch_size=3)] == SHORT
    padded, lengths = rnnbp.sequences.pad(SEQUENCES)
    np.testing.assert_array_equal(net.forward(padded, lengths), net.forward(SEQUENCES))
    pooled = Network([*net.layers[:4], layers.MeanOverTime()], dtype="float64", seed=1)
    hidden = Network(net.layers[:4], dtype="float64", seed=1).forward(SEQUENCES)
    for i, n in enumerate(SHORT):
        np.testing.assert_allclose(pooled.forward(SEQUENCES)[i], hidden[:n, i].mean(axis=0), rtol=1e-12)


def test_both_runs_agree_in_a_network_that_shortens():
    nets = [shortening(), shortening(compiled=False)]
    results = [net.loss_and_gradient(SEQUENCES, TAGS, CROSS_ENTROPY) for net in nets]
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-13)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=0, atol=1e-12)


def test_gradients_through_strides_agree_with_finite_differences():
    result = check_gradients(shortening(), SEQUENCES, TAGS, CROSS_ENTROPY)
    assert result.ok, result


@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_training_by_one_call_and_by_parts_is_the_same(batch_size, monkeypatch):
    thetas = []
    for one_call in (True, False):
        if not one_call:
            monkeypatch.setattr("rnnbp.training.descent.can_compile", lambda net, run: False)
        net = shortening()
        weights = 1.0 + np.arange(len(LENGTHS))
        rnnbp.fit(net, SEQUENCES, TAGS, loss=CROSS_ENTROPY, max_epochs=3, batch_size=batch_size, sample_weight=weights)
        thetas.append(net.theta)
    np.testing.assert_allclose(thetas[0], thetas[1], rtol=0, atol=1e-11)


def test_what_is_shortened_is_learnt():
    """Tell, in every fourth step, which of the last two frames was larger."""
    x = [RNG.normal(size=(n, 1)) for n in RNG.integers(8, 20, size=60)]
    y = [np.array([int(s[t, 0] > (s[t - 1, 0] if t else 0.0)) for t in range(0, len(s), 4)]) for s in x]
    net = Network([layers.Conv1D(1, 8, 2, stride=4, causal=True), layers.Activation("tanh"), layers.Dense(8, 2)])
    rnnbp.fit(net, x, y, loss=CROSS_ENTROPY, optimizer=rnnbp.optimizers.Adam(0.02), max_epochs=60)
    _, accuracy = rnnbp.evaluate(net, x, y, CROSS_ENTROPY, score=rnnbp.metrics.accuracy)
    assert accuracy > 0.95


def test_a_causal_network_streams_what_it_gives_for_the_whole():
    net, x = shortening(), RNG.normal(size=(13, 3))
    whole, stream = net.forward([x])[:, 0], net.stream()
    np.testing.assert_allclose(stream.push(x), whole, atol=1e-12)
    stream.reset()
    frames = [stream.push(frame) for frame in x]
    assert [output is not None for output in frames] == [t % 4 == 0 for t in range(13)]
    np.testing.assert_allclose([output for output in frames if output is not None], whole, atol=1e-12)
    stream.reset()
    assert stream.push(x[:1]).shape == (1, 4)
    assert stream.push(x[1:4]).shape == (0, 4)


def test_instruments_know_the_lengths():
    net = shortening()
    seen = activations(net, SEQUENCES)
    assert seen["0"].shape[:2] == (7, len(LENGTHS))
    np.testing.assert_allclose(seen["5"], net.forward(SEQUENCES), atol=1e-12)
    alone = activations(net, SEQUENCES[3:4])
    for name, array in seen.of(3).items():
        np.testing.assert_allclose(array, alone[name][:, 0], atol=1e-12, err_msg=name)
    assert saliency(net, SEQUENCES).gradient.shape == (13, len(LENGTHS), 3)
    J = rnnbp.jacobian(net, SEQUENCES[:3])
    theta, eps, x = net.theta.copy(), 1e-6, SEQUENCES[:3]
    for p in (0, 40, len(theta) - 1):
        net.theta[p] = theta[p] + eps
        up = net.forward(x).ravel()
        net.theta[p] = theta[p] - eps
        np.testing.assert_allclose(J[:, p], (up - net.forward(x).ravel()) / (2 * eps), atol=1e-7)
        net.theta[p] = theta[p]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Conv1D(3, 4, 0), "width must be a whole number of at least 1, but 0 was given"),
        (lambda: layers.Conv1D(3, 4, 2, stride=1.5), "stride must be a whole number"),
        (lambda: layers.Conv1D(3, 4, 2, dilation=-1), "dilation must be a whole number"),
        (
            lambda: layers.Conv1D(3, 4, 3, dilation=2**63),
            r"\(width - 1\) \* dilation must be at most 281474976710656 st",
        ),
        (lambda: layers.Conv1D(3, 4, 1, stride=2**64), "stride must be at most 281474976710656 steps, but it is 1844"),
        (lambda: layers.Conv1D(3, 4, 2, causal=1), "causal must be True or False"),
        (lambda: Network([layers.Dense(2, 5), layers.Conv1D(3, 4, 2)]), "takes 3 features, but 5 come in"),
        (lambda: Network([layers.Conv1D(3, 4, 2)]).stream(), "runs backwards|looks ahead"),
        (lambda: Network([layers.Conv1D(3, 4, 3)]).forward(np.zeros((4, 3))), r"of shape \(T, B, F\), time first"),
        (
            lambda: shortening().loss_and_gradient(SEQUENCES, [np.zeros(n, int) for n in LENGTHS], CROSS_ENTROPY),
            "one target for each step of the network's output: target 0 has length 5, but for sequence 0 there are 2",
        ),
        (
            lambda: rnnbp.fit(shortening(), SEQUENCES, TAGS, loss=CROSS_ENTROPY, chunk_length=4),
            "carries no state from chunk to chunk",
        ),
        (
            lambda: rnnbp.fit(shortening(), SEQUENCES, TAGS, loss=CROSS_ENTROPY, teacher_forcing=rnnbp.NextStep(0.5)),
            "a layer of this one has a stride",
        ),
        (lambda: rnnbp.OnlineLearner(Network([layers.Conv1D(3, 4, 2, causal=True)]), "cross_entropy"), "looks along"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_label_sequences_are_aligned_with_what_is_left_of_the_steps():
    net = shortening()
    labels = [list(RNG.integers(1, 4, size=n)) for n in (1, 0, 2, 1, 1, 1, 2)]
    loss = losses.CTC(zero_infinity=True)
    value, gradient = net.loss_and_gradient(SEQUENCES, labels, loss)
    output = net.forward(SEQUENCES)
    expected, _ = losses.ctc([output[:n, i] for i, n in enumerate(SHORT)], labels, zero_infinity=True)
    assert value == pytest.approx(np.where(np.isfinite(expected), expected, 0.0).mean(), rel=1e-12)
    assert np.abs(gradient).max() > 0
    whole, _ = rnnbp.evaluate(net, SEQUENCES, labels, loss, batch_size=2)
    assert whole == pytest.approx(value, rel=1e-12)
    assert rnnbp.fit(net, SEQUENCES, labels, loss=loss, max_epochs=20, batch_size=3).loss[-1] < value
    with pytest.raises(ValueError, match="utterance 1 must have at least 2 steps, 2 for its labels, but it has 1"):
        net.loss_and_gradient(SEQUENCES, [[1], [1, 2], [1], [1], [1], [1], [1]], losses.CTC())
