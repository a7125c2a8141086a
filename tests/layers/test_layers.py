"""What each layer promises, beyond what `test_conformance` asks of all."""

import numpy as np
import pytest

from rnnbp import layers
from rnnbp.cells import Cell, Product, Stage
from rnnbp.gradients import BPTT, RTRL, CheckpointedBPTT, FixedPoint, SnAp1, TruncatedBPTT
from rnnbp.kernels.elementwise import tanh
from rnnbp.networks.network import Network

TEXT = BPTT(compiled=False)  # as NumPy: nothing here is worth compiling

RAGGED = (3, 5, 1, 5)


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


# -- directions --------------------------------------------------------------------------------------------------------


def test_a_reverse_layer_starts_at_each_sequence_s_true_end():
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(length, 2)) for length in RAGGED]
    forwards = Network([layers.GRU(2, 3, gradient=TEXT)], dtype="float64")
    backwards = Network([layers.GRU(2, 3, reverse=True, gradient=TEXT)], dtype="float64")
    output = backwards.forward(sequences)
    for i, x in enumerate(sequences):
        assert_close(output[: len(x), i], forwards.forward([x[::-1]])[::-1, 0])


def test_a_bidirectional_layer_puts_both_directions_side_by_side():
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(length, 2)) for length in RAGGED]
    both = Network([layers.LSTM(2, 3, bidirectional=True, gradient=TEXT)], dtype="float64")
    output = both.forward(sequences)
    for columns, suffix, reverse in ((slice(0, 3), "", False), (slice(3, 6), "_reverse", True)):
        one = Network([layers.LSTM(2, 3, reverse=reverse, gradient=TEXT)], dtype="float64")
        for name, view in one.parameters.items():
            view[...] = both.parameters[name + suffix]
        assert_close(output[..., columns], one.forward(sequences))


@pytest.mark.parametrize(
    "layer", [*(kind(1, 2, gradient=TEXT) for kind in (layers.Elman, layers.GRU, layers.LSTM)), layers.Dropout(0.0)]
)
def test_what_is_not_random_draws_nothing(layer):
    net = Network([layer])
    before = net.rng.bit_generator.state
    net.run(np.ones((2, 1, 1)), training=True)
    assert net.rng.bit_generator.state == before


# -- recurrent layers --------------------------------------------------------------------------------------------------


def test_recurrent_dropout_draws_one_mask_for_all_steps():
    net = Network([layers.Elman(1, 50, activation="identity", recurrent_dropout=0.5, recurrent_initializer="identity")])
    forward = net.run(np.zeros((4, 2, 1)), training=True, initial_states={"0.h": np.ones((2, 50))})
    mask = forward.output[0]
    assert set(np.unique(mask)) == {0.0, 2.0}
    np.testing.assert_array_equal(forward.output, [mask, mask**2, mask**3, mask**4])
    assert (mask[0] != mask[1]).any(), "each sequence has a mask of its own"


def test_recurrent_dropout_needs_a_recurrent_weight():
    class Leaky(Cell):
        blocks, states = ("z",), ("h",)
        input = Product("input_weight", "x", into=("z",), bias="bias")
        stages = (Stage((), ("z",), ("h",), lambda z, h: (tanh(z[0] + 0.5 * h[0]),), reads=("h",)),)

    class Layer(layers.Recurrent):
        def make_cell(self):
            return Leaky(self.n_inputs, self.n_hidden)

    assert set(Network([Layer(2, 3)]).parameters) == {"0.input_weight", "0.bias"}
    with pytest.raises(ValueError, match="a weight named 'recurrent_weight', but Leaky has input_weight"):
        Layer(2, 3, recurrent_dropout=0.5)


def test_a_taught_jordan_layer_feeds_back_the_target():
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(4, 3, 2)), rng.normal(size=(4, 3, 2))
    net = Network([layers.Jordan(2, 5, n_outputs=2, gradient=TEXT)], dtype="float64")
    net.theta[:] = rng.normal(size=net.theta.size)
    taught = net.run(x, training=True, teacher=target.reshape(12, 2)).output
    w, u, b = (net.parameters[f"0.{name}"] for name in ("input_weight", "recurrent_weight", "bias"))
    v, c = (net.parameters[f"0.{name}"] for name in ("output_weight", "output_bias"))
    fed_back = np.concatenate([np.zeros((1, 3, 2)), target[:-1]])
    assert_close(taught, np.tanh(x @ w + fed_back @ u + b) @ v + c)


