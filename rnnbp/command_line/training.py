"""``rnnbp train``: from a table, from recordings in a folder for each class, or from recordings and their texts."""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnnbp.command_line.progress import EpochBar
from rnnbp.command_line.tables import UsageError, check_output, columns_compared, last_part, read_table, refuse

__all__ = ["HIGHEST_RATE", "train"]

HIGHEST_RATE = 16_000  # Hz, of speech that is analysed
OF_TABLES = ("label", "task", "sequence", "time", "features", "group")


class Task(NamedTuple):
    """An unfitted model, and what it is to learn."""

    model: Any
    x: Any
    y: Any
    groups: Any = None
    names: Sequence[str] = ()


def train(given: argparse.Namespace) -> None:
    """Train a model on a part of the data, write it, and say how good it is on the rest."""
    import rnnbp

    if not given.data.exists():
        raise FileNotFoundError(f"there is no file {given.data}, and no folder")
    check_output(given.output, [given.data])
    if not 0 <= given.held_out < 1:
        raise UsageError(f"--held-out must be at least 0 and below 1, but {given.held_out} was given")
    if given.held_out == 0:
        refuse(given, ["group"], "where nothing is held out")
    task = (_of_table if not given.data.is_dir() else _of_texts if given.texts else _of_folder)(given)
    learnt, held_out = _divided(task, given.held_out, given.seed)
    _check_classes(task, learnt, given.held_out)
    _fit(task.model, _chosen(task.x, learnt), _chosen(task.y, learnt), given.max_epochs)
    if task.names:
        task.model[0].feature_names_in_ = np.array(task.names, object)
    rnnbp.save(task.model, given.output)
    print(f"trained on {len(learnt)}, and written to {given.output}")
    if len(held_out):
        with columns_compared():
            score = task.model.score(_chosen(task.x, held_out), _chosen(task.y, held_out))
        last_part(task.model).held_out_score_ = float(score)
        rnnbp.save(task.model, given.output)
        print(f"{_score_name(task.model)} of {len(held_out)} that were held out: {score:.4f}")


