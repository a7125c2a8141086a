"""Training on a Dask cluster: a recurrent network learns from sequences that no single machine need hold.

Each worker makes its own part of the data, as it would read its own files, and keeps it. A minibatch is of examples
from all parts; the workers run the network on those that they have, and add up their gradients on the way to this
process, which does all else. The task is the adding problem (Hochreiter and Schmidhuber 1997): two of a row's numbers
are marked, and their sum is to be told at its end; the best constant has a mean squared error of 0.167.

By default the cluster is of processes on this machine; with the address of a scheduler, any other.

    python examples/train_on_a_cluster.py --workers 2 --compare --dtype float64
    python examples/train_on_a_cluster.py --address tcp://scheduler:8786 --parts 64 --sequences 10000

Learning this task is chaotic for a while: there, differences of rounding grow a hundred thousand times, in one process
as on a cluster. So parameters are best compared in float64.

Parts that are read from files are made in the same way: ``dask.delayed(read)(path)`` for each path that workers can
open, where ``read(path)`` returns a part's sequences and targets.
"""

import argparse

import dask
import numpy as np
from distributed import Client, LocalCluster

import rnnbp
import rnnbp.distributed
from rnnbp import datasets, layers, optimizers, plotting


def make_part(n_sequences, n_steps, seed):
    """Return a part of the data: sequences (T, 2), and a target for each."""
    x, target = datasets.make_adding_problem(n_sequences, n_steps, random_state=seed)
    return list(x), target


def make_network(options):
    """Return a network of gated recurrent units that tells one number at the end of a sequence."""
    n = options.hidden
    return rnnbp.Network(
        [layers.GRU(2, n), layers.LastStep(), layers.Dense(n, 1)], dtype=options.dtype, seed=options.seed
    )


def train(client, options):
    """Train on the cluster, and return the network and the history."""
    seeds = range(options.seed, options.seed + options.parts)
    parts = [dask.delayed(make_part)(options.sequences, options.steps, seed) for seed in seeds]
    held_out = make_part(500, options.steps, options.seed + options.parts)
    net = make_network(options)
    history = rnnbp.distributed.fit(client, net, parts, validation_data=held_out, **settings(options))
    return net, history


def settings(options):
    """Return what training is the same in, on a cluster and in one process."""
    return {
        "loss": "mean_squared_error",
        "optimizer": optimizers.Adam(5e-3, clip_norm=1.0),
        "max_epochs": options.max_epochs,
        "batch_size": options.batch_size,
        "callbacks": [report],
        "progress": False,
    }


def report(net, history):
    """Say how an epoch went."""
    print(
        f"epoch {len(history):2}: loss {history.loss[-1]:.4f}, of sequences held out "
        f"{history.validation_loss[-1]:.4f}, {history.seconds[-1]:.1f} s"
    )


def compare(net, options):
    """Train in this process on the same data, and say how far the parameters are apart."""
    print("\nthe same in one process:")
    parts = [make_part(options.sequences, options.steps, options.seed + k) for k in range(options.parts)]
    x = [sequence for part, _ in parts for sequence in part]
    target = np.concatenate([targets for _, targets in parts])
    held_out = make_part(500, options.steps, options.seed + options.parts)
    alone = make_network(options)
    rnnbp.fit(alone, x, target, validation_data=held_out, **settings(options))
    print(f"largest difference between parameters: {np.abs(alone.theta - net.theta).max():.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", help="of a scheduler; default: a cluster of processes on this machine")
    parser.add_argument("--workers", type=int, default=2, help="processes on this machine (default %(default)s)")
    parser.add_argument("--parts", type=int, default=4, help="of the data (default %(default)s)")
    parser.add_argument("--sequences", type=int, default=1000, help="in each part (default %(default)s)")
    parser.add_argument("--steps", type=int, default=30, help="in each sequence (default %(default)s)")
    parser.add_argument("--hidden", type=int, default=32, help="units (default %(default)s)")
    parser.add_argument("--batch-size", type=int, default=64, help="sequences a minibatch (default %(default)s)")
    parser.add_argument("--max-epochs", type=int, default=15, help="(default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of data and parameters (default %(default)s)")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32", help="(default %(default)s)")
    parser.add_argument("--compare", action="store_true", help="train in one process, too, and compare the parameters")
    parser.add_argument("--figure", type=plotting.figure_path, metavar="PATH", help="draw the losses into this file")
    options = parser.parse_args()
    for name in ("workers", "parts", "sequences", "hidden", "batch_size", "max_epochs"):
        if getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1, but {getattr(options, name)} was given")

    if options.address:
        with Client(options.address) as client:
            net, history = train(client, options)
    else:
        with (
            LocalCluster(n_workers=options.workers, threads_per_worker=1, dashboard_address=":0") as cluster,
            Client(cluster) as client,
        ):
            net, history = train(client, options)
    if options.compare:
        compare(net, options)
    if options.figure:
        plotting.learning_curves(history).figure.savefig(options.figure, dpi=120)
        print(f"\nwrote {options.figure}")


if __name__ == "__main__":
    main()
