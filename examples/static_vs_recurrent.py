"""Static and recurrent networks on the same data, to see what is gained by looking at one step after another.

Each kind is made as strong as a few lines make it: static networks have as many units as help them, and dropout, which
costs them many times the parameters of the recurrent one. They differ in how the data are shown to them, and in their
first layers::

    static       an example as one vector               h = relu(x W + b)                           z = h V + c
    recurrent    the same numbers, step after step      h(t) = GRU(x(t), h(t-1)),  s = h(T) or      z = s V + c
                                                        the mean of all h(t)

A vector is made of a sequence in up to three ways: "padded", all frames one after the other, with zeros where it has
ended; "stretched", the same after bringing it to 20 frames; "average", its mean frame.

The tasks:

    handwritten  images of digits: 64 pixels at once, or 8 rows in time
    spoken       recordings of digits, with the silence around the word cut off
    somewhere    the same, but each word lies anywhere in 1.2 s of noise, 20 dB below it
    adding       100 pairs (number, mark): the sum of the two numbers that are marked (Hochreiter and Schmidhuber 1997);
                 the best constant has a mean squared error of 0.167

Of a word that is cut out, a static network understands as much as a recurrent one, if words are brought to one length,
and in noise that training had none of, more. What it cannot do is to recognise what it knows at another place, or to
find two numbers among a hundred.

Shown are the test scores of several seeds (of the data's split or noise, the weights and the batches), how far back in
time the loss's gradient reaches (its norm with respect to the state h(t), at several t), and how accuracy suffers from
noise in the test data, of which training has seen none. Nothing is chosen by the validation data, whose loss is drawn.

    python examples/static_vs_recurrent.py --figure comparison.png
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import rnnbp
from rnnbp import audio, datasets, diagnostics, layers, losses, metrics, optimizers, plotting
from rnnbp.optimizers import schedules
from rnnbp.preprocessing import PadOrTruncate

SNR_DB = (30, 25, 20, 15, 10, 5, 0)
REACH = (0.0, 0.25, 0.5, 0.75, 1.0)  # parts of a sequence after which its gradient is measured
STRETCHED = 20  # frames
LONG = 1.2  # seconds, in which a word lies somewhere


@dataclass
class Task:
    """Sequences (T_i, F) and targets to learn from, to validate and to test, and how to train for them."""

    train: tuple[list, np.ndarray]
    validation: tuple[list, np.ndarray]
    test: tuple[list, np.ndarray]
    views: tuple[str, ...]  # how static networks see a sequence
    n_hidden: int  # of the recurrent network
    pooling: type[layers.Layer]
    max_epochs: int
    rate: float
    noisy: list | None = None  # the test sequences at each of SNR_DB

    @property
    def is_classification(self):
        """Tell whether there are classes, ten of them."""
        return self.train[1].ndim == 1

    @property
    def loss(self):
        """Return what is trained for."""
        return losses.CrossEntropy() if self.is_classification else losses.MeanSquaredError()

    @property
    def measure(self):
        """Return what the test score is."""
        return "accuracy" if self.is_classification else "MSE"


def handwritten(rng, n_samples):
    """Take scikit-learn's images of 8 x 8 pixels; noise is added to the pixels."""
    data = load_digits()
    images, digits = data.images / 8 - 1, data.target
    parts = []
    for size in (0.25, 0.1):
        images, part, digits, of_part = train_test_split(
            images, digits, test_size=size, stratify=digits, random_state=rng.integers(2**32)
        )
        parts.append((list(part), of_part))
    test, validation = parts
    noise = np.std(test[0]) * rng.standard_normal(np.shape(test[0]))
    return Task(
        train=(list(images[:n_samples]), digits[:n_samples]),
        validation=validation,
        test=test,
        views=("padded",),
        n_hidden=48,
        pooling=layers.LastStep,
        max_epochs=30,
        rate=1e-2,
        noisy=[list(test[0] + 10 ** (-snr_db / 20) * noise) for snr_db in SNR_DB],
    )


