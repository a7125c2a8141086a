"""Train a recogniser of spoken digits, and write it as one header of C: from samples to scores.

    python train.py digits.h

It is tested on two speakers whom it has not heard; what it says of them in C is what it says here.
"""

import argparse
from pathlib import Path

import numpy as np

import rnnbp
from rnnbp import audio, datasets, layers, losses, optimizers
from rnnbp.interop import c


def main(header: Path, max_epochs: int) -> None:
    data = datasets.load_spoken_digits()
    features = audio.AudioFeatures(data.sample_rate, n_mels=32, trim=30.0)
    frames, digits = features.transform(data.waves), np.asarray(data.target)
    held_out = np.isin(data.groups, np.unique(data.groups)[-2:])
    learn, test = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    net = rnnbp.Network([layers.GRU(32, 64), layers.MeanOverTime(), layers.Dense(64, 10)])
    rnnbp.fit(
        net,
        [frames[i] for i in learn],
        digits[learn],
        loss=losses.CrossEntropy(),
        optimizer=optimizers.Adam(3e-3),
        max_epochs=max_epochs,
        batch_size=16,
        progress=False,
    )
    scores = rnnbp.predict(net, [frames[i] for i in test])
    print(f"speakers not heard in training: {(scores.argmax(axis=1) == digits[test]).mean():.1%} right")
    examples = [frames[i] for i in learn[:20]]
    c.export(net, header, quantize="int8", calibration=examples, features=features)
    print(f"{header}: {header.stat().st_size} bytes of text")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("header", type=Path, nargs="?", default=Path("digits.h"), help="(default: %(default)s)")
    parser.add_argument("epochs", type=int, nargs="?", default=25, help="of training (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.epochs < 1:
        parser.error(f"epochs must be at least 1, but {arguments.epochs} was given")
    if arguments.header.suffix != ".h" or not arguments.header.parent.is_dir():
        parser.error(f"header must be a .h file in a folder that exists, but {arguments.header} was given")
    main(arguments.header, arguments.epochs)
