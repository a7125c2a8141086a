"""Training on a cluster has the numbers of one process, and the same bits on any number of workers."""

import numpy as np
import pytest

import rnnbp
from rnnbp import Network, layers, losses, optimizers
from rnnbp.data.training_set import TrainingSet
from rnnbp.distributed import crew, fit

ROUNDING = {"rtol": 0, "atol": 1e-6}


def sequences(n=45, seed=0, n_inputs=4):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, n_inputs)).astype("float32") for length in rng.integers(2, 9, size=n)]


def firsts(x):
    return np.array([int(sequence[0, 0] > 0) for sequence in x])


def tagger(**options):
    return Network([layers.GRU(4, 6), layers.Dense(6, 2)], seed=2, **options)


def classifier(*more, **options):
    return Network([layers.LSTM(4, 6), layers.LastStep(), *more, layers.Dense(6, 2)], seed=2, **options)


def exact_classifier():
    return classifier(dtype="float64")


def both(client, make, x, target, n_parts=None, every=1, **settings):
    """Train in this process and on the cluster."""
    settings = {"max_epochs": 2, "batch_size": 16, "progress": False} | settings
    here, there = make(), make()
    expected = rnnbp.fit(here, x, target, **settings)
    history = fit(client, there, x, target, n_parts=n_parts, every=every, **settings)
    return here, there, expected, history


def expect_equal(here, there, expected, history):
    np.testing.assert_allclose(there.theta, here.theta, **ROUNDING)
    for name, values in expected.figures.items():
        if name != "seconds":
            np.testing.assert_allclose(history.figures[name], values, rtol=1e-5, err_msg=name)
    assert (history.stopped, history.best_epoch) == (expected.stopped, expected.best_epoch)


def test_static_examples(client):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 3))

    def make():
        return Network([layers.Dense(3, 5), layers.Activation("tanh"), layers.Dense(5, 2)])

    expect_equal(*both(client, make, x, x[:, :2] ** 2, loss="mean_squared_error", optimizer="sgd", l2=0.1))


def test_a_target_for_each_sequence_with_weights_of_classes_and_sequences(client):
    x = sequences()
    loss = losses.CrossEntropy(class_weight=[1.0, 3.0])
    weight = np.random.default_rng(1).uniform(0, 2, size=len(x))
    expect_equal(*both(client, classifier, x, firsts(x), loss=loss, sample_weight=weight))


def test_a_target_for_each_step_of_padded_sequences(client):
    rng = np.random.default_rng(3)
    x, lengths = rng.normal(size=(7, 21, 4)), rng.integers(1, 8, size=21)
    target = (x[..., 0] > 0).astype(int)
    settings = {"lengths": lengths, "loss": "cross_entropy", "shuffle": False, "l2": 0.3}
    expect_equal(*both(client, tagger, x, target, n_parts=5, **settings))


def test_labels_of_whole_sequences_whose_losses_are_summed(client):
    x = [np.repeat(each, 3, axis=0) for each in sequences()]
    target = [[0, 1][: 1 + i % 2] for i in range(len(x))]

    def make():
        return Network([layers.GRU(4, 6), layers.Dense(6, 3)])

    settings = {"loss": losses.CTC(blank=2, normalize="none"), "optimizer": optimizers.Adam(1e-3, clip_norm=1.0)}
    expect_equal(*both(client, make, x, target, **settings))


def test_chunks_of_long_sequences_carry_their_states(client):
    rng = np.random.default_rng(4)
    x = [rng.normal(size=(length, 4)) for length in rng.integers(5, 30, size=20)]
    target = [np.roll(sequence[:, :2], 1, axis=0) for sequence in x]
    expect_equal(*both(client, tagger, x, target, loss="mean_squared_error", chunk_length=4, batch_size=7))


def test_a_full_batch_optimizer(client):
    x = sequences()
    settings = {"loss": "cross_entropy", "optimizer": optimizers.LBFGS(), "max_epochs": 4}
    expect_equal(*both(client, exact_classifier, x, firsts(x), **settings))


def test_validation_early_stopping_averaging_and_callbacks(client):
    x, held_out, seen = sequences(), sequences(30, seed=1), []
    settings = {
        "loss": "cross_entropy",
        "max_epochs": 30,
        "optimizer": optimizers.Adam(0.05),
        "validation_data": (held_out, firsts(held_out)),
        "score": rnnbp.metrics.accuracy,
        "monitor": "score",
        "patience": 1,
        "averaging": optimizers.ExponentialAverage(0.9),
        "callbacks": [lambda net, history: seen.append((len(history), net.theta.copy())) and None],
    }
    here, there, expected, history = both(client, exact_classifier, x, firsts(x), **settings)
    np.testing.assert_allclose(there.theta, here.theta, rtol=0, atol=1e-9)
    assert history.stopped == expected.stopped == "patience"
    assert history.validation_score == expected.validation_score
    n = len(history)
    for (_, on_cluster), (_, in_process) in zip(seen[n:], seen[:n], strict=True):
        np.testing.assert_allclose(on_cluster, in_process, rtol=0, atol=1e-9)


def bits(client, n_workers, **settings):
    """Train with all that draws random numbers on so many of the workers, and return what comes of it."""
    x = sequences(37)
    net = classifier(layers.Dropout(0.3))
    everybody = sorted(client.nthreads())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(crew.Crew, "_workers", some_of(everybody[:n_workers], crew.Crew._workers))
        settings = {"loss": "cross_entropy", "max_epochs": 2, "batch_size": 11, "progress": False} | settings
        history = fit(client, net, x, firsts(x), augment=jitter, **settings)
    return net.theta, history.loss


