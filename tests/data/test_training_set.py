"""Data sets that minibatches are cut from: rows stay together, each example comes once, like lengths meet."""

import numpy as np
import pytest

from rnnbp import layers, losses
from rnnbp.data.training_set import TrainingSet
from rnnbp.gradients import BPTT
from rnnbp.networks.network import Network

TEXT = BPTT(compiled=False)
RNG = np.random.default_rng(0)
STATIC = Network([layers.Dense(2, 3)], dtype="float64")
TAGGER = Network([layers.GRU(2, 3, gradient=TEXT)], dtype="float64")
CLASSIFIER = Network([layers.GRU(2, 3, gradient=TEXT), layers.LastStep()], dtype="float64")
LENGTHS = RNG.integers(1, 9, size=20)
SEQUENCES = [RNG.normal(size=(n, 2)) for n in LENGTHS]
LABELS = RNG.integers(3, size=20)
TAGS = [RNG.integers(3, size=n) for n in LENGTHS]
CHOSEN = np.array([7, 0, 19, 3, 4])


def make(net, x, target, **options):
    return TrainingSet(net.interface, x, target=target, loss=losses.CrossEntropy(), **options)


def parts(minibatch):
    return minibatch.batch, minibatch.target, minibatch.weight


def test_a_batch_of_sequences_is_what_the_network_makes_of_them():
    batch, target, weight = parts(make(CLASSIFIER, SEQUENCES, LABELS, sample_weight=1.0 + np.arange(20)).take(CHOSEN))
    expected = CLASSIFIER.batch([SEQUENCES[i] for i in CHOSEN])
    np.testing.assert_array_equal(batch.rows, expected.rows)
    np.testing.assert_array_equal(target, LABELS[CHOSEN][expected.packing.order])
    np.testing.assert_array_equal(weight, 1.0 + CHOSEN[expected.packing.order])


@pytest.mark.parametrize("take", [TrainingSet.take, lambda data, chosen: data.take_changed(chosen, np.copy)])
def test_targets_and_weights_of_steps_stay_beside_their_frames(take):
    batch, target, weight = parts(take(make(TAGGER, SEQUENCES, TAGS, sample_weight=1.0 + np.arange(20)), CHOSEN))
    expected = TAGGER.batch([SEQUENCES[i] for i in CHOSEN])
    np.testing.assert_array_equal(batch.rows, expected.rows)
    np.testing.assert_array_equal(target, expected.packing.gather(np.concatenate([TAGS[i] for i in CHOSEN])))
    sequence = CHOSEN[expected.packing.order[expected.packing.sequence_of_row]]
    np.testing.assert_array_equal(weight, 1.0 + sequence)


def test_labels_stay_beside_sequences_whose_lengths_are_changed():
    cropped = [sequence[: 1 + i % 3] for i, sequence in enumerate(SEQUENCES)]
    by_content = {sequence.tobytes(): short for sequence, short in zip(SEQUENCES, cropped, strict=True)}
    weight = 1.0 + np.arange(20)
    data = make(CLASSIFIER, SEQUENCES, LABELS, sample_weight=weight)
    batch, target, weights = parts(data.take_changed(CHOSEN, lambda sequence: by_content[sequence.tobytes()]))
    expected = parts(make(CLASSIFIER, cropped, LABELS, sample_weight=weight).take(CHOSEN))
    assert not batch.packing.is_sorted
    for actual, wanted in zip((batch.rows, target, weights), (expected[0].rows, *expected[1:]), strict=True):
        np.testing.assert_array_equal(actual, wanted)


def test_an_array_may_be_spelt_out_in_lists():
    x, one_hot = RNG.normal(size=(8, 20, 2)), np.eye(3)[RNG.integers(3, size=(8, 20))]
    weight = RNG.uniform(1, 2, size=(8, 20))
    for net, target, more in ((TAGGER, one_hot, {"sample_weight": weight}), (CLASSIFIER, one_hot[0], {})):
        array = make(net, x, target, **more).take(CHOSEN)
        lists = make(net, x, target.tolist(), **{name: each.tolist() for name, each in more.items()}).take(CHOSEN)
        np.testing.assert_array_equal(lists.target, array.target)
        np.testing.assert_array_equal(lists.weight, array.weight)
    in_a_list = make(CLASSIFIER, SEQUENCES, np.eye(3)[LABELS].tolist()).take(CHOSEN)
    np.testing.assert_array_equal(in_a_list.target, make(CLASSIFIER, SEQUENCES, np.eye(3)[LABELS]).take(CHOSEN).target)


