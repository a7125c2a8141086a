"""What users hand in: accepted in each natural shape, laid out the same way, and refused in their words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rnnbp import layers
from rnnbp.data.batch import Batch
from rnnbp.data.workspace import Workspace
from rnnbp.gradients import BPTT
from rnnbp.losses import CrossEntropy, MeanSquaredError
from rnnbp.networks.network import Network

TEXT = BPTT(compiled=False)
LENGTHS = [3, 5, 1]
SEQUENCES = [np.random.default_rng(n).normal(size=(n, 2)) for n in LENGTHS]
STATIC = Network([layers.Dense(2, 3)], dtype="float64")
TAGGER = Network([layers.GRU(2, 4, gradient=TEXT), layers.Dense(4, 3)], dtype="float64")
CLASSIFIER = Network([layers.GRU(2, 4, gradient=TEXT), layers.LastStep(), layers.Dense(4, 3)], dtype="float64")
SOFTMAX = Network([layers.Dense(2, 3), layers.Activation("softmax")], dtype="float64")
SYMBOLS = Network([layers.Embedding(5, 2), layers.GRU(2, 4, gradient=TEXT)], dtype="float64")


def padded(sequences, fill=0, steps=5):
    array = np.full((steps, len(sequences), *sequences[0].shape[1:]), fill, np.asarray(sequences[0]).dtype)
    for i, sequence in enumerate(sequences):
        array[: len(sequence), i] = sequence
    return array


# -- input -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fill", [0.0, 1e30, np.inf, np.nan])
def test_a_list_and_a_padded_array_are_the_same_batch(fill):
    listed, given = TAGGER.batch(SEQUENCES), TAGGER.batch(padded(SEQUENCES, fill), LENGTHS)
    np.testing.assert_array_equal(listed.rows, given.rows)
    np.testing.assert_array_equal(listed.packing.order, given.packing.order)


def test_nested_lists_are_sequences_each_with_its_own_length():
    nested = [sequence.tolist() for sequence in SEQUENCES]
    np.testing.assert_array_equal(TAGGER.batch(nested).rows, TAGGER.batch(SEQUENCES).rows)


def test_nested_lists_are_examples_to_a_static_network():
    assert STATIC.forward([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]).shape == (3, 3)


def test_a_static_network_takes_sequences_frame_by_frame():
    output = STATIC.forward(SEQUENCES)
    assert output.shape == (5, 3, 3)
    np.testing.assert_allclose(output[:5, 1], STATIC.forward(SEQUENCES[1]), rtol=1e-14)


def test_an_output_has_as_many_steps_as_the_padded_array():
    given = padded(SEQUENCES, np.nan, steps=8)
    forward = TAGGER.run(given, LENGTHS)
    assert forward.output.shape == (8, 3, 3)
    np.testing.assert_array_equal(forward.output[5:], 0)
    assert forward.backward(np.ones((8, 3, 3))).x.shape == given.shape


def test_integers_and_booleans_are_numbers():
    np.testing.assert_array_equal(STATIC.forward(np.array([[True, False]])), STATIC.forward(np.array([[1, 0]])))


@pytest.mark.parametrize("symbols", [[[0, 4, 2], [1]], [np.array([0, 4, 2]), np.array([1])]])
def test_symbols_lack_the_feature_axis(symbols):
    given = np.array([[0, 1], [4, 0], [2, 0]])
    np.testing.assert_array_equal(SYMBOLS.forward(symbols), SYMBOLS.forward(given, lengths=[3, 1]))


NUMBER_OF_FEATURES = "expected 2 features, but the input has 5"


@pytest.mark.parametrize(
    ("net", "x", "lengths", "message"),
    [
        (STATIC, np.zeros((4, 5)), None, NUMBER_OF_FEATURES),
        (TAGGER, np.zeros((3, 4, 5)), None, NUMBER_OF_FEATURES),
        (TAGGER, [np.zeros((3, 5))], None, NUMBER_OF_FEATURES),
        (STATIC, np.zeros((4, 0)), None, "expected 2 features, but the input has 0"),
        (TAGGER, np.zeros((3, 4, 0)), None, "expected 2 features, but the input has 0"),
        (STATIC, np.zeros(4), None, r"of shape \(T, B, F\), time first, or \(B, F\), but its shape is \(4,\)$"),
        (STATIC, np.zeros((2, 2, 2, 2)), None, r"but its shape is \(2, 2, 2, 2\)$"),
        (TAGGER, np.zeros((2, 2, 2, 2)), None, r"but its shape is \(2, 2, 2, 2\)$"),
        (STATIC, 3.0, None, r"but its shape is \(\)"),
        (STATIC, None, None, "the input must be an array, or a list of arrays, but None was given"),
        (
            TAGGER,
            np.zeros((4, 2)),
            None,
            r"time first, but its shape is \(4, 2\); .* pass \[x\]; of .* of one scalar a",
        ),
        (SYMBOLS, np.zeros(3, int), None, r"of shape \(T, B\), .* is \(3,\); if this is one sequence, pass \[x\]$"),
        (TAGGER, [np.zeros(3)], None, r"each sequence must be of shape \(T_i, F\), but the first one has shape \(3,\)"),
        (TAGGER, [], None, "the list of sequences is empty"),
        (STATIC, np.zeros((0, 2)), None, r"the input is empty: its shape is \(0, 2\)"),
        (TAGGER, np.zeros((0, 3, 2)), None, "the input is empty"),
        (TAGGER, np.zeros((3, 0, 2)), None, "the input is empty"),
        (TAGGER, [np.zeros((2, 2)), np.zeros((0, 2))], None, "sequence 1 has length 0"),
        (TAGGER, np.zeros((3, 2, 2)), [3, 0], "sequence 1 has length 0"),
        (TAGGER, np.zeros((3, 2, 2)), [4, 2], "sequence 0 has length 4, longer than the data: there are 3 steps"),
        (TAGGER, np.zeros((3, 2, 2)), [3], "one number a sequence"),
        (TAGGER, [np.zeros((3, 2))], [3], "leave out `lengths`"),
        (STATIC, np.full((3, 2), np.nan), None, r"holds nan \(feature 0\)"),
        (TAGGER, [np.zeros((2, 2)), np.array([[0, -np.inf]])], None, r"holds -inf \(feature 1\)"),
        (STATIC, np.array([["a", "b"]]), None, "expected numbers, but the input's dtype is <U1"),
        (TAGGER, [np.array([["1", "2"]])], None, "expected numbers, but the input's dtype is <U1"),
        (STATIC, np.array([[1, None]]), None, "expected numbers, but the input's dtype is object"),
        (STATIC, np.array([[1j, 0]]), None, "expected numbers, but the input's dtype is complex128"),
        (SYMBOLS, np.zeros((3, 2)), None, r"Embedding\(5, 2\) takes whole numbers \(symbols\).*float64"),
        (SYMBOLS, np.full((3, 2), 5), None, "takes symbols from 0 to 4, but 5 came in"),
        (SYMBOLS, np.full((3, 2), -1), None, "takes symbols from 0 to 4, but -1 came in"),
        (SYMBOLS, np.zeros((3, 2, 2), int), None, r"of shape \(T, B\), time first, but its shape is \(3, 2, 2\)"),
    ],
)
def test_an_input_that_does_not_fit_is_refused(net, x, lengths, message):
    with pytest.raises((TypeError, ValueError), match=message):
        net.forward(x, lengths)


def test_a_number_too_large_for_float32_is_refused():
    with pytest.raises(ValueError, match=r"holds 1e\+39 \(feature 1\), which is no finite float32 number"):
        Network([layers.Dense(2, 3)]).forward(np.array([[0.0, 1e39]]))


anything = st.one_of(
    st.none(),
    st.text(max_size=3),
    st.floats(),
    arrays.arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.bool_, np.complex64, "U2", object]),
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
        elements=None,
        fill=st.nothing(),
    ),
    st.lists(
        arrays.arrays(np.float64, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)), max_size=3
    ),
    st.lists(st.lists(st.lists(st.floats(-2, 2), max_size=2), max_size=2), max_size=2),
)


@given(st.sampled_from([STATIC, TAGGER, SYMBOLS]), anything, st.none() | st.lists(st.integers(-1, 4), max_size=3))
def test_an_input_is_laid_out_or_refused_and_nothing_else(net, x, lengths):
    try:
        batch = net.batch(x, lengths)
    except (ValueError, TypeError):
        return
    assert np.isfinite(batch.rows).all()
    assert len(batch.rows) == (batch.n_examples if batch.packing is None else batch.packing.n_rows) > 0


# -- targets and weights -----------------------------------------------------------------------------------------------


def test_targets_lie_beside_their_rows():
    batch = TAGGER.batch(SEQUENCES)
    targets = [np.full((n, 3), i, float) for i, n in enumerate(LENGTHS)]
    rows = batch.lay_out_target(targets, MeanSquaredError(), TAGGER.interface)
    np.testing.assert_array_equal(rows[:, 0], batch.packing.order[batch.packing.sequence_of_row])
    given = batch.lay_out_target(padded(targets, np.nan), MeanSquaredError(), TAGGER.interface)
    np.testing.assert_array_equal(given, rows)


def test_targets_of_whole_sequences_are_in_the_batch_s_order():
    batch = CLASSIFIER.batch(SEQUENCES)
    rows = batch.lay_out_target([0, 1, 2], CrossEntropy(), CLASSIFIER.interface)
    np.testing.assert_array_equal(rows, batch.packing.order)


@pytest.mark.parametrize(
    ("net", "target", "loss", "message"),
    [
        (CLASSIFIER, [0, 1], CrossEntropy(), r"expected 3 targets, one for each example, but .* \(2,\)$"),
        (
            CLASSIFIER,
            [[0] * 3, [0] * 5, [0]],
            CrossEntropy(),
            "they differ in length as if there were one for each step",
        ),
        (
            SOFTMAX,
            [[0] * 3, [0] * 5, [0]],
            CrossEntropy(),
            r"takes logits, but the network ends with Activation\('soft",
        ),
        (CLASSIFIER, 1, CrossEntropy(), "expected 3 targets"),
        (CLASSIFIER, None, CrossEntropy(), "the target must be an array, or a list of arrays, but None was given"),
        (CLASSIFIER, [0, 1, 3], CrossEntropy(), r"target\[2\] = 3 is not one of the 3 classes 0 .. 2"),
        (CLASSIFIER, [0, -1, 1], CrossEntropy(), r"target\[1\] = -1 is not one of the 3 classes"),
        (CLASSIFIER, ["a", "b", "c"], CrossEntropy(), "'a' where numbers are needed.*LabelEncoder"),
        (CLASSIFIER, [0.0, 1.0, 2.0], CrossEntropy(), "class indices must be integers"),
        (CLASSIFIER, np.eye(3, dtype=int), CrossEntropy(), "Integers are read as class indices"),
        (CLASSIFIER, np.zeros((3, 2)), MeanSquaredError(), "the output has width 3"),
        (CLASSIFIER, np.full((3, 3), np.nan), MeanSquaredError(), "is not finite"),
        (TAGGER, [0, 1, 2], CrossEntropy(), "sequence 0 is a single number"),
        (
            TAGGER,
            np.array([0, 1, 2]),
            CrossEntropy(),
            r"of shape \(5, 3, ...\), .* end the recurrent part with LastStep",
        ),
        (TAGGER, np.zeros((3, 5), int), CrossEntropy(), r"of shape \(5, 3, ...\)"),
        (TAGGER, [[0] * 3, [0] * 5], CrossEntropy(), "there are 2 for 3 sequences"),
        (TAGGER, [[0] * 3, [0] * 4, [0]], CrossEntropy(), "target 1 has length 4, but for sequence 1 there are 5"),
        (TAGGER, [[0] * 3, [0, 1, 2, 9, 0], [0]], CrossEntropy(), r"target of sequence 1: target\[3\] = 9 is not"),
        (TAGGER, np.full((5, 3), 9), CrossEntropy(), r"target\[0, 0\] = 9 is not one of the 3 classes"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(net, target, loss, message):
    with pytest.raises((TypeError, ValueError), match=message):
        net.loss_and_gradient(SEQUENCES, target, loss)


def test_targets_that_do_not_fit_an_array_are_refused_with_the_order_of_its_axes():
    for net, x, hint in (
        (CLASSIFIER, np.zeros((5, 3, 2)), "; sequences are the second axis"),
        (STATIC, np.eye(2), "$"),
    ):
        with pytest.raises(ValueError, match=rf"one for each example, but the target's shape is \(5,\){hint}"):
            net.loss_and_gradient(x, np.zeros(5, int), CrossEntropy())


def test_a_loss_that_takes_any_output_takes_that_of_a_softmax():
    targets = [np.full((n, 3), 1 / 3) for n in LENGTHS]
    assert SOFTMAX.loss_and_gradient(SEQUENCES, targets, MeanSquaredError())[0] > 0


@pytest.mark.parametrize("lengths", [[4, 4], [3, 1]])
def test_targets_in_lists_are_arranged_as_their_input_is(lengths):
    """As a list of sequences, or, of an array, as that array spelt out."""
    x, targets = ([np.random.default_rng(0).normal(size=(n, k)) for n in lengths] for k in (2, 3))
    expected = TAGGER.loss_and_gradient(x, targets, MeanSquaredError())
    padded_targets = padded(targets, steps=max(lengths)).tolist()
    for spelt_out in (
        (x, [each.tolist() for each in targets], MeanSquaredError()),
        (padded(x, steps=max(lengths)), padded_targets, MeanSquaredError(), lengths),
    ):
        value, gradient = TAGGER.loss_and_gradient(*spelt_out)
        assert value == expected[0]
        np.testing.assert_array_equal(gradient, expected[1])


@pytest.mark.parametrize("target", [np.zeros((3, 4)), np.zeros((3, 1, 1, 2)), np.zeros((3, 3))])
def test_a_single_output_does_not_take_wide_targets(target):
    net = Network([layers.Dense(2, 1)])
    with pytest.raises(ValueError, match="the output has width 1"):
        net.loss_and_gradient(np.zeros((3, 2)), target, MeanSquaredError())


def test_weights_lie_beside_their_rows():
    batch = TAGGER.batch(padded(SEQUENCES, steps=8), LENGTHS)
    of_row = batch.packing.order[batch.packing.sequence_of_row]
    np.testing.assert_array_equal(batch.lay_out_weight([3.0, 4.0, 5.0], TAGGER.interface), 3 + of_row)
    np.testing.assert_array_equal(batch.lay_out_weight([3.0, 4.0, 5.0], CLASSIFIER.interface), 3 + batch.packing.order)
    by_step = padded([np.full(n, float(i)) for i, n in enumerate(LENGTHS)], np.nan, steps=8)
    np.testing.assert_array_equal(batch.lay_out_weight(by_step, TAGGER.interface), of_row)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0, 2.0], r"expected 3 sample weights, one for each example, but their shape is \(2,\)"),
        ([1.0, -1.0, 2.0], "not negative"),
        ([1.0, np.nan, 2.0], "finite"),
        ([0.0, 0.0, 0.0], "not all 0"),
    ],
)
@pytest.mark.parametrize("per_step", [True, False])
def test_a_weight_that_does_not_fit_is_refused(weight, message, per_step):
    with pytest.raises((TypeError, ValueError), match=message):
        TAGGER.batch(SEQUENCES).lay_out_weight(weight, (TAGGER if per_step else CLASSIFIER).interface)


def test_a_batch_counts_examples_or_sequences():
    assert Batch(np.zeros((7, 2)), None).n_examples == 7
    assert TAGGER.batch(SEQUENCES).n_examples == 3


def test_a_workspace_gives_the_same_memory_again_where_it_fits():
    workspace = Workspace()
    first = workspace.empty("x", (2, 3), "float32")
    assert first.dtype == "float32"
    first[...] = 1.0
    for shape in ((4,), (3, 2)):
        assert np.shares_memory(first, workspace.empty("x", shape, "float32"))
    assert workspace.zeros("x", (3,), "float32").tolist() == [0.0, 0.0, 0.0]
    assert not np.shares_memory(first, workspace.empty("y", (4,), "float32"))
    for shape, dtype in (((7,), "float32"), ((2, 3), "float64")):
        other = workspace.empty("x", shape, dtype)
        assert (other.shape, other.dtype) == (shape, dtype)
        assert not np.shares_memory(first, other)