def _of_table(given: argparse.Namespace) -> Task:
    """Learn from a table: its rows, or its sequences."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import rnnbp
    from rnnbp.preprocessing import SequenceScaler

    refuse(given, ["texts", "sample_rate"], f"with a table, and {given.data} is no folder of recordings")
    if given.label is None:
        raise UsageError(f"--label must name a column of {given.data}: what is to be predicted")
    table = read_table(given.data, given)
    y = np.asarray(table.y)
    regress = given.task == "regress" if given.task else y.dtype.kind == "f"
    if regress and y.dtype.kind not in "iuf":
        raise ValueError(f"--task regress needs numbers in {given.label!r}, but there is {y[0]!s}, for example")
    if not regress and y.dtype.kind == "f":
        y = y.astype(str)
    options = {"hidden_layer_sizes": tuple(given.hidden), "max_iter": given.max_epochs, "random_state": given.seed}
    x: Any = table.X
    scaler: Any
    estimator: Any
    if given.sequence is None:
        x, scaler = np.concatenate(x), StandardScaler()
        estimator = (rnnbp.MLPRegressor if regress else rnnbp.MLPClassifier)(**options)
    else:
        scaler = SequenceScaler()
        estimator = (rnnbp.RNNRegressor if regress else rnnbp.RNNClassifier)(**options)
    if regress:
        estimator = TransformedTargetRegressor(estimator, transformer=StandardScaler())
    return Task(make_pipeline(scaler, estimator), x, y, table.groups, table.feature_names)


def _of_folder(given: argparse.Namespace) -> Task:
    """Learn from recordings, in a folder for each class."""
    from sklearn.pipeline import make_pipeline

    import rnnbp
    from rnnbp import audio, datasets

    refuse(given, OF_TABLES, f"with recordings, and {given.data} is a folder")
    files, classes = datasets.find_recordings(given.data)
    check_output(given.output, files)
    estimator = rnnbp.RNNClassifier(tuple(given.hidden), max_iter=given.max_epochs, random_state=given.seed)
    rate = given.sample_rate or min(HIGHEST_RATE, *(_rate(file) for file in files))
    return Task(make_pipeline(audio.AudioFeatures(rate, trim=40.0), estimator), files, classes)


def _of_texts(given: argparse.Namespace) -> Task:
    """Learn to transcribe."""
    import rnnbp
    from rnnbp import datasets
    from rnnbp.datasets.transcribed_folder import SUFFIXES

    refuse(given, OF_TABLES, f"with recordings, and {given.data} is a folder")
    recordings = (file for file in given.data.rglob("*") if file.suffix.lower() in SUFFIXES[1:])
    check_output(given.output, [given.data / given.texts, *recordings])
    spoken = datasets.load_transcribed_folder(given.data, sample_rate=given.sample_rate, table=given.texts)
    model = rnnbp.CTCTranscriber(
        spoken.sample_rate, hidden_layer_sizes=tuple(given.hidden), max_iter=given.max_epochs, random_state=given.seed
    )
    return Task(model, spoken.waves, spoken.text, spoken.speaker)


def _rate(file: Path) -> int:
    import soundfile

    from rnnbp.audio import AudioError

    try:
        return int(soundfile.info(file).samplerate)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{file} cannot be read: {error}") from None


def _divided(task: Task, share: float, seed: int) -> tuple[Any, Any]:
    """Return which examples are learnt from, and which are held out."""
    from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

    n = len(task.y)
    if share == 0:
        return np.arange(n), np.arange(0)
    units, what = (n, "example") if task.groups is None else (len(np.unique(task.groups)), "group")
    if math.ceil(share * units) >= units:
        raise ValueError(
            f"--held-out {share:g} of {units} {what}{'s' if units > 1 else ''} leaves none to learn from: there must "
            "be more, or --held-out 0, which tests on none"
        )
    split = ShuffleSplit if task.groups is None else GroupShuffleSplit
    learnt, held_out = next(split(test_size=share, random_state=seed).split(np.zeros(n), groups=task.groups))
    return learnt, held_out


def _check_classes(task: Task, learnt: Any, share: float) -> None:
    """Check that there are two classes to tell apart, also in what is learnt from."""
    from sklearn.base import is_classifier

    if not is_classifier(task.model):
        return
    if len(classes := np.unique(task.y)) == 1:
        raise ValueError(f"there must be at least two classes to tell apart, but all labels are {classes[0]!s}")
    if len(classes := np.unique(_chosen(task.y, learnt))) == 1:
        raise ValueError(
            f"with --held-out {share:g}, all labels that are left to learn from are {classes[0]!s}: hold out less, or "
            "take another --seed"
        )


def _fit(model: Any, x: Any, y: Any, max_epochs: int) -> None:
    """Train, with a progress bar on a terminal; a transcriber shows its own.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C ends training early, which estimators only warn of.
    """
    from rnnbp import CTCTranscriber

    bar = nullcontext(()) if isinstance(model, CTCTranscriber) else EpochBar(max_epochs)
    callbacks = [name for name in model.get_params() if name.split("__")[-1] == "callbacks"]
    with warnings.catch_warnings(), bar as shown:
        warnings.filterwarnings("error", "Training interrupted by user")
        try:
            model.set_params(**dict.fromkeys(callbacks, (shown,) if shown else ())).fit(x, y)
        except UserWarning:
            raise KeyboardInterrupt("training had not ended, and nothing was written") from None
    model.set_params(**dict.fromkeys(callbacks, ()))


def _chosen(data: Any, index: Any) -> Any:
    return data[index] if isinstance(data, np.ndarray) else [data[i] for i in index]


def _score_name(model: Any) -> str:
    from sklearn.base import is_classifier

    from rnnbp import CTCTranscriber

    if isinstance(model, CTCTranscriber):
        return "one minus the word error rate"
    return "accuracy" if is_classifier(model) else "R^2"
