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

from rnnbp.configuration import Configurable, plain, shown
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
        try:
            _restore(descent, *found)
        except ValueError as error:
            raise CheckpointError(f"no run can go on from {checkpoint.path}: {error}") from error
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
        "consistency": run.consistency or None,
        "averaging": descent.averaging,
        "chunk_length": descent.chunk_length,
        "teacher_forcing": descent.teacher_forcing,
        "augment": descent.augment,
        "shuffle": descent.shuffle,
        "seed": seed,
        "score": run.score,
        "monitor": run.history.monitor,
        "every": None if run.every == 1 else run.every,
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
        "began": bool(len(history) or descent.done),  # whether there is any work in it
        "done": descent.done,
        "best_epoch": history.best_epoch,
        "stopped": history.stopped,
        "network": run.net.rng.bit_generator.state,
        "shuffling": descent.epoch_began,
        "augmenting": None if descent.augmenting is None else descent.augmenting.bit_generator.state,
    }
    return arrays, values


def _restore(descent: Descent, arrays: Mapping[str, Array], values: Mapping[str, Any]) -> None:
    """Bring a run to where `snapshot` was taken; nothing is changed unless all of it can be.

    Raises
    ------
    ValueError
        If something is missing that this version needs, or is not such as it writes.
    """
    run, history = descent.run, descent.run.history
    filled = {"theta": run.net.theta}
    filled |= {f"{prefix}.{name}": array for prefix, state in _states(descent).items() for name, array in state.items()}
    for name, array in filled.items():
        if name not in arrays or arrays[name].dtype != array.dtype or arrays[name].size != array.size:
            raise ValueError(f"it has no {name!r} such as is needed here: another version wrote it")
    figures = _figures(descent, arrays)
    n_epochs = len(figures["loss"])
    sums, best = arrays.get("sums"), arrays.get("best")
    if sums is None or sums.shape != (3,) or sums.dtype.kind != "f":
        raise ValueError("it has no sums of an epoch")
    if best is not None and (best.shape != run.net.theta.shape or best.dtype != run.net.dtype):
        raise ValueError("its best parameters are not this network's")
    done = _count(values, "done", 0, run.data.n_rows)
    best_epoch = _count(values, "best_epoch", -1 if best is None else 0, n_epochs - 1)
    stopped = values.get("stopped")
    if not isinstance(stopped, str):
        raise ValueError("it does not say whether the run has stopped")
    carried = _carried(descent, arrays)
    network = _generator(run.net.rng, values, "network")
    shuffling = _generator(descent.shuffling, values, "shuffling")
    augmenting: Any = None if descent.augmenting is None else _generator(descent.augmenting, values, "augmenting")
    descent.check_place(n_epochs, done, carried, shuffling)

    for name, array in filled.items():
        array[...] = arrays[name].reshape(array.shape)
    for name, figure in figures.items():
        setattr(history, name, figure)
    history.best_epoch, history.stopped = best_epoch, stopped
    descent.carried, descent.done = carried, done
    descent.sums = sums[0].item(), sums[1].item(), sums[2].item()
    run.best = best
    run.net.rng.bit_generator.state = network
    if descent.augmenting is not None:
        descent.augmenting.bit_generator.state = augmenting
    descent.shuffling.bit_generator.state = descent.epoch_began = shuffling


def _figures(descent: Descent, arrays: Mapping[str, Array]) -> dict[str, list[float]]:
    """Return the history's lists, which have an entry for each epoch that is done, or none."""
    names = {name for name, value in vars(descent.run.history).items() if isinstance(value, list)}
    found = {name.removeprefix("history."): array for name, array in arrays.items() if name.startswith("history.")}
    if unknown := sorted(found.keys() - names):
        raise ValueError(f"its history has {shown(unknown[0])}, which is not known here")
    n_epochs = found["loss"].size if "loss" in found else 0
    for name, figure in found.items():
        if figure.shape != (n_epochs,) or figure.dtype.kind not in "fiu":
            raise ValueError(f"the history of {name} is not one of {n_epochs} epochs")
    needed = {"gradient_norm", "learning_rate", "seconds"}
    if descent.run.validation is not None:
        needed.add("validation_loss")
    if descent.run.validation is not None and descent.run.score is not None:
        needed.add("validation_score")
    if n_epochs and (missing := sorted(needed - found.keys())):
        raise ValueError(f"the history of {missing[0]} is missing")
    return {name: found[name].tolist() if name in found else [] for name in names}


def _count(values: Mapping[str, Any], name: str, least: int, most: float) -> int:
    value = values.get(name)
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} cannot be {shown(value)}")
    return value


def _carried(descent: Descent, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the states that a chunk has ended in; `Descent.check_place` looks at how many sequences they are of."""
    net = descent.run.net
    found = {name.removeprefix("carried."): array for name, array in arrays.items() if name.startswith("carried.")}
    widths = {f"{k}.{name}": width for k, layer in enumerate(net.layers) for name, width in layer.states().items()}
    if found and found.keys() != widths.keys():
        raise ValueError("the states that it carries on are not this network's")
    for name, state in found.items():
        if state.shape[1:] != (widths[name],) or state.dtype != net.dtype:
            raise ValueError(f"the state {name!r} that it carries on is not one of this network's")
    return found


def _generator(generator: np.random.Generator, values: Mapping[str, Any], name: str) -> Any:
    """Return the state of a generator of random numbers, checked."""
    given: Any = values.get(name)
    present = json.loads(json.dumps(generator.bit_generator.state, default=np.ndarray.tolist))
    if _form(given) != _form(present) or given["bit_generator"] != present["bit_generator"]:
        raise ValueError(f"the state of the generator for {name} is none")
    try:
        type(generator.bit_generator)(0).state = given
    except Exception as error:  # NumPy's generators answer in many ways
        raise ValueError(f"the state of the generator for {name} is none: {error}") from error
    return given


def _form(value: Any) -> Any:
    """Return what is alike in all states of one kind of generator."""
    if isinstance(value, dict):
        return {key: _form(item) for key, item in value.items()}
    return [_form(item) for item in value] if isinstance(value, list) else type(value)
