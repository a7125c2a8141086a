"""A static and a recurrent network on the same data, to see what is gained by looking at one step after another.

Both have about the same number of parameters, and the same optimizer, schedule, batches and epochs. They differ in how
the data are shown to them, and in their first layer::

    static       an example as one vector               h = relu(x W + b)                           z = h V + c
    recurrent    the same numbers, step after step      h(t) = GRU(x(t), h(t-1)),  h = h(T)         z = h V + c

The tasks:

    handwritten  images of digits: 64 pixels at once, or 8 rows in time
    spoken       recordings of digits: features averaged over time, or frame after frame
    adding       100 pairs (number, mark): the sum of the two numbers that are marked (Hochreiter and Schmidhuber 1997);
                 the best constant has a mean squared error of 0.167

Shown are the test score, how far back in time the loss's gradient reaches (its norm with respect to the state h(t), at
several t), and how accuracy suffers from noise in the test data, of which training has seen none.

    python examples/static_vs_recurrent.py --figure comparison.png
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import rnnbp
from rnnbp import audio, datasets, layers, losses, metrics, optimizers, plotting
from rnnbp.optimizers import schedules

SNR_DB = (30, 25, 20, 15, 10, 5, 0)
REACH = (0.0, 0.25, 0.5, 0.75, 1.0)  # parts of a sequence after which its gradient is measured


@dataclass
class Task:
    """Sequences (T_i, F) and targets, how the static network sees a sequence, and how to train for it."""

    train: tuple[list, np.ndarray]
    test: tuple[list, np.ndarray]
    as_vector: Callable  # sequence -> vector
    loss: losses.Loss
    n_hidden: int  # of the recurrent network
    max_epochs: int
    rate: float
    noisy: list | None = None  # the test sequences at each of SNR_DB


def handwritten(rng, n_samples):
    """Take scikit-learn's images of 8 x 8 pixels; noise is added to the pixels."""
    data = load_digits()
    images = data.images / 8 - 1
    x_train, x_test, y_train, y_test = train_test_split(
        images, data.target, test_size=0.25, stratify=data.target, random_state=rng.integers(2**32)
    )
    noise = x_test.std() * rng.standard_normal(x_test.shape)
    return Task(
        train=(list(x_train[:n_samples]), y_train[:n_samples]),
        test=(list(x_test), y_test),
        as_vector=np.ravel,
        loss=losses.CrossEntropy(),
        n_hidden=48,
        max_epochs=30,
        rate=1e-2,
        noisy=[list(x_test + 10 ** (-snr_db / 20) * noise) for snr_db in SNR_DB],
    )


def spoken(rng, n_samples):
    """Take the recordings that ship, other voices in the test than in training; noise is added to the waveforms."""
    data = datasets.load_spoken_digits()
    learnt, heard = data.select(data.subset == "train"), data.select(data.subset == "test")
    learnt = learnt.select(rng.permutation(len(learnt.waves))[:n_samples])
    features = audio.AudioFeatures(data.sample_rate, n_mels=32, normalize=None, trim=30.0)

    def sequences_of(waves):  # why so: see spoken_digits.py
        return [(level - (level.mean(axis=0) + level.mean()) / 2) / 10 for level in features.transform(waves)]

    return Task(
        train=(sequences_of(learnt.waves), learnt.target),
        test=(sequences_of(heard.waves), heard.target),
        as_vector=lambda frames: frames.mean(axis=0),
        loss=losses.CrossEntropy(),
        n_hidden=64,
        max_epochs=20,
        rate=1e-2,
        noisy=[sequences_of([audio.add_noise(wave, snr_db, rng) for wave in heard.waves]) for snr_db in SNR_DB],
    )


def adding(rng, n_samples):
    """Make the adding problem, over 100 steps; there is no noise: it consists of it."""
    x_train, y_train = datasets.make_adding_problem(min(n_samples, 8000), 100, random_state=rng)
    x_test, y_test = datasets.make_adding_problem(1000, 100, random_state=rng)
    return Task(
        train=(list(x_train), y_train),
        test=(list(x_test), y_test),
        as_vector=np.ravel,
        loss=losses.MeanSquaredError(),
        n_hidden=32,
        max_epochs=10,
        rate=2e-2,
    )


TASKS = {"handwritten": handwritten, "spoken": spoken, "adding": adding}


def make_networks(task, seed):
    """Return a recurrent network, and a static one of about as many parameters."""
    sequences, target = task.train
    n_features, n_vector = sequences[0].shape[1], task.as_vector(sequences[0]).size
    n_outputs = 10 if is_classification(task) else target.shape[1]
    recurrent = rnnbp.Network(
        [layers.GRU(n_features, task.n_hidden), layers.LastStep(), layers.Dense(task.n_hidden, n_outputs)], seed=seed
    )
    n_hidden = round((recurrent.theta.size - n_outputs) / (n_vector + 1 + n_outputs))
    static = rnnbp.Network(
        [layers.Dense(n_vector, n_hidden), layers.Activation("relu"), layers.Dense(n_hidden, n_outputs)], seed=seed
    )
    return {"recurrent": recurrent, "static": static}


def is_classification(task):
    return isinstance(task.loss, losses.CrossEntropy)


def shown(task, sequences, net):
    """Return sequences as the network takes them."""
    return sequences if net.is_recurrent else np.stack([task.as_vector(sequence) for sequence in sequences])


