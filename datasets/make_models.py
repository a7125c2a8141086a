"""Train the models that ship with the library: ``python datasets/make_models.py``.

Two transcribers of connected digits are trained on strings of the 28 training voices of the spoken digits, and tested
on strings of the eight other voices, clean and in noise, and of people (the test set of the Free Spoken Digit Dataset,
which is downloaded). With ``--held-out`` they are trained on 24 of the training
voices and tested on the other four: that is what settings were chosen by. It takes some minutes for each.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from rnnbp import CTCTranscriber, datasets, metrics

FOLDER = Path(__file__).parent / "models"
MODELS = {
    "connected_digits": {"hidden_layer_sizes": (80, 80), "lexicon": True, "max_iter": 20},
    "connected_digits_live": {"hidden_layer_sizes": (96, 96), "bidirectional": False, "max_iter": 20},
}
FIGURES = {word: str(k) for k, word in enumerate(datasets.load_spoken_digits("test").target_names)}
SHARED = {
    "speeds": (),  # the strings are at many speeds already
    "learning_rate_init": 0.002,
    "averaging": 3,
    "random_state": 0,
}


def written(name, texts):
    """Return texts as a model writes them: in words, or live in figures, one of which can be told when it is said."""
    return ["".join(FIGURES[word] for word in text.split()) for text in texts] if name.endswith("live") else texts


def train(name, strings):
    """Return a model, fitted."""
    began = time.perf_counter()
    shown = [lambda net, history: print(f"  epoch {len(history)}: {history.loss[-1]:.3f}", flush=True)]
    model = CTCTranscriber(strings.sample_rate, callbacks=shown, **SHARED, **MODELS[name])
    model.fit(strings.waves, written(name, strings.text))
    minutes = (time.perf_counter() - began) / 60
    print(f"{name}: {model.network_.theta.size} parameters, {model.n_iter_} epochs in {minutes:.1f} minutes")
    return model


def report(name, model, tests):
    """Print the digits wrong, with their words as the only ones that there are, and letter by letter."""
    unit = "character" if name.endswith("live") else "word"
    for condition, strings in tests.items():
        for way, best_path in (("lexicon", False), ("greedy", True))[unit == "character" :]:
            understood = model.predict(strings.waves, best_path=best_path)
            rates = metrics.error_rates(written(name, strings.text), understood, unit=unit)
            print(f"{name}, {condition}, {way}: digits wrong {rates}", flush=True)


def main():
    """Train what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MODELS)} (default: all)")
    parser.add_argument("--test", action="store_true", help="train nothing, test the models that are there")
    parser.add_argument("--held-out", action="store_true", help="test on training voices, and write nothing")
    parser.add_argument("--strings", type=int, default=4000, metavar="N", help="to train on (default: %(default)s)")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(MODELS):
        parser.error(f"NAME must be of {', '.join(MODELS)}, but {', '.join(sorted(unknown))} was given")
    learnt = datasets.make_connected_digits(arguments.strings, "train", speed=(0.8, 1.25), seed=0)
    conditions = {"clean": 40.0, "noise at 10 dB": 10.0}
    if arguments.held_out:
        voices = np.unique(learnt.speaker)[::7]
        tests = {c: datasets.make_connected_digits(1400, "train", snr_db=db, seed=1) for c, db in conditions.items()}
        tests = {c: each.select(np.isin(each.speaker, voices)) for c, each in tests.items()}
        learnt = learnt.select(~np.isin(learnt.speaker, voices))
    else:
        tests = {c: datasets.make_connected_digits(400, "test", snr_db=db, seed=1) for c, db in conditions.items()}
        people = datasets.fetch_fsdd("test")
        tests["people"] = datasets.make_connected_digits(400, people, speed=(1.0, 1.0), snr_db=30.0, seed=1)
    print(f"train: {learnt!r}", flush=True)
    for name in arguments.names or MODELS:
        file = FOLDER / f"{name}.safetensors"
        model = CTCTranscriber.load(file) if arguments.test else train(name, learnt)
        if not (arguments.held_out or arguments.test):
            model.save(file)
        report(name, model, tests)


if __name__ == "__main__":
    main()
