"""Spoken digits: from a wave file to a recognised word, with a recurrent network, and a static one beside it.

Recordings become log-mel features, one frame every 10 ms. The recurrent network reads them frame by frame, in both
directions, and is trained by backpropagation through time; the static one is shown all frames at once, brought to 20 of
them whatever the word's length, and is trained by plain backpropagation::

    recurrent    h(t) = [GRU forwards, GRU backwards](x(t), h(t-1))        z = mean over t of h(t) V + c
    static       h = relu([x(1), ..., x(20)] W + b)                        z = h V + c

Otherwise they are alike: about the same number of parameters, and the same loss, optimizer, batches and epochs. The
recurrent one is saved, read again, and given a wav file. (The first run of all takes some seconds longer than the next:
the loops over time are compiled, once.)

What is silent before and after the word is cut off (``trim``), and as noise cannot be told from quiet speech by its
level, the copies to train on have silence and noise around them. What is none of the words can be told in two ways. A
further class is trained, with noises and words said backwards. And a word must be more probable than a threshold, below
which no more than 5 % of rightly recognised words lie, in recordings that were held out. The first tells of what is
like what it was trained on; the second, of part of the rest.

    python examples/spoken_digits.py                                    # the set that ships: synthetic voices
    python examples/spoken_digits.py --dataset fsdd                     # real ones, the official split
    python examples/spoken_digits.py --dataset fsdd --leave-one-speaker-out
    python examples/spoken_digits.py --classify my_seven.wav            # with the model that was saved before
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import soundfile

import rnnbp
from rnnbp import activations, audio, datasets, layers, metrics, optimizers, plotting
from rnnbp.optimizers import schedules

N_HIDDEN = 64
N_FRAMES = 20  # of a word, as the static network sees it
N_COPIES = 2  # of each training recording, at another speed, with silence around it and noise
LONGEST_SILENCE = 1.0  # seconds, on each side
NONE = "none"  # the class of what is no word
FALSE_REJECTIONS = 0.05  # the share of rightly recognised words that may be called none


def features_of(sample_rate):
    return audio.AudioFeatures(sample_rate, n_mels=32, normalize=None, trim=30.0)


def probabilities(net, sequences):
    """Return the probability of each class, (N, K)."""
    return activations.get("softmax").value(rnnbp.predict(net, sequences))


def sequences_of(features, recordings):
    """Return a sequence of frames, of shape (T, F), for each waveform or file.

    Log-mel levels are in dB, and 10 dB become 1. Half of a band's mean level over the recording is taken away: it tells
    of loudness, room and microphone, which do not matter, but in so short a word also of its vowel. (To take away all
    of it and scale each band to unit variance, as ``normalize="utterance"`` does, made several times the errors on
    real voices.)
    """
    levels = features.transform(recordings)
    return [(level - (level.mean(axis=0) + level.mean()) / 2) / 10 for level in levels]


def in_noise(wave, sample_rate, rng):
    """Put up to a second of silence on each side, and white noise over all, 5 to 30 dB below the word."""
    before, after = rng.integers(0, round(LONGEST_SILENCE * sample_rate) + 1, size=2)
    longer = np.pad(wave, (before, after))
    silence_db = 10 * np.log10(longer.size / wave.size)  # so much lower is the mean power of all of it
    return audio.add_noise(longer, rng.uniform(5, 30) - silence_db, rng)


def training_data(features, data, seed):
    """Return sequences and classes of the recordings, and of copies: faster or slower, with silence, in some noise.

    After the words' classes comes one more, of words said backwards and noises, each a third as many as the copies.
    """
    rng = np.random.default_rng(seed)

    def varied(waves):
        other_speeds = [audio.change_speed(wave, rng.uniform(0.9, 1.1)) for wave in waves]
        return [in_noise(wave, data.sample_rate, rng) for wave in other_speeds]

    waves = list(data.waves)
    for _ in range(N_COPIES):
        waves += varied(data.waves)
    others = varied([wave[::-1] for wave in data.waves[::2]])
    others += [rng.uniform(0.001, 0.3) * rng.standard_normal(wave.size) for wave in data.waves[::2]]
    target = [*np.tile(data.target, 1 + N_COPIES), *np.full(len(others), len(data.target_names))]
    return sequences_of(features, waves + others), np.array(target)


def hold_out(data, tested, seed):
    """Return two parts of the recordings: to train on, and a tenth to choose the threshold on.

    The tenth is of whole voices where those that are tested are new, too: a network is surer of a voice that it knows.
    """
    voices_are_new = not np.isin(tested.groups, data.groups).any()
    units = np.unique(data.groups) if voices_are_new else np.arange(len(data.waves))
    chosen = np.random.default_rng(seed).permutation(units)[: -(-len(units) // 10)]
    held_out = np.isin(data.groups if voices_are_new else units, chosen)
    return data.select(~held_out), data.select(held_out)


def vectors_of(sequences):
    """Return each sequence as one vector, of N_FRAMES frames at equal distances: (N, N_FRAMES F).

    A frame between two is the mean of them, weighted by how near they are.
    """

    def stretched(frames):
        place = np.linspace(0, len(frames) - 1, N_FRAMES)
        before = place.astype(int)
        after, share = np.minimum(before + 1, len(frames) - 1), (place - before)[:, None]
        return ((1 - share) * frames[before] + share * frames[after]).ravel()

    return np.stack([stretched(frames) for frames in sequences])


def recurrent_network(n_features, n_classes, seed):
    return rnnbp.Network(
        [
            layers.GRU(n_features, N_HIDDEN, bidirectional=True),
            layers.MeanOverTime(),
            layers.Dropout(0.3),
            layers.Dense(2 * N_HIDDEN, n_classes),
        ],
        seed=seed,
    )


def static_network(n_inputs, n_classes, n_parameters, seed):
    n_hidden = round((n_parameters - n_classes) / (n_inputs + 1 + n_classes))
    return rnnbp.Network(
        [
            layers.Dense(n_inputs, n_hidden),
            layers.Activation("relu"),
            layers.Dropout(0.3),
            layers.Dense(n_hidden, n_classes),
        ],
        seed=seed,
    )


def train(net, x, target, *, max_epochs, seed, validation_data=None):
    """Train a network, of whichever kind."""
    # The rate rises and falls within the training; where the loss is steep, the step stays small.
    return rnnbp.fit(
        net,
        x,
        target,
        loss="cross_entropy",
        optimizer=optimizers.Adam(schedules.one_cycle(5e-3, max_epochs), clip_norm=1.0),
        max_epochs=max_epochs,
        batch_size=32,
        validation_data=validation_data,
        seed=seed,
    )


def compare(data, arguments):
    """Train both networks on one part of the data and test them on the other; return what there is to draw."""
    learnt, heard = data.select(data.subset == "train"), data.select(data.subset == "test")
    learnt, held_out = hold_out(learnt, heard, arguments.seed)
    features = features_of(data.sample_rate)
    x_train, y_train = training_data(features, learnt, arguments.seed)
    x_held, y_held = training_data(features, held_out, arguments.seed + 1)
    x_test = sequences_of(features, heard.waves)
    names = [*data.target_names, NONE]
    n_features, n_classes = x_train[0].shape[1], len(names)
    print(f"train: {learnt!r}, and {N_COPIES} noisy copies at other speeds\ntest:  {heard!r}")
    print(f"threshold: {held_out!r}, and copies")

    recurrent = recurrent_network(n_features, n_classes, arguments.seed)
    static = static_network(N_FRAMES * n_features, n_classes, recurrent.theta.size, arguments.seed)
    results = {}
    for name, net, see in (("recurrent", recurrent, list), ("static", static, vectors_of)):
        held = see(x_held), y_held  # nothing is chosen by their loss: it is drawn
        options = {"max_epochs": arguments.max_epochs, "seed": arguments.seed, "validation_data": held}
        history = train(net, see(x_train), y_train, **options)
        output = rnnbp.predict(net, see(x_test))
        accuracy = metrics.accuracy(heard.target, output)
        confusion = metrics.confusion_matrix(heard.target, output.argmax(axis=1), n_classes)
        results[name] = history, accuracy, confusion
        print(f"\n{name}: {net.theta.size} parameters, {len(history)} epochs in {sum(history.seconds):.1f} s")
        print(f"{name}: test accuracy {accuracy:.4f}")
        print_confusion(confusion, names)

    is_word = y_held < len(data.target_names)
    p_held = probabilities(recurrent, x_held)[is_word]
    threshold = metrics.rejection_threshold(y_held[is_word], p_held, false_rejections=FALSE_REJECTIONS)
    report_rejections(recurrent, x_test, heard, features, threshold, arguments.seed)
    metadata = {"features": features.settings(), "class_names": names, "threshold": threshold}
    recurrent.save(arguments.model, metadata=metadata)
    print(f"\nsaved the recurrent network as {arguments.model}; read again, it hears:")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{heard.names[0]}.wav"
        soundfile.write(path, heard.waves[0], data.sample_rate)
        classify(path, arguments.model)
    return results


def recognised(p, threshold):
    """Return the most probable class of each recording; the last, if it is not probable enough."""
    return np.where(p.max(axis=1) < threshold, p.shape[1] - 1, p.argmax(axis=1))


def report_rejections(net, x_test, heard, features, threshold, seed):
    """Print which share is taken for no word: of the test's words, and of sounds that are none."""
    p = probabilities(net, x_test)
    right = p.argmax(axis=1) == heard.target
    rejected = recognised(p, threshold) == p.shape[1] - 1
    print(f"\na word needs a probability of {threshold:.3f}; taken for none:")
    print(
        f"{rejected[right].mean():8.1%} of the words that would be right, {rejected[~right].mean():.1%} of the others"
    )
    rng = np.random.default_rng(seed)
    others = {
        "words backwards": [wave[::-1] for wave in heard.waves],
        "noises": [0.1 * rng.standard_normal(wave.size) for wave in heard.waves],
        "words with their halves exchanged, unlike all that was trained on": [
            np.roll(wave, wave.size // 2) for wave in heard.waves
        ],
    }
    for name, waves in others.items():
        rejected = recognised(probabilities(net, sequences_of(features, waves)), threshold) == p.shape[1] - 1
        print(f"{rejected.mean():8.1%} of {name}")


def print_confusion(confusion, names):
    """Print who was taken for whom: a row for each word said, a column for each word heard."""
    print(" " * 8 + "".join(f"{name:>6}" for name in names))
    for name, row in zip(names, confusion, strict=True):
        print(f"{name:>8}" + "".join(f"{count or '.':>6}" for count in row))


def leave_one_speaker_out(data, arguments):
    """Test the recurrent network on each speaker after training on the others."""
    features = features_of(data.sample_rate)
    accuracies = []
    for speaker in np.unique(data.groups):
        learnt, heard = data.select(data.groups != speaker), data.select(data.groups == speaker)
        x, target = training_data(features, learnt, arguments.seed)
        net = recurrent_network(x[0].shape[1], len(data.target_names) + 1, arguments.seed)
        train(net, x, target, max_epochs=arguments.max_epochs, seed=arguments.seed)
        output = rnnbp.predict(net, sequences_of(features, heard.waves))
        accuracies.append(metrics.accuracy(heard.target, output))
        print(f"{speaker:>12}, never heard before: accuracy {accuracies[-1]:.4f}")
    print(f"{'mean':>12}: accuracy {np.mean(accuracies):.4f}")


def classify(path, model):
    """Say which word a file holds, with nothing but what is in the model file."""
    net = rnnbp.Network.load(model)
    features = audio.AudioFeatures.from_settings(net.metadata["features"])
    p = probabilities(net, sequences_of(features, [path]))
    words = net.metadata["class_names"]
    heard = recognised(p, net.metadata["threshold"])[0]
    others = [i for i in np.argsort(p[0])[::-1] if i != heard]
    print(f"{path.name}: {words[heard]} ({p[0, heard]:.1%}), or {words[others[0]]} ({p[0, others[0]]:.1%})")


def draw(results, names, path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4.2), layout="constrained")
    curves, *squares = figure.subplots(1, 3)
    for name, (history, _, _) in results.items():
        history.plot(label=name, ax=curves)
    curves.set_title("training, and recordings held out")
    for ax, (name, (_, accuracy, confusion)) in zip(squares, results.items(), strict=True):
        plotting.confusion_matrix(confusion, class_names=names, ax=ax).set_title(f"{name}: accuracy {accuracy:.3f}")
    figure.savefig(path, dpi=120)
    print(f"wrote {path}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=["shipped", "fsdd"], default="shipped", help="(default: %(default)s)")
    parser.add_argument("--leave-one-speaker-out", action="store_true", help="test on speakers never heard (fsdd only)")
    parser.add_argument("--max-epochs", type=int, default=10, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random (default: %(default)s)")
    parser.add_argument("--model", type=Path, default="spoken_digits.rnnbp", help="model file (default: %(default)s)")
    parser.add_argument("--classify", type=Path, nargs="+", metavar="WAV", help="train nothing, use the model on files")
    parser.add_argument(
        "--figure", type=plotting.figure_path, metavar="FILE", help="draw training and confusion into this file"
    )
    arguments = parser.parse_args()
    if arguments.max_epochs < 1:
        parser.error(f"--max-epochs must be at least 1, but {arguments.max_epochs} was given")
    if arguments.leave_one_speaker_out and arguments.dataset != "fsdd":
        parser.error("--leave-one-speaker-out needs --dataset fsdd: the set that ships is tested on new voices anyway")
    return arguments


def main():
    arguments = parse_arguments()
    if arguments.classify:
        try:
            for path in arguments.classify:
                classify(path, arguments.model)
        except (FileNotFoundError, rnnbp.ModelFileError, audio.AudioError) as error:
            raise SystemExit(f"error: {error}") from None
        return
    try:
        data = datasets.fetch_fsdd() if arguments.dataset == "fsdd" else datasets.load_spoken_digits()
    except (OSError, ValueError) as error:  # the first is downloaded
        raise SystemExit(f"error: {error}") from None
    if arguments.leave_one_speaker_out:
        leave_one_speaker_out(data, arguments)
        return
    results = compare(data, arguments)
    if arguments.figure:
        draw(results, [*data.target_names, NONE], arguments.figure)


if __name__ == "__main__":
    main()
