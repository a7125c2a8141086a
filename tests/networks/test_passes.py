"""Passes: a run of a network forwards, and back once; the states it begins and ends with."""

import re

import numpy as np
import pytest

from rnnbp import layers
from rnnbp.gradients import BPTT
from rnnbp.losses import MeanSquaredError
from rnnbp.networks.network import Network
from rnnbp.networks.passes import loss_and_gradient

TEXT = BPTT(compiled=False)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 3, 2))


def recurrent(**options):
    stack = [layers.LSTM(2, 4, bidirectional=True, gradient=TEXT), layers.MeanOverTime(), layers.Dense(8, 2)]
    return Network(stack, **{"dtype": "float64"} | options)


@pytest.mark.parametrize(("teacher_forcing", "draws"), [(0.0, False), (0.5, True), (1.0, False)])
def test_a_teacher_that_is_heard_never_or_always_draws_nothing(teacher_forcing, draws):
    net = Network([layers.Jordan(2, 3, n_outputs=2, gradient=TEXT)], dtype="float64")
    before = net.rng.bit_generator.state
    target = RNG.normal(size=(15, 2))
    loss_and_gradient(net, net.batch(X), target, MeanSquaredError(), teacher_forcing=teacher_forcing)
    assert (net.rng.bit_generator.state != before) == draws


def test_an_output_stays_when_the_network_runs_again():
    net = recurrent()
    first = net.forward(X)
    kept = first.copy()
    net.forward(-X)
    np.testing.assert_array_equal(first, kept)


def test_use_is_deterministic_and_training_is_not():
    net = Network([layers.Dense(2, 50), layers.Dropout(0.5), layers.Dense(50, 2)])
    x = X[0]
    np.testing.assert_array_equal(net.forward(x), net.forward(x))
    assert (net.forward(x, training=True) != net.forward(x, training=True)).any()


def test_dropout_draws_from_the_network_s_seed():
    stack = [layers.Dense(2, 50), layers.Dropout(0.5)]
    first, second = Network(stack, seed=3), Network(stack, seed=3)
    np.testing.assert_array_equal(first.forward(X[0], training=True), second.forward(X[0], training=True))


def test_a_gradient_can_be_pulled_back_once():
    forward = recurrent().run(X)
    forward.backward(np.ones((3, 2)))
    with pytest.raises(RuntimeError, match="cannot be run back"):
        forward.backward(np.ones((3, 2)))


def compiled(**options):
    return Network([layers.LSTM(2, 4), layers.Dense(4, 2)], **{"dtype": "float64"} | options)


@pytest.mark.parametrize("make", [recurrent, compiled])
def test_a_pass_keeps_its_memory_until_it_is_run_back(make):
    net = make()
    alone = net.run(X)
    d_output = np.ones(alone.output.shape)
    expected = alone.output, alone.final_states, alone.backward(d_output)
    first = net.run(X)
    second = net.run(-X)
    net.forward(2.0 * X)
    second.backward(d_output)
    np.testing.assert_array_equal(first.output, expected[0])
    for name, state in first.final_states.items():
        np.testing.assert_array_equal(state, expected[1][name])
    np.testing.assert_array_equal(first.backward(d_output).theta, expected[2].theta)


@pytest.mark.parametrize("make", [recurrent, compiled])
def test_a_pass_that_has_been_run_back_can_be_read_until_its_memory_is_used_again(make):
    net = make()
    forward = net.run(X)
    output, states = forward.output, forward.final_states
    forward.backward(np.ones(output.shape))
    np.testing.assert_array_equal(forward.output, output)
    np.testing.assert_array_equal(forward.final_states["0.h"], states["0.h"])
    net.forward(-X)
    for read in (lambda: forward.output, lambda: forward.rows, lambda: forward.final_states):
        with pytest.raises(RuntimeError, match="has been run back, and its memory is used by another by now"):
            read()


@pytest.mark.parametrize("make", [recurrent, compiled])
def test_a_pass_without_memory_of_its_own_can_be_read_for_ever(make):
    net = make()
    forward, expected = net.run(X, keep=False), net.forward(X)
    net.forward(-X)
    np.testing.assert_array_equal(forward.output, expected)


STACKS = {
    "dense": [layers.Dense(2, 3)],
    "softmax": [layers.Dense(2, 3), layers.Activation("softmax")],
    "recurrent": [layers.LSTM(2, 3)],
    "mean": [layers.MeanOverTime(), layers.Activation("softmax")],
    "in NumPy": [layers.GRU(2, 3, gradient=TEXT), layers.LastStep()],
}