def voices(rng, n_samples):
    """Return recordings to learn from, to validate and to test: each by voices that are in no other part."""
    data = datasets.load_spoken_digits()
    learnt, heard = data.select(data.subset == "train"), data.select(data.subset == "test")
    held = np.isin(learnt.groups, rng.permutation(np.unique(learnt.groups))[:3])
    chosen = rng.permutation(np.flatnonzero(~held))[:n_samples]
    return learnt.select(chosen), learnt.select(held), heard


def sequences_of(waves, sample_rate, trim):
    """Return log-mel frames; for why so, see spoken_digits.py."""
    levels = audio.AudioFeatures(sample_rate, n_mels=32, normalize=None, trim=trim, progress=False).transform(waves)
    return [(level - (level.mean(axis=0) + level.mean()) / 2) / 10 for level in levels]


def spoken(rng, n_samples):
    """Take the recordings that ship; noise is added to the waveforms."""
    parts = voices(rng, n_samples)
    frames = partial(sequences_of, sample_rate=parts[0].sample_rate, trim=30.0)
    train, validation, test = ((frames(part.waves), part.target) for part in parts)
    return Task(
        train=train,
        validation=validation,
        test=test,
        views=("padded", "stretched", "average"),
        n_hidden=64,
        pooling=layers.MeanOverTime,
        max_epochs=15,
        rate=1e-2,
        noisy=[frames([audio.add_noise(wave, snr_db, rng) for wave in parts[-1].waves]) for snr_db in SNR_DB],
    )


def somewhere(rng, n_samples):
    """Put the same recordings anywhere into a longer one, and noise over all."""
    parts = voices(rng, n_samples)
    length = round(LONG * parts[0].sample_rate)

    def put(wave):
        before = rng.integers(length - wave.size + 1)
        longer = np.pad(wave, (before, length - wave.size - before))
        return audio.add_noise(longer, 20 - 10 * np.log10(length / wave.size), rng)  # below the word, not below all

    frames = partial(sequences_of, sample_rate=parts[0].sample_rate, trim=None)
    train, validation, test = ((frames([put(wave) for wave in part.waves]), part.target) for part in parts)
    return Task(
        train=train,
        validation=validation,
        test=test,
        views=("padded", "average"),
        n_hidden=64,
        pooling=layers.MeanOverTime,
        max_epochs=15,
        rate=1e-2,
    )


def adding(rng, n_samples):
    """Make the adding problem, over 100 steps; there is no noise: it consists of it."""

    def made(n):
        x, target = datasets.make_adding_problem(n, 100, random_state=rng)
        return list(x), target

    return Task(
        train=made(min(n_samples, 8000)),
        validation=made(500),
        test=made(1000),
        views=("padded",),
        n_hidden=32,
        pooling=layers.LastStep,
        max_epochs=10,
        rate=2e-2,
    )


TASKS = {"handwritten": handwritten, "spoken": spoken, "somewhere": somewhere, "adding": adding}


def stretched(frames):
    """Return a sequence of STRETCHED frames: those between two are weighted means of them."""
    place = np.linspace(0, len(frames) - 1, STRETCHED)
    before = place.astype(int)
    after, share = np.minimum(before + 1, len(frames) - 1), (place - before)[:, None]
    return (1 - share) * frames[before] + share * frames[after]


def vectors(view, train):
    """Return how a static network sees sequences: a function from a list of them to an array (N, inputs)."""
    if view == "padded":
        return PadOrTruncate(flatten=True).fit(train).transform
    of_each = {"stretched": lambda frames: stretched(frames).ravel(), "average": lambda frames: frames.mean(axis=0)}
    return lambda sequences: np.stack([of_each[view](frames) for frames in sequences])


@dataclass
class Contestant:
    """A network, how it sees sequences, and how it is trained."""

    name: str
    net: rnnbp.Network
    see: Callable
    max_epochs: int
    rate: float