@pytest.mark.parametrize("x", [SEQUENCES, RNG.normal(size=(6, 20, 2))], ids=["ragged", "full"])
@pytest.mark.parametrize(("start", "stop"), [(0, 2), (2, 5), (3, None), (1, 99)])
def test_some_steps_of_sequences_are_those_of_sequences_that_were_cut(x, start, stop):
    listed = x if isinstance(x, list) else list(x.swapaxes(0, 1))
    tags = [np.arange(len(each)) % 3 for each in listed]
    chosen = np.flatnonzero([len(each) > start for each in listed])[::-2]
    data = make(TAGGER, x, tags if isinstance(x, list) else np.transpose(tags), sample_weight=1.0 + np.arange(20))
    for some in (chosen, chosen[:1], np.repeat(chosen[:1], 2)):
        found = data.take(some, start, stop)
        expected = TAGGER.batch([listed[i][start:stop] for i in some])
        np.testing.assert_array_equal(found.batch.rows, expected.rows)
        np.testing.assert_array_equal(found.batch.packing.lengths, expected.packing.lengths)
        cut = np.concatenate([tags[i][start:stop] for i in some])
        np.testing.assert_array_equal(found.target, expected.packing.gather(cut))


@pytest.mark.parametrize("given", [[0, 3, 4, 7], [5], np.arange(8)[::-1]])
def test_a_subset_is_the_set_of_the_chosen_examples(given):
    given, weight = np.asarray(given), 1.0 + np.arange(20)
    halved = Network([layers.Conv1D(2, 3, 1, stride=2)], dtype="float64")
    short_tags = [tags[::2] for tags in TAGS]
    full = RNG.normal(size=(4, 20, 2))
    for net, x, target, own in (
        (STATIC, full[0], LABELS, full[0][given]),
        (CLASSIFIER, full, LABELS, full[:, given]),
        (CLASSIFIER, SEQUENCES, LABELS, [SEQUENCES[i] for i in given]),
        (TAGGER, SEQUENCES, TAGS, [SEQUENCES[i] for i in given]),
        (halved, SEQUENCES, short_tags, [SEQUENCES[i] for i in given]),
    ):
        part = make(net, x, target, sample_weight=weight).subset(given)
        expected = make(net, own, [target[i] for i in given], sample_weight=weight[given])
        assert part.fingerprint() == expected.fingerprint()
        assert part.is_ragged == expected.is_ragged
        for chosen in ([0], np.arange(len(given))[::-1]):
            found, wanted = (parts(each.take(np.asarray(chosen))) for each in (part, expected))
            for one, other in zip((found[0].rows, *found[1:]), (wanted[0].rows, *wanted[1:]), strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("net", "x", "target", "change", "message"),
    [
        (STATIC, np.zeros((20, 2)), LABELS, lambda each: each[None], r"an example of 1 axes, .* its shape is \(1, 2\)"),
        (STATIC, SEQUENCES, TAGS, lambda each: each[0], r"an example of 2 axes, .* its shape is \(2,\)"),
        (STATIC, SEQUENCES, TAGS, lambda each: each[:, :1], "expected 2 features, but the input has 1"),
        (STATIC, SEQUENCES, TAGS, lambda each: None, "an example must be an array"),
    ],
)
def test_an_example_that_became_something_else_is_refused(net, x, target, change, message):
    with pytest.raises(ValueError, match=f"what augment returned does not fit: .*{message}"):
        make(net, x, target).take_changed(CHOSEN, change)


@pytest.mark.parametrize("changed", range(3))
def test_which_sequence_lost_steps_that_have_targets_is_said(changed):
    chosen = np.array([4, 9, 2])
    cut = SEQUENCES[chosen[changed]]
    data = make(TAGGER, SEQUENCES, TAGS)
    with pytest.raises(ValueError, match=f"made {len(cut) - 1} steps of the {len(cut)} of sequence {chosen[changed]}$"):
        data.take_changed(chosen, lambda sequence: sequence[1:] if np.array_equal(sequence, cut) else sequence)


def test_a_batch_of_static_examples_is_those_rows():
    x = RNG.normal(size=(20, 2))
    batch, target, weight = parts(make(STATIC, x, LABELS).take(CHOSEN))
    np.testing.assert_array_equal(batch.rows, x[CHOSEN])
    np.testing.assert_array_equal(target, LABELS[CHOSEN])
    assert batch.packing is None
    assert weight is None


def test_a_padded_array_is_the_same_data_set_as_a_list():
    padded = np.full((8, 20, 2), np.nan)
    for i, sequence in enumerate(SEQUENCES):
        padded[: len(sequence), i] = sequence
    from_array = make(CLASSIFIER, padded, LABELS, lengths=LENGTHS).take(CHOSEN)
    from_list = make(CLASSIFIER, SEQUENCES, LABELS).take(CHOSEN)
    np.testing.assert_array_equal(from_array.batch.rows, from_list.batch.rows)
    np.testing.assert_array_equal(from_array.target, from_list.target)