def test_a_taught_reverse_layer_feeds_back_the_target_after():
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(4, 1, 2)), rng.normal(size=(4, 2))
    forwards = Network([layers.Jordan(2, 5, n_outputs=2, gradient=TEXT)], dtype="float64")
    backwards = Network([layers.Jordan(2, 5, n_outputs=2, gradient=TEXT, reverse=True)], dtype="float64")
    expected = forwards.run(x[::-1], training=True, teacher=target[::-1]).output[::-1]
    assert_close(backwards.run(x, training=True, teacher=target).output, expected)


def test_teacher_forcing_is_off_in_use():
    x = np.random.default_rng(0).normal(size=(4, 3, 2))
    taught = Network([layers.Jordan(2, 5, n_outputs=2, gradient=TEXT)])
    closed = Network([layers.Jordan(2, 5, n_outputs=2, teacher_forcing=False, gradient=TEXT)])
    np.testing.assert_array_equal(taught.forward(x), closed.forward(x))


def test_an_irnn_remembers_its_input():
    options = {"recurrent_initializer": "identity", "input_initializer": "identity", "gradient": TEXT}
    irnn = layers.Elman(2, 2, activation="relu", **options)
    x = np.zeros((30, 1, 2))
    x[0] = [[3.0, 5.0]]
    np.testing.assert_array_equal(Network([irnn]).forward(x), np.broadcast_to(x[0], x.shape))


def test_a_new_lstm_s_forget_gate_is_open():
    bias = Network([layers.LSTM(2, 3)]).parameters["0.bias"]
    np.testing.assert_array_equal(bias, np.repeat([0.0, 1.0, 0.0, 0.0], 3))


def test_new_peepholes_are_closed():
    x = np.random.default_rng(0).normal(size=(4, 3, 2))
    plain, peeping = (Network([layers.LSTM(2, 3, peepholes=p, gradient=TEXT)], seed=5) for p in (False, True))
    np.testing.assert_allclose(peeping.forward(x), plain.forward(x), rtol=1e-6)


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (layers.Elman(2, 3), {"input_weight": (2, 3), "bias": (3,), "recurrent_weight": (3, 3)}),
        (layers.LSTM(2, 3), {"input_weight": (2, 12), "bias": (12,), "recurrent_weight": (3, 12)}),
        (
            layers.LSTM(2, 3, peepholes=True),
            {"input_weight": (2, 12), "bias": (12,), "recurrent_weight": (3, 12), "peephole": (9,)},
        ),
        (
            layers.GRU(2, 3),
            {"input_weight": (2, 9), "bias": (9,), "recurrent_weight": (3, 9), "recurrent_bias": (9,)},
        ),
        (layers.GRU(2, 3, reset="before"), {"input_weight": (2, 9), "bias": (9,), "recurrent_weight": (3, 9)}),
        (
            layers.Jordan(2, 3, n_outputs=4),
            {
                "input_weight": (2, 3),
                "bias": (3,),
                "recurrent_weight": (4, 3),
                "output_weight": (3, 4),
                "output_bias": (4,),
            },
        ),
    ],
    ids=repr,
)
def test_parameters_have_documented_names_and_shapes(layer, shapes):
    assert {parameter.name: parameter.shape for parameter in layer.parameters()} == shapes


@pytest.mark.parametrize(
    ("layer", "states"),
    [
        (layers.LSTM(2, 3, bidirectional=True), {"h": 3, "c": 3, "h_reverse": 3, "c_reverse": 3}),
        (layers.GRU(2, 3, reverse=True), {"h": 3}),
        (layers.Jordan(2, 3, n_outputs=4), {"v": 4}),
        (layers.Dense(2, 3), {}),
    ],
    ids=repr,
)
def test_states_have_documented_names_and_widths(layer, states):
    assert dict(layer.states()) == states


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.LSTM(2, 3, bidirectional=True, reverse=True), ValueError, "leave out reverse=True"),
        (lambda: layers.GRU(2, 3, reset="never"), ValueError, "'after', 'before'"),
        (lambda: layers.GRU(2, 3, gradient="bptt"), TypeError, r"gradients\.BPTT\(\), but 'bptt' was given"),
        (lambda: layers.GRU(2, 3, recurrent_dropout=1.0), ValueError, "recurrent_dropout must be .* 1.0 was given"),
        (lambda: layers.GRU(2, 0), ValueError, "n_hidden must be a whole number of at least 1, but 0 was given"),
        (lambda: layers.GRU(2.5, 3), ValueError, "n_inputs must be a whole number of at least 1, but 2.5 was given"),
        (lambda: layers.GRU(2, 3, hidden=4), TypeError, "hidden"),
        (lambda: layers.Jordan(2, 3, n_outputs=0), ValueError, "n_outputs must be a whole number"),
        (lambda: layers.Elman(2, 3, activation="tanhh"), ValueError, "Did you mean 'tanh'"),
        (lambda: layers.Elman(2, 3, input_initializer="xavier"), ValueError, "'glorot'"),
        (lambda: layers.Dense(2, True), ValueError, "n_outputs must be a whole number of at least 1, but True"),
        (lambda: layers.Dropout(1.5), ValueError, r"dropout rate must be a number in \[0, 1\), but 1.5"),
        (lambda: layers.Dropout(-0.1), ValueError, "dropout rate"),
        (lambda: layers.Dropout(float("nan")), ValueError, "dropout rate"),
        (lambda: layers.Activation("swish"), ValueError, "unknown activation 'swish': the known ones are 'identity'"),
    ],
)
def test_a_wrong_setting_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


