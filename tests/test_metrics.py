"""Metrics, against scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics

from rnnbp.metrics import (
    accuracy,
    confusion_matrix,
    mean_absolute_error,
    precision_recall_f1,
    r2,
    rejection_threshold,
)

RNG = np.random.default_rng(0)


def test_accuracy_of_class_indices_is_scikit_learn_s():
    output, target = RNG.normal(size=(50, 4)), RNG.integers(4, size=50)
    assert accuracy(target, output) == sklearn.metrics.accuracy_score(target, output.argmax(axis=1))


def test_accuracy_of_probabilities_compares_the_largest():
    assert accuracy([[0.2, 0.8], [0.9, 0.1]], [[-1.0, 1.0], [-1.0, 1.0]]) == 0.5


def test_accuracy_of_steps_counts_each_step():
    output, target = RNG.normal(size=(5, 3, 4)), RNG.integers(4, size=(5, 3))
    assert accuracy(target, output) == (output.argmax(axis=-1) == target).mean()
    assert accuracy(np.eye(4)[target], output) == accuracy(target, output)
    assert accuracy(output[:, :, :1] > 0, output[:, :, :1]) == 1.0


@pytest.mark.parametrize("target", [[1, 0, 1, 0], [[1.0], [0.0], [1.0], [0.0]]])
def test_accuracy_of_one_logit_is_of_its_sign(target):
    assert accuracy(target, [[3.0], [-0.1], [-2.0], [0.2]]) == 0.5


def test_a_target_of_one_half_is_of_the_first_class_as_a_logit_of_zero_is():
    assert accuracy([[0.5], [0.6]], [[-1.0], [1.0]]) == 1.0


def test_equal_logits_are_of_the_first_class():
    """One logit of 0 is two that are equal, of which `argmax` takes the first."""
    assert accuracy([0, 0], [[0.0], [0.0]]) == accuracy([0, 0], np.zeros((2, 2))) == 1.0


@pytest.mark.parametrize(("target", "output"), [([0, 1], np.zeros((3, 2))), (np.zeros((3, 4)), np.zeros((3, 2)))])
def test_accuracy_of_shapes_that_do_not_fit_is_refused(target, output):
    with pytest.raises(ValueError, match="do not fit outputs of shape"):
        accuracy(target, output)


def test_r2_is_scikit_learn_s():
    target = RNG.normal(size=50)
    output = target + 0.3 * RNG.normal(size=50)
    assert r2(target, output) == pytest.approx(sklearn.metrics.r2_score(target, output), rel=1e-14)
    assert r2(target, output[:, None]) == r2(target, output)
    assert r2(0.001 * target, 0.001 * output) == pytest.approx(r2(target, output), rel=1e-12)


@pytest.mark.parametrize("score", [r2, mean_absolute_error])
@pytest.mark.parametrize(("target", "output"), [((3, 2), (2, 3)), ((4,), (2, 2)), ((3,), (3, 2)), ((2, 3), (2, 4))])
def test_errors_of_shapes_that_do_not_fit_are_refused(score, target, output):
    with pytest.raises(ValueError, match="do not fit outputs of shape"):
        score(np.zeros(target), np.zeros(output))


def test_r2_of_a_constant_prediction_is_zero_and_of_a_perfect_one_is_one():
    target = RNG.normal(size=(50, 2))
    assert r2(target, np.broadcast_to(target.mean(axis=0), target.shape)) == pytest.approx(0.0, abs=1e-14)
    assert r2(target, target) == 1.0


def test_r2_of_a_constant_target_is_undefined():
    assert np.isnan(r2([3.0, 3.0], [1.0, 2.0]))


@pytest.mark.parametrize("dtype", ["int64", "uint8"])
def test_the_confusion_matrix_is_scikit_learn_s(dtype):
    target, predicted = RNG.integers(20, size=(2, 500)).astype(dtype)
    expected = sklearn.metrics.confusion_matrix(target, predicted, labels=range(20))
    np.testing.assert_array_equal(confusion_matrix(target, predicted, 20), expected)


def test_the_confusion_matrix_has_a_place_for_classes_that_do_not_occur():
    assert confusion_matrix([0], [1], 3).tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert confusion_matrix([0, 0], [0, 0]).tolist() == [[2]]


@pytest.mark.parametrize(
    ("target", "predicted", "message"),
    [
        ([0, 1], [0, 5], "predicted must hold whole numbers from 0 to 2, but holds .*5"),
        ([0, 3], [0, 1], "target must hold whole numbers from 0 to 2, but holds .*3"),
        ([0, -1], [0, 1], "target must hold whole numbers from 0 to 2"),
        ([0.0, 1.0], [0, 1], "target must hold whole numbers"),
        ([0, 1], [0], r"predictions of shape \(1,\) for targets of shape \(2,\)"),
        ([0, 1], np.zeros((3, 4)), r"predictions of shape \(3, 4\) for targets of shape \(2,\)"),
    ],
)
def test_a_confusion_of_what_is_no_class_is_refused(target, predicted, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(target, predicted, 3)


@pytest.mark.parametrize(
    ("target", "predicted"),
    [
        ([0, 1, 2, 2], [0, 1, 1, 2]),
        ([0, 1, 1, 1], [0, 1, 0, 0]),
        (["a", "b"], ["a", "c"]),
        ([True, False], [True, True]),
    ],
    ids=["three classes", "two classes", "texts", "truths"],
)
def test_accuracy_of_predicted_labels_is_scikit_learn_s(target, predicted):
    assert accuracy(target, predicted) == sklearn.metrics.accuracy_score(target, predicted)
    assert accuracy([target[:1], target[1:]], [predicted[:1], predicted[1:]]) == accuracy(target, predicted)


def test_accuracy_of_one_number_an_example_is_asked_for_classes():
    with pytest.raises(ValueError, match=r"shape \(3,\) have no axis of classes: give scores, \(N, K\)"):
        accuracy([0, 1, 1], [0.2, 0.7, 0.9])
    with pytest.raises(ValueError, match=r"shape \(0,\) do not fit"):
        accuracy([], [])


def test_an_output_that_is_no_number_is_not_right():
    assert accuracy([0, 0], [[np.nan, 1.0], [2.0, 1.0]]) == 0.5


@pytest.mark.parametrize("n_outputs", [1, 4])
def test_the_confusion_matrix_reads_logits_as_accuracy_does(n_outputs):
    n_classes = max(n_outputs, 2)
    target, logits = RNG.integers(n_classes, size=50), RNG.normal(size=(50, n_outputs))
    counts = confusion_matrix(target, logits)
    assert counts.shape == (n_classes, n_classes)
    assert np.trace(counts) / 50 == accuracy(target, logits)


def test_the_confusion_matrix_of_padded_steps_reads_logits_too():
    target, logits = RNG.integers(3, size=(4, 5)), RNG.normal(size=(4, 5, 3))
    expected = confusion_matrix(target.ravel(), logits.reshape(20, 3))
    np.testing.assert_array_equal(confusion_matrix(target, logits), expected)
    assert np.trace(expected) / 20 == accuracy(target, logits)


def test_the_confusion_matrix_has_as_many_classes_as_occur():
    target, predicted = RNG.integers(5, size=(2, 100))
    np.testing.assert_array_equal(
        confusion_matrix(target, predicted), sklearn.metrics.confusion_matrix(target, predicted)
    )


@pytest.mark.parametrize("lengths", [(3, 1, 4), (2, 2)])
def test_steps_of_sequences_count_one_by_one(lengths):
    target = [RNG.integers(3, size=n) for n in lengths]
    logits = [RNG.normal(size=(n, 3)) for n in lengths]
    true, chosen = np.concatenate(target), np.concatenate(logits).argmax(axis=1)
    assert accuracy(target, logits) == sklearn.metrics.accuracy_score(true, chosen)
    expected = sklearn.metrics.confusion_matrix(true, chosen, labels=range(3))
    np.testing.assert_array_equal(confusion_matrix(target, logits), expected)
    weight = RNG.random(sum(lengths))
    weighted = sklearn.metrics.accuracy_score(true, chosen, sample_weight=weight)
    assert accuracy(target, logits, sample_weight=weight) == pytest.approx(weighted)


@pytest.mark.parametrize(
    ("target", "output", "message"),
    [
        ([[0, 1], [1]], [np.zeros((2, 2))], "an output for each target, but there are 1 for 2"),
        ([[0, 1], [1]], [np.zeros((2, 2)), np.zeros((3, 2))], "sequence 1 must have as many outputs as targets"),
        ([[0, 1], [1]], np.zeros((3, 2)), "an output for each target, but there are 3 for 2"),
        (np.zeros(3, int), [np.zeros((2, 2)), np.zeros((1, 2))], "an output for each target, but there are 2 for 3"),
        ([[0, 1], [1, 0]], [np.zeros((2, 3)), np.zeros((2, 4))], "the output must be an array of numbers"),
    ],
)
def test_sequences_that_do_not_fit_are_named(target, output, message):
    for of_both in (accuracy, confusion_matrix):
        with pytest.raises(ValueError, match=message):
            of_both(target, output)


def test_weights_of_whole_numbers_repeat_examples():
    rng = np.random.default_rng(0)
    weight, labels, logits = rng.integers(0, 4, 12), rng.integers(0, 3, 12), rng.normal(size=(12, 3))
    values, guesses = rng.normal(size=(2, 12, 2))
    repeated = np.repeat(np.arange(12), weight)
    assert accuracy(labels, logits, sample_weight=weight) == pytest.approx(accuracy(labels[repeated], logits[repeated]))
    assert r2(values, guesses, sample_weight=weight) == pytest.approx(r2(values[repeated], guesses[repeated]))


def confident(n, rng):
    """Probabilities of three classes and targets, of which most are right."""
    logits = 3 * rng.standard_normal((n, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = np.where(rng.random(n) < 0.8, probabilities.argmax(axis=1), rng.integers(3, size=n))
    return target, probabilities


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.3, 0.99])
@pytest.mark.parametrize("n", [3, 20, 1001])
def test_a_threshold_rejects_as_many_of_the_right_as_wanted_and_no_more(n, share):
    target, probabilities = confident(n, np.random.default_rng(n))
    threshold = rejection_threshold(target, probabilities, false_rejections=share)
    right = probabilities[probabilities.argmax(axis=1) == target].max(axis=1)
    assert (right < threshold).sum() == int(share * right.size)


@pytest.mark.parametrize("rows", [[[1.0, 0.0]], [[0.8, 0.2005]], [[0.8, 0.1995]]])
def test_zeros_are_probabilities_and_sums_may_be_rounded(rows):
    assert rejection_threshold([0], rows) == rows[0][0]


def test_wrong_predictions_do_not_move_the_threshold():
    target, probabilities = confident(200, np.random.default_rng(0))
    right = probabilities.argmax(axis=1) == target
    assert not right.all()
    assert rejection_threshold(target, probabilities) == rejection_threshold(target[right], probabilities[right])


def test_a_threshold_holds_for_new_examples():
    rng = np.random.default_rng(1)
    threshold = rejection_threshold(*confident(4000, rng), false_rejections=0.1)
    target, probabilities = confident(4000, rng)
    right = probabilities.argmax(axis=1) == target
    assert (probabilities[right].max(axis=1) < threshold).mean() == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(
    ("target", "probabilities", "share", "message"),
    [
        ([0, 1], [[0.5, 0.5]], 0.05, "do not fit probabilities of shape"),
        ([0], [[1.0]], 0.05, r"must have shape \(N, K\)"),
        ([0], [0.5], 0.05, r"must have shape \(N, K\)"),
        ([0], [[2.0, -1.0]], 0.05, "at least 0 and sum to 1"),
        ([0], [[3.0, 4.0]], 0.05, "pass a softmax of logits"),
        ([0], [[0.8, 0.2015]], 0.05, "sum to 1 in each row"),
        ([0], [[0.8, 0.1985]], 0.05, "sum to 1 in each row"),
        ([0], [[np.nan, 0.5]], 0.05, "at least 0 and sum to 1"),
        ([0], [[0.2, 0.8]], 0.05, "none of them is right"),
        ([0], [[0.8, 0.2]], 1.0, "at least 0 and below 1, but 1.0 was given"),
        ([0], [[0.8, 0.2]], -0.1, "at least 0 and below 1, but -0.1 was given"),
        ([], np.zeros((0, 2)), 0.05, "none of them is right"),
    ],
)
def test_a_threshold_of_nonsense_is_refused(target, probabilities, share, message):
    with pytest.raises(ValueError, match=message):
        rejection_threshold(target, probabilities, false_rejections=share)


# -- of sequences ------------------------------------------------------------------------------------------------------


def ragged(values, lengths=(3, 1, 6)):
    return np.split(values, np.cumsum(lengths)[:-1])


def test_mean_absolute_error_is_scikit_learn_s_also_of_sequences():
    target, output, weight = RNG.normal(size=(10, 2)), RNG.normal(size=(10, 2)), RNG.random(10)
    expected = sklearn.metrics.mean_absolute_error(target, output)
    assert mean_absolute_error(target, output) == pytest.approx(expected, rel=1e-12)
    assert mean_absolute_error(ragged(target), ragged(output)) == pytest.approx(expected, rel=1e-12)
    expected = sklearn.metrics.mean_absolute_error(target, output, sample_weight=weight)
    assert mean_absolute_error(ragged(target), ragged(output), sample_weight=weight) == pytest.approx(expected)
    assert mean_absolute_error(target[:, 0], output[:, :1]) == pytest.approx(abs(target - output)[:, 0].mean())


def test_precision_recall_and_f1_are_scikit_learn_s_also_of_sequences():
    target, predicted = RNG.integers(0, 4, 10), RNG.integers(0, 4, 10)
    target[target == 3], predicted[predicted == 2] = 0, 1  # 3 does not occur, 2 is not predicted
    expected = sklearn.metrics.precision_recall_fscore_support(
        target, predicted, labels=range(5), zero_division=np.nan
    )  # fmt: skip
    for found in (
        precision_recall_f1(target, predicted, 5),
        precision_recall_f1(ragged(target), ragged(predicted), 5),
    ):
        for ours, theirs in zip((found.precision, found.recall, found.f1, found.support), expected, strict=True):
            np.testing.assert_allclose(ours, theirs)
        assert found.macro_f1 == pytest.approx(np.nanmean(expected[2]))
        assert found != precision_recall_f1(target, target, 5)


@pytest.mark.parametrize(
    ("target", "predicted", "message"),
    [
        ([[0, 1], [0]], [[0, 1]], "there must be an output for each target, but there are 1 for 2"),
        ([[0, 1], [0]], [[0], [0, 1]], "sequence 0 must have as many outputs as targets"),
        ([[0, 1], [0]], [[0, 1], 0], "sequence 1 must have as many outputs as targets"),
        ([[0, 1], 0], [[0, 1], [0]], "sequence 1 must have as many outputs as targets"),
        ([[0, 1], [2]], [[0, 1], [0]], "target must hold whole numbers from 0 to 1"),
        ([[0, 1], [0]], np.array([0, 1, 0]), "there must be an output for each target, but there are 3 for 2"),
        (np.array([0, 1, 0]), [[0, 1], [0]], "there must be an output for each target, but there are 2 for 3"),
        ([], [], "there must be at least one target, but none was given"),
        ([], [1], "there must be at least one target, but none was given"),
    ],
)
def test_sequences_that_do_not_fit_are_refused(target, predicted, message):
    with pytest.raises(ValueError, match=message):
        precision_recall_f1(target, predicted, 2)


def test_one_target_is_enough():
    assert mean_absolute_error([1.0], [3.0]) == mean_absolute_error([np.array([1.0])], [np.array([3.0])]) == 2.0