@pytest.mark.parametrize("compiled_run", [True, False])
@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
def test_an_output_that_its_user_changes_changes_no_gradient(stack, compiled_run):
    net = Network(stack, dtype="float64", compiled=compiled_run)
    d_output = RNG.normal(size=net.forward(X).shape)
    expected = net.run(X).backward(d_output)
    forward = net.run(X)
    forward.output[...] = 7.0
    changed = forward.backward(d_output)
    np.testing.assert_array_equal(changed.theta, expected.theta)
    np.testing.assert_array_equal(changed.x, expected.x)
    output = net.forward(X)
    kept = output.copy()
    net.forward(-X)
    np.testing.assert_array_equal(output, kept)


def test_a_pass_that_keeps_nothing_cannot_be_run_back():
    with pytest.raises(RuntimeError, match="keep=False"):
        recurrent().run(X, keep=False).backward(np.ones((3, 2)))


@pytest.mark.parametrize(
    ("d_output", "states", "message"),
    [
        (np.ones((2, 2)), None, r"shaped like the output, \(3, 2\), but its shape is \(2, 2\)"),
        (np.ones((3, 2)), {"0.x": np.ones((3, 4))}, "no state '0.x': this network's states are 0.h, 0.c, 0.h_reverse"),
        (
            np.ones((3, 2)),
            {"0.h": np.ones((4, 3))},
            r"state '0.h' must be of shape \(3, 4\), but its shape is \(4, 3\)",
        ),
    ],
)
def test_a_gradient_that_does_not_fit_is_refused(d_output, states, message):
    with pytest.raises(ValueError, match=message):
        recurrent().run(X).backward(d_output, d_final_states=states)


@pytest.mark.parametrize(
    ("net", "states", "message"),
    [
        (recurrent(), {"h": np.ones((3, 4))}, "no state 'h': this network's states are 0.h, 0.c, 0.h_reverse, 0.c_rev"),
        (recurrent(), {"0.h": np.ones(4)}, r"state '0.h' must be of shape \(3, 4\), but its shape is \(4,\)"),
        (Network([layers.Dense(2, 1)]), {"0.h": np.ones((3, 4))}, "this network's states are none"),
    ],
)
def test_an_initial_state_that_does_not_fit_is_refused(net, states, message):
    with pytest.raises(ValueError, match=message):
        net.forward(X, initial_states=states)


