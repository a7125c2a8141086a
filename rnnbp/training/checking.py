"""Checks of what `fit` is given, before any work starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from os import PathLike
from typing import Any

import numpy as np

from rnnbp.callbacks import BestModelCheckpoint, CSVLog, EarlyStopping
from rnnbp.configuration import expect_call, number, shown
from rnnbp.data.training_set import TrainingSet
from rnnbp.losses import Loss
from rnnbp.losses.consistency import Consistent
from rnnbp.networks.network import Network
from rnnbp.optimizers import FullBatchOptimizer, Schedule
from rnnbp.training.evaluation import check_score
from rnnbp.training.history import Callback
from rnnbp.training.next_step import NextStep
from rnnbp.training.place import Place
from rnnbp.training.run import TrainingRun

__all__ = [
    "augment",
    "callbacks",
    "consistency",
    "files",
    "full_batch",
    "generator",
    "score",
    "shuffle",
    "teacher_forcing",
    "validation_set",
]


def callbacks(given: Iterable[Callback], patience: int | None) -> tuple[Callback, ...]:
    """Return the callbacks, that of `patience` among them; TypeError if one cannot be called."""
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise TypeError(f"callbacks must be a list of functions, but {shown(given)} was given: write callbacks=[...]")
    listed = tuple(given)
    for callback in listed:
        expect_call("a callback", callback, "network", "history")
    return listed if patience is None else (*listed, EarlyStopping(patience))


def files(listed: Iterable[Callback], checkpoint: Any) -> None:
    """Check that no two of the run's files are the same, as each would replace the other."""
    place = getattr(checkpoint, "path", checkpoint)
    writers = {os.path.realpath(place): "checkpoint"} if isinstance(place, (str, PathLike)) else {}
    for callback in listed:
        if isinstance(callback, (BestModelCheckpoint, CSVLog)):
            name, path = type(callback).__name__, os.path.realpath(callback.path)
            if path in writers:
                raise ValueError(f"{name} and {writers[path]} both write {callback.path}: give each a file of its own")
            writers[path] = name


def generator(seed: Any) -> np.random.Generator:
    """Return a generator of random numbers; ValueError if it cannot be seeded so."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise ValueError(
            "seed must be a whole number of at least 0, a numpy.random.Generator, or None for fresh entropy, but "
            f"{shown(seed)} was given"
        ) from None


def score(given: object, monitor: str, validation_data: object) -> None:
    """Check that there is what a score is computed on, and what is monitored."""
    check_score(given)
    if given is not None and validation_data is None:
        raise ValueError("a score is computed on validation data: give validation_data=(x, target)")
    if monitor not in ("loss", "score"):
        raise ValueError(f'monitor must be "loss" or "score", but {shown(monitor)} was given')
    if monitor == "score" and given is None:
        raise ValueError('monitor="score" needs a score, such as score=rnnbp.metrics.accuracy')


def validation_set(place: Place, net: Network, data: tuple[Any, ...], loss: Loss) -> TrainingSet:
    """Return the validation data, checked."""
    if not isinstance(data, tuple) or not 2 <= len(data) <= 4:
        raise ValueError(
            "validation_data must be a tuple (x, target) or (x, target, lengths), or with sample weights fourth, but "
            f"{shown(data)} was given"
        )
    x, target, lengths, weight = (*data, None, None)[:4]
    try:
        return place.data_set(net, x, lengths, target=target, loss=loss, sample_weight=weight)
    except (TypeError, ValueError) as error:
        raise type(error)(f"validation_data: {error}") from None


def teacher_forcing(
    net: Network, data: TrainingSet, given: float | Schedule | NextStep, *, max_epochs: int, cut_or_changed: bool
) -> None:
    """Check that there is somebody to teach, and that the probabilities are such."""
    p = given.probability if isinstance(given, NextStep) else given
    if not isinstance(p, Schedule):
        number("teacher_forcing", p, "[0, 1]")
    elif outside := [value for value in map(p, range(max_epochs + 1)) if not 0.0 <= value <= 1.0]:
        raise ValueError(f"teacher_forcing must be a schedule of probabilities, but {p!r} gives {outside[0]:g}")
    if isinstance(given, NextStep):
        if cut_or_changed or net.interface.teacher_forced_layer is not None:
            raise ValueError(
                "NextStep goes with neither chunk_length, nor augment, nor a teacher-forced Jordan layer: leave one out"
            )
        given.check(net, data)
        return
    if given == 1.0:
        return
    if (forced := net.interface.teacher_forced_layer) is None:
        raise ValueError(
            "teacher_forcing is for a network that is taught: one whose last layer but for activations is a "
            "layers.Jordan that runs in one direction, with teacher_forcing=True (a next-step model is shown its own "
            "outputs by teacher_forcing=rnnbp.NextStep(...))"
        )
    if given != 0.0:
        net.layers[forced].check_scheduled_sampling()


def augment(given: Callable[..., Any] | None, data: TrainingSet, chunk_length: int | None) -> None:
    """Check that `augment` can be called, and that what it makes of the first example fits."""
    if given is None:
        return
    expect_call("augment", given, "an example", "a generator")
    if chunk_length is not None:
        raise ValueError("augment makes another of a whole sequence, and chunk_length cuts it: use one of them")
    rng = np.random.default_rng(0)
    data.take_changed(np.zeros(1, np.intp), lambda example: given(example, rng))


def consistency(run: TrainingRun, augment: Callable[..., Any] | None, *, cut_or_replayed: bool) -> None:
    """Check that two looks at an example can be compared, and differ."""
    if not run.consistency:
        return
    Consistent(run.loss, run.consistency)  # raises what there is to raise
    if cut_or_replayed:
        raise ValueError("consistency compares two looks at an example: leave out chunk_length and NextStep")
    if not run.computes_here:
        raise ValueError("consistency is not known on a cluster: leave it out, or train on one machine")
    generator = run.net.rng.bit_generator
    before, part = generator.state, run.data.take(np.zeros(2, np.intp))
    run.gradient(part)
    draws, generator.state = generator.state != before, before
    if augment is None and not draws:
        raise ValueError(
            "consistency compares two looks at an example, but nothing is random here: give augment, or a network with "
            "dropout"
        )


def shuffle(given: object, data: TrainingSet) -> None:
    """Check that `shuffle` is one of what it can be, and that there are lengths to go by."""
    if not isinstance(given, (bool, np.bool_)) and given != "later":
        raise ValueError(f'shuffle must be True, False or "later", but {shown(given)} was given')
    if isinstance(given, str) and not data.is_ragged:
        raise ValueError('shuffle="later" takes short sequences before long ones, but all have one length')


def full_batch(optimizer: FullBatchOptimizer, teacher_forcing: float | Schedule | NextStep, **stepwise: object) -> None:
    """Check that a full-batch optimizer is asked for nothing that belongs to updates by minibatches."""
    for name, value in {**stepwise, "teacher_forcing": None if teacher_forcing == 1.0 else teacher_forcing}.items():
        if value is not None:
            raise ValueError(
                f"{optimizer!r} goes by the whole data, in a search of its own that remembers nothing from one call to "
                f"the next and cannot be broken off within: leave out {name}, or take an optimizer such as Adam()"
            )
