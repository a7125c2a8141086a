"""Real data, as arrays: images of digits and spoken digits. They are the project's loaders'."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.tasks import SpeechEpoch, StaticEpoch

Array = NDArray[Any]


def images(task: StaticEpoch) -> tuple[Array, Array, Array, Array]:
    """Return x_train (N, F) in [0, 1], x_test, y_train (N,) and y_test; float32 and int64."""
    if task.images == "mnist":
        from rnnbp import datasets

        x_train, x_test, y_train, y_test = datasets.fetch_mnist()
        x_train, x_test = (x.reshape(len(x), -1) / np.float32(255) for x in (x_train, x_test))
    else:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        x, y = load_digits(return_X_y=True)
        x_train, x_test, y_train, y_test = train_test_split(
            (x / 16).astype(np.float32), y.astype(np.int64), test_size=0.2, stratify=y, random_state=0
        )
    return x_train[: task.limit], x_test, y_train[: task.limit], y_test


def speech(task: SpeechEpoch) -> tuple[list[Array], Array]:
    """Return the training recordings of the Free Spoken Digit Dataset as log-mel frames (T_i, F), and the digits."""
    from rnnbp import audio, datasets

    recordings = datasets.fetch_fsdd("train")
    chosen = np.random.default_rng(0).permutation(len(recordings.waves))[: task.limit]
    features = audio.AudioFeatures(recordings.sample_rate, n_mels=task.n_mels)
    frames = features.transform([recordings.waves[i] for i in chosen])
    return [np.asarray(f, np.float32) for f in frames], recordings.target[chosen]


def bucketed(lengths: Array, batch: int, rng: np.random.Generator, *, pool: int = 32) -> list[Array]:
    """Return an epoch's minibatches of like lengths: shuffled, sorted within pools of so many, shuffled again."""
    order = rng.permutation(len(lengths))
    pools = [order[i : i + pool * batch] for i in range(0, len(order), pool * batch)]
    order = np.concatenate([p[np.argsort(-lengths[p], kind="stable")] for p in pools])
    cuts = [order[i : i + batch] for i in range(0, len(order), batch)]
    return [cuts[i] for i in rng.permutation(len(cuts))]
