"""Kill training runs at random moments, resume each, and compare the bits with those of an unbroken run.

    python tests/kill_and_resume.py --moments 20

A run is a process of its own, killed without warning (SIGKILL). Whatever lies at the checkpoint's path afterwards must
be readable, and the resumed run must end with the parameters and the history of the unbroken one, to the bit.
"""

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def static(checkpoint):
    """Train on examples: dropout, augmentation, noise in the gradient, an averaged network, early stopping."""
    from rnnbp import Checkpoint, Network, fit, layers, optimizers
    from rnnbp.optimizers import schedules

    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 5))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    net = Network([layers.Dense(5, 16), layers.Activation("tanh"), layers.Dropout(0.2), layers.Dense(16, 2)])
    history = fit(
        net,
        x[:90],
        y[:90],
        loss="cross_entropy",
        optimizer=optimizers.GradientNoise(optimizers.Adam(schedules.one_cycle(0.02, epochs=3)), eta=1e-4),
        max_epochs=3,
        batch_size=16,
        validation_data=(x[90:], y[90:]),
        averaging=optimizers.ExponentialAverage(0.95),
        augment=lambda example, rng: example + rng.normal(scale=0.05, size=example.shape),
        patience=3,
        checkpoint=Checkpoint(checkpoint, every_seconds=0.0),
    )
    return net, history


def sequences(checkpoint):
    """Train on ragged sequences, cut into chunks: recurrent dropout, scheduled sampling, a schedule with a memory."""
    from rnnbp import Checkpoint, Network, fit, gradients, layers, optimizers
    from rnnbp.optimizers import schedules

    rng = np.random.default_rng(0)
    x = [rng.normal(size=(length, 2)) for length in rng.integers(3, 14, size=20)]
    y = [np.cumsum(sequence[:, :1], axis=0) for sequence in x]
    text = gradients.BPTT(compiled=False)
    net = Network([layers.Jordan(2, 8, n_outputs=1, recurrent_dropout=0.1, gradient=text)])
    history = fit(
        net,
        x[:15],
        y[:15],
        loss="mean_squared_error",
        optimizer=optimizers.RMSprop(schedules.reduce_on_plateau(0.01, factor=0.5, patience=1)),
        max_epochs=3,
        batch_size=6,
        validation_data=(x[15:], y[15:]),
        chunk_length=4,
        teacher_forcing=schedules.linear(1.0, epochs=3),
        checkpoint=Checkpoint(checkpoint, every_seconds=0.0),
    )
    return net, history


RUNS = {"static": static, "sequences": sequences}


def train(name, checkpoint):
    """Print a hash of all that a run ends with, but for the seconds that it took."""
    net, history = RUNS[name](checkpoint)
    figures = {key: values for key, values in history.figures.items() if key != "seconds"}
    ends = [net.theta.tobytes(), repr(figures).encode(), repr((history.best_epoch, history.stopped)).encode()]
    print(hashlib.sha256(b"".join(ends)).hexdigest())


def start(name, checkpoint):
    """Return a process that trains."""
    return subprocess.Popen(
        [sys.executable, __file__, "--run", name, "--checkpoint", str(checkpoint)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(checkpoint, process):
    """Wait until a run has been written down for the first time."""
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.001)


def finish(process):
    """Return what a run printed, having waited for its end."""
    out, error = process.communicate(timeout=120)
    if process.returncode:
        raise RuntimeError(f"a run failed:\n{error}")
    return out.strip()


def kill(name, checkpoint, within, draw):
    """Kill a run in the seconds after its first checkpoint; return whether it had not ended before."""
    process = start(name, checkpoint)
    wait_for(checkpoint, process)
    time.sleep(draw.uniform(0.0, 0.9 * within))
    process.kill()
    process.communicate()
    return process.returncode != 0


def kill_and_resume(moments, *, seed=0, names=tuple(RUNS)):
    """Return, for so many runs that were killed, whether the resumed one ended alike, and what lies about."""
    from rnnbp.files import model_file

    draw, reports, unbroken = random.Random(seed), [], {}
    with tempfile.TemporaryDirectory() as directory:
        for name in names:
            checkpoint = Path(directory) / f"{name}.ckpt"
            process = start(name, checkpoint)
            wait_for(checkpoint, process)
            began = time.monotonic()
            unbroken[name] = finish(process), time.monotonic() - began
        for i in range(moments):
            name = names[i % len(names)]
            (expected, seconds), checkpoint = unbroken[name], Path(directory) / f"{i}.ckpt"
            while not kill(name, checkpoint, seconds, draw):
                checkpoint.unlink()  # it had ended before it was killed
            model_file.read(checkpoint)
            same = finish(start(name, checkpoint)) == expected
            leftovers = [file.name for file in Path(directory).glob(f".{checkpoint.name}.*")]
            reports.append({"run": name, "same": same, "leftovers": leftovers})
    return reports


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", choices=RUNS)
    parser.add_argument("--checkpoint")
    options = parser.parse_args()
    if options.run:
        train(options.run, options.checkpoint)
        return
    reports = kill_and_resume(options.moments, seed=options.seed)
    for report in reports:
        print(report)
    same = sum(report["same"] for report in reports)
    print(f"{same} of {len(reports)} resumed runs ended with the same bits")
    if same < len(reports) or any(report["leftovers"] for report in reports):
        sys.exit(1)


if __name__ == "__main__":
    main()
