"""Training runs, written down and gone on with.

What a checkpoint holds of a `Descent`:

- theta, what the optimizer and the average remember, the states carried from chunk to chunk, the best parameters;
- the history, and of the present epoch the updates done and the sums over them;
- the generators of random numbers: those of the network (dropout, scheduled sampling) and of augmentation as they are,
  that of shuffling as it was when the epoch began.

All else follows from what `fit` is given; `_describe` says what that was, so that a run is not gone on with by another.
How often the run is written, and where it ends, may change.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import Configurable, plain
from rnnbp.files.checkpoints import Checkpoint, CheckpointError

if TYPE_CHECKING:
    from rnnbp.training.descent import Descent

__all__ = ["resume", "snapshot"]

Array = NDArray[Any]

logger = logging.getLogger("rnnbp")


def resume(descent: Descent, checkpoint: Checkpoint, *, seed: object) -> None:
    """Bring a run to where its checkpoint was written, if it has been.

    Raises
    ------
    CheckpointError
        If the checkpoint is damaged, or belongs to another run.
    """
    found = checkpoint.begin(_describe(descent, seed))
    if found is not None:
        _restore(descent, *found)
        done = len(descent.run.history), descent.done
        logger.info("going on from %s: %d epochs and %d updates are done", checkpoint.path, *done)
    if descent.run.history.stopped == "max_epochs":  # there may be more of them now
        descent.run.history.stopped = ""


def _describe(descent: Descent, seed: object) -> dict[str, Any]:
    """Return what a run is told from others by, as JSON can hold it."""
    run = descent.run
    described = {
        "network": {"layers": run.net.layers, "dtype": run.net.dtype.name, "seed": run.net.seed},
        "loss": run.loss,
        "optimizer": descent.optimizer,
        "batch_size": run.batch_size,
        "l2": run.l2,
        "averaging": descent.averaging,
        "chunk_length": descent.chunk_length,
        "teacher_forcing": descent.teacher_forcing,
        "augment": descent.augment,
        "shuffle": descent.shuffle,
        "seed": seed,
        "score": run.score,
        "monitor": run.history.monitor,
        "data": run.data.fingerprint(),
        "validation_data": None if run.validation is None else run.validation.fingerprint(),
    }
    known: dict[str, Any] = json.loads(json.dumps(described, default=_plain))
    return known


def _plain(thing: object) -> Any:
    """Return an object as JSON can hold it: one made of settings as those, others by what all processes call them."""
    if isinstance(thing, Configurable | np.generic):
        return plain(thing)
    return str(getattr(thing, "__qualname__", type(thing).__qualname__))


def _states(descent: Descent) -> dict[str, dict[str, Array]]:
    return {"optimizer": descent.optimizer_state, "average": descent.average}


def snapshot(descent: Descent) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the arrays and values that tell where a run stands."""
    run, history = descent.run, descent.run.history
    arrays = {"theta": run.net.theta, "sums": np.array(descent.sums)}
    if run.best is not None:
        arrays["best"] = run.best
    figures = {name: np.array(values) for name, values in history.figures.items()}
    for prefix, group in {**_states(descent), "carried": descent.carried, "history": figures}.items():
        arrays |= {f"{prefix}.{name}": array for name, array in group.items()}
    values = {
        "done": descent.done,
        "best_epoch": history.best_epoch,
        "stopped": history.stopped,
        "network": run.net.rng.bit_generator.state,
        "shuffling": descent.epoch_began,
        "augmenting": None if descent.augmenting is None else descent.augmenting.bit_generator.state,
    }
    return arrays, values


def _restore(descent: Descent, arrays: Mapping[str, Array], values: Mapping[str, Any]) -> None:
    """Bring a run to where `snapshot` was taken.

    Raises
    ------
    CheckpointError
        If something is missing that this version needs.
    """
    run, history = descent.run, descent.run.history
    filled = {"theta": run.net.theta}
    filled |= {f"{prefix}.{name}": array for prefix, state in _states(descent).items() for name, array in state.items()}
    for name, array in filled.items():
        if name not in arrays or arrays[name].dtype != array.dtype or arrays[name].size != array.size:
            raise CheckpointError(f"the checkpoint has no {name!r} such as is needed here: another version wrote it")
    for name, array in filled.items():
        array[...] = arrays[name].reshape(array.shape)
    for name in vars(history):
        if f"history.{name}" in arrays:
            setattr(history, name, arrays[f"history.{name}"].tolist())
    descent.carried = {
        name.removeprefix("carried."): array for name, array in arrays.items() if name.startswith("carried.")
    }
    run.best = arrays.get("best")
    total, shares, norms = arrays["sums"].tolist()
    descent.sums, descent.done = (total, shares, norms), values["done"]
    history.best_epoch, history.stopped = values["best_epoch"], values["stopped"]
    run.net.rng.bit_generator.state = values["network"]
    if descent.augmenting is not None:
        descent.augmenting.bit_generator.state = values["augmenting"]
    descent.shuffling.bit_generator.state = descent.epoch_began = values["shuffling"]