# -- static layers -----------------------------------------------------------------------------------------------------


def outputs(layer, x, **options):
    return Network([layer], dtype="float64").forward(np.asarray(x), **options)


def test_dense_is_an_affine_map():
    net = Network([layers.Dense(2, 3)], dtype="float64")
    net.theta[:] = np.arange(9)
    assert_close(net.forward(np.array([[1.0, 10.0]])), [[0 + 30 + 6, 1 + 40 + 7, 2 + 50 + 8]])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([[0.0, 1.0], [np.nan, 2.0]], r"the input holds nan \(feature 0\), which is no finite float32 number"),
        ([[0.0, 1.0], [2.0, 1e39]], r"the input holds 1e\+39 \(feature 1\), which is no finite float32 number"),
        ([["a", "b"]], "expected numbers, but the input's dtype is <U1"),
        ([[1.0]], "expected 2 features, but the input has 1"),
    ],
)
def test_what_is_no_input_is_said(x, message):
    with pytest.raises(ValueError, match=message):
        Network([layers.Dense(2, 3)]).forward(np.array(x))


def test_an_input_may_be_so_large_that_its_square_is_infinite():
    net = Network([layers.Dense(1, 1)])
    net.theta[:] = 1e-30, 0.0
    np.testing.assert_allclose(net.forward([[1e30]]), [[1.0]], rtol=1e-6)


def test_an_embedding_is_a_dense_layer_on_one_hot_vectors():
    net = Network([layers.Embedding(4, 3)], dtype="float64")
    symbols = np.array([[0, 3], [3, 1]])
    assert_close(net.forward(symbols), np.eye(4)[symbols] @ net.parameters["0.weight"])


@pytest.mark.parametrize(("symbols", "wrong"), [([0, 4, 5], "5"), ([4, 0, -1], "-1")])
def test_the_first_symbol_that_is_none_is_named(symbols, wrong):
    net = Network([layers.Embedding(5, 2)])
    assert net.forward(np.array([[0, 4]]).T).shape == (2, 1, 2)
    with pytest.raises(ValueError, match=rf"symbols from 0 to 4, but {wrong} came in"):
        net.forward(np.array([symbols]).T)


def test_layer_norm_gives_each_row_mean_0_and_variance_1():
    y = outputs(layers.LayerNorm(50), 5 + 100 * np.random.default_rng(0).normal(size=(4, 50)))
    assert_close(y.mean(axis=1), np.zeros(4))
    np.testing.assert_allclose(y.var(axis=1), np.ones(4), rtol=1e-6)


def test_layer_norm_of_a_constant_row_is_its_bias():
    assert_close(outputs(layers.LayerNorm(5), np.full((2, 5), 7.0)), np.zeros((2, 5)))


def test_dropout_is_off_in_use():
    x = np.random.default_rng(0).normal(size=(4, 5))
    np.testing.assert_array_equal(outputs(layers.Dropout(0.5), x), x)


def test_dropout_drops_the_share_it_is_told_and_keeps_the_mean():
    y = outputs(layers.Dropout(0.3), np.ones((200, 500)), training=True)
    assert set(np.unique(y)) == {0.0, 1 / 0.7}
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.01)  # six standard deviations
    assert y.mean() == pytest.approx(1.0, abs=0.015)


def test_dropout_draws_anew_at_each_pass():
    net = Network([layers.Dropout(0.5)])
    x = np.ones((1, 100))
    assert (net.forward(x, training=True) != net.forward(x, training=True)).any()


