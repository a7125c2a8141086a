"""What the commands share: options and files that are checked before the work, models that are loaded, tables."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnbp.datasets import SequenceTable
    from rnnbp.networks.network import Network

__all__ = [
    "UsageError",
    "check_inputs",
    "check_output",
    "columns_compared",
    "find",
    "first_part",
    "last_part",
    "load",
    "named",
    "network_of",
    "networks_of",
    "read_table",
    "refuse",
]


class UsageError(ValueError):
    """What is wrong with the command itself, whatever is in the files."""


def refuse(given: argparse.Namespace, options: Iterable[str], why: str) -> None:
    """Refuse options that were given, but do nothing here.

    Parameters
    ----------
    given : Namespace
    options : iterable of str
        Their names in it; what was not given is None.
    why : str
        What is said of them after "does nothing".
    """
    for option in options:
        if getattr(given, option) is not None:
            raise UsageError(f"--{option.replace('_', '-')} does nothing {why}: leave it out")


def check_output(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Check that a file can be written, and is none of those that are read.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError, ValueError
        If not.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it, such as {path / 'model.rnnbp'}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"nothing may be written in {path.parent.resolve()}: choose another folder")
    if path.exists() and any(each.exists() and path.samefile(each) for each in inputs):
        raise ValueError(f"{path} is what is read, and would be overwritten: choose another name")


def check_inputs(files: Iterable[Path]) -> None:
    """Check that files are there, before a model is loaded for them."""
    for file in files:
        if file.is_dir():
            raise IsADirectoryError(f"{file} is a folder: name the files in it, such as {file / '*'}")
        if not file.exists():
            raise FileNotFoundError(f"there is no file {file}")


def find(model: Path) -> Path:
    """Return the file of a model; of one that comes with rnnbp, the name is enough."""
    from rnnbp.datasets.models import MODELS, find_model

    if model.exists():
        return model
    if (name := str(model)) in MODELS:
        return find_model(name)  # type: ignore[arg-type]
    raise FileNotFoundError(f"there is no model file {name}; those that come with rnnbp are called {', '.join(MODELS)}")


def load(model: Path) -> Any:
    """Return what the file of a model holds."""
    import rnnbp

    return rnnbp.load(find(model))


@contextmanager
def columns_compared() -> Iterator[None]:
    """Let a model that knows names of columns take arrays, which have none: the names have been compared."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        yield


def first_part(model: Any) -> Any:
    """Return the first step of a pipeline, or the model if it is none."""
    from rnnbp.estimators.parts import opened

    return opened(model).first


def last_part(model: Any) -> Any:
    """Return the last step of a pipeline, or the model if it is none."""
    from rnnbp.estimators.parts import opened

    return opened(model).end


def named(model: Any) -> str:
    """Return the name of a model's class after an article."""
    name = type(model).__name__
    return f"{'an' if name.startswith(('A', 'I', 'MLP', 'RNN')) else 'a'} {name}"


def networks_of(model: Any) -> list[Network]:
    """Return the networks of whatever was loaded; several of one that votes."""
    from rnnbp.networks.network import Network

    end = last_part(model)
    if hasattr(end, "estimators_"):
        return [each.network_ for each in end.estimators_]
    found = end if isinstance(end, Network) else getattr(end, "network_", None)
    return [] if found is None else [found]


def network_of(model: Any) -> Network | None:
    """Return the network of whatever was loaded; None if it has none, or several."""
    return None if hasattr(last_part(model), "estimators_") else next(iter(networks_of(model)), None)


def read_table(path: Path, given: argparse.Namespace, features: Sequence[str] | None = None) -> SequenceTable:
    """Return a table's sequences; without a column for them, each row is one."""
    from rnnbp import datasets

    if given.time is not None and given.sequence is None:
        raise UsageError("--time needs --sequence: rows that are no sequences have no order")
    parts: dict[str, Any] = {option: getattr(given, option, None) for option in ("sequence", "time", "label", "group")}
    _check_columns(given.features or (), parts)
    return datasets.read_sequences(path, features=given.features or features, **parts)


def _check_columns(features: Sequence[str], parts: dict[str, str | None]) -> None:
    """Check that no column has two parts that exclude each other."""
    if twice := [name for name in features if features.count(name) > 1]:
        raise UsageError(f"--features names {twice[0]!r} twice")
    for option in ("label", "sequence", "group"):
        if parts[option] in features:
            raise UsageError(f"--features names {parts[option]!r}, which is the {option}: leave it out")
    for option in ("sequence", "time", "group"):
        if parts["label"] is not None and parts[option] == parts["label"]:
            raise UsageError(f"--label and --{option} name the same column, {parts['label']!r}")
