"""Every loss, static and in time: gradients, masks and weights."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnbp import losses
from rnnbp.losses import LOSSES, BinaryCrossEntropy, CrossEntropy, Loss, MeanSquaredError


@dataclass
class Case:
    """A loss for outputs of a width, and random targets that suit it."""

    loss: Loss
    width: int
    target: Callable[[np.random.Generator, tuple[int, ...], int], np.ndarray]
    padding: float  # what no target may be


def numbers(random, leading, width):
    return random.normal(size=(*leading, width))


def single_numbers(random, leading, width):
    return random.normal(size=leading)


def labels(random, leading, width):
    return random.integers(0, width, leading)


def distributions(random, leading, width):
    return random.dirichlet(np.ones(width), leading)


def shares(random, leading, width):
    return random.uniform(0, 1, (*leading, width))


CLASS_WEIGHT = (0.3, 2.0, 1.1, 0.5)
CASES = {
    "mean_squared_error": Case(MeanSquaredError(), 3, numbers, np.nan),
    "mean_squared_error, one output": Case(MeanSquaredError(), 1, single_numbers, np.nan),
    "cross_entropy": Case(CrossEntropy(), 4, labels, -1),
    "cross_entropy, weighted": Case(CrossEntropy(class_weight=CLASS_WEIGHT), 4, labels, -1),
    "cross_entropy, smoothed": Case(CrossEntropy(label_smoothing=0.2), 4, labels, 99),
    "cross_entropy, both": Case(CrossEntropy(class_weight=CLASS_WEIGHT, label_smoothing=0.2), 4, labels, -1),
    "cross_entropy, probabilities": Case(CrossEntropy(), 4, distributions, np.nan),
    "cross_entropy, probabilities, both": Case(
        CrossEntropy(class_weight=CLASS_WEIGHT, label_smoothing=0.2), 4, distributions, 5.0
    ),
    "binary_cross_entropy": Case(BinaryCrossEntropy(), 3, shares, np.nan),
    "binary_cross_entropy, one output": Case(BinaryCrossEntropy(), 1, shares, 7.0),
    "binary_cross_entropy, weighted": Case(BinaryCrossEntropy(pos_weight=[0.5, 1.0, 4.0]), 3, shares, np.nan),
}
every_loss = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
shapes = st.tuples(st.integers(1, 5), st.integers(1, 4))
seeds = st.integers(0, 2**32 - 1)
examples = settings(max_examples=20, deadline=None, derandomize=True)


def batch(case: Case, leading: tuple[int, ...], seed: int = 0):
    """Random outputs and targets, with leading shape (B,) or (T, B)."""
    random = np.random.default_rng(seed)
    return random.normal(0, 2, (*leading, case.width)), case.target(random, leading, case.width)


def ragged_batch(case: Case, leading: tuple[int, int], seed: int = 0):
    """The same with lengths (one sequence fills all steps) and weights per step, most of them not 1."""
    output, target = batch(case, leading, seed)
    random = np.random.default_rng(seed)
    lengths = random.integers(1, leading[0] + 1, leading[1])
    lengths[random.integers(leading[1])] = leading[0]
    return output, target, lengths, random.uniform(0.1, 3, leading)


def finite_differences(function, x: np.ndarray, step: float = 1e-5) -> np.ndarray:
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += step
        down[i] -= step
        gradient[i] = (function(up) - function(down)) / (2 * step)
    return gradient


def padding(leading: tuple[int, int], lengths: np.ndarray) -> np.ndarray:
    return np.arange(leading[0])[:, None] >= lengths


def test_every_registered_loss_is_in_the_table():
    """But those of whole sequences, which have tests of their own (losses/test_ctc.py)."""
    assert {case.loss.name for case in CASES.values()} == {n for n, loss in LOSSES.items() if not loss.per_sequence}


@every_loss
@examples
@given(leading=shapes, seed=seeds)
def test_the_gradient_is_that_of_the_value(case, leading, seed):
    output, target, lengths, weight = ragged_batch(case, leading, seed)

    def value(x):
        return case.loss(x, target, lengths=lengths, sample_weight=weight)[0]

    gradient = case.loss(output, target, lengths=lengths, sample_weight=weight)[1]
    assert np.any(gradient != 0)
    np.testing.assert_allclose(gradient, finite_differences(value, output), atol=1e-8)


@every_loss
def test_the_gradient_is_exactly_zero_at_padded_steps(case):
    output, target, lengths, _ = ragged_batch(case, (6, 5))
    gradient = case.loss(output, target, lengths=lengths)[1]
    padded = padding((6, 5), lengths)
    assert padded.any()
    assert np.all(gradient[padded] == 0)
    assert np.all(np.any(gradient[~padded] != 0, axis=-1))


@every_loss
def test_what_padding_holds_never_changes_a_bit(case):
    output, target, lengths, weight = ragged_batch(case, (6, 5))
    value, gradient = case.loss(output, target, lengths=lengths, sample_weight=weight)
    padded = padding((6, 5), lengths)
    output[padded], target[padded], weight[padded] = np.nan, case.padding, np.nan
    garbled_value, garbled_gradient = case.loss(output, target, lengths=lengths, sample_weight=weight)
    assert garbled_value == value
    np.testing.assert_array_equal(garbled_gradient, gradient)


@every_loss
@examples
@given(leading=shapes, seed=seeds)
def test_a_batch_is_the_weighted_mean_of_its_sequences(case, leading, seed):
    """Weighted by normalizers, so that minibatch losses average exactly over an epoch."""
    assert not case.loss.is_sum
    output, target, lengths, weight = ragged_batch(case, leading, seed)
    value, gradient = case.loss(output, target, lengths=lengths, sample_weight=weight)
    total = parts = 0.0
    part_gradient = np.zeros_like(gradient)
    for b, length in enumerate(lengths):
        encoded = case.loss.encode(target[:length, b], case.width, leading=(length,))
        normalizer = case.loss.normalizer(encoded, weight[:length, b])
        alone, gradient_alone = case.loss.value_and_gradient(output[:length, b], encoded, weight[:length, b])
        total += normalizer
        parts += normalizer * alone
        part_gradient[:length, b] = normalizer * gradient_alone
    assert value == pytest.approx(parts / total, rel=1e-12)
    np.testing.assert_allclose(gradient, part_gradient / total, atol=1e-14)


@every_loss
def test_a_sequence_is_a_batch_of_steps(case):
    output, target = batch(case, (4, 3))
    value, gradient = case.loss(output, target)
    flat_value, flat_gradient = case.loss(output.reshape(12, -1), target.reshape(12, *target.shape[2:]))
    assert value == flat_value
    np.testing.assert_array_equal(gradient, flat_gradient.reshape(gradient.shape))


@every_loss
def test_a_weight_of_two_counts_a_sample_twice(case):
    output, target = batch(case, (5,))
    weighted = case.loss(output, target, sample_weight=[1, 2, 1, 1, 1])[0]
    repeat = [0, 1, 1, 2, 3, 4]
    assert weighted == pytest.approx(case.loss(output[repeat], target[repeat])[0], rel=1e-12)


@every_loss
def test_a_weight_of_zero_leaves_a_sample_out(case):
    output, target = batch(case, (5,))
    value, gradient = case.loss(output, target, sample_weight=[1, 1, 0, 1, 1])
    keep = [0, 1, 3, 4]
    assert value == pytest.approx(case.loss(output[keep], target[keep])[0], rel=1e-12)
    assert np.all(gradient[2] == 0)


@every_loss
def test_a_weight_per_sequence_holds_for_all_its_steps(case):
    output, target = batch(case, (4, 3))
    per_sequence = np.array([0.5, 1.0, 2.0])
    value = case.loss(output, target, sample_weight=per_sequence)[0]
    assert value == case.loss(output, target, sample_weight=np.tile(per_sequence, (4, 1)))[0]


@every_loss
def test_a_minibatch_without_any_weight_has_no_loss(case):
    output, target = batch(case, (5,))
    encoded = case.loss.encode(target, case.width)
    value, gradient = case.loss.value_and_gradient(output, encoded, np.zeros(5))
    assert value == 0
    assert np.all(gradient == 0)


def test_a_batch_of_classes_without_weight_has_no_loss_whatever_smoothing_spreads():
    loss = CrossEntropy(class_weight=[0.0, 1.0], label_smoothing=0.2)
    value, gradient = loss([[1.0, 2.0], [0.5, 0.0]], [0, 0])
    assert value == 0
    assert np.all(gradient == 0)


def test_of_class_weights_only_their_ratios_count():
    output, target = batch(CASES["cross_entropy"], (6,))
    values = [CrossEntropy(class_weight=np.divide(CLASS_WEIGHT, by))(output, target)[0] for by in (1, 4)]
    assert values[1] == pytest.approx(values[0], rel=1e-12)


@every_loss
def test_float32_stays_float32(case):
    output, target, lengths, weight = ragged_batch(case, (6, 5))
    value, gradient = case.loss(output, target, lengths=lengths, sample_weight=weight)
    value32, gradient32 = case.loss(output.astype(np.float32), target, lengths=lengths, sample_weight=weight)
    assert type(value32) is float
    assert gradient32.dtype == np.float32
    assert value32 == pytest.approx(value, rel=1e-6)
    np.testing.assert_allclose(gradient32, gradient, atol=1e-7)


@every_loss
def test_rows_of_float32_give_a_gradient_of_float32_whatever_the_target_and_weight_are(case):
    output, target = batch(case, (5,))
    encoded = case.loss.encode(target, case.width)
    for weight in (None, np.ones(5)):
        assert case.loss.value_and_gradient(output.astype(np.float32), encoded, weight)[1].dtype == np.float32


@every_loss
def test_output_and_target_are_left_as_they_are(case):
    output, target, lengths, weight = ragged_batch(case, (3, 2))
    copies = output.copy(), target.copy(), lengths.copy(), weight.copy()
    case.loss(output, target, lengths=lengths, sample_weight=weight)
    encoded = case.loss.encode(target, case.width)
    case.loss.value_and_gradient(output[0], encoded[0])
    for array, copy in zip((output, target, lengths, weight), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@every_loss
def test_encoding_blanks_the_padding_and_keeps_the_rest(case):
    _, target, lengths, _ = ragged_batch(case, (6, 5))
    whole = case.loss.encode(target, case.width, leading=(6, 5))
    padded = padding((6, 5), lengths)
    target[padded] = case.padding
    encoded = case.loss.encode(target, case.width, lengths=lengths)
    np.testing.assert_array_equal(encoded[~padded], whole[~padded])
    assert np.all(encoded[padded] == 0)


@every_loss
def test_repr_shows_every_setting(case):
    copy = eval(repr(case.loss), {**vars(losses), "array": np.array})
    output, target = batch(case, (5,))
    assert copy(output, target)[0] == case.loss(output, target)[0]


def test_one_hot_rows_say_the_same_as_class_indices():
    output, target = batch(CASES["cross_entropy, smoothed"], (6,))
    for loss in (CrossEntropy(), CrossEntropy(label_smoothing=0.3)):
        by_index, by_row = loss(output, target), loss(output, np.eye(4)[target])
        assert by_index[0] == pytest.approx(by_row[0], rel=1e-12)
        np.testing.assert_allclose(by_index[1], by_row[1], atol=1e-15)


def test_two_classes_say_the_same_as_one_yes_or_no_output():
    random = np.random.default_rng(0)
    z, y = random.normal(0, 3, 8), random.integers(0, 2, 8)
    two = CrossEntropy()(np.stack([np.zeros(8), z], axis=1), y)
    one = BinaryCrossEntropy()(z[:, None], y)
    assert one[0] == pytest.approx(two[0], rel=1e-12)
    np.testing.assert_allclose(one[1][:, 0], two[1][:, 1], atol=1e-15)


@pytest.mark.parametrize("loss", [CrossEntropy(), BinaryCrossEntropy(), CrossEntropy(label_smoothing=0.1)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_logits_neither_overflow_nor_vanish(loss, dtype):
    output = np.array([[3e4, -3e4], [-3e4, 3e4]], dtype=dtype)
    value, gradient = loss(output, np.array([0, 0]) if loss.name == "cross_entropy" else np.zeros((2, 2)))
    assert 1e4 < value < 1e5
    assert np.all(np.isfinite(gradient))


def test_a_confident_right_answer_has_a_small_loss_and_not_none():
    """log(1 + x) rounds to 0 where log1p(x) does not."""
    value, gradient = BinaryCrossEntropy()(np.full((1, 1), 30.0, np.float32), [1])
    assert value == pytest.approx(np.exp(-30.0), rel=1e-5, abs=0)
    assert gradient[0, 0] == pytest.approx(-np.exp(-30.0), rel=1e-5, abs=0)


def test_one_output_may_do_without_its_column():
    output = np.random.default_rng(0).normal(size=(4, 1, 1))
    target = np.random.default_rng(1).uniform(size=(4, 1))
    for loss in (MeanSquaredError(), BinaryCrossEntropy()):
        assert loss(output, target)[0] == loss(output, target[..., None])[0]
        assert loss(output[:, 0], target)[0] == loss(output[:, 0], target[:, 0])[0]
        assert loss.encode(target, 1).shape == loss.encode(target[:, 0], 1).shape == (4, 1)
        assert loss.encode(target, 1, lengths=[4]).shape == (4, 1, 1)


@pytest.mark.parametrize(
    ("loss", "target", "expected"),
    [
        (CrossEntropy(), [2, 0], [[0, 0, 1], [1, 0, 0]]),
        (CrossEntropy(label_smoothing=0.1), [2, 0], [[0, 0, 1], [1, 0, 0]]),
        (CrossEntropy(), [[0.25, 0.5, 0.25]], [[0.25, 0.5, 0.25]]),
        (CrossEntropy(), [[1], [0]], [[[0, 1, 0]], [[1, 0, 0]]]),
        (MeanSquaredError(), [[1, 2, 3]], [[1, 2, 3]]),
        (BinaryCrossEntropy(), [[True, False, True]], [[1, 0, 1]]),
    ],
)
def test_feedback_is_the_target_as_the_output_function_would_give_it(loss, target, expected):
    fed_back = loss.feedback(loss.encode(target, 3), 3, np.float32)
    assert fed_back.dtype == np.float32
    np.testing.assert_array_equal(fed_back, expected)


def test_every_public_loss_has_a_name():
    public = {cls for cls in map(vars(losses).get, losses.__all__) if isinstance(cls, type)}
    concrete = {cls for cls in public if issubclass(cls, losses.Loss) and not cls.__abstractmethods__}
    assert concrete == set(losses.LOSSES.values()), "list it in LOSSES, in rnnbp/losses/__init__.py"
