"""Sequences joined in one array are what a list of them is, wherever data are taken, and are not copied."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rnnbp
from rnnbp import layers, losses
from rnnbp.data.sequences import Sequences, pad
from rnnbp.data.training_set import TrainingSet

LENGTHS = [4, 1, 7, 3, 3, 2]
RNG = np.random.default_rng(0)
LISTED = [RNG.normal(size=(n, 2)).astype(np.float32) for n in LENGTHS]
TAGS = [RNG.integers(3, size=n) for n in LENGTHS]
JOINED = Sequences.of(LISTED)
CROSS_ENTROPY = losses.CrossEntropy()


def tagger():
    return rnnbp.Network([layers.GRU(2, 4), layers.Dense(4, 3)], seed=1)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6))
def test_a_sequence_is_a_view_of_its_frames(lengths):
    listed = [np.arange(n) + 10 * i for i, n in enumerate(lengths)]
    joined = Sequences.of(listed)
    assert len(joined) == len(listed)
    for own, each in zip(joined, listed, strict=True):
        np.testing.assert_array_equal(own, each)
        assert own.base is joined.frames
    padded, _ = pad(listed)
    np.testing.assert_array_equal(Sequences.of_padded(padded, lengths).frames, joined.frames)
    full = Sequences.of_padded(padded, None)
    np.testing.assert_array_equal(full.frames, padded.T.ravel())
    assert full.lengths.tolist() == [max(lengths)] * len(lengths)


@given(st.lists(st.integers(0, 5), max_size=8))
def test_some_of_them_are_taken_in_the_order_that_was_asked_for(chosen):
    taken = JOINED.take(np.array(chosen, np.intp))
    assert taken.lengths.tolist() == [LENGTHS[i] for i in chosen]
    for own, i in zip(taken, chosen, strict=True):
        np.testing.assert_array_equal(own, LISTED[i])


def test_they_are_indexed_like_a_list():
    np.testing.assert_array_equal(JOINED[-1], LISTED[-1])
    np.testing.assert_array_equal(JOINED[-6], LISTED[0])
    for own, each in zip(JOINED[1:4], LISTED[1:4], strict=True):
        np.testing.assert_array_equal(own, each)
    with pytest.raises(IndexError, match="there is no sequence 6: there are 6"):
        JOINED[6]


def test_numbers_of_any_kind_are_joined():
    assert Sequences.of([np.array([[1, 2.5]], object)]).frames.dtype == np.float64
    assert Sequences.of([np.array([1, 2]), np.array([True])], np.float32).frames.dtype == np.float32
    assert len({JOINED, JOINED[:]}) == 2  # sequences are themselves; no arrays are compared


def test_a_data_set_of_them_is_no_copy():
    data = TrainingSet(tagger().interface, JOINED)
    assert np.shares_memory(data.frames, JOINED.frames)


def test_training_prediction_and_evaluation_take_them():
    nets = [tagger(), tagger()]
    for net, x, target in ((nets[0], LISTED, TAGS), (nets[1], JOINED, Sequences.of(TAGS))):
        rnnbp.fit(net, x, target, loss=CROSS_ENTROPY, max_epochs=3, batch_size=2)
    np.testing.assert_array_equal(nets[0].theta, nets[1].theta)
    net = nets[0]
    for own, each in zip(rnnbp.predict(net, JOINED), rnnbp.predict(net, LISTED), strict=True):
        np.testing.assert_array_equal(own, each)
    assert rnnbp.evaluate(net, JOINED, Sequences.of(TAGS), CROSS_ENTROPY) == rnnbp.evaluate(
        net, LISTED, TAGS, CROSS_ENTROPY
    )
    np.testing.assert_array_equal(net.forward(JOINED), net.forward(LISTED))
    for own, each in zip(
        net.loss_and_gradient(JOINED, Sequences.of(TAGS), CROSS_ENTROPY),
        net.loss_and_gradient(LISTED, TAGS, CROSS_ENTROPY),
        strict=True,
    ):
        np.testing.assert_array_equal(own, each)


def test_weights_of_steps_may_come_like_the_sequences():
    weights = [np.linspace(0.5, 1.0, n) for n in LENGTHS]
    padded, _ = pad(weights)
    results = [
        tagger().loss_and_gradient(LISTED, TAGS, CROSS_ENTROPY, sample_weight=given)
        for given in (Sequences.of(weights), padded)
    ]
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([3, 9000], "must add up to the number of frames, but they are 9003 together"),
        ([3, 3], "must add up to the number of frames"),
        ([0, 10], "sequence 0 has length 0"),
        ([15, -5], "sequence 1 has length -5"),
        ([1, 9, 0], "sequence 2 has length 0"),
        ([2.5, 7.5], "lengths must be whole numbers of frames"),
        ([[5, 5]], "lengths must be whole numbers of frames"),
        ("ab", "lengths must be whole numbers of frames"),
        ([], "must add up to the number of frames"),
    ],
)
def test_lengths_that_are_none_of_these_frames_are_refused(lengths, message):
    """They would read what lies beside the frames, or leave some out."""
    with pytest.raises(ValueError, match=message):
        Sequences(np.zeros((10, 3)), lengths)


def test_lengths_may_be_a_list_and_frames_must_have_an_axis():
    assert Sequences(np.zeros((10, 3)), [4, 6]).take(np.array([1])).lengths.tolist() == [6]
    with pytest.raises(ValueError, match="must add up"):
        Sequences(np.float64(3.0), [1])


@pytest.mark.parametrize("use", ["fit", "predict", "forward"])
def test_no_sequences_are_refused(use):
    none, net = Sequences(np.zeros((0, 2)), []), tagger()
    with pytest.raises(ValueError, match="the list of sequences is empty"):
        {
            "fit": lambda: rnnbp.fit(net, none, none, loss=CROSS_ENTROPY),
            "predict": lambda: rnnbp.predict(net, none),
            "forward": lambda: net.forward(none),
        }[use]()


def test_they_are_checked_like_a_list():
    net = tagger()
    with pytest.raises(ValueError, match="leave out `lengths`"):
        net.forward(JOINED, LENGTHS)
    with pytest.raises(ValueError, match=r"each sequence must be of shape \(T_i, F\)"):
        net.forward(Sequences.of(TAGS))
    with pytest.raises(ValueError, match="target 1 has length 7, but for sequence 1 there are 1"):
        net.loss_and_gradient(JOINED, Sequences.of(TAGS).take(np.array([0, 2, 2, 3, 4, 5])), CROSS_ENTROPY)
    broken = [tags.copy() for tags in TAGS]
    broken[2][3] = 9
    with pytest.raises(ValueError, match="the target of sequence 2: "):
        net.loss_and_gradient(JOINED, Sequences.of(broken), CROSS_ENTROPY)
    with pytest.raises(ValueError, match="sample weights"):
        net.loss_and_gradient(JOINED, TAGS, CROSS_ENTROPY, sample_weight=Sequences.of(TAGS[:3]))