def score(task, net, sequences):
    """Return the accuracy on test sequences, or the mean squared error."""
    output, target = rnnbp.predict(net, shown(task, sequences, net)), task.test[1]
    return metrics.accuracy(target, output) if is_classification(task) else float(np.mean((output - target) ** 2))


def gradient_reach(task, net):
    """Return the norm of dL/dh(t) at several t, the mean of 100 test sequences.

    What follows h(t) is a run of the rest of the sequence from that state, and so dL/dh(t) is the gradient of an
    initial state.
    """
    sequences, target = (values[:100] for values in task.test)
    norms = []
    for part in REACH:
        cuts = [round(part * (len(sequence) - 1)) for sequence in sequences]  # at least the last step is left to run
        state = None
        if min(cuts) > 0:
            state = net.run([s[:cut] for s, cut in zip(sequences, cuts, strict=True)]).final_states
        rest = net.run([s[cut:] for s, cut in zip(sequences, cuts, strict=True)], initial_states=state)
        _, d_output = task.loss(rest.output, target)
        d_state = rest.backward(d_output).initial_states["0.h"]
        norms.append(len(sequences) * np.linalg.norm(d_state, axis=1).mean())  # the loss is a mean, not a sum
    return norms


@dataclass
class Result:
    """What became of one network on one task."""

    history: rnnbp.History
    score: float
    reach: list | None  # norms of dL/dh(t), of a recurrent network
    against_noise: list | None  # accuracies at SNR_DB, of a classifier


def train_and_measure(task, net, arguments):
    max_epochs = arguments.max_epochs or task.max_epochs
    history = rnnbp.fit(
        net,
        shown(task, task.train[0], net),
        task.train[1],
        loss=task.loss,
        optimizer=optimizers.Adam(schedules.one_cycle(task.rate, max_epochs), clip_norm=1.0),
        max_epochs=max_epochs,
        batch_size=64,
        seed=arguments.seed,
    )
    return Result(
        history=history,
        score=score(task, net, task.test[0]),
        reach=gradient_reach(task, net) if net.is_recurrent else None,
        against_noise=task.noisy and [score(task, net, sequences) for sequences in task.noisy],
    )


def print_row(name, kind, task, net, result):
    measure = "accuracy" if is_classification(task) else "MSE"
    reach = "  ".join(f"{norm:.0e}" for norm in result.reach or ())
    seconds = sum(result.history.seconds)
    print(f"{name:12} {kind:10} {measure:>8} {result.score:<9.4g} {net.theta.size:10} {seconds:8.1f}   {reach}")


def draw(results, path):
    """Draw accuracy against noise, how far gradients reach, and the last task's training."""
    from matplotlib.figure import Figure

    noisy = [name for name, result in results.items() if result["static"].against_noise]
    n_panels = len(noisy) + 2
    n_rows, n_columns = (2, 2) if n_panels == 4 else (1, n_panels)
    figure = Figure(figsize=(5 * n_columns, 3.5 * n_rows), layout="constrained")
    *against_noise, over_time, training = figure.subplots(n_rows, n_columns).flat
    for ax, name in zip(against_noise, noisy, strict=True):
        accuracies = {kind: result.against_noise for kind, result in results[name].items()}
        plotting.accuracy_against_noise(SNR_DB, accuracies, chance=0.1, ax=ax).set_title(f"{name}, noisy test data")
    norms = {name: result["recurrent"].reach for name, result in results.items()}
    plotting.gradient_over_time(REACH, norms, ax=over_time).set_title("the loss's gradient, back in time")
    over_time.set_xlabel("t / T")
    name, last = results.popitem()
    for kind, result in last.items():
        plotting.learning_curves(result.history, label=kind, ax=training).set_title(f"{name}, training")
    figure.savefig(path, dpi=120)
    print(f"wrote {path}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS), help="(default: all)")
    parser.add_argument("--n-samples", type=int, default=8000, metavar="N", help="examples to learn from, at most")
    parser.add_argument("--max-epochs", type=int, metavar="N", help="(default: what each task needs)")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random (default: %(default)s)")
    parser.add_argument(
        "--figure", type=plotting.figure_path, metavar="FILE", help="draw the comparison into this file"
    )
    arguments = parser.parse_args()
    for name in ("n_samples", "max_epochs"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1, but {value} was given")
    return arguments


def main():
    arguments = parse_arguments()
    results = {name: {} for name in arguments.tasks}
    print(f"{'':23} {'test score':>18} {'parameters':>10} {'seconds':>8}   |dL/dh(t)| at t/T = {REACH}")
    for name in arguments.tasks:
        task = TASKS[name](np.random.default_rng(arguments.seed), arguments.n_samples)
        for kind, net in make_networks(task, arguments.seed).items():
            results[name][kind] = train_and_measure(task, net, arguments)
            print_row(name, kind, task, net, results[name][kind])
    if any(result.against_noise for kinds in results.values() for result in kinds.values()):
        print(f"\n{'accuracy against noise':23} " + "".join(f"{snr_db:>4} dB" for snr_db in SNR_DB))
    for name, kinds in results.items():
        for kind, result in kinds.items():
            if result.against_noise:
                print(f"{name:12} {kind:10} " + "".join(f"{accuracy:7.3f}" for accuracy in result.against_noise))
    if arguments.figure:
        draw(results, arguments.figure)


if __name__ == "__main__":
    main()
