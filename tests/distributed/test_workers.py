"""Workers that go, come, or are not such as are needed, and a scheduler that goes away."""

import importlib
import logging
import os
import signal
import threading
import time
from types import SimpleNamespace

import dask
import numpy as np
import pytest
from distributed import Client, LocalCluster, Status, worker_client

import rnnbp
from rnnbp import Network, NonFiniteError, layers, losses
from rnnbp.distributed import ClusterError, fit, on
from rnnbp.distributed.crew import Crew
from rnnbp.distributed.worker import Holdings

SETTINGS = {"loss": "cross_entropy", "max_epochs": 4, "batch_size": 8, "progress": False}


def problem(n=40, n_inputs=3):
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(length, n_inputs)) for length in rng.integers(2, 9, size=n)]
    return x, np.array([int(sequence[-1, 0] > 0) for sequence in x])


def network():
    return Network([layers.GRU(3, 5), layers.LastStep(), layers.Dropout(0.2), layers.Dense(5, 2)])


@pytest.fixture(scope="module")
def undisturbed(cluster):
    with Client(cluster, set_as_default=False) as client:
        net = network()
        history = fit(client, net, *problem(), **SETTINGS)
        return net.theta.copy(), history.loss


def held(client):
    """Return how many data sets each worker holds parts of."""
    counts = client.run(lambda dask_worker: len(getattr(dask_worker.plugins.get("rnnbp"), "holdings", ())))
    return list(counts.values())


def expect_released(client):
    for _ in range(100):
        if not any(held(client)):
            return
        time.sleep(0.05)
    raise AssertionError(held(client))


@pytest.mark.parametrize("n_killed", [1, 3])
def test_workers_that_are_killed_change_nothing(client, undisturbed, n_killed):
    def kill(net, history):
        if len(history) == 2:
            for pid in list(client.run(os.getpid).values())[:n_killed]:
                os.kill(pid, signal.SIGKILL)

    net = network()
    history = fit(client, net, *problem(), callbacks=[kill], **SETTINGS)
    assert (net.theta == undisturbed[0]).all()
    assert history.loss == undisturbed[1]


def test_a_worker_that_is_killed_within_an_update_changes_nothing(client, undisturbed):
    x, target = problem()
    killed = threading.Event()

    def kill():
        time.sleep(0.3)
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
        killed.set()

    def wait(net, history):
        if len(history) == SETTINGS["max_epochs"] - 1:
            killed.wait()

    thread = threading.Thread(target=kill)
    thread.start()
    net = network()
    fit(client, net, x, target, callbacks=[wait], **SETTINGS)
    thread.join()
    assert (net.theta == undisturbed[0]).all()


def test_a_worker_that_forgets_its_parts_is_given_them_again(client, undisturbed):
    def forget(net, history):
        if len(history) == 1:
            client.run(lambda dask_worker: dask_worker.plugins["rnnbp"].holdings.clear())

    net = network()
    fit(client, net, *problem(), callbacks=[forget], **SETTINGS)
    assert (net.theta == undisturbed[0]).all()


def test_workers_that_join_are_given_parts(cluster, client, undisturbed, monkeypatch):
    from rnnbp.distributed import crew

    monkeypatch.setattr(crew, "LOOK", 0.0)
    only, seen = sorted(client.nthreads())[0], []
    everybody = Crew._workers

    async def few_at_first(self):
        found = await everybody(self)
        return found if len(seen) > 1 else [only]

    monkeypatch.setattr(Crew, "_workers", few_at_first)
    net = network()
    fit(client, net, *problem(), callbacks=[lambda net, history: seen.append(held(client)) and None], **SETTINGS)
    assert seen[0].count(0) == 2
    assert seen[-1].count(0) == 0
    assert (net.theta == undisturbed[0]).all()