@pytest.mark.parametrize("options", [{"gradient": TEXT}, {}, {"bidirectional": True}], ids=["text", "alone", "both"])
def test_what_one_run_is_given_is_not_given_to_the_next(options):
    net = Network([layers.GRU(2, 4, recurrent_dropout=0.5, **options)], dtype="float64")

    def run(given=None, d_final=None, *, training=False):
        ran = net.run(X, initial_states=given, training=training)
        return ran.output.copy(), ran.backward(np.ones_like(ran.output), d_final_states=d_final).theta.copy()

    expected = run()
    states = {name: np.ones_like(state) for name, state in net.run(X).final_states.items()}
    for given in ({"given": states}, {"d_final": states}, {"training": True}):
        found = run(**given)
        assert any((one != other).any() for one, other in zip(found, expected, strict=True))
        for one, other in zip(run(), expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_missing_initial_states_are_zero():
    net = recurrent()
    zeros = {name: np.zeros((3, 4)) for name in ("0.h", "0.c", "0.h_reverse", "0.c_reverse")}
    np.testing.assert_array_equal(net.forward(X, initial_states=zeros), net.forward(X))


def test_states_are_in_the_user_s_order():
    net = Network([layers.GRU(2, 4, gradient=TEXT)], dtype="float64")
    h = RNG.normal(size=(3, 4))
    lengths = [2, 5, 1]
    final = net.run(X, lengths, initial_states={"0.h": h}).final_states["0.h"]
    for i, length in enumerate(lengths):
        alone = net.run(X[:length, [i]], initial_states={"0.h": h[[i]]})
        np.testing.assert_allclose(final[i], alone.final_states["0.h"][0], rtol=1e-13)


def test_a_sequence_can_be_run_in_pieces():
    net = Network([layers.LSTM(2, 4, gradient=TEXT), layers.GRU(4, 3, gradient=TEXT)], dtype="float64")
    first = net.run(X[:2])
    second = net.run(X[2:], initial_states=first.final_states)
    np.testing.assert_allclose(second.output, net.forward(X)[2:], rtol=1e-13)


def test_the_input_s_gradient_has_the_input_s_shape():
    for net, x in ((recurrent(), X), (Network([layers.Dense(2, 3)]), X[0]), (Network([layers.Dense(2, 3)]), X)):
        forward = net.run(x)
        assert forward.backward(np.ones(forward.output.shape)).x.shape == x.shape


def test_the_input_s_gradient_stays_when_the_network_runs_again():
    for net in (recurrent(), Network([layers.LSTM(2, 3)]), Network([layers.Dense(2, 3)])):
        forward = net.run(X)
        gradient = forward.backward(np.ones(forward.output.shape)).x
        kept = gradient.copy()
        forward = net.run(-X)
        forward.backward(-np.ones(forward.output.shape))
        np.testing.assert_array_equal(gradient, kept)


def test_the_input_s_gradient_is_no_part_of_what_was_handed_in():
    d_output = np.ones((5, 3, 2), np.float32)
    gradient = Network([layers.Dropout(0.5)]).run(X).backward(d_output).x
    assert not np.shares_memory(gradient, d_output)


def test_symbols_have_no_gradient():
    net = Network([layers.Embedding(4, 2), layers.LastStep()])
    assert net.run(np.zeros((3, 2), int)).backward(np.ones((2, 2))).x is None


# -- batches of other networks -----------------------------------------------------------------------------------------


def of_symbols(n_symbols):
    return Network([layers.Embedding(n_symbols, 3), layers.GRU(3, 2)])


def static(n_inputs, **options):
    return Network([layers.Dense(n_inputs, 1)], **options)


STATIC = static(3).batch(np.zeros((4, 3)))
SYMBOLS = of_symbols(9).batch([np.array([7, 8])])


@pytest.mark.parametrize("n_inputs", [2, 5_000_000])
def test_a_batch_of_more_or_fewer_features_is_another_network_s(n_inputs):
    """Compiled code would read what lies beside it."""
    net = static(n_inputs)
    with pytest.raises(ValueError, match=r"another network's: it holds static examples as float32 of shape \(4, 3\)"):
        net.run(STATIC)
    with pytest.raises(ValueError, match="another network's"):
        net.loss_and_gradient(STATIC, np.zeros((4, 1)), "mean_squared_error")


@pytest.mark.parametrize(
    ("make", "batch"),
    [
        (lambda: static(3, dtype="float64"), STATIC),
        (lambda: Network([layers.GRU(3, 2)]), STATIC),
        (lambda: of_symbols(9), STATIC),
        (lambda: static(3), SYMBOLS),
    ],
    ids=["dtype", "time", "features for symbols", "symbols for features"],
)
def test_a_batch_of_another_kind_is_another_network_s(make, batch):
    with pytest.raises(ValueError, match=r"another network's: .*this network's batch\(x\)"):
        make().run(batch)


def test_a_batch_of_symbols_is_looked_at():
    with pytest.raises(ValueError, match="takes symbols from 0 to 4, but 7 came in"):
        of_symbols(5).run(SYMBOLS)


def test_a_batch_has_its_own_lengths():
    with pytest.raises(ValueError, match="a batch has its own lengths"):
        static(3).run(STATIC, [1, 1, 1, 1])


def test_a_batch_of_a_network_alike_is_run():
    assert (static(3).run(STATIC).rows == static(3).run(np.zeros((4, 3))).rows).all()
    assert of_symbols(10).run(SYMBOLS).rows.shape == (2, 2)


def test_a_batch_whose_rows_were_exchanged_is_refused():
    net = Network([layers.GRU(3, 2)])
    batch = net.batch(np.zeros((6, 5, 3)))
    batch.rows = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"holds steps as float32 of shape \(2, 3\)"):
        net.run(batch)


@pytest.mark.parametrize("shape", [(3, 2), (15, 9), (30,)])
def test_a_teacher_has_a_row_for_each_of_the_output(shape):
    net = Network([layers.Jordan(2, 3, n_outputs=2)])
    with pytest.raises(ValueError, match=rf"teacher must be of shape \(15, 2\), .*{re.escape(str(shape))}"):
        net.run(X, teacher=np.zeros(shape))
