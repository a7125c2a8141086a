"""Running a trained network over many examples gives what running it on each alone does, in bounded memory."""

import numpy as np
import pytest

from rnnbp import evaluate, layers, losses, metrics, predict
from rnnbp.data.training_set import TrainingSet
from rnnbp.gradients import BPTT
from rnnbp.networks.network import Network
from rnnbp.training.evaluation import evaluate_set

TEXT = BPTT(compiled=False)
RNG = np.random.default_rng(0)
STATIC = Network([layers.Dense(2, 3)], dtype="float64")
TAGGER = Network([layers.GRU(2, 3, bidirectional=True, gradient=TEXT), layers.Dense(6, 3)], dtype="float64")
CLASSIFIER = Network([layers.GRU(2, 3, gradient=TEXT), layers.LastStep()], dtype="float64")
LENGTHS = RNG.integers(1, 9, size=20)
SEQUENCES = [RNG.normal(size=(n, 2)) for n in LENGTHS]
each_batch_size = pytest.mark.parametrize("batch_size", [1, 7, 256])


@each_batch_size
def test_static_predictions_are_in_order(batch_size):
    x = RNG.normal(size=(20, 2))
    np.testing.assert_allclose(predict(STATIC, x, batch_size=batch_size), STATIC.forward(x), rtol=1e-13)


@each_batch_size
def test_predictions_of_sequences_are_in_order(batch_size):
    found = predict(CLASSIFIER, SEQUENCES, batch_size=batch_size)
    expected = np.concatenate([CLASSIFIER.forward([sequence]) for sequence in SEQUENCES])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@each_batch_size
def test_predictions_of_steps_are_a_list_in_order(batch_size):
    found = predict(TAGGER, SEQUENCES, batch_size=batch_size)
    assert [len(output) for output in found] == LENGTHS.tolist()
    for output, sequence in zip(found, SEQUENCES, strict=True):
        np.testing.assert_allclose(output, TAGGER.forward([sequence])[:, 0], rtol=1e-12)


def test_predictions_of_a_padded_array_use_its_lengths():
    padded = np.full((8, 20, 2), np.nan)
    for i, sequence in enumerate(SEQUENCES):
        padded[: len(sequence), i] = sequence
    for found, expected in zip(predict(TAGGER, padded, LENGTHS), predict(TAGGER, SEQUENCES), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_predictions_do_not_drop_out():
    net = Network([layers.Dropout(0.9), layers.Dense(2, 3)])
    x = RNG.normal(size=(20, 2))
    np.testing.assert_array_equal(predict(net, x), predict(net, x))


def test_predictions_of_a_wrong_input_are_refused():
    with pytest.raises(ValueError, match="expected 2 features, but the input has 3"):
        predict(STATIC, np.zeros((4, 3)))


@each_batch_size
def test_the_loss_of_a_whole_is_that_of_one_large_batch(batch_size):
    labels, weight = RNG.integers(3, size=20), RNG.uniform(1, 2, size=20)
    loss = losses.CrossEntropy(class_weight=[1.0, 2.0, 3.0])
    data = TrainingSet(CLASSIFIER.interface, SEQUENCES, target=labels, loss=loss, sample_weight=weight)
    expected, _ = loss(CLASSIFIER.forward(SEQUENCES), labels, sample_weight=weight)
    found, score = evaluate_set(CLASSIFIER, data, loss, batch_size=batch_size)
    assert found == pytest.approx(expected, rel=1e-13)
    assert score is None


@each_batch_size
def test_the_loss_of_steps_counts_each_step_alike(batch_size):
    tags = [RNG.integers(3, size=n) for n in LENGTHS]
    loss = losses.CrossEntropy()
    data = TrainingSet(TAGGER.interface, SEQUENCES, target=tags, loss=loss)
    outputs, targets = np.concatenate(predict(TAGGER, SEQUENCES)), np.concatenate(tags)
    found, score = evaluate_set(TAGGER, data, loss, score=metrics.accuracy, batch_size=batch_size)
    assert found == pytest.approx(loss(outputs, targets)[0], rel=1e-13)
    assert score == metrics.accuracy(targets, outputs)


@each_batch_size
def test_a_loss_that_is_a_sum_is_one_of_the_whole(batch_size):
    loss, labels = losses.CTC(normalize="none", zero_infinity=True), [[1] * (n // 3) for n in LENGTHS]
    expected = sum(loss(TAGGER.forward([s]), [label])[0] for s, label in zip(SEQUENCES, labels, strict=True))
    found, _ = evaluate(TAGGER, SEQUENCES, labels, loss, batch_size=batch_size)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "scored", [True, "0.5", np.ones(1), [0.5], None, 1j], ids=["bool", "text", "array", "list", "None", "complex"]
)
def test_a_score_that_is_no_number_is_refused(scored):
    with pytest.raises(TypeError, match=r"the score must be one number, but .* was returned by"):
        evaluate(STATIC, np.ones((4, 2)), [0, 1, 2, 0], "cross_entropy", score=lambda target, output: scored)


@pytest.mark.parametrize("scored", [1, 0.5, np.float32(0.5), np.array(0.5)], ids=["int", "float", "NumPy", "array"])
def test_a_score_is_a_float_whatever_number_it_was(scored):
    options = {"score": lambda target, output: scored}
    _, score = evaluate(STATIC, np.ones((4, 2)), [0, 1, 2, 0], "cross_entropy", **options)
    assert type(score) is float
    assert score == scored


def test_a_taught_network_is_evaluated_in_closed_loop():
    net = Network([layers.Jordan(2, 3, n_outputs=2, gradient=TEXT)], dtype="float64")
    net.theta[:] = RNG.normal(size=net.theta.size)
    targets = [RNG.normal(size=(n, 2)) for n in LENGTHS]
    loss = losses.MeanSquaredError()
    found, _ = evaluate_set(net, TrainingSet(net.interface, SEQUENCES, target=targets, loss=loss), loss)
    closed = np.concatenate(predict(net, SEQUENCES))
    assert found == pytest.approx(loss(closed, np.concatenate(targets))[0], rel=1e-13)


def test_examples_are_checked_and_evaluated_in_one_call():
    loss = losses.MeanSquaredError()
    targets = [np.ones((len(s), TAGGER.n_outputs)) for s in SEQUENCES]
    data = TrainingSet(TAGGER.interface, SEQUENCES, target=targets, loss=loss)
    assert evaluate(TAGGER, SEQUENCES, targets, "mean_squared_error") == evaluate_set(TAGGER, data, loss)
    with pytest.raises(ValueError, match="target"):
        evaluate(TAGGER, SEQUENCES, targets[:-1], loss)
