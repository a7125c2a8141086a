"""How many threads the library uses, that they change no bit of a result, and that they get in nobody's way."""

import copy
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event, Thread

import numpy as np
import pytest
from forking import status_of_child
from llvmlite import binding

from rnnbp import layers
from rnnbp.kernels import threads
from rnnbp.kernels.engine import Engine, engine
from rnnbp.kernels.workers import AWAKE
from rnnbp.networks.network import Network
from rnnbp.training import fit
from rnnbp.training.evaluation import predict

AVAILABLE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
LENGTHS = [9, 3, 1, 7, 9, 2, 2, 5, 8, 9, 4]


# -- how many ----------------------------------------------------------------------------------------------------------

COUNT = "from rnnbp.kernels import threads; print(threads.count())"
NESTED = """
from joblib import Parallel, delayed
from rnnbp.kernels import threads
print(*Parallel(n_jobs=2)(delayed(threads.count)() for _ in range(2)))
"""


def printed(script, **environment):
    """Return what a new process prints, with none of this one's settings."""
    ours = ("RNNBP_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    clean = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def counted(script=COUNT, **environment):
    return [int(word) for word in printed(script, **environment)]


def test_by_default_all_that_the_process_may_run_on():
    assert counted() == [AVAILABLE]


def test_the_environment_says_how_many():
    assert counted(OMP_NUM_THREADS="1") == [1]
    assert counted(RNNBP_NUM_THREADS="3", OMP_NUM_THREADS="1") == [3]


def test_processes_that_joblib_starts_share_the_machine():
    assert counted(NESTED) == [max(1, AVAILABLE // 2)] * 2


def test_a_limit_holds_in_its_block_only():
    before = threads.count()
    with threads.limit(1):
        assert threads.count() == 1
    assert threads.count() == before
    with pytest.raises(ValueError, match="n_threads must be a whole number of at least 1"):
        threads.limit(0).__enter__()


def test_work_is_shared_only_where_each_thread_has_enough_to_do():
    least = threads.MIN_OPERATIONS
    with threads.limit(4):
        assert [threads.worth_waking(100, n * least) for n in (0.5, 1, 2.5, 4, 1000)] == [1, 1, 2, 4, 4]
        assert threads.worth_waking(3, 1000 * least) == 3


# -- the same bits -----------------------------------------------------------------------------------------------------

STACKS = {
    "Elman": lambda: [layers.Elman(3, 37)],
    "Jordan": lambda: [layers.Jordan(3, 5, n_outputs=18, teacher_forcing=False)],
    "LSTM": lambda: [layers.LSTM(3, 33)],
    "LSTM with peepholes": lambda: [layers.LSTM(3, 7, peepholes=True)],
    "LSTM, layer norm and zoneout": lambda: [layers.LSTM(3, 17, layer_norm=True, zoneout=0.3)],
    "GRU": lambda: [layers.GRU(3, 16)],
    "GRU, reset before": lambda: [layers.GRU(3, 19, reset="before", recurrent_dropout=0.3)],
    "GRU, layer norm": lambda: [layers.GRU(3, 19, layer_norm=True)],
    "both ways": lambda: [layers.GRU(3, 19, bidirectional=True), layers.LastStep(bidirectional=True)],
    "dense": lambda: [layers.Dense(3, 70), layers.Activation("gelu"), layers.Dense(70, 33)],
    "mean": lambda: [layers.LSTM(3, 8), layers.MeanOverTime(), layers.Dense(8, 40), layers.Activation("tanh")],
}


@pytest.fixture
def shared(monkeypatch):
    """Let any work be worth sharing."""
    monkeypatch.setattr(threads, "MIN_OPERATIONS", 1)


def everything(net, lengths=LENGTHS):
    """Return outputs, final states and all gradients."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(max(lengths), len(lengths), 3))
    widths = {f"{k}.{name}": w for k, layer in enumerate(net.layers) for name, w in layer.states().items()}
    states = {name: rng.normal(size=(len(lengths), width)) for name, width in widths.items()}
    inference = net.forward(x, lengths, initial_states=states)
    net.rng = np.random.default_rng(7)
    run = net.run(x, lengths, training=True, initial_states=states)
    output, final = run.output, run.final_states
    gradients = run.backward(rng.normal(size=output.shape), d_final_states=states)
    return [inference, output, *final.values(), *gradients[:2], *gradients.initial_states.values()]


def assert_same_bits(first, second):
    for a, b in zip(first, second, strict=True):
        assert np.abs(a).max() > 0
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("lengths", [LENGTHS, [40] * 7], ids=["ragged", "rectangular"])
def test_any_number_of_threads_gives_the_same_bits(name, lengths, shared):
    net = Network(STACKS[name](), seed=1)
    with threads.limit(1):
        alone = everything(net, lengths)
    for n in (2, 3, 8):
        with threads.limit(n):
            for _ in range(3):
                assert_same_bits(alone, everything(net, lengths))


def test_any_number_of_threads_trains_to_the_same_bits(shared):
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(9, 30, 3)), rng.integers(4, size=30)
    results = []
    for n in (1, 2, 3):
        net = Network([layers.LSTM(3, 9), layers.LastStep(), layers.Dense(9, 4)])
        with threads.limit(n):
            fit(net, x, target, loss="cross_entropy", max_epochs=3, batch_size=8, l2=0.01, progress=False)
        results.append(net.theta.copy())
    assert_same_bits([results[0]] * 2, results[1:])


# -- several callers ---------------------------------------------------------------------------------------------------


def test_several_threads_may_use_one_network_at_once(shared):
    net = Network([layers.GRU(3, 19), layers.Dense(19, 5)])
    inputs = [np.random.default_rng(k).normal(size=(6, 5, 3)) for k in range(8)]

    def gradient(x):
        run = net.run(x)
        return run.output, run.backward(np.cos(run.output)).theta

    expected = [gradient(x) for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        for results in pool.map(lambda k: [(k, *gradient(inputs[k])) for _ in range(20)], range(8)):
            for k, output, theta in results:
                assert_same_bits(expected[k], (output, theta))


AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event, Thread
import numpy as np
from rnnbp import layers
from rnnbp.networks.network import Network

KINDS = [layers.LSTM, layers.GRU, layers.Elman]

def first(k):
    run = Network([KINDS[k % 3](3, 9), layers.Dense(9, 2), layers.Activation("tanh")]).run(np.ones((5, 4, 3)))
    return run.backward(np.ones((5, 4, 2))).theta.sum()

with ThreadPoolExecutor(8) as pool:
    results = list(pool.map(first, range(12)))
print(len(set(results)))
"""


def test_threads_may_make_their_first_networks_at_once():
    assert printed(AT_ONCE, RNNBP_CACHE_DIR="") == ["3"]


JOBLIB = """
import numpy as np
from joblib import Parallel, delayed
from rnnbp import layers
from rnnbp.kernels import threads
from rnnbp.networks.network import Network

threads.MIN_OPERATIONS = 1
net = Network([layers.LSTM(3, 33)], seed=1)

def run(k):
    return net.run(np.random.default_rng(k).normal(size=(20, 8, 3))).output

def total(k, net=net):
    return float(net.run(np.random.default_rng(k).normal(size=(20, 8, 3))).output.sum())

expected = [total(k) for k in range(6)]
for options in ({"backend": "loky"}, {"backend": "threading"}, {"backend": "multiprocessing"}):
    assert Parallel(n_jobs=3, **options)(delayed(total)(k) for k in range(6)) == expected, options
print("done")
"""


@pytest.mark.slow
def test_joblib_may_run_networks_side_by_side():
    assert printed(JOBLIB) == ["done"]


# -- workers -----------------------------------------------------------------------------------------------------------


def wait_until(condition, seconds=10.0):
    stop = time.monotonic() + seconds
    while not condition() and time.monotonic() < stop:
        time.sleep(0.001)
    return condition()


def test_workers_go_to_sleep_when_there_is_nothing_to_do(shared):
    net = Network([layers.LSTM(3, 33)])
    with threads.limit(3):
        everything(net)
    pool = threads.crew_of(engine("float32")).pool
    assert wait_until(lambda: pool[AWAKE] == 0)
    used = time.process_time()
    time.sleep(0.2)
    assert time.process_time() - used < 0.1


def test_without_threads_to_share_with_none_is_started():
    script = """
import threading, numpy as np
from rnnbp import layers
from rnnbp.networks.network import Network
Network([layers.LSTM(3, 64)]).run(np.zeros((100, 32, 3))).backward(np.zeros((100, 32, 64)))
print(threading.active_count())
"""
    assert printed(script, RNNBP_NUM_THREADS="1") == ["1"]


FORK = """
import os, time
import numpy as np
from rnnbp import layers
from rnnbp.kernels import threads
from rnnbp.kernels.workers import AWAKE
from rnnbp.networks.network import Network

threads.MIN_OPERATIONS, threads.PATIENCE = 1, 2_000_000_000  # workers that watch for ever
threads._limit.set(3)
net = Network([layers.LSTM(3, 33)], seed=1)
x = np.random.default_rng(0).normal(size=(20, 8, 3))
expected = net.run(x).output
(crew,) = threads._crews.values()
while not crew.pool[AWAKE]:
    time.sleep(0.001)
child = os.fork()
same = all((net.run(x).output == expected).all() for _ in range(5))
if child == 0:
    os._exit(0 if same else 3)
_, status = os.waitpid(child, 0)
print(status, same)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_that_is_forked_while_workers_watch_runs_on_its_own():
    assert printed(FORK) == ["0", "True"]  # and the process ends although its workers would watch for ever


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_that_is_forked_while_others_are_within_llvm_compiles():
    engine("float32")
    llvm = binding.ffi.lib._lock  # as numba holds it in a thread of the user's, while it compiles
    assert status_of_child(llvm, lambda: Engine("float32")) == 0


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")
# an interrupt may come while a pass gives its memory back, where Python can only print it
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupted_run_leaves_nothing_behind(shared):
    net = Network([layers.LSTM(3, 33), layers.Dense(33, 5)], seed=1)

    def interrupt(number, frame):
        raise KeyboardInterrupt

    with threads.limit(2):
        expected, n_interrupted, durations = everything(net), 0, []
        for _ in range(5):
            began = time.perf_counter()
            everything(net, LENGTHS)
            durations.append(time.perf_counter() - began)
        duration = min(durations)  # a busy machine makes the others longer
        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            for k in range(200):
                try:
                    signal.setitimer(signal.ITIMER_REAL, max(duration * (1 + k) / 200, 1e-6))
                    everything(net, LENGTHS[: 5 + k % 7])
                    signal.setitimer(signal.ITIMER_REAL, 0.0)
                except KeyboardInterrupt:
                    n_interrupted += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, before)
        assert n_interrupted > 50
        assert_same_bits(expected, everything(net))
    busy = threads.crew_of(engine("float32")).busy
    assert busy.acquire(blocking=False)
    busy.release()


def test_a_network_is_trained_by_one_at_a_time():
    """A second fit is refused at once; afterwards, and for a copy, all is as ever; predictions may go on meanwhile."""
    net = Network([layers.GRU(3, 8), layers.LastStep(), layers.Dense(8, 2)])
    x, target = np.random.default_rng(0).normal(size=(6, 20, 3)), np.arange(20) % 2
    train = partial(fit, x=x, target=target, loss="cross_entropy", progress=False)
    inside, release = Event(), Event()

    def wait(net, history):
        inside.set()
        release.wait(60)

    first = Thread(target=train, args=(net,), kwargs={"max_epochs": 2, "callbacks": [wait]})
    first.start()
    assert inside.wait(60)
    try:
        before = net.theta.copy()
        with pytest.raises(RuntimeError, match="this network is being trained already"):
            train(net, max_epochs=1)
        np.testing.assert_array_equal(net.theta, before)
        assert np.isfinite(predict(net, x)).all()
        train(copy.deepcopy(net), max_epochs=1)
    finally:
        release.set()
        first.join()
    with pytest.raises(RuntimeError, match="by the caller of this one"):
        train(net, max_epochs=1, callbacks=[lambda net, history: train(net, max_epochs=1)])
    assert len(train(net, max_epochs=1)) == 1


def test_a_fork_does_not_inherit_that_somebody_trains():
    net = Network([layers.Dense(3, 2)])
    with net.programs.training():
        child = os.fork()
        if child == 0:
            try:
                with net.programs.training():
                    os._exit(0)
            finally:
                os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
