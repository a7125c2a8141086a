"""Kills workers at random moments while they train, and compares what comes of it, to the bit.

    python -m tests.distributed.killing [--times 20] [--seed 0]

Each kill is SIGKILL to the process of one worker, chosen at random, or of all of them at once; Dask's nannies start
others in their place. Training must end as it does when nobody is killed.
"""

import argparse
import logging
import os
import random
import signal
import sys
import threading
import time

import numpy as np
from distributed import Client, LocalCluster

import rnnbp
import rnnbp.distributed
from rnnbp import layers


def problem(n=400):
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(length, 6)).astype("float32") for length in rng.integers(5, 40, size=n)]
    return x, np.array([int(sequence[0, 0] > 0) for sequence in x])


def network():
    return rnnbp.Network([layers.LSTM(6, 24), layers.LastStep(), layers.Dropout(0.1), layers.Dense(24, 2)], seed=3)


def pids(client):
    try:
        return list(client.run(os.getpid, on_error="ignore").values())
    except Exception:  # workers that come and go
        return []


class Killer(threading.Thread):
    """Kills workers until it is told to stop."""

    def __init__(self, cluster, times, seed):
        super().__init__(daemon=True)
        self.cluster, self.times, self.random = cluster, times, random.Random(seed)
        self.n_workers, self.killed, self.done = len(cluster.workers), 0, threading.Event()

    def run(self):
        with Client(self.cluster, set_as_default=False) as client:
            while self.killed < self.times and not self.done.wait(self.random.uniform(0.2, 8.0)):
                self.cluster.scale(self.n_workers)  # a nanny whose process is killed as it starts gives up
                found = pids(client)
                if not found:
                    continue
                chosen = found if self.random.random() < 0.15 else [self.random.choice(found)]
                for pid in chosen:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        continue
                    self.killed += 1
                print(f"{time.strftime('%X')} killed {len(chosen)}: {self.killed} in all", flush=True)


def train(client, max_epochs, killer=None):
    """Train until the killer is done, or for so many epochs."""
    x, target = problem()
    net = network()
    history = rnnbp.distributed.fit(
        client,
        net,
        x,
        target,
        loss="cross_entropy",
        batch_size=32,
        max_epochs=max_epochs,
        callbacks=[lambda net, history: killer is not None and killer.killed >= killer.times],
        progress=False,
    )
    return net, history


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    sizes = {"threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": logging.CRITICAL}
    with LocalCluster(n_workers=options.workers, **sizes) as cluster, Client(cluster) as client:
        killer = Killer(cluster, options.times, options.seed)
        killer.start()
        net, history = train(client, 10**6, killer)
        killer.done.set()
        killer.join()
    with LocalCluster(n_workers=2, **sizes) as cluster, Client(cluster) as client:
        undisturbed, expected = train(client, len(history))
    same = (net.theta == undisturbed.theta).all() and history.loss == expected.loss
    print(
        f"{killer.killed} workers killed in {len(history)} epochs; the slowest epoch took {max(history.seconds):.1f} "
        f"s; {'the same bits' if same else 'OTHER NUMBERS'} as without"
    )
    sys.exit(not same)


if __name__ == "__main__":
    main()
