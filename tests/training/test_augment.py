"""Augmentation: each example is made anew in each epoch, by a generator of its own."""

import numpy as np
import pytest
from toys import CROSS_ENTROPY, MSE, STANDING, TEXT, line, recall, recall_network

from rnnbp import Network, fit, layers, optimizers


def test_every_example_is_changed_anew_in_every_epoch():
    x, y = line()
    seen = []

    def note(example, rng):
        seen.append((example.tolist(), rng.random()))
        return example

    fit(Network([layers.Dense(3, 1)], dtype="float64"), x, y, loss=MSE, augment=note, max_epochs=3, batch_size=2)
    examples, draws = zip(*seen[1:], strict=True)  # the first call is a trial
    assert sorted(examples) == sorted(x.tolist() * 3)
    assert len(set(draws)) == 21


def test_what_is_returned_is_what_is_trained_on():
    x, y = line()
    options = {"loss": MSE, "optimizer": optimizers.SGD(0.1), "batch_size": 2}
    changed, by_hand = (Network([layers.Dense(3, 1)], dtype="float64") for _ in range(2))
    fit(changed, x, y, augment=lambda example, rng: 2.0 * example, **options)
    fit(by_hand, 2.0 * x, y, **options)
    np.testing.assert_array_equal(changed.theta, by_hand.theta)


def test_the_data_are_not_changed_by_a_function_that_works_in_place():
    def spoil(example, rng):
        example *= 0.0
        return example

    x, y = line()
    net = Network([layers.Dense(3, 1)], dtype="float64")
    kept = x.copy()
    fit(net, x, y, loss=MSE, optimizer=STANDING, augment=spoil, max_epochs=2)
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("batch_size", [1, 5, 24])
def test_sequences_may_change_their_lengths_where_each_has_one_target(batch_size):
    x, y = recall()
    options = {"loss": CROSS_ENTROPY, "batch_size": batch_size, "max_epochs": 3, "shuffle": False}
    changed, by_hand = recall_network(dtype="float64"), recall_network(dtype="float64")
    longest_first = sorted(range(24), key=lambda i: -len(x[i]))  # the order of an epoch without shuffling
    x, y = [x[i] for i in longest_first], y[longest_first]
    fit(changed, x, y, augment=lambda sequence, rng: np.repeat(sequence, 2, axis=0), **options)
    fit(by_hand, [np.repeat(sequence, 2, axis=0) for sequence in x], y, **options)
    np.testing.assert_array_equal(changed.theta, by_hand.theta)


def test_targets_of_steps_stay_beside_their_frames():
    x, _ = recall()
    target = [np.cumsum(sequence, axis=0) for sequence in x]
    options = {"loss": MSE, "batch_size": 5, "max_epochs": 3}
    nets = [Network([layers.GRU(1, 3, gradient=TEXT), layers.Dense(3, 1)], dtype="float64") for _ in range(2)]
    fit(nets[0], x, target, augment=lambda sequence, rng: -sequence, **options)
    fit(nets[1], [-sequence for sequence in x], target, **options)
    np.testing.assert_array_equal(nets[0].theta, nets[1].theta)


def test_symbols_may_be_changed():
    symbols = [np.array([1, 2, 3, 0]), np.array([4, 0])]
    net = Network([layers.Embedding(5, 3), layers.Elman(3, 5, gradient=TEXT)])
    swap = lambda sequence, rng: np.where(rng.random(len(sequence)) < 0.2, 0, sequence)  # noqa: E731
    assert np.isfinite(fit(net, symbols, symbols, loss=CROSS_ENTROPY, augment=swap).loss).all()


def test_the_seed_seeds_it_and_the_order_is_that_without():
    def train(seed, augment):
        net = Network([layers.Dense(3, 1)])
        fit(net, *line(), loss=MSE, augment=augment, seed=seed, batch_size=2)
        return net.theta.tobytes()

    shaken = lambda example, rng: example + rng.normal(size=3)  # noqa: E731
    assert train(1, shaken) == train(1, shaken) != train(2, shaken)
    assert train(1, lambda example, rng: example + 0.0 * rng.normal(size=3)) == train(1, None)


SEQUENCES = [np.zeros((3, 1)), np.zeros((2, 1))]


@pytest.mark.parametrize(
    ("augment", "error", "message"),
    [
        ("noise", TypeError, "augment must be a function of an example and a generator"),
        (lambda s, rng: s[:-1], ValueError, "must not change a sequence's length where each step has a target"),
        (lambda s, rng: s[:, [0, 0]], ValueError, "what augment returned does not fit: expected 1 features"),
        (lambda s, rng: s * np.nan, ValueError, "what augment returned does not fit: the input holds nan"),
        (lambda s, rng: None, ValueError, "what augment returned does not fit"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(augment, error, message):
    net = Network([layers.Elman(1, 1, gradient=TEXT)])
    before = net.theta.copy()
    with pytest.raises(error, match=message):
        fit(net, SEQUENCES, SEQUENCES, loss=MSE, augment=augment)
    np.testing.assert_array_equal(net.theta, before)


@pytest.mark.parametrize("change", [lambda s: s[1:], lambda s: np.concatenate([s, s])])
@pytest.mark.parametrize("loss", [MSE, "error_to_signal"])
def test_a_length_that_changes_is_refused_where_targets_go_along_time(loss, change):
    x = [np.ones((3, 1)), np.ones((2, 1)), np.full((5, 1), 2.0)]
    net = Network([layers.Elman(1, 1, gradient=TEXT)])
    with pytest.raises(ValueError, match=r"each step has a target, but it made \d+ steps of the 5 of sequence 2"):
        fit(net, x, x, loss=loss, augment=lambda s, rng: change(s) if s[0, 0] == 2.0 else s, batch_size=3)


def test_lengths_may_change_where_a_sequence_has_one_target():
    net = Network([layers.Elman(1, 1, gradient=TEXT), layers.LastStep()])
    fit(net, SEQUENCES, [[1.0], [0.0]], loss=MSE, augment=lambda s, rng: np.repeat(s, rng.integers(1, 4), axis=0))


def test_chunks_and_another_of_a_whole_sequence_do_not_go_together():
    with pytest.raises(ValueError, match="use one of them"):
        fit(Network([layers.Elman(1, 1)]), SEQUENCES, SEQUENCES, loss=MSE, augment=lambda s, rng: s, chunk_length=2)


def test_a_full_batch_optimizer_wants_one_function():
    with pytest.raises(ValueError, match="leave out augment, or take an optimizer such as Adam"):
        fit(Network([layers.Dense(3, 1)]), *line(), loss=MSE, optimizer="lbfgs", augment=lambda example, rng: example)