def test_two_runs_at_once_do_not_meet(client, cluster):
    x, target = problem()
    trained = {}

    def train(seed, client):
        net = network()
        fit(client, net, x, target, seed=seed, **SETTINGS)
        trained.setdefault(seed, []).append(net.theta)

    with Client(cluster, set_as_default=False) as other:
        together = [threading.Thread(target=train, args=args) for args in ((1, client), (2, other))]
        for thread in together:
            thread.start()
        for thread in together:
            thread.join()
        for seed in (1, 2):
            train(seed, client)
        assert all((one == other).all() for one, other in trained.values())
        expect_released(client)


def test_workers_let_go_of_the_data_of_a_client_that_is_gone(cluster, client):
    x, target = problem()
    net = network()
    gone = Client(cluster, set_as_default=False)
    crew = rnnbp.distributed.cluster.SpreadArrays(
        gone, 4, net, x, None, target=target, loss=losses.CrossEntropy(), sample_weight=None
    ).crew
    crew.descriptions()
    assert any(held(client))
    gone.close()
    expect_released(client)


def test_training_in_a_task_of_the_cluster(client, undisturbed):
    def train():
        with worker_client() as inner:
            net = network()
            fit(inner, net, *problem(), **SETTINGS)
            return net.theta

    assert (client.submit(train, pure=False).result() == undisturbed[0]).all()


class Odd(losses.MeanSquaredError):
    """A loss that fails for one example."""

    def value_and_gradient(self, output, target, weight=None):
        if (target == 5.0).any():
            raise ZeroDivisionError("five")
        return super().value_and_gradient(output, target, weight)


def test_what_goes_wrong_in_a_part_is_raised_here_and_data_are_let_go_of(client):
    x, target = np.zeros((20, 2)), np.zeros((20, 1))
    target[13] = 5.0
    net = Network([layers.Dense(2, 1)])
    with pytest.raises(ZeroDivisionError, match="five"):
        fit(client, net, x, target, loss=Odd(), progress=False)
    x[:] = 1e30
    with pytest.raises(NonFiniteError, match=r"in epoch 1 the loss is inf.*Try a lower learning rate"):
        fit(client, net, x, target, loss="mean_squared_error", progress=False)
    expect_released(client)


class Locked(losses.MeanSquaredError):
    """A loss that cannot be sent."""

    def __init__(self, lock):
        self.lock = lock


class NotPicklable(Exception):
    def __init__(self, one, other):
        super().__init__(f"{one} {other}")


def fail(example, rng):
    raise NotPicklable("not", "so")


def test_what_cannot_be_sent_is_named(client):
    x, target = np.zeros((20, 2)), np.zeros((20, 1))
    settings = {"loss": "mean_squared_error", "progress": False}
    with pytest.raises(TypeError, match=r"the network and the loss cannot be sent to workers: .*lock"):
        fit(client, Network([layers.Dense(2, 1)]), x, target, loss=Locked(threading.Lock()))
    lock = threading.Lock()
    with pytest.raises(TypeError, match=r"what training is given \(augment, .* cannot be sent to workers: .*lock"):
        fit(client, Network([layers.Dense(2, 1)]), x, target, augment=lambda e, rng: e * (lock is None), **settings)
    here = os.getpid()
    with pytest.raises(RuntimeError, match="NotPicklable: not so"):
        fit(client, Network([layers.Dense(2, 1)]), x, target, **settings,
            augment=lambda e, rng: e if os.getpid() == here else fail(e, rng))  # fmt: skip


def test_a_network_that_workers_cannot_make_is_said(client, monkeypatch, tmp_path):
    (tmp_path / "only_here.py").write_text(
        "from rnnbp.losses import MeanSquaredError\nclass Own(MeanSquaredError): ..."
    )
    monkeypatch.syspath_prepend(tmp_path)
    only_here = importlib.import_module("only_here")
    with pytest.raises(ClusterError, match=r"a worker cannot make the network or the loss \(ModuleNotFoundError"):
        fit(client, Network([layers.Dense(2, 1)]), np.zeros((20, 2)), np.zeros((20, 1)), loss=only_here.Own())


