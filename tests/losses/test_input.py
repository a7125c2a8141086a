"""Targets, weights and lengths that do not fit are refused before any work, in the words of who gave them."""

import numpy as np
import pytest

from rnnbp import losses
from rnnbp.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError

NAN = float("nan")


@pytest.mark.parametrize(
    ("loss", "n_outputs", "target", "message"),
    [
        (CrossEntropy(), 3, [0, 1, 3], r"target\[2\] = 3 is not one of the 3 classes 0 .. 2"),
        (CrossEntropy(), 3, [[0, 1], [-1, 2]], r"target\[1, 0\] = -1 is not one of the 3 classes"),
        (CrossEntropy(), 3, ["yes", "no"], r"target holds 'yes' where numbers are needed.*LabelEncoder"),
        (CrossEntropy(), 3, np.array(["a", None]), "target holds 'a' where numbers are needed"),
        (CrossEntropy(), 3, [0.0, 1.0, 2.0], r"class indices must be integers \(target.astype\(int\)\)"),
        (CrossEntropy(), 3, [[0.5, 0.5]], r"probabilities must have shape \(..., 3\)"),
        (CrossEntropy(), 2, [[0.5, 0.5], [0.5, 0.6]], r"sum of target\[1\] = 1.1 is not 1"),
        (CrossEntropy(), 2, [[0.5, 0.5005], [0.5, 0.5015]], r"sum of target\[1\] = 1.0015 is not 1"),
        (CrossEntropy(), 2, [[1.5, -0.5]], r"target\[0, 1\] = -0.5 is not a probability"),
        (CrossEntropy(), 2, [[0.5, 0.5], [0.5, NAN]], r"target\[1, 1\] = nan is not a probability"),
        (CrossEntropy(), 1, [0, 0], "at least 2; the network has 1. .*BinaryCrossEntropy"),
        (CrossEntropy(class_weight=[1, 2]), 3, [0, 1], "class_weight has 2 weights for 3 classes"),
        (MeanSquaredError(), 3, [1.0, 2.0, 3.0], r"target has shape \(3,\), but the output has width 3"),
        (MeanSquaredError(), 3, [[1.0], [2.0]], r"shape \(2, 1\), but the output has width 3"),
        (MeanSquaredError(), 2, [[1.0, NAN]], r"target\[0, 1\] = nan is not finite"),
        (MeanSquaredError(), 2, [[1.0, 2.0], [np.inf, 2.0]], r"target\[1, 0\] = inf is not finite"),
        (MeanSquaredError(), 2, [["a", "b"]], "target holds 'a' where numbers are needed"),
        (MeanSquaredError(), 2, [[1.0, 2.0], [3.0]], "the target must be an array of numbers"),
        (MeanSquaredError(), 1, [1j], "integers or floats, but complex128 was given"),
        (MeanSquaredError(), 1, [], r"one entry for each output row, but its shape is \(0,\)"),
        (MeanSquaredError(), 1, 3.0, r"one entry for each output row, but its shape is \(\)"),
        (BinaryCrossEntropy(), 1, [0, 1, 2], r"target\[2, 0\] = 2.0 is not in \[0, 1\]"),
        (BinaryCrossEntropy(), 2, [[0.0, -1.0]], r"target\[0, 1\] = -1.0 is not in \[0, 1\]"),
        (BinaryCrossEntropy(), 2, [[0.0, NAN]], "is not finite"),
        (BinaryCrossEntropy(pos_weight=[1, 2]), 3, [[0, 0, 1]], "pos_weight has 2 weights for 3 outputs"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(loss, n_outputs, target, message):
    with pytest.raises(ValueError, match=message):
        loss.encode(target, n_outputs, leading=None)


@pytest.mark.parametrize(
    ("shape", "loss", "target", "message"),
    [
        ((4, 3), CrossEntropy(), [0, 1, 2], r"leading shape \(3,\), but the output has \(4,\)"),
        ((4, 3), CrossEntropy(), np.eye(3, dtype=int)[[0, 1, 2, 0]], "one-hot rows or probabilities as floats"),
        ((5, 4, 3), CrossEntropy(), [0, 1, 2, 0], "one target per sequence, end the network with LastStep"),
        ((5, 4, 3), CrossEntropy(), np.zeros((4, 5), int), "time-major: transpose the target"),
        ((4, 2), MeanSquaredError(), np.zeros((3, 2)), r"leading shape \(3,\), but the output has \(4,\)"),
        ((5, 4, 1), MeanSquaredError(), np.zeros(4), "one target per sequence, end the network with"),
        ((4, 1), MeanSquaredError(), np.zeros((4, 3)), r"shape \(4, 3\), but the output has width 1"),
        ((4,), MeanSquaredError(), np.zeros(4), r"output must be \(B, F\) or \(T, B, F\).*its shape is \(4,\)"),
        ((0, 2), MeanSquaredError(), np.zeros((0, 2)), r"not empty, but its shape is \(0, 2\)"),
    ],
)
def test_a_target_must_have_the_shape_of_the_output(shape, loss, target, message):
    with pytest.raises(ValueError, match=message):
        loss(np.zeros(shape), target)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([3, 0], r"lengths\[1\] = 0 is not a length in 1 .. 3"),
        ([4, 3], r"lengths\[0\] = 4 is not a length in 1 .. 3"),
        ([3], r"lengths must be integers of shape \(2,\), but int64 of shape \(1,\) were given"),
        ([3.0, 2.0], "lengths must be integers"),
    ],
)
def test_lengths_must_fit_the_sequences(lengths, message):
    with pytest.raises(ValueError, match=message):
        MeanSquaredError()(np.zeros((3, 2, 1)), np.zeros((3, 2, 1)), lengths=lengths)


def test_lengths_are_for_sequences():
    with pytest.raises(ValueError, match=r"lengths are for \(T, B, ...\) sequences"):
        MeanSquaredError()(np.zeros((2, 1)), np.zeros((2, 1)), lengths=[1, 1])


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0], r"sample_weight must be numbers of shape \(2,\) or \(3, 2\), but float64 of shape \(1,\) were given"),
        (np.ones((2, 3)), "sample_weight must be numbers of shape"),
        (["a", "b"], "sample_weight must be numbers of shape"),
        ([1.0, -1.0], "sample_weight must be finite and not negative"),
        ([1.0, NAN], "sample_weight must be finite"),
        ([0.0, 0.0], "must not be zero everywhere"),
    ],
)
def test_sample_weights_must_fit_the_samples(weight, message):
    with pytest.raises(ValueError, match=message):
        MeanSquaredError()(np.zeros((3, 2, 1)), np.zeros((3, 2, 1)), sample_weight=weight)