@pytest.mark.parametrize(("over_time", "masks"), [(True, 1), (False, 6)])
def test_dropout_draws_a_mask_for_a_step_or_for_a_sequence(over_time, masks):
    y = outputs(layers.Dropout(0.5, over_time=over_time), np.ones((6, 2, 50)), training=True)
    assert len(np.unique(y[:, 0], axis=0)) == masks
    assert (y[:, 0] != y[:, 1]).any(), "each sequence has a mask of its own"


@pytest.mark.parametrize(
    ("layer", "pool"),
    [
        (layers.LastStep(), lambda x: x[-1]),
        (layers.LastStep(reverse=True), lambda x: x[0]),
        (layers.MeanOverTime(), lambda x: x.mean(axis=0)),
        (layers.MaxOverTime(), lambda x: x.max(axis=0)),
    ],
    ids=["last", "first", "mean", "max"],
)
def test_pooling_sees_each_sequence_s_own_steps(layer, pool):
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(length, 3)) for length in RAGGED]
    assert_close(Network([layer], dtype="float64").forward(sequences), [pool(x) for x in sequences])


@pytest.mark.parametrize("kind", [layers.GRU, layers.LSTM, layers.Elman])
def test_the_last_step_of_both_directions_is_the_final_state_of_each(kind):
    sequences = [np.random.default_rng(0).normal(size=(length, 2)) for length in RAGGED]
    net = Network([kind(2, 3, bidirectional=True, gradient=TEXT), layers.LastStep(bidirectional=True)], dtype="float64")
    forward = net.run(sequences)
    final = forward.final_states
    assert_close(forward.output, np.hstack([final["0.h"], final["0.h_reverse"]]))


def test_both_directions_need_two_halves():
    with pytest.raises(ValueError, match=r"layer 1 .* a forward and a backward half, but 3 features, an odd number"):
        Network([layers.Dense(2, 3), layers.LastStep(bidirectional=True)])
    with pytest.raises(ValueError, match="bidirectional must be True or False, but 'yes' was given"):
        layers.LastStep(bidirectional="yes")


@pytest.mark.parametrize("compiled", [True, False])
def test_the_first_of_equal_maxima_is_given_the_gradient(compiled):
    net = Network([layers.MaxOverTime()], dtype="float64", compiled=compiled)
    forward = net.run([np.array([[1.0], [2.0], [2.0]])])
    assert_close(forward.backward([[5.0]]).x[:, 0, 0], [0.0, 5.0, 0.0])


def test_a_layer_of_one_s_own_is_a_class_with_two_methods():
    class Doubling(layers.Layer):
        def output_width(self, input_width):
            return input_width

        def forward(self, parameters, x, context):
            return 2 * x, None

        def backward(self, parameters, gradients, dy, saved, context):
            return 2 * dy

    net = Network([layers.Dense(2, 3), Doubling()], dtype="float64")
    forward = net.run(np.ones((1, 2)))
    assert_close(forward.output, 2 * np.ones((1, 2)) @ net.parameters["0.weight"])
    assert_close(forward.backward([[1.0, 1.0, 1.0]]).x, 2 * net.parameters["0.weight"].sum(axis=1)[None])


@pytest.mark.parametrize("name", ["trainable", "requires_grad"])
def test_an_attribute_that_would_do_nothing_is_refused_unless_the_class_has_it(name):
    with pytest.raises(AttributeError, match=rf"Dense\(2, 3\) has no attribute '{name}' \(every layer learns"):
        setattr(layers.Dense(2, 3), name, False)
    own = type("Own", (layers.Dense,), {name: True})(2, 3)
    setattr(own, name, False)
    assert not getattr(own, name)


# -- the compiled call of a network ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "gradient", [BPTT(), TEXT, TruncatedBPTT(2, 3), CheckpointedBPTT(), FixedPoint(), RTRL(), SnAp1()]
)
def test_only_plain_bptt_runs_within_the_compiled_call_of_a_network(gradient):
    layer = layers.Elman(2, 3, gradient=gradient)
    net = Network([layer])
    part = layer.compiled(net.parameters.within("0."), net.dtype)
    assert (part is not None) == (repr(gradient) == "BPTT()")


def test_a_cell_with_a_function_of_all_its_units_does_not():
    layer = layers.Jordan(2, 3, feedback_activation="softmax", teacher_forcing=False)
    net = Network([layer])
    assert not layer.cell.is_elementwise
    assert layer.compiled(net.parameters.within("0."), net.dtype) is None
