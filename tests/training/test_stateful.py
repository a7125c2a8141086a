"""Stateful training: chunks of long sequences, with the states carried from each to the next."""

import numpy as np
import pytest
from toys import CROSS_ENTROPY, MSE, STANDING, TEXT

from rnnbp import Network, fit, layers, optimizers

LENGTHS = (11, 11, 8, 7, 3, 1)  # in the order in which an epoch without shuffling takes them
BATCH = 4


def problem():
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(length, 2)) for length in LENGTHS]
    return x, [np.cumsum(sequence, axis=0)[:, :1] for sequence in x]


def network(dtype="float64", gradient=TEXT):
    stack = [layers.LSTM(2, 4, gradient=gradient), layers.GRU(4, 3, gradient=gradient), layers.Dense(3, 1)]
    return Network(stack, dtype=dtype)


def by_hand(net, x, y, chunk, optimizer, max_epochs=2):
    """Train as the documentation says, with nothing but `run`, a loss, and an optimizer."""
    state, losses = optimizer.init(net.theta), []
    for _ in range(max_epochs):
        rows = []
        for first in range(0, len(x), BATCH):
            alive, states = list(range(first, min(first + BATCH, len(x)))), {}
            for start in range(0, len(x[first]), chunk):
                going_on = [i for i in alive if len(x[i]) > start]
                states = {name: s[[i in going_on for i in alive]] for name, s in states.items()}
                alive = going_on
                batch = net.batch([x[i][start : start + chunk] for i in alive])
                target = batch.lay_out_target([y[i][start : start + chunk] for i in alive], MSE, net.interface)
                forward = net.run(batch, training=True, initial_states=states)
                value, d_rows = MSE.value_and_gradient(forward.rows, target)
                states = forward.final_states
                optimizer.update(net.theta, forward.backward_rows(d_rows, input_gradient=False).theta, state)
                rows += [value] * len(target)
        losses.append(np.mean(rows))
    return losses


@pytest.mark.parametrize("chunk", [1, 3, 8, 50])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_chunks_are_what_a_loop_by_hand_does_to_the_bit(chunk, dtype):
    (x, y), net, loop = problem(), network(dtype), network(dtype)
    expected = by_hand(loop, x, y, chunk, optimizers.SGD(0.05, momentum=0.9))
    options = {"optimizer": optimizers.SGD(0.05, momentum=0.9), "batch_size": BATCH, "shuffle": False}
    history = fit(net, x, y, loss=MSE, chunk_length=chunk, max_epochs=2, **options)
    np.testing.assert_array_equal(net.theta, loop.theta)
    np.testing.assert_allclose(history.loss, expected, rtol=1e-6)


def test_a_chunk_that_holds_the_longest_sequence_is_training_on_whole_ones():
    (x, y), chunked, whole = problem(), network(), network()
    for net, chunk in ((chunked, max(LENGTHS)), (whole, None)):
        fit(net, x, y, loss=MSE, chunk_length=chunk, batch_size=BATCH, max_epochs=3)
    np.testing.assert_array_equal(chunked.theta, whole.theta)


def test_the_loss_is_that_of_whole_sequences_as_long_as_nothing_is_learnt():
    x, y = problem()
    expected, _ = network().loss_and_gradient(x, y, MSE)
    history = fit(network(), x, y, loss=MSE, optimizer=STANDING, chunk_length=2, batch_size=BATCH, max_epochs=2)
    assert history.loss == pytest.approx([expected, expected], rel=1e-12)


def test_padded_sequences_are_cut_as_lists_are():
    x, y = problem()
    padded, target = (np.full((12, len(LENGTHS), n), np.nan) for n in (2, 1))
    for i, length in enumerate(LENGTHS):
        padded[:length, i], target[:length, i] = x[i], y[i]
    listed, array = network(), network()
    fit(listed, x, y, loss=MSE, chunk_length=3, batch_size=BATCH)
    fit(array, padded, target, lengths=LENGTHS, loss=MSE, chunk_length=3, batch_size=BATCH)
    np.testing.assert_array_equal(listed.theta, array.theta)