def test_one_number_is_no_weight_of_each_sample():
    with pytest.raises(ValueError, match=r"must be numbers of shape \(2,\), but float64 of shape \(\) were given"):
        MeanSquaredError()(np.zeros((2, 1)), np.zeros((2, 1)), sample_weight=2.0)


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (CrossEntropy, {"class_weight": [1, -2]}, "class_weight must be finite and not negative"),
        (CrossEntropy, {"class_weight": [1, NAN]}, "class_weight must be finite"),
        (CrossEntropy, {"class_weight": [0, 0]}, "not zero everywhere"),
        (
            CrossEntropy,
            {"class_weight": "balanced"},
            "class_weight must be a vector of numbers, but 'balanced' was given",
        ),
        (CrossEntropy, {"class_weight": {0: 1, 1: 2}}, "class_weight must be a vector of numbers"),
        (CrossEntropy, {"label_smoothing": 1.5}, r"label_smoothing must be a number in \[0, 1\], but 1.5 was given"),
        (CrossEntropy, {"label_smoothing": NAN}, "label_smoothing must be"),
        (CrossEntropy, {"label_smoothing": True}, "label_smoothing must be"),
        (CrossEntropy, {"label_smoothing": "0.1"}, "label_smoothing must be"),
        (BinaryCrossEntropy, {"pos_weight": -1.0}, "pos_weight must be finite and not negative"),
        (BinaryCrossEntropy, {"pos_weight": [[1.0]]}, "pos_weight must be a vector"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_an_unknown_name_is_answered_with_the_known_ones():
    message = r"unknown loss 'crossentropy': the known ones are 'mean_squared_error'.* Did you mean 'cross_entropy'\?"
    with pytest.raises(ValueError, match=message):
        losses.get("crossentropy")


def test_a_loss_is_found_by_its_name_or_returned_as_it_is():
    loss = CrossEntropy(label_smoothing=0.1)
    assert losses.get(loss) is loss
    assert all(type(losses.get(name)) is kind for name, kind in losses.LOSSES.items())


@pytest.mark.parametrize("wrong", [None, 3, CrossEntropy])
def test_what_is_neither_a_name_nor_a_loss_is_refused(wrong):
    with pytest.raises(TypeError, match="a loss is a name or an instance such as CrossEntropy"):
        losses.get(wrong)