def contestants(task, seed):
    """Yield the recurrent network and the static ones."""
    train, target = task.train
    n_outputs = 10 if task.is_classification else target.shape[1]
    drop = 0.3 if task.is_classification else 0.0
    gru = layers.GRU(train[0].shape[1], task.n_hidden)
    reading = [layers.Dropout(drop), layers.Dense(task.n_hidden, n_outputs)]
    net = rnnbp.Network([gru, task.pooling(), *reading], seed=seed)
    yield Contestant("recurrent", net, list, task.max_epochs, task.rate)
    for view in task.views:
        see = vectors(view, train)
        first = layers.Dense(see(train[:1]).shape[1], 128)
        rest = [layers.Activation("relu"), layers.Dropout(0.5), layers.Dense(128, n_outputs)]
        net = rnnbp.Network([first, *rest], seed=seed)
        rate = 1e-2 if view == "average" else 3e-3  # the fewer the inputs, the longer may steps be
        yield Contestant(f"static, {view}", net, see, 2 * task.max_epochs, rate)


def score(task, contestant, sequences):
    """Return the accuracy on test sequences, or the mean squared error."""
    output, target = rnnbp.predict(contestant.net, contestant.see(sequences)), task.test[1]
    return metrics.accuracy(target, output) if task.is_classification else float(np.mean((output - target) ** 2))


def gradient_reach(task, net):
    """Return the norm of dL/dh(t) at several t, the mean of 100 test sequences."""
    sequences, target = (values[:100] for values in task.test)
    norm = diagnostics.gradient_flow(net, sequences, target, task.loss).norm["0.h"]
    steps = np.outer(REACH, [len(sequence) - 1 for sequence in sequences]).round().astype(int)
    return len(sequences) * np.take_along_axis(norm, steps, axis=0).mean(axis=1)  # the loss is a mean, not a sum


@dataclass
class Result:
    """What became of one network on one task with one seed."""

    history: rnnbp.History
    n_parameters: int
    measure: str
    score: float
    reach: np.ndarray | None  # norms of dL/dh(t), of a recurrent network
    against_noise: list | None  # accuracies at SNR_DB, of a classifier


def train_and_measure(task, contestant, max_epochs, seed):
    max_epochs = max_epochs or contestant.max_epochs
    history = rnnbp.fit(
        contestant.net,
        contestant.see(task.train[0]),
        task.train[1],
        loss=task.loss,
        optimizer=optimizers.Adam(schedules.one_cycle(contestant.rate, max_epochs), clip_norm=1.0),
        max_epochs=max_epochs,
        batch_size=64,
        validation_data=(contestant.see(task.validation[0]), task.validation[1]),
        seed=seed,
        progress=False,
    )
    return Result(
        history=history,
        n_parameters=contestant.net.theta.size,
        measure=task.measure,
        score=score(task, contestant, task.test[0]),
        reach=gradient_reach(task, contestant.net) if contestant.net.is_recurrent else None,
        against_noise=task.noisy and [score(task, contestant, sequences) for sequences in task.noisy],
    )


def row(name, kind, results):
    """Return a line of the table: of the seeds' scores the mean, the lowest and the highest."""
    scores = [result.score for result in results]
    seconds = sum(sum(result.history.seconds) for result in results)
    first = results[0]
    text = f"{name:12} {kind:18} {first.measure:>8} {np.mean(scores):<9.4g} {min(scores):9.4g} {max(scores):9.4g}"
    text += f" {first.n_parameters:10} {seconds:8.1f}"
    if first.reach is not None:
        text += "   " + "  ".join(f"{norm:.0e}" for norm in np.mean([result.reach for result in results], axis=0))
    return text


def draw(results, path):
    """Draw, for each task, scores and validation losses; then accuracy in noise, and how far gradients reach."""
    from matplotlib.figure import Figure

    noisy = [name for name, kinds in results.items() if kinds["recurrent"][0].against_noise]
    n_columns = max(2, len(results), len(noisy) + 1)
    figure = Figure(figsize=(4.6 * n_columns, 10.5), layout="constrained")
    grid = figure.subplots(3, n_columns)
    for scores, validation, (name, kinds) in zip(grid[0], grid[1], results.items(), strict=False):
        draw_scores(scores, kinds)
        scores.set_title(name)
        draw_losses(validation, kinds)
    last = iter(grid[2])
    for name in noisy:
        accuracies = {kind: np.mean([r.against_noise for r in found], axis=0) for kind, found in results[name].items()}
        ax = plotting.accuracy_against_noise(SNR_DB, accuracies, chance=0.1, ax=next(last))
        ax.set_title(f"{name}: noise in the test data, mean of the seeds")
    norms = {name: np.mean([r.reach for r in kinds["recurrent"]], axis=0) for name, kinds in results.items()}
    ax = plotting.gradient_over_time(REACH, norms, ax=next(last))
    ax.set(title="the recurrent networks' gradients, back in time", xlabel="t / T")
    for ax in grid.flat:
        ax.set_visible(ax.has_data())
    figure.savefig(path, dpi=100)
    print(f"wrote {path}")


