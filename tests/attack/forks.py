"""Processes that fork while other threads run networks: the children end with the right numbers, as do the parents.

Some threads run networks all the time. The process is forked again and again; each child does what it was born for (it
predicts, trains, makes a network of its own, starts threads, forks again) and compares with what was found alone. A
child that does not end is a finding, as is one that ends otherwise.
"""

import faulthandler
import math
import os
import random
import signal
import threading
import time
import traceback
import warnings
from contextlib import suppress
from pathlib import Path

from rnnbp.kernels import threads as engine_threads

from . import threads
from .harness import Fault, Limits

LIMITS = Limits(seconds=120.0, megabytes=200.0, batch=50)
PATIENCE = 60.0  # seconds for a child, in which this process runs: it may be stopped together with its children
GLANCE = 0.01  # seconds


def in_a_child(function, report, group=0):
    """Run a function in a forked process; return the process, which leads a group of its own or joins one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on, of forks beside threads
        child = os.fork()
    if child:
        return child
    try:
        os.setpgid(0, group)
        with report.open("w") as file:
            faulthandler.enable(file)
            function()
        os._exit(0)
    except BaseException:
        report.write_text(traceback.format_exc())
    finally:
        os._exit(1)


def wait(child, report):
    """Wait for a child to end well."""
    for _ in range(math.ceil(PATIENCE / GLANCE)):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(GLANCE)
    else:
        os.kill(child, signal.SIGABRT)  # it reports where it is
        os.waitpid(child, 0)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # those that it forked
        raise Fault(f"a child hangs: {report.read_text()[:500]}")
    if ended := os.waitstatus_to_exitcode(status):
        raise Fault(f"a child ended with {ended}: {report.read_text()[-500:]}")


def compare(jobs):
    for action, net, data, expected in jobs:
        if not threads.same(action(net, data), expected):
            raise Fault(f"{action.__name__} gave other numbers than before")


def life(draw, jobs, report):
    """Return what a child does."""
    mine = draw.sample(jobs, min(len(jobs), 4))
    kind = draw.choice(["alone", "alone", "threads", "forks"])

    def alone():
        compare(mine)

    def with_threads():
        faults = []

        def work():
            try:
                compare(mine)
            except Exception as error:
                faults.append(error)

        running = [threading.Thread(target=work, daemon=True) for _ in range(3)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        if faults:
            raise faults[0]

    def with_a_child():
        inner = Path(f"{report}-inner")
        child = in_a_child(alone, inner, os.getpgrp())
        compare(mine)
        wait(child, inner)

    return kind, {"alone": alone, "threads": with_threads, "forks": with_a_child}[kind]


def case(seed, folder):
    draw = random.Random(seed)
    before, engine_threads.MIN_OPERATIONS = engine_threads.MIN_OPERATIONS, draw.choice([1, 1, 10_000])
    try:
        with engine_threads.limit(limit := draw.choice([1, 2, 3])):
            return forked(draw, folder, limit)
    finally:
        engine_threads.MIN_OPERATIONS = before


def forked(draw, folder, limit):
    standing, faults, stop = threads.networks(draw), [], threading.Event()
    jobs = [(action, net, data) for net, sets in standing for data in sets for action in threads.ACTIONS]
    jobs = [(*job, job[0](*job[1:])) for job in draw.sample(jobs, min(len(jobs), 10))]

    def disturb(order):
        try:
            with engine_threads.limit(limit):
                while not stop.is_set():
                    compare(order)
        except Exception as error:
            faults.append(error)

    orders = [draw.choices(jobs, k=5) for _ in range(draw.randint(1, 4))]
    running = [threading.Thread(target=disturb, args=(order,), daemon=True) for order in orders]
    for thread in running:
        thread.start()
    n_forks = draw.randint(1, 5)
    try:
        for k in range(n_forks):
            time.sleep(draw.uniform(0, 0.02))
            report = folder / f"child-{k}"
            _, function = life(draw, jobs, report)
            child = in_a_child(function, report)
            if draw.random() < 0.5:
                compare(draw.sample(jobs, 2))
            wait(child, report)
    finally:
        stop.set()
        for thread in running:
            thread.join()
    if faults:
        raise faults[0]
    compare(jobs)
    return f"{n_forks} children ended well"