def test_weights_and_labels_stay_beside_their_steps():
    x, _ = problem()
    labels = [(sequence[:, 0] > 0).astype(int) for sequence in x]
    spoilt = [np.where(np.arange(len(sequence)) % 3 == 2, 1 - sequence, sequence) for sequence in labels]
    padded = np.zeros((max(LENGTHS), len(LENGTHS)))
    padded[np.arange(max(LENGTHS)) % 3 != 2] = 1.0
    nets = [Network([layers.Elman(2, 3, gradient=TEXT), layers.Dense(3, 2)], dtype="float64") for _ in range(2)]
    for net, target in zip(nets, (labels, spoilt), strict=True):
        fit(net, x, target, loss=CROSS_ENTROPY, sample_weight=padded, chunk_length=2, batch_size=BATCH, max_epochs=2)
    np.testing.assert_array_equal(nets[0].theta, nets[1].theta)


def test_a_lag_longer_than_a_chunk_is_learnt_as_far_as_states_carry_it():
    """Whether the first of 12 steps was up is remembered for the rest, though a gradient goes back 3 steps only."""
    rng = np.random.default_rng(0)
    x = 0.1 * rng.normal(size=(12, 64, 1))
    x[0] = rng.choice([-1.0, 1.0], size=(64, 1))
    target = np.broadcast_to(x[0] > 0, (12, 64, 1))[..., 0].astype(int)
    net = Network([layers.GRU(1, 8, gradient=TEXT), layers.Dense(8, 2)])
    fit(
        net,
        x,
        target,
        loss=CROSS_ENTROPY,
        optimizer=optimizers.Adam(0.02),
        chunk_length=3,
        max_epochs=30,
        batch_size=16,
    )
    assert ((net.forward(x)[-1].argmax(axis=1)) == target[-1]).mean() > 0.95


def test_the_compiled_loops_carry_states_too():
    (x, y), compiled = problem(), Network([layers.GRU(2, 3), layers.Dense(3, 1)])
    text = Network([layers.GRU(2, 3, gradient=TEXT), layers.Dense(3, 1)])
    for net in (compiled, text):
        fit(net, x, y, loss=MSE, optimizer=optimizers.SGD(0.05), chunk_length=3, batch_size=BATCH, max_epochs=2)
    np.testing.assert_allclose(compiled.theta, text.theta, atol=1e-5)


def test_a_schedule_s_time_goes_by_chunks():
    asked = []

    class Recording(optimizers.Schedule):
        def __call__(self, epoch, state=None):
            asked.append(epoch)
            return 0.1

    x, y = problem()
    options = {"optimizer": optimizers.SGD(Recording()), "batch_size": BATCH, "shuffle": False}
    fit(network(), x, y, loss=MSE, chunk_length=4, max_epochs=1, **options)
    assert asked == [0, 0.25, 0.5, 0.75, 1]  # the first batch has three chunks, the second one


X, Y = problem()


@pytest.mark.parametrize(
    ("stack", "options", "message"),
    [
        ([layers.GRU(2, 3, bidirectional=True)], {}, "layer 0, GRU.2, 3, bidirectional=True., runs backwards"),
        (
            [layers.GRU(2, 3), layers.GRU(3, 3, reverse=True)],
            {},
            "layer 1, .* runs backwards, from an end that a chunk",
        ),
        (
            [layers.GRU(2, 3), layers.LastStep()],
            {"target": np.zeros((6, 3))},
            "chunk_length needs a target for each step, .*; this network gives one output for a whole sequence",
        ),
        (
            [layers.GRU(2, 3)],
            {"target": [[1]] * 6, "loss": "ctc"},
            "chunk_length needs a target for each step, but this loss has one for a whole sequence",
        ),
        (
            [layers.Conv1D(2, 3, 3, causal=True), layers.GRU(3, 3)],
            {},
            "layer 0, Conv1D.*, looks along time but carries no state",
        ),
        ([layers.Dense(2, 3)], {"x": np.zeros((6, 2)), "target": np.zeros((6, 3))}, "chunk_length cuts sequences, but"),
        ([layers.GRU(2, 3)], {"chunk_length": 0}, "chunk_length must be a whole number of at least 1"),
        ([layers.GRU(2, 3)], {"augment": lambda x, rng: x}, "augment makes another of a whole sequence"),
        ([layers.GRU(2, 3)], {"optimizer": "lbfgs"}, "leave out chunk_length, or take an optimizer such as Adam"),
    ],
)
def test_what_cannot_be_cut_is_refused(stack, options, message):
    net = Network(stack)
    before = net.theta.copy()
    arguments = {"x": X, "target": [np.zeros((len(x), net.n_outputs)) for x in X], "loss": MSE, "chunk_length": 3}
    with pytest.raises(ValueError, match=message):
        fit(net, **arguments | options)
    np.testing.assert_array_equal(net.theta, before)