def small_cluster(n_workers, n_threads=1):
    return LocalCluster(
        n_workers=n_workers,
        threads_per_worker=n_threads,
        memory_limit=0,
        processes=False,
        dashboard_address=":0",
        silence_logs=logging.CRITICAL,
    )


def test_mistakes_are_noticed_before_training(monkeypatch):
    x, target = problem()
    with pytest.raises(TypeError, match=r"client must be a distributed.Client, but 'tcp://somewhere' was given"):
        fit("tcp://somewhere", network(), x, target, **SETTINGS)
    with small_cluster(0) as cluster, Client(cluster, set_as_default=False) as client:
        with pytest.raises(ClusterError, match="the cluster has no workers: start some"):
            fit(client, network(), x, target, **SETTINGS)
        with pytest.raises(ValueError, match="every"):
            fit(client, network(), x, target, every=0, **SETTINGS)
        with pytest.raises(ValueError, match="n_parts"):
            fit(client, network(), x, target, n_parts=0, **SETTINGS)
        with pytest.raises(ValueError, match="every"):
            fit(client, network(), x, target, every=2, optimizer="lbfgs", **SETTINGS)
        with pytest.raises(ValueError, match="take LBFGS"):
            fit(client, network(), x, np.zeros((40, 2)), optimizer=rnnbp.optimizers.LevenbergMarquardt(),
                **SETTINGS | {"loss": "mean_squared_error"})  # fmt: skip
        with pytest.raises(TypeError, match="takes no argument 'epochs'"):
            fit(client, network(), x, target, loss="cross_entropy", epochs=3)
    with pytest.raises(ClusterError, match="it is closed"):
        fit(client, network(), x, target, **SETTINGS)


def n_parts_of(client):
    """Return how many parts the workers hold together."""
    counts = client.run(
        lambda dask_worker: sum(len(each.parts) for each in dask_worker.plugins["rnnbp"].holdings.values())
    )
    return sum(counts.values())


@pytest.mark.parametrize(("n_threads", "given", "n_parts"), [(2, None, 8), (9, None, 9), (2, 3, 3)])
def test_threads_of_a_worker_share_its_parts_of_which_there_are_eight_or_more(undisturbed, n_threads, given, n_parts):
    seen, net = [], network()
    with small_cluster(1, n_threads) as cluster, Client(cluster, set_as_default=False) as client:
        fit(client, net, *problem(), n_parts=given, callbacks=[lambda *_: seen.append(n_parts_of(client))], **SETTINGS)
    assert set(seen) == {n_parts}
    assert (net.theta == undisturbed[0]).all() == (n_parts == 8)


def test_each_part_is_run_on_one_thread(client):
    here = os.getpid()

    def counted(example, rng):
        if os.getpid() != here and rnnbp.kernels.threads.count() != 1:
            raise RuntimeError(rnnbp.kernels.threads.count())
        return example

    fit(client, network(), *problem(), augment=counted, **SETTINGS | {"max_epochs": 1})


def test_a_worker_that_does_not_say_its_version_has_no_part(undisturbed, monkeypatch):
    seen, net = [], network()
    with small_cluster(2) as cluster, Client(cluster, set_as_default=False) as client:
        get_versions, silent = client.get_versions, min(client.nthreads())

        async def of_the_other(**options):
            versions = await get_versions(**options)
            versions["workers"].pop(silent, None)
            return versions

        monkeypatch.setattr(client, "get_versions", of_the_other)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("rnnbp.distributed.crew.LOOK", 100.0)
            fit(client, net, *problem(), callbacks=[lambda *_: seen.append(sorted(held(client)))], **SETTINGS)
        monkeypatch.undo()
    assert seen == [[0, 1]] * 4
    assert (net.theta == undisturbed[0]).all()


def pause(dask_worker):
    dask_worker.status = Status.paused