def draw_scores(ax, kinds):
    """Draw a dot for each seed, and a line for their mean."""
    measure = kinds["recurrent"][0].measure
    for place, (kind, found) in enumerate(kinds.items()):
        scores, colour = [result.score for result in found], plotting.axes.COLOURS[place]
        ax.plot(scores, np.full(len(scores), place), "o", color=colour, alpha=0.5, label=kind)
        ax.plot([np.mean(scores)] * 2, [place - 0.3, place + 0.3], color=colour)
    if measure == "MSE":
        ax.set_xscale("log")
    ax.set(xlabel=f"test {measure}: each seed, and their mean", ylim=(len(kinds) - 0.5, -0.5))
    ax.set_yticks(range(len(kinds)), kinds)
    plotting.axes.plain_frame(ax)


def draw_losses(ax, kinds):
    """Draw the losses of each epoch, in training and validation: means, and the seeds' spread in validation."""
    for colour, (kind, found) in zip(plotting.axes.COLOURS, kinds.items(), strict=False):
        validation = np.array([result.history.validation_loss for result in found])
        training = np.mean([result.history.loss for result in found], axis=0)
        epochs = np.arange(1, len(training) + 1)
        ax.plot(epochs, validation.mean(axis=0), color=colour, label=kind)
        ax.fill_between(epochs, validation.min(axis=0), validation.max(axis=0), color=colour, alpha=0.2, linewidth=0)
        ax.plot(epochs - 0.5, training, ":", color=colour)
    ax.plot([], [], ":", color="0.5", label="in training")
    ax.set(xlabel="epoch", ylabel="loss in validation", yscale="log")
    ax.legend(frameon=False, fontsize="small")
    plotting.axes.plain_frame(ax)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS), help="(default: all)")
    parser.add_argument("--n-samples", type=int, default=4000, metavar="N", help="examples to learn from, at most")
    parser.add_argument("--max-epochs", type=int, metavar="N", help="(default: what each network needs)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the first of them (default: %(default)s)")
    parser.add_argument(
        "--figure", type=plotting.figure_path, metavar="FILE", help="draw the comparison into this file"
    )
    arguments = parser.parse_args()
    for name in ("n_samples", "max_epochs", "seeds"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1, but {value} was given")
    return arguments


def main():
    arguments = parse_arguments()
    results = {}
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    print(
        f"{f'{len(seeds)} seeds':31} {'test score: mean':>18} {'lowest':>9} {'highest':>9} {'parameters':>10} "
        f"{'seconds':>8}   |dL/dh(t)| at t/T = {REACH}"
    )
    for name in arguments.tasks:
        results[name] = {}
        for seed in tqdm(seeds, desc=name, disable=None, leave=False):
            task = TASKS[name](np.random.default_rng(seed), arguments.n_samples)
            for contestant in contestants(task, seed):
                found = train_and_measure(task, contestant, arguments.max_epochs, seed)
                results[name].setdefault(contestant.name, []).append(found)
        for kind, found in results[name].items():
            print(row(name, kind, found), flush=True)
    noisy = {name: kinds for name, kinds in results.items() if kinds["recurrent"][0].against_noise}
    if noisy:
        print(f"\n{'accuracy in noise, mean':31} " + "".join(f"{snr_db:>4} dB" for snr_db in SNR_DB))
    for name, kinds in noisy.items():
        for kind, found in kinds.items():
            accuracies = np.mean([result.against_noise for result in found], axis=0)
            print(f"{name:12} {kind:18} " + "".join(f"{accuracy:7.3f}" for accuracy in accuracies))
    if arguments.figure:
        draw(results, arguments.figure)


if __name__ == "__main__":
    main()