@pytest.mark.parametrize("batch_size", [1, 3, 20, 50])
@pytest.mark.parametrize("rng", [None, np.random.default_rng(1)], ids=["in order", "shuffled"])
@pytest.mark.parametrize(
    "data",
    [make(STATIC, RNG.normal(size=(20, 2)), LABELS), make(CLASSIFIER, SEQUENCES, LABELS)],
    ids=["static", "ragged"],
)
def test_an_epoch_visits_each_example_once(data, rng, batch_size):
    batches = list(data.batches(batch_size, rng))
    assert sorted(np.concatenate(batches)) == list(range(20))
    *full, last = sorted(map(len, batches), reverse=True)
    assert set(full) <= {batch_size}
    assert 0 < last <= batch_size


def many_lengths(n=2000):
    lengths = np.random.default_rng(3).integers(10, 200, size=n)
    return TrainingSet(CLASSIFIER.interface, [np.zeros((length, 2)) for length in lengths]), lengths


def test_batches_of_ragged_sequences_need_little_padding():
    data, lengths = many_lengths()
    real = sum(lengths)
    for rng, most in ((np.random.default_rng(0), 0.05), (None, 0.02)):
        padded = sum(len(chosen) * lengths[chosen].max() for chosen in data.batches(32, rng))
        assert padded / real - 1 < most
        assert all((np.diff(lengths[chosen]) <= 0).all() for chosen in data.batches(32, rng))  # as they are packed
    assert (np.diff(lengths[np.concatenate(list(data.batches(32)))]) <= 0).all()
    in_order = sum(32 * lengths[i : i + 32].max() for i in range(0, 2000, 32))
    assert in_order / real - 1 > 0.5, "else the test would show nothing"


def test_which_sequences_meet_changes_from_epoch_to_epoch():
    data, lengths = many_lengths()
    rng = np.random.default_rng(0)
    first, second = ({frozenset(chosen.tolist()) for chosen in data.batches(32, rng)} for _ in range(2))
    assert not first & second
    assert len({tuple(sorted(lengths[list(chosen)].max() for chosen in epoch)) for epoch in (first, second)}) == 2


def test_long_batches_do_not_all_come_first():
    data, lengths = many_lengths()
    longest = [lengths[chosen].max() for chosen in data.batches(32, np.random.default_rng(0))]
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.3


def test_evaluation_keeps_sequences_of_equal_lengths_in_order():
    data = TrainingSet(CLASSIFIER.interface, np.zeros((4, 20, 2)))
    assert np.concatenate(list(data.batches(6))).tolist() == list(range(20))


@pytest.mark.parametrize(
    ("net", "x", "target", "message"),
    [
        (STATIC, np.zeros((20, 2)), None, "there is no target"),
        (STATIC, np.zeros((20, 2)), LABELS[:19], "expected 20 targets"),
        (CLASSIFIER, SEQUENCES, LABELS + 1, r"is not one of the 3 classes"),
        (TAGGER, SEQUENCES, TAGS[:-1], "there are 19 for 20 sequences"),
        (STATIC, np.full((20, 2), np.nan), LABELS, "holds nan"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(net, x, target, message):
    with pytest.raises(ValueError, match=message):
        make(net, x, target)


def test_labels_of_sequences_stay_beside_them():
    net = Network([layers.Dense(2, 4)], dtype="float64")
    x, labels = [np.full((n, 2), 0.1 * n) for n in (4, 9, 6)], [[1], [2, 3, 1], [3, 2]]
    data = TrainingSet(net.interface, x, target=labels, loss=losses.CTC())
    for taken in (data.take(np.array([0, 2])), data.take_changed(np.array([0, 2]), np.copy)):
        batch = net.batch([x[0], x[2]])
        expected = batch.lay_out_target([labels[0], labels[2]], losses.CTC(), net.interface)
        np.testing.assert_array_equal(taken.batch.rows, batch.rows)
        assert [each.tolist() for each in taken.target] == [each.tolist() for each in expected] == [[3, 2], [1]]
        assert taken.target.packing.lengths.tolist() == [6, 4]


@pytest.mark.parametrize(("net", "x"), [(CLASSIFIER, SEQUENCES), (STATIC, np.zeros((20, 2)))])
def test_labels_of_sequences_need_an_output_at_each_step(net, x):
    with pytest.raises(ValueError, match="needs an output at each step of sequences"):
        TrainingSet(net.interface, x, target=[[1]] * 20, loss=losses.CTC())


def test_a_fingerprint_tells_labels_of_sequences_apart():
    net = Network([layers.Dense(2, 4)])

    def fingerprint(labels):
        return TrainingSet(net.interface, np.ones((5, 2, 2)), target=labels, loss=losses.CTC()).fingerprint()

    assert fingerprint([[1, 2], [3]]) == fingerprint([[1, 2], [3]])
    different = [[[1, 2], [3]], [[1], [2, 3]], [[1, 2], [1]], [[2, 1], [3]]]
    assert len({fingerprint(labels)["target"] for labels in different}) == 4
