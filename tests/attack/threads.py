"""Threads that do anything at once, with one network and with several: no crash, no hang, no number but the right one.

Each thread of a case does some of these things, drawn at random: it predicts, evaluates, feeds a stream, takes loss and
gradient, runs forwards and back, trains a copy. All have been done alone before, and the results must be the same, to
the bit. Some draw progress bars, or use LLVM beside the library. One more network may be trained meanwhile: two threads
call `fit`, of which one may be refused; whoever reads this network must get finite numbers, and it must end as the same
calls of `fit` alone leave it.
"""

import copy
import random
import threading
from functools import partial

import numpy as np
from llvmlite import binding

from rnnbp import Network, evaluate, fit, layers, predict
from rnnbp.kernels import threads as engine_threads

from .harness import Fault, Limits

LIMITS = Limits(seconds=60.0, megabytes=200.0, batch=100)
WIDTH, N_CLASSES = 3, 4
REFUSAL = "this network is being trained already"

STACKS = {
    "dense": lambda: [layers.Dense(WIDTH, 17), layers.Activation("tanh"), layers.Dense(17, N_CLASSES)],
    "lstm": lambda: [layers.LSTM(WIDTH, 9), layers.Dense(9, N_CLASSES)],
    "gru, both ways": lambda: [layers.GRU(WIDTH, 7, bidirectional=True), layers.Dense(14, N_CLASSES)],
    "stack": lambda: [layers.Elman(WIDTH, 33), layers.LayerNorm(33), layers.GRU(33, 5), layers.Dense(5, N_CLASSES)],
    "jordan": lambda: [layers.Jordan(WIDTH, 6, n_outputs=N_CLASSES)],
}


class Data:
    """A batch for a network: ragged sequences, or rows of a table."""

    def __init__(self, net, draw):
        rng = np.random.default_rng(draw.getrandbits(32))
        self.n = draw.randint(1, 40)
        if net.is_recurrent:
            lengths = rng.integers(1, draw.choice([2, 9, 60]), size=self.n)
            self.x = [rng.normal(size=(length, WIDTH)).astype(np.float32) for length in lengths]
            self.y = [rng.integers(N_CLASSES, size=length) for length in lengths]
        else:
            self.x = rng.normal(size=(self.n, WIDTH)).astype(np.float32)
            self.y = rng.integers(N_CLASSES, size=self.n)


# -- what a thread may do: from a network and data to arrays -----------------------------------------------------------


def forwards(net, data):
    outputs = predict(net, data.x)
    return outputs if isinstance(outputs, list) else [outputs]


def judged(net, data):
    return [np.float64(evaluate(net, data.x, data.y, "cross_entropy")[0])]


def padded(data):
    """Return a time-major array, targets and lengths; of a table itself."""
    if not isinstance(data.x, list):
        return data.x, data.y, None
    lengths = [len(sequence) for sequence in data.x]
    x, y = np.zeros((max(lengths), data.n, WIDTH), np.float32), np.zeros((max(lengths), data.n), int)
    for k, length in enumerate(lengths):
        x[:length, k], y[:length, k] = data.x[k], data.y[k]
    return x, y, lengths


def gradient(net, data):
    x, y, lengths = padded(data)
    loss, theta = net.loss_and_gradient(x, y, "cross_entropy", lengths)
    return [np.float64(loss), theta.copy()]


def there_and_back(net, data):
    x, _, lengths = padded(data)
    run = net.run(x, lengths)
    output = run.output.copy()
    back = run.backward(np.cos(output))
    return [output, back[0].copy(), back[1].copy()]


def streamed(net, data):
    if not net.is_recurrent or any(getattr(layer, "bidirectional", False) for layer in net.layers):
        return forwards(net, data)
    stream = net.stream()
    return [np.array(stream.push(frame)) for frame in data.x[0][:20]]


def trained(net, data):
    own = copy.deepcopy(net)
    train(own, data)
    return [own.theta.copy()]


def shown(net, data):
    own = copy.deepcopy(net)
    train(own, data, progress=True)
    return [own.theta.copy()]


def within_llvm(net, data):
    """Use LLVM beside the library, as numba does."""
    text = "".join(f"define i64 @f{k}(i64 %x) {{\n  ret i64 %x\n}}\n" for k in range(200))
    return [np.int64(len(str(binding.parse_assembly(text))))]


ACTIONS = (forwards, judged, gradient, there_and_back, streamed, trained, shown, within_llvm)


def train(net, data, *, progress=False):
    fit(net, data.x, data.y, loss="cross_entropy", max_epochs=2, batch_size=8, progress=progress)


# -- cases -------------------------------------------------------------------------------------------------------------


def networks(draw):
    """Return some networks and data for each."""
    chosen = [draw.choice(list(STACKS)) for _ in range(draw.choice([1, 1, 2, 3]))]
    made = [Network(STACKS[name](), seed=k, compiled=draw.random() < 0.9) for k, name in enumerate(chosen)]
    return [(net, [Data(net, draw) for _ in range(3)]) for net in made]


def same(first, second):
    return len(first) == len(second) and all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def case(seed, folder):
    draw = random.Random(seed)
    before, engine_threads.MIN_OPERATIONS = engine_threads.MIN_OPERATIONS, draw.choice([1, 1, 10_000])
    try:
        with engine_threads.limit(draw.choice([1, 2, 3, 5])):
            return mixed(draw)
    finally:
        engine_threads.MIN_OPERATIONS = before


def mixed(draw):
    standing, faults, refused = networks(draw), [], []
    jobs = [(action, net, data) for net, sets in standing for data in sets for action in ACTIONS]
    jobs = [(*job, job[0](*job[1:])) for job in draw.sample(jobs, min(len(jobs), 12))]
    limit = engine_threads.count()
    moving, *_ = networks(draw) if draw.random() < 0.5 else [None]
    if moving is not None:
        learner, (lesson, *others) = moving
        untrained = copy.deepcopy(learner)

    def watched(function):
        def run():
            try:
                with engine_threads.limit(limit):
                    function()
            except Exception as error:
                faults.append(error)

        return run

    def work(order):
        for action, net, data, expected in order:
            if not same(action(net, data), expected):
                raise Fault(f"{action.__name__} gave other numbers than alone")

    def fit_it():
        try:
            train(learner, lesson)
        except RuntimeError as error:
            if REFUSAL not in str(error):
                raise
            refused.append(error)

    def read_it():
        for other in others:
            if not all(np.isfinite(a).all() for a in forwards(learner, other)):
                raise Fault("a network that is being trained predicts what is no number")

    n_threads = draw.randint(2, 8)
    orders = [draw.choices(jobs, k=6) for _ in range(n_threads)]
    tasks = [partial(work, order) for order in orders]
    tasks += [fit_it, fit_it, read_it, read_it] if moving is not None else []
    draw.shuffle(tasks)
    running = [threading.Thread(target=watched(task), daemon=True) for task in tasks]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if faults:
        raise faults[0]
    for action, net, data, expected in jobs:
        if not same(action(net, data), expected):
            raise Fault(f"{action.__name__} gives other numbers afterwards")
    if moving is None:
        return "the same bits"
    if len(refused) > 1:
        raise Fault("two calls of fit refused each other")
    alone = copy.deepcopy(untrained)
    for _ in range(2 - len(refused)):
        train(alone, lesson)
    if not np.array_equal(alone.theta, learner.theta):
        raise Fault("fit beside others ended with other numbers")
    return f"the same bits beside a fit, {'a second one refused' if refused else 'two in turn'}"