def some_of(chosen, all_workers):
    async def workers(self):
        return [address for address in await all_workers(self) if address in chosen]

    return workers


def jitter(example, rng):
    return example + rng.normal(scale=0.1, size=example.shape)


@pytest.mark.parametrize("every", [1, 3])
def test_any_number_of_workers_gives_the_same_bits(client, every):
    theta, loss = bits(client, 1, every=every)
    for n_workers in (2, 3)[every // 3 :]:
        again, losses_again = bits(client, n_workers, every=every)
        assert (again == theta).all()
        assert losses_again == loss


def test_scheduled_sampling_draws_the_same_on_any_number_of_workers(client):
    p = rnnbp.NextStep(optimizers.schedules.linear(1.0, epochs=3))
    x = sequences(20, n_inputs=2)

    def trained(n_parts):
        net = Network([layers.Elman(2, 5), layers.Dense(5, 2)])
        settings = {"loss": "mean_squared_error", "teacher_forcing": p, "max_epochs": 2, "progress": False}
        fit(client, net, x, [np.roll(each, -1, axis=0) for each in x], n_parts=n_parts, **settings)
        return net.theta

    assert (trained(4) == trained(4)).all()
    np.testing.assert_allclose(trained(4), trained(1), atol=0.05)


def test_with_one_part_local_updates_are_those_of_one_process(client):
    x = sequences()
    optimizer = optimizers.SGD(optimizers.schedules.exponential(0.5, 2, 0.01), momentum=0.9)
    settings = {"loss": "cross_entropy", "l2": 0.1, "optimizer": optimizer}
    expect_equal(*both(client, classifier, x, firsts(x), n_parts=1, every=2, **settings))


def test_local_updates_sample_as_often_as_the_schedule_says_at_each(client):
    p = rnnbp.NextStep(
        optimizers.schedules.step(1.0, 1, 1e-12)
    )  # in the first epoch always, then never: nothing is drawn

    def trained(every):
        net = Network([layers.Elman(2, 5), layers.Dense(5, 2)], seed=0)
        x = sequences(24, n_inputs=2)
        settings = {"loss": "mean_squared_error", "teacher_forcing": p, "max_epochs": 2, "progress": False}
        fit(client, net, x, [np.roll(each, -1, axis=0) for each in x], n_parts=1, every=every, batch_size=6, **settings)
        return net.theta

    np.testing.assert_allclose(trained(2), trained(1), rtol=1e-5, atol=1e-7)


def test_local_updates_are_the_mean_of_what_parts_do_alone(client):
    x = sequences(24)
    target, settings = firsts(x), {"loss": "cross_entropy", "optimizer": optimizers.SGD(0.5), "progress": False}
    net = classifier()
    fit(client, net, x, target, n_parts=2, every=2, max_epochs=1, batch_size=12, shuffle=False, **settings)

    batches = [*TrainingSet(net.interface, x).batches(12)]  # as without shuffling
    thetas = []
    for part in range(2):
        alone = classifier()
        for batch in batches:
            own = [i for i in batch if i % 2 == part]
            _, gradient = alone.loss_and_gradient([x[i] for i in own], target[own], losses.CrossEntropy())
            alone.theta -= 0.5 * gradient
        thetas.append(alone.theta)
    weights = [sum(i % 2 == part for batch in batches for i in batch) for part in range(2)]
    np.testing.assert_allclose(net.theta, np.average(thetas, axis=0, weights=weights), **ROUNDING)


def test_a_checkpoint_of_one_process_goes_on_on_a_cluster(client, tmp_path):
    x = sequences()
    target, settings = firsts(x), {"loss": "cross_entropy", "batch_size": 16, "progress": False}
    unbroken = classifier()
    rnnbp.fit(unbroken, x, target, max_epochs=4, **settings)
    broken = classifier()
    rnnbp.fit(broken, x, target, max_epochs=2, checkpoint=tmp_path / "run", **settings)
    fit(client, broken, x, target, max_epochs=3, checkpoint=tmp_path / "run", **settings)
    history = rnnbp.fit(broken, x, target, max_epochs=4, checkpoint=tmp_path / "run", **settings)
    assert len(history) == 4
    np.testing.assert_allclose(broken.theta, unbroken.theta, **ROUNDING)


@pytest.mark.parametrize("every", [1, 2])
def test_a_run_that_a_callback_breaks_off_goes_on_with_the_same_bits(client, tmp_path, every):
    x = sequences()
    settings = {"loss": "cross_entropy", "batch_size": 12, "progress": False, "augment": jitter, "every": every}
    unbroken, broken = classifier(layers.Dropout(0.2)), classifier(layers.Dropout(0.2))
    expected = fit(client, unbroken, x, firsts(x), max_epochs=2, **settings)
    settings["checkpoint"] = rnnbp.Checkpoint(tmp_path / "run", every_seconds=0.0)
    fit(client, broken, x, firsts(x), max_epochs=1, **settings)
    history = fit(client, broken, x, firsts(x), max_epochs=2, **settings)
    assert (broken.theta == unbroken.theta).all()
    assert history.loss == expected.loss
