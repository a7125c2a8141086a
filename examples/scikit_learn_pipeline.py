"""From a folder of wave files to words, with scikit-learn: a pipeline, a grid search, and voices never heard before.

The folder has a subfolder for each word, and the files in it are named after who speaks::

    my_words/yes/ann_1.wav  my_words/yes/bob_1.wav  my_words/no/ann_1.wav  ...

A pipeline makes features of the files, scales them, and reads them with a recurrent network. A grid search tries
settings of the features and of the network together. Scores are those of speakers that were not in training, as
GroupKFold keeps all recordings of a speaker on one side; so is the last one, of speakers that even the search has not
seen. Beside it is what guessing would reach, and a static model of the same features, padded to one length.

    python examples/scikit_learn_pipeline.py                                 # the digits that ship, as wave files
    python examples/scikit_learn_pipeline.py --folder my_words --sample-rate 16000
    python examples/scikit_learn_pipeline.py --figure pipeline.png
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import soundfile
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV, GroupKFold, GroupShuffleSplit
from sklearn.pipeline import make_pipeline

from rnnbp import MLPClassifier, RNNClassifier, audio, datasets, plotting
from rnnbp.preprocessing import PadOrTruncate, SequenceScaler


def recurrent_model(sample_rate, arguments):
    return make_pipeline(
        audio.AudioFeatures(sample_rate, n_mels=32, normalize="mean", trim=30.0),
        SequenceScaler(),
        RNNClassifier(
            32,
            pooling="mean",
            learning_rate_init=0.005,
            max_iter=arguments.max_epochs,
            random_state=arguments.seed,
        ),
    )


def static_model(sample_rate, seed):
    return make_pipeline(
        audio.AudioFeatures(sample_rate, n_mels=32, normalize="mean", trim=30.0),
        SequenceScaler(),
        PadOrTruncate(flatten=True),
        MLPClassifier(64, early_stopping=True, random_state=seed),
    )


GRID = {"audiofeatures__kind": ["log_mel", "mfcc"], "rnnclassifier__bidirectional": [False, True]}


def run(folder, sample_rate, arguments):
    files, words = datasets.find_recordings(folder)
    speakers = np.array([file.stem.split("_")[0] for file in files])
    apart = GroupShuffleSplit(1, test_size=0.25, random_state=arguments.seed)
    ((known, new),) = apart.split(files, words, groups=speakers)
    heard, unheard = [files[i] for i in known], [files[i] for i in new]
    print(
        f"{len(files)} recordings of {len(set(words))} words by {len(set(speakers))} speakers: "
        f"{len(heard)} by {len(set(speakers[known]))} to learn from, {len(unheard)} by {len(set(speakers[new]))} others"
    )

    search = GridSearchCV(recurrent_model(sample_rate, arguments), GRID, cv=GroupKFold(3), verbose=2)
    search.fit(heard, words[known], groups=speakers[known])
    results = search.cv_results_
    print("features  directions  accuracy in 3 folds")
    for settings, mean, spread in zip(
        results["params"], results["mean_test_score"], results["std_test_score"], strict=True
    ):
        kind, both = settings.values()
        print(f"{kind:<8}  {1 + both:<10}  {mean:.3f} +- {spread:.3f}")

    static = static_model(sample_rate, arguments.seed).fit(heard, words[known])
    _, counts = np.unique(words[new], return_counts=True)
    print("accuracy on speakers never heard before:")
    print(f"  guessing        {counts.max() / counts.sum():.3f}")
    print(f"  static          {static.score(unheard, words[new]):.3f}")
    print(f"  recurrent, best {search.score(unheard, words[new]):.3f}")
    if arguments.figure:
        draw(search, unheard, words[new], arguments.figure)


def draw(search, files, words, path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4.5), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    plotting.LossCurveDisplay.from_estimator(search, ax=left)
    ConfusionMatrixDisplay.from_estimator(search, files, words, ax=middle, cmap="Blues", xticks_rotation=45)
    plotting.SaliencyDisplay.from_estimator(search, files[0], target=words[0], ax=right)
    figure.savefig(path, dpi=120)
    print(f"wrote {path}")


def write_shipped_digits(folder):
    """Write the spoken digits that ship as one wave file each; return their sample rate."""
    data = datasets.load_spoken_digits()
    for wave, digit, speaker, name in zip(data.waves, data.target, data.groups, data.names, strict=True):
        place = folder / data.target_names[digit]
        place.mkdir(exist_ok=True)
        soundfile.write(place / f"{speaker}_{name.rsplit('_', 1)[1]}.wav", wave, data.sample_rate)
    return data.sample_rate


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="your own recordings (default: the spoken digits that ship)")
    parser.add_argument("--sample-rate", type=int, metavar="HZ", help="to analyse your own recordings at")
    parser.add_argument("--max-epochs", type=int, default=8, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random (default: %(default)s)")
    parser.add_argument(
        "--figure",
        type=plotting.figure_path,
        metavar="FILE",
        help="draw training, confusion and saliency into this file",
    )
    arguments = parser.parse_args()
    if arguments.max_epochs < 1:
        parser.error(f"--max-epochs must be at least 1, but {arguments.max_epochs} was given")
    if (arguments.folder is None) != (arguments.sample_rate is None):
        parser.error("--folder and --sample-rate belong together")
    return arguments


def main():
    arguments = parse_arguments()
    # so few epochs are meant: that they might not be enough need not be said for each fit
    warnings.simplefilter("ignore", ConvergenceWarning)
    if arguments.folder is not None:
        try:
            run(arguments.folder, arguments.sample_rate, arguments)
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            raise SystemExit(f"error: {error}") from None
        return
    with tempfile.TemporaryDirectory() as folder:
        run(folder, write_shipped_digits(Path(folder)), arguments)


if __name__ == "__main__":
    main()