def test_a_worker_that_is_paused_answers_but_is_given_no_part(monkeypatch):
    monkeypatch.setattr("rnnbp.distributed.crew.POLL", 0.05)
    monkeypatch.setattr("rnnbp.distributed.crew.PATIENCE", 0.5)
    with small_cluster(1) as cluster, Client(cluster, set_as_default=False) as client:
        fit(client, network(), *problem(), callbacks=[lambda *_: client.run(pause) and None], **SETTINGS)
        began = time.monotonic()
        with pytest.raises(ClusterError, match=r"worker inproc://\S+ has been paused for 0 s, as Dask does when"):
            fit(client, network(), [dask.delayed(problem)()], **SETTINGS)
        assert time.monotonic() - began > 0.5


def test_a_worker_that_cannot_be_reached_is_named(monkeypatch):
    def nowhere(address):
        async def refuse():
            raise TimeoutError("a firewall")

        return SimpleNamespace(identity=refuse)

    with small_cluster(1) as cluster, Client(cluster, set_as_default=False) as client:
        monkeypatch.setattr(client, "rpc", nowhere)
        with pytest.raises(
            ClusterError, match=r"worker inproc://\S+ cannot be reached from here \(TimeoutError: a fire"
        ):
            fit(client, network(), *problem(), **SETTINGS)
        monkeypatch.undo()


@pytest.mark.parametrize(
    ("who", "what", "place", "found", "said"),
    [
        ("worker inproc://", "rnnbp", "packages", "0.0.9", r"has rnnbp 0.0.9, but rnnbp .* is running here"),
        ("the scheduler", "rnnbp", "packages", None, "has no rnnbp installed, but rnnbp"),
        ("worker inproc://", "python", "host", "3.8.1.final.0", r"has Python 3.8, but Python 3\.\d+ is running here"),
    ],
)
def test_workers_and_schedulers_of_other_versions_are_named(monkeypatch, who, what, place, found, said):
    with small_cluster(1) as cluster, Client(cluster, set_as_default=False) as client:
        get_versions = client.get_versions

        async def changed(**options):
            versions = await get_versions(**options)
            for each in versions["workers"].values() if who == "worker inproc://" else [versions["scheduler"]]:
                each[place] = dict(each[place]) | {what: found}
            return versions

        monkeypatch.setattr(client, "get_versions", changed)
        with pytest.raises(ClusterError, match=f"{who}.* {said}"):
            fit(client, network(), *problem(), **SETTINGS)


def test_a_scheduler_that_goes_away_ends_training_with_the_last_updates_parameters():
    thetas = []

    def close(net, history):
        thetas.append(net.theta.copy())
        if len(history) == 2:
            cluster.close()

    net = network()
    with dask.config.set({"distributed.comm.timeouts.connect": "0.5s"}), small_cluster(1) as cluster:
        client = Client(cluster, set_as_default=False)
        with pytest.raises(ClusterError, match="scheduler cannot be reached any more"):
            fit(client, net, *problem(), callbacks=[close], **SETTINGS)
        client.close(timeout=1)
    assert len(thetas) == 2
    assert (net.theta == thetas[-1]).all()


def test_outside_of_the_context_training_is_here_again(client):
    x, target = problem()
    with on(client):
        pass
    net = Network([layers.GRU(3, 5), layers.LastStep(), layers.Dense(5, 2)])
    before = client.run(lambda dask_worker: len(dask_worker.state.log))
    rnnbp.fit(net, x, target, **SETTINGS)
    assert client.run(lambda dask_worker: len(dask_worker.state.log)) == before


def test_a_worker_that_is_closed_neither_waits_for_a_task_nor_begins_another():
    worker, plugin = SimpleNamespace(state=SimpleNamespace(nthreads=1), handlers={}), Holdings()
    plugin.setup(worker)
    begun, end = threading.Event(), threading.Event()

    def task():
        begun.set()
        end.wait(60)

    running, queued = plugin.executor.submit(task), plugin.executor.submit(task)
    assert begun.wait(60)
    plugin.teardown(worker)
    assert not running.done()
    assert queued.cancelled()
    end.set()
