"""Data as arrays, in Dask collections, and in files that workers read themselves."""

import dask
import dask.array
import dask.bag
import numpy as np
import pytest

import rnnbp
from rnnbp import Network, layers
from rnnbp.distributed import ClusterError, fit

SETTINGS = {"loss": "cross_entropy", "max_epochs": 2, "batch_size": 8, "progress": False}


def sequences(n=30, seed=0):
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(length, 3)) for length in rng.integers(2, 9, size=n)]
    return x, [int(sequence[-1, 0] > 0) for sequence in x]


def network():
    stack = [layers.GRU(3, 5), layers.LastStep(), layers.Dense(5, 2)]
    return Network(stack, dtype="float64")


def in_one_process(x, target, **settings):
    net = network()
    return net, rnnbp.fit(net, x, target, **SETTINGS | settings)


def expect_the_same(client, x, target, parts, **settings):
    """Train on parts, and expect what one process makes of the whole."""
    here, expected = in_one_process(x, target)
    net = network()
    history = fit(client, net, *parts, **SETTINGS | settings)
    np.testing.assert_allclose(net.theta, here.theta, rtol=0, atol=1e-12)
    np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-12)
    return history


def cut(listed, *at):
    return [listed[start:stop] for start, stop in zip((0, *at), (*at, None), strict=True)]


def test_bags_of_sequences_and_of_targets(client):
    x, target = sequences()
    bags = [dask.bag.from_sequence(given, npartitions=4) for given in (x, target)]
    expect_the_same(client, x, target, [bags[0].map(np.asarray), bags[1]])


def test_a_bag_of_pairs(client):
    x, target = sequences()
    expect_the_same(client, x, target, [dask.bag.from_sequence(zip(x, target, strict=True), npartitions=3)])


def test_uneven_parts_of_which_some_are_empty_and_more_workers_than_parts(client):
    x, target = sequences()
    parts = [dask.delayed(part) for part in zip(cut(x, 3, 3), cut(target, 3, 3), strict=True)]
    assert [len(each[0]) for each in dask.compute(*parts)] == [3, 0, 27]
    expect_the_same(client, x, target, [parts])


@pytest.mark.parametrize("is_listed", [True, False])
def test_all_data_in_one_part(client, is_listed):
    x, target = sequences()
    part = dask.delayed((x, target))
    expect_the_same(client, x, target, [[part] if is_listed else part])


def test_futures_of_parts_and_validation_data_in_parts(client):
    x, target = sequences()
    held_out, answers = sequences(20, seed=1)
    futures = client.scatter([*zip(cut(x, 20), cut(target, 20), strict=True)], hash=False)
    validation = [dask.delayed(part) for part in cut(held_out, 2)], [dask.delayed(part) for part in cut(answers, 2)]
    history = expect_the_same(client, x, target, [futures], validation_data=validation, score=rnnbp.metrics.accuracy)
    _, expected = in_one_process(x, target, validation_data=(held_out, answers), score=rnnbp.metrics.accuracy)
    np.testing.assert_allclose(history.validation_loss, expected.validation_loss, rtol=1e-12)
    assert history.validation_score == expected.validation_score


def test_static_examples_in_arrays_that_are_cut_along_their_first_axis(client):
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(40, 4)), rng.integers(0, 3, size=40)

    def trained(fit_on, *data):
        net = Network([layers.Dense(4, 3)], dtype="float64")
        fit_on(net, *data, **SETTINGS)
        return net.theta

    arrays = dask.array.from_array(x, chunks=(17, 4)), dask.array.from_array(target, chunks=17)
    expected = trained(rnnbp.fit, x, target)
    np.testing.assert_allclose(trained(lambda *given, **s: fit(client, *given, **s), *arrays), expected, atol=1e-12)
    with pytest.raises(ValueError, match="blocks along its first axis only"):
        trained(lambda *given, **s: fit(client, *given, **s), arrays[0].rechunk((17, 2)), arrays[1])


def read(path):
    with np.load(path) as content:
        lengths, target, weight = content["lengths"], content["target"], content["weight"]
        return np.split(content["frames"], np.cumsum(lengths)[:-1]), target, None, weight


def test_files_that_each_worker_reads_itself(client, tmp_path):
    x, target = sequences()
    weight = np.random.default_rng(2).uniform(0.5, 2, size=len(x))
    paths = []
    for start in range(0, 30, 10):
        paths.append(tmp_path / f"{start}.npz")
        chosen, own = x[start : start + 10], slice(start, start + 10)
        np.savez(
            paths[-1], frames=np.concatenate(chosen), lengths=[*map(len, chosen)], target=target[own],
            weight=weight[own],
        )  # fmt: skip
    here, net = network(), network()
    rnnbp.fit(here, x, target, sample_weight=weight, **SETTINGS)
    checkpoint = {"checkpoint": tmp_path / "run"}
    fit(client, net, [dask.delayed(read)(path) for path in paths], **SETTINGS | checkpoint)
    np.testing.assert_allclose(net.theta, here.theta, rtol=0, atol=1e-12)

    weight[25] = 7.0
    own = slice(20, 30)
    np.savez(
        paths[2], frames=np.concatenate(x[own]), lengths=[*map(len, x[own])], target=target[own], weight=weight[own]
    )
    with pytest.raises(rnnbp.CheckpointError, match=r"another run: the content of data\.content has changed"):
        fit(client, network(), [dask.delayed(read)(path) for path in paths], **SETTINGS | checkpoint)

    paths[1].unlink()
    with pytest.raises(ClusterError, match=r"part 1 of the data is not there: FileNotFoundError: .*10\.npz"):
        fit(client, network(), [dask.delayed(read)(path) for path in paths], **SETTINGS)


def test_a_part_with_other_features_or_targets_is_named(client):
    x, target = sequences(9)

    def refused(x_parts, target_parts, loss="cross_entropy"):
        parts = [[dask.delayed(part) for part in given] for given in (x_parts, target_parts)]
        with pytest.raises((TypeError, ValueError)) as caught:
            fit(client, network(), *parts, **SETTINGS | {"loss": loss})
        return str(caught.value)

    x_parts, target_parts = cut(x, 3, 6), cut(target, 3, 6)
    narrow = [each[:, :2] for each in x_parts[1]]
    assert refused([x_parts[0], narrow, x_parts[2]], target_parts).startswith(
        "part 1 of the data: expected 3 features, but the input has 2"
    )
    words = [np.full((2, 3), "a")] * 3
    assert "part 2 of the data: " in refused([*x_parts[:2], words], target_parts)
    one_hot = np.eye(2)[target_parts[1]]
    assert refused(x_parts, [target_parts[0], one_hot, target_parts[2]]) == (
        "part 1 of the data differs from part 0: its targets are real numbers of shape (2,), but its targets are whole "
        "numbers of shape () in part 0"
    )
    assert "x has 3 parts, but target has 2" in refused(x_parts, target_parts[:2])
    assert "there are no examples in any part" in refused([[], []], [[], []])
